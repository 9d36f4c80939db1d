"""Return: units of an order that come back, with the refund per tender shown before it is paid."""

from datetime import date
from typing import Annotated

from babel.dates import format_date
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.counter import rows as counter_rows
from edge_agent.counter.steps import basket as baskets
from edge_agent.counter.steps.sale import Sold, TenderGiven
from edge_agent.counter.views import till_of
from edge_agent.database import EdgeUnit
from edge_agent.later.order_pages import tender_word
from edge_agent.later.story import slip_shape
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, show
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.rules import state_label
from edge_agent.returns import exchange as exchanging
from edge_agent.returns import rows, steps
from edge_agent.returns.elsewhere import ask_hub
from edge_agent.returns.finding import state_word
from edge_agent.returns.policy import Judged
from edge_agent.returns.rules import bucket_label
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, OrderspineError, Refused
from protocol.kit.return_words import condition_word, outcome_word, proof_word, says
from protocol.kit.text import _
from protocol.kit.web.filters import locale_name, money
from protocol.kit.web.shell import Shape
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import TenderKind
from protocol.returns import Condition, Outcome, Proof, Refund

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]

router = APIRouter(include_in_schema=False)


@router.get("/orders/{number}/return")
async def return_page(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Show what may come back of an order, also of one that was sold elsewhere."""
    await ask_hub(request, edge, number)
    return _page(request, edge, number, Form(()), person)


@router.post("/orders/{number}/return/preview")
async def preview(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Show what the chosen units would give back, and what the policy says; nothing is changed."""
    await ask_hub(request, edge, number)
    return _page(request, edge, number, await form_of(request), person)


@router.post("/orders/{number}/return")
async def take_back(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Take the chosen units back and pay them out."""
    await ask_hub(request, edge, number)
    form = await form_of(request)
    try:
        lines = _wanted(form)
        if not lines:
            raise Invalid(_("Nothing is chosen."), _("Say how many of a line come back."))
        terms = _terms(form)
        found = steps.preview(edge.database.read(), edge, number, lines, terms, person=person)
        ask = _ask(edge, found, person)
        if form.get("refund") == Refund.EXCHANGE:
            return await _exchange(request, edge, person, form, (number, lines, terms), ask)

        def step(unit: EdgeUnit, token: str | None) -> steps.Returned:
            wanted = command(steps.ReturnUnits, key=form.get("key"), lines=lines, terms=terms, approval=token)
            return steps.return_units(unit, edge, number, wanted, person=person)[0]

        done = await ask_in_place(request, edge, person, form, ask, step)
    except (Invalid, Refused) as error:
        return _page(request, edge, number, form, person, error=error)
    if isinstance(done, Response):
        return done
    return show_done(request, edge, number, done)


async def _exchange(  # noqa: PLR0917 - who exchanges what for what
    request: Request,
    edge: Edge,
    person: CurrentPerson,
    form: Form,
    said: tuple[str, tuple[steps.BringBack, ...], steps.Terms],
    ask: Ask,
) -> Response:
    """Take the chosen units back for what is in the basket of this till."""
    number, lines, terms = said
    due = form.whole("due", 0)
    kind = _paid_kind(form)
    paid = [command(TenderGiven, kind=kind, amount_minor=due, last4=form.get("last4")[:4])] if due else []

    def step(unit: EdgeUnit, token: str | None) -> exchanging.Exchanged:
        wanted = command(
            exchanging.ExchangeUnits,
            key=form.get("key"),
            lines=lines,
            terms=terms,
            approval=token,
            basket_id=form.get("basket")[:64],
            version=form.whole("version", 0),
            tenders=tuple(paid),
        )
        return exchanging.exchange_units(unit, edge, number, wanted, person=person)[0]

    done = await ask_in_place(request, edge, person, form, ask, step)
    if isinstance(done, Response):
        return done
    return show_done(request, edge, number, done.returned, sold=done.sold)


def _paid_kind(form: Form) -> TenderKind:
    return TenderKind.CARD if form.get("pay") == "card" else TenderKind.CASH


def _ask(edge: Edge, found: steps.Look, person: CurrentPerson) -> Ask:
    """Return what is said to whoever must agree: why, and what goes back how."""
    currency = edge.settings.currency
    amount = money(found.plan.paid_minor, currency)
    judged = found.judged
    says = _("It is more than {name} may give back alone. The choice stays as it is.", name=person.name)
    if judged.outcome is not Outcome.AUTHORIZE:
        says = " ".join(_said(judged, currency).values())
    return Ask(
        _("A return of {amount} needs somebody's word", amount=amount),
        says,
        tuple((tender_word(t.kind, t.last4), money(t.amount_minor, currency)) for t in found.plan.refunds),
        keep=_("Not now"),
        allow=_("Give back {amount}", amount=amount),
        why="" if judged.outcome is Outcome.AUTHORIZE else _("Why is it allowed?"),
    )


def _said(judged: Judged, currency: str) -> dict[int, str]:
    """Return what the policy says of each line."""
    return {line_no: " ".join(says(found, currency)) for line_no, found in judged.by_line.items()}


def _terms(form: Form) -> steps.Terms:
    return command(
        steps.Terms,
        proof=form.get("proof")[:64] or Proof.RECEIPT.value,
        store_credit=form.get("refund") == Refund.STORE_CREDIT,
    )


def show_done(
    request: Request,
    edge: Edge,
    number: str,
    done: steps.Returned,
    *,
    sold: Sold | None = None,
    elsewhere: bool = False,
) -> Response:
    """Show a return that is done; `elsewhere`: there is no page of its order here."""
    job = paper_rows.find_job(edge.database.read(), done.receipt_job)
    return show(
        request,
        "returns/returned.html",
        number=number,
        done=done,
        sold=sold,
        elsewhere=elsewhere or rows.find_order(edge.database.read(), number) is None,
        tender_word=tender_word,
        bucket_label=bucket_label,
        currency=edge.settings.currency,
        slip=(state_label(job.state), slip_shape(job.state)) if job else (_("No slip"), "calm"),
        state=state_word(done.order_state),
    )


def _page(
    request: Request,
    edge: Edge,
    number: str,
    form: Form,
    person: CurrentPerson,
    *,
    error: OrderspineError | None = None,
) -> Response:
    connection = edge.database.read()
    found = steps.returnable(connection, edge, number)
    chosen = {
        name: int(text) for name, text in form.under("units-").items() if text.isdecimal() and len(text) < 7
    }
    look: steps.Look | None = None
    row = counter_rows.open_basket_of(connection, till_of(edge, person))
    basket = baskets.view(edge, row) if row else None
    try:
        lines = _wanted(form)
        if lines and not found.refusal:
            look = steps.preview(connection, edge, found.number, lines, _terms(form), person=person)
    except (Invalid, Refused) as wrong:
        error = error or wrong
    return show(
        request,
        "returns/return.html",
        status_code=422 if error else 200,
        back=found,
        state=state_word(found.state),
        chosen=chosen,
        reason=form.under("reason-"),
        bucket=form.under("bucket-"),
        serials=rows.serials_sold(connection, found.order_id),
        read_now=form.under("serials-"),
        proposed={each.code: each.to_bucket for each in found.reasons},
        plan=look.plan if look else None,
        judged=look.judged if look else None,
        denied=look is not None and look.judged.outcome is Outcome.DENY,
        said=_said(look.judged, edge.settings.currency) if look else {},
        outcome=outcome_face,
        until=_until,
        condition=form.under("condition-"),
        conditions=[(each.value, condition_word(each)) for each in Condition],
        proof=form.get("proof") or Proof.RECEIPT.value,
        proofs=[(each.value, proof_word(each)) for each in Proof],
        refund=form.get("refund"),
        basket=basket if basket and basket.lines else None,
        settled=exchanging.settled(look, basket.total_minor) if look and basket else None,
        pay=form.get("pay"),
        key=form.get("key") or edge.ids.new_id(),
        tender_word=tender_word,
        error=f"{error.what} {error.remedy}" if error else "",
    )


def outcome_face(outcome: str) -> tuple[str, Shape]:
    """Return a decision as a word and a shape."""
    shapes: dict[str, Shape] = {
        Outcome.AUTHORIZE: "done",
        Outcome.CONTINGENT: "wait",
        Outcome.DENY_OVERRIDABLE: "wait",
        Outcome.DENY: "act",
    }
    return outcome_word(outcome), shapes[outcome]


def _until(day: date | None) -> str:
    """Return until when something may come back, before anything else is known of it."""
    if day is None:
        return _("at any time")
    return _("until {date}", date=format_date(day, "d MMM yyyy", locale=locale_name()))


def _wanted(form: Form) -> tuple[steps.BringBack, ...]:
    names = ("reason", "bucket", "condition", "serials")
    reasons, buckets, conditions, serials = (form.under(f"{name}-") for name in names)
    lines = []
    for name, text in form.under("units-").items():
        if not name.isdecimal() or not text:
            continue
        if not text.isdecimal() or len(text) > 6:
            raise Invalid(
                _("{text} is not a number of units.", text=repr(text[:12])), _("Type digits, such as 1.")
            )
        if int(text) > 0:
            lines.append(
                command(
                    steps.BringBack,
                    line_no=int(name),
                    quantity=int(text),
                    reason=reasons.get(name, "changed_mind")[:64] or "changed_mind",
                    to_bucket=buckets.get(name, "")[:40],
                    condition=conditions.get(name, "")[:64] or Condition.NEW.value,
                    serials=tuple(serials.get(name, "")[:2_000].split()),
                )
            )
    return tuple(lines)
