"""What must hold after every step, what must hold at rest, and what the one who checks remembers.

The checks read the files by their own connections and plain SQL: they share no code with what they check,
but for making the hub's tables anew. Cheap ones run after every step that committed something, the others
now and then and at the end.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from protocol import topics
from tests.simulation.edge import EdgeNode
from tests.simulation.hub import HubNode
from tests.simulation.node import Chain, Node

LENT_AT_THE_EDGE = """
SELECT b.sku,
       sum(CASE WHEN b.bucket IN ('sellable', 'reserved', 'picked') THEN b.quantity ELSE 0 END),
       sum(CASE WHEN b.bucket IN ('reserved', 'picked') THEN b.quantity ELSE 0 END)
       - coalesce(r.hub_picked, 0),
       coalesce(r.granted, 0), coalesce(r.finished, 0), coalesce(r.returned_seen, 0)
FROM balances b LEFT JOIN rights r USING (sku) GROUP BY b.sku ORDER BY b.sku
"""
LENT_AT_THE_HUB = """
SELECT sku, granted_seen, finished_seen, allocated, ended, returned FROM hub_rights WHERE location = ?
"""


@dataclass(frozen=True, slots=True)
class Lent:
    """One SKU of one store, with the cells of both sides as they truly are."""

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


class Company(Protocol):
    """What is checked."""

    hub: HubNode
    edges: list[EdgeNode]

    def failed(self, what: str) -> None:
        """Say what is not as it must be."""


@dataclass
class Auditor:
    """Checks, and remembers what was promised."""

    company: Company
    acked: dict[tuple[str, str], int] = field(default_factory=dict)
    """How far the hub told each store that it has its events."""
    branches: list[Chain] = field(default_factory=list)
    """Histories of databases that were replaced by an older copy."""
    hub_was_restored: bool = False
    checks: int = 0
    _lent_before: dict[tuple[str, str], int] = field(default_factory=dict)
    _journal: int = 0

    # --- what is heard ---

    def heard(self, topic: str, payload: bytes) -> None:
        """Take note of what the hub tells stores about their events."""
        where = topics.parse_down(topic)
        if where is None or where[1] not in {"ack", "ctl"}:
            return
        said = json.loads(payload)
        if "upto" in said:
            key = (where[0], said["inc"])
            self.acked[key] = max(self.acked.get(key, 0), said["upto"])

    # --- after every step ---

    def look(self, node: Node) -> None:
        """Check what a commit of one machine may have broken."""
        self.checks += 1
        if isinstance(node, EdgeNode):
            self._follow(node)
            self._rights(node)
        else:
            self._streams()

    def _follow(self, node: EdgeNode) -> None:
        """Take new events of a store's journal into its chain: contiguous, never rewritten."""
        heads = node.chain.heads
        rows = node.audit.execute("SELECT seq, hash FROM events WHERE seq >= ?", (len(heads),)).fetchall()
        for seq, digest in rows:
            if seq != len(heads):
                self.company.failed(f"{node.name} has no event {len(heads)}, but one {seq}")
                return
            heads.append(digest.hex())

    def _streams(self) -> None:
        """The hub is never ahead of a store's history, never beside it, and never behind its own word."""
        hub = self.company.hub
        for edge, inc, upto, head in hub.audit.execute(
            "SELECT edge, inc, upto, head FROM streams"
        ).fetchall():
            known = [chain for chain in self.chains() if chain.inc == inc and upto < len(chain.heads)]
            if not any(chain.heads[upto] == head for chain in known):
                self.company.failed(f"the hub's history of {edge} at {upto} is none that {edge} ever had")
            if upto < self.acked.get((edge, inc), 0):
                self.company.failed(f"the hub told {edge} {self.acked[edge, inc]} and now knows {upto}")
        unbalanced = hub.audit.execute(
            "SELECT journal_id FROM journals WHERE journal_id > ? AND coalesce((SELECT sum(amount_minor)"
            " FROM entries WHERE entries.journal_id = journals.journal_id), 1) <> 0",
            (self._journal,),
        ).fetchall()
        if unbalanced:
            self.company.failed(f"journal {unbalanced[0][0]} does not balance")
        self._journal = hub.audit.execute("SELECT coalesce(max(journal_id), 0) FROM journals").fetchone()[0]

    def chains(self) -> list[Chain]:
        """Return every history that any database of a store ever told."""
        return [node.chain for node in self.company.edges] + self.branches

    def _rights(self, node: EdgeNode) -> None:
        """No unit is promised twice: what the hub may have promised is never more than what was lent."""
        for lent in self.lent(node):
            before = self._lent_before.get((node.name, lent.sku), 0)
            if lent.granted > before and lent.sellable < 0 and not node.is_copy:
                self.company.failed(f"{node.name} lent {lent.sku} that it does not have: {lent}")
            self._lent_before[node.name, lent.sku] = lent.granted
            if node.is_copy or self.hub_was_restored:
                continue
            if lent.granted_seen > lent.granted or lent.finished_seen > lent.finished:
                self.company.failed(f"the hub believes more of {node.name} than was said: {lent}")
            if lent.returned_seen > lent.returned or lent.free < 0:
                self.company.failed(f"a right of {node.name} is held twice: {lent}")
            if lent.promised > lent.physical - lent.bound + max(0, -lent.sellable):
                self.company.failed(f"{node.name} is oversold: {lent}")

    def lent(self, node: EdgeNode) -> list[Lent]:
        """Return every SKU of a store with the cells of both sides."""
        hub = self.company.hub
        known: dict[str, tuple[int, ...]] = {}
        if hub.program is not None:  # what a hub that is down holds is checked again when it is back
            rows = hub.audit.execute(LENT_AT_THE_HUB, (node.edge,)).fetchall()
            known = {row[0]: tuple(row)[1:] for row in rows}
        return [
            Lent(*tuple(row), *known.get(row[0], ()))
            for row in node.audit.execute(LENT_AT_THE_EDGE).fetchall()
        ]

    # --- after a restart ---

    def restarted(self, node: Node) -> None:
        """What was told before a crash is there after it."""
        if isinstance(node, EdgeNode):
            self._edge_restarted(node)
            return
        assert isinstance(node, HubNode)
        self._journal = 0
        for sql, values, expected in node.promises:
            found = node.audit.execute(sql, values).fetchone()
            if found is None or found[0] != expected:
                self.company.failed(f"the hub has lost what it said: {sql} {values}")
        self._streams()

    def _edge_restarted(self, node: EdgeNode) -> None:
        chain, newest = node.chain, node.newest()
        if newest < chain.told:
            self.company.failed(
                f"{node.name} told clients {chain.told} events and has {newest} after a crash"
            )
        del chain.heads[newest + 1 :]
        row = node.audit.execute("SELECT hash FROM events WHERE seq = ?", (newest,)).fetchone()
        if row is not None and newest < len(chain.heads) and row[0].hex() != chain.heads[newest]:
            self.company.failed(f"{node.name} has another history after a crash")
        if node.audit.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            self.company.failed(f"{node.name} has a damaged file after a crash")
        self._follow(node)

    # --- now and then ---

    def full(self) -> None:
        """Check all that holds at any moment."""
        hub = self.company.hub
        for node in self.company.edges:
            if node.program is not None:
                self._shop(node)
        if hub.program is not None:
            self._log()
            self._books()
            self._desk()
            self._promises()

    def _shop(self, node: EdgeNode) -> None:
        ask = node.audit.execute
        if ask("SELECT 1 FROM orders WHERE refunded_minor > total_minor LIMIT 1").fetchone():
            self.company.failed(f"{node.name} refunded more than was paid")
        twice = "SELECT id FROM directives WHERE outcome = 'applied' GROUP BY id HAVING count(*) > 1 LIMIT 1"
        if ask(twice).fetchone():
            self.company.failed(f"{node.name} carried a directive out twice")
        for edge, directive_id in sorted(self.company.hub.withdrawn):
            done = "SELECT 1 FROM directives WHERE id = ? AND kind <> 'withdrawn' AND outcome = 'applied'"
            if edge == node.edge and ask(done, (directive_id,)).fetchone():
                self.company.failed(f"{node.name} carried out a directive that was taken back")
        wrong = ask(
            "SELECT b.sku FROM balances b WHERE b.quantity <> (SELECT coalesce(sum(CASE WHEN m.to_bucket ="
            " b.bucket THEN m.quantity ELSE 0 END) - sum(CASE WHEN m.from_bucket = b.bucket THEN m.quantity"
            " ELSE 0 END), 0) FROM movements m WHERE m.sku = b.sku) LIMIT 1"
        ).fetchone()
        if wrong:
            self.company.failed(f"{node.name} has a balance of {wrong[0]} that no movement explains")

    def _log(self) -> None:
        """Each stream is in the hub's log, or set aside, without a hole, in its order, with its hashes."""
        ask = self.company.hub.audit.execute
        heads = {chain.inc: chain.heads for chain in self.chains()}
        parked = dict(
            ask("SELECT inc, count(*) FROM parked WHERE state <> 'replayed' GROUP BY inc").fetchall()
        )
        upto = {row[0]: row[1] for row in ask("SELECT inc, upto FROM streams").fetchall()}
        newest: dict[str, int] = {}
        counts: dict[str, int] = {}
        for inc, seq, digest in ask("SELECT inc, seq, hash FROM events ORDER BY apply_order").fetchall():
            if inc not in upto:
                continue
            if seq <= newest.get(inc, 0) and not parked.get(inc):
                self.company.failed(f"the hub applied number {seq} after {newest[inc]}")
            newest[inc], counts[inc] = seq, counts.get(inc, 0) + 1
            chain = heads.get(inc, [])
            forked = sum(1 for known in self.chains() if known.inc == inc) > 1
            if not forked and (seq >= len(chain) or chain[seq] != digest.hex()):
                self.company.failed(f"the hub's event {seq} is not the store's")
        for inc, last in upto.items():
            if counts.get(inc, 0) + parked.get(inc, 0) != last:
                self.company.failed(f"the hub is at {last} and has {counts.get(inc, 0)} events of a stream")

    def _books(self) -> None:
        ask = self.company.hub.audit.execute
        if ask("SELECT coalesce(sum(amount_minor), 0) FROM entries").fetchone()[0] != 0:
            self.company.failed("the trial balance is not zero")
        if ask("SELECT 1 FROM orders WHERE refunded_minor > paid_minor LIMIT 1").fetchone():
            self.company.failed("the hub knows a refund of more than was paid")
        if any(node.is_copy for node in self.company.edges):
            return  # a restored store prints numbers again; it is marked, and never heard
        for table in ("orders", "returns"):
            row = ask(f"SELECT number FROM {table} GROUP BY number HAVING count(*) > 1 LIMIT 1").fetchone()
            if row:
                self.company.failed(f"the number {row[0]} was printed twice")

    def _desk(self) -> None:
        """Whatever needs a person has an exception with an owner."""
        ask = self.company.hub.audit.execute
        if ask("SELECT 1 FROM exceptions WHERE owner_role = '' LIMIT 1").fetchone():
            self.company.failed("an exception has no owner")
        lost = ask(
            "SELECT p.edge, p.seq, p.code, p.detail FROM parked p WHERE p.state = 'parked' AND NOT EXISTS"
            " (SELECT 1 FROM exceptions e WHERE e.state = 'open' AND e.dedupe_key LIKE 'parked:%') LIMIT 1"
        ).fetchone()
        if lost:
            self.company.failed(f"event {lost[1]} of {lost[0]} was set aside and nobody told")
        aside = ask("SELECT edge, seq, code, detail FROM parked WHERE state = 'parked' LIMIT 1").fetchone()
        if aside and not any(node.is_copy for node in self.company.edges):
            self.company.failed(f"event {aside[1]} of {aside[0]} was set aside: {aside[2]} {aside[3]}")

    def _promises(self) -> None:
        """The hub's cells are what its allocations say, and none was ended or finished beyond its units."""
        wrong = self.company.hub.audit.execute(
            "SELECT r.location, r.sku, r.allocated, r.ended, coalesce(sum(a.units), 0),"
            " coalesce(sum(a.ended), 0) FROM hub_rights r LEFT JOIN allocations a"
            " ON a.location = r.location AND a.sku = r.sku GROUP BY r.location, r.sku"
            " HAVING r.allocated <> coalesce(sum(a.units), 0) OR r.ended <> coalesce(sum(a.ended), 0) LIMIT 1"
        ).fetchone()
        if wrong:
            self.company.failed(
                f"the cells of {wrong[1]} at {wrong[0]} are not its allocations: {tuple(wrong)}"
            )

    # --- at rest ---

    def rest(self) -> None:
        """Check what holds once everything has been heard: both sides say the same, and nothing leaks."""
        hub = self.company.hub
        for node in self.company.edges:
            if not self.hears(node):
                continue
            ours = dict(self._balances(node.audit.execute("SELECT sku, bucket, quantity FROM balances")))
            at_hub = hub.audit.execute(
                "SELECT sku, bucket, quantity FROM balances WHERE location = ?", (node.edge,)
            )
            if ours != dict(self._balances(at_hub)):
                self.company.failed(f"the hub has other stock of {node.name} than {node.name}")
            self._same_orders(node)
            self._at_rest(node)

    def _same_orders(self, node: EdgeNode) -> None:
        sql = "SELECT number, state, total_minor, refunded_minor FROM orders"
        ours = {tuple(row) for row in node.audit.execute(sql).fetchall()}
        theirs = self.company.hub.audit.execute(f"{sql} WHERE location = ?", (node.edge,)).fetchall()
        apart = ours ^ {tuple(row) for row in theirs}
        if apart:
            self.company.failed(f"the hub and {node.name} differ about {min(apart)}")

    def _at_rest(self, node: EdgeNode) -> None:
        if self.fenced(node):
            return
        for lent in self.lent(node):
            whole = lent.bound + lent.sellable + lent.promised + lent.free
            if lent.physical != whole:
                self.company.failed(f"at rest {node.name} has P {lent.physical} and B+L+U+H {whole}: {lent}")

    @staticmethod
    def hears(node: EdgeNode) -> bool:
        """Tell whether a store still talks to the hub; one in quarantine waits for a person."""
        return node.program is not None and not node.quarantined and node.talk.rejected is None

    @staticmethod
    def fenced(node: EdgeNode) -> bool:
        """Tell whether a store lends nothing until its rights are re-opened."""
        row = node.audit.execute("SELECT value FROM meta WHERE key = 'link.fenced'").fetchone()
        return row is not None and row[0] == "1"

    @staticmethod
    def _balances(rows: Any) -> list[tuple[tuple[str, str], int]]:
        return [((row[0], row[1]), row[2]) for row in rows.fetchall() if row[2]]
