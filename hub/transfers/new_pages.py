"""Asking for transfers by hand, from a file, and for an order whose customer's store has no goods.

The draft travels with its form: nothing is stored before it is asked for, and nothing that was typed is lost
by a search or a refusal. A code that is scanned into the search box and fits one article adds it at once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa
from fastapi import APIRouter, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from hub.capture.reads import order_id_of
from hub.catalog.goods import not_goods
from hub.catalog.rows import is_like, products
from hub.console.web import OPS, go_to, locked, may, place_names, show
from hub.context import Hub
from hub.database import HubUnit
from hub.service.forms import Form, form_of, is_whole
from hub.spine.bulk import among
from hub.stock.rows import balances
from hub.transfers import importing, orders, steps
from hub.transfers.orders import Wish
from hub.transfers.pages import KEY_BYTES, active_places
from hub.transfers.rules.csv_rows import RowReport
from hub.transfers.wanted import UNITS_PER_LINE, Asked, ForOrderWanted, TransferWanted
from hub.web import Anybody, Number, Ops, TheHub
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _
from protocol.kit.web.filters import qty
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import Bucket
from protocol.transfers import LINES_PER_TRANSFER, TransferReason

IMPORT_PAGE: Final = "/transfers/import"
FOUND: Final = 8
REPORTED: Final = 200
REASONS: Final = tuple(reason for reason in TransferReason if reason is not TransferReason.FOR_ORDER)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Item:
    """One article, and what lies on the shelves at both ends as far as the stores have told."""

    sku: str
    name: str
    quantity: int
    typed: str
    at_source: int
    at_destination: int

    @property
    def is_scarce(self) -> bool:
        """Tell whether the source has less than is asked for."""
        return self.at_source < self.quantity


@router.get("/transfers/new")
def new_page(request: Request, hub: TheHub, person: Anybody) -> Response:
    """Show an empty draft; a link may name an article and its places."""
    if not may(person, OPS):
        return locked(request, _("Asking for a transfer"), OPS)
    form = Form()
    wanted: dict[str, int] = {}
    given = {name: text.replace("\x00", "") for name, text in request.query_params.items()}
    for name in ("source", "destination"):
        form.set_default(**{name: given.get(name, "")[:40]})
    if sku := given.get("sku", "")[:64]:
        wanted[sku] = 1
    return _page(request, hub, form, wanted)


@router.post("/transfers/new")
async def new(request: Request, hub: TheHub, person: Ops) -> Response:
    """Search, add, remove, or ask, as the button says; the draft comes back with what was done."""
    form = await form_of(request)
    return await run_in_threadpool(_done, request, hub, person, form)


def _done(request: Request, hub: Hub, person: CurrentPerson, form: Form) -> Response:
    wanted = form.quantities(
        lines=LINES_PER_TRANSFER,
        units=UNITS_PER_LINE,
        wrong=lambda sku: _(
            "{text} is no number of units of {sku}; at most {limit}.",
            text=repr(_unread(form).get(sku, "")[:20]),
            sku=sku[:40],
            limit=qty(UNITS_PER_LINE),
        ),
    )
    act, _colon, sku = form.get("act").partition(":")
    if act == "find":
        with hub.database.read() as connection:
            exact = exactly(connection, form.get("q").strip())
        if exact:
            act, sku = "add", exact
    if act == "add" and sku and len(wanted) < LINES_PER_TRANSFER:
        wanted[sku[:64]] = wanted.get(sku[:64], 0) + 1
        form.texts["q"] = ""
    elif act == "drop":
        wanted.pop(sku, None)
    elif act == "ask" and not form.errors:
        return _ask(request, hub, person, form, wanted)
    return _page(request, hub, form, wanted, status=422 if form.errors else 200)


def _unread(form: Form) -> dict[str, str]:
    """Return what was typed where units belong and is no number of them: it is shown as it is."""
    fields = zip(form.several.get("sku", ()), form.several.get("quantity", ()), strict=False)
    return {sku: text for sku, text in fields if not is_whole(text, UNITS_PER_LINE)}


def _ask(
    request: Request, hub: Hub, person: CurrentPerson, form: Form, wanted: Mapping[str, int]
) -> Response:
    status = 422
    try:
        body = _wanted(form, hub, wanted)
        if body is not None and not form.errors:
            done = steps.request(hub, body, steps.By(name=person.name, key=form.get("key")))
            return go_to(f"/transfers/{done.number}", said="asked")
    except OrderspineError as error:
        form.refuse(error)
        status = error.http_status
    return _page(request, hub, form, wanted, status=status)


def _wanted(form: Form, hub: Hub, wanted: Mapping[str, int]) -> TransferWanted | None:
    if not wanted:
        form.errors["q"] = _("Add what is to be sent first.")
        return None
    lend = form.get("lend") == "yes"
    said = {
        "source": form.get("source"),
        "destination": form.get("destination"),
        "reason": form.get("reason") or TransferReason.REPLENISH.value,
        "note": form.get("note"),
        "due_us": form.day_us("due", hub.settings.zone) if form.get("due") else 0,
        "lines": [
            {"sku": sku, "quantity": units, "grant": units if lend else 0} for sku, units in wanted.items()
        ],
    }
    return form.read(TransferWanted, said, {"due_us": "due"})


def exactly(connection: Connection, code: str) -> str:
    """Return the article that a code or a barcode names; empty when none does, or more than one."""
    if not code or len(code) > 64:
        return ""
    known = connection.execute(sa.select(products.c.sku).where(products.c.sku == code)).scalar()
    if known:
        return str(known)
    rows = connection.execute(
        sa.select(products.c.sku, products.c.barcodes)
        .where(products.c.barcodes.contains(f'"{code}"', autoescape=True))
        .limit(FOUND)
    ).all()
    fits = [row.sku for row in rows if code in json.loads(row.barcodes)]
    return fits[0] if len(fits) == 1 else ""


def search(connection: Connection, text: str) -> list[tuple[str, str]]:
    """Return (SKU, name) of the first articles whose code or name is like a text."""
    if not text:
        return []
    rows = connection.execute(
        sa.select(products.c.sku, products.c.name)
        .where(is_like(text[:64]))
        .order_by(products.c.sku)
        .limit(FOUND)
    )
    return [(row.sku, row.name) for row in rows]


def on_shelves(
    connection: Connection, skus: list[str], places: tuple[str, str]
) -> dict[tuple[str, str], int]:
    """Return what lies on the shelf of each article at these places, as far as they have told."""
    rows = connection.execute(
        sa.select(balances.c.location, balances.c.sku, balances.c.quantity).where(
            balances.c.bucket == Bucket.SELLABLE.value,
            balances.c.location.in_(places),
            among(connection, balances.c.sku, skus),
        )
    )
    return {(row.location, row.sku): int(row.quantity) for row in rows}


def _page(
    request: Request,
    hub: Hub,
    form: Form,
    wanted: Mapping[str, int],
    *,
    status: int = 200,
    report: list[RowReport] | None = None,
    error: str = "",
) -> Response:
    source, destination = form.get("source"), form.get("destination")
    with hub.database.read() as connection:
        names = steps.known_names(connection, list(wanted))
        services = not_goods(connection, list(wanted))
        shelves = on_shelves(connection, list(wanted), (source, destination)) if wanted else {}
        items = search(connection, form.get("q"))
        places = place_names(connection)
        active = active_places(connection)
    for sku in [sku for sku in wanted if sku not in names]:
        form.errors.setdefault("q", _("The hub knows no item {sku}; it was left out.", sku=sku[:40]))
    for name in services.values():
        form.errors.setdefault("q", _("{name} is a service, and no stock; it was left out.", name=name))
    form.set_default(key=hub.ids.secret(KEY_BYTES))
    unread = _unread(form)
    lines = [
        Item(
            sku,
            names[sku],
            units,
            unread.get(sku, str(units)),
            shelves.get((source, sku), 0),
            shelves.get((destination, sku), 0),
        )
        for sku, units in wanted.items()
        if sku in names and sku not in services
    ]
    return show(
        request,
        "transfers/new.html",
        status_code=status,
        form=form,
        lines=lines,
        items=items,
        names=places,
        places=active,
        reasons=[reason.value for reason in REASONS],
        units=sum(line.quantity for line in lines),
        report=report,
        faults=[row for row in report or () if row.wrong][:REPORTED],
        asked=sorted({row.number for row in report or () if row.number})[:REPORTED],
        error=error,
    )


@router.post(IMPORT_PAGE)
async def import_file(request: Request, hub: TheHub, person: Ops) -> Response:
    """Ask for what a CSV file says; its report says what became of every row."""
    async with request.form(max_files=1) as sent:
        file = sent.get("file")
        data = await file.read() if isinstance(file, UploadFile) else b""
        key = str(sent.get("key") or "")[:64]
    by = steps.By(name=person.name, key=key)
    try:
        report = await run_in_threadpool(importing.import_csv, hub, data, by)
    except Invalid as error:
        said = f"{error.what} {error.remedy}"
        return await run_in_threadpool(lambda: _page(request, hub, Form(), {}, status=422, error=said))
    return await run_in_threadpool(lambda: _page(request, hub, Form(), {}, report=report))


@router.get("/orders/{number}/transfer")
def order_page(request: Request, hub: TheHub, person: Anybody, number: Number) -> Response:
    """Show who could send what an order lacks to where its customer collects."""
    if not may(person, OPS):
        return locked(request, _("Asking for a transfer"), OPS)
    return _order_page(request, hub, number, Form())


@router.post("/orders/{number}/transfer")
async def order_act(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Have it brought from one of them."""
    form = await form_of(request)

    def work() -> Response:
        status = 422
        try:
            said = {"source": form.get("source"), "note": form.get("note")}
            wanted = form.read(ForOrderWanted, said)
            if wanted is not None:
                by = steps.By(name=person.name, key=form.get("key"))
                done: Asked = steps.for_order(hub, number, wanted, by)
                return go_to(f"/transfers/{quote(done.number)}", said="asked")
        except OrderspineError as error:
            form.refuse(error)
            status = error.http_status
        return _order_page(request, hub, number, form, status=status)

    return await run_in_threadpool(work)


def _order_page(request: Request, hub: Hub, number: str, form: Form, *, status: int = 200) -> Response:
    with hub.database.read() as connection:
        order_id = order_id_of(connection, number)
        names = place_names(connection)

    def look(unit: HubUnit) -> tuple[Wish | None, list[str], str]:
        work = hub.spine.work(unit)
        try:
            wish = orders.wish_of(work, order_id)
        except OrderspineError as error:
            return None, [], f"{error.what} {error.remedy}"
        return wish, orders.sources(work, wish), ""

    wish, able, why = hub.database.write(look)
    form.set_default(key=hub.ids.secret(KEY_BYTES), source=able[0] if able else "")
    return show(
        request,
        "transfers/for_order.html",
        status_code=status,
        number=number,
        form=form,
        wish=wish,
        able=able,
        why=why,
        names=names,
    )
