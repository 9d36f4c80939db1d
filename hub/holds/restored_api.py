"""Orders that wait since a restore, over HTTP: which, for whom, and letting those go on that were shown."""

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool

from hub.capture.steps import By
from hub.holds import restored_steps as steps
from hub.holds.restored_steps import LetGo, LetGoWanted, WaitingPage
from hub.once import Key
from hub.web import REFUSALS, Anybody, Ops, TheHub

router = APIRouter(prefix="/api/holds/restored", tags=["holds"], responses=REFUSALS)
IdempotencyKey = Annotated[Key | None, Header(alias="Idempotency-Key")]


@router.get("")
def listed(hub: TheHub, _person: Anybody) -> WaitingPage:
    """List the orders that wait since the hub was restored, and the locations they wait for."""
    with hub.database.read() as connection:
        return steps.waiting(connection)


@router.post("/release")
async def release(hub: TheHub, person: Ops, wanted: LetGoWanted, key: IdempotencyKey = None) -> LetGo:
    """Let orders go on that were listed, although a silent location may have them: they may go out twice."""
    return await run_in_threadpool(steps.let_go, hub, wanted, person.role, By(person.name, key or ""))
