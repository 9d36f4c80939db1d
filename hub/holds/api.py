"""Holds over HTTP: what stops which orders, putting one on hold, letting it go on, rejecting it.

Every command may carry a key (header `Idempotency-Key`), as those of `hub.capture.api`.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from hub.capture.reads import order_id_of
from hub.capture.steps import By
from hub.capture.wanted import Reason
from hub.holds import rows, steps
from hub.holds.placing import GOODS, Stop
from hub.holds.rows import HoldRow
from hub.holds.steps import Decided, Decision
from hub.once import Key
from hub.web import REFUSALS, Anybody, Limit, Number, Offset, Ops, TheHub, Wanted
from protocol.clock import to_us
from protocol.holds import Blocked, HoldKind, OnExpiry
from protocol.kit.moments import Dated
from protocol.orders import WireModel
from protocol.people import HubRole

router = APIRouter(prefix="/api", tags=["holds"], responses=REFUSALS)
IdempotencyKey = Annotated[Key | None, Header(alias="Idempotency-Key")]
HoldId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
Note = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]


class HoldWanted(Wanted):
    """Put an order on hold."""

    reason: Reason
    blocks: Annotated[tuple[Blocked, ...], Field(min_length=1, max_length=len(Blocked))] = GOODS
    may: Annotated[tuple[HubRole, ...], Field(min_length=1, max_length=3)] = (HubRole.OPS,)
    """Who may release or reject it; an admin may always."""
    until: Dated | None = None
    then: OnExpiry = OnExpiry.KEEP

    @property
    def stop(self) -> Stop:
        """What is wanted, as a stop."""
        return Stop(
            HoldKind.MANUAL,
            self.reason,
            blocks=tuple(dict.fromkeys(self.blocks)),
            may=tuple(dict.fromkeys(role.value for role in self.may)),
            until_us=to_us(self.until) if self.until else 0,
            then=self.then,
        )


class ReleaseWanted(Wanted):
    """Let an order go on."""

    note: Note = ""


class RejectWanted(Wanted):
    """Refuse an order for good; the reason stands on the record, and the stores read it."""

    reason: Reason


class HoldView(WireModel):
    """A hold with what became of it."""

    hold_id: str
    order_id: str
    number: str
    kind: HoldKind
    code: str
    reason: str
    blocks: tuple[Blocked, ...]
    may: tuple[str, ...]
    until_us: int
    then: OnExpiry
    state: str
    rule: str
    facts: dict[str, Any]
    location: str
    placed_us: int
    placed_by: str
    ended_us: int | None
    ended_by: str
    note: str


class HoldPage(WireModel):
    """A page of holds, and how many there are."""

    total: int
    holds: tuple[HoldView, ...]


def view(row: HoldRow) -> HoldView:
    """Return a hold as it is shown."""
    return HoldView(
        **row.hold.model_dump(exclude={"state"}),
        state=row.hold.state.value,
        rule=row.rule,
        facts=row.facts,
        location=row.location,
        placed_us=row.placed_us,
        placed_by=row.placed_by,
        ended_us=row.ended_us,
        ended_by=row.ended_by,
        note=row.note,
    )


@router.get("/holds")
def listed(
    hub: TheHub,
    _person: Anybody,
    *,
    state: Literal["open", "ended"] = "open",
    kind: HoldKind | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> HoldPage:
    """List what stops orders, the oldest first; what has ended, the newest first."""
    with hub.database.read() as connection:
        found, total = rows.listed(
            connection, state=state, kind=kind.value if kind else "", limit=limit, offset=offset
        )
    return HoldPage(total=total, holds=tuple(view(row) for row in found))


@router.get("/orders/{number}/holds")
def of_order(hub: TheHub, _person: Anybody, number: Number) -> tuple[HoldView, ...]:
    """List the holds of one order, the oldest first."""
    with hub.database.read() as connection:
        found = rows.of_order(connection, order_id_of(connection, number))
    return tuple(view(row) for row in found)


@router.post("/orders/{number}/holds", status_code=201)
async def put_on_hold(
    hub: TheHub, person: Ops, number: Number, wanted: HoldWanted, key: IdempotencyKey = None
) -> Decided:
    """Put an order on hold: what is blocked is refused from now on, at every location that works on it."""
    by = By(person.name, key or "")
    return await run_in_threadpool(steps.put_on_hold, hub, number, wanted.stop, wanted, by)


@router.post("/holds/{hold_id}/release")
async def release(
    hub: TheHub, person: Anybody, hold_id: HoldId, wanted: ReleaseWanted, key: IdempotencyKey = None
) -> Decided:
    """Let an order go on as far as this hold is concerned."""
    decision = Decision(hold_id, wanted.note, person.role, By(person.name, key or ""))
    return await run_in_threadpool(steps.release, hub, decision, wanted)


@router.post("/holds/{hold_id}/reject")
async def reject(
    hub: TheHub, person: Anybody, hold_id: HoldId, wanted: RejectWanted, key: IdempotencyKey = None
) -> Decided:
    """Refuse an order for good: the rest of it is cancelled, and what was paid goes back."""
    decision = Decision(hold_id, wanted.reason, person.role, By(person.name, key or ""))
    return await run_in_threadpool(steps.reject, hub, decision, wanted)
