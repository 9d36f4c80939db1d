"""Totals, orders and stock over HTTP, and the figures for Prometheus."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Path, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel

from hub.console import reads
from hub.console.later import LaterView, later_view
from hub.context import Hub
from hub.ledger.api import JournalView, journal_view
from hub.spine import reads as record
from hub.stock.rows import balances, stock_values
from hub.till.rows import zs
from hub.web import REFUSALS, Anybody, Finance, Limit, Offset, Text, TheHub

router = APIRouter(prefix="/api", tags=["orders"], responses=REFUSALS)
figures = APIRouter(include_in_schema=False)
Number = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


class SummaryView(BaseModel):
    """The hub in figures; see `hub.console.reads.Summary` for what each counts."""

    orders: int
    order_lines: int
    gross_minor: int
    returns: int
    refund_minor: int
    voids: int
    voided_minor: int
    missing: int
    parked: int
    duplicates: int
    oversold_units: int
    trial_balance_minor: int
    unbalanced_journals: int
    ledger_sales_minor: int
    ledger_vat_minor: int
    zs: int
    z_mismatches: int
    exceptions_open: int
    later_orders: int
    web_orders: int
    collected: int
    shipped: int
    short_picks: int
    rerouted: int
    double_fulfilled: int
    promises_broken: int


class OrderHeadView(BaseModel):
    """One order in a list."""

    order_id: str
    number: str
    channel: str
    location: str
    till: str
    business_date: str
    currency: str
    at_us: int
    by: str
    customer_id: str
    state: str
    total_minor: int
    tax_minor: int
    refunded_minor: int


class OrdersPage(BaseModel):
    """A page of orders, the newest first, and how many there are."""

    total: int
    orders: list[OrderHeadView]


class OrderLineView(BaseModel):
    """One line with what became of it. Its cost is for finance and shown in the ledger."""

    line_no: int
    sku: str
    name: str
    kind: str
    quantity: int
    unit_price_minor: int
    unit_price_exact: str
    line_discount_minor: int
    order_discount_minor: int
    gross_minor: int
    tax_minor: int
    rate_ppm: int
    fulfilled: int
    cancelled: int
    returned: int
    refunded_minor: int


class TenderView(BaseModel):
    """How money came in."""

    n: int
    kind: str
    amount_minor: int
    tendered_minor: int
    reference: str
    last4: str


class ReturnView(BaseModel):
    """A return or a void."""

    return_id: str
    kind: str
    number: str
    location: str
    at_us: int
    by: str
    total_minor: int
    tax_minor: int
    units: int


class StepView(BaseModel):
    """One event: when it happened, when the hub heard of it, and what it did to the books."""

    apply_order: int
    event_id: str
    edge: str
    seq: int
    kind: str
    at_us: int
    arrived_us: int
    gap_us: int
    by: str
    device: str
    body: dict[str, Any]
    journals: list[JournalView]


class OrderView(BaseModel):
    """An order with everything that happened to it."""

    order: OrderHeadView
    lines: list[OrderLineView]
    tenders: list[TenderView]
    returns: list[ReturnView]
    timeline: list[StepView]
    later: LaterView | None = None
    """What an order for later has beside its lines; none for a sale at a counter."""


class StreamView(BaseModel):
    """How far one incarnation of one store has arrived."""

    edge: str
    inc: str
    state: str
    upto: int
    newest: int
    parked: int
    missing: int


class BucketView(BaseModel):
    """What a location has of a SKU in one bucket."""

    location: str
    bucket: str
    quantity: int
    value_minor: int


class StockView(BaseModel):
    """One SKU everywhere."""

    sku: str
    buckets: list[BucketView]


class ZView(BaseModel):
    """A day close as the store said it, and whether the hub adds up the same."""

    session_id: str
    location: str
    till: str
    business_date: str
    number: str
    first_seq: int
    last_seq: int
    matches: bool
    difference_minor: int
    closed_us: int
    closed_by: str


@router.get("/summary")
def summary(hub: TheHub, _person: Anybody) -> SummaryView:
    """Return the totals that everything can be checked against."""
    with hub.database.read() as connection:
        return SummaryView(**asdict(reads.summary(connection)))


@router.get("/orders")
def orders(  # noqa: PLR0917 - the filters of a list are its parameters
    hub: TheHub,
    _person: Anybody,
    q: Text = "",
    location: Text = "",
    state: Text = "",
    business_date: Text = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> OrdersPage:
    """List orders, the newest first; `q` finds a number, a customer or a SKU."""
    with hub.database.read() as connection:
        found, total = record.listed(
            connection,
            text=q,
            location=location,
            state=state,
            business_date=business_date,
            limit=limit,
            offset=offset,
        )
    return OrdersPage(total=total, orders=[OrderHeadView(**asdict(head)) for head in found])


@router.get("/orders/{number}")
def order(hub: TheHub, _person: Anybody, number: Number) -> OrderView:
    """Show an order with everything that happened to it."""
    with hub.database.read() as connection:
        page = reads.order_page(connection, number)
        found = page.order
        happened = [step.happened for step in page.timeline]
        later = later_view(connection, found, happened, hub.clock.now_us())
    return OrderView(
        order=OrderHeadView(**asdict(found.head)),
        lines=[OrderLineView.model_validate(asdict(line)) for line in found.lines],
        tenders=[TenderView(**asdict(tender)) for tender in found.tenders],
        returns=[ReturnView(**asdict(back)) for back in found.returns],
        timeline=[
            StepView(**asdict(step.happened), journals=[journal_view(j) for j in step.journals])
            for step in page.timeline
        ],
        later=later,
    )


@router.get("/streams")
def streams(hub: TheHub, _person: Anybody) -> list[StreamView]:
    """Return how complete every store's stream is."""
    with hub.database.read() as connection:
        return [
            StreamView(**asdict(stream), missing=stream.missing) for stream in record.completeness(connection)
        ]


@router.get("/stock/{sku}")
def stock(hub: TheHub, _person: Anybody, sku: Number) -> StockView:
    """Return where a SKU is, and what it is worth there."""
    worth = (stock_values.c.location == balances.c.location) & (stock_values.c.sku == balances.c.sku)
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(
                balances.c.location,
                balances.c.bucket,
                balances.c.quantity,
                sa.func.coalesce(stock_values.c.value_minor, 0),
            )
            .outerjoin(stock_values, worth & (stock_values.c.bucket == balances.c.bucket))
            .where(balances.c.sku == sku)
            .order_by(balances.c.location, balances.c.bucket)
        ).all()
    return StockView(
        sku=sku,
        buckets=[BucketView(location=a, bucket=b, quantity=c, value_minor=d) for a, b, c, d in rows],
    )


@router.get("/zs")
def closes(
    hub: TheHub, _person: Finance, business_date: Text = "", limit: Limit = 50, offset: Offset = 0
) -> list[ZView]:
    """List day closes, the newest first."""
    query = sa.select(*[zs.c[name] for name in ZView.model_fields])
    if business_date:
        query = query.where(zs.c.business_date == business_date)
    with hub.database.read() as connection:
        rows = connection.execute(query.order_by(zs.c.apply_order.desc()).limit(limit).offset(offset)).all()
    return [ZView(**dict(zip(ZView.model_fields, row, strict=True))) for row in rows]


class HubFigures(Collector):
    """What the hub's operator watches, read from the database when it is asked for."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Yield every figure as it is now."""
        with self._hub.database.read() as connection:
            found = reads.summary(connection)
            complete = record.completeness(connection)
        known = found.orders + found.later_orders
        yield CounterMetricFamily("orderspine_hub_orders", "Orders known.", value=known)
        yield GaugeMetricFamily(
            "orderspine_hub_missing_events", "Known to exist, not applied.", found.missing
        )
        yield GaugeMetricFamily("orderspine_hub_parked_events", "Set aside.", found.parked)
        yield GaugeMetricFamily("orderspine_hub_open_exceptions", "Need a person.", found.exceptions_open)
        yield GaugeMetricFamily(
            "orderspine_hub_trial_balance_minor", "Sum of all entries.", found.trial_balance_minor
        )
        yield GaugeMetricFamily("orderspine_hub_oversold_units", "Below zero on hand.", found.oversold_units)
        applied = GaugeMetricFamily("orderspine_hub_applied_seq", "Newest applied.", labels=["edge", "inc"])
        for stream in complete:
            applied.add_metric([stream.edge, stream.inc[:8]], stream.upto)
        yield applied


@figures.get("/metrics")
def metrics(hub: TheHub) -> Response:
    """Return the figures in Prometheus' text form."""
    registry = CollectorRegistry()
    registry.register(HubFigures(hub))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
