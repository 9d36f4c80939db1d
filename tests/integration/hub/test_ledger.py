"""The books: what each fact posts, to the penny, and what the database itself refuses."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.console.reads import order_page, summary
from hub.context import Hub
from hub.database import HubDatabase
from hub.exceptions.rows import listed
from hub.ledger.reads import Behind, account, trial_balance
from hub.ledger.reads import listed as journals_listed
from hub.ledger.rows import account_mapping, entries, journals
from hub.rebuild import verify
from hub.spine.rows import order_lines
from hub.stock.rows import balances, stock_values
from protocol.orders import TenderKind
from tests.support.hub import Shop, send

JOURNAL = {
    "journal_id": 7,
    "event_id": "e",
    "entity": "main",
    "rule": "sale",
    "rule_version": 1,
    "apply_order": 1,
    "location": "store-1",
    "order_id": "",
    "business_date": "2025-11-24",
    "posting_date": "2025-11-24",
    "recorded_us": 1,
    "currency": "GBP",
    "memo": "",
}


def insert(database: HubDatabase, *amounts: int, journal: dict[str, object] | None = None) -> None:
    with database.engine.begin() as connection:
        if amounts:
            connection.execute(
                sa.insert(entries),
                [
                    {"journal_id": 7, "n": n, "account": "1000", "amount_minor": amount, "rate_ppm": None}
                    for n, amount in enumerate(amounts, start=1)
                ],
            )
        if journal is not None:
            connection.execute(sa.insert(journals).values(**journal))


def held(database: HubDatabase) -> tuple[int, int]:
    with database.read() as connection:
        counts = [
            int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
            for table in (journals, entries)
        ]
    return counts[0], counts[1]


def balance_of(hub: Hub) -> dict[str, int]:
    with hub.database.read() as connection:
        return {row.account: row.amount_minor for row in trial_balance(connection) if row.amount_minor}


def test_a_balanced_journal_is_taken_and_an_uneven_one_refused(hub_database: HubDatabase) -> None:
    insert(hub_database, 100, -100, journal=JOURNAL)
    assert held(hub_database) == (1, 2)

    for amounts in ((), (100,), (100, -99)):
        with pytest.raises(sa.exc.DBAPIError):
            insert_other(hub_database, amounts)

    assert held(hub_database) == (1, 2)


def insert_other(database: HubDatabase, amounts: tuple[int, ...]) -> None:
    with database.engine.begin() as connection:
        for n, amount in enumerate(amounts, start=1):
            connection.execute(
                sa.insert(entries).values(journal_id=8, n=n, account="1000", amount_minor=amount)
            )
        connection.execute(sa.insert(journals).values(**(JOURNAL | {"journal_id": 8, "event_id": "f"})))


def post_again(database: HubDatabase) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.insert(entries).values(journal_id=9, n=1, account="1", amount_minor=5))
        connection.execute(sa.insert(entries).values(journal_id=9, n=2, account="2", amount_minor=-5))
        connection.execute(sa.insert(journals).values(**(JOURNAL | {"journal_id": 9})))


def test_entries_without_a_journal_do_not_survive_the_commit(hub_database: HubDatabase) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        insert(hub_database, 100, -100)

    assert held(hub_database) == (0, 0)


def test_the_same_posting_of_the_same_event_is_refused_the_second_time(hub_database: HubDatabase) -> None:
    insert(hub_database, 100, -100, journal=JOURNAL)

    with pytest.raises(sa.exc.IntegrityError):
        post_again(hub_database)

    assert held(hub_database) == (1, 2)


@pytest.mark.parametrize(
    "attack",
    [
        lambda c: c.execute(sa.update(entries).values(amount_minor=1)),
        lambda c: c.execute(sa.update(entries).where(entries.c.n == 1).values(account="9999")),
        lambda c: c.execute(sa.update(journals).values(business_date="2030-01-01")),
        lambda c: c.execute(sa.delete(entries)),
        lambda c: c.execute(sa.delete(journals)),
        lambda c: c.execute(
            sa.insert(entries).values(journal_id=7, n=3, account="1000", amount_minor=5, rate_ppm=None)
        ),
        lambda c: c.execute(
            sa.insert(entries),
            [
                {"journal_id": 7, "n": 3, "account": "1", "amount_minor": 5},
                {"journal_id": 7, "n": 4, "account": "2", "amount_minor": -5},
            ],
        ),
    ],
    ids=["amount", "account", "date", "delete entries", "delete journals", "late entry", "late pair"],
)
def test_what_stands_in_the_books_cannot_be_changed_by_anybody(
    hub_database: HubDatabase, attack: Callable[[Connection], object]
) -> None:
    insert(hub_database, 100, -100, journal=JOURNAL)

    with pytest.raises(sa.exc.DBAPIError), hub_database.engine.begin() as connection:
        attack(connection)

    assert held(hub_database) == (1, 2)
    with hub_database.read() as connection:
        assert connection.execute(
            sa.select(entries.c.amount_minor).order_by(entries.c.n)
        ).scalars().all() == [
            100,
            -100,
        ]


def test_a_sale_posts_money_revenue_tax_and_cost_at_the_average(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 2, 400)
    shop.stock("A", 1, 700, reason="received", from_bucket="supplier")
    shop.open(0)
    shop.sell(("A", 2, 1200), kind=TenderKind.CASH)
    send(hub, shop)

    assert balance_of(hub) == {
        "1000": 2400,
        "1300": 1500 - 1000,
        "2000": -700,
        "2200": -400,
        "3000": -800,
        "4000": -2000,
        "5000": 1000,
    }
    with hub.database.read() as connection:
        assert connection.execute(sa.select(order_lines.c.cost_minor)).scalar_one() == 1000


def test_a_return_goes_back_at_the_frozen_cost_through_refunds_payable(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 3, 400)
    shop.open(0)
    order = shop.sell(("A", 3, 999))
    shop.stock("A", 5, 900, reason="received", from_bucket="supplier")
    shop.give_back(order, (1, 1))
    shop.give_back(order, (1, 2), to_bucket="quarantine")
    send(hub, shop)

    assert balance_of(hub) == {
        "1300": 4500 + 400,
        "1310": 800,
        "2000": -4500,
        "3000": -1200,
        "4000": -2497 - 0,
        "4020": 2497,
        "5000": 1200,
        "5010": -1200,
    }
    assert verify(hub) == {}


def test_a_void_mirrors_the_journals_of_its_sale_exactly(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 3, 333)
    shop.open(0)
    shop.sell(("A", 1, 500))
    before = Shop()
    before.stock("A", 3, 333)
    before.open(0)
    before.sell(("A", 1, 500))
    order = shop.sell(("A", 2, 1000), ("B", 1, 50), kind=TenderKind.CASH)
    shop.void(order)
    send(hub, shop)

    with hub.database.read() as connection:
        page = order_page(connection, order.number)
        sold, voided = page.timeline
        mirrored = {journal.reverses: journal for journal in voided.journals}
        assert page.order.head.state == "voided"
        for journal in sold.journals:
            against = mirrored[journal.journal_id]
            assert [(e.account, -e.amount_minor, e.rate_ppm) for e in journal.entries] == [
                (e.account, e.amount_minor, e.rate_ppm) for e in against.entries
            ]
        assert [journal.rule for journal in voided.journals][:2] == ["void_sale", "void_sale_cost"]
    assert verify(hub) == {}


def test_a_drawer_that_is_short_and_its_float_are_booked_at_the_close(hub: Hub) -> None:
    shop = Shop()
    shop.open(100_00)
    shop.sell(("A", 1, 1200), kind=TenderKind.CASH)
    shop.close(missing_minor=250)
    send(hub, shop)

    found = balance_of(hub)
    assert (found["1000"], found["6100"]) == (1200 - 250, 250)
    assert "3000" not in found


def test_cash_rounding_stands_on_its_own_account(hub: Hub) -> None:
    shop = Shop()
    shop.open(0)
    shop.tell_sale(shop.sale(("A", 1, 1202), kind=TenderKind.CASH, rounding=2, service=["A"]))
    send(hub, shop)

    assert balance_of(hub) == {"1000": 1200, "2200": -200, "4000": -1002, "6140": 2}
    with hub.database.read() as connection:
        assert listed(connection)[0] == []


def test_corrections_of_stock_post_shrink_at_the_average(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 4, 250)
    shop.stock("A", 1, 0, reason="adjusted", from_bucket="sellable", to_bucket="adjustment")
    shop.stock("A", 2, 0, reason="adjusted", from_bucket="sellable", to_bucket="quarantine")
    send(hub, shop)

    assert balance_of(hub) == {"1300": 250, "1310": 500, "3000": -1000, "5100": 250}


def test_stock_that_was_sold_before_it_came_is_covered_with_a_variance(hub: Hub) -> None:
    shop = Shop()
    shop.open(0)
    shop.sell(("A", 2, 1200))
    shop.stock("A", 5, 400, reason="received", from_bucket="supplier")
    send(hub, shop)

    found = balance_of(hub)
    assert (found["5000"], found["5130"], found["1300"]) == (600, 200, 1200)
    with hub.database.read() as connection:
        worth = connection.execute(sa.select(stock_values.c.quantity, stock_values.c.value_minor)).one()
        there = connection.execute(sa.select(balances.c.quantity)).scalar_one()
        assert summary(connection).oversold_units == 0
    assert (tuple(worth), there) == ((3, 1200), 3)


def test_a_purpose_without_an_account_goes_to_suspense_and_is_raised(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    send(hub, shop)
    with hub.database.engine.begin() as connection:
        connection.execute(sa.delete(account_mapping).where(account_mapping.c.purpose == "sales"))
    shop.tell_sale(shop.sale(("A", 1, 1200), service=["A"]))
    send(hub, shop, 2)

    assert balance_of(hub)["2500"] == -1000
    with hub.database.read() as connection:
        (raised,), total = listed(connection)
    assert (raised.kind, raised.owner_role, raised.facts["purpose"], total) == (
        "suspense",
        "finance",
        "sales",
        1,
    )


def test_an_entity_has_books_of_its_own_and_an_account_explains_itself(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    shop.sell(("A", 1, 1200))
    send(hub, shop)

    with hub.database.read() as connection:
        head, lines = account(connection, "4000")
        newest = journals_listed(connection, Behind(), limit=1)[0]
        nothing = trial_balance(connection, entity="other")
    assert (head.name, head.amount_minor, [line.amount_minor for line in lines]) == ("Sales", -1000, [-1000])
    assert newest.rule == "sale_cost"
    assert nothing == []
