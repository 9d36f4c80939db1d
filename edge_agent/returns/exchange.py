"""Exchange: what comes back pays for what is in the basket, both in one unit of work.

Two facts are recorded, a return and a sale, which name one exchange as their tender; so each stands for
itself in stock, tax and books, and between them the clearing account ends at zero. Both happen or none.
"""

from pydantic import BaseModel, Field

from edge_agent.context import Edge
from edge_agent.counter.rows import BasketRow
from edge_agent.counter.rules.basket import Basket
from edge_agent.counter.steps import basket as baskets
from edge_agent.counter.steps.sale import Sold, TenderGiven, complete
from edge_agent.database import EdgeUnit
from edge_agent.once import Asked, once
from edge_agent.returns import rows, rules, steps
from edge_agent.returns.steps import Look, Returned, ReturnUnits
from protocol.errors import Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import BASKET, BasketEvent, BasketState
from protocol.orders import Code, Tender, TenderKind
from protocol.returns import Refund
from protocol.rules.exchange import Exchange, exchange


class ExchangeUnits(ReturnUnits):
    """Take units back for what is in a basket. `tenders` pay what the return does not."""

    basket_id: Code
    version: int = Field(ge=0)
    tenders: tuple[TenderGiven, ...] = Field(default=(), max_length=20)


class Exchanged(BaseModel):
    """An exchange that is done."""

    exchange_id: str
    exchanged_minor: int
    returned: Returned
    sold: Sold


def settled(found: Look, new_minor: int) -> Exchange:
    """Return how a return and a basket settle."""
    return exchange(found.plan.total_minor, new_minor, found.plan.fee_minor)


def exchange_units(
    unit: EdgeUnit, edge: Edge, number: str, command: ExchangeUnits, *, person: CurrentPerson
) -> tuple[Exchanged, bool]:
    """Take units back and sell a basket for them; return what was done and whether it is new.

    Raises:
        NotFound: `unknown_order` or `unknown_basket`.
        Refused: as for a return and as for a sale; `no_exchange`, the policy gives store credit only.
        NotPermitted: `needs_approval`.
        StaleVersion: the basket has changed since.
    """

    def work() -> Exchanged:
        connection = unit.connection
        order = steps.require_order(connection, edge, number)
        found = steps.look(connection, edge, order, command.lines, command.terms, person=person)
        require_exchange(found)
        row, basket = baskets.to_be_paid(unit, edge, command.basket_id, command.version, person)
        how = settled(found, baskets.view(edge, row).total_minor)
        exchange_id = edge.ids.new_id()
        swapped = Tender(kind=TenderKind.EXCHANGE, amount_minor=how.exchanged_minor, reference=exchange_id)
        plan = with_exchange(connection, edge, order, found, swapped, how)
        session = steps.selling(connection, edge, steps.till_for(edge, command.till, person, order))
        back = steps.take_back(
            unit, edge, order, Look(plan, found.judged), session, command.approval, person=person
        )
        sold = _sell(unit, edge, (row, basket), session.till, command, swapped, person)
        return Exchanged(
            exchange_id=exchange_id, exchanged_minor=how.exchanged_minor, returned=back, sold=sold
        )

    asked = Asked(to=f"exchange:{number}", command=command)
    return once(unit, edge, asked, command.key, Exchanged, work)


def require_exchange(found: Look) -> None:
    """Refuse an exchange for what the policy gives store credit only.

    Raises:
        Refused: `no_exchange`.
    """
    ways = {Refund.EXCHANGE, Refund.ORIGINAL_TENDER}
    if any(not ways & set(decision.refund) for decision in found.judged.by_line.values()):
        raise Refused(
            _("Without proof of purchase it comes back for store credit only."),
            _("Give the store credit, then sell the other goods for it."),
            code="no_exchange",
        )


def with_exchange(  # noqa: PLR0917 - a plan, and what is exchanged of it
    connection: Connection,
    edge: Edge,
    order: rows.SoldOrder,
    found: Look,
    swapped: Tender,
    how: Exchange,
) -> rules.Plan:
    """Return the plan of a return whose money pays for something else; the rest goes to the customer."""
    credit = any(tender.kind is TenderKind.STORE_CREDIT for tender in found.plan.refunds)
    rest: tuple[Tender, ...] = ()
    if how.rest_minor and credit:
        rest = (Tender(kind=TenderKind.STORE_CREDIT, amount_minor=how.rest_minor),)
    elif how.rest_minor:
        tenders = rows.tenders_left(connection, order.order_id)
        rest = rules.split_over(
            tenders,
            how.rest_minor,
            cash_step_minor=edge.settings.cash_step_minor,
            first=found.judged.policy.refund_first,
        )
    exchanged = (swapped,) if swapped.amount_minor else ()
    return rules.with_refunds(found.plan, (*exchanged, *rest))


def _sell(  # noqa: PLR0917 - a basket, and what pays for it
    unit: EdgeUnit,
    edge: Edge,
    open_basket: tuple[BasketRow, Basket],
    till: str,
    command: ExchangeUnits,
    swapped: Tender,
    person: CurrentPerson,
) -> Sold:
    row, basket = open_basket
    sold = complete(
        unit,
        edge,
        basket.draft(),
        till=till,
        tenders=command.tenders,
        tokens=(),
        customer_id=basket.customer_id,
        person=person,
        exchanged=swapped if swapped.amount_minor else None,
    )
    baskets.move(unit, edge, row, BASKET.next_state(BasketState(row.state), BasketEvent.PAID))
    return sold
