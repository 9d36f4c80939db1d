"""The books of orders for later: what each fact posts, to the penny."""

from typing import Any

import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import listed
from hub.ledger.reads import trial_balance
from hub.ledger.rows import entries, journals
from hub.rebuild import verify
from hub.spine.later_rows import later_orders, order_leavings
from hub.spine.rows import order_lines, orders
from hub.stock.rows import balances, stock_values
from protocol import later
from protocol.fulfilment import ShortReason
from protocol.orders import TenderKind
from protocol.rules.refund import RefundableLine
from tests.support.hub import Shop, send
from tests.support.later_shop import LaterShop, paid_online, record_at, web_order


def posted(hub: Hub, number: str) -> list[tuple[str, dict[str, int]]]:
    """Return the journals about an order: rule, and the amount of each account."""
    with hub.database.read() as connection:
        heads = connection.execute(
            sa.select(journals.c.journal_id, journals.c.rule)
            .where(journals.c.memo == number)
            .order_by(journals.c.journal_id)
        ).all()
        found = []
        for head in heads:
            sides: dict[str, int] = {}
            for row in connection.execute(
                sa.select(entries.c.account, entries.c.amount_minor).where(
                    entries.c.journal_id == head.journal_id
                )
            ):
                sides[row.account] = sides.get(row.account, 0) + row.amount_minor
            found.append((head.rule, sides))
    return found


def standing(hub: Hub, *accounts: str) -> tuple[int, ...]:
    with hub.database.read() as connection:
        found = {row.account: row.amount_minor for row in trial_balance(connection)}
    return tuple(found.get(account, 0) for account in accounts)


def raised(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection)[0])


def money_of(hub: Hub, order_id: str) -> tuple[int, int, int]:
    with hub.database.read() as connection:
        row = connection.execute(
            sa.select(
                later_orders.c.deposits_minor, later_orders.c.receivable_minor, later_orders.c.owed_minor
            ).where(later_orders.c.order_id == order_id)
        ).one()
    return row.deposits_minor, row.receivable_minor, row.owed_minor


def assert_sound(hub: Hub) -> None:
    """The books balance, the stock is worth what they say, and the log gives the same tables again."""
    with hub.database.read() as connection:
        assert sum(row.amount_minor for row in trial_balance(connection)) == 0
        worth = connection.execute(sa.select(sa.func.sum(stock_values.c.value_minor))).scalar() or 0
        inventory = connection.execute(
            sa.select(sa.func.sum(entries.c.amount_minor)).where(entries.c.account.like("13%"))
        ).scalar()
        there = dict(
            tuple(row)
            for row in connection.execute(
                sa.select(balances.c.bucket, sa.func.sum(balances.c.quantity)).group_by(balances.c.bucket)
            )
        )
        counted = dict(
            tuple(row)
            for row in connection.execute(
                sa.select(stock_values.c.bucket, sa.func.sum(stock_values.c.quantity)).group_by(
                    stock_values.c.bucket
                )
            )
        )
    assert worth == (inventory or 0)
    assert {k: v for k, v in there.items() if v} == {k: v for k, v in counted.items() if v}
    assert verify(hub) == {}


def a_shop(**stock: int) -> LaterShop:
    shop = LaterShop()
    for sku, units in stock.items():
        shop.stock(sku, units, 400)
    shop.open()
    return shop


def test_a_deposit_is_held_until_the_goods_are_handed_over(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 2, 12_00))
    shop.pay(order, 8_00, kind=TenderKind.CASH)
    shop.ready(order)
    shop.pay(order, 16_00)
    shop.hand_over(order)

    send(hub, shop)

    assert posted(hub, order.number) == [
        ("payment", {"1000": 8_00, "2100": -8_00}),
        ("payment", {"1100": 16_00, "2100": -16_00}),
        ("fulfil", {"2100": 24_00, "4000": -20_00, "2200": -4_00}),
        ("fulfil_cost", {"1300": -8_00, "5000": 8_00}),
    ]
    assert money_of(hub, order.order_id) == (0, 0, 0)
    with hub.database.read() as connection:
        head = connection.execute(sa.select(orders).where(orders.c.order_id == order.order_id)).one()
        line = connection.execute(sa.select(order_lines)).one()
    assert (head.state, head.paid_minor, head.refunded_minor) == ("handed_over", 24_00, 0)
    assert (line.fulfilled, line.cancelled, line.cost_minor) == (2, 0, 8_00)
    assert raised(hub) == []
    assert_sound(hub)


def test_the_way_to_the_customer_is_earned_with_the_first_goods_that_leave(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 1, 12_00), shipping=3_60)
    shop.pay(order, 15_60)
    shop.pick(order)
    shop.ship(order)

    send(hub, shop)

    assert posted(hub, order.number)[1:] == [
        ("fulfil", {"2100": 15_60, "4000": -10_00, "4100": -3_00, "2200": -2_60}),
        ("fulfil_cost", {"1300": -4_00, "5000": 4_00}),
    ]
    with hub.database.read() as connection:
        state = connection.execute(sa.select(orders.c.state)).scalar_one()
    assert state == "handed_over"
    assert_sound(hub)


def test_a_part_is_handed_over_and_the_rest_is_cancelled_and_refunded(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 3, 3_33))
    shop.pay(order, 9_99)
    shop.ready(order)
    shop.hand_over(order, {1: 1}, rest=True)
    shop.cancel(order, {1: 2})
    shop.refund(order, 6_66)
    shop.reject(order, picked=2)

    send(hub, shop)

    assert posted(hub, order.number)[1:5] == [
        ("fulfil", {"2100": 3_33, "4000": -2_77, "2200": -56}),
        ("fulfil_cost", {"1300": -4_00, "5000": 4_00}),
        ("cancel", {"2100": 6_66, "2110": -6_66}),
        ("refund", {"2110": 6_66, "1100": -6_66}),
    ]
    assert standing(hub, "2100", "2110", "1100") == (0, 0, 3_33)
    assert_sound(hub)


def test_a_deposit_order_that_is_cancelled_owes_what_was_paid_and_forgets_the_rest(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 2, 12_00))
    shop.pay(order, 8_00)
    shop.cancel(order, {1: 1})
    send(hub, shop)
    assert money_of(hub, order.order_id) == (8_00, 0, 0)

    first = len(shop.events) + 1
    shop.cancel(order, {1: 1})
    send(hub, shop, first)

    assert posted(hub, order.number) == [
        ("payment", {"1100": 8_00, "2100": -8_00}),
        ("cancel", {"2100": 8_00, "2110": -8_00}),
    ]
    assert money_of(hub, order.order_id) == (0, 0, 8_00)
    assert_sound(hub)


def test_an_undone_handover_takes_back_exactly_what_it_had_earned(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 3, 3_33), ("B", 1, 1_01))
    shop.pay(order, 11_00)
    shop.ready(order)
    handover = shop.hand_over(order, {1: 2, 2: 1}, rest=True)
    shop.undo(handover)
    shop.hand_over(order)

    send(hub, shop)

    done = [rule for rule in posted(hub, order.number) if "fulfil" in rule[0]]
    assert done[0][0] == "fulfil"
    assert done[2] == ("undo_fulfil", {account: -amount for account, amount in done[0][1].items()})
    assert done[3][0] == "undo_fulfil_cost"
    assert done[3][1] == {account: -amount for account, amount in done[1][1].items()}
    assert standing(hub, "2100", "4000", "2200") == (0, -(11_00 - order.tax_minor), -order.tax_minor)
    with hub.database.read() as connection:
        left = connection.execute(
            sa.select(order_leavings.c.leaving_id, sa.func.sum(order_leavings.c.units)).group_by(
                order_leavings.c.leaving_id
            )
        ).all()
    assert sorted(int(row[1]) for row in left) == [0, 4]
    assert_sound(hub)


def test_a_service_is_open_again_when_the_only_handover_is_undone(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 1, 12_00), shipping=3_60)
    shop.pay(order, 15_60)
    shop.ready(order)
    shop.undo(shop.hand_over(order))
    shop.cancel(order, {1: 1, 2: 1})

    send(hub, shop)

    assert standing(hub, "2100", "2110", "4000", "4100", "2200") == (0, -15_60, 0, 0, 0)
    with hub.database.read() as connection:
        assert connection.execute(sa.select(orders.c.state)).scalar_one() == "cancelled"
    assert_sound(hub)


def test_what_is_short_leaves_the_books_as_its_reason_says(hub: Hub) -> None:
    shop = a_shop(A=9)
    order = shop.place(("A", 6, 5_00))
    shop.pick(order, {1: 2}, short={1: 1})
    shop.pick(order, {}, short={1: 1}, reason=ShortReason.MISMATCH)
    shop.pick(order, {}, short={1: 2}, reason=ShortReason.DAMAGED)

    send(hub, shop)

    assert posted(hub, order.number) == [
        ("pick", {"1300": -4_00, "5100": 4_00}),
        ("pick", {"1300": -4_00, "5100": 4_00}),
        ("pick", {"1300": -8_00, "1310": 8_00}),
    ]
    with hub.database.read() as connection:
        there = {row.bucket: row.quantity for row in connection.execute(sa.select(balances)) if row.quantity}
    assert there == {"sellable": 3, "picked": 2, "quarantine": 2}
    assert raised(hub) == ["short_pick"]
    assert_sound(hub)


def test_goods_that_are_put_back_are_worth_what_they_were(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 3, 5_00))
    shop.pick(order, {1: 2})
    shop.reject(order, picked=2)

    send(hub, shop)

    assert posted(hub, order.number) == []
    with hub.database.read() as connection:
        there = {row.bucket: row.quantity for row in connection.execute(sa.select(balances))}
        worth = {row.bucket: row.value_minor for row in connection.execute(sa.select(stock_values))}
    assert there == {"sellable": 5, "reserved": 0, "picked": 0}
    assert worth == {"sellable": 20_00, "reserved": 0, "picked": 0}
    assert_sound(hub)


def test_goods_that_left_unpaid_are_owed_until_they_are_paid(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 1, 12_00))
    shop.pay(order, 5_00)
    shop.ready(order)
    shop.hand_over(order)
    send(hub, shop)
    assert money_of(hub, order.order_id) == (0, 7_00, 0)
    assert standing(hub, "1200", "2100", "4000") == (7_00, 0, -10_00)

    first = len(shop.events) + 1
    shop.pay(order, 7_00)
    send(hub, shop, first)

    assert posted(hub, order.number)[-1] == ("payment", {"1100": 7_00, "1200": -7_00})
    assert money_of(hub, order.order_id) == (0, 0, 0)
    assert_sound(hub)


def test_money_above_what_the_order_costs_stands_in_suspense_by_name(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 1, 12_00))
    shop.pay(order, 15_00)

    send(hub, shop)

    assert posted(hub, order.number) == [("payment", {"1100": 15_00, "2100": -12_00, "2500": -3_00})]
    assert raised(hub) == ["suspense"]
    assert_sound(hub)


def test_the_rounding_of_cash_has_a_line_of_its_own(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 1, 12_01))
    shop.pay(order, 12_01, kind=TenderKind.CASH, rounding=1)

    send(hub, shop)

    assert posted(hub, order.number) == [("payment", {"1000": 12_00, "6140": 1, "2100": -12_01})]
    assert_sound(hub)


def test_an_order_paid_online_stands_with_its_payment_service(hub: Hub) -> None:
    order = web_order(("A", 1, 12_00))
    record_at(hub, order)
    record_at(hub, paid_online(order))

    assert posted(hub, order.number) == [("payment_online", {"1130": 12_00, "2100": -12_00})]
    assert_sound(hub)


def test_units_beyond_those_that_were_open_cost_and_earn_nothing(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 1, 12_00))
    shop.pay(order, 12_00)
    shop.ready(order)
    shop.cancel(order, {1: 1})
    shop.hand_over(order)

    send(hub, shop)

    assert posted(hub, order.number)[1:] == [
        ("cancel", {"2100": 12_00, "2110": -12_00}),
        ("fulfil_cost", {"1300": -4_00, "5000": 4_00}),
    ]
    assert raised(hub) == ["fulfilled_after_cancel"]
    assert_sound(hub)


def test_a_refund_that_arrives_before_its_cancellation_is_named_until_that_arrives(hub: Hub) -> None:
    shop, other = a_shop(A=5), LaterShop(edge="store-2", code="CM")
    other.open()
    order = shop.place(("A", 1, 12_00))
    shop.pay(order, 12_00)
    send(hub, shop)
    other.refund(order, 12_00)
    send(hub, other)
    assert raised(hub) == ["refund_not_owed"]
    assert money_of(hub, order.order_id) == (12_00, 0, -12_00)

    first = len(shop.events) + 1
    shop.cancel(order, {1: 1})
    send(hub, shop, first)

    assert raised(hub) == []
    assert standing(hub, "2100", "2110") == (0, 0)
    assert_sound(hub)


def test_what_happened_before_its_order_was_heard_of_is_settled_when_it_arrives(hub: Hub) -> None:
    shop, other = a_shop(A=5), LaterShop(edge="store-2", code="CM")
    other.open()
    other.stock("A", 5, 400)
    order = shop.place(("A", 3, 3_33), shipping=1_00)
    other.pay(order, 10_99)
    other.pick(order, {1: 2}, assignment_id="a-2")
    gone = other.hand_over(order, {1: 1}, rest=True, assignment_id="a-2")
    undone = other.hand_over(order, {1: 1}, rest=True, assignment_id="a-2")
    other.undo(undone)
    other.cancel(order, {1: 1})
    other.refund(order, 3_33)

    answers = send(hub, other)
    assert [answer.parked for answer in answers] == [0]
    assert raised(hub) == ["event_without_order"]
    send(hub, shop)

    assert raised(hub) == []
    assert money_of(hub, order.order_id) == (3_33, 0, 0)
    assert standing(hub, "2100", "2110") == (-3_33, 0)
    assert standing(hub, "4000", "4100", "2200") == (-2_78, -83, -(55 + 17))
    with hub.database.read() as connection:
        left = connection.execute(
            sa.select(order_leavings).where(order_leavings.c.leaving_id == gone.handover_id)
        ).all()
        line = connection.execute(sa.select(order_lines).where(order_lines.c.line_no == 1)).one()
    assert {(row.line_no, row.units, row.gross_minor) for row in left} == {(1, 1, 3_33), (2, 1, 1_00)}
    assert (line.fulfilled, line.cancelled, line.cost_minor) == (1, 1, 4_00)
    assert_sound(hub)


def test_what_was_collected_can_come_back_at_the_cost_it_left_with(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 3, 12_00))
    shop.pay(order, 36_00)
    shop.ready(order)
    shop.hand_over(order, {1: 2}, rest=True)
    shop.stock("A", 3, 1_00, from_bucket="supplier")
    for line in order.lines:
        shop.backs[order.order_id, line.line_no] = RefundableLine(24_00, 4_00, 2)
    sold = shop.sale(("A", 3, 12_00)).model_copy(update={"order_id": order.order_id, "number": order.number})
    back = shop.give_back(sold, (1, 1))

    send(hub, shop)

    assert posted(hub, back.number) == [
        ("return", {"4020": 10_00, "2200": 2_00, "2110": -12_00}),
        ("return_refund", {"2110": 12_00, "1100": -12_00}),
        ("return_cost", {"5010": -4_00, "1300": 4_00}),
    ]
    assert money_of(hub, order.order_id) == (12_00, 0, 0)
    assert raised(hub) == []
    assert_sound(hub)


def test_counter_sales_post_what_they_always_posted(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 5, 400)
    shop.open()
    body = shop.sell(("A", 1, 12_00))

    send(hub, shop)

    found: list[tuple[str, Any]] = posted(hub, body.number)
    assert found == [
        ("sale", {"1100": 12_00, "4000": -10_00, "2200": -2_00}),
        ("sale_cost", {"1300": -4_00, "5000": 4_00}),
    ]


def more(order: later.OrderPlaced, price: int) -> later.LinesAdded:
    line = order.lines[0].model_copy(
        update={"line_no": 2, "quantity": 1, "gross_minor": price, "tax_minor": 0, "unit_price_minor": price}
    )
    return later.LinesAdded(
        change_id="x",
        order_id=order.order_id,
        number=order.number,
        lines=(line,),
        total_minor=price,
        tax_minor=0,
    )


def test_what_went_back_before_the_store_knew_of_more_is_due_and_paid_again(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 1, 12_00))
    shop.pay(order, 12_00)
    send(hub, shop)
    done = len(shop.events)
    record_at(hub, more(order, 5_00))
    shop.cancel(order, {1: 1})
    shop.give_up(order)
    shop.refund(order, 12_00)
    shop.pay(order, 5_00)

    send(hub, shop, done + 1, len(shop.events) - 1)
    assert money_of(hub, order.order_id) == (5_00, 0, -5_00)
    assert "refund_not_owed" in raised(hub)
    send(hub, shop, len(shop.events))

    assert money_of(hub, order.order_id) == (5_00, 0, 0)
    assert posted(hub, order.number)[-1] == ("payment", {"1100": 5_00, "2110": -5_00})
    assert "refund_not_owed" not in raised(hub)
    assert_sound(hub)


def test_what_is_owed_pays_for_what_is_ordered_next_unless_it_goes_back_online(hub: Hub) -> None:
    shop = a_shop(A=5)
    order = shop.place(("A", 2, 12_00))
    shop.pay(order, 20_00)
    send(hub, shop)
    record_at(hub, paid_online(order, 4_00))
    record_at(
        hub,
        later.OrderCancelled(
            cancel_id="c-1",
            order_id=order.order_id,
            number=order.number,
            lines=(later.CancelledLine(line_no=1, sku="A", quantity=1),),
        ),
    )
    assert money_of(hub, order.order_id) == (12_00, 0, 12_00)

    record_at(hub, more(order, 10_00))

    assert posted(hub, order.number)[-1] == ("kept_for_more", {"2100": -8_00, "2110": 8_00})
    assert money_of(hub, order.order_id) == (20_00, 0, 4_00)
    assert_sound(hub)
