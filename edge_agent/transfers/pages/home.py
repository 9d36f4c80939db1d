"""Transfers at a glance; what a label means; a request that is written by scanning."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.pages import Form, command, form_of, go_to, show
from edge_agent.paper import steps as paper_steps
from edge_agent.stock.rows import on_hand_of
from edge_agent.stock.words import sold_parts
from edge_agent.transfers.pages import shown
from edge_agent.transfers.pages.words import reasons
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.rows.transfers import Way
from edge_agent.transfers.steps import arriving, asking, views
from edge_agent.transfers.steps.commands import Ask, ScanItem
from edge_agent.web import edge_of, signed_in
from edge_agent.words import items_word
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.filters import qty
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import UNITS
from protocol.sscc import read_label

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
WorkId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$")]
LISTED: Final = 60
RECENT: Final = 8
DIGITS: Final = 12
"""Digits that are read as a number; more of them take Python long."""
DAY_US: Final = 24 * 3600 * 1_000_000

router = APIRouter(prefix="/transfers", include_in_schema=False)


@router.get("")
async def home(request: Request, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what is to be answered, sent and received, and what is on its way."""
    return show(request, "transfers/transfers.html", **_home(edge.database.read(), edge))


@router.post("/scan")
async def scan(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Go where a label leads: its transfer, or the question what an unknown carton is."""
    code = (await form_of(request)).get("code")[:512]
    await edge.database.awrite(lambda unit: paper_steps.slip_seen(unit, edge, code, person=person))
    meant = arriving.meaning(edge.database.read(), edge, code)
    arriving.check_one(meant)
    if meant.transfer_id and rows.find(edge.database.read(), meant.transfer_id) is not None:
        if meant.kind == "carton" and meant.way == "in" and meant.state == "expected":
            wanted = ScanItem(key=edge.ids.new_id(), code=code)
            await edge.database.awrite(
                lambda unit: arriving.scan(unit, edge, meant.transfer_id, wanted, person=person)
            )
        return go_to(request, f"/transfers/{meant.transfer_id}")
    if meant.kind == "carton":
        return go_to(request, f"/transfers/carton/{meant.sscc}")
    raise NotFound(meant.what, meant.remedy, code="unknown_code")


@router.get("/number/{number}")
async def by_number(
    request: Request, number: Annotated[str, Path(max_length=64)], edge: AnyEdge, _person: Anybody
) -> Response:
    """Open the transfer of a printed number."""
    found = rows.by_number(edge.database.read(), number)
    if found is None:
        raise NotFound(
            _("Transfer {number} is not known in this store.", number=number),
            _("It may be another store's. Scan the labels of its cartons."),
            code="no_transfer",
        )
    return go_to(request, f"/transfers/{found.transfer_id}")


@router.get("/new")
async def new(
    request: Request,
    edge: AnyEdge,
    _person: Anybody,
    way: Way = "out",
    work_id: str = Query("", max_length=64),
) -> Response:
    """Write a request: what goes, where to."""
    if not work_id:
        return go_to(request, f"/transfers/new?way={way}&work_id={edge.ids.new_id()}")
    return show(request, "transfers/new.html", **_new(edge.database.read(), edge, work_id, way))


@router.post("/new/{work_id}/scan")
async def new_scan(request: Request, work_id: WorkId, edge: AnyEdge, person: Anybody) -> Response:
    """Add an article that was scanned or typed to a request."""
    form = await form_of(request)
    way: Way = "in" if form.get("way") == "in" else "out"
    code = form.get("code")[:512] or form.get("typed")[:512]
    connection = edge.database.read()
    if read_label(code):
        raise Refused(
            _("This is the label of a carton, not of an article."),
            _("Scan the articles one by one."),
            code="not_an_item",
        )
    product = edge.products.scan(connection, code) or edge.products.find(connection, code)
    if product is None:
        raise NotFound(
            _("{code} is not in the catalogue of this store.", code=code[:40]),
            _("Scan it once more, or type its number."),
            code="unknown_code",
        )
    _wanted(connection, edge, form, _("Correct it, then scan again. This one was not added."))
    row = work.ScanRow(
        scan_id=edge.ids.new_id(),
        work_id=work_id,
        step="ask",
        line_no=0,
        sku=product.sku,
        name=product.name,
        sscc="",
        units=1,
        how="scan",
        at_us=edge.clock.now_us(),
    )
    await edge.database.awrite(lambda unit: work.add_scan(unit, row, person.person_id))
    values = _new(edge.database.read(), edge, work_id, way, form, row)
    return show(request, "transfers/new.html", **values)


@router.post("/new/{work_id}")
async def ask(request: Request, work_id: WorkId, edge: AnyEdge, person: Anybody) -> Response:
    """Ask for it, or set it aside to be sent."""
    form = await form_of(request)
    way: Way = "in" if form.get("way") == "in" else "out"
    remedy = _("Type digits only, or leave it empty. Nothing was asked for.")
    units = _wanted(edge.database.read(), edge, form, remedy)
    lines = [{"sku": sku, "quantity": count} for sku, count in units.items() if count]
    if not lines:
        raise Refused(
            _("There is nothing in it yet."), _("Scan an article, or type its number."), code="no_lines"
        )
    other = form.get("other") or form.get("place") or "-"
    wanted = command(
        Ask,
        key=form.get("key"),
        way=way,
        other=other,
        sure=form.get("sure") == other,
        reason=form.get("reason") or "replenish",
        lines=tuple(lines),
        note=form.get("note")[:300],
    )
    try:
        done, _fresh = await edge.database.awrite(
            lambda unit: asking.ask(unit, edge, wanted, person=person, work_id=work_id)
        )
    except Refused as refusal:
        if refusal.reason != "unknown_place":
            raise
        values = _new(edge.database.read(), edge, work_id, way, form) | {"unknown": other}
        return show(request, "transfers/new.html", **values)
    return go_to(request, f"/transfers/{done.transfer_id}")


def _wanted(connection: Connection, edge: Edge, form: Form, remedy: str) -> dict[str, int]:
    """Return the units of each article as they were typed; an empty field is none.

    Raises:
        Invalid: `bad_units`, one of them is no number of units; says which, and `remedy`.
    """
    typed = form.under("units-")
    for sku, text in typed.items():
        if text and not (text.isascii() and text.isdigit() and len(text) <= DIGITS and int(text) <= UNITS):
            named = edge.products.find(connection, sku)
            raise Invalid(
                _("{text} is no number of units of {name}; at most {limit}.",
                  text=repr(text[:20]), name=named.name if named else sku[:40], limit=qty(UNITS)),
                remedy,
                code="bad_units",
                sku=sku[:64],
            )  # fmt: skip
    return {sku: int(text or 0) for sku, text in typed.items()}


def _home(connection: Connection, edge: Edge) -> dict[str, Any]:
    names = shown.names_of(connection)

    def listed(way: Way, states: tuple[str, ...], limit: int = LISTED, *, newest: bool = False) -> list[Any]:
        found = views.listed(connection, edge, way, states, limit, newest=newest)
        return [shown.row(names, each) for each in found]

    over = rows.listed(connection, "out", views.OUT_OVER, RECENT, newest=True)
    over += rows.listed(connection, "in", views.IN_OVER, RECENT, newest=True)
    recent = sorted(over, key=lambda each: each.changed_us, reverse=True)[:RECENT]
    to_answer, to_send = listed("out", ("requested",)), listed("out", ("accepted", "picked", "packed"))
    coming = listed("in", views.IN_OPEN)
    return {
        "to_answer": to_answer,
        "to_send": to_send,
        "coming": coming,
        "asked": listed("in", views.IN_ASKED),
        "away": listed("out", views.OUT_AWAY),
        "unannounced": views.unannounced(connection, RECENT),
        "names": names,
        "recent": [shown.row(names, views.one(connection, edge, each.transfer_id)) for each in recent],
        "headline": _headline(len(to_answer) + len(to_send), len(coming)),
        "items_word": items_word,
    }


def _headline(out: int, coming: int) -> str:
    if out and coming:
        return _("{out} to send, {coming} on the way here", out=out, coming=coming)
    if out:
        return _("1 transfer to send") if out == 1 else _("{n} transfers to send", n=out)
    if coming:
        return (
            _("1 transfer on the way here") if coming == 1 else _("{n} transfers on the way here", n=coming)
        )
    return _("Nothing to send, nothing on the way")


def _new(  # noqa: PLR0917 - what a request is written from
    connection: Connection,
    edge: Edge,
    work_id: str,
    way: Way,
    form: Form | None = None,
    added: work.ScanRow | None = None,
) -> dict[str, Any]:
    said = form or Form(())
    scanned = work.asked_for(connection, work_id)
    typed = said.under("units-")
    before = {each.sku: each.units for each in scanned}
    units = {sku: int(typed[sku] or 0) if sku in typed else count for sku, count in before.items()}
    if added and added.sku in typed:
        units[added.sku] = min(UNITS, units[added.sku] + 1)
    here = on_hand_of(connection, before)
    return {
        "work_id": work_id,
        "way": way,
        "key": f"ask-{work_id}"[:64],
        "lines": [
            (each.sku, each.name, units[each.sku], sold_parts(here[each.sku].rights)) for each in scanned
        ],
        "places": views.places(connection, edge),
        "other": said.get("other"),
        "place": said.get("place"),
        "reasons": reasons(),
        "reason": said.get("reason") or "replenish",
        "note": said.get("note"),
        "last": (added.name, units.get(added.sku, 0), added.scan_id) if added else None,
        "unknown": "",
    }
