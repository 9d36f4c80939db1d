"""The workspace of one unit of work: what a batch of events needs, read at once and written at once.

Statement by statement the hub would spend six times as long on a batch. So every room keeps a small memory
here (`Room`): it reads what the batch will touch (`prepare`), the stages change it event by event, and at the
end it writes gathered rows (`flush`). A reader would get wrong that a stage may query: it may, but rows of
earlier events of the same batch are not in the database before `flush`; ask the room instead.

Another thing a reader would get wrong: what a stage records itself (`hub.spine.steps.record`) has its place
in the log at once, but its own stages run when everything before it in the log has run. So the stages always
follow the log's order, and tables that are made anew from it come out the same.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy.engine import Connection

from hub.database import HubUnit
from protocol.clock import MICROSECONDS, Clock
from protocol.ids import IdMaker
from protocol.orders import WireModel

HUB_EDGE: Final = "hub"
"""The name of the hub's own stream."""


@dataclass(slots=True)
class Applied:
    """One event that is being applied. `apply_order` is its place in the hub's log."""

    apply_order: int
    edge: str
    inc: str
    seq: int
    event_id: str
    kind: str
    v: int
    at_us: int
    arrived_us: int
    by: str
    device: str
    subjects: tuple[str, ...]
    body: Any
    """The typed body; stages are listed by kind, so each knows its model."""
    data: bytes
    hash: bytes
    results: dict[str, Any]
    """What one stage hands to a later one, such as the cost of what was sold."""


@dataclass(frozen=True, slots=True)
class Promising:
    """What is kept back of lent stock, and what fulfilling is taken to cost; see the settings."""

    safety_stock: int = 0
    company_threshold: int = 0
    ship_minor: tuple[tuple[str, int], ...] = (("express", 900), ("standard", 400))
    pick_line_minor: int = 60
    pick_unit_minor: int = 15
    warehouse_pick_line_minor: int = 25
    warehouse_pick_unit_minor: int = 8
    ready_minutes: int = 30
    kept_us: int = 7 * 24 * 3600 * MICROSECONDS
    """How long goods wait to be collected after they were promised."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the stages are told about the company."""

    entity: str = "main"
    zone: str = "Europe/London"
    currency: str = "GBP"
    till_tolerance_minor: int = 500
    markup_ppm: int = 0
    """What one entity adds to the cost of goods that it sells to another."""
    promising: Promising = Promising()


class Room(Protocol):
    """The memory of one room for one unit of work."""

    def __init__(self, work: "Work") -> None:
        """Begin empty."""

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Read what these events will touch, with few statements."""

    def flush(self) -> None:
        """Write what has gathered, and forget that it was to be written."""


class Post(Protocol):
    """Takes directives for the locations in the same transaction; the hub's outbox does."""

    def send_directive(
        self,
        unit: HubUnit,
        edge: str,
        body: WireModel,
        *,
        expires_us: int | None = None,
        subjects: Sequence[str] = (),
    ) -> int:
        """Number a directive and return its number; it leaves after COMMIT."""

    def withdraw(self, unit: HubUnit, edge: str, cseq: int) -> bool:
        """Take a directive back; False when it may have arrived."""


Stage = Callable[["Work", Applied], None]
R = TypeVar("R", bound=Room)


@dataclass(frozen=True, slots=True)
class Journey:
    """The table: which stages follow on which kind of event, and in which order the rooms write."""

    stages: Mapping[str, tuple[Stage, ...]]
    rooms: tuple[type[Room], ...]


class Work:
    """One unit of work at the hub."""

    def __init__(
        self,
        unit: HubUnit,
        *,
        clock: Clock,
        ids: IdMaker,
        journey: Journey,
        terms: Terms,
        hub_inc: str,
        rebuilding: bool = False,
    ) -> None:
        self.unit = unit
        self.post: Post | None = None
        """Where directives go; None while tables are made anew, when nothing may leave."""
        self.connection: Connection = unit.connection
        self.clock = clock
        self.ids = ids
        self.terms = terms
        self.hub_inc = hub_inc
        self.rebuilding = rebuilding
        """True while tables are made anew from the log: what the hub noticed then is in the log already."""
        self.topics: set[str] = set()
        """What open pages hear of once this is durable."""
        self._journey = journey
        self._rooms: dict[type[Room], Room] = {room: room(self) for room in journey.rooms}
        self._waiting: deque[Applied] = deque()
        self._running = False

    def room(self, kind: type[R]) -> R:
        """Return the memory of a room."""
        return self._rooms[kind]  # type: ignore[return-value]  # keyed by its own type

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Let every room read what these events will touch."""
        for room in self._rooms.values():
            room.prepare(batch)

    def dispatch(self, applied: Applied) -> None:
        """Run the stages of one event."""
        self._running = True
        try:
            for stage in self._journey.stages[applied.kind]:
                stage(self, applied)
        finally:
            self._running = False

    def follow(self, applied: Applied) -> None:
        """Run the stages of what the hub itself recorded: now, or once what stands before it has run."""
        self._waiting.append(applied)
        if not self._running:
            self.catch_up()

    def catch_up(self) -> None:
        """Run the stages of everything that was recorded meanwhile, in the log's order."""
        while self._waiting:
            self.dispatch(self._waiting.popleft())

    def knows(self, kind: str) -> bool:
        """Tell whether the journey has a row for this kind."""
        return kind in self._journey.stages

    def flush(self) -> None:
        """Write everything that has gathered, room by room."""
        self.catch_up()
        for room in self._rooms.values():
            room.flush()

    def forget(self) -> None:
        """Let go of the rooms once everything is durable: they know this, so they would wait for `gc`."""
        self._rooms.clear()


def chunks(keys: Iterable[Any], size: int = 2_000) -> Iterable[list[Any]]:
    """Cut keys into lists that fit into one statement, without repeats."""
    ready = list(dict.fromkeys(keys))
    return (ready[at : at + size] for at in range(0, len(ready), size))
