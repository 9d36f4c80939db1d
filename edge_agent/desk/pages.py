"""What needs a person in this store, as pages: the list, and one card with what each choice does here."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.desk import steps as desk
from edge_agent.desk.choices import CLOSE
from edge_agent.desk.words import Reader, act_word
from edge_agent.exceptions import rows, steps
from edge_agent.pages import form_of, show
from edge_agent.people.rules import role_word
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
LeadOrManager = Annotated[CurrentPerson, Depends(require(StoreRole.LEAD, StoreRole.MANAGER))]
Id = Annotated[str, Path(max_length=64)]
LISTED: Final = 200

router = APIRouter(include_in_schema=False)


@router.get("/store/exceptions")
async def exceptions(
    request: Request, edge: AnyEdge, person: Anybody, closed: Annotated[str, Query(max_length=3)] = ""
) -> Response:
    """List what needs a person; with `closed=yes` what once did as well."""
    return show(request, "desk/exceptions.html", **_view(edge, person, closed=closed == "yes"))


@router.get("/store/exceptions/{exception_id}")
async def one(request: Request, exception_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Show one card with what can be done about it."""
    return await _shown(request, edge, exception_id, person)


@router.post("/store/exceptions/{exception_id}/choose")
async def choose(request: Request, exception_id: Id, edge: AnyEdge, person: LeadOrManager) -> Response:
    """Make a choice, if it still does what was shown."""
    form = await form_of(request)
    choice_id = form.get("choice")[:64]

    def step(unit: EdgeUnit) -> None:
        desk.choose(
            unit,
            edge,
            exception_id,
            choice_id=choice_id,
            digest=form.get(f"digest-{choice_id}")[:64],
            reason=form.get("reason")[:300],
            person=person,
        )

    return await _did(request, edge, exception_id, person, step, _("Done."))


@router.post("/store/exceptions/{exception_id}/take")
async def take(request: Request, exception_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take a card, or give it back."""
    return await _did(
        request,
        edge,
        exception_id,
        person,
        lambda unit: desk.take(unit, edge, exception_id, person=person),
        _("Kept on the card."),
    )


@router.post("/store/exceptions/{exception_id}/snooze")
async def snooze(request: Request, exception_id: Id, edge: AnyEdge, person: LeadOrManager) -> Response:
    """Put a card aside for some hours, or take it back."""
    hours = (await form_of(request)).whole("hours", 0)
    return await _did(
        request,
        edge,
        exception_id,
        person,
        lambda unit: desk.snooze(unit, edge, exception_id, hours=hours, person=person),
        _("Kept on the card."),
    )


@router.post("/store/exceptions/{exception_id}/comment")
async def comment(request: Request, exception_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Say something about a card."""
    text = (await form_of(request)).get("text")[:300]
    return await _did(
        request,
        edge,
        exception_id,
        person,
        lambda unit: desk.comment(unit, edge, exception_id, text=text, person=person),
        _("Kept on the card."),
    )


@router.post("/store/exceptions/{exception_id}/close")
async def close(request: Request, exception_id: str, edge: AnyEdge, person: LeadOrManager) -> Response:
    """Close one, saying how it was dealt with."""
    how = (await form_of(request)).get("how")[:300]
    if not how:
        raise Invalid(_("Nothing says how this was dealt with."), _("Type it in a few words."))
    await edge.database.awrite(
        lambda unit: steps.close_by_id(unit, edge, exception_id, how=how, person=person)
    )
    return show(request, "desk/exceptions.html", toast=_("Closed."), **_view(edge, person, closed=False))


async def _did(  # noqa: PLR0917 - one act on a card, and what is said then
    request: Request,
    edge: Edge,
    exception_id: str,
    person: CurrentPerson,
    step: Callable[[EdgeUnit], object],
    toast: str,
) -> Response:
    await edge.database.awrite(step)
    return await _shown(request, edge, exception_id, person, toast=toast)


async def _shown(
    request: Request, edge: Edge, exception_id: str, person: CurrentPerson, *, toast: str = ""
) -> Response:
    found = await edge.database.awrite(lambda unit: desk.card(unit, edge, exception_id, person))
    reader = Reader(edge.settings.currency)
    return show(
        request,
        "desk/card.html",
        toast=toast,
        card=found.row,
        choices=[
            reader.shown(each.choice, each.preview) for each in found.offered if each.choice.command != CLOSE
        ],
        acts=found.acts,
        now_us=edge.clock.now_us(),
        may_choose=person.role in {StoreRole.LEAD, StoreRole.MANAGER},
        me=person,
        role_word=role_word,
        act_word=act_word,
        link=_link(found.row.subject),
    )


def _view(edge: Edge, person: CurrentPerson, *, closed: bool) -> dict[str, Any]:
    return {
        "found": rows.listed(edge.database.read(), with_closed=closed, limit=LISTED),
        "closed": closed,
        "may_close": person.role in {StoreRole.LEAD, StoreRole.MANAGER},
        "role_word": role_word,
        "link": _link,
        "now_us": edge.clock.now_us(),
    }


def _link(subject: str) -> tuple[str, str]:
    """Return where the subject of an exception is looked at, and the word for it."""
    kind, _colon, name = subject.partition(":")
    places = {
        "sku": (f"/stock/{name}", _("See the stock")),
        "print": (f"/store/printers/jobs/{name}", _("See the slip")),
        "printer": (f"/store/printers/{name}", _("See the printer")),
        "till": ("/store/day", _("See the tills")),
        "order": (f"/orders/{name}", _("See the order")),
        "transfer": (f"/transfers/{name}", _("See the transfer")),
    }
    return places.get(kind, ("", ""))
