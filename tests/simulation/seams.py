"""Where the simulation takes hold of the product: names that are put in place of others while it runs.

The product builds its parts by module-level names (`Writer`, `Session`, `Courier`, `Uploads`, `open_engine`).
Inside `seams()` those names give the simulated parts of whichever node is being built, so nothing in the
product knows of the simulation. Also here: what a process must never do in a simulation, such as wait.
"""

import random
import types
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

from sqlalchemy.engine import Engine

import edge_agent.database
import edge_agent.link.facts
import edge_agent.link.service
import hub.database
import hub.link.service
from hub.spine import parking
from protocol.envelope import read_body
from protocol.errors import BadMessage, OrderspineError
from tests.simulation.writer import InlineWriter

DISK_FREE: Final = types.SimpleNamespace(free=50_000_000_000)
_real_open_engine: Final = hub.database.open_engine
_building: list[Any] = []
_engines: dict[str, Engine] = {}
_files: dict[str, Path] = {}
unknown_kinds: Final[set[str]] = set()
"""Kinds of events that the hub of this run does not know yet."""
_real_read_whole: Final = parking._read_whole
_real_read_body: Final = read_body


class Postponed(BaseException):
    """A thread of the product would wait here; whoever runs its loop tries again after that time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"waits for {seconds:.1f} s")
        self.seconds = seconds


class Running:
    """Stands where the product has the event that ends a thread: never set, and waiting is a fault."""

    def __init__(self, *, waits: bool = True) -> None:
        self._waits = waits

    def is_set(self) -> bool:
        """It runs until its process ends."""
        return False

    def set(self) -> None:
        """Nothing has to be woken."""

    def wait(self, timeout: float | None = None) -> bool:
        """Hand the waiting to the schedule, or skip it where the product only breathes."""
        if self._waits:
            raise Postponed(timeout or 0.0)
        return False


class SimHubLink(hub.link.service.HubLink):
    """The hub's end of the wire; what would become an alarm of a bug ends the run instead."""

    failed: Callable[[BaseException], None]

    def _guarded(self, edge: str, act: Callable[[], None]) -> None:
        def watched() -> None:
            try:
                act()
            except OrderspineError:
                raise
            except Exception as error:  # noqa: BLE001 - it ends the run
                self.failed(error)

        super()._guarded(edge, watched)


@contextmanager
def building(node: Any) -> Generator[None]:
    """Give the parts that are built in this block to a node."""
    _building.append(node)
    try:
        yield
    finally:
        _building.pop()


@contextmanager
def seams() -> Generator[None]:
    """Put the simulated parts in their places for the length of a block."""
    with ExitStack() as stack:

        def put(module: Any, name: str, instead: Any) -> None:
            stack.enter_context(mock.patch.object(module, name, instead))

        for module in (edge_agent.database, hub.database):
            put(module, "Writer", _writer)
        for module in (edge_agent.link.service, hub.link.service):
            put(module, "Session", _session)
        put(edge_agent.link.service, "Courier", _courier)
        put(edge_agent.link.service, "Uploads", _uploads)
        put(edge_agent.link.service, "Recovery", _recovery)
        put(edge_agent.link.facts, "shutil", types.SimpleNamespace(disk_usage=lambda _path: DISK_FREE))
        put(hub.link.service, "HubLink", SimHubLink)
        put(hub.database, "open_engine", _engine)
        put(parking, "_read_whole", _read_whole)
        put(parking, "read_body", _read_body)
        yield


def _writer(open_store: Callable[[], Any], *, name: str = "") -> InlineWriter[Any]:
    del name
    return InlineWriter(open_store, machine=_building[-1])


def _session(*args: Any, **said: Any) -> Any:
    return _building[-1].open_session(*args, **said)


def _courier(*args: Any, **said: Any) -> Any:
    return _building[-1].open_courier(*args, **said)


def _recovery(*args: Any) -> Any:
    return _building[-1].open_recovery(*args)


def _uploads(*args: Any, **said: Any) -> Any:
    return _building[-1].open_uploads(*args, **said)


def _read_whole(data: bytes) -> Any:
    event = _real_read_whole(data)
    return None if event is not None and event.kind in unknown_kinds else event


def _read_body(event: Any) -> Any:
    if event.kind in unknown_kinds:
        raise BadMessage("This hub does not know that kind.", "Upgrade it.", code="unknown_kind")
    return _real_read_body(event)


def _engine(url: str) -> Engine:
    """Return an engine that is kept from run to run, because its compiled statements are worth keeping."""
    slot, _, path = url.removeprefix("sqlite:///").partition("|")
    if slot not in _engines:
        engine = _real_open_engine("sqlite:///:memory:x")
        connect = engine.dialect.connect
        # Not the event `do_connect`: a dialect that has one looks for listeners with every statement.
        redirected = lambda _file, **said: connect(str(_files[slot]), **said)  # noqa: E731 - as a method it is short
        engine.dialect.connect = redirected  # type: ignore[method-assign]  # of this engine alone
        _engines[slot] = engine
    _files[slot] = Path(path)
    return _engines[slot]


def engine_url(slot: str, file: Path) -> str:
    """Return the address of a file for an engine that is shared by all runs of this process."""
    return f"sqlite:///{slot}|{file}"


def child(rng: random.Random) -> random.Random:
    """Return a source of randomness of its own, so that one part's use does not shift another's."""
    return random.Random(rng.getrandbits(64))
