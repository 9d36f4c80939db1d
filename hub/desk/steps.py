"""Looking at the choices of a card, and making one.

A choice is made only while it still does what was shown: it is rehearsed again in the same unit of work, and
if that finds something else, the new preview is the answer and nothing is done. What moves money asks for a
confirmation, and above a limit for a second person, who sees the same preview.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hub.context import Hub
from hub.database import HubUnit
from hub.desk.choices import REASON, REFERENCE, Choice, choices_of
from hub.desk.commands import CLOSE, COMMANDS, Given
from hub.desk.consequences import Preview
from hub.desk.rehearsal import rehearse
from hub.desk.rehearsing import acting_in
from hub.exceptions import rows
from hub.exceptions.rows import ExceptionRow
from hub.exceptions.steps import close_row, must_be_open, worked
from protocol.errors import Invalid, NotFound, NotPermitted, Refused
from protocol.kit.text import _
from protocol.people import HubRole

_NOT_SAID_YET: Final = "---"
"""What a rehearsal gives where a person has not said anything yet; as long as the shortest reason is."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A choice with what it does, as it was just found."""

    choice: Choice
    preview: Preview
    may: bool
    """Whether whoever looks may make it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A choice that somebody makes."""

    choice_id: str
    digest: str
    """Of the preview that they saw."""
    reason: str = ""
    reference: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """What became of it."""

    state: str
    """`done`, `changed` (nothing was done: the preview is another one now), `confirm` (say that the money may
    move) or `second_person` (somebody else has to confirm it)."""
    preview: Preview
    row: ExceptionRow


def offered(hub: Hub, exception_id: str, *, role: str, by: str) -> tuple[Offered, ...]:
    """Return the choices of a card, each with its preview.

    Raises:
        NotFound: there is no such card.
        Unavailable: it takes too long now.
    """
    return hub.database.write(lambda unit: _offered(hub, unit, exception_id, role, by))


def _offered(hub: Hub, unit: HubUnit, exception_id: str, role: str, by: str) -> tuple[Offered, ...]:
    row = rows.find(unit.connection, exception_id)
    return tuple(
        Offered(choice, rehearsed(hub, unit, row, choice, Given(by)), _may(choice, role))
        for choice in choices_of(hub, unit, row)
    )


def preview(hub: Hub, exception_id: str, choice_id: str, *, by: str) -> Preview:
    """Return what one choice of a card does now.

    Raises:
        NotFound: there is no such card, or it has no such choice.
    """

    def step(unit: HubUnit) -> Preview:
        row = rows.find(unit.connection, exception_id)
        return rehearsed(hub, unit, row, _choice(hub, unit, row, choice_id), Given(by))

    return hub.database.write(step)


def choose(hub: Hub, exception_id: str, wanted: Wanted, *, role: str, by: str) -> Chosen:
    """Make a choice, if it still does what was shown.

    Raises:
        NotFound: there is no such card, or it has no such choice any more.
        IllegalTransition: the card is closed already.
        NotPermitted: the command needs another role.
        Invalid: nothing was chosen, or a reason or a reference is missing.
        Refused: it cannot be done any more; nothing was changed.
    """
    return hub.database.write(lambda unit: _choose(hub, unit, exception_id, wanted, role, by))


def _choose(  # noqa: PLR0917 - the six of `choose`, and the unit
    hub: Hub, unit: HubUnit, exception_id: str, wanted: Wanted, role: str, by: str
) -> Chosen:
    row = rows.find(unit.connection, exception_id, lock=True)
    must_be_open(row)
    if not wanted.choice_id:
        raise Invalid(
            _("Nothing was chosen, so nothing was done."),
            _("Choose one, then do it."),
            code="no_choice_made",
        )
    choice = _choice(hub, unit, row, wanted.choice_id)
    if not _may(choice, role):
        raise NotPermitted(
            _("Your role may not do this."), _("Ask somebody whose role may."), code="wrong_role"
        )
    given, asked = _given(row, choice, wanted, by)
    found = rehearsed(hub, unit, row, choice, given)
    if found.refused:
        raise Refused(found.refused, found.remedy, code=found.code)
    if found.digest != wanted.digest:
        return Chosen("changed", found, row)
    if found.money_minor and not wanted.confirmed:
        return Chosen("confirm", found, row)
    if found.money_minor > hub.settings.second_person_minor and not asked:
        return Chosen("second_person", found, _ask_second(hub, unit, row, choice, given, found))
    _do(hub, unit, row, choice, replace(given, by=f"{asked} + {by}" if asked else by), found)
    return Chosen("done", found, rows.find(unit.connection, exception_id))


def _given(row: ExceptionRow, choice: Choice, wanted: Wanted, by: str) -> tuple[Given, str]:
    """Return what was said beside a choice, and who asked for it before if this is the second person."""
    asked = row.asked or {}
    second = asked.get("choice") == choice.choice_id and asked.get("by") not in {"", by}
    reason = wanted.reason.strip() or (str(asked.get("text", "")) if second else "")
    reference = wanted.reference.strip() or (str(asked.get("reference", "")) if second else "")
    for name, said in ((REASON, reason), (REFERENCE, reference)):
        if name in choice.needs and not said:
            raise Invalid(
                _("Nothing says why.") if name == REASON else _("The reference of the payment is missing."),
                _("Type it in a few words; it stays on the record."),
                code=f"no_{name}",
            )
    return Given(by, reason, reference), str(asked["by"]) if second else ""


def _do(  # noqa: PLR0917 - a choice in the order of its parts
    hub: Hub, unit: HubUnit, row: ExceptionRow, choice: Choice, given: Given, found: Preview
) -> None:
    """Run a choice in earnest, and keep on the card what was chosen and what it did."""
    acting, _outbox = acting_in(hub, unit)
    _run(acting, row, choice, given, _kept(choice, found))
    unit.after_commit(lambda: hub.broadcaster.publish("exceptions"))


def _run(acting: Hub, row: ExceptionRow, choice: Choice, given: Given, facts: Mapping[str, Any]) -> None:
    """Note a choice on its card, run its command, and close the card where nothing else would.

    All of it is rehearsed too: a store that has the card is told of the note.
    """
    said: dict[str, Any] = {"choice": choice.choice_id, "text": given.reason, "facts": facts}
    if choice.command != CLOSE:
        acting.database.write(lambda unit: worked(acting, unit, row, "chosen", by=given.by, **said))
    COMMANDS[choice.command].run(acting, choice.args, given)

    def settle(unit: HubUnit) -> None:
        if rows.find(unit.connection, row.exception_id).state == "open":
            close_row(acting, unit, row, note=f"{choice.label}. {given.reason}".strip(), by=given.by)

    if choice.settles:
        acting.database.write(settle)


def _kept(choice: Choice, found: Preview) -> Mapping[str, Any]:
    """Return what a card's history keeps: also what the choice was called, as people read it."""
    return {
        "label": choice.label,
        "digest": found.digest,
        "money_minor": found.money_minor,
        "requested": list(found.consequences.requested),
        "posted": len(found.consequences.journals),
    }


def _ask_second(  # noqa: PLR0917 - a choice in the order of its parts
    hub: Hub, unit: HubUnit, row: ExceptionRow, choice: Choice, given: Given, found: Preview
) -> ExceptionRow:
    facts = {**_kept(choice, found), "reference": given.reference}
    worked(hub, unit, row, "asked", by=given.by, choice=choice.choice_id, text=given.reason, facts=facts)
    return rows.find(unit.connection, row.exception_id)


def rehearsed(hub: Hub, unit: HubUnit, row: ExceptionRow, choice: Choice, given: Given) -> Preview:
    """Return what a choice does now, within a unit of work of which nothing of it stays."""
    said = replace(given, reason=given.reason or _NOT_SAID_YET, reference=given.reference or _NOT_SAID_YET)
    return rehearse(hub, unit, lambda acting: _run(acting, row, choice, said, {}), subject=row.subject)


def _choice(hub: Hub, unit: HubUnit, row: ExceptionRow, choice_id: str) -> Choice:
    for choice in choices_of(hub, unit, row):
        if choice.choice_id == choice_id:
            return choice
    raise NotFound(
        _("This choice is gone: the record has changed since."),
        _("Look at the card again."),
        code="no_choice",
    )


def _may(choice: Choice, role: str) -> bool:
    roles = COMMANDS[choice.command].roles
    return not roles or role in roles or role == HubRole.ADMIN.value
