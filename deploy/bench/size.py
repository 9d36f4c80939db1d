"""What a store and the hub need: memory when idle and under load, bytes on disk for an order.

    python -m deploy.bench.size [--seconds 4]

Ours: resident memory of the real processes, idle after their start and again while sixteen connections sell
and the hub applies; the growth of each database, its log written back, over the orders of that load. The
limits: memory of a bare FastAPI application, idle and under the same load; for the disk the bytes of the
events alone, which say everything that happened.
"""

import argparse
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.bench.company import STORE, TILL, BenchCompany, prepared, resident_mb, running
from deploy.bench.edge_capture import HOST, body, call, free_port, serving_bare
from deploy.bench.http_load import run_load
from deploy.bench.table import Row, cost
from deploy.demo.books import one
from deploy.demo.people import MANAGER
from protocol.kit.sqlite import connect

CONNECTIONS: Final = 16
GOODS: Final = 1_000
EDGE_MB: Final = 150
HUB_MB: Final = 300
ORDER_KIB: Final = 6
WATCH_SECONDS: Final = 0.1


def measure(seconds: float = 4.0) -> list[Row]:
    """Return the rows of this benchmark."""
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name:
        folder = Path(name)
        idle_limit, load_limit = bare(folder, seconds)
        company = prepared(folder / "company", goods=GOODS, orders=1)
        before = sizes(company)
        with running(company):
            company.wait_until_level()
            idle = resident_mb(company.edge_pid), resident_mb(company.hub_pid)
            peaks = under_load(company, seconds)
            company.wait_until_level()
        after = sizes(company)
        orders = int(one(company.hub_file, "SELECT count(*) FROM orders")) - 1
        event = int(one(company.edge_file, "SELECT avg(length(bytes)) FROM events WHERE kind = 'order.sold'"))
    grown = [(new - old) / orders / 1024 for new, old in zip(after, before, strict=True)]
    disks = [
        disk(place, kib, event / 1024, orders) for place, kib in zip(("edge", "hub"), grown, strict=True)
    ]
    return [
        memory("edge, idle", idle[0], idle_limit, EDGE_MB),
        memory(f"edge, {CONNECTIONS} connections selling", peaks[0], load_limit, EDGE_MB),
        memory("hub, idle", idle[1], idle_limit, HUB_MB),
        memory("hub, applying", peaks[1], load_limit, HUB_MB),
        *disks,
    ]


def bare(folder: Path, seconds: float) -> tuple[float, float]:
    """Return the memory of a bare application, idle and under load."""
    port = free_port()
    with serving_bare(folder / "bare.db", port) as process:
        idle = resident_mb(process.pid)
        watch = Watch(lambda: (resident_mb(process.pid),))
        with watch:
            run_load(HOST, port, "/sale", body, connections=CONNECTIONS, seconds=seconds)
    return idle, watch.peaks[0]


def under_load(company: BenchCompany, seconds: float) -> tuple[float, ...]:
    """Sell over many connections and return the most memory that edge and hub had meanwhile."""
    port = company.layout.ports.edges[STORE].http
    signed = call(port, "/api/sign-in", {"person_id": MANAGER.person_id, "pin": MANAGER.pin, "device": TILL})
    watch = Watch(lambda: (resident_mb(company.edge_pid), resident_mb(company.hub_pid)))
    with watch:
        run_load(
            HOST,
            port,
            "/api/sales",
            lambda n: body(n, digits=6),
            connections=CONNECTIONS,
            seconds=seconds,
            headers=[("authorization", f"Bearer {signed['token']}")],
        )
        company.wait_until_level()
    return watch.peaks


class Watch:
    """Looks at figures again and again during a block and keeps the largest of each."""

    def __init__(self, look: Callable[[], tuple[float, ...]]) -> None:
        self._look = look
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.peaks = look()

    def _run(self) -> None:
        while not self._done.wait(WATCH_SECONDS):
            self.peaks = tuple(map(max, self.peaks, self._look()))

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop looking."""
        self._done.set()
        self._thread.join()


def sizes(company: BenchCompany) -> tuple[int, ...]:
    """Return the bytes of both databases while nothing runs, their logs written back."""
    found = []
    for file in (company.edge_file, company.hub_file):
        connection = connect(file)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        found.append(sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*")))
    return tuple(found)


def memory(what: str, ours: float, limit: float, most_mb: int) -> Row:
    """Return a row of memory."""
    return cost(
        f"size: memory, {what}", round(ours), round(limit), "MB", f"<= {most_mb} MB", met=ours <= most_mb
    )


def disk(place: str, ours: float, limit: float, orders: int) -> Row:
    """Return a row of disk space."""
    return cost(
        f"size: disk for an order of three lines, {place}",
        round(ours, 2),
        round(limit, 2),
        "KiB",
        f"<= {ORDER_KIB} KiB",
        met=ours <= ORDER_KIB,
        notes=f"{orders} orders",
    )


def main() -> None:
    """Print the rows."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--seconds", type=float, default=4.0)
    for row in measure(said.parse_args().seconds):
        print(row)


if __name__ == "__main__":
    main()
