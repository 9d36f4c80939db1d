"""A hub that is older than its stores: some kinds of events are unknown to it until it is upgraded.

What it does not know it sets aside, with whatever shares a subject with it, and goes on with everything else.
The upgrade is a restart; then a person replays what was set aside. Nothing may be missing afterwards.
"""

import random
from typing import Any, Final

from hub.link import repair
from protocol.errors import Refused
from tests.simulation.hub import HubNode
from tests.simulation.schedule import SECOND
from tests.simulation.seams import unknown_kinds

FUTURE: Final = (
    "stock.moved",
    "till.opened",
    "till.counted",
    "till.closed",
    "order.sold",
    "order.voided",
    "return.completed",
    "assignment.picked",
    "assignment.handed_over",
)
ASIDE: Final = (
    "SELECT edge, seq, code FROM parked WHERE state = 'parked' AND code <> 'behind' ORDER BY edge, inc, seq"
)


class Skew:
    """What the hub does not know yet, and how it learns it."""

    def __init__(self, world: Any, rng: random.Random) -> None:
        self.world = world
        unknown_kinds.clear()
        if rng.random() < world.options.skew:
            unknown_kinds.update(rng.sample(FUTURE, rng.choice((1, 1, 2))))
            self.world.tally.fault("hub is older")
            world.schedule.after(rng.uniform(5, 40) * SECOND, "hub is upgraded", self.upgrade)

    def upgrade(self) -> bool | None:
        """Stop the hub and start the new version."""
        if not unknown_kinds:
            return False
        unknown_kinds.clear()
        hub: HubNode = self.world.hub
        if hub.program is not None:
            hub.stop()
            self.world.start_later(hub, SECOND)
        self.world.schedule.after(3 * SECOND, "ops replays", self.replay)
        return None

    def waits(self) -> bool:
        """Tell whether something is still set aside that is replayed once the hub is new.

        Where a database has lost its past, other events wait for a person who decides.
        """
        codes = {
            row[0]
            for row in self.world.hub.audit.execute(
                "SELECT DISTINCT code FROM parked WHERE state = 'parked'"
            ).fetchall()
        }
        return "unknown_kind" in codes if self.world.auditor.torn else bool(codes)

    def replay(self) -> bool | None:
        """Replay what was set aside; what waits behind it follows by itself."""
        hub: HubNode = self.world.hub
        if hub.program is None:
            return False
        for edge, seq, _code in hub.audit.execute(ASIDE).fetchall():
            try:
                repair.replay(hub.program, edge, seq, by="ops")
            except Refused as refused:
                self.world.tally.refused[f"replay: {refused.reason}"] += 1
            else:
                self.world.tally.commands["replay"] += 1
        return None
