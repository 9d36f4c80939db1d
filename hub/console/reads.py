"""Totals over all rooms, and one order with everything that happened to it.

Every figure is computed from the tables when it is asked for; none is kept beside them, so none can drift.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.exceptions import rows as exceptions
from hub.exceptions.rows import ExceptionRow
from hub.ledger import reads as ledger
from hub.ledger.reads import JournalRead
from hub.spine import reads as record
from hub.spine.reads import Happened, OrderRead
from hub.spine.rows import events, order_lines, orders, parked, return_lines, returns
from hub.stock.rows import balances
from hub.till.rows import zs


@dataclass(frozen=True, slots=True)
class Summary:
    """The hub in figures. `returns` counts the lines of returns; voids stand by themselves."""

    orders: int
    order_lines: int
    gross_minor: int
    returns: int
    refund_minor: int
    voids: int
    voided_minor: int
    missing: int
    parked: int
    duplicates: int
    oversold_units: int
    trial_balance_minor: int
    unbalanced_journals: int
    ledger_sales_minor: int
    ledger_vat_minor: int
    zs: int
    z_mismatches: int
    exceptions_open: int


@dataclass(frozen=True, slots=True)
class Step:
    """One event of an order's timeline, with what it did to the books."""

    happened: Happened
    journals: tuple[JournalRead, ...]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """An order, its timeline, and what needs a person about it."""

    order: OrderRead
    timeline: tuple[Step, ...]
    exceptions: tuple[ExceptionRow, ...]


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What one location sold on one business date."""

    location: str
    business_date: str
    orders: int
    gross_minor: int
    refunded_minor: int


def summary(connection: Connection) -> Summary:
    """Return the totals that everything can be checked against."""
    number = _Numbers(connection)
    back = returns.c.kind == "return"
    void = returns.c.kind == "void"
    lines_back = sa.select(sa.func.count()).select_from(
        return_lines.join(returns, returns.c.return_id == return_lines.c.return_id)
    )
    sales, vat = ledger.sales_and_tax(connection)
    waiting = number(sa.select(sa.func.count()).select_from(parked).where(parked.c.state == "parked"))
    return Summary(
        orders=number(sa.select(sa.func.count()).select_from(orders)),
        order_lines=number(sa.select(sa.func.count()).select_from(order_lines)),
        gross_minor=number(sa.select(sa.func.sum(orders.c.total_minor))),
        returns=number(lines_back.where(back)),
        refund_minor=number(sa.select(sa.func.sum(returns.c.total_minor)).where(back)),
        voids=number(sa.select(sa.func.count()).select_from(returns).where(void)),
        voided_minor=number(sa.select(sa.func.sum(returns.c.total_minor)).where(void)),
        missing=sum(stream.missing for stream in record.completeness(connection)),
        parked=waiting,
        duplicates=_duplicates(number),
        oversold_units=-number(
            sa.select(sa.func.sum(balances.c.quantity)).where(
                balances.c.bucket == "sellable", balances.c.quantity < 0
            )
        ),
        trial_balance_minor=ledger.total(connection),
        unbalanced_journals=ledger.unbalanced(connection),
        ledger_sales_minor=sales,
        ledger_vat_minor=vat,
        zs=number(sa.select(sa.func.count()).select_from(zs)),
        z_mismatches=number(sa.select(sa.func.count()).select_from(zs).where(~zs.c.matches)),
        exceptions_open=exceptions.open_count(connection),
    )


def order_page(connection: Connection, number_or_id: str) -> OrderPage:
    """Return an order with everything that happened to it.

    Raises:
        NotFound: the hub does not have it.
    """
    found = record.order(connection, number_or_id)
    subject = f"order:{found.head.order_id}"
    happened = record.timeline(connection, subject)
    posted: dict[str, list[JournalRead]] = {}
    for journal in ledger.of_events(connection, [each.event_id for each in happened]):
        posted.setdefault(journal.event_id, []).append(journal)
    return OrderPage(
        order=found,
        timeline=tuple(Step(each, tuple(posted.get(each.event_id, ()))) for each in happened),
        exceptions=tuple(exceptions.of_subject(connection, subject)),
    )


def day_figures(connection: Connection, *, limit: int = 60) -> list[DayFigures]:
    """Return what each location sold on its latest business dates, the newest first."""
    rows = connection.execute(
        sa.select(
            orders.c.location,
            orders.c.business_date,
            sa.func.count(),
            sa.func.sum(orders.c.total_minor),
            sa.func.sum(orders.c.refunded_minor),
        )
        .group_by(orders.c.business_date, orders.c.location)
        .order_by(orders.c.business_date.desc(), orders.c.location)
        .limit(limit)
    )
    return [DayFigures(place, date, count, int(gross), int(back)) for place, date, count, gross, back in rows]


class _Numbers:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, query: sa.Select[Any]) -> int:
        return int(self._connection.execute(query).scalar() or 0)


def _duplicates(number: _Numbers) -> int:
    """Count events whose id, and orders whose number, occur more than once, each beyond its first."""
    total = 0
    for table, column in ((events, events.c.event_id), (orders, orders.c.number)):
        every = sa.select(sa.func.count()).select_from(table)
        total += number(every) - number(sa.select(sa.func.count(column.distinct())))
    return total
