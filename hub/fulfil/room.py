"""Assignments as one unit of work changes them; written at its end, like the orders they belong to."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from hub.database import Lookup
from hub.fulfil.rows import assignment_lines, assignments, handovers, parcels
from hub.spine.bulk import Select, Upsert
from hub.spine.work import Applied, Work, chunks
from protocol import later
from protocol.fulfilment import Parcel
from protocol.lifecycles import AssignmentState

_ASSIGNMENTS: Final = Upsert(assignments)
_LINES: Final = Upsert(assignment_lines)
_PARCELS: Final = Upsert(parcels)
_HANDOVERS: Final = Upsert(handovers)
_HEADS_OF: Final = Select(sa.select(assignments), assignments.c.assignment_id)
_LINES_OF: Final = Select(
    sa.select(assignment_lines).order_by(assignment_lines.c.line_no), assignment_lines.c.assignment_id
)
_IDS_OF_ORDER: Final = Lookup(
    sa.select(assignments.c.assignment_id).where(assignments.c.order_id == sa.bindparam("of"))
)
_HANDOVER: Final = Lookup(sa.select(handovers).where(handovers.c.handover_id == sa.bindparam("of")))


@dataclass(slots=True)
class Line:
    """One line of an assignment."""

    sku: str
    name: str
    quantity: int
    picked: int = 0
    short: int = 0
    fulfilled: int = 0
    given_up: int = 0

    @property
    def open(self) -> int:
        """Units that are still to be expected from the location."""
        return max(0, self.quantity - self.short - self.fulfilled - self.given_up)


@dataclass(slots=True)
class Assignment:
    """The part of an order that one location fulfils."""

    assignment_id: str
    order_id: str
    number: str
    location: str
    state: AssignmentState
    own: bool = False
    kind: str = ""
    service: str = ""
    promise_class: str = ""
    due_us: int = 0
    keep_until_us: int = 0
    attempt: int = 0
    decision_id: str = ""
    cost_minor: int = 0
    picker: str = ""
    shelf: str = ""
    bags: int = 0
    reason: str = ""
    cancel_asked: bool = False
    reroute: bool = False
    created_us: int = 0
    heard_us: int = 0
    acknowledged_us: int | None = None
    accepted_us: int | None = None
    ready_us: int | None = None
    left_us: int | None = None
    ended_us: int | None = None
    version: int = 0
    written_off_us: int | None = None
    lines: dict[int, Line] = field(default_factory=dict)
    parcels: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def nothing_left(self) -> bool:
        """Tell whether nothing of it is open any more."""
        return not any(line.open for line in self.lines.values())


_COLUMNS: Final = tuple(column.name for column in assignments.columns)
_LINE_COLUMNS: Final = tuple(column.name for column in assignment_lines.columns)[2:]
_HANDOVER_COLUMNS: Final = tuple(column.name for column in handovers.columns)


class Assignments:
    """The assignments of one unit of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._known: dict[str, Assignment] = {}
        self._absent: set[str] = set()
        self._dirty: dict[str, Assignment] = {}
        self._handovers: dict[str, dict[str, Any]] = {}

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Read the assignments that these events speak of."""
        self._look_for([a.body.assignment_id for a in batch if isinstance(a.body, later.OnAssignment)])

    def _look_for(self, ids: Iterable[str]) -> None:
        unknown = sorted({each for each in ids if each not in self._known and each not in self._absent})
        connection = self._work.connection
        for some in chunks(unknown):
            heads = _HEADS_OF.run(connection, some)
            if not heads:
                continue
            for row in heads:
                values = dict(zip(_COLUMNS, row, strict=True))
                values["state"] = AssignmentState(row.state)
                self._known[row.assignment_id] = Assignment(**values)
            for row in _LINES_OF.run(connection, [row.assignment_id for row in heads]):
                self._known[row.assignment_id].lines[row.line_no] = Line(*tuple(row)[2:])
        self._absent |= set(unknown) - self._known.keys()

    def get(self, assignment_id: str) -> Assignment | None:
        """Return an assignment as it stands in this unit of work; None when nobody told of it."""
        self._look_for((assignment_id,))
        return self._known.get(assignment_id)

    def of_order(self, order_id: str) -> list[Assignment]:
        """Return the assignments of an order, in the order in which they were made."""
        ids = set(_IDS_OF_ORDER.scalars(self._work.connection, of=order_id))
        ids |= {each.assignment_id for each in self._known.values() if each.order_id == order_id}
        self._look_for(ids)
        return sorted(
            (self._known[each] for each in ids), key=lambda each: (each.created_us, each.assignment_id)
        )

    def add(self, assignment: Assignment) -> None:
        """Add one."""
        self._absent.discard(assignment.assignment_id)
        self._known[assignment.assignment_id] = assignment
        self.touch(assignment)

    def touch(self, assignment: Assignment) -> None:
        """Note that it has to be written."""
        self._dirty[assignment.assignment_id] = assignment

    def pack(self, assignment: Assignment, packed: Sequence[Parcel], shipped_us: int | None = None) -> None:
        """Note its parcels or bags."""
        for parcel in packed:
            assignment.parcels[parcel.parcel_no] = (
                assignment.assignment_id,
                parcel.parcel_no,
                parcel.parcel_id,
                parcel.weight_g,
                json.dumps([line.model_dump(mode="json") for line in parcel.lines]),
                parcel.carrier,
                parcel.service,
                parcel.tracking,
                shipped_us,
                "",
            )
        self.touch(assignment)

    def hand_over(self, applied: Applied) -> None:
        """Note a handover."""
        body: later.AssignmentHandedOver = applied.body
        self._handovers[body.handover_id] = {
            "handover_id": body.handover_id,
            "assignment_id": body.assignment_id,
            "order_id": body.order_id,
            "location": applied.edge,
            "lines": json.dumps([line.model_dump(mode="json") for line in body.lines]),
            "verified": body.verified.value,
            "proxy": body.proxy,
            "rest": body.rest,
            "at_us": applied.at_us,
            "by": applied.by,
            "undone_us": None,
            "undone_why": "",
        }

    def undo(self, applied: Applied) -> None:
        """Note that a handover was taken back; one that nobody told of is not made up."""
        body: later.HandoverUndone = applied.body
        known = self._handovers.get(body.handover_id)
        if known is None:
            row = _HANDOVER.first(self._work.connection, of=body.handover_id)
            if row is None:
                return
            known = dict(zip(_HANDOVER_COLUMNS, row, strict=True))
            self._handovers[body.handover_id] = known
        known["undone_us"], known["undone_why"] = applied.at_us, body.reason

    def flush(self) -> None:
        """Write what changed."""
        connection = self._work.connection
        dirty, self._dirty = list(self._dirty.values()), {}
        _ASSIGNMENTS.run(
            connection, [tuple(_value(getattr(each, name)) for name in _COLUMNS) for each in dirty]
        )
        _LINES.run(
            connection,
            [
                (each.assignment_id, line_no, *(getattr(line, name) for name in _LINE_COLUMNS))
                for each in dirty
                for line_no, line in each.lines.items()
            ],
        )
        _PARCELS.run(connection, [row for each in dirty for row in each.parcels.values()])
        for each in dirty:
            each.parcels.clear()
        changed, self._handovers = list(self._handovers.values()), {}
        _HANDOVERS.run(connection, [tuple(row[name] for name in _HANDOVER_COLUMNS) for row in changed])


def _value(value: Any) -> Any:
    return value.value if isinstance(value, AssignmentState) else value
