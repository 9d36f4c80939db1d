"""What the pages of every room share: the hub behind a request, who may see what, a page or its live part.

A page has a block `top`, which nothing disturbs while somebody types in it, and a block `body`, which is
fetched again and morphed when one of the page's topics is heard. Forms are plain posts that lead back to the
page, which then says what was done (`said`).
"""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import HTMLResponse, StreamingResponse
from sqlalchemy.engine import Connection
from starlette.responses import RedirectResponse, Response

from hub.console.words import role_word
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import locations
from hub.fleet.steps import LocationView
from protocol.kit.text import _
from protocol.kit.web.shell import Templates
from protocol.kit.web.signin import CurrentPerson
from protocol.people import HubRole

PAGE_ROWS: Final = 50
EXPORT_ROWS: Final = 100_000
"""A spreadsheet opens no more."""
_FORMULA: Final = frozenset("=+-@\t\r")
_NUMBER: Final = re.compile(r"^-?\d+(\.\d+)?$")
OPS: Final = (HubRole.OPS, HubRole.ADMIN)
FINANCE: Final = (HubRole.FINANCE, HubRole.ADMIN)
ADMIN: Final = (HubRole.ADMIN,)


def presence_of(request: Request) -> FleetPresence:
    """Return who was heard by this process."""
    presence: FleetPresence = request.app.state.presence
    return presence


def templates_of(request: Request) -> Templates:
    """Return the templates of the hub."""
    templates: Templates = request.app.state.templates
    return templates


def show(request: Request, name: str, /, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Answer with a page, or with its live part alone when htmx asks."""
    templates = templates_of(request)
    values.setdefault("said", "")
    if request.headers.get("hx-request") == "true":
        return templates.block(request, name, "body", status_code=status_code, **values)
    return templates.page(request, name, status_code=status_code, **values)


def go_to(address: str, **query: str) -> Response:
    """Lead to a page after something was done; `said` tells it what to say."""
    return RedirectResponse(f"{address}?{urlencode(query)}" if query else address, status_code=303)


def may(person: CurrentPerson, roles: Iterable[str]) -> bool:
    """Tell whether a person has one of the roles."""
    return person.role in roles


def locked(request: Request, page: str, roles: Iterable[str]) -> HTMLResponse:
    """Answer with a page that stays closed to this person and says who may open it."""
    return templates_of(request).page(
        request,
        "console/locked.html",
        status_code=403,
        page=page,
        words=[role_word(role) for role in roles],
        said="",
    )


def place_names(connection: Connection) -> dict[str, str]:
    """Return what each location is called; an edge that nobody registered has no name but its own."""
    rows = connection.execute(sa.select(locations.c.location_id, locations.c.name))
    return {**{row.location_id: row.name for row in rows}, "hub": _("Hub")}


def by_kind(view: Sequence[LocationView]) -> list[LocationView]:
    """Return the stores, then the warehouses, each by the name of its edge."""
    return sorted(view, key=lambda place: (place.kind != "store", place.location_id))


def pages_of(total: int, size: int = PAGE_ROWS) -> int:
    """Return on how many pages so many rows stand."""
    return max(1, -(-total // size))


def filled(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters that say something, as they stand in the address."""
    return {name: value for name, value in query.items() if value not in ("", None)}


def csv_file(name: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> StreamingResponse:
    """Answer with a CSV file, sent as it is read."""

    def lines() -> Iterator[str]:
        yield "\ufeff"  # without it a spreadsheet reads £ and é as something else
        for row in itertools.chain((head,), rows):
            out = io.StringIO()
            csv.writer(out).writerow([_harmless(cell) for cell in row])
            yield out.getvalue()

    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


def _harmless(cell: object) -> object:
    """Keep a text that begins like a formula a text; a negative number is one, and stays a number."""
    if not isinstance(cell, str) or cell[:1] not in _FORMULA or _NUMBER.match(cell):
        return cell
    return f"'{cell}"
