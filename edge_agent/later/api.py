"""Orders for later over HTTP: take, pay, cancel, change, find.

Repeating a request with its key gives 200 and the first answer. A number may be the printed one, the order's
id, or what the QR code of its slip says.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.customers import rows as customers
from edge_agent.later import models, rows
from edge_agent.later.asking import promise_for, stock_elsewhere
from edge_agent.later.hub import StockAnswer
from edge_agent.later.steps import change, money, place
from edge_agent.web import REFUSALS, answered, body_of, edge_of, parsed, signed_in
from protocol.fulfilment import Promise
from protocol.ids import parse_slip_code
from protocol.kit.web.refusals import refusals
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import LineKind, TenderKind

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
NumberPath = Annotated[str, Path(min_length=1, max_length=120)]
SEARCHED = 64

router = APIRouter(prefix="/api/later", tags=["orders for later"], responses=REFUSALS)


class HeadView(BaseModel):
    """An order for later in a list; a customer is an id here."""

    order_id: str
    number: str
    seq: int
    at_us: int
    till: str
    by: str
    state: str
    own: bool
    currency: str
    total_minor: int
    paid_minor: int
    refunded_minor: int
    cancelled_minor: int
    due_minor: int
    promise: Promise
    contact_id: str
    settled: str
    """What the hub said became of it; empty until it has."""


class LineView(BaseModel):
    """A line, and what became of its units. `quantity = open + fulfilled + cancelled`."""

    line_no: int
    sku: str
    name: str
    kind: LineKind
    quantity: int
    open: int
    fulfilled: int
    cancelled: int
    unit_price_minor: int
    discount_minor: int
    gross_minor: int
    tax_minor: int
    rate_ppm: int
    elsewhere: bool = False
    """Ordered later, at the hub."""


class TenderView(BaseModel):
    """Money of a payment, and what went back to it."""

    kind: TenderKind
    amount_minor: int
    tendered_minor: int
    refunded_minor: int
    reference: str
    last4: str


class PaymentView(BaseModel):
    """Money that came in at a till of this store, or went back."""

    payment_id: str
    direction: str
    at_us: int
    till: str
    by: str
    amount_minor: int
    change_minor: int
    rounding_minor: int
    tenders: tuple[TenderView, ...]


class OrderView(BaseModel):
    """An order for later as it stands."""

    head: HeadView
    note: str
    gift: bool
    first_promise: Promise
    lines: tuple[LineView, ...]
    payments: tuple[PaymentView, ...]
    sentence: str
    """The hub's word, for people."""


@router.post(
    "",
    status_code=201,
    responses={200: {"model": models.Placed}, 201: {"model": models.Placed}},
    openapi_extra=body_of(models.PlaceWanted),
    response_model=None,
)
async def take(request: Request) -> Response:
    """Take what is in a basket as an order for later; the hub is asked first where it must be."""
    edge, person = await edge_of(request), await signed_in(request)
    wanted = await parsed(request, models.PlaceWanted)
    said = await promise_for(request, edge, wanted.basket_id, wanted.way, location=wanted.location)
    done, new = await edge.database.awrite(lambda unit: place.place(unit, edge, wanted, said, person=person))
    return answered(done, 201 if new else 200)


@router.get("")
async def search(
    edge: AnyEdge,
    _person: Anybody,
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> list[HeadView]:
    """Find orders for later of this store: by number, its end, the slip's QR, phone, mail or name."""
    connection = edge.database.read()
    slip = parse_slip_code(q)
    text = slip[1] if slip is not None else q.strip()[:SEARCHED]
    found = rows.search(connection, text, customers.search(connection, text), limit=limit, offset=offset)
    return [_head(head, rows.settled_of(connection, head.order_id)) for head in found]


@router.get("/stock/{sku}", responses=refusals({503: "The hub cannot be reached"}))
async def stock(
    request: Request, sku: Annotated[str, Path(min_length=1, max_length=64)], edge: AnyEdge, _person: Anybody
) -> StockAnswer:
    """Say where else an article is, as the hub knows it, with the age of that knowledge."""
    return await stock_elsewhere(request, edge, sku)


@router.get("/{number}")
async def look(number: NumberPath, edge: AnyEdge, _person: Anybody) -> OrderView:
    """Return an order for later with its lines and its money."""
    return _view(money.require(edge.database.read(), number))


@router.post("/{number}/payments", status_code=201, response_model=models.Paid)
async def pay(number: NumberPath, wanted: models.PaymentWanted, edge: AnyEdge, person: Anybody) -> Response:
    """Take money for an order: all that is due, or a part of it."""
    done, new = await edge.database.awrite(
        lambda unit: money.take_payment(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)


class PreviewWanted(BaseModel):
    """Units that might be cancelled; everything that is open when no lines are said."""

    lines: tuple[models.CancelLine, ...] | None = None


@router.post("/{number}/cancel/preview")
async def preview(
    number: NumberPath, wanted: PreviewWanted, edge: AnyEdge, _person: Anybody
) -> models.CancelPreview:
    """Say to the penny what a cancellation would give back; nothing is changed."""
    chosen = {line.line_no: line.quantity for line in wanted.lines} if wanted.lines else None
    return change.preview(edge.database.read(), edge, number, chosen)


@router.post("/{number}/cancel", status_code=201, response_model=models.Cancelled)
async def cancel(number: NumberPath, wanted: models.CancelWanted, edge: AnyEdge, person: Anybody) -> Response:
    """Cancel an order that this store keeps, or units of it, and pay back what was paid for them."""
    done, new = await edge.database.awrite(
        lambda unit: change.cancel(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)


@router.post("/{number}/refunds", status_code=201, response_model=models.GivenBack)
async def give_back(
    number: NumberPath, wanted: models.BackWanted, edge: AnyEdge, person: Anybody
) -> Response:
    """Give back what is owed on an order since others cancelled something of it."""
    done, new = await edge.database.awrite(
        lambda unit: money.give_back(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)


@router.post("/{number}/change", status_code=201, response_model=models.Changed)
async def change_order(
    number: NumberPath, wanted: models.ChangeWanted, edge: AnyEdge, person: Anybody
) -> Response:
    """Change the note, the customer or the time of an order that this store keeps."""
    done, new = await edge.database.awrite(
        lambda unit: change.change(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)


def _head(head: rows.OrderHead, settled: rows.SettledRow | None) -> HeadView:
    return HeadView(
        order_id=head.order_id,
        number=head.number,
        seq=head.seq,
        at_us=head.at_us,
        till=head.till,
        by=head.by,
        state=head.state.value,
        own=bool(head.assignment_id),
        currency=head.currency,
        total_minor=head.total_minor,
        paid_minor=head.paid_minor,
        refunded_minor=head.refunded_minor,
        cancelled_minor=head.cancelled_minor,
        due_minor=head.account.due_minor,
        promise=settled.promise if settled and not head.assignment_id else head.promise,
        contact_id=head.contact_id,
        settled=settled.state if settled else "",
    )


def _view(order: rows.OrderRow) -> OrderView:
    return OrderView(
        head=_head(order.head, order.settled),
        note=order.head.note,
        gift=order.head.gift,
        first_promise=order.head.first_promise,
        lines=tuple(
            LineView(
                line_no=line.line_no,
                sku=line.sku,
                name=line.name,
                kind=line.kind,
                quantity=line.quantity,
                open=max(0, line.record.open),
                fulfilled=line.fulfilled,
                cancelled=line.cancelled,
                unit_price_minor=line.unit_price_minor,
                discount_minor=line.discount_minor,
                gross_minor=line.gross_minor,
                tax_minor=line.tax_minor,
                rate_ppm=line.rate_ppm,
                elsewhere=line.elsewhere,
            )
            for line in order.lines
        ),
        payments=tuple(
            PaymentView(
                payment_id=payment.payment_id,
                direction=payment.direction,
                at_us=payment.at_us,
                till=payment.till,
                by=payment.by,
                amount_minor=payment.amount_minor,
                change_minor=payment.change_minor,
                rounding_minor=payment.rounding_minor,
                tenders=tuple(
                    TenderView(
                        kind=tender.kind,
                        amount_minor=tender.amount_minor,
                        tendered_minor=tender.tendered_minor,
                        refunded_minor=tender.refunded_minor,
                        reference=tender.reference,
                        last4=tender.last4,
                    )
                    for tender in payment.tenders
                ),
            )
            for payment in order.payments
        ),
        sentence=order.settled.sentence if order.settled else "",
    )
