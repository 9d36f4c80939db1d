"""How much is on its way, between which places, since when and worth what; and how much has to be decided."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.transfers.reads import LISTED, to_decide
from hub.transfers.rows import IS_UNEXPLAINED, transfer_receipts, transfers


@dataclass(frozen=True, slots=True)
class Lane:
    """What is on its way from one location to another."""

    source: str
    destination: str
    transfers: int
    units: int
    value_minor: int
    since_us: int
    """When the oldest of it left."""


def lanes(connection: Connection) -> list[Lane]:
    """Return what is on its way between which places, the oldest first."""
    rows = connection.execute(
        sa.select(
            transfers.c.source,
            transfers.c.destination,
            sa.func.count(),
            sa.func.sum(transfers.c.transit),
            sa.func.sum(transfers.c.transit_minor),
            sa.func.min(transfers.c.shipped_us),
        )
        .where(transfers.c.transit > 0)
        .group_by(transfers.c.source, transfers.c.destination)
        .order_by(sa.func.min(transfers.c.shipped_us), transfers.c.source, transfers.c.destination)
        .limit(LISTED)
    )
    return [
        Lane(a, b, int(n), int(units), int(value), int(since or 0)) for a, b, n, units, value, since in rows
    ]


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is of what, for the head of the list."""

    open: int
    on_the_way: int
    units: int
    value_minor: int
    to_decide: int
    unexplained: int


def totals(connection: Connection) -> Totals:
    """Return how much is open, on its way, to be decided and unexplained."""
    c = transfers.c
    row = connection.execute(
        sa.select(
            sa.func.sum(sa.case((c.ended_us.is_(None), 1), else_=0)),
            sa.func.sum(sa.case((c.transit > 0, 1), else_=0)),
            sa.func.sum(sa.case((c.transit > 0, c.transit), else_=0)),
            sa.func.sum(sa.case((c.transit > 0, c.transit_minor), else_=0)),
            sa.func.sum(sa.case((to_decide(), 1), else_=0)),
        )
    ).one()
    nowhere = connection.execute(
        sa.select(sa.func.count()).select_from(transfer_receipts).where(IS_UNEXPLAINED)
    ).scalar_one()
    opened, moving, units, value, waiting = (int(each or 0) for each in row)
    return Totals(opened, moving, units, value, waiting, int(nowhere))
