"""Day closes at the hub: added up again from the events, and never corrected."""

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import ExceptionRow, listed
from hub.till.rows import till_sessions, zs
from protocol.events import ExceptionRaised, TillClosed
from protocol.orders import Approval, TenderKind, WireModel
from protocol.till import SessionTotals
from tests.support.hub import Shop, send
from tests.support.later_shop import LaterShop


class Confirming(Shop):
    """A store whose manager confirms each close, as a store asks for above its tolerance."""

    def say(self, body: WireModel, *, event_id: str = "") -> bytes:
        """Add a fact."""
        if isinstance(body, TillClosed):
            body = body.model_copy(update={"approvals": (Approval(action="till_difference", by="m-kaur"),)})
        return super().say(body, event_id=event_id)


def raised(hub: Hub) -> list[ExceptionRow]:
    with hub.database.read() as connection:
        return listed(connection)[0]


def trading(shop: Shop) -> Shop:
    shop.open()
    first = shop.sell(("A", 2, 999), ("B", 1, 500), kind=TenderKind.CASH, order_discount=100)
    shop.sell(("A", 1, 999))
    shop.give_back(first, (1, 1))
    shop.void(shop.sell(("C", 3, 333)))
    return shop


@pytest.mark.parametrize("size", [1, 3, 200])
def test_a_true_close_matches_whatever_the_batches_were(hub: Hub, size: int) -> None:
    shop = trading(Shop())
    z = shop.close()
    send(hub, shop, size=size)

    with hub.database.read() as connection:
        row = connection.execute(sa.select(zs)).one()
        state = connection.execute(sa.select(till_sessions.c.state)).scalar_one()
    assert (row.matches, row.number, row.range_hash, row.difference_minor) == (
        True,
        z.number,
        z.range_hash,
        0,
    )
    assert state == "closed"
    assert raised(hub) == []


def test_a_close_that_says_something_else_is_raised_with_every_difference(hub: Hub) -> None:
    shop = trading(Shop())
    shop.close(totals=shop.totals().model_copy(update={"sales_minor": 1, "no_sales": 3}))
    send(hub, shop)

    (row,) = raised(hub)
    assert (row.kind, row.owner_role) == ("z_mismatch", "finance")
    assert row.facts["differences"]["no_sales"] == {"said": 3, "added_up": 0}
    assert set(row.facts["differences"]) == {"sales_minor", "no_sales"}


def test_a_drawer_beyond_the_tolerance_is_raised_and_one_within_it_is_not(hub: Hub) -> None:
    near, far = trading(Shop()), trading(Shop(edge="store-2", code="CM"))
    near.close(missing_minor=499)
    far.close(missing_minor=501)
    send(hub, near)
    send(hub, far)

    (row,) = raised(hub)
    assert (row.kind, row.facts["location"], row.facts["tenders"]) == (
        "till_difference",
        "store-2",
        {"cash": -501},
    )


def test_a_difference_that_the_store_raises_itself_is_not_raised_a_second_time(hub: Hub) -> None:
    shop = trading(Confirming())
    z = shop.close(missing_minor=1_000)
    own = ExceptionRaised(
        exception_id="x-1",
        kind="till_difference",
        subject=f"till:{z.session_id}",
        title="Till 1 closed with a difference of -10.00",
        facts={"z": z.number, "difference_minor": -1_000},
        owner_role="manager",
        dedupe_key=f"till_difference:{z.session_id}",
    )
    shop.say(own)
    send(hub, shop)

    (row,) = raised(hub)
    assert (row.kind, row.location, row.owner_role) == ("till_difference", "store-1", "manager")


def test_a_close_waits_for_a_sale_that_was_set_aside(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    good = shop.sell(("A", 1, 999))
    bad = shop.say(shop.sale(("A", 1, 100)))
    shop.events[-1] = bad.replace(b"order.sold", b"order.gone")
    shop.sell(("B", 1, 500))
    shop.close()

    (answer,) = send(hub, shop)

    assert answer.parked == 2
    assert [row.kind for row in raised(hub)] == ["event_parked"]
    assert good.number


def test_what_was_set_aside_in_the_batch_of_a_close_counts_in_the_hash_of_its_range(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    shop.stock("A", 1)
    shop.events[-1] = shop.events[-1].replace(b"stock.moved", b"stock.gone")
    shop.close()

    (answer,) = send(hub, shop)

    assert answer.parked == 1
    assert [row.kind for row in raised(hub)] == ["event_parked"]
    with hub.database.read() as connection:
        assert connection.execute(sa.select(zs.c.matches)).scalar_one() is True


def test_money_of_orders_for_later_is_in_the_close_and_is_no_sale(hub: Hub) -> None:
    shop = LaterShop()
    shop.open()
    shop.sell(("A", 1, 999))
    order = shop.place(("A", 2, 10_00))
    shop.pay(order, 8_00, kind=TenderKind.CASH)
    shop.pay(order, 12_00)
    shop.cancel(order, {1: 1})
    shop.refund(order, 10_00, kind=TenderKind.CASH)
    z = shop.close()
    send(hub, shop)

    with hub.database.read() as connection:
        row = connection.execute(sa.select(zs)).one()
    again = SessionTotals.model_validate_json(row.recomputed)
    assert (row.matches, raised(hub)) == (True, [])
    assert again == z.totals
    assert (again.sales, again.sales_minor, again.payments, again.payments_minor) == (1, 999, 2, 20_00)
    assert (again.refunds, again.refunds_minor) == (1, 10_00)
    assert (again.cash_minor, again.card_minor) == (8_00 - 10_00, 12_00 + 999)
    assert sum(rate.gross_minor for rate in again.by_rate) == 999


def test_a_close_that_forgot_a_payment_is_named(hub: Hub) -> None:
    shop = LaterShop()
    shop.open()
    shop.pay(shop.place(("A", 2, 10_00)), 8_00, kind=TenderKind.CASH)
    forgot = {"payments": 0, "payments_minor": 0, "cash_minor": 0}
    shop.close(totals=shop.totals().model_copy(update=forgot))
    send(hub, shop)

    (card,) = raised(hub)
    assert card.kind == "z_mismatch"
    assert set(card.facts["differences"]) == {*forgot, "expected_cash"}
