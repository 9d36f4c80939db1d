"""The flow map as it is asked for: every stage with its numbers, and the orders behind each number.

What passed, how long it took, what broke and what was lost belong to one week; what is *here now* belongs to
no week and is the same in all of them. A promise that breaks while its order still waits counts at once: its
moment is compared with the clock when somebody looks, and with the event that ends the stay later on.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.flow.rows import flow_leaks, flow_orders, flow_stays, flow_waits
from hub.flow.rules import Stage
from hub.flow.waits import at_percent, bucket_at, least_ms, together
from hub.flow.weeks import before, span_us, week_of
from protocol.fulfilment import FulfilKind
from protocol.holds import Blocked

MEDIAN: Final = 50
SLOW: Final = 90
USUAL_WEEKS: Final = 4
"""What is usual is the median of the four weeks before."""
FEW: Final = 5
"""Of fewer waits nobody says that they are longer than usual."""
WEEKS_SHOWN: Final = 26
PLACES: Final = 500
What = Literal["now", "passed", "slow", "broken", "leaked"]
By = Literal["store", "channel", "week"]
_KEEPS: Final = sa.or_(
    sa.and_(flow_stays.c.stage == Stage.HELD.value, flow_stays.c.kind != Blocked.ROUTE.value),
    flow_stays.c.stage == Stage.RETURNED.value,
    sa.and_(flow_stays.c.stage == Stage.READY.value, flow_stays.c.kind == FulfilKind.COLLECT.value),
)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which part of the flow is looked at; empty means all of it."""

    week: str
    zone: str
    """Of the company: it decides when a week begins."""
    channel: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one stage, store, channel or week comes to. Times in ms, money in minor units by currency."""

    key: str
    now: int
    oldest_us: int
    """Since when the oldest of them is here; 0 for none."""
    passed: int
    median_ms: int | None
    slow_ms: int | None
    """What nine of ten did not exceed."""
    usual_ms: int | None
    """The median of the four weeks before; None where too few passed to say."""
    broken: int
    leaked: Mapping[str, int]

    @property
    def times_usual(self) -> int:
        """Return how many times as long as usual it takes, from twice on; 0 for what is not remarkable."""
        if not self.usual_ms or self.median_ms is None or self.passed < FEW:
            return 0
        times = self.median_ms // self.usual_ms
        return times if times >= 2 else 0


@dataclass(frozen=True, slots=True)
class FlowMap:
    """The whole map at one moment."""

    filters: Filters
    stages: tuple[Numbers, ...]
    rows: tuple[Numbers, ...]
    """The same numbers over all stages, by store, channel or week."""
    entered: int
    """Orders that were placed in this week."""
    gone: int
    """Parts that left for their customer in this week."""
    broken: int
    """Orders of which a promise broke in this week, each once."""
    leaked: Mapping[str, int]


def flow_map(connection: Connection, filters: Filters, *, by: By, now_us: int) -> FlowMap:
    """Return the map of one week."""
    usual = _waits(connection, filters, before(filters.week, USUAL_WEEKS), flow_waits.c.stage)
    stages = _numbers(connection, filters, flow_stays.c.stage, now_us)
    return FlowMap(
        filters=filters,
        stages=tuple(_one(stage.value, stages, usual.get(stage.value, {})) for stage in Stage),
        rows=_rows(connection, filters, by, now_us),
        entered=_entered(connection, filters),
        gone=_gone(connection, filters),
        broken=_broken_orders(connection, filters, now_us),
        leaked=_sum(_leaks(connection, filters, sa.literal("")).values()),
    )


def weeks_known(connection: Connection, now_us: int, zone: str) -> list[str]:
    """Return the weeks that have anything to show, the newest first; this one is always among them."""
    found = connection.execute(
        sa.select(flow_waits.c.week).distinct().order_by(flow_waits.c.week.desc()).limit(WEEKS_SHOWN)
    ).scalars()
    return sorted({*found, week_of(now_us, zone)}, reverse=True)


def channels_known(connection: Connection) -> list[str]:
    """Return the channels that orders came by."""
    found = connection.execute(sa.select(flow_orders.c.channel).distinct().limit(PLACES)).scalars()
    return sorted(channel for channel in found if channel)


@dataclass(frozen=True, slots=True)
class _Sums:
    """The parts of numbers, by key."""

    now: Mapping[str, tuple[int, int]]
    waits: Mapping[str, Mapping[int, int]]
    broken: Mapping[str, int]
    leaked: Mapping[str, Mapping[str, int]]

    @property
    def keys(self) -> set[str]:
        """Return every key that has a number."""
        return {*self.now, *self.waits, *self.broken, *self.leaked}


def _numbers(connection: Connection, filters: Filters, key: Any, now_us: int) -> _Sums:
    name = key.name
    return _Sums(
        now=_now(connection, filters, key),
        waits=_waits(connection, filters, [filters.week], flow_waits.c[name]),
        broken=_broken(connection, filters, key, now_us),
        leaked=_leaks(connection, filters, flow_leaks.c[name]),
    )


def _one(key: str, sums: _Sums, usual: Mapping[int, int] | None = None) -> Numbers:
    waits = sums.waits.get(key, {})
    now, oldest_us = sums.now.get(key, (0, 0))
    enough = usual is not None and sum(usual.values()) >= FEW
    return Numbers(
        key=key,
        now=now,
        oldest_us=oldest_us,
        passed=sum(waits.values()),
        median_ms=at_percent(waits, MEDIAN),
        slow_ms=at_percent(waits, SLOW),
        usual_ms=at_percent(usual, MEDIAN) if usual is not None and enough else None,
        broken=sums.broken.get(key, 0),
        leaked=sums.leaked.get(key, {}),
    )


def _rows(connection: Connection, filters: Filters, by: By, now_us: int) -> tuple[Numbers, ...]:
    if by == "week":
        weeks = [filters.week, *before(filters.week, USUAL_WEEKS)]
        found = []
        for week in weeks:
            part = Filters(week, filters.zone, filters.channel, filters.location)
            sums = _Sums(
                now={},
                waits={week: together(_waits(connection, part, [week], flow_waits.c.stage).values())},
                broken={week: _broken_orders(connection, part, now_us)},
                leaked={week: _sum(_leaks(connection, part, sa.literal("")).values())},
            )
            found.append(_one(week, sums))
        return tuple(found)
    key = flow_stays.c.location if by == "store" else flow_stays.c.channel
    sums = _numbers(connection, filters, key, now_us)
    return tuple(
        sorted(
            (_one(each, sums) for each in sums.keys),
            key=lambda one: (-one.broken, -sum(one.leaked.values()), -one.passed, one.key),
        )[:PLACES]
    )


def _of(table: sa.Table, filters: Filters) -> list[sa.ColumnElement[bool]]:
    asked = (("channel", filters.channel), ("location", filters.location))
    return [table.c[name] == value for name, value in asked if value]


def _now(connection: Connection, filters: Filters, key: Any) -> dict[str, tuple[int, int]]:
    found = connection.execute(
        sa.select(key, sa.func.count(flow_stays.c.order_id.distinct()), sa.func.min(flow_stays.c.entered_us))
        .where(flow_stays.c.left_us.is_(None), *_of(flow_stays, filters))
        .group_by(key)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in found}


def _waits(
    connection: Connection, filters: Filters, weeks: Iterable[str], key: Any
) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for each, bucket, n in connection.execute(
        sa.select(key, flow_waits.c.bucket, sa.func.sum(flow_waits.c.n))
        .where(flow_waits.c.week.in_(list(weeks)), *_of(flow_waits, filters))
        .group_by(key, flow_waits.c.bucket)
    ):
        found.setdefault(each, {})[bucket] = int(n)
    return found


def _leaks(connection: Connection, filters: Filters, key: Any) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    named = key.label("key")
    for each, currency, minor in connection.execute(
        sa.select(named, flow_leaks.c.currency, sa.func.sum(flow_leaks.c.amount_minor))
        .where(flow_leaks.c.week == filters.week, *_of(flow_leaks, filters))
        .group_by(sa.text("1"), flow_leaks.c.currency)
    ):
        found.setdefault(each, {})[currency] = int(minor)
    return found


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for currency, minor in part.items():
            found[currency] = found.get(currency, 0) + minor
    return found


def broken_between(
    connection: Connection, begin: int, end: int, *, location: str, now_us: int, limit: int
) -> tuple[list["Found"], int, int]:
    """Return where promises broke between two moments, of how many orders, and how many were due then."""
    filters = Filters("", "", location=location)
    both = sa.union_all(*_broken_in(filters, begin, end, now_us)).subquery()
    _n, orders = _counted(connection, sa.select(both))
    found = connection.execute(
        sa.select(both).order_by(both.c.entered_us, both.c.number, both.c.since, both.c.part).limit(limit)
    )
    promised = sa.select(sa.func.count()).where(
        flow_orders.c.due_us >= begin,
        flow_orders.c.due_us < end,
        flow_orders.c.ordered > flow_orders.c.cancelled,
    )
    if location:  # a store's promises are those that any part of an order waited for there
        here = (flow_stays.c.order_id == flow_orders.c.order_id) & (flow_stays.c.location == location)
        promised = promised.where(sa.exists().where(here, flow_stays.c.sku == ""))
    return [_found(row, now_us) for row in found], orders, int(connection.execute(promised).scalar_one())


def left_between(connection: Connection, begin: int, end: int) -> dict[tuple[str, str], int]:
    """Return how many parts ended at each location between two moments, by location and how.

    `gone_collect` and `gone_ship` left for their customer, `given_up` was left to others.
    """
    stay = flow_stays.c
    rows = connection.execute(
        sa.select(stay.location, stay.how, stay.kind, sa.func.count())
        .where(
            stay.stage.in_([stage.value for stage in Stage if stage is not Stage.RETURNED]),
            stay.left_us >= begin,
            stay.left_us < end,
            stay.how.in_(("gone", "given_up")),
        )
        .group_by(stay.location, stay.how, stay.kind)
    )
    found: dict[tuple[str, str], int] = {}
    for location, how, kind, n in rows:
        key = (location, f"gone_{kind}" if how == "gone" else how)
        found[key] = found.get(key, 0) + int(n)
    return found


def _broken_week(filters: Filters, now_us: int) -> list[sa.Select[Any]]:
    begin, end = span_us(filters.week, filters.zone)
    return _broken_in(filters, begin, end, now_us)


def _broken_in(filters: Filters, begin: int, end: int, now_us: int) -> list[sa.Select[Any]]:
    """Return the stays in which a promise broke in a span: those that ended, and those that still wait."""
    said = (
        sa.select(flow_stays)
        .where(
            flow_stays.c.broken_us >= max(1, begin), flow_stays.c.broken_us < end, flow_stays.c.broken_us > 0
        )
        .where(*_of(flow_stays, filters))
    )
    due = flow_orders.c.due_us
    waits = (
        sa.select(flow_stays)
        .join(flow_orders, flow_orders.c.order_id == flow_stays.c.order_id)
        .where(
            flow_stays.c.left_us.is_(None),
            flow_stays.c.broken_us == 0,
            ~_KEEPS,
            due > flow_stays.c.entered_us,
            due >= max(1, begin),
            due < min(end, now_us + 1),
            *_of(flow_stays, filters),
        )
    )
    return [said, waits]


def _broken(connection: Connection, filters: Filters, key: Any, now_us: int) -> dict[str, int]:
    both = sa.union_all(*_broken_week(filters, now_us)).subquery()
    found = connection.execute(
        sa.select(both.c[key.name], sa.func.count(both.c.order_id.distinct())).group_by(both.c[key.name])
    )
    return {row[0]: int(row[1]) for row in found}


def _broken_orders(connection: Connection, filters: Filters, now_us: int) -> int:
    both = sa.union_all(*_broken_week(filters, now_us)).subquery()
    return int(connection.execute(sa.select(sa.func.count(both.c.order_id.distinct()))).scalar_one())


def _entered(connection: Connection, filters: Filters) -> int:
    """Count the orders that were placed in a week; at a location, those that it took."""
    begin, end = span_us(filters.week, filters.zone)
    asked = ((flow_orders.c.channel, filters.channel), (flow_orders.c.origin, filters.location))
    found = (
        sa.select(sa.func.count())
        .select_from(flow_orders)
        .where(flow_orders.c.placed_us >= begin, flow_orders.c.placed_us < end)
        .where(*(column == value for column, value in asked if value))
    )
    return int(connection.execute(found).scalar_one())


def _gone(connection: Connection, filters: Filters) -> int:
    begin, end = span_us(filters.week, filters.zone)
    found = sa.select(sa.func.count(flow_stays.c.order_id.distinct())).where(
        flow_stays.c.stage.in_([stage.value for stage in Stage if stage is not Stage.RETURNED]),
        flow_stays.c.left_us >= begin,
        flow_stays.c.left_us < end,
        flow_stays.c.how == "gone",
        *_of(flow_stays, filters),
    )
    return int(connection.execute(found).scalar_one())


@dataclass(frozen=True, slots=True)
class Found:
    """One order behind a number: which part, where, how long, and what was lost."""

    order_id: str
    number: str
    stage: str
    channel: str
    location: str
    entered_us: int
    left_us: int | None
    broken_us: int
    how: str
    """How the stay ended; for a loss, what it was."""
    wait_ms: int
    lost_minor: int = 0
    currency: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Behind:
    """A page of what a number counts; an order may stand in several rows, one for each of its parts."""

    found: tuple[Found, ...]
    rows: int
    orders: int


def orders_behind(
    connection: Connection,
    filters: Filters,
    *,
    what: What,
    stage: str,
    now_us: int,
    limit: int,
    offset: int = 0,
) -> Behind:
    """Return the orders that a number counts, those that waited longest or lost most first."""
    if what == "leaked":
        return _lost(connection, filters, stage, limit, offset)
    begin, end = span_us(filters.week, filters.zone)
    of_stage = [flow_stays.c.stage == stage] if stage else []
    if what == "broken":
        both = sa.union_all(*_broken_week(filters, now_us)).subquery()
        query = sa.select(both)
        if stage:
            query = query.where(both.c.stage == stage)
        columns = both.c
    else:
        query, columns = sa.select(flow_stays).where(*of_stage, *_of(flow_stays, filters)), flow_stays.c
        if what == "now":
            query = query.where(flow_stays.c.left_us.is_(None))
        else:
            query = query.where(flow_stays.c.left_us >= begin, flow_stays.c.left_us < end)
    if what == "slow":
        waits = _waits(connection, filters, [filters.week], flow_waits.c.stage)
        counted = waits.get(stage, {}) if stage else together(waits.values())
        least_us = least_ms(bucket_at(counted, SLOW) or 0) * 1_000
        query = query.where(flow_stays.c.left_us - flow_stays.c.entered_us >= least_us)
    total, several = _counted(connection, query)
    waited = sa.func.coalesce(columns.left_us, now_us) - columns.entered_us
    found = connection.execute(
        query.order_by(waited.desc(), columns.number, columns.since, columns.part).limit(limit).offset(offset)
    )
    return Behind(tuple(_found(row, now_us) for row in found), total, several)


def _counted(connection: Connection, query: sa.Select[Any]) -> tuple[int, int]:
    """Return how many rows there are, and of how many orders; what no order lost alone is none."""
    every = query.subquery()
    number = sa.func.count(sa.func.nullif(every.c.order_id, "").distinct())
    row = connection.execute(sa.select(sa.func.count(), number).select_from(every)).one()
    return int(row[0]), int(row[1])


def _found(row: Any, now_us: int) -> Found:
    return Found(
        order_id=row.order_id,
        number=row.number,
        stage=row.stage,
        channel=row.channel,
        location=row.location,
        entered_us=row.entered_us,
        left_us=row.left_us,
        broken_us=row.broken_us,
        how=row.how,
        wait_ms=max(0, (row.left_us or now_us) - row.entered_us) // 1_000,
    )


def _lost(connection: Connection, filters: Filters, stage: str, limit: int, offset: int) -> Behind:
    query = sa.select(flow_leaks).where(flow_leaks.c.week == filters.week, *_of(flow_leaks, filters))
    if stage:
        query = query.where(flow_leaks.c.stage == stage)
    total, several = _counted(connection, query)
    found = connection.execute(
        query.order_by(flow_leaks.c.amount_minor.desc(), flow_leaks.c.apply_order, flow_leaks.c.n)
        .limit(limit)
        .offset(offset)
    )
    lost = tuple(
        Found(
            order_id=row.order_id,
            number=row.number,
            stage=row.stage,
            channel=row.channel,
            location=row.location,
            entered_us=row.at_us,
            left_us=row.at_us,
            broken_us=0,
            how=row.kind,
            wait_ms=0,
            lost_minor=row.amount_minor,
            currency=row.currency,
            source=row.source,
        )
        for row in found
    )
    return Behind(lost, total, several)


def all_behind(connection: Connection, filters: Filters, limit: int, **asked: Any) -> Iterator[Found]:
    """Yield the orders behind a number, page by page, up to a limit."""
    page = 500
    for offset in range(0, limit, page):
        behind = orders_behind(connection, filters, limit=page, offset=offset, **asked)
        yield from behind.found
        if len(behind.found) < page:
            return
