"""Two legal entities: what one does for the other stands in both books, is set off, and closes in both."""

from typing import Any

import sqlalchemy as sa

from hub.context import Hub
from hub.ledger.close import facts, reads, rules, steps
from hub.ledger.rows import journals
from hub.rebuild import verify
from protocol.books import JournalLine, JournalMade
from protocol.orders import TenderKind
from tests.support.hub import Shop, TestClock, send
from tests.support.later_shop import LaterShop, paid_online, record_at, web_order
from tests.support.transfers import trial, two_stores

NEXT_MONTH_US = 1_764_600_000_000_000
ENTITIES = ("main", "north")


def books(hub: Hub, entity: str) -> dict[str, int]:
    return {account: minor for (mine, account), minor in trial(hub).items() if mine == entity}


def checked(hub: Hub, entity: str) -> list[str]:
    with hub.database.read() as connection:
        found = facts.gather(connection, entity, "2025-11", default="main")
    return rules.blockers(rules.checks(found))


def trade(hub: Hub) -> tuple[Shop, LaterShop]:
    """Two stores of two entities; the second fulfils an order of the first, and takes back what it sold."""
    one, _two = two_stores(hub, entities=ENTITIES)
    two = LaterShop(edge="store-2", code="YC")
    for shop in (one, two):
        shop.stock("A", 10, 400)
        shop.open()
    order = web_order(("A", 2, 12_00))
    record_at(hub, order)
    record_at(hub, paid_online(order))
    two.accept(order)
    two.ready(order)
    two.hand_over(order)
    sold = one.sale(("A", 1, 12_00), kind=TenderKind.CASH)
    one.tell_sale(sold)
    send(hub, one)
    give_back(two, one, sold)
    one.close()
    two.close()
    clock = hub.clock
    assert isinstance(clock, TestClock)
    clock.at_us = NEXT_MONTH_US
    send(hub, two)
    send(hub, one, len(one.events))
    return one, two


def give_back(at: Shop, seller: Shop, sold: Any) -> None:
    """Take a sale of another store back at this one."""
    at.sales[sold.order_id] = sold
    at.backs.update({key: back for key, back in seller.backs.items() if key[0] == sold.order_id})
    at.give_back(sold, (1, 1))


def test_goods_and_money_for_another_entity_stand_in_both_books(hub: Hub) -> None:
    trade(hub)

    main, north = books(hub, "main"), books(hub, "north")
    assert (north["1400"], main["2400"]) == (8_00 + 12_00, -8_00 - 12_00)
    assert (north["2400"], main["1400"]) == (-4_00, 4_00)
    assert (north["4400"], north["5020"]) == (-8_00, 8_00)
    assert (main["4000"], main["4020"]) == (-20_00 - 10_00, 10_00)
    assert (main["5000"], main["5010"]) == (8_00 + 4_00, -4_00)
    assert main.get("2100", 0) == main.get("2110", 0) == north.get("2110", 0) == 0
    assert sum(main.values()) == sum(north.values()) == 0
    assert [checked(hub, entity) for entity in ENTITIES] == [[], []]
    assert verify(hub) == {}


def test_debts_are_set_off_in_both_books_when_a_month_begins_to_close(hub: Hub) -> None:
    trade(hub)
    steps.soft_close(hub, "main", "2025-11", by="A. Abel")
    steps.begin(hub, "main", "2025-11", by="A. Abel")

    main, north = books(hub, "main"), books(hub, "north")
    assert (main.get("1400", 0), main["2400"]) == (0, -16_00)
    assert (north["1400"], north.get("2400", 0)) == (16_00, 0)
    with hub.database.read() as connection:
        days = connection.execute(
            sa.select(journals.c.posting_date).where(journals.c.rule == "netting")
        ).scalars()
        assert list(days) == ["2025-11-30", "2025-11-30"]
    for entity in ENTITIES:
        if entity == "north":
            steps.soft_close(hub, entity, "2025-11", by="A. Abel")
            steps.begin(hub, entity, "2025-11", by="A. Abel")
        for role, by in (("prepared", "A. Abel"), ("approved", "B. Bohr")):
            with hub.database.read() as connection:
                seen = reads.fingerprint(connection, entity, "2025-11")
            steps.sign(hub, entity, "2025-11", role=role, by=by, seen=seen)
        steps.close(hub, entity, "2025-11", by="A. Abel")
    assert verify(hub) == {}


def test_a_fact_of_two_entities_posts_on_the_day_that_both_permit(hub: Hub) -> None:
    one, two = trade(hub)
    for step in (steps.soft_close, steps.begin):
        step(hub, "main", "2025-11", by="A. Abel")
    for role, by in (("prepared", "A. Abel"), ("approved", "B. Bohr")):
        with hub.database.read() as connection:
            seen = reads.fingerprint(connection, "main", "2025-11")
        steps.sign(hub, "main", "2025-11", role=role, by=by, seen=seen)
    steps.close(hub, "main", "2025-11", by="A. Abel")
    told = len(two.events)
    two.business_date = "2025-11-29"
    two.open(0)
    sold = next(iter(one.sales.values()))
    two.backs.clear()
    give_back(two, one, sold)
    send(hub, two, told + 1)

    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(journals.c.entity, journals.c.rule, journals.c.posting_date)
            .where(journals.c.business_date == "2025-11-29", journals.c.rule.like("return%"))
            .order_by(journals.c.journal_id)
        ).all()
    assert {row.entity for row in rows} == set(ENTITIES)
    assert {row.posting_date for row in rows} == {"2025-12-01"}


def test_a_store_cannot_say_what_only_the_hub_may_say_of_the_books(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    shop.say(
        JournalMade(
            entity="main",
            business_date="2025-11-24",
            currency="GBP",
            rule="manual",
            reason="mine",
            lines=(
                JournalLine(account="1000", amount_minor=5),
                JournalLine(account="4000", amount_minor=-5),
            ),
        )
    )

    (answer,) = send(hub, shop)

    assert answer.parked == 1
    assert books(hub, "main").get("4000", 0) == 0
