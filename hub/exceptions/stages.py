"""The list of exceptions follows the events: raised, and closed by a person or because the cause is gone."""

import json
from typing import Final

import sqlalchemy as sa

from hub.exceptions.rows import exceptions
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.events import ExceptionClosed, ExceptionRaised

_SAME: Final = sa.select(exceptions.c.exception_id).where(
    (exceptions.c.exception_id == sa.bindparam("of"))
    | (
        (exceptions.c.location == sa.bindparam("at"))
        & (exceptions.c.dedupe_key == sa.bindparam("key"))
        & (exceptions.c.state == "open")
    )
)
_INSERT: Final = sa.insert(exceptions)


def on_raised(work: Work, applied: Applied) -> None:
    """Put it on the list, unless it stands there open."""
    body: ExceptionRaised = applied.body
    same = {"of": body.exception_id, "at": applied.edge, "key": body.dedupe_key}
    known = work.connection.execute(_SAME, same).first()
    if known is not None:
        return
    work.connection.execute(
        _INSERT,
        {
            "exception_id": body.exception_id,
            "location": applied.edge,
            "kind": body.kind,
            "subject": body.subject,
            "title": body.title,
            "facts": json.dumps(dict(body.facts), default=str),
            "owner_role": body.owner_role,
            "dedupe_key": body.dedupe_key,
            "state": "open",
            "raised_us": applied.at_us,
            "apply_order": applied.apply_order,
            "closed_by": "",
            "note": "",
        },
    )
    work.topics.update(("exceptions", "strip"))


def on_closed(work: Work, applied: Applied) -> None:
    """Take it off the list. The hub names what a store raised by its id, its own by their key."""
    body: ExceptionClosed = applied.body
    mine = (exceptions.c.location == applied.edge) & (exceptions.c.dedupe_key == body.dedupe_key)
    if applied.edge == HUB_EDGE:
        mine |= exceptions.c.exception_id == body.dedupe_key
    work.connection.execute(
        sa.update(exceptions)
        .where(mine, exceptions.c.state == "open")
        .values(
            state="closed",
            closed_us=applied.at_us,
            closed_by=applied.by or applied.edge,
            note=body.how,
        )
    )
    work.topics.update(("exceptions", "strip"))
