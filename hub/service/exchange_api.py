"""Exchanges by customer service, and returns without proof, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from hub.database import HubUnit
from hub.people.vouching import vouched
from hub.returns import no_receipt
from hub.returns.mail_in import MailInAnswer
from hub.returns.no_receipt import UnprovenWanted
from hub.service.exchange import Exchanged, ExchangeWanted, exchange_goods
from hub.web import REFUSALS, Number, Ops, TheHub
from protocol.people import HubRole

router = APIRouter(prefix="/api", tags=["returns"], responses=REFUSALS)
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")
]


@router.post(
    "/orders/{number}/exchange",
    status_code=201,
    responses={200: {"model": Exchanged, "description": "Known already"}},
)
def exchange(  # noqa: PLR0917 - FastAPI names what a route needs in its signature
    hub: TheHub,
    person: Ops,
    number: Number,
    wanted: ExchangeWanted,
    response: Response,
    key: IdempotencyKey = None,
) -> Exchanged:
    """Let units of an order be sent back, and place another order that they pay for."""
    agreed = vouched(hub, wanted.approval, person, HubRole.OPS)
    said = wanted.model_copy(update={"key": key or wanted.key})

    def step(unit: HubUnit) -> tuple[Exchanged, bool]:
        return exchange_goods(unit, hub, number, said, by=person.name, agreed=agreed)

    done, new = hub.database.write(step)
    response.status_code = 201 if new else 200
    return done


@router.post(
    "/returns/no-receipt",
    status_code=201,
    responses={200: {"model": MailInAnswer, "description": "Known already"}},
)
def without_proof(
    hub: TheHub, person: Ops, wanted: UnprovenWanted, response: Response, key: IdempotencyKey = None
) -> MailInAnswer:
    """Let goods be sent back that nobody can show were bought here, for store credit."""
    agreed = vouched(hub, wanted.approval, person, HubRole.OPS)
    said = wanted.model_copy(update={"key": key or wanted.key})

    def step(unit: HubUnit) -> tuple[MailInAnswer, bool]:
        return no_receipt.announce(unit, hub, said, by=person.name, agreed=agreed)

    done, new = hub.database.write(step)
    response.status_code = 201 if new else 200
    return done
