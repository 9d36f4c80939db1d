"""Placing an order by hand: what a customer says on the phone, with what could be promised beside it.

The whole draft travels with its form: nothing is stored before the order is placed, and nothing that was
typed is lost by a search, a removed line or a refusal. Nothing is held either; what is shown as available may
be gone when it is placed, and then the hub says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.capture.pricing import Known, known_of, priced_lines
from hub.capture.steps import By
from hub.capture.wanted import LineWanted, OrderWanted
from hub.catalog.rows import is_like, products
from hub.console.web import OPS, go_to, locked, may, place_names, show
from hub.context import Hub
from hub.offers import promised
from hub.service import offers, reads, steps
from hub.service.forms import Form, customer_of, form_of
from hub.service.reads import PlaceChoice
from hub.spine.bulk import among
from hub.stock.availability import Available, available
from hub.stock.policy import kept_back
from hub.web import Anybody, Ops, TheHub
from protocol.errors import OrderspineError
from protocol.fulfilment import LINES_FOR_LATER
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import LineKind

CHANNEL: Final = "service"
FOUND: Final = 8
"""Items of one search; whoever looks for more types more of the name."""
UNITS_PER_LINE: Final = 999_999
"""What fits in the field."""
KEY_BYTES: Final = 8
_CUSTOMER: Final = (
    "first_name", "last_name", "email", "phone", "collector", "line1", "line2", "city", "postcode", "country",
)  # fmt: skip
_NAMES: Final = {"payment.amount_minor": "paid", "shipping_minor": "shipping"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line of the draft: the item as the catalogue has it, and what may be promised of it."""

    sku: str
    quantity: int
    item: Known
    available: Available | None

    @property
    def promisable(self) -> int:
        """Units that may be promised, over all locations."""
        return self.available.promisable if self.available else 0

    @property
    def total_minor(self) -> int:
        """What the line costs."""
        return self.item.price_minor * self.quantity


@dataclass(frozen=True, slots=True)
class Found:
    """One item that a search found."""

    sku: str
    name: str
    price_minor: int
    available: Available


@router.get("/orders/new")
def new_page(request: Request, hub: TheHub, person: Anybody) -> Response:
    """Show an empty draft."""
    if not may(person, OPS):
        return locked(request, _("Placing an order"), OPS)
    return _page(request, hub, Form(), {})


@router.post("/orders/new")
async def new(request: Request, hub: TheHub, person: Ops) -> Response:
    """Search, add, remove, or place, as the button says; the draft comes back with what was done."""
    form = await form_of(request)
    return await run_in_threadpool(_done, request, hub, person, form)


def edited(form: Form) -> dict[str, int]:
    """Return the units of each item of a draft, once something was added to it or removed by a button."""
    wanted = form.quantities(
        lines=LINES_FOR_LATER,
        units=UNITS_PER_LINE,
        wrong=lambda sku: _("Type whole units for {sku}.", sku=sku),
    )
    act, _colon, sku = form.get("act").partition(":")
    if act == "add" and sku and len(wanted) < LINES_FOR_LATER - 1:
        wanted[sku[:64]] = wanted.get(sku[:64], 0) + 1
        form.texts["q"] = ""
    elif act == "drop":
        wanted.pop(sku, None)
    return wanted


def _done(request: Request, hub: Hub, person: CurrentPerson, form: Form) -> Response:
    wanted = edited(form)
    if form.get("act") == "place" and not form.errors:
        return _place(request, hub, person, form, wanted)
    return _page(request, hub, form, wanted, status=422 if form.errors else 200)


def _place(
    request: Request, hub: Hub, person: CurrentPerson, form: Form, wanted: Mapping[str, int]
) -> Response:
    status = 422
    try:
        order = wanted_of(form, hub, wanted)
        if order is not None and not form.errors:
            answer = steps.place(hub, order, By(person.name, form.get("key")))
            return go_to(f"/orders/{answer.number}", said="placed")
    except OrderspineError as error:
        form.refuse(error)
        status = error.http_status
    return _page(request, hub, form, wanted, status=status)


def wanted_of(form: Form, hub: Hub, wanted: Mapping[str, int]) -> OrderWanted | None:
    """Return a draft as an order; None where something of it is wrong, with the errors kept by field."""
    if not wanted:
        form.errors["q"] = _("Add what is ordered first.")
        return None
    promise = form.promise(hub.settings.zone)
    if promise is None:
        return None
    currency = hub.settings.currency
    shipping = form.minor("shipping", currency) if promise.kind == "ship" else 0
    if promise.kind == "ship" and promise.option and not form.get("shipping"):
        with hub.database.read() as connection:
            shipping = promised(hub, connection, promise).price_minor
    said: dict[str, Any] = {
        "channel": CHANNEL,
        "currency": currency,
        "lines": [{"sku": sku, "quantity": units} for sku, units in wanted.items()],
        "shipping_minor": shipping,
        "promise": promise,
        "note": form.get("note"),
        "gift": form.get("gift") == "yes",
    }
    if any(form.get(name) for name in _CUSTOMER):
        said["customer"] = customer_of(form)
    if form.get("gateway") or form.get("reference") or form.get("paid"):
        said["payment"] = {
            "gateway": form.get("gateway"),
            "reference": form.get("reference"),
            "amount_minor": form.minor("paid", currency),
        }
    return form.read(OrderWanted, said, _NAMES)


def _page(
    request: Request, hub: Hub, form: Form, wanted: Mapping[str, int], *, status: int = 200
) -> Response:
    facts = draft_facts(hub, form, wanted)
    return show(request, "service/new.html", status_code=status, form=form, **facts)


def draft_facts(hub: Hub, form: Form, wanted: Mapping[str, int]) -> dict[str, Any]:
    """Return what a page shows of a draft: its lines, what a search found, and what could be promised."""
    currency = hub.settings.currency
    with hub.database.read() as connection:
        lines = draft(connection, hub, wanted, form)
        items = search(connection, hub, form.get("q"))
        called = {line.sku: line.item.name for line in lines}
        goods = {line.sku: line.quantity for line in lines if line.item.kind is LineKind.GOODS}
        places: list[PlaceChoice] = reads.places_for(connection, hub, goods, called) if goods else []
        names = place_names(connection)
    choices = offers.offered(hub, form, goods, value_minor=_total(lines, 0))
    form.set_default(key=hub.ids.secret(KEY_BYTES), where=choices[0].value if choices else _first(places))
    again = next((each.value for each in choices if each.chosen), "")
    if form.option is not None:
        form.texts["where"] = again or form.get("where")
    shipping = _shipping_minor(form, choices, currency)
    return {
        "lines": lines,
        "items": items,
        "choices": choices,
        "places": places,
        "names": names,
        "services": sorted(hub.settings.ship_minor),
        "total_minor": _total(lines, shipping),
        "shipping_minor": shipping,
    }


def _shipping_minor(form: Form, choices: list[offers.Choice], currency: str) -> int:
    """Return what the way costs the customer: what was typed, else the price of the option."""
    chosen = form.option
    if form.get("where") != "ship" and (chosen is None or chosen.kind != "ship"):
        return 0
    typed = Form(texts=dict(form.texts)).minor("shipping", currency)
    return typed if form.get("shipping") else offers.price_minor(choices, chosen)


def _first(places: Sequence[PlaceChoice]) -> str:
    """Return the choice that stands first: a store that could keep it, else shipping."""
    able = [place for place in places if place.able and place.kind == "store"]
    return f"collect:{able[0].location}" if able else "ship"


def _total(lines: Sequence[DraftLine], shipping_minor: int) -> int:
    if not lines:
        return 0
    known = {line.sku: line.item for line in lines}
    asked = [LineWanted(sku=line.sku, quantity=line.quantity) for line in lines]
    return priced_lines(asked, known, shipping_minor)[1].total_minor


def draft(connection: Connection, hub: Hub, wanted: Mapping[str, int], form: Form) -> list[DraftLine]:
    """Return the lines with what the catalogue knows; an item that it does not know is named and left out."""
    if not wanted:
        return []
    rows = connection.execute(sa.select(products).where(among(connection, products.c.sku, list(wanted))))
    known = known_of(rows)
    for sku in wanted:
        if sku not in known:
            form.errors["q"] = _("The catalogue has no item {sku}; it was left out.", sku=sku[:40])
    there = [sku for sku in wanted if sku in known]
    free = _available(connection, hub, there)
    return [DraftLine(sku, wanted[sku], known[sku], free.get(sku)) for sku in there]


def search(connection: Connection, hub: Hub, text: str) -> list[Found]:
    """Return the first items whose code or name is like a text, with what may be promised of each."""
    if not text:
        return []
    rows = connection.execute(
        sa.select(products.c.sku, products.c.name, products.c.price_minor)
        .where(is_like(text[:64]))
        .order_by(products.c.sku)
        .limit(FOUND)
    ).all()
    free = _available(connection, hub, [row.sku for row in rows])
    return [Found(row.sku, row.name, row.price_minor, free[row.sku]) for row in rows]


def _available(connection: Connection, hub: Hub, skus: Sequence[str]) -> dict[str, Available]:
    if not skus:
        return {}
    kept = kept_back(connection, hub.spine.terms.promising, skus)
    return available(connection, skus, now_us=hub.clock.now_us(), kept_back=kept)[0]
