"""Reading the audit: the rules that hold, and what they hit."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.till.audit_rules import DEFAULT
from hub.till.rows import UNDECIDED, audit_hits, audit_rules
from protocol.audit import AuditRule, AuditRulesChanged
from protocol.errors import NotFound
from protocol.kit.text import _

_NEWEST: Final = Lookup(sa.select(audit_rules).order_by(audit_rules.c.version.desc()).limit(1))


def rules(connection: Connection) -> tuple[AuditRule, ...]:
    """Return the rules that hold now."""
    found = newest(connection)
    return AuditRulesChanged.model_validate_json(found.body).rules if found else DEFAULT


def newest(connection: Connection) -> sa.Row[Any] | None:
    """Return the newest version of the rules with who wrote it; None while the defaults hold."""
    return _NEWEST.first(connection)


def hit(connection: Connection, hit_id: str) -> sa.Row[Any]:
    """Return one hit.

    Raises:
        NotFound: there is none of that name.
    """
    found = connection.execute(sa.select(audit_hits).where(audit_hits.c.hit_id == hit_id)).first()
    if found is None:
        raise NotFound(_("There is no such hit."), _("Look at the list again."), code="no_hit")
    return found


def of_session(connection: Connection, session_id: str) -> Sequence[sa.Row[Any]]:
    """Return what was hit in a session, what waits first."""
    return connection.execute(
        sa.select(audit_hits)
        .where(audit_hits.c.session_id == session_id)
        .order_by(_waits().desc(), audit_hits.c.hit_id)
    ).all()


def undecided(connection: Connection, *, limit: int, offset: int = 0) -> tuple[Sequence[sa.Row[Any]], int]:
    """Return a page of what waits for a person, the oldest day first, and how much there is."""
    total = connection.execute(
        sa.select(sa.func.count()).select_from(audit_hits).where(_waits())
    ).scalar_one()
    rows = connection.execute(
        sa.select(audit_hits)
        .where(_waits())
        .order_by(audit_hits.c.business_date, audit_hits.c.location, audit_hits.c.hit_id)
        .limit(limit)
        .offset(offset)
    ).all()
    return rows, int(total)


def waiting_by_session(connection: Connection, session_ids: Sequence[str]) -> dict[str, int]:
    """Return how many hits wait in each of some sessions."""
    rows = connection.execute(
        sa.select(audit_hits.c.session_id, sa.func.count().label("n"))
        .where(_waits(), audit_hits.c.session_id.in_(session_ids))
        .group_by(audit_hits.c.session_id)
    )
    return {row.session_id: int(row.n) for row in rows}


def _waits() -> sa.ColumnElement[bool]:
    return audit_hits.c.state.in_(UNDECIDED)
