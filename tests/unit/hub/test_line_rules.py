"""What a change of an order's lines comes to: units that go, lines that come, and what cannot be."""

import pytest

from hub.capture.line_rules import LineChange, LineNow, More, Plan, plan_lines, plan_order
from protocol.errors import OrderspineError
from protocol.orders import LineKind

COAT = LineNow(1, "COAT", "Coat", LineKind.GOODS, 3, 2, 50_00, exact=False)
MUG = LineNow(2, "MUG", "Mug", LineKind.GOODS, 1, 1, 8_00, exact=False)
THREAD = LineNow(3, "THREAD", "Thread", LineKind.GOODS, 10, 10, 4, exact=True)
WAY = LineNow(4, "SHIPPING", "Shipping", LineKind.SHIPPING, 1, 1, 3_95, exact=False)
NOW = (COAT, MUG, THREAD, WAY)


def test_fewer_of_a_line_are_units_that_go_and_more_of_it_a_line_at_its_price() -> None:
    assert plan_lines(NOW, [LineChange(1, "", 2)]) == Plan((), {1: 1})
    assert plan_lines(NOW, [LineChange(2, "", 3)]) == Plan((More("MUG", 2, 8_00, 0, "Mug"),), {})


def test_another_item_takes_the_place_of_everything_that_is_open_of_a_line() -> None:
    found = plan_lines(NOW, [LineChange(1, "SCARF", 1, 20_00), LineChange(None, "MUG", 1)])

    assert found == Plan((More("SCARF", 1, 20_00), More("MUG", 1)), {1: 2})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([LineChange(None, "", 1)], "no_line"),
        ([LineChange(9, "", 1)], "no_such_line"),
        ([LineChange(4, "", 2)], "no_such_line"),
        ([LineChange(1, "", 3)], "nothing_to_change"),
        ([LineChange(1, "", 2), LineChange(1, "", 1)], "line_twice"),
        ([LineChange(3, "", 11)], "price_for_all"),
        ([LineChange(1, "", 1), LineChange(2, "", 1)], None),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(changes: list[LineChange], code: str | None) -> None:
    if code is None:
        assert plan_lines(NOW, changes).less == {1: 2}
        return
    with pytest.raises(OrderspineError) as refusal:
        plan_lines(NOW, changes)
    assert refusal.value.reason == code


def test_no_more_units_go_than_have_not_left() -> None:
    gone = COAT._replace(open=0)

    with pytest.raises(OrderspineError) as refusal:
        plan_lines([gone], [LineChange(1, "", 2)])

    assert refusal.value.reason == "not_open"


def test_an_order_that_a_channel_sends_anew_is_compared_item_by_item() -> None:
    again = COAT._replace(line_no=5, wanted=1, open=1)
    now = (COAT, MUG, WAY, again)

    assert plan_order(now, [More("COAT", 4), More("MUG", 1)]) == Plan()
    assert plan_order(now, [More("COAT", 2), More("MUG", 1)]) == Plan((), {5: 1, 1: 1})
    assert plan_order(now, [More("COAT", 4), More("SCARF", 1)]) == Plan((More("SCARF", 1),), {2: 1})
    with pytest.raises(OrderspineError) as refusal:
        plan_order(now, [More("COAT", 5, 60_00), More("MUG", 1)])
    assert refusal.value.reason == "price_is_fixed"
