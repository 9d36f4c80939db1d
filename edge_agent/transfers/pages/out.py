"""One transfer at this store; and what is done with one that leaves: answered, packed, shipped, given up.

The walk has a page of its own (`pages.pick`), and so have goods that nobody announced (`pages.arrival`).
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.rows import find_open
from edge_agent.fulfil.pages.answers import Answer, drawn, said
from edge_agent.pages import show
from edge_agent.transfers.pages import shown
from edge_agent.transfers.pages.words import reason_word, refusals, state_word, title_word
from edge_agent.transfers.steps import asking, inbox, packing, views
from edge_agent.transfers.steps.commands import (
    Accept,
    Cancel,
    KeyOnly,
    OpenCarton,
    PackCarton,
    Reject,
    Ship,
)
from edge_agent.web import edge_of, parsed, signed_in
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.sscc import spaced

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
Sscc = Annotated[str, Path(pattern=r"^[0-9]{18}$")]

NOTHING_HEARD: Final = "<!---->"
"""What a scan came to is of no interest any more; a comment leaves its place empty."""

router = APIRouter(prefix="/transfers", include_in_schema=False)


@router.get("/{transfer_id}")
async def page(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Show a transfer, and what is next."""
    return show(request, "transfers/transfer.html", **view(edge.database.read(), edge, transfer_id))


@router.post("/{transfer_id}/accept")
async def accept(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Send it."""
    wanted = await parsed(request, Accept)
    done = _("Accepted. It is set aside.")
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: inbox.accept(unit, edge, transfer_id, wanted, person=person),
        done,
    )


@router.post("/{transfer_id}/reject")
async def reject(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Send nothing of it."""
    wanted = await parsed(request, Reject)
    done = _("Rejected. Whoever asked hears of it.")
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: inbox.reject(unit, edge, transfer_id, wanted, person=person),
        done,
    )


@router.post("/{transfer_id}/cancel")
async def cancel(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Give it up."""
    wanted = await parsed(request, Cancel)
    done = _("Cancelled. Put back what is picked.")
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: inbox.cancel(unit, edge, transfer_id, wanted, person=person),
        done,
    )


@router.post("/{transfer_id}/ask-to-cancel")
async def ask_to_cancel(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Say that it is no longer wanted."""
    wanted = await parsed(request, Cancel)
    done = _("Asked. If it has not left, it is cancelled.")
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: asking.ask_to_cancel(unit, edge, transfer_id, wanted, person=person),
        done,
    )


@router.post("/{transfer_id}/goods-back")
async def goods_back(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Say that the goods of a cancelled transfer lie on their shelf again."""
    wanted = await parsed(request, KeyOnly)
    done = _("Good: nothing of it is left to carry back.")
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: inbox.goods_back(unit, edge, transfer_id, wanted, person=person),
        done,
    )


@router.post("/{transfer_id}/cartons")
async def pack(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Close a carton."""
    wanted = await parsed(request, PackCarton)
    done = _("Closed. Its label prints.")
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: packing.pack(unit, edge, transfer_id, wanted, person=person),
        done,
    )


@router.post("/{transfer_id}/cartons/{sscc}/open")
async def open_carton(
    request: Request, transfer_id: Id, sscc: Sscc, edge: AnyEdge, person: Anybody
) -> Response:
    """Open a carton again."""
    wanted = await parsed(request, OpenCarton)
    done = _("Open again. Take its label off: it is void.")
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: packing.open_carton(unit, edge, transfer_id, sscc, wanted, person=person),
        done,
    )


@router.post("/{transfer_id}/ship")
async def ship(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Give the cartons to the driver."""
    wanted = await parsed(request, Ship)
    done = _("On its way. The manifest prints.")
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: packing.ship(unit, edge, transfer_id, wanted, person=person),
        done,
    )


async def did(
    request: Request, edge: Edge, transfer_id: str, step: Callable[[EdgeUnit], object], toast: str
) -> Response:
    """Run a verb and draw the page of the transfer anew."""
    await edge.database.awrite(step)
    values = view(edge.database.read(), edge, transfer_id)
    html = drawn(request, "transfers/transfer.html", **values)
    return said(Answer(html=html, toast=toast, feedback=NOTHING_HEARD))


def view(connection: Connection, edge: Edge, transfer_id: str) -> dict[str, Any]:
    """Return everything that the page of one transfer shows."""
    each = views.one(connection, edge, transfer_id)
    names = shown.names_of(connection)
    packable = shown.to_pack(connection, transfer_id) if "pack" in each.allowed else ()
    arriving = shown.arrived_lines(connection, edge, transfer_id) if "receive" in each.allowed else ()
    ticked = sum(1 for carton in each.cartons if carton.ticked)
    put_back = find_open(connection, f"transfer_put_back:{transfer_id}") is not None
    return {
        "each": each,
        "place": names.get(each.other, each.other),
        "state": state_word(each),
        "next_title": _("Put it back") if put_back else title_word(each),
        "reason": reason_word(each.reason),
        "refusals": refusals(),
        "to_pack": packable,
        "loose": sum(item.picked for item in packable),
        "arriving": arriving,
        "ticked": ticked,
        "here": sum(line.here for line in arriving),
        "rest": sum(max(0, line.expected - line.here) for line in arriving),
        "slips": shown.slips(connection, each.number),
        "put_back": put_back,
        "spaced": spaced,
    }
