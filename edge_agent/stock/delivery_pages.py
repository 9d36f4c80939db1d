"""The pages of deliveries: what is expected, unpacking with a handheld, receipts that can be put right."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field
from starlette.responses import Response

from edge_agent.answers import Answer, drawn, heard, part, said
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, file_of, form_of, go_to, show, with_word
from edge_agent.stock import delivery_rows, expecting, receipts, receiving, words
from edge_agent.stock.count_models import PrintSlip, Revoke
from edge_agent.stock.counting import below_zero, no_item
from edge_agent.stock.delivery_models import (
    BeginReceiving,
    Corrected,
    CorrectLine,
    CorrectReceipt,
    DeliveryScanned,
    DropReceiving,
    FinishReceiving,
    ImportDeliveries,
    Imported,
    ReceivingView,
    ScanDelivery,
    SeenLine,
    SetDelivered,
    UndoDeliveryScan,
    UnpackedLine,
)
from edge_agent.stock.pages import why_of
from edge_agent.verbs import Act, PageVerb, add_page_verbs
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.kit.units import check_units
from protocol.kit.web.signin import CurrentPerson, require
from protocol.money import format_minor
from protocol.people import StoreRole, at_least

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Lead = Annotated[CurrentPerson, Depends(require(StoreRole.LEAD, StoreRole.MANAGER))]
Id = Annotated[str, Path(max_length=64)]
RECEIPTS = 12
CODE = 64
"""As many letters as the code of an item has at most (`protocol.orders.Code`)."""
LARGEST = 4 * 1024 * 1024
router = APIRouter(prefix="/stock/receive", include_in_schema=False)


class LineSaid(SetDelivered):
    """What came of one item, as a form says it: a cost as people type it."""

    good: Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
    damaged: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    cost: Annotated[str, Field(max_length=20)] = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the unpacking is, in one word and its shape."""

    word: str
    shape: str


@router.get("")
async def page(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Show what is expected, what is being unpacked, and what came lately."""
    return show(request, "stock/receive.html", **_listed(edge, person))


def _listed(
    edge: Edge, person: CurrentPerson, *, report: Imported | None = None, error: str = ""
) -> dict[str, Any]:
    connection = edge.database.read()
    return {
        "expected": expecting.listed(connection, is_open=True),
        "blind": [row for row in delivery_rows.receivings(connection) if row.delivery_id is None],
        "receipts": receipts.listed(connection, edge, RECEIPTS),
        "may_import": at_least(StoreRole(person.role), StoreRole.LEAD),
        "report": report,
        "error": error,
        "key": edge.ids.new_id(),
        "delivery_state": words.delivery_state,
        "source_word": words.source_word,
    }


@router.post("")
async def begin(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Begin to unpack, or join whoever has begun."""
    form = await form_of(request)
    asked = command(
        BeginReceiving,
        key=form.get("key"),
        delivery_id=form.get("delivery_id")[:64] or None,
        supplier=form.get("supplier")[:120],
        reference=form.get("reference")[:80],
    )
    done, _new = await edge.database.awrite(lambda unit: receiving.begin(unit, edge, asked, person=person))
    return go_to(request, f"/stock/receive/{done.receiving_id}")


@router.post("/import")
async def import_file(request: Request, edge: AnyEdge, person: Lead) -> Response:
    """Expect what a CSV file lists; its report names every row that was left out."""
    try:
        name, data = await file_of(request, "file")
        done = await _import(edge, person, name, data)
    except Invalid as error:
        view = _listed(edge, person, error=f"{error.what} {error.remedy}")
        return show(request, "stock/receive.html", status_code=422, **view)
    toast = _("{n} rows are expected.", n=done.taken)
    return show(request, "stock/receive.html", toast=toast, **_listed(edge, person, report=done))


async def _import(edge: Edge, person: CurrentPerson, name: str, data: bytes) -> Imported:
    try:
        text = data.decode("utf-8-sig").replace("\x00", "")
    except UnicodeDecodeError as error:
        raise Invalid(
            _("The file is not text in UTF-8."), _("Save it as CSV UTF-8 and send it again."), code="not_csv"
        ) from error
    if not text.strip() or len(text) > LARGEST:
        raise Invalid(_("The file is empty or too large."), _("Choose another file."), code="not_csv")
    label = "".join(letter for letter in name.removesuffix(".csv") if letter.isprintable())[:80]
    asked = ImportDeliveries(key=edge.ids.new_id(), csv=text, supplier=label)
    done, _new = await edge.database.awrite(
        lambda unit: expecting.import_csv(unit, edge, asked, person=person)
    )
    return done


@router.post("/expected/{delivery_id}/cancel")
async def cancel(request: Request, delivery_id: Id, edge: AnyEdge, person: Lead) -> Response:
    """Say that a delivery will not come."""
    form = await form_of(request)
    asked = command(Revoke, key=form.get("key"), reason=form.get("reason")[:300] or _("Given up here"))
    await edge.database.awrite(lambda unit: expecting.cancel(unit, edge, delivery_id, asked, person=person))
    return show(request, "stock/receive.html", toast=_("It is given up."), **_listed(edge, person))


@router.get("/{receiving_id}")
async def unpack(request: Request, receiving_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what is being unpacked; what is received already leads to its receipt."""
    view = _view(edge, receiving_id)
    if view["goods"].state == "done":
        receipt_id = view["goods"].receipt_id
        number = receipts.require(edge.database.read(), receipt_id).number
        return go_to(request, f"/stock/receive/receipts/{number}")
    return show(request, "stock/unpack.html", **view)


@router.post("/{receiving_id}/finish")
async def finish(request: Request, receiving_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Put what came on the shelf; the receipt opens."""
    form = await form_of(request)
    asked = command(
        FinishReceiving,
        key=form.get("key"),
        rest_follows=form.get("rest") == "yes",
        repeated=form.get("repeated") == "yes",
    )
    done, _new = await edge.database.awrite(
        lambda unit: receiving.finish(unit, edge, receiving_id, asked, person=person)
    )
    return go_to(request, f"/stock/receive/receipts/{done.number}")


@router.post("/{receiving_id}/drop")
async def drop(request: Request, receiving_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Forget what was unpacked."""
    form = await form_of(request)
    asked = command(DropReceiving, key=form.get("key"))
    await edge.database.awrite(lambda unit: receiving.drop(unit, edge, receiving_id, asked, person=person))
    return go_to(request, "/stock/receive")


@router.get("/receipts/{receipt_id}")
async def receipt(request: Request, receipt_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Show one receipt as corrections have left it."""
    return show(request, "stock/receipt.html", **_receipt(edge, receipt_id))


@router.post("/receipts/{receipt_id}/correct")
async def correct(request: Request, receipt_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Put a receipt right: what really came of each item, or nothing at all; a manager agrees in place."""
    form = await form_of(request)
    why = why_of(form)
    whole = form.get("whole") == "yes"
    lines = () if whole else _lines(edge, form)
    asked = command(
        CorrectReceipt,
        key=form.get("key"),
        reason=why,
        lines=lines,
        whole=whole,
        seen=form.whole("seen", 0),
    )

    def step(unit: EdgeUnit, token: str | None) -> tuple[Corrected, bool]:
        return receipts.correct(unit, edge, receipt_id, with_word(asked, token), person=person)

    ask = Ask(_("Put the receipt right"), keep=_("Back"), allow=_("Put it right"))
    done = await ask_in_place(request, edge, person, form, ask, step)
    if isinstance(done, Response):
        return done
    warn = words.broken_promise(done[0].deficits)
    toast = "" if warn else _("The receipt is right now.")
    return show(request, "stock/receipt.html", toast=toast, warn=warn, **_receipt(edge, receipt_id))


def _lines(edge: Edge, form: Form) -> tuple[CorrectLine, ...]:
    damaged, costs = form.under("damaged:"), form.under("cost:")
    lines = []
    for sku, good in form.under("good:").items():
        one = Form((("good", good), ("damaged", damaged.get(sku, "0")), ("cost", costs.get(sku, ""))))
        cost = one.minor("cost", edge.settings.currency) if one.get("cost") else None
        said = {"good": one.whole("good"), "damaged": one.whole("damaged", 0)}
        check_units(((sku, units) for units in said.values()), _("Type how many really came."))
        if min(said.values()) < 0:
            raise below_zero(sku)
        if not 1 <= len(sku) <= CODE:
            raise no_item(sku or "?")
        lines.append(command(CorrectLine, sku=sku, unit_cost_minor=cost, **said))
    return tuple(lines)


@router.post("/receipts/{receipt_id}/print")
async def print_again(request: Request, receipt_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Print the slip once more."""
    form = await form_of(request)
    asked = command(PrintSlip, key=form.get("key"))
    await edge.database.awrite(
        lambda unit: receipts.print_again(unit, edge, receipt_id, asked, person=person)
    )
    toast = _("The slip is printing.")
    return show(request, "stock/receipt.html", toast=toast, **_receipt(edge, receipt_id))


def _receipt(edge: Edge, receipt_id: str) -> dict[str, Any]:
    currency = edge.settings.currency
    return {
        "receipt": receipts.view(edge.database.read(), edge, receipt_id),
        "key": edge.ids.new_id(),
        "unpacked_state": words.unpacked_state,
        "as_typed": lambda minor: format_minor(minor, currency),
    }


def _view(edge: Edge, receiving_id: str) -> dict[str, Any]:
    found = receiving.view(edge.database.read(), edge, receiving_id)
    currency = edge.settings.currency
    return {
        "goods": found,
        "came": [each for each in found.lines if each.good or each.damaged],
        "to_come": [each for each in found.lines if not each.good and not each.damaged],
        "progress": _progress(found),
        "differ": [each for each in found.lines if each.state not in {"right", "to_come"}],
        "key": edge.ids.new_id(),
        "unpacked_state": words.unpacked_state,
        "as_typed": lambda minor: format_minor(minor, currency),
        "seen": _seen,
    }


def _seen(line: UnpackedLine) -> str:
    """Return how an item stands, as its form says it when it is sent."""
    return SeenLine(
        good=line.good, damaged=line.damaged, unit_cost_minor=line.unit_cost_minor, reason=line.reason
    ).model_dump_json()


def _progress(found: ReceivingView) -> Progress:
    came = found.good + found.damaged
    if found.delivery_id is None:
        return Progress(_("{n} unpacked", n=came), "live")
    return Progress(
        _("{n} of {all}", n=came, all=found.expected), "done" if came == found.expected else "live"
    )


def _drawn(act: Act) -> str:
    return drawn(act.request, "stock/unpack.html", **_view(act.edge, act.of[0]))


def _heard(act: Act) -> Response:
    done: DeliveryScanned = act.said
    feedback = part(
        act.request, "stock/unpacked.html", scan=done, nth=act.command.key, damaged=act.command.damaged
    )
    return heard(done, ok=bool(done.scan_id), html=_drawn(act), feedback=feedback)


def _unscanned(act: Act) -> Response:
    done: DeliveryScanned = act.said
    toast = _("Taken back: {name}, {n} here.", name=done.name, n=done.good + done.damaged)
    return said(Answer(html=_drawn(act), toast=toast, scan_id=done.scan_id))


def _set_line(
    unit: EdgeUnit, edge: Edge, receiving_id: str, form: LineSaid, *, person: CurrentPerson
) -> tuple[DeliveryScanned, bool]:
    cost = None
    if form.cost.strip():
        cost = Form((("cost", form.cost),)).minor("cost", edge.settings.currency)
    asked = command(
        SetDelivered,
        key=form.key,
        sku=form.sku,
        good=form.good,
        damaged=form.damaged,
        unit_cost_minor=cost,
        reason=form.reason,
        seen=form.seen,
    )
    return receiving.set_line(unit, edge, receiving_id, asked, person=person)


def _line_set(act: Act) -> Response:
    done: DeliveryScanned = act.said
    toast = _("{name}: {n} here.", name=done.name, n=done.good + done.damaged)
    return said(Answer(html=_drawn(act), toast=toast))


VERBS: Final = (
    PageVerb("/{receiving_id}/scan", ScanDelivery, receiving.scan, _heard),
    PageVerb("/{receiving_id}/unscan", UndoDeliveryScan, receiving.undo, _unscanned),
    PageVerb("/{receiving_id}/line", LineSaid, _set_line, _line_set),
)
"""What a page does that may lose its Wi-Fi; the rest are forms."""
add_page_verbs(router, VERBS)
