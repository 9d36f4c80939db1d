"""Something comes back without a receipt: scan it, see what it is worth and what the policy says."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, show
from edge_agent.returns import no_receipt, rules, steps
from edge_agent.returns.pages import outcome_face, show_done
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, NotFound, OrderspineError, Refused
from protocol.kit.return_words import condition_word, says
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.signin import CurrentPerson
from protocol.returns import Condition, Outcome

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
PATH = "/returns/no-receipt"

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def page(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Show the empty form."""
    return _page(request, edge, Form(()), person)


@router.post("/returns/no-receipt/preview")
async def preview(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Show what an article is worth without proof, and what the policy says; nothing is changed."""
    return _page(request, edge, await form_of(request), person)


@router.post(PATH)
async def take_back(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take it back for store credit."""
    form = await form_of(request)
    try:
        wanted = _wanted(form, edge)
        found = no_receipt.look(edge.database.read(), edge, wanted, person=person)

        def step(unit: EdgeUnit, token: str | None) -> steps.Returned:
            said = wanted.model_dump() | {"key": form.get("key"), "approval": token}
            asked = command(no_receipt.ReturnUnknown, **said)
            return no_receipt.take_back(unit, edge, asked, person=person)[0]

        judged = found.judged
        amount = money(found.plan.total_minor, edge.settings.currency)
        ask = Ask(
            _("A return of {amount} needs somebody's word", amount=amount),
            " ".join(says(judged.by_line[1], edge.settings.currency)),
            keep=_("Not now"),
            allow=_("Give back {amount}", amount=amount),
            why="" if judged.outcome is Outcome.AUTHORIZE else _("Why is it allowed?"),
        )
        done = await ask_in_place(request, edge, person, form, ask, step)
    except (Invalid, NotFound, Refused) as error:
        return _page(request, edge, form, person, error=error)
    if isinstance(done, Response):
        return done
    return show_done(request, edge, done.number, done, elsewhere=True)


def _wanted(form: Form, edge: Edge) -> no_receipt.BringUnknown:
    code = form.get("code")[:120]
    connection = edge.database.read()
    product = edge.products.scan(connection, code) or edge.products.find(connection, code)
    return command(
        no_receipt.BringUnknown,
        sku=product.sku if product else code or "-",
        quantity=form.whole("units", 1),
        reason=form.get("reason") or "changed_mind",
        condition=form.get("condition") or Condition.NEW.value,
        to_bucket=form.get("bucket"),
        customer_id=form.get("customer")[:64],
        id_checked=bool(form.get("id_checked")),
    )


def _page(
    request: Request, edge: Edge, form: Form, person: CurrentPerson, *, error: OrderspineError | None = None
) -> Response:
    found: no_receipt.Unknown | None = None
    try:
        if form.get("code"):
            wanted = _wanted(form, edge)
            found = no_receipt.look(edge.database.read(), edge, wanted, person=person)
    except (Invalid, NotFound, Refused) as wrong:
        error = error or wrong
    judged = found.judged if found else None
    return show(
        request,
        "returns/no_receipt.html",
        status_code=422 if error else 200,
        form=form,
        found=found,
        outcome=outcome_face(judged.outcome) if judged else None,
        said=says(judged.by_line[1], edge.settings.currency) if judged else (),
        denied=judged is not None and judged.outcome is Outcome.DENY,
        reasons=rules.reasons(),
        conditions=[(each.value, condition_word(each)) for each in Condition],
        buckets=[(each.value, rules.bucket_label(each.value)) for each in rules.RETURN_BUCKETS[:3]],
        key=form.get("key") or edge.ids.new_id(),
        currency=edge.settings.currency,
        error=f"{error.what} {error.remedy}" if error else "",
    )
