"""What a location's answer to a count or a delivery means; in the transaction that keeps the answer.

`applied` needs no fact: the store's own `count.opened` or `delivery.expected` says it, with more. What it
did not take on is settled by the answer alone. A refused cancellation changes nothing: the store's facts
say what came.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.spine.steps import record
from protocol.directives import DirectiveOutcome, Outcome
from protocol.stock import StockTaskAnswered

_FIELD: Final = {
    "count.request": "count_id",
    "count.cancel": "count_id",
    "delivery.expect": "delivery_id",
    "delivery.cancel": "delivery_id",
}
_DONE: Final = frozenset({Outcome.APPLIED, Outcome.DUPLICATE})
Heard = Callable[[HubUnit, str, sa.Row[Any], DirectiveOutcome], bool]


def answers_of(hub: Hub) -> Heard:
    """Return what listens to answers; it takes care of those about counts and deliveries."""

    def heard(unit: HubUnit, edge: str, row: sa.Row[Any], outcome: DirectiveOutcome) -> bool:
        field = _FIELD.get(row.kind)
        if field is None or row.state == "withdrawn":
            return False
        asked = row.kind in {"count.request", "delivery.expect"}
        if asked and outcome.res not in _DONE:
            settle(hub, unit, field, edge, json.loads(row.bytes)["body"][field], outcome.res.value, outcome)
        return True

    return heard


def settle(  # noqa: PLR0913, PLR0917 - what is settled, and how
    hub: Hub,
    unit: HubUnit,
    field: str,
    location: str,
    task_id: str,
    said: str,
    outcome: DirectiveOutcome | None = None,
    by: str = "",
) -> None:
    """Record that a location will not do what it was told, or was never told."""
    work = hub.spine.work(unit)
    body = StockTaskAnswered.model_validate(
        {
            field: task_id,
            "location": location,
            "outcome": said,
            "code": outcome.code if outcome else "",
            "detail": outcome.detail[:300] if outcome else "",
        }
    )
    record(work, body, by=by)
    hub.finish(work)
