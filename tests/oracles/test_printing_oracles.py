"""What others say of our symbols, our printer made of software, and what theirs send to it.

Our own code may be wrong twice in the same way; these decoders, encoders and this client know nothing of it.
"""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import zxingcpp
from escpos.printer import Dummy
from PIL import Image

from printing.barcodes import code128_modules, gs1_128_modules, plan_code128
from printing.document import Cut, Document, Symbol, Text
from printing.encoder import encode
from printing.profiles import PROFILES, profile_of
from printing.virtual.brands import brand_of
from printing.virtual.preview import render, render_preview
from printing.virtual.server import VirtualPrinter
from printing.virtual.symbols import bars
from protocol.ids import slip_code
from protocol.kit.system import SystemClock
from tests.oracles.programs import node, zbar, zint

QR = slip_code("pl", "LB1-K00031", 2)
SSCC = "00395011010000000019"
EPSON = brand_of("epson_80")


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_two_decoders_read_every_symbol_off_every_kind_of_paper(name: str, tmp_path: Path) -> None:
    """zxing and zbar share no line of code; GS1-128 needs 312 dots, which all of these have."""
    profile = profile_of(name)
    blocks = (
        Symbol.qr(QR),
        Text("between"),
        Symbol.code128("LB1-00042"),
        Text(""),
        Symbol.gs1_128(SSCC),
        Cut(),
    )
    picture = tmp_path / "slip.png"
    picture.write_bytes(render_preview(encode(Document("x", blocks), profile).data, profile))

    with Image.open(picture) as image:
        found = zxingcpp.read_barcodes(image.convert("L"))
    read = {(code.format.name, code.symbology_identifier[:3], code.text) for code in found}

    assert read == {
        ("QRCode", "]Q1", QR),
        ("Code128", "]C0", "LB1-00042"),
        ("Code128", "]C1", f"(00){SSCC[2:]}"),
    }
    assert zbar(picture) == {f"QR-Code:{QR}", "CODE-128:LB1-00042", f"CODE-128:{SSCC}"}


@pytest.mark.parametrize("digits", [SSCC, "00012345678901234560"])
def test_zint_draws_the_same_gs1_128_module_by_module(digits: str) -> None:
    assert gs1_128_modules(digits, 576)[0].rstrip("0") == zint("-b", "16", "-d", f"[00]{digits[2:]}")


@pytest.mark.parametrize("text", ["LB1-00042", "ABCDEF", "1234567890", "0123456789AB"])
def test_zint_draws_the_same_code_128_as_our_plan_and_reads_the_drawn_one(text: str) -> None:
    """A printer draws from our choice of code sets; for others the bars of python-barcode are drawn."""
    told, _text = bars(73, plan_code128(text, 832).payload)
    drawn, theirs = code128_modules(text, 832)[0], zint("-b", "20", "-d", text)

    assert told.rstrip("0") == theirs
    assert [_decoded(modules) for modules in (drawn, theirs)] == [text, text]


def _decoded(modules: str) -> str:
    bars = Image.new("L", ((len(modules) + 40) * 3, 90), 255)
    for at, module in enumerate(modules):
        if module == "1":
            bars.paste(0, ((at + 20) * 3, 10, (at + 21) * 3, 80))
    return zxingcpp.read_barcodes(bars)[0].text


def test_what_two_other_encoders_send_is_understood_to_the_last_command() -> None:
    streams = json.loads(node("encoders.cjs"))
    slips = {name: render(bytes.fromhex(data), EPSON.profile)[0] for name, data in streams.items()}

    assert {name: slip.unknown for name, slip in slips.items()} == {"receiptline": 0, "encoder": 0}
    for slip in slips.values():
        read = {code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(slip.png())).convert("L"))}
        assert "LONDON BRIDGE" in slip.text
        assert "Café crème" in slip.text
        assert "[LB1-00042]" in slip.text
        assert read == {"LB1-00042", "https://example.org/r/42"}


def test_what_python_escpos_sends_is_understood_to_the_last_command() -> None:
    sender = Dummy(profile="TM-T88V")
    sender.hw("INIT")
    sender.set(align="center", bold=True, double_height=True, double_width=True)
    sender.textln("London Bridge")
    sender.set(align="left", normal_textsize=True)
    sender.textln("Café 12,50 €")
    sender.barcode("{BLB1-00042", "CODE128", function_type="B")
    sender.qr("https://example.org/r/42", native=True, size=5)
    sender.cut()

    [slip] = render(sender.output, EPSON.profile)

    assert (slip.unknown, "Café 12,50 €" in slip.text) == (0, True)
    read = {code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(slip.png())).convert("L"))}
    assert read == {"LB1-00042", "https://example.org/r/42"}


@pytest.mark.parametrize(
    ("fault", "brand", "said"),
    [
        ("", EPSON, "success"),
        ("paper_out", EPSON, "paperempty"),
        ("cover_open", EPSON, "coveropen"),
        ("mute", EPSON, "offline"),
        ("unplugged", EPSON, "disconnect"),
        ("", replace(EPSON, numbers=False), "timeout"),
    ],
)
def test_a_client_of_others_sees_the_state_that_the_printer_is_in(
    fault: str, brand: object, said: str
) -> None:
    assert isinstance(brand, type(EPSON))
    with VirtualPrinter(brand.profile, SystemClock(), brand=brand) as printer:
        if fault == "unplugged":
            printer.unplug()
        elif fault:
            printer.machine.switch(fault, on=True)

        assert node("receiptio.cjs", str(printer.port)) == said
        assert all(slip.unknown == 0 for slip in printer.machine.slips())
