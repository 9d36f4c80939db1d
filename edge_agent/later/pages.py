"""For later: the page on which a basket becomes an order that is collected or shipped.

Every choice is kept with the basket at once, so the page can be left, parked and brought back. Where the hub
has a say it is asked anew each time the page is drawn and once more when the order is taken: what was offered
a minute ago is no promise. `told` says that the page which was shown called the order provisional.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.counter import rows as counter_rows
from edge_agent.counter.rules.basket import Basket, ForLater
from edge_agent.counter.steps import basket as baskets
from edge_agent.counter.steps.basket import BasketView
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
from edge_agent.later.asking import promise_for, stock_elsewhere
from edge_agent.later.hub import PromiseAnswer
from edge_agent.later.models import ContactWanted, Placed, PlaceWanted
from edge_agent.later.rules import Way
from edge_agent.later.steps import plan as plans
from edge_agent.later.steps.place import place
from edge_agent.later.views import matches, plan_of, time_word
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
    till_word,
)
from edge_agent.stock import rows as stock_rows
from edge_agent.stock.words import promised_parts, sold_parts
from edge_agent.web import edge_of, signed_in
from protocol.customers import Address
from protocol.errors import Invalid, OrderspineError, Refused, StaleVersion, Unavailable
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
COUNTRIES = ("GB", "IE", "DE", "AT", "FR", "NL", "BE", "IT", "ES")

router = APIRouter(include_in_schema=False)


@router.get("/sell/later")
async def later(
    request: Request,
    edge: AnyEdge,
    person: Anybody,
    way: Annotated[str, Query(max_length=12)] = "",
    location: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Show how the customer may get what is in the basket; an offer of the Sell page may say it already."""
    basket = _open(edge, person)
    if basket is None or not basket.lines:
        return go_to(request, "/sell")
    if way in set(Way):
        before = basket.later or ForLater()
        chosen = before.model_copy(update={"way": way, "location": location})
        basket = await edge.database.awrite(
            lambda unit: plans.plan_later(unit, edge, basket.basket_id, basket.version, chosen, person=person)
        )
    return await _page(request, edge, person, basket)


@router.post("/sell/later")
async def choose(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Keep what was chosen and show what it means."""
    form = await form_of(request)
    basket = _open(edge, person)
    if basket is None:
        return go_to(request, "/sell")
    try:
        chosen = _chosen(form, edge)
        version = form.whole("version")
        done = await edge.database.awrite(
            lambda unit: plans.plan_later(unit, edge, form.get("basket"), version, chosen, person=person)
        )
    except (Invalid, StaleVersion) as error:
        return await _page(request, edge, person, basket, error=error)
    return await _page(request, edge, person, done)


@router.get("/sell/later/customer")
async def customer_sheet(
    request: Request, edge: AnyEdge, person: Anybody, q: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Find a customer by phone, mail or name."""
    basket = _open(edge, person)
    if basket is None:
        return go_to(request, "/sell")
    return _customer_sheet(request, edge, basket, q=q)


@router.get("/sell/later/customer/found")
async def found(
    request: Request, edge: AnyEdge, person: Anybody, q: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """List the customers that what was typed may mean."""
    basket = _open(edge, person)
    if basket is None:
        return go_to(request, "/sell")
    return templates_of(request).page(
        request, "later/customers_found.html", basket=basket, q=q.strip(), found=_found(edge, q)
    )


@router.post("/sell/later/customer")
async def customer(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Choose a known customer, or write one down."""
    form = await form_of(request)
    basket = _open(edge, person)
    if basket is None:
        return go_to(request, "/sell")
    contact_id, version = form.get("contact"), form.whole("version")

    def step(unit: EdgeUnit) -> BasketView:
        if contact_id and form.get("do") != "write":
            return plans.choose_customer(unit, edge, form.get("basket"), version, contact_id, person=person)
        said = _contact(form, edge)
        return plans.write_customer(
            unit, edge, form.get("basket"), version, said, known=contact_id, person=person
        )

    try:
        done = await edge.database.awrite(step)
    except Invalid as error:
        return _customer_sheet(request, edge, basket, form=form, error=error)
    except StaleVersion as error:
        return await _page(request, edge, person, basket, error=error)
    return await _page(request, edge, person, done)


@router.get("/sell/later/pay")
async def pay_later(
    request: Request,
    edge: AnyEdge,
    person: Anybody,
    *,
    by: Annotated[str, Query(pattern=WAYS)] = "cash",
    told: Annotated[str, Query(max_length=3)] = "",
    taken: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Show what is paid now and how it may be paid."""
    basket = _open(edge, person)
    if basket is None or not basket.lines:
        return go_to(request, "/sell")
    bill = _bill(edge, basket, told)
    if not bill.total_minor:
        return go_to(request, "/sell/later")
    return pay_page(request, edge, bill, by, read_taken(taken or ()))


@router.post("/sell/later/pay")
async def pay(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take a tender; with the last one the order is taken."""
    form = await form_of(request)
    by, taken = form.get("by", "cash"), taken_in(form)
    basket = _open(edge, person)
    if basket is None or basket.basket_id != form.get("basket"):
        return go_to(request, "/sell")
    bill = _bill(edge, basket, form.get("told"))
    left = bill.left_minor(taken)
    try:
        tender = next_tender(form, edge, by, left)
    except Invalid as error:
        return pay_page(request, edge, bill, by, taken, error=error, status_code=422)
    if covers(edge, tender, left):
        return await _take(request, edge, person, form, basket, (*taken, tender))
    if tender.amount_minor <= 0:
        return pay_page(request, edge, bill, by, taken)
    if len(taken) >= TENDERS_LIMIT:
        raise Refused(_("This order has too many tenders."), _("Take the rest in one."))
    return go_to(request, bill.address("split", (*taken, tender)))


@router.post("/sell/later/take")
async def take(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take an order on which nothing is paid now."""
    form = await form_of(request)
    basket = _open(edge, person)
    if basket is None or basket.basket_id != form.get("basket"):
        return go_to(request, "/sell")
    return await _take(request, edge, person, form, basket, ())


@router.get("/sell/lines/{n}/elsewhere")
async def elsewhere(request: Request, n: int, edge: AnyEdge, person: Anybody) -> Response:
    """Say where else an article is that is short here, and how old that knowledge is."""
    basket = _open(edge, person)
    line = next((each for each in basket.lines if each.n == n), None) if basket else None
    if basket is None or line is None:
        raise Invalid(_("This line is not in the basket any more."), _("Look at the basket as it is now."))
    try:
        places, error = (await stock_elsewhere(request, edge, line.sku)).locations, ""
    except Unavailable as silent:
        places, error = (), f"{silent.what} {silent.remedy}"
    here = stock_rows.on_hand(edge.database.read(), line.sku).rights
    enough = tuple(each for each in places if each.promisable >= line.quantity)
    return sheet(
        request,
        "later/elsewhere.html",
        line=line,
        here=max(0, here.sellable),
        here_parts=sold_parts(here),
        there=lambda place: promised_parts(place.free, place.promisable, place.excluded),
        places=places,
        enough=enough,
        error=error,
        services=edge.settings.shipping,
        currency=basket.currency,
    )


def _open(edge: Edge, person: CurrentPerson) -> BasketView | None:
    row = counter_rows.open_basket_of(edge.database.read(), till_of(edge, person))
    return baskets.view(edge, row) if row else None


def _stored(edge: Edge, basket_id: str) -> Basket:
    row = counter_rows.find_basket(edge.database.read(), basket_id)
    return Basket.model_validate_json(row.body) if row else Basket()


async def _page(
    request: Request,
    edge: Edge,
    person: CurrentPerson,
    basket: BasketView,
    *,
    error: OrderspineError | None = None,
) -> Response:
    chosen = basket.later or ForLater()
    answer = await _asked(request, edge, basket, chosen)
    connection = edge.database.read()
    plan = plan_of(connection, edge, _stored(edge, basket.basket_id), answer)
    till = till_of(edge, person)
    is_till = till in edge.settings.tills
    opened = counter_rows.open_till(connection, till) if is_till else None
    closed = "" if opened else _("Open {till} with its float first.", till=till_word(till))
    return show(
        request,
        "later/later.html",
        status_code=error.http_status if error else 200,
        basket=basket,
        plan=plan,
        time_word=lambda time: time_word(edge, time),
        key=edge.ids.new_id(),
        error=f"{error.what} {error.remedy}" if error else "",
        online=edge.online(),
        is_till=is_till,
        why_no_cash=plan.why_not or closed,
        here=edge.settings.store_name,
        keep_days=edge.settings.collect_keep_days,
        today=edge.clock.now_us(),
    )


async def _asked(request: Request, edge: Edge, basket: BasketView, chosen: ForLater) -> PromiseAnswer | None:
    """Return what the hub offers; of all stores, because the page is there to choose one."""
    return await promise_for(request, edge, basket.basket_id, Way(chosen.way))


def _chosen(form: Form, edge: Edge) -> ForLater:
    way = form.get("way", Way.HERE.value)
    if way not in set(Way):
        raise Invalid(_("This is no way to get goods."), _("Choose one of the three."), code="unknown_way")
    deposit: int | None = None
    if form.get("pay") == "deposit":
        deposit = form.minor("deposit", edge.settings.currency) if form.get("deposit") else 0
    place_id, _tab, name = form.get("location").partition("|")
    return ForLater(
        way=way,
        location=place_id[:40],
        location_name=name[:120],
        service=form.get("service")[:32],
        when=form.get("when")[:10],
        on=form.get("on")[:10],
        note=form.get("note")[:300],
        gift=form.get("gift") == "yes",
        deposit_minor=deposit,
    )


def _contact(form: Form, edge: Edge) -> ContactWanted:
    return command(
        ContactWanted,
        first_name=form.get("first_name"),
        last_name=form.get("last_name"),
        phone=form.get("phone"),
        email=form.get("email"),
        address=command(
            Address,
            line1=form.get("line1"),
            line2=form.get("line2"),
            city=form.get("city"),
            postcode=form.get("postcode"),
            country=form.get("country") if form.get("line1") else "",
        ),
        language=edge.settings.language,
    )


def _found(edge: Edge, q: str) -> tuple[Any, ...]:
    return matches(edge.database.read(), q) if len(q.strip()) >= 2 else ()


def _customer_sheet(
    request: Request,
    edge: Edge,
    basket: BasketView,
    *,
    q: str = "",
    form: Form | None = None,
    error: OrderspineError | None = None,
) -> Response:
    plan = plan_of(edge.database.read(), edge, _stored(edge, basket.basket_id), None)
    known = plan.contact
    said = dict(form.values) if form else {}
    if known and not form:
        address = known.address
        said = {
            "first_name": known.first_name, "last_name": known.last_name, "phone": known.phone,
            "email": known.email, "line1": address.line1, "line2": address.line2, "city": address.city,
            "postcode": address.postcode, "country": address.country,
        }  # fmt: skip
    return sheet(
        request,
        "later/customer.html",
        status_code=422 if error else 200,
        basket=basket,
        q=q,
        found=_found(edge, q),
        known=known,
        said=said,
        with_address=plan.way is Way.SHIP,
        countries=COUNTRIES,
        error=f"{error.what} {error.remedy}" if error else "",
    )


def _bill(edge: Edge, basket: BasketView, told: str) -> Bill:
    plan = plan_of(edge.database.read(), edge, _stored(edge, basket.basket_id), None)
    word = _("Paid now") if plan.now_minor == plan.total_minor else _("Deposit")
    return Bill(
        total_minor=plan.now_minor,
        currency=basket.currency,
        word=word,
        here="/sell/later/pay",
        back="/sell/later",
        back_word=_("Back to the order"),
        carried=(("basket", basket.basket_id), ("version", str(basket.version)), ("told", told)),
        query=(("told", told),) if told else (),
        kept=_("The order is kept on this PC before the drawer opens. The customer's slip prints by itself."),
    )


async def _take(  # noqa: PLR0917 - who takes which order with what money
    request: Request,
    edge: Edge,
    person: CurrentPerson,
    form: Form,
    basket: BasketView,
    tenders: tuple[Taken, ...],
) -> Response:
    chosen = basket.later or ForLater()
    answer = await promise_for(request, edge, basket.basket_id, Way(chosen.way), location=chosen.location)
    wanted = command(
        PlaceWanted,
        key=form.get("key") or edge.ids.new_id(),
        basket_id=basket.basket_id,
        version=form.whole("version"),
        till=till_of(edge, person),
        way=chosen.way,
        location=chosen.location,
        service=chosen.service,
        when=chosen.when,
        on=chosen.on,
        contact_id=basket.customer_id,
        note=chosen.note,
        gift=chosen.gift,
        deposit_minor=chosen.deposit_minor,
        tenders=tuple(tender.given for tender in tenders),
        provisional=form.get("told") == "yes",
    )

    def step(unit: EdgeUnit, token: str | None) -> Placed:
        agreed = wanted.model_copy(update={"approvals": (token,) if token else ()})
        return place(unit, edge, agreed, answer, person=person)[0]

    ask = Ask(_("Somebody else must agree"), _("The basket and what was taken stay as they are."))
    try:
        done = await ask_in_place(request, edge, person, form, ask, step)
    except (StaleVersion, Invalid) as error:
        now = _open(edge, person) or basket
        return await _page(request, edge, person, now, error=error)
    except Refused as error:
        if {"role", "action"} <= error.facts.keys():
            raise
        return await _page(request, edge, person, _open(edge, person) or basket, error=error)
    if isinstance(done, Response):
        return done
    return go_to(request, f"/orders/{done.number}?taken=yes&change={done.change_minor}")
