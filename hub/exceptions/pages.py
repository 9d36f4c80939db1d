"""The queue of what needs a person, and one of them as a card with its facts."""

from typing import Annotated, Final
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Form, Path, Query, Request
from sqlalchemy.engine import Connection
from starlette.responses import Response

from hub.console.web import go_to, place_names, show
from hub.exceptions import rows, steps
from hub.exceptions.facts import Reader
from hub.exceptions.rows import ExceptionRow
from hub.exceptions.subjects import places
from hub.spine.rows import orders
from hub.web import Anybody, TheHub
from protocol.kit.text import _
from protocol.people import HubRole

LISTED: Final = 200
Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Owner = Annotated[str, Query(max_length=20, pattern=r"^[a-z_]*$")]
State = Annotated[str, Query(pattern=r"^(open|closed)$")]

router = APIRouter(include_in_schema=False)


@router.get("/exceptions")
def queue(
    request: Request,
    hub: TheHub,
    person: Anybody,
    *,
    owner: Owner = "",
    state: State = "open",
    said: Annotated[str, Query(pattern=r"^(closed)?$")] = "",
) -> Response:
    """Show the queue with its first card open."""
    return _shown(request, hub, person.role, owner=owner, state=state, said=said)


@router.get("/exceptions/{exception_id}")
def one(
    request: Request,
    hub: TheHub,
    person: Anybody,
    exception_id: Id,
    *,
    owner: Owner = "",
    state: State = "open",
) -> Response:
    """Show the queue with one card open."""
    return _shown(request, hub, person.role, owner=owner, state=state, exception_id=exception_id)


@router.post("/exceptions/{exception_id}/close")
def close(
    hub: TheHub,
    person: Anybody,
    exception_id: Id,
    note: Annotated[str, Form(min_length=1, max_length=300, pattern=r"^[^\x00]*\S[^\x00]*$")],
    owner: Annotated[str, Form(max_length=20, pattern=r"^[a-z_]*$")] = "",
) -> Response:
    """Close one with a note; the next one opens."""
    steps.close(hub, exception_id, note=note.strip(), by=person.name)
    kept = {"owner": owner} if owner else {}
    return go_to("/exceptions", said="closed", **kept)


def _shown(
    request: Request,
    hub: TheHub,
    role: str,
    *,
    owner: str,
    state: str,
    exception_id: str = "",
    said: str = "",
) -> Response:
    with hub.database.read() as connection:
        found, total = rows.listed(connection, state=state, owner_role=owner or None, limit=LISTED)
        case = rows.find(connection, exception_id) if exception_id else (found[0] if found else None)
        names = place_names(connection)
        where = places(connection, [*found, case] if case else found)
        subject = _subject(connection, case) if case else None
        earlier = [
            row
            for row in (rows.of_subject(connection, case.subject) if case else ())
            if case and row.exception_id != case.exception_id
        ]
    return show(
        request,
        "exceptions/exceptions.html",
        said=_("Closed. It stands on the record with your note.") if said else "",
        found=found,
        total=total,
        case=case,
        names=names,
        place=where[case.exception_id] if case else "",
        subject=subject,
        facts=Reader(names, str(case.facts.get("currency", "GBP")), hub.settings.zone).read(case.facts)
        if case
        else [],
        earlier=earlier,
        owner=owner,
        state=state,
        owners=[HubRole.OPS.value, HubRole.FINANCE.value, HubRole.ADMIN.value],
        mine=role,
        where=where,
        asked=bool(exception_id),
    )


def _subject(connection: Connection, row: ExceptionRow) -> tuple[str, str] | None:
    """Return where the record is looked at that an exception is about, and the word for it."""
    kind, _colon, name = row.subject.partition(":")
    if row.kind == "stock_deficit":
        query = urlencode({"location": row.facts.get("location", ""), "sku": row.facts.get("sku", "")})
        return f"/stock/missing?{query}", _("Choose who gives way")
    if row.kind == "order_on_hold":
        return f"/holds/{row.facts.get('hold_id', '')}", _("Decide about the hold")
    if kind == "order":
        number = connection.execute(sa.select(orders.c.number).where(orders.c.order_id == name)).scalar()
        return (f"/orders/{number}", _("Order {number}", number=number)) if number else None
    words = {
        "edge": (f"/fleet/{name}", _("See the location")),
        "till": (f"/finance/days/{name}", _("See the close")),
        "sku": (f"/stock/{name}", _("See the stock")),
        "transfer": (f"/transfers/{name}", _("See the transfer")),
        "receipt": ("/transfers?view=unexplained", _("See what arrived")),
    }
    return words.get(kind)
