"""How quickly the flow map follows the log, and how long it takes to show a week of many orders.

    python -m deploy.bench --only flow

Following: web orders that go all the way to their customer, six events each, read from the log, moved
through their stages and counted. The limit: the rows that this leaves behind, by `executemany` of the bare
driver into a database with the same schema and indexes, in as many transactions; nothing is read or decided.

Showing: every stage and every store of the week with medians, broken promises and losses, as the page asks
for them. The limit: one bare sum over the stays that ended in that week, by stage and store.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from deploy.bench.table import Row, cost, rate
from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.flow import rows
from hub.flow.reads import Filters, flow_map
from hub.flow.steps import AT_ONCE, look
from hub.flow.weeks import span_us, week_of
from hub.journey import JOURNEY
from hub.schema import create_schema
from hub.settings import HubSettings
from hub.spine.rows import APPLY_ORDER, counters, events
from hub.worker import collect_less
from protocol import later
from protocol.clock import DAY_US
from protocol.envelope import encode_event
from protocol.events import KIND_OF
from protocol.fulfilment import AssignedLine, FulfilKind, Promise, RoutedPart, UnitsLine, Verified
from protocol.kit.sqlite import connect
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.web.sse import Broadcaster
from protocol.orders import OrderLine, WireModel

STORES: Final = 50
PIECE: Final = 2_000
EVENTS: Final = 5_000.0
"""Twice what a hub takes in while it catches up with its stores, so the map is never behind for long."""
MILLISECONDS: Final = 200.0
"""A page that is asked for again while somebody looks at it."""
BEGIN_US: Final = 1_763_971_200_000_000
MINUTE_US: Final = 60_000_000
ZONE: Final = "Europe/London"


def measure(orders: int) -> list[Row]:
    """Return the rows of following and of showing a week of so many orders."""
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as folder:
        hub = _hub(Path(folder) / "ours.db")
        logged = _log(hub, orders)
        collect_less()
        began = time.perf_counter()
        while look(hub):
            pass
        follow = time.perf_counter() - began
        bare = _bare(hub, Path(folder) / "bare.db", -(-logged // AT_ONCE))
        show, scan = (min(_timed(each, hub) for _nth in range(5)) for each in (_show, _scan))
        hub.database.close()
    return [
        rate(
            "flow: follow",
            logged / follow,
            logged / bare,
            "events/s",
            f"{EVENTS:,.0f} events/s",
            met=logged / follow >= EVENTS,
            notes=f"{logged:,} events",
        ),
        cost(
            "flow: show a week",
            show * 1_000,
            scan * 1_000,
            "ms",
            f"{MILLISECONDS:.0f} ms",
            met=show * 1_000 <= MILLISECONDS,
            notes=f"{orders:,} orders, {STORES} stores; every stage and every store",
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


def _log(hub: Hub, orders: int) -> int:
    """Fill the log with orders of one week; return how many events there are."""
    made = [_row(at, *said) for at, said in enumerate(_events(orders), start=1)]

    def step(unit: HubUnit) -> None:
        for first in range(0, len(made), PIECE):
            unit.connection.execute(sa.insert(events), made[first : first + PIECE])
        unit.connection.execute(sa.insert(counters).values(name=APPLY_ORDER, value=len(made)))

    hub.database.write(step)
    return len(made)


def _row(at: int, edge: str, at_us: int, body: WireModel) -> dict[str, Any]:
    kind, version = KIND_OF[type(body)]
    return {
        "apply_order": at,
        "event_id": f"e-{at}",
        "edge": edge,
        "inc": "i",
        "seq": at,
        "kind": kind,
        "v": version,
        "at_us": at_us,
        "arrived_us": at_us,
        "by": "",
        "device": "",
        "hash": b"",
        "bytes": encode_event(at, f"e-{at}", at_us, body),
    }


def _events(orders: int) -> Iterator[tuple[str, int, WireModel]]:
    for n in range(orders):
        at_us = BEGIN_US + n * (6 * DAY_US // orders)
        store = f"store-{n % STORES + 1}"
        walk = 5 + n % 90
        on = {"assignment_id": f"a-{n}", "order_id": f"o-{n}", "number": f"HB1-{n:07d}"}
        order = {"order_id": f"o-{n}", "number": f"HB1-{n:07d}"}
        units = (UnitsLine(line_no=1, sku="A", lent=2),)
        promise = Promise(kind=FulfilKind.COLLECT, location=store, due_us=at_us + 90 * MINUTE_US)
        yield (
            "hub",
            at_us,
            later.OrderPlaced(
                **order,
                channel="web",
                currency="GBP",
                lines=(_LINE,),
                total_minor=1_000,
                tax_minor=167,
                promise=promise,
            ),
        )
        part = RoutedPart(assignment_id=f"a-{n}", location=store, lines=(_ASSIGNED,), cost_minor=180)
        yield "hub", at_us + 1_000, later.OrderRouted(**order, decision_id=f"d-{n}", parts=(part,))
        yield store, at_us + walk * MINUTE_US, later.PickStarted(**on, list_id=f"l-{n}")
        yield store, at_us + 2 * walk * MINUTE_US, later.AssignmentPicked(**on, list_id=f"l-{n}", lines=units)
        yield store, at_us + (2 * walk + 3) * MINUTE_US, later.AssignmentStaged(**on, shelf="S1", bags=1)
        yield (
            store,
            at_us + 300 * MINUTE_US,
            later.AssignmentHandedOver(**on, handover_id=f"h-{n}", lines=units, verified=Verified.CODE),
        )


_LINE: Final = OrderLine(
    line_no=1,
    sku="A",
    name="Something",
    quantity=2,
    list_price_minor=500,
    unit_price_minor=500,
    gross_minor=1_000,
    tax_minor=167,
    rate_ppm=200_000,
)
_ASSIGNED: Final = AssignedLine(line_no=1, sku="A", name="Something", quantity=2)


def _bare(hub: Hub, file: Path, transactions: int) -> float:
    """Write what was left behind with nothing in front of the database; return the seconds."""
    database = HubDatabase(f"sqlite:///{file}")
    create_schema(database.engine)
    database.close()
    found = {}
    with hub.database.read() as connection:
        for table in rows.TABLES:
            found[table] = [tuple(row) for row in connection.execute(sa.select(table))]
    target, spent = connect(file), 0.0
    for nth in range(transactions):
        began = time.perf_counter()
        target.execute("BEGIN IMMEDIATE")
        for table, every in found.items():
            sql = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608 - our own names
            target.executemany(sql, every[nth::transactions])
        target.execute("COMMIT")
        spent += time.perf_counter() - began
    target.close()
    return spent


def _show(hub: Hub) -> None:
    filters = Filters(week_of(BEGIN_US, ZONE), ZONE)
    with hub.database.read() as connection:
        flow_map(connection, filters, by="store", now_us=BEGIN_US + 7 * DAY_US)


def _scan(hub: Hub) -> None:
    begin, end = span_us(week_of(BEGIN_US, ZONE), ZONE)
    with hub.database.read() as connection:
        stays = rows.flow_stays.c
        connection.execute(
            sa.select(
                stays.stage, stays.location, sa.func.count(), sa.func.sum(stays.left_us - stays.entered_us)
            )
            .where(stays.left_us >= begin, stays.left_us < end)
            .group_by(stays.stage, stays.location)
        ).all()


def _timed(act: Any, hub: Hub) -> float:
    began = time.perf_counter()
    act(hub)
    return time.perf_counter() - began
