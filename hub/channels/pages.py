"""The page of the channels: who is told, how that is going, and what to do when it is not.

A secret is on the page that follows its making, once; that page is kept by no cache.
"""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.channels import steps
from hub.channels.steps import BufferWanted, EndpointWanted, Made
from hub.console.web import ADMIN, OPS, go_to, locked, may, show
from hub.context import Hub
from hub.service.forms import Form, form_of
from hub.web import Admin, Anybody, Ops, TheHub
from protocol.errors import Conflict
from protocol.kit.text import _
from protocol.kit.web.shell import Shape

PATH: Final = "/stock/channels"
Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
SAID: Final = r"^(started|stopped|buffer|removed|test_ok|test_failed)?$"

router = APIRouter(include_in_schema=False)


@router.get(PATH)
def channels(
    request: Request, hub: TheHub, person: Anybody, said: Annotated[str, Query(pattern=SAID)] = ""
) -> Response:
    """List who is told what may be sold."""
    if not may(person, OPS):
        return locked(request, _("Channels"), OPS)
    return _page(request, hub, Form(), may_add=may(person, ADMIN), said=said)


@router.post(PATH)
async def add(request: Request, hub: TheHub, person: Admin) -> Response:
    """Add an endpoint, and show its secret once."""
    form = await form_of(request)
    wanted = form.read(
        EndpointWanted,
        {"channel": form.get("channel"), "url": form.get("url"), "buffer": form.units("buffer")},
    )
    if wanted is not None and not form.errors:
        try:
            made = await run_in_threadpool(steps.add, hub, wanted, by=person.name)
            return _secret(request, made, wanted.channel)
        except Conflict as error:
            form.refuse(error)
    return await run_in_threadpool(_page, request, hub, form, may_add=True, status=422)


@router.post(PATH + "/{endpoint_id}/buffer")
async def keep_from(request: Request, hub: TheHub, person: Admin, endpoint_id: Id) -> Response:
    """Keep another number of units of every item from a channel."""
    form = await form_of(request)
    wanted = form.read(BufferWanted, {"buffer": form.units("buffer")})
    if not form.get("buffer").strip():
        form.errors["buffer"] = _("Type a whole number of units.")
    if wanted is None or form.errors:
        page = partial(_page, wrong=(endpoint_id, form), may_add=True, status=422)
        return await run_in_threadpool(page, request, hub, Form())
    await run_in_threadpool(steps.keep_from, hub, endpoint_id, wanted.buffer, by=person.name)
    return go_to(PATH, said="buffer")


@router.post(PATH + "/{endpoint_id}/rotate")
def rotate(request: Request, hub: TheHub, _person: Admin, endpoint_id: Id) -> Response:
    """Give an endpoint another secret, and show it once."""
    return _secret(request, steps.rotate(hub, endpoint_id), "")


@router.post(PATH + "/{endpoint_id}/test")
def test(hub: TheHub, _person: Ops, endpoint_id: Id) -> Response:
    """Send one signed request, and say what came back."""
    return go_to(PATH, said="test_ok" if steps.test(hub, endpoint_id).ok else "test_failed")


@router.post(PATH + "/{endpoint_id}/start")
def start(hub: TheHub, _person: Ops, endpoint_id: Id) -> Response:
    """Tell an endpoint again."""
    steps.switch(hub, endpoint_id, on=True)
    return go_to(PATH, said="started")


@router.post(PATH + "/{endpoint_id}/stop")
def stop(hub: TheHub, _person: Ops, endpoint_id: Id) -> Response:
    """Tell an endpoint nothing until it is started again."""
    steps.switch(hub, endpoint_id, on=False)
    return go_to(PATH, said="stopped")


@router.post(PATH + "/{endpoint_id}/remove")
def remove(hub: TheHub, _person: Admin, endpoint_id: Id) -> Response:
    """Forget an endpoint."""
    steps.remove(hub, endpoint_id)
    return go_to(PATH, said="removed")


def state_pill(state: str, tries: int) -> tuple[str, Shape]:
    """Return how an endpoint is doing, for people."""
    if state == "off":
        return _("Switched off"), "calm"
    if state == "dead":
        return _("Not reached"), "act"
    return (_("Trying again"), "wait") if tries > 1 else (_("Told"), "done")


def _secret(request: Request, made: Made, channel: str) -> Response:
    page = show(request, "channels/secret.html", secret=made.secret, channel=channel)
    page.headers["cache-control"] = "no-store"
    return page


def _page(
    request: Request,
    hub: Hub,
    form: Form,
    *,
    may_add: bool,
    said: str = "",
    status: int = 200,
    wrong: tuple[str, Form] = ("", Form()),
) -> Response:
    """Return the page; `wrong` is what was typed as the buffer of one endpoint, and what is wrong with it."""
    words: dict[str, tuple[str, Shape]] = {
        "started": (_("It is told again, beginning with everything that has changed."), "done"),
        "stopped": (_("It is told nothing until it is started again."), "done"),
        "buffer": (_("It counts from now on; a channel that is told hears of it at once."), "done"),
        "removed": (_("It is forgotten."), "done"),
        "test_ok": (_("The channel took the test."), "done"),
        "test_failed": (_("The channel did not take the test. Check its address and its log."), "act"),
    }
    word, shape = words.get(said, ("", "done"))
    with hub.database.read() as connection:
        found = steps.listed(hub, connection)
    values: dict[str, Any] = {
        "found": [(each, *state_pill(each.state, each.tries if each.next_us else 0)) for each in found],
        "form": form,
        "may_add": may_add,
        "wrong": wrong,
        "said": word,
        "said_shape": shape,
    }
    return show(request, "channels/channels.html", status_code=status, **values)
