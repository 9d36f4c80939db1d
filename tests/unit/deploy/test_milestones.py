"""When lines are cut and processes killed: after so many orders, each once, in order."""

import threading

import pytest

from deploy.demo.milestones import Cut, Kill, Milestone, Milestones, parse_cut, parse_kill
from protocol.errors import Invalid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("store-2@0.3-0.6", Cut("store-2", 0.3, 0.6)),
        ("store-1@0-1", Cut("store-1", 0.0, 1.0)),
        (" warehouse@.25-.5 ", Cut("warehouse", 0.25, 0.5)),
    ],
)
def test_a_cut_says_who_from_when_and_until_when(text: str, expected: Cut) -> None:
    assert parse_cut(text) == expected


@pytest.mark.parametrize(
    "text", ["store-2", "store-2@0.6-0.3", "store-2@0.3", "store-2@0.3-1.1", "@0.1-0.2", ""]
)
def test_a_cut_that_makes_no_sense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_cut(text)

    assert "store-2@0.3-0.6" in refusal.value.remedy


def test_a_kill_says_who_and_when_and_nothing_else() -> None:
    assert parse_kill("hub@0.5") == Kill("hub", 0.5)
    with pytest.raises(Invalid):
        parse_kill("hub@0.5-0.6")


def test_each_milestone_is_reached_once_and_in_order() -> None:
    seen: list[str] = []
    milestones = Milestones(
        [Milestone(3, lambda: seen.append("restore")), Milestone(1, lambda: seen.append("cut"))]
    )

    for _ in range(5):
        milestones.order_taken()
    milestones.finish()

    assert seen == ["cut", "restore"]
    assert milestones.taken == 5


def test_what_was_not_reached_happens_at_the_end_so_that_no_line_stays_cut() -> None:
    seen: list[str] = []
    milestones = Milestones([Milestone(100, lambda: seen.append("restore"))])

    milestones.order_taken()
    milestones.finish()

    assert seen == ["restore"]


def test_a_milestone_does_not_hold_up_the_store_that_reached_it() -> None:
    release = threading.Event()

    def wait() -> None:
        release.wait(10)

    milestones = Milestones([Milestone(1, wait)])

    milestones.order_taken()
    milestones.order_taken()
    release.set()
    milestones.finish()

    assert milestones.taken == 2


def test_a_milestone_that_failed_is_reported_at_the_end() -> None:
    def fail() -> None:
        raise Invalid("There is no store-9.", "Take another.")

    milestones = Milestones([Milestone(1, fail)])
    milestones.order_taken()

    with pytest.raises(Invalid, match="store-9"):
        milestones.finish()
