"""Raise what needs a person, and close it when it no longer does. Each is one event, or none."""

from collections.abc import Mapping
from typing import Any

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions import rows
from edge_agent.exceptions.rules import check_owner
from protocol.errors import NotFound, Refused
from protocol.events import ExceptionClosed
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson


def raise_exception(  # noqa: PLR0913 - what a card says, all by name
    unit: EdgeUnit,
    edge: Edge,
    *,
    kind: str,
    subject: str,
    title: str,
    facts: Mapping[str, Any],
    dedupe_key: str,
    owner_role: str = "",
) -> str:
    """Raise an exception unless its cause has an open one; return its id.

    Whose it is says its kind (`protocol.exceptions`); `owner_role` only where the room knows better.
    """
    if owner_role:
        check_owner(owner_role)
    edge.journal.raise_exception(
        unit,
        kind=kind,
        subject=subject,
        title=title,
        facts=facts,
        owner_role=owner_role,
        dedupe_key=dedupe_key,
    )
    _tell(unit, edge)
    running = rows.find_open(unit.connection, dedupe_key)
    assert running is not None
    return running.exception_id


def close_exception(
    unit: EdgeUnit, edge: Edge, dedupe_key: str, *, how: str = "", person: CurrentPerson | None = None
) -> bool:
    """Close the open exception of a cause; return whether there was one."""
    if rows.find_open(unit.connection, dedupe_key) is None:
        return False
    by, device = (person.person_id, person.device) if person else ("", "")
    edge.journal.record(unit, ExceptionClosed(dedupe_key=dedupe_key, how=how), by=by, device=device)
    _tell(unit, edge)
    return True


def close_by_id(
    unit: EdgeUnit, edge: Edge, exception_id: str, *, how: str, person: CurrentPerson
) -> rows.Raised:
    """Close one exception because a person dealt with it; return it as it stands then.

    Raises:
        NotFound: there is none of that id.
        Refused: `exception_closed`, somebody was faster.
    """
    found = rows.find(unit.connection, exception_id)
    if found is None:
        raise NotFound(
            _("There is no exception {id} here.", id=exception_id[:40]),
            _("Reload the list."),
            code="no_exception",
        )
    if found.closed_us is not None:
        raise Refused(
            _("This was closed already: {how}", how=found.closed_how or "-"),
            _("Reload the list."),
            code="exception_closed",
        )
    close_exception(unit, edge, found.dedupe_key, how=how, person=person)
    closed = rows.find(unit.connection, exception_id)
    assert closed is not None
    return closed


def _tell(unit: EdgeUnit, edge: Edge) -> None:
    unit.after_commit(lambda: edge.broadcaster.publish("exceptions"))
