"""Commands to dots: the print head, the line buffer and the paper of one printer.

`Paper.apply` obeys one command. Lines are drawn when they are complete, as on a real printer: text
that no line feed follows is in the buffer and not on the paper. A cut ends a slip. Everything that was
not understood stands in the slip's trace under `unknown`.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from PIL import Image, ImageChops

from printing.profiles import Profile
from printing.virtual import symbols
from printing.virtual.commands import Command
from printing.virtual.glyphs import FONT_A, glyph
from printing.virtual.state import SETTERS, Modes

MARGIN_DOTS: Final = 32  # an 80 mm roll is 640 dots wide and prints on 576 of them
KNIFE_DOTS: Final = 96  # from the print head to the knife
KATAKANA_PAGE: Final = 1  # no codec of Python has it
KATAKANA: Final = (
    "▁▂▃▄▅▆▇█▏▎▍▌▋▊▉┼┴┬┤├▔─│▕┌┐└┘╭╮╰╯ "
    + "".join(chr(0xFF61 + n) for n in range(63))
    + "═╞╪╡◢◣◥◤♠♥♦♣●○╱╲╳円年月日時分秒〒市区町村人▒ "
)
TALLEST_SLIP: Final = 100_000  # twelve metres: what a runaway sender may use up


@dataclass(slots=True)
class Slip:
    """One piece of paper as it was cut off: its dots, what it says, and how it came to be."""

    number: int
    dots: Image.Image
    text: str
    trace: list[dict[str, Any]]
    unknown: int

    def png(self) -> bytes:
        """Return the picture of the slip, with the margins of the roll."""
        return as_png(self.dots)


def as_png(dots: Image.Image) -> bytes:
    """Return dots as a picture of paper: black on white, with the margins of the roll."""
    paper = Image.new("1", (dots.width + 2 * MARGIN_DOTS, max(dots.height, 1) + MARGIN_DOTS), 255)
    paper.paste(0, (MARGIN_DOTS, MARGIN_DOTS // 2), dots)
    out = io.BytesIO()
    paper.save(out, "PNG")
    return out.getvalue()


@dataclass(slots=True)
class _Buffer:
    """The line being set: pictures with their place, and the text of it."""

    pieces: list[tuple[int, Image.Image]] = field(default_factory=list)
    x: int = 0
    tallest: int = 0
    text: str = ""


class Paper:
    """The paper coming out of one printer."""

    def __init__(
        self, profile: Profile, *, pages: Mapping[int, str] | None = None, largest_qr_module: int = 16
    ) -> None:
        self.profile = profile
        self.slips_cut = 0
        self.kicks = 0
        self._codecs = pages or {number: codec for codec, number in profile.code_pages}
        self._largest_qr_module = largest_qr_module
        self._modes = Modes()
        self._buffer = _Buffer()
        self._new_slip()

    def _new_slip(self) -> None:
        self._bands: list[Image.Image] = []
        self._height = 0
        self._text: list[str] = []
        self._trace: list[dict[str, Any]] = []
        self._unknown = 0

    @property
    def has_ink(self) -> bool:
        """Tell whether anything was printed since the last cut."""
        return any(band.getbbox() is not None for band in self._bands)

    @property
    def height(self) -> int:
        """Return how many dots of paper came out since the last cut."""
        return self._height

    @property
    def text_so_far(self) -> str:
        """Return the text printed since the last cut."""
        return "\n".join(self._text)

    def growing(self) -> Image.Image:
        """Return what came out since the last cut."""
        image = Image.new("1", (self.profile.dots, max(self._height, 1)))
        top = 0
        for band in self._bands:
            image.paste(band, (0, top))
            top += band.height
        return image

    def apply(self, command: Command) -> Slip | None:
        """Obey one command; return the slip when it was a cut."""
        handler = self._HANDLERS.get(command.name)
        known = handler is not None or command.name in SETTERS or command.name in _QUIET
        detail: dict[str, Any] = {"command": command.name}
        if not known:
            self._unknown += 1
            detail = {"command": "unknown", "bytes": command.raw[:16].hex(" ")}
        elif command.name == "text":
            detail["text"] = self._decode(command.data)
        elif command.args:
            detail["args"] = list(command.args)
        self._trace.append(detail)
        if command.name in SETTERS:
            SETTERS[command.name](self._modes, command)
        elif handler is not None:
            try:
                handler(self, command)
            except symbols.BadSymbol as problem:
                detail["not_printed"] = str(problem)
        if command.name in _CUTS or self._height > TALLEST_SLIP:
            return self.cut()
        return None

    def cut(self) -> Slip:
        """End the slip and return it."""
        self._print_line()
        self.slips_cut += 1
        slip = Slip(self.slips_cut, self.growing(), self.text_so_far, self._trace, self._unknown)
        self._new_slip()
        return slip

    # -- text ---------------------------------------------------------------------------------------

    def _decode(self, data: bytes) -> str:
        """Return the letters of bytes; a byte that a page has no letter for is a gap."""
        return "".join(letter if letter.isprintable() else " " for letter in self._letters_of(data))

    def _letters_of(self, data: bytes) -> str:
        if self._modes.two_byte:
            return data.decode("gb18030", errors="replace")
        if self._modes.page == KATAKANA_PAGE and KATAKANA_PAGE not in self._codecs:
            return "".join(chr(byte) if byte < 0x80 else KATAKANA[byte - 0x80] for byte in data)
        codec = self._codecs.get(self._modes.page) or _EPSON_CODECS.get(self._modes.page, "cp437")
        return data.decode(codec, errors="replace")

    def _set_text(self, command: Command) -> None:
        for letter in self._decode(command.data):
            self._set_letter(letter)

    def _set_letter(self, letter: str) -> None:
        modes, buffer = self._modes, self._buffer
        image = glyph(letter, modes.font, modes.wide, modes.tall, bold=modes.bold)
        step = image.width + modes.spacing * modes.wide
        if buffer.x + step > self._area():
            self._print_line()
            buffer = self._buffer
        if modes.underline:
            image = image.copy()
            image.paste(255, (0, image.height - modes.underline, image.width, image.height))
        if modes.inverse:
            image = ImageChops.invert(image)
        buffer.pieces.append((buffer.x, image))
        buffer.x += step
        buffer.tallest = max(buffer.tallest, image.height)
        buffer.text += letter

    def _area(self) -> int:
        modes = self._modes
        room = self.profile.dots - modes.left
        return min(modes.area, room) if modes.area else room

    def _print_line(self, least: int | None = None) -> None:
        """Put the line buffer on the paper and feed, at least a line's height."""
        buffer, self._buffer = self._buffer, _Buffer()
        least = self._modes.line_dots if least is None else least
        height = max(least, buffer.tallest)
        if buffer.pieces or buffer.text:
            self._text.append(buffer.text.rstrip())
        if height == 0:
            return
        band = Image.new("1", (self.profile.dots, height))
        slack = self._area() - buffer.x
        left = self._modes.left + (0, slack // 2, slack)[self._modes.align]
        for x, image in buffer.pieces:
            band.paste(image, (left + x, buffer.tallest - image.height))
        self._advance(band)

    def _advance(self, band: Image.Image) -> None:
        self._bands.append(band)
        self._height += band.height

    def _line_feed(self, _command: Command) -> None:
        if not self._buffer.pieces:
            self._text.append("")
        self._print_line()

    def _feed(self, command: Command) -> None:
        """ESC d lines, ESC J dots."""
        count = command.args[0]
        if command.name == "ESC J":
            self._print_line(count)
            return
        self._print_line(self._modes.line_dots if count else 0)
        if count > 1:
            self._advance(Image.new("1", (self.profile.dots, self._modes.line_dots * (count - 1))))

    def _tab(self, _command: Command) -> None:
        cell = self._modes.font[0]
        column = self._buffer.x // cell
        stop = next((tab for tab in self._modes.tabs if tab > column), None)
        if stop is not None:
            self._buffer.text += " " * (stop - column)
            self._buffer.x = stop * cell

    def _move(self, command: Command) -> None:
        """Move to a place (ESC $) or by a distance (its relative sister)."""
        distance = command.args[0] + command.args[1] * 256
        if command.name == "ESC \\":
            distance = self._buffer.x + (distance - 65536 if distance > 32767 else distance)
        if 0 <= distance <= self._area():
            self._buffer.x = distance

    # -- state --------------------------------------------------------------------------------------

    def _reset(self, _command: Command) -> None:
        self._modes, self._buffer = Modes(), _Buffer()

    def power_cycle(self) -> None:
        """Forget the modes and the line that was being set; the paper that came out stays."""
        self._modes, self._buffer = Modes(), _Buffer()

    # -- pictures and symbols -----------------------------------------------------------------------

    def _raster(self, command: Command) -> None:
        mode, wide, high = command.args
        image = Image.frombytes("1", (wide * 8, high), command.data) if wide and high else None
        if image is None:
            return
        doubled = (image.width * (2 if mode & 1 else 1), image.height * (2 if mode & 2 else 1))
        self._place(image.resize(doubled, Image.Resampling.NEAREST) if mode & 3 else image)

    def _columns(self, command: Command) -> None:
        """ESC * : a strip of 8 or 24 dots by columns, set like a very wide letter."""
        mode, count = command.args
        tall = 24 if mode in {32, 33} else 8
        strip = Image.new("1", (max(count, 1), tall))
        per = tall // 8
        for x in range(count):
            for row in range(tall):
                if command.data[x * per + row // 8] >> (7 - row % 8) & 1:
                    strip.putpixel((x, row), 255)
        wide = 1 if mode in {1, 33} else 2
        strip = strip.resize((strip.width * wide, tall * (1 if tall == 24 else 3)), Image.Resampling.NEAREST)
        self._buffer.pieces.append((self._buffer.x, strip))
        self._buffer.x += strip.width
        self._buffer.tallest = max(self._buffer.tallest, strip.height)

    def _graphics(self, command: Command) -> None:
        """GS ( L fn 112 stores a raster, fn 2 or 50 prints it."""
        data = command.data
        if len(data) >= 10 and data[1] == 112:
            wide, high = data[6] + data[7] * 256, data[8] + data[9] * 256
            row = (wide + 7) // 8
            dots = data[10 : 10 + row * high].ljust(row * high, b"\x00")
            image = Image.frombytes("1", (wide, high), dots)
            scale = (wide * max(data[3], 1), high * max(data[4], 1))
            self._modes.graphics = image.resize(scale, Image.Resampling.NEAREST)
        elif len(data) >= 2 and data[1] in {2, 50} and self._modes.graphics is not None:
            self._place(self._modes.graphics)

    def _symbol(self, command: Command) -> None:
        """GS ( k: the functions of the QR code; other symbols are recorded as not printed."""
        data = command.data
        if len(data) < 2 or data[0] != 49:
            raise symbols.BadSymbol(f"GS ( k symbol type {data[:1].hex()}")
        function, value = data[1], data[2] if len(data) > 2 else 0
        if function == 67:
            self._modes.qr_module = min(max(value, 1), self._largest_qr_module)
        elif function == 69:
            self._modes.qr_level = value
        elif function == 80:
            self._modes.qr_data = data[3:]
        elif function == 81:
            drawn = symbols.qr(self._modes.qr_data, self._modes.qr_module, self._modes.qr_level)
            self._place(drawn, must_fit=True)
            self._text.append(f"[QR {self._modes.qr_data.decode(errors='replace')}]")
        elif function != 65:
            raise symbols.BadSymbol(f"GS ( k function {function}")

    def _barcode(self, command: Command) -> None:
        modules, text = symbols.bars(command.args[0], command.data)
        dots, height = self._modes.bar_module, self._modes.bar_height
        image = Image.new("1", (len(modules) * dots, height))
        for at, module in enumerate(modules):
            if module == "1":
                image.paste(255, (at * dots, 0, (at + 1) * dots, height))
        above, below = self._modes.bar_text & 1, self._modes.bar_text & 2
        for wanted, place in ((above, 0), (None, 1), (below, 2)):
            if place == 1:
                self._place(image, must_fit=True)
            elif wanted:
                self._place(self._label(text))
        self._text.append(f"[{text}]")

    def _label(self, text: str) -> Image.Image:
        label = Image.new("1", (max(len(text), 1) * FONT_A[0], FONT_A[1] + 4))
        for at, letter in enumerate(text):
            label.paste(glyph(letter, FONT_A, 1, 1, bold=False), (at * FONT_A[0], 2))
        return label

    def _place(self, image: Image.Image, *, must_fit: bool = False) -> None:
        """Put a picture on the paper as aligned now; one that must fit and does not is left out."""
        if self._buffer.pieces:
            self._print_line()
        slack = self._area() - image.width
        if slack < 0 and must_fit:
            self._advance(Image.new("1", (self.profile.dots, image.height)))
            raise symbols.BadSymbol(f"{image.width} dots do not fit {self._area()}")
        band = Image.new("1", (self.profile.dots, image.height))
        band.paste(image, (self._modes.left + max((0, slack // 2, slack)[self._modes.align], 0), 0))
        self._advance(band)

    # -- mechanics ----------------------------------------------------------------------------------

    def _feed_to_knife(self, command: Command) -> None:
        if self._buffer.pieces:
            self._print_line()
        if command.args and command.args[0] >= 65:
            self._advance(Image.new("1", (self.profile.dots, KNIFE_DOTS + command.args[1])))

    def _kick(self, _command: Command) -> None:
        self.kicks += 1

    _HANDLERS: ClassVar[dict[str, Callable[["Paper", Command], None]]] = {
        "text": _set_text,
        "LF": _line_feed,
        "HT": _tab,
        "ESC d": _feed,
        "ESC J": _feed,
        "ESC $": _move,
        "ESC \\": _move,
        "ESC @": _reset,
        "ESC p": _kick,
        "ESC *": _columns,
        "GS v 0": _raster,
        "GS ( L": _graphics,
        "GS ( k": _symbol,
        "GS k": _barcode,
        **dict.fromkeys(("GS V", "ESC i", "ESC m"), _feed_to_knife),
    }  # fmt: skip


_EPSON_CODECS: Final = {
    0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 13: "cp857", 14: "cp737", 15: "iso8859_7",
    16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858", 32: "cp720", 33: "cp775", 34: "cp855", 35: "cp861",
    36: "cp862", 37: "cp864", 38: "cp869", 39: "iso8859_2", 40: "iso8859_15", 45: "cp1250", 46: "cp1251",
    47: "cp1253", 48: "cp1254", 49: "cp1255", 50: "cp1256", 51: "cp1257", 52: "cp1258",
}  # fmt: skip
_CUTS: Final = frozenset({"GS V", "ESC i", "ESC m"})
_QUIET: Final = frozenset(  # known, and without a trace on paper
    {
        *("NUL", "CR", "BEL", "CAN", "FF", "DLE EOT", "DLE ENQ", "DLE DC4"),
        *("GS a", "GS r", "GS I", "GS f", "GS b", "GS P", "GS |", "GS T", "GS E", "GS /", "GS *", "GS c"),
        *(f"GS ( {letter}" for letter in "ADEHKMN"),
        *(f"FS ( {letter}" for letter in "ACE"),
        *(f"ESC {letter}" for letter in "c=reuvU?RV{<BA+%K"),
        *("FS C", "FS !", "FS -", "FS W", "FS S"),
    }
)
