"""The pickup desk: find the order, recognise who asks for it, hand it over, undo that if it was wrong."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.api import check_verified
from edge_agent.fulfil.pages import shown
from edge_agent.fulfil.pages.inbox import leads_to
from edge_agent.fulfil.pages.story import slips_of
from edge_agent.fulfil.pages.words import (
    clock,
    next_word,
    second_identifiers,
    state_word,
    time_of,
    verified_word,
)
from edge_agent.fulfil.steps import pickup, views
from edge_agent.fulfil.steps.commands import HandLine, HandOver, UndoHandover, Verify
from edge_agent.fulfil.steps.models import AssignmentView, HandoverView, Verification
from edge_agent.fulfil.steps.taken_back import check_left
from edge_agent.pages import Ask, ask_in_place, command, form_of, go_to, show
from edge_agent.paper import steps as paper_steps
from edge_agent.web import edge_of, signed_in
from edge_agent.words import items_word
from protocol.errors import Invalid, NotFound, Refused, TooManyTries
from protocol.fulfilment import Verified
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.filters import money, when
from protocol.kit.web.shell import Shape
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
_LINES = TypeAdapter(tuple[HandLine, ...])
_AT_DESK = frozenset({"packed", "ready"})
_BESIDE_THE_FIELD = frozenset(
    {"wrong_code", "code_locked", "id_not_seen", "no_contact", "code_of_another_order"}
)

router = APIRouter(prefix="/fulfil", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class LastShown:
    """The last handover at this store that can still be taken back."""

    number: str
    at_us: int
    handover_id: str
    seconds: int


@router.get("/pickup")
async def search(
    request: Request, edge: AnyEdge, person: Anybody, q: Annotated[str, Query(max_length=120)] = ""
) -> Response:
    """Find an order to be collected; without a search, what stands ready."""
    connection = edge.database.read()
    text = q.strip()
    if text:
        found = views.pickup_search(connection, edge, text)
        mine = [each for each in found if each.kind == "collect"]
        if len(mine) == 1 and mine[0].next:
            return go_to(request, f"/fulfil/pickup/{mine[0].assignment_id}")
    else:
        mine = [each for each in views.work_list(connection, edge, kind="collect") if each.state == "ready"]
    rows = [shown.row(connection, edge, each, person.device) for each in mine]
    return show(request, "fulfil/pickup.html", **_empty(connection, edge, text, rows))


@router.get("/pickup/{assignment_id}")
async def desk(request: Request, assignment_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Show one order at the desk."""
    return show(request, "fulfil/pickup.html", **view(edge.database.read(), edge, assignment_id))


@router.post("/pickup/scan")
async def scan(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take a scan at the desk: the customer's code opens the order, and recognises them at once."""
    form = await form_of(request)
    code = form.get("code")[:512]
    await edge.database.awrite(lambda unit: paper_steps.slip_seen(unit, edge, code, person=person))
    slip = parse_slip_code(code)
    found = views.look_up(edge.database.read(), edge, code)
    collected = [each for each in found.assignments if each.kind == "collect"]
    if not collected:
        return go_to(request, leads_to(found, slip[0] if slip else ""))
    each = next((one for one in collected if one.state in _AT_DESK), collected[0])
    if slip is None or slip[0] != "po" or each.state not in _AT_DESK:
        return go_to(request, f"/fulfil/pickup/{each.assignment_id}")
    wanted = Verify(key=edge.ids.new_id(), how=Verified.CODE, said=code)
    done = await _verified(edge, each.assignment_id, wanted, person)
    shown_now = view(edge.database.read(), edge, each.assignment_id, verified=done.verification, how="code")
    response = show(request, "fulfil/pickup.html", **shown_now)
    response.headers["HX-Push-Url"] = f"/fulfil/pickup/{each.assignment_id}"
    return response


@router.post("/pickup/{assignment_id}/verify")
async def verify(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Recognise who collects; what did not match is said beside the field, and was counted."""
    form = await form_of(request)
    how = form.get("how", "code")
    key = edge.ids.new_id()
    wanted = command(
        Verify,
        key=key,
        how=how,
        said=form.get("said")[:200],
        id_seen=form.get("id_seen") == "yes",
        proxy=form.get("proxy") == "yes",
    )

    def step(unit: EdgeUnit, token: str | None) -> tuple[Verification, bool]:
        asked = wanted.model_copy(update={"approval": token})
        return pickup.verify(unit, edge, assignment_id, asked, person=person)

    ask = Ask(_("Hand it over without any proof?"), _("A lead says who this is, and answers for it."))
    try:
        done = await ask_in_place(request, edge, person, form, ask, step)
        if isinstance(done, Response):
            return done
        check_verified(done[0])
    except (Refused, Invalid, TooManyTries) as error:
        if error.reason not in {
            "wrong_code",
            "code_locked",
            "id_not_seen",
            "no_contact",
            "code_of_another_order",
        }:
            raise
        said = f"{error.what} {error.remedy}"
        shown_now = view(edge.database.read(), edge, assignment_id, how=how, error=said)
        return show(request, "fulfil/pickup.html", status_code=error.http_status, **shown_now)
    shown_now = view(edge.database.read(), edge, assignment_id, verified=done[0].verification, how=how)
    return show(request, "fulfil/pickup.html", **shown_now)


async def _verified(edge: Edge, assignment_id: str, wanted: Verify, person: CurrentPerson) -> Verification:
    done, _new = await edge.database.awrite(
        lambda unit: pickup.verify(unit, edge, assignment_id, wanted, person=person)
    )
    check_verified(done)
    return done


@router.post("/pickup/{assignment_id}/hand-over")
async def hand_over(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Hand over what is ticked."""
    form = await form_of(request)
    wanted = command(
        HandOver,
        key=form.get("key"),
        verification=form.get("verification") or "-",
        lines=_lines(form.get("lines")),
    )
    done, _new = await edge.database.awrite(
        lambda unit: pickup.hand_over(unit, edge, assignment_id, wanted, person=person)
    )
    check_left(done)
    shown_now = view(edge.database.read(), edge, assignment_id, handed=done.handover_id)
    return show(request, "fulfil/pickup.html", **shown_now)


def _lines(text: str) -> tuple[HandLine, ...]:
    """Return which lines a form ticks.

    Raises:
        Invalid: they cannot be read, or none is ticked.
    """
    try:
        lines = _LINES.validate_json(text or "[]")
    except ValidationError as error:
        raise Invalid(
            _("These lines cannot be read."), _("Reload the order."), code="invalid_field"
        ) from error
    if not lines:
        raise Invalid(_("Nothing is ticked."), _("Tick what the customer takes."), code="nothing_ticked")
    return lines


@router.post("/handovers/{handover_id}/undo")
async def undo(request: Request, handover_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take a handover back."""
    wanted = UndoHandover(key=edge.ids.new_id())
    done, _new = await edge.database.awrite(
        lambda unit: pickup.undo_handover(unit, edge, handover_id, wanted, person=person)
    )
    address = "pickup" if (await form_of(request)).get("desk") else "work"
    return go_to(request, f"/fulfil/{address}/{done.assignment_id}")


def _empty(connection: Connection, edge: Edge, q: str, found: Sequence[shown.RowShown]) -> dict[str, Any]:
    return {"q": q, "found": found, "each": None, "last": _last(connection, edge, "")}


def view(
    connection: Connection,
    edge: Edge,
    assignment_id: str,
    *,
    verified: str = "",
    how: str = "",
    error: str = "",
    handed: str = "",
) -> dict[str, Any]:
    """Return everything that the desk shows of one order."""
    each = views.assignment(connection, edge, assignment_id)
    lines = [line for line in each.items if line.picked]
    units = sum(line.picked for line in lines)
    done = next((one for one in each.handovers if one.handover_id == handed and not one.undone_us), None)
    newest = done or next((one for one in reversed(each.handovers) if one.undo_until_us), None)
    why, why_shape, next_href, following = _why_not(each)
    labels = [one for one in slips_of(connection, each) if one.document == "pickup_label" and one.again]
    minutes = edge.settings.fulfil.undo_minutes
    until = f"{time_of(edge, edge.clock.now_us() + minutes * 60_000_000):%H:%M}"
    return {
        "q": each.number,
        "found": (),
        "each": each,
        "state": state_word(each.state),
        "clock": clock(edge, each.due_us, each.clock),
        "about": _about(edge, each),
        "lines": () if done else lines,
        "items_word": _("{bags}, {items}", bags=_bags(each), items=items_word(units)),
        "verified": verified,
        "how": how,
        "how_word": verified_word(how),
        "error": error,
        "ways": second_identifiers(),
        "collector": _collector(connection, assignment_id),
        "due": money(each.due_minor, each.currency) if each.due_minor else "",
        "pay": f"/orders/{each.number}/rest",
        "why_not": "" if done else why,
        "why_shape": why_shape,
        "next_href": next_href,
        "next_word": following,
        "done": done,
        "done_word": items_word(done.units) if done else "",
        "done_says": _done_says(each, done, units),
        "undo_says": _(
            "Can be undone until {at}. The hub and the customer hear of it when the line is back.", at=until
        ),
        "undo_seconds": _seconds(edge, newest),
        "undo_id": newest.handover_id if newest else "",
        "last": None if done else _last(connection, edge, assignment_id),
        "key": edge.ids.new_id(),
        "words": json.dumps({"one": _("Hand over 1 item"), "many": _("Hand over {n} items")}),
        "reprint": labels[0].job_id if labels else "",
    }  # fmt: skip


def _about(edge: Edge, each: AssignmentView) -> list[tuple[str, object]]:
    zone = edge.settings.zone
    about: list[tuple[str, object]] = []
    if each.contact_label:
        about.append((_("For"), each.contact_label))
    paid = (
        _("{amount} to pay", amount=money(each.due_minor, each.currency)) if each.due_minor else _("in full")
    )
    about.append((_("Paid"), paid))
    about.append((_("Promised"), when(each.due_us, zone)))
    if each.keep_until_us:
        about.append((_("Kept until"), when(each.keep_until_us, zone, "EEE d MMM")))
    return about


def _bags(each: AssignmentView) -> str:
    count = len(each.parcels) or each.bags or 1
    return _("1 bag") if count == 1 else _("{n} bags", n=count)


def _collector(connection: Connection, assignment_id: str) -> str:
    try:
        return views.contact(connection, assignment_id).collector
    except NotFound:
        return ""


def _done_says(each: AssignmentView, done: HandoverView | None, left: int) -> str:
    if done is None:
        return ""
    rest = sum(line.open for line in each.items)
    return _("{n} of the order stay here.", n=rest) if rest or left else _("The order is complete.")


def _seconds(edge: Edge, done: HandoverView | None) -> int:
    return max(0, done.undo_until_us - edge.clock.now_us()) // 1_000_000 if done else 0


def _why_not(each: AssignmentView) -> tuple[str, Shape, str, str]:
    """Return why an order cannot be handed over now, its shape, and where to go instead."""
    if each.state in _AT_DESK and not each.cancel_asked and each.stopped is not None:
        return each.stopped.says, "act", "", ""
    if each.state in _AT_DESK and not each.cancel_asked:
        return "", "calm", "", ""
    if each.cancel_asked and each.next:
        return (
            _("The order is to be cancelled. Check it in first: then it is decided."),
            "act",
            f"/fulfil/work/{each.assignment_id}",
            _("Check in"),
        )
    words: dict[str, tuple[str, Shape]] = {
        "acknowledged": (_("It has not been picked yet."), "wait"),
        "picking": (_("It is being picked right now."), "wait"),
        "picked": (_("It is picked and not packed yet."), "wait"),
        "handed_over": (
            _("It was handed over already. After the time to undo, take it as a return."),
            "calm",
        ),
        "shipped": (_("It has left with the carrier."), "calm"),
        "cancelled": (_("The order was cancelled. Do not hand it over; put back what is picked."), "act"),
        "rejected": (_("This store gave it back; another one may have it."), "calm"),
        "short": (_("Nothing of it was found here; it went back to routing."), "act"),
    }
    what, shape = words.get(each.state, (_("It is not here any more."), "calm"))
    if not each.next:
        return what, shape, "", ""
    href = f"/fulfil/pick/{each.list_id}" if each.state == "picking" else f"/fulfil/work/{each.assignment_id}"
    return what, shape, href, next_word(each.next)


def _last(connection: Connection, edge: Edge, but: str) -> LastShown | None:
    """Return the newest handover that can still be taken back, of another order than the one shown."""
    since_us = edge.clock.now_us() - edge.settings.fulfil.undo_minutes * 60_000_000
    row = connection.execute(
        "SELECT h.handover_id, h.at_us, a.number FROM handovers h JOIN assignments a USING (assignment_id)"
        " WHERE h.at_us > ? AND h.undone_us = 0 AND h.assignment_id <> ? ORDER BY h.seq DESC LIMIT 1",
        (since_us, but),
    ).fetchone()
    if row is None:
        return None
    return LastShown(row[2], row[1], row[0], max(0, (row[1] - since_us) // 1_000_000))
