"""Stock that a store lends the hub: told until it is echoed, fenced when a past was lost."""

import pytest
import sqlalchemy as sa

from edge_agent.database import EdgeUnit
from edge_agent.link.lending import LEND_ROWS
from hub.stock.allocations import free_units
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

    eventually(lambda: len(lent(hub)) > 1 and all(done for _sku, done in echoed(store)))

    assert lent(hub) == {"COAT-L": 1, "COAT-M": 3}
    assert echoed(store) == [("COAT-L", True), ("COAT-M", True)]


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

    eventually(lambda: hub_echo(hub) == 7)
    assert returned(store) == 2


def test_an_article_that_has_to_be_counted_is_lent_no_more_and_what_is_free_comes_back(
    hub: HubSide, store: StoreSide
) -> None:
    store.lend_share_ppm = 500_000
    store.open()
    store.edge.database.write(put_on_shelf)
    store.start()
    eventually(lambda: lent(hub) == {"COAT-L": 1, "COAT-M": 3})

    def not_found(unit: EdgeUnit) -> None:
        unit.connection.execute(
            "INSERT INTO exceptions (exception_id, dedupe_key, kind, subject, title, facts, owner_role,"
            " raised_us) VALUES ('x', 'count_due:COAT-M', 'count_due', 'sku:COAT-M', '', '{}', 'manager', 0)"
        )
        unit.connection.execute("UPDATE rights SET version = version + 1 WHERE sku = 'COAT-M'")

    store.edge.database.write(not_found)

    eventually(lambda: returned(store) == 3)
    with hub.database.read() as connection:
        assert free_units(connection, "store-1", "COAT-M") == (0, 0)
        assert free_units(connection, "store-1", "COAT-L") == (1, 0)


def test_more_articles_than_one_look_takes_are_lent_all_the_same(hub: HubSide, store: StoreSide) -> None:
    skus = [f"S-{n:04d}" for n in range(LEND_ROWS + 3)]
    store.lend_share_ppm = 500_000
    store.open()
    store.edge.database.write(
        lambda unit: unit.connection.executemany(
            "INSERT INTO balances (sku, bucket, quantity) VALUES (?, 'sellable', 2)", [(sku,) for sku in skus]
        )
    )
    store.start()

    eventually(lambda: len(lent(hub)) >= len(skus))
    assert lent(hub) == dict.fromkeys(skus, 1)


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
