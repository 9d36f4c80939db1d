"""A hub that acts inside one unit of work, so that any command of the product can be run and looked at.

A command opens units of work, tells locations and publishes to open pages through its `Hub`. Here it is given
one whose database is a unit that is open already, whose outbox remembers what it was handed, and whose live
updates wait for the commit. In a rehearsal that unit is undone and there is no commit: nothing was numbered,
nothing leaves, nobody hears of it. In earnest it is the same hub with the same command, and the unit stays.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeVar

from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubDatabase, HubUnit, before_each
from hub.link.inbox import Inbox
from hub.link.outbox import Outbox
from protocol.clock import Clock
from protocol.errors import Unavailable
from protocol.kit.text import _
from protocol.kit.web.sse import Broadcaster
from protocol.orders import WireModel

T = TypeVar("T")
LONGEST_SECONDS: Final = 2.0
"""A rehearsal holds the writer, and the stores' events wait behind it."""


class UnitDatabase(HubDatabase):
    """One unit of work in place of a database: steps run in it at once, reads see what they have done."""

    def __init__(self, database: HubDatabase, unit: HubUnit) -> None:  # no writer of its own
        self.engine = database.engine
        self.unit = unit

    @contextmanager
    def read(self, *, slowly: bool = False) -> Iterator[Connection]:  # noqa: ARG002 - nobody ends a unit for being slow
        """Read as of this moment of the unit."""
        yield self.unit.connection

    def write(self, step: Callable[[HubUnit], T]) -> T:
        """Run a step as a part of the unit: it stays or goes with it, and a refusal undoes only the step."""
        with self.unit.savepoint():
            return step(self.unit)

    async def awrite(self, step: Callable[[HubUnit], T]) -> T:
        """Run a step as a part of the unit."""
        return self.write(step)

    def close(self) -> None:
        """Leave the unit to whoever opened it."""


class ListeningOutbox(Outbox):
    """An outbox that remembers what it was handed in this unit of work."""

    def __init__(self, outbox: Outbox, *, hub: Hub) -> None:
        super().__init__(clock=hub.clock, ids=hub.ids, wake=outbox.wake)
        self.told: list[tuple[str, WireModel]] = []
        self.taken_back: list[tuple[str, int]] = []

    def send_directive(
        self,
        unit: HubUnit,
        edge: str,
        body: WireModel,
        *,
        expires_us: int | None = None,
        subjects: Sequence[str] = (),
    ) -> int:
        """Number a directive, and remember what it says."""
        self.told.append((edge, body))
        return super().send_directive(unit, edge, body, expires_us=expires_us, subjects=subjects)

    def withdraw(self, unit: HubUnit, edge: str, cseq: int) -> bool:
        """Take a directive back, and remember that it was."""
        done = super().withdraw(unit, edge, cseq)
        if done:
            self.taken_back.append((edge, cseq))
        return done


class LaterBroadcaster(Broadcaster):
    """Publishes once the unit of work is durable, and never when it is undone."""

    def __init__(self, broadcaster: Broadcaster, unit: HubUnit) -> None:
        super().__init__()
        self._real, self._unit = broadcaster, unit

    def publish(self, topic: str, data: str = "") -> None:
        """Publish after COMMIT."""
        self._unit.after_commit(partial(self._real.publish, topic, data))


def acting_in(hub: Hub, unit: HubUnit) -> tuple[Hub, ListeningOutbox]:
    """Return a hub whose commands are parts of this unit of work, and what hears its directives."""
    acting = copy.copy(hub)
    acting.database = UnitDatabase(hub.database, unit)
    acting.outbox = outbox = ListeningOutbox(hub.outbox, hub=hub)
    acting.broadcaster = LaterBroadcaster(hub.broadcaster, unit)
    acting.spine = hub.spine.telling(outbox)
    acting.inbox = Inbox(
        acting.database, acting.spine, publish=acting.broadcaster.publish, guard=hub.leases.guard
    )
    return acting, outbox


@contextmanager
def within(connection: Connection, clock: Clock, seconds: float) -> Iterator[None]:
    """Give up what takes longer than this; a statement that has begun is waited for.

    Raises:
        Unavailable: it took too long.
    """
    until = clock.monotonic() + seconds

    def look(*_statement: object) -> None:
        if clock.monotonic() > until:
            raise Unavailable(
                _("Working out what this choice does takes too long now."),
                _("Try again in a moment."),
                code="preview_slow",
            )

    with before_each(connection, look):
        yield
