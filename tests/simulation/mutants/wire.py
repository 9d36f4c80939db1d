"""Without the guards of the wire: acknowledging, numbering, chaining, and knowing whom one talks to."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import sqlalchemy as sa

import edge_agent.counter.steps.sale
import edge_agent.link.stream
import edge_agent.link.talk
import edge_agent.returns.steps
import edge_agent.stock.steps
import edge_agent.till.steps
import hub.link.desk
import hub.link.inbox
import hub.link.outbox
from edge_agent.link.rows import hash_at
from edge_agent.link.rules import judge_welcome
from edge_agent.link.stream import Stream
from hub.fleet.rows import stream, streams
from protocol.envelope import decode_batch
from protocol.handshake import Welcome
from protocol.stream import Cursor, Verdict
from tests.simulation.mutants.patch import put


class _UndoneError(Exception):
    """Leaves a savepoint with nothing kept."""


def ack_before_commit() -> AbstractContextManager[Any]:
    """The hub acknowledges a batch, then applies it."""
    real = hub.link.desk.Desk._on_log

    def early(self: hub.link.desk.Desk, edge: str, payload: bytes) -> None:
        batch = decode_batch(payload)
        live = self._parts.sessions.of_edge(edge)
        if live is not None and live.sess == batch.sess:
            with self._parts.database.read() as connection:
                row = stream(connection, edge, batch.inc)
            if row is not None and row.upto + 1 == batch.first:
                self._tell_ack(live, batch.last, batch.head)
        real(self, edge, payload)

    return put(hub.link.desk.Desk, "_on_log", early)


def publish_before_sent() -> AbstractContextManager[Any]:
    """A directive is published without `sent` having been committed."""
    real = hub.link.outbox.Outbox.take

    def take(self: Any, unit: Any, edge: str, after: int, *, resend: bool) -> Any:
        found = None
        try:
            with unit.savepoint():
                found = real(self, unit, edge, after, resend=resend)
                raise _UndoneError
        except _UndoneError:
            return found

    return put(hub.link.outbox.Outbox, "take", take)


def no_nonce() -> AbstractContextManager[Any]:
    """The store believes a WELCOME that answers another connection's HELLO."""
    real = edge_agent.link.talk.Talk._on_control

    def believe(self: edge_agent.link.talk.Talk, data: bytes) -> None:
        said = edge_agent.link.talk._Control.validate_json(data)
        if isinstance(said, Welcome) and said.inc == self._inc and self._conn:
            self._on_welcome(said)
        else:
            real(self, data)

    return put(edge_agent.link.talk.Talk, "_on_control", believe)


def no_chain() -> AbstractContextManager[Any]:
    """A batch is taken by its numbers alone, whatever history it continues.

    Three look at the hash, of which one would do: the store at WELCOME and at ACK, the hub at a batch.
    """

    def judge(cursor: Cursor, batch: Any) -> Verdict:
        if batch.last <= cursor.upto:
            return Verdict.KNOWN
        return Verdict.GAP if batch.first != cursor.upto + 1 else Verdict.APPLY

    def welcomed(welcome: Welcome, *, own_head: str | None, **said: Any) -> Any:
        return judge_welcome(welcome, own_head=own_head and welcome.head_at_upto, **said)

    def acknowledged(self: Stream, ack: Any, now: float) -> Any:
        def told(connection: Any, n: int) -> str | None:
            return hash_at(connection, n) and str(ack.head)

        with put(edge_agent.link.stream, "hash_at", told):
            return on_ack(self, ack, now)

    on_ack = Stream.on_ack
    stack = ExitStack()
    stack.enter_context(put(hub.link.inbox, "judge", judge))
    stack.enter_context(put(edge_agent.link.talk, "judge_welcome", welcomed))
    stack.enter_context(put(Stream, "on_ack", acknowledged))
    return stack


def no_cursor() -> AbstractContextManager[Any]:
    """The hub applies what it has already; neither the verdict nor the step of its cursor stops it."""

    def judge(cursor: Cursor, batch: Any) -> Verdict:
        return Verdict.GAP if batch.first > cursor.upto + 1 else Verdict.APPLY

    stack = ExitStack()
    stack.enter_context(put(hub.link.inbox, "judge", judge))
    stack.enter_context(put(hub.link.inbox.Inbox, "_advance", _advance))
    return stack


def gap_is_taken() -> AbstractContextManager[Any]:
    """The hub applies a batch that begins beyond what it has."""

    def judge(cursor: Cursor, batch: Any) -> Verdict:
        return Verdict.KNOWN if batch.last <= cursor.upto else Verdict.APPLY

    stack = ExitStack()
    stack.enter_context(put(hub.link.inbox, "judge", judge))
    stack.enter_context(put(hub.link.inbox.Inbox, "_advance", _advance))
    return stack


def _advance(_self: Any, unit: Any, batch: Any, _arrived_us: int) -> None:
    unit.connection.execute(
        sa.update(streams)
        .where(streams.c.edge == batch.edge, streams.c.inc == batch.inc)
        .values(upto=batch.last, head=batch.head)
    )


def keys_are_forgotten() -> AbstractContextManager[Any]:
    """A request that arrives twice takes effect twice."""

    def once(_unit: Any, _edge: Any, _command: Any, _key: str, _answer: Any, work: Callable[[], Any]) -> Any:
        return work(), True

    stack = ExitStack()
    for module in (
        edge_agent.counter.steps.sale,
        edge_agent.returns.steps,
        edge_agent.stock.steps,
        edge_agent.till.steps,
    ):
        stack.enter_context(put(module, "once", once))
    return stack


def any_session() -> AbstractContextManager[Any]:
    """The hub takes packets of a session that is not the current one."""
    real = hub.link.desk.Desk._current

    def current(self: hub.link.desk.Desk, edge: str, inc: str, sess: str) -> Any:
        with self._parts.database.read() as connection:
            live = self._parts.sessions.find(connection, edge, inc)
        return real(self, edge, inc, sess if live is None else live.sess)

    return put(hub.link.desk.Desk, "_current", current)
