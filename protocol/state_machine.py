"""A state machine as a value: a table of (state, event) -> state, and what is a fact in it.

`protocol.lifecycles` holds the tables themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from protocol.errors import IllegalTransition

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Lifecycle(Generic[State, Event]):
    """A state machine: (state, event) -> the state that follows.

    `facts` are events that cannot be refused because they have happened, each with the state it leads to
    from anywhere, or None when out of order it changes nothing.
    """

    name: str
    table: Mapping[tuple[State, Event], State]
    initial: State
    finals: frozenset[State]
    facts: Mapping[Event, State | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Frozen for good: these tables are shared by everything in the process.
        object.__setattr__(self, "table", MappingProxyType(dict(self.table)))
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    def next_state(self, state: State, event: Event) -> State:
        """Return the state that follows.

        Raises:
            IllegalTransition: names what is allowed instead.
        """
        following = self.table.get((state, event))
        if following is None:
            allowed = ", ".join(sorted(_words(each) for each in self.allowed_events(state)))
            article = "An" if self.name[0] in "aeiou" else "A"
            raise IllegalTransition(
                f"{article} {self.name} that is {_words(state)} cannot take: {_words(event)}.",
                f"Allowed now: {allowed or 'nothing, it is final'}.",
                state=str(state),
                event=str(event),
            )
        return following

    def after_fact(self, state: State, event: Event) -> tuple[State, bool]:
        """Return the state after something that has happened, and whether it was in order.

        What is out of order is the caller's to raise as an exception.

        Raises:
            IllegalTransition: the event is not a fact, and not allowed now.
        """
        following = self.table.get((state, event))
        if following is not None:
            return following, True
        if event in self.facts:
            return self.facts[event] or state, False
        return self.next_state(state, event), True

    def allowed_events(self, state: State) -> frozenset[Event]:
        """Return what may happen in this state; a screen shows exactly these buttons."""
        return frozenset(event for source, event in self.table if source == state)

    def mermaid(self) -> str:
        """Return the table as a Mermaid state diagram."""
        steps = [f"    {state} --> {to}: {_words(event)}" for (state, event), to in self.table.items()]
        ends = [f"    {state} --> [*]" for state in type(self.initial) if state in self.finals]
        return "\n".join(["stateDiagram-v2", f"    [*] --> {self.initial}", *steps, *ends]) + "\n"


def _words(value: StrEnum) -> str:
    return value.replace("_", " ")
