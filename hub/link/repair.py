"""What a person does with events that were set aside: look, replay after a repair, or discard.

A replayed event is applied now, at the end of the log, and whatever waited behind it follows by itself, of
whichever store, in the order in which it was set aside. A discarded one never takes effect; its bytes stay,
with who discarded it and why.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.link.inbox import PASSING
from hub.spine import parking
from hub.spine.parking import BEHIND, Incoming, find, parked_key, settle, waiting
from hub.spine.rows import parked, parked_subjects
from hub.spine.steps import close_exception
from protocol.errors import BadMessage, NotFound, Refused

_LINE: Final = (parked.c.park_order, parked.c.edge, parked.c.inc, parked.c.seq)
"""The line of what was set aside; within a store it is the order of its log."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to: events that took effect, and those of this store that are still set aside."""

    applied: int
    left: int


def listed(connection: Connection, *, limit: int = 200) -> Sequence[sa.Row[Any]]:
    """Return what is set aside, the oldest first."""
    return waiting(connection, limit=limit)


def shown(connection: Connection, edge: str, seq: int, inc: str = "") -> sa.Row[Any]:
    """Return one event that was set aside; `inc` is the life of the store whose number it is.

    Raises:
        NotFound: there is none of that number.
    """
    row = find(connection, edge, seq, inc)
    if row is None:
        raise NotFound(
            f"No event {seq} of {edge} was set aside.",
            "Look at `orderspine hub parked list`.",
            code="not_parked",
        )
    return row


def replay(hub: Hub, edge: str, seq: int, *, by: str, inc: str = "") -> Replayed:
    """Apply an event that was set aside, and then what waited behind it.

    Raises:
        NotFound: there is none of that number.
        Refused: `still_behind` an earlier one, or `still_poison`: it fails for the same kind of reason.
    """
    return hub.database.write(lambda unit: _replay(unit, hub, _open(unit.connection, edge, seq, inc), by))


def discard(hub: Hub, edge: str, seq: int, *, note: str, by: str, inc: str = "") -> Replayed:
    """Give an event up for good, and apply what waited behind it.

    Raises:
        NotFound: there is none of that number.
        Refused: it is settled already.
    """

    def step(unit: HubUnit) -> Replayed:
        row = _open(unit.connection, edge, seq, inc)
        _settle(unit, hub, row, state="discarded", note=f"{by}: {note}", by=by)
        return _followers(unit, hub, row, by)

    return hub.database.write(step)


def _replay(unit: HubUnit, hub: Hub, row: sa.Row[Any], by: str) -> Replayed:
    earlier = _earlier(unit.connection, row)
    if earlier is not None:
        raise Refused(
            f"Event {row.seq} of {row.edge} waits behind event {earlier.seq} of {earlier.edge}.",
            "Replay or discard that one first.",
            code="still_behind",
            behind=earlier.seq,
            of=earlier.edge,
        )
    problem = _apply(unit, hub, row, by)
    if problem is not None:
        raise Refused(
            f"Event {row.seq} still cannot be applied: {problem.facts.get('why') or problem.what}",
            "Repair what is in its way, or discard it.",
            code="still_poison",
            because=problem.reason,
        )
    after = _followers(unit, hub, row, by)
    return Replayed(after.applied + 1, after.left)


def _followers(unit: HubUnit, hub: Hub, settled: sa.Row[Any], by: str) -> Replayed:
    """Apply what waited behind an event, of whichever store, in the order in which it was set aside.

    What turns out to be poison itself waits for itself from then on, and a person is told.
    """
    freed, applied = set(json.loads(settled.subjects)), 0
    for row in _waiting(unit.connection):
        own = json.loads(row.subjects)
        if row.code != BEHIND or freed.isdisjoint(own) or _earlier(unit.connection, row) is not None:
            continue
        problem = _apply(unit, hub, row, by)
        if problem is None:
            applied += 1
            freed.update(own)
        else:
            work = hub.spine.work(unit)
            parking.park_by_itself(work, _incoming(row), problem)
            work.flush()
    return Replayed(applied, _left(unit.connection, settled.edge))


def _incoming(row: sa.Row[Any]) -> Incoming:
    item = Incoming(
        edge=row.edge,
        inc=row.inc,
        seq=row.seq,
        data=bytes(row.bytes),
        hash_=bytes(row.hash),
        arrived_us=row.arrived_us,
    )
    item.read()
    return item


def _apply(unit: HubUnit, hub: Hub, row: sa.Row[Any], by: str) -> BadMessage | None:
    """Apply one event that was set aside; return why not, with nothing changed, when it cannot be.

    One that took effect in another life of its store meanwhile is settled by that.
    """
    item = _incoming(row)
    problem = parking.why_not(item, set(), hub.inbox.known_ids(unit, [item]))
    if problem is not None and parking.had_before(unit.connection, item, problem):
        _settle(unit, hub, row, state="discarded", note=parking.TOOK_EFFECT, by=by)
        return None
    if problem is not None:
        return problem
    try:
        with unit.savepoint():
            hub.inbox.apply_one(unit, item)
    except PASSING:
        raise
    except Exception as error:  # noqa: BLE001 - the answer to whoever asked for the replay
        return hub.inbox.poison(error)
    _settle(unit, hub, row, state="replayed", note=f"replayed by {by}", by=by)
    return None


def _settle(unit: HubUnit, hub: Hub, row: sa.Row[Any], *, state: str, note: str, by: str) -> None:
    settle(unit.connection, row, state=state, note=note, now_us=hub.clock.now_us())
    work = hub.spine.work(unit)
    close_exception(work, parked_key(row.edge, row.inc, row.seq), how=state, by=by)
    work.flush()
    unit.after_commit(lambda: hub.broadcaster.publish("fleet"))


def _open(connection: Connection, edge: str, seq: int, inc: str) -> sa.Row[Any]:
    row = shown(connection, edge, seq, inc)
    if row.state != "parked":
        raise Refused(
            f"Event {seq} of {edge} was {row.state} already.", "Nothing is left to do.", code="settled"
        )
    return row


def _waiting(connection: Connection) -> Sequence[sa.Row[Any]]:
    """Return all that waits, in its line."""
    query = sa.select(parked).where(parked.c.state == "parked").order_by(*_LINE)
    return connection.execute(query).all()


def _left(connection: Connection, edge: str) -> int:
    """Return how much of a store is still set aside."""
    mine = sa.select(sa.func.count()).where(parked.c.edge == edge, parked.c.state == "parked")
    return int(connection.execute(mine).scalar_one())


def _earlier(connection: Connection, row: sa.Row[Any]) -> sa.Row[Any] | None:
    """Return the first event before it in the line that waits too and shares a subject with it."""
    own = parking.waits_for(json.loads(row.subjects))
    place = (row.park_order, row.edge, row.inc, row.seq)
    return connection.execute(
        sa.select(parked)
        .join(
            parked_subjects,
            (parked_subjects.c.edge == parked.c.edge)
            & (parked_subjects.c.inc == parked.c.inc)
            & (parked_subjects.c.seq == parked.c.seq),
        )
        .where(parked_subjects.c.subject.in_(own), sa.tuple_(*_LINE) < sa.tuple_(*map(sa.literal, place)))
        .order_by(*_LINE)
        .limit(1)
    ).first()
