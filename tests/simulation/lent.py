"""No unit is promised twice: the cells of both sides, as they truly are, after every commit of either.

A store's cells are read when it commits, the hub's when the hub does, so a check needs one reading. What is
remembered of a machine that is down says nothing: it may have committed in the moment it died.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.simulation.edge import EdgeNode
from tests.simulation.hub import HubNode

AT_THE_EDGE = """
SELECT b.sku,
       sum(CASE WHEN b.bucket IN ('sellable', 'reserved', 'picked') THEN b.quantity ELSE 0 END),
       sum(CASE WHEN b.bucket IN ('reserved', 'picked') THEN b.quantity ELSE 0 END)
       - coalesce(r.hub_picked, 0),
       coalesce(r.granted, 0), coalesce(r.finished - r.finished_base, 0), coalesce(r.returned_seen, 0)
FROM balances b LEFT JOIN rights r USING (sku) GROUP BY b.sku ORDER BY b.sku
"""
AT_THE_HUB = """
SELECT location, sku, granted_seen, finished_seen, allocated, ended, returned,
       returned_echoed, back_upto, deficit, edge_version FROM hub_rights
"""
SOLD = """
SELECT coalesce(sum(quantity), 0) FROM movements WHERE sku = ?1 AND seq > ?2 AND reason = 'sale'
AND NOT EXISTS (SELECT 1 FROM movements WHERE sku = ?1 AND seq > ?2 AND reason <> 'sale')
"""
"""Units that were sold since a number, where nothing else has moved the SKU."""
EPOCHS_AT_THE_HUB = "SELECT location, ep, state FROM rights_epochs"
Cells = tuple[int, ...]
NONE: Cells = (0, 0, 0, 0, 0)


class AtTheHub(NamedTuple):
    """The rows of rights and epochs that the hub had after a commit, read once for all who look at them."""

    rights: list[tuple[Any, ...]]
    epochs: list[tuple[str, int, str]]

    @classmethod
    def read(cls, hub: HubNode) -> "AtTheHub":
        """Return what the hub's file says."""
        ask = hub.audit.execute
        return cls(ask(AT_THE_HUB).fetchall(), ask(EPOCHS_AT_THE_HUB).fetchall())

    @property
    def epoch_of(self) -> dict[str, int]:
        """The epoch of every place that has left epoch 0."""
        return {place: epoch for place, epoch, _state in self.epochs}


class Lent(NamedTuple):
    """One SKU of one store, with the cells of both sides."""

    sku: str
    physical: int
    bound: int
    granted: int
    finished: int
    returned_seen: int
    granted_seen: int = 0
    finished_seen: int = 0
    allocated: int = 0
    ended: int = 0
    returned: int = 0

    @property
    def outstanding(self) -> int:
        """O, at the store."""
        return self.granted - self.returned_seen - self.finished

    @property
    def sellable(self) -> int:
        """L, at the store; below zero it is a deficit."""
        return self.physical - self.bound - self.outstanding

    @property
    def free(self) -> int:
        """H, at the hub."""
        return self.granted_seen - self.returned - self.allocated + self.ended

    @property
    def promised(self) -> int:
        """U: promised by the hub, and not fulfilled or given up."""
        return self.allocated - self.ended - self.finished

    @property
    def agreed(self) -> bool:
        """Whether both sides have heard the newest of each other."""
        return (self.granted, self.finished, self.returned) == (
            self.granted_seen,
            self.finished_seen,
            self.returned_seen,
        )


@dataclass
class RightsWatch:
    """Compares the cells of the hub with those of every store."""

    hub: HubNode
    edges: list[EdgeNode]
    failed: Callable[[str], None]
    lost: dict[str, int] = field(default_factory=dict)
    """The epoch in which one of the two sides lost its past; only the cells of a newer one must fit."""
    _stores: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    _moved: dict[str, int] = field(default_factory=dict)
    """The number of the newest movement that was looked at."""
    _cells: dict[tuple[str, str], Cells] | None = None
    _granted: dict[tuple[str, str], int] = field(default_factory=dict)
    _epoch: dict[str, int] = field(default_factory=dict)
    _hub_epochs: dict[str, tuple[int, str]] = field(default_factory=dict)
    _hub_said: AtTheHub | None = None
    """What the hub's cells and epochs were made of."""

    def edge_changed(self, node: EdgeNode, epoch: int) -> None:
        """A store has committed, or was started."""
        rows = node.audit.execute(AT_THE_EDGE).fetchall()
        # What was looked at with these cells in this epoch is not another thing now: whatever else a check
        # reads is the hub's, and a change of that looks at all stores again.
        if rows == self._stores.get(node.name) and epoch == self._epoch.get(node.name):
            return
        if not node.settings.sell_beyond_stock:
            self._sells_what_is_free(node, rows)
        self._stores[node.name] = rows
        if self._epoch.get(node.name) != epoch:
            self._epoch[node.name] = epoch
            # A new epoch begins with what is promised, whether it is there or not.
            self._granted.update({(node.name, row[0]): row[3] for row in rows})
        for lent in self.of(node):
            self._lends_what_it_has(node, lent)
            self._check(node, lent)

    def hub_changed(self, said: AtTheHub) -> bool:
        """The hub has committed, or was started; tell whether it was its cells or epochs that changed."""
        if self._cells is not None and said == self._hub_said:
            return False
        self._hub_said = said
        self._cells = {(row[0], row[1]): row[2:7] for row in said.rights}
        self._hub_epochs = {row[0]: (row[1], row[2]) for row in said.epochs}
        for node in self.edges:
            for lent in self.of(node):
                self._check(node, lent)
        return True

    def hub_cells(self) -> list[tuple[str, str, int, int]]:
        """Return the location, the SKU, A and K of every cell of the hub."""
        return [(place, sku, cells[2], cells[3]) for (place, sku), cells in (self._cells or {}).items()]

    def down(self, name: str) -> None:
        """A machine has ended: what it held last is not known until it is back."""
        if name == self.hub.name:
            self._cells = None
        self._stores.pop(name, None)

    def of(self, node: EdgeNode) -> list[Lent]:
        """Return every SKU of a store with the cells of both sides, as they were last seen."""
        cells = self._cells or {}
        return [Lent(*row, *cells.get((node.edge, row[0]), NONE)) for row in self._stores.get(node.name, ())]

    def lose(self, edge: str) -> None:
        """One side of a store's lending has lost its past."""
        known = [epoch for name, epoch in self._epoch.items() if name == edge]
        self.lost[edge] = max([*known, self._hub_epochs.get(edge, (0, ""))[0], self.lost.get(edge, -1)])

    def excused(self, node: EdgeNode) -> bool:
        """Tell whether the cells of the two sides need not fit, until the lending is begun anew."""
        epoch = self._epoch.get(node.name, 0)
        return epoch != self._hub_epochs.get(node.edge, (0, ""))[0] or epoch <= self.lost.get(node.edge, -1)

    def fenced(self, node: EdgeNode) -> bool:
        """Tell whether the hub promises nothing of a store until the lending is begun anew."""
        return self._hub_epochs.get(node.edge, (0, "open"))[1] != "open"

    def _sells_what_is_free(self, node: EdgeNode, rows: list[tuple[Any, ...]]) -> None:
        """A store that does not sell beyond its stock sells nothing of what it misses."""
        before = {row[0]: Lent(*row) for row in self._stores.get(node.name, ())}
        since = self._moved.get(node.name, 0)
        self._moved[node.name] = node.audit.execute("SELECT coalesce(max(seq), 0) FROM movements").fetchone()[
            0
        ]
        for here in map(Lent._make, (row + NONE for row in rows)):
            then = before.get(here.sku)
            if then is None or here.sellable >= min(0, then.sellable):
                continue
            sold = node.audit.execute(SOLD, (here.sku, since)).fetchone()[0]
            if sold and (then.bound, then.granted) == (here.bound, here.granted):
                free = max(0, then.sellable)
                self.failed(f"{node.name} sold {sold} of {here.sku}, of which {free} were free: {here}")

    def _lends_what_it_has(self, node: EdgeNode, lent: Lent) -> None:
        before = self._granted.get((node.name, lent.sku), 0)
        self._granted[node.name, lent.sku] = lent.granted
        if lent.granted > before and lent.sellable < 0 and not self.excused(node):
            self.failed(f"{node.name} lent {lent.sku} that it does not have: {lent}")

    def _check(self, node: EdgeNode, lent: Lent) -> None:
        if self._cells is None or self.excused(node):
            return
        if lent.granted_seen > lent.granted or lent.finished_seen > lent.finished:
            self.failed(f"the hub believes more of {node.name} than was said: {lent}")
        if lent.returned_seen > lent.returned or lent.free < 0:
            self.failed(f"a right of {node.name} is held twice: {lent}")
        if lent.promised < 0:
            self.failed(f"of {node.name} more was fulfilled and given up than promised: {lent}")
        if lent.promised > lent.physical - lent.bound + max(0, -lent.sellable):
            self.failed(f"{node.name} is oversold: {lent}")
