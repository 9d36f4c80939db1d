"""The inbox: every event of every store takes effect exactly once and in the store's order.

One writer step applies a batch: the events, the cursor, the tables, the ledger and what goes out because of
them become durable together, and only then `receive` returns. So an acknowledgement never promises more than
is stored, and a batch that comes twice finds its cursor already moved.

An event that cannot be understood is set aside with its bytes, later events that share a subject wait behind
it, and everybody else goes on. What a reader would get wrong: nothing is ever refused because of what it
says. A void of an order that was returned has happened; it is applied, and raised as an exception.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from hub.database import Change, HubDatabase, HubUnit, Lookup
from hub.fleet.rows import CURRENT, streams
from hub.link.leases import Guard, everybodys
from hub.spine import parking
from hub.spine.bulk import Select
from hub.spine.log import Log
from hub.spine.parking import Incoming, park
from hub.spine.rows import events as log_table
from hub.spine.steps import Spine, raise_exception, take_orders
from hub.spine.work import Work, chunks
from protocol.envelope import Batch
from protocol.errors import BadMessage, BrokenChain, OrderspineError, Unavailable
from protocol.stream import Cursor, Verdict, first_hash, judge

PASSING: Final = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, Unavailable)
"""Failures of the machine, not of the event: the whole batch is tried again later."""
_KNOWN: Final = Select(sa.select(log_table.c.event_id), log_table.c.event_id)
_MINE: Final = (streams.c.edge == sa.bindparam("of")) & (streams.c.inc == sa.bindparam("life"))
_CURSOR: Final = Lookup(sa.select(streams.c.upto, streams.c.head).where(_MINE).with_for_update())
_ADVANCE: Final = Change(
    sa.update(streams)
    .where(_MINE, streams.c.upto == sa.bindparam("before"))
    .values({name: sa.bindparam(f"to_{name}") for name in ("upto", "head", "newest", "oldest_ms", "last_us")})
)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a batch; `upto` and `head` are what to acknowledge."""

    verdict: Verdict
    upto: int
    head: str
    parked: int = 0


class Inbox:
    """Applies batches."""

    def __init__(
        self,
        database: HubDatabase,
        spine: Spine,
        *,
        publish: Callable[[str], None] = lambda _topic: None,
        guard: Guard = everybodys,
    ) -> None:
        """`publish` tells open pages what changed, after COMMIT; `guard` stands before every batch."""
        self._database = database
        self._spine = spine
        self._publish = publish
        self._guard = guard

    def receive(self, batch: Batch, events: Sequence[bytes], arrived_us: int) -> Received:
        """Apply a batch, and return once it is durable.

        `events` are the bytes of the batch with those that came over HTTPS in their places. A gap, a
        repetition and a fork change nothing but, for a fork, the exception that it raises.

        Raises:
            BrokenChain: the events are not the ones that the batch's head was made of; nothing was applied.
            Unavailable: it could not be stored; nothing was applied.
        """
        return self._database.write(lambda unit: self.receive_in(unit, batch, events, arrived_us))

    def receive_in(self, unit: HubUnit, batch: Batch, events: Sequence[bytes], arrived_us: int) -> Received:
        """Apply a batch inside a unit of work that the caller has opened; see `receive`."""
        self._guard(unit, batch.edge)
        cursor = self._cursor(unit, batch, arrived_us)
        verdict = judge(cursor, batch)
        if verdict is Verdict.FORK:
            self._report_fork(unit, batch, cursor)
        if verdict is not Verdict.APPLY:
            return Received(verdict, cursor.upto, cursor.head)
        hashes = parking.hashes(batch.prev, events)
        if len(events) != batch.last - batch.first + 1 or hashes[-1].hex() != batch.head:
            raise BrokenChain(
                f"A batch of {batch.edge} does not end where it says.",
                "The edge sends it again.",
                edge=batch.edge,
                first=batch.first,
                last=batch.last,
            )
        incoming = [
            Incoming(
                edge=batch.edge,
                inc=batch.inc,
                seq=batch.first + n,
                data=data,
                hash_=hashes[n],
                arrived_us=arrived_us,
            )
            for n, data in enumerate(events)
        ]
        parked = self.apply(unit, incoming)
        self._advance(unit, batch, arrived_us)
        return Received(Verdict.APPLY, batch.last, batch.head, parked)

    def apply(self, unit: HubUnit, incoming: Sequence[Incoming]) -> int:
        """Apply events of one stream in their order and return how many had to be set aside."""
        blocked = parking.blocked_subjects(unit.connection)
        ready: list[Incoming] = []
        refused: list[tuple[Incoming, BadMessage]] = []
        for item in incoming:
            item.read()
        known = self.known_ids(unit, incoming)
        for item in incoming:
            failure = parking.why_not(item, blocked, known)
            if failure is None:
                ready.append(item)
            else:
                refused.append((item, failure))
                if not parking.had_before(unit.connection, item, failure):
                    blocked.update(item.subjects)
        try:
            with unit.savepoint():
                self._apply_together(unit, ready, refused)
            return len(refused)
        except PASSING:
            raise
        except Exception as error:
            if not ready:
                raise
            del error
        return self._one_by_one(unit, incoming)

    @staticmethod
    def known_ids(unit: HubUnit, items: Sequence[Incoming]) -> set[str]:
        """Return which ids of these events the log has already."""
        known: set[str] = set()
        for ids in chunks(item.event.id for item in items if item.event is not None):
            known.update(_KNOWN.scalars(unit.connection, ids))
        return known

    @staticmethod
    def poison(error: Exception) -> BadMessage:
        """Return why an event failed, as it is kept beside its bytes."""
        if isinstance(error, OrderspineError):
            return BadMessage(error.what, error.remedy, code=error.reason, why=error.what)
        said: Any = getattr(error, "orig", None) or error
        return BadMessage(
            "An event could not be applied.",
            "It is set aside with its bytes; repair what is in its way and replay it.",
            code="failed",
            why=f"{type(error).__name__}: {said}"[:300],
        )

    def apply_one(self, unit: HubUnit, item: Incoming) -> None:
        """Apply one event that has been read; whatever it raises undoes nothing here."""
        self._apply_together(unit, [item], [])

    def _apply_together(
        self, unit: HubUnit, ready: Sequence[Incoming], refused: Sequence[tuple[Incoming, BadMessage]]
    ) -> None:
        """Apply events; those that are set aside come first, for a close adds up both."""
        work = self._spine.work(unit)
        for item, failure in refused:
            if parking.had_before(unit.connection, item, failure):
                parking.put_aside(work, item)
            else:
                park(work, item, failure)
        if ready:
            first = take_orders(unit, len(ready))
            batch = [item.applied(first + n) for n, item in enumerate(ready)]
            work.prepare(batch)
            log = work.room(Log)
            for applied in batch:
                log.append(applied)
                work.dispatch(applied)
        self._finish(work)

    def _one_by_one(self, unit: HubUnit, incoming: Sequence[Incoming]) -> int:
        """Apply each event in a savepoint of its own, so that only the poison is set aside."""
        parked = 0
        for item in incoming:
            blocked = parking.blocked_subjects(unit.connection)
            failure = parking.why_not(item, blocked, self.known_ids(unit, [item]))
            if failure is None:
                try:
                    with unit.savepoint():
                        self._apply_together(unit, [item], [])
                except PASSING:
                    raise
                except Exception as error:  # noqa: BLE001 - kept with the event and shown on the desk
                    failure = self.poison(error)
            if failure is not None:
                parked += 1
                self._apply_together(unit, [], [(item, failure)])
        return parked

    def _finish(self, work: Work) -> None:
        work.flush()
        topics = sorted(work.topics)
        publish = self._publish

        def tell() -> None:
            for topic in topics:
                publish(topic)

        work.unit.after_commit(tell)

    def _cursor(self, unit: HubUnit, batch: Batch, arrived_us: int) -> Cursor:
        row = _CURSOR.first(unit.connection, of=batch.edge, life=batch.inc)
        if row is not None:
            return Cursor(row.upto, row.head)
        head = first_hash(batch.edge, batch.inc)
        unit.connection.execute(
            sa.insert(streams).values(
                edge=batch.edge,
                inc=batch.inc,
                upto=0,
                head=head,
                newest=batch.newest,
                state=CURRENT,
                first_us=arrived_us,
                last_us=arrived_us,
            )
        )
        return Cursor(0, head)

    def _advance(self, unit: HubUnit, batch: Batch, arrived_us: int) -> None:
        moved = _ADVANCE.run(
            unit.connection,
            of=batch.edge,
            life=batch.inc,
            before=batch.first - 1,
            to_upto=batch.last,
            to_head=batch.head,
            to_newest=max(batch.newest, batch.last),
            to_oldest_ms=batch.oldest_ms,
            to_last_us=arrived_us,
        )
        if moved != 1:
            raise Unavailable(
                f"The stream of {batch.edge} moved while a batch was applied.", "It is sent again."
            )

    def _report_fork(self, unit: HubUnit, batch: Batch, cursor: Cursor) -> None:
        work = self._spine.work(unit)
        raise_exception(
            work,
            kind="stream_fork",
            subject=f"edge:{batch.edge}",
            title=f"{batch.edge} continues another history than the hub knows",
            facts={"edge": batch.edge, "inc": batch.inc, "upto": cursor.upto, "sent_from": batch.first},
            dedupe_key=f"fork:{batch.inc}",
        )
        self._finish(work)
