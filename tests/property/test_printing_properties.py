"""Whatever people type and however the network cuts it, paper and record stay what they must be."""

import io

import zxingcpp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from printing.document import Band, Cut, Document, Row, Symbol, Text, dump_document, load_document
from printing.encoder import encode
from printing.layout import clean, columns_of, wrap
from printing.profiles import PROFILES, profile_of
from printing.virtual.commands import Command, Parser, RealTime
from printing.virtual.preview import render, render_preview

NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x00\x04\x05\x10\x14\x1b\x1c\x1dp@V\n\r\t\x7f\x9b€£東京서울القاهرةЖčé😀👩‍👩‍👧"),
    ),
    max_size=60,
)
PROFILE = st.sampled_from(sorted(PROFILES))
OURS = {
    *(
        "ESC @",
        "GS a",
        "FS .",
        "ESC R",
        "ESC t",
        "ESC 2",
        "ESC  ",
        "ESC M",
        "ESC -",
        "ESC E",
        "GS B",
        "ESC {",
    ),
    *("GS !", "ESC a", "GS v 0", "GS V", "text", "LF", "ESC d"),
}


@settings(max_examples=150, deadline=None)
@given(text=NASTY, size=st.sampled_from([1, 2]), name=PROFILE)
@example(text="\x1bp\x00dd\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", size=1, name="epson_80")
def test_nothing_a_person_types_becomes_a_command(text: str, size: int, name: str) -> None:
    profile = profile_of(name)
    blocks = (Text(text, size=2 if size == 2 else 1), Row.pair(text, "1.00"), Band(text), Cut())
    data = encode(Document("x", blocks), profile).data

    commands = list(Parser().feed(data))

    assert {command.name for command in commands} <= OURS
    assert RealTime().feed(data) == []
    assert (
        b"".join(command.raw + (command.data if command.raw != command.data else b"") for command in commands)
        == data
    )
    assert all(slip.unknown == 0 for slip in render(data, profile))


@settings(max_examples=200, deadline=None)
@given(text=NASTY, width=st.integers(1, 48))
def test_wrapping_keeps_every_visible_character_in_its_order(text: str, width: int) -> None:
    lines = wrap(text, width)

    assert "".join(lines).replace(" ", "") == clean(text).replace("\n", "").replace(" ", "")
    assert all(columns_of(line) <= max(width, 2) for line in lines)


@settings(max_examples=100, deadline=None)
@given(text=NASTY)
def test_a_document_of_any_text_survives_being_stored(text: str) -> None:
    document = Document(text, (Text(text), Row((text, text), (0, 5)), Cut()), "de")

    assert load_document(dump_document(document)) == document


STREAM = encode(
    Document(
        "x",
        (Text("Café £5 € č 東京"), Symbol.qr("OS1:r:1:1:X"), Symbol.code128("LB1-00042"), Band("B"), Cut()),
    ),
    profile_of("epson_80"),
).data


def commands_of(*parts: bytes) -> list[Command]:
    """Return the commands of a stream that came in parts."""
    parser = Parser()
    return [command for part in parts for command in parser.feed(part)] + list(parser.flush())


def test_a_stream_cut_at_any_byte_gives_the_same_commands() -> None:
    whole = commands_of(STREAM)

    for cut in range(1, len(STREAM)):
        assert commands_of(STREAM[:cut], STREAM[cut:]) == whole


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_any_bytes_are_understood_alike_however_they_are_cut(data: bytes, cut: int) -> None:
    assert commands_of(data[:cut], data[cut:]) == commands_of(data)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400))
def test_no_bytes_at_all_can_break_the_virtual_printer(data: bytes) -> None:
    profile = profile_of("epson_58")

    slips = render(data, profile)

    assert [slip.dots.width for slip in slips] == [profile.dots] * len(slips)


@settings(max_examples=40, deadline=None)
@given(
    data=st.text(st.sampled_from("0123456789ABCxyz-{}:. "), min_size=1, max_size=14)
    .map(str.strip)
    .filter(bool),
    name=PROFILE,
)
def test_a_scanner_reads_every_code_we_print(data: str, name: str) -> None:
    profile = profile_of(name)
    png = render_preview(
        encode(Document("x", (Symbol.code128(data), Symbol.qr(data), Cut())), profile).data, profile
    )

    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))

    assert {(code.format.name, code.text) for code in found} == {("Code128", data), ("QRCode", data)}
