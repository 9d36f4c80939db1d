"""The snapshot that a decision rests on, read with two statements, and what was decided before.

Called inside the unit of work that stores the decision, so that no figure is older than it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.route.rows import decisions
from hub.route.rules import Ask, Candidate, Parameters, PickCost
from hub.spine.rows import order_lines
from hub.spine.work import Promising
from hub.stock.availability import At, KeptBack, promisable_at, stock_at
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


def snapshot(connection: Connection, ask: Ask, terms: Promising) -> tuple[list[Candidate], Parameters]:
    """Return every location that may be asked, as it is now, and what to choose with."""
    kept = KeptBack(terms.safety_stock, terms.company_threshold)
    everywhere = not ask.location or kept.company_threshold > 0
    found = stock_at(
        connection,
        list(ask.wanted),
        now_us=ask.now_us,
        kept_back=kept,
        promise_class=ask.promise_class,
        only="" if everywhere else ask.location,
    )
    parameters = parameters_of(terms, left_for_all(ask, found, kept))
    options = parameters.options(ask)
    candidates = [
        Candidate(at.location, at.name, at.kind, at.silent, at.age_seconds, at.stock, options)
        for at in found
        if not ask.location or at.location == ask.location
    ]
    return candidates, parameters


def left_for_all(ask: Ask, found: Sequence[At], kept: KeptBack) -> dict[str, int] | None:
    """Return what the company may still promise of each item; None where nothing is kept back for all."""
    if not kept.company_threshold:
        return None
    return {
        sku: max(0, sum([promisable_at(at, n) for at in found]) - kept.company_threshold)
        for n, sku in enumerate(ask.wanted)
    }


def parameters_of(terms: Promising, left: dict[str, int] | None) -> Parameters:
    """Return what to choose with, from the settings."""
    return Parameters(
        ship_minor=MappingProxyType(dict(terms.ship_minor)),
        store=PickCost(terms.pick_line_minor, terms.pick_unit_minor),
        warehouse=PickCost(terms.warehouse_pick_line_minor, terms.warehouse_pick_unit_minor),
        ready_minutes=terms.ready_minutes,
        left_for_all=left,
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
        )
        for row in rows
    ]
