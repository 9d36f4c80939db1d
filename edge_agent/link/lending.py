"""Lending stock to the hub: what was lent is told until it is echoed, what the hub gave back is taken in.

A vector's version is the sum of two counters that only grow: changes made here, and the journal's last
movement of the SKU. So it rises with everything that changes the vector, and an echo of an older one never
silences a newer. Grants are made by policy (none, where the share is 0) and stop while lending is fenced; of
an article that has to be counted nothing is lent.
"""

from collections.abc import Iterator
from typing import Final

from pydantic import TypeAdapter, ValidationError

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.settings import LinkSettings
from edge_agent.stock.rows import on_hand
from protocol.handshake import RightsPacket
from protocol.kit.sqlite import Connection
from protocol.rights import EdgeStock, HubVector, quota

ROWS_PER_PACKET: Final = 500
LOOK_SECONDS: Final = 1.0
RESEND_SECONDS: Final = 5.0
LEND_SECONDS: Final = 30.0
LEND_ROWS: Final = 500
_VECTORS: Final = TypeAdapter(tuple[HubVector, ...])
_CHANGED: Final = """
SELECT sku, version + moved AS ver FROM (
    SELECT r.sku, r.version, r.echoed,
           coalesce((SELECT max(m.seq) FROM movements m WHERE m.sku = r.sku), 0) AS moved
    FROM rights r
) WHERE version + moved > echoed ORDER BY sku LIMIT ?
"""


class Lending:
    """Both directions of the lending vectors of this store."""

    def __init__(self, edge: Edge, settings: LinkSettings) -> None:
        self._edge = edge
        self._settings = settings
        self._fenced = True
        self._hub_inc = ""
        self._look_at = 0.0
        self._lend_at = 0.0
        self._lent_upto = ""
        self._sent: dict[str, tuple[int, float]] = {}
        self._echo: list[tuple[str, int]] = []

    def opened(self, *, fenced: bool, now: float) -> None:
        """A session began: tell everything that is not echoed, and lend unless rights must be re-opened."""
        self._fenced = fenced
        self._sent.clear()
        self._look_at, self._lend_at = now, now
        row = self._edge.database.read().execute("SELECT hub_inc FROM link").fetchone()
        self._hub_inc = str(row[0])

    def packets(self, inc: str, sess: str, now: float) -> Iterator[RightsPacket]:
        """Return what is due to be told."""
        if now >= self._lend_at:
            self._lend_at = now + LEND_SECONDS
            if self._settings.lend_share_ppm and not self._fenced:
                self._edge.database.write(self.lend)
                if self._lent_upto:  # there are more articles than one look takes
                    self._lend_at = now + LOOK_SECONDS
        if now < self._look_at and not self._echo:
            return
        self._look_at = now + LOOK_SECONDS
        rows = [] if self._fenced else self._due(self._edge.database.read(), now)
        echo, self._echo = tuple(self._echo[:ROWS_PER_PACKET]), self._echo[ROWS_PER_PACKET:]
        if rows or echo:
            yield RightsPacket(inc=inc, sess=sess, hub_inc=self._hub_inc, rows=tuple(rows), echo=echo)

    def take(self, packet: RightsPacket) -> None:
        """Take in what the hub says; a vector of another epoch changes nothing."""
        if packet.hub_inc != self._hub_inc:
            return
        try:
            vectors = _VECTORS.validate_python(packet.rows)
        except ValidationError:
            return
        if not (vectors or packet.echo):
            return
        self._edge.database.write(lambda unit: _store(unit, vectors, packet.echo))
        self._echo.extend((vector.sku, vector.ver) for vector in vectors)

    def lend(self, unit: EdgeUnit) -> int:
        """Lend what the policy says and return how many SKUs were raised; one unit of work.

        A look takes so many articles and the next one goes on behind them, so that every one has its turn.
        """
        raised = 0
        skus = unit.connection.execute(
            "SELECT b.sku FROM balances b LEFT JOIN rights r USING (sku)"
            " WHERE b.bucket = 'sellable' AND b.quantity > 0"
            " AND coalesce(r.granted - r.returned_seen - r.finished, 0) < ?"
            " AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.closed_us IS NULL"
            " AND e.dedupe_key = 'count_due:' || b.sku) AND b.sku > ? ORDER BY b.sku LIMIT ?",
            (self._settings.lend_cap, self._lent_upto, LEND_ROWS),
        ).fetchall()
        self._lent_upto = str(skus[-1][0]) if len(skus) == LEND_ROWS else ""
        for (sku,) in skus:
            stock = stock_of(unit.connection, sku)
            target = quota(
                online_rate_per_day=self._settings.lend_cap,
                refill_days=1,
                k=1,
                share_ppm=self._settings.lend_share_ppm,
                physical=stock.physical,
                bound=stock.bound,
                cap=self._settings.lend_cap,
            )
            units = min(target - stock.outstanding, stock.sellable)
            if units > 0:
                grant(unit, stock, units)
                raised += 1
        return raised

    def _due(self, connection: Connection, now: float) -> list[dict[str, int | str]]:
        rows: list[dict[str, int | str]] = []
        for sku, version in connection.execute(_CHANGED, (ROWS_PER_PACKET,)).fetchall():
            told, at = self._sent.get(sku, (-1, 0.0))
            if told == version and now - at < RESEND_SECONDS:
                continue
            self._sent[sku] = (version, now)
            stock = stock_of(connection, sku)
            wanted = max(0, stock.outstanding) if paused(connection, sku) else 0
            rows.append(stock.vector(version, want_back=wanted).model_dump())
        return rows


def paused(connection: Connection, sku: str) -> bool:
    """Tell whether an article has to be counted first: none is lent, and what is free is wanted back."""
    found = connection.execute(
        "SELECT 1 FROM exceptions WHERE closed_us IS NULL AND dedupe_key = ?", (f"count_due:{sku}",)
    ).fetchone()
    return found is not None


def grant(unit: EdgeUnit, stock: EdgeStock, units: int) -> None:
    """Lend units of one SKU: they are set aside here before the hub hears of them. Raises OutOfStock."""
    lent = stock.grant(units)
    unit.connection.execute(
        "INSERT INTO rights (sku, granted, version) VALUES (?, ?, 1) ON CONFLICT (sku)"
        " DO UPDATE SET granted = excluded.granted, version = version + 1",
        (stock.sku, lent.cells.granted),
    )


def stock_of(connection: Connection, sku: str) -> EdgeStock:
    """Return one SKU as the lending rules see it."""
    return on_hand(connection, sku).rights


def _store(unit: EdgeUnit, vectors: tuple[HubVector, ...], echo: tuple[tuple[str, int], ...]) -> None:
    unit.connection.executemany(
        "UPDATE rights SET returned_seen = :R, version = version + 1 WHERE sku = :sku AND returned_seen < :R",
        [vector.model_dump() for vector in vectors if vector.ep == 0],
    )
    unit.connection.executemany(
        "UPDATE rights SET echoed = max(echoed, :ver) WHERE sku = :sku",
        [{"sku": sku, "ver": version} for sku, version in echo],
    )
