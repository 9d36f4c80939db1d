"""A label printer made of software: ZPL in, dots out. The part of ZPL II that labels of a store use.

A label is drawn when `^XZ` ends it; until then it is only remembered, so a label that was cut off on its way
prints nothing at all. What is not understood stands in the trace under `unknown`, as with ESC/POS.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final

from PIL import Image

from printing.profiles import Profile
from printing.virtual import symbols
from printing.virtual.commands import Command
from printing.virtual.glyphs import glyph
from printing.virtual.paper import Slip

LONGEST_DOTS: Final = 6_000
PICTURE_AT_MOST: Final = 1_000_000
PENDING_AT_MOST: Final = 4 * 1024 * 1024
LARGEST_LETTER: Final = 10
ASK: Final = b"~HS"
_CONFIG: Final = frozenset(
    {"^CI", "^PW", "^LH", "^PQ", "^FH", "^MM", "^PR", "^MD", "^PO", "~HS", "~JA", "~SD"}
)


class HostQuestions:
    """Finds `~HS` as bytes arrive; a label printer answers it at once."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> int:
        """Return how many questions are complete now."""
        window = self._tail + data
        self._tail = window[-2:]
        return window.count(ASK)


class LabelParser:
    """Reads one stream of ZPL: a command is its two letters and all up to the next `^` or `~`."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[Command]:
        """Take in bytes and yield the commands that are complete now."""
        self._pending += data
        if len(self._pending) > PENDING_AT_MOST:
            del self._pending[:-PENDING_AT_MOST]
        while (command := self._next()) is not None:
            yield command

    def _next(self) -> Command | None:
        pending = self._pending
        start = next((at for at, byte in enumerate(pending) if byte in b"^~"), -1)
        if start < 0:
            pending.clear()
            return None
        del pending[:start]
        end = next((at for at in range(1, len(pending)) if pending[at] in b"^~"), -1)
        if end < 0:
            if bytes(pending[:3]) not in {b"^XZ", b"^XA", ASK}:
                return None
            end = 3
        raw = bytes(pending[:end])
        del pending[:end]
        return Command(raw[:3].decode("latin-1"), data=raw[3:].rstrip(b"\r\n"), raw=raw)

    def flush(self) -> Iterator[Command]:
        """Yield what is left at the end of a stream."""
        if self._pending:
            raw = bytes(self._pending)
            self._pending.clear()
            yield Command(raw[:3].decode("latin-1"), data=raw[3:], raw=raw)


class LabelPaper:
    """The labels coming out of one printer; the same to its owner as `Paper`."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.slips_cut = 0
        self.kicks = 0
        self.height = 0
        self._start()

    def _start(self) -> None:
        self._open = False
        self._at = (0, 0)
        self._length = 0
        self._font = (1, 1)
        self._module = 2
        self._hexadecimal = False
        self._symbol: tuple[str, list[str]] | None = None
        self._pieces: list[tuple[int, int, Image.Image]] = []
        self._text: list[tuple[int, int, str]] = []
        self._trace: list[dict[str, Any]] = []
        self._unknown = 0

    @property
    def has_ink(self) -> bool:
        """A label is whole or not there at all."""
        return False

    @property
    def text_so_far(self) -> str:
        """Return the text printed since the last label."""
        return ""

    def growing(self) -> Image.Image:
        """Return what came out since the last label: nothing."""
        return Image.new("1", (self.profile.dots, 1))

    def power_cycle(self) -> None:
        """Forget the label that was being described."""
        self._start()

    def cut(self) -> Slip:
        """Print the label and return it."""
        height = self._length or max((y + image.height for _x, y, image in self._pieces), default=1)
        dots = Image.new("1", (self.profile.dots, min(max(height, 1), LONGEST_DOTS)))
        for x, y, image in self._pieces:
            dots.paste(image, (x, y))
        lines: dict[int, str] = {}
        for y, x, said in sorted(self._text):
            lines[y] = lines.get(y, "").ljust(x // 12) + said
        self.slips_cut += 1
        slip = Slip(self.slips_cut, dots, "\n".join(lines.values()), self._trace, self._unknown)
        self._start()
        return slip

    def apply(self, command: Command) -> Slip | None:
        """Obey one command; return the label when it was its end."""
        text = command.data.decode("utf-8", errors="replace")
        parts = text.split(",")
        detail: dict[str, Any] = {"command": command.name, "data": text[:200]}
        self._trace.append(detail)
        try:
            return self._obey(command.name, text, parts, detail)
        except (ValueError, IndexError) as problem:
            detail["not_printed"] = str(problem)
        return None

    def _obey(self, name: str, text: str, parts: list[str], detail: dict[str, Any]) -> Slip | None:
        if name == "^XZ":
            return self.cut() if self._open else None
        setter = self._SETTERS.get("^A" if name.startswith("^A") else name)
        if setter is not None:
            setter(self, text, parts)
        elif name in {"^BQ", "^BC"}:
            self._symbol = (name, parts)
        elif name not in _CONFIG:
            self._unknown += 1
            detail["command"] = "unknown"
        return None

    def _begin(self, _text: str, _parts: list[str]) -> None:
        self._start()
        self._open = True

    def _origin(self, _text: str, parts: list[str]) -> None:
        self._at = (int(parts[0]), int(parts[1]))

    def _label_length(self, _text: str, parts: list[str]) -> None:
        self._length = int(parts[0])

    def _set_font(self, _text: str, parts: list[str]) -> None:
        self._font = (
            min(max(int(parts[2]) // 10, 1), LARGEST_LETTER),
            min(max(int(parts[1]) // 18, 1), LARGEST_LETTER),
        )

    def _set_module(self, _text: str, parts: list[str]) -> None:
        self._module = min(max(int(parts[0]), 1), 10)

    def _tell_hexadecimal(self, _text: str, _parts: list[str]) -> None:
        self._hexadecimal = True

    def _end_field(self, _text: str, _parts: list[str]) -> None:
        self._symbol, self._hexadecimal = None, False

    def _field(self, text: str, _parts: list[str]) -> None:
        said = _plain(text) if self._hexadecimal else text
        if self._symbol is None:
            self._letters(said)
        elif self._symbol[0] == "^BQ":
            self._qr(said, int(self._symbol[1][2]))
        else:
            self._bars(said, int(self._symbol[1][1]), below=self._symbol[1][2] == "Y")

    def _letters(self, said: str) -> None:
        x, y = self._at
        wide, tall = self._font
        for at, letter in enumerate(said):
            self._pieces.append((x + at * 12 * wide, y, glyph(letter, (12, 24), wide, tall, bold=False)))
        self._text.append((y, x, said))

    def _qr(self, said: str, module: int) -> None:
        if said[:4] != "MM,B" or not said[4:8].isdigit():
            raise ValueError("a QR code is told as MM,Bnnnn")
        data = said[8:]
        if len(data.encode()) != int(said[4:8]):
            raise ValueError("a QR code with another length than it says")
        self._pieces.append((*self._at, symbols.qr(data.encode(), min(max(module, 1), 10), 49)))
        self._text.append((self._at[1], self._at[0], f"[QR {data}]"))

    def _bars(self, said: str, height: int, *, below: bool) -> None:
        """Draw a Code 128: `>:` begins in code set B, `>;` in C, `>8` is FNC1, `>0` is `>`."""
        start, rest = said[:2], said[2:]
        if start == ">;":
            gs1 = rest.startswith(">8")
            digits = rest[2:] if gs1 else rest
            pairs = bytes(int(digits[at : at + 2]) for at in range(0, len(digits), 2))
            modules, text = symbols.bars(73, b"{C" + (b"{1" if gs1 else b"") + pairs)
        elif start == ">:":
            modules, text = symbols.bars(
                73, b"{B" + rest.replace(">0", ">").replace("{", "{{").encode("ascii")
            )
        else:
            raise ValueError("a Code 128 without a start code")
        x, y = self._at
        if x + len(modules) * self._module > self.profile.dots:
            raise ValueError("the symbol does not fit")
        image = Image.new("1", (len(modules) * self._module, height))
        for at, module in enumerate(modules):
            if module == "1":
                image.paste(255, (at * self._module, 0, (at + 1) * self._module, height))
        self._pieces.append((x, y, image))
        self._text.append((y, x, f"[{text}]"))
        if below:
            left = x + (image.width - len(text) * 12) // 2
            for at, letter in enumerate(text):
                self._pieces.append(
                    (left + at * 12, y + height + 4, glyph(letter, (12, 24), 1, 1, bold=False))
                )

    def _picture(self, _text: str, parts: list[str]) -> None:
        size, row = int(parts[1]), int(parts[3])
        if parts[0] != "A" or not 0 < row <= size <= PICTURE_AT_MOST:
            raise ValueError("a picture that is not told as hexadecimal")
        dots = bytes.fromhex(parts[4])[:size].ljust(size, b"\x00")
        self._pieces.append((*self._at, Image.frombytes("1", (row * 8, size // row), dots)))

    _SETTERS: ClassVar[dict[str, Callable[["LabelPaper", str, list[str]], None]]] = {
        "^XA": _begin,
        "^FO": _origin,
        "^LL": _label_length,
        "^A": _set_font,
        "^BY": _set_module,
        "^FH": _tell_hexadecimal,
        "^FD": _field,
        "^GF": _picture,
        "^FS": _end_field,
    }


def _plain(text: str) -> str:
    """Return field data whose `_xx` are the bytes of UTF-8."""
    out, at = bytearray(), 0
    while at < len(text):
        if text[at] == "_" and _is_hexadecimal(text[at + 1 : at + 3]):
            out.append(int(text[at + 1 : at + 3], 16))
            at += 3
        else:
            out += text[at].encode()
            at += 1
    return out.decode("utf-8", errors="replace")


def _is_hexadecimal(pair: str) -> bool:
    return len(pair) == 2 and all(letter in "0123456789abcdefABCDEF" for letter in pair)
