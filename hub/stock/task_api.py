"""Counts and deliveries of all locations over HTTP."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from hub.stock import task_reads, tasks
from hub.stock.task_reads import CountRow, DeliveryRow
from hub.stock.tasks import CountsAsked, CountsWanted, DeliveriesTold, DeliveriesWanted, Reason, TaskEnded
from hub.web import REFUSALS, Anybody, Ops, TheHub

router = APIRouter(prefix="/api", tags=["counts and deliveries"], responses=REFUSALS)
Id = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
Plan = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]


@router.get("/counts")
def counts(hub: TheHub, _person: Anybody, closed: bool = False, plan: Plan = "") -> list[CountRow]:
    """List counts of all locations with their progress and differences, the newest first."""
    with hub.database.read() as connection:
        return task_reads.counts(connection, is_open=not closed, plan_id=plan)


@router.post("/counts", status_code=201, responses={200: {"model": CountsAsked}}, response_model=CountsAsked)
def ask(hub: TheHub, person: Ops, wanted: CountsWanted) -> JSONResponse:
    """Ask locations to count; each gets a count of its own."""
    done, fresh = hub.database.write(lambda unit: tasks.ask(unit, hub, wanted, by=person.name))
    return JSONResponse(done.model_dump(), status_code=201 if fresh else 200)


@router.get("/counts/{count_id}")
def count(hub: TheHub, _person: Anybody, count_id: Id) -> dict[str, Any]:
    """Return a count with its items, the largest differences first."""
    with hub.database.read() as connection:
        row, lines = task_reads.one_count(connection, count_id)
    return asdict(row) | {"lines": [asdict(line) for line in lines]}


@router.post("/counts/{count_id}/cancel")
def cancel_count(hub: TheHub, person: Ops, count_id: Id, wanted: Reason) -> TaskEnded:
    """Take a count back: for certain if it never left, else the location is asked."""
    return hub.database.write(
        lambda unit: tasks.cancel_count(unit, hub, count_id, wanted.reason, by=person.name)
    )


@router.get("/deliveries")
def deliveries(hub: TheHub, _person: Anybody, closed: bool = False) -> list[DeliveryRow]:
    """List what suppliers bring to all locations; with `closed` what is over."""
    with hub.database.read() as connection:
        return task_reads.delivered(connection, is_open=not closed)


@router.post(
    "/deliveries", status_code=201, responses={200: {"model": DeliveriesTold}}, response_model=DeliveriesTold
)
def announce(hub: TheHub, person: Ops, wanted: DeliveriesWanted) -> JSONResponse:
    """Tell locations what a CSV file lists; the answer says row by row what was left out."""
    done, fresh = hub.database.write(lambda unit: tasks.announce(unit, hub, wanted, by=person.name))
    return JSONResponse(done.model_dump(), status_code=201 if fresh else 200)


@router.get("/deliveries/{delivery_id}")
def delivery(hub: TheHub, _person: Anybody, delivery_id: Id) -> dict[str, Any]:
    """Return a delivery with its items."""
    with hub.database.read() as connection:
        row, lines = task_reads.one_delivery(connection, delivery_id)
    return asdict(row) | {"lines": [asdict(line) for line in lines]}


@router.post("/deliveries/{delivery_id}/cancel")
def cancel_delivery(hub: TheHub, person: Ops, delivery_id: Id, wanted: Reason) -> TaskEnded:
    """Tell a location that a supplier will not come."""
    return hub.database.write(
        lambda unit: tasks.cancel_delivery(unit, hub, delivery_id, wanted.reason, by=person.name)
    )
