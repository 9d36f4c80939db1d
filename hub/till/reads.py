"""Reading store days: every close with what the store said, what the hub added up, and the difference."""

import json
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.till.rows import till_sessions, zs
from protocol.errors import NotFound
from protocol.kit.text import _


@dataclass(frozen=True, slots=True)
class DayRow:
    """One till session of a store's day; without a close it is still open."""

    session_id: str
    location: str
    till: str
    business_date: str
    currency: str
    float_minor: int
    opened_us: int
    opened_by: str
    state: str
    closed_us: int | None
    number: str
    matches: bool | None
    difference_minor: int | None


@dataclass(frozen=True, slots=True)
class Close:
    """A Z beside the same sums added up again."""

    day: DayRow
    first_seq: int
    last_seq: int
    said: dict[str, Any]
    again: dict[str, Any]
    tenders: list[dict[str, Any]]
    closed_by: str


_DAY = [
    *(till_sessions.c[name] for name in list(DayRow.__dataclass_fields__)[:10]),
    sa.func.coalesce(zs.c.number, "").label("number"),
    zs.c.matches,
    zs.c.difference_minor,
]

_CLOSE: Final = ("first_seq", "last_seq", "totals", "tenders", "recomputed", "closed_by")


def listed(
    connection: Connection, *, day: str = "", store: str = "", limit: int = 50, offset: int = 0
) -> tuple[list[DayRow], int]:
    """Return a page of till sessions, the newest day first, and how many there are."""
    where: list[sa.ColumnElement[bool]] = [sa.true()]
    if day:
        where.append(till_sessions.c.business_date == day)
    if store:
        where.append(till_sessions.c.location == store)
    total = connection.execute(
        sa.select(sa.func.count()).select_from(till_sessions).where(*where)
    ).scalar_one()
    rows = connection.execute(
        sa.select(*_DAY)
        .outerjoin(zs, zs.c.session_id == till_sessions.c.session_id)
        .where(*where)
        .order_by(
            till_sessions.c.business_date.desc(), till_sessions.c.location, till_sessions.c.opened_us.desc()
        )
        .limit(limit)
        .offset(offset)
    )
    return [DayRow(*row) for row in rows], int(total)


def counts(connection: Connection) -> tuple[int, int, int]:
    """Return how many closes there are, how many tie to their events, and how many drawers differed."""
    total, tied, off = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((zs.c.matches, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((zs.c.difference_minor != 0, 1), else_=0)), 0),
        )
    ).one()
    return int(total), int(tied), int(off)


def close_of(connection: Connection, session_id: str) -> Close:
    """Return one close.

    Raises:
        NotFound: the session is not known or not closed.
    """
    row = connection.execute(
        sa.select(*_DAY, *(zs.c[name] for name in _CLOSE))
        .join(zs, zs.c.session_id == till_sessions.c.session_id)
        .where(till_sessions.c.session_id == session_id)
    ).first()
    if row is None:
        raise NotFound(_("There is no such close."), _("Look at the store days."), code="no_close")
    return Close(
        day=DayRow(*row[: len(_DAY)]),
        first_seq=row.first_seq,
        last_seq=row.last_seq,
        said=json.loads(row.totals),
        again=json.loads(row.recomputed),
        tenders=json.loads(row.tenders),
        closed_by=row.closed_by,
    )
