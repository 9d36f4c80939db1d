"""Directives on their way to each edge: one batch at a time, until the edge's answer has reached it.

`sent` is committed before a batch is published. A batch that is not answered is published again from the
edge's own watermark; the edge knows what it has carried out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from hub.database import HubDatabase, HubUnit, Lookup
from hub.fleet.rows import directives
from hub.link.leases import Guard, everybodys
from hub.link.outbox import Outbox, Outgoing
from hub.link.sessions import Live
from protocol import topics
from protocol.clock import Clock
from protocol.handshake import DirectiveBatch, encode

FIRST_WAIT_SECONDS: Final = 5.0
WAIT_LIMIT_SECONDS: Final = 60.0
_WAITING: Final = Lookup(
    sa.select(directives.c.edge)
    .where(directives.c.state == "queued", directives.c.hub_inc == sa.bindparam("life"))
    .distinct()
)


@dataclass(slots=True)
class _Edge:
    live: Live
    done: int
    """The edge's watermark, as far as the hub was told."""
    sent: int
    due: float
    wait: float = FIRST_WAIT_SECONDS


class Outflow:
    """Sends directives to the edges whose sessions are open."""

    def __init__(
        self,
        outbox: Outbox,
        database: HubDatabase,
        publish: Callable[[str, bytes], bool],
        clock: Clock,
        guard: Guard = everybodys,
    ) -> None:
        self._outbox = outbox
        self._database = database
        self._publish = publish
        self._clock = clock
        self._guard = guard
        self._edges: dict[str, _Edge] = {}
        self._hub_inc = ""

    def opened(self, live: Live, hub_inc: str) -> None:
        """A session began: send what is not answered, from the edge's watermark on."""
        self._hub_inc = hub_inc
        with self._database.read() as connection:
            done = self._outbox.next_unanswered(connection, live.edge, hub_inc) - 1
        self._edges[live.edge] = _Edge(live, done=done, sent=done, due=self._clock.monotonic())
        self._send(self._edges[live.edge])

    def met(self, live: Live, hub_inc: str) -> None:
        """A session that was opened before this process began is used: go on with it."""
        if live.edge not in self._edges:
            self.opened(live, hub_inc)

    def answered(self, edge: str, upto: int) -> None:
        """The edge says how far it is."""
        flow = self._edges.get(edge)
        if flow is None:
            return
        if upto > flow.done:
            flow.done, flow.wait = upto, FIRST_WAIT_SECONDS
        flow.sent = max(flow.sent, flow.done)
        if flow.done >= flow.sent:
            self._send(flow)

    def closed(self, edge: str) -> None:
        """The edge may not be told anything any more."""
        self._edges.pop(edge, None)

    def look(self) -> None:
        """Something was put into the outbox: send it where nothing is under way."""
        with self._database.read() as connection:
            waiting = set(_WAITING.scalars(connection, life=self._hub_inc))
        for edge in sorted(waiting & self._edges.keys()):
            flow = self._edges[edge]
            if flow.done >= flow.sent:
                self._send(flow)

    def tick(self) -> None:
        """Publish again what was not answered in time."""
        now = self._clock.monotonic()
        for flow in self._edges.values():
            if flow.sent > flow.done and now >= flow.due:
                flow.wait = min(WAIT_LIMIT_SECONDS, flow.wait * 2)
                self._send(flow)

    def _send(self, flow: _Edge) -> None:
        def step(unit: HubUnit) -> Outgoing | None:
            self._guard(unit, flow.live.edge)
            return self._outbox.take(unit, flow.live.edge, flow.done, resend=True)

        outgoing = self._database.write(step)
        if outgoing is None:
            return
        flow.sent = outgoing.first + len(outgoing.directives) - 1
        flow.due = self._clock.monotonic() + flow.wait
        packet = DirectiveBatch(
            inc=flow.live.inc,
            sess=flow.live.sess,
            hub_inc=self._hub_inc,
            first=outgoing.first,
            prev=outgoing.prev,
            head=outgoing.head,
            directives=outgoing.directives,
        )
        self._publish(topics.down(flow.live.edge, "cmd"), encode(packet))
