"""What each location has lent the hub, as the vectors of both sides say it.

The rules are those of `protocol.rights`; here are only the rows. The hub's own cells (allocated, ended,
returned) are changed by whoever promises; this module takes in the edge's cells and tells the hub's, gives
back what the edge needs (`hub.stock.deficits`), and says how many units the hub wants to hold free: that is
worked out from what was promised lately, when the edge echoes it (`hub.link.wants`).
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import Change, HubUnit, Lookup
from hub.fulfil import deficits
from hub.link import wants
from hub.link.epochs import epoch_of
from hub.route import arriving
from hub.spine.steps import take_orders
from hub.stock import claims
from hub.stock.changed import note_changed
from hub.stock.deficits import give_back
from hub.stock.rows import hub_rights
from protocol.rights import EdgeVector, HubCells, HubRight, HubVector

_AT: Final = hub_rights.c.location == sa.bindparam("at")
_ONE: Final = _AT & (hub_rights.c.sku == sa.bindparam("of"))
_RIGHT: Final = Lookup(sa.select(hub_rights).where(_ONE))
_FIRST: Final = Change(sa.insert(hub_rights))
_SEEN: Final = Change(
    sa.update(hub_rights)
    .where(_ONE)
    .values(
        granted_seen=sa.bindparam("granted_seen"),
        finished_seen=sa.bindparam("finished_seen"),
        deficit=sa.bindparam("deficit"),
        edge_version=sa.bindparam("edge_version"),
        returned_echoed=sa.bindparam("returned_echoed"),
        back_upto=sa.bindparam("back_upto"),
        on_hand=sa.bindparam("on_hand"),
        bound=sa.bindparam("bound"),
    )
)
_DUE: Final = Lookup(
    sa.select(hub_rights)
    .where(_AT, hub_rights.c.version > hub_rights.c.echoed)
    .order_by(hub_rights.c.sku)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_UNTOLD: Final = Lookup(
    sa.select(hub_rights.c.location).where(hub_rights.c.version > hub_rights.c.echoed).distinct()
)
_ECHOED: Final = Change(
    sa.update(hub_rights)
    .where(_ONE, hub_rights.c.echoed < sa.bindparam("ver"))
    .values(echoed=sa.bindparam("ver"))
)


class RightsRows:
    """Lending vectors on the table of rights."""

    def __init__(self, hub: Hub | None = None) -> None:
        """Without a hub nobody is told of what is missing, and nothing is wanted."""
        self._hub = hub

    def see(self, unit: HubUnit, edge: str, vectors: Sequence[EdgeVector]) -> None:
        """Take in what an edge says about its SKUs; a vector of another epoch changes nothing."""
        # The lock of the log first, as every promise takes it: no two can wait for each other in a circle.
        take_orders(unit, 0)
        ep = epoch_of(unit.connection, edge).ep
        missing: list[str] = []
        changed: list[str] = []
        grown: dict[str, int] = {}
        served: list[str] = []
        awaited = self._awaited(unit, edge, vectors)
        for vector in vectors:
            if vector.ep != ep:
                continue
            key = {"at": edge, "of": vector.sku}
            row = _RIGHT.first(unit.connection, **key)
            before = _before(row, vector.sku, ep)
            after = before.see(vector)
            cells = _cells(row, before, after, vector)
            if row is None:
                _FIRST.run(unit.connection, location=edge, sku=vector.sku, **cells)
            elif after != before:
                _SEEN.run(unit.connection, **key, **cells)
            grew = after.granted_seen - before.granted_seen
            freed = grew or after.deficit != before.deficit
            grown |= {vector.sku: grew} if grew > 0 else {}
            if vector.sku in awaited and freed:
                # Who waits for it comes before any other order, and before the location would have it back.
                served += claims.serve(unit.connection, edge, vector.sku)
            if give_back(unit.connection, edge, vector.sku) or freed:
                changed.append(vector.sku)
            if before.deficit or after.deficit:
                missing.append(vector.sku)
        note_changed(unit.connection, changed)
        if self._hub is not None:
            claims.grew(unit.connection, edge, grown, self._hub.clock.now_us())
            if missing or awaited:
                self._settle(self._hub, unit, edge, missing, sorted(awaited), served)

    def due(self, connection: Connection, edge: str, limit: int) -> Sequence[HubVector]:
        """Return what the edge has not echoed."""
        rows = _DUE.all(connection, at=edge, most=limit)
        ep = epoch_of(connection, edge).ep if rows else 0
        return [
            HubVector(
                sku=row.sku,
                ep=ep,
                ver=row.version,
                A=row.allocated,
                K=row.ended,
                R=row.returned,
                want=row.want,
            )
            for row in rows
        ]

    def untold(self, connection: Connection) -> frozenset[str]:
        """Return the edges that have not echoed everything."""
        return frozenset(_UNTOLD.scalars(connection))

    def echoed(self, unit: HubUnit, edge: str, seen: Sequence[tuple[str, int]]) -> None:
        """The edge has seen these (sku, version); an older echo never hides a newer version."""
        for sku, version in seen:
            _ECHOED.run(unit.connection, at=edge, of=sku, ver=version)
        if self._hub is not None:
            wants.measure(unit.connection, edge, [sku for sku, _version in seen], self._hub.clock.now_us())

    def _awaited(self, unit: HubUnit, edge: str, vectors: Sequence[EdgeVector]) -> set[str]:
        """Return the items of which somebody waits for goods there."""
        skus = [vector.sku for vector in vectors] if self._hub is not None else []
        return {each.sku for each in claims.waiting_at(unit.connection, edge, skus)} if skus else set()

    @staticmethod
    def _settle(  # noqa: PLR0917 - a vector and what it led to
        hub: Hub,
        unit: HubUnit,
        edge: str,
        missing: Sequence[str],
        awaited: Sequence[str],
        served: Sequence[str],
    ) -> None:
        work = hub.spine.work(unit)
        arriving.on_rights(work, edge, served, [sku for sku in missing if sku in awaited])
        arriving.on_receipt(work, edge, awaited)
        for sku in missing:
            deficits.settle(work, edge, sku)
        hub.finish(work, "exceptions", "stock")


def _before(row: sa.Row[Any] | None, sku: str, ep: int) -> HubRight:
    """Return what was known of a right."""
    if row is None:
        return HubRight(sku, epoch=ep)
    return HubRight(
        sku,
        granted_seen=row.granted_seen,
        finished_seen=row.finished_seen,
        cells=HubCells(row.allocated, row.ended, row.returned),
        epoch=ep,
        version=row.edge_version,
        deficit=row.deficit,
        returned_echoed=row.returned_echoed,
    )


def _cells(row: sa.Row[Any] | None, before: HubRight, after: HubRight, vector: EdgeVector) -> dict[str, int]:
    """Return what is known of a right once a vector was seen."""
    known = None if after.version > before.version else row
    return {
        "granted_seen": after.granted_seen,
        "finished_seen": after.finished_seen,
        "deficit": after.deficit,
        "edge_version": max(0, after.version),
        "returned_echoed": after.returned_echoed,
        "back_upto": known.back_upto if known else vector.R + vector.want_back,
        "on_hand": known.on_hand if known else vector.P,
        "bound": known.bound if known else vector.B,
    }
