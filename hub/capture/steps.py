"""Taking an order for later in: checked, priced, promised and routed in one transaction, or not at all.

The same order named again is the same order: `(channel, external_id)` is unique. What the channel says anew
under a newer version is a change, group of fields by group of fields; an older or equal version changes
nothing, so a draft that arrives late never writes over an order that was paid.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from hub.capture import changes, lines, named, reads
from hub.capture.lines import LinesWanted
from hub.capture.pricing import KNOWN, known_of, priced_lines
from hub.capture.rows import captured
from hub.capture.stages import EXCHANGED, PAID, PAYER
from hub.capture.verdicts import MUST_TAKE, VERDICT, refusal_of
from hub.capture.wanted import CustomerWanted, OrderAnswer, OrderWanted
from hub.context import Hub
from hub.customers import rows as contacts
from hub.database import Change, HubUnit
from hub.holds.restored import ORDERED_US
from hub.holds.rows import blocking
from hub.offers import promised
from hub.once import once
from hub.promises import must_exist
from hub.spine.held import Holding, held
from hub.spine.payment_rows import ON_CARD, CardToken
from hub.spine.places import Places
from hub.spine.steps import record, take_orders
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.clock import to_us
from protocol.customers import Contact
from protocol.errors import Conflict, Invalid, OutOfRights, Refused, StaleVersion
from protocol.fulfilment import FulfilKind, Promise
from protocol.holds import Blocked
from protocol.kit.hold_words import reason_says
from protocol.kit.text import _
from protocol.later import OrderPaid, OrderPaidOnline, OrderPlaced, OrderRouted, OrderUnroutable, OrderWaits
from protocol.orders import LineKind, Tender, TenderKind
from protocol.payments import PaymentAuthorised
from protocol.rules.checks import Verdict

DECIDED: Final = "decided"
"""Where routing leaves what it recorded."""
GROUPS: Final = ("lines", "promise", "customer", "note", "payment")
STOCK_CODES: Final = frozenset({"NO_ATP", "SAFETY_STOCK", "DEFICIT", "RULE:company_threshold"})
REASONS: Final = 20

_CLAIM: Final = {
    "sqlite": Change(sqlite.insert(captured).on_conflict_do_nothing()),
    "postgresql": Change(postgresql.insert(captured).on_conflict_do_nothing()),
}


@dataclass(frozen=True, slots=True)
class By:
    """Who asks, and the key of the request."""

    name: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Newer:
    """Who sent a newer version of an order, and which groups of fields differ."""

    by: str
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Credit:
    """What goods that come back are worth towards an order, and the exchange that it belongs to."""

    exchange_id: str
    amount_minor: int


def place_for(hub: Hub, unit: HubUnit, wanted: OrderWanted, by: By, credit: Credit) -> OrderAnswer:
    """Place an order that goods pay for which come back; no more of their worth is used than it costs.

    Raises:
        Invalid, Refused: as for any order; nothing was stored.
    """
    take_orders(unit, 0)
    return _place(hub, unit, wanted, by, hub.ids.new_id(), credit)


def capture(hub: Hub, unit: HubUnit, wanted: OrderWanted, by: By) -> tuple[OrderAnswer, bool]:
    """Take an order in; return it and whether anything is new.

    Raises:
        Invalid: nothing of it can be understood as an order.
        Refused: it may not be promised so; nothing was stored.
        Conflict: the key, or this version of the order, said something else before.
    """
    # The log's lock first, as everybody takes it: two processes never wait for each other in a circle.
    take_orders(unit, 0)
    fresh = False

    def work() -> OrderAnswer:
        nonlocal fresh
        answer, fresh = _named(hub, unit, wanted, by)
        return answer

    key = f"{by.name}/{by.key}" if by.key else ""
    answer, _new = once(unit, hub, wanted, key, OrderAnswer, work)
    return answer, fresh


def _named(hub: Hub, unit: HubUnit, wanted: OrderWanted, by: By) -> tuple[OrderAnswer, bool]:
    """Place the order unless its name is taken."""
    order_id = named.order_id(hub.ids, wanted.channel, wanted.external_id)
    if not wanted.external_id:
        return _place(hub, unit, wanted, by, order_id), True
    connection = unit.connection
    claimed = _CLAIM[connection.dialect.name].run(
        connection,
        channel=wanted.channel,
        external_id=wanted.external_id,
        order_id=order_id,
        version=wanted.version,
        digests=json.dumps(digests(wanted)),
        changed_us=hub.clock.now_us(),
    )
    if claimed == 1:
        return _place(hub, unit, wanted, by, order_id), True
    return _again(hub, unit, wanted, by)


def digests(wanted: OrderWanted) -> dict[str, str]:
    """Return a digest of each group of fields of which a newer version wins."""
    said = wanted.model_dump(mode="json")
    said["lines"] = [said["lines"], said["shipping_minor"], said["currency"]]
    said["note"] = [said["note"], said["gift"]]
    return {
        group: hashlib.sha256(json.dumps(said[group], sort_keys=True).encode()).hexdigest()[:16]
        for group in GROUPS
    }


def _place(  # noqa: PLR0917 - the order, its name, and what pays for it beside money
    hub: Hub, unit: HubUnit, wanted: OrderWanted, by: By, order_id: str, credit: Credit | None = None
) -> OrderAnswer:
    connection, now_us = unit.connection, hub.clock.now_us()
    if wanted.currency != hub.settings.currency:
        raise Invalid(
            _("This hub's currency is {code}.", code=hub.settings.currency),
            _("Send prices in that."),
            code="wrong_currency",
        )
    promise = promised(hub, connection, wanted.promise)
    must_exist(connection, promise)
    known = known_of(KNOWN.run(connection, [line.sku for line in wanted.lines]))
    lines, priced = priced_lines(wanted.lines, known, wanted.shipping_minor)
    if not any(line.kind is LineKind.GOODS for line in lines):
        raise Invalid(_("Nothing of this can be fulfilled."), _("Order goods with it."), code="no_goods")
    swapped = min(credit.amount_minor, priced.total_minor) if credit is not None else 0
    _must_be_payable(wanted, promise, priced.total_minor, swapped)
    contact_id = _contact(connection, hub.ids.new_id(), wanted.customer, now_us)
    body = OrderPlaced(
        order_id=order_id,
        number=named.number(connection, order_id),
        channel=wanted.channel,
        external_id=wanted.external_id,
        currency=wanted.currency,
        lines=lines,
        total_minor=priced.total_minor,
        tax_minor=priced.tax_minor,
        promise=promise,
        contact_id=contact_id,
        pickup_code=(
            named.pickup_code(connection, hub.ids, order_id) if promise.kind is FulfilKind.COLLECT else ""
        ),
        note=wanted.note,
        gift=wanted.gift,
        reservation_id=wanted.reservation_id,
    )
    work = hub.spine.work(unit)
    told: dict[str, Any] = {
        PAID: _paid(hub, wanted, body),
        ON_CARD: _token(wanted),
        MUST_TAKE: wanted.sold_already,
    }
    if wanted.payment is not None:
        told[PAYER] = wanted.payment.payer
    if wanted.ordered_at is not None:
        told[ORDERED_US] = to_us(wanted.ordered_at)
    if credit is not None and swapped:
        told[EXCHANGED] = _swapped(hub, work, body, credit.exchange_id, swapped)
    applied = record(work, body, by=by.name, results=told)
    verdict: Verdict = applied.results[VERDICT]
    if verdict.refused is not None and not wanted.sold_already:
        raise refusal_of(verdict.refused)
    decided = applied.results.get(DECIDED)
    if isinstance(decided, OrderUnroutable) and not wanted.sold_already:
        raise refusal(decided)
    answer = _answer(work, applied, wanted.version)
    hub.finish(work)
    return answer


def _paid(hub: Hub, wanted: OrderWanted, body: OrderPlaced) -> OrderPaidOnline | PaymentAuthorised | None:
    """Return the money that came with an order, as it is recorded: captured, or promised."""
    payment = wanted.payment
    if payment is None or payment.taken == "token":
        return None
    said = {name: getattr(payment, name) for name in ("gateway", "reference", "amount_minor")}
    said |= {"order_id": body.order_id, "number": body.number, "currency": wanted.currency}
    if payment.taken == "authorised":
        return PaymentAuthorised(auth_id=hub.ids.new_id(), **said)
    return OrderPaidOnline(payment_id=hub.ids.new_id(), marketplace=payment.marketplace, **said)


def _swapped(hub: Hub, work: Work, body: OrderPlaced, exchange_id: str, minor: int) -> OrderPaid:
    """Return what goods that come back pay, as it is recorded: a tender that names its exchange."""
    return OrderPaid(
        business_date=work.room(Places).of(HUB_EDGE).calendar_date(hub.clock.now_us()),
        currency=body.currency,
        payment_id=hub.ids.new_id(),
        order_id=body.order_id,
        number=body.number,
        tenders=(Tender(kind=TenderKind.EXCHANGE, amount_minor=minor, reference=exchange_id),),
        amount_minor=minor,
    )


def _token(wanted: OrderWanted) -> CardToken | None:
    payment = wanted.payment
    if payment is None or payment.taken != "token":
        return None
    return CardToken(payment.gateway, payment.reference, payment.amount_minor, wanted.currency)


def _must_be_payable(wanted: OrderWanted, promise: Promise, total_minor: int, swapped_minor: int) -> None:
    paid = swapped_minor + (wanted.payment.amount_minor if wanted.payment else 0)
    if paid > total_minor:
        raise Invalid(
            _("More was paid than the order costs."),
            _("Correct the payment or the prices."),
            code="overpaid",
            total_minor=total_minor,
            paid_minor=paid,
        )
    if promise.kind is not FulfilKind.SHIP:
        return
    if paid < total_minor:
        raise Refused(
            _("An order that is shipped must be paid first."),
            _("Capture the whole amount, then send it again."),
            code="unpaid",
            total_minor=total_minor,
            paid_minor=paid,
        )
    if wanted.customer is None or not wanted.customer.address.line1:
        raise Invalid(
            _("An order that is shipped needs an address."),
            _("Send the customer with it."),
            code="no_address",
        )


def refusal(decided: OrderUnroutable) -> Refused:
    """Return the refusal of an order that nobody can fulfil, with the reasons."""
    kind = OutOfRights if any(row.code in STOCK_CODES for row in decided.ruled_out) else Refused
    return kind(
        decided.sentence,
        _("Offer fewer, another location or a later day; or say that it is sold already."),
        code="out_of_rights" if kind is OutOfRights else "unroutable",
        reasons=[row.model_dump() for row in decided.ruled_out[:REASONS]],
    )


def _contact(connection: Connection, new_id: str, customer: CustomerWanted | None, now_us: int) -> str:
    if customer is None:
        return ""
    contacts.put(connection, contact_of(customer, new_id), origin=contacts.HUB_ORIGIN, now_us=now_us)
    return new_id


def contact_of(customer: CustomerWanted, contact_id: str) -> Contact:
    """Return a contact as it is kept."""
    return Contact(contact_id=contact_id, **customer.model_dump())


def _answer(work: Work, applied: Applied, version: int) -> OrderAnswer:
    body: OrderPlaced = applied.body
    decided: OrderRouted | OrderUnroutable | OrderWaits | None = applied.results.get(DECIDED)
    routed = decided if isinstance(decided, OrderRouted) else None
    parts = [
        Holding(
            part.assignment_id,
            part.location,
            own=False,
            units={line.line_no: line.quantity for line in part.lines},
        )
        for part in (routed.parts if routed else ())
    ]
    if applied.results.get("earlier"):
        parts = held(work, body.order_id).open_holdings
    stop = blocking(work, body.order_id, Blocked.ROUTE) if decided is None else None
    sentence = decided.sentence if decided else reason_says(stop) if stop else ""
    return reads.answer(work, body.order_id, version=version, parts=parts, sentence=sentence)


def _again(hub: Hub, unit: HubUnit, wanted: OrderWanted, by: By) -> tuple[OrderAnswer, bool]:
    """Answer what is known of an order that was named before, after taking in what is newer."""
    connection = unit.connection
    row = connection.execute(
        sa.select(captured)
        .where(captured.c.channel == wanted.channel, captured.c.external_id == wanted.external_id)
        .with_for_update()
    ).one()
    before: Mapping[str, str] = json.loads(row.digests)
    now = digests(wanted)
    differs = [group for group in GROUPS if before[group] != now[group]]
    if differs and wanted.version == row.version:
        raise Conflict(
            _("This order was sent before with other content, so nothing was done."),
            _("Send a change with a newer version."),
            code="identity_reused",
            channel=wanted.channel,
            external_id=wanted.external_id,
            differs=differs,
        )
    if differs and wanted.version < row.version:
        raise StaleVersion(
            _("A newer version of this order is known, so nothing was done."),
            _("Nothing is left to do; look the order up."),
            code="older_version",
            version=row.version,
            sent=wanted.version,
        )
    if wanted.version > row.version:
        _take_newer(hub, unit, row.order_id, wanted, Newer(by.name, tuple(differs)))
        connection.execute(
            sa.update(captured)
            .where(captured.c.channel == wanted.channel, captured.c.external_id == wanted.external_id)
            .values(version=wanted.version, digests=json.dumps(now), changed_us=hub.clock.now_us())
        )
    return reads.answer(hub.spine.work(unit), row.order_id, version=max(row.version, wanted.version)), False


def _take_newer(hub: Hub, unit: HubUnit, order_id: str, wanted: OrderWanted, newer: Newer) -> None:
    differs = newer.differs
    work = hub.spine.work(unit)
    payment = wanted.payment if "payment" in differs else None
    if payment is not None and "lines" not in differs:
        changes.take_payment(work, order_id, payment, by=newer.by)
    promise = promised(hub, unit.connection, wanted.promise) if "promise" in differs else None
    if promise is not None:
        must_exist(unit.connection, promise)
    customer = wanted.customer if "customer" in differs else None
    note = wanted.note if "note" in differs else None
    reason = f"{wanted.channel} {wanted.version}"
    change = changes.Change(reason, newer.by, promise, customer, note)
    said = LinesWanted(reason, newer.by, whole=wanted.lines, payment=payment) if "lines" in differs else None
    if said is not None or not change.is_empty:
        lines.change(work, order_id, change, said)
    hub.finish(work)
