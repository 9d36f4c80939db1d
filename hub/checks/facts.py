"""What the hub knows of an order when it is checked: of itself, its money, its customer's past, its taxes.

Only what the rules in force ask for is looked up. A customer is whoever has the same mail address or
telephone number, since every order brings a contact of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.capture.pricing import KNOWN, known_of
from hub.capture.stages import PAID, PAYER
from hub.capture.wanted import PayerWanted
from hub.checks.rows import check_outcomes
from hub.customers.rows import contacts
from hub.customers.rows import find as find_contact
from hub.fleet.rows import locations
from hub.ledger.settlements.rows import money_moves
from hub.route import asking
from hub.route.rules.choice import Need, NoLocation
from hub.spine.entries import Entry
from hub.spine.later_rows import later_orders
from hub.spine.payment_rows import promises_of
from hub.spine.rows import orders, returns
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.checks import CheckKind, CheckRule, CheckRules, OrderFacts, Signal
from protocol.clock import DAY_US, from_us
from protocol.customers import Contact, phone_digits
from protocol.fulfilment import FulfilKind, Promise, PromiseClass
from protocol.later import LinesAdded, OrderPlaced
from protocol.lifecycles import OrderState
from protocol.money import round_ratio
from protocol.orders import LineKind, OrderLine
from protocol.payments import PaymentAuthorised
from protocol.rules.checks import customer_keys, in_force
from protocol.rules.tax import tax_document

PAST: Final = 500
"""Orders of one customer that are looked at, the newest: nobody's own hands place more."""
_OVER: Final = frozenset(
    {
        OrderState.HANDED_OVER,
        OrderState.COMPLETED,
        OrderState.PART_RETURNED,
        OrderState.RETURNED,
        OrderState.VOIDED,
        OrderState.CANCELLED,
    }
)
_WITH_CUSTOMER: Final = frozenset({OrderState.HANDED_OVER, OrderState.COMPLETED})
_IDS: Final[sa.BindParameter[Any]] = sa.bindparam("ids", expanding=True)
_PAST_OF: Final = (
    sa.select(orders.c.order_id, orders.c.at_us, orders.c.state)
    .join(later_orders, later_orders.c.order_id == orders.c.order_id)
    .join(contacts, contacts.c.contact_id == later_orders.c.contact_id)
    .where(
        ((contacts.c.email == sa.bindparam("email")) & (contacts.c.email != ""))
        | ((contacts.c.phone == sa.bindparam("phone")) & (contacts.c.phone != "")),
        orders.c.order_id != sa.bindparam("but"),
    )
    .order_by(orders.c.at_us.desc())
    .limit(PAST)
)
_CARDS_OF: Final = (
    sa.select(check_outcomes.c.card)
    .where(
        check_outcomes.c.order_id.in_(_IDS),
        check_outcomes.c.at_us >= sa.bindparam("since"),
        check_outcomes.c.card != "",
    )
    .distinct()
)
_CHARGEBACKS_OF: Final = (
    sa.select(sa.func.count())
    .select_from(money_moves)
    .where(money_moves.c.order_id.in_(_IDS), money_moves.c.what == "chargeback_received")
)
_RETURNS_OF: Final = (
    sa.select(sa.func.count())
    .select_from(returns)
    .where(returns.c.order_id.in_(_IDS), returns.c.at_us >= sa.bindparam("since"))
)


@dataclass(frozen=True, slots=True)
class Past:
    """The earlier orders of a customer."""

    ids: tuple[str, ...]
    orders_24h: int
    open_orders: int
    known: bool
    """Something reached them before, and stayed."""


def gather(work: Work, applied: Applied, rules: CheckRules) -> OrderFacts:
    """Return what is known of an order that was just placed, as far as the rules in force ask."""
    body: OrderPlaced = applied.body
    facts = _of_order(work, applied)
    asked = {rule.kind: rule for rule in in_force(rules, facts)}
    more: dict[str, Any] = {}
    contact = find_contact(work.connection, body.contact_id) if body.contact_id else None
    if contact is not None and not contact.erased:
        more |= _of_customer(work, applied, contact, asked)
    if CheckKind.TAX in asked:
        more |= _of_tax(work.connection, body.lines)
    if CheckKind.AVAILABILITY in asked and body.own is None:
        more |= _of_promise(work, body.order_id, body.contact_id, body.promise, body.lines)
    return facts.model_copy(update=more)


def of_money(work: Work, entry: Entry, kept: OrderFacts) -> OrderFacts:
    """Return what was known of an order with its money as it stands now: asked for, captured, promised."""
    assert entry.later is not None, "only an order for later waits for money"
    lines = [line for line in entry.record.lines if line.ordered]
    gone = sum(round_ratio(line.gross_minor * line.cancelled, line.ordered) for line in lines)
    total = max(0, sum(line.gross_minor for line in lines) - gone)
    now_us = work.clock.now_us()
    more = {"total_minor": total, "paid_minor": max(0, total - entry.later.due_minor(entry.record))}
    return kept.model_copy(update={**more, "at_us": now_us, **_promised(work, entry.record.order_id, now_us)})


def of_more(
    work: Work, entry: Entry, body: LinesAdded, money: OrderFacts, asked: set[CheckKind]
) -> OrderFacts:
    """Return what is known of lines that were ordered later: their tax, and whether anybody could keep them.

    `money` is the order with its money as it stands now; the tax in it is that of the new lines alone.
    """
    assert entry.later is not None, "lines are added to orders for later"
    more: dict[str, Any] = {"tax_minor": body.tax_minor, "tax_again_minor": None, "available": None}
    if CheckKind.TAX in asked:
        more |= _of_tax(work.connection, body.lines)
    if CheckKind.AVAILABILITY in asked:
        promise = Promise.model_validate_json(entry.later.promise)
        more |= _of_promise(work, body.order_id, entry.later.contact_id, promise, body.lines)
    return money.model_copy(update=more)


def _promised(work: Work, order_id: str, now_us: int) -> dict[str, int]:
    """Return what services promised and nobody has taken, and until when.

    What ran out counts where nothing else is promised, so that a hold can say so.
    """
    rows = [
        (row.amount_minor - row.captured_minor, row.expires_us)
        for row in promises_of(work.connection, order_id)
    ]
    good = [(left, until) for left, until in rows if not until or until >= now_us]
    until_us = [until for _left, until in good or rows if until]
    return {
        "authorised_minor": sum(left for left, _until in good or rows),
        "authorised_until_us": (min(until_us) if good else max(until_us)) if until_us else 0,
    }


def _of_order(work: Work, applied: Applied) -> OrderFacts:
    body: OrderPlaced = applied.body
    paid, at_hub = applied.results.get(PAID), applied.edge == HUB_EDGE
    promised = paid if isinstance(paid, PaymentAuthorised) else None
    captured = 0 if paid is None or promised is not None else paid.amount_minor
    day = from_us(applied.at_us).astimezone(ZoneInfo(work.terms.zone)).date()
    return OrderFacts(
        entity=work.terms.entity if at_hub else _entity(work, applied.edge),
        channel=body.channel,
        day=day.isoformat(),
        currency=body.currency,
        total_minor=body.total_minor,
        ships=body.promise.kind is FulfilKind.SHIP,
        same_hour=body.promise.promise_class is PromiseClass.SAME_HOUR,
        paid_minor=captured if at_hub else None,
        authorised_minor=promised.amount_minor if promised is not None else 0,
        authorised_until_us=promised.expires_us if promised is not None else 0,
        at_us=applied.at_us,
        tax_minor=body.tax_minor,
    )


def _entity(work: Work, location: str) -> str:
    found = work.connection.execute(
        sa.select(locations.c.entity).where(locations.c.location_id == location)
    ).scalar()
    return str(found or work.terms.entity)


def _of_customer(
    work: Work, applied: Applied, contact: Contact, asked: dict[CheckKind, CheckRule]
) -> dict[str, Any]:
    body: OrderPlaced = applied.body
    found: dict[str, Any] = {
        "customer": customer_keys(contact.email, phone_digits(contact.phone)),
        "proxy": bool(contact.collector),
    }
    payer: PayerWanted | None = applied.results.get(PAYER)
    if payer is not None:
        found |= _of_payer(payer, contact, ships=body.promise.kind is FulfilKind.SHIP)
    if not asked.keys() & {CheckKind.FRAUD, CheckKind.CUSTOMER}:
        return found
    past = past_of(work.connection, contact, body.order_id, applied.at_us)
    found |= {
        "orders_24h": past.orders_24h + 1,
        "open_orders": past.open_orders,
        "known_customer": past.known,
    }
    rule = asked.get(CheckKind.FRAUD)
    signals = {each.signal for each in rule.signals} if rule is not None else set()
    if Signal.MANY_CARDS in signals:
        found["cards_30d"] = _cards(work.connection, past, payer, applied.at_us - 30 * DAY_US)
    if Signal.CHARGEBACKS in signals:
        found["chargebacks"] = _chargebacks(work.connection, past)
    if Signal.REFUND_ABUSE in signals:
        found["refunds_90d"] = _returns(work.connection, past, applied.at_us - 90 * DAY_US)
    return found


def _of_payer(payer: PayerWanted, contact: Contact, *, ships: bool) -> dict[str, Any]:
    """Compare who pays with who gets it; what is not said differs from nothing."""
    name, last = payer.name.casefold().split(), contact.last_name.casefold()
    found: dict[str, Any] = {}
    if name and last:
        found["payer_differs"] = last not in name
    if ships and payer.postcode and contact.address.postcode:
        same_country = payer.country in ("", contact.address.country)
        found["address_differs"] = not (
            same_country and _bare(payer.postcode) == _bare(contact.address.postcode)
        )
    return found


def _bare(postcode: str) -> str:
    return "".join(postcode.split()).casefold()


def past_of(connection: Connection, contact: Contact, but: str, now_us: int) -> Past:
    """Return the earlier orders of whoever has the same mail address or telephone number."""
    email, digits = contact.email.lower(), phone_digits(contact.phone)
    if not (email or digits):
        return Past((), 0, 0, known=False)
    found = connection.execute(_PAST_OF, {"email": email, "phone": digits, "but": but}).all()
    return Past(
        ids=tuple(row.order_id for row in found),
        orders_24h=sum(now_us - row.at_us < DAY_US for row in found),
        open_orders=sum(row.state not in _OVER for row in found),
        known=any(row.state in _WITH_CUSTOMER for row in found),
    )


def _cards(connection: Connection, past: Past, payer: PayerWanted | None, since_us: int) -> int:
    query = {"ids": past.ids, "since": since_us}
    found = connection.execute(_CARDS_OF, query).scalars() if past.ids else ()
    now = {payer.card} if payer is not None and payer.card else set()
    return len({*found, *now})


def _chargebacks(connection: Connection, past: Past) -> int:
    return connection.execute(_CHARGEBACKS_OF, {"ids": past.ids}).scalar_one() if past.ids else 0


def _returns(connection: Connection, past: Past, since_us: int) -> int:
    if not past.ids:
        return 0
    return connection.execute(_RETURNS_OF, {"ids": past.ids, "since": since_us}).scalar_one()


def _of_tax(connection: Connection, lines: Sequence[OrderLine]) -> dict[str, Any]:
    """Work the tax out again by the catalogue's rates; an item that nobody knows keeps its own."""
    known = known_of(KNOWN.run(connection, [line.sku for line in lines]))
    rates = [known[line.sku].rate_ppm if line.sku in known else line.rate_ppm for line in lines]
    again = tax_document([(line.gross_minor, rate) for line, rate in zip(lines, rates, strict=True)])
    other = [line.sku for line, rate in zip(lines, rates, strict=True) if line.rate_ppm != rate]
    return {"tax_again_minor": sum(again), "other_rates": tuple(dict.fromkeys(other))[:20]}


def _of_promise(
    work: Work, order_id: str, contact_id: str, promise: Promise, lines: Sequence[OrderLine]
) -> dict[str, Any]:
    """Ask the promise function what it would answer now; nothing is set aside."""
    goods = [line for line in lines if line.kind is LineKind.GOODS]
    needs = [Need(line.line_no, line.sku, line.quantity) for line in goods]
    terms, memory = work.terms.promising, work.unit.memory
    about = asking.about_of(
        work.connection,
        terms,
        contact_id=contact_id,
        seller=work.terms.entity,
        value_minor=sum(line.gross_minor for line in goods),
        memory=memory,
    )
    ask = asking.ask_of(order_id, promise, needs, work.clock.now_us())
    found = asking.answer(asking.asked(work.connection, ask, terms, about, memory)) if needs else None
    if isinstance(found, NoLocation):
        return {"available": False, "why_not": found.sentence[:300]}
    return {"available": True}
