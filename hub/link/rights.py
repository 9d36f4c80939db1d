"""What each location has lent the hub, as the vectors of both sides say it.

The rules are those of `protocol.rights`; here are only the rows. The hub's own cells (allocated, ended,
returned) are changed by whoever promises; this module takes in the edge's cells and tells the hub's.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import HubUnit
from hub.spine.steps import take_orders
from hub.stock.rows import hub_rights
from protocol.rights import EdgeVector, HubCells, HubRight, HubVector

_FREE: Final = hub_rights.c.granted_seen - hub_rights.c.returned - hub_rights.c.allocated + hub_rights.c.ended


class RightsRows:
    """Lending vectors on the table of rights."""

    def see(self, unit: HubUnit, edge: str, vectors: Sequence[EdgeVector]) -> None:
        """Take in what an edge says about its SKUs; a vector of another epoch changes nothing."""
        # The lock of the log first, as every promise takes it: no two can wait for each other in a circle.
        take_orders(unit, 0)
        for vector in vectors:
            row = unit.connection.execute(
                sa.select(hub_rights).where(hub_rights.c.location == edge, hub_rights.c.sku == vector.sku)
            ).first()
            before = HubRight(vector.sku)
            if row is not None:
                before = HubRight(
                    vector.sku,
                    granted_seen=row.granted_seen,
                    finished_seen=row.finished_seen,
                    cells=HubCells(row.allocated, row.ended, row.returned),
                    version=row.edge_version,
                    deficit=row.deficit,
                )
            after = before.see(vector)
            cells = {
                "granted_seen": after.granted_seen,
                "finished_seen": after.finished_seen,
                "deficit": after.deficit,
                "edge_version": max(0, after.version),
            }
            if row is None:
                unit.connection.execute(sa.insert(hub_rights).values(location=edge, sku=vector.sku, **cells))
            elif after != before:
                unit.connection.execute(
                    sa.update(hub_rights)
                    .where(hub_rights.c.location == edge, hub_rights.c.sku == vector.sku)
                    .values(**cells)
                )
            if vector.want_back and after.version == vector.ver:
                _give_back(unit.connection, edge, vector.sku, vector.want_back)

    def due(self, connection: Connection, edge: str, limit: int) -> Sequence[HubVector]:
        """Return what the edge has not echoed."""
        rows = connection.execute(
            sa.select(hub_rights)
            .where(hub_rights.c.location == edge, hub_rights.c.version > hub_rights.c.echoed)
            .order_by(hub_rights.c.sku)
            .limit(limit)
        )
        return [
            HubVector(sku=row.sku, ep=0, ver=row.version, A=row.allocated, K=row.ended, R=row.returned)
            for row in rows
        ]

    def echoed(self, unit: HubUnit, edge: str, seen: Sequence[tuple[str, int]]) -> None:
        """The edge has seen these (sku, version); an older echo never hides a newer version."""
        for sku, version in seen:
            unit.connection.execute(
                sa.update(hub_rights)
                .where(hub_rights.c.location == edge, hub_rights.c.sku == sku, hub_rights.c.echoed < version)
                .values(echoed=version)
            )


def _give_back(connection: Connection, edge: str, sku: str, wanted: int) -> None:
    """Return rights that nobody was promised, as many as the store wants back; one statement decides."""
    returned = sa.case((wanted > _FREE, _FREE), else_=wanted)
    connection.execute(
        sa.update(hub_rights)
        .where(hub_rights.c.location == edge, hub_rights.c.sku == sku, _FREE > 0)
        .values(returned=hub_rights.c.returned + returned, version=hub_rights.c.version + 1)
    )
