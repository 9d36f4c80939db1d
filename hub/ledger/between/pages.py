"""Trade between entities on the screen: what each sold and owes, and the price list of a pair."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import FINANCE, go_to, locked, may, place_names, show
from hub.context import Hub
from hub.ledger.between import reads, steps
from hub.ledger.chart import mapping_of
from hub.ledger.pages import entities
from hub.service.forms import Form, form_of
from hub.web import Anybody, Finance, TheHub
from protocol.errors import OrderspineError
from protocol.kit.text import _
from protocol.money import format_minor, format_percent, parse_percent

PAGE: Final = "/finance/between"
TEXT: Final = 200_000
"""Characters of a price list: its articles with the longest names and prices."""
Entity = Annotated[str, Query(max_length=40, pattern=r"^[A-Za-z0-9-]*$")]
Said = Annotated[str, Query(pattern=r"^(done)?$")]

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
def between(
    request: Request,
    hub: TheHub,
    person: Anybody,
    *,
    entity: Entity = "",
    other: Entity = "",
    said: Said = "",
) -> Response:
    """Show what an entity sold each other one, what is owed, and what goods cost between them."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    done = _("Set. What is charged from now on follows it.") if said else ""
    return _page(request, hub, entity, other, Form(), said=done)


@router.post(PAGE)
async def set_prices(request: Request, hub: TheHub, person: Finance) -> Response:
    """Set the price list of a pair anew."""
    form = await form_of(request)

    def act() -> Response:
        entity, other = form.get("entity")[:40], form.get("other")[:40]
        try:
            said: dict[str, object] = {
                "supplier": entity,
                "buyer": other,
                "markup_ppm": parse_percent(form.get("markup") or "0"),
                "rate_ppm": parse_percent(form.get("rate") or "0"),
                "prices": steps.read_prices(form.get("prices")[:TEXT], hub.settings.currency),
                "reason": form.get("reason")[:300],
            }
            steps.set_prices(hub, said, by=person.name)
        except OrderspineError as error:
            form.refuse(error)
            return _page(request, hub, entity, other, form, status=error.http_status)
        return go_to(PAGE, entity=entity, other=other, said="done")

    return await run_in_threadpool(act)


def _page(
    request: Request, hub: Hub, entity: str, other: str, form: Form, *, said: str = "", status: int = 200
) -> Response:
    currency = hub.settings.currency
    with hub.database.read() as connection:
        known = entities(connection)
        chosen = entity if entity in known else (known[0] if known else "")
        others = [name for name in known if name != chosen]
        found = reads.pairs(connection, chosen, others)
        accounts = mapping_of(connection, chosen) if chosen else {}
        names = place_names(connection)
    shown = next((row for row in found if row.other == other), found[0] if found else None)
    if shown is not None and not form.texts:
        markup, rate = hub.settings.markup_ppm, 0
        lines: list[str] = []
        if shown.prices is not None:
            markup, rate = shown.prices.markup_ppm, shown.prices.rate_ppm
            lines = [f"{each.sku} {format_minor(each.price_minor, currency)}" for each in shown.prices.prices]
        form.set_default(markup=format_percent(markup), rate=format_percent(rate), prices="\n".join(lines))
    return show(
        request,
        "ledger/between.html",
        status_code=status,
        said=said,
        entities=known,
        entity=chosen,
        found=found,
        shown=shown,
        accounts=accounts,
        form=form,
        names=names,
    )
