"""What is sold here: the version in force, and importing a file with a report per row."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge_agent.catalog import rows, steps
from edge_agent.context import Edge
from edge_agent.pages import file_of, form_of, show
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]
IMPORT_ADDRESS = "/store/catalog/import"

router = APIRouter(include_in_schema=False)


@router.get("/store/catalog")
async def catalog(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Show the version in force."""
    return show(request, "catalog/catalog.html", **_view(edge, person))


@router.post(IMPORT_ADDRESS)
async def import_file(request: Request, edge: AnyEdge, person: Manager) -> Response:
    """Take a CSV file over; its report says what became of every row that was not taken as it was."""
    name, content = await file_of(request, "file")
    whole = (await form_of(request)).get("whole") == "yes"
    handle, path = tempfile.mkstemp(suffix=".csv", dir=edge.settings.data_dir)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        done = await asyncio.to_thread(steps.import_csv, edge, Path(path), whole=whole, by=person.person_id)
    except (Invalid, UnicodeDecodeError) as error:
        said = (
            f"{error.what} {error.remedy}"
            if isinstance(error, Invalid)
            else _("The file is not text in UTF-8. Save it as CSV UTF-8 and send it again.")
        )
        return show(request, "catalog/catalog.html", status_code=422, **_view(edge, person, error=said))
    finally:
        os.unlink(path)
    toast = _("{file} is in force as version {version}.", file=name[:60], version=done.in_force.version)
    return show(request, "catalog/catalog.html", toast=toast, **_view(edge, person, done=done))


def _view(
    edge: Edge, person: CurrentPerson, *, done: steps.Imported | None = None, error: str = ""
) -> dict[str, Any]:
    connection = edge.database.read()
    return {
        "applied": rows.applied(connection),
        "count": rows.count_products(connection),
        "done": done,
        "error": error,
        "may_import": person.role == StoreRole.MANAGER,
    }
