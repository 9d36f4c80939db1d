"""The works of the virtual printer: receive buffer, mechanism, sensors, drawer, and what they answer.

Bytes wait in one buffer and one thread prints them in order, at the speed of a mechanism. When paper
ends or the cover is open the thread stops where it is, in the middle of a job if need be, and goes on
when that is put right; answers that stand behind the stopped line in the buffer (`GS ( H`, `GS r`) are
therefore not given, while real-time questions (`DLE EOT`) are answered at once. That difference is the
whole reason why a sender can know what was printed.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from printing.profiles import Profile
from printing.virtual.commands import Command, Parser, RealTime
from printing.virtual.paper import Paper, Slip, as_png
from protocol.clock import Clock
from protocol.errors import NotFound

BUFFER_BYTES: Final = 64 * 1024
DOTS_PER_MM: Final = 8
SLOW_MM_PER_SECOND: Final = 15.0
SWITCHES: Final = ("paper_out", "offline", "slow", "mute", "drop_connection")
CLEARED: Final = b"\x37\x25\x00"


class Line(Protocol):
    """The connection a byte came in by, as far as the works care."""

    def answer(self, data: bytes) -> None:
        """Send bytes back; a line that is gone loses them."""


@dataclass(frozen=True, slots=True)
class KeptSlip:
    """A slip as it is kept for looking at: its picture, its words and how it came to be."""

    number: int
    cut_at_us: int
    png: bytes
    text: str
    trace: tuple[dict[str, Any], ...]
    unknown: int


class Machine:
    """The works of one printer. Threads: the mechanism's own, and the connections' that call in."""

    def __init__(
        self,
        profile: Profile,
        clock: Clock,
        *,
        mm_per_second: float | None = None,
        keep_slips: int = 200,
        folder: Path | None = None,
    ) -> None:
        self.profile = profile
        self.kicks: deque[int] = deque(maxlen=keep_slips)
        self.hazards: deque[str] = deque(maxlen=keep_slips)
        self.bytes_received = 0
        self._clock = clock
        self._mm_per_second = mm_per_second
        self._folder = folder
        self._slips: deque[KeptSlip] = deque(maxlen=keep_slips)
        self._paper = Paper(profile)
        self._paper_left_dots: int | None = None
        self._parser = Parser()
        self._real_time = RealTime()
        self._waiting: deque[tuple[bytes, Line]] = deque()
        self._buffered = 0
        self._on = dict.fromkeys(SWITCHES, False)
        self._reports = 0
        self._line: Line | None = None
        self._generation = 0
        self._turn = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="virtual-printer-mechanism")

    def start(self) -> None:
        """Start the mechanism."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the mechanism and wait for it; what is in the buffer is lost, as when power goes."""
        self._stopping.set()
        with self._turn:
            self._turn.notify_all()
        self._thread.join()

    # -- what people and tests do ---------------------------------------------------------------------

    def switch(self, name: str, *, on: bool) -> None:
        """Turn a fault on or off; turning `paper_out` off loads a new roll.

        Raises:
            NotFound: when there is no such switch.
        """
        if name not in self._on:
            raise NotFound(
                f"There is no switch {name!r}.", f"Use one of: {', '.join(SWITCHES)}.", switch=name
            )
        with self._turn:
            self._on[name] = on
            if name == "paper_out" and not on:
                self._paper_left_dots = None
            self._report()
            self._turn.notify_all()

    def is_on(self, name: str) -> bool:
        """Tell whether a fault is on."""
        return self._on[name]

    def run_out_after(self, dots: int) -> None:
        """Let the roll end after so many more dots of paper."""
        with self._turn:
            self._paper_left_dots = dots

    def slips(self) -> tuple[KeptSlip, ...]:
        """Return the slips that were cut, oldest first, as many as are kept."""
        with self._turn:
            return tuple(self._slips)

    def slip(self, number: int) -> KeptSlip:
        """Return one slip.

        Raises:
            NotFound: when it was never cut or is no longer kept.
        """
        for slip in self.slips():
            if slip.number == number:
                return slip
        raise NotFound(f"There is no slip {number}.", "Choose one of those listed.", slip=number)

    def growing(self) -> tuple[bytes, str] | None:
        """Return picture and text of the paper that hangs out uncut, or None when there is none."""
        with self._turn:
            if not self._paper.has_ink:
                return None
            return as_png(self._paper.growing()), self._paper.text_so_far

    def wait_for(self, reached: Callable[[], bool], timeout_seconds: float) -> bool:
        """Wait until something is so; it is looked at again whenever the printer did something."""
        with self._turn:
            return self._turn.wait_for(reached, timeout_seconds)

    # -- what a connection does -----------------------------------------------------------------------

    def attach(self, line: Line) -> None:
        """Make a connection the one that answers and reports go to."""
        with self._turn:
            self._line = line
            self._reports = 0
            self._real_time = RealTime()

    def detach(self, line: Line) -> None:
        """Forget a connection that ended; what it sent is printed all the same."""
        with self._turn:
            if self._line is line:
                self._line = None

    def receive(self, data: bytes, line: Line) -> None:
        """Take in bytes: real-time commands are obeyed now, the rest waits.

        Blocks while the buffer is full.
        """
        with self._turn:
            self.bytes_received += len(data)
            self._turn.wait_for(lambda: self._buffered + len(data) <= BUFFER_BYTES or self._stopping.is_set())
            self._waiting.append((data, line))
            self._buffered += len(data)
            for command in self._real_time.feed(data):
                self._obey_now(command, line)
            self._turn.notify_all()

    def _obey_now(self, command: bytes, line: Line) -> None:
        if command[1] == 0x04:
            self._answer(line, self._status(command[2]))
        elif command[1:3] == b"\x05\x02" or command[1:3] == b"\x14\x08":
            self._waiting.clear()
            self._buffered = 0
            self._parser = Parser()
            self._generation += 1
            if command[1] == 0x14:
                self._answer(line, CLEARED)
        elif command[1:3] == b"\x14\x01":
            self.kicks.append(self._clock.now_us())

    def _answer(self, line: Line, data: bytes) -> None:
        if data and not self._on["mute"] and self.profile.confirms != "none":
            line.answer(data)

    def _status(self, number: int) -> bytes:
        offline, paper_out = self._on["offline"], self._on["paper_out"]
        bits = {
            1: 0x08 if offline or paper_out else 0,
            2: (0x04 if offline else 0) | (0x20 if paper_out else 0),
            3: 0,
            4: 0x6C if paper_out else 0,
        }
        return bytes((0x12 | bits[number],)) if number in bits else b""

    def _report(self) -> None:
        """Push the automatic status, when the sender asked for it (GS a)."""
        if self._reports and self._line is not None:
            offline, paper_out = self._on["offline"], self._on["paper_out"]
            first = 0x10 | (0x08 if offline or paper_out else 0) | (0x20 if offline else 0)
            self._answer(self._line, bytes((first, 0, 0x0F if paper_out else 0, 0)))

    # -- the mechanism --------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._turn:
                self._turn.wait_for(lambda: self._waiting or self._stopping.is_set())
                if self._stopping.is_set():
                    return
                data, line = self._waiting.popleft()
                parser, generation = self._parser, self._generation
            for command in self._commands(parser, data, generation):
                self._execute(command, line)
            with self._turn:
                self._buffered = max(self._buffered - len(data), 0)
                self._turn.notify_all()

    def _commands(self, parser: Parser, data: bytes, generation: int) -> Iterator[Command]:
        """Yield commands one by one, each when the printer can print; a cleared buffer ends them."""
        for command in parser.feed(data):
            with self._turn:
                self._turn.wait_for(
                    lambda: self._can_print() or self._stopping.is_set() or generation != self._generation
                )
                if self._stopping.is_set() or generation != self._generation:
                    return
            yield command

    def _can_print(self) -> bool:
        return not (self._on["paper_out"] or self._on["offline"])

    def _execute(self, command: Command, line: Line) -> None:
        with self._turn:
            before, kicks = self._paper.height, self._paper.kicks
            slip = self._paper.apply(command)
            moved = (slip.dots.height if slip else self._paper.height) - before
            if self._paper.kicks > kicks:
                self.kicks.append(self._clock.now_us())
            if slip is not None:
                self._keep(slip)
            self._use_paper(moved)
            speed = SLOW_MM_PER_SECOND if self._on["slow"] else self._mm_per_second
            self._turn.notify_all()
        if speed is not None and moved > 0:
            self._stopping.wait(moved / DOTS_PER_MM / speed)
        with self._turn:
            self._answer_in_turn(command, line)

    def _use_paper(self, dots: int) -> None:
        if self._paper_left_dots is None:
            return
        self._paper_left_dots -= dots
        if self._paper_left_dots <= 0:
            self._paper_left_dots = None
            self._on["paper_out"] = True
            self._report()

    def _answer_in_turn(self, command: Command, line: Line) -> None:
        """Give the answers that wait their turn in the buffer."""
        if command.name == "GS a":
            self._reports = command.args[0]
            self._report()
        elif command.name == "GS ( H" and command.data[:2] == b"00" and self.profile.confirms == "gs_h":
            self._answer(line, b"\x37\x22" + command.data[2:6] + b"\x00")
        elif command.name == "GS r":
            self._answer(line, b"\x00")
        elif command.name == "GS I":
            names = {65: b"1.0 ", 66: b"ORDERSPINE", 67: self.profile.name.encode()}
            name = names.get(command.args[0])
            self._answer(line, b"\x20" if name is None else b"\x5f" + name + b"\x00")

    def _keep(self, slip: Slip) -> None:
        kept = KeptSlip(
            slip.number, self._clock.now_us(), slip.png(), slip.text, tuple(slip.trace), slip.unknown
        )
        self._slips.append(kept)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f"slip-{slip.number:05d}"
            (self._folder / f"{name}.png").write_bytes(kept.png)
            trace = {"slip": slip.number, "text": slip.text, "unknown": slip.unknown, "trace": slip.trace}
            (self._folder / f"{name}.json").write_text(
                json.dumps(trace, ensure_ascii=False, indent=1), encoding="utf-8"
            )
