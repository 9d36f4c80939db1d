"""The virtual printer from outside: over its port, its page and the command line, with foreign senders."""

import hashlib
import io
import json
import re
import socket
import threading
from pathlib import Path

import pytest
import zxingcpp
from fastapi.testclient import TestClient
from PIL import Image
from typer.testing import CliRunner

from printing.cli import printer_app
from printing.documents.receipt import receipt
from printing.encoder import encode
from printing.profiles import profile_of
from printing.raster import FONTS
from printing.status import CLEAR
from printing.trial import print_test_page
from printing.virtual.page import create_app
from printing.virtual.preview import render, render_preview
from printing.virtual.server import VirtualPrinter
from printing.virtual.works import CLEARED
from protocol.errors import Invalid, NotFound, PrinterUnavailable
from protocol.kit.system import SystemClock, SystemIds
from tests.support.printing import receipt_facts

EPSON = profile_of("epson_80")
RECEIPT = encode(receipt(receipt_facts()), EPSON)


def send(printer: VirtualPrinter, data: bytes, *, answers: int = 0) -> bytes:
    """Send bytes over one connection and return as many answers as wanted."""
    with socket.create_connection(("127.0.0.1", printer.port), 2) as peer:
        peer.settimeout(2)
        peer.sendall(data)
        heard = b""
        while len(heard) < answers:
            heard += peer.recv(64)
    return heard


def width_of(picture: Path) -> int:
    """Return the width of a picture in dots."""
    with Image.open(picture) as image:
        return image.width


def cut_off(printer: VirtualPrinter, slips: int) -> bool:
    """Wait until so many slips were cut."""
    return printer.machine.wait_for(lambda: len(printer.machine.slips()) >= slips, 3)


def test_the_preview_is_dot_for_dot_what_the_printer_prints(printer: VirtualPrinter) -> None:
    send(printer, RECEIPT.kick + RECEIPT.data)
    assert cut_off(printer, 1)

    assert printer.machine.slips()[0].png == render_preview(RECEIPT.data, EPSON)
    assert len(printer.machine.kicks) == 1


def test_a_receipt_of_python_escpos_prints_with_no_unknown_command(tmp_path: Path) -> None:
    from escpos.printer import Dummy

    sender = Dummy(profile="TM-T88V")
    sender.hw("INIT")
    sender.set(align="center", bold=True, double_height=True, double_width=True)
    sender.text("London Bridge\n")
    sender.set(align="left", bold=False, normal_textsize=True, font="b", underline=1, invert=False)
    sender.text("Café 12,50 €\n")
    sender.qr("https://example.org/r/42", native=True, size=6)
    sender.barcode("{BORD-000123", "CODE128", width=2, height=80, function_type="B")
    sender.barcode("5901234123457", "EAN13", width=3, function_type="A")
    sender.image(Image.new("1", (256, 40), 0), impl="bitImageRaster")
    sender.image(Image.new("1", (256, 40), 0), impl="graphics")
    sender.image(Image.new("1", (256, 48), 0), impl="bitImageColumn")
    sender.line_spacing(40)
    sender.print_and_feed(2)
    sender.cashdraw(2)
    sender.cut()

    (slip,) = render(sender.output, EPSON)

    assert slip.unknown == 0
    assert [step for step in slip.trace if "not_printed" in step] == []
    assert slip.text.splitlines()[:2] == ["London Bridge", "Café 12,50 €"]
    found = {code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(slip.png())).convert("L"))}
    assert found == {"https://example.org/r/42", "ORD-000123", "5901234123457"}


def test_an_unknown_command_is_recorded_and_not_skipped_in_silence() -> None:
    (slip,) = render(b"\x1bQhello\n\x1d\x7fmore\n\x1dVB\x00", EPSON)

    assert slip.unknown == 2
    assert [step["bytes"] for step in slip.trace if step["command"] == "unknown"] == ["1b 51", "1d 7f"]


def test_a_symbol_that_a_real_printer_would_leave_out_is_left_out_and_said_so() -> None:
    (slip,) = render(b"\x1dw\x06\x1dkI\x16{B12345678901234567890above\n\x1dVB\x00", profile_of("epson_58"))

    assert [step["not_printed"] for step in slip.trace if "not_printed" in step] == [
        "1530 dots do not fit 384"
    ]


def test_a_gs1_128_is_drawn_without_the_parentheses_people_read() -> None:
    text = b"(00)340123450000000018"
    (slip,) = render(b"\x1dw\x02\x1dkJ" + bytes((len(text),)) + text + b"\n\x1dVB\x00", EPSON)

    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(slip.png())).convert("L"))
    assert (found.symbology_identifier, found.text) == ("]C1", "(00)340123450000000018")


def test_status_is_answered_at_once_even_without_paper(printer: VirtualPrinter) -> None:
    printer.machine.switch("paper_out", on=True)

    assert (
        send(printer, b"hello\n\x10\x04\x01\x10\x04\x02\x10\x04\x03\x10\x04\x04", answers=4)
        == b"\x1a\x32\x12\x7e"
    )


def test_a_token_is_answered_only_after_the_paper_before_it_came_out(printer: VirtualPrinter) -> None:
    assert send(printer, b"hello\n\x1d(H\x06\x0000Pabc\x1dVB\x00", answers=7) == b"\x37\x22Pabc\x00"


def test_a_change_is_reported_without_being_asked_for(printer: VirtualPrinter) -> None:
    with socket.create_connection(("127.0.0.1", printer.port), 2) as peer:
        peer.settimeout(2)
        peer.sendall(b"\x1da\x0e")
        assert peer.recv(4) == b"\x10\x00\x00\x00"

        printer.machine.switch("cover_open", on=True)

        assert peer.recv(4) == b"\x38\x00\x00\x00"


def test_clearing_the_buffer_drops_what_was_not_printed_yet(printer: VirtualPrinter) -> None:
    printer.machine.switch("paper_out", on=True)
    cleared = send(printer, b"never\n\x1dVB\x00\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", answers=3)
    printer.machine.switch("paper_out", on=False)
    send(printer, b"after\n\x1dVB\x00")
    assert cut_off(printer, 1)

    assert cleared == b"\x37\x25\x00"
    assert [slip.text for slip in printer.machine.slips()] == ["after"]


def test_a_second_sender_is_turned_away_while_one_is_connected(printer: VirtualPrinter) -> None:
    with socket.create_connection(("127.0.0.1", printer.port), 2) as first:
        first.sendall(b"\x10\x04\x01")
        assert first.recv(1) == b"\x12"
        with socket.create_connection(("127.0.0.1", printer.port), 2) as second:
            second.settimeout(2)

            assert second.recv(1) == b""
        first.sendall(b"mine\n\x1dVB\x00")
        assert cut_off(printer, 1)


def test_only_the_last_slips_are_kept_and_their_numbers_go_on(clock: SystemClock) -> None:
    with VirtualPrinter(EPSON, clock, keep_slips=3) as small:
        send(small, b"".join(b"slip %d\n\x1dVB\x00" % number for number in range(1, 6)))
        assert small.machine.wait_for(lambda: [slip.number for slip in small.machine.slips()] == [3, 4, 5], 3)

        assert [(slip.number, slip.text) for slip in small.machine.slips()] == [
            (3, "slip 3"),
            (4, "slip 4"),
            (5, "slip 5"),
        ]
        with pytest.raises(NotFound):
            small.machine.slip(1)


def test_every_slip_lands_in_the_folder_as_picture_and_trace(clock: SystemClock, tmp_path: Path) -> None:
    with VirtualPrinter(EPSON, clock, folder=tmp_path / "slips") as printer:
        send(printer, RECEIPT.data)
        assert cut_off(printer, 1)

    trace = json.loads((tmp_path / "slips" / "slip-00001.json").read_text(encoding="utf-8"))
    assert (trace["slip"], trace["unknown"], "Total GBP" in trace["text"]) == (1, 0, True)
    assert width_of(tmp_path / "slips" / "slip-00001.png") == 576 + 64


def test_the_page_is_headed_by_what_people_call_the_printer(printer: VirtualPrinter) -> None:
    assert TestClient(create_app(printer)).get("/state").json()["name"] == ""
    named = TestClient(create_app(printer, name="Leeds Briggate, Till 1"))
    assert named.get("/state").json()["name"] == "Leeds Briggate, Till 1"


def test_the_page_shows_slips_and_throws_switches(printer: VirtualPrinter) -> None:
    page = TestClient(create_app(printer))
    send(printer, RECEIPT.data)
    assert cut_off(printer, 1)

    assert "<title>Virtual printer</title>" in page.get("/").text
    assert [slip["number"] for slip in page.get("/slips").json()] == [1]
    assert page.get("/slips/1.png").headers["content-type"] == "image/png"
    assert page.get("/slips/1.json").json()["unknown"] == 0
    assert page.post("/switch/paper_out", json={"on": True}).json()["sentence"] == "Paper out"
    assert printer.machine.is_on("paper_out")
    assert page.get("/paper.png").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/slips/99.png", None, 404),
        ("GET", "/slips/x.png", None, 422),
        ("POST", "/switch/bomb", {"on": True}, 404),
        ("POST", "/switch/slow", {"on": "maybe"}, 422),
        ("POST", "/switch/slow", {"on": True, "more": 1}, 422),
        ("POST", "/roll-ends", {"after_mm": 0}, 422),
        ("POST", "/line-breaks", {"after_bytes": -1}, 422),
    ],
)
def test_the_page_answers_nonsense_with_a_clear_refusal(
    printer: VirtualPrinter, method: str, path: str, body: dict[str, object] | None, status: int
) -> None:
    answer = TestClient(create_app(printer)).request(method, path, json=body)

    assert answer.status_code == status
    assert not any(printer.machine.is_on(name) for name in ("paper_out", "offline", "slow"))


def test_every_fault_of_the_paper_can_be_thrown_by_a_script(printer: VirtualPrinter) -> None:
    page = TestClient(create_app(printer))
    shown = set(re.findall(r"^    ([a-z_]+): \[", page.get("/").text, re.MULTILINE))

    out = page.post("/switch/unplugged", json={"on": True}).json()["switches"]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((printer.host, printer.port), 1)
    back = page.post("/switch/unplugged", json={"on": False}).json()["switches"]
    page.post("/roll-ends", json={"after_mm": 20})
    send(printer, RECEIPT.data)
    assert printer.machine.wait_for(lambda: printer.machine.is_on("paper_out"), 5)
    dropped = send(printer, CLEAR, answers=3)

    assert shown == set(out)
    assert (out["unplugged"], back["unplugged"]) == (True, False)
    assert dropped == CLEARED
    assert page.get("/state").json()["buffers_cleared"] == 1
    page.post("/switch/paper_out", json={"on": False})
    assert not printer.machine.slips()  # the rest of the receipt was dropped, its cut with it
    assert page.get("/state").json()["hanging"]


def test_a_trial_tells_what_the_printer_answered(printer: VirtualPrinter, clock: SystemClock) -> None:
    said = list(print_test_page("127.0.0.1", printer.port, EPSON, clock, SystemIds()))

    assert said[1] == "It answers questions about its status: ready to print."
    assert said[-1] == "It confirmed the print with our token (GS ( H): best kind of printer."
    assert "Test page" in printer.machine.slips()[0].text


def test_a_trial_without_paper_says_so_and_prints_nothing(
    printer: VirtualPrinter, clock: SystemClock
) -> None:
    printer.machine.switch("paper_out", on=True)

    with pytest.raises(PrinterUnavailable, match="no paper"):
        list(print_test_page("127.0.0.1", printer.port, EPSON, clock, SystemIds()))

    assert (printer.machine.growing(), printer.machine.slips()) == (None, ())


def test_the_command_line_prints_a_test_page_and_draws_a_file(
    printer: VirtualPrinter, tmp_path: Path
) -> None:
    (tmp_path / "slip.bin").write_bytes(RECEIPT.data)
    runner = CliRunner()

    tried = runner.invoke(printer_app, ["test", f"127.0.0.1:{printer.port}"])
    drawn = runner.invoke(printer_app, ["preview", str(tmp_path / "slip.bin")])

    assert (tried.exit_code, drawn.exit_code) == (0, 0)
    assert "It confirmed the print with our token" in tried.output
    assert width_of(tmp_path / "slip.png") == 640


def test_an_address_that_is_none_is_refused_by_the_command_line() -> None:
    result = CliRunner().invoke(printer_app, ["test", "printer:nine"])

    assert isinstance(result.exception, Invalid)


@pytest.mark.parametrize("command", ["virtual", "brands", "test", "preview"])
def test_every_printer_command_shows_an_example(command: str) -> None:
    helped = CliRunner().invoke(printer_app, [command, "--help"])

    assert f"orderspine printer {command}" in re.sub(r"\s+", " ", helped.output)


def test_the_shipped_fonts_are_the_ones_their_licence_note_names() -> None:
    note = (FONTS / "LICENSES").read_text(encoding="utf-8")

    for font in sorted(FONTS.glob("*.ttf")):
        assert f"{font.name}\n" in note
        assert hashlib.sha256(font.read_bytes()).hexdigest() in note


def test_a_port_that_is_taken_is_refused_and_leaves_nothing_running(printer: VirtualPrinter) -> None:
    threads = threading.active_count()

    result = CliRunner().invoke(printer_app, ["virtual", "--port", str(printer.port), "--page-port", "0"])

    assert isinstance(result.exception, Invalid)
    assert result.exception.reason == "port_taken"
    assert threading.active_count() == threads
