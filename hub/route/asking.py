"""The question that an order puts now, and the answer to it, with everything a decision keeps of both.

The facts become a question in `hub.route.facts`, the question a choice in `hub.route.rules`; here they meet.
What a reader would get wrong: `only` does not choose a location, it removes the others from the question
after the company's thresholds were looked at, for units that somebody holds or was promised already.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from hub.route.facts import current, snapshot
from hub.route.facts.geo import NOWHERE
from hub.route.facts.known import About, Known
from hub.route.facts.question import Question, question_of
from hub.route.rules.choice import Ask, Chosen, Need, NoLocation, choose
from hub.route.rules.instance import Instance
from hub.spine.work import Promising
from protocol.fulfilment import Promise


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of this moment, with what is known of every location that was looked at."""

    question: Question
    known: tuple[Known, ...]
    version: int
    """Of the set of parameters."""
    saved_day_minor: int | None
    """The most that may be spent to have one unit a day earlier; None where nothing may be late."""

    @property
    def instance(self) -> Instance:
        """What the solver is asked."""
        return self.question.instance

    @property
    def names(self) -> dict[str, str]:
        """How the locations are called."""
        return {each.location: each.name for each in self.known}

    @property
    def ages(self) -> dict[str, int | None]:
        """How old the knowledge of each location is, in seconds; None for one that was never heard."""
        return {each.location: each.age_seconds for each in self.known}


def ask_of(
    key: str, promise: Promise, lines: Iterable[Need], now_us: int, excluded: Iterable[str] = ()
) -> Ask:
    """Return what a promise asks for."""
    return Ask(
        key=key,
        kind=promise.kind,
        due_us=promise.due_us,
        now_us=now_us,
        lines=tuple(lines),
        location=promise.location,
        service=promise.service,
        promise_class=promise.promise_class,
        excluded=frozenset(excluded),
    )


def asked(
    connection: Connection,
    ask: Ask,
    terms: Promising,
    about: About | None = None,
    memory: dict[str, Any] | None = None,
    *,
    only: Mapping[str, bool] | None = None,
) -> Asked:
    """Return the question that an order puts now.

    `only`: nobody else may be asked; true for who may be asked though it is silent.
    """
    memory = {} if memory is None else memory
    book = current.book(connection, terms, memory)
    facts = snapshot.facts_of(connection, ask, book, about or About(), memory)
    known = tuple(facts.known)
    if only is not None:
        known = tuple(
            each._replace(silent="") if only[each.location] else each
            for each in known
            if each.location in only
        )
        facts = replace(facts, known=known)
    general = book.said.general
    return Asked(
        question_of(book, facts),
        known,
        book.version,
        general.saved_day_minor if general.late_allowed else None,
    )


def about_of(
    connection: Connection,
    terms: Promising,
    *,
    contact_id: str = "",
    seller: str = "",
    value_minor: int | None = None,
    holding: Iterable[str] = (),
    memory: dict[str, Any] | None = None,
) -> About:
    """Return what an order says beyond its promise; where it goes only if anything depends on that."""
    far = contact_id and current.book(connection, terms, memory).needs_distance
    return About(
        destination=snapshot.destination_of(connection, contact_id) if far else NOWHERE,
        seller=seller,
        value_minor=value_minor,
        holding=frozenset(holding),
    )


def answer(put: Asked) -> Chosen | NoLocation:
    """Return the best answer to a question."""
    question = put.question
    return choose(
        question.instance,
        question.rejected,
        put.names,
        saved_day_minor=put.saved_day_minor,
        split_minor=question.split_minor,
    )
