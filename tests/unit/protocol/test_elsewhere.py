"""What others recorded about an order, in totals: the larger number is the newer one."""

from typing import Any

from protocol import later
from protocol.elsewhere import merge, nothing, total
from protocol.fulfilment import UnitsLine, Verified
from protocol.orders import OrderLine, WireModel

OF = {"order_id": "o-1", "number": "LB1-00001"}


def online(amount: int, name: str = "p-1") -> later.OrderPaidOnline:
    return later.OrderPaidOnline(payment_id=name, gateway="psp", amount_minor=amount, currency="GBP", **OF)


def back(amount: int, name: str = "f-1") -> later.OrderRefundedOnline:
    return later.OrderRefundedOnline(refund_id=name, gateway="psp", amount_minor=amount, currency="GBP", **OF)


def gone(*units: tuple[int, int]) -> later.OrderCancelled:
    lines = tuple(later.CancelledLine(line_no=n, sku="A", quantity=count) for n, count in units)
    return later.OrderCancelled(cancel_id="c-1", lines=lines, **OF)


def more(line_no: int, **said: Any) -> later.LinesAdded:
    line = OrderLine(
        line_no=line_no,
        sku="B",
        name="Article B",
        quantity=2,
        list_price_minor=500,
        unit_price_minor=500,
        line_discount_minor=100,
        order_discount_minor=50,
        gross_minor=850,
        tax_minor=142,
        rate_ppm=200_000,
        **said,
    )
    return later.LinesAdded(change_id="x", lines=(line,), total_minor=850, tax_minor=142, **OF)


def told(*bodies: WireModel, **ordered_back: int) -> Any:
    return total("o-1", "LB1-00001", bodies, ordered_back)


def test_money_in_and_out_is_added_up_by_where_it_went() -> None:
    found = told(online(500), online(250, "p-2"), back(300))

    assert (found.paid_online_minor, found.back_online_minor, found.left_online_minor) == (750, 300, 450)
    assert (found.money_in_minor, found.money_out_minor) == (750, 300)


def test_what_a_service_was_asked_for_counts_once_whether_or_not_it_is_done() -> None:
    assert told(online(500), cmd=300).back_online_minor == 300
    assert told(online(500), back(300, "cmd"), back(50, "by hand"), cmd=300).back_online_minor == 350


def test_units_are_added_up_by_line_and_what_came_back_is_told_beside_what_left() -> None:
    of = {**OF, "assignment_id": "a-1", "handover_id": "h-1"}
    units = (UnitsLine(line_no=3, sku="B", lent=2),)
    found = told(
        gone((1, 2), (2, 1)),
        gone((1, 1)),
        later.AssignmentHandedOver(lines=units, verified=Verified.CODE, **of),
        later.HandoverUndone(lines=units, **of),
    )

    assert {n: (each.cancelled, each.left, each.back) for n, each in found.by_line.items()} == {
        1: (3, 0, 0),
        2: (1, 0, 0),
        3: (0, 2, 2),
    }


def test_a_line_that_was_added_comes_with_its_money_and_once() -> None:
    [line] = told(more(3), more(3)).lines

    assert (line.line_no, line.quantity, line.discount_minor, line.gross_minor) == (3, 2, 150, 850)


def test_an_older_message_takes_nothing_away() -> None:
    old, new = told(online(500), gone((1, 1))), told(online(500), online(100, "p-2"), gone((1, 2)), more(3))

    assert merge(merge(nothing("o-1", "LB1-00001"), new), old) == new
    assert merge(old, new) == merge(new, old) == new
