"""What events and directives write into the tables of fulfilment. Facts are taken in, never judged.

Functions that begin with `on_` are reactions to events, those that begin with `take_` are what a directive
of the hub wrote: `rebuild` plays both, in the order in which they came. An event of an assignment that is not
known here (this database was put back from before its offer) changes the stock, and the rest with the offer.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from edge_agent.database import EdgeUnit
from edge_agent.early import Facts
from edge_agent.fulfil.rows import work
from edge_agent.journal import Recorded
from edge_agent.stock.assigned import lent_and_picked
from protocol import later
from protocol.directives import AssignmentAmend, AssignmentCancel, AssignmentOffer
from protocol.fulfilment import AssignedLine, Parcel, Promise, PutBackLine, UnitsLine
from protocol.kit.sqlite import Connection
from protocol.lifecycles import ASSIGNMENT, AssignmentEvent, AssignmentState
from protocol.orders import LineKind
from protocol.rules.shares import share_minor

OWN: Final = Facts("assignment_id", "SELECT 1 FROM assignments WHERE assignment_id = ?")
"""What this store says of its assignments."""


def take_offer(unit: EdgeUnit, body: AssignmentOffer, at_us: int) -> None:
    """The store has an assignment of the hub's, lent; one that is known stays as it is."""
    _insert(
        unit,
        (
            body.assignment_id,
            body.order_id,
            body.number,
            "hub",
            body.channel,
            body.currency,
            *_promised(body.promise),
            body.contact_id,
            body.pickup_code,
            body.note,
            int(body.gift),
            body.due_minor,
            at_us,
        ),
    )
    _insert_lines(unit, body.assignment_id, goods_of(body.lines), lent=True)
    OWN.play(unit, body.assignment_id)


def take_cancel(unit: EdgeUnit, body: AssignmentCancel, _at_us: int) -> None:
    """The hub asks for an assignment back; the events that follow are the answer."""
    unit.connection.execute(
        "UPDATE assignments SET cancel_asked = 1, cancel_reason = ? WHERE assignment_id = ?",
        (body.reason, body.assignment_id),
    )


def take_amend(unit: EdgeUnit, body: AssignmentAmend, _at_us: int) -> None:
    """Something about an assignment changed."""
    if body.promise is not None:
        _set_promise(unit, "assignment_id = ?", body.promise, (body.assignment_id,))
    if body.due_minor is not None:
        _update(unit, body.assignment_id, "due_minor = ?", body.due_minor)
    if body.contact_id:
        _update(unit, body.assignment_id, "contact_id = ?", body.contact_id)
    if body.note is not None:
        _update(unit, body.assignment_id, "note = ?", body.note)


def on_order_placed(unit: EdgeUnit, recorded: Recorded) -> None:
    """A counter order has a part that the store fulfils itself; its units are bound."""
    body = recorded.body
    assert isinstance(body, later.OrderPlaced)
    if body.own is None:
        return
    _insert(
        unit,
        (
            body.own.assignment_id,
            body.order_id,
            body.number,
            "own",
            body.channel,
            body.currency,
            *_promised(body.promise),
            body.contact_id,
            body.pickup_code,
            body.note,
            int(body.gift),
            body.total_minor,
            recorded.at_us,
        ),
    )
    _insert_lines(unit, body.own.assignment_id, goods_of(body.own.lines), lent=False)
    unit.connection.executemany(
        "UPDATE assignment_lines SET gross_minor = ? WHERE assignment_id = ? AND line_no = ?",
        [(line.gross_minor, body.own.assignment_id, line.line_no) for line in body.lines],
    )


def on_order_paid(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money came in: less of it is due before anything is handed over."""
    assert isinstance(recorded.body, later.OrderPaid)
    _due(unit, recorded.body.order_id, -recorded.body.amount_minor)


def on_order_refunded(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money went back: what was paid for something else does not pay for this."""
    assert isinstance(recorded.body, later.OrderRefunded)
    _due(unit, recorded.body.order_id, recorded.body.amount_minor)


def on_order_cancelled(unit: EdgeUnit, recorded: Recorded) -> None:
    """Units of an own order were cancelled: they are not owed any more, and neither is their money."""
    body = recorded.body
    assert isinstance(body, later.OrderCancelled)
    for line in body.lines:
        for row in unit.connection.execute(
            "SELECT l.assignment_id, l.quantity, l.cancelled, l.gross_minor FROM assignment_lines l"
            " JOIN assignments a USING (assignment_id)"
            " WHERE a.order_id = ? AND a.origin = 'own' AND l.line_no = ?",
            (body.order_id, line.line_no),
        ).fetchall():
            assignment_id, quantity, before, gross_minor = tuple(row)
            units = min(line.quantity, quantity - before)
            if units <= 0:
                continue
            worth = share_minor(gross_minor, units=quantity, before=before, count=units)
            unit.connection.execute(
                "UPDATE assignment_lines SET cancelled = cancelled + ? WHERE assignment_id = ?"
                " AND line_no = ?",
                (units, assignment_id, line.line_no),
            )
            _update(unit, assignment_id, "due_minor = due_minor - ?", worth)


def on_order_changed(unit: EdgeUnit, recorded: Recorded) -> None:
    """What was promised changed; what is only requested changes nothing yet."""
    body = recorded.body
    assert isinstance(body, later.OrderChanged)
    if body.requested:
        return
    if "promise" in body.what:
        _set_promise(unit, "order_id = ? AND origin = 'own'", body.promise, (body.order_id,))
    for what, column, value in (("contact", "contact_id", body.contact_id), ("note", "note", body.note)):
        if what in body.what:
            unit.connection.execute(
                f"UPDATE assignments SET {column} = ? WHERE order_id = ? AND origin = 'own'",
                (value, body.order_id),
            )


@OWN.of("assignment.accepted")
def on_accepted(unit: EdgeUnit, recorded: Recorded) -> None:
    """Somebody took the work on."""
    assert isinstance(recorded.body, later.AssignmentAccepted)
    unit.connection.execute(
        "UPDATE assignments SET accepted_us = ? WHERE assignment_id = ? AND accepted_us = 0",
        (recorded.at_us, recorded.body.assignment_id),
    )


@OWN.of("assignment.pick_started")
def on_pick_started(unit: EdgeUnit, recorded: Recorded) -> None:
    """Somebody walks."""
    body = recorded.body
    assert isinstance(body, later.PickStarted)
    _step(unit, body.assignment_id, AssignmentEvent.PICK_STARTED)
    _update(unit, body.assignment_id, "list_id = ?, picker = ?", body.list_id, body.picker)
    work.recall_list(unit, body, recorded.at_us)


@OWN.of("assignment.picked")
def on_picked(unit: EdgeUnit, recorded: Recorded) -> None:
    """The walk is over."""
    body = recorded.body
    assert isinstance(body, later.AssignmentPicked)
    _lines(
        unit,
        body.assignment_id,
        body.lines,
        "picked_lent = picked_lent + :lent, picked_bound = picked_bound + :bound",
    )
    _lines(
        unit,
        body.assignment_id,
        body.shorts,
        "lent = lent - :lent, bound = bound - :bound, short = short + :lent + :bound",
    )
    work.end_list(unit, body.list_id, but=body.assignment_id)
    whole = not body.lines and open_units(unit.connection, body.assignment_id) == 0
    _step(unit, body.assignment_id, AssignmentEvent.SHORT_PICKED if whole else AssignmentEvent.PICKED)


@OWN.of("assignment.packed")
def on_packed(unit: EdgeUnit, recorded: Recorded) -> None:
    """The goods are in parcels; packing anew replaces what was said before."""
    body = recorded.body
    assert isinstance(body, later.AssignmentPacked)
    _step(unit, body.assignment_id, AssignmentEvent.PACKED)
    unit.connection.execute("DELETE FROM parcels WHERE assignment_id = ?", (body.assignment_id,))
    _put_parcels(unit, body.assignment_id, body.parcels, shipped_us=0)
    _update(unit, body.assignment_id, "bags = ?", len(body.parcels))


@OWN.of("assignment.staged")
def on_staged(unit: EdgeUnit, recorded: Recorded) -> None:
    """The bags stand on a shelf."""
    body = recorded.body
    assert isinstance(body, later.AssignmentStaged)
    _step(unit, body.assignment_id, AssignmentEvent.STAGED)
    _update(
        unit,
        body.assignment_id,
        "shelf = ?, bags = ?, staged_us = CASE staged_us WHEN 0 THEN ? ELSE staged_us END",
        body.shelf,
        body.bags,
        recorded.at_us,
    )


@OWN.of("assignment.shipped")
def on_shipped(unit: EdgeUnit, recorded: Recorded) -> None:
    """Parcels left with a carrier."""
    body = recorded.body
    assert isinstance(body, later.AssignmentShipped)
    _put_parcels(unit, body.assignment_id, body.parcels, shipped_us=recorded.at_us)
    _left(unit, body.assignment_id, body.lines)
    _step(unit, body.assignment_id, AssignmentEvent.SHIPPED)


@OWN.of("assignment.handed_over")
def on_handed_over(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods went into the customer's hands; with a rest the assignment stays where it is."""
    body = recorded.body
    assert isinstance(body, later.AssignmentHandedOver)
    unit.connection.execute(
        "INSERT INTO handovers (handover_id, assignment_id, order_id, seq, at_us, by, verified, proxy, lines)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body.handover_id,
            body.assignment_id,
            body.order_id,
            recorded.seq,
            recorded.at_us,
            recorded.by,
            body.verified.value,
            int(body.proxy),
            _json(body.lines),
        ),
    )
    _left(unit, body.assignment_id, body.lines)
    if open_units(unit.connection, body.assignment_id) == 0:
        _step(unit, body.assignment_id, AssignmentEvent.HANDED_OVER)
        _update(unit, body.assignment_id, "ended_how = ?", "handed_over")


@OWN.of("assignment.handover_undone")
def on_handover_undone(unit: EdgeUnit, recorded: Recorded) -> None:
    """A handover is taken back: from here on its units are bound, whoever had promised them."""
    body = recorded.body
    assert isinstance(body, later.HandoverUndone)
    unit.connection.execute(
        "UPDATE handovers SET undone_us = ?, undone_why = ? WHERE handover_id = ?",
        (recorded.at_us, body.reason, body.handover_id),
    )
    _lines(
        unit,
        body.assignment_id,
        body.lines,
        "bound = bound + :lent + :bound, picked_bound = picked_bound + :lent + :bound,"
        " fulfilled = fulfilled - :lent - :bound",
    )
    _step(unit, body.assignment_id, AssignmentEvent.HANDOVER_UNDONE)
    _update(unit, body.assignment_id, "ended_how = ''")


@OWN.of("assignment.rejected")
def on_rejected(unit: EdgeUnit, recorded: Recorded) -> None:
    """The store gave the assignment back."""
    body = recorded.body
    assert isinstance(body, later.AssignmentRejected)
    _given_up(unit, body.assignment_id, body.lines, AssignmentEvent.REJECTED, body.reason.value)


@OWN.of("assignment.cancelled")
def on_cancelled(unit: EdgeUnit, recorded: Recorded) -> None:
    """The store gave the assignment up because it was asked to."""
    body = recorded.body
    assert isinstance(body, later.AssignmentCancelled)
    _given_up(unit, body.assignment_id, body.lines, AssignmentEvent.CANCELLED, body.reason)


@OWN.of("assignment.changed")
def on_changed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Other units are wanted: some stay on their shelf, some more are lent for it."""
    body = recorded.body
    assert isinstance(body, later.AssignmentChanged)
    _insert_lines(unit, body.assignment_id, body.added, lent=True)
    _given_up(unit, body.assignment_id, body.dropped, AssignmentEvent.CANCELLED, body.reason)


@OWN.of("assignment.cancel_refused")
def on_cancel_refused(unit: EdgeUnit, recorded: Recorded) -> None:
    """It was too late: nobody waits for this assignment to come back any more."""
    assert isinstance(recorded.body, later.CancelRefused)
    _update(unit, recorded.body.assignment_id, "cancel_asked = 0")


def on_manifest_closed(unit: EdgeUnit, recorded: Recorded) -> None:
    """The day's parcels stand on a list."""
    body = recorded.body
    assert isinstance(body, later.ManifestClosed)
    unit.connection.execute(
        "INSERT INTO manifests (manifest_id, number, carrier, seq, at_us, by, parcels)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            body.manifest_id,
            body.number,
            body.carrier,
            recorded.seq,
            recorded.at_us,
            recorded.by,
            len(body.parcels),
        ),
    )
    unit.connection.executemany(
        "UPDATE parcels SET manifest = ? WHERE tracking = ? AND shipped_us > 0 AND manifest = ''"
        " AND carrier = ?",
        [(body.number, tracking, body.carrier) for tracking in body.parcels],
    )


def goods_of(lines: Iterable[AssignedLine]) -> tuple[AssignedLine, ...]:
    """Return the lines that somebody has to fetch from a shelf."""
    return tuple(line for line in lines if line.kind is LineKind.GOODS)


def open_units(connection: Connection, assignment_id: str) -> int:
    """Return how many units of an assignment are still owed from here."""
    row = connection.execute(
        "SELECT coalesce(sum(lent + bound), 0) FROM assignment_lines WHERE assignment_id = ?",
        (assignment_id,),
    ).fetchone()
    return int(row[0])


def _promised(promise: Promise) -> tuple[str, str, str, int, int, str]:
    """Return kind, state of a new assignment, and what stands in columns of the promise itself."""
    return (
        promise.kind.value,
        AssignmentState.ACKNOWLEDGED.value,
        promise.model_dump_json(),
        promise.due_us,
        promise.keep_until_us,
        promise.service,
    )


def _insert(unit: EdgeUnit, values: Sequence[str | int]) -> None:
    unit.connection.execute(
        "INSERT INTO assignments (assignment_id, order_id, number, origin, channel, currency, kind, state,"
        " promise, due_us, keep_until_us, service, contact_id, pickup_code, note, gift, due_minor,"
        " arrived_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (assignment_id) DO NOTHING",
        values,
    )


def _insert_lines(unit: EdgeUnit, assignment_id: str, lines: Iterable[AssignedLine], *, lent: bool) -> None:
    unit.connection.executemany(
        "INSERT INTO assignment_lines (assignment_id, line_no, sku, name, quantity, substitutes, lent, bound)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (assignment_id, line_no) DO NOTHING",
        [
            (
                assignment_id,
                line.line_no,
                line.sku,
                line.name,
                line.quantity,
                int(line.substitutes),
                line.quantity if lent else 0,
                0 if lent else line.quantity,
            )
            for line in lines
        ],
    )


def _set_promise(unit: EdgeUnit, where: str, promise: Promise, values: tuple[str, ...]) -> None:
    kind, _state, text, due_us, keep_until_us, service = _promised(promise)
    unit.connection.execute(
        "UPDATE assignments SET kind = ?, promise = ?, due_us = ?, keep_until_us = ?, service = ?"
        f" WHERE {where}",
        (kind, text, due_us, keep_until_us, service, *values),
    )


def _update(unit: EdgeUnit, assignment_id: str, what: str, *values: str | int) -> None:
    unit.connection.execute(
        f"UPDATE assignments SET {what} WHERE assignment_id = ?", (*values, assignment_id)
    )


def _due(unit: EdgeUnit, order_id: str, change_minor: int) -> None:
    unit.connection.execute(
        "UPDATE assignments SET due_minor = due_minor + ? WHERE order_id = ?", (change_minor, order_id)
    )


def _lines(unit: EdgeUnit, assignment_id: str, lines: Iterable[UnitsLine], what: str) -> None:
    unit.connection.executemany(
        f"UPDATE assignment_lines SET {what} WHERE assignment_id = :assignment_id AND line_no = :line_no",
        [
            {"assignment_id": assignment_id, "line_no": each.line_no, "lent": each.lent, "bound": each.bound}
            for each in lines
        ],
    )


def _left(unit: EdgeUnit, assignment_id: str, lines: Iterable[UnitsLine]) -> None:
    _lines(
        unit,
        assignment_id,
        lines,
        "lent = lent - :lent, bound = bound - :bound, picked_lent = picked_lent - :lent,"
        " picked_bound = picked_bound - :bound, fulfilled = fulfilled + :lent + :bound",
    )


def _given_up(
    unit: EdgeUnit, assignment_id: str, lines: Iterable[PutBackLine], event: AssignmentEvent, how: str
) -> None:
    unit.connection.executemany(
        "UPDATE assignment_lines SET lent = lent - :lent, bound = bound - :bound,"
        " picked_lent = picked_lent - :picked_lent, picked_bound = picked_bound - :picked_bound,"
        " given_up = given_up + :lent + :bound WHERE assignment_id = :assignment_id AND line_no = :line_no",
        [
            {
                "assignment_id": assignment_id,
                "line_no": each.line_no,
                "lent": each.lent,
                "bound": each.bound,
                "picked_lent": lent_and_picked(each),
                "picked_bound": each.picked - lent_and_picked(each),
            }
            for each in lines
        ],
    )
    if open_units(unit.connection, assignment_id):
        return  # the customer keeps the rest
    _step(unit, assignment_id, event)
    _update(unit, assignment_id, "ended_how = ?, cancel_asked = 0", how)


def _step(unit: EdgeUnit, assignment_id: str, event: AssignmentEvent) -> None:
    """Bring an assignment where a fact leads; a fact out of order leaves it where it is."""
    row = unit.connection.execute(
        "SELECT state FROM assignments WHERE assignment_id = ?", (assignment_id,)
    ).fetchone()
    if row is not None:
        following, _in_order = ASSIGNMENT.after_fact(AssignmentState(row[0]), event)
        _update(unit, assignment_id, "state = ?", following.value)


def _put_parcels(unit: EdgeUnit, assignment_id: str, parcels: Iterable[Parcel], *, shipped_us: int) -> None:
    unit.connection.executemany(
        "INSERT INTO parcels (parcel_id, assignment_id, parcel_no, weight_g, lines, carrier, service,"
        " tracking, shipped_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (parcel_id) DO UPDATE SET"
        " weight_g = excluded.weight_g, lines = excluded.lines, carrier = excluded.carrier,"
        " service = excluded.service, tracking = excluded.tracking, shipped_us = excluded.shipped_us",
        [
            (
                parcel.parcel_id,
                assignment_id,
                parcel.parcel_no,
                parcel.weight_g,
                _json(parcel.lines),
                parcel.carrier,
                parcel.service,
                parcel.tracking,
                shipped_us,
            )
            for parcel in parcels
        ],
    )


def _json(lines: Iterable[UnitsLine]) -> str:
    """Return lines as they are stored; the fields of this class alone, so that a rebuild writes the same."""
    return json.dumps(
        [
            {"line_no": line.line_no, "sku": line.sku, "lent": line.lent, "bound": line.bound}
            for line in lines
        ],
        separators=(",", ":"),
    )
