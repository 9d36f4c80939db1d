"""The company that everything happens to: broker, hub, four stores and a warehouse, as real processes."""

import os
import random
import shutil
import signal
import subprocess
import threading
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from deploy.demo.books import one
from deploy.demo.layout import PLACES as DEMO_PLACES
from deploy.demo.layout import Layout, Ports, replay_places, write_toml
from deploy.demo.ports import free_ports, let_go
from deploy.demo.process import Child, Spawner
from deploy.demo.proxy import StoreLine
from deploy.demo.supervisor import BROKER, HUB, Supervisor
from protocol.errors import Unavailable
from protocol.ids import IdMaker
from tests.faults.run.lines import WORLD, BadLine, BadProxy, Network, networks
from tests.support.company import wipe_broker
from tests.support.later_company import LENT, ON_HAND, PRODUCTS, LaterCompany
from tests.support.wire import eventually

STORES: Final = 4
SCARCE: Final = 30
"""So many articles there are few of, and everybody wants them; they are the last of the catalogue."""
FEW: Final = 5
SMALL: Final = "store-4"
"""The edge whose disk is small."""
DISK_BYTES: Final = 96 * 1024 * 1024
LEFT_BYTES: Final = 64 * 1024
GATE_SECONDS: Final = 90.0
OPEN_SECONDS: Final = 4 * GATE_SECONDS
"""Longer than anybody keeps a gate closed."""

_NEWEST: Final = "SELECT max(carried, coalesce((SELECT max(seq) FROM events), 0) - base) FROM link"
_KNOWN: Final = "SELECT upto FROM streams WHERE edge = ? AND state = 'current'"


@dataclass(frozen=True, slots=True)
class FaultLayout(Layout):
    """A layout whose edges may live at addresses of their own."""

    networks: dict[str, Network] = field(default_factory=dict)

    def edge_url(self, name: str) -> str:
        """Return the address of a location's pages."""
        network = self.networks.get(name)
        host = network.home if network is not None else WORLD
        return f"http://{host}:{self.ports.edges[name].http}"

    def write_settings(self, *, tills: Sequence[str]) -> None:
        """Write the settings: nobody sells what is not there; an own network has addresses of its own."""
        Layout.write_settings(self, tills=tills)
        for place in self.places:
            settings = tomllib.loads(self.config(place.name).read_text(encoding="utf-8"))
            settings["sell_beyond_stock"] = False
            network, ports = self.networks.get(place.name), self.ports.edges[place.name]
            if network is not None:
                settings["host"] = network.home
                settings["hub_url"] = f"http://{network.world}:{ports.hub_line}"
                settings["broker_host"] = network.world
            write_toml(self.config(place.name), settings)


class FaultSupervisor(Supervisor):
    """A supervisor that may be told to leave a dead process dead, and whose lines may be bad."""

    layout: FaultLayout

    def __init__(self, layout: FaultLayout, *, clock: Any, ids: IdMaker) -> None:
        self.held: set[str] = set()
        super().__init__(layout, clock=clock, ids=ids, say=lambda _: None, printers=False)

    def line(self, name: str) -> BadLine:
        """Return the line of an edge."""
        found = self.lines[name]
        assert isinstance(found, BadLine)
        return found

    def beside(self, name: str, config: Path, port: int) -> Child:
        """Return a process with other settings that runs where an edge does."""
        network = self.layout.networks.get(name)
        host = network.home if network is not None else WORLD
        command = list(self._process(name)._command)
        command[command.index("--config") + 1] = str(config)
        return Child(
            f"{name}-clone",
            command,
            folder=self.layout.logs,
            spawner=self._spawner,
            health_url=f"http://{host}:{port}/healthz",
        )

    def process(self, name: str) -> Child:
        """Return the process of the hub or of an edge."""
        return self._process(name)

    @contextmanager
    def down(self, name: str) -> Iterator[None]:
        """Kill the hub or an edge without a warning, and keep it down for the length of a block."""
        with self._lock:
            self.held.add(name)
            self._process(name).kill()
        try:
            yield
        finally:
            with self._lock:
                self.held.discard(name)

    def wipe_broker(self) -> None:
        """Kill the broker, throw away all it has, and start it again on the same port."""
        wipe_broker(self)
        self.kills += 1

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the broker, the hub or an edge, if it runs."""
        with self._lock:
            assert self._broker is not None
            pid = (self._broker.pid if name == BROKER else self._process(name).pid) or 0
            if pid:
                with suppress(ProcessLookupError):
                    os.killpg(pid, number)

    def _kept(self) -> list[Child]:
        return [child for child in super()._kept() if child.name not in self.held]

    def _open_line(self, name: str) -> StoreLine:
        network, ports = self.layout.networks.get(name), self.layout.ports.edges[name]
        host = network.world if network is not None else WORLD
        return BadLine(
            BadProxy(ports.mqtt_line, (WORLD, self.layout.ports.broker), host),
            BadProxy(ports.hub_line, (WORLD, self.layout.ports.hub), host),
            network,
        )

    def _child(self, name: str, arguments: Sequence[str], url: str) -> Child:
        child = super()._child(name, arguments, url)
        network = self.layout.networks.get(name)
        if network is not None:
            child._command = (*network.prefix, *child._command)
        return child


class Gate:
    """Lets people pass until it is closed; whoever closes it waits for those who are in."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = 0

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Wait until it is open, and be inside for the length of a block."""
        with self._changed:
            opened = self._changed.wait_for(lambda: not self._closed, OPEN_SECONDS)
            assert opened, f"a gate was closed for {OPEN_SECONDS:.0f} seconds"
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def closed(self) -> Iterator[bool]:
        """Close it for the length of a block; yields whether everybody has left in time."""
        with self._changed:
            self._closed += 1
            empty = self._changed.wait_for(lambda: not self._inside, GATE_SECONDS)
        try:
            yield empty
        finally:
            with self._changed:
                self._closed -= 1
                self._changed.notify_all()


class FaultCompany(LaterCompany):
    """Five edges that sell and fulfil, some of whose goods are scarce. Use it as a context manager."""

    places = (
        *(replace(place) for place in replay_places(STORES)),
        *(place for place in DEMO_PLACES if place.kind == "warehouse"),
    )

    def __init__(self, folder: Path, *, wired: bool) -> None:
        """Prepare it; `wired` when this process has left the machine's network, so there may be wires."""
        self._spawner = Spawner()
        found = networks(len(self.places), self._spawner) if wired else []
        self.networks = {place.name: each for place, each in zip(self.places, found, strict=False)}
        self._disk = folder / SMALL
        self.has_small_disk = self._mount()
        self.gates = {name: Gate() for name in (HUB, *self.names)}
        """What lets people work at a place; closed while an old copy of it is put back."""
        self.supervisor: FaultSupervisor
        try:
            super().__init__(folder)
        except BaseException:
            self._end_networks()
            self.unmount()
            raise

    def new_layout(self, folder: Path, ports: Ports) -> Layout:
        """Return where everything lies."""
        return FaultLayout(folder, self.places, ports, networks=self.networks)

    def new_supervisor(self, ids: IdMaker) -> FaultSupervisor:
        """Return what runs it."""
        assert isinstance(self.layout, FaultLayout)
        return FaultSupervisor(self.layout, clock=self.clock, ids=ids)

    @classmethod
    def names_of(cls) -> tuple[str, ...]:
        """Return the names of the places of any such company."""
        return tuple(place.name for place in cls.places)

    @staticmethod
    def first_stock(n: int) -> int:
        """Return how many of an article each place of any such company has at first."""
        return FEW if n >= PRODUCTS - SCARCE else ON_HAND

    def stock(self, n: int) -> int:
        """Return how many of an article each place has at first."""
        return self.first_stock(n)

    def _all_is_lent(self) -> bool:
        plenty = PRODUCTS - SCARCE
        lent = one(self.hub_file, "SELECT count(*) FROM hub_rights WHERE granted_seen >= ?", LENT)
        return int(lent or 0) >= len(self.names) * plenty

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._end_networks()

    def close(self) -> None:
        """Stop everything."""
        for name in (BROKER, HUB, *self.names):
            self.supervisor.send(name, signal.SIGCONT)
        for network in self.networks.values():
            self._before.add(network._holder.pid)
        super().close()

    def unmount(self) -> None:
        """Give the small disk back, and keep its files beside it."""
        if self.has_small_disk:
            shutil.copytree(self._disk, self._disk.with_name(f"{SMALL}-disk"), dirs_exist_ok=True)
            subprocess.run(["umount", "--lazy", str(self._disk)], check=False, capture_output=True)
            self.has_small_disk = False

    def _end_networks(self) -> None:
        for network in self.networks.values():
            network.close()
        self._spawner.close()

    def _mount(self) -> bool:
        """Give one edge a small disk, if this machine lets us."""
        self._disk.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(self._disk)]
        return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Leave no room on the small disk for the length of a block."""
        filler = self._disk / "filler"
        disk = os.statvfs(self._disk)
        room = disk.f_bavail * disk.f_frsize - LEFT_BYTES
        try:
            with suppress(OSError), filler.open("wb") as out:
                for _ in range(max(0, room) // LEFT_BYTES):
                    out.write(b"x" * LEFT_BYTES)
            yield
        finally:
            filler.unlink(missing_ok=True)

    def heal(self) -> None:
        """Make everything right: lines, wires, processes that stand still."""
        for name in (BROKER, HUB, *self.names):
            self.supervisor.send(name, signal.SIGCONT)
        for name in self.names:
            self.supervisor.line(name).restore()

    def command(self, name: str, *arguments: str) -> str:
        """Run a command of the hub or an edge, as its person does; raises Unavailable when it says no."""
        program = "hub" if name == HUB else "edge"
        child = self.supervisor.process(name)
        words = [*child._command[: child._command.index("deploy.cli") + 1], program, *arguments]
        done = subprocess.run(
            [*words, "--config", str(self.layout.config(name))],
            capture_output=True,
            text=True,
            check=False,
            timeout=GATE_SECONDS,
            cwd=Path(__file__).parents[3],
        )
        if done.returncode:
            raise Unavailable(f"{' '.join(arguments)} at {name}: {done.stderr.strip()}", "Look at its log.")
        return done.stdout

    def is_online(self, name: str) -> bool:
        """Tell whether an edge has a session with the hub, by its own word."""
        return bool(self.at(name).get("/api/sync")["state"] in {"online", "sending"})

    def is_whole(self, name: str) -> bool:
        """Tell whether an edge takes part in everything, and does not wait for what it has forgotten."""
        return not one(self.edge_file(name), "SELECT quarantine || recovery FROM link")

    @contextmanager
    def clone(self, name: str) -> Iterator[Child]:
        """Copy an edge's disk, and yield a process that runs on the copy; it ends with the block."""
        settings = tomllib.loads(self.layout.config(name).read_text(encoding="utf-8"))
        folder = self.layout.folder / "clone"
        shutil.rmtree(folder, ignore_errors=True)
        with self.supervisor.down(name):
            copy_disk(Path(settings["data_dir"]), folder / "data")
            shutil.copytree(Path(settings["marker_file"]).parent, folder / "markers")
        (port,) = free_ports(1, random.Random(os.getpid()))
        moved = {
            "data_dir": str(folder / "data"),
            "marker_file": str(folder / "markers" / name),
            "port": port,
        }
        write_toml(folder / "settings.toml", {**settings, **moved})
        child = self.supervisor.beside(name, folder / "settings.toml", port)
        try:
            yield child
        finally:
            child.kill()
            let_go([port])

    def is_heard(self, name: str) -> bool:
        """Tell whether the hub has all that an edge has written in its present life."""
        return int(one(self.hub_file, _KNOWN, name) or 0) >= int(one(self.edge_file(name), _NEWEST))

    def wait_until_heard(self, name: str) -> None:
        """Wait until the hub has all that a place has written."""
        eventually(lambda: self.is_heard(name), GATE_SECONDS, what=f"{name} to be heard")


def copy_disk(source: Path, to: Path) -> None:
    """Copy the files of a program that is down.

    Whoever only looked at its database may take the files beside it away meanwhile: then it is copied again.
    """
    for last in (False, False, True):
        try:
            shutil.copytree(source, to)
        except shutil.Error:
            if last:
                raise
            shutil.rmtree(to, ignore_errors=True)
        else:
            return
