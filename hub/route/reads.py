"""The snapshot that a decision rests on, and what was decided before.

Called inside the unit of work that stores the decision, so that no figure is older than it. How the locations
are does not change from one order of a unit to the next; what they may still give is read for each.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.route.rows import decisions
from hub.route.rules.choice import Ask, Candidate, Parameters, PickCost
from hub.spine.rows import order_lines
from hub.spine.work import Promising
from hub.stock.availability import PROMISABLE, WIDTH, Place, places, stock_of
from hub.stock.policy import KeptBack, kept_back
from protocol.fulfilment import AssignedLine
from protocol.orders import LineKind

AUTOMATIC: Final = ("answered", "cancelled", "rejected", "short", "withdrawn")
"""What makes the hub route again by itself; `placed`, `changed` and `asked` come from people."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was decided for an order so far."""

    attempts: int = 0
    automatic: int = 0
    excluded: tuple[str, ...] = ()


def snapshot(
    connection: Connection, ask: Ask, terms: Promising, memory: dict[str, Any] | None = None
) -> tuple[list[Candidate], Parameters]:
    """Return every location that may be asked, as it is now, and what to choose with.

    `memory` is that of the unit of work: orders that share a commit find the locations in it.
    """
    memory = {} if memory is None else memory
    kept = kept_back(connection, terms, list(ask.wanted), memory)
    threshold = any(each.company_threshold for each in kept.values())
    everywhere = not ask.location or threshold
    known = _places(connection, ask, memory) if everywhere else _place(connection, ask, memory)
    stock = stock_of(connection, [place.location for place in known], list(ask.wanted), kept)
    parameters = parameters_of(terms)
    options = parameters.options(ask)
    candidates = [
        Candidate(location, name, kind, silent, seconds, of_place, options)
        for (location, name, kind, _state, seconds, silent), of_place in zip(known, stock, strict=True)
    ]
    if threshold:
        parameters = replace(parameters, left_for_all=left_for_all(ask, candidates, kept))
    if ask.location:
        candidates = [each for each in candidates if each.location == ask.location]
    return candidates, parameters


def _places(connection: Connection, ask: Ask, memory: dict[str, Any]) -> list[Place]:
    key = f"places:{ask.promise_class}"
    if key not in memory:
        memory[key] = places(connection, now_us=ask.now_us, promise_class=ask.promise_class, memory=memory)
    found: list[Place] = memory[key]
    return found


def _place(connection: Connection, ask: Ask, memory: dict[str, Any]) -> list[Place]:
    return places(
        connection,
        now_us=ask.now_us,
        promise_class=ask.promise_class,
        only=ask.location,
        memory=memory,
    )


def left_for_all(ask: Ask, candidates: Sequence[Candidate], kept: Mapping[str, KeptBack]) -> dict[str, int]:
    """Return what the company may still promise of each item; of one without a threshold, what is asked."""
    speaking = [each.stock for each in candidates if not each.silent]
    return {
        sku: max(0, sum([stock[n * WIDTH + PROMISABLE] for stock in speaking]) - kept[sku].company_threshold)
        if kept[sku].company_threshold
        else units
        for n, (sku, units) in enumerate(ask.wanted.items())
    }


def parameters_of(terms: Promising) -> Parameters:
    """Return what to choose with, from the settings."""
    return Parameters(
        ship_minor=MappingProxyType(dict(terms.ship_minor)),
        store=PickCost(terms.pick_line_minor, terms.pick_unit_minor),
        warehouse=PickCost(terms.warehouse_pick_line_minor, terms.warehouse_pick_unit_minor),
        ready_minutes=terms.ready_minutes,
    )


def before(connection: Connection, order_id: str) -> Before:
    """Return what was decided for an order so far."""
    rows = connection.execute(
        sa.select(decisions.c.trigger, decisions.c.excluded, decisions.c.outcome)
        .where(decisions.c.order_id == order_id)
        .order_by(decisions.c.attempt)
    ).all()
    if not rows:
        return Before()
    return Before(
        attempts=len(rows),
        automatic=sum([row.trigger in AUTOMATIC and row.outcome == "chosen" for row in rows]),
        excluded=tuple(json.loads(rows[-1].excluded)),
    )


def assigned_lines(
    connection: Connection, order_id: str, units: Mapping[int, int]
) -> tuple[AssignedLine, ...]:
    """Return units of an order's lines as an assignment names them; only goods are fulfilled."""
    rows = connection.execute(
        sa.select(order_lines.c.line_no, order_lines.c.sku, order_lines.c.name, order_lines.c.kind)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.line_no)
    )
    return tuple(
        AssignedLine(line_no=row.line_no, sku=row.sku, name=row.name, quantity=units[row.line_no])
        for row in rows
        if row.kind == LineKind.GOODS.value and units.get(row.line_no, 0) > 0
    )


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision, as a page shows it."""

    decision_id: str
    attempt: int
    trigger: str
    outcome: str
    assignment_id: str
    location: str
    cost_minor: int
    sentence: str
    digest: str
    excluded: tuple[str, ...]
    at_us: int
    body: dict[str, Any]
    """`lines`, `best` and `next` with their cost parts, `able`, and `rejected` by code."""
    ages: dict[str, int | None]
    """How many seconds ago each location that was looked at had last been heard; None for never."""


def decisions_of(connection: Connection, order_id: str) -> Sequence[DecisionRow]:
    """Return what was decided for an order, the first decision first."""
    rows = connection.execute(
        sa.select(decisions).where(decisions.c.order_id == order_id).order_by(decisions.c.attempt)
    )
    return [
        DecisionRow(
            decision_id=row.decision_id,
            attempt=row.attempt,
            trigger=row.trigger,
            outcome=row.outcome,
            assignment_id=row.assignment_id,
            location=row.location,
            cost_minor=row.cost_minor,
            sentence=row.sentence,
            digest=row.digest,
            excluded=tuple(json.loads(row.excluded)),
            at_us=row.at_us,
            body=json.loads(row.body),
            ages=json.loads(row.ages),
        )
        for row in rows
    ]
