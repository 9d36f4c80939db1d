"""What needs a person in this store, as a page."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
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
LISTED: Final = 200

router = APIRouter(include_in_schema=False)


@router.get("/store/exceptions")
async def exceptions(
    request: Request, edge: AnyEdge, person: Anybody, closed: Annotated[str, Query(max_length=3)] = ""
) -> Response:
    """List what needs a person; with `closed=yes` what once did as well."""
    return show(request, "exceptions/exceptions.html", **_view(edge, person, closed=closed == "yes"))


@router.post("/store/exceptions/{exception_id}/close")
async def close(request: Request, exception_id: str, edge: AnyEdge, person: LeadOrManager) -> Response:
    """Close one, saying how it was dealt with."""
    how = (await form_of(request)).get("how")[:300]
    if not how:
        raise Invalid(_("Nothing says how this was dealt with."), _("Type it in a few words."))
    await edge.database.awrite(
        lambda unit: steps.close_by_id(unit, edge, exception_id, how=how, person=person)
    )
    return show(
        request, "exceptions/exceptions.html", toast=_("Closed."), **_view(edge, person, closed=False)
    )


def _view(edge: Edge, person: CurrentPerson, *, closed: bool) -> dict[str, Any]:
    return {
        "found": rows.listed(edge.database.read(), with_closed=closed, limit=LISTED),
        "closed": closed,
        "may_close": person.role in {StoreRole.LEAD, StoreRole.MANAGER},
        "role_word": role_word,
        "link": _link,
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
