"""Assignments, their lines, parcels, handovers and manifests, as they are read. Nothing here writes."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.fulfil.rules import Line
from protocol.envelope import decode_event, read_body
from protocol.fulfilment import FulfilKind, Promise, UnitsLine
from protocol.kit.sqlite import Connection
from protocol.later import AssignmentChanged
from protocol.lifecycles import AssignmentState

_DUE: Final = (
    "min(due_minor, coalesce((SELECT o.total_minor - o.cancelled_minor - o.paid_minor + o.refunded_minor"
    " FROM later_orders o WHERE o.order_id = assignments.order_id), due_minor))"
)
"""What the hub says is due may be older than what was paid here: of its own orders a store knows better.

The other way round an older hub amends what is due and tells of nothing else. Neither says less than is due:
what the hub has not heard yet only lowers it.
"""
_HEAD: Final = (
    "assignment_id, order_id, number, origin, channel, currency, kind, state, promise, due_us, keep_until_us,"
    f" service, contact_id, pickup_code, note, gift, {_DUE}, arrived_us, accepted_us, list_id, picker,"
    " shelf, bags, staged_us, cancel_asked, cancel_reason, ended_how"
)
_LINE: Final = (
    "line_no, sku, name, quantity, substitutes, lent, bound, picked_lent, picked_bound, fulfilled, short,"
    " given_up"
)
_OPEN: Final = "state IN ('acknowledged', 'picking', 'picked', 'packed', 'ready')"
CHANGES_AMONG: Final = 20_000
"""Events; more than a week of a busy store."""
WORK_LIMIT: Final = 500
"""More open work than a store can look at; the list is by promise, so what is left out is due last."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The part of an order that this store fulfils, as it stands."""

    assignment_id: str
    order_id: str
    number: str
    origin: str
    channel: str
    currency: str
    kind: FulfilKind
    state: AssignmentState
    promise: Promise
    due_us: int
    keep_until_us: int
    service: str
    contact_id: str
    pickup_code: str
    note: str
    gift: bool
    due_minor: int
    """Below nothing when more was paid than is owed; a handover waits while it is above."""
    arrived_us: int
    accepted_us: int
    list_id: str
    picker: str
    shelf: str
    bags: int
    staged_us: int
    cancel_asked: bool
    cancel_reason: str
    ended_how: str


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """One parcel, or one bag."""

    parcel_id: str
    assignment_id: str
    parcel_no: int
    weight_g: int
    lines: tuple[UnitsLine, ...]
    carrier: str
    service: str
    tracking: str
    manifest: str
    shipped_us: int


@dataclass(frozen=True, slots=True)
class HandoverRow:
    """One handover, undone or not."""

    handover_id: str
    assignment_id: str
    order_id: str
    seq: int
    at_us: int
    by: str
    verified: str
    proxy: bool
    lines: tuple[UnitsLine, ...]
    undone_us: int


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One manifest."""

    manifest_id: str
    number: str
    carrier: str
    seq: int
    at_us: int
    by: str
    parcels: int


def _assignment(row: Any) -> Assignment:
    values = list(row)
    values[6], values[7] = FulfilKind(values[6]), AssignmentState(values[7])
    values[8] = Promise.model_validate_json(values[8])
    values[15], values[24] = bool(values[15]), bool(values[24])
    return Assignment(*values)


def find(connection: Connection, assignment_id: str) -> Assignment | None:
    """Return one assignment."""
    row = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE assignment_id = ?", (assignment_id,)
    ).fetchone()
    return _assignment(row) if row else None


def of_order(connection: Connection, order_id: str) -> list[Assignment]:
    """Return the assignments of an order here, the oldest first."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE order_id = ? ORDER BY arrived_us, assignment_id", (order_id,)
    )
    return [_assignment(row) for row in rows]


def of_number(connection: Connection, number: str) -> list[Assignment]:
    """Return the assignments of an order by its printed number, the oldest first."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE number = ? ORDER BY arrived_us, assignment_id", (number,)
    )
    return [_assignment(row) for row in rows]


def of_contact(connection: Connection, contact_id: str, limit: int) -> list[Assignment]:
    """Return the assignments of a customer, the newest first."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE contact_id = ? AND contact_id <> ''"
        " ORDER BY arrived_us DESC LIMIT ?",
        (contact_id, limit),
    )
    return [_assignment(row) for row in rows]


def ending_with(connection: Connection, digits: str, limit: int) -> list[Assignment]:
    """Return assignments by the last digits of their order's number, looked for in the newest 20,000."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM (SELECT * FROM assignments ORDER BY arrived_us DESC LIMIT 20000)"
        " AS assignments"
        " WHERE substr(number, -length(?)) = ? ORDER BY arrived_us DESC LIMIT ?",
        (digits, digits, limit),
    )
    return [_assignment(row) for row in rows]


def work(connection: Connection, *, limit: int = WORK_LIMIT, kind: str = "") -> list[Assignment]:
    """Return what this store owes, by promise."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE {_OPEN} AND (? = '' OR kind = ?)"
        " ORDER BY due_us, arrived_us, assignment_id LIMIT ?",
        (kind, kind, limit),
    )
    return [_assignment(row) for row in rows]


def without_contact(connection: Connection) -> list[str]:
    """Return the customers of open assignments of whom nothing is known here."""
    rows = connection.execute(
        f"SELECT DISTINCT contact_id FROM assignments WHERE {_OPEN} AND contact_id <> ''"
        " AND contact_id NOT IN (SELECT contact_id FROM contacts) ORDER BY contact_id"
    )
    return [row[0] for row in rows]


def to_pick(connection: Connection, *, due_before_us: int, limit: int) -> list[Assignment]:
    """Return assignments that nobody has begun, by promise: what a wave takes along."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE state = 'acknowledged' AND due_us <= ? AND cancel_asked = 0"
        " AND assignment_id NOT IN (SELECT assignment_id FROM device_holds)"
        " ORDER BY due_us, arrived_us, assignment_id LIMIT ?",
        (due_before_us, limit),
    )
    return [_assignment(row) for row in rows]


def ended_lately(connection: Connection, *, limit: int) -> list[Assignment]:
    """Return what is done with, the newest first: for a desk that was just wrong about something."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE NOT {_OPEN} ORDER BY arrived_us DESC LIMIT ?", (limit,)
    )
    return [_assignment(row) for row in rows]


def lines_of(connection: Connection, assignment_id: str) -> tuple[Line, ...]:
    """Return the lines of one assignment."""
    rows = connection.execute(
        f"SELECT {_LINE} FROM assignment_lines WHERE assignment_id = ? ORDER BY line_no", (assignment_id,)
    )
    return tuple(_line(row) for row in rows)


def lines_of_all(connection: Connection, assignment_ids: Iterable[str]) -> dict[str, tuple[Line, ...]]:
    """Return the lines of several assignments."""
    return {each: lines_of(connection, each) for each in assignment_ids}


def _line(row: Any) -> Line:
    values = list(row)
    values[4] = bool(values[4])
    return Line(*values)


_PARCEL: Final = (
    "parcel_id, assignment_id, parcel_no, weight_g, lines, carrier, service, tracking, manifest, shipped_us"
)


def _units(text: str) -> tuple[UnitsLine, ...]:
    return tuple(UnitsLine.model_validate(line) for line in json.loads(text))


def _parcel(row: Any) -> ParcelRow:
    values = list(row)
    values[4] = _units(values[4])
    return ParcelRow(*values)


def parcels_of(connection: Connection, assignment_id: str) -> tuple[ParcelRow, ...]:
    """Return the parcels of one assignment."""
    rows = connection.execute(
        f"SELECT {_PARCEL} FROM parcels WHERE assignment_id = ? ORDER BY parcel_no", (assignment_id,)
    )
    return tuple(_parcel(row) for row in rows)


def find_parcel(connection: Connection, parcel_id: str) -> ParcelRow | None:
    """Return one parcel by the number on its label, or by its tracking number."""
    for column in ("parcel_id", "tracking"):
        row = connection.execute(
            f"SELECT {_PARCEL} FROM parcels WHERE {column} = ? AND {column} <> ''", (parcel_id,)
        ).fetchone()
        if row is not None:
            return _parcel(row)
    return None


def leaving(connection: Connection, carrier: str = "") -> tuple[ParcelRow, ...]:
    """Return parcels that have left and stand on no manifest yet."""
    rows = connection.execute(
        f"SELECT {_PARCEL} FROM parcels WHERE shipped_us > 0 AND manifest = '' AND (? = '' OR carrier = ?)"
        " ORDER BY shipped_us, parcel_id LIMIT 2000",
        (carrier, carrier),
    )
    return tuple(_parcel(row) for row in rows)


_HANDOVER: Final = "handover_id, assignment_id, order_id, seq, at_us, by, verified, proxy, lines, undone_us"


def _handover(row: Any) -> HandoverRow:
    values = list(row)
    values[7], values[8] = bool(values[7]), _units(values[8])
    return HandoverRow(*values)


def handovers_of(connection: Connection, assignment_id: str) -> tuple[HandoverRow, ...]:
    """Return what was handed over of one assignment, the oldest first."""
    rows = connection.execute(
        f"SELECT {_HANDOVER} FROM handovers WHERE assignment_id = ? ORDER BY seq", (assignment_id,)
    )
    return tuple(_handover(row) for row in rows)


def find_handover(connection: Connection, handover_id: str) -> HandoverRow | None:
    """Return one handover."""
    row = connection.execute(
        f"SELECT {_HANDOVER} FROM handovers WHERE handover_id = ?", (handover_id,)
    ).fetchone()
    return _handover(row) if row else None


def find_manifest(connection: Connection, number: str) -> ManifestRow | None:
    """Return one manifest by its number."""
    row = connection.execute(
        "SELECT manifest_id, number, carrier, seq, at_us, by, parcels FROM manifests WHERE number = ?",
        (number,),
    ).fetchone()
    return ManifestRow(*row) if row else None


def changes_of(connection: Connection, assignment_id: str) -> list[tuple[int, AssignmentChanged]]:
    """Return (when, what) of every change of an assignment that is among the newest events, the oldest first.

    What was changed longer ago was fetched long ago; nobody looks for it on a screen of work.
    """
    rows = connection.execute(
        "SELECT at_us, bytes FROM events WHERE kind = 'assignment.changed'"
        " AND seq > (SELECT coalesce(max(seq), 0) - ? FROM events) ORDER BY seq",
        (CHANGES_AMONG,),
    )
    found = []
    for at_us, data in rows:
        body = read_body(decode_event(bytes(data)))
        if isinstance(body, AssignmentChanged) and body.assignment_id == assignment_id:
            found.append((int(at_us), body))
    return found


def shelves(connection: Connection) -> list[tuple[str, str, int]]:
    """Return (shelf, order number, bags) of everything that waits on a shelf."""
    rows = connection.execute(
        "SELECT shelf, number, bags FROM assignments WHERE state = 'ready' AND shelf <> ''"
        " ORDER BY shelf, due_us"
    )
    return [(row[0], row[1], row[2]) for row in rows]


def at_risk(connection: Connection, sku: str) -> list[tuple[str, str, int, int]]:
    """Return (assignment, order number, units, due) of open promises of a SKU that are not picked yet.

    The least urgent first: it is the one that there is still time to mend.
    """
    rows = connection.execute(
        "SELECT a.assignment_id, a.number, l.lent + l.bound - l.picked_lent - l.picked_bound, a.due_us"
        " FROM assignment_lines l JOIN assignments a USING (assignment_id)"
        f" WHERE l.sku = ? AND l.lent + l.bound > 0 AND a.{_OPEN}"
        " AND l.lent + l.bound > l.picked_lent + l.picked_bound ORDER BY a.due_us DESC, a.assignment_id",
        (sku,),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def promised_skus(connection: Connection, skus: Iterable[str]) -> tuple[str, ...]:
    """Return those of some SKUs that are promised in an open assignment."""
    wanted = tuple(dict.fromkeys(skus))
    if connection.execute("SELECT 1 FROM assignment_lines WHERE lent + bound > 0 LIMIT 1").fetchone() is None:
        return ()  # the ordinary case of a sale costs one look into an empty index
    return tuple(
        sku
        for sku in wanted
        if connection.execute(
            "SELECT 1 FROM assignment_lines WHERE sku = ? AND lent + bound > 0", (sku,)
        ).fetchone()
        is not None
    )


def unpaid_too_long(connection: Connection, now_us: int, keep_days_us: int) -> list[Assignment]:
    """Return orders of this store that nobody has in hand, paid anything for, or came for in time.

    The hub says of its orders only what is still due, so nobody here can tell whether some of one was paid:
    they stay, and so does one of this store of which the hub says that less is due than it has counted.
    """
    rows = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE origin = 'own' AND kind = 'collect'"
        " AND state IN ('acknowledged', 'picked', 'packed', 'ready')"
        " AND CASE WHEN keep_until_us > 0 THEN keep_until_us WHEN staged_us > 0 THEN staged_us + ?1 END < ?2"
        " AND EXISTS (SELECT 1 FROM later_orders o WHERE o.order_id = assignments.order_id"
        " AND o.paid_minor <= o.refunded_minor AND o.total_minor > o.cancelled_minor"
        " AND assignments.due_minor >= o.total_minor - o.cancelled_minor)"
        " AND assignment_id NOT IN (SELECT assignment_id FROM device_holds)"
        " ORDER BY due_us, assignment_id LIMIT 200",
        (keep_days_us, now_us),
    )
    return [_assignment(row) for row in rows]


def kept_too_long(connection: Connection, now_us: int, keep_days_us: int) -> list[Assignment]:
    """Return staged goods whose time is over and that nobody came for."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM assignments WHERE state = 'ready' AND kind = 'collect' AND"
        " CASE WHEN keep_until_us > 0 THEN keep_until_us ELSE staged_us + ? END < ?"
        " ORDER BY due_us LIMIT 200",
        (keep_days_us, now_us),
    )
    return [_assignment(row) for row in rows]
