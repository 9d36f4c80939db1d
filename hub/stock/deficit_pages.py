"""Choosing who gives way when promised units are missing: one page for one item at one location.

Everything a person can choose here is a step that exists elsewhere: asking the location to give a part up, so
that it is routed anew; another date for the customer; a count. The list is as of now, not as of the card.
"""

from typing import Annotated, Final
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.capture.steps import By
from hub.capture.wanted import RerouteWanted
from hub.console.web import OPS, go_to, may, place_names, show
from hub.context import Hub
from hub.exceptions.rows import exceptions
from hub.fulfil import deficits
from hub.fulfil.harm import give_way, pending, victims
from hub.service import steps as service
from hub.service.forms import form_of
from hub.stock import reads, tasks
from hub.stock.deficits import need, right_of
from hub.stock.tasks import CountsWanted
from hub.web import Anybody, Ops, TheHub
from protocol.errors import Invalid, NotFound
from protocol.kit.text import _

PATH: Final = "/stock/missing"
Location = Annotated[str, Query(min_length=1, max_length=40, pattern=r"^[^\x00]*$")]
Sku = Annotated[str, Query(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
KEY_BYTES: Final = 8

router = APIRouter(include_in_schema=False)


def address(location: str, sku: str) -> str:
    """Return where one chooses who gives way."""
    return f"{PATH}?{urlencode({'location': location, 'sku': sku})}"


@router.get(PATH)
def missing(
    request: Request,
    hub: TheHub,
    person: Anybody,
    *,
    location: Location,
    sku: Sku,
    said: Annotated[str, Query(pattern=r"^(asked|back|count)?$")] = "",
) -> Response:
    """Show what is missing, and whose promises break, the least harm first."""
    words = {
        "asked": _("Asked. Until the location answers, its units stay its own."),
        "back": _("Taken back before it was sent; it is routed anew."),
        "count": _("The store is asked to count it."),
    }
    with hub.database.read() as connection:
        row = right_of(connection, location, sku)
        if row is None:
            raise NotFound(
                _("{place} has lent nothing of {sku}.", place=location, sku=sku),
                _("Search the stock."),
                code="no_right",
            )
        name, _held = reads.item(connection, sku)
        promised = deficits.promises(connection, location, sku)
        card = connection.execute(
            sa.select(exceptions.c.exception_id).where(
                exceptions.c.dedupe_key == deficits.key(location, sku), exceptions.c.state == "open"
            )
        ).scalar()
        names = place_names(connection)
        sent = deficits.sendings(connection, location, sku)
    given_up = pending([*promised, *sent])
    still_missing = need(row, given_up)
    unsent = give_way(sent, still_missing)
    broken = victims(promised, still_missing - sum(one.units for one in unsent))
    return show(
        request,
        "stock/missing.html",
        said=words.get(said, ""),
        said_shape="done" if said == "back" else "wait",
        sku=sku,
        name=name or sku,
        location=location,
        place=names.get(location, location),
        right=row,
        on_the_way=max(0, row.returned - row.returned_echoed),
        pending=given_up,
        need=still_missing,
        promised=promised,
        first={one.assignment_id for one in broken},
        sendings=sent,
        unsent={one.transfer_id for one in unsent},
        names=names,
        card=card or "",
        may_act=may(person, OPS),
        key=hub.ids.secret(KEY_BYTES),
    )


@router.post(PATH)
async def give_up(request: Request, hub: TheHub, person: Ops) -> Response:
    """Ask a location to give a part up, so that another one fulfils it."""
    form = await form_of(request)
    wanted = form.read(
        RerouteWanted,
        {
            "assignment_id": form.get("assignment_id"),
            "reason": _("Units of {sku} are missing", sku=form.get("sku")[:64]),
        },
    )
    if wanted is None or not form.get("number"):
        raise Invalid(_("This choice cannot be read."), _("Go back to the page and choose again."))
    done = await run_in_threadpool(
        _ask, hub, form.get("number")[:64], wanted, By(person.name, form.get("key"))
    )
    return go_to(
        PATH, location=form.get("location")[:40], sku=form.get("sku")[:64], said="asked" if done else "back"
    )


@router.post(PATH + "/count")
async def count(request: Request, hub: TheHub, person: Ops) -> Response:
    """Ask the location to count the item: perhaps the goods are there."""
    form = await form_of(request)
    location, sku = form.get("location"), form.get("sku")
    try:
        wanted = CountsWanted(key=form.get("key") or None, locations=(location,), skus=(sku,))
    except ValidationError as error:
        raise Invalid(_("This choice cannot be read."), _("Go back to the page and choose again.")) from error
    await run_in_threadpool(hub.database.write, lambda unit: tasks.ask(unit, hub, wanted, by=person.name))
    return go_to(PATH, location=location, sku=sku, said="count")


def _ask(hub: Hub, number: str, wanted: RerouteWanted, by: By) -> bool:
    return bool(service.reroute(hub, number, wanted, by).requested)
