"""Saying over HTTP that a refund was made at a payment service."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from hub.payments import steps
from hub.web import REFUSALS, TheHub, Wanted, allow
from protocol.kit.web.signin import CurrentPerson
from protocol.people import HubRole

router = APIRouter(prefix="/api/orders", tags=["payments"], responses=REFUSALS)
OpsOrFinance = Annotated[CurrentPerson, Depends(allow(HubRole.OPS, HubRole.FINANCE))]
Number = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


class RefundDone(Wanted):
    """Which refund was made, under which reference of the payment service."""

    reference: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
    command_id: str = Field(default="", max_length=64, pattern=r"^[^\x00]*$")
    """Needed only where several refunds of the order wait."""


class RefundRecorded(BaseModel):
    """The command that is settled now."""

    command_id: str


@router.post("/{number}/refund-done")
def refund_done(hub: TheHub, person: OpsOrFinance, number: Number, wanted: RefundDone) -> RefundRecorded:
    """Record a refund that a person made at the payment service."""
    settled = steps.confirm(
        hub, number, reference=wanted.reference, command_id=wanted.command_id, by=person.name
    )
    return RefundRecorded(command_id=settled)
