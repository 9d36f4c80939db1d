"""The list of exceptions over HTTP."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from hub.exceptions import rows, steps
from hub.exceptions.rows import ExceptionRow
from hub.web import REFUSALS, Anybody, Limit, Offset, TheHub, Wanted
from protocol.clock import MICROSECONDS
from protocol.people import HubRole

router = APIRouter(prefix="/api", tags=["exceptions"], responses=REFUSALS)
Word = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]
ExceptionId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


class ExceptionView(BaseModel):
    """Something that needs, or needed, a person."""

    exception_id: str
    location: str
    kind: str
    subject: str
    title: str
    facts: dict[str, Any]
    owner_role: str
    state: str
    raised_us: int
    age_seconds: int
    closed_us: int | None
    closed_by: str
    note: str
    place: str
    number: str
    owner: str
    due_us: int
    snoozed_until_us: int
    escalated: int
    at_stake_minor: int
    currency: str
    asked: dict[str, Any] | None
    """A choice that a second person is to confirm."""


class ExceptionPage(BaseModel):
    """A page of exceptions, and how many there are."""

    total: int
    exceptions: list[ExceptionView]
    after: str = ""
    """Where the next page of a queue goes on; empty on the last one."""


class CloseWanted(Wanted):
    """Why it is done."""

    note: str = Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")


def view(row: ExceptionRow, now_us: int) -> ExceptionView:
    """Return an exception as it is shown; its age ends when it is closed."""
    until_us = row.closed_us if row.closed_us is not None else now_us
    return ExceptionView(
        exception_id=row.exception_id,
        location=row.location,
        kind=row.kind,
        subject=row.subject,
        title=row.title,
        facts=row.facts,
        owner_role=row.owner_role,
        state=row.state,
        raised_us=row.raised_us,
        age_seconds=max(0, until_us - row.raised_us) // MICROSECONDS,
        closed_us=row.closed_us,
        closed_by=row.closed_by,
        note=row.note,
        place=row.place,
        number=row.number,
        owner=row.owner,
        due_us=row.due_us,
        snoozed_until_us=row.snoozed_until_us,
        escalated=row.escalated,
        at_stake_minor=row.at_stake_minor,
        currency=row.currency,
        asked=row.asked,
    )


@router.get("/exceptions")
def listed(
    hub: TheHub,
    _person: Anybody,
    state: Literal["open", "closed", "all"] = "open",
    owner: HubRole | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> ExceptionPage:
    """List what needs a person, the oldest first."""
    with hub.database.read() as connection:
        found, total = rows.listed(
            connection,
            state=None if state == "all" else state,
            owner_role=owner.value if owner else None,
            limit=limit,
            offset=offset,
        )
    now_us = hub.clock.now_us()
    return ExceptionPage(total=total, exceptions=[view(row, now_us) for row in found])


def _wish(
    state: Literal["open", "asleep", "closed"] = "open",
    owner_role: Word = "",
    owner: Word | None = None,
    kind: Word = "",
    place: Word = "",
) -> rows.Filter:
    return rows.Filter(state, owner_role, owner, kind, place)


@router.get("/exceptions-queue")
def queue(
    hub: TheHub,
    _person: Anybody,
    wanted: Annotated[rows.Filter, Depends(_wish)],
    after: Annotated[str, Query(max_length=90, pattern=r"^(\d{1,18}\.[^\x00]*)?$")] = "",
    limit: Limit = 50,
) -> ExceptionPage:
    """List the queue by its clocks: `owner` is a person or nobody; `after` is where a page ended."""
    now_us = hub.clock.now_us()
    wish = replace(wanted, now_us=now_us)
    at, _dot, last = after.partition(".")
    with hub.database.read() as connection:
        found = rows.page(connection, wish, limit=limit, after=(int(at), last) if after else None)
        total = rows.count(connection, wish)
    ended = rows.after_of(found[-1], wish) if len(found) == limit else None
    return ExceptionPage(
        total=total,
        exceptions=[view(row, now_us) for row in found],
        after=f"{ended[0]}.{ended[1]}" if ended else "",
    )


@router.get("/exceptions/{exception_id}")
def one(hub: TheHub, _person: Anybody, exception_id: ExceptionId) -> ExceptionView:
    """Show one."""
    with hub.database.read() as connection:
        return view(rows.find(connection, exception_id), hub.clock.now_us())


@router.post("/exceptions/{exception_id}/close")
def close(hub: TheHub, person: Anybody, exception_id: ExceptionId, wanted: CloseWanted) -> ExceptionView:
    """Close one with a note."""
    row = steps.close(hub, exception_id, note=wanted.note, by=person.name)
    return view(row, hub.clock.now_us())
