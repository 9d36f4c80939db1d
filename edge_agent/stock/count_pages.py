"""The pages of counts: the list, and one count, made for a handheld that may lose its Wi-Fi."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from edge_agent.along import TakenAlong, way_out
from edge_agent.answers import Answer, drawn, heard, part, said
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, go_to, show, with_word
from edge_agent.stock import count_checks, count_posting, count_views, counting, words
from edge_agent.stock.count_api import sees_books
from edge_agent.stock.count_models import (
    ConfirmCount,
    ConfirmLine,
    CountConfirmedView,
    CountScanned,
    CountView,
    LineView,
    OpenCount,
    Opened,
    PostCount,
    Posted,
    PrintSlip,
    RecountItems,
    Revoke,
    ScanCount,
    UndoCountScan,
    Wanted,
)
from edge_agent.stock.pages import why_of
from edge_agent.verbs import Act, PageVerb, add_page_verbs
from edge_agent.web import edge_of, signed_in
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.people import StoreRole, at_least
from protocol.stock import Figure

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
CountId = Annotated[str, Path(max_length=64)]
CLOSED = 12
_CONFIRMED: Final = frozenset({"counted", "again"})
router = APIRouter(prefix="/stock/counts", include_in_schema=False)


class Confirmed(Wanted):
    """One item, or all that nobody has counted, as a form of the page says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Annotated[str, Field(max_length=64)] = ""
    counted: Figure | None = None
    seen: Figure | None = None
    rest: bool = False
    as_of: Annotated[int, Field(ge=0, le=2**53)] | None = None


class Again(Wanted):
    """One item to count again."""

    sku: Annotated[str, Field(min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True)
class Figures:
    """What posting would write, for whoever posts."""

    rows: int
    over: int
    short: int
    value_minor: int


@router.get("")
async def page(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """List the counts of this store."""
    return show(request, "stock/counts.html", **_listed(edge, person))


def _listed(edge: Edge, person: CurrentPerson, scope: str = "bins", typed: str = "") -> dict[str, Any]:
    connection = edge.database.read()
    return {
        "open": count_views.listed(connection, edge, is_open=True),
        "closed": count_views.listed(connection, edge, is_open=False, limit=CLOSED),
        "may_open": at_least(StoreRole(person.role), StoreRole.LEAD),
        "key": edge.ids.new_id(),
        "scopes": [("bins", _("By shelf")), ("skus", _("By item")), ("all", _("Everything"))],
        "scope": scope,
        "typed": typed,
        "count_state": words.count_state,
        "source_word": words.source_word,
        "place_word": words.place_word,
    }


@router.post("")
async def open_count(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Open a count of shelves, items or everything; a lead agrees in place."""
    form = await form_of(request)
    names = tuple(dict.fromkeys(name.strip() for name in form.get("what").split(",") if name.strip()))
    scope = form.get("scope") or "bins"
    wanted = {"skus": names if scope == "skus" else (), "bins": names if scope == "bins" else ()}
    if scope == "skus":
        wanted["skus"] = tuple(_sku(edge, name) for name in names)
    asked = command(OpenCount, key=form.get("key"), scope=scope, note=form.get("note")[:300], **wanted)

    def step(unit: EdgeUnit, token: str | None) -> tuple[Opened, bool]:
        return counting.open_count(unit, edge, with_word(asked, token), person=person)

    done = await ask_in_place(
        request, edge, person, form, Ask(_("Open a count"), keep=_("Back"), allow=_("Open the count")), step
    )
    return go_to(request, f"/stock/counts/{done[0].count_id}") if isinstance(done, tuple) else done


def _sku(edge: Edge, text: str) -> str:
    product = edge.products.scan(edge.database.read(), text)
    return product.sku if product else text[:64]


@router.get("/{count_id}")
async def count(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Show one count."""
    return show(request, "stock/count.html", **_view(edge, count_id, person))


@router.post("/{count_id}/post")
async def post(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Write the differences; a manager agrees in place."""
    form = await form_of(request)
    accept = tuple(text for name, text in form.values if name == "accept")
    asked = command(
        PostCount,
        key=form.get("key"),
        accept=accept,
        leave=form.get("leave") == "yes",
        as_of=form.whole("as_of", 0),  # a page that says nothing is from before every figure
    )

    def step(unit: EdgeUnit, token: str | None) -> tuple[Posted, bool]:
        return count_posting.post(unit, edge, count_id, with_word(asked, token), person=person)

    title = _("Post the count")
    done = await ask_in_place(request, edge, person, form, Ask(title, keep=_("Back"), allow=title), step)
    return _ended(request, edge, count_id, person, done)


@router.post("/{count_id}/reverse")
async def reverse(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Take a posted count back; a manager agrees in place."""
    form = await form_of(request)
    asked = _reasoned(form)

    def step(unit: EdgeUnit, token: str | None) -> tuple[Posted, bool]:
        return count_posting.reverse(unit, edge, count_id, with_word(asked, token), person=person)

    title = _("Take this count back")
    done = await ask_in_place(request, edge, person, form, Ask(title, keep=_("Back"), allow=title), step)
    return _ended(request, edge, count_id, person, done)


@router.post("/{count_id}/cancel")
async def cancel(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Give a count up; a lead agrees in place."""
    form = await form_of(request)
    asked = _reasoned(form)

    def step(unit: EdgeUnit, token: str | None) -> tuple[BaseModel, bool]:
        return count_posting.cancel(unit, edge, count_id, with_word(asked, token), person=person)

    title = _("Give the count up")
    done = await ask_in_place(request, edge, person, form, Ask(title, keep=_("Back"), allow=title), step)
    return go_to(request, "/stock/counts") if isinstance(done, tuple) else done


@router.post("/{count_id}/sheet")
async def sheet(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Print the sheet of a count."""
    form = await form_of(request)
    asked = command(PrintSlip, key=form.get("key"))
    await edge.database.awrite(
        lambda unit: count_posting.print_sheet(unit, edge, count_id, asked, person=person)
    )
    return show(
        request, "stock/count.html", toast=_("The sheet is printing."), **_view(edge, count_id, person)
    )


def _reasoned(form: Form) -> Revoke:
    return command(Revoke, key=form.get("key"), reason=why_of(form))


def _ended(
    request: Request, edge: Edge, count_id: str, person: CurrentPerson, done: tuple[Posted, bool] | Response
) -> Response:
    if isinstance(done, Response):
        return done
    posted = done[0]
    toast = _("Written: {over} more, {short} fewer.", over=posted.over, short=posted.short)
    warn = words.broken_promise(posted.deficits)
    return show(
        request, "stock/count.html", toast="" if warn else toast, warn=warn, **_view(edge, count_id, person)
    )


def _view(edge: Edge, count_id: str, person: CurrentPerson) -> dict[str, Any]:
    sees = sees_books(person)
    found = count_views.view(edge.database.read(), edge, count_id, device=person.device, sees_books=sees)

    def having(*states: str) -> list[LineView]:
        return [line for line in found.lines if line.state in states]

    skus = [line.sku for line in found.lines] if found.state == "open" else []
    along = count_checks.along_of(edge.database.read(), edge, found.place, skus)
    counted = having("counted", "posted", "again") if found.state != "open" else having("counted", "posted")
    return {
        "count": found,
        # What was counted last comes first; whoever joins sees what the others are at.
        "now": sorted(having("counting"), key=lambda line: -line.counted_us),
        "again": having("again") if found.state == "open" else [],
        "todo": having("to_count") if found.state == "open" else [],
        "done": counted,
        "along": along,
        "way_out": way_out(),
        "along_says": _along_says(along, [line.sku for line in found.lines if line.state in _CONFIRMED]),
        "sees_books": sees,
        "figures": _figures(found),
        "progress": _progress(found),
        "key": edge.ids.new_id(),
        "count_state": words.count_state,
        "line_state": words.line_state,
        "place_word": words.place_word,
        "source_word": words.source_word,
    }


def _along_says(along: Sequence[TakenAlong], confirmed: Sequence[str]) -> str:
    """Return why a count cannot be posted: some of what it has confirmed is with a handheld."""
    waits = [each.says for each in along if not set(each.skus).isdisjoint(confirmed)]
    return " ".join((*waits[: count_checks.NAMED], way_out())) if waits else ""


def _progress(found: CountView) -> str:
    if found.state != "open":
        return words.count_state(found.state)[0]
    if found.scope == "all":
        return _("{n} counted", n=found.counted)
    return _("{done} of {all}", done=found.counted, all=found.rows)


def _figures(found: CountView) -> Figures:
    differ = [line.variance for line in found.lines if line.variance]
    return Figures(
        rows=len(differ),
        over=sum(change for change in differ if change > 0),
        short=-sum(change for change in differ if change < 0),
        value_minor=sum(line.value_minor or 0 for line in found.lines),
    )


def _drawn(act: Act) -> str:
    return drawn(act.request, "stock/count.html", **_view(act.edge, act.of[0], act.person))


def _heard(act: Act) -> Response:
    feedback = part(act.request, "stock/counted.html", scan=act.said, nth=act.command.key)
    return heard(act.said, ok=act.said.outcome == "counted", html=_drawn(act), feedback=feedback)


def _unscanned(act: Act) -> Response:
    done: CountScanned = act.said
    toast = _("Taken back: {name}, {n} counted.", name=done.name, n=done.counted)
    return said(Answer(html=_drawn(act), toast=toast, scan_id=done.scan_id))


def _confirm(
    unit: EdgeUnit, edge: Edge, count_id: str, form: Confirmed, *, person: CurrentPerson
) -> tuple[CountConfirmedView, bool]:
    lines = (ConfirmLine(sku=form.sku, counted=form.counted, seen=form.seen),) if form.sku else ()
    asked = ConfirmCount(key=form.key, lines=lines, rest=form.rest, as_of=form.as_of)
    return count_posting.confirm(unit, edge, count_id, asked, person=person)


def _confirmed(act: Act) -> Response:
    first = act.said.lines[0]
    toast = _("{name}: {n} counted.", name=first.name, n=first.counted)
    if first.again:
        toast = _("{name}: count it again, from the beginning.", name=first.name)
    return said(Answer(html=_drawn(act), toast=toast))


def _recount(
    unit: EdgeUnit, edge: Edge, count_id: str, form: Again, *, person: CurrentPerson
) -> tuple[Opened, bool]:
    return counting.recount(unit, edge, count_id, RecountItems(key=form.key, skus=(form.sku,)), person=person)


VERBS: Final = (
    PageVerb("/{count_id}/scan", ScanCount, counting.scan, _heard),
    PageVerb("/{count_id}/unscan", UndoCountScan, counting.undo, _unscanned),
    PageVerb("/{count_id}/confirm", Confirmed, _confirm, _confirmed),
    PageVerb("/{count_id}/recount", Again, _recount,
             lambda act: said(Answer(html=_drawn(act), toast=_("Count it from the beginning.")))),
)  # fmt: skip
"""What a page does that may lose its Wi-Fi; the rest are forms."""
add_page_verbs(router, VERBS)
