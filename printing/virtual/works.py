"""The works of a virtual printer without threads and without a clock: bytes in, dots and answers out.

Bytes wait in one buffer and are obeyed in their order; real-time questions (`DLE EOT`) are answered the
moment they arrive. When paper ends, the cover opens or the knife sticks, the works stand still where they
are, in the middle of a job if need be; the answers that stand behind that line in the buffer (`GS ( H`, `GS
r`) are then not given. That difference is the whole reason why a sender can know what was printed.
`machine` runs the works in a thread beside a socket, the simulation of the tests runs them in simulated
time: both are the same printer.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol

from printing.virtual.brands import Brand
from printing.virtual.commands import Command, Parser, RealTime
from printing.virtual.paper import Paper, Slip
from printing.virtual.zpl import HostQuestions, LabelPaper, LabelParser

CLEARED: Final = b"\x37\x25\x00"
CONDITIONS: Final = ("paper_out", "near_end", "cover_open", "offline", "cutter_jam")
FOREIGN_TOKEN: Final = b"\x37\x22Pzzz\x00"
NONSENSE: Final = b"\x00\xffHTTP/1.1 400\r\n\x12\x37\x22\x10"
"""What answers where something else than a printer stands at the address."""


class Line(Protocol):
    """The connection a byte came in by, as far as the works care."""

    def answer(self, data: bytes) -> None:
        """Send bytes back; a line that is gone loses them."""


class _Nobody:
    def answer(self, data: bytes) -> None:
        """Lose the bytes."""


NOBODY: Final = _Nobody()


class Works:
    """Buffer, mechanism, sensors and drawer of one printer. Not thread-safe: its owner takes turns."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.kicks = 0
        self.bytes_received = 0
        self.buffered = 0
        self.on = dict.fromkeys(CONDITIONS, False)
        self.mute = False
        self.foreign_tokens = False
        self.report_storm = False
        self.nonsense = False
        self.cleared = 0
        self.paper_left_dots: int | None = None
        self._labels = brand.profile.language == "zpl"
        self.paper: Paper | LabelPaper = (
            LabelPaper(brand.profile)
            if self._labels
            else Paper(brand.profile, pages=brand.pages, largest_qr_module=brand.largest_qr_module)
        )
        self._reset()
        self._line: Line | None = None

    def _reset(self) -> None:
        self._parser: Parser | LabelParser = LabelParser() if self._labels else Parser()
        self._real_time, self._asked = RealTime(), HostQuestions()
        self._waiting: deque[tuple[bytes, Line]] = deque()
        self._reading: tuple[Iterator[Command], int, Line] | None = None
        self._stuck: Command | None = None
        self._whose: Line = NOBODY
        self.buffered = 0
        self._reports = 0

    # -- what people do -------------------------------------------------------------------------------

    def set(self, condition: str, *, on: bool) -> None:
        """Let a sensor feel something; loading paper gives a whole roll. The change is reported if wanted."""
        self.on[condition] = on
        if condition == "paper_out" and not on:
            self.paper_left_dots = None
        self._report()

    def power_cycle(self) -> None:
        """Switch off and on: what waited is gone, what hangs out of the printer stays there."""
        self._reset()
        self.paper.power_cycle()
        self._line = None

    @property
    def can_print(self) -> bool:
        """Tell whether the mechanism may move. A knife is only felt to stick when it has to cut."""
        return not (self.on["paper_out"] or self.on["cover_open"] or self.on["offline"] or self._knife_sticks)

    @property
    def _knife_sticks(self) -> bool:
        return self._stuck is not None and self.on["cutter_jam"]

    # -- what a connection does -----------------------------------------------------------------------

    def attach(self, line: Line) -> None:
        """Make a connection the one that answers and reports go to."""
        self._line, self._reports, self._real_time = line, 0, RealTime()

    def detach(self, line: Line) -> None:
        """Forget a connection that ended; what it sent is printed all the same."""
        if self._line is line:
            self._line = None

    @property
    def room(self) -> int:
        """Return how many bytes the buffer still takes."""
        return max(self.brand.buffer_bytes - self.buffered, 0)

    def receive(self, data: bytes, line: Line) -> None:
        """Take in bytes: real-time commands are obeyed now, the rest waits."""
        self.bytes_received += len(data)
        self._waiting.append((data, line))
        self.buffered += len(data)
        if self._labels:
            for _ in range(self._asked.feed(data)):
                self._answer(line, self._host_status())
            return
        for command in self._real_time.feed(data):
            self._obey_now(command, line)

    def _obey_now(self, command: bytes, line: Line) -> None:
        if command[1] == 0x04 and self.brand.real_time:
            self._answer(line, self._status(command[2]))
        elif command[1:3] == b"\x05\x02" or command[1:3] == b"\x14\x08":
            if not self.brand.clears:
                return
            reports = self._reports
            self._reset()
            self._reports = reports
            self.cleared += 1
            if command[1] == 0x14:
                self._answer(line, CLEARED)
        elif command[1:3] == b"\x14\x01":
            self.kicks += 1

    def _answer(self, line: Line, data: bytes) -> None:
        if data and not self.mute:
            line.answer(NONSENSE if self.nonsense else data)

    def _status(self, number: int) -> bytes:
        on = self.on
        still = not self.can_print
        bits = {
            1: 0x08 if still else 0,
            2: (0x04 if on["cover_open"] else 0)
            | (0x20 if on["paper_out"] else 0)
            | (0x40 if self._knife_sticks else 0),
            3: 0x08 if self._knife_sticks else 0,
            4: (0x60 if on["paper_out"] else 0) | (0x0C if on["paper_out"] or on["near_end"] else 0),
        }
        return bytes((0x12 | bits[number],)) if number in bits else b""

    def _report(self) -> None:
        """Push the automatic status, when the sender asked for it (GS a)."""
        if not (self._reports and self.brand.reports) or self._line is None:
            return
        on = self.on
        first = 0x10 | (0 if self.can_print else 0x08) | (0x20 if on["cover_open"] else 0)
        second = 0x08 if self._knife_sticks else 0
        third = (0x0C if on["paper_out"] else 0) | (0x03 if on["paper_out"] or on["near_end"] else 0)
        self._answer(self._line, bytes((first, second, third, 0)))

    # -- the mechanism --------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Tell whether anything waits that could be obeyed now."""
        return self.can_print and (
            self._stuck is not None or self._reading is not None or bool(self._waiting)
        )

    def step(self) -> tuple[int, Slip | None]:
        """Obey the next command; return how many dots of paper came out and the slip it cut off, if any.

        Does nothing while the printer cannot print, or when no whole command waits.
        """
        command = self._next()
        if command is None:
            return 0, None
        if command.name in _CUTS and self.on["cutter_jam"]:
            self._stuck = command
            self._report()
            return 0, None
        self._stuck = None
        before, kicks = self.paper.height, self.paper.kicks
        slip = self.paper.apply(command)
        moved = max((slip.dots.height if slip else self.paper.height) - before, 0)
        self.kicks += self.paper.kicks - kicks
        self._use_paper(moved)
        self._answer_in_turn(command, self._whose)
        return moved, slip

    def _next(self) -> Command | None:
        """Return the next whole command when it may be obeyed."""
        if not self.can_print:
            return None
        if self._stuck is not None:
            return self._stuck
        while True:
            if self._reading is None:
                if not self._waiting:
                    return None
                data, line = self._waiting.popleft()
                self._reading = (iter(self._parser.feed(data)), len(data), line)
                self._whose = line
            commands, size, _line = self._reading
            command = next(commands, None)
            if command is not None:
                return command
            self._reading = None
            self.buffered = max(self.buffered - size, 0)

    def _use_paper(self, dots: int) -> None:
        if self.paper_left_dots is None:
            return
        self.paper_left_dots -= dots
        if self.paper_left_dots <= 0:
            self.paper_left_dots = None
            self.set("paper_out", on=True)

    def _answer_in_turn(self, command: Command, line: Line) -> None:
        """Give the answers that wait their turn in the buffer. Paper that ended just now holds them back."""
        brand = self.brand
        if command.name == "GS a":
            self._reports = command.args[0]
            self._report()
        elif command.name == "GS ( H" and command.data[:2] == b"00" and brand.tokens:
            self._token(line, b"\x37\x22" + command.data[2:6] + b"\x00")
        elif command.name == "GS r" and brand.numbers:
            self._answer(
                line, bytes(((0x03 if self.on["near_end"] else 0),)) if command.args[0] % 48 == 1 else b"\x00"
            )
        elif command.name == "GS I" and brand.real_time:
            names = {65: b"1.0 ", 66: brand.maker.encode(), 67: brand.model.encode()}
            name = names.get(command.args[0])
            self._answer(line, b"\x20" if name is None else b"\x5f" + name + b"\x00")

    def _token(self, line: Line, frame: bytes) -> None:
        if self.foreign_tokens:
            self._answer(line, FOREIGN_TOKEN)
        if self.report_storm:
            for _ in range(5):
                self._report()
        self._answer(line, frame)

    def _host_status(self) -> bytes:
        """Return a label printer's three lines: paper out and pause in the first, head open in the second."""
        paper, pause, head = (int(self.on[each]) for each in ("paper_out", "offline", "cover_open"))
        first = f"030,{paper},{pause},1245,000,0,0,0,000,0,0,0"
        second = f"000,0,{head},0,0,2,4,0,00000000,1,000"
        return b"".join(f"\x02{line}\x03\r\n".encode() for line in (first, second, "1234,0"))


_CUTS: Final = frozenset({"GS V", "ESC i", "ESC m"})
