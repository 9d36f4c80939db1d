"""Changing and cancelling an order from the hub: at once where nobody holds it, else by asking who does.

A reader would get wrong what an answer means: `requested` names locations that have not answered, and until
they have, what they hold is theirs, whatever was asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from hub.capture import asking, reads
from hub.capture.asking import Asked, Request
from hub.capture.wanted import Changed, ChangeMoney, CustomerWanted, PaymentWanted
from hub.context import Hub
from hub.customers import rows as contacts
from hub.customers import steps as customers
from hub.database import HubUnit
from hub.spine.held import Held, Holding, held
from hub.spine.later_rows import payments
from hub.spine.log import Log
from hub.spine.orders import Orders
from hub.spine.steps import record, take_orders
from hub.spine.work import Work
from protocol import later
from protocol.customers import Contact
from protocol.errors import Invalid, OutOfRights, Refused
from protocol.fold import OrderRecord
from protocol.fulfilment import FulfilKind, Promise
from protocol.kit.text import _


@dataclass(frozen=True, slots=True)
class Change:
    """What shall be different, and who wants it."""

    reason: str
    by: str
    promise: Promise | None = None
    customer: CustomerWanted | None = None
    note: str | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing of it would be different."""
        return self.promise is None and self.customer is None and self.note is None


@dataclass(frozen=True, slots=True)
class Said:
    """What the record is to say from now on."""

    promise: Promise
    contact_id: str
    note: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What the customer no longer wants; no lines mean everything that has not left."""

    reason: str
    by: str
    by_customer: bool = True
    lines: tuple[tuple[int, int], ...] = ()


def begin(hub: Hub, unit: HubUnit) -> Work:
    """Return a workspace in which something about an order is decided; others wait with theirs."""
    take_orders(unit, 0)
    return hub.spine.work(unit)


def cancel(work: Work, order_id: str, wanted: Cancellation) -> Changed:
    """Cancel units: those that nobody holds at once, the others once who holds them has answered.

    Raises:
        Refused: they are gone or cancelled already, or a location has been asked before.
    """
    entry, _later = reads.need(work, order_id)
    record_, number = entry.record, entry.record.number
    now = held(work, order_id)
    units = _wanted_units(record_, now, wanted)
    request = Request("cancel", wanted.reason, wanted.by, work.clock.now_us(), by_customer=wanted.by_customer)
    free = asking.cancellable(work, order_id)
    at_once = {n: min(count, free.get(n, 0)) for n, count in units.items() if n in now.ordered}
    rest = {n: count - at_once[n] for n, count in units.items() if n in at_once and count > at_once[n]}
    other = {n: count for n, count in units.items() if n not in now.ordered}
    asked = ask_for(work, order_id, now, replace(request, lines=rest), other)
    if not asked:
        at_once |= other
    asking.cancel_units(work, order_id, number, at_once, request)
    waiting = [each.holding.location for each in asked if not asking.ask(work, order_id, number, each)]
    return changed(work, order_id, requested=waiting)


def _wanted_units(record_: OrderRecord, now: Held, wanted: Cancellation) -> dict[int, int]:
    """Return the units to cancel by line."""
    still = {
        line.line_no: line.ordered - line.fulfilled - now.cancelled.get(line.line_no, 0)
        for line in record_.lines
    }
    still = {line_no: units for line_no, units in still.items() if units > 0}
    if not still:
        raise Refused(
            _("Nothing of {number} is left to cancel.", number=record_.number),
            _("What has left can come back as a return."),
            code="nothing_open",
        )
    if not wanted.lines:
        return still
    units: dict[int, int] = {}
    for line_no, count in wanted.lines:
        units[line_no] = units.get(line_no, 0) + count
    for line_no, count in units.items():
        if count > still.get(line_no, 0):
            raise Refused(
                _("Line {n} has {left} units that can be cancelled.", n=line_no, left=still.get(line_no, 0)),
                _("Cancel fewer, or another line."),
                code="not_open",
                line_no=line_no,
                wanted=count,
                open=still.get(line_no, 0),
            )
    if all(units.get(line_no, 0) >= count for line_no, count in still.items() if line_no in now.ordered):
        return still  # with the last goods goes what is no goods: nobody ships nothing
    return units


def ask_for(
    work: Work, order_id: str, now: Held, request: Request, other: Mapping[int, int], *, keep: bool = True
) -> list[Asked]:
    """Note whom to ask for which units; what is no goods goes with the last of them.

    `keep`: False only finds them, so that a caller can look before anything is noted.
    """
    left = dict(request.lines)
    chosen: list[tuple[Holding, dict[int, int]]] = []
    for holding in now.open_holdings:
        lines = {n: min(count, holding.open(n)) for n, count in left.items()}
        lines = {n: count for n, count in lines.items() if count > 0}
        if lines:
            chosen.append((holding, lines))
            left = {n: count - lines.get(n, 0) for n, count in left.items()}
    must_be_unasked(work, order_id, [holding for holding, _lines in chosen])
    if chosen:
        chosen[-1][1].update(other)
    if not keep:
        return [Asked("", holding, replace(request, lines=lines)) for holding, lines in chosen]
    return [asking.keep(work, order_id, holding, replace(request, lines=lines)) for holding, lines in chosen]


def must_be_unasked(work: Work, order_id: str, holdings: Sequence[Holding]) -> None:
    """Refuse to ask a location a second thing before it has answered the first.

    Raises:
        Refused: one of them has been asked about the order and has not answered.
    """
    asked = {row.assignment_id for row in asking.open_requests(work.connection, order_id)}
    for holding in holdings:
        if holding.assignment_id in asked:
            raise Refused(
                _("{edge} has been asked already and has not answered.", edge=holding.location),
                _("Wait for its answer."),
                code="already_requested",
                location=holding.location,
            )


def reroute(work: Work, order_id: str, assignment_id: str, *, reason: str, by: str) -> Changed:
    """Ask a location to give its part up so that another one fulfils it; at once if it never heard of it.

    Raises:
        Refused: it holds nothing of this order, or has been asked already.
    """
    entry, _later = reads.need(work, order_id)
    holding = held(work, order_id).holdings.get(assignment_id)
    if holding is None or not holding.is_open:
        raise Refused(
            _("Nobody holds that part of {number} any more.", number=entry.record.number),
            _("Look the order up again."),
            code="not_held",
        )
    must_be_unasked(work, order_id, [holding])
    asked = asking.keep(work, order_id, holding, Request("reroute", reason, by, work.clock.now_us()))
    back = asking.ask(work, order_id, entry.record.number, asked)
    return changed(work, order_id, requested=[] if back else [holding.location])


def change(work: Work, order_id: str, wanted: Change) -> Changed:
    """Change the promise, the customer or the note.

    Raises:
        Refused: nothing of it is left to promise, it is not paid, or nobody could keep the new promise.
    """
    _entry, now = reads.need(work, order_id)
    before, promise = Promise.model_validate_json(now.promise), wanted.promise
    moved = promise is not None and goes_elsewhere(before, promise)
    what: list[str] = []
    said = Said(before, now.contact_id, now.note)
    if wanted.customer is not None:
        said = replace(said, contact_id=_contact(work, said.contact_id, wanted.customer))
        what.append("contact")
    if wanted.note is not None:
        said = replace(said, note=wanted.note)
        what.append("note")
    if promise is not None and not moved:
        said = replace(said, promise=promise)
        what.append("promise")
    if what:
        _record_change(work, order_id, what, said, wanted)
    waiting: list[str] = []
    if promise is not None and moved:
        what.append("promise")
        waiting = _move(work, order_id, replace(said, promise=promise), wanted)
    if not what:
        raise Invalid(_("Nothing would change."), _("Say what shall be different."), code="nothing_to_change")
    must_be_routable(work, order_id)
    return changed(work, order_id, changed=what, requested=waiting)


def take_payment(work: Work, order_id: str, payment: PaymentWanted, *, by: str) -> None:
    """Record money that a payment service captured for an order that was taken in before; told twice, once.

    Raises:
        Invalid: more than the order costs would be paid.
    """
    entry, now_later = reads.need(work, order_id)
    known = work.connection.execute(
        sa.select(payments.c.payment_id).where(
            payments.c.order_id == order_id,
            payments.c.gateway == payment.gateway,
            payments.c.reference == payment.reference,
        )
    ).first()
    if known is not None:
        return
    if payment.taken != "captured":
        raise Invalid(
            _("Money for a change is captured before it is sent."),
            _("Capture it, then send the change again."),
            code="not_captured",
        )
    total = sum([line.gross_minor for line in entry.record.lines])
    if entry.record.paid_minor + payment.amount_minor > total:
        raise Invalid(
            _("More would be paid than the order costs."),
            _("Correct the payment."),
            code="overpaid",
            total_minor=total,
            paid_minor=entry.record.paid_minor,
        )
    record(
        work,
        later.OrderPaidOnline(
            payment_id=work.ids.new_id(),
            order_id=order_id,
            number=entry.record.number,
            gateway=payment.gateway,
            reference=payment.reference,
            amount_minor=payment.amount_minor,
            currency=now_later.currency,
            marketplace=payment.marketplace,
        ),
        by=by,
    )


def goes_elsewhere(before: Promise, after: Promise) -> bool:
    """Tell whether other goods or another way are promised, rather than another moment."""
    return (before.kind, before.location, before.service) != (after.kind, after.location, after.service)


def _move(work: Work, order_id: str, said: Said, wanted: Change) -> list[str]:
    """Promise the goods from elsewhere: at once if nobody holds them, else when all have given them up."""
    entry, _later = reads.need(work, order_id)
    number, now = entry.record.number, held(work, order_id)
    holdings = now.open_holdings
    if not holdings and not now.loose:
        raise Refused(
            _("Nothing of {number} is left to promise.", number=number),
            _("What has left can come back as a return."),
            code="nothing_open",
        )
    total = sum([line.gross_minor for line in entry.record.lines])
    if said.promise.kind is FulfilKind.SHIP and entry.record.paid_minor < total:
        raise Refused(
            _("An order that is shipped must be paid first."),
            _("Capture the rest, then change it."),
            code="unpaid",
        )
    must_be_unasked(work, order_id, holdings)
    if not holdings:
        _record_change(work, order_id, ["promise"], said, wanted)
        return []
    request = Request("change", wanted.reason, wanted.by, work.clock.now_us(), promise=said.promise)
    asked = [asking.keep(work, order_id, holding, request) for holding in holdings]
    waiting = [each.holding.location for each in asked if not asking.ask(work, order_id, number, each)]
    if waiting:
        _record_change(work, order_id, ["promise"], said, wanted, requested=True)
    return waiting


def _record_change(
    work: Work, order_id: str, what: Sequence[str], said: Said, wanted: Change, *, requested: bool = False
) -> None:
    entry, _later = reads.need(work, order_id)
    fields = {
        "order_id": order_id,
        "number": entry.record.number,
        "what": tuple(what),
        "promise": said.promise,
        "contact_id": said.contact_id,
        "note": said.note,
        "reason": wanted.reason[:300],
        "requested": requested,
    }
    record(work, later.OrderChanged.model_validate(fields), by=wanted.by)


def _contact(work: Work, contact_id: str, customer: CustomerWanted) -> str:
    """Write the customer as the next version of the order's contact, and return its id.

    Raises:
        Refused: the contact was erased.
    """
    known = contacts.find(work.connection, contact_id) if contact_id else None
    if known is not None and known.erased:
        raise Refused(
            _("This customer was erased."), _("Place a new order for a new customer."), code="erased"
        )
    new = Contact(contact_id=contact_id or work.ids.new_id(), **customer.model_dump())
    return customers.write(work.connection, new, now_us=work.clock.now_us()).contact_id


def must_be_routable(work: Work, order_id: str) -> None:
    """Refuse a change that would leave the order with nobody who can keep it; all of it is undone."""
    for applied in work.room(Log).waiting(f"order:{order_id}"):
        body = applied.body
        if isinstance(body, later.OrderUnroutable) and body.trigger == "changed":
            raise OutOfRights(
                body.sentence,
                _("Promise another location or a later day."),
                reasons=[row.model_dump() for row in body.ruled_out],
            )


def changed(
    work: Work,
    order_id: str,
    *,
    changed: Sequence[str] = (),
    requested: Sequence[str] = (),
    money: ChangeMoney | None = None,
    version: int = 0,
) -> Changed:
    """Return what was done to an order in this unit of work, and what was only asked for."""
    entry = work.room(Orders).need(order_id)
    assert entry is not None
    sentence = ""
    told: list[str] = []
    cancelled: dict[int, int] = {}
    added: dict[int, int] = {}
    for applied in work.room(Log).waiting(f"order:{order_id}"):
        body = applied.body
        if isinstance(body, later.OrderRouted | later.OrderWaits):
            sentence = body.sentence
        elif isinstance(body, later.OrderCancelled):
            for line in body.lines:
                cancelled[line.line_no] = cancelled.get(line.line_no, 0) + line.quantity
        elif isinstance(body, later.LinesAdded):
            added |= {line.line_no: line.quantity for line in body.lines}
        elif isinstance(body, later.ChangeRequested) and not body.dropped:
            told.append(body.location)
    return Changed.model_validate(
        {
            "number": entry.record.number,
            "state": entry.record.state.value,
            "cancelled": [{"line_no": n, "units": units} for n, units in sorted(cancelled.items())],
            "added": [{"line_no": n, "units": units} for n, units in sorted(added.items())],
            "changed": tuple(changed),
            "requested": tuple(requested),
            "told": tuple(told),
            "sentence": sentence,
            "money": money,
            "version": version or entry.version,
        }
    )
