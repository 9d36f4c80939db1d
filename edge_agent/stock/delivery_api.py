"""Deliveries over HTTP: expect, unpack, receive, put right."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query

from edge_agent.context import Edge
from edge_agent.stock import expecting, receipts, receiving
from edge_agent.stock.count_models import PrintSlip, Revoke
from edge_agent.stock.delivery_models import (
    Began,
    BeginReceiving,
    Corrected,
    CorrectReceipt,
    DeliveryScanned,
    DeliveryView,
    DropReceiving,
    FinishReceiving,
    ImportDeliveries,
    Imported,
    ReceiptView,
    Received,
    ReceivingView,
    ScanDelivery,
    SetDelivered,
    UndoDeliveryScan,
)
from edge_agent.verbs import Verb, add_verbs
from edge_agent.web import REFUSALS, edge_of, signed_in
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
LEAD: Final = require(StoreRole.LEAD, StoreRole.MANAGER)
Id = Annotated[str, Path(min_length=1, max_length=64)]
router = APIRouter(prefix="/api/stock", tags=["deliveries"], responses=REFUSALS)


@router.get("/deliveries")
async def deliveries(
    edge: AnyEdge,
    _person: Anybody,
    closed: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[DeliveryView]:
    """List what suppliers should bring, the first due first; with `closed` what is over."""
    return expecting.listed(edge.database.read(), is_open=not closed, limit=limit)


@router.get("/receivings/{receiving_id}")
async def unpacked(receiving_id: Id, edge: AnyEdge, _person: Anybody) -> ReceivingView:
    """Return what is being unpacked, against what was announced."""
    return receiving.view(edge.database.read(), edge, receiving_id)


@router.get("/receipts")
async def received(
    edge: AnyEdge, _person: Anybody, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[ReceiptView]:
    """List the last receipts, the newest first, without their items."""
    return receipts.listed(edge.database.read(), edge, limit)


@router.get("/receipts/{receipt_id}")
async def receipt(receipt_id: Id, edge: AnyEdge, _person: Anybody) -> ReceiptView:
    """Return one receipt with its items, as corrections have left them."""
    return receipts.view(edge.database.read(), edge, receipt_id)


_RECEIVING, _RECEIPT = "/receivings/{receiving_id}", "/receipts/{receipt_id}"
VERBS: Final = (
    Verb("/deliveries", ImportDeliveries, Imported, expecting.import_csv,
         "Expect what a CSV file lists; the answer says row by row what was left out.", who=LEAD),
    Verb("/deliveries/{delivery_id}/cancel", Revoke, Began, expecting.cancel,
         "Say that a delivery will not come.", who=LEAD),
    Verb("/receivings", BeginReceiving, Began, receiving.begin,
         "Begin to unpack, or join whoever has begun."),
    Verb(f"{_RECEIVING}/scan", ScanDelivery, DeliveryScanned, receiving.scan,
         "Take what came out of a box; what is wrong with it is an answer, not a refusal.", status=200),
    Verb(f"{_RECEIVING}/undo", UndoDeliveryScan, DeliveryScanned, receiving.undo,
         "Take a scan of this device back.", status=200),
    Verb(f"{_RECEIVING}/line", SetDelivered, DeliveryScanned, receiving.set_line,
         "Say by hand what came of an item, what a unit cost, and why it differs.", status=200),
    Verb(f"{_RECEIVING}/finish", FinishReceiving, Received, receiving.finish,
         "Put what came on the shelf; its slip is printed."),
    Verb(f"{_RECEIVING}/drop", DropReceiving, Began, receiving.drop,
         "Forget what was unpacked; nothing was received."),
    Verb(f"{_RECEIPT}/correct", CorrectReceipt, Corrected, receipts.correct,
         "Put a receipt right, in part or whole; it needs a manager, or a manager's word."),
    Verb(f"{_RECEIPT}/print", PrintSlip, Began, receipts.print_again,
         "Print the slip of a receipt once more."),
)  # fmt: skip
"""What can be done."""
add_verbs(router, VERBS)
