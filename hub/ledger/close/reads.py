"""Reading periods: how far each month of an entity is, who signed it, and what came into it late."""

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.ledger.close.rows import period_gaps, period_signs, periods
from hub.ledger.close.rules import next_month, state_of
from hub.ledger.rows import chain, journals
from protocol.lifecycles import PeriodState

_STATES = Lookup(sa.select(periods.c.period, periods.c.state).where(periods.c.entity == sa.bindparam("of")))


@dataclass(frozen=True, slots=True)
class Signature:
    """Who said that a period is right, and for which books."""

    role: str
    by: str
    at_us: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """One month of one entity."""

    entity: str
    period: str
    currency: str
    state: PeriodState
    journals: int
    late: int
    """Journals that came after the month was soft-closed."""
    soft_closed_us: int
    moved_us: int
    moved_by: str
    reason: str
    until_us: int
    fingerprint: str
    event_id: str
    difference: dict[str, int]
    """By how much accounts stand otherwise than when the month was closed before it was reopened."""


def states_of(connection: Connection, entity: str) -> dict[str, PeriodState]:
    """Return how far the months of an entity are that somebody has touched."""
    return {row.period: PeriodState(row.state) for row in _STATES.all(connection, of=entity)}


def days_of(period: str) -> tuple[str, str]:
    """Return the first day of a month and the first of the next."""
    return f"{period}-01", f"{next_month(period)}-01"


def listed(connection: Connection, entity: str, currency: str) -> list[PeriodRow]:
    """Return every month of an entity with journals or a state, the newest first."""
    month = sa.func.substr(journals.c.posting_date, 1, 7)
    counts = {
        row.period: int(row.n)
        for row in connection.execute(
            sa.select(month.label("period"), sa.func.count().label("n"))
            .where(journals.c.entity == entity)
            .group_by(month)
        )
    }
    rows = {
        row.period: row
        for row in connection.execute(sa.select(periods).where(periods.c.entity == entity)).all()
    }
    states = {period: PeriodState(row.state) for period, row in rows.items()}
    return [
        _row(connection, entity, period, currency, rows.get(period), counts.get(period, 0), states)
        for period in sorted({*counts, *rows}, reverse=True)
    ]


def one(connection: Connection, entity: str, period: str, currency: str) -> PeriodRow:
    """Return one month, also one that nobody touched."""
    first, after = days_of(period)
    count = connection.execute(
        sa.select(sa.func.count()).where(
            journals.c.entity == entity, journals.c.posting_date >= first, journals.c.posting_date < after
        )
    ).scalar_one()
    row = connection.execute(
        sa.select(periods).where(periods.c.entity == entity, periods.c.period == period)
    ).first()
    return _row(connection, entity, period, currency, row, int(count), states_of(connection, entity))


def signatures(connection: Connection, entity: str, period: str) -> dict[str, Signature]:
    """Return the signatures that stand on a month, by role."""
    rows = connection.execute(
        sa.select(
            period_signs.c.role, period_signs.c.by, period_signs.c.at_us, period_signs.c.fingerprint
        ).where(period_signs.c.entity == entity, period_signs.c.period == period)
    )
    return {row.role: Signature(*row) for row in rows}


def gaps(connection: Connection, entity: str, period: str) -> list[Any]:
    """Return the gaps that two people declared for a month."""
    return list(
        connection.execute(
            sa.select(period_gaps)
            .where(period_gaps.c.entity == entity, period_gaps.c.period == period)
            .order_by(period_gaps.c.location)
        )
    )


def fingerprint(connection: Connection, entity: str, period: str) -> str:
    """Return the chain hash of the last journal of a month, empty for a month without any.

    It is over every journal before it, so it changes exactly when something posts into the month.
    """
    first, after = days_of(period)
    last = (
        sa.select(sa.func.max(journals.c.journal_id))
        .where(journals.c.entity == entity, journals.c.posting_date >= first, journals.c.posting_date < after)
        .scalar_subquery()
    )
    found = connection.execute(sa.select(chain.c.hash).where(chain.c.journal_id == last)).scalar()
    return bytes(found).hex() if found else ""


def _row(  # noqa: PLR0917 - gathered from three reads
    connection: Connection,
    entity: str,
    period: str,
    currency: str,
    row: Any,
    count: int,
    states: dict[str, PeriodState],
) -> PeriodRow:
    state = state_of(period, states)
    if row is None:
        return PeriodRow(entity, period, currency, state, count, 0, 0, 0, "", "", 0, "", "", {})
    first, after = days_of(period)
    late = 0
    if row.soft_closed_us:
        late = connection.execute(
            sa.select(sa.func.count()).where(
                journals.c.entity == entity,
                journals.c.posting_date >= first,
                journals.c.posting_date < after,
                journals.c.recorded_us > row.soft_closed_us,
            )
        ).scalar_one()
    return PeriodRow(
        entity,
        period,
        row.currency,
        state,
        count,
        int(late),
        row.soft_closed_us,
        row.moved_us,
        row.moved_by,
        row.reason,
        row.until_us,
        row.fingerprint,
        row.event_id,
        json.loads(row.difference),
    )
