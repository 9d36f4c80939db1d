"""The page of an order for later, why it went where it went, and the forms by which it is changed.

Every act has a page of its own: what is typed there is not disturbed by what happens meanwhile, and a refusal
comes back on the same page with everything that was typed. What a location must answer is only asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.capture.steps import By
from hub.capture.wanted import CancelWanted, ChangeWanted, RerouteWanted, WriteOffWanted
from hub.console.web import FINANCE, OPS, go_to, locked, may, place_names, show, templates_of
from hub.context import Hub
from hub.exceptions.rows import ExceptionRow
from hub.fulfil.risk import part_word
from hub.notify.words import kind_word, notice_pill, why_word
from hub.payments import steps as payments
from hub.payments.api import RefundDone
from hub.service import reads, steps
from hub.service.forms import UNITS, Form, customer_of, form_of, is_whole
from hub.service.reads import OrderShown
from hub.spine.timeline import Moment
from hub.web import Anybody, Number, Ops, TheHub, allow
from protocol.errors import NotFound, OrderspineError
from protocol.kit.hold_words import blocks_words, expiry_word, hold_kind_word, hold_pill, reason_says
from protocol.kit.text import _
from protocol.kit.web.filters import duration
from protocol.kit.web.signin import CurrentPerson
from protocol.people import HubRole

Id = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
OpsOrFinance = Annotated[CurrentPerson, Depends(allow(HubRole.OPS, HubRole.FINANCE))]
MONEY: Final = (*OPS, HubRole.FINANCE)
SAID: Final = (
    r"^(cancelled|requested|changed|lines|routed|unrouted|refunded|placed|held|released|rejected"
    r"|written_off)?$"
)
KEY_BYTES: Final = 8

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at the form of an act on one order."""

    request: Request
    hub: Hub
    person: CurrentPerson
    number: str
    template: str
    assignment_id: str = ""
    command_id: str = ""

    @property
    def roles(self) -> Sequence[str]:
        """Who may do it."""
        return MONEY if self.command_id else OPS

    @property
    def by(self) -> str:
        """Who does it, for the record."""
        return self.person.name


def order_page(  # noqa: PLR0917 - what the page of a sale has read already
    request: Request,
    person: CurrentPerson,
    found: OrderShown,
    spine: Sequence[Moment],
    raised: Sequence[ExceptionRow],
    names: dict[str, str],
    *,
    said: str = "",
) -> Response:
    """Show one order for later: the answer, then the evidence."""
    return show(
        request,
        "service/order.html",
        said=_said(said),
        said_shape="wait" if said in {"requested", "unrouted", "written_off"} else "done",
        shown=found,
        order=found.order,
        head=found.order.head,
        later=found.later,
        spine=spine,
        names=names,
        open=[row for row in raised if row.state == "open"],
        may_books=may(person, FINANCE),
        may_act=may(person, OPS),
        may_refund=may(person, MONEY),
        notice_word=kind_word,
        notice_pill=notice_pill,
        why_word=why_word,
        risk_word=part_word,
        hold_pill=hold_pill,
        hold_kind_word=hold_kind_word,
        blocks_words=blocks_words,
        expiry_word=expiry_word,
        reason_says=reason_says,
    )


def _said(word: str) -> str:
    words = {
        "cancelled": _("Cancelled. Money that was paid online for it is on its way back."),
        "requested": _(
            "Asked. Until the location answers this is requested, and everything stands as it was."
        ),
        "lines": _("Changed. The order and what is due for it stand below as they are now."),
        "changed": _("Changed. Whoever holds goods of it is told."),
        "routed": _("A location was found."),
        "unrouted": _("Still nobody can fulfil it; the reasons stand below."),
        "written_off": _("The order goes on without that location. It may be fulfilled twice."),
        "refunded": _("The refund stands in the books."),
        "placed": _("The order is placed."),
        "held": _("The order is on hold. Every location that works on it is told."),
        "released": _("Released. What the hold blocked may be done from now on."),
        "rejected": _("Rejected. What was open of the order is cancelled."),
    }
    return words.get(word, "")


@router.get("/orders/{number}/code")
def code(request: Request, hub: TheHub, _person: Ops, number: Number) -> Response:
    """Show the pickup code in place of its mask; whoever serves the customer asks for it by a click."""
    with hub.database.read() as connection:
        found = reads.find(connection, hub, number, place_names(connection))
    return templates_of(request).page(request, "service/code.html", code=found.pickup_code)


@router.get("/orders/{number}/routing")
def routing(
    request: Request,
    hub: TheHub,
    person: Anybody,
    number: Number,
    attempt: Annotated[int, Query(ge=0, le=1_000)] = 0,
) -> Response:
    """Show why an order went where it went: what was chosen, by which cost, and what removed every other."""
    with hub.database.read() as connection:
        names = place_names(connection)
        found = reads.find(connection, hub, number, names)
    if not found.decisions:
        raise NotFound(
            _("Nothing was decided for {number}.", number=number[:40]),
            _("The store that took it has set the goods aside itself."),
            code="no_decision",
        )
    at = min(attempt, len(found.decisions)) or len(found.decisions)
    return show(
        request,
        "service/routing.html",
        shown=found,
        head=found.order.head,
        decision=found.decisions[at - 1],
        at=at,
        names=names,
        may_act=may(person, OPS),
        oldest_word=oldest_word,
    )


def oldest_word(ages: Mapping[str, int | None]) -> str:
    """Return how old the oldest was that a decision knew of the locations it looked at."""
    if not ages:
        return _("not kept then")
    known = [age for age in ages.values() if age is not None]
    if len(known) < len(ages):
        return _("one was never heard")
    return duration(max(known))


@router.post("/orders/{number}/route")
def route(hub: TheHub, _person: Ops, number: Number) -> Response:
    """Route what nobody holds again."""
    decided = steps.route(hub, number)
    return go_to(f"/orders/{quote(number)}", said="routed" if decided.location else "unrouted")


@router.get("/orders/{number}/cancel")
def cancel_page(request: Request, hub: TheHub, person: Anybody, number: Number) -> Response:
    """Show what can be cancelled, and what follows."""
    return form_page(Visit(request, hub, person, number, "service/cancel.html"), Form())


@router.post("/orders/{number}/cancel")
async def cancel(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Cancel units of lines, or ask who holds them."""
    form = await form_of(request)

    def do() -> str:
        lines = [
            {"line_no": int(line_no), "units": units}
            for name in form.texts
            if name.startswith("units-") and is_whole(line_no := name.removeprefix("units-"), UNITS)
            if (units := form.units(name))
        ]
        if not lines and not form.errors:
            form.errors[""] = _("Nothing was cancelled. Type how many units, beside their line.")
        said = {"lines": lines, "reason": form.get("reason"), "by_customer": form.get("who") != "us"}
        wanted = form.read(CancelWanted, said)
        if wanted is None or form.errors:
            return ""
        done = steps.cancel(hub, number, wanted, By(person.name, form.get("key")))
        return "requested" if done.requested else "cancelled"

    visit = Visit(request, hub, person, number, "service/cancel.html")
    return await run_in_threadpool(act, visit, form, do)


@router.get("/orders/{number}/promise")
def promise_page(request: Request, hub: TheHub, person: Anybody, number: Number) -> Response:
    """Show the promise as it is, and who could keep another one."""
    return form_page(Visit(request, hub, person, number, "service/promise.html"), Form())


@router.post("/orders/{number}/promise")
async def promise(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Promise another place, a later moment, or shipping instead."""
    form = await form_of(request)

    def do() -> str:
        promised = form.promise(hub.settings.zone)
        wanted = form.read(ChangeWanted, {"promise": promised, "reason": form.get("reason")})
        if wanted is None or promised is None or form.errors:
            return ""
        done = steps.change(hub, number, wanted, By(person.name, form.get("key")))
        return "requested" if done.requested else "changed"

    visit = Visit(request, hub, person, number, "service/promise.html")
    return await run_in_threadpool(act, visit, form, do)


@router.get("/orders/{number}/customer")
def customer_page(request: Request, hub: TheHub, person: Anybody, number: Number) -> Response:
    """Show who it is for, and the note that travels with it."""
    return form_page(Visit(request, hub, person, number, "service/customer.html"), Form())


@router.post("/orders/{number}/customer")
async def customer(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Change the contact, the address or the note; a field that stays the same changes nothing."""
    form = await form_of(request)

    def do() -> str:
        said: dict[str, Any] = {"reason": form.get("reason") or _("asked by the customer")}
        if form.get("contact") == "yes":
            said["customer"] = customer_of(form)
        if form.get("note") != form.get("note_before"):
            said["note"] = form.get("note")
        names = {"customer.email": "email", "customer.phone": "phone"}
        wanted = form.read(ChangeWanted, said, names)
        if wanted is None or form.errors:
            return ""
        steps.change(hub, number, wanted, By(person.name, form.get("key")))
        return "changed"

    visit = Visit(request, hub, person, number, "service/customer.html")
    return await run_in_threadpool(act, visit, form, do)


@router.get("/orders/{number}/parts/{assignment_id}")
def part_page(request: Request, hub: TheHub, person: Anybody, number: Number, assignment_id: Id) -> Response:
    """Show what it means to ask a location to give its part up."""
    return form_page(
        Visit(request, hub, person, number, "service/part.html", assignment_id=assignment_id), Form()
    )


@router.post("/orders/{number}/parts/{assignment_id}")
async def part(request: Request, hub: TheHub, person: Ops, number: Number, assignment_id: Id) -> Response:
    """Ask a location to give its part up, so that another one fulfils it."""
    form = await form_of(request)

    def do() -> str:
        wanted = form.read(RerouteWanted, {"assignment_id": assignment_id, "reason": form.get("reason")})
        if wanted is None:
            return ""
        done = steps.reroute(hub, number, wanted, By(person.name, form.get("key")))
        return "requested" if done.requested else "changed"

    visit = Visit(request, hub, person, number, "service/part.html", assignment_id=assignment_id)
    return await run_in_threadpool(act, visit, form, do)


@router.post("/orders/{number}/parts/{assignment_id}/write-off")
async def write_off(
    request: Request, hub: TheHub, person: Ops, number: Number, assignment_id: Id
) -> Response:
    """Go on without a silent location, whose part may then be fulfilled twice."""
    form = await form_of(request)

    def do() -> str:
        said = {"assignment_id": assignment_id, "reason": form.get("without_reason")}
        wanted = form.read(WriteOffWanted, said, {"reason": "without_reason"})
        if wanted is None:
            return ""
        steps.write_off(hub, number, wanted, By(person.name, form.get("key")))
        return "written_off"

    visit = Visit(request, hub, person, number, "service/part.html", assignment_id=assignment_id)
    return await run_in_threadpool(act, visit, form, do)


@router.get("/orders/{number}/refunds/{command_id}")
def refund_page(request: Request, hub: TheHub, person: Anybody, number: Number, command_id: Id) -> Response:
    """Show a refund that somebody has to make at the payment service."""
    return form_page(
        Visit(request, hub, person, number, "service/refund.html", command_id=command_id), Form()
    )


@router.post("/orders/{number}/refunds/{command_id}")
async def refund(
    request: Request, hub: TheHub, person: OpsOrFinance, number: Number, command_id: Id
) -> Response:
    """Say that a refund was made at the payment service, and under which reference."""
    form = await form_of(request)

    def do() -> str:
        wanted = form.read(RefundDone, {"command_id": command_id, "reference": form.get("reference")})
        if wanted is None:
            return ""
        payments.confirm(hub, number, reference=wanted.reference, command_id=command_id, by=person.name)
        return "refunded"

    visit = Visit(request, hub, person, number, "service/refund.html", command_id=command_id)
    return await run_in_threadpool(act, visit, form, do)


def act(visit: Visit, form: Form, do: Callable[[], str]) -> Response:
    """Do what a form asks for and lead back to the order, or show the form again with what is wrong."""
    status = 422
    try:
        if done := do():
            return go_to(f"/orders/{quote(visit.number)}", said=done)
    except NotFound:
        raise
    except OrderspineError as error:
        form.refuse(error)
        status = error.http_status
    return form_page(visit, form, status=status)


def form_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    """Show the form of an act, with what was typed and what is wrong with it."""
    hub = visit.hub
    if not may(visit.person, visit.roles):
        return locked(visit.request, _("Changing an order"), visit.roles)
    with hub.database.read() as connection:
        names = place_names(connection)
        found = reads.find(connection, hub, visit.number, names)
        wanted: dict[str, int] = {}
        for line in found.lines:
            if line.goods and line.open:
                wanted[line.sku] = wanted.get(line.sku, 0) + line.open
        called = {line.sku: line.name for line in found.lines}
        places = reads.places_for(connection, hub, wanted, called)
    form.set_default(key=hub.ids.secret(KEY_BYTES))
    return show(
        visit.request,
        visit.template,
        status_code=status,
        shown=found,
        head=found.order.head,
        later=found.later,
        names=names,
        form=form,
        places=places,
        services=sorted(hub.settings.ship_minor),
        part=_chosen(found, visit.assignment_id) if visit.assignment_id else None,
        refund=_refund(found, visit.command_id) if visit.command_id else None,
    )


def _chosen(found: OrderShown, assignment_id: str) -> reads.PartShown:
    for part_ in found.parts:
        if part_.page.assignment.assignment_id == assignment_id:
            return part_
    raise NotFound(_("This order has no such part."), _("Look the order up again."), code="no_assignment")


def _refund(found: OrderShown, command_id: str) -> Any:
    for each in found.later.refunds:
        if each.command_id == command_id:
            return each
    raise NotFound(_("This order has no such refund."), _("Look the order up again."), code="no_refund")
