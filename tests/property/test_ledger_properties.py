"""Whatever order stores are heard in: the same trial balance, and every tie of the close at every moment."""

import random
import tempfile
from collections.abc import Sequence
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.context import Hub
from hub.fleet.steps import NewLocation, add_location
from hub.ledger import chain
from hub.ledger.close import facts, rules
from hub.ledger.reads import trial_balance
from hub.till.audit_reads import undecided
from hub.till.audit_steps import decide
from protocol.events import OrderSold
from protocol.rules.refund import refund_units
from tests.property.test_hub_properties import a_hub, deliver, fleet
from tests.property.test_later_properties import a_day
from tests.support.hub import Shop, send

CALM = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENTITIES = {"store-1": "main", "store-2": "north", "store-3": "main"}
COST = ("13", "50", "51")
"""Inventory, cost of goods, shrink and variance: what overtaking may move between, and never in sum."""
NOT_OF_THE_BOOKS = {"UNSYNCED_EDGE", "OPEN_TILL", "UNCOUNTED"}
"""What is true of a day that goes on."""


def company(folder: str, name: str) -> Hub:
    """Return a hub whose stores belong to two legal entities."""
    hub = a_hub(folder, name)
    for n, (edge, entity) in enumerate(ENTITIES.items()):
        new = NewLocation(edge, f"X{chr(65 + n)}", edge, "store", entity)
        hub.database.write(partial(add_location, new=new, clock=hub.clock, ids=hub.ids))
    return hub


def balances(hub: Hub) -> dict[tuple[str, str], int]:
    with hub.database.read() as connection:
        return {
            (row.entity, row.account): row.amount_minor
            for row in trial_balance(connection)
            if row.amount_minor
        }


def look_at_audit(hub: Hub) -> None:
    """Look at what the audit found: whoever draws lots gives too much discount on some days."""
    with hub.database.read() as connection:
        found, _total = undecided(connection, limit=100)
    for hit in found:
        decide(hub, hit.hit_id, outcome="overridden", reason="looked at: in order", by="Ada Byron")


def assert_ties(hub: Hub) -> None:
    """Every check of the close that is about the books holds in every entity, once the audit was seen."""
    look_at_audit(hub)
    with hub.database.read() as connection:
        for entity in sorted(set(ENTITIES.values())):
            found = rules.checks(facts.gather(connection, entity, "2025-11", default="main"))
            stopped = {check.name: check.evidence for check in found if check.blocks}
            assert {name: why for name, why in stopped.items() if name not in NOT_OF_THE_BOOKS} == {}
            assert chain.broken_at(connection, entity) == 0


def bring_back_elsewhere(shops: Sequence[Shop], chance: random.Random) -> None:
    """Let the last store take back what the others sold, one unit of some of their orders."""
    last = shops[-1]
    last.business_date = "2025-11-25"
    last.open(0)
    for shop in shops[:-1]:
        for order in shop.sales.values():
            line = chance.choice(order.lines)
            left = shop.backs[order.order_id, line.line_no]
            if left.left_quantity and chance.random() < 0.5:
                _take(last, shop, order, line.line_no)
    last.close()


def _take(at: Shop, seller: Shop, order: OrderSold, line_no: int) -> None:
    key = order.order_id, line_no
    at.backs[key] = seller.backs[key]
    at.give_back(order, (line_no, 1), to_bucket="quarantine")
    seller.backs[key] = seller.backs[key].after(refund_units(seller.backs[key], 1))


@CALM
@given(seed=st.integers(0, 2**32))
def test_any_interleaving_without_overtaking_gives_the_same_trial_balance_and_any_other_the_same_cost(
    seed: int,
) -> None:
    shops = fleet(seed)
    before = [len(shop.events) for shop in shops]
    bring_back_elsewhere(shops, random.Random(seed))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(2):
            hub = company(folder, f"{n}.db")
            chance = random.Random(f"{seed}/{n}")
            order = chance.sample(range(len(shops)), len(shops))
            for at in order:
                send(hub, shops[at], 1, before[at], size=chance.choice([1, 5, 200]))
            send(hub, shops[-1], before[-1] + 1)
            found.append(balances(hub))
            assert_ties(hub)
            hub.database.close()
        overtaken = company(folder, "overtaken.db")
        for shop in reversed(shops):
            send(overtaken, shop)
        other = balances(overtaken)
        overtaken.database.close()

    assert found[0] == found[1]
    sums = [
        sum(minor for (_entity, account), minor in each.items() if account.startswith(COST))
        for each in (found[0], other)
    ]
    assert sums[0] == sums[1]


@CALM
@given(seed=st.integers(0, 2**32))
def test_every_tie_of_the_close_holds_whenever_one_looks(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hub = company(folder, "hub.db")
        deliver(hub, fleet(seed), random.Random(seed))
        assert_ties(hub)
        later = a_day(seed)
        later.edge = later.edge or "store-1"
        half = len(later.events) // 2
        hub.database.close()
        hub = company(folder, "later.db")
        send(hub, later, 1, half)
        assert_ties(hub)
        send(hub, later, half + 1)
        assert_ties(hub)
        hub.database.close()
