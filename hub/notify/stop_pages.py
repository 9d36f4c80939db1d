"""The page behind the link of a mail: a customer says that they want no more of these. Nobody signs in here.

Opening the link changes nothing, because mail programs and scanners open links by themselves; the button
does, and so does the one request that RFC 8058 lets a mail program send. It says the same whether or not it
had been said before, and names nobody.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from hub.console.web import go_to, show
from hub.notify import refusing
from hub.notify.refusing import PATH, contact_of
from hub.notify.rows import refused
from hub.notify.rules import REFUSABLE
from hub.notify.words import kind_word
from hub.web import Ops, TheHub

Token = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.-]*$")]
ContactId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get(PATH + "/{token}")
def look(request: Request, hub: TheHub, token: Token) -> Response:
    """Show what can be stopped, and whether it is."""
    with hub.database.read() as connection:
        stopped = refused(connection, contact_of(connection, token)) >= set(REFUSABLE)
    kinds = [kind_word(kind) for kind in REFUSABLE]
    return show(request, "notify/stop.html", token=token, stopped=stopped, kinds=kinds)


@router.post(PATH + "/{token}")
def stop(hub: TheHub, token: Token) -> Response:
    """Stop what can be stopped."""
    with hub.database.read() as connection:
        contact_id = contact_of(connection, token)
    refusing.refuse_all(hub, contact_id)
    return go_to(f"{PATH}/{token}")


@router.post("/notices/{notice_id}/wish/{kind}/{wanted}")
def wish(
    hub: TheHub,
    person: Ops,
    notice_id: ContactId,
    kind: Annotated[str, Path(max_length=20, pattern=r"^[a-z]+$")],
    wanted: Annotated[str, Path(pattern=r"^(yes|no)$")],
) -> Response:
    """Keep what the customer of a notice said to whoever serves them."""
    refusing.wish(hub, notice_id, kind, wanted=wanted == "yes", by=person.name)
    return go_to(f"/notices/{notice_id}")
