"""Opening a workspace, taking numbers of the log, and the hub's own stream.

The hub's own facts (an exception it noticed, one that somebody closed) are events like those of a store: a
numbered, hash-chained stream under the name `hub`, applied through the same table.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from hub.database import Change, HubUnit, Lookup
from hub.spine.log import Log
from hub.spine.rows import APPLY_ORDER, counters, events
from hub.spine.work import HUB_EDGE, Applied, Journey, Post, Terms, Work
from protocol.clock import Clock
from protocol.directives import AssignmentAmend, AssignmentCancel, AssignmentChange, AssignmentOffer
from protocol.envelope import encode_event
from protocol.events import KIND_OF, ExceptionClosed, ExceptionRaised, subjects_of
from protocol.exceptions import kind_of
from protocol.ids import IdMaker
from protocol.orders import WireModel
from protocol.stream import first_hash

OfAssignment = AssignmentOffer | AssignmentCancel | AssignmentChange | AssignmentAmend
_TAKE: Final = (
    sa.update(counters)
    .where(counters.c.name == APPLY_ORDER)
    .values(value=counters.c.value + sa.bindparam("taken", type_=sa.BigInteger))
)
_TAKE_HERE: Final = Change(_TAKE)
_TAKE_AND_TELL: Final = _TAKE.returning(counters.c.value)
_FIRST: Final = (
    postgresql.insert(counters)
    .values(name=APPLY_ORDER, value=sa.bindparam("taken", type_=sa.BigInteger))
    .on_conflict_do_update(
        index_elements=[counters.c.name],
        set_={"value": counters.c.value + sa.bindparam("taken", type_=sa.BigInteger)},
    )
    .returning(counters.c.value)
)
"""Where several processes write the first event at once, one makes the row and the others wait for it."""
_TAKEN: Final = Lookup(sa.select(counters.c.value).where(counters.c.name == APPLY_ORDER))
_COUNT: Final = {
    name: dialect.insert(counters)
    .values(name=sa.bindparam("of"), value=1)
    .on_conflict_do_update(index_elements=[counters.c.name], set_={"value": counters.c.value + 1})
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_COUNT_HERE: Final = Change(_COUNT["sqlite"])
_COUNT_AND_TELL: Final = _COUNT["postgresql"].returning(counters.c.value)
_COUNTED: Final = Lookup(sa.select(counters.c.value).where(counters.c.name == sa.bindparam("of")))
_OWN_LAST: Final = Lookup(
    sa.select(events.c.seq, events.c.hash)
    .where(events.c.edge == HUB_EDGE, events.c.inc == sa.bindparam("of"))
    .order_by(events.c.seq.desc())
    .limit(1)
)


class Spine:
    """Opens workspaces; one for each hub."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: IdMaker,
        journey: Journey,
        terms: Terms,
        hub_inc: Callable[[HubUnit], str],
        post: Post | None = None,
    ) -> None:
        """`post` takes what the stages tell the locations; without it nothing is told."""
        self.clock = clock
        self.ids = ids
        self.terms = terms
        self._journey = journey
        self._hub_inc = hub_inc
        self._post = post

    def telling(self, post: Post) -> "Spine":
        """Return one that is like this and tells the locations through another post."""
        return Spine(
            clock=self.clock,
            ids=self.ids,
            journey=self._journey,
            terms=self.terms,
            hub_inc=self._hub_inc,
            post=post,
        )

    def work(self, unit: HubUnit, *, rebuilding: bool = False) -> Work:
        """Return an empty workspace for a unit of work."""
        work = Work(
            unit,
            clock=self.clock,
            ids=self.ids,
            journey=self._journey,
            terms=self.terms,
            hub_inc=self._hub_inc(unit),
            rebuilding=rebuilding,
        )
        work.post = None if rebuilding else self._post
        unit.after_commit(work.forget)
        return work


def take_orders(unit: HubUnit, count: int) -> int:
    """Take `count` numbers of the log and return the first; 0 takes the lock alone and returns no number.

    The row stays locked until COMMIT, so numbers become visible in their order also with several processes.
    """
    connection = unit.connection
    if connection.dialect.name == "sqlite":
        # Its writer is alone from the start. An answer of the UPDATE itself would cost more with every page
        # that the commit group has changed: SQLite walks through the journal of its savepoints for it.
        if not count:
            return 0
        _TAKE_HERE.run(connection, taken=count)
        taken = _TAKEN.scalar(connection)
        if taken is None:
            connection.execute(sa.insert(counters).values(name=APPLY_ORDER, value=count))
            taken = count
    else:
        taken = connection.execute(_TAKE_AND_TELL, {"taken": count}).scalar()
        if taken is None:
            taken = connection.execute(_FIRST, {"taken": count}).scalar_one()
    return int(taken) - count + 1


def count_up(connection: Connection, name: str) -> int:
    """Take the next number of a counter, 1 first; its row stays locked until COMMIT."""
    if connection.dialect.name == "sqlite":  # no answer of the change itself, as above
        _COUNT_HERE.run(connection, of=name)
        return int(_COUNTED.scalar(connection, of=name) or 0)
    return int(connection.execute(_COUNT_AND_TELL, {"of": name}).scalar_one())


def record(work: Work, body: WireModel, *, by: str = "", results: dict[str, Any] | None = None) -> Applied:
    """Append a fact of the hub itself and let every stage that cares react to it.

    `results` is what its stages are told beside the fact, such as money that came with an order.

    Inside a stage its own stages run later: after those of everything that stands before it in the log.
    """
    log = work.room(Log)
    # The log's lock before its last number is read: another process may be writing the one after it.
    apply_order = take_orders(work.unit, 1)
    seq, head = log.own_last or _own_last(work)
    kind, version = KIND_OF[type(body)]
    event_id, now_us = work.ids.new_id(), work.clock.now_us()
    data = encode_event(seq + 1, event_id, now_us, body, by=by)
    digest = hashlib.sha256(head + data).digest()
    log.own_last = (seq + 1, digest)
    applied = Applied(
        apply_order=apply_order,
        edge=HUB_EDGE,
        inc=work.hub_inc,
        seq=seq + 1,
        event_id=event_id,
        kind=kind,
        v=version,
        at_us=now_us,
        arrived_us=now_us,
        by=by,
        device="",
        subjects=subjects_of(body),
        body=body,
        data=data,
        hash=digest,
        results=results or {},
    )
    log.append(applied)
    work.follow(applied)
    return applied


def _own_last(work: Work) -> tuple[int, bytes]:
    row = _OWN_LAST.first(work.connection, of=work.hub_inc)
    if row is None:
        return 0, bytes.fromhex(first_hash(HUB_EDGE, work.hub_inc))
    return row.seq, bytes(row.hash)


def raise_exception(
    work: Work,
    *,
    kind: str,
    subject: str,
    title: str,
    facts: Mapping[str, Any],
    dedupe_key: str,
    owner_role: str = "",
) -> None:
    """Say that something needs a person, unless it has been said and is still open.

    Whose it is says its kind (`protocol.exceptions`); `owner_role` only where the room knows better.
    """
    key = dedupe_key[:64]
    log = work.room(Log)
    if work.rebuilding or log.is_raised(key):
        return
    take_orders(work.unit, 0)
    if log.is_raised(key, anew=True):  # by another process, until whose COMMIT the lock waited
        return
    record(
        work,
        ExceptionRaised(
            exception_id=work.ids.new_id(),
            kind=kind,
            subject=subject[:64],
            title=title[:300],
            facts=facts,
            owner_role=owner_role or kind_of(kind).owner_role,
            dedupe_key=key,
        ),
    )


def close_exception(work: Work, dedupe_key: str, *, how: str, by: str = "") -> None:
    """Say that what the hub raised under a key no longer needs anybody; nothing happens if it is not open."""
    key = dedupe_key[:64]
    if not work.rebuilding and work.room(Log).is_raised(key):
        record(work, ExceptionClosed(dedupe_key=key, how=how[:300]), by=by)


def tell_of_assignment(work: Work, location: str, body: OfAssignment) -> int:
    """Tell a location something of its part of an order, and return the number that it is told under."""
    assert work.post is not None, "nothing is told while tables are made anew"
    subjects = (f"order:{body.order_id}", f"assignment:{body.assignment_id}")
    return work.post.send_directive(work.unit, location, body, subjects=subjects)
