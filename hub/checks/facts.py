"""What the hub knows of an order when it is checked: of itself, its money, its customer's past, its taxes.

Only what the rules in force ask for is looked up. A customer is whoever has the same mail address or
telephone number, since every order brings a contact of its own.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.capture.pricing import KNOWN, known_of
from hub.capture.stages import EXCHANGED, PAID, PAYER
from hub.capture.wanted import PayerWanted
from hub.checks.rows import check_outcomes
from hub.customers.rows import contacts
from hub.customers.rows import find as find_contact
from hub.database import Lookup
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
_BY_HAND: Final = (
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
    .cte("past")
)
_THEIRS: Final = sa.select(_BY_HAND.c.order_id)


def _is_one_of(states: frozenset[OrderState]) -> sa.ColumnElement[bool]:
    """Return the condition on a state, written out: an `IN` would be written out again for every order."""
    return sa.or_(*[_BY_HAND.c.state == state.value for state in sorted(states)])


def _count(*conditions: sa.ColumnElement[bool]) -> sa.Function[int]:
    return sa.func.count().filter(*conditions)  # type: ignore[return-value]  # a function with a filter


_PAST_OF: Final = Lookup(
    sa.select(
        _count(_BY_HAND.c.at_us > sa.bindparam("day_us")).label("orders_24h"),
        _count(~_is_one_of(_OVER)).label("open_orders"),
        _count(_is_one_of(_WITH_CUSTOMER)).label("reached"),
        sa.select(sa.func.count(sa.distinct(check_outcomes.c.card)))
        .where(
            check_outcomes.c.order_id.in_(_THEIRS),
            check_outcomes.c.at_us >= sa.bindparam("month_us"),
            check_outcomes.c.card != "",
            check_outcomes.c.card != sa.bindparam("card"),
        )
        .scalar_subquery()
        .label("other_cards_30d"),
        sa.select(sa.func.count())
        .where(money_moves.c.order_id.in_(_THEIRS), money_moves.c.what == "chargeback_received")
        .scalar_subquery()
        .label("chargebacks"),
        sa.select(sa.func.count())
        .where(returns.c.order_id.in_(_THEIRS), returns.c.at_us >= sa.bindparam("quarter_us"))
        .scalar_subquery()
        .label("returns_90d"),
    ).select_from(_BY_HAND)
)
"""Everything that rules ask of a customer's past, in one statement: none of these orders is read out."""


class Past(NamedTuple):
    """The earlier orders of a customer, counted; what they paid with, disputed and brought back."""

    orders_24h: int = 0
    open_orders: int = 0
    reached: int = 0
    """Those that were handed over and stayed."""
    other_cards_30d: int = 0
    """Cards that they paid with, but for that of the order at hand."""
    chargebacks: int = 0
    returns_90d: int = 0


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
    paid, swapped = applied.results.get(PAID), applied.results.get(EXCHANGED)
    promised = paid if isinstance(paid, PaymentAuthorised) else None
    captured = sum(each.amount_minor for each in (paid, swapped) if each is not None and each is not promised)
    at_hub = applied.edge == HUB_EDGE
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
    card = payer.card if payer is not None else ""
    past = past_of(work.connection, contact, but=body.order_id, card=card, now_us=applied.at_us)
    found |= {
        "orders_24h": past.orders_24h + 1,
        "open_orders": past.open_orders,
        "known_customer": past.reached > 0,
    }
    rule = asked.get(CheckKind.FRAUD)
    signals = {each.signal for each in rule.signals} if rule is not None else set()
    if Signal.MANY_CARDS in signals:
        found["cards_30d"] = past.other_cards_30d + bool(card)
    if Signal.CHARGEBACKS in signals:
        found["chargebacks"] = past.chargebacks
    if Signal.REFUND_ABUSE in signals:
        found["refunds_90d"] = past.returns_90d
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


def past_of(connection: Connection, contact: Contact, *, but: str, card: str, now_us: int) -> Past:
    """Return the earlier orders of whoever has the same mail address or telephone number.

    `but` is the order at hand, and `card` what it was paid with.
    """
    email, digits = contact.email.lower(), phone_digits(contact.phone)
    if not (email or digits):
        return Past()
    query = {
        "email": email,
        "phone": digits,
        "but": but,
        "card": card,
        "day_us": now_us - DAY_US,
        "month_us": now_us - 30 * DAY_US,
        "quarter_us": now_us - 90 * DAY_US,
    }
    return Past(*_PAST_OF.all(connection, **query)[0])


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
