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
from collections.abc import Iterator
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
        hub = _hub(Path(folder) / "ours.db")
        collect_less()
        ours, _last = _post(hub, 0, count // 2)
        bare = _bare(hub, Path(folder) / "bare.db")
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


def _post(hub: Hub, first: int, events: int) -> tuple[float, int]:
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
    return spent, first + events


def _bare(hub: Hub, file: Path) -> float:
    """Write the same rows into an empty database with the bare driver, and return the seconds."""
    database = HubDatabase(f"sqlite:///{file}")
    create_schema(database.engine)
    database.close()
    connection = connect(file)
    sql = {
        table.name: f"INSERT OR REPLACE INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608 - our own names
        for table in TABLES
    }
    spent = 0.0
    for pieces in _pieces(hub):
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for name, rows in pieces.items():
            connection.executemany(sql[name], rows)
        connection.execute("COMMIT")
        spent += time.perf_counter() - began
    connection.close()
    return spent


def _pieces(hub: Hub) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """Yield the rows of each transaction that ours made."""
    after = 0
    with hub.database.read() as connection:
        heads = connection.execute(sa.select(chain_heads)).all()
        while True:
            ids = list(
                connection.execute(
                    sa.select(journals.c.journal_id)
                    .where(journals.c.journal_id > after)
                    .order_by(journals.c.journal_id)
                    .limit(2 * PIECE)
                ).scalars()
            )
            if not ids:
                return
            found: dict[str, list[tuple[Any, ...]]] = {}
            for table in (entries, journals, chain):
                key = table.c.journal_id
                rows = connection.execute(
                    sa.select(table).where(key > after, key <= ids[-1]).order_by(*table.primary_key)
                )
                found[table.name] = [tuple(row) for row in rows]
            found[chain_heads.name] = [tuple(row) for row in heads]
            yield found
            after = ids[-1]


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
