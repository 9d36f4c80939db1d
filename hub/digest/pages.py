"""Who gets a digest: the list with when each leaves next, and one as it would leave now."""

from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Path, Query, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

from hub.console.web import OPS, go_to, locked, may, place_names, show
from hub.console.words import role_word
from hub.context import Hub
from hub.digest import rows, steps
from hub.digest.rules import Role, next_us
from hub.digest.steps import DigestWanted
from hub.web import Anybody, Ops, TheHub
from protocol.errors import OrderspineError
from protocol.kit.text import _

PATH: Final = "/digests"
Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Line = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
SAID: Final = r"^(added|removed|on|off|test)?$"

router = APIRouter(include_in_schema=False)


class Typed(BaseModel):
    """The form as it was typed."""

    address: Line = ""
    role: Line = ""
    location: Line = ""
    language: Line = "en"
    clock: Line = "07:00"


@router.get(PATH)
def digests(
    request: Request, hub: TheHub, person: Anybody, said: Annotated[str, Query(pattern=SAID)] = ""
) -> Response:
    """List the digests."""
    if not may(person, OPS):
        return locked(request, _("Digests"), OPS)
    return _page(request, hub, said=said)


@router.post(PATH)
def add(request: Request, hub: TheHub, person: Ops, form: Annotated[Typed, Form()]) -> Response:
    """Set a digest up; what was typed stays when it is refused."""
    typed = form.model_dump()
    place = form.location if form.role == Role.STORE else ""
    try:
        said = {"address": form.address.strip(), "location": place, "minute": steps.minute_of(form.clock)}
        wanted = DigestWanted.model_validate({"role": form.role, "language": form.language, **said})
        steps.add(hub, wanted, by=person.name)
    except ValidationError as error:
        field = str(error.errors(include_url=False)[0]["loc"][0])
        says = {
            "address": _("Type a mail address such as anna@shop.example."),
            "role": _("Choose what it is of."),
        }
        wrong = says.get(field, _("This cannot be used."))
        return _page(request, hub, typed=typed, wrong=wrong, status=422)
    except OrderspineError as error:
        wrong = f"{error.what} {error.remedy}"
        return _page(request, hub, typed=typed, wrong=wrong, status=422)
    return go_to(PATH, said="added")


@router.get(PATH + "/{digest_id}")
def one(request: Request, hub: TheHub, person: Anybody, digest_id: Id) -> Response:
    """Show a digest as it would leave now, and the days that had one."""
    if not may(person, OPS):
        return locked(request, _("Digests"), OPS)
    shown = steps.preview(hub, digest_id)
    with hub.database.read() as connection:
        days = rows.recent(connection, digest_id)
        names = place_names(connection)
    return show(
        request,
        "digest/digest.html",
        shown=shown,
        of=of_word(shown.digest.role, shown.digest.location, names),
        days=days,
        server=bool(hub.settings.smtp_host),
        sender=hub.settings.mail_from,
    )


@router.post(PATH + "/{digest_id}/test")
def test(hub: TheHub, person: Ops, digest_id: Id) -> Response:
    """Queue it as a test; the notice opens."""
    made = steps.send_test(hub, digest_id, by=person.name)
    return go_to(f"/notices/{made}", said="queued")


@router.post(PATH + "/{digest_id}/switch")
def switch(hub: TheHub, _person: Ops, digest_id: Id, on: Annotated[bool, Form()]) -> Response:
    """Let it rest, or go on."""
    steps.switch(hub, digest_id, on=on)
    return go_to(PATH, said="on" if on else "off")


@router.post(PATH + "/{digest_id}/remove")
def remove(hub: TheHub, _person: Ops, digest_id: Id) -> Response:
    """Forget it."""
    steps.remove(hub, digest_id)
    return go_to(PATH, said="removed")


def of_word(role: str, location: str, names: dict[str, str]) -> str:
    """Return what a digest is of."""
    return names.get(location, location) if role == Role.STORE else role_word(role)


def _page(
    request: Request,
    hub: Hub,
    *,
    typed: dict[str, str] | None = None,
    wrong: str = "",
    said: str = "",
    status: int = 200,
) -> Response:
    words = {
        "added": _("It leaves from its next hour on."),
        "removed": _("It is sent no more."),
        "on": _("It leaves again, from its next hour on."),
        "off": _("It rests until it is started again."),
    }
    now_us, zone = hub.clock.now_us(), hub.settings.zone
    with hub.database.read() as connection:
        found, lasts, names = rows.listed(connection), rows.last_days(connection), place_names(connection)
    shown: list[tuple[Any, ...]] = [
        (
            each,
            of_word(each.role, each.location, names),
            next_us(now_us, zone, each.minute, lasts.get(each.digest_id), each.created_us),
            lasts.get(each.digest_id),
        )
        for each in found
    ]
    return show(
        request,
        "digest/digests.html",
        status_code=status,
        found=shown,
        typed=typed or {"clock": "07:00", "language": hub.settings.language},
        wrong=wrong,
        said=words.get(said, ""),
        roles=[(role.value, role_word(role)) for role in Role if role is not Role.STORE]
        + [(Role.STORE.value, _("One location"))],
        places=sorted(((key, name) for key, name in names.items() if key != "hub"), key=lambda one: one[1]),
        zone_word=ZoneInfo(zone).key,
        server=bool(hub.settings.smtp_host),
    )
