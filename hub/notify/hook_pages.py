"""Programs that are told beside the customer: the list with its form, and a secret that is shown once."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Query, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

from hub.console.web import ADMIN, OPS, go_to, locked, may, show
from hub.context import Hub
from hub.notify import hook_steps
from hub.notify.hook_steps import HookWanted
from hub.notify.rows import hooks
from hub.notify.rules import OF_ORDERS
from hub.notify.words import kind_word
from hub.web import Admin, Anybody, Ops, TheHub
from protocol.errors import OrderspineError
from protocol.kit.text import _

PATH: Final = "/notices/programs"
Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Line = Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")]
SAID: Final = r"^(on|off|removed|test_ok|test_failed)?$"

router = APIRouter(include_in_schema=False)


class Typed(BaseModel):
    """The form as it was typed."""

    name: Line = ""
    url: Line = ""
    kinds: list[Annotated[str, Field(max_length=20)]] = Field(default=[], max_length=20)


@router.get(PATH)
def programs(
    request: Request, hub: TheHub, person: Anybody, said: Annotated[str, Query(pattern=SAID)] = ""
) -> Response:
    """List the programs that are told."""
    if not may(person, OPS):
        return locked(request, _("Programs"), OPS)
    return _page(request, hub, may_add=may(person, ADMIN), said=said)


@router.post(PATH)
def add(request: Request, hub: TheHub, person: Admin, form: Annotated[Typed, Form()]) -> Response:
    """Tell a program from now on, and show its secret once."""
    try:
        wanted = HookWanted.model_validate(
            {"name": form.name.strip(), "url": form.url.strip(), "kinds": tuple(form.kinds)}
        )
        made = hook_steps.add(hub, wanted, by=person.name)
    except ValidationError as error:
        says = {
            "name": _("Give it a name."),
            "url": _("Type an address that begins with https://, without a password in it."),
            "kinds": _("Choose at least one notice."),
        }
        field = str(error.errors(include_url=False)[0]["loc"][0])
        wrong = says.get(field, _("This cannot be used."))
        return _page(request, hub, may_add=True, typed=form, wrong=wrong, status=422)
    except OrderspineError as error:
        wrong = f"{error.what} {error.remedy}"
        return _page(request, hub, may_add=True, typed=form, wrong=wrong, status=422)
    page = show(request, "notify/hook_secret.html", secret=made.secret, name=made.name)
    page.headers["cache-control"] = "no-store"
    return page


@router.post(PATH + "/{hook_id}/test")
def test(hub: TheHub, _person: Ops, hook_id: Id) -> Response:
    """Send one signed request, and say what came back."""
    return go_to(PATH, said="test_ok" if hook_steps.test(hub, hook_id).ok else "test_failed")


@router.post(PATH + "/{hook_id}/switch")
def switch(hub: TheHub, _person: Ops, hook_id: Id, on: Annotated[bool, Form()]) -> Response:
    """Tell it again, or no more."""
    hook_steps.switch(hub, hook_id, on=on)
    return go_to(PATH, said="on" if on else "off")


@router.post(PATH + "/{hook_id}/remove")
def remove(hub: TheHub, _person: Admin, hook_id: Id) -> Response:
    """Forget it."""
    hook_steps.remove(hub, hook_id)
    return go_to(PATH, said="removed")


def _page(
    request: Request,
    hub: Hub,
    *,
    may_add: bool,
    typed: Typed | None = None,
    wrong: str = "",
    said: str = "",
    status: int = 200,
) -> Response:
    words = {
        "on": _("It is told again."),
        "off": _("It is told no more until it is started again."),
        "removed": _("It is forgotten."),
        "test_ok": _("The program took the test."),
        "test_failed": _("The program did not take the test. Check its address and its log."),
    }
    with hub.database.read() as connection:
        found = hooks(connection)
    return show(
        request,
        "notify/hooks.html",
        status_code=status,
        found=[(hook, ", ".join(kind_word(kind) for kind in hook.kinds)) for hook in found],
        may_add=may_add,
        typed=typed or Typed(kinds=[kind.value for kind in OF_ORDERS]),
        wrong=wrong or (words["test_failed"] if said == "test_failed" else ""),
        said="" if said == "test_failed" else words.get(said, ""),
        kinds=[(kind.value, kind_word(kind)) for kind in OF_ORDERS],
    )
