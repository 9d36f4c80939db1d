"""What arrives: scanned, said, taken in; and cartons that nobody has announced to this store."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from edge_agent.answers import Answer, drawn, heard, part, said
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.pages import go_to, show
from edge_agent.transfers.pages import shown
from edge_agent.transfers.pages.out import NOTHING_HEARD, redrawn, transfer_drawn
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.steps import arriving, receiving, views
from edge_agent.transfers.steps.commands import (
    SayLine,
    ScanItem,
    TakeIn,
    TakeInUnknown,
    UndoReceipt,
    UndoScan,
)
from edge_agent.transfers.steps.models import ReceivedAnswer, unknown_carton_words
from edge_agent.verbs import Act, PageVerb, Reply, add_page_verbs, nameless
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.sscc import is_sscc, spaced

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Sscc = Annotated[str, Path(pattern=r"^[0-9]{18}$")]
WorkId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$")]
CARTON = "carton-"

router = APIRouter(prefix="/transfers", include_in_schema=False)


@router.get("/carton/{sscc}")
async def carton(request: Request, sscc: Sscc, edge: AnyEdge, _person: Anybody) -> Response:
    """Open the transfer of a carton; one that nobody has announced is a question."""
    connection = edge.database.read()
    if not is_sscc(sscc):
        raise Invalid(
            _("{code} is no number of a carton: its check digit is wrong.", code=spaced(sscc)),
            _("Scan the label once more."),
            code="bad_sscc",
        )
    arriving.check_one(arriving.meaning(connection, edge, sscc))
    known = rows.find_carton(connection, sscc)
    if known is not None and rows.find(connection, known.transfer_id) is not None:
        return go_to(request, f"/transfers/{known.transfer_id}")
    if known is not None:
        return go_to(request, "/transfers")
    return show(request, "transfers/unknown.html", **_unknown(connection, edge, f"{CARTON}{sscc}"))


@router.get("/arrivals/{work_id}")
async def arrival(request: Request, work_id: WorkId, edge: AnyEdge, _person: Anybody) -> Response:
    """Take in goods without a label that nobody has announced."""
    if work_id == "new":
        return go_to(request, f"/transfers/arrivals/{edge.ids.new_id()}")
    return show(request, "transfers/unknown.html", **_unknown(edge.database.read(), edge, work_id))


def _taken_in(done: ReceivedAnswer) -> str:
    words = [_("1 item taken in") if done.units == 1 else _("{n} items taken in", n=done.units)]
    if done.bound:
        words.append(_("{n} for orders, ready to pick", n=done.bound))
    if done.damaged:
        words.append(_("{n} kept apart, damaged", n=done.damaged))
    if done.missing:
        words.append(_("{n} missing", n=done.missing))
    return ", ".join(words) + "."


def _unknown(connection: Connection, edge: Edge, work_id: str) -> dict[str, Any]:
    sscc = work_id.removeprefix(CARTON) if work_id.startswith(CARTON) else ""
    what, remedy = (
        unknown_carton_words(spaced(sscc))
        if sscc
        else (_("Goods that nobody has announced"), _("Scan what has arrived, item by item."))
    )
    counted = arriving.unknown_counted(connection, edge, TakeInUnknown(key="look", work_id=work_id))
    return {
        "work_id": work_id,
        "sscc": sscc,
        "spaced_sscc": spaced(sscc) if sscc else "",
        "what": what,
        "remedy": remedy,
        "lines": counted,
        "units": sum(each.units for each in counted),
        "places": views.places(connection, edge),
        "scans": len([each for each in work.scans(connection, work_id, "receive") if not each.undone]),
        "here": edge.settings.store_name,
        "names": shown.names_of(connection),
    }


def _heard(draw: Callable[[Act], str]) -> Reply:
    """Return what says what a scan came to, beside the page drawn anew."""

    def reply(act: Act) -> Response:
        feedback = part(act.request, "transfers/scanned.html", scan=act.said, nth=act.command.key, undo=False)
        taken = act.said.outcome in {"counted", "carton"}
        return heard(act.said, ok=taken, html=draw(act), feedback=feedback)

    return reply


def _unknown_drawn(act: Act) -> str:
    values = _unknown(act.edge.database.read(), act.edge, act.of[0])
    return drawn(act.request, "transfers/unknown.html", **values)


def _take_in(
    unit: EdgeUnit, edge: Edge, work_id: str, wanted: TakeInUnknown, *, person: CurrentPerson
) -> tuple[ReceivedAnswer, bool]:
    """Take in what was scanned here, whatever work the form names; the hub finds out where it came from."""
    return arriving.take_in(unit, edge, wanted.model_copy(update={"work_id": work_id}), person=person)


def _receipt_undone(act: Act) -> Response:
    transfer_id = act.said.transfer_id
    return said(Answer(go=f"/transfers/{transfer_id}" if transfer_id else "/transfers"))


VERBS: Final = (
    PageVerb("/{transfer_id}/arrival/scan", ScanItem, arriving.scan, _heard(transfer_drawn)),
    PageVerb("/{transfer_id}/arrival/undo", UndoScan, nameless(arriving.undo),
             redrawn(lambda _done: _("Taken back."))),
    PageVerb("/{transfer_id}/arrival/line", SayLine, nameless(arriving.say_line),
             redrawn(lambda _done: _("Noted."))),
    PageVerb("/{transfer_id}/receive", TakeIn, receiving.receive, redrawn(_taken_in)),
    PageVerb("/receipts/{receipt_id}/undo", UndoReceipt, receiving.undo, _receipt_undone),
    PageVerb("/arrivals/{work_id}/scan", ScanItem, arriving.scan_unknown, _heard(_unknown_drawn)),
    PageVerb("/arrivals/{work_id}/undo", UndoScan, nameless(arriving.undo),
             lambda act: said(
                 Answer(html=_unknown_drawn(act), toast=_("Taken back."), feedback=NOTHING_HEARD)
             )),
    PageVerb("/arrivals/{work_id}/line", SayLine, nameless(arriving.say_line),
             lambda act: said(Answer(html=_unknown_drawn(act), toast=_("Noted.")))),
    PageVerb("/arrivals/{work_id}/take-in", TakeInUnknown, _take_in,
             lambda act: said(Answer(go="/transfers", toast=_taken_in(act.said)))),
)  # fmt: skip
"""What can be done while goods arrive."""
add_page_verbs(router, VERBS, work_id=WorkId)
