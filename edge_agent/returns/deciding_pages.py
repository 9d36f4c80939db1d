"""Goods that wait for a decision: scan one, see what is proposed, decide."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, go_to, show
from edge_agent.paper import steps as paper_steps
from edge_agent.paper.leads import place_of
from edge_agent.returns import deciding
from edge_agent.stock.pages import bucket_word
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, NotFound, OrderspineError, Refused
from protocol.kit.disposition_words import disposition_says, disposition_word
from protocol.kit.return_words import condition_word, reason_words
from protocol.kit.text import _
from protocol.kit.web.filters import qty
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
PATH = "/stock/decide"

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def page(
    request: Request, edge: AnyEdge, _person: Anybody, sku: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Show what waits for a decision; with `sku` one article of it."""
    return _page(request, edge, Form((("sku", sku),)))


@router.post("/stock/decide/scan")
async def scan(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Show the article that was scanned, also by the sticker on it."""
    form = await form_of(request)
    code = form.get("code")[:120]
    connection = edge.database.read()
    place = place_of(connection, edge, code)
    if place:
        await edge.database.awrite(lambda unit: paper_steps.slip_seen(unit, edge, code, person=person))
        return go_to(request, place)
    product = edge.products.scan(connection, code) or edge.products.find(connection, code)
    if product is None:
        error = NotFound(
            _("No article has the code {code}.", code=code[:40]), _("Scan it again, or type its number.")
        )
        return _page(request, edge, Form(()), error=error)
    return go_to(request, f"{PATH}?sku={product.sku}")


@router.post(PATH)
async def decide(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Decide what becomes of some units."""
    form = await form_of(request)
    try:
        wanted = _wanted(form, edge)

        def step(unit: EdgeUnit, token: str | None) -> deciding.Decided:
            agreed = wanted.model_copy(update={"approval": token})
            return deciding.decide_goods(unit, edge, agreed, person=person)[0]

        ask = Ask(
            _("{choice} needs somebody's word", choice=disposition_word(wanted.lines[0].disposition)),
            disposition_says(wanted.lines[0].disposition),
            keep=_("Not now"),
        )
        done = await ask_in_place(request, edge, person, form, ask, step)
    except (Invalid, NotFound, Refused) as error:
        return _page(request, edge, form, error=error)
    if isinstance(done, Response):
        return done
    said = _("{number}: 1 unit decided.", number=done.number)
    if done.units != 1:
        said = _("{number}: {n} units decided.", number=done.number, n=qty(done.units))
    return _page(request, edge, Form(()), toast=said)


def _wanted(form: Form, edge: Edge) -> deciding.DecideGoods:
    currency = edge.settings.currency
    amounts: dict[str, Any] = {
        f"{name}_minor": form.minor(name, currency)
        for name in ("worth", "bill", "proceeds")
        if form.get(name)
    }
    line = command(
        deciding.DecideLine,
        sku=form.get("sku"),
        quantity=form.whole("units", 1),
        from_bucket=form.get("bucket"),
        disposition=form.get("disposition"),
        **amounts,
    )
    if line.disposition == "liquidate" and line.worth_minor is None:
        raise Invalid(
            _("What does it still bring?"), _("Type what all of these units are worth from now on.")
        )
    return command(deciding.DecideGoods, key=form.get("key"), lines=(line,), note=form.get("note")[:300])


def _page(
    request: Request, edge: Edge, form: Form, *, toast: str = "", error: OrderspineError | None = None
) -> Response:
    connection = edge.database.read()
    reasons = reason_words()
    return show(
        request,
        "returns/deciding.html",
        toast=toast,
        status_code=422 if error else 200,
        waiting=deciding.waiting(connection, edge, form.get("sku")),
        sku=form.get("sku"),
        form=form,
        key=edge.ids.new_id(),
        currency=edge.settings.currency,
        bucket_word=bucket_word,
        word=disposition_word,
        says=disposition_says,
        looks=lambda condition: condition_word(condition) if condition else "",
        why=lambda reason: reasons.get(reason, reason),
        error=f"{error.what} {error.remedy}" if error else "",
    )
