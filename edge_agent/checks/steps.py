"""Checking an order for later before it is taken, and putting it on hold where a rule says so.

The store decides with what it knows: its own orders, its own tills. What only the company knows the hub adds
when it checks the same order again; so nothing here ever waits for a line.
"""

from edge_agent.checks import rows
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.directives import arrived_us
from edge_agent.till.looks import calendar_date
from protocol.checks import CheckKind, CheckRules, OrderFacts
from protocol.customers import Contact, phone_digits
from protocol.errors import Refused
from protocol.fulfilment import FulfilKind, PromiseClass
from protocol.holds import HoldKind, HoldPlaced
from protocol.kit.hold_words import code_says
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.later import OrderPlaced
from protocol.rules.checks import AT_STORE, Verdict, customer_keys, evaluate

_KINDS = {
    CheckKind.OFFLINE_PAYMENT: HoldKind.PAYMENT,
    CheckKind.FRAUD: HoldKind.FRAUD,
    CheckKind.CUSTOMER: HoldKind.CUSTOMER,
}


def take_rules(unit: EdgeUnit, edge: Edge, body: CheckRules) -> None:
    """Take the rules of the hub over."""
    rows.put(unit, body, arrived_us(unit, edge))


def check(unit: EdgeUnit, edge: Edge, body: OrderPlaced, contact: Contact) -> Verdict:
    """Return what the rules say of an order that is about to be taken.

    Raises:
        Refused: `check_refused`, with the rule and the facts that were used; nothing was done.
    """
    known = rows.here(unit.connection, contact, edge.clock.now_us())
    facts = OrderFacts(
        channel=body.channel,
        day=calendar_date(edge),
        currency=body.currency,
        total_minor=body.total_minor,
        ships=body.promise.kind is FulfilKind.SHIP,
        same_hour=body.promise.promise_class is PromiseClass.SAME_HOUR,
        at_us=edge.clock.now_us(),
        customer=customer_keys(contact.email, phone_digits(contact.phone)),
        proxy=bool(contact.collector),
        orders_24h=known.orders_24h + 1,
        open_orders=known.open_orders,
    )
    verdict = evaluate(rows.current(unit.connection), facts, AT_STORE)
    found = verdict.refused
    if found is None:
        return verdict
    raise Refused(
        code_says(found.code) or found.reason,
        _("The order is not taken, and nothing was done. Ask operations if the customer wants to know why."),
        code="check_refused",
        check=found.rule.kind.value,
        rule=found.rule.rule_id,
        why=found.code,
    )


def hold(unit: EdgeUnit, edge: Edge, body: OrderPlaced, verdict: Verdict, person: CurrentPerson) -> None:
    """Put an order that was just taken on hold for everything that did not pass."""
    version = rows.current(unit.connection).version if verdict.findings else 0
    for finding in verdict.findings:
        placed = HoldPlaced(
            hold_id=edge.ids.new_id(),
            order_id=body.order_id,
            number=body.number,
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
