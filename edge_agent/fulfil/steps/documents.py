"""What stands on the slips of fulfilment, read when they print.

Personal data is read here, at the last moment, and goes onto the paper that needs it: surname and initial on
what others can see, name and address on what a carrier has to find.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.catalog.rows import barcodes_of, find_product
from edge_agent.customers import rows as customers
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment, ParcelRow
from edge_agent.fulfil.rules import Line, keep_until_us
from edge_agent.paper.backs import backs
from edge_agent.paper.rules import Slip
from edge_agent.paper.steps import OVERTAKEN, never_sent
from edge_agent.people.steps import name_of
from edge_agent.settings import EdgeSettings
from printing.document import Document
from printing.documents.handover_slip import HandoverLine, HandoverSlipFacts, handover_slip
from printing.documents.manifest import ManifestFacts, ManifestParcel, manifest
from printing.documents.packing_slip import PackedLine, PackingSlipFacts, packing_slip
from printing.documents.pick_list import PickAssignment, PickLine, PickListFacts, pick_list
from printing.documents.pickup_label import PickupLabelFacts, pickup_label
from printing.documents.shipping_label import ShippingLabelFacts, shipping_label
from printing.documents.void_slip import VoidSlipFacts, void_slip
from protocol import later
from protocol.clock import from_us
from protocol.customers import Contact
from protocol.envelope import decode_event, read_body
from protocol.errors import Invalid
from protocol.fulfilment import FulfilKind, Verified
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.lifecycles import AssignmentState
from protocol.orders import WireModel

Facts = Mapping[str, Any]
_GIVEN_UP = frozenset({AssignmentState.CANCELLED, AssignmentState.REJECTED})


@dataclass(frozen=True, slots=True)
class FulfilSlips:
    """Makes the documents of fulfilment of one store."""

    settings: EdgeSettings

    def document(self, slip: Slip, connection: Connection, facts: Facts, queued_us: int) -> Document | None:
        """Return the document of a job; None when it is the slip of another room.

        Raises:
            Invalid: `no_slip`, what it was about is gone.
        """
        if slip is Slip.PICK_LIST:
            return self.pick_list(connection, facts, queued_us)
        make = {
            Slip.VOID_SLIP: self.void_slip,
            Slip.PACKING_SLIP: self.packing_slip,
            Slip.PICKUP_LABEL: self.pickup_label,
            Slip.SHIPPING_LABEL: self.shipping_label,
            Slip.MANIFEST: self.manifest,
            Slip.HANDOVER_SLIP: self.handover_slip,
        }.get(slip)
        return None if make is None else make(connection, facts)

    def pick_list(self, connection: Connection, facts: Facts, queued_us: int) -> Document:
        """Return a pick list without what has been cancelled meanwhile; an empty one is not printed."""
        found = work.find_list(connection, facts["list_id"])
        orders: list[PickAssignment] = []
        lines: list[PickLine] = []
        for assignment_id, tote in found.orders if found else ():
            each = rows.find(connection, assignment_id)
            if each is None or each.state in _GIVEN_UP:
                continue
            orders.append(self._pick_order(connection, each, tote))
            lines += [
                _pick_line(connection, each, line, tote) for line in rows.lines_of(connection, assignment_id)
            ]
        if found is None or not lines:
            raise _overtaken(facts["list_id"])
        return pick_list(
            PickListFacts(
                number=found.list_id,
                store_name=self.settings.store_name,
                station=found.device,
                printed_at=self._local(queued_us),
                printed_by=name_of(connection, facts.get("by", "")),
                assignments=tuple(orders),
                lines=tuple(lines),
                demo=self.settings.demo,
            )
        )

    def void_slip(self, connection: Connection, facts: Facts) -> Document:
        """Return the slip that takes a list back; there is none for a list that never came out."""
        taken_back = work.find_list(connection, facts["list_id"])
        if taken_back is not None and never_sent(connection, taken_back.job_id):
            raise _overtaken(facts["list_id"])
        return void_slip(
            VoidSlipFacts(
                store_name=self.settings.store_name,
                order_number=facts["number"],
                assignment=facts["assignment_id"],
                reason=facts["reason"],
                voided_at=self._local(facts["at_us"]),
                voided_by=name_of(connection, facts["by"]),
                pick_list=facts["list_id"],
                new_list=facts.get("new_list", ""),
                demo=self.settings.demo,
            )
        )

    def packing_slip(self, connection: Connection, facts: Facts) -> Document:
        """Return the slip that lies in a parcel."""
        found, parcel, of = _parcel(connection, facts)
        contact = customers.find(connection, found.contact_id)
        shipped = found.kind is FulfilKind.SHIP
        return packing_slip(
            PackingSlipFacts(
                shop_name=self.settings.store_name,
                shop_lines=self.settings.address,
                order_number=found.number,
                parcel_id=parcel.parcel_id,
                parcel_no=parcel.parcel_no,
                parcels=of,
                packed_on=self._local(facts["at_us"]).date(),
                lines=tuple(
                    _packed_line(line, parcel) for line in rows.lines_of(connection, found.assignment_id)
                ),
                ship_to=_ship_to(contact) if shipped else (),
                collector="" if shipped or contact is None else contact.label,
                service=found.service,
                tracking=parcel.tracking,
                gift=found.gift,
                gift_message=contact.gift_message if contact else "",
                currency=found.currency,
                demo=self.settings.demo,
            )
        )

    def pickup_label(self, connection: Connection, facts: Facts) -> Document:
        """Return the label of one bag."""
        found, parcel, of = _parcel(connection, facts)
        contact = customers.find(connection, found.contact_id)
        ready_us = found.staged_us or facts["at_us"]
        until_us = keep_until_us(found.keep_until_us, ready_us, self.settings.collect_keep_days)
        return pickup_label(
            PickupLabelFacts(
                store_name=self.settings.store_name,
                order_number=found.number,
                customer_name=contact.full_name if contact else "",
                bag_id=parcel.parcel_id,
                bag_no=parcel.parcel_no,
                bags=of,
                shelf=found.shelf or "-",
                ready_on=self._local(ready_us).date(),
                keep_until=self._local(until_us).date(),
                demo=self.settings.demo,
            )
        )

    def shipping_label(self, connection: Connection, facts: Facts) -> Document:
        """Return the label of a parcel of the store's own carrier."""
        found, parcel, of = _parcel(connection, facts)
        contact = customers.find(connection, found.contact_id)
        return shipping_label(
            ShippingLabelFacts(
                sender_lines=(self.settings.store_name, *self.settings.address),
                recipient_name=contact.full_name if contact else "",
                recipient_lines=contact.address.lines if contact else (),
                service=parcel.service or found.service,
                order_number=found.number,
                tracking=parcel.tracking,
                parcel_no=parcel.parcel_no,
                parcels=of,
                weight_grams=parcel.weight_g or None,
                demo=self.settings.demo,
            )
        )

    def manifest(self, connection: Connection, facts: Facts) -> Document:
        """Return the list of what a carrier takes away."""
        at_us, _by, body = _event(connection, facts)
        if not isinstance(body, later.ManifestClosed):
            raise _nothing(str(facts["seq"]))
        return manifest(
            ManifestFacts(
                number=body.number,
                location_name=self.settings.store_name,
                location_lines=self.settings.address,
                carrier=body.carrier,
                closed_on=self._local(at_us).date(),
                parcels=tuple(_listed(connection, tracking) for tracking in body.parcels),
                demo=self.settings.demo,
            )
        )

    def handover_slip(self, connection: Connection, facts: Facts) -> Document:
        """Return the proof of a handover, as it was at that moment."""
        at_us, by, body = _event(connection, facts)
        if not isinstance(body, later.AssignmentHandedOver):
            raise _nothing(str(facts["seq"]))
        named = {line.line_no: line for line in rows.lines_of(connection, body.assignment_id)}

        def line(line_no: int, sku: str, units: int) -> HandoverLine:
            known = named.get(line_no)
            return HandoverLine(name=known.name if known else sku, sku=sku, quantity=units)

        return handover_slip(
            HandoverSlipFacts(
                store_name=self.settings.store_name,
                store_lines=self.settings.address,
                order_number=body.number,
                handover_id=body.handover_id,
                handed_over_at=self._local(at_us),
                associate=name_of(connection, by),
                verified=verified_word(body.verified),
                lines=tuple(
                    replace(line(each.line_no, each.sku, each.units), back=back)
                    for each, back in zip(
                        body.lines, backs(facts.get("back", ()), len(body.lines)), strict=True
                    )
                ),
                remaining=tuple(line(n, sku, units) for n, sku, units in facts["rest"]),
                currency=self.settings.currency,
                demo=self.settings.demo,
            )
        )

    def _pick_order(self, connection: Connection, each: Assignment, tote: str) -> PickAssignment:
        contact = customers.find(connection, each.contact_id)
        return PickAssignment(
            order_number=each.number,
            kind="ship" if each.kind is FulfilKind.SHIP else "collect",
            due_at=self._local(each.due_us),
            customer_name=contact.full_name if contact else "",
            service=each.service,
            tote=tote,
            note=each.note,
            gift=each.gift,
        )

    def _local(self, at_us: int) -> datetime:
        return from_us(at_us).astimezone(ZoneInfo(self.settings.zone))


def _pick_line(connection: Connection, each: Assignment, line: Line, tote: str) -> PickLine:
    product = find_product(connection, line.sku)
    codes = barcodes_of(connection, line.sku)
    return PickLine(
        bin=product.bin if product else "",
        name=line.name,
        sku=line.sku,
        barcode=codes[0] if codes else "",
        quantity=line.quantity,
        order_number=each.number,
        tote=tote,
        substitution=_("something similar") if line.substitutes else "",
    )


def _packed_line(line: Line, parcel: ParcelRow) -> PackedLine:
    """Return one line as the customer reads it; bags whose lines nobody wrote down hold all of them."""
    here = sum(each.units for each in parcel.lines if each.line_no == line.line_no)
    return PackedLine(
        name=line.name,
        sku=line.sku,
        ordered=line.quantity,
        in_parcel=here if parcel.lines else line.open + line.fulfilled,
        to_follow=line.short,
    )


def _parcel(connection: Connection, facts: Facts) -> tuple[Assignment, ParcelRow, int]:
    found = rows.find(connection, facts["assignment_id"])
    parcels = rows.parcels_of(connection, facts["assignment_id"])
    parcel = next((each for each in parcels if each.parcel_id == facts["parcel_id"]), None)
    if found is None or parcel is None:  # it was packed anew, so the parcel of this label is gone
        raise _nothing(facts["parcel_id"])
    return found, parcel, len(parcels)


def _ship_to(contact: Contact | None) -> tuple[str, ...]:
    return (contact.full_name, *contact.address.lines) if contact else ()


def _listed(connection: Connection, tracking: str) -> ManifestParcel:
    parcel = rows.find_parcel(connection, tracking)
    found = rows.find(connection, parcel.assignment_id) if parcel else None
    return ManifestParcel(
        tracking=tracking,
        order_number=found.number if found else "",
        weight_grams=(parcel.weight_g or None) if parcel else None,
    )


def _event(connection: Connection, facts: Facts) -> tuple[int, str, WireModel]:
    row = connection.execute("SELECT bytes FROM events WHERE seq = ?", (facts["seq"],)).fetchone()
    if row is None:
        raise _nothing(str(facts["seq"]))
    event = decode_event(row[0])
    return event.at, event.by, read_body(event)


def _nothing(what: str) -> Invalid:
    return Invalid(
        _("The slip {title} has nothing to print.", title=what),
        _("Look at the order: it was cancelled, packed anew, or is not here any more."),
        code="no_slip",
    )


def _overtaken(pick_list_id: str) -> Invalid:
    return Invalid(
        _("Nobody needs the slip of {list} any more.", list=pick_list_id),
        _("All of its orders were cancelled before it printed."),
        code=OVERTAKEN,
    )


def verified_word(verified: Verified) -> str:
    """Return how somebody was recognised, as a slip says it."""
    words = {
        Verified.CODE: _("pickup code"),
        Verified.PHONE: _("phone number"),
        Verified.EMAIL: _("e-mail address"),
        Verified.NAME_AND_ID: _("name and ID"),
        Verified.LEAD: _("the word of a lead"),
    }
    return words[verified]
