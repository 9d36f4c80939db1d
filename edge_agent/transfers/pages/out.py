"""One transfer at this store; and what is done with one that leaves: answered, packed, shipped, given up.

The walk has a page of its own (`pages.pick`), and so have goods that nobody announced (`pages.arrival`).
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from edge_agent.answers import Answer, drawn, said
from edge_agent.context import Edge
from edge_agent.exceptions.rows import find_open
from edge_agent.pages import show
from edge_agent.stock.rows import on_hand_of
from edge_agent.stock.words import sold_parts
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
from edge_agent.verbs import Act, PageVerb, Reply, add_page_verbs
from edge_agent.web import edge_of, signed_in
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


def view(connection: Connection, edge: Edge, transfer_id: str) -> dict[str, Any]:
    """Return everything that the page of one transfer shows."""
    each = views.one(connection, edge, transfer_id)
    names = shown.names_of(connection)
    packable = shown.to_pack(connection, transfer_id) if "pack" in each.allowed else ()
    arriving = shown.arrived_lines(connection, edge, transfer_id) if "receive" in each.allowed else ()
    ticked = sum(1 for carton in each.cartons if carton.ticked)
    put_back = find_open(connection, f"transfer_put_back:{transfer_id}") is not None
    here = on_hand_of(connection, [line.sku for line in each.lines] if each.next == "accept" else ())
    return {
        "each": each,
        "free_parts": {sku: sold_parts(stock.rights) for sku, stock in here.items()},
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


def redrawn(says: Callable[[Any], str]) -> Reply:
    """Return what draws the page of a transfer anew; `says` makes the toast of what the step answered."""

    def reply(act: Act) -> Response:
        toast = says(act.said)
        return said(Answer(html=transfer_drawn(act), toast=toast, feedback=NOTHING_HEARD))

    return reply


def transfer_drawn(act: Act) -> str:
    """Return the page of the transfer that an act was about."""
    values = view(act.edge.database.read(), act.edge, act.of[0])
    return drawn(act.request, "transfers/transfer.html", **values)


VERBS: Final = (
    PageVerb("/{transfer_id}/accept", Accept, inbox.accept,
             redrawn(lambda _done: _("Accepted. It is set aside."))),
    PageVerb("/{transfer_id}/reject", Reject, inbox.reject,
             redrawn(lambda _done: _("Rejected. Whoever asked hears of it."))),
    PageVerb("/{transfer_id}/cancel", Cancel, inbox.cancel,
             redrawn(lambda _done: _("Cancelled. Put back what is picked."))),
    PageVerb("/{transfer_id}/ask-to-cancel", Cancel, asking.ask_to_cancel,
             redrawn(lambda _done: _("Asked. If it has not left, it is cancelled."))),
    PageVerb("/{transfer_id}/goods-back", KeyOnly, inbox.goods_back,
             redrawn(lambda _done: _("Good: nothing of it is left to carry back."))),
    PageVerb("/{transfer_id}/cartons", PackCarton, packing.pack,
             redrawn(lambda _done: _("Closed. Its label prints."))),
    PageVerb("/{transfer_id}/cartons/{sscc}/open", OpenCarton, packing.open_carton,
             redrawn(lambda _done: _("Open again. Take its label off: it is void."))),
    PageVerb("/{transfer_id}/ship", Ship, packing.ship,
             redrawn(lambda _done: _("On its way. The manifest prints."))),
)  # fmt: skip
"""What can be done with one that leaves."""
add_page_verbs(router, VERBS, sscc=Sscc)
