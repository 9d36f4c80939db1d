"""Promises and prices of what a channel asks for, on paper."""

from datetime import UTC, datetime

import pytest

from hub.capture.pricing import Known, priced_lines
from hub.capture.rules import Difference, differences
from hub.capture.wanted import LineWanted
from hub.promises import FARTHEST_US, PromiseWanted, promise_of
from hub.stock.availability import state_of, why_silent
from protocol.clock import from_us
from protocol.errors import Invalid
from protocol.fulfilment import FulfilKind, Promise, PromiseClass
from protocol.later import OrderPlaced
from protocol.orders import LineKind

NOW_US = 1_763_978_400_000_000
HOUR_US = 3_600_000_000
KEPT_US = 7 * 24 * HOUR_US
KNOWN = {
    "A": Known("Pencil", LineKind.GOODS, 10_00, 200_000, 400),
    "B": Known("Book", LineKind.GOODS, 5_00, 0, 200),
}


def wanted(**said: object) -> PromiseWanted:
    return PromiseWanted.model_validate({"kind": "collect", "location": "store-1", **said})


@pytest.mark.parametrize(
    ("promise_class", "hours"), [("same_hour", 1), ("same_day", 8), ("standard", 48), (None, 48)]
)
def test_a_class_without_a_moment_says_how_soon(promise_class: str | None, hours: int) -> None:
    promise = promise_of(wanted(promise_class=promise_class), NOW_US, KEPT_US)

    assert promise.due_us == NOW_US + hours * HOUR_US
    assert promise.keep_until_us == promise.due_us + KEPT_US


@pytest.mark.parametrize(("hours", "promise_class"), [(1, "same_hour"), (20, "same_day"), (90, "standard")])
def test_a_moment_without_a_class_says_how_tight(hours: int, promise_class: str) -> None:
    due_at = from_us(NOW_US + hours * HOUR_US)

    shipped = PromiseWanted(kind=FulfilKind.SHIP, due_at=due_at, service="express")
    promise = promise_of(shipped, NOW_US, KEPT_US)

    assert promise.promise_class is PromiseClass(promise_class)
    assert (promise.service, promise.keep_until_us) == ("express", 0)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"due_at": from_us(NOW_US)}, "promise_past"),
        ({"due_at": datetime(2000, 1, 1, tzinfo=UTC)}, "promise_past"),
        ({"due_at": from_us(NOW_US + FARTHEST_US + 1_000_000)}, "promise_far"),
        ({"location": ""}, "no_collect_location"),
    ],
)
def test_a_promise_that_cannot_be_is_refused(said: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        promise_of(wanted(**said), NOW_US, KEPT_US)

    assert refusal.value.reason == code


def test_lines_are_priced_with_tax_inside_and_the_way_like_the_highest_rate() -> None:
    lines, priced = priced_lines(
        [
            LineWanted(sku="A", quantity=2, discount_minor=2_00),
            LineWanted(sku="B", quantity=1, unit_price_minor=4_50, name="Signed book"),
        ],
        KNOWN,
        6_00,
    )

    assert [(line.sku, line.name, line.gross_minor, line.tax_minor) for line in lines] == [
        ("A", "Pencil", 18_00, 3_00),
        ("B", "Signed book", 4_50, 0),
        ("SHIPPING", "Shipping", 6_00, 1_00),
    ]
    assert [line.kind for line in lines] == [LineKind.GOODS, LineKind.GOODS, LineKind.SHIPPING]
    assert (lines[1].list_price_minor, lines[1].unit_price_minor, lines[0].unit_cost_minor) == (500, 450, 400)
    assert (priced.total_minor, priced.tax_minor) == (28_50, 4_00)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (LineWanted(sku="Z", quantity=1), "unknown_sku"),
        (LineWanted(sku="A", quantity=1, discount_minor=10_01), "bad_line_discount"),
    ],
)
def test_a_line_that_cannot_be_priced_is_refused(line: LineWanted, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        priced_lines([line], KNOWN, 0)

    assert refusal.value.reason == code


def test_an_order_for_later_that_does_not_add_up_is_noticed_without_looking_at_its_money() -> None:
    lines, priced = priced_lines([LineWanted(sku="A", quantity=1)], KNOWN, 0)
    body = OrderPlaced(
        order_id="o",
        number="LB1-00001",
        channel="pos",
        currency="GBP",
        lines=lines,
        total_minor=priced.total_minor,
        tax_minor=priced.tax_minor,
        promise=Promise(kind=FulfilKind.COLLECT, location="store-1", due_us=NOW_US),
    )

    assert differences(body) == ()
    assert differences(body.model_copy(update={"total_minor": 9_99})) == (
        Difference("total", 0, 9_99, 10_00),
    )


@pytest.mark.parametrize(
    ("seconds", "state", "same_hour", "same_day"),
    [
        (0, "online", "", ""),
        (44, "online", "", ""),
        (45, "late", "STALE", ""),
        (299, "late", "STALE", ""),
        (300, "offline", "STALE", "STALE"),
        (None, "never_seen", "STALE", "STALE"),
    ],
)
def test_a_silent_location_loses_tight_promises_first(
    seconds: int | None, state: str, same_hour: str, same_day: str
) -> None:
    assert state_of(seconds, active=True) == state
    assert why_silent(state_of(seconds, active=True), PromiseClass.SAME_HOUR) == same_hour
    assert why_silent(state_of(seconds, active=True), PromiseClass.SAME_DAY) == same_day
    assert why_silent(state_of(seconds, active=False), PromiseClass.STANDARD) == "INACTIVE"
