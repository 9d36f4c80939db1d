"""Parcels that come back: what is expected, what is here, and what is in it, line by line."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, go_to, show
from edge_agent.returns import mail_in
from edge_agent.returns import mail_in_rows as parcels
from edge_agent.returns.rules import bucket_label, reasons
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, NotFound, OrderspineError, Refused
from protocol.kit.return_words import condition_word, reason_word
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.shell import Shape
from protocol.kit.web.signin import CurrentPerson
from protocol.mail_in import MailInState
from protocol.movements import Bucket
from protocol.returns import Condition

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
PATH = "/stock/mail-in"
BUCKETS = (Bucket.SELLABLE, Bucket.RETURNS, Bucket.QUARANTINE)

router = APIRouter(include_in_schema=False)


def state_face(state: MailInState) -> tuple[str, Shape]:
    """Return where a parcel is, as a word and a shape."""
    faces: dict[MailInState, tuple[str, Shape]] = {
        MailInState.EXPECTED: (_("On its way"), "wait"),
        MailInState.ARRIVED: (_("Here, not looked into"), "act"),
        MailInState.INSPECTING: (_("Looked into in part"), "live"),
        MailInState.CLOSED: (_("Done"), "done"),
        MailInState.CANCELLED: (_("Not expected any more"), "calm"),
        MailInState.LOST: (_("Never came"), "calm"),
    }
    return faces[state]


@router.get(PATH)
async def page(request: Request, edge: AnyEdge, _person: Anybody) -> Response:
    """Show every parcel that came back or will."""
    return _list(request, edge)


@router.post(f"{PATH}/scan")
async def scan(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take the parcel in whose label was scanned; one that is here opens."""
    form = await form_of(request)
    code = form.get("code")[:120]
    connection = edge.database.read()
    known = parcels.find(connection, code)
    try:
        if known is None or known.state in {
            MailInState.EXPECTED,
            MailInState.CANCELLED,
            MailInState.LOST,
        }:
            wanted = command(mail_in.Arrived, key=edge.ids.new_id(), code=code)
            done = await edge.database.awrite(
                lambda unit: mail_in.arrive(unit, edge, wanted, person=person)[0]
            )
            return go_to(request, f"{PATH}/{done.number}")
    except (Invalid, NotFound, Refused) as error:
        return _list(request, edge, error=error)
    return go_to(request, f"{PATH}/{known.number}")


@router.get(PATH + "/{number}")
async def one(request: Request, number: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Show one parcel and what to write down of it."""
    return _one(request, edge, number, Form(()))


@router.post(PATH + "/{number}")
async def inspect(request: Request, number: str, edge: AnyEdge, person: Anybody) -> Response:
    """Write down what was found in it."""
    form = await form_of(request)
    try:
        wanted = _wanted(edge, number, form)

        def step(unit: EdgeUnit, token: str | None) -> mail_in.Inspected:
            agreed = wanted.model_copy(update={"approval": token})
            return mail_in.inspect(unit, edge, number, agreed, person=person)[0]

        ask = Ask(
            _("Taking it back needs somebody's word"),
            _("The policy does not take it back in this condition."),
            keep=_("Not now"),
            why=_("Why is it allowed?"),
        )
        done = await ask_in_place(request, edge, person, form, ask, step)
    except (Invalid, Refused) as error:
        return _one(request, edge, number, form, error=error)
    if isinstance(done, Response):
        return done
    toast = _("{number} is written down.", number=done.return_number or done.number)
    if done.total_minor:
        amount = money(done.total_minor, edge.settings.currency)
        toast = _("{number} is written down; {amount} goes back.", number=done.return_number, amount=amount)
    return _one(request, edge, number, Form(()), toast=toast)


def _wanted(edge: Edge, number: str, form: Form) -> mail_in.Inspect:
    found = mail_in.require(edge.database.read(), number)
    accepted, refused = [], []
    for line in found.expected.lines if found.expected else ():
        n = str(line.line_no)
        taken, not_taken = form.whole(f"accepted-{n}", 0), form.whole(f"refused-{n}", 0)
        if taken:
            accepted.append(
                {
                    "line_no": line.line_no,
                    "quantity": taken,
                    "condition": form.get(f"condition-{n}")[:64] or Condition.NEW.value,
                    "to_bucket": form.get(f"bucket-{n}")[:40],
                    "serials": tuple(form.get(f"serials-{n}")[:2_000].split()),
                }
            )
        if not_taken:
            why = form.get(f"why-{n}")[:300]
            if not why:
                raise Invalid(
                    _("Why is {name} not taken back?", name=line.name),
                    _("Say it; the customer will be told."),
                    code="no_reason",
                )
            refused.append({"line_no": line.line_no, "units": not_taken, "why": why})
    return command(
        mail_in.Inspect,
        key=form.get("key"),
        accepted=tuple(accepted),
        refused=tuple(refused),
        done=form.get("done") == "yes",
    )


def _list(request: Request, edge: Edge, *, error: OrderspineError | None = None) -> Response:
    return show(
        request,
        "returns/mail_ins.html",
        status_code=422 if error else 200,
        parcels=parcels.listed(edge.database.read()),
        face=state_face,
        now_us=edge.clock.now_us(),
        error=f"{error.what} {error.remedy}" if error else "",
    )


def _one(
    request: Request,
    edge: Edge,
    number: str,
    form: Form,
    *,
    toast: str = "",
    error: OrderspineError | None = None,
) -> Response:
    found = mail_in.require(edge.database.read(), number)
    return show(
        request,
        "returns/mail_in.html",
        toast=toast,
        status_code=422 if error else 200,
        parcel=found,
        here=found.state in {MailInState.ARRIVED, MailInState.INSPECTING},
        face=state_face,
        form=form,
        key=edge.ids.new_id(),
        conditions=[(each.value, condition_word(each)) for each in Condition],
        buckets=[(each.value, bucket_label(each.value)) for each in BUCKETS],
        proposed={each.code: bucket_label(each.to_bucket) for each in reasons()},
        reason_word=reason_word,
        error=f"{error.what} {error.remedy}" if error else "",
    )
