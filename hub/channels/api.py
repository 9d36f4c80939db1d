"""Endpoints of channels over HTTP. A secret is in the answer that made it, and in no other."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from hub.channels import steps
from hub.channels.steps import BufferWanted, EndpointRead, EndpointWanted, Made
from hub.web import REFUSALS, Admin, Ops, TheHub

router = APIRouter(prefix="/api/channels", tags=["channels"], responses=REFUSALS)
EndpointId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


class TestedView(BaseModel):
    """What the channel said to a test."""

    ok: bool
    detail: str


@router.get("/endpoints")
def endpoints(hub: TheHub, _person: Ops) -> list[EndpointRead]:
    """List the endpoints."""
    with hub.database.read() as connection:
        return steps.listed(hub, connection)


@router.post("/endpoints", status_code=201)
def add(hub: TheHub, person: Admin, wanted: EndpointWanted) -> Made:
    """Add an endpoint; the answer is the only one that tells its secret."""
    return steps.add(hub, wanted, by=person.name)


@router.patch("/endpoints/{endpoint_id}")
def keep_from(hub: TheHub, person: Admin, endpoint_id: EndpointId, wanted: BufferWanted) -> EndpointRead:
    """Keep another number of units of every item from a channel; it is told at once."""
    return steps.keep_from(hub, endpoint_id, wanted.buffer, by=person.name)


@router.post("/endpoints/{endpoint_id}/rotate")
def rotate(hub: TheHub, _person: Admin, endpoint_id: EndpointId) -> Made:
    """Give an endpoint another secret; for a day both sign."""
    return steps.rotate(hub, endpoint_id)


@router.post("/endpoints/{endpoint_id}/test")
def test(hub: TheHub, _person: Ops, endpoint_id: EndpointId) -> TestedView:
    """Send one signed request with no item in it, and say what came back."""
    answer = steps.test(hub, endpoint_id)
    return TestedView(ok=answer.ok, detail=answer.detail)


@router.post("/endpoints/{endpoint_id}/start", status_code=204)
def start(hub: TheHub, _person: Ops, endpoint_id: EndpointId) -> None:
    """Tell an endpoint again, beginning with everything that has changed meanwhile."""
    steps.switch(hub, endpoint_id, on=True)


@router.post("/endpoints/{endpoint_id}/stop", status_code=204)
def stop(hub: TheHub, _person: Ops, endpoint_id: EndpointId) -> None:
    """Tell an endpoint nothing until it is started again."""
    steps.switch(hub, endpoint_id, on=False)


@router.delete("/endpoints/{endpoint_id}", status_code=204)
def remove(hub: TheHub, _person: Admin, endpoint_id: EndpointId) -> None:
    """Forget an endpoint."""
    steps.remove(hub, endpoint_id)
