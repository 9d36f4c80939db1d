"""Returns and voids over HTTP."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.returns import exchange, no_receipt, steps
from edge_agent.returns.elsewhere import ask_hub, ask_of_receipt
from edge_agent.web import REFUSALS, answered, edge_of, signed_in
from protocol.kit.return_words import says
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import LINES_PER_ORDER, ReturnLine, Tender
from protocol.receipts import TEXT_LIMIT
from protocol.returns import ReturnDecision, ReturnFee

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
NumberPath = Annotated[str, Path(max_length=64)]

router = APIRouter(prefix="/api/orders", tags=["returns"], responses=REFUSALS)
unproven = APIRouter(prefix="/api/returns", tags=["returns"], responses=REFUSALS)


class ReturnableLineAnswer(BaseModel):
    """A line and what may still come back of it."""

    line_no: int
    sku: str
    name: str
    kind: str
    quantity: int
    returned: int
    left: int
    gross_minor: int
    refunded_minor: int
    refund_all_minor: int
    last_day: date | None = None


class TenderAnswer(BaseModel):
    """A tender of the sale and what has not gone back to it."""

    n: int
    kind: str
    amount_minor: int
    left_minor: int
    reference: str
    last4: str


class PastReturn(BaseModel):
    """Something of the order that came back earlier."""

    return_id: str
    number: str
    order_id: str
    seq: int
    at_us: int
    session_id: str
    kind: str
    total_minor: int
    tax_minor: int
    by: str


class ReasonAnswer(BaseModel):
    """Why something comes back, and the bucket that is proposed for it."""

    code: str
    label: str
    to_bucket: str


class ReturnableAnswer(BaseModel):
    """All that a return screen shows. `refusal` is empty when something may come back."""

    order_id: str
    number: str
    state: str
    sold_us: int
    business_date: str
    till: str
    currency: str
    total_minor: int
    refunded_minor: int
    lines: list[ReturnableLineAnswer]
    tenders: list[TenderAnswer]
    returns: list[PastReturn]
    reasons: list[ReasonAnswer]
    buckets: list[tuple[str, str]]
    refusal: str
    may_void: bool
    why_no_void: str
    signed: bool = False


class PreviewWanted(BaseModel):
    """Units that might come back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: tuple[steps.BringBack, ...] = Field(min_length=1, max_length=LINES_PER_ORDER)
    terms: steps.Terms = steps.Terms()


class PreviewAnswer(BaseModel):
    """What a return would give back, and what the policy says of it; nothing was changed."""

    decision: ReturnDecision
    says: tuple[str, ...]
    fees: tuple[ReturnFee, ...]

    lines: tuple[ReturnLine, ...]
    refunds: tuple[Tender, ...]
    total_minor: int
    tax_minor: int
    cash_minor: int


@router.get("/{number}/returnable")
async def returnable(
    request: Request, number: NumberPath, edge: AnyEdge, _person: Anybody
) -> ReturnableAnswer:
    """Say what may come back of an order; of one that was sold elsewhere the hub is asked."""
    await ask_hub(request, edge, number)
    found: dict[str, Any] = asdict(steps.returnable(edge.database.read(), edge, number))
    return ReturnableAnswer.model_validate(found)


@router.post("/{number}/returns/preview")
async def preview(
    request: Request, number: NumberPath, wanted: PreviewWanted, edge: AnyEdge, person: Anybody
) -> PreviewAnswer:
    """Say to the penny what a return would give back, and to which tender."""
    await ask_hub(request, edge, number)
    found = steps.preview(edge.database.read(), edge, number, wanted.lines, wanted.terms, person=person)
    plan = found.plan
    said = [line for each in found.judged.by_line.values() for line in says(each, edge.settings.currency)]
    return PreviewAnswer(
        decision=found.judged.record,
        says=tuple(dict.fromkeys(said)),
        fees=plan.fees,
        lines=plan.lines,
        refunds=plan.refunds,
        total_minor=plan.total_minor,
        tax_minor=plan.tax_minor,
        cash_minor=plan.cash_minor,
    )


@router.post("/{number}/returns", status_code=201)
async def return_units(
    request: Request, number: NumberPath, wanted: steps.ReturnUnits, edge: AnyEdge, person: Anybody
) -> steps.Returned:
    """Take units back and pay them out; the same key again answers 200."""
    await ask_hub(request, edge, number)
    done, new = await edge.database.awrite(
        lambda unit: steps.return_units(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written


@router.post("/{number}/exchanges", status_code=201)
async def exchange_units(
    request: Request, number: NumberPath, wanted: exchange.ExchangeUnits, edge: AnyEdge, person: Anybody
) -> exchange.Exchanged:
    """Take units back and sell a basket for them; the same key again answers 200."""
    await ask_hub(request, edge, number)
    done, new = await edge.database.awrite(
        lambda unit: exchange.exchange_units(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written


class ReceiptScanned(BaseModel):
    """The signed code of a receipt, as it was scanned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1, max_length=TEXT_LIMIT)


@unproven.post("/receipt")
async def read_receipt(
    request: Request, wanted: ReceiptScanned, edge: AnyEdge, _person: Anybody
) -> ReturnableAnswer:
    """Verify a signed receipt and say what may come back on it, also of a sale that was made elsewhere."""
    number = await ask_of_receipt(request, edge, wanted.code)
    found: dict[str, Any] = asdict(steps.returnable(edge.database.read(), edge, number))
    return ReturnableAnswer.model_validate(found)


@unproven.post("/no-receipt", status_code=201)
async def return_without_proof(
    wanted: no_receipt.ReturnUnknown, edge: AnyEdge, person: Anybody
) -> steps.Returned:
    """Take units of an article back without proof, for store credit; the same key again answers 200."""
    done, new = await edge.database.awrite(
        lambda unit: no_receipt.take_back(unit, edge, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written


@router.post("/{number}/goodwill", status_code=201)
async def give_goodwill(
    request: Request, number: NumberPath, wanted: steps.GiveGoodwill, edge: AnyEdge, person: Anybody
) -> steps.Returned:
    """Give money of a line back while the goods stay; the same key again answers 200."""
    await ask_hub(request, edge, number)
    done, new = await edge.database.awrite(
        lambda unit: steps.give_goodwill(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written


@router.post("/{number}/void", status_code=201)
async def void_order(
    number: NumberPath, wanted: steps.VoidOrder, edge: AnyEdge, person: Anybody
) -> steps.Returned:
    """Take a whole sale back on its own day; the same key again answers 200."""
    done, new = await edge.database.awrite(
        lambda unit: steps.void_order(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written
