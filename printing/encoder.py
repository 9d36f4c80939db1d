"""A document to the bytes of ESC/POS.

Every job begins with `ESC @` and then says its whole state, because a printer keeps what the last
sender left. Of python-escpos only its table of commands is used: its `Printer` classes forget the
code page after `ESC @`, guess pages that printers do not have, and write files when imported. Text
goes out by the profile's own code pages; a line they cannot say is drawn as dots, so any name prints.
Nothing that a person typed can become a command: control characters are gone before the first byte
is made, and no picture or symbol holds the bytes of a real-time command.

The drawer pulse is kept apart from the body, so that sending a body again never opens the drawer. The
last cut is apart too, so that the printer can be asked between the two what came out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from escpos import constants as esc
from PIL import Image

from printing.barcodes import (
    QR_QUIET_MODULES,
    REAL_TIME,
    code128_modules,
    gs1_128_modules,
    plan_code128,
    plan_gs1_128,
    plan_qr,
    qr_matrix,
)
from printing.document import Cut, Document, Letters, Space, Symbol
from printing.layout import Line, Segment, TextLine, columns_of, lay_out
from printing.profiles import Profile
from printing.raster import draw_line, draw_text
from printing.zpl import encode_label
from protocol.errors import Invalid

BAND_BYTES: Final = 4096  # the receive buffer of small printers
LETTERS_IN_A_ROW: Final = 32
LINE_DOTS: Final = 30
LONGEST_DOTS: Final = 80_000  # ten metres; a pick list of 200 lines is four
BARCODE_DOTS: Final = 72
SYMBOL_DOTS: Final = 400
CUT_DOTS: Final = 120
CUT: Final = esc.GS + b"VB\x00"  # feed the last line past the knife, then a partial cut
FEED_WITHOUT_CUT: Final = esc.ESC + b"d\x04"
REPORT_BY_ITSELF: Final = esc.GS + b"a\x0e"  # push a status on change of online, error, paper
_ALIGN: Final = {name: esc.TXT_STYLE["align"][name] for name in ("left", "center", "right")}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A slip in bytes: the drawer pulse (or nothing), all up to the last cut, and that cut.

    `dots` is about how long the paper is: whoever waits for it has to know.
    """

    kick: bytes
    body: bytes
    cut: bytes
    dots: int

    @property
    def data(self) -> bytes:
        """Return the paper's bytes: everything but the drawer pulse."""
        return self.body + self.cut


def encode(document: Document, profile: Profile) -> Encoded:
    """Return the bytes of a document for one kind of printer, in the language it obeys.

    Raises:
        Invalid: when a symbol cannot be drawn or does not fit the paper, or the slip is endless.
    """
    lines = list(lay_out(document, profile))
    _check_length(document.title, lines)
    dots = sum(_height(line) for line in lines)
    if profile.language == "zpl":
        return Encoded(b"", encode_label(document, profile), b"", dots)  # a label printer has no drawer
    writer = _Writer(profile)
    ends_with_cut = bool(lines) and isinstance(lines[-1], Cut)
    for line in lines[:-1] if ends_with_cut else lines:
        match line:
            case TextLine():
                writer.text(line)
            case Symbol():
                writer.symbol(line)
            case Space(count):
                writer.feed(count)
            case Cut():
                writer.out += CUT
            case Letters(table):
                writer.letters(table)
    if not ends_with_cut:
        writer.out += FEED_WITHOUT_CUT
    kick = esc.CD_KICK_2 if document.opens_drawer else b""
    return Encoded(kick, bytes(writer.out), CUT if ends_with_cut else b"", dots)


def _height(line: Line) -> int:
    """Return about how many dots a line takes, rather too many than too few."""
    match line:
        case TextLine():
            return line.tall * LINE_DOTS
        case Space(count):
            return count * LINE_DOTS
        case Letters():
            return (0x80 // LETTERS_IN_A_ROW + 1) * LINE_DOTS
        case Symbol():
            return SYMBOL_DOTS
    return CUT_DOTS


def _check_length(title: str, laid_out: list[Line]) -> None:
    """Refuse a slip that would use up a roll.

    Raises:
        Invalid: `slip_too_long`.
    """
    lines = sum(line.tall for line in laid_out if isinstance(line, TextLine))
    if lines * LINE_DOTS > LONGEST_DOTS:
        raise Invalid(
            f"{title} would be {lines * LINE_DOTS // 8000} metres long.",
            "Look at it on the screen, or print it in parts.",
            code="slip_too_long",
            lines=lines,
        )


@lru_cache(maxsize=16)
def _letters(profile: Profile) -> tuple[tuple[int, dict[str, int]], ...]:
    """Return the code pages of a profile: table number, and byte by letter."""
    pages = []
    for codec, number in profile.code_pages:
        letters = {}
        for byte in range(128, 256):
            letter = bytes((byte,)).decode(codec, errors="ignore")
            if letter.isprintable() and letter:
                letters[letter] = byte
        pages.append((number, letters))
    return tuple(pages)


@lru_cache(maxsize=16)
def _bytes_of(profile: Profile) -> tuple[dict[int, int], ...]:
    """Return the same for `str.translate`: rules across the paper are most of what is no ASCII."""
    return tuple({ord(letter): byte for letter, byte in page.items()} for _number, page in _letters(profile))


class _Writer:
    """Collects bytes and knows the state it has put the printer in, so that nothing is said twice."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._pages = _letters(profile)
        self._page = 0
        self._style = (1, 1, False, False)
        self._align = "left"
        self.out = bytearray(_prologue(profile, self._pages[0][0]))

    def text(self, line: TextLine) -> None:
        """Print one line by letters if the code pages can say it, else by dots."""
        columns = self._profile.columns // line.wide
        aligned = len(line.segments) == 1 and line.segments[0].width == columns
        said = line.segments[0].text if aligned else _joined(line.segments)
        spelled = self._spell(said)
        if spelled is None:
            self._set_align("left")
            for band in _bands(draw_line(line, self._profile.dots, self._profile.cell_dots)):
                self.out += band
            return
        self._set_align(line.segments[0].align if aligned else "left")
        self._set_style(line)
        self.out += spelled
        self.out += b"\n"

    def letters(self, table: int) -> None:
        """Print the upper half of a code page by its number; no byte of it is a command."""
        self._set_align("left")
        self._set_style(TextLine(()))
        self.out += esc.CODEPAGE_CHANGE + bytes((min(max(table, 0), 255),))
        row = min(self._profile.columns, LETTERS_IN_A_ROW)
        for start in range(0x80, 0x100, row):
            self.out += bytes(range(start, min(start + row, 0x100))) + b"\n"
        self.out += esc.CODEPAGE_CHANGE + bytes((self._pages[self._page][0],))

    def _set_align(self, align: str) -> None:
        if align != self._align:
            self.out += _ALIGN[align]
            self._align = align

    def _set_style(self, line: TextLine) -> None:
        wanted = (line.wide, line.tall, line.bold, line.inverse)
        if wanted == self._style:
            return
        wide, tall, bold, inverse = wanted
        if (wide, tall) != self._style[:2]:
            self.out += esc.TXT_SIZE + bytes((((wide - 1) << 4) | (tall - 1),))
        if bold != self._style[2]:
            self.out += esc.TXT_STYLE["bold"][bold]
        if inverse != self._style[3]:
            self.out += esc.TXT_STYLE["invert"][inverse]
        self._style = wanted

    def _spell(self, text: str) -> bytes | None:
        """Return the text in code pages with the changes it needs, or None when they cannot say it."""
        if text.isascii():
            return text.encode("ascii")
        here = self._pages[self._page][1]
        if all(letter in here or letter.isascii() for letter in set(text)):
            return text.translate(_bytes_of(self._profile)[self._page]).encode("latin-1")
        out, page = bytearray(), self._page
        for at, letter in enumerate(text):
            if letter.isascii():
                out.append(ord(letter))
                continue
            byte = self._pages[page][1].get(letter)
            if byte is None:
                found = self._page_for(text[at:])
                if found is None:
                    return None
                page = found
                number, letters = self._pages[page]
                out += esc.CODEPAGE_CHANGE + bytes((number,))
                byte = letters[letter]
            out.append(byte)
        self._page = page
        return bytes(out)

    def _page_for(self, rest: str) -> int | None:
        """Return the page that says all of the rest, or at least its first letter."""
        foreign = {letter for letter in rest if not letter.isascii()}
        able = [index for index, (_number, letters) in enumerate(self._pages) if rest[0] in letters]
        whole = [index for index in able if foreign <= self._pages[index][1].keys()]
        return next(iter(whole or able), None)

    def symbol(self, symbol: Symbol) -> None:
        """Print a symbol, by the printer where its profile says so, else by dots."""
        self._set_align("center")
        native = self._profile.native_qr if symbol.kind == "qr" else self._profile.native_code128
        if symbol.kind == "qr":
            self.out += self._native_qr(symbol.data) if native else self._drawn_qr(symbol.data)
        elif symbol.kind == "gs1_128":
            self.out += self._gs1_128(symbol.data, native=native)
        else:
            self.out += self._native_code128(symbol.data) if native else self._drawn_code128(symbol.data)

    def feed(self, lines: int) -> None:
        """Feed whole lines."""
        self.out += esc.ESC + b"d" + bytes((min(max(lines, 0), 255),))

    def _native_qr(self, data: str) -> bytes:
        _side, module_dots = plan_qr(data, self._profile.dots)
        stored = data.encode()
        quiet = esc.ESC + b"J" + bytes((QR_QUIET_MODULES * module_dots,))
        functions = (
            b"1A2\x00",
            b"1C" + bytes((module_dots,)),
            b"1E1",
            b"1P0" + stored,
            b"1Q0",
        )
        commands: bytes = b"".join(
            esc.GS + b"(k" + len(each).to_bytes(2, "little") + each for each in functions
        )
        return bytes(quiet + commands + quiet)

    def _drawn_qr(self, data: str) -> bytes:
        _side, module_dots = plan_qr(data, self._profile.dots)
        matrix = qr_matrix(data)
        image = Image.new("1", (len(matrix) + 2 * QR_QUIET_MODULES,) * 2)
        for y, row in enumerate(matrix):
            for x, dark in enumerate(row):
                if dark:
                    image.putpixel((x + QR_QUIET_MODULES, y + QR_QUIET_MODULES), 255)
        size = image.width * module_dots
        return b"".join(_bands(self._centred(image.resize((size, size), Image.Resampling.NEAREST))))

    def _native_code128(self, data: str) -> bytes:
        plan = plan_code128(data, self._profile.dots)
        return self._told_code128(plan.payload, plan.module_dots)

    def _gs1_128(self, digits: str, *, native: bool) -> bytes:
        """Return a GS1-128 by the printer's own hand where it may; else its bars are drawn.

        It is twice as high as others, because it is read from a pallet's distance, and it has no text: the
        slip says the digits in groups, with their identifier in brackets, as the standard wants.
        """
        payload, module_dots = plan_gs1_128(digits, self._profile.dots)
        if native and payload:
            return self._told_code128(payload, module_dots, dots=2 * BARCODE_DOTS, text=esc.BARCODE_TXT_OFF)
        modules, module_dots = gs1_128_modules(digits, self._profile.dots)
        return b"".join(_bands(self._centred(_bars(modules, module_dots, 2 * BARCODE_DOTS))))

    def _told_code128(
        self, payload: bytes, module_dots: int, *, dots: int = BARCODE_DOTS, text: bytes = esc.BARCODE_TXT_BLW
    ) -> bytes:
        parts: tuple[bytes, ...] = (
            esc.BARCODE_HEIGHT + bytes((dots,)),
            esc.BARCODE_WIDTH + bytes((module_dots,)),
            text,
            esc.BARCODE_FONT_A,
            esc.BARCODE_TYPE_B["CODE128"] + bytes((len(payload),)) + payload,
        )
        return b"".join(parts)

    def _drawn_code128(self, data: str) -> bytes:
        modules, module_dots = code128_modules(data, self._profile.dots)
        cell = self._profile.cell_dots
        bars = _bars(modules, module_dots, BARCODE_DOTS)
        label = draw_text(data, cell, cell * 5 // 2)
        whole = Image.new("1", (max(bars.width, label.width), bars.height + cell * 5 // 2))
        whole.paste(bars, ((whole.width - bars.width) // 2, 0))
        whole.paste(label, ((whole.width - label.width) // 2, BARCODE_DOTS))
        return b"".join(_bands(self._centred(whole)))

    def _centred(self, image: Image.Image) -> Image.Image:
        """Return the image in the middle of the whole width, since clones do not align pictures."""
        self._set_align("left")
        paper = Image.new("1", (self._profile.dots, image.height))
        paper.paste(image, ((paper.width - image.width) // 2, 0))
        return paper


def _bars(modules: str, module_dots: int, dots: int) -> Image.Image:
    """Return the bars of a symbol, `dots` high."""
    bars = Image.new("1", (len(modules) * module_dots, dots))
    for at, module in enumerate(modules):
        if module == "1":
            bars.paste(255, (at * module_dots, 0, (at + 1) * module_dots, dots))
    return bars


@lru_cache(maxsize=32)
def _prologue(profile: Profile, page: int) -> bytes:
    """Return `ESC @` and the whole state: a printer keeps what the last sender left."""
    told_by_itself = REPORT_BY_ITSELF if profile.confirms != "none" else b""
    return b"".join(
        (
            esc.HW_INIT,
            told_by_itself,
            esc.FS + b".",  # leave two-byte letters, which clones from the East start with
            esc.ESC + b"R\x00",
            esc.CODEPAGE_CHANGE + bytes((page,)),
            esc.LINESPACING_RESET,
            esc.ESC + b" \x00",
            esc.TXT_FONT_A,
            esc.TXT_STYLE["underline"][0],
            esc.TXT_STYLE["bold"][False],
            esc.TXT_STYLE["invert"][False],
            esc.TXT_STYLE["flip"][False],
            esc.TXT_SIZE + b"\x00",
            _ALIGN["left"],
        )
    )


def _joined(segments: tuple[Segment, ...]) -> str:
    """Return the segments of a row as one string in which everything stands in its column."""
    text, column = "", 0
    for segment in segments:
        taken, before = columns_of(segment.text), 0
        if segment.align != "left":
            slack = max(segment.width - taken, 0)
            before = slack if segment.align == "right" else slack // 2
        text += " " * (segment.column - column + before) + segment.text
        column = segment.column + before + taken
    return text


def _bands(image: Image.Image) -> Iterator[bytes]:
    """Yield raster commands of at most `BAND_BYTES`, without the bytes of a real-time command."""
    row_bytes = (image.width + 7) // 8
    rows = max((BAND_BYTES - 8) // row_bytes, 1)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        size = row_bytes.to_bytes(2, "little") + band.height.to_bytes(2, "little")
        yield esc.S_RASTER_N + size + without_real_time(band.tobytes())


def without_real_time(dots: bytes) -> bytes:
    """Return raster dots in which no real-time command hides; each one found costs one extra dot."""
    for command in REAL_TIME:
        if command in dots:
            dots = dots.replace(command, b"\x11" + command[1:])
    return dots
