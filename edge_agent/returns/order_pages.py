"""Orders: one box that finds them, and one order as the spine of what happened to it."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.counter import rows as counter_rows
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.pages.inbox import leads_to
from edge_agent.fulfil.steps.views import look_up
from edge_agent.later import rows as later_rows
from edge_agent.later.order_pages import order_page, tender_word
from edge_agent.later.story import slip_shape
from edge_agent.pages import Ask, ask_in_place, command, form_of, go_to, show, templates_of, till_word
from edge_agent.paper import rows as paper_rows
from edge_agent.paper import steps as paper_steps
from edge_agent.paper.leads import WORK_SLIPS
from edge_agent.paper.rules import slip_label, state_label
from edge_agent.people import rows as people_rows
from edge_agent.returns import finding, steps
from edge_agent.returns.elsewhere import ask_of_receipt
from edge_agent.returns.finding import state_word
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, NotFound
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.shell import Shape
from protocol.kit.web.signin import CurrentPerson
from protocol.receipts import TEXT_LIMIT, is_statement

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One node of an order's spine."""

    at_us: int
    title: str
    says: str
    where: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip of this order, and what became of it."""

    job_id: str
    label: str
    state: str
    shape: Shape
    at_us: int


@router.get("/orders")
async def orders(
    request: Request,
    edge: AnyEdge,
    _person: Anybody,
    *,
    q: Annotated[str, Query(max_length=TEXT_LIMIT)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
    wanted: Annotated[str, Query(alias="for", max_length=10)] = "",
) -> Response:
    """List orders of this store; the filters stay in the address."""
    if is_statement(q):
        return go_to(request, f"/orders/{await ask_of_receipt(request, edge, q)}/return")
    connection = edge.database.read()
    text = finding.searched(q)
    found, more = finding.find(connection, edge, text, state, page)
    if text and len(found) == 1 and not state and page == 1 and not (wanted == "return" and found[0].later):
        return go_to(request, _address(found[0].number, wanted))
    if text and not found and not state:
        held = finding.held_for(connection, q)
        if held is not None:
            return go_to(request, f"/fulfil/pickup?q={held}")
    return show(
        request,
        "returns/orders.html",
        orders=found,
        more=more,
        q=q,
        state=state,
        page=page,
        wanted=wanted,
        states=[(each, finding.state_word(each)[0] if each else _("All")) for each in finding.STATES],
        address=lambda number: _address(number, wanted),
        online=edge.online(),
    )


@router.post("/orders/scan")
async def scan(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Open the order whose slip or number was scanned."""
    form = await form_of(request)
    code = form.get("code")
    if is_statement(code):
        return go_to(request, f"/orders/{await ask_of_receipt(request, edge, code)}/return")
    await edge.database.awrite(lambda unit: paper_steps.slip_seen(unit, edge, code, person=person))
    connection = edge.database.read()
    slip = parse_slip_code(code)
    if slip is not None and slip[0] == "ra":
        return go_to(request, f"/stock/mail-in/{slip[1]}")
    if slip is not None and slip[0] in WORK_SLIPS:
        return go_to(request, leads_to(look_up(connection, edge, code), slip[0]))
    number = finding.number_of(connection, code)
    held = None if number else finding.held_for(connection, code)
    if held is not None:
        return go_to(request, f"/fulfil/pickup?q={held}")
    if number is None and form.get("for") == "return" and edge.online():
        return go_to(request, f"/orders/{finding.searched(code)}/return")
    if number is None:
        raise NotFound(
            _("No order of this store has the code {code}.", code=code[:40]),
            _("Scan the slip once more, or type the last digits of its number."),
            code="unknown_order",
        )
    return go_to(request, _address(number, form.get("for")))


@router.get("/orders/{number}")
async def order(
    request: Request,
    number: str,
    edge: AnyEdge,
    _person: Anybody,
    *,
    taken: Annotated[str, Query(max_length=3)] = "",
    change: Annotated[int, Query(ge=0, le=10**12)] = 0,
) -> Response:
    """Show one order: what happened, its lines, its money, its paper; one for later has its own page."""
    found = later_rows.find(edge.database.read(), number)
    if found is not None:
        return order_page(request, edge, found, taken=taken == "yes", change_minor=change)
    return show(request, "returns/order.html", **_view(edge, number))


@router.post("/orders/{number}/print")
async def print_again(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Print the receipt again, marked as a reprint."""
    form = await form_of(request)
    jobs = paper_rows.jobs(edge.database.read(), state="", business_id=number, limit=20)
    wanted = form.get("job")
    job = next((job for job in jobs if (job.job_id == wanted if wanted else job.document == "receipt")), None)
    if job is None:
        raise Invalid(
            _("There is no slip of {number} to print again.", number=number), _("Look at the order.")
        )
    reason = form.get("reason")[:200] or _("asked for at the counter")
    await edge.database.awrite(
        lambda unit: paper_steps.reprint(unit, edge, job.job_id, reason=reason, person=person)
    )
    said = _(
        "{slip} {number} prints again, marked as a reprint.", slip=slip_label(job.document), number=job.title
    )
    if form.get("stay"):
        return show(request, "returns/order.html", toast=said, **_view(edge, number))
    return templates_of(request).page(request, "shell/after.html", closes=True, toast=said, warn="")


@router.post("/orders/{number}/goodwill")
async def goodwill(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Give money of a line back; the goods stay with the customer."""
    form = await form_of(request)
    amount = form.minor("amount", edge.settings.currency)
    wanted = command(
        steps.GiveGoodwill,
        key=form.get("key"),
        line_no=form.whole("line"),
        amount_minor=amount,
        reason=form.get("reason")[:300],
    )

    def step(unit: EdgeUnit, token: str | None) -> steps.Returned:
        agreed = wanted.model_copy(update={"approval": token})
        return steps.give_goodwill(unit, edge, number, agreed, person=person)[0]

    said = money(amount, edge.settings.currency)
    ask = Ask(
        _("Giving {amount} back needs somebody's word", amount=said),
        _("The goods stay with the customer."),
        keep=_("Not now"),
        allow=_("Give back {amount}", amount=said),
    )
    done = await ask_in_place(request, edge, person, form, ask, step)
    if isinstance(done, Response):
        return done
    toast = _("{amount} went back; {slip} prints.", amount=said, slip=done.number)
    return show(request, "returns/order.html", toast=toast, **_view(edge, number))


@router.post("/orders/{number}/void")
async def void(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Take a whole sale back on the day it was made."""
    form = await form_of(request)
    reason = form.get("reason") or form.get("reason_other")
    if not reason:
        raise Invalid(_("A void needs a reason."), _("Choose or type why the sale is taken back."))
    order_ = steps.require_order(edge.database.read(), edge, number)

    def step(unit: EdgeUnit, token: str | None) -> steps.Returned:
        wanted = command(steps.VoidOrder, key=form.get("key"), reason=reason[:300], approval=token)
        return steps.void_order(unit, edge, number, wanted, person=person)[0]

    amount = money(order_.total_minor, order_.currency)
    ask = Ask(
        _("Voiding {number} needs somebody's word", number=number),
        _("{amount} go back the way they came, and the goods never left.", amount=amount),
        keep=_("Keep the sale"),
        allow=_("Void {amount}", amount=amount),
    )
    done = await ask_in_place(request, edge, person, form, ask, step)
    if isinstance(done, Response):
        return done
    toast = _("{number} is voided; {slip} prints.", number=number, slip=done.number)
    return show(request, "returns/order.html", toast=toast, **_view(edge, number))


def _address(number: str, wanted: str) -> str:
    return f"/orders/{number}/return" if wanted == "return" else f"/orders/{number}"


def _view(edge: Edge, number: str) -> dict[str, Any]:
    connection = edge.database.read()
    found = counter_rows.find_order(connection, number)
    if found is None:
        steps.require_order(connection, edge, number)
        raise NotFound(_("No order {number} was sold here.", number=number[:40]), _("Check the number."))
    head = found.head
    back = steps.returnable(connection, edge, head.number)
    name = people_rows.find_person(connection, head.by)
    return {
        "order": found,
        "head": head,
        "back": back,
        "state": state_word(head.state),
        "till_word": till_word(head.till),
        "who": name.name if name else head.by,
        "steps": _steps(connection, found, back, name.name if name else head.by),
        "slips": _slips(connection, head.number, [each.number for each in back.returns]),
        "tender_word": tender_word,
        "key": edge.ids.new_id(),
        "reasons": (
            _("Wrong price"),
            _("Wrong item scanned"),
            _("Customer changed their mind"),
            _("Paid twice"),
        ),
        "sellable": any(line.left for line in back.lines) and not back.refusal,
    }


def _steps(
    connection: Connection, found: counter_rows.OrderRow, back: steps.Returnable, who: str
) -> tuple[Step, ...]:
    head = found.head
    units = sum(line.quantity for line in found.lines)
    paid = ", ".join(
        f"{tender_word(t.kind, t.last4)} {money(t.amount_minor, head.currency)}" for t in found.tenders
    )
    steps_ = [
        Step(
            head.at_us,
            _("Sold at {till} by {name}", till=till_word(head.till), name=who),
            _(
                "{units} items, {total}. {paid}.",
                units=units,
                total=money(head.total_minor, head.currency),
                paid=paid,
            ),
            "past",
        )
    ]
    for each in back.returns:
        person = people_rows.find_person(connection, each.by)
        amount = money(each.total_minor, head.currency)
        title = (
            _("Voided, {number}", number=each.number)
            if each.kind == "void"
            else _("Return {number}", number=each.number)
        )
        says = _("{amount} given back by {name}.", amount=amount, name=person.name if person else each.by)
        steps_.append(Step(each.at_us, title, says, "past"))
    acked = connection.execute("SELECT base + acked FROM link").fetchone()[0]
    newest = max([head.seq, *(each.seq for each in back.returns)])
    if newest <= acked:
        steps_.append(
            Step(0, _("The hub has it"), _("Everything of this order was sent and acknowledged."), "now")
        )
    else:
        said = _("Safe on this PC; it goes out by itself.")
        steps_.append(Step(0, _("Not at the hub yet"), said, "next", "/store/sync"))
    return tuple(steps_)


def _slips(connection: Connection, number: str, others: list[str]) -> tuple[Slip, ...]:
    jobs = [
        job
        for each in (number, *others)
        for job in paper_rows.jobs(connection, state="", business_id=each, limit=20)
    ]
    jobs.sort(key=lambda job: job.queued_us)
    return tuple(
        Slip(
            job.job_id,
            f"{slip_label(job.document)} {job.title}"
            + (", " + _("reprint") + f" {job.attempt - 1}" if job.attempt > 1 else ""),
            state_label(job.state),
            slip_shape(job.state),
            job.queued_us,
        )
        for job in jobs
        if job.document != "drawer"
    )
