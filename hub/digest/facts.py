"""What a digest tells of, read from every room: nothing here is kept, and every figure is of this moment."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.console.web import place_names
from hub.digest.rows import Digest
from hub.digest.rules import Due, Role, days, moment_us
from hub.exceptions.rows import exceptions
from hub.flow.reads import Found, broken_between, left_between
from hub.fulfil.reads import late_clause
from hub.fulfil.rows import assignments
from hub.spine.rows import orders, returns
from hub.till.rows import till_sessions

SHOWN: Final = 12
"""Rows of a list in a mail; what is more is counted."""
STORES: Final = 1_000
OWNERS: Final = {
    Role.OPS.value: ("ops", "service"),
    Role.FINANCE.value: ("finance",),
}
"""Whose exceptions a role is told of; an admin, and a store, of those of everybody."""


@dataclass(frozen=True, slots=True)
class OpenKind:
    """Exceptions of one kind that are open."""

    kind: str
    n: int
    oldest_us: int


@dataclass(frozen=True, slots=True)
class LatePart:
    """A part of an order that is late."""

    number: str
    location: str
    due_us: int


@dataclass(frozen=True, slots=True)
class StoreDays:
    """What one location did on the days that a digest tells of."""

    location: str
    sales: int
    net_minor: int
    taken: int
    collected: int
    shipped: int
    given_up: int
    came_back: int
    tills_open: int


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that one digest tells."""

    digest: Digest
    due: Due
    names: dict[str, str]
    open: tuple[OpenKind, ...]
    open_total: int
    late: tuple[LatePart, ...]
    late_total: int
    promised: int
    broken: tuple[Found, ...]
    broken_total: int
    stores: tuple[StoreDays, ...]

    @property
    def told_days(self) -> list[date]:
        """Return the days that its figures are of."""
        return list(days(self.due.first_told, self.due.day))


def gather(connection: Connection, digest: Digest, due: Due, *, zone: str, now_us: int) -> Told:
    """Read what a digest tells at this moment."""
    place = digest.location if digest.role == Role.STORE else ""
    begin, end = moment_us(due.first_told, zone, 0), moment_us(due.day, zone, 0)
    open_ = _open(connection, digest, place)
    late, late_total = _late(connection, place, now_us)
    broken, broken_total, promised = broken_between(
        connection, begin, end, location=place, now_us=now_us, limit=SHOWN
    )
    return Told(
        digest=digest,
        due=due,
        names=place_names(connection),
        open=tuple(open_[:SHOWN]),
        open_total=sum(each.n for each in open_),
        late=tuple(late),
        late_total=late_total,
        promised=promised,
        broken=tuple(broken),
        broken_total=broken_total,
        stores=tuple(_stores(connection, due, place, begin, end)),
    )


def _open(connection: Connection, digest: Digest, place: str) -> list[OpenKind]:
    query = (
        sa.select(exceptions.c.kind, sa.func.count().label("n"), sa.func.min(exceptions.c.raised_us))
        .where(exceptions.c.state == "open")
        .group_by(exceptions.c.kind)
    )
    if digest.role in OWNERS:
        query = query.where(exceptions.c.owner_role.in_(OWNERS[digest.role]))
    if place:
        query = query.where(exceptions.c.location == place)
    found = [OpenKind(row[0], int(row[1]), int(row[2])) for row in connection.execute(query)]
    return sorted(found, key=lambda each: (-each.n, each.oldest_us, each.kind))


def _late(connection: Connection, place: str, now_us: int) -> tuple[list[LatePart], int]:
    where = [late_clause(now_us), *([assignments.c.location == place] if place else [])]
    total = connection.execute(sa.select(sa.func.count()).select_from(assignments).where(*where)).scalar_one()
    rows = connection.execute(
        sa.select(assignments.c.number, assignments.c.location, assignments.c.due_us)
        .where(*where)
        .order_by(assignments.c.due_us, assignments.c.number)
        .limit(SHOWN)
    )
    return [LatePart(*row) for row in rows], int(total)


def _stores(connection: Connection, due: Due, place: str, begin: int, end: int) -> list[StoreDays]:
    dates = [day.isoformat() for day in days(due.first_told, due.day)]
    sold = {
        row[0]: (int(row[1]), int(row[2]))
        for row in connection.execute(
            sa.select(orders.c.location, sa.func.count(), sa.func.sum(orders.c.total_minor))
            .where(orders.c.business_date.in_(dates), orders.c.session_id != "")
            .group_by(orders.c.location)
        )
    }
    taken = _count(
        connection,
        sa.select(orders.c.location, sa.func.count())
        .where(orders.c.business_date.in_(dates), orders.c.session_id == "")
        .group_by(orders.c.location),
    )
    back = {
        row[0]: (int(row[1]), int(row[2]))
        for row in connection.execute(
            sa.select(returns.c.location, sa.func.count(), sa.func.sum(returns.c.total_minor))
            .where(returns.c.business_date.in_(dates))
            .group_by(returns.c.location)
        )
    }
    tills = _count(
        connection,
        sa.select(till_sessions.c.location, sa.func.count())
        .where(till_sessions.c.business_date.in_(dates), till_sessions.c.state != "closed")
        .group_by(till_sessions.c.location),
    )
    left = left_between(connection, begin, end)
    places = {*sold, *taken, *back, *tills, *(location for location, _how in left)} - {"hub"}
    return [
        StoreDays(
            location=location,
            sales=sold.get(location, (0, 0))[0],
            net_minor=sold.get(location, (0, 0))[1] - back.get(location, (0, 0))[1],
            taken=taken.get(location, 0),
            collected=left.get((location, "gone_collect"), 0),
            shipped=left.get((location, "gone_ship"), 0),
            given_up=left.get((location, "given_up"), 0),
            came_back=back.get(location, (0, 0))[0],
            tills_open=tills.get(location, 0),
        )
        for location in sorted({place} if place else places)[:STORES]
    ]


def _count(connection: Connection, query: sa.Select[Any]) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in connection.execute(query)}
