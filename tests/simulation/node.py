"""One machine: its files, its clock, its line, and the process that runs on it from time to time.

A process may die at any boundary of a commit (`fuse`), or between two things it does. What is in memory is
gone then; what is in the files depends on whether the power went too. The machine keeps its clock, and
nobody keeps ids: they are never made twice.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from protocol.errors import OrderspineError, Unavailable
from protocol.kit.sqlite import Connection, OperationalError, connect, sqlite3
from protocol.kit.writer import Store
from tests.simulation.clock import SimClock, SimIds
from tests.simulation.disk import Copy, Disk
from tests.simulation.network import QUICK, Line, Network, SimSession
from tests.simulation.options import Options
from tests.simulation.schedule import SECOND, Schedule
from tests.simulation.seams import building, child
from tests.simulation.tally import Tally
from tests.simulation.writer import Crash


@dataclass(frozen=True, slots=True)
class Template:
    """Empty databases with today's schema, made once for all runs."""

    edge: Path
    hub: Path
    again: Path
    """Another empty hub, into which the tables are made anew from the log."""


class Place(Protocol):
    """The world, as a machine sees it."""

    schedule: Schedule
    net: Network
    options: Options
    tally: Tally
    folder: Path
    template: Template

    numbers: dict[str, str]
    """Every number that a client was told, with the machine that printed it."""

    @property
    def edges(self) -> Sequence["Node"]:
        """Every store and every copy of one."""

    def changed(self, node: "Node") -> None:
        """A machine has committed something."""

    def crashed(self, crash: Crash) -> None:
        """A process has died."""

    def ask_later(self, node: "Node", command: "Command", delay: float) -> None:
        """Let a client ask a machine for something after a while."""

    def failed(self, what: str) -> None:
        """Something is not as it must be."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a client asks of a machine, under a key, so that it may ask again when it heard no answer."""

    name: str
    key: str
    step: Callable[[Any, Any], Any]
    """(unit, edge) -> (answer, is new) at a store; (None, hub) -> answer at the hub."""
    said: Callable[[Any], str] = str
    """What the client wrote down; the same again must be answered the same."""
    learned: Callable[[Any], None] = lambda _answer: None
    repeatable: bool = True


@dataclass
class Backup:
    """A copy of a machine's database, taken while it ran."""

    copy: Copy
    at: int
    memory: Any = None
    """What the one who checks knew at that moment."""


@dataclass
class Fuse:
    """When a process dies: after so many boundaries."""

    boundaries: int
    power: bool


class Node(ABC):
    """A machine with one database."""

    def __init__(self, world: Place, name: str, template: Path, rng: random.Random) -> None:
        options = world.options
        self.world, self.name, self.rng = world, name, child(rng)
        self.folder = world.folder / name
        self.disk = Disk(self.folder / template.name, template)
        self.clock = SimClock(
            world.schedule,
            offset_us=self.rng.randint(-options.offset_seconds, options.offset_seconds) * SECOND,
            drift_ppm=self.rng.randint(-options.drift_ppm, options.drift_ppm),
        )
        self.ids = SimIds(self.clock, child(rng))
        self.line = Line()
        self.life = 0
        self.program: Any = None
        self.starting = False
        self.session: SimSession | None = None
        self.fuse: Fuse | None = None
        self.backups: list[Backup] = []
        self.answers: dict[str, str] = {}
        self.unsure: list[Command] = []
        self._turn_due = False
        self._audit: Connection | None = None
        self._other: Connection | None = None
        """That of another program, while it runs beside this process."""

    # --- what the writer tells ---

    def opened(self, store: Store[Any]) -> None:
        """The writer has opened the file."""
        self.disk.opened(self.synchronous_of(store))

    def boundary(self) -> None:
        """Die here, if it is time to."""
        if self.fuse is None:
            return
        self.fuse.boundaries -= 1
        if self.fuse.boundaries < 0:
            power, self.fuse = self.fuse.power, None
            raise Crash(self, power=power, left=self.disk.freeze())

    def begun(self, store: Store[Any]) -> None:
        """Let another program, such as the command line, try to write in the middle of a transaction.

        The writer has read something by then. A transaction that took the write lock at its beginning turns
        the other away; one that did not is refused its own writing afterwards.
        """
        share = self.world.options.intruder
        if not share or self.world.net.calm or self.rng.random() >= share:
            return
        self.world.tally.fault("another program writes")
        self.read_something(store)
        if self._other is None:
            self._other = sqlite3.connect(str(self.disk.file), timeout=0, isolation_level=None)
        with suppress(OperationalError):
            self._other.execute(
                f"INSERT INTO {self.own_table} (key, value) VALUES ('other program', 1)"
                " ON CONFLICT (key) DO UPDATE SET value = value + 1"
            )

    def committed(self) -> None:
        """Something was committed."""
        self.disk.committed()
        self.world.tally.commits += 1
        self.world.changed(self)

    # --- the life of the process ---

    def start(self) -> None:
        """Start the process on what the files hold."""
        self.life += 1
        self._turn_due = False
        self.starting = True
        with building(self):
            self.open()
        self.starting = False
        self._audit = connect(self.disk.file, read_only=True)
        self._audit.row_factory = None  # plain tuples, which compare and unpack without a copy
        self._beat()

    def die(self, *, power: bool, left: Copy | None = None) -> None:
        """End the process as a kill or a loss of power does, perhaps while it starts."""
        copy = left or self.disk.freeze()
        self._end(at_once=not power)
        self.disk.forget()
        self.abandon()
        self.disk.put_back(self.disk.after_power_loss(copy, self.rng) if power else copy)

    def stop(self) -> None:
        """End the process in order."""
        self.goodbye()
        self._end(at_once=True)
        self.close()

    def restore(self, backup: Backup) -> None:
        """Put an old copy of the database in place of what is there; the process must not run."""
        self.disk.put_back(backup.copy)
        self.fuse = None

    def back_up(self, memory: Any = None) -> None:
        """Keep a copy of the database as it is."""
        if self.program is not None:
            self.backups.append(Backup(self.disk.freeze(), self.world.schedule.now, memory))

    def _end(self, *, at_once: bool) -> None:
        self.life += 1
        self.fuse = None
        if self.session is not None:
            self.world.net.died(self.session, at_once=at_once)
        self.session = None
        self.program = None
        self.starting = False
        for beside in (self._audit, self._other):
            if beside is not None:
                beside.close()
        self._audit = self._other = None
        self.disk.closed()

    # --- time ---

    def later(self, delay: float, what: str, act: Callable[[], bool | None]) -> None:
        """Do something in `delay` microseconds, unless this process has ended by then."""
        life = self.life

        def still() -> bool | None:
            return act() if self.life == life else False

        self.world.schedule.after(delay, f"{self.name} {what}", still)

    def wake(self) -> None:
        """Let the link's loop run once, soon."""
        if self._turn_due or self.program is None:
            return
        self._turn_due = True
        options = self.world.options
        slow = options.slow and not self.world.net.calm and self.rng.random() < options.slow
        self.later(self.rng.randrange(2 * SECOND) if slow else QUICK / 2, "turns", self._turn)

    def _beat(self) -> None:
        """Let the link's loop run now and then, as its own short wait does."""
        self.later(self.world.options.tick_ms * 1_000, "ticks", self._beat_once)

    def _beat_once(self) -> bool | None:
        self._beat()
        return False if self._turn_due else self._turn()

    def _turn(self) -> bool | None:
        self._turn_due = False
        self.turn()
        return None

    # --- what people ask ---

    def ask(self, commands: Sequence[Command]) -> None:
        """Ask for several things that share one commit; remember what is answered and what is not."""
        self.unsure.extend(commands)
        for command, answer in zip(commands, self.run(commands), strict=True):
            self.unsure.remove(command)
            self._answered(command, answer)

    def _answered(self, command: Command, answer: Any) -> None:
        tally = self.world.tally
        if isinstance(answer, OrderspineError) and not isinstance(answer, Unavailable):
            tally.refused[f"{command.name}: {answer.reason}"] += 1
            return
        if isinstance(answer, BaseException):
            self.world.failed(f"{self.name} could not do {command.name}: {type(answer).__name__}: {answer}")
            return
        said = command.said(answer)
        before = self.answers.get(command.key)
        if before is None:
            tally.commands[command.name] += 1
            self.answers[command.key] = said
            command.learned(answer)
        elif before != said:
            self.world.failed(f"{self.name} answered {command.name} with {before}, then with {said}")
        self.told()

    @property
    def runs(self) -> bool:
        """Whether there is a process, perhaps one that has only begun to start."""
        return self.starting or self.program is not None

    @property
    def audit(self) -> Connection:
        """A connection for whoever checks; only while the process runs."""
        assert self._audit is not None
        return self._audit

    # --- what a store and the hub do each in its own way ---

    own_table = "meta"
    """Where a machine keeps facts about itself."""

    @abstractmethod
    def read_something(self, store: Store[Any]) -> None:
        """Read on the writing connection, as nearly every step does first."""

    @abstractmethod
    def synchronous_of(self, store: Store[Any]) -> int:
        """Return how the writing connection waits for the disk."""

    @abstractmethod
    def open(self) -> None:
        """Build the program on the files."""

    @abstractmethod
    def close(self) -> None:
        """Close the files in order."""

    @abstractmethod
    def abandon(self) -> None:
        """Let go of the files without a last word."""

    @abstractmethod
    def goodbye(self) -> None:
        """Say on the wire that this process ends."""

    @abstractmethod
    def turn(self) -> None:
        """Run the body of the link's loop once."""

    @abstractmethod
    def run(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands and return their answers or their refusals."""

    @abstractmethod
    def told(self) -> None:
        """A client has been told something: remember up to where it must never be lost."""


Move = tuple[str, str, str, int]
"""(SKU, from, to, units)."""


@dataclass
class Chain:
    """The history of one life of a store's stream, as it was told; number n has the hash `heads[n]`."""

    edge: str
    inc: str
    heads: list[str] = field(default_factory=list)
    told: int = 0
    """Up to here a client was told, or the hub was; it must never be missing again."""
    moves: list[tuple[Move, ...]] = field(default_factory=lambda: [()])
    """The movements of each number."""
    carried: list[tuple[Move, ...]] = field(default_factory=list)
    """Those of the first numbers, which were told anew from the life before."""

    def copy(self, *, told: int = 0) -> "Chain":
        """Return another history with the same past."""
        return Chain(self.edge, self.inc, list(self.heads), told, list(self.moves), self.carried)

    def cut(self, newest: int) -> None:
        """Forget what nobody was told and a crash has taken."""
        del self.heads[newest + 1 :], self.moves[newest + 1 :]
