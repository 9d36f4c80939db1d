"""Who breaks things: each kind of fault comes at its own rate, to whomever the seed chooses.

To add a kind: a method that does it once and sees to its end, a rate in `options.py`, a line in `KINDS`.
"""

import random
from collections.abc import Callable
from typing import Any

from tests.simulation import copies
from tests.simulation.edge import EdgeNode
from tests.simulation.node import Fuse, Node
from tests.simulation.schedule import SECOND
from tests.simulation.seams import child
from tests.simulation.writer import Crash

HOUR = 3_600 * SECOND


class Nemesis:
    """Breaks things for the length of the first phase."""

    def __init__(self, world: Any, rng: random.Random) -> None:
        self.world, self.rng = world, child(rng)

    def begin(self) -> None:
        """Plan the first fault of every kind that this seed has."""
        kinds: dict[str, Callable[[], None]] = {
            "cut": self.cut,
            "clog": self.clog,
            "broker_kill": self.kill_broker,
            "edge_crash": self.crash_a_store,
            "hub_crash": self.crash_the_hub,
            "restart": self.restart,
            "edge_restore": self.restore_a_store,
            "hub_restore": self.restore_the_hub,
            "clone": self.clone,
            "clock_step": self.step_a_clock,
            "night": self.night,
        }
        for name, act in kinds.items():
            rate = getattr(self.world.options, name)
            if rate:
                self._plan(name, act, rate)
        if self.world.options.edge_restore or self.world.options.hub_restore:
            self._plan("backup", self.back_up, 6.0)

    def _plan(self, name: str, act: Callable[[], None], mean_seconds: float) -> None:
        def happen() -> bool | None:
            if self.world.healing:
                return False
            act()
            self._plan(name, act, mean_seconds)
            return None

        self.world.schedule.after(self.rng.expovariate(1 / mean_seconds) * SECOND, f"fault {name}", happen)

    def _soon(self, low: float, high: float) -> float:
        return self.rng.uniform(low, high) * SECOND

    def _anybody(self) -> Node:
        nodes: list[Node] = [*self.world.edges, self.world.hub]
        return self.rng.choice(nodes)

    # --- the network ---

    def cut(self) -> None:
        """Cut one line, or several that are mended in another order."""
        several = self.rng.sample(self.world.edges, 2) if self.world.options.swizzle else [self._anybody()]
        for node in several:
            one_way = self.world.options.one_way and self.rng.random() < 0.6
            up = not one_way or self.rng.random() < 0.5
            self.world.tally.fault("line cut one way" if one_way else "line cut")
            self.world.net.cut(node, up=up, down=not (one_way and up))
            self._mend(node, self.rng.choice((2.0, 20.0, 80.0)))

    def clog(self) -> None:
        """Let a line hold back whatever passes, to be released in random order."""
        node = self._anybody()
        node.line.clogged = True
        self.world.tally.fault("line clogged")
        self._mend(node, 10.0)

    def _mend(self, node: Node, mean_seconds: float) -> None:
        wait = self.rng.expovariate(1 / mean_seconds) * SECOND
        self.world.schedule.after(wait, f"{node.name} is mended", lambda: self.world.net.mend(node))

    def kill_broker(self) -> None:
        """Kill the broker with all it knows."""
        net = self.world.net
        if not net.up:
            return
        net.kill()
        self.world.tally.fault("broker wiped")

        def back() -> None:
            net.up = True

        self.world.schedule.after(self._soon(0.1, 20), "broker is back", back)

    # --- processes and disks ---

    def crash_a_store(self) -> None:
        """Kill a store, now or at one of its next commits."""
        self._crash(self.rng.choice(self.world.edges))

    def crash_the_hub(self) -> None:
        """Kill the hub, now or at one of its next commits."""
        self._crash(self.world.hub)

    def _crash(self, node: Node) -> None:
        if node.program is None or node.fuse is not None:
            return
        power = self.rng.random() < self.world.options.power
        if self.rng.random() < 0.7:
            node.fuse = Fuse(self.rng.randrange(9), power)
        else:
            self.world.crashed(Crash(node, power=power))

    def restart(self) -> None:
        """Stop a process in order and start it again, as for an upgrade."""
        node = self._anybody()
        if node.program is None:
            return
        self.world.tally.fault("restarted")
        node.stop()
        self.world.start_later(node, self._soon(0.2, 5))

    def back_up(self) -> None:
        """Take a copy of somebody's database, as a backup does."""
        node = self._anybody()
        if node.program is not None:
            node.back_up()

    def restore_a_store(self) -> None:
        """Put an old copy of a store's database in its place."""
        node = self.rng.choice(self.world.edges)
        if node.backups and node.program is not None and not node.is_copy:
            backup, share = self.rng.choice(node.backups), self.world.options.whole_disk
            whole = share > 0 and self.rng.random() < share
            self.world.tally.fault("store's disk restored" if whole else "store restored")
            copies.restore_edge(self.world, node, backup, whole=whole)

    def restore_the_hub(self) -> None:
        """Put an old copy of the hub's database in its place."""
        hub = self.world.hub
        if hub.backups and hub.program is not None:
            self.world.tally.fault("hub restored")
            copies.restore_hub(self.world, self.rng.choice(hub.backups))

    def clone(self) -> None:
        """Start a second machine on a copy of a store's disk."""
        node: EdgeNode = self.rng.choice(self.world.edges)
        if node.program is not None and not node.is_copy and len(self.world.edges) < 6:
            self.world.tally.fault("store cloned")
            copies.clone(self.world, node)

    # --- time ---

    def step_a_clock(self) -> None:
        """Let a machine's clock jump."""
        node = self._anybody()
        by = self.rng.choice((-HOUR, HOUR, 70 * SECOND, -70 * SECOND, 40 * 24 * HOUR, -400 * SECOND))
        self.world.tally.fault("clock stepped")
        node.clock.step(by)

    def night(self) -> None:
        """Let everybody sleep for hours."""
        self.world.tally.fault("night")
        self.world.schedule.sleep(int(self._soon(6 * 3600, 14 * 3600)))
