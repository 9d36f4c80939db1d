"""What the record keeps of an order for later beside its lines: the promise, the money, what has left.

Pure values and their rows; `hub.spine.orders` reads and writes them with the order. A reader would get wrong
where a handover's money is worked out: the ledger decides it (`hub.ledger.rules.later`) and notes it here,
because an undone handover takes back exactly what it was worth, whatever happened in between.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from hub.spine.work import Applied
from protocol import later as kinds
from protocol.fold import OrderRecord
from protocol.money import round_ratio
from protocol.orders import WireModel

CONCERNS: Final[frozenset[type[WireModel]]] = frozenset({
    kinds.OrderPaid,
    kinds.OrderPaidOnline,
    kinds.OrderCancelled,
    kinds.OrderRefunded,
    kinds.OrderRefundedOnline,
    kinds.OrderChanged,
    kinds.OrderRouted,
    kinds.OrderUnroutable,
    kinds.OrderWaits,
    kinds.AssignmentAnswered,
    kinds.AssignmentWithdrawn,
    kinds.AssignmentWrittenOff,
    kinds.CancelRequested,
    kinds.LinesAdded,
    kinds.ChangeRequested,
    kinds.ChangeRefused,
    kinds.AssignmentChanged,
    kinds.AssignmentAccepted,
    kinds.AssignmentRejected,
    kinds.PickStarted,
    kinds.AssignmentPicked,
    kinds.AssignmentPacked,
    kinds.AssignmentStaged,
    kinds.AssignmentShipped,
    kinds.AssignmentHandedOver,
    kinds.HandoverUndone,
    kinds.AssignmentCancelled,
    kinds.CancelRefused,
})  # fmt: skip
"""What happens to an order for later once it is placed."""


@dataclass(slots=True)
class Leaving:
    """Units of one line that left together and have not been taken back, and what they were worth."""

    leaving_id: str
    line_no: int
    units: int
    cost_minor: int = 0
    gross_minor: int = 0
    tax_minor: int = 0

    def take_back(self, units: int) -> "Leaving":
        """Take units back and return them with their worth; the last ones take all that is left."""
        some = min(units, self.units)
        if some <= 0:
            return Leaving(self.leaving_id, self.line_no, 0)
        back = Leaving(
            self.leaving_id,
            self.line_no,
            some,
            round_ratio(self.cost_minor * some, self.units),
            round_ratio(self.gross_minor * some, self.units),
            round_ratio(self.tax_minor * some, self.units),
        )
        self.units -= some
        self.cost_minor -= back.cost_minor
        self.gross_minor -= back.gross_minor
        self.tax_minor -= back.tax_minor
        return back


@dataclass(slots=True)
class Settled:
    """How much of a line's money is decided, and what a unit is taken to cost where stock knows nothing."""

    unit_cost_minor: int = 0
    gross_minor: int = 0
    tax_minor: int = 0


@dataclass(slots=True)
class Later:
    """An order for later as one unit of work changes it."""

    channel: str
    external_id: str
    kind: str
    location: str
    promise: str
    first_promise: str
    due_us: int
    contact_id: str
    pickup_code: str
    note: str
    gift: bool
    provisional: bool
    own: bool
    requested: bool
    reservation_id: str
    deposits_minor: int = 0
    receivable_minor: int = 0
    owed_minor: int = 0
    deposit_taxes: dict[int, int] = field(default_factory=dict)
    """Tax by rate in what is held, where it is due already."""
    currency: str = ""
    rates: dict[int, int] = field(default_factory=dict)
    """Tax rate of each line."""
    lines: dict[int, Settled] = field(default_factory=dict)

    def worth_minor(self, record: OrderRecord) -> int:
        """Return what the units are worth that are neither gone nor cancelled."""
        return sum(line.gross_minor - self.lines[line.line_no].gross_minor for line in record.lines)

    def open_taxes(self, record: OrderRecord) -> dict[int, int]:
        """Return the tax by rate in what is neither gone nor cancelled."""
        found: dict[int, int] = {}
        for line in record.lines:
            rate = self.rates.get(line.line_no, 0)
            found[rate] = found.get(rate, 0) + line.tax_minor - self.lines[line.line_no].tax_minor
        return found

    def due_minor(self, record: OrderRecord) -> int:
        """Return what the customer still has to pay before everything is theirs.

        Also what went back too much: a store gives money back by what it knows, and more may be ordered
        by then.
        """
        too_much = max(0, -self.owed_minor)
        return max(0, self.worth_minor(record) + self.receivable_minor + too_much - self.deposits_minor)

    def drop_minor(self, record: OrderRecord, units: Mapping[int, int], *, tax: bool = False) -> int:
        """Return what units are worth that are not settled yet, as their cancellation will say it.

        `tax`: the tax in it instead.
        """
        found = 0
        for line in record.lines:
            upto = min(line.ordered, line.settled + units.get(line.line_no, 0))
            if upto > line.settled:
                settled = self.lines[line.line_no]
                whole = line.tax_minor if tax else line.gross_minor
                gone = settled.tax_minor if tax else settled.gross_minor
                found += max(0, round_ratio(whole * upto, line.ordered) - gone)
        return found

    @staticmethod
    def dropped_minor(record: OrderRecord) -> int:
        """Return what the units of an order were worth that were cancelled."""
        return sum(round_ratio(line.gross_minor * line.cancelled, line.ordered) for line in record.lines)

    def extend(self, body: kinds.LinesAdded) -> None:
        """Take lines on that were ordered later."""
        for line in body.lines:
            self.rates.setdefault(line.line_no, line.rate_ppm)
            self.lines.setdefault(line.line_no, Settled(line.unit_cost_minor))

    def change(self, body: kinds.OrderChanged) -> None:
        """Take a change of what was promised; one that is only asked for changes nothing yet."""
        if body.requested:
            self.requested = True
            return
        self.requested = False
        if "promise" in body.what:
            self.promise = body.promise.model_dump_json()
            self.due_us = body.promise.due_us
            self.provisional = body.promise.provisional
        if "contact" in body.what:
            self.contact_id = body.contact_id
        if "note" in body.what:
            self.note = body.note


def placed(body: kinds.OrderPlaced, location: str) -> Later:
    """Return what the record keeps of an order that was just placed."""
    promise = body.promise.model_dump_json()
    return Later(
        channel=body.channel,
        external_id=body.external_id,
        kind=body.promise.kind.value,
        location=location,
        promise=promise,
        first_promise=promise,
        due_us=body.promise.due_us,
        contact_id=body.contact_id,
        pickup_code=body.pickup_code,
        note=body.note,
        gift=body.gift,
        provisional=body.promise.provisional,
        own=body.own is not None,
        requested=False,
        reservation_id=body.reservation_id,
        currency=body.currency,
        rates={line.line_no: line.rate_ppm for line in body.lines},
        lines={line.line_no: Settled(line.unit_cost_minor) for line in body.lines},
    )


def read(head: sa.Row[Any], order: sa.Row[Any], lines: Mapping[int, Settled], rates: dict[int, int]) -> Later:
    """Return what the record keeps of an order, from its rows."""
    return Later(
        channel=head.channel,
        external_id=head.external_id,
        kind=head.kind,
        location=head.location,
        promise=head.promise,
        first_promise=head.first_promise,
        due_us=head.due_us,
        contact_id=head.contact_id,
        pickup_code=head.pickup_code,
        note=head.note,
        gift=bool(head.gift),
        provisional=bool(head.provisional),
        own=bool(head.own),
        requested=bool(head.requested),
        reservation_id=head.reservation_id,
        deposits_minor=head.deposits_minor,
        receivable_minor=head.receivable_minor,
        owed_minor=head.owed_minor,
        deposit_taxes={int(rate): tax for rate, tax in json.loads(head.deposit_taxes).items()},
        currency=order.currency,
        rates=rates,
        lines=dict(lines),
    )


def row(order_id: str, later: Later) -> tuple[Any, ...]:
    """Return the row of `later_orders`."""
    return (
        order_id,
        later.channel,
        later.external_id,
        later.kind,
        later.location,
        later.promise,
        later.first_promise,
        later.due_us,
        later.contact_id,
        later.pickup_code,
        later.note,
        later.gift,
        later.provisional,
        later.own,
        later.requested,
        later.reservation_id,
        later.deposits_minor,
        later.receivable_minor,
        later.owed_minor,
        json.dumps(later.deposit_taxes),
    )


def order_row(applied: Applied, business_date: str) -> tuple[Any, ...]:
    """Return the beginning of the row of `orders`, up to its apply order."""
    body: kinds.OrderPlaced = applied.body
    return (
        body.order_id,
        body.number,
        body.channel,
        applied.edge,
        "",
        body.till,
        business_date,
        body.currency,
        applied.at_us,
        applied.by,
        body.contact_id,
        body.total_minor,
        body.tax_minor,
        0,
        0,
        applied.apply_order,
    )


def payment_row(applied: Applied) -> tuple[Any, ...]:
    """Return the row of `payments` of money that came in or went out."""
    body = applied.body
    out = isinstance(body, kinds.OrderRefunded | kinds.OrderRefundedOnline)
    at_till = isinstance(body, kinds.OrderPaid | kinds.OrderRefunded)
    tenders = [tender.model_dump(mode="json") for tender in body.tenders] if at_till else []
    return (
        body.refund_id if out else body.payment_id,
        body.order_id,
        "out" if out else "in",
        "till" if at_till else "online",
        body.amount_minor,
        body.currency,
        json.dumps(tenders),
        "" if at_till else body.gateway,
        "" if at_till else body.reference,
        applied.edge,
        body.till if at_till else "",
        body.business_date if at_till else "",
        body.reason if isinstance(body, kinds.OrderRefunded) else "",
        applied.at_us,
        applied.by,
        applied.apply_order,
        False if at_till else body.marketplace,
    )
