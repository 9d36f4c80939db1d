"""Opening sessions and keeping them, so that a restarted hub goes on where it was.

A HELLO that is repeated (its answer was lost or late) gets the same session again. Everything a session
changes is one transaction: the stream of a new incarnation, the closing of the one before, the session.
"""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, HubUnit, Lookup
from hub.fleet.rows import CLOSED, CURRENT, current_stream, link_sessions, location, stream, streams
from hub.fleet.rules import is_alive
from hub.link import clones
from hub.link.epochs import epoch_of, fence, totals
from hub.link.lives import begin_life
from hub.link.outbox import Outbox
from hub.link.rules import Alarm, Known, Open, Refuse, Why, has_lost_past, judge_hello, why_fenced
from protocol.clock import MICROSECONDS, Clock
from protocol.handshake import Hello, Life, Reject, RejectCode, Welcome
from protocol.ids import IdMaker
from protocol.stream import WINDOW_BATCHES, first_hash

RETRY_SECONDS = 30
DUPLICATE_RETRY_SECONDS = 120
"""Longer: every visit of the second one throws the first off the broker for a moment."""
_OF_LIFE: Final = (link_sessions.c.edge == sa.bindparam("of")) & (link_sessions.c.inc == sa.bindparam("life"))
_SESSION: Final = Lookup(sa.select(link_sessions).where(_OF_LIFE))
_BEGIN_SESSION: Final = Change(sa.insert(link_sessions))
_END_SESSION: Final = Change(sa.delete(link_sessions).where(_OF_LIFE))
_BEGIN_STREAM: Final = Change(sa.insert(streams))
_HEARD: Final = Change(
    sa.update(streams)
    .where(streams.c.edge == sa.bindparam("of"), streams.c.inc == sa.bindparam("life"))
    .values(
        newest=sa.bindparam("told", type_=sa.BigInteger),
        last_us=sa.bindparam("now_us", type_=sa.BigInteger),
        ordinal=sa.bindparam("nth", type_=sa.BigInteger),
    )
)
_ENDED: Final = Lookup(
    sa.select(streams)
    .where(streams.c.edge == sa.bindparam("of"), streams.c.state == CLOSED)
    .order_by(streams.c.first_us)
)


@dataclass(frozen=True, slots=True)
class Live:
    """An open session."""

    edge: str
    inc: str
    sess: str
    nonce: str
    drain_only: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of a HELLO."""

    packet: Welcome | Reject
    live: Live | None = None
    alarm: Alarm | None = None
    new_hub_inc: str = ""
    """Set when the hub found that it was restored, and began a new life."""


class Sessions:
    """The persisted sessions, with what this process knows of them."""

    def __init__(self, outbox: Outbox, *, clock: Clock, ids: IdMaker, hub_boot: str) -> None:
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._hub_boot = hub_boot
        self._live: dict[tuple[str, str], Live] = {}

    def met(self, edge: str, inc: str) -> Live | None:
        """Return the open session of an incarnation, as far as this process has met it."""
        return self._live.get((edge, inc))

    def find(self, connection: Connection, edge: str, inc: str) -> Live | None:
        """Return the open session of an incarnation."""
        known = self.met(edge, inc)
        if known is not None:
            return known
        row = _SESSION.first(connection, of=edge, life=inc)
        if row is None or not row.sess:  # none yet, or it ended with a life of this hub
            return None
        live = Live(edge, inc, row.sess, row.nonce, row.drain_only)
        self._live[edge, inc] = live
        return live

    def of_edge(self, edge: str) -> Live | None:
        """Return the session of an edge that may be told things, as far as this process has met it."""
        found = [live for live in self._live.values() if live.edge == edge and not live.drain_only]
        return found[-1] if found else None

    def all(self) -> list[Live]:
        """Return every session this process has met."""
        return list(self._live.values())

    def adopt(self, live: Live) -> None:
        """Take a session that was committed as the current one of its edge."""
        if not live.drain_only:
            for key in [
                key for key, other in self._live.items() if key[0] == live.edge and not other.drain_only
            ]:
                del self._live[key]
        self._live[live.edge, live.inc] = live

    def forget(self, edge: str) -> None:
        """Drop what is known of an edge: it was shut out, or its history has forked."""
        for key in [key for key in self._live if key[0] == edge]:
            del self._live[key]

    def read_again(self) -> None:
        """Drop what this process knows of all of them: another life may have ended them."""
        self._live.clear()

    def open(self, unit: HubUnit, edge: str, hello: Hello, *, seconds_since: float | None) -> Opened:
        """Answer a HELLO, in one unit of work. `adopt` the result once it is durable."""
        connection = unit.connection
        known = self._known(connection, edge, hello, seconds_since)
        verdict = judge_hello(edge, hello, known)
        if isinstance(verdict, Refuse):
            return Opened(_reject(hello, verdict.code), alarm=verdict.alarm)
        self._note_stream(connection, edge, hello, verdict)
        hub_inc, new_hub_inc = self._outbox.hub_inc(unit), ""
        if has_lost_past(
            hello,
            known,
            hub_inc=hub_inc,
            lives=self._outbox.lives(connection),
            last_cseq=self._outbox.last(connection, edge, hub_inc),
            chead=self._outbox.hash_at(connection, edge, hub_inc, hello.cseq_done),
        ):
            hub_inc, _count = begin_life(unit, self._outbox, clock=self._clock, why="edge_remembers_more")
            new_hub_inc = hub_inc
            # The next edge that speaks of the forgotten life tells nothing new.
            self._outbox.remember_life(unit, hello.hub_inc_seen)
        if not verdict.drain_only:
            self._fence(unit, edge, why_fenced(hello, known, verdict, hub_inc=hub_inc))
        live = self._note_session(connection, edge, hello, drain_only=verdict.drain_only)
        welcome = Welcome(
            sess=live.sess,
            hub_inc=hub_inc,
            hub_boot=self._hub_boot,
            nonce=hello.nonce,
            inc=hello.inc,
            upto=known.upto,
            head_at_upto=known.head,
            safe=known.safe,
            cseq_next=self._outbox.next_unanswered(connection, edge, hub_inc),
            rights="ok" if epoch_of(connection, edge).is_open else "reopen",
            lives=() if verdict.drain_only else _lives(connection, edge),
            drain_only=verdict.drain_only,
            window=WINDOW_BATCHES,
            hub_clock_us=self._clock.now_us(),
            edge_clock_us=hello.clock_us,
        )
        return Opened(welcome, live, verdict.alarm, new_hub_inc)

    def _known(self, connection: Connection, edge: str, hello: Hello, seconds_since: float | None) -> Known:
        place = location(connection, edge)
        mine, current = stream(connection, edge, hello.inc), current_stream(connection, edge)
        granted, returned = totals(connection, edge)
        session = None
        if current is not None:
            session = _SESSION.first(connection, of=edge, life=current.inc)
        if seconds_since is None and session is not None:
            # This process was started a moment ago and has heard nobody yet.
            seconds_since = max(0.0, (self._clock.now_us() - session.last_us) / MICROSECONDS)
        return Known(
            status=place.status if place is not None else None,
            state=mine.state if mine is not None else None,
            upto=mine.upto if mine is not None else 0,
            safe=mine.safe if mine is not None else 0,
            head=mine.head if mine is not None else first_hash(edge, hello.inc),
            boot=session.boot if session is not None else "",
            machine=session.machine if session is not None else "",
            current_inc=current.inc if current is not None else "",
            # One that a new life of the hub has ended says nothing of who is there now.
            alive=session is not None and bool(session.sess) and is_alive(seconds_since),
            ep=epoch_of(connection, edge).ep,
            admitted=clones.admitted(connection, edge),
            granted=granted,
            returned=returned,
        )

    def _fence(self, unit: HubUnit, edge: str, why: Why | None) -> None:
        """Begin the lending anew with this edge, unless that is under way."""
        if why is not None and epoch_of(unit.connection, edge).is_open:
            fence(unit, edge, why, clock=self._clock)

    def _note_stream(self, connection: Connection, edge: str, hello: Hello, verdict: Open) -> None:
        now_us = self._clock.now_us()
        if verdict.replaces:
            mine = (streams.c.edge == edge) & (streams.c.inc == verdict.replaces)
            connection.execute(sa.update(streams).where(mine).values(state=CLOSED, last_us=now_us))
            connection.execute(sa.delete(link_sessions).where(link_sessions.c.edge == edge))
            clones.forget(connection, edge)
        if stream(connection, edge, hello.inc) is None:
            _BEGIN_STREAM.run(
                connection,
                edge=edge,
                inc=hello.inc,
                upto=0,
                head=first_hash(edge, hello.inc),
                newest=hello.last_seq,
                oldest_ms=0,
                state=CURRENT,
                first_us=now_us,
                last_us=now_us,
                ordinal=hello.ordinal,
            )
            return
        said = {"told": hello.last_seq, "now_us": now_us, "nth": hello.ordinal}
        _HEARD.run(connection, of=edge, life=hello.inc, **said)

    def _note_session(self, connection: Connection, edge: str, hello: Hello, *, drain_only: bool) -> Live:
        now_us = self._clock.now_us()
        before = _SESSION.first(connection, of=edge, life=hello.inc)
        again = before is not None and before.boot == hello.boot and before.nonce == hello.nonce
        sess = before.sess if before is not None and again else self._ids.secret(16)
        if before is not None:
            _END_SESSION.run(connection, of=edge, life=hello.inc)
        _BEGIN_SESSION.run(
            connection,
            edge=edge,
            inc=hello.inc,
            sess=sess,
            nonce=hello.nonce,
            boot=hello.boot,
            machine=hello.machine,
            software=hello.software,
            drain_only=drain_only,
            skew_us=hello.clock_us - now_us,
            opened_us=now_us,
            last_us=now_us,
        )
        return Live(edge, hello.inc, sess, hello.nonce, drain_only)


def _lives(connection: Connection, edge: str) -> tuple[Life, ...]:
    """Return what the hub has of the incarnations of an edge that are over, the oldest first."""
    rows = _ENDED.all(connection, of=edge)
    return tuple(Life(inc=row.inc, upto=row.upto, head=row.head, ordinal=row.ordinal) for row in rows)


def _reject(hello: Hello, code: RejectCode) -> Reject:
    retry = DUPLICATE_RETRY_SECONDS if code is RejectCode.DUPLICATE else RETRY_SECONDS
    return Reject(nonce=hello.nonce, inc=hello.inc, code=code, retry_seconds=retry)
