"""What has happened is always taken; what was odd about it needs a person."""

import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import exceptions, listed
from hub.exceptions.steps import close
from hub.rebuild import verify
from hub.spine.rows import order_lines, orders, returns
from hub.stock.rows import balances
from protocol.events import ExceptionClosed, ExceptionRaised
from tests.support.hub import Shop, send


def raised(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection)[0])


def line_of(hub: Hub, order_id: str) -> tuple[int, int]:
    with hub.database.read() as connection:
        row = connection.execute(
            sa.select(order_lines.c.returned, order_lines.c.refunded_minor).where(
                order_lines.c.order_id == order_id
            )
        ).one()
    return row.returned, row.refunded_minor


def forget_returns(shop: Shop) -> None:
    """Make a store believe that nothing came back yet, as one restored from a copy would."""
    for key, line in shop.backs.items():
        shop.backs[key] = type(line)(line.gross_minor, line.tax_minor, line.quantity)


def test_a_void_of_an_order_that_came_back_is_applied_and_raised(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 5)
    shop.open()
    order = shop.sell(("A", 2, 999))
    shop.give_back(order, (1, 1))
    forget_returns(shop)
    shop.void(order)

    (answer,) = send(hub, shop)

    assert answer.parked == 0
    assert raised(hub) == ["more_refunded_than_paid", "more_returned_than_sold", "void_after_return"]
    assert line_of(hub, order.order_id) == (3, 999 + 1998)
    with hub.database.read() as connection:
        assert connection.execute(sa.select(balances.c.quantity)).scalar_one() == 5 - 2 + 1 + 2
        assert connection.execute(sa.select(orders.c.state)).scalar_one() == "voided"
    assert verify(hub) == {}


def test_a_return_may_arrive_before_the_sale_that_it_belongs_to(hub: Hub) -> None:
    seller, other = Shop(), Shop(edge="store-2", code="CM")
    seller.open()
    order = seller.sell(("A", 2, 999))
    other.open()
    other.backs |= seller.backs
    other.give_back(order, (1, 1))

    send(hub, other)
    assert raised(hub) == ["return_without_order"]
    send(hub, seller)

    assert line_of(hub, order.order_id) == (1, 999)
    with hub.database.read() as connection:
        assert connection.execute(sa.select(orders.c.state)).scalar_one() == "part_returned"
        assert connection.execute(sa.select(returns.c.location)).scalar_one() == "store-2"
    assert verify(hub) == {}


def test_a_sale_that_does_not_add_up_is_kept_as_it_was_and_raised(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    body = shop.sale(("A", 1, 999))
    shop.tell_sale(body.model_copy(update={"tax_minor": 1}))
    send(hub, shop)

    assert raised(hub) == ["money_difference"]
    with hub.database.read() as connection:
        assert connection.execute(sa.select(orders.c.tax_minor)).scalar_one() == 1


def test_a_number_that_was_printed_twice_is_counted_and_raised(hub: Hub) -> None:
    one, two = Shop(), Shop(edge="store-2", code="LB")
    for shop in (one, two):
        shop.open()
        shop.sell(("A", 1, 999))
        send(hub, shop)

    assert raised(hub) == ["duplicate_number"]


def test_what_a_store_raised_is_closed_by_the_store_or_by_a_person_at_the_hub(hub: Hub) -> None:
    shop = Shop()
    for n in (1, 2):
        shop.say(
            ExceptionRaised(
                exception_id=f"x{n}",
                kind="printer_trouble",
                subject="printer:1",
                title="The printer is out of paper",
                owner_role="manager",
                dedupe_key=f"printer:{n}",
            )
        )
    send(hub, shop)
    assert raised(hub) == ["printer_trouble", "printer_trouble"]

    shop.say(ExceptionClosed(dedupe_key="printer:1", how="paper is back"))
    send(hub, shop, 3)
    closed = close(hub, "x2", note="bought a new one", by="A. Osei")

    assert raised(hub) == []
    assert (closed.state, closed.closed_by, closed.note) == ("closed", "A. Osei", "bought a new one")
    with hub.database.read() as connection:
        notes = connection.execute(sa.select(exceptions.c.note).order_by(exceptions.c.exception_id)).scalars()
        assert list(notes) == ["paper is back", "bought a new one"]
    assert verify(hub) == {}
