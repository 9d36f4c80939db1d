"""What people and clocks do about a card: take it, put it aside, say something, close it, pass it on.

Each is an event of the hub, like everything else that happens, so the history of a card is the log.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.exceptions.rows import ExceptionRow, find, overdue
from hub.people.rows import people
from hub.spine.steps import close_exception, record
from hub.spine.work import HUB_EDGE
from protocol.clock import MICROSECONDS
from protocol.errors import IllegalTransition, Invalid, Refused
from protocol.events import ExceptionClosed, ExceptionWorked
from protocol.exceptions import MINUTE_US, NEXT, kind_of
from protocol.kit.text import _

LONGEST_SNOOZE_US: Final = 14 * 24 * 3600 * MICROSECONDS
ESCALATED_AT_ONCE: Final = 200
"""In one round: after a weekend the desk must not hold the writer up for minutes."""


def close(hub: Hub, exception_id: str, *, note: str, by: str) -> ExceptionRow:
    """Close an exception with a note.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
        Invalid: the note says nothing.
    """

    def step(unit: HubUnit) -> ExceptionRow:
        row = find(unit.connection, exception_id, lock=True)
        must_be_open(row)
        if not note.strip():
            raise Invalid(
                _("Nothing says how it was settled."), _("Type it in a few words."), code="no_reason"
            )
        close_row(hub, unit, row, note=note.strip(), by=by)
        return find(unit.connection, exception_id)

    return hub.database.write(step)


def close_row(hub: Hub, unit: HubUnit, row: ExceptionRow, *, note: str, by: str) -> None:
    """Close an open card within a unit of work."""
    work = hub.spine.work(unit)
    if row.location == HUB_EDGE:
        close_exception(work, row.dedupe_key, how=note, by=by)
    else:
        # What a store raised is named by its id, since two stores may use one key.
        record(work, ExceptionClosed(dedupe_key=row.exception_id, how=note[:300]), by=by)
    hub.finish(work, "exceptions")


def must_be_open(row: ExceptionRow) -> None:
    """Refuse to do anything about a card that was closed.

    Raises:
        IllegalTransition: it is closed; says by whom and how.
    """
    if row.state != "open":
        raise IllegalTransition(
            _("This is closed already, by {who}: {note}", who=row.closed_by or "-", note=row.note or "-"),
            _("Nothing is left to do."),
            code="exception_closed",
        )


def assign(hub: Hub, exception_id: str, *, to: str, by: str) -> ExceptionRow:
    """Say whose card it is; nobody's when `to` is empty.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
        Invalid: nobody of that name works here.
    """

    def step(unit: HubUnit) -> ExceptionRow:
        if to and to != by:
            query = sa.select(people.c.person_id).where(people.c.name == to, people.c.active)
            if unit.connection.execute(query).first() is None:
                raise Invalid(
                    _("Nobody called {name} works here.", name=to[:60]),
                    _("Choose somebody from the list."),
                    code="no_person",
                )
        return _about(hub, unit, exception_id, "assigned", by=by, to=to)

    return hub.database.write(step)


def snooze(hub: Hub, exception_id: str, *, until_us: int, by: str) -> ExceptionRow:
    """Put a card aside until a moment; it comes back by itself. Its clock goes on.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
        Invalid: the moment is past, or more than two weeks off.
    """
    now_us = hub.clock.now_us()
    if not now_us < until_us <= now_us + LONGEST_SNOOZE_US:
        raise Invalid(
            _("A card sleeps until a later moment, two weeks at most."),
            _("Choose an earlier day."),
            code="bad_snooze",
        )
    return hub.database.write(
        lambda unit: _about(hub, unit, exception_id, "snoozed", by=by, until_us=until_us)
    )


def wake(hub: Hub, exception_id: str, *, by: str) -> ExceptionRow:
    """Take a card that sleeps back onto the desk."""
    return hub.database.write(lambda unit: _about(hub, unit, exception_id, "snoozed", by=by, until_us=0))


def comment(hub: Hub, exception_id: str, *, text: str, by: str) -> ExceptionRow:
    """Say something about a card, for whoever looks next.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
        Invalid: nothing was said.
    """
    if not text.strip():
        raise Invalid(_("Nothing was said."), _("Type it in a few words."), code="no_text")
    return hub.database.write(
        lambda unit: _about(hub, unit, exception_id, "commented", by=by, text=text.strip()[:300])
    )


def escalate(hub: Hub, exception_id: str, *, text: str, by: str) -> ExceptionRow:
    """Hand a card to the next owner before its clock runs out.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
        Refused: an administrator has nobody above.
    """

    def step(unit: HubUnit) -> ExceptionRow:
        row = find(unit.connection, exception_id, lock=True)
        must_be_open(row)
        if row.owner_role not in NEXT:
            raise Refused(
                _("An administrator owns it already."), _("Assign it to somebody."), code="nobody_above"
            )
        _pass_on(hub, unit, row, by=by, text=text)
        return find(unit.connection, exception_id)

    return hub.database.write(step)


def decline(hub: Hub, exception_id: str, *, text: str, by: str) -> ExceptionRow:
    """Say no to a choice that somebody else wanted confirmed.

    Raises:
        NotFound: there is none of that id.
        Refused: nobody has asked for a second person.
    """

    def step(unit: HubUnit) -> ExceptionRow:
        row = find(unit.connection, exception_id, lock=True)
        if not row.asked:
            raise Refused(
                _("Nobody waits for a second person here."), _("Look at the card again."), code="not_asked"
            )
        return _about(hub, unit, exception_id, "declined", by=by, text=text.strip()[:300])

    return hub.database.write(step)


def look_at_desk(hub: Hub) -> int:
    """Pass on every card whose clock has run out; return how many."""
    now_us = hub.clock.now_us()
    with hub.database.read() as connection:
        late = overdue(connection, now_us, ESCALATED_AT_ONCE)
    if late:
        hub.database.write(partial(_escalate_all, hub, [row.exception_id for row in late]))
    return len(late)


def _escalate_all(hub: Hub, ids: list[str], unit: HubUnit) -> None:
    now_us = hub.clock.now_us()
    for exception_id in ids:
        row = find(unit.connection, exception_id, lock=True)
        # Another process may have been here between the reading and the lock.
        if row.state == "open" and row.due_us < now_us and row.owner_role in NEXT:
            _pass_on(hub, unit, row, by="", text="")


def _pass_on(hub: Hub, unit: HubUnit, row: ExceptionRow, *, by: str, text: str) -> None:
    until_us = hub.clock.now_us() + kind_of(row.kind).minutes * MINUTE_US
    worked(hub, unit, row, "escalated", by=by, to=NEXT[row.owner_role], until_us=until_us, text=text)


def _about(hub: Hub, unit: HubUnit, exception_id: str, act: str, *, by: str, **said: Any) -> ExceptionRow:
    row = find(unit.connection, exception_id, lock=True)
    must_be_open(row)
    worked(hub, unit, row, act, by=by, **said)
    return find(unit.connection, exception_id)


def worked(  # noqa: PLR0913 - the fields of the event, all said by name
    hub: Hub,
    unit: HubUnit,
    row: ExceptionRow,
    act: str,
    *,
    by: str,
    to: str = "",
    until_us: int | None = None,
    choice: str = "",
    text: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Record what was done about a card, within a unit of work."""
    work = hub.spine.work(unit)
    body = ExceptionWorked(
        exception_id=row.exception_id,
        act=act,
        to=to[:64],
        until_us=until_us,
        choice=choice[:64],
        text=text[:300],
        facts=dict(facts or {}),
    )
    record(work, body, by=by)
    hub.finish(work, "exceptions")
