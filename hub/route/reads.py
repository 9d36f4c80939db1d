"""What was decided for an order before, and the units that somebody is still to fulfil."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.route.rows import decisions
from hub.spine.bulk import Select
from hub.spine.rows import order_lines
from protocol.fulfilment import AssignedLine
from protocol.orders import LineKind

AUTOMATIC: Final = ("answered", "cancelled", "rejected", "short", "withdrawn")
"""What makes the hub route again because a location gave units back.

`placed`, `changed`, `asked` and `written_off` come from people; `waited` and `moved` from the clocks, and
nobody gave anything back.
"""
MOVED: Final = "moved"
WRITTEN_OFF: Final = "written_off"
"""A person goes on without a silent location, which has given nothing back."""
_DECIDED: Final = Select(sa.select(decisions.c.decision_id, decisions.c.body), decisions.c.order_id)
_BEFORE: Final = Lookup(
    sa.select(decisions.c.trigger, decisions.c.excluded, decisions.c.outcome)
    .where(decisions.c.order_id == sa.bindparam("of"))
    .order_by(decisions.c.attempt)
)
_LINES: Final = Lookup(
    sa.select(order_lines.c.line_no, order_lines.c.sku, order_lines.c.name, order_lines.c.kind)
    .where(order_lines.c.order_id == sa.bindparam("of"))
    .order_by(order_lines.c.line_no)
)


_OLD_PARTS: Final = (
    "location", "service", "late_days", "cost_minor", "pick_lines_minor", "pick_units_minor",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Before:
    """What was decided for an order so far."""

    attempts: int = 0
    automatic: int = 0
    excluded: tuple[str, ...] = ()
    moved: bool = False
    """Whether it was moved once because it costs less elsewhere."""


def before(connection: Connection, order_id: str) -> Before:
    """Return what was decided for an order so far."""
    rows = _BEFORE.all(connection, of=order_id)
    if not rows:
        return Before()
    return Before(
        attempts=len(rows),
        automatic=sum([row.trigger in AUTOMATIC and row.outcome == "chosen" for row in rows]),
        excluded=tuple(json.loads(rows[-1].excluded)),
        moved=any(row.trigger == MOVED for row in rows),
    )


def assigned_lines(
    connection: Connection, order_id: str, units: Mapping[int, int]
) -> tuple[AssignedLine, ...]:
    """Return units of an order's lines as an assignment names them; only goods are fulfilled."""
    return tuple(
        AssignedLine(line_no=row.line_no, sku=row.sku, name=row.name, quantity=units[row.line_no])
        for row in _LINES.all(connection, of=order_id)
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
    """`lines`, who sends what at which price, what insisting on every other location costs, and `rejected` by
    code (`hub.route.keeping`)."""
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
            body=body_of(json.loads(row.body)),
            ages=json.loads(row.ages),
        )
        for row in rows
    ]


def late_decisions(connection: Connection, order_ids: Sequence[str]) -> set[str]:
    """Return those decisions about some orders by which a part of it is done after the promise."""
    found = _DECIDED.run(connection, order_ids)
    return {
        row.decision_id
        for row in found
        if any(sent["late_days"] > 0 for sent in body_of(json.loads(row.body)).get("sent", ()))
    }


def body_of(said: dict[str, Any]) -> dict[str, Any]:
    """Return what a decision says; one that an older hub wrote names its best and its next location only."""
    best, following = said.get("best"), said.get("next")
    if not best or "sent" in said:
        return said
    units = {str(line_no): count for line_no, _sku, count in said.get("lines", [])}
    sent = {
        "fixed_minor": best["carrier_minor"],
        "band_minor": 0,
        "unit_minor": 0,
        "opportunity_minor": 0,
        **{name: best[name] for name in _OLD_PARTS},
        "units": units,
    }
    insist = [[0, 0, 0, 0, True, [best["location"]]]]
    if following:
        more = following["cost_minor"] - best["cost_minor"]
        insist.append([0, 0, more, 0, True, [following["location"]]])
    return {**said, "sent": [sent], "insist": insist, "if_rejected": {}}
