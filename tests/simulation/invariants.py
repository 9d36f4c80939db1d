"""What must hold after every step, what must hold at rest, and what the one who checks remembers.

The checks read the files by their own connections and plain SQL: they share no code with what they check,
but for making the hub's tables anew. Cheap ones run after every step that committed something, the others
now and then and at the end.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from protocol import topics
from protocol.envelope import decompress
from protocol.handshake import RejectCode
from protocol.ids import named_id
from tests.simulation import claimed
from tests.simulation.cells import CellsWatch
from tests.simulation.edge import EdgeNode
from tests.simulation.fold import Folds
from tests.simulation.hub import HubNode
from tests.simulation.lent import AtTheHub, RightsWatch
from tests.simulation.missing import DeficitWatch
from tests.simulation.network import Connection
from tests.simulation.node import Chain, Node

STREAMS = "SELECT edge, inc, upto, head FROM streams"
STILL_OPEN = "SELECT sku, sum(units - ended - finished) FROM allocations WHERE location = ? GROUP BY sku"
"""Units that assignments and checkouts still wait for."""
HELD = (
    "SELECT order_id, line_no, fulfilled + lent + bound, assignment_id FROM assignment_lines JOIN assignments"
    " USING (assignment_id) WHERE fulfilled + lent + bound > 0"
)
ON_THE_DESK = """
SELECT json_extract(facts, '$.assignment') FROM exceptions WHERE kind = 'assignment_open_at_store'
"""
"""Assignments that a store has and the hub cannot explain: a person decides about them."""
CANCELLED = """
SELECT order_id, line_no, cancelled FROM order_lines WHERE cancelled > 0 AND NOT EXISTS (
    SELECT 1 FROM exceptions e WHERE e.kind IN ('cancel_too_late', 'fulfilled_after_cancel')
    AND e.subject = 'order:' || order_id
)
"""
"""Units that were cancelled, of orders of which nobody was told that the cancellation came too late."""
BELOW_ZERO = """
SELECT sku, bucket, quantity FROM balances WHERE bucket IN ('reserved', 'picked') AND quantity < 0
UNION ALL SELECT sku, assignment_id, min(lent, bound, picked_lent, picked_bound) FROM assignment_lines
WHERE min(lent, bound, picked_lent, picked_bound) < 0
UNION ALL SELECT sku, transfer_id, min(lent, bound, picked_lent, picked_bound) FROM transfer_lines
WHERE min(lent, bound, picked_lent, picked_bound) < 0
"""
"""Units that were set aside, or taken off the shelf, once, and left twice."""
COUNTED = "SELECT 1 FROM exceptions WHERE dedupe_key = ?"
"""Whether somebody is, or was, asked to count an item."""
UNEXPLAINED = """
SELECT bucket, sum(quantity) FROM (
    SELECT bucket, -quantity AS quantity FROM balances WHERE sku = ?1
    UNION ALL SELECT to_bucket, quantity FROM movements WHERE sku = ?1
    UNION ALL SELECT from_bucket, -quantity FROM movements WHERE sku = ?1
) WHERE bucket IN (SELECT bucket FROM balances WHERE sku = ?1)
GROUP BY bucket HAVING sum(quantity) <> 0 LIMIT 1
"""
"""A balance of an item that is not the sum of its movements."""
AT_A_GLANCE = """
SELECT (SELECT coalesce(max(journal_id), 0) FROM journals),
    EXISTS (SELECT 1 FROM orders WHERE refunded_minor > paid_minor),
    EXISTS (SELECT 1 FROM inbound_claims WHERE state = 'open'),
    EXISTS (SELECT 1 FROM parked WHERE state = 'parked')
"""
"""The newest journal, and whether more was refunded than paid, somebody waits, something is set aside."""
OVERPAID = """
SELECT o.number, EXISTS (SELECT 1 FROM exceptions e WHERE e.kind = 'more_refunded_than_paid'
    AND e.subject = 'order:' || o.order_id AND e.owner_role <> ''), r.location
FROM orders o JOIN returns r USING (order_id) WHERE o.refunded_minor > o.paid_minor
"""
"""Orders of which more was given back than paid, whether somebody was told, and where money was given."""
TRIPPED_HUB = "SELECT edge, seq, kind, detail FROM parked WHERE code = 'failed'"
TRIPPED_STORE = """
SELECT d.cseq, d.kind, d.detail FROM directives d JOIN parked_directives p USING (hub_inc, cseq)
WHERE p.why = 'failed'
"""
UNDER_WAY = """
SELECT place, sku, sum(units) FROM (
    SELECT t.source AS place, l.sku, l.shipped - l.matched - l.lost AS units FROM transfer_lines l
    JOIN transfers t USING (transfer_id)
    UNION ALL
    SELECT r.destination, p.sku, -p.open FROM transfer_pieces p JOIN transfer_receipts r USING (receipt_id)
    WHERE r.undone_us IS NULL
) GROUP BY place, sku
"""
"""What has left and not arrived, less what has arrived and is explained by nothing yet."""
LEFT_IN_TRANSIT = """
SELECT transfer_id, transit + unmatched, destination FROM transfers WHERE transit <> 0 OR unmatched <> 0
"""
WISHES = "SELECT sku, deficit, back_upto - returned FROM hub_rights WHERE location = ?"
"""What the hub was told last: what a store misses of what is promised, and what it wants to have back."""


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
    forks: set[tuple[str, str]] = field(default_factory=set)
    """Stores and lives of which the hub said that they have another history than it knows."""
    branches: list[Chain] = field(default_factory=list)
    """Histories of databases that were replaced by an older copy."""
    hub_was_restored: bool = False
    checks: int = 0
    _journal: int = 0
    _at_the_hub: AtTheHub = field(default_factory=lambda: AtTheHub([], []))
    """What it had after its newest commit."""
    _directives: dict[str, tuple[int, frozenset[tuple[str, str]]]] = field(default_factory=dict)
    """How many each store had, and which the hub had taken back, when they were looked at."""

    def __post_init__(self) -> None:
        company = self.company
        self.folds = Folds(company.hub, self.chains, company.failed, self._several)
        self.rights = RightsWatch(company.hub, company.edges, company.failed)
        self.deficits = DeficitWatch(company.hub, company.failed)
        self.cells = CellsWatch(company.hub, company.failed)

    # --- what is heard ---

    def heard(self, _connection: Connection, topic: str, payload: bytes) -> None:
        """Take note of what the hub tells stores about their events."""
        where = topics.parse_down(topic)
        if where is None or where[1] not in {"ack", "ctl"}:
            return
        said = json.loads(decompress(payload))
        if "upto" in said:
            key = (where[0], said["inc"])
            self.acked[key] = max(self.acked.get(key, 0), said["upto"])
        elif said.get("code") == RejectCode.FORK:
            self.forks.add((where[0], said["inc"]))

    # --- after every commit, and after every step ---

    def committed(self, node: Node) -> None:
        """Check at once what a later commit of the same step may hide."""
        if isinstance(node, HubNode):
            self._at_the_hub = AtTheHub.read(node)
            self.deficits.committed(self._at_the_hub)

    def look(self, node: Node) -> None:
        """Check what a commit of one machine may have broken."""
        self.checks += 1
        if isinstance(node, EdgeNode):
            before = len(node.chain.moves)
            epoch, directives = self.folds.follow(node)
            self.rights.edge_changed(node, epoch)
            self._counter(node, {sku for moves in node.chain.moves[before:] for sku, *_how in moves})
            known = (directives, frozenset(self.company.hub.withdrawn))
            if known != self._directives.get(node.name):
                self._directives[node.name] = known
                self._carried_out_once(node)
        else:
            streams = self.company.hub.audit.execute(STREAMS).fetchall()
            self.folds.hub_changed(streams)
            if self.rights.hub_changed(self._at_the_hub):
                self.cells.look(self.rights.hub_cells())
                self.deficits.look()
            self._keeps_its_word(streams)
            ask = self.company.hub.audit.execute
            journal, refunded, waits, set_aside = ask(AT_A_GLANCE).fetchone()
            self._entries(journal)
            if refunded:
                self._overpaid()
            if waits:
                claimed.look(ask, self.company.failed)
            if self.forks or set_aside:
                self._desk()

    def down(self, node: Node) -> None:
        """A machine has ended; what it committed last is seen when it is back."""
        self.rights.down(node.name)

    def _keeps_its_word(self, streams: Sequence[tuple[str, str, int, str]]) -> None:
        """The hub is never behind what it acknowledged."""
        for edge, inc, upto, _head in streams:
            if upto < self.acked.get((edge, inc), 0):
                self.company.failed(f"the hub told {edge} {self.acked[edge, inc]} and now knows {upto}")

    def _entries(self, newest: int) -> None:
        """Each new journal balances, so every prefix of the ledger does."""
        if newest == self._journal:
            return
        unbalanced = self.company.hub.audit.execute(
            "SELECT journal_id FROM journals WHERE journal_id > ? AND coalesce((SELECT sum(amount_minor)"
            " FROM entries WHERE entries.journal_id = journals.journal_id), 1) <> 0",
            (self._journal,),
        ).fetchall()
        if unbalanced:
            self.company.failed(f"journal {unbalanced[0][0]} does not balance")
        self._journal = newest

    def _overpaid(self) -> None:
        """More goes back than was paid only where two machines of one store did it, and somebody is told."""
        twice = {node.edge for node in self.company.edges if node.did_twice}
        given: dict[str, set[str]] = {}
        for number, told, place in self.company.hub.audit.execute(OVERPAID).fetchall():
            given.setdefault(number, set()).add(place)
            if not told:
                self.company.failed(f"the hub knows a refund of more than was paid for {number}, untold")
        for number, places in given.items():
            if not places & twice:
                self.company.failed(f"the hub knows a refund of more than was paid for {number}")

    def _several(self, edge: str) -> bool:
        return any(node.is_copy for node in self.company.edges if node.edge == edge)

    def chains(self) -> list[Chain]:
        """Return every history that any database of a store ever told."""
        living = [chain for node in self.company.edges for chain in (node.chain, *node.past)]
        return living + self.branches

    @property
    def torn(self) -> bool:
        """Whether a database has lost its past in this run: its events may wait for somebody to decide."""
        return self.hub_was_restored or any(node.is_copy for node in self.company.edges)

    def _counter(self, node: EdgeNode, moved: set[str]) -> None:
        """Movements explain what they moved; nothing goes back more often than it may."""
        ask = node.audit.execute
        for sku in sorted(moved):
            if ask(UNEXPLAINED, (sku,)).fetchone():
                self.company.failed(f"{node.name} has a balance of {sku} that no movement explains")
        if not moved or node.did_twice:
            return  # two machines of one store may both have given the money back; finance is told at the hub
        if ask("SELECT 1 FROM orders WHERE refunded_minor > total_minor LIMIT 1").fetchone():
            self.company.failed(f"{node.name} refunded more than was paid")

    def _carried_out_once(self, node: EdgeNode) -> None:
        """No directive takes effect twice, or after it was taken back."""
        ask = node.audit.execute
        twice = "SELECT id FROM directives WHERE outcome = 'applied' GROUP BY id HAVING count(*) > 1 LIMIT 1"
        if ask(twice).fetchone():
            self.company.failed(f"{node.name} carried a directive out twice")
        for edge, directive_id in sorted(self.company.hub.withdrawn):
            done = "SELECT 1 FROM directives WHERE id = ? AND kind <> 'withdrawn' AND outcome = 'applied'"
            if edge == node.edge and ask(done, (directive_id,)).fetchone():
                self.company.failed(f"{node.name} carried out a directive that was taken back")

    # --- after a restart ---

    def restarted(self, node: Node) -> None:
        """What was told before a crash is there after it."""
        if isinstance(node, EdgeNode):
            self._edge_restarted(node)
            return
        assert isinstance(node, HubNode)
        self._journal = 0
        self.folds.restarted()
        self._at_the_hub = AtTheHub.read(node)
        self.deficits.restarted(self._at_the_hub)
        for sql, values, expected in node.promises:
            found = node.audit.execute(sql, values).fetchone()
            if found is None or found[0] != expected:
                self.company.failed(f"the hub has lost what it said: {sql} {values}")
        self.look(node)

    def _edge_restarted(self, node: EdgeNode) -> None:
        self._directives.pop(node.name, None)
        inc = node.audit.execute("SELECT value FROM meta WHERE key = 'inc'").fetchone()[0]
        if inc != node.chain.inc:
            if node.chain.told and not node.is_copy:
                told = node.chain.told
                self.company.failed(f"{node.name} told clients {told} events, and lacks some after a crash")
            node.begin_chain(inc)
        chain, newest = node.chain, node.newest()
        if newest < chain.told:
            self.company.failed(
                f"{node.name} told clients {chain.told} events and has {newest} after a crash"
            )
        chain.cut(newest)
        row = node.audit.execute(
            "SELECT hash FROM events, link WHERE seq = base + ? AND seq > base", (newest,)
        ).fetchone()
        if row is not None and newest < len(chain.heads) and row[0].hex() != chain.heads[newest]:
            self.company.failed(f"{node.name} has another history after a crash")
        if node.audit.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            self.company.failed(f"{node.name} has a damaged file after a crash")
        self.look(node)

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
            self.cells.whole()
            self.deficits.look()

    def _shop(self, node: EdgeNode) -> None:
        ask = node.audit.execute
        for (sku,) in ask("SELECT DISTINCT sku FROM balances").fetchall():
            if ask(UNEXPLAINED, (sku,)).fetchone():
                self.company.failed(f"{node.name} has a balance of {sku} that no movement explains")

    def _log(self) -> None:
        """Each stream is in the hub's log, or set aside, without a hole, in its order, with its hashes."""
        ask = self.company.hub.audit.execute
        histories: dict[str, list[Chain]] = {}
        for chain in self.chains():
            histories.setdefault(chain.inc, []).append(chain)
        parked = dict(
            ask("SELECT inc, count(*) FROM parked WHERE state <> 'replayed' GROUP BY inc").fetchall()
        )
        upto = {row[0]: row[1] for row in ask("SELECT inc, upto FROM streams").fetchall()}
        newest: dict[str, int] = {}
        counts: dict[str, int] = {}
        replayed = {
            tuple(row) for row in ask("SELECT inc, seq FROM parked WHERE state = 'replayed'").fetchall()
        }
        for inc, seq, digest in ask("SELECT inc, seq, hash FROM events ORDER BY apply_order").fetchall():
            if inc not in upto:
                continue
            if (inc, seq) in replayed:
                counts[inc] = counts.get(inc, 0) + 1
                continue
            if seq <= newest.get(inc, 0):
                self.company.failed(f"the hub applied number {seq} after {newest[inc]}")
            newest[inc], counts[inc] = seq, counts.get(inc, 0) + 1
            # All of a stream is of one history, whichever of those that a store may have had.
            histories[inc] = [
                chain for chain in histories.get(inc, ()) if chain.heads[seq : seq + 1] == [digest.hex()]
            ]
            if not histories[inc]:
                self.company.failed(f"the hub's event {seq} is of no history that has those before it")
        for inc, last in upto.items():
            if counts.get(inc, 0) + parked.get(inc, 0) != last:
                self.company.failed(f"the hub is at {last} and has {counts.get(inc, 0)} events of a stream")

    def _books(self) -> None:
        ask = self.company.hub.audit.execute
        if ask("SELECT coalesce(sum(amount_minor), 0) FROM entries").fetchone()[0] != 0:
            self.company.failed("the trial balance is not zero")
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
        told = {row[0] for row in ask("SELECT dedupe_key FROM exceptions WHERE state = 'open'").fetchall()}
        for edge, inc in sorted(self.forks):
            if not told & {f"fork:{inc}", f"edge_forked:{edge}"}:
                self.company.failed(f"{edge} has another history than the hub knows and nobody was told")
        waits: set[str] = set()
        for edge, inc, seq, code, subjects, detail in ask(
            "SELECT edge, inc, seq, code, subjects, detail FROM parked WHERE state = 'parked'"
            " ORDER BY park_order, edge, inc, seq"
        ).fetchall():
            key = f"parked:{hashlib.sha256(f'{edge}|{inc}|{seq}'.encode()).hexdigest()[:40]}"
            if key not in told and not (code == "behind" and waits & set(json.loads(subjects))):
                self.company.failed(f"event {seq} of {edge} was set aside ({code}) and nobody told")
            waits.update(json.loads(subjects))
            if code not in {"behind", "unknown_kind"} and not self.torn:
                self.company.failed(f"event {seq} of {edge} was set aside: {code} {detail}")

    # --- at rest ---

    def rest(self) -> None:
        """Check what holds once everything has been heard: both sides say the same, and nothing leaks."""
        hub = self.company.hub
        for node in self.company.edges:
            if not self.hears(node):
                continue
            # In transit is apart: the hub takes out what arrived elsewhere, the store when that is settled.
            here = "SELECT sku, bucket, quantity FROM balances WHERE bucket <> 'in_transit'"
            ours = dict(self._balances(node.audit.execute(here)))
            at_hub = hub.audit.execute(f"{here} AND location = ?", (node.edge,))
            if ours != dict(self._balances(at_hub)):
                self.company.failed(f"the hub has other stock of {node.name} than {node.name}")
            self._same_orders(node)
            self._at_rest(node)
            self._tripped(node, TRIPPED_STORE)
        self._tripped(hub, TRIPPED_HUB)
        self._transit()
        self._held_once()
        claimed.rest(hub.audit.execute, self.company.failed)

    def _held_once(self) -> None:
        """No unit of a web order is at two places, or gone from two, whatever the hub forgot meanwhile.

        What was cancelled is at none, unless somebody is told that it could not be had back.
        """
        if len({node.edge for node in self.company.edges}) < len(self.company.edges):
            return  # a store and a machine beside it may each have handed the same goods over
        ask = self.company.hub.audit.execute
        on_the_desk = {row[0] for row in ask(ON_THE_DESK).fetchall()}
        held: Counter[tuple[str, int]] = Counter()
        known: Counter[tuple[str, int]] = Counter()
        for node in self.company.edges:
            for order_id, line_no, units, assignment in node.audit.execute(HELD).fetchall():
                held[order_id, line_no] += units
                if assignment not in on_the_desk:
                    known[order_id, line_no] += units
        cancelled = {(row[0], row[1]): row[2] for row in ask(CANCELLED).fetchall()}
        for name, lines in self.company.hub.shop.items():
            order_id = named_id("order", "web", name)
            for line_no, ordered in enumerate(lines, start=1):
                wanted = ordered - cancelled.get((order_id, line_no), 0)
                if held[order_id, line_no] > ordered or known[order_id, line_no] > wanted:
                    self.company.failed(
                        f"more than {wanted} of line {line_no} of web order {name} are at stores"
                    )

    def _tripped(self, node: Node, sql: str) -> None:
        """Nothing was set aside because the product tripped over it; unknown kinds are what comes apart."""
        row = node.audit.execute(sql).fetchone()
        if row is not None:
            self.company.failed(f"{node.name} tripped over {tuple(row)}")

    def _transit(self) -> None:
        """What is in transit is what left and did not arrive, and somebody is asked about all of it."""
        ask = self.company.hub.audit.execute
        under_way = {tuple(row)[:2]: row[2] for row in ask(UNDER_WAY).fetchall() if row[2]}
        held = ask("SELECT location, sku, quantity FROM balances WHERE bucket = 'in_transit'").fetchall()
        at_hub = {tuple(row)[:2]: row[2] for row in held if row[2]}
        if at_hub != under_way:
            self.company.failed(f"in transit are {at_hub}, under way {under_way}")
        told = " ".join(
            row[0] for row in ask("SELECT dedupe_key FROM exceptions WHERE state = 'open'").fetchall()
        )
        for transfer, left, destination in ask(LEFT_IN_TRANSIT).fetchall():
            heard = any(node.edge == destination and self.hears(node) for node in self.company.edges)
            if heard and transfer not in told:
                self.company.failed(f"{left} units of transfer {transfer} are in transit and nobody is asked")

    def _same_orders(self, node: EdgeNode) -> None:
        sql = "SELECT order_id, number, state, total_minor, refunded_minor FROM orders"
        # A number that an old image of the disk printed again is listed at the store with its turn behind it.
        ours = {
            (order_id, number.partition("/")[0], *rest)
            for order_id, number, *rest in node.audit.execute(sql).fetchall()
        }
        theirs = self.company.hub.audit.execute(f"{sql} WHERE location = ?", (node.edge,)).fetchall()
        apart = ours ^ {tuple(row) for row in theirs}
        if apart:
            self.company.failed(f"the hub and {node.name} differ about {min(apart)}")

    def _at_rest(self, node: EdgeNode) -> None:
        for sku, *what in node.audit.execute(BELOW_ZERO).fetchall():
            if not (node.did_twice and node.audit.execute(COUNTED, (f"count_due:{sku}",)).fetchone()):
                self.company.failed(f"at rest {node.name} did something twice: {(sku, *what)}")
        still_open = dict(
            tuple(row) for row in self.company.hub.audit.execute(STILL_OPEN, (node.edge,)).fetchall()
        )
        wishes = {row[0]: tuple(row)[1:] for row in self.company.hub.audit.execute(WISHES, (node.edge,))}
        for lent in self.rights.of(node):
            missing, wanted_back = wishes.get(lent.sku, (0, 0))
            if lent.sku in wishes and missing != min(max(0, -lent.sellable), lent.outstanding + lent.bound):
                self.company.failed(f"at rest the hub believes that {node.name} misses {missing}: {lent}")
            if wanted_back > 0 and lent.free > 0:
                self.company.failed(f"at rest {node.name} waits for {wanted_back} units of {lent}")
            whole = lent.bound + lent.sellable + lent.promised + lent.free
            if lent.physical != whole:
                self.company.failed(f"at rest {node.name} has P {lent.physical} and B+L+U+H {whole}: {lent}")
            waits = still_open.get(lent.sku, 0)
            if lent.promised != waits:
                self.company.failed(f"at rest {waits} promises of {node.name} are open and U is not: {lent}")

    @staticmethod
    def hears(node: EdgeNode) -> bool:
        """Tell whether a store still talks to the hub; one with another history waits for a person."""
        return node.program is not None and not node.halted and node.talk.rejected is None

    @staticmethod
    def _balances(rows: Any) -> list[tuple[tuple[str, str], int]]:
        return [((row[0], row[1]), row[2]) for row in rows.fetchall() if row[2]]
