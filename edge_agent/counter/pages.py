"""Sell: the page a counter looks at all day.

Every act posts to its own address and is answered with the page's body as it is then. The version of the
basket goes along; when it is not the one on the screen, the current basket is shown and a toast says so. A
scan needs no version: it only adds. Paying has a module of its own (`pay_pages`).
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.counter import rows
from edge_agent.counter.steps import basket as steps
from edge_agent.counter.steps.basket import BasketView
from edge_agent.counter.views import asks_for_serials, found_products, percent_or_amount, till_of, view
from edge_agent.database import EdgeUnit
from edge_agent.pages import (
    Ask,
    Form,
    ask_in_place,
    command,
    form_of,
    go_to,
    sheet,
    show,
    templates_of,
)
from edge_agent.paper import steps as paper_steps
from edge_agent.paper.leads import place_of
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, StaleVersion
from protocol.ids import parse_slip_code
from protocol.kit.text import _
from protocol.kit.web.filters import amount, money
from protocol.kit.web.signin import CurrentPerson
from protocol.receipts import is_statement
from protocol.rules.discounts import percent_of

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]

router = APIRouter(include_in_schema=False)


@router.get("/")
async def start(request: Request) -> Response:
    """Lead to the counter."""
    return go_to(request, "/sell")


@router.get("/sell")
async def sell(
    request: Request, edge: AnyEdge, person: Anybody, sold: str = Query(default="", max_length=40)
) -> Response:
    """Show the basket of this till."""
    basket = await _basket(edge, person)
    return show(request, "counter/sell.html", **view(edge, person, basket, sold=sold))


@router.get("/sell/live")
async def live(request: Request, edge: AnyEdge, person: Anybody, version: int, basket: str) -> Response:
    """Show the basket again when another screen changed it; nothing when it is the one shown."""
    row = rows.open_basket_of(edge.database.read(), till_of(edge, person))
    if row is None or (row.version == version and row.basket_id == basket):
        return Response(status_code=204)
    return show(request, "counter/sell.html", **view(edge, person, steps.view(edge, row)))


@router.post("/sell/scan")
async def scan(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Add what a scan means; a slip of ours leads to what it stands for."""
    code = (await form_of(request)).get("code")
    led = await _slip(request, edge, person, code)
    if led is not None:
        return led
    return await _add(request, edge, person, code)


@router.get("/sell/search")
async def search(request: Request, edge: AnyEdge, _person: Anybody, code: str = "") -> Response:
    """List the products that a typed text may mean."""
    found, more = found_products(edge, code)
    return templates_of(request).page(
        request, "counter/found.html", found=found, more=more, text=code.strip()
    )


@router.post("/sell/find")
async def find(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Add what was typed when it is a code or means one product only; list the others."""
    text = (await form_of(request)).get("code")
    led = await _slip(request, edge, person, text)
    if led is not None:
        return led
    known = edge.products.scan(edge.database.read(), text)
    found, more = ([], 0) if known else found_products(edge, text)
    if len(found) == 1:
        return await _add(request, edge, person, str(found[0]["sku"]))
    if not found:
        return await _add(request, edge, person, text)
    headers = {"HX-Retarget": "#found", "HX-Reswap": "innerHTML"}
    return templates_of(request).page(
        request, "counter/found.html", headers=headers, found=found, more=more, text=text, kept=True
    )


@router.post("/sell/ignore")
async def ignore(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Put the row of an unknown code aside."""
    basket = await _basket(edge, person)
    return show(request, "counter/sell.html", **view(edge, person, basket, quiet=True))


@router.get("/sell/lines/{n}")
async def line_sheet(request: Request, n: int, edge: AnyEdge, person: Anybody) -> Response:
    """Show everything that can be done with a line."""
    return _line_sheet(request, edge, await _basket(edge, person), n)


@router.post("/sell/lines/{n}")
async def change_line(request: Request, n: int, edge: AnyEdge, person: Anybody) -> Response:
    """Change quantity, discount or price of a line; what needs another person asks in place."""
    form = await form_of(request)
    try:
        wanted = _line_change(form, edge.settings.currency)
    except Invalid as error:
        return _line_sheet(
            request, edge, await _basket(edge, person), n, error=f"{error.what} {error.remedy}"
        )

    def step(unit: EdgeUnit, token: str | None) -> BasketView:
        change = wanted.model_copy(update={"approval": token})
        return steps.change_line(unit, edge, form.get("basket"), n, change, person=person)

    return await _changed(request, edge, person, form, step, ask=_line_ask(edge, form, n, wanted, person))


@router.post("/sell/lines/{n}/remove")
async def remove(request: Request, n: int, edge: AnyEdge, person: Anybody) -> Response:
    """Take a line out; Undo brings it back."""
    form = await form_of(request)

    def step(unit: EdgeUnit, _token: str | None) -> BasketView:
        return steps.remove_line(unit, edge, form.get("basket"), n, form.whole("version"), person=person)

    return await _changed(request, edge, person, form, step, toast=_("Taken out. Undo brings it back."))


@router.post("/sell/undo")
async def undo(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take the last change back."""
    form = await form_of(request)

    def step(unit: EdgeUnit, _token: str | None) -> BasketView:
        return steps.undo(unit, edge, form.get("basket"), form.whole("version"), person=person)

    return await _changed(request, edge, person, form, step, quiet=True)


@router.get("/sell/discount")
async def discount_sheet(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Show the discount on the whole basket."""
    return _discount_sheet(request, await _basket(edge, person))


@router.post("/sell/discount")
async def discount(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Give a discount on the whole basket, or take it away."""
    form = await form_of(request)
    basket = await _basket(edge, person)
    try:
        percent, minor = percent_or_amount(form, edge.settings.currency)
    except Invalid as error:
        return _discount_sheet(request, basket, error=f"{error.what} {error.remedy}")
    wanted = command(
        steps.DiscountWanted,
        version=form.whole("version"),
        percent=percent,
        amount_minor=minor,
        reason=form.get("reason")[:300],
    )

    def step(unit: EdgeUnit, token: str | None) -> BasketView:
        change = wanted.model_copy(update={"approval": token})
        return steps.discount(unit, edge, form.get("basket"), change, person=person)

    off = percent_of(basket.subtotal_minor, round(percent * 10_000)) if percent is not None else minor or 0
    ask = _discount_ask(basket.subtotal_minor, off, percent, person)
    return await _changed(request, edge, person, form, step, ask=ask)


@router.get("/sell/customer")
async def customer_sheet(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Show whose basket it is."""
    return sheet(request, "counter/customer.html", basket=await _basket(edge, person))


@router.post("/sell/customer")
async def customer(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Say whose basket it is."""
    form = await form_of(request)

    def step(unit: EdgeUnit, _token: str | None) -> BasketView:
        whose = form.get("customer")[:64]
        return steps.set_customer(unit, edge, form.get("basket"), whose, form.whole("version"), person=person)

    return await _changed(request, edge, person, form, step)


@router.post("/sell/park")
async def park(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Put the basket aside under a number."""
    form = await form_of(request)
    wanted = command(steps.ParkWanted, version=form.whole("version"), note=form.get("note")[:80])
    try:
        done = await edge.database.awrite(
            lambda unit: steps.park(unit, edge, form.get("basket"), wanted, person=person)
        )
    except StaleVersion:
        return await _stale(request, edge, person)
    if till_of(edge, person) not in edge.settings.tills:
        return show(request, "counter/parked.html", parked=done)
    toast = _("Parked as {number}. Scan its slip at any till to bring it back.", number=done.number)
    return show(request, "counter/sell.html", toast=toast, **view(edge, person, await _basket(edge, person)))


@router.get("/sell/recall")
async def recall_sheet(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """List the baskets that wait."""
    waiting = steps.parked(edge.database.read(), edge)
    return sheet(request, "counter/recall.html", parked=waiting, basket=await _basket(edge, person))


@router.post("/sell/recall")
async def recall(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Bring a parked basket back."""
    return await _recall(request, edge, person, (await form_of(request)).get("code"))


@router.post("/sell/abandon")
async def abandon(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Give the basket up; nothing was sold."""
    form = await form_of(request)
    try:
        await edge.database.awrite(
            lambda unit: steps.abandon(unit, edge, form.get("basket"), form.whole("version"), person=person)
        )
    except StaleVersion:
        return await _stale(request, edge, person)
    basket = await _basket(edge, person)
    toast = _("The basket is empty again; nothing was sold.")
    return show(request, "counter/sell.html", toast=toast, **view(edge, person, basket))


async def _basket(edge: Edge, person: CurrentPerson) -> BasketView:
    """Return the basket that is open at this till; the first look begins one."""
    till = till_of(edge, person)
    row = rows.open_basket_of(edge.database.read(), till)
    if row is not None:
        return steps.view(edge, row)
    return await edge.database.awrite(lambda unit: steps.begin(unit, edge, person, till))


async def _add(request: Request, edge: Edge, person: CurrentPerson, code: str) -> Response:
    if not code:
        return show(request, "counter/sell.html", **view(edge, person, await _basket(edge, person)))
    till = till_of(edge, person)
    wanted = command(steps.ScanWanted, code=code[:512])

    def step(unit: EdgeUnit) -> BasketView:
        basket = steps.begin(unit, edge, person, till)
        return steps.scan(unit, edge, basket.basket_id, wanted, person=person).basket

    basket = await edge.database.awrite(step)
    return show(request, "counter/sell.html", **view(edge, person, basket))


async def _slip(request: Request, edge: Edge, person: CurrentPerson, code: str) -> Response | None:
    if is_statement(code):
        return go_to(request, f"/orders?for=return&q={quote(code)}")
    place = place_of(edge.database.read(), edge, code)
    if not place:
        return None
    slip = parse_slip_code(code)
    if slip is not None and slip[0] == steps.SLIP_TYPE:
        return await _recall(request, edge, person, code)
    await edge.database.awrite(lambda unit: paper_steps.slip_seen(unit, edge, code, person=person))
    return go_to(request, place)


async def _recall(request: Request, edge: Edge, person: CurrentPerson, code: str) -> Response:
    await edge.database.awrite(lambda unit: paper_steps.slip_seen(unit, edge, code, person=person))
    till = till_of(edge, person)
    basket = await edge.database.awrite(lambda unit: steps.recall(unit, edge, code, till, person=person))
    toast = _("Here is {number} again.", number=basket.number or "")
    return show(request, "counter/sell.html", toast=toast, **view(edge, person, basket, quiet=True))


async def _changed(  # noqa: PLR0913 - what changed, and how it is said
    request: Request,
    edge: Edge,
    person: CurrentPerson,
    form: Form,
    step: Callable[[EdgeUnit, str | None], BasketView],
    *,
    ask: Ask | None = None,
    toast: str = "",
    quiet: bool = False,
) -> Response:
    """Run a change of the basket and show it as it is then; a stale screen is told so."""
    try:
        done = await ask_in_place(
            request, edge, person, form, ask or Ask(_("Somebody else must agree")), step
        )
    except StaleVersion:
        return await _stale(request, edge, person)
    if isinstance(done, Response):
        return done
    return show(request, "counter/sell.html", toast=toast, **view(edge, person, done, quiet=quiet))


async def _stale(request: Request, edge: Edge, person: CurrentPerson) -> Response:
    warn = _("The basket was changed on another screen. This is how it is now; do it again if it still fits.")
    basket = await _basket(edge, person)
    return show(
        request, "counter/sell.html", status_code=409, warn=warn, **view(edge, person, basket, quiet=True)
    )


def _line_change(form: Form, currency: str) -> steps.LineChange:
    what = form.get("do", "quantity")
    version = form.whole("version")
    reason = (form.get("reason") or form.get("reason_other"))[:300]
    if what == "price":
        price = form.minor("price", currency)
        return command(steps.LineChange, version=version, unit_price_minor=price, reason=reason)
    if what == "discount":
        percent, minor = percent_or_amount(form, currency)
        if percent is None and minor is None:
            percent = 0.0
        return command(
            steps.LineChange,
            version=version,
            line_discount_percent=percent,
            line_discount_minor=minor,
            reason=reason,
        )
    if what == "serials":
        return command(steps.LineChange, version=version, serials=tuple(form.get("serials").split()))
    quantity = form.whole("quantity")
    if not 1 <= quantity <= 99_999:
        raise Invalid(_("A line has 1 to 99,999 of an item."), _("To take the item out, remove the line."))
    return command(steps.LineChange, version=version, quantity=quantity)


def _line_sheet(request: Request, edge: Edge, basket: BasketView, n: int, *, error: str = "") -> Response:
    line = next((line for line in basket.lines if line.n == n), None)
    if line is None:
        raise Invalid(_("This line is not in the basket any more."), _("Look at the basket as it is now."))
    return sheet(
        request,
        "counter/line.html",
        basket=basket,
        line=line,
        reasons=_reasons(),
        error=error,
        status_code=422 if error else 200,
        each=amount(line.unit_price_minor, edge.settings.currency),
        has_serials=asks_for_serials(edge, basket).get(line.n, 0) or line.serials,
    )


def _discount_sheet(request: Request, basket: BasketView, *, error: str = "") -> Response:
    status = 422 if error else 200
    return sheet(
        request, "counter/discount.html", status_code=status, basket=basket, reasons=_reasons(), error=error
    )


def _reasons() -> tuple[str, ...]:
    return (_("Damaged box"), _("Price match"), _("Display item"), _("Goodwill"))


def _line_ask(edge: Edge, form: Form, n: int, wanted: steps.LineChange, person: CurrentPerson) -> Ask:
    row = rows.find_basket(edge.database.read(), form.get("basket"))
    basket = steps.view(edge, row) if row else None
    line = next((line for line in basket.lines if line.n == n), None) if basket else None
    if line is None or basket is None:
        return Ask(_("Somebody else must agree"))
    if wanted.unit_price_minor is not None:
        new = money(wanted.unit_price_minor, basket.currency)
        return Ask(
            _("A price of {price} needs somebody's word", price=new),
            _("{name} is {list} in the catalogue. The basket stays as it is.", name=line.name,
              list=money(line.list_price_minor, basket.currency)),
            keep=_("Keep {price}", price=money(line.unit_price_minor, basket.currency)),
            allow=_("Allow {price}", price=new),
        )  # fmt: skip
    percent = wanted.line_discount_percent
    off = (
        percent_of(line.extension_minor, round((percent or 0) * 10_000))
        if percent
        else wanted.line_discount_minor or 0
    )
    return _discount_ask(line.extension_minor, off, percent, person)


def _discount_ask(base_minor: int, off_minor: int, percent: float | None, person: CurrentPerson) -> Ask:
    said = f"{percent:g}%" if percent is not None else money(off_minor)
    return Ask(
        _("{discount} off needs somebody's word", discount=said),
        _("It is more than {name} may give alone. The basket stays as it is.", name=person.name),
        (
            (_("{discount} of {base}", discount=said, base=money(base_minor)), amount(-off_minor)),
            (_("Comes to"), money(base_minor - off_minor)),
        ),
        keep=_("Keep {price}", price=money(base_minor)),
        allow=_("Allow {discount} off", discount=said),
    )
