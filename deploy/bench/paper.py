"""From a queued slip to the first byte at the printer, and how long a slip takes to lay out and encode.

    python -m deploy.bench.paper [--slips 200]

Ours: a store's own queue, spooler and TCP transport against the virtual printer on loopback; the clock starts
before the job is written durably and stops when the printer has more than the status questions. Its limit is
one durable row and as many bytes on an open connection. Queueing is measured with none waiting and behind ten
thousand; its limit is one durable row. Rendering is measured for a receipt of thirty lines
with both codes and for a pick list of thirty; its limit is the bare text of these lines as bytes.
"""

import argparse
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from deploy.bench.table import Row, cost, percentile
from edge_agent.app import parts
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.paper.rows import PrinterRow
from edge_agent.paper.service import PaperService
from edge_agent.paper.steps import put_printer, queue_test_page
from edge_agent.settings import load_settings
from printing.document import Document, Text
from printing.document import Row as Line
from printing.documents.pick_list import PickAssignment, PickLine, PickListFacts, pick_list
from printing.documents.receipt import ReceiptFacts, ReceiptLine, receipt
from printing.encoder import encode
from printing.profiles import profile_of
from printing.status import QUESTIONS
from printing.virtual.server import VirtualPrinter
from protocol.ids import slip_code
from protocol.kit.sqlite import connect
from protocol.kit.system import SystemClock

LINES: Final = 30
WAITING: Final = 10_000
HOST: Final = "127.0.0.1"
PATIENCE_SECONDS: Final = 5.0
AT: Final = datetime(2026, 11, 28, 14, 5, tzinfo=ZoneInfo("Europe/London"))


def long_receipt() -> Document:
    """Return a receipt of thirty lines with both codes."""
    lines = tuple(
        ReceiptLine(f"Article number {n} in blue", f"SKU-{n:04d}", 2, 499, 0, 998) for n in range(LINES)
    )
    return receipt(
        ReceiptFacts(
            store_name="London Bridge",
            store_lines=("12 Borough High Street", "London SE1 9QQ"),
            vat_number="GB 123 4567 89",
            number="LB1-00042",
            sold_at=AT,
            till="Till 1",
            associate="A. Osei",
            lines=lines,
            discount_minor=0,
            total_minor=998 * LINES,
            tax=((200_000, 24_950, 4_990),),
            tenders=(("Cash", 998 * LINES),),
            change_minor=0,
            currency="GBP",
            code=slip_code("r", "LB1-00042", 1),
        )
    )


def long_pick_list() -> Document:
    """Return a pick list of three orders and thirty lines."""
    orders = [f"HB1-{n:05d}" for n in range(3)]
    return pick_list(
        PickListFacts(
            number="LB1-L00007",
            store_name="London Bridge",
            station="Stock room",
            printed_at=AT,
            printed_by="A. Osei",
            assignments=tuple(
                PickAssignment(number, "collect", AT, customer_name="Web Customer", tote="ABC"[n])
                for n, number in enumerate(orders)
            ),
            lines=tuple(
                PickLine(
                    f"A-{n:02d}",
                    f"Article number {n} in blue",
                    f"SKU-{n:04d}",
                    "",
                    1,
                    orders[n % 3],
                    "ABC"[n % 3],
                )
                for n in range(LINES)
            ),
        )
    )


def measure(slips: int = 200) -> list[Row]:
    """Return the rows of this benchmark."""
    return [
        _rendered("print: render a receipt of 30 lines", long_receipt, slips),
        _rendered("print: render a pick list of 30 lines", long_pick_list, slips),
        _first_byte(slips),
        _enqueue(slips),
    ]


def _rendered(name: str, made: Callable[[], Document], times: int) -> Row:
    profile = profile_of("epson_80")
    took = [_timed(lambda: encode(made(), profile)) for _ in range(times)]
    words = [_words(block) for block in made().blocks]
    bare = [_timed(lambda: "\n".join(words).encode("cp437", "replace")) for _ in range(times)]
    median = percentile(took, 0.5)
    return cost(name, median, percentile(bare, 0.5), "ms median", "<= 2 ms", met=median <= 2.0)


def _words(block: object) -> str:
    if isinstance(block, Text):
        return block.text
    return " ".join(block.cells) if isinstance(block, Line) else ""


def _first_byte(slips: int) -> Row:
    took = []
    with (
        tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name,
        VirtualPrinter(profile_of("epson_80"), SystemClock()) as printer,
    ):
        folder = Path(name)
        edge = parts(load_settings(None, data_dir=folder / "edge", marker_file=folder / "marker"))
        paper = PaperService(edge)
        try:
            at = PrinterRow("", "Counter", HOST, printer.port, "epson_80", ("receipt", "report"), active=True)
            known = edge.database.write(lambda unit: put_printer(unit, edge, at))
            paper.start()
            _wait(lambda: all(each.state == "ready" for each in paper.conditions().values()))
            for n in range(slips):
                took.append(_until_first_byte(edge, printer, known.printer_id))
                printer.machine.wait_for(lambda n=n: len(printer.machine.slips()) > n, PATIENCE_SECONDS)  # type: ignore[misc]  # bound now
        finally:
            paper.stop()
            edge.database.close()
        limit = _bare(folder / "bare.db", slips)
    median = percentile(took, 0.5)
    return cost(
        "print: job -> first byte at the printer",
        median,
        limit,
        "ms median",
        "<= 20 ms",
        met=median <= 20.0,
        notes=f"p99 {percentile(took, 0.99):.1f} ms",
    )


def _enqueue(slips: int) -> Row:
    """Queue slips durably behind ten thousand that wait; the limit is as many bare durable rows."""
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name:
        folder = Path(name)
        edge = parts(load_settings(None, data_dir=folder / "edge", marker_file=folder / "marker"))
        try:
            at = PrinterRow("", "Counter", HOST, 9, "epson_80", ("receipt", "report"), active=False)
            known = edge.database.write(lambda unit: put_printer(unit, edge, at))

            def one(_n: int) -> float:
                return _timed(
                    lambda: edge.database.write(lambda unit: queue_test_page(unit, edge, known.printer_id))
                )

            def fill(unit: EdgeUnit) -> None:
                for _ in range(WAITING):
                    queue_test_page(unit, edge, known.printer_id)

            # The log of writes has its full size in all three, since a file that grows is slower to sync.
            edge.database.write(fill)
            edge.database.write(_forget_all)
            empty = percentile([one(n) for n in range(slips)], 0.5)
            edge.database.write(fill)
            full = percentile([one(n) for n in range(slips)], 0.5)
        finally:
            edge.database.close()
        limit = _bare_row(folder / "bare.db", slips)
    return cost(
        f"print: enqueue behind {WAITING:,} waiting",
        full,
        limit,
        "ms median",
        "as with none waiting",
        met=full <= 2 * empty,
        notes=f"{empty:.2f} ms with none waiting",
    )


def _forget_all(unit: EdgeUnit) -> None:
    unit.connection.execute("DELETE FROM print_jobs")


def _bare_row(file: Path, times: int) -> float:
    """Return the median milliseconds of one durable row."""
    database = connect(file)
    database.execute("CREATE TABLE jobs (n INTEGER PRIMARY KEY, facts TEXT)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO jobs (facts) VALUES (?)", [("x" * 400,)] * WAITING)
    database.execute("COMMIT")
    took = [
        _timed(lambda: database.execute("INSERT INTO jobs (facts) VALUES (?)", ("x" * 200,)))
        for _ in range(times)
    ]
    database.close()
    return percentile(took, 0.5)


def _until_first_byte(edge: Edge, printer: VirtualPrinter, printer_id: str) -> float:
    """Return the milliseconds from queueing a slip until the printer has more than the status questions."""
    before = printer.machine.bytes_received
    began = time.perf_counter()
    edge.database.write(lambda unit: queue_test_page(unit, edge, printer_id))
    printer.machine.wait_for(
        lambda: printer.machine.bytes_received > before + len(QUESTIONS), PATIENCE_SECONDS
    )
    return (time.perf_counter() - began) * 1000


def _bare(file: Path, times: int) -> float:
    """Return the median milliseconds of one durable row and a hundred bytes on an open connection."""
    took = []
    database = connect(file)
    database.execute("CREATE TABLE jobs (n INTEGER PRIMARY KEY, facts TEXT)")
    with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname()) as out:
        printer, _address = server.accept()
        with printer:
            for _ in range(times):
                began = time.perf_counter()
                database.execute("INSERT INTO jobs (facts) VALUES (?)", ("x" * 200,))
                out.sendall(b"x" * 100)
                printer.recv(100)
                took.append((time.perf_counter() - began) * 1000)
    database.close()
    return percentile(took, 0.5)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _wait(reached: Callable[[], bool]) -> None:
    pause = threading.Event()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not reached() and time.monotonic() < deadline:
        pause.wait(0.02)


def main() -> None:
    """Print the rows."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--slips", type=int, default=200)
    for row in measure(said.parse_args().slips):
        print(row)


if __name__ == "__main__":
    main()
