"""One run: a hub, three stores and a warehouse, from a seed to a verdict.

First phase: people trade while things break. Second phase: everything is whole again, nobody asks for
anything new, and within a bounded time both sides must say the same. A run stops at the first thing that is
not as it must be, so that what a trace ends with is what went wrong.
"""

import random
import shutil
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hub.fleet.steps import NewLocation, add_location
from tests.simulation.actors import AT_A_STORE, AT_THE_HUB, choose, desk, inbound, shelves, tempers, tills
from tests.simulation.edge import EdgeNode
from tests.simulation.faults import Nemesis
from tests.simulation.heal import Healing
from tests.simulation.hub import HubNode
from tests.simulation.invariants import Auditor
from tests.simulation.network import Network
from tests.simulation.node import Command, Fuse, Node, Template
from tests.simulation.options import Options, draw
from tests.simulation.schedule import SECOND, Schedule
from tests.simulation.seams import child, seams
from tests.simulation.shake import Handshakes
from tests.simulation.skew import Skew
from tests.simulation.tally import Tally
from tests.simulation.writer import Crash

PLACES = (("store-1", "LB"), ("store-2", "MA"), ("store-3", "BR"), ("warehouse-1", "WH"))
FULL_CHECK_STEPS = 400
STEP_LIMIT = 100_000


class Violation(BaseException):
    """Something is not as it must be.

    No `Exception`: links, inboxes and clocks outlive every one of those on purpose, and would outlive this.
    """


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a seed."""

    seed: int
    problem: str
    trace: str
    tally: Tally
    lines: tuple[str, ...] = ()


class World:
    """Everything that is simulated in one run."""

    places = len(PLACES)

    def __init__(
        self,
        seed: int,
        folder: Path,
        template: Template,
        *,
        options: Options | None = None,
        swarm: Mapping[str, Any],
        trace: bool = False,
    ) -> None:
        rng = random.Random(f"orderspine {seed}")
        self.seed, self.folder, self.template = seed, folder, template
        self.options = replace(options or draw(child(rng)), **swarm)
        self.tally = Tally()
        self.schedule = Schedule(child(rng))
        if trace:
            self.schedule.lines = []
        self.schedule.note(f"seed {seed} {self.options.faults()}")
        self.net = Network(self.schedule, child(rng), self.options, self.tally, self.failed)
        self.rng = child(rng)
        self.numbers: dict[str, str] = {}
        self.healing = False
        self._dirty: dict[str, Node] = {}
        self.edges: list[EdgeNode] = []
        self.hub = HubNode(self, rng)
        self.auditor = Auditor(self)
        self.net.heard += [self.auditor.heard, Handshakes(self.failed).heard]
        self._nemesis = Nemesis(self, rng)
        self.skew = Skew(self, child(rng))
        self._tempers = tempers(AT_A_STORE, self.rng)
        self._hub_tempers = tempers(AT_THE_HUB, self.rng)
        self._inbound = child(rng)
        self._desk = child(rng)

    # --- what machines tell ---

    def changed(self, node: Node) -> None:
        """A machine has committed something: look at it after this step."""
        self._dirty[node.name] = node
        if node.program is not None and not node.starting:
            self.auditor.committed(node)

    def failed(self, what: str) -> None:
        """Stop here."""
        raise Violation(what)

    def crashed(self, crash: Crash) -> None:
        """A process has died; it is started again after a while."""
        node = crash.machine
        if not node.runs:
            return
        who, how = "hub" if node is self.hub else "store", "lost power" if crash.power else "killed"
        self.tally.fault(f"{who} {how}{' while starting' if node.starting else ''}")
        self.schedule.note(f"{node.name} dies {'without power' if crash.power else ''}")
        node.die(power=crash.power, left=crash.left)
        self.auditor.down(node)
        self.start_later(node, self.rng.choice((0.3, 3.0, 30.0)) * self.rng.random() * SECOND)

    def start_later(self, node: Node, delay: float) -> None:
        """Start a process again after a while."""
        self.schedule.after(delay, f"{node.name} starts", lambda: self.start(node))

    def start(self, node: Node) -> bool | None:
        """Start a process on what its files hold, and compare them with what was told."""
        if node.runs:
            return False
        if not self.healing and self.rng.random() < self.options.start_crash:
            node.fuse = Fuse(self.rng.randrange(6), self.rng.random() < self.options.power)
        node.start()
        self.auditor.restarted(node)
        unsure, node.unsure = node.unsure, []
        for command in unsure:
            if command.repeatable and self.rng.random() < 0.8:
                self.ask_later(node, command, self.rng.randrange(5 * SECOND))
        return None

    # --- the run ---

    def run(self) -> Verdict:
        """Run both phases and return the verdict."""
        began, problem = time.process_time(), ""
        with seams():
            try:
                self._found()
                self._nemesis.begin()
                self._trade_until_evening()
                healing = Healing(self)
                healing.make_whole()
                healing.finish()
            except Violation as found:
                problem = str(found)
            except Exception as error:  # noqa: BLE001 - a bug of the product ends the run like a broken rule
                problem = f"{type(error).__name__}: {error}\n{_where(error)}"
            finally:
                self._close()
        self.tally.steps, self.tally.seconds = self.schedule.steps, time.process_time() - began
        self.tally.sim_us = self.schedule.now
        self.tally.store_us = self.schedule.now * len(PLACES)
        self.tally.checks = self.auditor.checks
        lines = tuple(self.schedule.lines or ())
        return Verdict(self.seed, problem, self.schedule.trace, self.tally, lines)

    def _found(self) -> None:
        """Register the locations, start everything, fill the shelves and open the tills."""
        self.hub.start()
        hub = self.hub.program
        assert hub is not None
        for name, code in PLACES:
            kind = "warehouse" if name.startswith("warehouse") else "store"
            new = NewLocation(edge=name, code=code, name=name, kind=kind)
            register = partial(add_location, new=new, clock=hub.clock, ids=hub.ids)
            given = hub.database.write(register)
            node = EdgeNode(self, name, code, given.token, self.rng)
            self.edges.append(node)
            node.start()
            self.auditor.restarted(node)
            first = [
                shelves.opening(node, self.rng),
                tills.open_till(node, self.rng),
                tills.open_till(node, self.rng),
            ]
            node.ask(first)
            self.customers(node)
        self._operations()
        self._on_its_way()
        self._at_the_desk()

    def _trade_until_evening(self) -> None:
        nights = 0
        while self.schedule.now - nights < self.options.seconds * SECOND:
            before = self.schedule.now
            self.step()
            nights += max(0, self.schedule.now - before - 3_600 * SECOND)

    def step(self) -> None:
        """Do the next thing, then look at whoever committed something."""
        try:
            self.schedule.step()
        except Crash as crash:
            self.crashed(crash)
        self._look()
        if self.schedule.steps % FULL_CHECK_STEPS == 0:
            self.auditor.full()
        if self.schedule.steps > STEP_LIMIT:
            self.failed(f"more than {STEP_LIMIT:,} steps")

    def _look(self) -> None:
        """Look at whoever committed something; stores first, so that the hub meets them as they are."""
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, {}
        for node in sorted(dirty.values(), key=lambda node: node is self.hub):
            if node.program is not None:
                self.auditor.look(node)

    # --- people ---

    def customers(self, node: EdgeNode) -> None:
        """Let the next customer of a store come."""
        wait = self.rng.expovariate(1 / self.options.trade_seconds) * SECOND
        self.schedule.after(wait, f"{node.name} serves", lambda: self._serve(node))

    def _serve(self, node: EdgeNode) -> bool | None:
        if self.healing:
            return False
        self.customers(node)
        if node.program is None:
            return False
        together = self.rng.choice((2, 3, 5)) if self.rng.random() < self.options.grouping else 1
        found = [choose(AT_A_STORE, self._tempers, node, self.rng) for _ in range(together)]
        commands = [command for command in found if command is not None]
        if commands:
            self._ask(node, commands)
        return None

    def _operations(self) -> None:
        wait = self.rng.expovariate(1 / self.options.ops_seconds) * SECOND
        self.schedule.after(wait, "ops", self._operate)

    def _operate(self) -> bool | None:
        if self.healing:
            return False
        self._operations()
        if self.hub.program is None:
            return False
        command = choose(AT_THE_HUB, self._hub_tempers, self.hub, self.rng)
        if command is not None:
            self._ask(self.hub, [command])
        return None

    def _on_its_way(self) -> None:
        mean, rng = self.options.inbound, self._inbound
        if mean:
            self.schedule.after(rng.expovariate(1 / mean) * SECOND, "on its way", self._move_on)

    def _move_on(self) -> bool | None:
        if self.healing:
            return False
        self._on_its_way()
        asked = None
        if self.hub.program is not None:
            asked = inbound.happen(self.hub, self.edges[: self.places], self._inbound)
        if asked is not None:
            self._ask(asked[0], [asked[1]])
        return None

    def _at_the_desk(self) -> None:
        mean, rng = self.options.desk, self._desk
        if mean:
            self.schedule.after(rng.expovariate(1 / mean) * SECOND, "desk", self._decide)

    def _decide(self) -> bool | None:
        if self.healing:
            return False
        self._at_the_desk()
        command = desk.decide(self.hub, self._desk) if self.hub.program is not None else None
        if command is not None:
            self._ask(self.hub, [command])
        return None

    def _ask(self, node: Node, commands: list[Command]) -> None:
        for command in commands:
            self.schedule.note(f"{node.name} is asked {command.name} {command.key}")
        node.ask(commands)
        for command in commands:
            if command.repeatable and self.rng.random() < self.options.repeat_command:
                self.ask_later(node, command, self.rng.expovariate(1 / 10) * SECOND)

    def ask_later(self, node: Node, command: Command, delay: float) -> None:
        """Let a client ask for something, or for the same again, after a while."""

        def again() -> bool | None:
            if node.program is None:
                return False
            node.ask([command])
            return None

        self.schedule.after(delay, f"{node.name} is asked {command.name} {command.key}", again)

    def _close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # first: nobody tidies up what has no name any more
        for node in [*self.edges, self.hub]:
            if node.program is not None:
                node._end(at_once=True)
                node.abandon()


def _where(error: BaseException) -> str:
    """Return the lines of the product that led to an error."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename][-12:]
    return "".join(traceback.format_list(ours))
