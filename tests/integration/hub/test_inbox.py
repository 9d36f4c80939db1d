"""The inbox: exactly once, in order, and nothing stops because of one event."""

import sqlalchemy as sa

from hub.context import Hub
from hub.ledger.rows import entries, journals
from hub.spine.rows import events, order_lines, orders
from tests.support.hub import Shop, send


def counted(hub: Hub, table: sa.Table) -> int:
    with hub.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_a_day_of_a_store_arrives_in_every_table(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 10)
    shop.open()
    order = shop.sell(("A", 2, 999), ("B", 1, 500))
    shop.give_back(order, (1, 1))
    shop.close()

    answers = send(hub, shop)

    assert [(a.verdict, a.upto, a.parked) for a in answers] == [("apply", 5, 0)]
    assert counted(hub, events) == 5
    assert counted(hub, orders) == 1
    assert counted(hub, order_lines) == 2
    assert counted(hub, journals) == 8
    with hub.database.read() as connection:
        assert connection.execute(sa.select(sa.func.sum(entries.c.amount_minor))).scalar_one() == 0
