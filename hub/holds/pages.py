"""The pages of holds: what stops which orders, one hold with what its check knew, and putting one on hold."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.capture.steps import By
from hub.console.web import OPS, PAGE_ROWS, filled, go_to, locked, may, pages_of, place_names, show
from hub.context import Hub
from hub.exceptions.facts import Reader
from hub.holds import rows, steps
from hub.holds.api import HoldId, HoldWanted, RejectWanted, ReleaseWanted
from hub.holds.placing import GOODS
from hub.holds.restored import silent_for
from hub.holds.restored_steps import how_many
from hub.holds.rows import HoldRow
from hub.holds.steps import Decided, Decision
from hub.service.forms import Form, form_of
from hub.service.pages import KEY_BYTES
from hub.spine import reads as record
from hub.web import Anybody, Number, Ops, TheHub
from protocol.errors import NotFound, OrderspineError
from protocol.holds import Blocked, HoldKind, OnExpiry, may_decide
from protocol.kit.check_words import limit_word, signal_word
from protocol.kit.hold_words import (
    blocked_word,
    blocks_words,
    expiry_word,
    hold_kind_word,
    hold_pill,
    reason_says,
)
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.people import HubRole

ROLES: Final = (HubRole.OPS, HubRole.FINANCE)

router = APIRouter(include_in_schema=False)


@router.get("/holds")
def listed(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    *,
    state: Annotated[str, Query(pattern=r"^(open|ended)?$")] = "",
    kind: Annotated[str, Query(pattern=r"^[a-z_]{0,20}$")] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    said: Annotated[str, Query(pattern=r"^(released|rejected|requested)?$")] = "",
) -> Response:
    """Show what stops which orders."""
    with hub.database.read() as connection:
        found, total = rows.listed(
            connection,
            state=state or "open",
            kind=kind,
            limit=PAGE_ROWS,
            offset=(page - 1) * PAGE_ROWS,
        )
        names = place_names(connection)
        waits = how_many(connection)
    return show(
        request,
        "holds/list.html",
        waits=waits,
        said=_said(said),
        found=found,
        total=total,
        page=page,
        pages=pages_of(total),
        state=state or "open",
        query=filled({"state": state, "kind": kind}),
        kinds=[(each.value, hold_kind_word(each)) for each in HoldKind],
        names=names,
        **_words(),
    )


@router.get("/holds/{hold_id}")
def one(request: Request, hub: TheHub, person: Anybody, hold_id: HoldId) -> Response:
    """Show one hold: why, what its check knew, what it blocks, and what either decision means."""
    return _shown(request, hub, person, hold_id, Form())


@router.post("/holds/{hold_id}/release")
async def release(request: Request, hub: TheHub, person: Anybody, hold_id: HoldId) -> Response:
    """Let an order go on as far as this hold is concerned."""
    form = await form_of(request)

    def do() -> Decided | None:
        wanted = form.read(ReleaseWanted, {"note": form.get("note")})
        if wanted is None:
            return None
        decision = Decision(hold_id, wanted.note, person.role, By(person.name, form.get("key")))
        return steps.release(hub, decision, wanted)

    return await run_in_threadpool(_decide, request, hub, person, hold_id, form, do)


@router.post("/holds/{hold_id}/reject")
async def reject(request: Request, hub: TheHub, person: Anybody, hold_id: HoldId) -> Response:
    """Refuse an order for good."""
    form = await form_of(request)

    def do() -> Decided | None:
        wanted = form.read(RejectWanted, {"reason": form.get("reason")})
        if wanted is None:
            return None
        decision = Decision(hold_id, wanted.reason, person.role, By(person.name, form.get("key")))
        return steps.reject(hub, decision, wanted)

    return await run_in_threadpool(_decide, request, hub, person, hold_id, form, do)


@router.get("/orders/{number}/hold")
def hold_page(request: Request, hub: TheHub, person: Anybody, number: Number) -> Response:
    """Show the form that puts an order on hold."""
    if not may(person, OPS):
        return locked(request, _("Putting an order on hold"), OPS)
    return _form(request, hub, number, Form(texts={f"blocks_{each.value}": "yes" for each in GOODS}))


@router.post("/orders/{number}/hold")
async def hold(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Put an order on hold."""
    form = await form_of(request)
    return await run_in_threadpool(_hold, request, hub, person, number, form)


def _hold(request: Request, hub: Hub, person: CurrentPerson, number: str, form: Form) -> Response:
    said = {
        "reason": form.get("reason"),
        "blocks": [each.value for each in Blocked if form.get(f"blocks_{each.value}")],
        "may": [each.value for each in ROLES if form.get(f"may_{each.value}")] or [HubRole.ADMIN.value],
        "until": _until(hub, form),
        "then": form.get("then") or OnExpiry.KEEP.value,
    }
    status = 422
    try:
        wanted = form.read(HoldWanted, said)
        if wanted is not None and not form.errors:
            steps.put_on_hold(hub, number, wanted.stop, wanted, By(person.name, form.get("key")))
            return go_to(f"/orders/{quote(number)}", said="held")
    except NotFound:
        raise
    except OrderspineError as error:
        form.refuse(error)
        status = error.http_status
    return _form(request, hub, number, form, status=status)


def _until(hub: Hub, form: Form) -> datetime | None:
    if not form.get("until"):
        return None
    try:
        return datetime.fromisoformat(form.get("until")).replace(tzinfo=ZoneInfo(hub.settings.zone))
    except ValueError:
        form.errors["until"] = _("Choose a day and a time.")
        return None


def _form(request: Request, hub: Hub, number: str, form: Form, *, status: int = 200) -> Response:
    with hub.database.read() as connection:
        head = record.order(connection, number).head
        names = place_names(connection)
    form.set_default(key=hub.ids.secret(KEY_BYTES), may_ops="yes" if not form.get("reason") else "")
    return show(
        request,
        "holds/new.html",
        status_code=status,
        head=head,
        form=form,
        names=names,
        blocks=[(each.value, blocked_word(each)) for each in Blocked],
        roles=[each.value for each in ROLES],
        expiries=[(each.value, expiry_word(each)) for each in OnExpiry],
    )


def _decide(  # noqa: PLR0917 - one decision in the order of its parts
    request: Request,
    hub: Hub,
    person: CurrentPerson,
    hold_id: str,
    form: Form,
    do: Callable[[], Decided | None],
) -> Response:
    status = 422
    try:
        done = do()
        if done is not None:
            said = "requested" if done.requested else done.state
            return go_to(f"/orders/{quote(done.number)}", said=said)
    except NotFound:
        raise
    except OrderspineError as error:
        form.refuse(error)
        status = error.http_status
    return _shown(request, hub, person, hold_id, form, status=status)


def _shown(
    request: Request, hub: Hub, person: CurrentPerson, hold_id: str, form: Form, *, status: int = 200
) -> Response:
    with hub.database.read() as connection:
        row = _find(connection, hold_id)
        names = place_names(connection)
        order = record.order(connection, row.hold.number)
        silent = silent_for(connection, row.hold)
        others = [each for each in rows.of_order(connection, row.hold.order_id) if each != row]
    form.set_default(key=hub.ids.secret(KEY_BYTES))
    reader = Reader(names, order.head.currency, hub.settings.zone)
    return show(
        request,
        "holds/hold.html",
        status_code=status,
        row=row,
        hold=row.hold,
        head=order.head,
        others=others,
        silent=silent,
        names=names,
        form=form,
        facts=reader.read({name: fact for name, fact in row.facts.items() if name != "signals"}),
        signals=row.facts.get("signals", ()),
        signal_word=signal_word,
        limit_word=limit_word,
        may_act=row.is_open and may_decide(row.hold.may, person.role),
        **_words(),
    )


def _find(connection: Connection, hold_id: str) -> HoldRow:
    row = rows.find(connection, hold_id)
    if row is None:
        raise NotFound(_("There is no such hold."), _("Look the order up again."), code="no_hold")
    return row


def _said(word: str) -> str:
    words = {
        "released": _("Released. The order goes on."),
        "rejected": _("Rejected. What was open of the order is cancelled."),
        "requested": _("Rejected. A location that has goods was asked to give them up."),
    }
    return words.get(word, "")


def _words() -> dict[str, Any]:
    return {
        "hold_pill": hold_pill,
        "hold_kind_word": hold_kind_word,
        "blocks_words": blocks_words,
        "expiry_word": expiry_word,
        "reason_says": reason_says,
    }
