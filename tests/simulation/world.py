"""One run: a hub, three stores and a warehouse, from a seed to a verdict.

First phase: people trade while things break. Second phase: everything is whole again, nobody asks for
anything new, and within a bounded time both sides must say the same. A run stops at the first thing that is
not as it must be, so that what a trace ends with is what went wrong.
"""

import random
import shutil
import time
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hub.database import HubDatabase
from hub.fleet.steps import NewLocation, add_location
from hub.rebuild import differences, rebuild_into
from protocol.errors import OrderspineError
from tests.simulation.actors import AT_A_STORE, AT_THE_HUB, choose, shelves, tempers, tills
from tests.simulation.edge import EdgeNode
from tests.simulation.faults import Nemesis
from tests.simulation.hub import HubNode
from tests.simulation.invariants import Auditor
from tests.simulation.network import Network
from tests.simulation.node import Backup, Chain, Command, Node, Template
from tests.simulation.options import Options, draw
from tests.simulation.schedule import SECOND, Schedule
from tests.simulation.seams import building, child, engine_url, seams
from tests.simulation.tally import Tally
from tests.simulation.writer import Crash

PLACES = (("store-1", "LB"), ("store-2", "MA"), ("store-3", "BR"), ("warehouse-1", "WH"))
FULL_CHECK_STEPS = 400
HEAL_SECONDS = 600
"""The longest waits of the protocol are a minute, and of a rejected duplicate two."""
STEP_LIMIT = 100_000


class Violation(Exception):
    """Something is not as it must be."""


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

    def __init__(
        self,
        seed: int,
        folder: Path,
        template: Template,
        *,
        options: Options | None = None,
        trace: bool = False,
    ) -> None:
        rng = random.Random(f"orderspine {seed}")
        self.seed, self.folder, self.template = seed, folder, template
        self.options = options or draw(child(rng))
        self.tally = Tally()
        self.schedule = Schedule(child(rng))
        if trace:
            self.schedule.lines = []
        self.schedule.note(f"seed {seed} {self.options.faults()}")
        self.net = Network(self.schedule, child(rng), self.options, self.tally)
        self.rng = child(rng)
        self.numbers: dict[str, str] = {}
        self.healing = False
        self._dirty: dict[str, Node] = {}
        self.auditor = Auditor(self)
        self.net.heard.append(self.auditor.heard)
        self.edges: list[EdgeNode] = []
        self.hub = HubNode(self, rng)
        self._nemesis = Nemesis(self, rng)
        self._tempers = tempers(AT_A_STORE, self.rng)
        self._hub_tempers = tempers(AT_THE_HUB, self.rng)

    # --- what machines tell ---

    def changed(self, node: Node) -> None:
        """A machine has committed something: look at it after this step."""
        self._dirty[node.name] = node

    def failed(self, what: str) -> None:
        """Stop here."""
        raise Violation(what)

    def crashed(self, crash: Crash) -> None:
        """A process has died; it is started again after a while."""
        node = crash.machine
        if node.program is None:
            return
        self.tally.fault(
            f"{'hub' if node is self.hub else 'store'} {'lost power' if crash.power else 'killed'}"
        )
        self.schedule.note(f"{node.name} dies {'without power' if crash.power else ''}")
        node.die(power=crash.power)
        self.start_later(node, self.rng.choice((0.3, 3.0, 30.0)) * self.rng.random() * SECOND)

    def start_later(self, node: Node, delay: float) -> None:
        """Start a process again after a while."""
        self.schedule.after(delay, f"{node.name} starts", lambda: self.start(node))

    def start(self, node: Node) -> bool | None:
        """Start a process on what its files hold, and compare them with what was told."""
        if node.program is not None:
            return False
        node.start()
        self.auditor.restarted(node)
        unsure, node.unsure = node.unsure, []
        for command in unsure:
            if command.repeatable and self.rng.random() < 0.8:
                self._again(node, command, self.rng.randrange(5 * SECOND))
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
                self._heal()
                self._finish()
            except Violation as found:
                problem = str(found)
            except Exception as error:  # noqa: BLE001 - a bug of the product ends the run like a broken rule
                where = traceback.format_exc(limit=-6)
                problem = f"{type(error).__name__}: {error}\n{where}"
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
            self._customers(node)
        self._operations()

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
        dirty, self._dirty = self._dirty, {}
        for node in dirty.values():
            if node.program is not None:
                self.auditor.look(node)
        if self.schedule.steps % FULL_CHECK_STEPS == 0:
            self.auditor.full()
        if self.schedule.steps > STEP_LIMIT:
            self.failed(f"more than {STEP_LIMIT:,} steps")

    # --- people ---

    def _customers(self, node: EdgeNode) -> None:
        wait = self.rng.expovariate(1 / self.options.trade_seconds) * SECOND
        self.schedule.after(wait, f"{node.name} serves", lambda: self._serve(node))

    def _serve(self, node: EdgeNode) -> bool | None:
        if self.healing:
            return False
        self._customers(node)
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

    def _ask(self, node: Node, commands: list[Command]) -> None:
        for command in commands:
            self.schedule.note(f"{node.name} is asked {command.name} {command.key}")
        node.ask(commands)
        for command in commands:
            if command.repeatable and self.rng.random() < self.options.repeat_command:
                self._again(node, command, self.rng.expovariate(1 / 10) * SECOND)

    def _again(self, node: Node, command: Command, delay: float) -> None:
        def again() -> bool | None:
            if node.program is None:
                return False
            node.ask([command])
            return None

        self.schedule.after(delay, f"{node.name} is asked {command.name} again", again)

    # --- copies ---

    def restore_edge(self, node: EdgeNode, backup: Backup) -> None:
        """Replace a store's database by an older copy of itself."""
        chain = node.chain
        node.stop()
        node.restore(backup)
        self.auditor.branches.append(chain)
        node.chain = Chain(chain.edge, chain.inc, list(chain.heads))
        node.is_copy = True
        node.answers.clear()
        node.orders.clear()
        node.unsure.clear()
        self.start_later(node, 2 * SECOND)

    def restore_hub(self, backup: Backup) -> None:
        """Replace the hub's database by an older copy of itself: its word is only as good as that copy."""
        hub = self.hub
        hub.stop()
        hub.restore(backup)
        hub.promises.clear()
        hub.withdrawn.clear()
        hub.answers.clear()
        self.auditor.acked.clear()
        self.auditor.hub_was_restored = True

        def back() -> None:
            self.start(hub)
            hub.restored_life = hub.life_in_file()

        self.schedule.after(2 * SECOND, "hub starts", back)

    def clone(self, node: EdgeNode) -> None:
        """Start a second machine on a copy of a store's disk, with or without its machine id."""
        code = node.settings.code
        label = f"{node.name}-copy-{len(self.edges)}"
        copy = EdgeNode(self, node.edge, code, node.token, self.rng, label=label)
        copy.restore(Backup(node.disk.freeze(), self.schedule.now))
        outside = copy.settings.marker
        outside.parent.mkdir(parents=True, exist_ok=True)
        if node.settings.marker.exists():
            shutil.copyfile(node.settings.marker, outside)
        if self.rng.random() < 0.3:
            copy.machine = node.machine
        copy.is_copy = node.is_copy = True
        copy.chain = Chain(node.edge, node.chain.inc, list(node.chain.heads), node.chain.told)
        copy.orders = list(node.orders)
        self.edges.append(copy)
        self.start(copy)
        self._customers(copy)

    # --- the second phase ---

    def _heal(self) -> None:
        """Make everything whole and wait until both sides have heard all of each other."""
        self.healing = self.net.calm = self.net.up = True
        for node in [*self.edges, self.hub]:
            self.net.mend(node)
            node.fuse = None
        for node in self.edges[len(PLACES) :]:
            if node.program is not None:
                node.stop()  # a person has found the second machine and switched it off
        for node in [self.hub, *self.edges[: len(PLACES)]]:
            self.start(node)
        limit = self.schedule.now + HEAL_SECONDS * SECOND
        look_at = 0
        while True:
            self.step()
            if self.schedule.now < look_at:
                continue
            look_at = self.schedule.now + 2 * SECOND
            waits = self._waits_for()
            if not waits:
                return
            if self.schedule.now > limit:
                self.failed(f"after {HEAL_SECONDS} s without faults: {waits}")

    def _waits_for(self) -> str:
        """Return what has not been heard yet, empty when all has."""
        if self.hub.program is None:
            return "the hub is not there"
        ask = self.hub.audit.execute
        for node in self.edges[: len(PLACES)]:
            if node.program is None:
                return f"{node.name} is not there"
            if not self.auditor.hears(node):
                continue
            upto = ask("SELECT upto FROM streams WHERE inc = ?", (node.inc,)).fetchone()
            if upto is None or upto[0] != node.newest():
                return f"the hub has {upto and upto[0]} of {node.newest()} events of {node.name}"
            row = node.audit.execute("SELECT hub_inc, cseq_done FROM link").fetchone()
            last = ask(
                "SELECT coalesce(max(cseq), 0) FROM directives WHERE edge = ? AND state <> 'withdrawn'"
                " AND hub_inc = (SELECT value FROM hub_meta WHERE key = 'hub_inc')",
                (node.edge,),
            ).fetchone()[0]
            if row[1] < last:  # a number that was taken back travels with the next one
                return f"{node.name} has carried out {row[1]} of {last} directives"
            if not self.auditor.fenced(node):
                apart = [
                    lent
                    for lent in self.auditor.lent(node)
                    if (lent.granted, lent.finished, lent.returned)
                    != (lent.granted_seen, lent.finished_seen, lent.returned_seen)
                ]
                if apart:
                    return f"{node.name} and the hub do not agree on {apart[0]}"
        left = ask(
            "SELECT edge, cseq FROM directives WHERE state = 'sent' AND answered_us IS NULL"
        ).fetchall()
        heard = {node.edge for node in self.edges[: len(PLACES)] if self.auditor.hears(node)}
        waiting = [tuple(row) for row in left if row[0] in heard]
        return f"directives are not answered: {waiting[:3]}" if waiting else ""

    def _finish(self) -> None:
        """Compare everything, and make the hub's tables anew."""
        self.auditor.full()
        self.auditor.rest()
        self._rebuild()
        for node in self.edges[: len(PLACES)]:
            self.tally.events += node.newest()
            self.schedule.note(f"{node.name} ends at {node.newest()} {node.chain.heads[-1]}")
        log = self.hub.audit.execute("SELECT count(*), coalesce(max(apply_order), 0) FROM events").fetchone()
        self.schedule.note(f"hub ends at {tuple(log)}")

    def _rebuild(self) -> None:
        hub = self.hub.program
        assert hub is not None
        file = self.folder / "again.db"
        shutil.copyfile(self.template.again, file)
        with building(Quiet()):
            again = HubDatabase(engine_url("again", file))
        try:
            rebuild_into(again, hub)
            apart = differences(hub.database, again)
        except OrderspineError as error:
            apart = {error.what: 1}
        finally:
            again.close()
            for left in self.folder.glob("again.db*"):
                left.unlink()
        if apart:
            self.failed(f"made anew, the hub's tables differ: {apart}")

    def _close(self) -> None:
        for node in [*self.edges, self.hub]:
            if node.program is not None:
                node._end(at_once=True)
                node.abandon()
        shutil.rmtree(self.folder, ignore_errors=True)


class Quiet:
    """A machine that nobody watches."""

    name = "again"

    def opened(self, store: object) -> None:
        """Nothing is remembered."""

    def boundary(self) -> None:
        """It never dies."""

    def begun(self, store: object) -> None:
        """Nobody disturbs it."""

    def committed(self) -> None:
        """Nothing is checked."""
