"""Both sides of lending on a real wire: policy, wishes, and goods that a customer carried away."""

import pytest
import sqlalchemy as sa

from edge_agent.database import EdgeUnit
from edge_agent.link import wishes
from edge_agent.link.directives import Kind
from hub.database import HubUnit
from hub.exceptions.rows import exceptions
from hub.link.rights import RightsRows
from hub.stock import allocations
from hub.stock.rows import hub_rights
from protocol.lending import LastUnits, LendingPolicy, LendingRule
from tests.support.hub import hub_of
from tests.support.wire import HubSide, StoreSide, eventually

pytestmark = pytest.mark.broker


@pytest.fixture
def hub_with_desk(hub: HubSide) -> HubSide:
    """A hub that puts what is missing onto somebody's desk."""
    hub.stop()
    hub.rights = RightsRows(hub_of(hub.database))
    hub.start()
    return hub


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


def cards(hub: HubSide) -> list[str]:
    with hub.database.read() as connection:
        query = sa.select(exceptions.c.state).where(exceptions.c.kind == "stock_deficit")
        return list(connection.execute(query).scalars())


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


@pytest.mark.parametrize("cut", [False, True], ids=["online", "on reconnect"])
def test_goods_that_a_customer_carried_away_reach_the_desk_of_the_hub(
    hub_with_desk: HubSide, store: StoreSide, *, cut: bool
) -> None:
    hub = hub_with_desk
    store.lend_share_ppm = 1_000_000
    store.open()
    shelve(store, 3)
    store.start()
    eventually(lambda: right(hub)[0] == 3)
    promise(hub, "a-1", 3)
    if cut:
        hub.stop()

    shelve(store, 2)
    if cut:
        hub.start()

    eventually(lambda: cards(hub) == ["open"])
    shelve(store, 3)
    eventually(lambda: cards(hub) == ["closed"])
    assert right(hub)[1:] == (3, 0, 0)
