"""Commissions: earned at the rates of the day, taken back with the money, tied to their own records."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from hub.commissions.rules import earned, plan_on, to_take_back
from hub.database import HubDatabase
from hub.ledger.close.subledgers import SUB_LEDGERS, scope_of
from hub.ledger.rows import entries, journals
from hub.people.steps import add_token
from hub.rebuild import verify
from protocol.commissions import CommissionPlan
from protocol.people import HubRole
from tests.support.hub import Shop, send
from tests.support.later_shop import LaterShop, promised
from tests.support.promising import Channel, company

PERSON = "store-1/p-1"


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4}}, warehouses={})
    token = add_token(made.hub, name="books", role=HubRole.FINANCE)
    made.client.headers["authorization"] = f"Bearer {token}"
    yield made
    made.close()


def let_count(channel: Channel, base: int = 0, status: int = 200, **said: Any) -> Any:
    plan = {"from_day": "2025-11-24", "default_ppm": 30_000} | said
    return channel.ask("PUT", "/api/commissions/plan", {"base": base, "plan": plan}, status=status)


def payable(channel: Channel) -> int:
    with channel.hub.database.read() as connection:
        total = connection.execute(
            sa.select(sa.func.coalesce(sa.func.sum(entries.c.amount_minor), 0))
            .join(journals, journals.c.journal_id == entries.c.journal_id)
            .where(entries.c.account == "2300")
        ).scalar_one()
    return int(total)


def explained(channel: Channel) -> int:
    """Return what the records of commissions say that account must stand at."""
    [read] = [read for check, _purposes, read in SUB_LEDGERS if check == "TIE_COMMISSION"]
    with channel.hub.database.read() as connection:
        found = read(connection, scope_of(connection, "main", "main"))
        return sum(minor for _purpose, _key, minor in found)


def test_any_order_of_returns_takes_back_exactly_what_a_line_had_earned() -> None:
    minor = earned(50_40, 30_000)
    steps = []
    for order in permutations((16_80, 16_80, 16_80)):
        back, refunded = 0, 0
        for step in order:
            refunded += step
            back += to_take_back(minor, back, 50_40, refunded)
            steps.append(back)
        assert back == minor
    assert (minor, steps[:3]) == (1_51, [50, 1_01, 1_51])
    assert to_take_back(1_51, 1_01, 50_40, 16_80) == -51
    plans = [CommissionPlan(version=n, from_day=day) for n, day in ((1, "2025-01-01"), (2, "2025-06-01"))]
    assert [plan_on(plans, day).version for day in ("2024-12-31", "2025-05-31", "2025-06-01")] == [0, 1, 2]


def test_a_sale_earns_at_the_rate_of_its_day_and_returns_and_voids_take_it_back(channel: Channel) -> None:
    past = let_count(channel, from_day="2025-11-01", status=422)
    let_count(channel, people={PERSON: 50_000}, items={"B": 0})
    stale = let_count(channel, status=409)
    shop = Shop()
    shop.open()
    shop.stock("A", 10)
    shop.stock("B", 10)
    sold = shop.sell(("A", 3, 1_680), ("B", 1, 500))
    void = shop.sell(("A", 1, 1_200))
    shop.give_back(sold, (1, 1))
    shop.void(void)
    send(channel.hub, shop)

    [figure] = channel.ask("GET", "/api/commissions")
    moves = channel.ask("GET", f"/api/commissions/moves?person={PERSON}")

    assert (past["code"], stale["code"]) == ("past_day", "stale_version")
    # 3 x 16.80 is 42.00 without tax, 12.00 is 10.00: five percent each, a third and all of it back.
    assert (figure["earned_minor"], figure["back_minor"], figure["owed_minor"]) == (2_60, 1_20, 1_40)
    assert [move["amount_minor"] for move in moves] == [-50, -70, 50, 2_10]
    assert (payable(channel), explained(channel)) == (-1_40, -1_40)
    assert verify(channel.hub) == {}
    page = channel.client.get(f"/finance/commissions?who={PERSON}").text
    assert PERSON in page
    typed = {"default": "2", "named": "store store-2 2.5", "from_day": "2025-11-25", "base": "1"}
    saved = channel.client.post("/finance/commissions", data=typed)
    wrong = channel.client.post("/finance/commissions", data=typed | {"named": "nobody", "base": "2"})
    assert ("version 2 now" in saved.text, wrong.status_code) == (True, 422)


def test_goods_that_left_before_their_order_was_heard_of_earn_once_it_is(channel: Channel) -> None:
    let_count(channel)
    taker, picker = LaterShop(), LaterShop("store-2", code="YC")
    taker.open()
    order = taker.place(("A", 2, 12_00), promise=promised(location="store-2"), own=False)
    taker.pay(order, 24_00)
    picker.open()
    picker.stock("A", 10)
    picker.accept(order, "a-1")
    picker.pick(order, assignment_id="a-1")
    picker.hand_over(order, assignment_id="a-1")
    send(channel.hub, picker)
    before = payable(channel)
    send(channel.hub, taker)

    [figure] = channel.ask("GET", "/api/commissions")
    assert before == 0
    assert (figure["person"], figure["earned_minor"]) == (PERSON, 60)
    assert (payable(channel), explained(channel)) == (-60, -60)
    assert verify(channel.hub) == {}


def test_an_order_for_later_earns_when_it_leaves_and_an_undone_handover_earns_nothing(
    channel: Channel,
) -> None:
    let_count(channel)
    shop = LaterShop()
    shop.open()
    shop.stock("A", 10)
    order = shop.place(("A", 2, 12_00))
    shop.pay(order, 24_00)
    shop.ready(order)
    first = shop.hand_over(order)
    shop.undo(first)
    send(channel.hub, shop)
    undone = payable(channel)
    at = len(shop.events) + 1
    shop.hand_over(order)
    send(channel.hub, shop, at)

    assert undone == 0
    assert (payable(channel), explained(channel)) == (-60, -60)
    assert verify(channel.hub) == {}
