"""What a person does with events that were set aside: look, replay after a repair, or discard.

A replayed event is applied now, at the end of the log, and whatever waited behind it follows by itself in its
store's order. A discarded one never takes effect; its bytes stay, with who discarded it and why.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.link.inbox import PASSING
from hub.spine import parking
from hub.spine.parking import BEHIND, Incoming, find, parked_key, settle, waiting
from hub.spine.rows import parked, parked_subjects
from hub.spine.steps import close_exception
from protocol.errors import NotFound, Refused


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to: events that took effect, and those still set aside."""

    applied: int
    left: int


def listed(connection: Connection, *, limit: int = 200) -> Sequence[sa.Row[Any]]:
    """Return what is set aside, the oldest first."""
    return waiting(connection, limit=limit)


def shown(connection: Connection, edge: str, seq: int) -> sa.Row[Any]:
    """Return one event that was set aside.

    Raises:
        NotFound: there is none of that number.
    """
    row = find(connection, edge, seq)
    if row is None:
        raise NotFound(
            f"No event {seq} of {edge} was set aside.",
            "Look at `orderspine hub parked list`.",
            code="not_parked",
        )
    return row


def replay(hub: Hub, edge: str, seq: int, *, by: str) -> Replayed:
    """Apply an event that was set aside, and then what waited behind it.

    Raises:
        NotFound: there is none of that number.
        Refused: `still_behind` an earlier one, or `still_poison`: it fails for the same kind of reason.
    """
    return hub.database.write(lambda unit: _replay(unit, hub, edge, seq, by))


def discard(hub: Hub, edge: str, seq: int, *, note: str, by: str) -> Replayed:
    """Give an event up for good, and apply what waited behind it.

    Raises:
        NotFound: there is none of that number.
        Refused: it is settled already.
    """

    def step(unit: HubUnit) -> Replayed:
        row = _open(unit.connection, edge, seq)
        _settle(unit, hub, row, state="discarded", note=f"{by}: {note}", by=by)
        return _followers(unit, hub, row.edge, row.inc, by)

    return hub.database.write(step)


def _replay(unit: HubUnit, hub: Hub, edge: str, seq: int, by: str) -> Replayed:
    row = _open(unit.connection, edge, seq)
    failure = _apply(unit, hub, row, by)
    if failure is not None:
        raise failure
    after = _followers(unit, hub, row.edge, row.inc, by)
    return Replayed(after.applied + 1, after.left)


def _followers(unit: HubUnit, hub: Hub, edge: str, inc: str, by: str) -> Replayed:
    """Apply what is free now, in the store's order; what is poison itself stays."""
    applied = left = 0
    for row in _waiting_of(unit.connection, edge, inc):
        if row.code == BEHIND and _apply(unit, hub, row, by) is None:
            applied += 1
        else:
            left += 1
    return Replayed(applied, left)


def _apply(unit: HubUnit, hub: Hub, row: sa.Row[Any], by: str) -> Refused | None:
    """Apply one event that was set aside; return why not, with nothing changed, when it cannot be."""
    earlier = _earlier(unit.connection, row)
    if earlier is not None:
        return Refused(
            f"Event {row.seq} of {row.edge} waits behind event {earlier}.",
            "Replay or discard that one first.",
            code="still_behind",
            behind=earlier,
        )
    item = Incoming(
        edge=row.edge,
        inc=row.inc,
        seq=row.seq,
        data=bytes(row.bytes),
        hash_=bytes(row.hash),
        arrived_us=row.arrived_us,
    )
    item.read()
    problem = parking.why_not(item, set(), hub.inbox.known_ids(unit, [item]))
    if problem is None:
        try:
            with unit.savepoint():
                hub.inbox.apply_one(unit, item)
        except PASSING:
            raise
        except Exception as error:  # noqa: BLE001 - the answer to whoever asked for the replay
            problem = hub.inbox.poison(error)
    if problem is not None:
        return Refused(
            f"Event {row.seq} still cannot be applied: {problem.facts.get('why') or problem.what}",
            "Repair what is in its way, or discard it.",
            code="still_poison",
            because=problem.reason,
        )
    _settle(unit, hub, row, state="replayed", note=f"replayed by {by}", by=by)
    return None


def _settle(unit: HubUnit, hub: Hub, row: sa.Row[Any], *, state: str, note: str, by: str) -> None:
    settle(unit.connection, row, state=state, note=note, now_us=hub.clock.now_us())
    work = hub.spine.work(unit)
    close_exception(work, parked_key(row.edge, row.inc, row.seq), how=state, by=by)
    work.flush()
    unit.after_commit(lambda: hub.broadcaster.publish("fleet"))


def _open(connection: Connection, edge: str, seq: int) -> sa.Row[Any]:
    row = shown(connection, edge, seq)
    if row.state != "parked":
        raise Refused(
            f"Event {seq} of {edge} was {row.state} already.", "Nothing is left to do.", code="settled"
        )
    return row


def _waiting_of(connection: Connection, edge: str, inc: str) -> Iterator[sa.Row[Any]]:
    mine = (parked.c.edge == edge) & (parked.c.inc == inc) & (parked.c.state == "parked")
    yield from connection.execute(sa.select(parked).where(mine).order_by(parked.c.seq)).all()


def _earlier(connection: Connection, row: sa.Row[Any]) -> int | None:
    """Return the number of an earlier event of the stream that shares a subject and waits."""
    own = parking.waits_for(json.loads(row.subjects))
    found: int | None = connection.execute(
        sa.select(sa.func.min(parked_subjects.c.seq)).where(
            parked_subjects.c.subject.in_(own),
            parked_subjects.c.edge == row.edge,
            parked_subjects.c.inc == row.inc,
            parked_subjects.c.seq < row.seq,
        )
    ).scalar()
    return found
