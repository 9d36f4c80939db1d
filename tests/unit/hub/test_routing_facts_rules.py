"""Calendars, capacity, distances, zones, and what a unit is worth: worked out on paper."""

import math
from zoneinfo import ZoneInfo

import pytest

from hub.route.facts.geo import Destination, Point, by_precision, metres, prefixes, tidy, zone_of
from hub.route.facts.opening import (
    NO_LIMIT,
    Days,
    Schedule,
    arrives_us,
    days_late,
    handed_us,
    work_of,
    worked_off,
)
from hub.route.facts.parameters import CapacityRow, CutoffRow, HoursRow, ZoneRow
from hub.route.facts.worth import at_least, busy_minor, labour_minor, mean_centi, opportunity, tail

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
LONDON = ZoneInfo("Europe/London")
MONDAY_US = 1_793_610_000_000_000  # Monday 2 November 2026, 09:00 in London
SATURDAY_US = (
    MONDAY_US - 9 * DAY_US - HOUR_US
)  # 24 October, 09:00 in summer time; the clocks go back that night


def schedule(hours: tuple[HoursRow, ...] = (), capacity: tuple[CapacityRow, ...] = ()) -> Schedule:
    return Schedule(LONDON, Days(hours), Days(capacity))


def open_on(day: str, opens: str = "09:00", closes: str = "17:00") -> HoursRow:
    return HoursRow(day=day, opens=opens, closes=closes)


def part(units: int, begins: str = "09:00", ends: str = "13:00", day: str = "daily") -> CapacityRow:
    return CapacityRow(day=day, begins=begins, ends=ends, units=units)


def test_open_time_alone_counts_until_an_order_is_ready() -> None:
    plan = schedule((open_on("mon"), open_on("tue"), open_on("2026-11-03", "12:00", "14:00")))

    assert plan.ready_us(MONDAY_US, 60) == MONDAY_US + HOUR_US
    assert plan.ready_us(MONDAY_US + 7 * HOUR_US, 120) == MONDAY_US + DAY_US + 4 * HOUR_US
    assert plan.ready_us(MONDAY_US + 2 * DAY_US, 30) == MONDAY_US + 7 * DAY_US + HOUR_US // 2
    assert schedule((open_on("2020-01-01"),)).ready_us(MONDAY_US, 30) is None
    assert schedule().ready_us(MONDAY_US, 30) == MONDAY_US + HOUR_US // 2


def test_the_night_on_which_the_clocks_go_back_is_an_hour_longer() -> None:
    plan = schedule((open_on("sat", "09:00", "10:00"), open_on("sun", "09:00", "10:00")))

    assert plan.ready_us(SATURDAY_US, 90) == SATURDAY_US + 25 * HOUR_US + HOUR_US // 2


def test_work_is_done_in_its_order_and_a_full_part_pushes_the_next_one_on() -> None:
    plan = schedule(capacity=(part(10), part(20, "13:00", "17:00")))
    due_us = MONDAY_US + DAY_US

    assert work_of(schedule(), now_us=MONDAY_US, due_us=due_us, backlog=99) == (MONDAY_US, NO_LIMIT, 0, 0)
    assert work_of(plan, now_us=MONDAY_US, due_us=due_us, backlog=0) == (MONDAY_US, 30, 0, 10)
    assert work_of(plan, now_us=MONDAY_US, due_us=due_us, backlog=14) == (MONDAY_US + 4 * HOUR_US, 16, 4, 20)
    assert work_of(plan, now_us=MONDAY_US + 2 * HOUR_US, due_us=due_us, backlog=0)[1:] == (25, 5, 10)
    assert work_of(plan, now_us=MONDAY_US, due_us=MONDAY_US + HOUR_US, backlog=12).begins_us == (
        MONDAY_US + 4 * HOUR_US
    )
    assert work_of(plan, now_us=MONDAY_US, due_us=due_us, backlog=10_000).begins_us is None
    assert worked_off(plan, from_us=MONDAY_US, to_us=MONDAY_US + 5 * HOUR_US) == 15


def test_what_is_ready_after_the_carrier_left_goes_with_the_next_one() -> None:
    cutoffs = Days(
        [CutoffRow(service="van", day="mon", at="16:00"), CutoffRow(service="van", day="wed", at="12:00")]
    )

    assert handed_us(cutoffs, MONDAY_US, LONDON) == MONDAY_US + 7 * HOUR_US
    assert handed_us(cutoffs, MONDAY_US + 7 * HOUR_US, LONDON) == MONDAY_US + 7 * HOUR_US
    assert handed_us(cutoffs, MONDAY_US + 7 * HOUR_US + 1, LONDON) == MONDAY_US + 2 * DAY_US + 3 * HOUR_US
    assert handed_us(Days([]), MONDAY_US, LONDON) == MONDAY_US
    assert arrives_us(MONDAY_US, 1, LONDON) == MONDAY_US + DAY_US + 15 * HOUR_US - HOUR_US // 60
    assert [days_late(MONDAY_US + late, MONDAY_US) for late in (-5, 0, 1, DAY_US, DAY_US + 1)] == [
        0,
        0,
        1,
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        (Point(5_379_700, -154_800), Point(5_395_800, -108_000), 35.6),  # Leeds, York
        (Point(5_150_700, -12_800), Point(5_253_000, 1_338_000), 929.0),  # London, Berlin
        (Point(0, 17_990_000), Point(0, -17_990_000), 22.2),  # over the date line
        (Point(5_000_000, 0), Point(5_000_000, 0), 0.0),
    ],
)
def test_a_distance_is_that_of_the_great_circle_within_a_half_percent(
    one: Point, other: Point, km: float
) -> None:
    a, b, c, d = (math.radians(each / 100_000) for each in (*one, *other))
    arc = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    great_circle = 2 * 6_371_000 * math.asin(math.sqrt(arc))

    assert metres(one, other) == pytest.approx(great_circle, rel=0.005, abs=2)
    assert metres(one, other) == pytest.approx(km * 1_000, rel=0.01)
    assert metres(one, other) == metres(other, one)


def test_the_row_that_says_most_about_a_way_gives_its_zone() -> None:
    zones = by_precision(
        [
            ZoneRow(zone="world"),
            ZoneRow(zone="home", country="GB", up_to_km=300),
            ZoneRow(zone="near", country="GB", up_to_km=50),
            ZoneRow(zone="islands", country="GB", postcode="IV"),
            ZoneRow(zone="own", origin="leeds", country="GB", up_to_km=50),
        ]
    )

    def zone(origin: str, country: str, postcode: str, km: int | None) -> str | None:
        away = None if km is None else km * 1_000
        return zone_of(zones, (origin, "north"), Destination(country, tidy(postcode)), away)

    assert zone("york", "GB", "YO1 7HH", 20) == "near"
    assert zone("leeds", "GB", "YO1 7HH", 20) == "own"
    assert zone("york", "GB", "iv3 5xx", 20) == "islands"
    assert zone("york", "GB", "YO1", 200) == "home"
    assert zone("york", "FR", "75001", 200) == "world"
    assert zone("york", "GB", "YO1", None) == "world"
    assert zone_of(zones[:-1], ("york",), Destination("GB", "YO1"), None) is None
    assert zone_of((), ("york",), Destination(), None) == ""
    assert list(prefixes("ls1-6np"))[:2] == ["LS16NP", "LS16N"]
    assert tidy("  10 115 ") == "10115"


@pytest.mark.parametrize("mean", [0, 1, 37, 200, 950, 20_000])
def test_the_table_of_demand_is_that_of_poisson_in_whole_thousandths(mean: int) -> None:
    found = tail(mean)

    left, chance = 1.0, math.exp(-mean / 100)
    for n, thousandths in enumerate(found):
        assert thousandths == pytest.approx(1_000 * left, abs=0.51)
        left -= chance
        chance *= mean / 100 / (n + 1)
    assert list(found) == sorted(found, reverse=True)
    assert (at_least(mean, 0), at_least(mean, 10_000)) == (1_000, 0)


def test_units_are_worth_more_the_fewer_are_left_and_never_less() -> None:
    worth = opportunity(mean_centi=200, stock=4, units=4, kept_minor=1_000, residual_minor=0)

    assert worth == (143, 323, 594, 865)
    glad = opportunity(mean_centi=50, stock=3, units=3, kept_minor=500, residual_minor=-300)
    assert glad[0] < 0
    assert list(glad) == sorted(glad)
    assert opportunity(mean_centi=50, stock=3, units=2, kept_minor=100, residual_minor=900) == (100, 100)
    assert mean_centi(286, 7) == 200


def test_work_costs_more_the_fuller_the_day_is_and_nothing_while_it_is_not() -> None:
    def price(used: int) -> int:
        return busy_minor(used=used, units=100, busy_from_ppm=700_000, overtime_minor=2_000, unit_seconds=90)

    assert [price(used) for used in (0, 70, 85, 100, 500)] == [0, 0, 13, 50, 50]
    assert busy_minor(used=9, units=0, busy_from_ppm=0, overtime_minor=9, unit_seconds=9) == 0
    assert labour_minor(1_200, 31) == 11
