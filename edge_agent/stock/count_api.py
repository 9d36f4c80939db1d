"""Counts and adjustments over HTTP."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query

from edge_agent.context import Edge
from edge_agent.stock import adjusting, count_posting, count_views, counting
from edge_agent.stock.adjusting import Adjusted, AdjustmentView, AdjustStock
from edge_agent.stock.count_models import (
    ConfirmCount,
    CountConfirmedView,
    CountScanned,
    CountView,
    Ended,
    OpenCount,
    Opened,
    PostCount,
    Posted,
    PrintSlip,
    RecountItems,
    Revoke,
    ScanCount,
    TaskView,
    UndoCountScan,
)
from edge_agent.verbs import Verb, add_verbs
from edge_agent.web import REFUSALS, edge_of, signed_in
from protocol.kit.web.signin import CurrentPerson
from protocol.people import StoreRole, at_least

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
CountId = Annotated[str, Path(min_length=1, max_length=64)]
router = APIRouter(prefix="/api/stock", tags=["counts"], responses=REFUSALS)


def sees_books(person: CurrentPerson) -> bool:
    """Tell whether somebody may see differences before they are posted: whoever posts them."""
    return at_least(StoreRole(person.role), StoreRole.MANAGER)


@router.get("/counts")
async def counts(
    edge: AnyEdge,
    _person: Anybody,
    closed: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[TaskView]:
    """List the counts to make, oldest first; with `closed` those that are over, newest first."""
    return count_views.listed(edge.database.read(), edge, is_open=not closed, limit=limit)


@router.get("/counts/{count_id}")
async def count(count_id: CountId, edge: AnyEdge, person: Anybody) -> CountView:
    """Return a count with its rows; the books are shown to those who post."""
    return count_views.view(
        edge.database.read(), edge, count_id, device=person.device, sees_books=sees_books(person)
    )


@router.get("/adjustments")
async def adjustments(
    edge: AnyEdge,
    _person: Anybody,
    sku: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[AdjustmentView]:
    """List the last corrections, the newest first."""
    return adjusting.listed(edge.database.read(), limit, sku)


_COUNT = "/counts/{count_id}"
VERBS: Final = (
    Verb("/counts", OpenCount, Opened, counting.open_count,
         "Open a count; it needs a lead, or a lead's word."),
    Verb(f"{_COUNT}/scan", ScanCount, CountScanned, counting.scan,
         "Count what was scanned; what is wrong with it is an answer, not a refusal.", status=200),
    Verb(f"{_COUNT}/undo", UndoCountScan, CountScanned, counting.undo, "Take a scan of this device back.",
         status=200),
    Verb(f"{_COUNT}/confirm", ConfirmCount, CountConfirmedView, count_posting.confirm,
         "Say that items are counted; they are compared with the books of this moment."),
    Verb(f"{_COUNT}/recount", RecountItems, Opened, counting.recount, "Begin another pass over items."),
    Verb(f"{_COUNT}/post", PostCount, Posted, count_posting.post,
         "Write the differences; it needs a manager, or a manager's word."),
    Verb(f"{_COUNT}/reverse", Revoke, Posted, count_posting.reverse,
         "Take a posted count back; it needs a manager, or a manager's word."),
    Verb(f"{_COUNT}/cancel", Revoke, Ended, count_posting.cancel,
         "Give a count up; it needs a lead, or a lead's word."),
    Verb(f"{_COUNT}/sheet", PrintSlip, Ended, count_posting.print_sheet, "Print the sheet of a count."),
    Verb("/adjustments", AdjustStock, Adjusted, adjusting.adjust,
         "Correct stock for a named reason; the reason says whose word it needs."),
    Verb("/adjustments/{adjustment_id}/undo", Revoke, Adjusted, adjusting.undo,
         "Take a correction back by one that goes the other way; it needs a manager, or a manager's word."),
)  # fmt: skip
"""What can be done."""
add_verbs(router, VERBS)
