"""The policy of lending: whose word counts for which article, and what it makes a store lend."""

from fractions import Fraction

import pytest

from protocol.lending import (
    LastUnits,
    LendingRule,
    Terms,
    Wish,
    balance,
    concerning,
    decayed,
    demand,
    floor_of,
    loan,
    policy_of,
)
from protocol.money import PPM
from protocol.rights import EdgeCells, EdgeStock

BASE = Terms(share_ppm=PPM // 2, cap=6, least=1, k_milli=2000, refill_minutes=60)
COATS = LendingRule(scope="category", name="Coats", cap=4, safety_stock=2)
COATS_HERE = LendingRule(scope="category", name="Coats", location="store-1", safety_stock=0)
ONE_COAT = LendingRule(scope="sku", name="COAT-M", cap=9)
EVERYTHING = LendingRule(share_ppm=PPM, company_threshold=3)
POLICY = policy_of([EVERYTHING, COATS, COATS_HERE, ONE_COAT], BASE)


def stock(physical: int, *, granted: int = 0, bound: int = 0, returned: int = 0) -> EdgeStock:
    """Return an article of which so many units are here and lent."""
    return EdgeStock("COAT-M", physical, bound, EdgeCells(granted), returned)


def test_of_every_value_the_closest_rule_that_says_it_counts() -> None:
    here = POLICY.terms("COAT-M", "Coats", "store-1")
    there = POLICY.terms("COAT-M", "Coats", "store-2")
    other = POLICY.terms("HAT", "Hats", "store-1")

    assert (here.cap, here.safety_stock, here.share_ppm, here.company_threshold) == (9, 0, PPM, 3)
    assert (there.cap, there.safety_stock) == (9, 2)
    assert (other.cap, other.safety_stock, other.share_ppm) == (6, 0, PPM)


def test_only_locations_with_a_rule_of_their_own_differ_from_everywhere() -> None:
    assert POLICY.locations("COAT-M", "Coats") == frozenset({"store-1"})
    assert POLICY.locations("HAT", "Hats") == frozenset()


def test_a_location_is_told_the_rules_that_concern_it_and_no_others() -> None:
    rules = (EVERYTHING, COATS_HERE)

    assert concerning(rules, "store-1") == rules
    assert concerning(rules, "store-2") == (EVERYTHING,)


def test_a_rule_travels_with_what_it_says_and_nothing_else() -> None:
    assert COATS.model_dump(mode="json") == {
        "scope": "category",
        "name": "Coats",
        "cap": 4,
        "safety_stock": 2,
    }


@pytest.mark.parametrize(
    ("rate_milli", "units"),
    [(0, 0), (1, 1), (12_000, 1), (24_000, 2), (36_500, 4), (1_000_000, 6)],
)
def test_the_hub_wants_the_demand_of_its_refill_times_up_to_the_cap(rate_milli: int, units: int) -> None:
    # Two refills of an hour each are a twelfth of a day.
    assert demand(BASE, rate_milli) == units


@pytest.mark.parametrize(
    ("last_units", "kept", "physical", "lent"),
    [
        (LastUnits.SHARED, 2, 1, 0),
        (LastUnits.SHARED, 2, 4, 2),
        (LastUnits.STORE, 2, 2, 0),
        (LastUnits.STORE, 2, 3, 1),
        (LastUnits.STORE, 2, 10, 5),
        (LastUnits.ONLINE, 2, 1, 1),
        (LastUnits.ONLINE, 2, 2, 2),
        (LastUnits.ONLINE, 2, 10, 5),
    ],
)
def test_who_gets_the_last_units_is_policy(
    last_units: LastUnits, kept: int, physical: int, lent: int
) -> None:
    terms = Terms(share_ppm=PPM // 2, cap=6, least=5, last_units=last_units, kept_units=kept)

    assert loan(terms, want=0, physical=physical, bound=0, promised=0) == lent


def test_what_has_an_order_already_is_no_part_of_the_loan() -> None:
    assert loan(BASE, want=4, physical=10, bound=2, promised=0) == 4
    assert loan(BASE, want=4, physical=10, bound=2, promised=4) == 2


def test_a_wish_is_a_level_so_that_the_same_wish_twice_lends_nothing_more() -> None:
    before = balance(stock(10), BASE, hub_free=0, want=3, rate_milli=0)
    after = balance(stock(10, granted=3), BASE, hub_free=3, want=3, rate_milli=0)

    assert (before, after) == (Wish(lend=3), Wish())


def test_a_store_that_runs_low_asks_for_its_loan_back_and_lends_none_meanwhile() -> None:
    terms = Terms(share_ppm=PPM, cap=6, least=5, last_units=LastUnits.STORE, kept_units=2)
    low = stock(5, granted=4)

    assert floor_of(terms, 0) == 2
    assert balance(low, terms, hub_free=4, want=5, rate_milli=0) == Wish(back=1)
    assert balance(stock(5, granted=3), terms, hub_free=3, want=5, rate_milli=0) == Wish()


def test_what_the_store_sells_itself_until_the_next_refill_is_not_lent() -> None:
    # Sixty a day are five in two hours.
    terms = Terms(share_ppm=PPM, cap=9, least=9, k_milli=2000, refill_minutes=60)

    assert floor_of(terms, 60_000) == 5
    assert balance(stock(8), terms, hub_free=0, want=0, rate_milli=60_000) == Wish(lend=3)


def test_what_is_missing_is_asked_for_by_the_deficit_and_not_twice() -> None:
    assert balance(stock(1, granted=3), BASE, hub_free=2, want=3, rate_milli=0) == Wish()


def test_a_steady_demand_settles_at_its_rate_and_a_single_one_fades() -> None:
    rate = 0
    for _day in range(120):
        rate = decayed(rate, Fraction(1), 4)
    once = decayed(0, Fraction(0), 7)

    assert 3_900 <= rate <= 4_300
    assert once == 693
    assert decayed(once, Fraction(7)) == 346
    assert decayed(once, Fraction(200)) == 0
