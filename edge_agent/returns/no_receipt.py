"""Take something back that nobody can show was bought here: at its lowest price, for store credit.

There is no order, so the return names itself as one. It is worth the lowest price at which this store sold
the article in ninety days, never more than it costs today; tax is today's. The policy says how much and how
often.
"""

from dataclasses import dataclass
from datetime import date

from pydantic import Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.once import Asked, Key, once
from edge_agent.returns import policy, rows, rules, steps
from edge_agent.returns.allowing import allowed
from edge_agent.returns.policy import LOOKED_BACK_US, Judged
from edge_agent.stored_value.steps import new_number
from edge_agent.till.looks import calendar_date
from protocol.catalog import Product
from protocol.errors import Invalid, NotFound, Refused
from protocol.events import ReturnCompleted
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import Code, LineKind, Quantity, ReturnLine, Tender, TenderKind
from protocol.returns import Condition, DecidedLine, Proof, ReturnDecision
from protocol.rules.policy import BackFacts, SoldFacts, decide
from protocol.rules.tax import tax_inclusive

_LOWEST = (
    "SELECT min(l.gross_minor / l.quantity) FROM order_lines l JOIN orders o USING (order_id)"
    " WHERE l.sku = ? AND o.at_us >= ? AND o.state <> 'voided'"
)


class BringUnknown(steps.Command):
    """Units of one article that somebody brings without proof."""

    sku: Code
    quantity: Quantity = 1
    reason: Code = "changed_mind"
    condition: Code = Condition.NEW.value
    to_bucket: str = Field(default="returns", max_length=40)
    customer_id: str = Field(default="", max_length=64)
    id_checked: bool = False
    """Somebody looked at an identity card; what stands on it is kept nowhere."""


class ReturnUnknown(BringUnknown):
    """Take it back."""

    key: Key
    till: Code | None = None
    approval: steps.Token | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """What such a return would do, and what the policy says of it; nothing was changed."""

    product: Product
    plan: rules.Plan
    judged: Judged


def lowest_price(connection: Connection, edge: Edge, product: Product) -> int:
    """Return what one unit is worth without proof, in minor units."""
    since = edge.clock.now_us() - LOOKED_BACK_US
    found = connection.execute(_LOWEST, (product.sku, since)).fetchone()[0]
    return product.price_minor if found is None else min(int(found), product.price_minor)


def look(connection: Connection, edge: Edge, wanted: BringUnknown, *, person: CurrentPerson) -> Unknown:
    """Return what taking something back without proof would do.

    Raises:
        NotFound: `unknown_sku`.
        Invalid: a word is none of the policy's, or the article is no goods.
    """
    product = edge.products.find(connection, wanted.sku)
    if product is None:
        raise NotFound(
            _("No article has the code {code}.", code=wanted.sku[:40]),
            _("Scan it again, or type its number."),
            code="unknown_sku",
        )
    if product.kind is not LineKind.GOODS:
        raise Invalid(
            _("{name} is no goods that could come back.", name=product.name),
            _("Take back goods only."),
            code="no_goods",
        )
    gross = wanted.quantity * lowest_price(connection, edge, product)
    line = ReturnLine(
        line_no=1,
        sku=product.sku,
        name=product.name,
        quantity=wanted.quantity,
        gross_minor=gross,
        tax_minor=tax_inclusive(gross, product.rate_ppm),
        reason=wanted.reason,
        to_bucket=rules.bucket_of(wanted.reason, wanted.to_bucket),
        rate_ppm=product.rate_ppm,
    )
    credit = (Tender(kind=TenderKind.STORE_CREDIT, amount_minor=gross),) if gross else ()
    plan = rules.Plan((line,), credit, gross, line.tax_minor)
    return Unknown(product, plan, _judged(connection, edge, wanted, product, gross, person))


def _judged(
    connection: Connection,
    edge: Edge,
    wanted: BringUnknown,
    product: Product,
    gross: int,
    _person: CurrentPerson,
) -> Judged:
    counts = policy.current(connection)
    since = edge.clock.now_us() - LOOKED_BACK_US
    often, unproven = rows.customer_history(connection, wanted.customer_id, since)
    today = date.fromisoformat(calendar_date(edge))
    condition = policy.known_word(Condition, wanted.condition)
    found = decide(
        counts,
        SoldFacts(sku=product.sku, category=product.category, start=today),
        BackFacts(
            today=today,
            condition=condition,
            reason=wanted.reason,
            proof=Proof.NONE,
            amount_minor=gross,
            customer_returns_90d=often,
            no_receipt_returns_90d=unproven,
        ),
    )
    line = DecidedLine(
        line_no=1,
        outcome=found.outcome,
        codes=found.codes,
        category=product.category,
        condition=condition,
        start=today.isoformat(),
    )
    record = ReturnDecision(
        policy_version=counts.version,
        outcome=found.outcome,
        proof=Proof.NONE,
        customer_id=wanted.customer_id,
        id_checked=wanted.id_checked,
        customer_returns_90d=often,
        no_receipt_returns_90d=unproven,
        lines=(line,),
    )
    return Judged(counts, {1: found}, record, ())


def take_back(
    unit: EdgeUnit, edge: Edge, command: ReturnUnknown, *, person: CurrentPerson
) -> tuple[steps.Returned, bool]:
    """Take something back without proof, for store credit; return what was done and whether it is new.

    Raises:
        NotFound: `unknown_sku`.
        Refused: `till_closed`, `outside_policy`, `worth_nothing`; `id_needed`, nobody looked at an identity
            card.
        NotPermitted: `needs_approval`.
    """

    def work() -> steps.Returned:
        found = look(unit.connection, edge, command, person=person)
        _check(found, command)
        at_till = person.device if person.device in edge.settings.tills else edge.settings.tills[0]
        session = steps.selling(unit.connection, edge, command.till or at_till)
        approval, decision = allowed(unit, edge, found.plan, found.judged, command.approval, person=person)
        return_id, number = edge.ids.new_id(), edge.number(unit, "R")
        credit = Tender(
            kind=TenderKind.STORE_CREDIT,
            amount_minor=found.plan.total_minor,
            reference=new_number(unit, edge, TenderKind.STORE_CREDIT),
        )
        body = ReturnCompleted(
            session_id=session.session_id,
            till=session.till,
            business_date=session.business_date,
            currency=session.currency,
            return_id=return_id,
            number=number,
            order_id=return_id,
            order_number=number,
            lines=found.plan.lines,
            refunds=(credit,),
            total_minor=found.plan.total_minor,
            tax_minor=found.plan.tax_minor,
            approvals=(approval,) if approval else (),
            decision=decision,
        )
        return steps.recorded(unit, edge, body, person, state="returned")

    return once(unit, edge, Asked(to="no-receipt", command=command), command.key, steps.Returned, work)


def _check(found: Unknown, command: ReturnUnknown) -> None:
    if found.judged.policy.no_receipt.id_required and not command.id_checked:
        raise Refused(
            _("Without proof of purchase somebody looks at an identity card first."),
            _("Look at it, say so here, and try again; nothing of it is kept."),
            code="id_needed",
        )
    if not found.plan.total_minor:
        raise Refused(
            _("{name} is worth nothing today.", name=found.product.name),
            _("Without proof of purchase nothing goes back for it."),
            code="worth_nothing",
        )
