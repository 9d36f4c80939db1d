"""`python -m tests.simulation.mutants`: take one guard away at a time, and count the seeds until that shows.

A guard that can be removed without any seed failing is either not needed or not tested; both are worth
knowing. Each mutant is a patch of one name of the product, applied to whole runs.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from unittest import mock

import sqlalchemy as sa

import edge_agent.counter.steps.sale
import edge_agent.database
import edge_agent.link.talk
import edge_agent.returns.steps
import edge_agent.stock.steps
import edge_agent.till.steps
import hub.database
import hub.link.desk
import hub.link.inbox
import hub.link.outbox
import hub.link.sessions
import hub.stock.allocations
import protocol.kit.writer
import protocol.rights
from edge_agent.link.lending import Lending, grant, stock_of
from edge_agent.link.marker import MarkerFile
from hub.fleet.rows import stream, streams
from hub.stock.rows import hub_rights
from protocol.envelope import decode_batch
from protocol.handshake import Marker, Welcome
from protocol.kit.sqlite import connect
from protocol.stream import Cursor, Verdict
from tests.simulation import seams
from tests.simulation.run import Runner, runner

Patch = Callable[[], AbstractContextManager[Any]]
LIMIT: Final = 60


class _UndoneError(Exception):
    """Leaves a savepoint with nothing kept."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A guard, and how to take it away."""

    guard: str
    without: Patch


def put(module: Any, name: str, instead: Any) -> AbstractContextManager[Any]:
    """Return a patch of one name."""
    return mock.patch.object(module, name, instead)


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


def normal_at_stores() -> AbstractContextManager[Any]:
    """A store's commit does not wait for the disk."""

    def lazy(*args: Any, **said: Any) -> Any:
        connection = connect(*args, **said)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    return put(edge_agent.database, "connect", lazy)


@contextmanager
def normal_at_the_hub() -> Iterator[None]:
    """The hub's commit does not wait for the disk."""
    real = seams._engine

    def lazy(url: str) -> Any:
        engine = real(url)
        sa.event.listen(engine, "connect", _relax)
        return engine

    with put(seams, "_engine", lazy):
        yield
    for engine in seams._engines.values():
        if sa.event.contains(engine, "connect", _relax):
            sa.event.remove(engine, "connect", _relax)


def _relax(raw: Any, _record: object) -> None:
    raw.execute("PRAGMA synchronous = NORMAL")


def deferred_begin() -> AbstractContextManager[Any]:
    """A transaction takes the write lock only when it writes."""

    def begin(self: Any) -> None:
        self.connection.execute("BEGIN")

    return put(protocol.kit.writer.SqliteStore, "begin", begin)


def newest_cells() -> AbstractContextManager[Any]:
    """The hub takes the cells of whatever vector comes last, instead of the greatest."""

    def see(self: protocol.rights.HubRight, vector: protocol.rights.EdgeVector) -> protocol.rights.HubRight:
        return replace(
            self, granted_seen=vector.G, finished_seen=vector.F, version=vector.ver, deficit=vector.d
        )

    return put(protocol.rights.HubRight, "see", see)


def any_version() -> AbstractContextManager[Any]:
    """An echo of any version silences a vector, also of an older one."""
    real = hub.link.desk.Desk.tell_rights

    def tell(self: Any, live: Any, *, echo: Any = ()) -> None:
        real(self, live, echo=tuple((sku, version + 1_000) for sku, version in echo))

    return put(hub.link.desk.Desk, "tell_rights", tell)


def lend_more_than_free() -> AbstractContextManager[Any]:
    """Rule 1: the store lends what it does not have free."""

    def lend(self: Lending, unit: Any) -> int:
        skus = [row[0] for row in unit.connection.execute("SELECT DISTINCT sku FROM balances").fetchall()]
        for sku in skus:
            stock = stock_of(unit.connection, sku)
            if stock.outstanding < self._settings.lend_cap:
                grant(unit, stock, self._settings.lend_cap - stock.outstanding)
        return len(skus)

    stack = ExitStack()
    stack.enter_context(put(Lending, "lend", lend))
    stack.enter_context(put(protocol.rights.EdgeStock, "_need", lambda _self, _units: None))
    return stack


def promise_without_rights() -> AbstractContextManager[Any]:
    """Rule 2: the hub promises whether units are free or not, deficit or not."""
    rights = hub_rights
    take = (
        sa.update(rights)
        .where(rights.c.location == sa.bindparam("at"), rights.c.sku == sa.bindparam("of"))
        .values(
            allocated=rights.c.allocated + sa.bindparam("wanted", type_=sa.BigInteger),
            version=rights.c.version + 1,
        )
    )
    return put(hub.stock.allocations, "_TAKE", take)


def end_twice() -> AbstractContextManager[Any]:
    """K moves twice for an allocation that ends once."""
    real, rights = hub.stock.allocations.end, hub_rights

    def end(connection: Any, owner: str, line_no: int, units: int) -> int:
        row = hub.stock.allocations._row(connection, owner, line_no)
        really = real(connection, owner, line_no, units)
        if row is not None and really:
            mine = (rights.c.location == row.location) & (rights.c.sku == row.sku)
            connection.execute(sa.update(rights).where(mine).values(ended=rights.c.ended + really))
        return really

    return put(hub.stock.allocations, "end", end)


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


def no_marker() -> AbstractContextManager[Any]:
    """An old copy of a store's database is not recognised, by its file or by the hub's word."""
    stack = ExitStack()
    stack.enter_context(put(MarkerFile, "judge", lambda _self, _seq: Marker.OK))
    stack.enter_context(put(edge_agent.link.talk, "judge_welcome", lambda _welcome, **_said: None))
    return stack


def no_chain() -> AbstractContextManager[Any]:
    """The hub takes a batch by its numbers alone, whatever history it continues."""

    def judge(cursor: Cursor, batch: Any) -> Verdict:
        if batch.last <= cursor.upto:
            return Verdict.KNOWN
        return Verdict.GAP if batch.first != cursor.upto + 1 else Verdict.APPLY

    return put(hub.link.inbox, "judge", judge)


def no_cursor() -> AbstractContextManager[Any]:
    """The hub applies what it already has."""

    def judge(cursor: Cursor, batch: Any) -> Verdict:
        return Verdict.GAP if batch.first > cursor.upto + 1 else Verdict.APPLY

    return put(hub.link.inbox, "judge", judge)


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


def one_hub_life() -> AbstractContextManager[Any]:
    """A hub that was restored goes on as if nothing had happened."""
    return put(hub.link.sessions, "has_lost_past", lambda _hello, **_said: False)


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


MUTANTS: Final = (
    Mutant("acknowledge after commit", ack_before_commit),
    Mutant("`sent` committed before publishing", publish_before_sent),
    Mutant("synchronous = FULL at the stores", normal_at_stores),
    Mutant("synchronous = FULL at the hub", normal_at_the_hub),
    Mutant("BEGIN IMMEDIATE", deferred_begin),
    Mutant("cells merge by maximum", newest_cells),
    Mutant("an echo counts for its version only", any_version),
    Mutant("rule 1: lend only what is free", lend_more_than_free),
    Mutant("rule 2: promise only what is lent", promise_without_rights),
    Mutant("K moves once for an allocation", end_twice),
    Mutant("nonce of the connection", no_nonce),
    Mutant("marker and WELCOME find an old copy", no_marker),
    Mutant("the chain hash of the batch before", no_chain),
    Mutant("what is known is not applied again", no_cursor),
    Mutant("a gap is not applied", gap_is_taken),
    Mutant("a restored hub begins a new life", one_hub_life),
    Mutant("a request's key answers once", keys_are_forgotten),
)


def seeds_to_catch(here: Runner, mutant: Mutant, limit: int, first: int = 0) -> tuple[int, str]:
    """Return after how many seeds a missing guard shows, and as what; 0 when it does not."""
    for n, seed in enumerate(range(first, first + limit), start=1):
        with mutant.without():
            verdict = here.run(seed)
        if verdict.problem:
            return n, verdict.problem.splitlines()[0]
    return 0, ""


def main() -> int:
    """Print guard x seeds-to-catch; return 0 when every guard was missed."""
    said = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    said.add_argument("--limit", type=int, default=LIMIT, help=f"seeds to try for each guard ({LIMIT})")
    said.add_argument("--first", type=int, default=0, help="the first seed (0)")
    said.add_argument("--only", default="", help="guards whose name has this text")
    wanted = said.parse_args()
    missed = 0
    with runner() as here:
        for mutant in MUTANTS:
            if wanted.only not in mutant.guard:
                continue
            count, shows = seeds_to_catch(here, mutant, wanted.limit, wanted.first)
            missed += not count
            print(f"{mutant.guard:42} {count or f'not in {wanted.limit}':>10}  {shows[:140]}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
