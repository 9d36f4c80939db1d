"""An order as whoever captured it is answered: from the record, and from who holds what of it."""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.capture.wanted import LineUnits, OrderAnswer, PartView
from hub.database import Lookup
from hub.promises import PromiseView
from hub.spine.entries import Entry
from hub.spine.held import Holding, held
from hub.spine.later import Later
from hub.spine.orders import Orders
from hub.spine.rows import orders
from hub.spine.work import Work
from protocol.errors import NotFound, Refused
from protocol.fulfilment import Promise
from protocol.kit.text import _

_NEWEST: Final = Lookup(
    sa.select(orders.c.order_id)
    .where(orders.c.number == sa.bindparam("of"))
    .order_by(orders.c.apply_order.desc())
    .limit(1)
)


def order_id_of(connection: Connection, number: str) -> str:
    """Return the id of an order by its number.

    Raises:
        NotFound: the hub has no such order.
    """
    found = _NEWEST.scalar(connection, of=number)
    if found is None:
        raise NotFound(
            _("The hub has no order {number}.", number=number[:40]), _("Search for it."), code="no_order"
        )
    return str(found)


def need(work: Work, order_id: str) -> tuple[Entry, Later]:
    """Return an order for later.

    Raises:
        NotFound: there is no such order.
        Refused: it is a sale at a counter.
    """
    entry = work.room(Orders).need(order_id)
    if entry is None:
        raise NotFound(_("The hub has no such order."), _("Search for it."), code="no_order")
    if entry.later is None:
        raise Refused(
            _("{number} is a sale at a counter.", number=entry.record.number),
            _("Take it back as a return."),
            code="not_for_later",
        )
    return entry, entry.later


def answer(
    work: Work,
    order_id: str,
    *,
    version: int,
    parts: Iterable[Holding] | None = None,
    sentence: str = "",
) -> OrderAnswer:
    """Return an order as this unit of work has it; `parts` spares reading who holds what."""
    entry, later = need(work, order_id)
    record, promise = entry.record, Promise.model_validate_json(later.promise)
    holdings = held(work, order_id).open_holdings if parts is None else parts
    return OrderAnswer(
        order_id=order_id,
        number=record.number,
        state=record.state.value,
        channel=later.channel,
        external_id=later.external_id,
        version=version,
        currency=later.currency,
        total_minor=sum([line.gross_minor for line in record.lines]),
        tax_minor=sum([line.tax_minor for line in record.lines]),
        paid_minor=record.paid_minor,
        promise=PromiseView.model_validate(promise.model_dump()),
        pickup_code=later.pickup_code,
        contact_id=later.contact_id,
        assignments=tuple(_part(holding) for holding in holdings),
        sentence=sentence,
    )


def _part(holding: Holding) -> PartView:
    lines = [(line_no, holding.open(line_no)) for line_no in sorted(holding.units)]
    return PartView(
        assignment_id=holding.assignment_id,
        location=holding.location,
        lines=tuple(LineUnits(line_no=line_no, units=units) for line_no, units in lines if units),
    )
