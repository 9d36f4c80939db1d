"""What an order for later has beside its lines, as a program reads it: promises, assignments, money."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Connection

from hub.capture.rows import order_requests
from hub.fulfil import reads as fulfil
from hub.fulfil.api import AssignmentView, view
from hub.payments import rows as gateway
from hub.spine.later_rows import later_lines, later_orders, payments
from hub.spine.reads import Happened, OrderRead
from hub.stock.claims import of_order


class PromiseView(BaseModel):
    """One promise: since when, who made it and why. `requested`: asked for, and not answered yet."""

    at_us: int
    by: str
    reason: str
    requested: bool
    promise: dict[str, Any]


class PaymentView(BaseModel):
    """Money that came in or went out."""

    payment_id: str
    direction: str
    via: str
    amount_minor: int
    currency: str
    tenders: list[dict[str, Any]]
    gateway: str
    reference: str
    location: str
    till: str
    business_date: str
    reason: str
    at_us: int
    by: str


class RequestView(BaseModel):
    """What a location was asked for, and what came of it."""

    request_id: str
    assignment_id: str
    kind: str
    reason: str
    by: str
    by_customer: bool
    asked_us: int
    settled_us: int | None
    outcome: str


class RefundView(BaseModel):
    """A refund through a payment service, and how far it is."""

    command_id: str
    gateway: str
    amount_minor: int
    currency: str
    state: str
    tries: int
    reference: str
    detail: str
    created_us: int
    settled_us: int | None


class WaitView(BaseModel):
    """Units that wait for a transfer, or that are held meanwhile (no transfer)."""

    line_no: int
    sku: str
    units: int
    arrived: int
    location: str
    transfer: str
    expected_us: int


class LaterView(BaseModel):
    """An order for later. `owed_minor` is owed to the customer, `due_minor` by them."""

    kind: str
    external_id: str
    captured_at: str
    contact_id: str
    note: str
    gift: bool
    provisional: bool
    own: bool
    requested: bool
    due_us: int
    promise: dict[str, Any]
    first_promise: dict[str, Any]
    promises: list[PromiseView]
    paid_minor: int
    deposits_minor: int
    due_minor: int
    owed_minor: int
    assignments: list[AssignmentView]
    payments: list[PaymentView]
    requests: list[RequestView]
    refunds: list[RefundView]
    waits: list[WaitView]
    """What it rests on that is still on its way."""


def later_view(
    connection: Connection, order: OrderRead, happened: Sequence[Happened], now_us: int
) -> LaterView | None:
    """Return what an order for later has beside its lines; None for a sale at a counter."""
    order_id = order.head.order_id
    head = connection.execute(sa.select(later_orders).where(later_orders.c.order_id == order_id)).first()
    if head is None:
        return None
    settled = connection.execute(
        sa.select(sa.func.sum(later_lines.c.settled_minor)).where(later_lines.c.order_id == order_id)
    ).scalar()
    worth = sum(line.gross_minor for line in order.lines) - int(settled or 0)
    money = _payments(connection, order_id)
    return LaterView(
        kind=head.kind,
        external_id=head.external_id,
        captured_at=head.location,
        contact_id=head.contact_id,
        note=head.note,
        gift=head.gift,
        provisional=head.provisional,
        own=head.own,
        requested=head.requested,
        due_us=head.due_us,
        promise=json.loads(head.promise),
        first_promise=json.loads(head.first_promise),
        promises=promises(happened),
        paid_minor=sum(each.amount_minor for each in money if each.direction == "in"),
        deposits_minor=head.deposits_minor,
        due_minor=max(0, worth + head.receivable_minor + max(0, -head.owed_minor) - head.deposits_minor),
        owed_minor=head.owed_minor,
        assignments=[view(each, now_us) for each in fulfil.of_order(connection, order_id)],
        payments=money,
        requests=_requests(connection, order_id),
        refunds=_refunds(connection, order_id),
        waits=[
            WaitView(
                line_no=each.line_no,
                sku=each.sku,
                units=each.units,
                arrived=each.arrived,
                location=each.location,
                transfer=each.transfer_number,
                expected_us=each.due_us,
            )
            for each in of_order(connection, order_id)
        ],
    )


def promises(happened: Sequence[Happened]) -> list[PromiseView]:
    """Return what was promised, the first promise first; what else changed about an order is left out."""
    return [
        PromiseView(
            at_us=event.at_us,
            by=event.by,
            reason=str(event.body.get("reason", "")),
            requested=bool(event.body.get("requested", False)),
            promise=event.body["promise"],
        )
        for event in happened
        if event.kind == "order.placed"
        or (event.kind == "order.changed" and "promise" in event.body.get("what", ()))
    ]


def _payments(connection: Connection, order_id: str) -> list[PaymentView]:
    rows = connection.execute(
        sa.select(payments).where(payments.c.order_id == order_id).order_by(payments.c.apply_order)
    ).mappings()
    return [PaymentView.model_validate({**row, "tenders": json.loads(row["tenders"])}) for row in rows]


def _requests(connection: Connection, order_id: str) -> list[RequestView]:
    rows = connection.execute(
        sa.select(order_requests)
        .where(order_requests.c.order_id == order_id)
        .order_by(order_requests.c.asked_us, order_requests.c.request_id)
    ).mappings()
    return [RequestView.model_validate(dict(row)) for row in rows]


def _refunds(connection: Connection, order_id: str) -> list[RefundView]:
    return [
        RefundView.model_validate(row, from_attributes=True) for row in gateway.of_order(connection, order_id)
    ]
