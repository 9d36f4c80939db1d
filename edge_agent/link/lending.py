"""Lending stock to the hub: what was lent is told until it is echoed, what the hub gave back is taken in.

A vector's version is the sum of two counters that only grow: changes made here, and the journal's last
movement of the SKU. So it rises with everything that changes the vector, and an echo of an older one never
silences a newer. How much is lent is policy (`edge_agent.link.wishes`); lending stops while it is fenced, and
of an article that has to be counted nothing is lent.

Nothing here looks at all that is lent: triggers queue the articles that changed
(`edge_agent.schema_lending`), and a slow walk goes over the rest, because a rate of sale changes also when
nothing is sold.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from pydantic import TypeAdapter, ValidationError

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link import wishes
from edge_agent.link.rows import read_link
from edge_agent.link.settings import LinkSettings
from edge_agent.stock.rows import on_hand
from protocol.handshake import RightsPacket
from protocol.kit.sqlite import Connection, data_version
from protocol.rights import EdgeStock, HubVector

ROWS_PER_PACKET: Final = 500
LOOK_SECONDS: Final = 0.2
"""A look at empty queues costs nothing, and a broken promise has to be at the hub within a second."""
RESEND_SECONDS: Final = 5.0
WALK_SECONDS: Final = 30.0
LEND_ROWS: Final = 200
"""Articles of one look; the counter waits for the writer meanwhile."""
UNSEEN: Final = -1
Row = dict[str, int | str]
Due = tuple[list[tuple[str, int]], list[Row]]
"""(article, version) of all that is not echoed, and what has to be told of it now."""
_NEVER: Final = (UNSEEN, 0.0)
_VECTORS: Final = TypeAdapter(tuple[HubVector, ...])
_MOVED: Final = "coalesce((SELECT max(m.seq) FROM movements m WHERE m.sku = r.sku), 0)"
# CROSS: else SQLite may go over everything that is lent and look for each in the short queue.
_CHANGED: Final = (
    f"SELECT r.sku, r.version + {_MOVED} FROM rights_to_tell t CROSS JOIN rights r"  # noqa: S608 - fixed
    " WHERE r.sku = t.sku ORDER BY t.sku LIMIT ?"
)
_ECHOED: Final = (
    "DELETE FROM rights_to_tell WHERE sku = :sku AND NOT EXISTS"  # noqa: S608 - fixed
    f" (SELECT 1 FROM rights r WHERE r.sku = :sku AND r.version + {_MOVED} > r.echoed)"
)
_TO_LEND: Final = "SELECT sku FROM rights_to_lend ORDER BY sku LIMIT ?"
_QUEUE: Final = (
    "INSERT INTO rights_to_lend SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM rights_to_lend WHERE sku = ?1)"
)


class Lending:
    """Both directions of the lending vectors of this store."""

    def __init__(self, edge: Edge, settings: LinkSettings) -> None:
        self._edge = edge
        self._settings = settings
        self._fenced = True
        self._hub_inc = ""
        self._ep = 0
        self._look_at = 0.0
        self._walk_at = 0.0
        self._seen = UNSEEN
        self._due_at = 0.0
        """When something is due though nothing is written: a packet that nobody answered, or a walk."""
        self._walked = ""
        self._sent: dict[str, tuple[int, float]] = {}
        self._echo: list[tuple[str, int]] = []

    def opened(self, *, fenced: bool, now: float) -> None:
        """A session began: tell everything that is not echoed, and lend unless rights must be re-opened."""
        self._fenced = fenced
        self._sent.clear()
        self._seen = UNSEEN
        self._look_at = self._walk_at = now
        link = read_link(self._edge.database.read())
        self._hub_inc, self._ep = link.hub_inc, link.ep
        if not fenced:
            self._edge.database.write(lambda unit: wishes.remember_base(unit, self._settings))

    def packets(self, inc: str, sess: str, now: float) -> Iterator[RightsPacket]:
        """Return what is due to be told."""
        if now < self._look_at and not self._echo:
            return
        self._look_at = now + LOOK_SECONDS
        connection = self._edge.database.read()
        seen = data_version(connection)
        if seen == self._seen and now < self._due_at and not self._echo:
            return
        self._seen, self._due_at = seen, math.inf
        rows = [] if self._fenced else self._look(connection, now)
        echo, self._echo = tuple(self._echo[:ROWS_PER_PACKET]), self._echo[ROWS_PER_PACKET:]
        if rows or echo:
            yield RightsPacket(
                inc=inc, sess=sess, hub_inc=self._hub_inc, ep=self._ep, rows=tuple(rows), echo=echo
            )

    def take(self, packet: RightsPacket) -> None:
        """Take in what the hub says; what it says of another epoch changes nothing."""
        if (packet.hub_inc, packet.ep) != (self._hub_inc, self._ep):
            return
        try:
            vectors = _VECTORS.validate_python(packet.rows)
        except ValidationError:
            return
        if not (vectors or packet.echo):
            return
        self._edge.database.write(lambda unit: _store(unit, vectors, packet.echo))
        for sku, _version in packet.echo:
            self._sent.pop(sku, None)
        self._echo.extend((vector.sku, vector.ver) for vector in vectors)
        self._seen, self._look_at = UNSEEN, 0.0  # what the hub wants is answered at once: one round trip

    def lend(self, unit: EdgeUnit) -> int:
        """Lend what the policy says of the articles that changed; return how many SKUs were raised.

        A look takes so many articles and the next one goes on, so that every one has its turn.
        """
        connection = unit.connection
        skus = [row[0] for row in connection.execute(_TO_LEND, (LEND_ROWS,)).fetchall()]
        raised = 0
        for stock, wish in wishes.wishes_of(connection, self._settings, self._now_us(), skus):
            if wish.lend:
                grant(unit, stock, wish.lend)
                raised += 1
            elif wish.back:
                wishes.ask_back(unit, stock, wish.back)
        # Last, because a grant queues its article again.
        connection.executemany("DELETE FROM rights_to_lend WHERE sku = ?", [(sku,) for sku in skus])
        return raised

    def _look(self, connection: Connection, now: float) -> list[Row]:
        """Lend what may be lent, and return the rows that are due to be told."""
        if wishes.lends(connection, self._settings):
            if now >= self._walk_at:
                self._walk_at = now + WALK_SECONDS
                self._edge.database.write(self._walk)
            self._due_at = self._walk_at
            if connection.execute("SELECT 1 FROM rights_to_lend LIMIT 1").fetchone() is not None:
                return self._note(self._edge.database.write(partial(self._lend, now)), now)
        return self._note(self._due(connection, now), now)

    def _lend(self, now: float, unit: EdgeUnit) -> Due:
        """Lend, and read what is due where the rows are at hand: a reader would fetch them anew."""
        self.lend(unit)
        return self._due(unit.connection, now)

    def _walk(self, unit: EdgeUnit) -> None:
        """Look again at some articles of which nothing has changed but the time."""
        skus = unit.connection.execute(
            "SELECT sku FROM rights WHERE sku > ? ORDER BY sku LIMIT ?", (self._walked, LEND_ROWS)
        ).fetchall()
        self._walked = str(skus[-1][0]) if len(skus) == LEND_ROWS else ""
        unit.connection.executemany(_QUEUE, skus)

    def _due(self, connection: Connection, now: float) -> Due:
        """Return what the hub has not echoed, and the rows of that which it has to be told now."""
        changed = [(sku, version) for sku, version in connection.execute(_CHANGED, (ROWS_PER_PACKET,))]
        due = {}
        for sku, version in changed:
            told, at = self._sent.get(sku, _NEVER)
            if told != version or now - at >= RESEND_SECONDS:
                due[sku] = version
        if not due:
            return changed, []
        epoch = wishes.epoch(connection)
        said = {
            stock.sku: stock.vector(due[stock.sku], want_back=wish.back).model_dump()
            for stock, wish in wishes.wishes_of(connection, self._settings, self._now_us(), list(due))
        }
        return changed, [{**said[sku], "ep": epoch} for sku in due]

    def _note(self, due: Due, now: float) -> list[Row]:
        """Remember what is told now, and until when nothing is due by time alone; return what is told."""
        changed, rows = due
        self._sent.update((str(row["sku"]), (int(row["ver"]), now)) for row in rows)
        for sku, _version in changed:
            self._due_at = min(self._due_at, self._sent[sku][1] + RESEND_SECONDS)
        return rows

    def _now_us(self) -> int:
        return self._edge.clock.now_us()


def grant(unit: EdgeUnit, stock: EdgeStock, units: int) -> None:
    """Lend units of one SKU: they are set aside here before the hub hears of them. Raises OutOfStock."""
    lent = stock.grant(units)
    unit.connection.execute(
        "INSERT INTO rights (sku, granted, version) VALUES (?, ?, 1) ON CONFLICT (sku)"
        " DO UPDATE SET granted = excluded.granted, version = version + 1",
        (stock.sku, lent.cells.granted),
    )


def see_returned(unit: EdgeUnit, returned: Iterable[tuple[str, int]]) -> None:
    """Take in how much the hub has given back of each SKU in this epoch; less than is known is old news."""
    unit.connection.executemany(
        "UPDATE rights SET returned_seen = ?2, version = version + 1 WHERE sku = ?1 AND returned_seen < ?2",
        list(returned),
    )


def stock_of(connection: Connection, sku: str) -> EdgeStock:
    """Return one SKU as the lending rules see it."""
    return on_hand(connection, sku).rights


def _store(unit: EdgeUnit, vectors: Sequence[HubVector], echo: Sequence[tuple[str, int]]) -> None:
    epoch = wishes.epoch(unit.connection)
    known = [vector for vector in vectors if vector.ep == epoch]
    see_returned(unit, [(vector.sku, vector.R) for vector in known])
    unit.connection.executemany(
        "INSERT INTO lending_hub (sku, ep, ver, allocated, ended, want)"
        " VALUES (:sku, :ep, :ver, :A, :K, :want) ON CONFLICT (sku) DO UPDATE SET"
        " allocated = CASE WHEN ep = excluded.ep THEN max(allocated, excluded.allocated)"
        " ELSE excluded.allocated END,"
        " ended = CASE WHEN ep = excluded.ep THEN max(ended, excluded.ended) ELSE excluded.ended END,"
        " want = CASE WHEN ep = excluded.ep AND ver > excluded.ver THEN want ELSE excluded.want END,"
        " ver = CASE WHEN ep = excluded.ep THEN max(ver, excluded.ver) ELSE excluded.ver END,"
        " asked = CASE WHEN ep = excluded.ep THEN asked ELSE 0 END, ep = excluded.ep",
        [vector.model_dump() for vector in known],
    )
    unit.connection.executemany(_QUEUE, [(vector.sku,) for vector in vectors])
    seen = [{"sku": sku, "ver": version} for sku, version in echo]
    unit.connection.executemany("UPDATE rights SET echoed = max(echoed, :ver) WHERE sku = :sku", seen)
    unit.connection.executemany(_ECHOED, seen)
