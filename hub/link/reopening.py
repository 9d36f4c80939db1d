"""The hub's side of beginning the lending anew (`protocol.reopening`): WHO, the union, NEW, and the end.

A location stays fenced over restarts of either side: what has been reached is a row (`rights_epochs`), and
whoever finds it goes on from there. The union is taken in one transaction, exactly at the point of the log
that the edge spoke of; if either side has moved beyond it, the hub asks again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.engine import Connection

from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import stream
from hub.link.alarms import Raise
from hub.link.epochs import Epoch, epoch_of, put
from hub.link.leases import Guard, everybodys
from hub.link.outbox import Outbox
from hub.link.rules import Alarm
from hub.link.sessions import Live
from hub.spine.steps import take_orders
from hub.stock.changed import note_location_changed
from hub.stock.rows import allocations, hub_rights
from protocol.clock import Clock
from protocol.envelope import compress
from protocol.handshake import encode
from protocol.ids import IdMaker
from protocol.reopening import (
    IAm,
    NewEpoch,
    OpenOrder,
    OpenUnits,
    Who,
    by_sku,
    next_epoch,
    union,
)

ASK_SECONDS: Final = 3.0
Found = Callable[[HubUnit, str, OpenOrder, Sequence[OpenUnits]], bool]
"""Hears of an assignment of which the hub knew no rights; True when the record has it now."""
_OPEN_UNITS: Final = TypeAdapter(tuple[OpenUnits, ...])
_OPEN: Final = allocations.c.units - allocations.c.finished - allocations.c.ended
_OF_NO_EPOCH: Final = frozenset({"location", "sku", "version", "echoed"})
_BLANK: Final = {column.name: 0 for column in hub_rights.c if column.name not in _OF_NO_EPOCH}


def nobody_knows(_unit: HubUnit, _edge: str, _order: OpenOrder, _units: Sequence[OpenUnits]) -> bool:
    """Leave what was found to a person."""
    return False


@dataclass(frozen=True, slots=True)
class ReopeningParts:
    """What it works with."""

    database: HubDatabase
    outbox: Outbox
    clock: Clock
    ids: IdMaker
    raise_alarm: Raise
    tell: Callable[[str, str, bytes], None]
    """(edge, kind, payload)"""
    on_change: Callable[[str], None]
    guard: Guard = everybodys
    found: Found = nobody_knows


@dataclass(slots=True)
class _Asked:
    live: Live
    nonce: str = ""
    n: int = 0
    due: float = 0.0
    said: IAm | None = None
    """What the edge said, until the log has been applied so far."""


class Reopening:
    """The locations whose rights are being re-opened by this process."""

    def __init__(self, parts: ReopeningParts) -> None:
        self._parts = parts
        self._asked: dict[str, _Asked] = {}
        self._met: dict[str, str] = {}
        self._questions = 0

    def met(self, live: Live, hub_inc: str) -> None:
        """A session that was opened before this process began is used: go on with it."""
        if self._met.get(live.edge) != live.sess:
            self.opened(live, hub_inc)

    def opened(self, live: Live, hub_inc: str) -> None:
        """A session began: go on where the rights of the location are."""
        self._asked.pop(live.edge, None)
        self._met[live.edge] = live.sess
        if self._epoch(live.edge).is_open:
            return
        self._asked[live.edge] = _Asked(live)
        self._say(live.edge, hub_inc)

    def closed(self, edge: str) -> None:
        """The edge may not be told anything any more."""
        self._asked.pop(edge, None)
        self._met.pop(edge, None)

    def tick(self, hub_inc: str) -> None:
        """Say again what was not answered."""
        now = self._parts.clock.monotonic()
        for edge, asked in list(self._asked.items()):
            if now >= asked.due:
                self._say(edge, hub_inc)

    def heard(self, edge: str, said: IAm, hub_inc: str) -> None:
        """An edge said what is open; keep it until the log has come so far."""
        asked = self._asked.get(edge)
        if asked is not None and said.nonce == asked.nonce and said.hub_inc == hub_inc:
            asked.said = said
            self.applied(edge, hub_inc)

    def applied(self, edge: str, hub_inc: str) -> None:
        """The log of an edge has come further: perhaps as far as what it said."""
        asked = self._asked.get(edge)
        if asked is None or asked.said is None:
            return
        said, live = asked.said, asked.live

        def step(unit: HubUnit) -> bool | None:
            self._parts.guard(unit, edge)
            return self._reopen(unit, live, said, hub_inc)

        done = self._parts.database.write(step)
        if done is None:
            return
        asked.said, asked.nonce = None, ""
        self._say(edge, hub_inc)

    def is_open_for(self, unit: HubUnit, live: Live, ep: int, hub_inc: str) -> bool:
        """Tell whether a vector of this epoch counts; the first one of a new epoch ends the fence."""
        epoch = epoch_of(unit.connection, live.edge)
        if epoch.is_open:
            return epoch.ep == ep
        if epoch.state != "told" or (epoch.ep, epoch.inc, epoch.hub_inc) != (ep, live.inc, hub_inc):
            return False
        put(unit.connection, live.edge, state="open", told="", why="", since_us=self._parts.clock.now_us())
        unit.after_commit(lambda: self._ended(live.edge))
        return True

    def _ended(self, edge: str) -> None:
        self._asked.pop(edge, None)
        self._parts.on_change(edge)

    def _epoch(self, edge: str) -> Epoch:
        with self._parts.database.read() as connection:
            return epoch_of(connection, edge)

    def _say(self, edge: str, hub_inc: str) -> None:
        """Ask who the edge is, or tell it again what the new epoch begins with."""
        asked, epoch = self._asked[edge], self._epoch(edge)
        live = asked.live
        asked.due = self._parts.clock.monotonic() + ASK_SECONDS
        if epoch.is_open:
            self._ended(edge)
            return
        if epoch.state == "told" and (epoch.inc, epoch.hub_inc) == (live.inc, hub_inc):
            new = NewEpoch(
                inc=live.inc,
                sess=live.sess,
                hub_inc=hub_inc,
                ep=epoch.ep,
                position=epoch.position,
                open=_OPEN_UNITS.validate_json(epoch.told),
            )
            self._parts.tell(edge, "ctl", compress(encode(new)))
            return
        if not asked.nonce:
            self._questions += 1
            asked.nonce, asked.n, asked.said = self._parts.ids.secret(16), self._questions, None
        who = Who(inc=live.inc, sess=live.sess, hub_inc=hub_inc, nonce=asked.nonce, n=asked.n)
        self._parts.tell(edge, "ctl", encode(who))

    def _reopen(self, unit: HubUnit, live: Live, said: IAm, hub_inc: str) -> bool | None:
        """Begin the new epoch; None when the log is not there yet, False to ask again."""
        take_orders(unit, 0)  # as every promise does: what is open cannot change while it is counted
        connection, edge = unit.connection, live.edge
        epoch, log = epoch_of(connection, edge), stream(connection, edge, live.inc)
        if epoch.is_open or log is None or log.upto < said.position:
            return None
        answered = self._parts.outbox.next_unanswered(connection, edge, hub_inc) - 1
        if log.upto > said.position or answered > said.cseq_done:
            return False
        units = union(hub_open(connection, edge), said.open)
        self._hold(unit, edge, said)
        ep = next_epoch(epoch.ep, said.ep)
        put(
            connection,
            edge,
            ep=ep,
            state="told",
            inc=live.inc,
            hub_inc=hub_inc,
            told=_OPEN_UNITS.dump_json(units).decode(),
            position=said.position,
        )
        begin_cells(connection, edge, units)
        return True

    def _hold(self, unit: HubUnit, edge: str, said: IAm) -> None:
        """Let the rows of promises say what the edge calls open; record what is news, or tell a person."""
        forgotten: dict[str, list[OpenUnits]] = {}
        for line in said.open:
            mine = (allocations.c.owner == line.owner) & (allocations.c.line_no == line.line_no)
            row = unit.connection.execute(sa.select(allocations).where(mine)).first()
            missing = line.units if row is None else line.units - (row.units - row.finished - row.ended)
            if missing <= 0:
                continue
            if row is None:
                values = {"location": edge, "sku": line.sku, "units": line.units, "finished": 0, "ended": 0}
                unit.connection.execute(
                    sa.insert(allocations).values(owner=line.owner, line_no=line.line_no, **values)
                )
                forgotten.setdefault(line.owner, []).append(line)
            else:
                unit.connection.execute(
                    sa.update(allocations).where(mine).values(units=allocations.c.units + missing)
                )
                self._parts.raise_alarm(unit, still_open(edge, line))
        orders = {each.assignment_id: each for each in said.orders}
        for owner, lines in forgotten.items():
            if owner not in orders or not self._parts.found(unit, edge, orders[owner], lines):
                for line in lines:
                    self._parts.raise_alarm(unit, still_open(edge, line))


def still_open(edge: str, line: OpenUnits) -> Alarm:
    """Return the alarm for units that a store holds for an assignment of which the hub knows less."""
    return Alarm(
        "assignment_open_at_store",
        edge,
        f"{edge} still holds {line.units} x {line.sku} for an assignment that the hub had ended or lost.",
        (("assignment", line.owner), ("sku", line.sku), ("units", line.units)),
        of=line.owner,
    )


def hub_open(connection: Connection, edge: str) -> tuple[OpenUnits, ...]:
    """Return the units that the hub has promised from a location and that have not ended."""
    rows = connection.execute(
        sa.select(allocations.c.owner, allocations.c.line_no, allocations.c.sku, _OPEN)
        .where(allocations.c.location == edge, _OPEN > 0)
        .order_by(allocations.c.owner, allocations.c.line_no)
    )
    return tuple(
        OpenUnits(owner=owner, line_no=line, sku=sku, units=units) for owner, line, sku, units in rows
    )


def begin_cells(connection: Connection, edge: str, units: Sequence[OpenUnits]) -> None:
    """Let the cells of a location say exactly what is open, and nothing else: G = A, R = K = 0."""
    mine = hub_rights.c.location == edge
    connection.execute(
        sa.update(hub_rights)
        .where(mine)
        .values(**_BLANK, version=hub_rights.c.version + 1, echoed=hub_rights.c.version + 1)
    )
    for sku, count in sorted(by_sku(units).items()):
        cells = {"granted_seen": count, "allocated": count}
        done = connection.execute(sa.update(hub_rights).where(mine, hub_rights.c.sku == sku).values(**cells))
        if done.rowcount == 0:
            connection.execute(sa.insert(hub_rights).values(location=edge, sku=sku, **cells))
    # A fence that came and went between two looks of the channels was seen by none of them.
    note_location_changed(connection, edge)
