"""The line between a queue and its printer, in simulated time: bytes and answers under way, and what breaks.

Nothing here waits. Whoever waits in the product (an exchange, an idle queue) moves the clock, and the printer
does meanwhile what it would have done: reads what arrived, prints at its speed, answers.
"""

import random
from collections import deque
from dataclasses import dataclass, field

from printing.virtual.brands import Brand
from printing.virtual.machine import DOTS_PER_MM
from printing.virtual.paper import Slip
from printing.virtual.works import CONDITIONS, Works
from protocol.errors import PrinterUnavailable
from tests.simulation.paper.plan import Fault, Plan

TICK_SECONDS = 0.0005
KERNEL_BYTES = 16 * 1024
SLOW = 12.0


class Crash(BaseException):
    """The program was killed here."""


@dataclass
class SimClock:
    """Seconds since the start of a run; both clocks are one."""

    at: float = 0.0

    def now_us(self) -> int:
        return int(self.at * 1_000_000)

    def monotonic(self) -> float:
        return self.at


class SimLink:
    """One connection. What was accepted from a program that died is still delivered, as kernels do."""

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench
        self.dead = False
        self.ended = False
        self.heard: deque[tuple[float, bytes]] = deque()

    def answer(self, data: bytes) -> None:
        """Take an answer of the printer on its way back."""
        if not self.dead:
            self.heard.append((self._bench.clock.at + self._bench.answer_delay, data))

    def exchange(self, out: bytes, timeout_seconds: float) -> tuple[int, bytes]:
        bench = self._bench
        bench.point("chunk")
        until = bench.clock.at + timeout_seconds
        while True:
            if self.dead:
                raise lost()
            data = self._arrived()
            if data:
                bench.point("answer")
            if self.ended and not data:
                raise lost()
            sent = bench.accept(out, self)
            if sent or data or bench.clock.at >= until:
                bench.pass_until(bench.clock.at + TICK_SECONDS)
                return sent, data
            bench.pass_until(min(until, bench.next_event()))

    def _arrived(self) -> bytes:
        data = b""
        while self.heard and self.heard[0][0] <= self._bench.clock.at:
            data += self.heard.popleft()[1]
        return data

    def close(self) -> None:
        """End the connection from this side; what was accepted goes on its way."""
        self.dead = True
        self._bench.works.detach(self)


def lost() -> PrinterUnavailable:
    """Return what a broken connection raises."""
    return PrinterUnavailable("The connection to the printer was lost.", "Look at it.", code="link_lost")


@dataclass
class Bench:
    """One printer, its line, and the faults that a plan strikes it with."""

    plan: Plan
    brand: Brand
    rng: random.Random
    clock: SimClock = field(default_factory=SimClock)

    def __post_init__(self) -> None:
        self.works = Works(self.brand)
        self.slips: list[Slip] = []
        self.points: dict[str, int] = {}
        self.crash_at = self.plan.crash
        self.commands = 0
        self.answer_delay = 0.0
        self.struck: list[Fault] = list(self.plan.faults)
        self._healing: list[tuple[float, Fault]] = []
        self._inbound: deque[tuple[SimLink, bytes]] = deque()
        self._queued = 0
        self._free_at = 0.0
        self._slow = False
        self._reads = True
        self._reachable = True
        self._links: list[SimLink] = []

    # -- transport ----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return "10.0.0.9:9100"

    def connect(self, _timeout_seconds: float) -> SimLink:
        self.pass_until(self.clock.at + TICK_SECONDS)
        if not self._reachable:
            self.pass_until(self.clock.at + 1.0)
            raise PrinterUnavailable("It cannot be reached.", "Look at it.", code="unreachable")
        link = SimLink(self)
        self._links.append(link)
        self.works.attach(link)
        return link

    def accept(self, out: bytes, link: SimLink) -> int:
        """Take bytes into the kernel's buffers, as many as fit."""
        taken = out[: max(KERNEL_BYTES - self._queued, 0)]
        if taken:
            self._inbound.append((link, taken))
            self._queued += len(taken)
        return len(taken)

    # -- crashes ------------------------------------------------------------------------------------

    def point(self, kind: str) -> None:
        """Die here when the plan says so."""
        self.points[kind] = self.points.get(kind, 0) + 1
        if self.crash_at == (kind, self.points[kind]):
            self.crash_at = None
            raise Crash

    # -- time ---------------------------------------------------------------------------------------

    def next_event(self) -> float:
        """Return when something may happen by itself; answers that are there already are no event."""
        times = [at for at, _fault in self._healing]
        times += [
            link.heard[0][0]
            for link in self._links
            if not link.dead and link.heard and link.heard[0][0] > self.clock.at
        ]
        if self.works.busy or (self._inbound and self._reads and self.works.room > 0):
            times.append(self._free_at)
        times += [fault.when for fault in self.struck if fault.unit == "seconds"]
        return max(min(times, default=self.clock.at + 10.0), self.clock.at + TICK_SECONDS)

    def pass_until(self, until: float) -> None:
        """Let time pass; the printer works meanwhile."""
        while True:
            self._strike()
            self._heal()
            self._read()
            if self.works.busy and self._free_at <= self.clock.at:
                self._work()
                continue
            at = min(self.next_event(), until)
            if at >= until:
                self.clock.at = max(self.clock.at, until)
                self._heal()
                self._read()
                return
            self.clock.at = at

    def _work(self) -> None:
        moved, slip = self.works.step()
        self.commands += 1
        if slip is not None:
            self.slips.append(slip)
        speed = SLOW if self._slow else self.brand.mm_per_second
        self._free_at = max(self._free_at, self.clock.at) + moved / DOTS_PER_MM / speed

    def _read(self) -> None:
        while self._inbound and self._reads:
            link, data = self._inbound[0]
            room = self.works.room
            if room <= 0:
                return
            self._inbound.popleft()
            now, rest = data[:room], data[room:]
            if rest:
                self._inbound.appendleft((link, rest))
            self._queued -= len(now)
            self.works.receive(now, link)
            self._strike()

    # -- faults -------------------------------------------------------------------------------------

    def _strike(self) -> None:
        counts = {
            "bytes": self.works.bytes_received,
            "commands": self.commands,
            "seconds": self.clock.at,
            "dots": self.works.paper.height,
        }
        for fault in [each for each in self.struck if counts[each.unit] >= each.when]:
            self.struck.remove(fault)
            self._set(fault.kind, on=True)
            self._healing.append((self.clock.at + fault.seconds, fault))

    def _heal(self) -> None:
        for at, fault in [each for each in self._healing if each[0] <= self.clock.at]:
            self._healing.remove((at, fault))
            self._set(fault.kind, on=False)

    @property
    def quiet(self) -> bool:
        """Tell whether every fault has come and gone and nothing is under way."""
        return not (self._healing or self._inbound or self.works.busy)

    def _set(self, kind: str, *, on: bool) -> None:
        works = self.works
        if kind in CONDITIONS:
            works.set(kind, on=on)
        elif kind == "slow":
            self._slow = on
        elif kind == "half_open":
            self._reads = not on
        elif kind == "answers_lost":
            works.mute = on
        elif kind == "answers_late":
            self.answer_delay = 7.0 if on else 0.0
        elif kind == "foreign_token":
            works.foreign_tokens = on
        elif kind == "report_storm":
            works.report_storm = on
        elif kind == "nonsense" and on:
            self._babble()
        elif kind in {"reset", "hang_up", "power_cycle", "unplugged"}:
            self._break(kind, on=on)

    def _babble(self) -> None:
        for link in self._links:
            if not link.dead:
                link.answer(self.rng.randbytes(self.rng.randint(1, 60)))

    def _break(self, kind: str, *, on: bool) -> None:
        if kind in {"power_cycle", "unplugged"}:
            self._reachable = not on
        if not on:
            return
        if kind == "power_cycle":
            self.works.power_cycle()
        if kind != "hang_up":
            self._inbound.clear()
            self._queued = 0
        for link in self._links:
            if kind == "hang_up":
                link.ended = True
            else:
                link.dead = True
            self.works.detach(link)
