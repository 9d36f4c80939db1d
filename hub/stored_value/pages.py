"""Stored value on the screen: what is owed, and the story of one number."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from hub.console.web import PAGE_ROWS, pages_of, place_names, show
from hub.stored_value import rows
from hub.stored_value.api import ValueNumber
from hub.web import Anybody, Text, TheHub
from protocol.errors import NotFound
from protocol.kit.text import _

router = APIRouter(include_in_schema=False)


@router.get("/stored-value")
def values(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    q: Text = "",
    page: Annotated[int, Query(ge=1, le=20_000)] = 1,
) -> Response:
    """List numbers, those that moved last first, under what is owed in all."""
    with hub.database.read() as connection:
        found, total = rows.listed(
            connection, q.strip().upper(), limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS
        )
        owed = rows.owed(connection)
        names = place_names(connection)
    return show(
        request,
        "stored_value/list.html",
        rows=found,
        total=total,
        owed=owed,
        names=names,
        q=q,
        page=page,
        pages=pages_of(total),
    )


@router.get("/stored-value/{number}")
def value(request: Request, number: ValueNumber, hub: TheHub, _person: Anybody) -> Response:
    """Show one number and what happened to it."""
    with hub.database.read() as connection:
        found = rows.find(connection, number.upper())
        if found is None:
            raise NotFound(
                _("There is no gift card or store credit {number}.", number=number[:40]),
                _("Look for it by how it begins."),
                code="unknown_value",
            )
        moves = rows.moves_of(connection, found.number)
        names = place_names(connection)
    return show(request, "stored_value/one.html", value=found, moves=moves, names=names)
