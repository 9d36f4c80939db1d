"""Bringing back what this store had told the hub and has lost: its events, and the directives it answered.

The hub gives back the very bytes; they are checked against the chain and take effect as when tables are made
anew from the log: nothing prints, nobody is told. What of an earlier life the hub lacks (it was restored too)
is given to it. When all is back, whoever works here is told what to look at, and the link agrees with the
hub on what is open (`edge_agent.link.reopening`).
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from edge_agent.context import Edge
from edge_agent.customers import steps as customers
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows.assignments import without_contact
from edge_agent.journal import Recorded
from edge_agent.journey import directive_shadows, reactions
from edge_agent.link import rows
from edge_agent.link.courier import Courier
from edge_agent.link.directives import Brought, DirectiveInbox
from edge_agent.link.recovered import say_what_to_do, take_what_left_twice
from edge_agent.link.rules import PULLING, REOPENING, Trouble, failure
from edge_agent.lives import ROOM, PastLife, past_lives
from edge_agent.reacting import react
from protocol.envelope import Batch, decode_event, encode_batch
from protocol.errors import OrderspineError, Refused
from protocol.handshake import Life, Welcome
from protocol.kit.sqlite import Connection, DatabaseError
from protocol.stream import chain, first_hash, next_hash

EVENTS_AT_ONCE: Final = 200
RETRY_SECONDS: Final = 5.0


class Recovery:
    """Brings back what is lost, on a thread of its own."""

    def __init__(self, edge: Edge, courier: Courier, inbox: DirectiveInbox, done: Callable[[], None]) -> None:
        """`done` runs when everything is back, or when a try has failed."""
        self._edge = edge
        self._courier = courier
        self._inbox = inbox
        self._done = done
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._wanted: tuple[tuple[Life, ...], str] = ((), "")
        self._running = False
        self.trouble: Trouble | None = None
        self.brought = 0
        """Events brought back since the start, for the page that shows how far it is."""

    @property
    def busy(self) -> bool:
        """Tell whether something is being brought back."""
        return self._running

    def begin(self, lives: Sequence[Life], hub_inc: str) -> None:
        """Bring back what the hub has and this store lacks.

        Where that is under way it goes on with what the hub says now: one that was restored meanwhile has
        other lives, and what it said before can never be had from it.
        """
        with self._lock:
            self._wanted = (tuple(lives), hub_inc)
            if self._running or self._stopping.is_set():
                return
            self._running = True
        self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="edge-recovery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; the next start goes on where this one stopped."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2)

    def work(self, lives: Sequence[Life], hub_inc: str) -> None:
        """Bring everything back, and go on to the agreement with the hub.

        Raises:
            Unavailable: the line is down; what has arrived is kept.
            Refused: what the hub sends is not this store's own past.
        """
        pulling = rows.read_link(self._edge.database.read()).recovery == PULLING
        if pulling:
            self._bring_directives_of_past_lives()
            self._bring_directives(hub_inc)
        for life in lives:
            self._bring(life)
        for past in _unknown_to(self._edge.database.read(), lives):
            self._give(past, 0)
        if pulling:
            self._bring_contacts()
            self._edge.database.write(self._finish)
        self._edge.broadcaster.publish("stock")

    def lacks(self, connection: Connection, lives: Sequence[Life]) -> bool:
        """Tell whether the hub has more, or less, of earlier lives than this store.

        One that began a new life asks in any case: it may lack directives, and that is how its wait ends.
        """
        known, link = past_lives(connection), rows.read_link(connection)
        if link.recovery == PULLING or _unknown_to(connection, lives):
            return True
        return any(life.upto != _acked(known.get(life.inc)) for life in lives)

    def _run(self) -> None:
        wait: float | None = 0.0
        while wait is not None and not self._stopping.wait(wait):
            wait = self.attempt()
        self._done()

    def attempt(self) -> float | None:
        """Bring back what is wanted; return in how many seconds to try again, None when it is over."""
        wanted, wait = self._wanted, None
        try:
            self.work(*wanted)
        except OrderspineError as error:
            self.trouble = (error.what, error.remedy)
            wait = RETRY_SECONDS if error.retryable else None
        except (DatabaseError, OSError) as error:
            self.trouble, wait = failure(error), RETRY_SECONDS
        else:
            self.trouble = None
        with self._lock:
            if wait is None and self._wanted is not wanted:
                wait = 0.0
            self._running = wait is not None
        return wait

    def _bring(self, life: Life) -> None:
        """Make this store's copy of an earlier life and the hub's the same."""
        connection = self._edge.database.read()
        past = past_lives(connection).get(life.inc)
        have = _acked(past)
        if past is not None and life.upto < have:
            self._give(past, life.upto)
            return
        head = _head(connection, past, have) or first_hash(self._edge.identity.edge, life.inc)
        while have < life.upto and not self._stopping.is_set():
            page = [data.encode() for data in self._courier.fetch_events(life.inc, have)]
            page = page[: life.upto - have]
            if not page:
                raise Refused(
                    "The hub has not all of this store's own records.",
                    "Call support: events are missing at the hub.",
                    code="events_missing",
                )
            if have + len(page) == life.upto and chain(head, page) != life.head:
                raise Refused(
                    "What the hub gives back is not this store's own past.",
                    "Call support: two copies of this store's database have been in use.",
                    code="other_past",
                )
            for start in range(0, len(page), EVENTS_AT_ONCE):
                part = page[start : start + EVENTS_AT_ONCE]
                self._put(life, part, have, head)
                head, have = chain(head, part), have + len(part)

    def _put(self, life: Life, part: Sequence[bytes], after: int, head: str) -> None:
        def step(unit: EdgeUnit) -> int:
            count, previous = 0, head
            for data in part:
                previous = next_hash(previous, data)
                count += _bring_one(unit, data, previous)
            _note_life(unit, life, after + len(part), previous)
            return count

        self.brought += self._edge.database.write(step)
        self._edge.broadcaster.publish("sync")

    def _give(self, past: PastLife, upto: int) -> None:
        """Bring the hub what it lacks of a life that is over, after a number; a fork is left for people."""
        connection = self._edge.database.read()
        while upto < past.acked and not self._stopping.is_set():
            found = connection.execute(
                "SELECT seq - ?1, bytes, hash FROM events WHERE seq > ?1 + ?2 AND seq <= ?1 + ?3"
                " ORDER BY seq LIMIT 50",
                (past.base, upto, past.acked),
            ).fetchall()
            prev = _head(connection, past, upto) or first_hash(self._edge.identity.edge, past.inc)
            if not found:
                return
            batch = Batch(
                edge=self._edge.identity.edge,
                inc=past.inc,
                sess="0" * 16,
                first=found[0][0],
                last=found[-1][0],
                prev=prev,
                head=bytes(found[-1][2]).hex(),
                newest=past.acked,
                oldest_ms=0,
                events=tuple(bytes(row[1]) for row in found),
                blobs={},
            )
            reached = self._courier.put_events(past.inc, encode_batch(batch))
            if reached <= upto:
                return
            upto = reached

    def _bring_directives_of_past_lives(self) -> None:
        """Take in again what the hub had told before it was restored itself, life by life."""
        brought: list[Brought] = []
        for hub_inc in self._courier.fetch_hub_lives():
            after = rows.newest_of(self._edge.database.read(), hub_inc)
            while not self._stopping.is_set():
                page = self._page(hub_inc, after)
                if not page:
                    break
                brought += page
                after = page[-1].cseq
        self._inbox.bring_back(brought, directive_shadows(), over=True)

    def _bring_directives(self, hub_inc: str) -> None:
        """Take in again what this store had answered; offers come before the events that speak of them."""
        while not self._stopping.is_set():
            link = rows.read_link(self._edge.database.read())
            if link.hub_inc != hub_inc:
                return
            page = self._page(hub_inc, link.cseq_done)
            if not page:
                return
            self._inbox.bring_back(page, directive_shadows())

    def _page(self, hub_inc: str, after: int) -> list[Brought]:
        return [Brought(hub_inc, **said) for said in self._courier.fetch_directives(hub_inc, after)]

    def _bring_contacts(self) -> None:
        """Fetch who the open orders are for: a customer stands in no event and in no directive."""
        for contact_id in without_contact(self._edge.database.read()):
            if self._stopping.is_set():
                return
            with contextlib.suppress(Refused):  # one that is broken must not stop all others
                contact = self._courier.fetch_contact(contact_id)
                if contact is not None:
                    self._edge.database.write(partial(customers.take, edge=self._edge, contact=contact))

    def _finish(self, unit: EdgeUnit) -> None:
        rows.set_link(unit, recovery=REOPENING)
        take_what_left_twice(unit, self._edge)
        say_what_to_do(unit, self._edge)


def is_new_computer(connection: Connection, lives: Sequence[Life]) -> bool:
    """Tell whether the hub has a past of this store of which this database knows nothing."""
    known = past_lives(connection)
    return any(life.upto > 0 for life in lives) and not known


def carried_out(connection: Connection, welcome: Welcome) -> int | None:
    """Return the newest directive of this hub that was carried out here.

    None for a database that gets back what was answered before, or in whose place another one answers now.
    """
    link = rows.read_link(connection)
    if welcome.drain_only or link.recovery == PULLING or is_new_computer(connection, welcome.lives):
        return None
    return link.cseq_done if link.hub_inc == welcome.hub_inc else 0


def _unknown_to(connection: Connection, lives: Sequence[Life]) -> list[PastLife]:
    """Return the lives of which a hub had heard something, and which a restored one does not know at all."""
    said = {life.inc for life in lives}
    return [past for inc, past in past_lives(connection).items() if past.acked and inc not in said]


def _acked(past: PastLife | None) -> int:
    return 0 if past is None else past.acked


def _head(connection: Connection, past: PastLife | None, n: int) -> str | None:
    """Return the chain hash after an event of an earlier life, as this database has it."""
    if past is None or n == 0:
        return None
    row = connection.execute("SELECT head FROM lives WHERE inc = ? AND acked = ?", (past.inc, n)).fetchone()
    if row is not None and row[0]:
        return str(row[0])
    row = connection.execute(
        "SELECT hash FROM carried WHERE inc = ?1 AND n = ?2 UNION ALL"
        " SELECT hash FROM events WHERE seq = ?3 LIMIT 1",
        (past.inc, n, past.base + n),
    ).fetchone()
    return None if row is None else bytes(row[0]).hex()


def _bring_one(unit: EdgeUnit, data: bytes, head: str) -> int:
    """Put one event back before those of this life; return 1 unless this database had it."""
    connection = unit.connection
    event = decode_event(data)
    if connection.execute("SELECT 1 FROM events WHERE id = ?", (event.id,)).fetchone() is not None:
        return 0
    base = connection.execute("SELECT base FROM link").fetchone()[0]
    row = connection.execute(
        "SELECT coalesce(max(seq), ?1 - ?2) + 1 FROM events WHERE seq <= ?1 AND seq > ?1 - ?2", (base, ROOM)
    ).fetchone()[0]
    after = rows.newest_row(connection)
    connection.execute(
        "INSERT INTO events (seq, id, kind, at_us, bytes, hash) VALUES (?, ?, ?, ?, ?, ?)",
        (row, event.id, event.kind, event.at, data, bytes.fromhex(head)),
    )
    failed = ""
    try:
        react(unit, reactions()[event.kind], Recorded.of_log(row, event))
    except Exception as error:  # noqa: BLE001 - one event that no longer fits must not keep the others away
        failed = f"{type(error).__name__}: {error}"[:300]
    connection.execute(
        "INSERT INTO brought_back (seq, after_seq, failed) VALUES (?, ?, ?)", (row, after, failed)
    )
    return 1


def _note_life(unit: EdgeUnit, life: Life, upto: int, head: str) -> None:
    unit.connection.execute(
        "INSERT INTO lives (inc, ordinal, base, why, acked, head, began_us) VALUES (?, ?, 0, '', ?, ?, 0)"
        " ON CONFLICT (inc) DO UPDATE SET acked = excluded.acked, head = excluded.head",
        (life.inc, life.ordinal, upto, head),
    )
