"""What is on its way to locations that will lend it to the hub the moment they receive it.

Only what its destination has acknowledged counts (`transfer.expect` was applied): then `granted` of it is
lent in the transaction of the receipt, and a promise for a later day may rest on it. What has arrived is lent
already, so it is never counted twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.spine.bulk import among
from hub.transfers.rows import transfer_lines, transfers


@dataclass(frozen=True, slots=True)
class Inbound:
    """Units of one item on their way to one location."""

    sku: str
    location: str
    units: int
    due_us: int
    """When they are expected; 0 when nobody said."""
    transfer_id: str
    number: str


def units_by_sku(found: Iterable[Inbound], *, before_us: int | None = None) -> dict[str, int]:
    """Return how many units of each item are lent on receipt, of what is expected before a moment.

    What nobody gave a day for counts only when no moment is asked for.
    """
    sums: dict[str, int] = {}
    for each in found:
        if before_us is None or 0 < each.due_us <= before_us:
            sums[each.sku] = sums.get(each.sku, 0) + each.units
    return sums


def still_to_grant(*, to_grant: int, granted: int, transit: int) -> int:
    """Return how many units of a line will be lent when they arrive: never more than are on their way."""
    return max(0, min(to_grant - granted, transit))


def acknowledged(connection: Connection, skus: Sequence[str], *, location: str = "") -> list[Inbound]:
    """Return what is on its way of these items and will be lent on receipt, by its location."""
    query = (
        sa.select(
            transfer_lines.c.sku,
            transfer_lines.c.to_grant,
            transfer_lines.c.granted,
            (transfer_lines.c.shipped - transfer_lines.c.matched - transfer_lines.c.lost).label("transit"),
            transfers.c.destination,
            transfers.c.arrive_by_us,
            transfers.c.due_us,
            transfers.c.transfer_id,
            transfers.c.number,
        )
        .join(transfers, transfers.c.transfer_id == transfer_lines.c.transfer_id)
        .where(
            transfer_lines.c.to_grant > transfer_lines.c.granted,
            transfers.c.acknowledged_us.is_not(None),
            transfers.c.transit > 0,
            among(connection, transfer_lines.c.sku, list(dict.fromkeys(skus))),
        )
        .order_by(transfer_lines.c.sku, transfers.c.destination, transfers.c.transfer_id)
    )
    if location:
        query = query.where(transfers.c.destination == location)
    found = []
    for row in connection.execute(query):
        units = still_to_grant(to_grant=row.to_grant, granted=row.granted, transit=row.transit)
        if units:
            due_us = row.arrive_by_us or row.due_us
            found.append(Inbound(row.sku, row.destination, units, due_us, row.transfer_id, row.number))
    return found
