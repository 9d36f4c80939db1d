"""The policy of returns as the hub keeps it, and what it would have said of returns that came.

A policy is a whole: whoever edits writes a new version of everything, and the newest counts.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.returns.rows import return_decisions, return_policies
from hub.returns.rules import Came
from hub.versions import Versions
from protocol.returns import ReturnDecision, ReturnPolicy

POLICIES: Final = Versions(return_policies, ReturnPolicy())


def current(connection: Connection, memory: dict[str, Any] | None = None) -> ReturnPolicy:
    """Return the policy that counts; `memory` is that of the unit of work, which asks once.

    Version 0 is that of a hub to which nobody said anything.
    """
    return POLICIES.current(connection, memory)


def came_lately(connection: Connection, limit: int) -> Sequence[tuple[str, Came]]:
    """Return the returns that came last, with their numbers, newest first."""
    table = return_decisions.c
    rows = connection.execute(
        sa.select(table.number, table.body, table.lines, table.business_date, table.total_minor, table.by)
        .order_by(table.at_us.desc(), table.return_id)
        .limit(limit)
    )
    return [
        (
            row.number,
            Came(
                decision=ReturnDecision.model_validate_json(row.body),
                lines=tuple((sku, reason) for sku, reason in json.loads(row.lines)),
                business_date=row.business_date,
                total_minor=row.total_minor,
                by=row.by,
            ),
        )
        for row in rows
    ]
