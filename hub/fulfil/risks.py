"""Looking for promises that will break although nothing has gone wrong yet, while there is time.

What a silent store holds is on the one card of that store, and what has begun or is late has its own clock
(`hub.fulfil.steps`), so neither is looked at here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import link_sessions, locations
from hub.fulfil import reads
from hub.fulfil.raising import NOT_AT_RISK, risk_key
from hub.fulfil.risk import Coming, Facts, Risk, Shelf, calls, risk_of, said
from hub.fulfil.rows import assignment_lines, assignments
from hub.fulfil.rules import waits
from hub.fulfil.silence import is_expected, silent
from hub.route.facts import current
from hub.route.facts.opening import worked_off
from hub.spine.bulk import Select, SelectPairs, among
from hub.spine.log import open_keys
from hub.spine.steps import close_exception, raise_exception
from hub.stock.rows import balances
from hub.stock.task_rows import count_lines, count_tasks
from hub.transfers.rows import transfer_lines, transfers
from protocol.clock import DAY_US, MICROSECONDS
from protocol.errors import NotFound
from protocol.lifecycles import AssignmentState
from protocol.movements import Bucket

KIND: Final = "order_at_risk"
HORIZON_US: Final = 3 * DAY_US
"""A promise further off is looked at when it comes nearer: until then everything may change."""
LOOKED_AT: Final = 2_000
"""In one round, the soonest due first."""
LATELY_US: Final = 90 * DAY_US
PACE_US: Final = 7 * DAY_US
PACE_UNITS: Final = 50
"""Units picked in a week that say how fast a location is; fewer say nothing."""

_LINES: Final = Select(
    sa.select(
        assignment_lines.c.assignment_id,
        assignment_lines.c.sku,
        (
            assignment_lines.c.quantity
            - assignment_lines.c.short
            - assignment_lines.c.given_up
            - assignment_lines.c.picked
        ).label("units"),
    ),
    assignment_lines.c.assignment_id,
)
_BALANCES: Final = SelectPairs(sa.select(balances), balances.c.location, balances.c.sku)
_ON_SHELF: Final = frozenset({Bucket.SELLABLE, Bucket.RESERVED})
_COUNTED: Final = SelectPairs(
    sa.select(
        count_tasks.c.location,
        count_lines.c.sku,
        sa.func.max(count_lines.c.at_us).label("at_us"),
        sa.func.sum(count_lines.c.balance).label("books"),
        sa.func.sum(sa.case((count_lines.c.variance < 0, -count_lines.c.variance), else_=0)).label("missing"),
    )
    .join(count_tasks, count_tasks.c.count_id == count_lines.c.count_id)
    .where(count_lines.c.posted.is_not(None))
    .group_by(count_tasks.c.location, count_lines.c.sku),
    count_tasks.c.location,
    count_lines.c.sku,
)
_PICKED: Final = SelectPairs(
    sa.select(
        assignments.c.location,
        assignment_lines.c.sku,
        sa.func.sum(assignment_lines.c.picked).label("picked"),
        sa.func.sum(assignment_lines.c.short).label("short"),
    )
    .join(assignments, assignments.c.assignment_id == assignment_lines.c.assignment_id)
    .where(assignments.c.created_us >= sa.bindparam("since"))
    .group_by(assignments.c.location, assignment_lines.c.sku),
    assignments.c.location,
    assignment_lines.c.sku,
)
_COMING: Final = Select(
    sa.select(
        transfer_lines.c.assignment_id,
        transfers.c.number,
        transfers.c.arrive_by_us,
        transfers.c.due_us,
        transfers.c.shipped_us,
        transfers.c.received_us,
    ).join(transfers, transfers.c.transfer_id == transfer_lines.c.transfer_id),
    transfer_lines.c.assignment_id,
)
_PACE: Final = (
    sa.select(assignments.c.location, sa.func.sum(assignment_lines.c.picked))
    .join(assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id)
    .where(assignments.c.created_us >= sa.bindparam("since"))
    .group_by(assignments.c.location)
)


def look_at_risks(hub: Hub) -> int:
    """Look at every promise that is due soon and that nobody has begun; return how many cards are open."""
    now_us = hub.clock.now_us()
    with hub.database.read() as connection:
        rows = reads.open_rows(connection)
        quiet = silent(connection, rows, now_us)
        waiting = [
            row
            for row in rows
            if now_us < row.due_us <= now_us + HORIZON_US
            and waits(AssignmentState(row.state))
            and not (row.location in quiet and is_expected(row))
        ][:LOOKED_AT]
        risks = _risks(hub, connection, waiting, rows, now_us)
        there = set(
            connection.execute(
                sa.select(open_keys.c.dedupe_key).where(open_keys.c.dedupe_key.like(risk_key("%")))
            ).scalars()
        )
    wanted = {
        risk_key(row.assignment_id): row
        for row in waiting
        if calls(risks[row.assignment_id], open_now=risk_key(row.assignment_id) in there)
    }
    fresh = [row for key, row in wanted.items() if key not in there]
    gone = sorted(there - wanted.keys())
    if fresh or gone:
        hub.database.write(partial(_settle, hub, fresh, risks, gone))
    return len(wanted)


def risk_of_assignment(hub: Hub, connection: Connection, assignment_id: str) -> Risk:
    """Return the score of one part of an order as it stands now, with its parts.

    Raises:
        NotFound: there is no such part, or it is over.
    """
    place = connection.execute(
        sa.select(assignments.c.location).where(assignments.c.assignment_id == assignment_id)
    ).scalar()
    found = risks_at(hub, connection, [str(place)], [assignment_id])
    if not found:
        raise NotFound("Nobody works on this part of an order.", "Look the order up.", code="no_assignment")
    return found[assignment_id]


def risks_at(hub: Hub, connection: Connection, places: Sequence[str], ids: Sequence[str]) -> dict[str, Risk]:
    """Return the scores of parts that some locations still owe, by their ids, as they stand now."""
    rows = reads.open_rows(connection, places) if ids else ()
    mine = [row for row in rows if row.assignment_id in ids]
    return _risks(hub, connection, mine, rows, hub.clock.now_us())


def _settle(
    hub: Hub, fresh: Sequence[sa.Row[Any]], risks: Mapping[str, Risk], gone: Sequence[str], unit: HubUnit
) -> None:
    work = hub.spine.work(unit)
    for row in fresh:
        risk = risks[row.assignment_id]
        raise_exception(
            work,
            kind=KIND,
            subject=f"order:{row.order_id}",
            title=f"{row.number} will probably be late at {row.location}",
            facts={
                "number": row.number,
                "location": row.location,
                "assignment_id": row.assignment_id,
                "due_us": row.due_us,
                "risk_percent": risk.percent,
                "because": list(said(risk)),
            },
            dedupe_key=risk_key(row.assignment_id),
        )
    for key in gone:
        close_exception(work, key, how=NOT_AT_RISK)
    hub.finish(work)


def _risks(
    hub: Hub,
    connection: Connection,
    looked_at: Sequence[sa.Row[Any]],
    all_open: Sequence[sa.Row[Any]],
    now_us: int,
) -> dict[str, Risk]:
    """Return the score of some parts by their ids; `all_open` is what else there is to do."""
    if not looked_at:
        return {}
    units = _units(connection, [row.assignment_id for row in all_open])
    shelves = _shelves(connection, looked_at, units, now_us)
    hands = _Hands(hub, connection, {row.location for row in looked_at}, now_us)
    heard = _heard(connection, {row.location for row in looked_at})
    coming = _coming(connection, [row.assignment_id for row in looked_at])
    ahead, queued = {}, dict.fromkeys((row.location for row in all_open), 0)
    for row in all_open:  # what is due first before the rest
        queued[row.location] += sum(units[row.assignment_id].values())
        ahead[row.assignment_id] = queued[row.location]
    found = {}
    for row in looked_at:
        last = heard.get(row.location)
        facts = Facts(
            now_us=now_us,
            due_us=row.due_us,
            shelves=tuple(
                shelves[row.location, sku, count] for sku, count in units[row.assignment_id].items()
            ),
            ahead_units=ahead[row.assignment_id],
            hands_units=hands.until(row.location, row.due_us),
            heard_seconds=None if last is None else max(0, now_us - last) // MICROSECONDS,
            coming=tuple(coming[row.assignment_id]),
        )
        found[row.assignment_id] = risk_of(facts)
    return found


def _units(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the units of each part that are not picked, by item."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in _LINES.run(connection, ids):
        if row.units > 0:
            of_part = found[row.assignment_id]
            of_part[row.sku] = of_part.get(row.sku, 0) + int(row.units)
    return found


def _shelves(
    connection: Connection, rows: Sequence[sa.Row[Any]], units: Mapping[str, Mapping[str, int]], now_us: int
) -> dict[tuple[str, str, int], Shelf]:
    places = sorted({row.location for row in rows})
    skus = sorted({sku for row in rows for sku in units[row.assignment_id]})
    counted = {(row.location, row.sku): row for row in _COUNTED.run(connection, places, skus)}
    since = {"since": now_us - LATELY_US}
    picked = {(row.location, row.sku): row for row in _PICKED.run(connection, places, skus, **since)}
    lying, shops = _lying(connection, places, skus), _shops(connection, places)
    found = {}
    for row in rows:
        for sku, count in units[row.assignment_id].items():
            there = lying.get((row.location, sku), 0)
            count_row, pick_row = counted.get((row.location, sku)), picked.get((row.location, sku))
            books = int(count_row.books or 0) if count_row else 0
            found[row.location, sku, count] = Shelf(
                sku=sku,
                units=count,
                counted_days=(now_us - count_row.at_us) // DAY_US if count_row and count_row.at_us else None,
                shrink_ppm=int(count_row.missing or 0) * 1_000_000 // books if count_row and books > 0 else 0,
                picked_lately=int(pick_row.picked or 0) if pick_row else 0,
                failed_lately=int(pick_row.short or 0) if pick_row else 0,
                on_display=row.location in shops and 0 < there <= count,
            )
    return found


def _lying(connection: Connection, places: Sequence[str], skus: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return how many units of each item can be picked at each location, whoever they are for."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for row in _BALANCES.run(connection, places, skus):
        if row.bucket in _ON_SHELF:
            found[row.location, row.sku] += row.quantity
    return found


def _shops(connection: Connection, places: Sequence[str]) -> frozenset[str]:
    """Return those locations that customers walk through."""
    query = sa.select(locations.c.location_id).where(
        among(connection, locations.c.location_id, places), locations.c.kind == "store"
    )
    return frozenset(connection.execute(query).scalars())


class _Hands:
    """What locations pick until a moment: as somebody entered it, else as they did in the last week."""

    def __init__(self, hub: Hub, connection: Connection, places: set[str], now_us: int) -> None:
        book = current.book(connection, hub.spine.terms.promising)
        zones = connection.execute(
            sa.select(locations.c.location_id, locations.c.zone).where(
                among(connection, locations.c.location_id, sorted(places))
            )
        )
        self._schedules = {row.location_id: book.schedule(row.location_id, row.zone) for row in zones}
        self._now_us = now_us
        pace = connection.execute(_PACE, {"since": now_us - PACE_US})
        self._pace = {location: int(units or 0) for location, units in pace}

    def until(self, location: str, due_us: int) -> int | None:
        """Return the units that a location picks until a moment; None when nobody knows."""
        schedule = self._schedules.get(location)
        if schedule is not None and schedule.capacity:
            return worked_off(schedule, from_us=self._now_us, to_us=due_us)
        pace = self._pace.get(location, 0)
        return pace * (due_us - self._now_us) // PACE_US if pace >= PACE_UNITS else None


def _heard(connection: Connection, places: set[str]) -> dict[str, int]:
    rows = connection.execute(
        sa.select(link_sessions.c.edge, sa.func.max(link_sessions.c.last_us).label("last_us"))
        .where(among(connection, link_sessions.c.edge, sorted(places)), ~link_sessions.c.drain_only)
        .group_by(link_sessions.c.edge)
    )
    return {row.edge: row.last_us for row in rows}


def _coming(connection: Connection, ids: Sequence[str]) -> dict[str, list[Coming]]:
    found: dict[str, list[Coming]] = defaultdict(list)
    for row in _COMING.run(connection, ids):
        if row.received_us is None:
            arrives_us = row.arrive_by_us or row.due_us
            found[row.assignment_id].append(Coming(row.number, arrives_us, row.shipped_us is not None))
    return found
