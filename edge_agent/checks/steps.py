"""Checking an order for later before it is taken, and putting it on hold where a rule says so.

The store decides with what it knows: its own orders, its own tills. What only the company knows the hub adds
when it checks the same order again; so nothing here ever waits for a line.
"""

from collections.abc import Sequence

from edge_agent.checks import rows
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.directives import arrived_us
from edge_agent.till.looks import calendar_date
from protocol.checks import CheckKind, CheckOutcome, CheckRules, OrderFacts
from protocol.customers import Contact, phone_digits
from protocol.errors import Refused
from protocol.fulfilment import FulfilKind, PromiseClass
from protocol.holds import HoldKind, HoldPlaced
from protocol.kit.hold_words import check_refusal
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.signin import CurrentPerson
from protocol.later import OrderPlaced
from protocol.orders import Tender
from protocol.payments import CardTold
from protocol.rules.checks import AT_STORE, Finding, Verdict, customer_keys, evaluate, in_force

_KINDS = {
    CheckKind.OFFLINE_PAYMENT: HoldKind.PAYMENT,
    CheckKind.FRAUD: HoldKind.FRAUD,
    CheckKind.CUSTOMER: HoldKind.CUSTOMER,
}


def take_rules(unit: EdgeUnit, edge: Edge, body: CheckRules) -> None:
    """Take the rules of the hub over."""
    rows.put(unit, body, arrived_us(unit, edge))


def check(
    unit: EdgeUnit, edge: Edge, body: OrderPlaced, contact: Contact, tenders: Sequence[Tender]
) -> Verdict:
    """Return what the rules say of an order that is about to be taken, with what is paid for it now.

    Raises:
        Refused: `check_refused`, with the rule and the facts that were used; nothing was done.
    """
    known = rows.here(unit.connection, contact, edge.clock.now_us())
    more = {
        "ships": body.promise.kind is FulfilKind.SHIP,
        "same_hour": body.promise.promise_class is PromiseClass.SAME_HOUR,
        "customer": customer_keys(contact.email, phone_digits(contact.phone)),
        "proxy": bool(contact.collector),
        "orders_24h": known.orders_24h + 1,
        "open_orders": known.open_orders,
    }
    facts = _facts(unit, edge, body.channel, body.total_minor, tenders).model_copy(update=more)
    return _passed(evaluate(rows.current(unit.connection), facts, AT_STORE))


def check_payment(unit: EdgeUnit, edge: Edge, tenders: Sequence[Tender], channel: str = "counter") -> Verdict:
    """Return what the rules say of money that is taken without its bank.

    Raises:
        Refused: `check_refused`; nothing was done.
    """
    if not any(tender.offline for tender in tenders):
        return Verdict(CheckOutcome.PASS)
    total = sum(tender.amount_minor for tender in tenders)
    facts = _facts(unit, edge, channel, total, tenders)
    return _passed(evaluate(rows.current(unit.connection), facts, [CheckKind.OFFLINE_PAYMENT]))


def check_sale(unit: EdgeUnit, edge: Edge, tenders: Sequence[Tender]) -> None:
    """Refuse a sale whose payment does not pass: its goods leave at once, so nothing can be held.

    Raises:
        Refused: `check_refused`; nothing was done.
    """
    verdict = check_payment(unit, edge, tenders, "pos")
    if verdict.findings:
        raise _refusal(verdict.findings[0])


def take_card(unit: EdgeUnit, edge: Edge, body: CardTold) -> None:
    """Take in what the bank said of a card that was taken here without it."""
    rows.take_card(unit, body, arrived_us(unit, edge))
    unit.after_commit(lambda: edge.broadcaster.publish("till"))


def exposure_says(connection: Connection, edge: Edge, *, always: bool = True) -> str:
    """Return how much is open without the bank here, and how much may be, for whoever takes a card.

    `always`: also where nothing is open and nothing was declined; else nothing is said then.
    """
    now = rows.exposure(connection)
    if not always and not (now.pending_minor or now.declined_minor):
        return ""
    facts = OrderFacts(channel="counter", day=calendar_date(edge))
    found = in_force(rows.current(connection), facts)
    rule = next((each for each in found if each.kind is CheckKind.OFFLINE_PAYMENT), None)
    currency = edge.settings.currency
    said = [_("Open without the bank here: {amount}.", amount=money(now.pending_minor, currency))]
    if now.declined_minor:
        declined = money(now.declined_minor, currency)
        said.append(_("The bank declined {amount} later; finance asks those customers.", amount=declined))
    if rule is not None and rule.exposure_minor is not None:
        said.append(_("All together at most {amount}.", amount=money(rule.exposure_minor, currency)))
    if rule is not None and rule.cap_minor is not None:
        said.append(_("One payment at most {amount}.", amount=money(rule.cap_minor, currency)))
    return " ".join(said)


def _facts(
    unit: EdgeUnit, edge: Edge, channel: str, total_minor: int, tenders: Sequence[Tender]
) -> OrderFacts:
    return OrderFacts(
        channel=channel,
        day=calendar_date(edge),
        currency=edge.settings.currency,
        total_minor=total_minor,
        at_us=edge.clock.now_us(),
        offline_minor=sum(tender.amount_minor for tender in tenders if tender.offline),
        exposure_minor=rows.exposure(unit.connection).pending_minor,
    )


def _passed(verdict: Verdict) -> Verdict:
    if verdict.refused is not None:
        raise _refusal(verdict.refused)
    return verdict


def _refusal(found: Finding) -> Refused:
    remedy = _("Nothing was done. Take another tender, or ask operations if the customer wants to know why.")
    return check_refusal(found, remedy)


def hold(unit: EdgeUnit, edge: Edge, order: tuple[str, str], verdict: Verdict, person: CurrentPerson) -> None:
    """Put an order that was just taken, or paid, on hold for everything that did not pass.

    `order` is its id and its number.
    """
    version = rows.current(unit.connection).version if verdict.findings else 0
    for finding in verdict.findings:
        placed = HoldPlaced(
            hold_id=edge.ids.new_id(),
            order_id=order[0],
            number=order[1],
            kind=_KINDS[finding.rule.kind],
            reason=finding.reason,
            code=finding.code,
            blocks=finding.rule.blocks,
            may=finding.rule.may,
            until_us=finding.until_us(edge.clock.now_us()),
            then=finding.rule.then,
            rule=finding.rule.rule_id,
            rules_version=version,
            facts=finding.facts,
        )
        edge.journal.record(unit, placed, by=person.person_id, device=person.device)
