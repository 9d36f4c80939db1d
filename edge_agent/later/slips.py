"""What stands on the slips of orders for later, made of their events when they print.

An order slip says what was promised and paid when it was taken; its job names both events, so a reprint
after a change says what the first printing said. Who the parcel goes to is read at the last moment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from edge_agent.customers import rows as customers
from edge_agent.later import places
from edge_agent.later.payment_slip import PaymentSlipFacts, payment_slip
from edge_agent.people import rows as people
from edge_agent.settings import EdgeSettings
from edge_agent.words import tender_label, till_word
from printing.document import Document, Kick
from printing.documents.order_slip import (
    CollectPromise,
    OrderedLine,
    OrderSlipFacts,
    ShipPromise,
    order_slip,
)
from protocol.clock import from_us
from protocol.envelope import Event, decode_event, read_body
from protocol.errors import Invalid
from protocol.fulfilment import FulfilKind, Promise
from protocol.ids import slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.later import OrderPaid, OrderPlaced, OrderRefunded
from protocol.orders import Tender, WireModel

Facts = Mapping[str, Any]
PAYMENT: Final = "py"
"""What the QR code of a payment's slip begins with; its id is the payment's."""


@dataclass(frozen=True, slots=True)
class LaterSlips:
    """Makes the slips of orders for later of one store."""

    settings: EdgeSettings

    def order(self, connection: Connection, facts: Facts, *, kick: bool) -> Document:
        """Return the customer's copy of an order, with what was paid when it was taken."""
        event, body = _event(connection, facts["seq"])
        paid: tuple[tuple[str, int], ...] = ()
        amount = 0
        if facts.get("paid_seq"):
            _paid_event, payment = _event(connection, facts["paid_seq"])
            assert isinstance(payment, OrderPaid)
            paid, amount = _paid_with(payment.tenders, payment.rounding_minor), payment.amount_minor
        assert isinstance(body, OrderPlaced)
        made = order_slip(
            OrderSlipFacts(
                store_name=self.settings.store_name,
                store_lines=self.settings.address,
                vat_number=self.settings.vat_number,
                number=body.number,
                ordered_at=self._local(event.at),
                till=till_word(body.till),
                associate=_name(connection, event.by),
                lines=tuple(
                    OrderedLine(line.name, line.sku, line.quantity, line.gross_minor) for line in body.lines
                ),
                total_minor=body.total_minor,
                paid=paid,
                due_minor=body.total_minor - amount,
                currency=body.currency,
                promise=self._promise(connection, body.promise, body.contact_id),
                pickup_code=body.pickup_code,
                provisional=body.promise.provisional,
                demo=self.settings.demo,
            )
        )
        return replace(made, blocks=(Kick(), *made.blocks)) if kick else made

    def payment(self, connection: Connection, facts: Facts, *, kick: bool) -> Document:
        """Return the slip of money that came in, or went back."""
        event, body = _event(connection, facts["seq"])
        match body:
            case OrderPaid():
                back, payment_id, change, reason = False, body.payment_id, body.change_minor, ""
            case OrderRefunded():
                back, payment_id, change, reason = True, body.refund_id, 0, body.reason
            case _:
                raise _nothing(str(facts["seq"]))
        return payment_slip(
            PaymentSlipFacts(
                store_name=self.settings.store_name,
                store_lines=self.settings.address,
                vat_number=self.settings.vat_number,
                number=body.number,
                at=self._local(event.at),
                till=till_word(body.till),
                associate=_name(connection, event.by),
                back=back,
                tenders=_paid_with(body.tenders, body.rounding_minor),
                amount_minor=body.amount_minor,
                change_minor=change,
                due_minor=int(facts.get("due_minor", 0)),
                currency=body.currency,
                code=slip_code(PAYMENT, payment_id, 1),
                reason=reason,
                open_drawer=kick,
                demo=self.settings.demo,
            )
        )

    def _promise(
        self, connection: Connection, promise: Promise, contact_id: str
    ) -> CollectPromise | ShipPromise:
        due = self._local(promise.due_us)
        if promise.kind is FulfilKind.SHIP:
            contact = customers.find(connection, contact_id)
            to = (contact.full_name, *contact.address.lines) if contact and not contact.erased else ()
            return ShipPromise(by=due.date(), ship_to=to, service=promise.service)
        here = promise.location == self.settings.edge
        known = {place.location: place.name for place in places.places(connection)}
        return CollectPromise(
            location=self.settings.store_name if here else known.get(promise.location) or promise.location,
            ready_at=due,
            keep_until=self._local(promise.keep_until_us or promise.due_us).date(),
            location_lines=self.settings.address if here else (),
        )

    def _local(self, at_us: int) -> datetime:
        return from_us(at_us).astimezone(ZoneInfo(self.settings.zone))


def _paid_with(tenders: Iterable[Tender], rounding_minor: int) -> tuple[tuple[str, int], ...]:
    found = [(_tender(tender), tender.amount_minor) for tender in tenders if tender.amount_minor]
    if rounding_minor:
        found.append((_("Rounding"), rounding_minor))
    return tuple(found)


def _tender(tender: Tender) -> str:
    word = tender_label(tender.kind)
    return f"{word} ****{tender.last4}" if tender.last4 else word


def _event(connection: Connection, seq: int) -> tuple[Event, WireModel]:
    row = connection.execute("SELECT bytes FROM events WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        raise _nothing(str(seq))
    event = decode_event(row[0])
    return event, read_body(event)


def _name(connection: Connection, person_id: str) -> str:
    found = people.find_person(connection, person_id)
    return found.name if found else person_id


def _nothing(what: str) -> Invalid:
    return Invalid(
        _("The slip {title} has nothing to print.", title=what),
        _("Print it again from its order."),
        code="no_slip",
    )
