"""What customers were told, over HTTP. No personal data: who was told stands behind `contact_id`."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from hub.notify import rows, steps
from hub.notify.rows import Notice
from hub.notify.rules import Kind, State
from hub.web import REFUSALS, Limit, Offset, Ops, Text, TheHub, Wanted

router = APIRouter(prefix="/api", tags=["notices"], responses=REFUSALS)
NoticeId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


class NoticeView(BaseModel):
    """One notice as it stands; `detail` is why it waits or did not leave, as a code."""

    notice_id: str
    kind: str
    order_id: str
    number: str
    contact_id: str
    language: str
    state: str
    tries: int
    created_us: int
    next_us: int
    sent_us: int | None
    detail: str
    asked_by: str
    asked_why: str
    way: str


class NoticePage(BaseModel):
    """A page of notices, the newest first, and how many there are."""

    total: int
    notices: list[NoticeView]


class ResendWanted(Wanted):
    """How often it had been asked for when the client looked; it makes a repeated request harmless."""

    again: int | None = Field(default=None, ge=0, le=1_000)
    why: str = Field(min_length=3, max_length=300, pattern=r"^[^\x00]*$")
    """What the one who asks wants to be known later."""


def view(notice: Notice) -> NoticeView:
    """Return a notice as it is shown."""
    known = asdict(notice)
    return NoticeView(**{name: known[name] for name in NoticeView.model_fields})


@router.get("/notices")
def listed(  # noqa: PLR0917 - the filters of a list are its parameters
    hub: TheHub,
    _person: Ops,
    number: Text = "",
    kind: Kind | None = None,
    state: State | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> NoticePage:
    """List notices, the newest first; `number` is an order's."""
    with hub.database.read() as connection:
        found, total = rows.listed(
            connection,
            number=number,
            kind=kind.value if kind else "",
            state=state.value if state else "",
            limit=limit,
            offset=offset,
        )
    return NoticePage(total=total, notices=[view(notice) for notice in found])


@router.post("/notices/{notice_id}/resend")
def resend(hub: TheHub, person: Ops, notice_id: NoticeId, wanted: ResendWanted) -> NoticeView:
    """Queue a notice once more and return what was queued."""
    return view(steps.resend(hub, notice_id, by=person.name, why=wanted.why, again=wanted.again))
