"""One order's part at this store: the steps after the walk, what happened, its paper; and the manifest."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from edge_agent.answers import Answer, drawn, said
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.rows import find_open
from edge_agent.fulfil.api import check_verified
from edge_agent.fulfil.pages import shown
from edge_agent.fulfil.pages.story import Node, changes_said, slips_of, story
from edge_agent.fulfil.pages.words import clock, kind_word, next_title, reject_reasons, state_word
from edge_agent.fulfil.steps import holds, inbox, parcels, pickup, views
from edge_agent.fulfil.steps.commands import (
    Accept,
    CloseManifest,
    HandOver,
    Pack,
    PutBack,
    Reject,
    Ship,
    Stage,
    TakeBack,
    Verify,
)
from edge_agent.fulfil.steps.models import AssignmentView, CandidateView
from edge_agent.fulfil.steps.taken_back import check_left
from edge_agent.pages import Ask, ask_in_place, command, form_of, show
from edge_agent.paper import rows as paper_rows
from edge_agent.paper import steps as paper_steps
from edge_agent.people.steps import name_of
from edge_agent.web import edge_of, parsed, signed_in
from protocol.errors import Invalid
from protocol.fulfilment import RejectReason
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
MANIFESTS_SHOWN: Final = 8

router = APIRouter(prefix="/fulfil", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class CarrierShown:
    """What waits for one carrier; the key makes a second click on the same button harmless."""

    name: str
    parcels: tuple[CandidateView, ...]
    key: str


@router.get("/work/{assignment_id}")
async def page(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Show what happened with an order here, and what is next."""
    return show(request, "fulfil/work.html", **view(edge.database.read(), edge, assignment_id, person))


@router.post("/work/{assignment_id}/accept")
async def accept(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take the work on."""
    wanted = await parsed(request, Accept)
    return await _did(
        request, edge, assignment_id, person,
        lambda unit: inbox.accept(unit, edge, assignment_id, wanted, person=person), _("Accepted."),
    )  # fmt: skip


@router.post("/work/{assignment_id}/reject")
async def reject(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Give the work back."""
    wanted = await parsed(request, Reject)
    return await _did(
        request, edge, assignment_id, person,
        lambda unit: inbox.reject(unit, edge, assignment_id, wanted, person=person),
        _("Given back. The hub routes it again."),
    )  # fmt: skip


@router.post("/work/{assignment_id}/pack")
async def pack(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Put what was picked into bags or parcels."""
    wanted = await parsed(request, Pack)
    return await _did(
        request, edge, assignment_id, person,
        lambda unit: parcels.pack(unit, edge, assignment_id, wanted, person=person),
        _("Packed. The labels print."),
    )  # fmt: skip


@router.post("/work/{assignment_id}/stage")
async def stage(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Put the bags on a shelf."""
    wanted = await parsed(request, Stage)
    return await _did(
        request, edge, assignment_id, person,
        lambda unit: parcels.stage(unit, edge, assignment_id, wanted, person=person),
        _("Ready. The customer hears of it."),
    )  # fmt: skip


@router.post("/work/{assignment_id}/ship")
async def ship(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Give the parcels to a carrier."""
    wanted = await parsed(request, Ship)
    return await _did(
        request, edge, assignment_id, person,
        lambda unit: parcels.ship(unit, edge, assignment_id, wanted, person=person), _("Shipped."),
    )  # fmt: skip


@router.post("/work/{assignment_id}/verify")
async def verify(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Recognise who collects, for a handheld; a wrong try is counted, then refused."""
    wanted = await parsed(request, Verify)
    done, _new = await edge.database.awrite(
        lambda unit: pickup.verify(unit, edge, assignment_id, wanted, person=person)
    )
    check_verified(done)
    return said(Answer(verification=done.verification))


@router.post("/work/{assignment_id}/hand-over")
async def hand_over(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Hand over, for a handheld."""
    wanted = await parsed(request, HandOver)
    return await _did(
        request, edge, assignment_id, person,
        lambda unit: pickup.hand_over(unit, edge, assignment_id, wanted, person=person), _("Handed over."),
    )  # fmt: skip


@router.post("/work/{assignment_id}/goods-back")
async def goods_back(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Say that the goods of a cancelled order lie on their shelf again."""
    wanted = await parsed(request, Accept)
    return await _did(
        request, edge, assignment_id, person,
        lambda unit: inbox.goods_put_back(unit, edge, assignment_id, wanted, person=person),
        _("Good: nothing of it is left to carry back."),
    )  # fmt: skip


@router.post("/work/{assignment_id}/nobody-came")
async def nobody_came(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Put goods back that nobody came for."""
    wanted = await parsed(request, PutBack)
    return await _did(
        request, edge, assignment_id, person,
        lambda unit: inbox.put_back_no_show(unit, edge, assignment_id, wanted, person=person),
        _("Given up. Carry the goods back to their shelf."),
    )  # fmt: skip


async def _did(  # noqa: PLR0917 - one step in the order of its parts
    request: Request,
    edge: Edge,
    assignment_id: str,
    person: CurrentPerson,
    step: Callable[[EdgeUnit], object],
    toast: str,
) -> Response:
    done = await edge.database.awrite(step)
    check_left(done[0] if isinstance(done, tuple) else done)
    shown_now = view(edge.database.read(), edge, assignment_id, person)
    return said(Answer(html=drawn(request, "fulfil/work.html", **shown_now), toast=toast))


@router.post("/work/{assignment_id}/take-back")
async def take_back(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take an order from a device that does not come back; a manager agrees in place."""
    form = await form_of(request)
    key = edge.ids.new_id()

    def step(unit: EdgeUnit, token: str | None) -> object:
        wanted = TakeBack(key=key, assignments=(assignment_id,), approval=token)
        return holds.take_back(unit, edge, wanted, person=person)

    says = _(
        "What that device has done meanwhile comes to light when it is back. It may have handed it over."
    )
    ask = Ask(_("Take it back from the device?"), says, keep=_("Leave it there"), allow=_("Take it back"))
    done = await ask_in_place(request, edge, person, form, ask, step)
    if isinstance(done, Response):
        return done
    toast = _("It is the store's again.")
    return show(
        request, "fulfil/work.html", toast=toast, **view(edge.database.read(), edge, assignment_id, person)
    )


@router.post("/work/{assignment_id}/print")
async def print_again(request: Request, assignment_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Print a slip of an order again, marked as a reprint."""
    form = await form_of(request)
    connection = edge.database.read()
    own = {slip.job_id for slip in slips_of(connection, views.assignment(connection, edge, assignment_id))}
    job_id = form.get("job")
    if job_id not in own:
        raise Invalid(_("This slip is not one of the order."), _("Look at the order's paper."))
    reason = _("asked for at fulfilment")
    await edge.database.awrite(
        lambda unit: paper_steps.reprint(unit, edge, job_id, reason=reason, person=person)
    )
    toast = _("It prints again, marked as a reprint.")
    if form.get("stay"):
        return show(request, "fulfil/toast_only.html", toast=toast)
    return show(
        request, "fulfil/work.html", toast=toast, **view(edge.database.read(), edge, assignment_id, person)
    )


@router.get("/manifest")
async def manifest(request: Request, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what waits for its carrier."""
    return show(request, "fulfil/manifest.html", **_manifest(edge))


@router.post("/manifest")
async def close_manifest(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """End the day with a carrier."""
    form = await form_of(request)
    wanted = command(CloseManifest, key=form.get("key"), carrier=form.get("carrier"))
    done, _new = await edge.database.awrite(
        lambda unit: parcels.close_manifest(unit, edge, wanted, person=person)
    )
    toast = _("Manifest {number} lists {n} parcels and prints.", number=done.number, n=done.parcels)
    return show(request, "fulfil/manifest.html", toast=toast, **_manifest(edge))


def _manifest(edge: Edge) -> dict[str, Any]:
    connection = edge.database.read()
    waiting = views.candidates(connection)
    by_carrier: dict[str, list[CandidateView]] = {}
    for each in waiting:
        by_carrier.setdefault(each.carrier, []).append(each)
    return {
        "waiting": len(waiting),
        "carriers": [
            CarrierShown(name, tuple(each), edge.ids.new_id()) for name, each in sorted(by_carrier.items())
        ],
        "done": [
            {
                "number": number,
                "carrier": carrier,
                "parcels": count,
                "at_us": at_us,
                "job_id": next(
                    (
                        job.job_id
                        for job in paper_rows.jobs(connection, state="", business_id=number, limit=1)
                    ),
                    "",
                ),
            }
            for number, carrier, count, at_us in connection.execute(
                "SELECT number, carrier, parcels, at_us FROM manifests ORDER BY seq DESC LIMIT ?",
                (MANIFESTS_SHOWN,),
            ).fetchall()
        ],
    }


def view(connection: Connection, edge: Edge, assignment_id: str, person: CurrentPerson) -> dict[str, Any]:
    """Return everything that the page of one order shows."""
    each = views.assignment(connection, edge, assignment_id)
    holder = next((hold for hold in views.holds(connection) if hold.assignment_id == assignment_id), None)
    held = bool(each.held_by) and each.held_by == person.device
    nodes: tuple[Node, ...] = story(connection, edge, each)
    return {
        "each": each,
        "shown": shown.steps(connection, edge, each, person.device),
        "state": state_word(each.state, accepted=each.accepted),
        "clock": clock(edge, each.due_us, each.clock),
        "kind_word": kind_word(each.kind, each.service),
        "next_title": next_title(each),
        "nodes": nodes,
        "changes": changes_said(connection, each) if each.next else (),
        "slips": slips_of(connection, each),
        "held": held,
        "held_by": each.held_by,
        "holder": (name_of(connection, holder.by), holder.at_us) if holder else ("", 0),
        "ids_json": json.dumps([assignment_id]),
        "reasons": reject_reasons(),
        "task": task_of(connection, each),
        "damaged": each.ended_how == RejectReason.DAMAGED,
    }


def task_of(connection: Connection, each: AssignmentView) -> str:
    """Return which task of carrying goods back is open for an order."""
    for kind in ("put_back", "no_show"):
        if find_open(connection, f"{kind}:{each.assignment_id}") is not None:
            return kind
    return ""
