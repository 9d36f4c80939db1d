"""Runs a whole company on one machine: a broker, the hub, the edges and their printers, as real processes.

What dies is started again, as a service manager would; what is asked to stop stays stopped. Each edge speaks
to the rest of the world through a line of its own that can be cut. Ctrl+C, `demo stop` or the end of this
process ends every process it started: each has its own group, and on Linux dies with us.
"""

import contextlib
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from deploy.broker import EmbeddedBroker, password_line
from deploy.demo.control import ControlServer
from deploy.demo.layout import Layout
from deploy.demo.ports import let_go
from deploy.demo.process import Child, Spawner, leashed
from deploy.demo.proxy import Proxy, StoreLine
from deploy.demo.tour import Tour
from protocol.clock import Clock
from protocol.errors import NotFound, Unavailable
from protocol.ids import IdMaker

WATCH_SECONDS: Final = 0.1
BROKER: Final = "broker"
HUB: Final = "hub"

Say = Callable[[str], None]


class Supervisor:
    """The processes of one demo. Use it as a context manager: leaving it stops them all."""

    def __init__(
        self,
        layout: Layout,
        *,
        clock: Clock,
        ids: IdMaker,
        say: Say,
        printers: bool = True,
        warm: bool = True,
    ) -> None:
        self.layout = layout
        self.lines: dict[str, StoreLine] = {}
        self.kills = 0
        self._clock = clock
        self._ids = ids
        self._say = say
        self._spawner = Spawner(warm=warm)
        self._stopping = threading.Event()
        self.asked_to_stop = threading.Event()
        self._lock = threading.Lock()
        self._broker: EmbeddedBroker | None = None
        self._control: ControlServer | None = None
        self._tour: Tour | None = None
        layout.logs.mkdir(parents=True, exist_ok=True)
        self._hub = self._child(HUB, ["hub", "run", "--config", str(layout.config(HUB))], layout.hub_url)
        self._edges = {
            place.name: self._child(
                place.name,
                ["edge", "run", "--config", str(layout.config(place.name))],
                layout.edge_url(place.name),
            )
            for place in layout.places
        }
        self._printers = {name: self._printer(name) for name in self._edges} if printers else {}
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Start everything and return when all of it answers.

        Raises:
            Unavailable: a process ended or did not answer in time; the remedy shows the end of its log.
        """
        self._say("broker")
        self._broker = embedded_broker(self.layout)
        self._spawner.do(self._broker.start)
        for place in self.layout.places:
            self.lines[place.name] = self._open_line(place.name)
        children = [self._hub, *self._printers.values(), *self._edges.values()]
        for child in children:
            child.start()
        for child in children:
            self._say(child.name)
            child.wait_ready(self._clock, stopping=self._stopping)
        self._keeper.start()

    def open_to_others(self) -> None:
        """Let other terminals steer this demo, and begin the tour."""
        tour = Tour(self.layout, self.is_cut)
        acts: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
            "status": lambda _name: self.status(),
            "cut": lambda name: self._told(name, cut),
            "restore": lambda name: self._told(name, self.restore),
            "kill": lambda name: self._told(name, self.kill),
            "stop": lambda _name: self._asked_to_stop(),
        }

        def cut(name: str) -> None:
            self.cut(name)
            tour.line_cut(name)

        def paper() -> str:
            tour.saw_paper()
            return self.layout.paper_url(self.layout.places[0].name)

        self._control = ControlServer(
            self.layout.ports.control,
            self.layout.control_file,
            self._ids.secret(16),
            acts=acts,
            tour=tour.state,
            paper=paper,
        )
        self._tour = tour
        tour.start()

    def stop(self) -> None:
        """Stop everything, the edges before the hub, so that they can say goodbye."""
        self._stopping.set()
        if self._tour is not None:
            self._tour.stop()
        if self._control is not None:
            self._control.close()
        if self._keeper.ident is not None:
            self._keeper.join()
        with self._lock:
            together([child.stop for child in (*self._edges.values(), *self._printers.values())])
            self._hub.stop()
            for line in self.lines.values():
                line.close()
            if self._broker is not None:
                self._broker.stop()
        self._spawner.close()
        let_go(self.layout.ports.numbers())

    def cut(self, name: str) -> None:
        """Cut a location off from the broker and the hub."""
        self._line(name).cut()

    def restore(self, name: str) -> None:
        """Give a location its line back."""
        self._line(name).restore()

    def is_cut(self, name: str) -> bool:
        """Tell whether a location is cut off."""
        return self._line(name).is_cut

    def kill(self, name: str) -> None:
        """Kill the broker, the hub or an edge without a warning; it is started again at once."""
        with self._lock:
            if name == BROKER:
                assert self._broker is not None
                self._broker.kill()
                self._spawner.do(self._broker.start)
            else:
                self._process(name).kill()
            self.kills += 1

    def status(self) -> Mapping[str, Any]:
        """Return what runs, where, and which lines are cut."""
        places = [
            {
                "name": place.name,
                "title": place.title,
                "url": self.layout.edge_url(place.name),
                "paper": self.layout.paper_url(place.name),
                "line": "cut" if self.is_cut(place.name) else "up",
                "pid": self._edges[place.name].pid,
                "starts": self._edges[place.name].starts,
            }
            for place in self.layout.places
        ]
        hub = {"url": self.layout.hub_url, "pid": self._hub.pid, "starts": self._hub.starts}
        return {"folder": str(self.layout.folder), "hub": hub, "places": places, "kills": self.kills}

    def wait(self) -> None:
        """Wait until somebody asks this demo to stop."""
        self.asked_to_stop.wait()

    def __enter__(self) -> Self:
        """Start everything."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    def _keep(self) -> None:
        """Start again what has died, until we stop."""
        while not self._stopping.wait(WATCH_SECONDS):
            with self._lock:
                self._keep_broker()
                for child in self._kept():
                    if not child.runs() and not self._stopping.is_set():
                        child.start()

    def _kept(self) -> list[Child]:
        """Return what is started again when it has died."""
        return [self._hub, *self._edges.values(), *self._printers.values()]

    def _keep_broker(self) -> None:
        """Start the broker again if it has died; one that will not start is tried again at the next look."""
        if self._broker is None or self._broker.runs() or self._stopping.is_set():
            return
        with contextlib.suppress(Unavailable):
            self._spawner.do(self._broker.start)

    def _open_line(self, name: str) -> StoreLine:
        ports, line = self.layout.ports, self.layout.ports.edges[name]
        return StoreLine(
            Proxy(line.mqtt_line, ("127.0.0.1", ports.broker)), Proxy(line.hub_line, ("127.0.0.1", ports.hub))
        )

    def _child(self, name: str, arguments: Sequence[str], url: str) -> Child:
        return Child(
            name,
            [sys.executable, "-m", "deploy.cli", *arguments],
            folder=self.layout.logs,
            spawner=self._spawner,
            health_url=f"{url}/healthz",
        )

    def _printer(self, name: str) -> Child:
        ports = self.layout.ports.edges[name]
        title = next(place.title for place in self.layout.places if place.name == name)
        arguments = ["printer", "virtual", "--name", f"{title}, Counter"]
        arguments += ["--port", str(ports.printer), "--page-port", str(ports.paper)]
        child = self._child(f"{name}-printer", arguments, self.layout.paper_url(name))
        child.health_url = self.layout.paper_url(name)
        return child

    def _process(self, name: str) -> Child:
        if name == HUB:
            return self._hub
        self._line(name)
        return self._edges[name]

    def _line(self, name: str) -> StoreLine:
        if name not in self.lines:
            raise NotFound(
                f"There is no place {name!r} in this demo.", f"Take one of {', '.join(self.lines)}."
            )
        return self.lines[name]

    def _told(self, name: str, act: Callable[[str], None]) -> Mapping[str, Any]:
        act(name)
        return self.status()

    def _asked_to_stop(self) -> Mapping[str, Any]:
        self.asked_to_stop.set()
        return {"stopping": True}


def embedded_broker(layout: Layout) -> EmbeddedBroker:
    """Return the broker of a demo, which knows the hub and every location by a password of its own."""
    lines = [password_line(name, password) for name, password in layout.broker_users().items()]
    return EmbeddedBroker(layout.folder / BROKER, layout.ports.broker, lines=lines, launcher=leashed)


def together(acts: Sequence[Callable[[], None]]) -> None:
    """Do things at the same time and wait for all of them."""
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
