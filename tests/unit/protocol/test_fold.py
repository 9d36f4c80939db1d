"""An order's record, folded from its events in any order they may arrive in."""

from dataclasses import replace

from protocol import later
from protocol.events import OrderSold, ReturnCompleted
from protocol.fold import Oddity, advance, after, fold, placed, sold
from protocol.fulfilment import AssignedLine, PutBackLine, RoutedPart, UnitsLine, Verified
from protocol.lifecycles import OrderState
from protocol.orders import WireModel
from tests.support.hub import Shop
from tests.support.later_shop import LaterShop


def shop_with(*lines: tuple[str, int, int]) -> tuple[Shop, OrderSold]:
    shop = Shop()
    shop.open()
    return shop, shop.sell(*lines)


def test_a_counter_sale_is_fulfilled_and_paid_at_once() -> None:
    _shop, order = shop_with(("A", 2, 999), ("B", 1, 500))

    record = sold(order)

    assert (record.state, record.paid_minor, record.refunded_minor) == (OrderState.COMPLETED, 2498, 0)
    assert [(line.ordered, line.fulfilled, line.returned) for line in record.lines] == [(2, 2, 0), (1, 1, 0)]


def test_returns_in_steps_end_where_the_sale_began() -> None:
    shop, order = shop_with(("A", 3, 333))
    states = []
    record = sold(order)
    for _ in range(3):
        record, odd = after(record, shop.give_back(order, (1, 1)))
        states.append(record.state)
        assert odd == ()

    assert states == [OrderState.PART_RETURNED, OrderState.PART_RETURNED, OrderState.RETURNED]
    (line,) = record.lines
    assert (line.returned, line.refunded_minor, line.refunded_tax_minor) == (
        3,
        line.gross_minor,
        line.tax_minor,
    )


def test_a_return_that_arrives_before_its_sale_gives_the_same_record() -> None:
    shop, order = shop_with(("A", 2, 999))
    back = shop.give_back(order, (1, 1))

    assert fold([back, order]) == fold([order, back])
    assert fold([back]) is None


def test_facts_out_of_order_are_applied_and_named() -> None:
    shop, order = shop_with(("A", 2, 999))
    back = shop.give_back(order, (1, 2))
    record, _ = after(sold(order), back)

    twice, odd = after(record, back)
    void = ReturnCompleted.model_validate(back.model_dump())
    voided, odd_void = after(record, shop_void(shop, order))

    assert twice.lines[0].returned == 4
    assert odd == (Oddity.MORE_RETURNED_THAN_SOLD, Oddity.MORE_REFUNDED_THAN_PAID)
    assert voided.state is OrderState.VOIDED
    assert Oddity.VOID_AFTER_RETURN in odd_void
    assert after(voided, void)[1][-1] is Oddity.AFTER_VOID


def shop_void(shop: Shop, order: OrderSold) -> ReturnCompleted:
    for key in list(shop.backs):
        fresh = shop.backs[key]
        shop.backs[key] = type(fresh)(fresh.gross_minor, fresh.tax_minor, fresh.quantity)
    return shop.void(order)


def test_a_line_that_the_order_never_had_changes_no_line() -> None:
    shop, order = shop_with(("A", 1, 999))
    back = shop.give_back(order, (1, 1))
    strange = back.model_copy(update={"lines": (back.lines[0].model_copy(update={"line_no": 9}),)})

    record, odd = after(sold(order), strange)

    assert odd == (Oddity.UNKNOWN_LINE,)
    assert record.lines == sold(order).lines
    assert record.refunded_minor == 999


def test_what_is_no_goods_is_open_again_when_the_last_goods_came_back() -> None:
    shop = LaterShop()
    shop.open()
    order = shop.place(("A", 2, 999), shipping=400)
    first, second = shop.hand_over(order, {1: 1}, rest=True), shop.hand_over(order, {1: 1})
    record = placed(order)
    for handover in (first, second):
        record, _odd = advance(record, handover)
    assert [(line.fulfilled, line.open) for line in record.lines] == [(2, 0), (1, 0)]

    shop.undo(second)
    once, _odd = advance(record, shop.bodies[-1])
    shop.undo(first)
    both, odd = advance(once, shop.bodies[-1])

    assert [(line.fulfilled, line.open) for line in once.lines] == [(1, 1), (1, 0)]
    assert [(line.fulfilled, line.open) for line in both.lines] == [(0, 2), (0, 1)]
    assert odd == ()


def test_lines_that_are_ordered_later_join_the_record_once_and_change_no_other() -> None:
    shop = LaterShop()
    order = shop.place(("A", 2, 10_00))
    [line] = order.lines
    more = later.LinesAdded(
        change_id="c-1",
        order_id=order.order_id,
        number=order.number,
        lines=(line.model_copy(update={"line_no": 2, "sku": "B"}),),
        total_minor=line.gross_minor,
        tax_minor=line.tax_minor,
    )

    record, odd = advance(placed(order), more)
    again, _odd = advance(record, more)

    assert odd == ()
    assert [(each.line_no, each.sku, each.open) for each in record.lines] == [(1, "A", 2), (2, "B", 2)]
    assert again == record


def test_a_change_that_is_refused_makes_its_units_nobodys_only_where_they_were_ordered() -> None:
    shop = LaterShop()
    order = shop.place(("A", 2, 10_00))
    about = {"assignment_id": "a", "order_id": order.order_id, "number": order.number}
    wanted = AssignedLine(line_no=1, sku="A", name="A", quantity=1)
    routed = replace(placed(order), state=OrderState.ROUTED)

    def refused(line_no: int) -> later.ChangeRefused:
        added = (wanted.model_copy(update={"line_no": line_no}),)
        return later.ChangeRefused(**about, location="store-1", change_id="c-1", added=added)

    assert advance(routed, refused(1))[0].state is OrderState.CAPTURED
    assert advance(routed, refused(9))[0] == routed


def test_of_a_location_that_was_gone_on_without_only_goods_that_leave_say_anything_of_the_order() -> None:
    order = LaterShop().place(("A", 1, 10_00))
    about = {"order_id": order.order_id, "number": order.number}
    first, second = ({**about, "assignment_id": each} for each in ("a-1", "a-2"))
    unit = UnitsLine(line_no=1, sku="A", lent=1)

    def routed(part: str) -> later.OrderRouted:
        line = AssignedLine(line_no=1, sku="A", name="A", quantity=1)
        parts = (RoutedPart(assignment_id=part, location=part, lines=(line,)),)
        return later.OrderRouted(decision_id=part, **about, parts=parts)

    gone_on = [
        order,
        routed("a-1"),
        later.AssignmentWrittenOff(**first, location="a-1", reason="burnt down", lines=(unit,)),
    ]
    back = PutBackLine(line_no=1, sku="A", lent=1)
    left = later.AssignmentHandedOver(**first, handover_id="h", lines=(unit,), verified=Verified.CODE)

    def state(*bodies: WireModel) -> OrderState:
        record = fold([*gone_on, *bodies])
        assert record is not None
        return record.state

    assert state() is OrderState.CAPTURED
    assert state(routed("a-2")) is OrderState.ROUTED
    assert state(routed("a-2"), later.PickStarted(**first, list_id="l")) is OrderState.ROUTED
    assert state(routed("a-2"), later.PickStarted(**second, list_id="l")) is OrderState.PICKING
    assert state(routed("a-2"), later.AssignmentCancelled(**first, lines=(back,))) is OrderState.ROUTED
    assert state(routed("a-2"), left) is OrderState.HANDED_OVER
