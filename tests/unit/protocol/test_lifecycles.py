"""The state machines as tables."""

from enum import StrEnum
from typing import Any

import pytest

from protocol.errors import IllegalTransition
from protocol.lifecycles import (
    ASSIGNMENT,
    BASKET,
    EXCEPTION,
    HOLD,
    ORDER,
    PERIOD,
    PRINT_JOB,
    RETURN,
    TILL_SESSION,
    AssignmentEvent,
    AssignmentState,
    BasketEvent,
    BasketState,
    OrderEvent,
    OrderState,
    PrintEvent,
    PrintState,
)
from protocol.mail_in import MAIL_IN
from protocol.state_machine import Lifecycle
from protocol.transfers import RECEIVING, SENDING

ALL: list[Lifecycle[Any, Any]] = [
    ORDER,
    BASKET,
    TILL_SESSION,
    PRINT_JOB,
    ASSIGNMENT,
    RETURN,
    PERIOD,
    EXCEPTION,
    HOLD,
    SENDING,
    RECEIVING,
    MAIL_IN,
]


def every(enum_member: StrEnum) -> set[StrEnum]:
    """Return all members of the enum a member belongs to."""
    return set(type(enum_member))


each = pytest.mark.parametrize("lifecycle", ALL, ids=lambda one: one.name)


@each
def test_every_state_but_a_final_one_has_a_way_out(lifecycle: Lifecycle[Any, Any]) -> None:
    for state in type(lifecycle.initial):
        assert bool(lifecycle.allowed_events(state)) == (state not in lifecycle.finals), state


@each
def test_every_state_can_be_reached_from_the_first(lifecycle: Lifecycle[Any, Any]) -> None:
    reached = {lifecycle.initial}
    while further := {to for (source, _), to in lifecycle.table.items() if source in reached} - reached:
        reached |= further

    assert reached == every(lifecycle.initial)


@each
def test_every_state_can_still_come_to_an_end(lifecycle: Lifecycle[Any, Any]) -> None:
    ending = set(lifecycle.finals)
    while further := {source for (source, _), to in lifecycle.table.items() if to in ending} - ending:
        ending |= further

    assert ending == every(lifecycle.initial)


@each
def test_every_event_is_used_and_every_fact_is_an_event(lifecycle: Lifecycle[Any, Any]) -> None:
    used = {event for _, event in lifecycle.table}

    assert used == every(next(iter(used)))
    assert set(lifecycle.facts) <= used


@each
def test_the_diagram_names_every_step_of_the_table(lifecycle: Lifecycle[Any, Any]) -> None:
    lines = lifecycle.mermaid().splitlines()

    assert lines[:2] == ["stateDiagram-v2", f"    [*] --> {lifecycle.initial}"]
    assert len(lines) == 2 + len(lifecycle.table) + len(lifecycle.finals)


def test_a_table_cannot_be_changed_by_whoever_reads_it() -> None:
    with pytest.raises(TypeError):
        BASKET.table[BasketState.PAID, BasketEvent.PAID] = BasketState.OPEN  # type: ignore[index]  # the point


def test_the_diagram_of_a_till_session_reads_as_drawn() -> None:
    assert TILL_SESSION.mermaid() == (
        "stateDiagram-v2\n"
        "    [*] --> open\n"
        "    open --> counting: count started\n"
        "    counting --> open: count abandoned\n"
        "    counting --> closed: closed\n"
        "    closed --> [*]\n"
    )


def test_a_short_pick_sends_the_order_back_to_be_routed_again() -> None:
    assert ORDER.next_state(OrderState.PICKING, OrderEvent.SHORT_PICKED) is OrderState.CAPTURED


def test_a_refused_step_names_the_steps_that_are_allowed() -> None:
    with pytest.raises(IllegalTransition) as refusal:
        ORDER.next_state(OrderState.READY, OrderEvent.PICK_STARTED)

    assert refusal.value.what == "An order that is ready cannot take: pick started."
    assert refusal.value.remedy == "Allowed now: cancelled, collected, rejected, shipped."
    assert refusal.value.facts == {"state": "ready", "event": "pick_started"}


def test_a_final_state_says_that_it_is_final() -> None:
    with pytest.raises(IllegalTransition) as refusal:
        ORDER.next_state(OrderState.VOIDED, OrderEvent.VOIDED)

    assert refusal.value.remedy == "Allowed now: nothing, it is final."


def test_a_counter_sale_is_completed_returned_in_part_and_returned() -> None:
    state = ORDER.initial
    for event in (
        OrderEvent.SOLD,
        OrderEvent.PART_RETURNED,
        OrderEvent.PART_RETURNED,
        OrderEvent.ALL_RETURNED,
    ):
        state = ORDER.next_state(state, event)

    assert state is OrderState.RETURNED


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        (AssignmentState.READY, AssignmentEvent.HANDED_OVER, (AssignmentState.HANDED_OVER, True)),
        (AssignmentState.CANCELLED, AssignmentEvent.HANDED_OVER, (AssignmentState.HANDED_OVER, False)),
        (AssignmentState.EXPIRED, AssignmentEvent.PICKED, (AssignmentState.EXPIRED, False)),
        (AssignmentState.SHIPPED, AssignmentEvent.PACKED, (AssignmentState.SHIPPED, False)),
    ],
)
def test_what_has_physically_happened_is_taken_in_every_state(
    state: AssignmentState, event: AssignmentEvent, after: tuple[AssignmentState, bool]
) -> None:
    assert ASSIGNMENT.after_fact(state, event) == after


def test_what_is_only_asked_is_refused_where_it_does_not_fit() -> None:
    with pytest.raises(IllegalTransition):
        ASSIGNMENT.after_fact(AssignmentState.SHIPPED, AssignmentEvent.SENT)


@pytest.mark.parametrize("state", AssignmentState)
@pytest.mark.parametrize("event", sorted(ASSIGNMENT.facts))
def test_no_physical_fact_of_an_assignment_is_ever_refused(
    state: AssignmentState, event: AssignmentEvent
) -> None:
    after, _ = ASSIGNMENT.after_fact(state, event)

    assert isinstance(after, AssignmentState)


@pytest.mark.parametrize("state", [s for s in PrintState if s not in PRINT_JOB.finals])
def test_a_print_job_begun_and_not_acknowledged_is_never_called_failed(state: StrEnum) -> None:
    assert "failed" not in state
    lost = {source for (source, event), to in PRINT_JOB.table.items() if event is PrintEvent.LOST}
    assert lost == {PrintState.SENDING, PrintState.SENT, PrintState.HELD_AT_PRINTER}
