"""The desk of a store over HTTP: a card with what each choice does here, making one, and working on it."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.desk import steps
from edge_agent.exceptions.api import ExceptionAnswer
from edge_agent.exceptions.rows import Raised
from edge_agent.web import REFUSALS, edge_of, signed_in
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
LeadOrManager = Annotated[CurrentPerson, Depends(require(StoreRole.LEAD, StoreRole.MANAGER))]
Id = Annotated[str, Path(max_length=64)]
Plain = Annotated[str, Field(max_length=300)]

router = APIRouter(prefix="/api/exceptions/{exception_id}", tags=["exceptions"], responses=REFUSALS)


class ChoiceAnswer(BaseModel):
    """One thing that can be done about a card. `preview` is what it does here, found by running it."""

    choice: str
    label: str
    needs_reason: bool
    digest: str
    """Names the preview; it is sent back with the choice."""
    refused: str
    """Why it cannot be made; empty when it can."""
    preview: dict[str, Any]


class ActAnswer(BaseModel):
    """One thing that was done about a card, here or at the hub."""

    model_config = ConfigDict(from_attributes=True)

    act: str
    by: str
    at_us: int
    to: str
    until_us: int | None
    choice: str
    text: str
    at_hub: bool


class CardAnswer(ExceptionAnswer):
    """A card with its choices, the likeliest first, and its history."""

    choices: list[ChoiceAnswer]
    acts: list[ActAnswer]


class Wanted(BaseModel):
    """What somebody asks for; a name that nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ChooseWanted(Wanted):
    """A choice as it was shown."""

    choice: str = Field(min_length=1, max_length=64)
    digest: str = Field(min_length=1, max_length=64)
    reason: Plain = ""


class SnoozeWanted(Wanted):
    """For how many hours a card is put aside; none takes it back."""

    hours: int = Field(ge=0, le=steps.LONGEST_SNOOZE_HOURS)


class CommentWanted(Wanted):
    """What somebody says about a card."""

    text: str = Field(min_length=1, max_length=300)


@router.get("")
async def one(exception_id: Id, edge: AnyEdge, person: Anybody) -> CardAnswer:
    """Return a card with what each choice does at this moment."""
    card = await edge.database.awrite(lambda unit: steps.card(unit, edge, exception_id, person))
    choices = [
        ChoiceAnswer(
            choice=each.choice.choice_id,
            label=each.choice.label,
            needs_reason=each.choice.needs_reason,
            digest=each.preview.digest,
            refused=f"{each.preview.refused} {each.preview.remedy}".strip(),
            preview=asdict(each.preview),
        )
        for each in card.offered
    ]
    acts = [ActAnswer.model_validate(act) for act in card.acts]
    return CardAnswer(**_said(card.row).model_dump(), choices=choices, acts=acts)


@router.post("/choose")
async def choose(
    exception_id: Id, wanted: ChooseWanted, edge: AnyEdge, person: LeadOrManager
) -> ExceptionAnswer:
    """Make a choice, if it still does what was shown."""

    def step(unit: EdgeUnit) -> Raised:
        return steps.choose(
            unit,
            edge,
            exception_id,
            choice_id=wanted.choice,
            digest=wanted.digest,
            reason=wanted.reason,
            person=person,
        )

    return _said(await edge.database.awrite(step))


@router.post("/take")
async def take(exception_id: Id, edge: AnyEdge, person: Anybody) -> ExceptionAnswer:
    """Take a card, or give it back."""
    return _said(await edge.database.awrite(lambda unit: steps.take(unit, edge, exception_id, person=person)))


@router.post("/snooze")
async def snooze(
    exception_id: Id, wanted: SnoozeWanted, edge: AnyEdge, person: LeadOrManager
) -> ExceptionAnswer:
    """Put a card aside for some hours, or take it back."""
    return _said(
        await edge.database.awrite(
            lambda unit: steps.snooze(unit, edge, exception_id, hours=wanted.hours, person=person)
        )
    )


@router.post("/comment")
async def comment(exception_id: Id, wanted: CommentWanted, edge: AnyEdge, person: Anybody) -> ExceptionAnswer:
    """Say something about a card, for whoever looks next, here or at the hub."""
    return _said(
        await edge.database.awrite(
            lambda unit: steps.comment(unit, edge, exception_id, text=wanted.text, person=person)
        )
    )


def _said(row: Raised) -> ExceptionAnswer:
    return ExceptionAnswer.model_validate(row)
