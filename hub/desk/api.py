"""The desk over HTTP: what each choice of a card does, making one, and working on the card."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from hub.desk import steps
from hub.desk.consequences import as_said
from hub.exceptions import steps as cards
from hub.exceptions.api import ExceptionId, ExceptionView, view
from hub.web import REFUSALS, Anybody, TheHub, Wanted
from protocol.clock import MICROSECONDS

router = APIRouter(prefix="/api/exceptions/{exception_id}", tags=["exceptions"], responses=REFUSALS)
Plain = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ChoiceView(BaseModel):
    """One choice, and what it does as found by running it and undoing it."""

    choice: str
    label: str
    command: str
    needs: tuple[str, ...]
    may: bool
    """Whether the role of whoever asks may make it."""
    preview: dict[str, Any]
    """`digest` names it; `refused` says why it cannot be made, and is empty when it can."""


class ChooseWanted(Wanted):
    """A choice, as it was shown."""

    choice: Name
    digest: Name
    reason: Plain = ""
    reference: Name = ""
    confirmed: bool = False
    """Money may move."""


class ChosenView(BaseModel):
    """What became of it: `done`, `changed`, `confirm` or `second_person`. Nothing was done but for `done`."""

    state: str
    preview: dict[str, Any]
    exception: ExceptionView


class AssignWanted(Wanted):
    """Whose card it is; empty for nobody's."""

    to: Name = ""


class SnoozeWanted(Wanted):
    """For how long a card is put aside; 0 takes it back."""

    minutes: Annotated[int, Field(ge=0, le=14 * 24 * 60)]


class TextWanted(Wanted):
    """What somebody says about a card."""

    text: Plain = ""


@router.get("/choices")
def choices(hub: TheHub, person: Anybody, exception_id: ExceptionId) -> list[ChoiceView]:
    """List what can be done about a card, each with what it would do."""
    return [
        ChoiceView(
            choice=each.choice.choice_id,
            label=each.choice.label,
            command=each.choice.command,
            needs=each.choice.needs,
            may=each.may,
            preview=as_said(each.preview),
        )
        for each in steps.offered(hub, exception_id, role=person.role, by=person.name)
    ]


@router.post("/choose")
def choose(hub: TheHub, person: Anybody, exception_id: ExceptionId, wanted: ChooseWanted) -> ChosenView:
    """Make a choice if it still does what was shown."""
    said = steps.Wanted(
        wanted.choice, wanted.digest, wanted.reason, wanted.reference, confirmed=wanted.confirmed
    )
    done = steps.choose(hub, exception_id, said, role=person.role, by=person.name)
    return ChosenView(
        state=done.state, preview=as_said(done.preview), exception=view(done.row, hub.clock.now_us())
    )


@router.post("/assign")
def assign(hub: TheHub, person: Anybody, exception_id: ExceptionId, wanted: AssignWanted) -> ExceptionView:
    """Say whose card it is."""
    return view(cards.assign(hub, exception_id, to=wanted.to, by=person.name), hub.clock.now_us())


@router.post("/snooze")
def snooze(hub: TheHub, person: Anybody, exception_id: ExceptionId, wanted: SnoozeWanted) -> ExceptionView:
    """Put a card aside for some minutes."""
    now_us = hub.clock.now_us()
    if not wanted.minutes:
        return view(cards.wake(hub, exception_id, by=person.name), now_us)
    until_us = now_us + wanted.minutes * 60 * MICROSECONDS
    return view(cards.snooze(hub, exception_id, until_us=until_us, by=person.name), now_us)


@router.post("/comment")
def comment(hub: TheHub, person: Anybody, exception_id: ExceptionId, wanted: TextWanted) -> ExceptionView:
    """Say something about a card."""
    return view(cards.comment(hub, exception_id, text=wanted.text, by=person.name), hub.clock.now_us())


@router.post("/escalate")
def escalate(hub: TheHub, person: Anybody, exception_id: ExceptionId, wanted: TextWanted) -> ExceptionView:
    """Hand a card to the next owner."""
    return view(cards.escalate(hub, exception_id, text=wanted.text, by=person.name), hub.clock.now_us())


@router.post("/decline")
def decline(hub: TheHub, person: Anybody, exception_id: ExceptionId, wanted: TextWanted) -> ExceptionView:
    """Say no to a choice that waits for a second person."""
    return view(cards.decline(hub, exception_id, text=wanted.text, by=person.name), hub.clock.now_us())
