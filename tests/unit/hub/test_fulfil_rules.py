"""Where an assignment is after any fact, and what the clocks make of it. On paper."""

import pytest

from hub.fulfil import rules
from hub.fulfil.rules import Clock, after
from hub.spine.stages import beyond
from protocol import later
from protocol.fold import LineRecord, OrderRecord
from protocol.fulfilment import PutBackLine, ShortLine, ShortReason, UnitsLine, Verified
from protocol.lifecycles import AssignmentState, OrderState
from protocol.orders import LineKind, WireModel

S = AssignmentState
ABOUT = {"assignment_id": "a-1", "order_id": "o-1", "number": "HB1-00001"}
ONE = UnitsLine(line_no=1, sku="A", lent=1)
MINUTE = 60_000_000


def handed(*, rest: bool = False) -> later.AssignmentHandedOver:
    return later.AssignmentHandedOver(
        **ABOUT, handover_id="h-1", lines=(ONE,), verified=Verified.CODE, rest=rest
    )


def picked(found: int, short: int) -> later.AssignmentPicked:
    return later.AssignmentPicked(
        **ABOUT,
        list_id="l-1",
        lines=(ONE,) if found else (),
        shorts=(ShortLine(line_no=1, sku="A", lent=1, reason=ShortReason.NOT_FOUND),) if short else (),
    )


def answered(outcome: str) -> later.AssignmentAnswered:
    return later.AssignmentAnswered.model_validate({**ABOUT, "location": "s", "outcome": outcome})


def written_off() -> later.AssignmentWrittenOff:
    return later.AssignmentWrittenOff(**ABOUT, location="s", reason="burnt down", lines=(ONE,))


@pytest.mark.parametrize(
    ("state", "body", "becomes", "in_order"),
    [
        (S.PROPOSED, later.PickStarted(**ABOUT, list_id="l"), S.PICKING, True),
        (S.SENT, picked(1, 0), S.PICKED, True),
        (S.PICKING, later.AssignmentAnswered(**ABOUT, location="s", outcome="applied"), S.PICKING, True),
        (S.PICKED, picked(1, 1), S.PICKED, True),
        (S.READY, handed(rest=True), S.READY, True),
        (S.READY, handed(), S.HANDED_OVER, True),
        (S.CANCELLED, handed(rest=True), S.CANCELLED, False),
        (S.CANCELLED, handed(), S.HANDED_OVER, False),
        (S.REJECTED, picked(1, 0), S.REJECTED, False),
        (S.HANDED_OVER, later.AssignmentAccepted(**ABOUT), S.HANDED_OVER, True),
        (S.PROPOSED, later.AssignmentWithdrawn(**ABOUT, location="s"), S.CANCELLED, True),
        (S.PROPOSED, later.AssignmentAnswered(**ABOUT, location="s", outcome="expired"), S.EXPIRED, True),
        (S.READY, later.CancelRefused(**ABOUT, code="late"), S.READY, True),
        (S.SENT, later.AssignmentChanged(**ABOUT, change_id="c"), S.ACKNOWLEDGED, True),
        (S.PICKING, later.AssignmentChanged(**ABOUT, change_id="c"), S.PICKING, True),
        (S.CANCELLED, later.AssignmentChanged(**ABOUT, change_id="c"), S.CANCELLED, False),
        (S.PROPOSED, written_off(), S.WRITTEN_OFF, True),
        (S.READY, written_off(), S.WRITTEN_OFF, True),
        (S.CANCELLED, written_off(), S.CANCELLED, False),
        (
            S.WRITTEN_OFF,
            later.AssignmentAnswered(**ABOUT, location="s", outcome="applied"),
            S.WRITTEN_OFF,
            True,
        ),
        (
            S.WRITTEN_OFF,
            later.AssignmentAnswered(**ABOUT, location="s", outcome="rejected"),
            S.REJECTED,
            True,
        ),
        (S.WRITTEN_OFF, later.AssignmentAccepted(**ABOUT), S.WRITTEN_OFF, True),
        (S.WRITTEN_OFF, later.PickStarted(**ABOUT, list_id="l"), S.WRITTEN_OFF, False),
        (S.WRITTEN_OFF, picked(1, 0), S.WRITTEN_OFF, False),
        (S.WRITTEN_OFF, handed(rest=True), S.WRITTEN_OFF, False),
        (S.WRITTEN_OFF, handed(), S.HANDED_OVER, False),
        (S.WRITTEN_OFF, later.AssignmentChanged(**ABOUT, change_id="c"), S.WRITTEN_OFF, False),
        (S.SENT, later.ChangeRefused(**ABOUT, location="s", change_id="c"), S.SENT, True),
    ],
)
def test_every_fact_has_a_state_and_says_whether_it_was_due(
    state: AssignmentState, body: WireModel, becomes: AssignmentState, in_order: bool
) -> None:
    assert after(state, body) == rules.After(becomes, in_order)


def test_a_walk_that_found_nothing_ends_only_what_has_nothing_left() -> None:
    assert after(S.PICKING, picked(0, 1), nothing_left=True).state is S.SHORT
    assert after(S.PICKING, picked(0, 1), nothing_left=False).state is S.PICKED


def test_a_location_without_which_somebody_went_on_ends_it_by_saying_that_nothing_is_left() -> None:
    given_up = later.AssignmentCancelled(**ABOUT, lines=(PutBackLine(line_no=1, sku="A", lent=1),))

    assert after(S.WRITTEN_OFF, given_up, nothing_left=True) == rules.After(S.CANCELLED)
    assert after(S.WRITTEN_OFF, given_up) == rules.After(S.WRITTEN_OFF)
    assert after(S.WRITTEN_OFF, picked(0, 1), nothing_left=True) == rules.After(S.SHORT)


def test_giving_some_units_up_ends_only_what_has_nothing_left() -> None:
    given_up = later.AssignmentCancelled(**ABOUT, lines=(PutBackLine(line_no=1, sku="A", bound=1),))

    assert after(S.ACKNOWLEDGED, given_up, nothing_left=False) == rules.After(S.ACKNOWLEDGED, in_order=True)
    assert after(S.ACKNOWLEDGED, given_up, nothing_left=True) == rules.After(S.CANCELLED, in_order=True)


def clock(state: AssignmentState = S.PROPOSED, **said: object) -> Clock:
    usual: dict[str, object] = {
        "state": state,
        "due_us": 130 * MINUTE,
        "created_us": 0,
        "keep_until_us": 0,
        "kind": "collect",
        "sent": False,
    }
    return Clock(**(usual | said))  # type: ignore[arg-type]  # the fields above


def test_the_clock_runs_to_the_latest_safe_start_and_not_to_the_promise() -> None:
    work_us = 30 * MINUTE

    shares = [rules.share_gone(clock(), minutes * MINUTE, work_us) for minutes in (0, 50, 80, 100, 200)]

    assert shares == [0, 50, 80, 100, 100]
    assert [rules.is_at_risk(clock(), at * MINUTE, work_us) for at in (49, 50, 130, 131)] == [
        False,
        True,
        True,
        False,
    ]
    assert [rules.should_take_back(clock(), at * MINUTE, work_us) for at in (79, 80)] == [False, True]
    assert not rules.should_take_back(clock(sent=True), 129 * MINUTE, work_us)
    assert not rules.is_at_risk(clock(S.PICKING), 129 * MINUTE, work_us)
    assert rules.share_gone(clock(created_us=120 * MINUTE), 120 * MINUTE, work_us) == 100


def test_ready_keeps_a_promise_to_collect_and_only_leaving_keeps_one_to_ship() -> None:
    at = 131 * MINUTE

    assert [rules.is_late(clock(state), at) for state in (S.PICKED, S.READY, S.HANDED_OVER)] == [
        True,
        False,
        False,
    ]
    assert rules.is_late(clock(S.READY, kind="ship"), at)
    assert not rules.is_late(clock(), 130 * MINUTE)
    kept = clock(S.READY, keep_until_us=at)
    assert (rules.is_no_show(kept, at), rules.is_no_show(kept, at + 1)) == (False, True)
    assert not rules.is_no_show(clock(S.READY), at)


@pytest.mark.parametrize(
    ("fulfilled", "cancelled", "units", "found"),
    [
        (0, 0, 3, {}),
        (3, 0, 1, {"double_fulfilled": {1: 1}}),
        (0, 3, 2, {"fulfilled_after_cancel": {1: 2}}),
        (2, 1, 3, {"double_fulfilled": {1: 2}, "fulfilled_after_cancel": {1: 1}}),
        (4, 0, 1, {"double_fulfilled": {1: 1}}),
    ],
)
def test_units_beyond_those_open_are_told_apart_by_what_they_mean(
    fulfilled: int, cancelled: int, units: int, found: dict[str, dict[int, int]]
) -> None:
    line = LineRecord(1, "A", LineKind.GOODS, 3, 30_00, 5_00, fulfilled, cancelled)
    record = OrderRecord("o-1", "HB1-00001", OrderState.READY, (line,), 30_00)

    assert beyond(record, {1: units}) == found
