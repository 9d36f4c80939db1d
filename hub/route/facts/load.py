"""How much each location has to do and how what was given out is spread: the workload, visible per store."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.fleet.rows import all_locations
from hub.fulfil.rows import assignment_lines, assignments
from hub.route.facts import current
from hub.route.facts.book import Book
from hub.route.facts.snapshot import backlog_of
from protocol.clock import DAY_US

LOOKED_BACK_US: Final = 7 * DAY_US
_GIVEN_BACK: Final = ("rejected", "short")


@dataclass(frozen=True, slots=True)
class Load:
    """One location."""

    location: str
    name: str
    to_pick: int
    capacity_today: int | None
    """Units that fit into the rest of its day; None where nobody said how many do."""
    orders_7d: int
    units_7d: int
    share_ppm: int
    """Of the units of all locations."""
    given_back_7d: int


def loads(hub: Hub, connection: Connection) -> list[Load]:
    """Return every active location, the one with most to pick first."""
    now_us = hub.clock.now_us()
    book = current.book(connection, hub.spine.terms.promising)
    to_pick, lately = backlog_of(connection), _lately(connection, now_us - LOOKED_BACK_US)
    total = sum([units for _orders, units, _back in lately.values()]) or 1
    found = []
    for place in all_locations(connection):
        if place.status != "active":
            continue
        orders, units, given_back = lately.get(place.location_id, (0, 0, 0))
        found.append(
            Load(
                place.location_id,
                place.name,
                to_pick.get(place.location_id, 0),
                _fits_today(book, place.location_id, place.zone, now_us),
                orders,
                units,
                units * 1_000_000 // total,
                given_back,
            )
        )
    return sorted(found, key=lambda load: (-load.to_pick, -load.units_7d, load.location))


def _fits_today(book: Book, location: str, zone: str, now_us: int) -> int | None:
    schedule = book.schedule(location, zone)
    if not schedule.capacity:
        return None
    return sum([window.units for window in schedule.windows(now_us) if window.begins_us < now_us + DAY_US])


def _lately(connection: Connection, since_us: int) -> dict[str, tuple[int, int, int]]:
    back = sa.case((assignments.c.state.in_(_GIVEN_BACK), 1), else_=0)
    counted = (
        sa.select(
            assignments.c.assignment_id,
            assignments.c.location,
            back.label("back"),
            sa.func.sum(assignment_lines.c.quantity).label("units"),
        )
        .join(assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id)
        .where(assignments.c.created_us >= since_us)
        .group_by(assignments.c.assignment_id, assignments.c.location, assignments.c.state)
        .subquery()
    )
    rows = connection.execute(
        sa.select(
            counted.c.location,
            sa.func.count(),
            sa.func.sum(sa.case((counted.c.back == 1, 0), else_=counted.c.units)),
            sa.func.sum(counted.c.back),
        ).group_by(counted.c.location)
    )
    return {row[0]: (int(row[1]), int(row[2] or 0), int(row[3] or 0)) for row in rows}
