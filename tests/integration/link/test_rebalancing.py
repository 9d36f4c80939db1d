"""Both sides of lending on a real wire: policy and wishes."""

import pytest
import sqlalchemy as sa

from edge_agent.database import EdgeUnit
from edge_agent.link import wishes
from edge_agent.link.directives import Kind
from hub.database import HubUnit
from hub.stock import allocations
from hub.stock.rows import hub_rights
from protocol.lending import LastUnits, LendingPolicy, LendingRule
from tests.support.wire import HubSide, StoreSide, eventually

pytestmark = pytest.mark.broker


def shelve(store: StoreSide, units: int) -> None:
    def step(unit: EdgeUnit) -> None:
        unit.connection.execute(
            "INSERT INTO balances VALUES ('COAT-M', 'sellable', ?)"
            " ON CONFLICT (sku, bucket) DO UPDATE SET quantity = excluded.quantity",
            (units,),
        )
        # A vector's version is that of the newest movement; here nothing moves, so it is raised by hand.
        unit.connection.execute("UPDATE rights SET version = version + 1")

    store.edge.database.write(step)


def right(hub: HubSide) -> tuple[int, int, int, int]:
    """Return (granted, allocated, returned, deficit)."""
    with hub.database.read() as connection:
        row = connection.execute(sa.select(hub_rights).where(hub_rights.c.sku == "COAT-M")).first()
    return (0, 0, 0, 0) if row is None else (row.granted_seen, row.allocated, row.returned, row.deficit)


def promise(hub: HubSide, owner: str, units: int) -> None:
    def step(unit: HubUnit) -> None:
        allocations.allocate(unit.connection, owner, "store-1", [(1, "COAT-M", units)])

    hub.database.write(step)


def tell(hub: HubSide, *rules: LendingRule) -> None:
    body = LendingPolicy(version=1, rules=rules)
    hub.database.write(lambda unit: hub.outbox.send_directive(unit, "store-1", body))


def test_a_policy_told_over_the_wire_lends_and_lends_again_what_was_promised(
    hub: HubSide, store: StoreSide
) -> None:
    store.kinds = {"lending.policy": Kind(wishes.take_policy)}
    store.open()
    shelve(store, 20)
    store.start()
    tell(hub, LendingRule(share_ppm=1_000_000, cap=4, least=2))
    eventually(lambda: right(hub)[0] == 2)

    promise(hub, "a-1", 2)

    eventually(lambda: right(hub)[0] > 2)
    # Two have an order, and two are free again without anybody asking.
    assert right(hub) == (4, 2, 0, 0)


def test_a_store_that_runs_low_gets_back_what_nobody_was_promised(hub: HubSide, store: StoreSide) -> None:
    store.kinds = {"lending.policy": Kind(wishes.take_policy)}
    store.open()
    shelve(store, 8)
    store.start()
    tell(hub, LendingRule(share_ppm=1_000_000, cap=4, least=4, last_units=LastUnits.STORE, kept_units=2))
    eventually(lambda: right(hub)[0] == 4)
    promise(hub, "a-1", 1)

    shelve(store, 5)

    # Five are here, one has an order, two are the store's own: of the three that are free one goes back.
    eventually(lambda: right(hub)[2] == 1)
    assert right(hub)[3] == 0
