"""Without the rules of lending: see `design/4-stock.md` for their numbers."""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

import edge_agent.counter.steps.sale
import edge_agent.stock.assigned
import hub.fulfil.deficits
import hub.fulfil.harm
import hub.link.desk
import hub.link.rights
import hub.route.facts.snapshot
import hub.stock.allocations
import hub.stock.deficits
import protocol.rights
from edge_agent.link.lending import Lending, grant, stock_of
from hub.database import Change
from hub.fulfil.room import Assignments
from hub.stock.deficits import need, right_of
from hub.stock.rows import hub_rights
from tests.simulation.mutants.patch import put


def newest_cells() -> AbstractContextManager[Any]:
    """The hub takes the cells of whatever vector comes last, instead of the greatest."""

    def see(self: protocol.rights.HubRight, vector: protocol.rights.EdgeVector) -> protocol.rights.HubRight:
        return replace(
            self, granted_seen=vector.G, finished_seen=vector.F, version=vector.ver, deficit=vector.d
        )

    return put(protocol.rights.HubRight, "see", see)


def any_version() -> AbstractContextManager[Any]:
    """An echo of any version silences a vector, also of an older one."""
    real = hub.link.desk.Desk._say_rights

    def say(self: Any, live: Any, due: Any, *, echo: Any = ()) -> None:
        real(self, live, due, echo=tuple((sku, version + 1_000) for sku, version in echo))

    return put(hub.link.desk.Desk, "_say_rights", say)


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
    """Rule 2: the hub promises whether units are free or not, deficit or not.

    Routing looks before it takes; alone in one thread either would do, so both are taken away. That the
    second one is needed is shown by the tests of contention.
    """
    rights = hub_rights
    take = Change(
        sa.update(rights)
        .where(rights.c.location == sa.bindparam("at"), rights.c.sku == sa.bindparam("of"))
        .values(
            allocated=rights.c.allocated + sa.bindparam("wanted", type_=sa.BigInteger),
            version=rights.c.version + 1,
        )
    )

    def stock_of(_connection: Any, locations: Any, skus: Any, _kept: Any) -> list[tuple[int, ...]]:
        return [(1_000, 0, 1_000) * len(skus)] * len(locations)

    stack = ExitStack()
    stack.enter_context(put(hub.stock.allocations, "_TAKE", take))
    stack.enter_context(put(hub.route.facts.snapshot, "stock_of", stock_of))
    return stack


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


def return_promised() -> AbstractContextManager[Any]:
    """Rule 3: the hub gives back what a store wants, promised or not."""
    rights = hub_rights

    def give_back(connection: Any, location: str, sku: str) -> int:
        mine = (rights.c.location == location) & (rights.c.sku == sku)
        row = connection.execute(sa.select(rights).where(mine)).first()
        units = 0 if row is None else max(need(row, 0), row.back_upto - row.returned)
        if units > 0:
            changed = {"returned": rights.c.returned + units, "version": rights.c.version + 1}
            connection.execute(sa.update(rights).where(mine).values(changed))
        return max(0, int(units))

    return put(hub.link.rights, "give_back", give_back)


def fulfil_without_finishing() -> AbstractContextManager[Any]:
    """Rule 4: goods of an allocation leave, and F stays."""
    real = edge_agent.stock.assigned.add_cells

    def add(unit: Any, changes: Any) -> None:
        real(unit, [(sku, 0, picked) for sku, _finished, picked in changes])

    return put(edge_agent.stock.assigned, "add_cells", add)


def end_when_asked() -> AbstractContextManager[Any]:
    """Rule 5: a right is free as soon as the hub asks for its assignment, before the store has answered."""
    real = Assignments.touch

    def touch(self: Any, assignment: Any) -> None:
        real(self, assignment)
        if assignment.cancel_asked and not self._work.rebuilding:
            hub.stock.allocations.end_all(self._work.connection, assignment.assignment_id)

    return put(Assignments, "touch", touch)


def sell_what_is_missing() -> AbstractContextManager[Any]:
    """Rule 6: a store that sells nothing beyond its stock goes on selling what it misses."""
    return put(
        edge_agent.counter.steps.sale, "_beyond_stock", lambda *_said: edge_agent.counter.steps.sale._Beyond()
    )


def nothing_is_missing() -> AbstractContextManager[Any]:
    """Rule 7: what was sold beyond what is free is nobody's deficit."""
    return put(protocol.rights.EdgeStock, "deficit", 0)


def keep_what_is_wanted_back() -> AbstractContextManager[Any]:
    """Rule 8: the hub gives back where promised units are missing, and never what a store only wants."""
    real = hub.stock.deficits.give_back

    def give_back(connection: Any, location: str, sku: str) -> int:
        row = right_of(connection, location, sku)
        return real(connection, location, sku) if row is not None and need(row, 0) else 0

    stack = ExitStack()
    for room in (hub.link.rights, hub.stock.allocations):
        stack.enter_context(put(room, "give_back", give_back))
    return stack


def nobody_told_of_a_deficit() -> AbstractContextManager[Any]:
    """Rule 6: what is missing of what was promised is nobody's next step."""
    return put(hub.fulfil.deficits, "settle", lambda _work, _location, _sku: None)


def ask_again_for_what_was_returned() -> AbstractContextManager[Any]:
    """Rule 6: what was returned since the vector counts for nothing, so a repeated one is answered again."""

    def whole(row: Any, cancels_pending: int) -> int:
        return max(0, int(row.deficit) - cancels_pending)

    stack = ExitStack()
    for room in (hub.stock.deficits, hub.fulfil.deficits):
        stack.enter_context(put(room, "need", whole))
    return stack


def ask_again_for_what_is_cancelled() -> AbstractContextManager[Any]:
    """Rule 6: what is being cancelled already counts for nothing."""
    return put(hub.fulfil.deficits, "pending", lambda _promised: 0)


def choose_somebody_twice() -> AbstractContextManager[Any]:
    """Rule 6: who was asked to give way may be chosen once more."""
    real = hub.fulfil.harm.victims

    def again(promised: Any, units: int) -> Any:
        return real([replace(one, asked=False) for one in promised], units)

    return put(hub.fulfil.deficits, "victims", again)
