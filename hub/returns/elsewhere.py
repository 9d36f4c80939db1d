"""What a store asks of an order that it did not sell: may anything of it come back here?

The answer is what the hub knows at that moment, without what the asking store has taken back itself: that it
knows better. Two stores may still take the same unit back at once; both facts stand then, and the second one
to be heard of raises `more_returned_than_sold`.
"""

from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path
from sqlalchemy.engine import Connection

from hub.database import HubDatabase
from hub.fleet.api import EdgeDoor
from hub.returns.rows import return_decisions
from hub.returns.serials import outstanding
from hub.spine.rows import (
    event_subjects,
    events,
    order_lines,
    order_tenders,
    orders,
    return_lines,
    return_tenders,
    returns,
)
from protocol.clock import DAY_US, Clock, from_us
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.money import round_ratio
from protocol.orders import WireModel
from protocol.rules.policy import channel_of

LINES: Final = 500
"""More lines than a parcel has; an answer has to be read while a customer waits."""
_LEFT: Final = ("assignment.handed_over", "assignment.shipped")
OrderNumber = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class ReturnableLine(WireModel):
    """A line that left, with the money it kept; `returned` and `refunded` are what others have taken back."""

    line_no: int
    sku: str
    name: str
    kind: str
    rate_ppm: int
    quantity: int
    gross_minor: int
    tax_minor: int
    returned: int
    refunded_minor: int
    refunded_tax_minor: int
    serials: tuple[str, ...] = ()
    """Serial numbers of its units that have not come back."""


class ReturnableTender(WireModel):
    """A tender of the sale; `refunded_minor` is what others have given back to it."""

    n: int
    kind: str
    amount_minor: int
    refunded_minor: int
    reference: str
    last4: str


class ReturnableOrder(WireModel):
    """An order as another store needs it to take something of it back."""

    order_id: str
    number: str
    location: str
    channel: str
    currency: str
    start: str
    """The day of the handover, from which the window is counted."""
    at_us: int
    state: str
    total_minor: int
    customer_id: str
    customer_returns_90d: int
    lines: tuple[ReturnableLine, ...]
    tenders: tuple[ReturnableTender, ...]


def edge_questions(database: HubDatabase, *, clock: Clock) -> APIRouter:
    """Return the route by which a store asks."""
    router = APIRouter(prefix="/edge", include_in_schema=False)
    Edge = Annotated[str, Depends(EdgeDoor(database))]  # noqa: N806 - a type for the route below

    @router.get("/returnable/{number}")
    def returnable(number: OrderNumber, edge: Edge) -> ReturnableOrder:
        with database.read() as connection:
            return told(connection, number, asker=edge, now_us=clock.now_us())

    return router


def told(connection: Connection, number: str, *, asker: str, now_us: int) -> ReturnableOrder:
    """Return an order as a store that did not sell it needs it.

    Raises:
        NotFound: `unknown_order`.
    """
    head = connection.execute(
        sa.select(orders)
        .where(sa.or_(orders.c.number == number.upper(), orders.c.order_id == number.lower()))
        .limit(1)
    ).first()
    if head is None:
        raise NotFound(
            _("The hub has no order {number}.", number=number[:40]),
            _("Its store may not have told of it yet; ask there."),
            code="unknown_order",
        )
    return ReturnableOrder(
        order_id=head.order_id,
        number=head.number,
        location=head.location,
        channel=channel_of(head.channel).value,
        currency=head.currency,
        start=_start(connection, head),
        at_us=head.at_us,
        state=head.state,
        total_minor=head.total_minor,
        customer_id=head.customer_id,
        customer_returns_90d=_often(connection, head.customer_id, now_us),
        lines=_lines(connection, head.order_id, asker),
        tenders=_tenders(connection, head.order_id, asker),
    )


def _lines(connection: Connection, order_id: str, asker: str) -> tuple[ReturnableLine, ...]:
    own = {
        row.line_no: row
        for row in connection.execute(
            sa.select(
                return_lines.c.line_no,
                sa.func.sum(return_lines.c.quantity).label("units"),
                sa.func.sum(return_lines.c.gross_minor).label("gross"),
                sa.func.sum(return_lines.c.tax_minor).label("tax"),
            )
            .join(returns, returns.c.return_id == return_lines.c.return_id)
            .where(returns.c.order_id == order_id, returns.c.location == asker)
            .group_by(return_lines.c.line_no)
        )
    }
    numbers = outstanding(connection, order_id, asker)
    found = []
    for line in connection.execute(
        sa.select(order_lines)
        .where(order_lines.c.order_id == order_id, order_lines.c.fulfilled > 0)
        .order_by(order_lines.c.line_no)
        .limit(LINES)
    ):
        mine = own.get(line.line_no)
        found.append(
            ReturnableLine(
                line_no=line.line_no,
                sku=line.sku,
                name=line.name,
                kind=line.kind,
                rate_ppm=line.rate_ppm,
                quantity=line.fulfilled,
                gross_minor=round_ratio(line.gross_minor * line.fulfilled, line.quantity),
                tax_minor=round_ratio(line.tax_minor * line.fulfilled, line.quantity),
                returned=line.returned - int(mine.units if mine else 0),
                refunded_minor=line.refunded_minor - int(mine.gross if mine else 0),
                refunded_tax_minor=line.refunded_tax_minor - int(mine.tax if mine else 0),
                serials=numbers.get(line.line_no, ()),
            )
        )
    return tuple(found)


def _tenders(connection: Connection, order_id: str, asker: str) -> tuple[ReturnableTender, ...]:
    back = {
        (row.kind, row.reference, row.last4): int(row.amount)
        for row in connection.execute(
            sa.select(
                return_tenders.c.kind,
                return_tenders.c.reference,
                return_tenders.c.last4,
                sa.func.sum(return_tenders.c.amount_minor).label("amount"),
            )
            .join(returns, returns.c.return_id == return_tenders.c.return_id)
            .where(returns.c.order_id == order_id, returns.c.location != asker)
            .group_by(return_tenders.c.kind, return_tenders.c.reference, return_tenders.c.last4)
        )
    }
    found = []
    for row in connection.execute(
        sa.select(order_tenders).where(order_tenders.c.order_id == order_id).order_by(order_tenders.c.n)
    ):
        key = (row.kind, row.reference, row.last4)
        gone = min(row.amount_minor, back.get(key, 0))
        back[key] = back.get(key, 0) - gone
        found.append(
            ReturnableTender(
                n=row.n,
                kind=row.kind,
                amount_minor=row.amount_minor,
                refunded_minor=gone,
                reference=row.reference,
                last4=row.last4,
            )
        )
    return tuple(found)


def _start(connection: Connection, head: sa.Row[tuple[object, ...]]) -> str:
    """Return the day on which the last of an order left; a counter sale leaves on its business date."""
    if head.session_id:
        return str(head.business_date)
    left = connection.execute(
        sa.select(sa.func.max(events.c.at_us))
        .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
        .where(event_subjects.c.subject == f"order:{head.order_id}", events.c.kind.in_(_LEFT))
    ).scalar()
    return from_us(int(left or head.at_us)).date().isoformat()


def _often(connection: Connection, customer: str, now_us: int) -> int:
    if not customer:
        return 0
    table = return_decisions.c
    return int(
        connection.execute(
            sa.select(sa.func.count()).where(
                table.customer_id == customer, table.at_us >= now_us - 90 * DAY_US
            )
        ).scalar_one()
    )
