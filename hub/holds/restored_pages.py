"""The page of orders that wait since a restore: whom they wait for, what may happen, letting them go on."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.capture.steps import By
from hub.console.web import OPS, go_to, may, place_names, show
from hub.context import Hub
from hub.holds import restored_steps as steps
from hub.holds.restored_steps import LetGo, LetGoWanted
from hub.service.forms import Form, form_of
from hub.service.pages import KEY_BYTES
from hub.web import Anybody, Ops, TheHub
from protocol.errors import OrderspineError
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

PAGE = "/holds/restored"

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
def restored(
    request: Request,
    hub: TheHub,
    person: Anybody,
    *,
    said: Annotated[str, Query(pattern=r"^(released)?$")] = "",
    n: Annotated[int, Query(ge=0, le=steps.SHOWN)] = 0,
) -> Response:
    """Show which orders wait since the hub was restored, and for whom."""
    gone = _("1 order goes on.") if n == 1 else _("{n} orders go on.", n=n)
    return _shown(request, hub, person, Form(), said=gone if said else "")


@router.post(PAGE)
async def let_go(request: Request, hub: TheHub, person: Ops) -> Response:
    """Let the chosen ones go on, although they may be fulfilled twice."""
    form = await form_of(request)
    return await run_in_threadpool(_let_go, request, hub, person, form)


def _let_go(request: Request, hub: Hub, person: CurrentPerson, form: Form) -> Response:
    status = 422
    try:
        done = _release(hub, person, form)
        if done is not None:
            return go_to(PAGE, said="released", n=str(len(done.released)))
    except OrderspineError as error:
        form.refuse(error)
        status = error.http_status
    return _shown(request, hub, person, form, status=status)


def _release(hub: Hub, person: CurrentPerson, form: Form) -> LetGo | None:
    chosen = form.several.get("hold", [])
    if not chosen:
        form.errors[""] = _("Choose at least one order.")
    if form.get("sure") != "yes":
        form.errors["sure"] = _("Say that you know what may happen.")
    said = {"reason": form.get("reason"), "holds": chosen, "unheard": form.several.get("unheard", [])}
    wanted = form.read(LetGoWanted, said) if chosen else None
    if wanted is None or form.errors:
        return None
    return steps.let_go(hub, wanted, person.role, By(person.name, form.get("key")))


def _shown(
    request: Request, hub: Hub, person: CurrentPerson, form: Form, *, said: str = "", status: int = 200
) -> Response:
    with hub.database.read() as connection:
        page = steps.waiting(connection)
        names = place_names(connection)
    first = not form.texts
    form.set_default(key=hub.ids.secret(KEY_BYTES))
    return show(
        request,
        "holds/restored.html",
        status_code=status,
        said=said,
        page=page,
        names=names,
        form=form,
        chosen={each.hold_id for each in page.orders} if first else set(form.several.get("hold", ())),
        may_act=may(person, OPS),
    )
