"""Waits that are counted in buckets, and weeks as the company counts them."""

import math
import random

import pytest

from hub.flow.rules import Fact, Stage, Track, Worth, happen, placed
from hub.flow.waits import ERROR_PPM, LONGEST_MS, at_percent, bucket_of, middle_ms, together
from hub.flow.weeks import before, is_week, span_us, week_of
from protocol import later
from protocol.holds import Blocked, HoldPlaced, HoldReleased
from protocol.orders import WireModel
from tests.support.hub import MONDAY_US
from tests.support.later_shop import promised, web_order

HOUR_US = 3_600_000_000


def true_rank(waits: list[int], percent: int) -> int:
    return sorted(waits)[max(1, math.ceil(len(waits) * percent / 100)) - 1]


@pytest.mark.parametrize("seed", range(4))
def test_a_counted_median_lies_within_the_stated_error_of_the_true_one(seed: int) -> None:
    chance = random.Random(seed)
    waits = [int(math.exp(chance.uniform(0, math.log(LONGEST_MS)))) for _ in range(500)]
    counts: dict[int, int] = {}
    for wait in waits:
        counts[bucket_of(wait)] = counts.get(bucket_of(wait), 0) + 1

    for percent in (1, 50, 90, 100):
        counted, true = at_percent(counts, percent), true_rank(waits, percent)
        assert counted is not None
        assert abs(counted - true) * 1_000_000 <= ERROR_PPM * true
    halves = [{k: n for k, n in counts.items() if k % 2 == odd} for odd in (0, 1)]
    assert together(halves) == counts
    assert at_percent({}, 50) is None


def test_buckets_follow_each_other_without_a_gap_and_short_waits_are_exact() -> None:
    assert [middle_ms(bucket_of(n)) for n in range(200)][:128] == list(range(128))
    edges = [n for shift in range(7, 38) for n in ((1 << shift) - 1, 1 << shift)]
    assert [bucket_of(b) - bucket_of(a) for a, b in zip(edges[::2], edges[1::2], strict=True)] == [1] * 31
    assert bucket_of(-5) == 0
    assert bucket_of(10 * LONGEST_MS) == bucket_of(LONGEST_MS)


def test_a_week_begins_on_monday_in_the_zone_of_the_company() -> None:
    sunday_night = MONDAY_US - MONDAY_US % (24 * HOUR_US) - HOUR_US // 2
    assert (week_of(sunday_night, "Europe/London"), week_of(sunday_night, "Europe/Berlin")) == (
        "2025-W47",
        "2025-W48",
    )
    begin, end = span_us("2025-W13", "Europe/Berlin")  # clocks went forward in it
    assert (end - begin) // HOUR_US == 167
    assert before("2026-W01", 2) == ["2025-W52", "2025-W51"]
    assert [is_week(week) for week in ("2026-W53", "2025-W53", "2025-W00")] == [True, False, False]


def fact(n: int, hours: float, body: WireModel, edge: str = "hub") -> Fact:
    return Fact(n, f"e-{n}", edge, MONDAY_US + round(hours * HOUR_US), body)


def about(part: str) -> dict[str, str]:
    return {"assignment_id": part, "order_id": "w-1", "number": "HB1-00001"}


def test_a_promise_breaks_where_a_part_stands_when_its_moment_passes_and_stays_broken() -> None:
    order = web_order(("A", 2, 10_00), promise=promised("ship", due_us=MONDAY_US + 2 * HOUR_US))
    track = placed(fact(1, 0, order))
    happen(
        track,
        fact(3, 3, later.OrderChanged(**order_of(order), what=("promise",), promise=promised("ship"))),
        {},
    )
    waiting = track.open[""]

    assert (waiting.stage, waiting.units, waiting.broken_us) == (
        Stage.UNROUTED,
        2,
        MONDAY_US + 2 * HOUR_US,
    )
    assert track.due_us == MONDAY_US + 4 * HOUR_US
    assert waiting.breaks(track.due_us, MONDAY_US + 4 * HOUR_US)
    assert not waiting.breaks(track.due_us, MONDAY_US + 4 * HOUR_US - 1)


def order_of(order: later.OrderPlaced) -> dict[str, str]:
    return {"order_id": order.order_id, "number": order.number}


def test_what_we_could_not_bring_is_a_lost_sale_and_what_a_customer_left_out_is_none() -> None:
    order = web_order(("A", 4, 10_00))
    lines = {1: Worth(units=4, net_minor=33_33, unit_cost_minor=5_00)}

    def cancelled(*, by_customer: bool) -> list[int]:
        track = placed(fact(1, 0, order))
        gone = later.OrderCancelled(
            cancel_id="x-1",
            **order_of(order),
            lines=(later.CancelledLine(line_no=1, sku="A", quantity=3),),
            by_customer=by_customer,
        )
        happen(track, fact(2, 1, gone), lines)
        assert track.loose == 1
        return [leak.amount_minor for leak in track.leaks]

    assert cancelled(by_customer=False) == [25_00 - 15_00]
    assert cancelled(by_customer=True) == []


def test_an_order_that_is_held_waits_for_its_hold_and_not_for_a_location() -> None:
    order = web_order(("A", 2, 10_00), promise=promised("ship", due_us=MONDAY_US + 2 * HOUR_US))
    track = placed(fact(1, 0, order))
    held = HoldPlaced(
        hold_id="h-1", **order_of(order), kind="fraud", reason="Two cards", blocks=("route",), may=("ops",)
    )
    also = held.model_copy(update={"hold_id": "h-2", "blocks": (Blocked.HANDOVER,)})
    happen(track, fact(2, 1, held), {})
    happen(track, fact(3, 1, also), {})
    assert {part: stay.stage for part, stay in track.open.items()} == {
        "hold:h-1": Stage.HELD,
        "hold:h-2": Stage.HELD,
    }
    happen(track, fact(4, 3, HoldReleased(hold_id="h-1", **order_of(order))), {})
    happen(track, fact(5, 3, HoldReleased(hold_id="h-1", **order_of(order))), {})

    assert set(track.open) == {"", "hold:h-2"}
    (stopped,) = [stay for stay in track.ended if stay.part == "hold:h-1"]
    assert (stopped.how, stopped.broken_us) == ("on", MONDAY_US + 2 * HOUR_US)
    assert not track.open["hold:h-2"].breaks(MONDAY_US + 9 * HOUR_US, MONDAY_US + 10 * HOUR_US)


def waits(order: later.OrderPlaced, n: int, *, units: int = 2, of: int = 2, at: str = "store-1") -> WireModel:
    """Return that so many units of an order wait, of which some are still to come."""
    line = {"line_no": 1, "sku": "A", "name": "A", "quantity": units}
    coming = {"line_no": 1, "sku": "A", "units": of, "location": at, "transfer_id": "t-1", "due_us": 9}
    awaited = (
        [coming] if of < 3 else [coming | {"units": 2}, coming | {"units": of - 2, "location": "store-3"}]
    )
    said = {"decision_id": f"d-{n}", **order_of(order), "lines": [line], "awaited": awaited}
    return later.OrderWaits.model_validate({**said, "sentence": "It waits."})


def standing(track: Track) -> dict[tuple[str, str], int]:
    """Return how many units stand in which stage, and where."""
    return {(stay.stage.value, stay.location): stay.units for stay in track.open.values()}


def decided(order: later.OrderPlaced, units: int, *, at: str = "") -> WireModel:
    """Return that a location fulfils some units, or that nobody can."""
    lines = [{"line_no": 1, "sku": "A", "name": "A", "quantity": units}]
    said = {"decision_id": "d-9", **order_of(order), "sentence": "So it is."}
    if not at:
        return later.OrderUnroutable.model_validate({**said, "lines": lines})
    part = {"assignment_id": f"p-{at}", "location": at, "lines": lines, "cost_minor": 500}
    return later.OrderRouted.model_validate({**said, "parts": [part]})


def test_what_waits_for_goods_on_their_way_stands_where_they_come_to_until_they_are_there() -> None:
    order = web_order(("A", 4, 10_00), promise=promised("ship", due_us=MONDAY_US + 5 * HOUR_US))
    track = placed(fact(1, 0, order))
    happen(track, fact(2, 1, waits(order, 1, units=4, of=3)), {})
    both = standing(track)
    happen(track, fact(3, 6, decided(order, 4, at="store-1")), {})

    assert both == {("incoming", "store-1"): 3, ("incoming", "store-3"): 1}
    assert standing(track) == {("offered", "store-1"): 4}
    ended = {stay.location: (stay.stage, stay.how, stay.broken_us) for stay in track.ended if stay.part}
    broken = (Stage.INCOMING, "on", MONDAY_US + 5 * HOUR_US)
    assert ended == {"store-1": broken, "store-3": broken}
    assert track.leaks == []


def test_what_did_not_come_has_no_location_and_another_part_may_go_on_waiting() -> None:
    order = web_order(("A", 4, 10_00), promise=promised("ship"))
    track = placed(fact(1, 0, order))
    happen(track, fact(2, 1, waits(order, 1)), {})
    first = standing(track)
    happen(track, fact(3, 2, decided(order, 2, at="store-2")), {})
    beside = standing(track)
    happen(track, fact(4, 3, waits(order, 2, at="store-3")), {})
    again = standing(track)
    happen(track, fact(5, 4, decided(order, 2)), {})

    assert first == {("incoming", "store-1"): 2, ("unrouted", "hub"): 2}
    assert beside == {("incoming", "store-1"): 2, ("offered", "store-2"): 2}
    assert again == {("incoming", "store-3"): 2, ("offered", "store-2"): 2}
    assert standing(track) == {("unrouted", "hub"): 2, ("offered", "store-2"): 2}


def test_an_order_that_waits_and_is_cancelled_or_held_waits_for_no_goods_any_more() -> None:
    order = web_order(("A", 2, 10_00), promise=promised("ship"))
    gone = {"cancel_id": "x-1", **order_of(order), "reason": "-", "by_customer": True}
    line = {"line_no": 1, "sku": "A", "quantity": 2}
    held = HoldPlaced(
        hold_id="h-1", **order_of(order), kind="fraud", reason="Two cards", blocks=("route",), may=("ops",)
    )
    worth = {1: Worth(units=2, net_minor=16_67, unit_cost_minor=5_00)}

    def after(body: WireModel) -> tuple[dict[tuple[str, str], int], list[str]]:
        track = placed(fact(1, 0, order))
        happen(track, fact(2, 1, waits(order, 1)), {})
        happen(track, fact(3, 2, body), worth)
        return standing(track), [stay.how for stay in track.ended if stay.part]

    assert after(later.OrderCancelled.model_validate({**gone, "lines": [line]})) == ({}, ["cancelled"])
    assert after(held) == ({("held", "hub"): 0}, ["on"])
