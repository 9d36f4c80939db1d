"""Stored value over HTTP: what is on a number, for programs and for stores that are asked to take it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from sqlalchemy.engine import Connection

from hub.database import HubDatabase
from hub.fleet.api import EdgeDoor
from hub.stored_value import rows
from hub.web import REFUSALS, Anybody, Limit, Offset, Text, TheHub
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.orders import WireModel

router = APIRouter(prefix="/api", tags=["stored value"], responses=REFUSALS)
ValueNumber = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class ValueView(WireModel):
    """One gift card or store credit, and what is left on it in minor units."""

    number: str
    kind: str
    currency: str
    balance_minor: int


class Values(WireModel):
    """A page of them."""

    total: int
    items: tuple[ValueView, ...]


@router.get("/stored-value")
def stored_values(
    hub: TheHub, _person: Anybody, q: Text = "", limit: Limit = 50, offset: Offset = 0
) -> Values:
    """Return the numbers that moved last; `q` is how they begin."""
    with hub.database.read() as connection:
        found, total = rows.listed(connection, q.upper(), limit=limit, offset=offset)
    return Values(total=total, items=tuple(_view(row) for row in found))


@router.get("/stored-value/{number}")
def stored_value(number: ValueNumber, hub: TheHub, _person: Anybody) -> ValueView:
    """Return one number."""
    with hub.database.read() as connection:
        return told(connection, number)


def edge_questions(database: HubDatabase) -> APIRouter:
    """Return the route by which a store asks what may be taken from a number."""
    edge_router = APIRouter(prefix="/edge", include_in_schema=False)
    Edge = Annotated[str, Depends(EdgeDoor(database))]  # noqa: N806 - a type for the route below

    @edge_router.get("/stored-value/{number}")
    def ask(number: ValueNumber, _edge: Edge) -> ValueView:
        with database.read() as connection:
            return told(connection, number)

    return edge_router


def told(connection: Connection, number: str) -> ValueView:
    """Return what is on a number.

    Raises:
        NotFound: `unknown_value`, no store has told of it yet.
    """
    found = rows.find(connection, number.upper())
    if found is None:
        raise NotFound(
            _("There is no gift card or store credit {number}.", number=number[:40]),
            _("A store that is cut off may have given it; ask there."),
            code="unknown_value",
        )
    return _view(found)


def _view(row: rows.ValueRow) -> ValueView:
    return ValueView(number=row.number, kind=row.kind, currency=row.currency, balance_minor=row.balance_minor)
