"""Where an exception is: what raised it is often the hub, what it is about lies in a store."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.exceptions.rows import ExceptionRow
from hub.spine.rows import orders


def places(connection: Connection, found: Sequence[ExceptionRow]) -> dict[str, str]:
    """Return the location that each exception is about, by its id."""
    ids = [row.subject.removeprefix("order:") for row in found if row.subject.startswith("order:")]
    rows = connection.execute(
        sa.select(orders.c.order_id, orders.c.location).where(orders.c.order_id.in_(ids))
    )
    sold_at = {f"order:{row.order_id}": row.location for row in rows}
    return {
        row.exception_id: str(
            row.facts.get("location") or row.facts.get("edge") or sold_at.get(row.subject) or row.location
        )
        for row in found
    }
