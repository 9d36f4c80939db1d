"""How quickly the ledger posts, and how long it takes to check a large month before its close.

    python -m deploy.bench --only ledger

Posting: sales with their cost through the real rules, mapping, periods and hash chain, in units of work of
200 events. The limit: the same rows, in the same transactions, by `executemany` of the bare driver into a
database with the same schema, indexes and guards; nothing is worked out, hashed or looked up.

Closing: everything that the page of a month and its close read: every check and tie, the chain followed over
all journals, and the assertions of the export. The limit: one bare sum over the same entries by account.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from deploy.bench.table import Row, cost, rate
from hub.context import Hub
from hub.database import HubDatabase
from hub.journey import JOURNEY
from hub.ledger.close import steps
from hub.ledger.rows import chain, chain_heads, entries, journals
from hub.ledger.rules import sale
from hub.ledger.stages import Books
from hub.schema import create_schema
from hub.settings import HubSettings
from hub.spine.places import Place
from hub.spine.work import Applied
from hub.stock.rules import ValuedMove
from hub.worker import collect_less
from protocol.events import OrderSold
from protocol.kit.sqlite import connect
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.web.sse import Broadcaster
from protocol.movements import Bucket
from protocol.orders import OrderLine, Tender, TenderKind

PIECE: Final = 200
HALF: Final = 0.5
SECONDS: Final = 60.0
"""Seconds, not minutes."""
PLACE: Final = Place("store-1", "main", "Europe/London")
TABLES: Final = (entries, journals, chain, chain_heads)


def measure(count: int, lines: int) -> list[Row]:
    """Return the rows of posting so many journals, and of checking a month of so many lines."""
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as folder:
        hub, limit = _hub(Path(folder) / "ours.db"), Bare(Path(folder) / "bare.db")
        collect_less()
        ours = bare = 0.0
        for first in range(0, count // 2, PIECE):
            # Piece by piece in turn, so that whatever else this machine does slows both alike.
            ours += _post(hub, first, PIECE)
            bare += limit.write(_last_piece(hub))
        limit.close()
        entered = _count(hub, entries)
        if lines > entered:
            _post(hub, count // 2, (lines - entered) * (count // 2) // entered + 1)
        close = _timed(lambda: steps.look(hub, "main", "2025-11")) + _timed(lambda: _assert(hub))
        scan = _timed(lambda: _scan(hub))
        total = _count(hub, entries)
        hub.database.close()
    return [
        rate(
            "ledger: post",
            count / ours,
            count / bare,
            "journals/s",
            "at least half of the same rows bare",
            met=bare / ours >= HALF,
            notes=f"{count:,} journals",
        ),
        cost(
            "ledger: check a month",
            close,
            scan,
            "s",
            f"{SECONDS:.0f} s for a million lines",
            met=close <= SECONDS,
            notes=f"{total:,} lines; every check, the whole chain, every assertion",
        ),
    ]


def _hub(file: Path) -> Hub:
    database = HubDatabase(f"sqlite:///{file}")
    create_schema(database.engine)
    return Hub(
        settings=HubSettings(),
        database=database,
        clock=SystemClock(),
        ids=SystemIds(),
        broadcaster=Broadcaster(),
        journey=JOURNEY,
    )


def _sold(n: int) -> Applied:
    """Return one sale of two lines, as it is applied."""
    gross = 1_000 + 37 * n % 9_000
    tax = gross // 6
    body = OrderSold(
        session_id="session-1",
        till="till-1",
        business_date="2025-11-24",
        currency="GBP",
        order_id=f"order-{n}",
        number=f"LB1-{n:07d}",
        lines=(_line(1, gross, tax), _line(2, 600, 100)),
        tenders=(Tender(kind=TenderKind.CARD, amount_minor=gross + 600),),
        total_minor=gross + 600,
        tax_minor=tax + 100,
    )
    return Applied(
        apply_order=n + 1,
        edge="store-1",
        inc="i",
        seq=n + 1,
        event_id=f"event-{n}",
        kind="order.sold",
        v=1,
        at_us=n,
        arrived_us=n,
        by="",
        device="",
        subjects=(),
        body=body,
        data=b"",
        hash=b"",
        results={},
    )


def _line(line_no: int, gross: int, tax: int) -> OrderLine:
    return OrderLine(
        line_no=line_no,
        sku="A",
        name="Something",
        quantity=1,
        list_price_minor=gross,
        unit_price_minor=gross,
        gross_minor=gross,
        tax_minor=tax,
        rate_ppm=200_000,
    )


def _post(hub: Hub, first: int, events: int) -> float:
    """Post so many sales with their cost, and return the seconds that the ledger took."""
    spent = 0.0
    for at in range(first, first + events, PIECE):
        batch = [_sold(n) for n in range(at, min(at + PIECE, first + events))]
        moves = [ValuedMove("A", Bucket.SELLABLE, Bucket.CUSTOMER, 1, 450)]

        def step(unit: Any, batch: list[Applied] = batch, moves: list[ValuedMove] = moves) -> None:
            work = hub.spine.work(unit)
            books = work.room(Books)
            for applied in batch:
                books.post(applied, PLACE, sale(applied.body, moves), applied.body.order_id)
            books.flush()

        began = time.perf_counter()
        hub.database.write(step)
        spent += time.perf_counter() - began
    return spent


class Bare:
    """A database with the same schema, indexes and guards, and nothing in front of it."""

    def __init__(self, file: Path) -> None:
        database = HubDatabase(f"sqlite:///{file}")
        create_schema(database.engine)
        database.close()
        self._connection = connect(file)
        self._sql = {
            table.name: f"INSERT OR REPLACE INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608 - our own names
            for table in TABLES
        }

    def write(self, pieces: dict[str, list[tuple[Any, ...]]]) -> float:
        """Write the rows of one transaction and return the seconds."""
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        for name, rows in pieces.items():
            self._connection.executemany(self._sql[name], rows)
        self._connection.execute("COMMIT")
        return time.perf_counter() - began

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def _last_piece(hub: Hub) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows that the newest transaction wrote."""
    with hub.database.read() as connection:
        key = journals.c.journal_id
        newest = list(connection.execute(sa.select(key).order_by(key.desc()).limit(2 * PIECE)).scalars())
        found: dict[str, list[tuple[Any, ...]]] = {}
        for table in (entries, journals, chain):
            rows = connection.execute(
                sa.select(table).where(table.c.journal_id >= newest[-1]).order_by(*table.primary_key)
            )
            found[table.name] = [tuple(row) for row in rows]
        found[chain_heads.name] = [tuple(row) for row in connection.execute(sa.select(chain_heads))]
    return found


def _count(hub: Hub, table: sa.Table) -> int:
    with hub.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _assert(hub: Hub) -> None:
    with hub.database.read() as connection:
        steps.asserted(connection, "main", "2025-11", default="main")


def _scan(hub: Hub) -> None:
    with hub.database.read() as connection:
        connection.execute(
            sa.select(entries.c.account, sa.func.sum(entries.c.amount_minor)).group_by(entries.c.account)
        ).all()


def _timed(run: Any) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
