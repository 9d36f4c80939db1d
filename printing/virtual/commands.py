"""A stream of bytes to ESC/POS commands, however the stream was cut on its way.

Reading stops at the first byte of a command that is not complete yet, and a run of text (or of NULs)
is handed on when something else follows it, so the same bytes give the same commands whatever the
packets were. The real-time commands (DLE ...) are listed here too, although the printer has already
obeyed them when they arrived: in the buffer they are only stepped over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

RUN_AT_MOST: Final = 4096
PAYLOAD_AT_MOST: Final = 4 * 1024 * 1024
DLE, ESC, FS, GS = 0x10, 0x1B, 0x1C, 0x1D


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name as in the manuals (`GS k`), its parameters, its payload, its bytes."""

    name: str
    args: tuple[int, ...] = ()
    data: bytes = b""
    raw: bytes = b""

    @property
    def known(self) -> bool:
        """Tell whether this printer knows what the command means."""
        return self.name != "unknown"


# How many parameter bytes follow. Those with a payload are in `_LONG`.
_ESC: Final = {
    **dict.fromkeys("@2<LSmiv\x0c", 0),
    **dict.fromkeys("!3MEG-atRV{ dJ=reTuU%?A+K", 1),
    **dict.fromkeys("c$\\B", 2),
    "p": 3,
    "W": 8,
}
_FS: Final = {**dict.fromkeys(".&", 0), **dict.fromkeys("C!-W", 1), **dict.fromkeys("Sp", 2)}
_GS: Final = {
    **dict.fromkeys(":\x0cc", 0),
    **dict.fromkeys("!BHhwfarIb/|TE", 1),
    **dict.fromkeys("LWP$\\", 2),
    "^": 3,
}
# Page mode and stored pictures belong to another kind of printer than the one made here.
_NOT_HERE: Final = frozenset(
    {"ESC L", "ESC S", "ESC T", "ESC W", "ESC \x0c", "FS p", "GS \x0c", "GS ^", "GS :"}
)
_SINGLE: Final = {0x07: "BEL", 0x09: "HT", 0x0A: "LF", 0x0C: "FF", 0x0D: "CR", 0x18: "CAN"}
_FUNCTIONS: Final = {  # GS ( x: the ones with an effect, and those that only set what paper does not show
    "k": "symbol",
    "L": "graphics",
    "H": "answer",
    **dict.fromkeys("ADEKMN", "setting"),
}
_KANJI_FUNCTIONS: Final = frozenset("ACE")  # FS ( x: how two-byte letters look, and user pages
_Found = tuple[Command, int] | None


class Parser:
    """Reads one connection's stream. Feed it bytes, take commands."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[Command]:
        """Take in bytes and yield the commands that are complete now."""
        self._pending += data
        while self._pending:
            if self._skip:
                gone = min(self._skip, len(self._pending))
                self._skip -= gone
                del self._pending[:gone]
                continue
            found = self._next(bytes(self._pending[:64]))
            if found is None:
                return
            command, length = found
            del self._pending[:length]
            yield command

    def flush(self) -> Iterator[Command]:
        """Yield what is left at the end of a stream: text without a line end, or half a command."""
        if self._pending:
            rest = bytes(self._pending)
            self._pending.clear()
            name = "NUL" if rest[0] == 0 else "text" if rest[0] >= 0x20 and rest[0] != 0x7F else "unknown"
            yield Command(name, data=b"" if name == "unknown" else rest, raw=rest)

    def _next(self, head: bytes) -> _Found:
        first = head[0]
        if first in {ESC, FS, GS, DLE}:
            reader = {ESC: self._esc, FS: self._fs, GS: self._gs, DLE: self._dle}[first]
            return reader(head) if len(head) > 1 else None
        if first == 0:
            return self._run("NUL", lambda byte: byte == 0)
        if first in _SINGLE:
            return Command(_SINGLE[first], raw=head[:1]), 1
        if first < 0x20 or first == 0x7F:
            return Command("unknown", raw=head[:1]), 1
        return self._run("text", lambda byte: byte >= 0x20 and byte != 0x7F)

    def _run(self, name: str, belongs: Callable[[int], bool]) -> _Found:
        """Return a run of like bytes once something else follows it."""
        end = 0
        for byte in self._pending:
            if not belongs(byte) or end >= RUN_AT_MOST:
                break
            end += 1
        if end == len(self._pending) and end < RUN_AT_MOST:
            return None
        run = bytes(self._pending[:end])
        return Command(name, data=run, raw=run), end

    def _fixed(self, name: str, count: int) -> _Found:
        length = 2 + count
        if len(self._pending) < length:
            return None
        raw = bytes(self._pending[:length])
        known = "unknown" if name in _NOT_HERE else name
        return Command(known, tuple(raw[2:]), raw=raw), length

    def _payload(self, name: str, args: tuple[int, ...], start: int, size: int) -> _Found:
        if size > PAYLOAD_AT_MOST:
            self._skip = size
            return Command("unknown", args, raw=bytes(self._pending[:start])), start
        if len(self._pending) < start + size:
            return None
        raw = bytes(self._pending[: start + size])
        return Command(name, args, raw[start:], raw[:start]), start + size

    def _until_nul(self, name: str, args: tuple[int, ...], start: int, at_most: int) -> _Found:
        end = self._pending.find(0, start, start + at_most)
        if end < 0 and len(self._pending) < start + at_most:
            return None
        end = end if end >= 0 else start + at_most - 1
        raw = bytes(self._pending[: end + 1])
        return Command(name, args, raw[start:end], raw[:start]), end + 1

    def _esc(self, head: bytes) -> _Found:
        letter = chr(head[1])
        if letter == "*":  # a picture by columns: m nL nH
            if len(head) < 5:
                return None
            size = (head[3] + head[4] * 256) * (3 if head[2] in {32, 33} else 1)
            return self._payload("ESC *", (head[2], head[3] + head[4] * 256), 5, size)
        if letter == "D":
            return self._until_nul("ESC D", (), 2, 33)
        if letter in _ESC:
            return self._fixed(f"ESC {letter}", _ESC[letter])
        return Command("unknown", raw=head[:2]), 2

    def _fs(self, head: bytes) -> _Found:
        letter = chr(head[1])
        if letter == "(":
            return self._function("FS", head)
        if letter in _FS:
            return self._fixed(f"FS {letter}", _FS[letter])
        return Command("unknown", raw=head[:2]), 2

    def _gs(self, head: bytes) -> _Found:
        long: dict[str, Callable[[bytes], _Found]] = {
            "(": lambda h: self._function("GS", h),
            "8": self._large_graphics,
            "V": self._cut,
            "k": self._barcode,
            "v": self._raster,
            "*": self._downloaded,
        }
        letter = chr(head[1])
        if letter in long:
            return long[letter](head)
        if letter in _GS:
            return self._fixed(f"GS {letter}", _GS[letter])
        return Command("unknown", raw=head[:2]), 2

    def _function(self, family: str, head: bytes) -> _Found:
        """GS ( fn pL pH ...: the length is always there, so even a strange one is stepped over whole."""
        if len(head) < 5:
            return None
        size = head[3] + head[4] * 256
        name = f"{family} ( {chr(head[2])}"
        known = chr(head[2]) in (_FUNCTIONS if family == "GS" else _KANJI_FUNCTIONS)
        return self._payload(name if known else "unknown", (), 5, size)

    def _large_graphics(self, head: bytes) -> _Found:
        if len(head) < 7:
            return None
        return self._payload("GS ( L", (), 7, int.from_bytes(head[3:7], "little"))

    def _cut(self, head: bytes) -> _Found:
        if len(head) < 3:
            return None
        if head[2] in {0, 1, 48, 49}:
            return self._fixed("GS V", 1)
        return self._fixed("GS V", 2)

    def _barcode(self, head: bytes) -> _Found:
        if len(head) < 3:
            return None
        if head[2] <= 6:
            return self._until_nul("GS k", (head[2] + 65,), 3, 256)
        if len(head) < 4:
            return None
        return self._payload("GS k", (head[2],), 4, head[3])

    def _raster(self, head: bytes) -> _Found:
        if len(head) < 8:
            return None
        if head[2] != 0x30 or head[3] % 48 > 3:  # out of range, so a printer takes what follows as commands
            return Command("unknown", raw=head[:4]), 4
        wide, high = head[4] + head[5] * 256, head[6] + head[7] * 256
        return self._payload("GS v 0", (head[3], wide, high), 8, wide * high)

    def _downloaded(self, head: bytes) -> _Found:
        if len(head) < 4:
            return None
        return self._payload("GS *", (head[2], head[3]), 4, head[2] * head[3] * 8)

    def _dle(self, head: bytes) -> _Found:
        """Real-time commands: DLE EOT n, DLE ENQ n, DLE DC4 fn ..."""
        if head[1] == 0x04:
            if len(head) < 3:
                return None
            return self._fixed("DLE EOT", 2 if head[2] in {7, 8, 18} else 1)
        if head[1] == 0x05:
            return self._fixed("DLE ENQ", 1)
        if head[1] == 0x14:
            if len(head) < 3:
                return None
            return self._fixed("DLE DC4", {1: 3, 2: 3, 3: 6, 7: 2, 8: 8}.get(head[2], 3))
        return Command("unknown", raw=head[:2]), 2


class RealTime:
    """Finds the real-time commands as bytes arrive, also inside a payload, as real printers do."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes and return the real-time commands that are complete now."""
        window, found, at = self._tail + data, [], 0
        while (at := window.find(b"\x10", at)) >= 0:
            length = self._length(window[at : at + 3])
            if length == 0:
                at += 1
            elif len(window) - at < length:
                break
            else:
                found.append(window[at : at + length])
                at += length
        self._tail = window[at:] if at >= 0 else b""
        return found

    @staticmethod
    def _length(head: bytes) -> int:
        """Return the length of the command that begins so, 0 when it is none; unfinished ones count 3."""
        if len(head) == 1:
            return 3
        if head[1] in {0x04, 0x05}:
            return 3
        if head[1] == 0x14:
            return 3 if len(head) < 3 or head[2] != 8 else 10
        return 0
