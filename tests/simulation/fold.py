"""The hub's tables are the fold of what each store told: its history up to where the hub acknowledged it.

Every store's history is kept here as it grows, number by number, with the movements of each number. Whenever
the hub moves on in a stream, its stock of that location must be the sum of exactly those movements. The
hub's own audit never looks further than that, so a table that runs ahead or lags behind shows at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from protocol.movements import OUTSIDE, Bucket
from tests.simulation.edge import EdgeNode
from tests.simulation.hub import HubNode
from tests.simulation.node import Chain

Stock = Counter[tuple[str, str]]
ELSEWHERE = frozenset(bucket.value for bucket in {*OUTSIDE, Bucket.IN_TRANSIT})
"""What is beyond a location, and what is on its way: the hub takes that out when it arrives elsewhere, the
store when it is told that all of it is settled. The auditor compares it with the transfers at rest."""
LIFE = """
SELECT value, base, max(coalesce((SELECT max(seq) FROM events) - base, 0),
                        coalesce((SELECT max(n) FROM carried WHERE inc = value), 0)),
       ep, (SELECT count(*) FROM directives)
FROM meta, link WHERE key = 'inc'
"""
"""The life of a store, the row before its first, its newest number, its epoch; how many directives it has."""
NEW_EVENTS = """
SELECT n, hash FROM carried WHERE inc = ?1 AND n >= ?3
UNION ALL SELECT seq - ?2, hash FROM events WHERE seq > ?2 AND seq >= ?2 + ?3 ORDER BY 1
"""
NEW_MOVES = """
SELECT seq - ?1, sku, from_bucket, to_bucket, quantity FROM movements
WHERE seq > ?1 AND seq >= ?1 + ?2 ORDER BY seq, n
"""


@dataclass
class _Folded:
    """The sum of a stream up to a number."""

    chain: Chain
    upto: int = 0
    stock: Stock = field(default_factory=Counter)

    def move_to(self, upto: int) -> None:
        """Add what came since."""
        for moves in self.chain.moves[self.upto + 1 : upto + 1]:
            for sku, source, target, quantity in moves:
                self.stock[sku, source] -= quantity
                self.stock[sku, target] += quantity
        self.upto = upto


@dataclass
class Folds:
    """Follows the histories of the stores, and how far the hub has them."""

    hub: HubNode
    chains: Callable[[], Iterable[Chain]]
    failed: Callable[[str], None]
    several: Callable[[str], bool] = lambda _edge: False
    """Whether a store has had several lives: what was carried from one to the next took effect before it."""
    _at: dict[tuple[str, str], _Folded] = field(default_factory=dict)

    def follow(self, node: EdgeNode) -> tuple[int, int]:
        """Take new events of a store's journal into its chain: contiguous, never rewritten.

        Returns the epoch of the store's lending, and how many directives it has taken in.
        """
        inc, base, newest, epoch, directives = node.audit.execute(LIFE).fetchone()
        self._follow(node, inc, base, newest)
        return epoch, directives

    def _follow(self, node: EdgeNode, inc: str, base: int, newest: int) -> None:
        if inc != node.chain.inc:
            node.begin_chain(inc)
        chain = node.chain
        first = len(chain.heads)
        if newest < first:
            return
        rows = node.audit.execute(NEW_EVENTS, (inc, base, first)).fetchall()
        for seq, digest in rows:
            if seq != len(chain.heads):
                self.failed(f"{node.name} has no event {len(chain.heads)}, but one {seq}")
                return
            chain.heads.append(digest.hex())
            chain.moves.append(chain.carried[seq - 1] if seq <= len(chain.carried) else ())
        if not rows:
            return
        for seq, sku, source, target, quantity in node.audit.execute(NEW_MOVES, (base, first)).fetchall():
            if seq < len(chain.moves):
                chain.moves[seq] += ((sku, source, target, quantity),)

    def hub_changed(self, streams: Sequence[tuple[str, str, int, str]]) -> None:
        """The hub is never ahead of a store's history or beside it; its stock is what that history says."""
        moved = set()
        for edge, inc, upto, head in streams:
            known = self._at.get((edge, inc))
            if known is not None and known.upto == upto and known.chain.heads[upto : upto + 1] == [head]:
                continue
            chain = self._matching(inc, upto, head)
            if chain is None:
                self.failed(f"the hub's history of {edge} at {upto} is none that {edge} ever had")
                return
            if known is None or known.chain is not chain or known.upto > upto:
                known = self._at[edge, inc] = _Folded(chain)
            known.move_to(upto)
            moved.add(edge)
        for edge in sorted(moved):
            self._same_stock(edge)

    def restarted(self) -> None:
        """The hub may be another, older one now."""
        self._at.clear()

    def _matching(self, inc: str, upto: int, head: str) -> Chain | None:
        for chain in self.chains():
            if chain.inc == inc and upto < len(chain.heads) and chain.heads[upto] == head:
                return chain
        return None

    def _same_stock(self, edge: str) -> None:
        ask = self.hub.audit.execute
        if self.several(edge):
            return
        if ask("SELECT 1 FROM parked WHERE edge = ? AND state <> 'replayed' LIMIT 1", (edge,)).fetchone():
            return  # what was set aside is missing by design, and has a person
        ours: Stock = Counter()
        for (of, _inc), folded in self._at.items():
            if of == edge:
                ours.update(folded.stock)
        rows = ask("SELECT sku, bucket, quantity FROM balances WHERE location = ?", (edge,)).fetchall()
        theirs = {(sku, bucket): n for sku, bucket, n in rows if n and bucket not in ELSEWHERE}
        told = {key: quantity for key, quantity in ours.items() if quantity and key[1] not in ELSEWHERE}
        if theirs != told:
            apart = sorted(set(theirs.items()) ^ set(told.items()))[:4]
            self.failed(f"the hub's stock of {edge} is not what {edge} told it: {apart}")
