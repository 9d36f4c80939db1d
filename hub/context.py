"""What every room of the hub is handed: its parts, in one place, made once by `app.build`.

Rooms know each other through here and through the record only. `wake_link` is replaced by the owner of the
wire when it starts; until then it does nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from hub.database import HubDatabase, HubUnit
from hub.fleet.presence import FleetPresence
from hub.link.inbox import Inbox
from hub.link.leases import Leases
from hub.link.line import Line
from hub.link.outbox import Outbox
from hub.settings import HubSettings
from hub.spine.steps import Spine, take_orders
from hub.spine.work import Journey, Promising, Terms, Work
from protocol.clock import Clock
from protocol.ids import IdMaker
from protocol.kit.marker import Note
from protocol.kit.web.sse import Broadcaster

Answer = TypeVar("Answer")


def _nothing() -> None:
    """Stand in for a thread that has not been started."""


@dataclass(eq=False)
class Hub:
    """One running hub process."""

    settings: HubSettings
    database: HubDatabase
    clock: Clock
    ids: IdMaker
    broadcaster: Broadcaster
    journey: Journey
    presence: FleetPresence = field(init=False)
    """When each location was last heard by this process."""
    line: Line = field(default_factory=Line)
    """How the line to the broker is, as this process sees it."""
    outbox: Outbox = field(init=False)
    leases: Leases = field(init=False)
    """Which locations this process serves; all of them unless several share a database."""
    spine: Spine = field(init=False)
    inbox: Inbox = field(init=False)
    noted: Note | None = None
    """How far this process has seen the database: one that is behind that is an older copy."""
    wake_link: Callable[[], None] = _nothing

    def __post_init__(self) -> None:
        self.presence = FleetPresence(self.clock)
        self.outbox = Outbox(clock=self.clock, ids=self.ids, wake=self._wake)
        self.spine = Spine(
            clock=self.clock,
            ids=self.ids,
            journey=self.journey,
            terms=Terms(
                entity=self.settings.entity,
                zone=self.settings.zone,
                currency=self.settings.currency,
                till_tolerance_minor=self.settings.till_tolerance_minor,
                markup_ppm=self.settings.markup_ppm,
                promising=Promising(
                    safety_stock=self.settings.safety_stock,
                    company_threshold=self.settings.company_threshold,
                    ship_minor=tuple(sorted(self.settings.ship_minor.items())),
                    pick_line_minor=self.settings.pick_line_minor,
                    pick_unit_minor=self.settings.pick_unit_minor,
                    warehouse_pick_line_minor=self.settings.warehouse_pick_line_minor,
                    warehouse_pick_unit_minor=self.settings.warehouse_pick_unit_minor,
                    kept_us=self.settings.collect_keep_us,
                    ready_minutes=self.settings.ready_minutes,
                ),
            ),
            hub_inc=self.outbox.hub_inc,
            post=self.outbox,
        )
        self.leases = Leases(self.settings.worker)
        self.inbox = Inbox(
            self.database, self.spine, publish=self.broadcaster.publish, guard=self.leases.guard
        )

    def act(self, step: Callable[[Work], Answer], *topics: str) -> Answer:
        """Do something by a person's or the clock's word: one unit of work, in the order of the log."""

        def unit_of(unit: HubUnit) -> Answer:
            take_orders(unit, 0)
            work = self.spine.work(unit)
            done = step(work)
            self.finish(work, *topics)
            return done

        return self.database.write(unit_of)

    def finish(self, work: Work, *topics: str) -> None:
        """Write what has gathered in a workspace; once it is durable, open pages of its topics look again."""
        work.flush()
        for topic in sorted(work.topics.union(topics)):
            work.unit.after_commit(partial(self.broadcaster.publish, topic))

    def _wake(self) -> None:
        # Looked up when it happens: the link starts after the outbox was made.
        self.wake_link()
