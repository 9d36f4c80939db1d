"""What customers were told: the list with its filters in the address, and one mail as it was sent."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import Response

from hub.console.web import OPS, PAGE_ROWS, filled, go_to, locked, may, pages_of, show
from hub.context import Hub
from hub.notify import refusing, rows, steps
from hub.notify.rows import Notice
from hub.notify.rules import REFUSABLE, Kind, State, Way
from hub.notify.words import kind_word, notice_pill, why_word
from hub.web import Anybody, Ops, TheHub
from protocol.kit.text import _

Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Page = Annotated[int, Query(ge=1, le=20_000)]
_KINDS: Final = "|".join(Kind)
_STATES: Final = "|".join(State)

router = APIRouter(include_in_schema=False)


@router.get("/notices")
def notices(
    request: Request,
    hub: TheHub,
    person: Anybody,
    *,
    q: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")] = "",
    kind: Annotated[str, Query(pattern=rf"^({_KINDS})?$")] = "",
    state: Annotated[str, Query(pattern=rf"^({_STATES})?$")] = "",
    page: Page = 1,
) -> Response:
    """List what customers were told, the newest first."""
    if not may(person, OPS):
        return locked(request, _("Notices"), OPS)
    number = q.strip()
    with hub.database.read() as connection:
        found, total = rows.listed(
            connection, number=number, kind=kind, state=state, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS
        )
    return show(
        request,
        "notify/notices.html",
        found=found,
        total=total,
        page=page,
        pages=pages_of(total),
        query=filled({"q": number, "kind": kind, "state": state}),
        kinds=[(one.value, kind_word(one)) for one in Kind],
        states=[(one.value, notice_pill(one)[0]) for one in State],
        server=bool(hub.settings.smtp_host),
        kind_word=kind_word,
        notice_pill=notice_pill,
        why_word=why_word,
    )


@router.get("/notices/{notice_id}")
def one(
    request: Request,
    hub: TheHub,
    person: Anybody,
    notice_id: Id,
    said: Annotated[str, Query(pattern=r"^(queued)?$")] = "",
) -> Response:
    """Show one notice with its mail."""
    if not may(person, OPS):
        return locked(request, _("Notices"), OPS)
    found = steps.preview(hub, notice_id)
    notice = found.notice
    word, shape = notice_pill(notice.state)
    return show(
        request,
        "notify/notice.html",
        said=_("It is sent with the next round.") if said else "",
        notice=notice,
        preview=found,
        title=kind_word(notice.kind),
        word=word,
        shape=shape,
        why=why_word(notice.detail),
        refused=_refused(hub.settings.smtp_host, found),
        sender=hub.settings.mail_from,
        wishes=_wishes(hub, notice),
    )


@router.post("/notices/{notice_id}/resend")
def resend(
    hub: TheHub,
    person: Ops,
    notice_id: Id,
    again: Annotated[int, Form(ge=0, le=1_000)],
    why: Annotated[str, Form(min_length=3, max_length=300, pattern=r"^[^\x00]*$")],
) -> Response:
    """Queue it once more; what was queued opens."""
    made = steps.resend(hub, notice_id, by=person.name, why=why.strip(), again=again)
    return go_to(f"/notices/{made.notice_id}", said="queued")


def _wishes(hub: Hub, notice: Notice) -> list[tuple[str, str, bool]]:
    """Return what the customer of a notice may refuse, and whether they want it; nothing for other people."""
    with hub.database.read() as connection:
        contact_id = refusing.customer_of(connection, notice)
        refused = rows.refused(connection, contact_id)
    return [(kind.value, kind_word(kind), kind not in refused) for kind in REFUSABLE] if contact_id else []


def _refused(server: str, found: steps.Preview) -> str:
    """Return why it cannot be sent once more now, for the button; empty when it can."""
    if found.notice.state in (State.QUEUED, State.SENDING):
        return _("It is on its way already.")
    away = found.notice.way == Way.MAIL and not server
    return (why_word("no_mail_server") if away else "") or found.why
