"""Say how the customer wants to get what is in a basket: a change of the basket like any other.

Nothing is promised by it. It stays with the basket when that is parked, so what was agreed on a handheld
beside the shelf is still there at the till that takes the money.
"""

from edge_agent.context import Edge
from edge_agent.counter.rows import BasketRow
from edge_agent.counter.rules.basket import Basket, ForLater
from edge_agent.counter.steps import basket as steps
from edge_agent.counter.steps.basket_models import BasketView, view
from edge_agent.database import EdgeUnit
from edge_agent.later.models import ContactWanted
from edge_agent.later.steps import people
from protocol.kit.web.signin import CurrentPerson


def plan_later(
    unit: EdgeUnit,
    edge: Edge,
    basket_id: str,
    version: int,
    chosen: ForLater | None,
    *,
    person: CurrentPerson,
) -> BasketView:
    """Keep what was said with the basket; None forgets it.

    Raises:
        StaleVersion: the basket has changed since.
    """
    row, basket = steps.current(unit, edge, basket_id, version, person)
    return _kept(unit, edge, row, basket.model_copy(update={"later": chosen}), person)


def choose_customer(
    unit: EdgeUnit, edge: Edge, basket_id: str, version: int, contact_id: str, *, person: CurrentPerson
) -> BasketView:
    """Say whose basket it is, by a customer who is known.

    Raises:
        NotFound: `unknown_contact`.
        StaleVersion: the basket has changed since.
    """
    row, basket = steps.current(unit, edge, basket_id, version, person)
    found = people.require(unit.connection, contact_id)
    return _kept(unit, edge, row, basket.model_copy(update={"customer_id": found.contact_id}), person)


def write_customer(
    unit: EdgeUnit,
    edge: Edge,
    basket_id: str,
    version: int,
    said: ContactWanted,
    *,
    known: str,
    person: CurrentPerson,
) -> BasketView:
    """Write a new customer down, or correct a known one, and say that the basket is theirs.

    Raises:
        Invalid: `contact_needed`: no name, or neither phone nor e-mail.
        StaleVersion: the basket has changed since.
    """
    row, basket = steps.current(unit, edge, basket_id, version, person)
    saved = people.correct(unit, edge, known, said) if known else people.add(unit, edge, said)
    return _kept(unit, edge, row, basket.model_copy(update={"customer_id": saved.contact_id}), person)


def _kept(unit: EdgeUnit, edge: Edge, row: BasketRow, basket: Basket, person: CurrentPerson) -> BasketView:
    return view(edge, steps.store(unit, edge, row, basket, person))
