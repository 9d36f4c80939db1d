"""Ask the hub on behalf of somebody at a counter, and remember the stores that it named.

The question runs beside the event loop and before the writer's step. A line that is down is not tried: the
link knows it, and a customer need not wait for a deadline to hear it.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

from fastapi import Request

from edge_agent.context import Edge
from edge_agent.counter import rows as counter_rows
from edge_agent.counter.rules.basket import Basket
from edge_agent.customers import rows as customers
from edge_agent.later import places, rules
from edge_agent.later.hub import HubQuestions, PromiseAnswer, StockAnswer, not_reachable
from edge_agent.later.rules import Way
from protocol.errors import Unavailable
from protocol.orders import LineKind


def questions(request: Request) -> HubQuestions:
    """Return the one who asks the hub."""
    return cast("HubQuestions", request.app.state.hub_questions)


async def stock_elsewhere(request: Request, edge: Edge, sku: str) -> StockAnswer:
    """Return where an article is, without this store.

    Raises:
        Unavailable: the hub cannot be reached.
    """
    if not edge.online():
        raise not_reachable()
    answer = await asyncio.to_thread(questions(request).stock, sku)
    others = tuple(place for place in answer.locations if place.location != edge.settings.edge)
    await _remember(edge, [(place.location, place.name) for place in others])
    return answer.model_copy(update={"locations": others})


async def promise_for(
    request: Request, edge: Edge, basket_id: str, way: Way, *, location: str = ""
) -> PromiseAnswer | None:
    """Return how the hub would keep what is in a basket; None when it cannot be reached or need not be.

    A location is asked for by name when one was chosen, so that a "no" comes with its reason.
    """
    row = counter_rows.find_basket(edge.database.read(), basket_id)
    if way is Way.HERE or row is None or not edge.online():
        return None
    basket = Basket.model_validate_json(row.body)
    units = units_of(basket)
    if not units:
        return None
    kind = rules.kind_of(way)
    contact = customers.find(edge.database.read(), basket.customer_id) if way is Way.SHIP else None
    to = (contact.address.country, contact.address.postcode) if contact is not None else ("", "")
    asked_of = location if way is Way.ELSEWHERE else ""
    try:
        answer = await asyncio.to_thread(questions(request).promise, kind, units, location=asked_of, to=to)
    except Unavailable:
        return None
    if way is Way.ELSEWHERE:
        others = [each for each in answer.options if each.location and each.location != edge.settings.edge]
        answer = answer.model_copy(update={"options": tuple(others)})
        await _remember(edge, [(each.location, each.name) for each in others])
    return answer


def units_of(basket: Basket) -> list[tuple[str, int]]:
    """Return the goods in a basket as (SKU, units)."""
    found: dict[str, int] = {}
    for line in basket.lines:
        if line.kind is LineKind.GOODS:
            found[line.sku] = found.get(line.sku, 0) + line.quantity
    return list(found.items())


async def _remember(edge: Edge, named: Sequence[tuple[str, str]]) -> None:
    known = {(place.location, place.name) for place in places.places(edge.database.read())}
    new = [each for each in named if each not in known]
    if new:
        now_us = edge.clock.now_us()
        await edge.database.awrite(lambda unit: places.note_places(unit, new, now_us))
