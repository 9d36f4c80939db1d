"""Returns as stores decided them, newest first."""

import json
from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.responses import Response

from hub.console.return_words import doubt_word
from hub.console.web import PAGE_ROWS, pages_of, place_names, show
from hub.returns.policy_pages import outcome_face
from hub.returns.rows import return_decisions
from hub.web import Anybody, TheHub

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class DecidedRow:
    """One return of the list."""

    number: str
    order_number: str
    location: str
    at_us: int
    currency: str
    total_minor: int
    outcome: str
    overridden_by: str
    doubts: tuple[str, ...]


@router.get("/returns")
def returns(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    page: Annotated[int, Query(ge=1, le=20_000)] = 1,
    doubtful: Annotated[str, Query(pattern=r"^(yes)?$")] = "",
) -> Response:
    """List returns; with `doubtful` those that the hub would not have allowed."""
    with hub.database.read() as connection:
        rows, total = listed(connection, doubtful=bool(doubtful), offset=(page - 1) * PAGE_ROWS)
        names = place_names(connection)
    return show(
        request,
        "returns/list.html",
        rows=rows,
        total=total,
        names=names,
        page=page,
        pages=pages_of(total),
        doubtful=doubtful,
        outcome=outcome_face,
        doubt_word=doubt_word,
    )


def listed(connection: Connection, *, doubtful: bool, offset: int) -> tuple[list[DecidedRow], int]:
    """Return a page of decisions and how many there are."""
    table = return_decisions.c
    where = table.doubts != "[]" if doubtful else sa.true()
    total = connection.execute(
        sa.select(sa.func.count()).select_from(return_decisions).where(where)
    ).scalar_one()
    found = connection.execute(
        sa.select(
            table.number,
            table.order_number,
            table.location,
            table.at_us,
            table.currency,
            table.total_minor,
            table.outcome,
            table.overridden_by,
            table.doubts,
        )
        .where(where)
        .order_by(table.at_us.desc(), table.return_id)
        .limit(PAGE_ROWS)
        .offset(offset)
    )
    return [DecidedRow(*row[:-1], tuple(json.loads(row.doubts))) for row in found], int(total)
