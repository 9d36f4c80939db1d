"""One account of an order: what this store may cancel of it, and how what is owed goes back."""

import pytest

from edge_agent.later.rules import Account, GoingBack, cancelling, going_back, may_cancel, reopened
from protocol.errors import Refused
from protocol.fold import LineRecord
from protocol.lifecycles import OrderState
from protocol.orders import LineKind


def line(n: int, ordered: int, *, kind: LineKind = LineKind.GOODS, **units: int) -> LineRecord:
    return LineRecord(n, f"S-{n}", kind, ordered, ordered * 100, 0, **units)


LINES = (
    line(1, 3, cancelled=1),
    line(2, 1),  # added at the hub
    line(3, 1, kind=LineKind.SHIPPING),
)


@pytest.mark.parametrize(
    ("owed", "kept", "online", "back"),
    [
        (0, 500, 500, GoingBack(0, 0)),
        (700, 500, 1000, GoingBack(0, 700)),
        (700, 500, 300, GoingBack(400, 300)),
        (700, 100, 300, GoingBack(100, 300)),
        (700, -50, 300, GoingBack(0, 300)),
    ],
)
def test_what_is_owed_goes_back_online_first_and_no_till_gives_more_than_it_took(
    owed: int, kept: int, online: int, back: GoingBack
) -> None:
    assert going_back(owed, kept_here_minor=kept, left_online_minor=online) == back


def test_an_account_is_due_or_owed_and_never_both() -> None:
    assert (Account(1000, 200, 500, 100).due_minor, Account(1000, 200, 500, 100).owed_minor) == (400, 0)
    assert (Account(1000, 700, 500, 100).due_minor, Account(1000, 700, 500, 100).owed_minor) == (0, 100)


def test_a_store_cancels_what_it_keeps_and_the_way_stays_while_something_is_added() -> None:
    plan = cancelling(LINES, None, {1: 3})

    assert [(each.line_no, each.quantity) for each in plan.lines] == [(1, 2)]
    assert (plan.worth_minor, plan.whole) == (200, False)


def test_with_nothing_added_the_way_goes_with_the_last_goods() -> None:
    plan = cancelling((LINES[0], LINES[2]), None, {1: 2})

    assert [(each.line_no, each.quantity) for each in plan.lines] == [(1, 2), (3, 1)]
    assert plan.whole


@pytest.mark.parametrize("wanted", [{2: 1}, {1: 2, 2: 1}, {1: 3}])
def test_what_others_have_or_have_cancelled_is_not_cancelled_here(wanted: dict[int, int]) -> None:
    with pytest.raises(Refused) as error:
        cancelling(LINES, wanted, {1: 2})
    assert error.value.reason == "too_many_units"


def test_units_that_the_store_has_left_for_the_hub_are_not_its_to_cancel() -> None:
    assert [may_cancel(each, {1: 1}) for each in LINES] == [1, 0, 1]


def test_an_order_that_was_over_is_open_again_when_more_of_it_was_ordered() -> None:
    assert reopened(OrderState.HANDED_OVER, LINES) is OrderState.ROUTED
    assert reopened(OrderState.CANCELLED, [line(1, 2, cancelled=2)]) is OrderState.CANCELLED
    assert reopened(OrderState.PICKING, LINES) is OrderState.PICKING
