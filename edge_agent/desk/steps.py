"""Looking at a card of this store with its choices, making one, and working on the card."""

from dataclasses import dataclass
from typing import Any

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.desk.choices import CLOSE, COMMANDS, Choice, Given, choices_of
from edge_agent.desk.rehearsal import Preview, rehearse
from edge_agent.exceptions import rows
from edge_agent.exceptions.steps import close_exception
from protocol.errors import IllegalTransition, Invalid, NotFound, Refused, StaleVersion
from protocol.events import ExceptionWorked
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

HOUR_US = 3_600_000_000
LONGEST_SNOOZE_HOURS = 14 * 24
_NOT_SAID_YET = "-"


@dataclass(frozen=True, slots=True)
class Offered:
    """A choice with what it does here, as it was just found."""

    choice: Choice
    preview: Preview


@dataclass(frozen=True, slots=True)
class Card:
    """A card with its choices and its history."""

    row: rows.Raised
    offered: tuple[Offered, ...]
    acts: tuple[rows.Act, ...]


def card(unit: EdgeUnit, edge: Edge, exception_id: str, person: CurrentPerson) -> Card:
    """Return a card with what can be done about it.

    Raises:
        NotFound: there is none of that id.
    """
    row = _find(unit, exception_id)
    offered = tuple(
        Offered(choice, _rehearsed(unit, edge, choice, person)) for choice in choices_of(unit, row)
    )
    return Card(row, offered, tuple(rows.acts_of(unit.connection, exception_id)))


def choose(
    unit: EdgeUnit,
    edge: Edge,
    exception_id: str,
    *,
    choice_id: str,
    digest: str,
    reason: str,
    person: CurrentPerson,
) -> rows.Raised:
    """Make a choice, if it still does what was shown; return the card as it stands then.

    Raises:
        NotFound: there is no such card, or it has no such choice any more.
        IllegalTransition: the card is closed already.
        Invalid: the reason is missing.
        StaleVersion: it does something else by now; nothing was done.
        Refused: it cannot be done any more; nothing was done.
    """
    row = _open(unit, exception_id)
    choice = next((each for each in choices_of(unit, row) if each.choice_id == choice_id), None)
    if choice is None:
        raise NotFound(
            _("This choice is gone: the record has changed since."),
            _("Look at the card again."),
            code="no_choice",
        )
    if choice.needs_reason and not reason.strip():
        raise Invalid(_("Nothing says why."), _("Type it in a few words."), code="no_reason")
    found = _rehearsed(unit, edge, choice, person)
    if found.refused:
        raise Refused(found.refused, found.remedy)
    if found.digest != digest:
        raise StaleVersion(
            _("This choice does something else by now, so nothing was done."),
            _("Look at the card again, then choose."),
            code="preview_changed",
        )
    given = Given(
        person, f"card:{row.exception_id}:{edge.journal.last(unit.connection)[0]}"[:64], reason.strip()
    )
    if choice.command != CLOSE:
        said = {"choice": choice.choice_id, "text": given.reason, "facts": {"label": choice.label}}
        worked(unit, edge, row, "chosen", person, **said)
    COMMANDS[choice.command](unit, edge, choice.args, given)
    if choice.settles:
        close_exception(unit, edge, row.dedupe_key, how=choice.label, person=person)
    unit.after_commit(lambda: edge.broadcaster.publish("exceptions"))
    return _find(unit, exception_id)


def take(unit: EdgeUnit, edge: Edge, exception_id: str, *, person: CurrentPerson) -> rows.Raised:
    """Take a card, or give it back if it is one's own already.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
    """
    row = _open(unit, exception_id)
    worked(unit, edge, row, "assigned", person, to="" if row.owner == person.name else person.name)
    return _find(unit, exception_id)


def snooze(
    unit: EdgeUnit, edge: Edge, exception_id: str, *, hours: int, person: CurrentPerson
) -> rows.Raised:
    """Put a card aside for some hours; none takes it back.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
        Invalid: for more than two weeks.
    """
    if not 0 <= hours <= LONGEST_SNOOZE_HOURS:
        raise Invalid(
            _("A card sleeps for two weeks at most."), _("Choose an earlier day."), code="bad_snooze"
        )
    row = _open(unit, exception_id)
    until_us = edge.clock.now_us() + hours * HOUR_US if hours else 0
    worked(unit, edge, row, "snoozed", person, until_us=until_us)
    return _find(unit, exception_id)


def comment(
    unit: EdgeUnit, edge: Edge, exception_id: str, *, text: str, person: CurrentPerson
) -> rows.Raised:
    """Say something about a card, for whoever looks next, here or at the hub.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
        Invalid: nothing was said.
    """
    if not text.strip():
        raise Invalid(_("Nothing was said."), _("Type it in a few words."), code="no_text")
    row = _open(unit, exception_id)
    worked(unit, edge, row, "commented", person, text=text.strip()[:300])
    return row


def worked(
    unit: EdgeUnit, edge: Edge, row: rows.Raised, act: str, person: CurrentPerson, **said: Any
) -> None:
    """Record what was done about a card; the hub hears of it like of all work of the store."""
    body = ExceptionWorked.model_validate({"exception_id": row.exception_id, "act": act, **said})
    edge.journal.record(unit, body, by=person.person_id, device=person.device)
    unit.after_commit(lambda: edge.broadcaster.publish("exceptions"))


def _rehearsed(unit: EdgeUnit, edge: Edge, choice: Choice, person: CurrentPerson) -> Preview:
    given = Given(person, "card:rehearsal", _NOT_SAID_YET)
    return rehearse(unit, lambda inner: COMMANDS[choice.command](inner, edge, choice.args, given))


def _find(unit: EdgeUnit, exception_id: str) -> rows.Raised:
    found = rows.find(unit.connection, exception_id)
    if found is None:
        raise NotFound(
            _("There is no exception {id} here.", id=exception_id[:40]),
            _("Reload the list."),
            code="no_exception",
        )
    return found


def _open(unit: EdgeUnit, exception_id: str) -> rows.Raised:
    row = _find(unit, exception_id)
    if row.closed_us is not None:
        raise IllegalTransition(
            _("This was closed already: {how}", how=row.closed_how or "-"),
            _("Reload the list."),
            code="exception_closed",
        )
    return row
