"""The question that an order puts now, and the answer to it, with everything a decision keeps of both.

The facts become a question in `hub.route.facts`, the question a choice in `hub.route.rules`; here they meet.
What a reader would get wrong: `only` does not choose a location, it removes the others from the question
after the company's thresholds were looked at, for units that somebody holds or was promised already.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from hub.route.facts import current, snapshot
from hub.route.facts.geo import NOWHERE
from hub.route.facts.known import About, Facts, Known
from hub.route.facts.question import Question, question_of
from hub.route.rules.choice import Ask, Chosen, Need, NoLocation, choose
from hub.route.rules.instance import Instance
from hub.spine.work import Promising, Work
from protocol.fulfilment import AssignedLine, Promise


@dataclass(frozen=True, slots=True)
class Then:
    """A question about another moment than this one: what is known then, and when silence is judged."""

    revised: Callable[[Facts], Facts]
    heard_us: int


@dataclass(frozen=True, slots=True)
class ToRoute:
    """Units of an order that nobody fulfils yet, and what was promised."""

    order_id: str
    number: str
    promise: Promise
    lines: tuple[AssignedLine, ...]
    contact_id: str = ""
    value_minor: int | None = None
    """What the goods of the whole order cost; a rule may keep a cheap one together."""
    holding: frozenset[str] = frozenset()
    """Locations that fulfil a part of it already: more from there needs no parcel of its own."""

    @property
    def needs(self) -> list[Need]:
        """The units as routing asks for them."""
        return [Need(line.line_no, line.sku, line.quantity) for line in self.lines]


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
    then: Then | None = None,
) -> Asked:
    """Return the question that an order puts now, or `then`.

    `only`: nobody else may be asked; true for who may be asked though it is silent.
    """
    memory = {} if memory is None else memory
    book = current.book(connection, terms, memory)
    facts = snapshot.facts_of(
        connection, ask, book, about or About(), memory, heard_us=then.heard_us if then else 0
    )
    if then is not None:
        facts = then.revised(facts)
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


def ask_about(
    work: Work,
    order: ToRoute,
    ask: Ask,
    *,
    only: Mapping[str, bool] | None = None,
    revised: Callable[[Facts], Facts] | None = None,
) -> Asked:
    """Return the question that an order puts, in the memory of this unit of work.

    `revised`: what is known otherwise than the tables say, for an order that begins at `ask.now_us`.
    """
    terms, memory = work.terms.promising, work.unit.memory
    about = about_of(
        work.connection,
        terms,
        contact_id=order.contact_id,
        seller=work.terms.entity,
        value_minor=order.value_minor,
        holding=order.holding,
        memory=memory,
    )
    then = Then(revised, work.clock.now_us()) if revised else None
    return asked(work.connection, ask, terms, about, memory, only=only, then=then)


def lines_of(lines: Iterable[AssignedLine], units: Mapping[int, int]) -> tuple[AssignedLine, ...]:
    """Return the lines of one part: those that it holds, with its own units."""
    return tuple(
        line.model_copy(update={"quantity": units[line.line_no]}) for line in lines if line.line_no in units
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
