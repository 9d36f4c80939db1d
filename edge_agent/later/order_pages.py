"""One order for later on a page, and what is done about it: take the rest, cancel, change, print again.

The page has the address of any order (`/orders/…`): whoever scans a slip need not know which kind it is.
"""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
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
from edge_agent.later import models, rows
from edge_agent.later.steps import change, money
from edge_agent.later.story import order_view
from edge_agent.later.views import matches
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, go_to, sheet, show
from edge_agent.paper import rows as paper_rows
from edge_agent.paper import steps as paper_steps
from edge_agent.paper.rules import Slip
from edge_agent.web import edge_of, signed_in
from edge_agent.words import tender_label
from protocol.clock import from_us
from protocol.errors import Invalid, OrderspineError, Refused
from protocol.kit.text import _
from protocol.kit.web.filters import money as money_word
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import TenderKind

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]

router = APIRouter(include_in_schema=False)


def tender_word(kind: str, last4: str = "") -> str:
    """Return a tender as people say it."""
    word = tender_label(TenderKind(kind))
    return f"{word} …{last4}" if last4 else word


def order_page(
    request: Request,
    edge: Edge,
    order: rows.OrderRow,
    *,
    toast: str = "",
    taken: bool = False,
    change_minor: int = 0,
) -> Response:
    """Show one order for later."""
    return show(
        request,
        "later/order.html",
        toast=toast,
        taken=taken,
        change_minor=change_minor,
        tender_word=tender_word,
        key=edge.ids.new_id(),
        **order_view(edge, order),
    )


@router.get("/orders/{number}/rest")
async def rest(
    request: Request,
    number: str,
    edge: AnyEdge,
    _person: Anybody,
    *,
    by: Annotated[str, Query(pattern=WAYS)] = "cash",
    taken: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Show what is still due and how it may be paid."""
    found = money.bill_of(edge.database.read(), number)
    if found.why_not or not found.due_minor:
        return go_to(request, f"/orders/{found.number}")
    return pay_page(request, edge, _bill(found), by, read_taken(taken or ()))


@router.post("/orders/{number}/rest")
async def take_rest(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Take a tender; with the last one the rest is paid."""
    form = await form_of(request)
    by, taken = form.get("by", "cash"), taken_in(form)
    found = money.bill_of(edge.database.read(), number)
    if found.why_not or not found.due_minor:
        return go_to(request, f"/orders/{found.number}")
    bill = _bill(found)
    left = bill.left_minor(taken)
    try:
        tender = next_tender(form, edge, by, left)
    except Invalid as error:
        return pay_page(request, edge, bill, by, taken, error=error, status_code=422)
    if covers(edge, tender, left):
        return await _finish(request, edge, person, form, found, (*taken, tender))
    if tender.amount_minor <= 0:
        return pay_page(request, edge, bill, by, taken)
    if len(taken) >= TENDERS_LIMIT:
        raise Refused(_("This order has too many tenders."), _("Take the rest in one."))
    return go_to(request, bill.address("split", (*taken, tender)))


def _bill(found: money.Bill) -> Bill:
    return Bill(
        total_minor=found.due_minor,
        currency=found.currency,
        word=_("Still due on {number}", number=found.number),
        here=f"/orders/{found.number}/rest",
        back=f"/orders/{found.number}",
        back_word=_("Back to order"),
        carried=(),
        kept=_("The payment is kept on this PC before the drawer opens; its slip prints by itself."),
        tab="/orders",
    )


async def _finish(  # noqa: PLR0917 - who pays what for which order
    request: Request,
    edge: Edge,
    person: CurrentPerson,
    form: Form,
    found: money.Bill,
    tenders: tuple[Taken, ...],
) -> Response:
    wanted = command(
        models.PaymentWanted,
        key=form.get("key") or edge.ids.new_id(),
        till=till_of(edge, person),
        amount_minor=found.due_minor,
        tenders=tuple(tender.given for tender in tenders),
    )
    try:
        done, _new = await edge.database.awrite(
            lambda unit: money.take_payment(unit, edge, found.number, wanted, person=person)
        )
    except Refused as error:
        by = form.get("by", "cash")
        bill = _bill(found)
        return pay_page(request, edge, bill, by, tenders[:-1], error=error, status_code=error.http_status)
    order = rows.find(edge.database.read(), done.number)
    said = _("{amount} taken.", amount=money_word(done.amount_minor, found.currency))
    if done.change_minor:
        said += " " + _("Change to give: {amount}.", amount=money_word(done.change_minor, found.currency))
    if order is None:
        return go_to(request, f"/fulfil/pickup?q={done.number}")
    return order_page(request, edge, order, toast=said)


@router.get("/orders/{number}/cancel")
async def cancel_page(request: Request, number: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what may be cancelled; all of it is proposed."""
    order = money.require(edge.database.read(), number)
    may = change.may_cancel(edge.database.read(), order)
    return _cancel_page(request, edge, order, chosen={str(n): units for n, units in may.items()})


@router.post("/orders/{number}/cancel/preview")
async def cancel_preview(request: Request, number: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what the chosen units would give back; nothing is changed."""
    form = await form_of(request)
    order = money.require(edge.database.read(), number)
    return _cancel_page(request, edge, order, chosen=_units(form), form=form)


@router.post("/orders/{number}/cancel")
async def cancel(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Cancel the chosen units and give back what was paid for them."""
    form = await form_of(request)
    order = money.require(edge.database.read(), number)
    units = {int(n): count for n, count in _units(form).items() if count > 0}
    try:
        plan = change.preview(edge.database.read(), edge, number, units)
    except (Invalid, Refused) as error:
        return _cancel_page(request, edge, order, chosen=_units(form), form=form, error=error)
    amount = money_word(plan.refund_minor, order.head.currency)
    why = _("It is more than {name} may give back alone. The choice stays as it is.", name=person.name)
    ask = _word_for(amount, why)

    def step(unit: EdgeUnit, token: str | None) -> models.Cancelled:
        wanted = command(
            models.CancelWanted,
            key=form.get("key") or edge.ids.new_id(),
            lines=tuple(models.CancelLine(line_no=n, quantity=count) for n, count in units.items()),
            reason=form.get("reason")[:300] or _("Changed their mind"),
            approval=token,
        )
        return change.cancel(unit, edge, number, wanted, person=person)[0]

    try:
        done = await ask_in_place(request, edge, person, form, ask, step)
    except (Invalid, Refused) as error:
        return _cancel_page(request, edge, order, chosen=_units(form), form=form, error=error)
    if isinstance(done, Response):
        return done
    said = _("Cancelled.")
    if done.refund_minor:
        said = _("Cancelled; {amount} go back.", amount=money_word(done.refund_minor, order.head.currency))
    return order_page(request, edge, money.require(edge.database.read(), number), toast=said)


def _cancel_page(
    request: Request,
    edge: Edge,
    order: rows.OrderRow,
    *,
    chosen: dict[str, int],
    form: Form | None = None,
    error: OrderspineError | None = None,
) -> Response:
    units = {int(n): count for n, count in chosen.items() if count > 0}
    plan: models.CancelPreview | None = None
    try:
        plan = change.preview(edge.database.read(), edge, order.head.number, units) if units else None
    except (Invalid, Refused) as wrong:
        error = error or wrong
    return show(
        request,
        "later/cancel.html",
        status_code=error.http_status if error else 200,
        order=order,
        head=order.head,
        chosen=chosen,
        may=change.may_cancel(edge.database.read(), order),
        plan=plan,
        key=(form.get("key") if form else "") or edge.ids.new_id(),
        reason=form.get("reason") if form else "",
        reasons=(
            _("Changed their mind"),
            _("Found it elsewhere"),
            _("Takes too long"),
            _("Ordered by mistake"),
        ),
        tender_word=tender_word,
        error=f"{error.what} {error.remedy}" if error else "",
    )


def _units(form: Form) -> dict[str, int]:
    found = {}
    for name, text in form.under("units-").items():
        if name.isascii() and name.isdecimal() and len(name) < 5 and text.isascii() and text.isdecimal():
            found[name] = int(text[:7])
    return found


def _word_for(amount: str, why: str) -> Ask:
    """Return the question for whoever may give so much back."""
    return Ask(
        _("A refund of {amount} needs somebody's word", amount=amount),
        why,
        keep=_("Not now"),
        allow=_("Give back {amount}", amount=amount),
    )


@router.post("/orders/{number}/back")
async def give_back(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Give back what is owed since others cancelled something of the order."""
    form = await form_of(request)
    order = money.require(edge.database.read(), number)
    owed = money.going_back(edge.database.read(), order, order.head.account.owed_minor).here_minor
    amount = money_word(owed, order.head.currency)
    ask = _word_for(amount, _("It is more than {name} may give back alone.", name=person.name))

    def step(unit: EdgeUnit, token: str | None) -> models.GivenBack:
        wanted = command(
            models.BackWanted,
            key=form.get("key") or edge.ids.new_id(),
            reason=_("Cancelled at the hub"),
            approval=token,
        )
        return money.give_back(unit, edge, number, wanted, person=person)[0]

    done = await ask_in_place(request, edge, person, form, ask, step)
    if isinstance(done, Response):
        return done
    said = _("{amount} go back.", amount=money_word(done.amount_minor, order.head.currency))
    return order_page(request, edge, money.require(edge.database.read(), number), toast=said)


@router.get("/orders/{number}/change")
async def change_sheet(request: Request, number: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what may be changed of an order that this store keeps."""
    return _change_sheet(request, edge, money.require(edge.database.read(), number))


@router.post("/orders/{number}/change")
async def change_order(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Change note, customer or time."""
    form = await form_of(request)
    order = money.require(edge.database.read(), number)
    try:
        wanted = command(
            models.ChangeWanted,
            key=form.get("key") or edge.ids.new_id(),
            note=form.get("note")[:300],
            due_us=_due_us(form.get("due"), edge.settings.zone, order.head.promise.due_us),
            contact_id=_customer(edge, form.get("customer")),
            reason=form.get("reason")[:300],
        )
        await edge.database.awrite(lambda unit: change.change(unit, edge, number, wanted, person=person))
    except (Invalid, Refused) as error:
        return _change_sheet(request, edge, order, error=error)
    now = money.require(edge.database.read(), number)
    return order_page(request, edge, now, toast=_("{number} is changed.", number=now.head.number))


def _change_sheet(
    request: Request, edge: Edge, order: rows.OrderRow, *, error: OrderspineError | None = None
) -> Response:
    due = from_us(order.head.promise.due_us).astimezone(ZoneInfo(edge.settings.zone))
    return sheet(
        request,
        "later/change.html",
        status_code=error.http_status if error else 200,
        head=order.head,
        local=f"{due:%Y-%m-%dT%H:%M}",
        key=edge.ids.new_id(),
        error=f"{error.what} {error.remedy}" if error else "",
    )


def _due_us(text: str, zone: str, before_us: int) -> int | None:
    """Return the moment that a field names; None when it is the one that stands already."""
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
        due_us = int(local.timestamp()) * 1_000_000
    except (ValueError, OverflowError) as error:
        raise Invalid(_("This is no day and time."), _("Choose it anew."), code="bad_date") from error
    same = due_us // 60_000_000 == before_us // 60_000_000
    return None if same else max(0, due_us)


def _customer(edge: Edge, text: str) -> str | None:
    """Return the one customer that was typed; None when nothing was."""
    if not text:
        return None
    found = matches(edge.database.read(), text)
    if len(found) != 1:
        raise Invalid(
            _("{n} customers are known by {text}.", n=len(found), text=text[:40]),
            _("Type the whole phone number or e-mail address of one."),
            code="unknown_contact",
        )
    return found[0].contact_id


@router.post("/orders/{number}/slip")
async def print_again(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Print the customer's slip again, marked as a reprint."""
    order = money.require(edge.database.read(), number)
    jobs = paper_rows.jobs(edge.database.read(), state="", business_id=order.head.number, limit=20)
    job = next((each for each in jobs if each.document == Slip.ORDER_SLIP), None)
    if job is None:
        raise Invalid(
            _("There is no slip of {number} to print again.", number=order.head.number),
            _("Slips are kept for a month; tell the customer the pickup code instead."),
        )
    await edge.database.awrite(
        lambda unit: paper_steps.reprint(
            unit, edge, job.job_id, reason=_("asked for at the counter"), person=person
        )
    )
    said = _("The slip of {number} prints again, marked as a reprint.", number=order.head.number)
    return order_page(request, edge, order, toast=said)
