"""Transfers over HTTP, for handhelds and programs.

Every verb takes a key and may be sent twice: a new one gives 201, a repeated one 200 and the first answer. A
wrong scan is an answer (`outcome`), everything else that cannot be done is a refusal with its code.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query

from edge_agent.context import Edge
from edge_agent.transfers.rows.transfers import Way
from edge_agent.transfers.steps import arriving, asking, inbox, packing, receiving, views, walking
from edge_agent.transfers.steps.commands import (
    Accept,
    Ask,
    Cancel,
    KeyOnly,
    OpenCarton,
    PackCarton,
    Reject,
    SayLine,
    ScanItem,
    SetFound,
    Ship,
    ShortPick,
    TakeIn,
    TakeInUnknown,
    UndoReceipt,
    UndoScan,
)
from edge_agent.transfers.steps.models import (
    Done,
    LabelMeaning,
    Packed,
    Picked,
    PlaceView,
    ReceiptView,
    ReceivedAnswer,
    Scanned,
    Shipped,
    TransferView,
)
from edge_agent.verbs import Verb, add_verbs, nameless
from edge_agent.web import REFUSALS, edge_of, signed_in
from protocol.kit.web.signin import CurrentPerson

router = APIRouter(prefix="/api/transfers", tags=["transfers"], responses=REFUSALS)
AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
Sscc = Annotated[str, Path(pattern=r"^[0-9]{18}$")]
Limit = Annotated[int, Query(ge=1, le=500)]

_SHOWN = {
    ("out", "open"): views.OUT_OPEN,
    ("out", "away"): views.OUT_AWAY,
    ("out", "over"): views.OUT_OVER,
    ("in", "open"): views.IN_OPEN,
    ("in", "away"): views.IN_ASKED,
    ("in", "over"): views.IN_OVER,
}


@router.get("")
async def transfers(
    edge: AnyEdge,
    _person: Anybody,
    way: Way = "in",
    show: Annotated[str, Query(pattern=r"^(open|away|over)$")] = "open",
    limit: Limit = 100,
) -> list[TransferView]:
    """List transfers that go out or come in: with something to do, on their way, or over."""
    return views.listed(edge.database.read(), edge, way, _SHOWN[way, show], limit, newest=show == "over")


@router.get("/places")
async def places(edge: AnyEdge, _person: Anybody) -> list[PlaceView]:
    """List the other locations that this store has heard of."""
    return views.places(edge.database.read(), edge)


@router.get("/scan")
async def scan(
    edge: AnyEdge, _person: Anybody, code: Annotated[str, Query(min_length=1, max_length=512)]
) -> LabelMeaning:
    """Say what a label means here: a carton, a manifest, an article. Nothing is changed."""
    return arriving.meaning(edge.database.read(), edge, code)


@router.get("/unannounced")
async def unannounced(edge: AnyEdge, _person: Anybody, limit: Limit = 100) -> list[ReceiptView]:
    """List arrivals that no announcement fits so far."""
    return views.unannounced(edge.database.read(), limit)


@router.get("/{transfer_id}")
async def transfer(transfer_id: Id, edge: AnyEdge, _person: Anybody) -> TransferView:
    """Show a transfer with its lines, cartons and arrivals."""
    return views.one(edge.database.read(), edge, transfer_id)


_OF = "/{transfer_id}"
VERBS: Final = (
    Verb("", Ask, Done, asking.ask,
         "Send something of this store to another location, or ask another location to send something."),
    Verb("/unannounced", TakeInUnknown, ReceivedAnswer, arriving.take_in,
         "Take goods in that nobody has announced; `sure` says that somebody has looked at the label."),
    Verb("/receipts/{receipt_id}/undo", UndoReceipt, Done, receiving.undo,
         "Take an arrival back while all of it is still here and free."),
    Verb(f"{_OF}/accept", Accept, Done, inbox.accept,
         "Send it, all or a part; what is free here is set aside at once."),
    Verb(f"{_OF}/reject", Reject, Done, inbox.reject, "Send nothing of it, and say why."),
    Verb(f"{_OF}/cancel", Cancel, Done, inbox.cancel, "Give a transfer up before it leaves."),
    Verb(f"{_OF}/ask-to-cancel", Cancel, Done, asking.ask_to_cancel,
         "Say that what this store asked for is no longer wanted."),
    Verb(f"{_OF}/pick/scan", ScanItem, Scanned, walking.scan,
         "Take an article that was scanned on the walk."),
    Verb(f"{_OF}/pick/undo", UndoScan, Scanned, nameless(walking.undo), "Take a scan of the walk back."),
    Verb(f"{_OF}/pick/set", SetFound, Scanned, walking.set_found,
         "Say by hand how many of a line were found."),
    Verb(f"{_OF}/pick/short", ShortPick, Done, nameless(walking.short),
         "Say that units are not there, and why."),
    Verb(f"{_OF}/pick/finish", KeyOnly, Picked, walking.finish, "End the walk."),
    Verb(f"{_OF}/cartons", PackCarton, Packed, packing.pack, "Close a carton and print its label."),
    Verb(f"{_OF}/cartons/{{sscc}}/open", OpenCarton, Done, packing.open_carton,
         "Open a carton again before it leaves."),
    Verb(f"{_OF}/ship", Ship, Shipped, packing.ship, "Send the cartons off and print the manifest."),
    Verb(f"{_OF}/arrival/scan", ScanItem, Scanned, arriving.scan,
         "Take the label of a carton that arrived, or one article of it."),
    Verb(f"{_OF}/arrival/undo", UndoScan, Done, nameless(arriving.undo), "Take a scan of an arrival back."),
    Verb(f"{_OF}/arrival/line", SayLine, Done, nameless(arriving.say_line),
         "Say by hand what arrived of a line, and what of it is broken."),
    Verb(f"{_OF}/receive", TakeIn, ReceivedAnswer, receiving.receive,
         "Take in what arrived: named cartons and lines, or what was scanned."),
)  # fmt: skip
"""What can be done."""
add_verbs(router, VERBS, sscc=Sscc)
