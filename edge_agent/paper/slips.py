"""From a job to its document: facts are read again at print time, in the language of the store.

A receipt, a return, a Z and a no-sale slip are made of their event, which is found by its number and never
changes. A reading (X), a parked basket and a test page have no event; their facts are kept with the job.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.fulfil.steps.documents import FulfilSlips
from edge_agent.later.slips import LaterSlips
from edge_agent.paper import rows
from edge_agent.paper.backs import backs
from edge_agent.paper.rules import NoSaleFacts, Slip, code_of, no_sale_slip
from edge_agent.people.steps import name_of
from edge_agent.settings import EdgeSettings
from edge_agent.stock.documents import StockSlips
from edge_agent.till.rules import expected_cash
from edge_agent.transfers.steps.documents import TransferSlips
from edge_agent.words import cash_word, tender_label, till_word
from printing.document import Document, as_backup
from printing.documents.calibration import CalibrationFacts, calibration
from printing.documents.gift_receipt import GiftLine, GiftReceiptFacts, gift_receipt
from printing.documents.item_sticker import ItemStickerFacts, StickerLine, item_stickers
from printing.documents.parked_slip import ParkedSlipFacts, parked_slip
from printing.documents.parts import Back
from printing.documents.receipt import ReceiptFacts, ReceiptLine, receipt
from printing.documents.return_receipt import ReturnLine as PrintedReturn
from printing.documents.return_receipt import ReturnReceiptFacts, return_receipt
from printing.documents.test_page import PrinterTestFacts, printer_test
from printing.documents.till_report import TenderCount, TillReportFacts, till_report
from printing.documents.value_slip import ValueSlipFacts, value_slip
from printing.profiles import profile_of
from protocol.clock import from_us
from protocol.envelope import Event, decode_event, read_body
from protocol.errors import Invalid
from protocol.events import (
    CashMoved,
    DrawerOpened,
    OrderSold,
    OrderVoided,
    ReturnCompleted,
    ReturnInspected,
    TillClosed,
)
from protocol.kit.return_words import reason_word
from protocol.kit.sqlite import Connection
from protocol.kit.text import _, language
from protocol.money import format_minor
from protocol.movements import Bucket
from protocol.orders import Tender, TenderKind, WireModel
from protocol.till import RateTotal, SessionTotals


def _paid_back(body: ReturnCompleted) -> tuple[tuple[str, int], ...]:
    """Return how a return was paid; what came by parcel is paid by the hub."""
    if not isinstance(body, ReturnInspected):
        return tuple((_tender_label(t), t.amount_minor) for t in body.refunds)
    due = body.total_minor - sum(fee.amount_minor for fee in body.fees)
    return ((_("Paid by customer service"), due),) if due else ()


def _unsigned(_connection: Connection, _order_id: str) -> str:
    """Stand in for a store that signs nothing."""
    return ""


class Slips:
    """Makes the documents of one store."""

    def __init__(self, settings: EdgeSettings, sign: Callable[[Connection, str], str] = _unsigned) -> None:
        """`sign` returns what the signed code of an order's receipt says."""
        self._settings, self._sign = settings, sign
        self._zone = ZoneInfo(settings.zone)
        self._fulfil = FulfilSlips(settings)
        self._later = LaterSlips(settings)
        self._transfers = TransferSlips(settings)
        self._stock = StockSlips(settings)

    def printed(self, connection: Connection, job: rows.JobRow) -> Document:
        """Return the document of a job as its printer puts it out: another one's says whose it is.

        Raises:
            Invalid: its event is gone or is not what the job says.
        """
        made = self.document(connection, job)
        if not job.moved_from:
            return made
        owner = rows.find_printer(connection, job.moved_from)
        return as_backup(made, owner.name if owner else job.moved_from)

    def document(self, connection: Connection, job: rows.JobRow) -> Document:
        """Return the document of a job, as its first printing shows it.

        Raises:
            Invalid: its event is gone or is not what the job says.
        """
        spoken = language.set(self._settings.language)
        try:
            return self._document(connection, job)
        finally:
            language.reset(spoken)

    def _document(self, connection: Connection, job: rows.JobRow) -> Document:  # noqa: PLR0911 - one a slip
        match Slip(job.document):
            case Slip.PARKED_SLIP:
                return self._parked(connection, job.facts)
            case Slip.TEST_PAGE | Slip.CALIBRATION:
                return self._about_the_printer(job)
            case Slip.VALUE_SLIP:
                return self._value(connection, job)
            case Slip.TILL_REPORT if "seq" not in job.facts:
                return self._reading(connection, job)
            case Slip.ORDER_SLIP:
                return self._later.order(connection, job.facts, kick=job.kick)
            case Slip.PAYMENT_SLIP:
                return self._later.payment(connection, job.facts, kick=job.kick)
        made = self._stock.document(Slip(job.document), connection, job.facts)
        if made is None:
            made = self._fulfil.document(Slip(job.document), connection, job.facts, job.queued_us)
        made = made or self._transfers.document(Slip(job.document), connection, job.facts)
        return made if made is not None else self._of_event(connection, job)

    def _of_event(self, connection: Connection, job: rows.JobRow) -> Document:
        event, body = _event(connection, job)
        match body:
            case OrderSold() if job.document == Slip.GIFT_RECEIPT:
                return self._gift_receipt(job, event, body)
            case ReturnCompleted() if job.document == Slip.ITEM_STICKER:
                return self._stickers(event, body)
            case OrderSold():
                return self._receipt(connection, job, event, body)
            case ReturnCompleted():
                return self._return(connection, job, event, body)
            case TillClosed():
                return self._z(connection, event, body)
            case DrawerOpened() | CashMoved():
                return self._no_sale(connection, event, body)
        raise _unreadable(job)

    def _local(self, at_us: int) -> datetime:
        return from_us(at_us).astimezone(self._zone)

    def _receipt(self, connection: Connection, job: rows.JobRow, event: Event, body: OrderSold) -> Document:
        lines = tuple(
            ReceiptLine(
                name=line.name,
                sku=line.sku,
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
                discount_minor=line.line_discount_minor,
                gross_minor=line.gross_minor + line.order_discount_minor,
                back=back,
                serials=line.serials,
            )
            for line, back in zip(body.lines, _backs(job, body), strict=True)
        )
        paid = [(_tender_label(t), t.tendered_minor or t.amount_minor) for t in body.tenders]
        if body.rounding_minor:
            paid.append((_("Rounding"), body.rounding_minor))
        return receipt(
            ReceiptFacts(
                store_name=self._settings.store_name,
                store_lines=self._settings.address,
                vat_number=self._settings.vat_number,
                number=body.number,
                sold_at=self._local(event.at),
                till=till_word(body.till),
                associate=name_of(connection, event.by),
                lines=lines,
                discount_minor=sum(line.order_discount_minor for line in body.lines),
                total_minor=body.total_minor,
                tax=_tax((line.rate_ppm, line.gross_minor, line.tax_minor) for line in body.lines),
                tenders=tuple(paid),
                change_minor=body.change_minor,
                currency=body.currency,
                code=code_of("rc", body.number),
                signed=self._sign(connection, body.order_id),
                open_drawer=job.kick,
                demo=self._settings.demo,
            )
        )

    def _gift_receipt(self, job: rows.JobRow, event: Event, body: OrderSold) -> Document:
        return gift_receipt(
            GiftReceiptFacts(
                store_name=self._settings.store_name,
                store_lines=self._settings.address,
                number=body.number,
                sold_at=self._local(event.at),
                lines=tuple(
                    GiftLine(line.quantity, line.name, back)
                    for line, back in zip(body.lines, _backs(job, body), strict=True)
                ),
                code=code_of("gf", body.number),
                demo=self._settings.demo,
            )
        )

    def _stickers(self, event: Event, body: ReturnCompleted) -> Document:
        lines = tuple(
            StickerLine(
                line.name,
                line.sku,
                line.quantity,
                body.reason if isinstance(body, OrderVoided) else _reason(line.reason),
                _disposition(line.to_bucket),
            )
            for line in body.lines
        )
        facts = ItemStickerFacts(body.number, self._local(event.at), lines, demo=self._settings.demo)
        return item_stickers(facts)

    def _return(
        self, connection: Connection, job: rows.JobRow, event: Event, body: ReturnCompleted
    ) -> Document:
        sold_us = rows.sold_at_us(connection, body.order_id)
        approver = next((approval.by for approval in body.approvals), "")
        voided = isinstance(body, OrderVoided)
        lines = tuple(
            PrintedReturn(
                name=line.name,
                sku=line.sku,
                quantity=line.quantity,
                reason=body.reason if isinstance(body, OrderVoided) else _reason(line.reason),
                disposition=_disposition(line.to_bucket if line.quantity else Bucket.CUSTOMER.value),
                refund_minor=line.gross_minor,
            )
            for line in body.lines
        )
        return return_receipt(
            ReturnReceiptFacts(
                store_name=self._settings.store_name,
                store_lines=self._settings.address,
                vat_number=self._settings.vat_number,
                number=body.number,
                original_number=body.order_number,
                original_sold_at=None if sold_us is None else self._local(sold_us),
                returned_at=self._local(event.at),
                till=till_word(body.till) if body.till else _("By parcel"),
                associate=name_of(connection, event.by),
                lines=lines,
                total_minor=body.total_minor,
                tax=_tax((line.rate_ppm, line.gross_minor, line.tax_minor) for line in body.lines),
                refunds=_paid_back(body),
                fees=tuple((_("Restocking fee"), fee.amount_minor) for fee in body.fees),
                currency=body.currency,
                code=code_of("vd" if voided else "rt", body.number),
                signed="" if voided else self._sign(connection, body.order_id),
                approved_by=name_of(connection, approver) if approver else "",
                copy_note=_("VOIDED") if voided else "",
                open_drawer=job.kick,
                demo=self._settings.demo,
            )
        )

    def _value(self, connection: Connection, job: rows.JobRow) -> Document:
        facts = job.facts
        return value_slip(
            ValueSlipFacts(
                store_name=self._settings.store_name,
                title=tender_label(TenderKind(facts["kind"])),
                number=facts["number"],
                issued_at=self._local(facts["at_us"]),
                associate=name_of(connection, facts["by"]),
                amount_minor=facts["amount_minor"],
                currency=self._settings.currency,
                code=code_of("sv", facts["number"]),
                reference=facts["reference"],
                open_drawer=job.kick,
                demo=self._settings.demo,
            )
        )

    def _z(self, connection: Connection, event: Event, body: TillClosed) -> Document:
        opened_us = rows.opened_us(connection, body.session_id)
        counts = tuple(
            TenderCount(tender_label(each.kind), each.expected_minor, each.counted_minor)
            for each in body.tenders
        )
        return till_report(
            TillReportFacts(
                kind="Z",
                store_name=self._settings.store_name,
                store_lines=self._settings.address,
                vat_number=self._settings.vat_number,
                number=body.number,
                business_date=body.business_date,
                till=till_word(body.till),
                associate=name_of(connection, event.by),
                opened_at=self._local(opened_us or event.at),
                printed_at=self._local(event.at),
                counts=_counts(body.totals),
                sums=_sums(body.totals),
                tax=_rates(body.totals.by_rate),
                tenders=counts,
                first_stream_number=body.first_seq,
                last_stream_number=body.last_seq,
                range_hash=body.range_hash,
                currency=body.currency,
                code=code_of("z", body.number),
                demo=self._settings.demo,
            )
        )

    def _reading(self, connection: Connection, job: rows.JobRow) -> Document:
        facts = job.facts
        totals = SessionTotals.model_validate(facts["totals"])
        tenders = (
            TenderCount(tender_label(TenderKind.CASH), expected_cash(totals)),
            TenderCount(tender_label(TenderKind.CARD), totals.card_minor),
            *(
                TenderCount(tender_label(kind), amount)
                for kind, amount in (
                    (TenderKind.STORE_CREDIT, totals.store_credit_minor),
                    (TenderKind.GIFT_CARD, totals.gift_card_minor),
                )
                if amount
            ),
        )
        return till_report(
            TillReportFacts(
                kind="X",
                store_name=self._settings.store_name,
                store_lines=self._settings.address,
                vat_number=self._settings.vat_number,
                number=till_word(facts["till"]),
                business_date=facts["business_date"],
                till=till_word(facts["till"]),
                associate=name_of(connection, facts["by"]),
                opened_at=self._local(facts["opened_us"]),
                printed_at=self._local(facts["at_us"]),
                counts=_counts(totals),
                sums=_sums(totals),
                tax=_rates(totals.by_rate),
                tenders=tenders,
                first_stream_number=facts["first_seq"],
                last_stream_number=facts["last_seq"],
                range_hash=facts["range_hash"],
                currency=facts["currency"],
                code="",
                demo=self._settings.demo,
            )
        )

    def _no_sale(self, connection: Connection, event: Event, body: DrawerOpened | CashMoved) -> Document:
        approver = next((approval.by for approval in body.approvals), "")
        return no_sale_slip(
            NoSaleFacts(
                store_name=self._settings.store_name,
                till=till_word(body.till),
                at=self._local(event.at),
                associate=name_of(connection, event.by),
                reason=body.reason,
                approved_by=name_of(connection, approver) if approver else "",
                seq=event.seq,
                demo=self._settings.demo,
                title=cash_word(body.kind) if isinstance(body, CashMoved) else "",
                amount=format_minor(body.amount_minor, body.currency) if isinstance(body, CashMoved) else "",
            )
        )

    def _parked(self, connection: Connection, facts: Mapping[str, Any]) -> Document:
        return parked_slip(
            ParkedSlipFacts(
                store_name=self._settings.store_name,
                number=facts["number"],
                parked_at=self._local(facts["at_us"]),
                till=till_word(facts["till"]),
                associate=name_of(connection, facts["by"]),
                units=facts["units"],
                total_minor=facts["total_minor"],
                currency=self._settings.currency,
                code=code_of("bk", facts["number"]),
                note=facts["note"],
                demo=self._settings.demo,
            )
        )

    def _about_the_printer(self, job: rows.JobRow) -> Document:
        profile = profile_of(job.facts["profile"])
        if job.document == Slip.CALIBRATION:
            at = self._local(job.queued_us)
            facts = CalibrationFacts(job.facts["printer"], profile.name, at, demo=self._settings.demo)
            return calibration(facts)
        return printer_test(
            PrinterTestFacts(
                place=self._settings.store_name,
                printer=job.facts["printer"],
                profile=profile.name,
                columns=profile.columns,
                dots=profile.dots,
                printed_at=self._local(job.queued_us),
                code=code_of("tp", job.job_id),
                demo=self._settings.demo,
            )
        )


def _event(connection: Connection, job: rows.JobRow) -> tuple[Event, WireModel]:
    found = rows.event_at(connection, int(job.facts.get("seq", 0)))
    if found is None:
        raise _unreadable(job)
    event = decode_event(found[1])
    return event, read_body(event)


def _unreadable(job: rows.JobRow) -> Invalid:
    return Invalid(
        _("The slip {title} has nothing to print.", title=job.title),
        _("Print it again from its order."),
        code="no_slip",
    )


def _backs(job: rows.JobRow, body: OrderSold) -> tuple[Back | None, ...]:
    return backs(job.facts.get("back", ()), len(body.lines))


def _tax(lines: Iterable[tuple[int, int, int]]) -> tuple[tuple[int, int, int], ...]:
    sums: dict[int, tuple[int, int]] = {}
    for rate, gross, tax in lines:
        net_before, tax_before = sums.get(rate, (0, 0))
        sums[rate] = (net_before + gross - tax, tax_before + tax)
    return tuple((rate, net, tax) for rate, (net, tax) in sorted(sums.items(), reverse=True))


def _rates(rates: Iterable[RateTotal]) -> tuple[tuple[int, int, int], ...]:
    return tuple((rate.rate_ppm, rate.gross_minor - rate.tax_minor, rate.tax_minor) for rate in rates)


def _counts(totals: SessionTotals) -> tuple[tuple[str, int], ...]:
    return (
        (_("Sales"), totals.sales),
        (_("Returns"), totals.returns),
        (_("Voids"), totals.voids),
        (_("Deposits and rests"), totals.payments),
        (_("Refunded orders"), totals.refunds),
        (_("No sale"), totals.no_sales),
    )


def _sums(totals: SessionTotals) -> tuple[tuple[str, int], ...]:
    return (
        (_("Sales"), totals.sales_minor),
        (_("Returns"), -totals.returns_minor),
        (_("Voids"), -totals.voids_minor),
        (_("Net"), totals.sales_minor - totals.returns_minor - totals.voids_minor),
        (_("Deposits and rests taken"), totals.payments_minor),
        (_("Refunded orders"), -totals.refunds_minor),
        *([(_("Gift cards sold"), totals.gift_cards_minor)] if totals.gift_cards else []),
        *([(_("Restocking fees"), totals.fees_minor)] if totals.fees_minor else []),
        (_("Discounts given"), totals.discounts_minor),
        (_("Float"), totals.float_minor),
        *(
            (label, amount)
            for label, amount in (
                (_("Paid in"), totals.paid_in_minor),
                (_("Paid out"), -totals.paid_out_minor),
                (_("From the safe"), totals.loans_minor),
                (_("To the safe"), -totals.drops_minor),
            )
            if amount
        ),
    )


def _tender_label(tender: Tender) -> str:
    label = tender_label(tender.kind)
    return f"{label} ****{tender.last4}" if tender.last4 else label


def _reason(code: str) -> str:
    return reason_word(code)


def _disposition(bucket: str) -> str:
    words = {
        Bucket.SELLABLE.value: _("Back on the shelf"),
        Bucket.RETURNS.value: _("To be inspected"),
        Bucket.QUARANTINE.value: _("Kept apart, damaged"),
        Bucket.CUSTOMER.value: _("Stays with the customer"),
    }
    return words.get(bucket, bucket)
