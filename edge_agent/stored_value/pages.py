"""Gift cards and store credit at the counter: sell a card, look a number up, see what is taken on trust."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.counter.steps.sale import require_open_till
from edge_agent.counter.views import till_of
from edge_agent.database import EdgeUnit
from edge_agent.pages import Form, command, form_of, show
from edge_agent.stored_value import rows, steps
from edge_agent.stored_value.asking import ask_hub
from edge_agent.stored_value.rules import Known, spendable
from edge_agent.web import edge_of, signed_in
from edge_agent.words import tender_label
from protocol.errors import Invalid, NotFound, OrderspineError, Refused
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import TenderKind

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
LISTED: Final = 50
PATH: Final = "/sell/value"

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def page(
    request: Request,
    edge: AnyEdge,
    _person: Anybody,
    q: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """Show what is known of numbers here; with `q` one of them, by the hub's word if it answers."""
    number = steps.number_in(q)
    known: Known | None = None
    error: OrderspineError | None = None
    if number:
        await ask_hub(request, edge, number)
        known = rows.find(edge.database.read(), number, edge.clock.now_us())
        if known is None:
            error = NotFound(
                _("Nobody knows a gift card or store credit {number}.", number=number[:40]),
                _("Scan its slip again, or type the whole number."),
            )
    return _page(request, edge, Form(()), known=known, q=q, error=error)


@router.post(PATH)
async def sell(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Sell a gift card."""
    form = await form_of(request)
    try:
        wanted = command(
            steps.GiftCardWanted,
            key=form.get("key"),
            amount_minor=form.minor("amount", edge.settings.currency),
            kind=form.get("kind"),
            last4=form.get("last4"),
            reference=form.get("reference"),
        )

        def step(unit: EdgeUnit) -> steps.CardSold:
            session = require_open_till(unit, edge, till_of(edge, person))
            return steps.sell_gift_card(unit, edge, session, wanted, person=person)[0]

        sold = await edge.database.awrite(step)
    except (Invalid, NotFound, Refused) as error:
        return _page(request, edge, form, error=error)
    said = _(
        "{number} is worth {amount}; its slip prints.",
        number=sold.number,
        amount=money(sold.amount_minor, edge.settings.currency),
    )
    return _page(request, edge, Form(()), toast=said)


def _page(
    request: Request,
    edge: Edge,
    form: Form,
    *,
    known: Known | None = None,
    q: str = "",
    toast: str = "",
    error: OrderspineError | None = None,
) -> Response:
    connection = edge.database.read()
    limit = edge.settings.stored_value_offline_minor
    return show(
        request,
        "stored_value/value.html",
        toast=toast,
        status_code=422 if error else 200,
        form=form,
        known=known,
        left_minor=spendable(known, limit) if known else 0,
        moves=rows.moves_of(connection, known.number) if known else [],
        listed=rows.listed(connection, limit=LISTED),
        exposure_minor=rows.exposure(connection),
        limit_minor=limit,
        online=edge.online(),
        currency=edge.settings.currency,
        label=lambda kind: tender_label(TenderKind(kind)),
        key=form.get("key") if error else edge.ids.new_id(),
        q=q,
        error=f"{error.what} {error.remedy}" if error else "",
    )
