"""The second phase: all is whole, nobody asks for anything new, and both sides must say the same soon."""

import shutil
from typing import Any

from hub.database import HubDatabase
from hub.holds.restored import look_at_restored
from hub.link import clones
from hub.rebuild import differences, rebuild_into
from hub.route.arriving import look_at_waits
from hub.transfers.clocks import GRACE_US, look_at_transfers
from protocol.errors import OrderspineError
from tests.simulation.actors import moving
from tests.simulation.edge import EdgeNode
from tests.simulation.schedule import SECOND
from tests.simulation.seams import building, engine_url

HEAL_SECONDS = 600
"""The longest waits of the protocol are a minute, and of a rejected duplicate two."""
LOOK_SECONDS = 2
DECIDE_SECONDS = 600
"""A second machine is turned away for two minutes at a time; one that was set aside asks twice a minute."""
ROUNDS = 5
UNEXPLAINED = (
    "SELECT 1 FROM transfers WHERE (unmatched > 0 AND shipped_us IS NULL)"
    " OR (transit > 0 AND receive_state = 'settled') LIMIT 1"
)


class Healing:
    """Makes a world whole, waits until it is quiet, and compares everything."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.auditor, self.hub = world.auditor, world.hub
        self.stores: list[EdgeNode] = world.edges[: world.places]
        self.copies: list[EdgeNode] = world.edges[world.places :]

    def make_whole(self) -> None:
        """Mend and start everything, take in what is under way; wait until both sides have heard all."""
        world = self.world
        world.healing = world.net.calm = world.net.up = True
        for node in [*world.edges, self.hub]:
            world.net.mend(node)
            node.fuse = None
        for node in self.copies:
            if node.program is not None:
                node.stop()  # a person has found the second machine and switched it off
        world.skew.upgrade()
        for node in [self.hub, *self.stores]:
            world.start(node)
        self._wait()
        for node in self.stores:
            self._decide(node)
        self._wait()
        look_at_restored(self.hub.program)
        self._wait()
        self._take_in()
        self._wait()
        if look_at_waits(self.hub.program):
            self._wait()
        self._explain_transfers()
        for _ in range(ROUNDS):
            if not self._take_in():
                return
            self._wait()  # a client who had no answer asked again meanwhile, and something more was sent

    def _take_in(self) -> bool:
        """Take in what has been sent to anybody who hears of it; tell whether there was anything."""
        stores = [node for node in self.stores if self.auditor.hears(node)]
        commands = [(node, command) for node in stores for command in moving.take_everything_in(node)]
        for node, command in commands:
            node.ask([command])
        return bool(commands)

    def _decide(self, node: EdgeNode) -> None:
        """Let a person at the hub say that a store with another history is the store: so it goes on."""
        world = self.world
        until = world.schedule.now + DECIDE_SECONDS * SECOND
        look_at = 0
        while not (self.auditor.hears(node) or node.talk._drain_only):
            if world.schedule.now > until:
                world.failed(
                    f"{node.name} is set aside ({node.talk.rejected}) and the hub asks nobody about it"
                )
            world.step()
            if world.schedule.now >= look_at and node.halted:
                look_at = world.schedule.now + LOOK_SECONDS * SECOND
                self._choose(node)

    def _choose(self, node: EdgeNode) -> None:
        """Choose a store that the hub knows to have another history."""
        hub = self.hub.program
        with hub.database.read() as connection:
            second = clones.second_of(connection, node.edge)
        if second is not None and second.machine:
            clones.accept(hub, node.edge, by="A. Dmin")
            self.auditor.forks = {fork for fork in self.auditor.forks if fork[0] != node.edge}
            self.world.tally.commands["choose a computer"] += 1

    def _explain_transfers(self) -> None:
        """Let the hub ask about goods that no source has sent, once every source has had its time."""
        if self.hub.audit.execute(UNEXPLAINED).fetchone() is None:
            return
        until = self.world.schedule.now + GRACE_US
        while self.world.schedule.now <= until:
            self.world.step()
        look_at_transfers(self.hub.program)
        self._wait()

    def _wait(self) -> None:
        world = self.world
        limit = world.schedule.now + HEAL_SECONDS * SECOND
        look_at = 0
        while True:
            world.step()
            if world.schedule.now < look_at:
                continue
            look_at = world.schedule.now + LOOK_SECONDS * SECOND
            waits = self._waits_for()
            if not waits:
                return
            if world.schedule.now > limit:
                world.failed(f"after {HEAL_SECONDS} s without faults: {waits}")

    def _waits_for(self) -> str:
        """Return what has not been heard yet, empty when all has."""
        if self.hub.program is None:
            return "the hub is not there"
        for node in self.stores:
            if node.program is None:
                return f"{node.name} is not there"
            waits = self._store_waits_for(node) if self.auditor.hears(node) else ""
            if waits:
                return waits
        if self.world.skew.waits():
            self.world.skew.replay()
            return "events that were set aside are replayed"
        left = self.hub.audit.execute(
            "SELECT edge, cseq FROM directives WHERE state = 'sent' AND answered_us IS NULL"
        ).fetchall()
        heard = {node.edge for node in self.stores if self.auditor.hears(node)}
        waiting = [tuple(row) for row in left if row[0] in heard]
        return f"directives are not answered: {waiting[:3]}" if waiting else ""

    def _store_waits_for(self, node: EdgeNode) -> str:
        ask = self.hub.audit.execute
        upto = ask("SELECT upto FROM streams WHERE inc = ?", (node.inc,)).fetchone()
        if upto is None or upto[0] != node.newest():
            return f"the hub has {upto and upto[0]} of {node.newest()} events of {node.name}"
        if node.recovers or self.auditor.rights.fenced(node):
            return f"the lending of {node.name} has not been begun anew"
        row = node.audit.execute("SELECT hub_inc, cseq_done FROM link").fetchone()
        last = ask(
            "SELECT coalesce(max(cseq), 0) FROM directives WHERE edge = ? AND state <> 'withdrawn'"
            " AND hub_inc = (SELECT value FROM hub_meta WHERE key = 'hub_inc')",
            (node.edge,),
        ).fetchone()[0]
        if row[1] < last:  # a number that was taken back travels with the next one
            return f"{node.name} has carried out {row[1]} of {last} directives"
        untold = node.audit.execute("SELECT sku FROM rights_to_tell JOIN rights USING (sku)").fetchone()
        if untold is not None:
            return f"{node.name} has not told all of {untold[0]}"
        apart = [lent for lent in self.auditor.rights.of(node) if not lent.agreed]
        return f"{node.name} and the hub do not agree on {apart[0]}" if apart else ""

    def finish(self) -> None:
        """Compare everything, and make the hub's tables anew."""
        world = self.world
        self.auditor.full()
        self.auditor.rest()
        self._rebuild()
        for node in self.stores:
            world.tally.events += node.newest()
            world.schedule.note(f"{node.name} ends at {node.newest()} {node.chain.heads[-1]}")
        log = self.hub.audit.execute("SELECT count(*), coalesce(max(apply_order), 0) FROM events").fetchone()
        world.schedule.note(f"hub ends at {tuple(log)}")

    def _rebuild(self) -> None:
        world, hub = self.world, self.hub.program
        file = world.folder / "again.db"
        shutil.copyfile(world.template.again, file)
        with building(Quiet()):
            again = HubDatabase(engine_url("again", file))
        try:
            with hub.database.read(slowly=True) as source:
                rebuild_into(again, hub, source)
                apart = differences(source, again)
        except OrderspineError as error:
            apart = {error.what: 1}
        finally:
            for left in world.folder.glob("again.db*"):
                left.unlink()
            again.close()
        if apart:
            world.failed(f"made anew, the hub's tables differ: {apart}")


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
