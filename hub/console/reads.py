"""Totals over all rooms, and one order with everything that happened to it.

Every figure is computed from the tables when it is asked for; none is kept beside them, so none can drift.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.exceptions import rows as exceptions
from hub.exceptions.rows import ExceptionRow
from hub.exceptions.rows import exceptions as exception_rows
from hub.fulfil import rows as fulfil
from hub.ledger import reads as ledger
from hub.ledger.reads import JournalRead
from hub.spine import reads as record
from hub.spine.later_rows import later_lines, later_orders
from hub.spine.reads import Happened, OrderRead
from hub.spine.rows import events, order_lines, orders, parked, return_lines, returns
from hub.spine.work import HUB_EDGE
from hub.stock.rows import balances
from hub.till.rows import zs


@dataclass(frozen=True, slots=True)
class Summary:
    """The hub in figures. `returns` counts the lines of returns; voids stand by themselves.

    `orders`, `order_lines` and `gross_minor` are of sales at a counter alone, as they always were: what a
    counter took stands beside what the ledger sold. Orders for later are counted by themselves, from
    `later_orders` on: `web_orders` of them came from no counter; `collected` and `shipped` are assignments
    that left, `short_picks` those of which something was not found, `rerouted` orders that went to another
    location; `double_fulfilled` are units that left beyond those ordered. `promises_broken` are assignments
    that were ready or left too late, and those that are late now.
    """

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
    later_orders: int
    web_orders: int
    collected: int
    shipped: int
    short_picks: int
    rerouted: int
    double_fulfilled: int
    promises_broken: int


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
    later_ones = number(sa.select(sa.func.count()).select_from(later_orders))
    beside = sa.select(later_orders.c.order_id)
    all_lines = number(sa.select(sa.func.count()).select_from(order_lines))
    later_lines_ = number(sa.select(sa.func.count()).select_from(later_lines))
    return Summary(
        orders=number(sa.select(sa.func.count()).select_from(orders)) - later_ones,
        order_lines=all_lines - later_lines_,
        gross_minor=number(sa.select(sa.func.sum(orders.c.total_minor)))
        - number(sa.select(sa.func.sum(orders.c.total_minor)).where(orders.c.order_id.in_(beside))),
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
        later_orders=later_ones,
        **_of_later(number) if later_ones else _NO_LATER,
    )


_NO_LATER: Final = MappingProxyType(
    dict.fromkeys(
        (
            "web_orders",
            "collected",
            "shipped",
            "short_picks",
            "rerouted",
            "double_fulfilled",
            "promises_broken",
        ),
        0,
    )
)


def _of_later(number: "_Numbers") -> dict[str, int]:
    """Return the figures of orders for later."""
    one = sa.select(sa.func.count())
    parts, lines = fulfil.assignments, fulfil.assignment_lines
    beyond = order_lines.c.fulfilled - order_lines.c.quantity
    late = exception_rows.c.kind == "promise_late"
    left_us = sa.func.coalesce(parts.c.ready_us, parts.c.left_us)
    return {
        "web_orders": number(one.select_from(later_orders).where(later_orders.c.location == HUB_EDGE)),
        "collected": number(one.select_from(parts).where(parts.c.state == "handed_over")),
        "shipped": number(one.select_from(parts).where(parts.c.state == "shipped")),
        "short_picks": number(
            sa.select(sa.func.count(lines.c.assignment_id.distinct())).where(lines.c.short > 0)
        ),
        "rerouted": number(sa.select(sa.func.count(parts.c.order_id.distinct())).where(parts.c.attempt > 1)),
        "double_fulfilled": number(sa.select(sa.func.sum(beyond)).where(beyond > 0)),
        "promises_broken": number(one.select_from(parts).where(left_us > parts.c.due_us))
        + number(one.select_from(exception_rows).where(late, exception_rows.c.state == "open")),
    }


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
    """Return what each counter sold on its latest business dates, the newest first."""
    rows = connection.execute(
        sa.select(
            orders.c.location,
            orders.c.business_date,
            sa.func.count(),
            sa.func.sum(orders.c.total_minor),
            sa.func.sum(orders.c.refunded_minor),
        )
        .where(orders.c.session_id != "")
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
