"""The counter over HTTP: whole sales, baskets, order lookup.

A sale is read from the raw body and answered without a second validation; it is the request that a queue of
customers waits for. Repeating a request with its key gives 200 and the first answer, a new one gives 201.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.counter import rows
from edge_agent.counter.steps import basket as baskets
from edge_agent.counter.steps import sale as sales
from edge_agent.counter.steps.basket import (
    BasketView,
    DiscountWanted,
    LineChange,
    PaidBasket,
    Parked,
    ParkedView,
    ParkWanted,
    PayWanted,
    ScanAnswer,
    ScanWanted,
    Version,
)
from edge_agent.counter.steps.sale import Sale, Sold, Wanted
from edge_agent.web import REFUSALS, answered, body_of, edge_of, parsed, signed_in
from protocol.errors import NotFound
from protocol.ids import parse_slip_code
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

router = APIRouter(prefix="/api", tags=["counter"], responses=REFUSALS)
AnyEdge = Annotated[Edge, Depends(edge_of)]
Seller = Annotated[CurrentPerson, Depends(signed_in)]
BasketId = Annotated[str, Path(max_length=64)]
LineNumber = Annotated[int, Path(ge=1, le=10**9)]
AskedVersion = Annotated[int, Query(ge=0, le=2**53)]
ORDER_TEXT = 64


class BasketWanted(Wanted):
    """Where the basket is open; left out, it is the device of the sign-in."""

    device: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9._-]*$")
    till: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9._-]*$")


class RecallWanted(BasketWanted):
    """The code of a parked basket's slip, or its number."""

    code: str = Field(min_length=1, max_length=120)


class VersionWanted(Wanted):
    """The version that the screen shows."""

    version: Version


class CustomerWanted(VersionWanted):
    """Whose basket it is."""

    customer_id: str = Field(default="", max_length=64)


class Shown(BaseModel):
    """A value read from a row."""

    model_config = ConfigDict(from_attributes=True)


class OrderHeadView(Shown):
    """An order in a list."""

    order_id: str
    number: str
    seq: int
    at_us: int
    business_date: str
    session_id: str
    till: str
    by: str
    state: str
    currency: str
    total_minor: int
    tax_minor: int
    change_minor: int
    refunded_minor: int
    customer_id: str


class OrderLineView(Shown):
    """A line with what came back of it."""

    line_no: int
    sku: str
    name: str
    kind: str
    quantity: int
    unit_price_minor: int
    discount_minor: int
    gross_minor: int
    tax_minor: int
    rate_ppm: int
    returned: int
    refunded_minor: int
    refunded_tax_minor: int


class OrderTenderView(Shown):
    """A tender with what went back to it."""

    n: int
    kind: str
    amount_minor: int
    tendered_minor: int
    refunded_minor: int
    reference: str
    last4: str


class OrderView(Shown):
    """An order as it stands."""

    head: OrderHeadView
    lines: tuple[OrderLineView, ...]
    tenders: tuple[OrderTenderView, ...]


CREATED: dict[int | str, dict[str, Any]] = {
    200: {"model": Sold, "description": "This key was used before: its first answer"},
    201: {"model": Sold, "description": "Sold"},
}


@router.post("/sales", status_code=201, responses=CREATED, openapi_extra=body_of(Sale), response_model=None)
async def sell(request: Request) -> Response:
    """Sell a whole sale at once; the answer comes after it is on the disk."""
    edge, person = await edge_of(request), await signed_in(request)
    command = await parsed(request, Sale)
    sold, fresh = await edge.database.awrite(lambda unit: sales.sell(unit, edge, command, person=person))
    return answered(sold, 201 if fresh else 200)


@router.post("/baskets")
async def begin(wanted: BasketWanted, edge: AnyEdge, person: Seller) -> BasketView:
    """Return the basket that is open at a device, or open one."""
    device = wanted.device or wanted.till or person.device
    return await edge.database.awrite(lambda unit: baskets.begin(unit, edge, person, device))


@router.get("/baskets/parked")
async def parked(edge: AnyEdge, _person: Seller) -> list[ParkedView]:
    """List the baskets that wait for their customer."""
    return baskets.parked(edge.database.read(), edge)


@router.post("/baskets/recall")
async def recall(wanted: RecallWanted, edge: AnyEdge, person: Seller) -> BasketView:
    """Bring a parked basket back, once."""
    device = wanted.device or wanted.till or person.device
    return await edge.database.awrite(
        lambda unit: baskets.recall(unit, edge, wanted.code, device, person=person)
    )


@router.get("/baskets/{basket_id}")
async def look(basket_id: BasketId, edge: AnyEdge, _person: Seller) -> BasketView:
    """Return a basket."""
    return baskets.look(edge.database.read(), edge, basket_id)


@router.post(
    "/baskets/{basket_id}/scan",
    responses={200: {"model": ScanAnswer}},
    openapi_extra=body_of(ScanWanted),
    response_model=None,
)
async def scan(request: Request, basket_id: BasketId) -> Response:
    """Add what a code means; the same `scan_id` again adds nothing."""
    edge, person = await edge_of(request), await signed_in(request)
    wanted = await parsed(request, ScanWanted)
    return answered(
        await edge.database.awrite(lambda unit: baskets.scan(unit, edge, basket_id, wanted, person=person))
    )


@router.patch("/baskets/{basket_id}/lines/{n}")
async def change_line(
    basket_id: BasketId, n: LineNumber, wanted: LineChange, edge: AnyEdge, person: Seller
) -> BasketView:
    """Change quantity, discount or price of a line."""
    return await edge.database.awrite(
        lambda unit: baskets.change_line(unit, edge, basket_id, n, wanted, person=person)
    )


@router.delete("/baskets/{basket_id}/lines/{n}")
async def remove_line(
    basket_id: BasketId, n: LineNumber, version: AskedVersion, edge: AnyEdge, person: Seller
) -> BasketView:
    """Take a line out."""
    return await edge.database.awrite(
        lambda unit: baskets.remove_line(unit, edge, basket_id, n, version, person=person)
    )


@router.put("/baskets/{basket_id}/discount")
async def discount(basket_id: BasketId, wanted: DiscountWanted, edge: AnyEdge, person: Seller) -> BasketView:
    """Give a discount on the whole basket, or take it away."""
    return await edge.database.awrite(
        lambda unit: baskets.discount(unit, edge, basket_id, wanted, person=person)
    )


@router.put("/baskets/{basket_id}/customer")
async def customer(basket_id: BasketId, wanted: CustomerWanted, edge: AnyEdge, person: Seller) -> BasketView:
    """Say whose basket it is."""
    return await edge.database.awrite(
        lambda unit: baskets.set_customer(
            unit, edge, basket_id, wanted.customer_id, wanted.version, person=person
        )
    )


@router.post("/baskets/{basket_id}/undo")
async def undo(basket_id: BasketId, wanted: VersionWanted, edge: AnyEdge, person: Seller) -> BasketView:
    """Take the last change back."""
    return await edge.database.awrite(
        lambda unit: baskets.undo(unit, edge, basket_id, wanted.version, person=person)
    )


@router.post("/baskets/{basket_id}/abandon")
async def abandon(basket_id: BasketId, wanted: VersionWanted, edge: AnyEdge, person: Seller) -> BasketView:
    """Give a basket up."""
    return await edge.database.awrite(
        lambda unit: baskets.abandon(unit, edge, basket_id, wanted.version, person=person)
    )


@router.post("/baskets/{basket_id}/park")
async def park(basket_id: BasketId, wanted: ParkWanted, edge: AnyEdge, person: Seller) -> Parked:
    """Put a basket aside and print the slip that brings it back."""
    return await edge.database.awrite(lambda unit: baskets.park(unit, edge, basket_id, wanted, person=person))


@router.post(
    "/baskets/{basket_id}/pay",
    status_code=201,
    responses={200: {"model": PaidBasket}, 201: {"model": PaidBasket}},
    openapi_extra=body_of(PayWanted),
    response_model=None,
)
async def pay(request: Request, basket_id: BasketId) -> Response:
    """Take payment for a basket."""
    edge, person = await edge_of(request), await signed_in(request)
    wanted = await parsed(request, PayWanted)
    paid, fresh = await edge.database.awrite(
        lambda unit: baskets.pay(unit, edge, basket_id, wanted, person=person)
    )
    return answered(paid, 201 if fresh else 200)


@router.get("/orders")
async def orders(
    edge: AnyEdge,
    _person: Seller,
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> list[OrderHeadView]:
    """Find orders of this store: by number, its end, the receipt's QR or the customer; newest first."""
    slip = parse_slip_code(q)
    text = slip[1] if slip is not None else q.strip()[:ORDER_TEXT]
    found = rows.search_orders(edge.database.read(), text, limit=limit, offset=offset)
    return [OrderHeadView.model_validate(head) for head in found]


@router.get("/orders/{number}")
async def order(number: Annotated[str, Path(max_length=200)], edge: AnyEdge, _person: Seller) -> OrderView:
    """Return an order with its lines, its tenders and what came back."""
    slip = parse_slip_code(number)
    found = rows.find_order(edge.database.read(), slip[1] if slip is not None else number)
    if found is None:
        raise NotFound(
            _("No order {number} was sold here.", number=number[:60]),
            _("Scan the receipt again, or search for it."),
            code="unknown_order",
            number=number[:60],
        )
    return OrderView.model_validate(found)
