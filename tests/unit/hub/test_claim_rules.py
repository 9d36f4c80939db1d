"""Which units on their way may be promised, who is served first, and which promise falls."""

from hypothesis import given
from hypothesis import strategies as st

from hub.stock.claim_rules import Coming, Waiting, behind, moments, more_with, served, split, uncovered

UNITS = st.integers(0, 9)
WAITING = st.lists(
    st.builds(
        Waiting, st.uuids().map(str), st.sampled_from(["t-1", "t-2"]), st.integers(1, 9), st.integers(0, 3)
    ),
    max_size=6,
    unique_by=lambda each: each.claim_id,
)


def coming(units: int, *, number: str = "t-1", due_us: int = 10, sku: str = "A") -> Coming:
    return Coming(sku, "store-1", number, number, due_us, units)


def test_safety_stock_is_filled_up_before_goods_on_their_way_may_be_promised() -> None:
    assert more_with(free=0, promisable=0, coming=8, safety=2) == 6
    assert more_with(free=5, promisable=3, coming=8, safety=2) == 8
    assert more_with(free=1, promisable=0, coming=1, safety=2) == 0
    assert more_with(free=5, promisable=3, coming=0, safety=0) == 0


def test_what_may_have_arrived_already_is_taken_off_the_earliest_transfer() -> None:
    both = [coming(4, number="t-2", due_us=20), coming(3)]

    assert behind(both, {("store-1", "A"): 5}) == [coming(2, number="t-2", due_us=20)]
    assert behind(both, {("store-1", "A"): -5}) == [coming(3), coming(4, number="t-2", due_us=20)]


def test_only_arrivals_that_are_still_to_come_and_in_time_are_looked_at() -> None:
    found = [coming(1, due_us=due_us) for due_us in (30, 5, 10, 10, 20)]

    assert moments(found, now_us=5, due_us=20) == [10, 20]


def test_free_units_come_before_those_on_their_way_and_the_earliest_transfer_first() -> None:
    late = coming(9, number="t-2", due_us=20)

    now, later = split({1: 3, 2: 4}, {1: "A", 2: "A"}, {"A": 2}, [late, coming(3)])

    assert now == {1: 2}
    assert [(each.line_no, each.coming.number, each.units) for each in later] == [
        (1, "t-1", 1),
        (2, "t-1", 2),
        (2, "t-2", 2),
    ]


def test_the_latest_promise_falls_first_and_what_arrived_unseen_still_covers() -> None:
    waiting = [Waiting("a", "t-1", 3, 2), Waiting("b", "t-1", 5, 1)]

    assert uncovered(waiting, {"t-1": 8}, 0) == []
    assert uncovered(waiting, {"t-1": 5}, 0) == ["a"]
    assert uncovered(waiting, {}, 5) == ["a"]
    assert uncovered(waiting, {}, 0) == ["b", "a"]


@given(WAITING, st.integers(0, 30))
def test_nobody_is_served_more_than_is_free_and_nobody_before_an_earlier_promise(
    waiting: list[Waiting], free: int
) -> None:
    given_out = dict(served(waiting, free))

    assert sum(given_out.values()) == min(free, sum(each.units for each in waiting))
    for early in waiting:
        for late in waiting:
            if early.promise_us < late.promise_us and given_out.get(late.claim_id):
                assert given_out.get(early.claim_id) == early.units


@given(WAITING, st.dictionaries(st.sampled_from(["t-1", "t-2"]), UNITS), UNITS)
def test_what_goes_on_waiting_never_exceeds_what_may_still_come(
    waiting: list[Waiting], still: dict[str, int], pending: int
) -> None:
    fallen = set(uncovered(waiting, still, pending))

    left = [each for each in waiting if each.claim_id not in fallen]
    beyond = 0
    for transfer_id in ("t-1", "t-2"):
        units = sum(each.units for each in left if each.transfer_id == transfer_id)
        beyond += max(0, units - still.get(transfer_id, 0))
    assert beyond <= pending


@given(st.dictionaries(st.integers(1, 3), st.integers(1, 9)), UNITS, st.lists(UNITS, max_size=4))
def test_what_is_split_is_never_more_than_was_wanted_free_or_on_its_way(
    units: dict[int, int], free: int, comes: list[int]
) -> None:
    found = [coming(count, number=f"t-{n}", due_us=n) for n, count in enumerate(comes)]

    now, later = split(units, dict.fromkeys(units, "A"), {"A": free}, found)

    total = sum(now.values()) + sum(each.units for each in later)
    assert total == min(sum(units.values()), free + sum(comes))
    assert sum(now.values()) == min(free, sum(units.values()))
