"""Closing a month: what stops it, who signs, what comes late, and what nobody can change afterwards."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.ledger import chain
from hub.ledger.close import reads, rules, steps
from hub.ledger.close.steps import Second
from hub.ledger.reads import Behind, trial_balance
from hub.ledger.reads import listed as journals_listed
from hub.ledger.rows import chain as chain_rows
from hub.ledger.rows import entries, journals
from hub.people.steps import add_person
from hub.rebuild import verify
from protocol.errors import IllegalTransition, Refused
from protocol.lifecycles import PeriodState
from protocol.orders import TenderKind
from protocol.people import HubRole
from tests.support.hub import Shop, TestClock, send

NOVEMBER = "2025-11"
NEXT_WEEK_US = 1_764_600_000_000_000
"""1 December 2025."""
ANN, BEN = "A. Abel", "B. Bohr"
WORD = "a long password for two"


@pytest.fixture
def november(hub: Hub) -> Iterator[tuple[Hub, Shop]]:
    """A store that traded in November, and told everything in December."""
    shop = Shop()
    shop.stock("A", 40)
    shop.open()
    for _n in range(3):
        shop.tell_sale(shop.sale(("A", 2, 1200), kind=TenderKind.CASH))
    shop.close()
    clock = hub.clock
    assert isinstance(clock, TestClock)
    clock.at_us = NEXT_WEEK_US
    send(hub, shop)
    yield hub, shop
    assert verify(hub) == {}
    with hub.database.read() as connection:
        assert sum(row.amount_minor for row in trial_balance(connection)) == 0
        assert chain.broken_at(connection, "main") == 0


def state(hub: Hub, period: str = NOVEMBER) -> PeriodState:
    with hub.database.read() as connection:
        return reads.one(connection, "main", period, "GBP").state


def seen(hub: Hub, period: str = NOVEMBER) -> str:
    with hub.database.read() as connection:
        return reads.fingerprint(connection, "main", period)


def sign_both(hub: Hub, period: str = NOVEMBER) -> None:
    steps.sign(hub, "main", period, role="prepared", by=ANN, seen=seen(hub, period))
    steps.sign(hub, "main", period, role="approved", by=BEN, seen=seen(hub, period))


def closed(hub: Hub, period: str = NOVEMBER) -> None:
    steps.soft_close(hub, "main", period, by=ANN)
    steps.begin(hub, "main", period, by=ANN)
    sign_both(hub, period)
    steps.close(hub, "main", period, by=ANN)


def late_sale(hub: Hub, shop: Shop, day: str = "2025-11-28") -> None:
    """Let the store tell a sale of a day whose month may be closed."""
    told = len(shop.events)
    shop.business_date = day
    shop.open(0)
    shop.tell_sale(shop.sale(("A", 1, 1200), kind=TenderKind.CASH))
    shop.close()
    send(hub, shop, told + 1)


def posted_on(hub: Hub, day: str) -> list[tuple[str, str]]:
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(journals.c.rule, journals.c.posting_date)
            .where(journals.c.business_date == day)
            .order_by(journals.c.journal_id)
        )
        return [(row.rule, row.posting_date) for row in rows]


def test_a_month_that_ties_is_closed_by_two_people_and_takes_nothing_more(
    november: tuple[Hub, Shop],
) -> None:
    hub, shop = november
    closed(hub)

    assert rules.blockers(steps.look(hub, "main", NOVEMBER)) == []
    assert state(hub) is PeriodState.CLOSED
    late_sale(hub, shop)
    assert {posted for _rule, posted in posted_on(hub, "2025-11-28")} == {"2025-12-01"}
    assert "PRIOR_PERIOD" in rules.warnings(steps.look(hub, "main", "2025-12"))
    with hub.database.read() as connection:
        late = journals_listed(connection, Behind(prior="2025-12"))
        assert {journal.business_date for journal in late} == {"2025-11-28"}


def test_the_database_itself_refuses_a_journal_in_a_closed_month(november: tuple[Hub, Shop]) -> None:
    hub, _shop = november
    closed(hub)

    with pytest.raises(sa.exc.DBAPIError, match="period is closed"):
        post_behind_the_back(hub)


def post_behind_the_back(hub: Hub) -> None:
    """Write a balanced journal into November as somebody with the database's password would."""
    with hub.database.engine.begin() as connection:
        row = dict(connection.execute(sa.select(journals).limit(1)).mappings().one())
        for n, amount in ((1, 5), (2, -5)):
            connection.execute(
                sa.insert(entries).values(journal_id=10**9, n=n, account="1000", amount_minor=amount)
            )
        connection.execute(sa.insert(journals).values(**(row | {"journal_id": 10**9, "event_id": "late"})))


def test_a_late_sale_before_the_close_posts_on_its_day_and_fells_the_signatures(
    november: tuple[Hub, Shop],
) -> None:
    hub, shop = november
    steps.soft_close(hub, "main", NOVEMBER, by=ANN)
    steps.begin(hub, "main", NOVEMBER, by=ANN)
    sign_both(hub)
    late_sale(hub, shop)

    with pytest.raises(Refused) as refusal:
        steps.close(hub, "main", NOVEMBER, by=ANN)

    assert refusal.value.reason == "not_signed"
    assert {posted for _rule, posted in posted_on(hub, "2025-11-28")} == {"2025-11-28"}
    assert state(hub) is PeriodState.CLOSING
    sign_both(hub)
    steps.close(hub, "main", NOVEMBER, by=BEN)
    assert state(hub) is PeriodState.CLOSED


def test_one_person_cannot_sign_twice_and_a_second_closer_is_told_so(november: tuple[Hub, Shop]) -> None:
    hub, _shop = november
    steps.soft_close(hub, "main", NOVEMBER, by=ANN)
    steps.begin(hub, "main", NOVEMBER, by=ANN)
    steps.sign(hub, "main", NOVEMBER, role="prepared", by=ANN, seen=seen(hub))

    with pytest.raises(Refused) as refusal:
        steps.sign(hub, "main", NOVEMBER, role="approved", by=ANN, seen=seen(hub))
    assert refusal.value.reason == "same_person"
    with pytest.raises(Refused) as old:
        steps.sign(hub, "main", NOVEMBER, role="approved", by=BEN, seen="0" * 64)
    assert old.value.reason == "books_moved"
    steps.sign(hub, "main", NOVEMBER, role="approved", by=BEN, seen=seen(hub))
    steps.close(hub, "main", NOVEMBER, by=ANN)
    with pytest.raises(IllegalTransition):
        steps.close(hub, "main", NOVEMBER, by=BEN)


def test_a_store_that_is_dark_stops_the_close_until_two_people_declare_it(hub: Hub) -> None:
    for name in (ANN, BEN):
        add_person(hub, name=name, role=HubRole.FINANCE, password=WORD)
    shop = Shop()
    shop.stock("A", 5)
    shop.open()
    shop.close()
    send(hub, shop)
    clock = hub.clock
    assert isinstance(clock, TestClock)
    clock.at_us = NEXT_WEEK_US
    steps.soft_close(hub, "main", NOVEMBER, by=ANN)
    steps.begin(hub, "main", NOVEMBER, by=ANN)
    sign_both(hub)

    with pytest.raises(Refused) as refusal:
        steps.close(hub, "main", NOVEMBER, by=ANN)
    assert refusal.value.facts["checks"] == ["UNSYNCED_EDGE"]
    for second in (Second(ANN, WORD), Second(BEN, "wrong"), Second("nobody", WORD)):
        with pytest.raises(Refused) as alone:
            steps.declare_gap(
                hub, "main", NOVEMBER, location="store-1", by=ANN, second=second, reason="its PC burned"
            )
        assert alone.value.reason == "second_person"
    steps.declare_gap(
        hub, "main", NOVEMBER, location="store-1", by=ANN, second=Second(BEN, WORD), reason="its PC burned"
    )
    steps.close(hub, "main", NOVEMBER, by=ANN)

    late_sale(hub, shop)
    assert {posted for _rule, posted in posted_on(hub, "2025-11-28")} == {"2025-12-01"}
    assert verify(hub) == {}


def test_a_reopened_month_takes_what_is_its_own_and_goes_back_to_closing_by_itself(
    november: tuple[Hub, Shop],
) -> None:
    hub, shop = november
    for name in (ANN, BEN):
        add_person(hub, name=name, role=HubRole.FINANCE, password=WORD)
    closed(hub)
    steps.reopen(
        hub, "main", NOVEMBER, by=ANN, second=Second(BEN, WORD), reason="a forgotten invoice", hours=1
    )
    late_sale(hub, shop)
    clock = hub.clock
    assert isinstance(clock, TestClock)

    assert {posted for _rule, posted in posted_on(hub, "2025-11-28")} == {"2025-11-28"}
    assert steps.end_reopened(hub) == 0
    clock.at_us += 3_600_000_001
    assert steps.end_reopened(hub) == 1
    assert state(hub) is PeriodState.CLOSING
    sign_both(hub)
    steps.close(hub, "main", NOVEMBER, by=ANN)
    with hub.database.read() as connection:
        difference = reads.one(connection, "main", NOVEMBER, "GBP").difference
    assert (difference["1000"], difference["4000"], sum(difference.values())) == (12_00, -10_00, 0)
    steps.lock(hub, "main", NOVEMBER, by=ANN, second=Second(BEN, WORD), reason="tax return filed")
    with pytest.raises(IllegalTransition):
        steps.reopen(hub, "main", NOVEMBER, by=ANN, second=Second(BEN, WORD), reason="again", hours=1)


def test_a_journal_changed_behind_the_back_of_the_database_breaks_the_chain(hub: Hub) -> None:
    shop = Shop()
    shop.open(50_00)
    shop.sell(("A", 1, 1200))
    send(hub, shop)
    with hub.database.engine.begin() as connection:
        drop = (
            "DROP TRIGGER entries_no_update"
            if hub.database.is_sqlite
            else "DROP TRIGGER entries_immutable ON entries"
        )
        connection.exec_driver_sql(drop)
        first = connection.execute(sa.select(sa.func.min(journals.c.journal_id))).scalar_one()
        for n, amount in ((1, 6000), (2, -6000)):
            connection.execute(
                sa.update(entries)
                .where(entries.c.journal_id == first, entries.c.n == n)
                .values(amount_minor=amount)
            )

    with hub.database.read() as connection:
        assert chain.broken_at(connection, "main") == first
        assert chain.broken_at(connection, "main", after=first) == 0
        assert chain.newest_but(connection, "main", 2) == first
        assert chain.newest_but(connection, "main", 99) == 0
        count = connection.execute(sa.select(sa.func.count()).select_from(chain_rows)).scalar_one()
        assert chain.head_of(connection, "main")[0] == count
