"""A virtual printer that lives: its works in a thread of their own, at the speed of a mechanism.

What the printer does is in `works`; here are the turns of the threads that share it, the pictures of the
slips that came out, and the switches that people and tests throw.
"""

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from printing.profiles import Profile
from printing.virtual.brands import Brand, brand_for
from printing.virtual.paper import Slip, as_png
from printing.virtual.works import CONDITIONS, Line, Works
from protocol.clock import Clock
from protocol.errors import NotFound

DOTS_PER_MM: Final = 8
SLOW_MM_PER_SECOND: Final = 15.0
LATE_SECONDS: Final = 8.0
SWITCHES: Final = (
    *CONDITIONS,
    "slow",
    "mute",
    "late_answers",
    "foreign_tokens",
    "report_storm",
    "nonsense",
    "half_open",
    "hang_up",
    "drop_connection",
)


@dataclass(frozen=True, slots=True)
class KeptSlip:
    """A slip as it is kept for looking at: its picture, its words and how it came to be."""

    number: int
    cut_at_us: int
    png: bytes
    text: str
    trace: tuple[dict[str, Any], ...]
    unknown: int


class _LateLine:
    """A connection whose answers come after a while, each in its turn."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def answer(self, data: bytes) -> None:
        """Send an answer later; the program need not wait for it when it ends."""
        later = threading.Timer(LATE_SECONDS, self._line.answer, (data,))
        later.daemon = True
        later.start()


class Machine:
    """The works of one printer. Threads: the mechanism's own, and the connections' that call in."""

    def __init__(
        self,
        profile: Profile,
        clock: Clock,
        *,
        brand: Brand | None = None,
        mm_per_second: float | None = None,
        keep_slips: int = 200,
        folder: Path | None = None,
    ) -> None:
        self.brand = brand or brand_for(profile)
        self.profile = self.brand.profile
        self.kicks: deque[int] = deque(maxlen=keep_slips)
        self._clock = clock
        self._mm_per_second = mm_per_second
        self._folder = folder
        self._slips: deque[KeptSlip] = deque(maxlen=keep_slips)
        self._works = Works(self.brand)
        self._on = dict.fromkeys(SWITCHES, False)
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

    @property
    def bytes_received(self) -> int:
        """Return how many bytes came in since the start."""
        return self._works.bytes_received

    @property
    def can_print(self) -> bool:
        """Tell whether the mechanism may move."""
        return self._works.can_print

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
            works = self._works
            works.mute, works.report_storm = self._on["mute"], self._on["report_storm"]
            works.foreign_tokens, works.nonsense = self._on["foreign_tokens"], self._on["nonsense"]
            if name in CONDITIONS:
                works.set(name, on=on)
            self._turn.notify_all()

    def is_on(self, name: str) -> bool:
        """Tell whether a fault is on; paper can also end by itself."""
        return self._works.on[name] if name in CONDITIONS else self._on[name]

    @property
    def cleared(self) -> int:
        """Return how often a sender let it drop what waited in its buffer."""
        return self._works.cleared

    def run_out_after(self, dots: int) -> None:
        """Let the roll end after so many more dots of paper."""
        with self._turn:
            self._works.paper_left_dots = dots

    def power_cycle(self) -> None:
        """Switch off and on: what waited is gone; half a slip stays where it hangs."""
        with self._turn:
            self._works.power_cycle()
            self._turn.notify_all()

    def tear_off(self) -> None:
        """Tear off what hangs out; it is kept like a slip."""
        with self._turn:
            if self._works.paper.has_ink:
                self._keep(self._works.paper.cut())
                self._turn.notify_all()

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
            paper = self._works.paper
            return (as_png(paper.growing()), paper.text_so_far) if paper.has_ink else None

    def wait_for(self, reached: Callable[[], bool], timeout_seconds: float) -> bool:
        """Wait until something is so; it is looked at again whenever the printer did something."""
        with self._turn:
            return self._turn.wait_for(reached, timeout_seconds)

    # -- what a connection does -----------------------------------------------------------------------

    def attach(self, line: Line) -> None:
        """Make a connection the one that answers and reports go to."""
        with self._turn:
            self._works.attach(line)

    def detach(self, line: Line) -> None:
        """Forget a connection that ended; what it sent is printed all the same."""
        with self._turn:
            self._works.detach(line)

    def receive(self, data: bytes, line: Line) -> None:
        """Take in bytes; blocks while the buffer is full."""
        heard = _LateLine(line) if self._on["late_answers"] else line
        with self._turn:
            self._turn.wait_for(
                lambda: self._works.buffered == 0 or self._works.room >= len(data) or self._stopping.is_set()
            )
            kicks = self._works.kicks
            self._works.receive(data, heard)
            self._count_kicks(kicks)
            self._turn.notify_all()

    def _count_kicks(self, before: int) -> None:
        self.kicks.extend([self._clock.now_us()] * (self._works.kicks - before))

    # -- the mechanism --------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._works.busy or self._stopping.is_set())
                if self._stopping.is_set():
                    return
                kicks = self._works.kicks
                moved, slip = self._works.step()
                self._count_kicks(kicks)
                if slip is not None:
                    self._keep(slip)
                speed = SLOW_MM_PER_SECOND if self._on["slow"] else self._mm_per_second
                self._turn.notify_all()
            if speed is not None and moved > 0:
                self._stopping.wait(moved / DOTS_PER_MM / speed)

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
