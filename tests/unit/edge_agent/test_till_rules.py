import pytest

from edge_agent.along import TakenAlong
from edge_agent.till.rules import (
    CloseFacts,
    StepState,
    WaitingBasket,
    blockers,
    business_date,
    check_count,
    checklist,
    confirm_date,
)
from protocol.errors import Invalid, Refused
from protocol.kit.text import language

JUNE_NIGHT_US = 1_781_924_400_000_000  # 2026-06-20 03:00 UTC, 04:00 in London


@pytest.mark.parametrize(
    ("at_us", "zone", "date"),
    [
        (JUNE_NIGHT_US, "Europe/London", "2026-06-20"),
        (JUNE_NIGHT_US - 1, "Europe/London", "2026-06-19"),
        (JUNE_NIGHT_US, "America/New_York", "2026-06-19"),
        (JUNE_NIGHT_US, "Asia/Tokyo", "2026-06-20"),
    ],
)
def test_the_business_date_follows_the_stores_own_clock_and_cut_over(
    at_us: int, zone: str, date: str
) -> None:
    assert business_date(at_us, zone=zone, cutover="04:00") == date


def test_a_person_may_open_for_a_neighbouring_day_and_no_further() -> None:
    assert confirm_date(None, "2026-06-20") == "2026-06-20"
    assert confirm_date("2026-06-19", "2026-06-20") == "2026-06-19"
    for wrong in ("2026-06-18", "2026-13-01"):
        with pytest.raises(Invalid):
            confirm_date(wrong, "2026-06-20")


def test_a_third_count_or_one_after_the_confirmation_is_refused() -> None:
    assert (check_count(0, confirmed=False), check_count(1, confirmed=False)) == (1, 2)
    for attempts, confirmed in ((2, False), (1, True)):
        with pytest.raises(Refused):
            check_count(attempts, confirmed=confirmed)


def test_the_day_close_lists_what_blocks_and_what_does_not_in_the_readers_language() -> None:
    facts = CloseFacts(
        till="till-2",
        counts=0,
        counted_text="0.00",
        difference_text=None,
        over_tolerance=False,
        baskets=(WaitingBasket("b1", "LB1-P00001", "parked", "14:20"),),
        doubtful_slips=1,
        unsent=12,
        along=(TakenAlong("a-1", "HB1-00001", "handheld-1", ("COAT-M",)),),
    )
    token = language.set("en")
    try:
        steps = checklist(facts)
    finally:
        language.reset(token)

    assert [(step.key, step.state) for step in steps] == [
        ("basket:b1", StepState.BLOCKS),
        ("along:a-1", StepState.BLOCKS),
        ("count", StepState.NOW),
        ("paper", StepState.DOES_NOT_BLOCK),
        ("sending", StepState.DOES_NOT_BLOCK),
    ]
    assert steps[4].title == "12 to send"
    assert [step.key for step in blockers(steps)] == ["basket:b1", "along:a-1", "count"]
