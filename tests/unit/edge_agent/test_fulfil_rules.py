import pytest

from edge_agent.fulfil.rules import (
    Line,
    allowed_verbs,
    check_shelf,
    clock_of,
    due_in_minutes,
    foreign_location,
    is_own_tracking,
    leaving,
    next_verb,
    tracking_number,
)
from edge_agent.walk import (
    OverScan,
    PickLine,
    Took,
    Walked,
    WrongItem,
    judge_scan,
    picked_lines,
    put_back,
    walk_key,
)
from protocol.errors import Invalid
from protocol.fulfilment import FulfilKind, ShortReason
from protocol.lifecycles import ASSIGNMENT, AssignmentState


def line(**more: int) -> Line:
    """Return a line of five lent units, changed as said."""
    whole: dict[str, int] = {
        "quantity": 5, "lent": 5, "bound": 0, "picked_lent": 0, "picked_bound": 0, "fulfilled": 0,
        "short": 0, "given_up": 0,
    }  # fmt: skip
    return Line(line_no=1, sku="MUG-1", name="Mug", substitutes=False, **(whole | more))


def pick(
    sku: str, *, wanted: int = 1, found: int = 0, bin_: str = "A-01", due: int = 0, n: int = 1
) -> PickLine:
    """Return a line of a walk."""
    return PickLine(f"a-{n}", 1, f"HB1-{n}", "", sku, sku, bin_, wanted, found, 0, due)


def test_a_scan_fills_the_order_that_is_due_first_and_then_the_next() -> None:
    late, early = pick("MUG-1", due=9, n=1), pick("MUG-1", due=3, n=2)

    assert judge_scan([late, early], "MUG-1") == Took(early)
    full = pick("MUG-1", found=1, due=3, n=2)
    assert judge_scan([late, full], "MUG-1") == Took(late)
    assert judge_scan([full], "MUG-1") == OverScan(full)


def test_a_wrong_item_names_the_next_that_is_wanted_and_nothing_when_all_is_found() -> None:
    first, second = pick("COAT-M", found=1), pick("MUG-1")

    assert judge_scan([first, second], "BOOK-1") == WrongItem(second)
    assert judge_scan([first], "BOOK-1") == WrongItem(None)
    assert judge_scan([first, second], "MUG-1", focus=("a-1", 9)) == WrongItem(None)


def test_the_walk_goes_by_bins_as_people_count_and_ends_with_what_has_none() -> None:
    walk = sorted([pick("A", bin_=bin_) for bin_ in ("B-10", "", "A-2", "B-9", "A-11")], key=walk_key)

    assert [each.bin for each in walk] == ["A-2", "A-11", "B-9", "B-10", ""]


@pytest.mark.parametrize(
    ("now", "clock", "minutes"), [(0, "fine", 60), (45, "soon", 15), (60, "soon", 0), (61, "late", -1)]
)
def test_a_promise_is_fine_then_pressing_then_late(now: int, clock: str, minutes: int) -> None:
    minute = 60_000_000

    assert clock_of(60 * minute, now * minute, 20 * minute) == clock
    assert due_in_minutes(60 * minute, now * minute) == minutes


def test_lent_units_leave_before_bound_ones() -> None:
    mixed = line(lent=2, bound=3, picked_lent=2, picked_bound=3)

    gone = leaving(mixed, 3)

    assert (gone.lent, gone.bound) == (2, 1)
    with pytest.raises(Invalid) as refusal:
        leaving(mixed, 6)
    assert refusal.value.reason == "not_picked"


def test_found_units_are_taken_from_the_lent_ones_and_shorts_from_what_is_left() -> None:
    mixed = line(lent=2, bound=3)
    walked = Walked(3, ((ShortReason.DAMAGED, 1), (ShortReason.NOT_FOUND, 1)))

    found, shorts = picked_lines(mixed, walked)

    assert found is not None
    assert (found.lent, found.bound) == (2, 1)
    assert [(each.reason, each.lent, each.bound) for each in shorts] == [
        (ShortReason.DAMAGED, 0, 1),
        (ShortReason.NOT_FOUND, 0, 1),
    ]


def test_everything_that_is_still_owed_is_given_up_with_what_is_picked_of_it() -> None:
    done = line(lent=0, fulfilled=5)
    half = line(lent=1, bound=2, picked_lent=1, picked_bound=2, fulfilled=2)

    (back,) = put_back([done, half])

    assert (back.lent, back.bound, back.picked) == (1, 2, 3)


@pytest.mark.parametrize("state", AssignmentState)
@pytest.mark.parametrize("kind", FulfilKind)
def test_every_open_state_has_a_next_step_that_is_offered_too(
    kind: FulfilKind, state: AssignmentState
) -> None:
    verb = next_verb(kind, state, accepted=True, cancel_asked=False)
    offered = allowed_verbs(kind, state, accepted=True)

    assert (verb in offered) == (verb != "")
    if state in ASSIGNMENT.finals:
        assert (verb, offered) == ("", ())


def test_a_shelf_is_a_name_and_no_slip() -> None:
    assert check_shelf("  shelf  b-2 ") == "SHELF B-2"
    for wrong in ("", "OS1:bg:LB1-B00001:1:X", "é", "-", "x" * 40):
        with pytest.raises(Invalid) as refusal:
            check_shelf(wrong)
        assert refusal.value.reason == "not_a_shelf"


def test_a_tracking_number_finds_one_wrong_figure() -> None:
    good = tracking_number("LB1-T00042")

    assert is_own_tracking(good)
    for at, letter in enumerate(good):
        for other in "0123456789":
            if letter.isdigit() and other != letter:
                assert not is_own_tracking(good[:at] + other + good[at + 1 :])
    assert not is_own_tracking("SW12345678")


def test_the_paper_of_another_store_is_told_by_its_number() -> None:
    assert foreign_location("HK1-L00001", "LB") == "HK"
    assert foreign_location("LB2-L00001", "LB") == ""
    assert foreign_location("anything", "LB") == ""
