"""Return: units of an order that come back, with the refund per tender shown before it is paid."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.later.order_pages import tender_word
from edge_agent.later.story import slip_shape
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, show
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.rules import state_label
from edge_agent.returns import steps
from edge_agent.returns.finding import state_word
from edge_agent.returns.rules import Plan, bucket_label
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, OrderspineError, Refused
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]

router = APIRouter(include_in_schema=False)


@router.get("/orders/{number}/return")
async def return_page(request: Request, number: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what may come back of an order."""
    return _page(request, edge, number, Form(()))


@router.post("/orders/{number}/return/preview")
async def preview(request: Request, number: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what the chosen units would give back; nothing is changed."""
    return _page(request, edge, number, await form_of(request))


@router.post("/orders/{number}/return")
async def take_back(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Take the chosen units back and pay them out."""
    form = await form_of(request)
    try:
        lines = _wanted(form)
        if not lines:
            raise Invalid(_("Nothing is chosen."), _("Say how many of a line come back."))
        plan = steps.preview(edge.database.read(), edge, number, lines)
    except (Invalid, Refused) as error:
        return _page(request, edge, number, form, error=error)
    amount = money(plan.total_minor, edge.settings.currency)
    ask = Ask(
        _("A return of {amount} needs somebody's word", amount=amount),
        _("It is more than {name} may give back alone. The choice stays as it is.", name=person.name),
        tuple(
            (tender_word(t.kind, t.last4), money(t.amount_minor, edge.settings.currency))
            for t in plan.refunds
        ),
        keep=_("Not now"),
        allow=_("Give back {amount}", amount=amount),
    )

    def step(unit: EdgeUnit, token: str | None) -> steps.Returned:
        wanted = command(steps.ReturnUnits, key=form.get("key"), lines=lines, approval=token)
        return steps.return_units(unit, edge, number, wanted, person=person)[0]

    done = await ask_in_place(request, edge, person, form, ask, step)
    if isinstance(done, Response):
        return done
    return _done(request, edge, number, done)


def _done(request: Request, edge: Edge, number: str, done: steps.Returned) -> Response:
    job = paper_rows.find_job(edge.database.read(), done.receipt_job)
    return show(
        request,
        "returns/returned.html",
        number=number,
        done=done,
        tender_word=tender_word,
        bucket_label=bucket_label,
        currency=edge.settings.currency,
        slip=(state_label(job.state), slip_shape(job.state)) if job else (_("No slip"), "calm"),
        state=state_word(done.order_state),
    )


def _page(
    request: Request, edge: Edge, number: str, form: Form, *, error: OrderspineError | None = None
) -> Response:
    connection = edge.database.read()
    found = steps.returnable(connection, number)
    chosen = {
        name: int(text) for name, text in form.under("units-").items() if text.isdecimal() and len(text) < 7
    }
    plan: Plan | None = None
    try:
        lines = _wanted(form)
        plan = steps.preview(connection, edge, found.number, lines) if lines and not found.refusal else None
    except (Invalid, Refused) as wrong:
        error = error or wrong
    return show(
        request,
        "returns/return.html",
        status_code=422 if error else 200,
        back=found,
        state=state_word(found.state),
        chosen=chosen,
        reason=form.under("reason-"),
        bucket=form.under("bucket-"),
        proposed={each.code: each.to_bucket for each in found.reasons},
        plan=plan,
        key=form.get("key") or edge.ids.new_id(),
        tender_word=tender_word,
        error=f"{error.what} {error.remedy}" if error else "",
    )


def _wanted(form: Form) -> tuple[steps.BringBack, ...]:
    reasons, buckets = form.under("reason-"), form.under("bucket-")
    lines = []
    for name, text in form.under("units-").items():
        if not name.isdecimal() or not text:
            continue
        if not text.isdecimal() or len(text) > 6:
            raise Invalid(
                _("{text} is not a number of units.", text=repr(text[:12])), _("Type digits, such as 1.")
            )
        if int(text) > 0:
            lines.append(
                command(
                    steps.BringBack,
                    line_no=int(name),
                    quantity=int(text),
                    reason=reasons.get(name, "changed_mind")[:64] or "changed_mind",
                    to_bucket=buckets.get(name, "")[:40],
                )
            )
    return tuple(lines)
