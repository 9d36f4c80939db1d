"""The store's side of beginning the lending anew (`protocol.reopening`).

What is open is read, and the cell F noted, in one transaction; the journal's number of that moment goes with
it. Until NEW comes the link sends nothing beyond that number, so the hub takes its union exactly there. Units
that leave meanwhile are the first ones finished in the new epoch: F begins with what was added since. NEW
names the moment that it rests on, for a question that came late may have been answered again since.
"""

from collections.abc import Callable
from typing import Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.rows import FENCED, newest, read_link, set_link, set_meta
from edge_agent.link.rules import PULLING
from edge_agent.link.stream import Stream
from protocol.kit.sqlite import Connection
from protocol.reopening import IAm, NewEpoch, OpenOrder, OpenUnits, Who, by_sku, may_adopt
from protocol.transfers import RIGHTS_OWNER

HOLD_SECONDS: Final = 10.0
"""How long the log waits for NEW; the hub asks again when it has to."""


class Reopening:
    """What a store says when its rights are re-opened, within one session."""

    def __init__(self, edge: Edge, stream: Stream, say: Callable[[IAm], None]) -> None:
        self._edge = edge
        self._stream = stream
        self._say = say
        self._said: IAm | None = None
        self._n = 0
        self._until = 0.0

    def who(self, who: Who, now: float) -> None:
        """Say what is open, unless the store is still bringing back what it lost."""
        if read_link(self._edge.database.read()).recovery == PULLING:
            return
        if self._said is not None and who.n < self._n:
            return  # what was finished since the newer question would be noted for an answer that nobody uses
        if self._said is None or self._said.nonce != who.nonce:
            self._said, self._n = self._edge.database.write(lambda unit: answer(unit, who)), who.n
        self._stream.hold(self._said.position)
        self._until = now + HOLD_SECONDS
        self._say(self._said)

    def new(self, new: NewEpoch) -> bool:
        """Take an epoch over and tell whether this store is in it now."""
        inc = self._edge.identity.inc
        self._edge.database.write(lambda unit: adopt(unit, new, inc))
        self._said = None
        self._stream.hold(None)
        self._edge.broadcaster.publish("strip")
        self._edge.broadcaster.publish("stock")
        return read_link(self._edge.database.read()).ep == new.ep

    def tick(self, now: float) -> None:
        """Let the log go on when the hub says nothing: it asks again."""
        if self._said is not None and now >= self._until:
            self._said = None
            self._stream.hold(None)


def answer(unit: EdgeUnit, who: Who) -> IAm:
    """Return what is open at this moment, and note how much had been finished."""
    link, position = read_link(unit.connection), newest(unit.connection)
    unit.connection.execute(
        "INSERT OR IGNORE INTO finished_asked SELECT ?, sku, finished FROM rights WHERE finished <> 0",
        (position,),
    )
    return IAm(
        type="iam",
        inc=who.inc,
        sess=who.sess,
        hub_inc=who.hub_inc,
        nonce=who.nonce,
        ep=link.ep,
        position=position,
        cseq_done=link.cseq_done,
        open=open_units(unit.connection),
        orders=open_orders(unit.connection),
    )


def adopt(unit: EdgeUnit, new: NewEpoch, inc: str) -> bool:
    """Take an epoch over and tell whether it was news; lending goes on in it."""
    link = read_link(unit.connection)
    if not may_adopt(new, inc=inc, hub_inc=link.hub_inc, ep=link.ep):
        return False
    connection = unit.connection
    position = new.position
    if position is None:
        position = connection.execute("SELECT max(position) FROM finished_asked").fetchone()[0]
    # Also what is lent no more: the hub has forgotten what is missing of it here.
    connection.execute(
        "UPDATE rights SET granted = 0, returned_seen = 0, echoed = 0, version = version + 1, finished_base ="
        " coalesce((SELECT a.finished FROM finished_asked a WHERE a.sku = rights.sku AND a.position = ?), 0)",
        (position,),
    )
    connection.execute("DELETE FROM finished_asked")
    connection.executemany(
        "INSERT INTO rights (sku, granted, version) VALUES (?, ?, 1) ON CONFLICT (sku)"
        " DO UPDATE SET granted = excluded.granted, version = version + 1, echoed = 0",
        sorted(by_sku(new.open).items()),
    )
    set_link(unit, ep=new.ep, quarantine="", recovery="")
    set_meta(unit, FENCED, "")
    return True


def open_units(connection: Connection) -> tuple[OpenUnits, ...]:
    """Return the lent units that assignments and transfers of this store still wait for."""
    rows = connection.execute(
        "SELECT assignment_id, line_no, sku, lent FROM assignment_lines WHERE lent > 0"
        " UNION ALL SELECT ? || transfer_id, line_no, sku, lent FROM transfer_lines WHERE lent > 0"
        " UNION ALL SELECT ? || transfer_id, line_no, sku, wants_lent FROM transfer_lines"
        " JOIN transfers USING (transfer_id) WHERE wants_lent > 0 AND state = 'requested' AND way = 'out'"
        " ORDER BY 1, 2",
        (RIGHTS_OWNER, RIGHTS_OWNER),
    )
    return tuple(
        OpenUnits(owner=owner, line_no=line, sku=sku, units=units) for owner, line, sku, units in rows
    )


def open_orders(connection: Connection) -> tuple[OpenOrder, ...]:
    """Return the orders of the assignments of which lent units are open."""
    rows = connection.execute(
        "SELECT assignment_id, order_id, number FROM assignments WHERE assignment_id IN"
        " (SELECT assignment_id FROM assignment_lines WHERE lent > 0) ORDER BY assignment_id"
    )
    return tuple(
        OpenOrder(assignment_id=assignment, order_id=order, number=number)
        for assignment, order, number in rows
    )
