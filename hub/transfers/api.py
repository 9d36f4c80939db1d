"""Transfers over HTTP: asking, taking back, deciding, and what is on its way, since when and worth how much.

Every request that does something may carry a key (header `Idempotency-Key`); sent again with the same content
it gets its first answer, with other content it is refused.
"""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from hub.once import Key
from hub.stock import claims
from hub.transfers import figures, importing, reads, steps
from hub.transfers.inbound import Inbound
from hub.transfers.reads import Filters, ReceiptRead, TransferPage, TransferRead, View
from hub.transfers.rules.csv_rows import RowReport
from hub.transfers.wanted import (
    Asked,
    CancelWanted,
    DecideWanted,
    Done,
    ExtendWanted,
    ForOrderWanted,
    MatchWanted,
    TransferWanted,
)
from hub.web import REFUSALS, Anybody, Limit, Number, Offset, Ops, Text, TheHub
from protocol.clock import MICROSECONDS

router = APIRouter(prefix="/api", tags=["transfers"], responses=REFUSALS)
IMPORT_PATH = "/api/transfers/import"
IdempotencyKey = Annotated[Key | None, Header(alias="Idempotency-Key")]
Skus = Annotated[
    list[Annotated[str, Query(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]],
    Query(min_length=1, max_length=50),
]
CSV_BODY = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}},
}


class TransfersPage(BaseModel):
    """A page of transfers, the newest first, and how many there are."""

    total: int
    transfers: list[TransferRead]


class LaneView(BaseModel):
    """What is on its way from one location to another, since when, and what it is worth."""

    source: str
    destination: str
    transfers: int
    units: int
    value_minor: int
    since_us: int
    age_seconds: int


class ImportedView(BaseModel):
    """What became of a file."""

    rows: int
    taken: int
    left_out: int
    report: list[RowReport]


@router.get("/transfers")
def listed(  # noqa: PLR0917 - the filters of a list are its parameters
    hub: TheHub,
    _person: Anybody,
    view: View = "open",
    location: Text = "",
    q: Text = "",
    sku: Text = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> TransfersPage:
    """List transfers: `open`, on their `way`, to `decide`, `over` or `all`; `q` finds numbers and labels."""
    filters = Filters(view=view, location=location, text=q.strip(), sku=sku)
    with hub.database.read() as connection:
        found, total = reads.listed(connection, filters, limit=limit, offset=offset)
    return TransfersPage(total=total, transfers=found)


@router.post("/transfers", status_code=201)
def ask(hub: TheHub, person: Ops, wanted: TransferWanted, key: IdempotencyKey = None) -> Asked:
    """Ask a location to send goods to another one; it answers itself, also when it is offline now."""
    return steps.request(hub, wanted, steps.By(name=person.name, key=key or ""))


@router.post("/transfers/import", openapi_extra=CSV_BODY)
async def import_csv(request: Request, hub: TheHub, person: Ops, key: IdempotencyKey = None) -> ImportedView:
    """Ask for what a CSV file in the body says: source, destination, sku, quantity, grant, note."""
    data = await request.body()
    by = steps.By(name=person.name, key=key or "")
    report = await run_in_threadpool(importing.import_csv, hub, data, by)
    taken = sum(bool(row.number) for row in report)
    return ImportedView(rows=len(report), taken=taken, left_out=len(report) - taken, report=report)


@router.get("/transfers/on-the-way")
def on_the_way(hub: TheHub, _person: Anybody) -> list[LaneView]:
    """Return what is on its way between which places, the oldest first."""
    now_us = hub.clock.now_us()
    with hub.database.read() as connection:
        return [
            LaneView(**asdict(lane), age_seconds=max(0, now_us - lane.since_us) // MICROSECONDS)
            for lane in figures.lanes(connection)
        ]


@router.get("/transfers/inbound")
def inbound(hub: TheHub, _person: Anybody, sku: Skus, location: Text = "") -> list[Inbound]:
    """Return what is on its way and will be lent on receipt, as its destination has acknowledged."""
    with hub.database.read() as connection:
        return claims.inbound(connection, sku, location=location)


@router.get("/transfers/unexplained")
def unexplained(hub: TheHub, _person: Anybody, location: Text = "") -> list[ReceiptRead]:
    """Return what arrived and belongs to no transfer that anybody knows, the oldest first."""
    with hub.database.read() as connection:
        return reads.unexplained(connection, location=location)


@router.get("/transfers/{number}")
def one(hub: TheHub, _person: Anybody, number: Number) -> TransferPage:
    """Show one, by its number or its id."""
    with hub.database.read() as connection:
        return reads.find(connection, number)


@router.post("/transfers/{number}/cancel")
def cancel(
    hub: TheHub, person: Ops, number: Number, wanted: CancelWanted, key: IdempotencyKey = None
) -> Done:
    """Take a transfer back before it has left; `requested` until its source has answered."""
    return steps.cancel(hub, number, wanted, steps.By(name=person.name, key=key or ""))


@router.post("/transfers/{number}/decide")
def decide(
    hub: TheHub, person: Ops, number: Number, wanted: DecideWanted, key: IdempotencyKey = None
) -> Done:
    """Settle what did not arrive as it was sent: write off, never left, or keep what is too much."""
    return steps.decide(hub, number, wanted, steps.By(name=person.name, key=key or ""))


@router.post("/transfers/{number}/wait")
def wait(hub: TheHub, person: Ops, number: Number, wanted: ExtendWanted, key: IdempotencyKey = None) -> Done:
    """Wait for a transfer until another day."""
    return steps.extend(hub, number, wanted, steps.By(name=person.name, key=key or ""))


@router.post("/transfers/{number}/match")
def match(hub: TheHub, person: Ops, number: Number, wanted: MatchWanted, key: IdempotencyKey = None) -> Done:
    """Say that goods which arrived from nobody are of this transfer; their place answers what it did."""
    return steps.match(hub, number, wanted, steps.By(name=person.name, key=key or ""))


@router.post("/transfer-receipts/{receipt_id}/keep")
def keep(
    hub: TheHub, person: Ops, receipt_id: Number, wanted: CancelWanted, key: IdempotencyKey = None
) -> Done:
    """Keep goods that no transfer explains: they count as found."""
    return steps.accept_receipt(hub, receipt_id, wanted, steps.By(name=person.name, key=key or ""))


@router.post("/orders/{number}/transfer", status_code=201)
def for_order(
    hub: TheHub, person: Ops, number: Number, wanted: ForOrderWanted, key: IdempotencyKey = None
) -> Asked:
    """Have what nobody holds of an order brought to where its customer collects."""
    return steps.for_order(hub, number, wanted, steps.By(name=person.name, key=key or ""))
