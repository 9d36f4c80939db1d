"""Columns that hold, and symbols that scan or are refused before anything is printed."""

import io

import pytest
import zxingcpp
from PIL import Image

from printing.barcodes import code128_modules, plan_code128, plan_qr
from printing.document import Align, Cut, Document, Row, Symbol, Text
from printing.encoder import BAND_BYTES, encode, without_real_time
from printing.layout import TextLine, clean, columns_of, lay_out, wrap
from printing.profiles import profile_of
from printing.virtual.commands import Parser
from printing.virtual.preview import render, render_preview
from protocol.errors import Invalid, NotFound

EPSON, CLONE, NARROW = profile_of("epson_80"), profile_of("generic_80"), profile_of("epson_58")


def scanned(document: Document, profile: str) -> set[tuple[str, str]]:
    """Return what a scanner reads on the printed paper."""
    png = render_preview(encode(document, profile_of(profile)).data, profile_of(profile))
    return {
        (found.format.name, found.text)
        for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    }


def test_text_wraps_at_words_and_breaks_a_word_that_is_too_long() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("ABCDEFGHIJ", 4) == ["ABCD", "EFGH", "IJ"]
    assert wrap("a\nb", 10) == ["a", "b"]


def test_wide_characters_take_two_columns_and_accents_none() -> None:
    assert (columns_of("東京"), columns_of("e\u0301"), columns_of("Zoë")) == (4, 1, 3)
    assert wrap("東京都渋谷区", 5) == ["東京", "都渋", "谷区"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("\x1bp\x00dd", "pdd"),
        ("\x10\x14\x08hello", "hello"),
        ("a\tb", "a    b"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("caf\u00e9\u0085", "café"),
    ],
)
def test_what_a_person_typed_loses_its_controls_and_nothing_else(typed: str, kept: str) -> None:
    assert clean(typed) == kept


def test_a_row_keeps_its_figure_in_the_column_while_its_label_wraps() -> None:
    lines = list(lay_out(Document("x", (Row.pair("A long label that wraps twice over", "1.00"),)), NARROW))

    texts = [[segment.text for segment in line.segments] for line in lines if isinstance(line, TextLine)]
    assert texts == [["A long label that wraps", "1.00"], ["twice over"]]


def test_a_cell_in_the_middle_stays_in_its_column_on_every_line() -> None:
    document = Document("x", (Row(("2", "one two three", "[ ]"), (3, 9, 3)), Cut()))

    assert render(encode(document, NARROW).data, NARROW)[0].text == "2   one two   [ ]\n    three"


def test_letters_as_large_as_a_printer_can_fill_the_paper_and_wrap() -> None:
    document = Document("x", (Text("00420", size=8), Cut()))

    slip = render(encode(document, NARROW).data, NARROW)[0]

    assert (slip.text, slip.unknown) == ("0042\n0", 0)


def test_columns_that_are_too_wide_for_the_paper_give_way() -> None:
    aligns: tuple[Align, ...] = ("left", "right", "right")
    document = Document("x", (Row(("Rate", "1234.56", "99.00"), (0, 30, 30), aligns), Cut()))

    assert render(encode(document, NARROW).data, NARROW)[0].unknown == 0


@pytest.mark.parametrize("profile", ["epson_80", "epson_58", "generic_80"])
def test_a_scanner_reads_both_symbols_on_every_printer(profile: str) -> None:
    document = Document(
        "x", (Symbol.qr("OS1:r:LB1-00042:1:X"), Text("between"), Symbol.code128("LB1-00042"), Cut())
    )

    assert scanned(document, profile) == {("QRCode", "OS1:r:LB1-00042:1:X"), ("Code128", "LB1-00042")}


@pytest.mark.parametrize(
    "data", ["1604", "160416051620", "A1604B", "{brace}", "12345", "X1234567Y", "00", "a"]
)
def test_a_scanner_reads_what_the_code_was_planned_from(data: str) -> None:
    assert ("Code128", data) in scanned(Document("x", (Symbol.code128(data), Cut())), "epson_80")


def test_no_digit_pair_of_a_code_becomes_a_real_time_command() -> None:
    data = encode(Document("x", (Symbol.code128("16041605"), Cut())), EPSON).data

    assert not any(command in data for command in (b"\x10\x04", b"\x10\x05", b"\x10\x14"))


def test_digits_are_packed_in_pairs_where_that_is_shorter() -> None:
    assert plan_code128("LB123456", 576).runs == (("B", "LB"), ("C", "123456"))
    assert plan_code128("12345", 576).runs == (("C", "1234"), ("B", "5"))
    assert plan_code128("A12B", 576).runs == (("B", "A12B"),)


def test_a_code_that_does_not_fit_is_refused_with_its_width() -> None:
    with pytest.raises(Invalid) as refused:
        encode(Document("x", (Symbol.code128("X" * 30), Cut())), NARROW)

    assert (refused.value.reason, refused.value.facts) == (
        "symbol_too_wide",
        {"needed_dots": (11 * 32 + 13) * 2, "paper_dots": 384},
    )


def test_a_spare_code_that_does_not_fit_is_said_in_letters() -> None:
    data = encode(Document("x", (Symbol.code128("X" * 20, spare=True), Cut())), NARROW).data

    assert render(data, NARROW)[0].text == "X" * 20


@pytest.mark.parametrize("data", ["", "naïve", "line\nbreak", "\x1b@"])
def test_a_code_of_unprintable_text_is_refused(data: str) -> None:
    with pytest.raises(Invalid, match="cannot be a Code 128"):
        plan_code128(data, 576)
    with pytest.raises(Invalid, match="cannot be a Code 128"):
        code128_modules(data, 576)


@pytest.mark.parametrize("data", ["", "two\nlines", "\x10\x04\x01"])
def test_a_qr_code_with_control_characters_is_refused(data: str) -> None:
    with pytest.raises(Invalid, match="cannot be a QR code"):
        plan_qr(data, 576)


def test_a_qr_code_of_too_much_text_is_refused() -> None:
    with pytest.raises(Invalid, match="too long for a QR code"):
        plan_qr("x" * 4000, 576)


def test_a_picture_never_holds_a_real_time_command() -> None:
    assert (
        without_real_time(b"\x00\x10\x04\x10\x14\x10\x05\x10\x10") == b"\x00\x11\x04\x11\x14\x11\x05\x10\x10"
    )


def test_a_name_no_code_page_can_say_is_drawn_in_bands_that_fit_a_small_buffer() -> None:
    data = encode(Document("x", (Text("東京 القاهرة", size=2), Cut())), EPSON).data

    bands = [command for command in Parser().feed(data) if command.name == "GS v 0"]
    assert bands
    assert all(len(band.raw) + len(band.data) <= BAND_BYTES for band in bands)
    assert render(data, EPSON)[0].dots.getbbox() is not None


def test_the_euro_and_the_pound_need_no_drawing() -> None:
    data = encode(Document("x", (Text("£ 5 € 6 č Ж"), Cut())), EPSON).data

    assert b"GS v 0" not in data
    assert render(data, EPSON)[0].text == "£ 5 € 6 č Ж"


def test_a_printer_with_one_code_page_draws_what_it_cannot_say() -> None:
    data = encode(Document("x", (Text("Preis 5 €"), Cut())), CLONE).data

    assert [command.name for command in Parser().feed(data) if command.name == "GS v 0"] == ["GS v 0"]


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="epson_58, epson_80, generic_58"):
        profile_of("star")
