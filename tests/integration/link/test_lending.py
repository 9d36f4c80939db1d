"""Stock that a store lends the hub: told until it is echoed, fenced when a past was lost."""

import pytest
import sqlalchemy as sa

from edge_agent.database import EdgeUnit
from hub.stock.rows import hub_rights
from tests.support.wire import HubSide, StoreSide, eventually

pytestmark = pytest.mark.broker


def put_on_shelf(unit: EdgeUnit) -> None:
    unit.connection.executemany(
        "INSERT INTO balances (sku, bucket, quantity) VALUES (?, 'sellable', ?)",
        [("COAT-M", 40), ("COAT-L", 3), ("COAT-S", 0)],
    )


def lent(hub: HubSide) -> dict[str, int]:
    with hub.database.read() as connection:
        rows = connection.execute(sa.select(hub_rights).order_by(hub_rights.c.sku))
        return {row.sku: row.granted_seen for row in rows}


def echoed(store: StoreSide) -> list[tuple[str, bool]]:
    rows = store.edge.database.read().execute("SELECT sku, echoed >= version FROM rights ORDER BY sku")
    return [(str(row[0]), bool(row[1])) for row in rows]


def test_a_share_of_the_stock_is_lent_and_told_until_the_hub_has_it(hub: HubSide, store: StoreSide) -> None:
    store.lend_share_ppm = 500_000
    store.open()
    store.edge.database.write(put_on_shelf)
    store.start()

    eventually(lambda: lent(hub) == {"COAT-L": 1, "COAT-M": 3})
    eventually(lambda: echoed(store) == [("COAT-L", True), ("COAT-M", True)])


def test_nothing_is_lent_where_the_share_is_nothing(hub: HubSide, store: StoreSide) -> None:
    store.open()
    store.edge.database.write(put_on_shelf)
    store.start()
    store.sell(5)
    eventually(lambda: hub.upto("store-1") == 5)

    assert lent(hub) == {}
    assert echoed(store) == []


def test_the_store_takes_back_what_the_hub_returned_and_says_so(hub: HubSide, store: StoreSide) -> None:
    store.lend_share_ppm = 500_000
    store.open()
    store.edge.database.write(put_on_shelf)
    store.start()
    eventually(lambda: lent(hub) == {"COAT-L": 1, "COAT-M": 3})
    store.lend_share_ppm = 0
    hub.database.write(
        lambda unit: unit.connection.execute(
            sa.update(hub_rights).where(hub_rights.c.sku == "COAT-M").values(returned=2, version=7)
        )
    )

    eventually(lambda: returned(store) == 2)
    eventually(lambda: hub_echo(hub) == 7)


def returned(store: StoreSide) -> int:
    row = store.edge.database.read().execute("SELECT returned_seen FROM rights WHERE sku = 'COAT-M'")
    return int(row.fetchone()[0])


def hub_echo(hub: HubSide) -> int:
    with hub.database.read() as connection:
        return int(
            connection.execute(
                sa.select(hub_rights.c.echoed).where(hub_rights.c.sku == "COAT-M")
            ).scalar_one()
        )
