"""Pay for a basket: the tenders of a sale.

Nothing is recorded before the last tender: then the whole sale is one step, under one key, and the next sale
has the screen at once while the receipt prints.
"""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.counter import rows
from edge_agent.counter.steps import basket as steps
from edge_agent.counter.steps.basket import BasketView, PaidBasket
from edge_agent.counter.tendering import (
    TENDERS_LIMIT,
    WAYS,
    Bill,
    Taken,
    covers,
    next_tender,
    pay_page,
    read_taken,
    taken_in,
)
from edge_agent.counter.views import till_of
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, go_to
from edge_agent.paper.steps import slip_seen
from edge_agent.stored_value import rows as value_rows
from edge_agent.stored_value import steps as value
from edge_agent.stored_value.asking import ask_hub
from edge_agent.stored_value.rules import Known, spendable
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, Refused, StaleVersion
from protocol.kit.text import _
from protocol.kit.web.filters import qty
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import TenderKind

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]

router = APIRouter(include_in_schema=False)


@router.get("/sell/pay")
async def pay_for_basket(
    request: Request,
    edge: AnyEdge,
    person: Anybody,
    by: Annotated[str, Query(pattern=WAYS)] = "cash",
    taken: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Show what is due and how it may be paid."""
    row = rows.open_basket_of(edge.database.read(), till_of(edge, person))
    basket = steps.view(edge, row) if row else None
    if basket is None or not basket.lines:
        return go_to(request, "/sell")
    return pay_page(request, edge, bill_of(basket), by, read_taken(taken or ()))


@router.post("/sell/pay")
async def pay(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take a tender; when nothing is left to pay, the sale is done."""
    form = await form_of(request)
    by = form.get("by", "cash")
    taken = taken_in(form)
    row = rows.find_basket(edge.database.read(), form.get("basket"))
    if row is None or row.state != "open":
        return go_to(request, "/sell")
    basket = steps.view(edge, row)
    bill = bill_of(basket)
    left = bill.left_minor(taken)
    try:
        if form.get("kind") == "value":
            tender = await _stored_value(request, edge, person, form, left)
        else:
            tender = next_tender(form, edge, by, left)
    except (Invalid, Refused) as error:
        return pay_page(request, edge, bill, by, taken, error=error, status_code=422)
    if covers(edge, tender, left):
        return await _finish(request, edge, person, form, basket, (*taken, tender))
    if tender.amount_minor <= 0:
        return pay_page(request, edge, bill, by, taken)
    if len(taken) >= TENDERS_LIMIT:
        raise Refused(_("This sale has too many tenders."), _("Take the rest in one."))
    return go_to(request, bill.address("split", (*taken, tender)))


def bill_of(basket: BasketView) -> Bill:
    """Return what a sale of a basket comes to."""
    items = _("Due, 1 item") if basket.units == 1 else _("Due, {n} items", n=qty(basket.units))
    return Bill(
        total_minor=basket.total_minor,
        currency=basket.currency,
        word=items,
        here="/sell/pay",
        back="/sell",
        back_word=_("Back to basket"),
        stored=True,
        carried=(("basket", basket.basket_id), ("version", str(basket.version))),
        kept=_(
            "The sale is kept on this PC before the drawer opens. The receipt prints while you start the next"
            " sale."
        ),
    )


async def _stored_value(
    request: Request, edge: Edge, person: CurrentPerson, form: Form, left_minor: int
) -> Taken:
    """Return what a gift card or store credit pays of what is left: as much as was typed, or all it can.

    Raises:
        Refused: `unknown_value`, or `too_little_value` where nothing can be taken of it.
    """
    said = form.get("number")[:120]
    number = value.number_in(said)
    await ask_hub(request, edge, number)

    def known(unit: EdgeUnit) -> Known:
        slip_seen(unit, edge, said, person=person)
        found = value_rows.find(unit.connection, number, edge.clock.now_us())
        kind = TenderKind(found.kind) if found else value.kind_of(number) or TenderKind.GIFT_CARD
        return value.require_known(unit, edge, number, kind)

    found = await edge.database.awrite(known)
    may = spendable(found, edge.settings.stored_value_offline_minor)
    if may <= 0:
        raise value.too_little(edge, found, may)
    typed = form.minor("got", edge.settings.currency) if form.get("got") else left_minor
    return Taken(TenderKind(found.kind), min(typed or left_minor, left_minor, may), number)


async def _finish(  # noqa: PLR0917 - who pays for what with what
    request: Request,
    edge: Edge,
    person: CurrentPerson,
    form: Form,
    basket: BasketView,
    tenders: Sequence[Taken],
) -> Response:
    wanted = command(
        steps.PayWanted,
        key=form.get("key") or edge.ids.new_id(),
        version=form.whole("version"),
        till=till_of(edge, person),
        tenders=tuple(tender.given for tender in tenders),
    )

    def step(unit: EdgeUnit, token: str | None) -> PaidBasket:
        agreed = wanted.model_copy(update={"approvals": (token,) if token else ()})
        return steps.pay(unit, edge, basket.basket_id, agreed, person=person)[0]

    ask = Ask(
        _("Selling more than the books have"),
        _("Somebody who may allow it agrees here. The basket and what was taken stay as they are."),
        allow=_("Allow the sale"),
    )
    try:
        done = await ask_in_place(request, edge, person, form, ask, step)
    except StaleVersion as error:
        row = rows.find_basket(edge.database.read(), basket.basket_id)
        now = bill_of(steps.view(edge, row) if row else basket)
        by = form.get("by", "cash")
        return pay_page(request, edge, now, by, tenders[:-1], error=error, status_code=409)
    if isinstance(done, Response):
        return done
    return go_to(request, f"/sell?{urlencode({'sold': done.sold.number})}")
