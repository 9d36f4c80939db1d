"""What a printer answers, byte by byte. Pure: no sockets, no clock.

Answers of four kinds arrive mixed on one line and cut anywhere: one-byte answers to `DLE EOT`, four-byte
reports the printer pushes by itself, one-byte numbers from `GS r`, and blocks that end with NUL, of
which the process id (`GS ( H`) is the one that proves paper. They are told apart by fixed bits. A
`DLE EOT` answer does not say which question it answers, therefore questions are asked one set at a
time and answered in order.

A label printer (ZPL) answers `~HS` with three lines between STX and ETX, which together are its whole status.
"""

from dataclasses import dataclass, replace
from typing import Final

ASK_PRINTER: Final = b"\x10\x04\x01"
ASK_CAUSE: Final = b"\x10\x04\x02"
ASK_ERROR: Final = b"\x10\x04\x03"
ASK_PAPER: Final = b"\x10\x04\x04"
QUESTIONS: Final = ASK_PRINTER + ASK_CAUSE + ASK_ERROR + ASK_PAPER
CLEAR: Final = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
"""`DLE DC4` fn 8: drop now what waits in the buffers; answered once nothing of it can be printed any more."""
_CLEARED: Final = b"\x37\x25"
LABEL_QUESTIONS: Final = b"~HS"
_BLOCKS: Final = frozenset({0x35, 0x37, 0x3B, 0x3D, 0x5F})
_FLOW: Final = frozenset({0x11, 0x13})  # XON, XOFF
_LONGEST_BLOCK: Final = 128


@dataclass(frozen=True, slots=True)
class RealTimeByte:
    """An answer to `DLE EOT`."""

    bits: int


@dataclass(frozen=True, slots=True)
class Report:
    """A status the printer pushed by itself (automatic status back)."""

    offline: bool
    cover_open: bool
    error: bool
    paper_end: bool


@dataclass(frozen=True, slots=True)
class Number:
    """An answer to `GS r` or `GS I`, given when its turn in the buffer came."""

    value: int


@dataclass(frozen=True, slots=True)
class Noise:
    """A byte that no printer answers with: somebody else speaks, or the line is broken."""

    value: int


@dataclass(frozen=True, slots=True)
class Token:
    """A process id: everything sent before it has been printed."""

    text: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """The answer to `CLEAR`: what was in the buffers can no longer come out."""


@dataclass(frozen=True, slots=True)
class Block:
    """Another answer that ends with NUL."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What is known of a printer's condition."""

    offline: bool = False
    cover_open: bool = False
    paper_end: bool = False
    paper_near_end: bool = False
    cutter_error: bool = False
    error: bool = False

    @property
    def blocked(self) -> bool:
        """Tell whether the printer cannot print now."""
        return self.offline or self.cover_open or self.paper_end or self.cutter_error or self.error


Answer = RealTimeByte | Report | Number | Noise | Token | Cleared | Block | PrinterStatus


def with_answers(bits: tuple[int, int, int, int]) -> PrinterStatus:
    """Return the status that the four answers to `QUESTIONS` say."""
    printer, cause, error, paper = bits
    return PrinterStatus(
        offline=bool(printer & 0x08),
        cover_open=bool(cause & 0x04),
        paper_end=bool(cause & 0x20) or bool(paper & 0x60),
        paper_near_end=bool(paper & 0x0C),
        cutter_error=bool(error & 0x08),
        error=bool(error & 0x60),
    )


def with_report(status: PrinterStatus, report: Report) -> PrinterStatus:
    """Return the status after a pushed report."""
    return replace(
        status,
        offline=report.offline,
        cover_open=report.cover_open,
        paper_end=report.paper_end,
        error=report.error,
    )


class AnswerParser:
    """Reads one connection's answers. Feed it bytes, take answers."""

    def __init__(self) -> None:
        self._report: list[int] = []
        self._block = bytearray()

    def feed(self, data: bytes) -> list[Answer]:
        """Take in bytes and return the answers that are complete now."""
        answers = []
        for byte in data:
            answer = self._take(byte)
            if answer is not None:
                answers.append(answer)
        return answers

    def _take(self, byte: int) -> Answer | None:
        if self._block:
            return self._in_block(byte)
        if byte & 0x93 == 0x12:  # also between the bytes of a report, whose bit 4 is never set
            return RealTimeByte(byte)
        if self._report and byte & 0x90 == 0:
            return self._in_report(byte)
        self._report = []
        if byte in _BLOCKS:
            self._block.append(byte)
        elif byte & 0x93 == 0x10:
            self._report = [byte]
        elif byte not in _FLOW:
            return Number(byte) if byte & 0x90 == 0 else Noise(byte)
        return None

    def _in_block(self, byte: int) -> Answer | None:
        if byte and len(self._block) < _LONGEST_BLOCK:
            self._block.append(byte)
            return None
        data = bytes(self._block)
        self._block.clear()
        if data[:2] == b"\x37\x22":
            return Token(data[2:].decode("ascii", errors="replace"))
        if data == _CLEARED:
            return Cleared()
        return Block(data)

    def _in_report(self, byte: int) -> Answer | None:
        self._report.append(byte)
        if len(self._report) < 4:
            return None
        first, second, third, _fourth = self._report
        self._report = []
        return Report(
            offline=bool(first & 0x08),
            cover_open=bool(first & 0x20),
            error=bool(second & 0x68),
            paper_end=bool(third & 0x0C),
        )


class LabelAnswerParser:
    """Reads the answers of a label printer to `~HS`: one status from three lines, cut anywhere."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._lines: list[list[str]] = []

    def feed(self, data: bytes) -> list[Answer]:
        """Take in bytes and return the statuses that are complete now."""
        self._pending += data
        answers: list[Answer] = []
        while (end := self._pending.find(b"\x03")) >= 0:
            line = bytes(self._pending[:end]).rpartition(b"\x02")[2]
            del self._pending[: end + 1]
            self._lines.append(line.decode("ascii", errors="replace").split(","))
            if len(self._lines) == 3:
                answers.extend(_label_status(self._lines))
                self._lines = []
        del self._pending[:-_LONGEST_BLOCK]
        return answers


def _label_status(lines: list[list[str]]) -> list[Answer]:
    """Return the status of `~HS`, or nothing when it is not such an answer.

    First line: paper out is its second field, pause its third. Second line: head open its third, ribbon out
    its fourth.
    """
    first, second, _third = lines
    if len(first) < 12 or len(second) < 10:
        return []
    paper_out, paused, open_head = first[1] == "1", first[2] == "1", second[2] == "1"
    return [PrinterStatus(offline=paused, cover_open=open_head, paper_end=paper_out, error=second[3] == "1")]
