"""A store's printer corner: a virtual printer on a real port, a queue in a real file, a spooler between."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from printing.evidence import Evidence
from printing.printer import Limits, Printer
from printing.profiles import Profile, profile_of
from printing.spooler import Spooler
from printing.transports.tcp9100 import Tcp9100
from printing.virtual.server import VirtualPrinter
from protocol.kit.system import SystemClock, SystemIds
from tests.support.printing import SqliteJobStore

HASTY = Limits(
    connect_seconds=1,
    answer_seconds=0.3,
    quiet_seconds=1.0,
    confirm_seconds=1.5,
    cut_seconds=0.5,
    heartbeat_seconds=0.3,
    retry_first_seconds=0.05,
    retry_longest_seconds=0.2,
)
StartSpooler = Callable[..., Spooler]


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def printer(clock: SystemClock) -> Iterator[VirtualPrinter]:
    with VirtualPrinter(profile_of("epson_80"), clock) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, clock: SystemClock) -> Iterator[SqliteJobStore]:
    opened = SqliteJobStore(tmp_path / "queue.db", clock)
    yield opened
    opened.close()


@pytest.fixture
def start_spooler(store: SqliteJobStore, clock: SystemClock) -> Iterator[StartSpooler]:
    started: list[Spooler] = []

    def start(
        port: int,
        *,
        profile: Profile | None = None,
        limits: Limits = HASTY,
        evidence: Evidence | None = Evidence.A,
    ) -> Spooler:
        kind = profile or profile_of("epson_80")
        printer = Printer("front", kind, Tcp9100("127.0.0.1", port), evidence)
        spooler = Spooler(printer, store, clock, SystemIds(), limits=limits)
        spooler.start()
        started.append(spooler)
        return spooler

    yield start
    for spooler in started:
        spooler.stop()
