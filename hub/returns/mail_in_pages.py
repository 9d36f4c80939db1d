"""Goods that come back by parcel, and money that goes back without goods, on the screens of the hub."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import OPS, PAGE_ROWS, go_to, may, pages_of, place_names, show
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import all_locations
from hub.people.vouching import vouched
from hub.returns import mail_in, money
from hub.returns import mail_in_rows as rows
from hub.returns.mail_in import MailInChange, MailInWanted, SentBack
from hub.returns.mail_in_api import LabelKind, labelled
from hub.returns.money import GiveBack
from hub.returns.policy import current
from hub.service.forms import Form, approval_of, form_of, is_whole, part_of
from hub.web import Anybody, Number, Ops, Text, TheHub
from protocol.errors import Invalid, OrderspineError, Refused
from protocol.kit.return_words import reason_word, reason_words
from protocol.kit.text import _
from protocol.kit.web.filters import money as money_word
from protocol.kit.web.shell import Shape
from protocol.mail_in import MailInState
from protocol.money import parse_minor
from protocol.people import HubRole

router = APIRouter(include_in_schema=False)
State = Annotated[str, Query(pattern=r"^[a-z]*$", max_length=20)]
PATH: Final = "/returns/mail-in"
MOST: Final = 999_999


def state_face(state: str) -> tuple[str, Shape]:
    """Return where goods are, as a word and a shape."""
    faces: dict[str, tuple[str, Shape]] = {
        MailInState.EXPECTED: (_("On its way"), "wait"),
        MailInState.ARRIVED: (_("Here, not looked into"), "live"),
        MailInState.INSPECTING: (_("Looked into in part"), "live"),
        MailInState.CLOSED: (_("Done"), "done"),
        MailInState.CANCELLED: (_("Not expected any more"), "calm"),
        MailInState.LOST: (_("Never came"), "act"),
    }
    return faces.get(state, (state, "calm"))


def refund_word(refund: str) -> str:
    """Return when the money of a return goes."""
    words = {
        "inspected": _("once somebody has looked at the goods"),
        "arrived": _("once the parcel is here"),
        "sent": _("at once"),
    }
    return words.get(refund, refund)


@router.get(PATH)
def listed(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    q: Text = "",
    state: State = "",
    page: Annotated[int, Query(ge=1, le=20_000)] = 1,
) -> Response:
    """List them, the newest first."""
    with hub.database.read() as connection:
        found, total = rows.listed(
            connection,
            state=state,
            text=q.strip().upper(),
            limit=PAGE_ROWS,
            offset=(page - 1) * PAGE_ROWS,
        )
        names = place_names(connection)
    return show(
        request,
        "returns/mail_ins.html",
        rows=found,
        total=total,
        names=names,
        q=q,
        state=state,
        states=[(each.value, state_face(each.value)[0]) for each in MailInState],
        page=page,
        pages=pages_of(total),
        face=state_face,
        now_us=hub.clock.now_us(),
    )


@router.get(PATH + "/{number}")
def one(
    request: Request,
    hub: TheHub,
    person: Anybody,
    number: Number,
    said: Annotated[str, Query(pattern=r"^(made|changed)?$")] = "",
) -> Response:
    """Show one: its label, what was found in it, what was paid."""
    return _one(request, hub, number, Form(), may_act=may(person, OPS), said=said)


@router.get(PATH + "/{number}/label.{kind}")
def label_of(hub: TheHub, _person: Anybody, number: Number, kind: LabelKind) -> Response:
    """Give its label out as a file."""
    return labelled(hub, number, kind)


@router.post(PATH + "/{number}/change")
async def change(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Wait longer for it, or no more."""
    form = await form_of(request)

    def work() -> Response:
        days = form.get("days")
        wanted = form.read(
            MailInChange,
            {
                "what": form.get("what"),
                "days": int(days) if days.isdecimal() and len(days) < 5 else 7,
                "reason": form.get("reason"),
                "key": form.get("key") or None,
            },
        )
        if wanted is not None:

            def step(unit: HubUnit) -> None:
                mail_in.change(unit, hub, number, wanted, by=person.name)

            try:
                hub.database.write(step)
            except Refused as error:
                form.refuse(error)
            else:
                return go_to(f"{PATH}/{number}", said="changed")
        return _one(request, hub, number, form, may_act=True)

    return await run_in_threadpool(work)


@router.get("/orders/{number}/send-back")
def announce_page(request: Request, hub: TheHub, _person: Ops, number: Number) -> Response:
    """Show what of an order may be sent back, and what money may go back without goods."""
    return _announce(request, hub, number, Form())


@router.post("/orders/{number}/send-back")
async def announce(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Let goods come back by parcel."""
    form = await form_of(request)

    def work() -> Response:
        try:
            wanted = _wanted(form)

            agreed = vouched(hub, wanted.approval, person, HubRole.OPS)

            def step(unit: HubUnit) -> str:
                return mail_in.announce(unit, hub, number, wanted, by=person.name, agreed=agreed)[0].number

            return go_to(f"{PATH}/{hub.database.write(step)}", said="made")
        except OrderspineError as error:
            form.refuse(error)
        return _announce(request, hub, number, form)

    return await run_in_threadpool(work)


@router.post("/orders/{number}/give-back")
async def give_back(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Give money back and leave the goods where they are."""
    form = await form_of(request)

    def work() -> Response:
        try:
            wanted = _given(form, hub.settings.currency)

            def step(unit: HubUnit) -> money.GivenBack:
                return money.give_back(unit, hub, number, wanted, by=person.name)[0]

            done = hub.database.write(step)
        except (Invalid, Refused) as error:
            form.refuse(error)
            return _announce(request, hub, number, form)
        amount = money_word(done.total_minor, hub.settings.currency)
        said = _("{number}: {amount} goes back.", number=done.number, amount=amount)
        return _announce(request, hub, number, Form(), said=said)

    return await run_in_threadpool(work)


def _wanted(form: Form) -> MailInWanted:
    approval = approval_of(form)
    lines = []
    for name, text in form.texts.items():
        line_no = name.removeprefix("units-")
        if name.startswith("units-") and is_whole(line_no, MOST) and text.strip() not in {"", "0"}:
            if not is_whole(text, MOST):
                raise Invalid(
                    _("{text} is not a number of units.", text=text[:12]), _("Type digits, such as 1.")
                )
            reason = form.get(f"reason-{line_no}")[:64] or "changed_mind"
            lines.append(part_of(SentBack, line_no=int(line_no), units=int(text), reason=reason))
    if not lines:
        raise Invalid(_("Nothing is chosen."), _("Say how many of a line come back."))
    wanted = form.read(
        MailInWanted,
        {
            "lines": lines,
            "location": form.get("location"),
            "refund": form.get("refund") or None,
            "note": form.get("note"),
            "key": form.get("key") or None,
        }
        | approval,
    )
    if wanted is None:
        raise Invalid(_("The form cannot be read."), _("Look at what was typed."), code="bad_form")
    return wanted


def _given(form: Form, currency: str) -> GiveBack:
    what, units = form.get("what"), form.get("units")
    wanted = form.read(
        GiveBack,
        {
            "line_no": int(form.get("line")) if is_whole(form.get("line"), MOST) else 0,
            "what": what,
            "units": int(units) if what == "units" and is_whole(units, MOST) else 1,
            "amount_minor": parse_minor(form.get("amount"), currency) if what == "amount" else 0,
            "reason": form.get("why"),
            "key": form.get("key") or None,
        },
    )
    if wanted is None:
        raise Invalid(_("The form cannot be read."), _("Say of which line, and why."), code="bad_form")
    return wanted


def _one(request: Request, hub: Hub, number: str, form: Form, *, may_act: bool, said: str = "") -> Response:
    with hub.database.read() as connection:
        found = rows.need(connection, number)
        names = place_names(connection)
        no_address = found.location not in current(connection).mail_in.addresses
    return show(
        request,
        "returns/mail_in.html",
        status_code=422 if form.errors else 200,
        found=found,
        names=names,
        form=form,
        said=said,
        may_act=may_act,
        key=hub.ids.new_id(),
        face=state_face,
        refund_word=refund_word,
        reason_word=reason_word,
        no_address=no_address,
        now_us=hub.clock.now_us(),
    )


def _announce(request: Request, hub: Hub, number: str, form: Form, *, said: str = "") -> Response:
    error: OrderspineError | None = None
    with hub.database.read() as connection:
        order = mail_in.order_of(connection, number, hub)
        coming = rows.coming(connection, order.order_id)
        earlier = rows.of_order(connection, order.order_id)
        policy = current(connection)
        places = [(p.location_id, p.name) for p in all_locations(connection) if p.status == "active"]
        names = place_names(connection)
    return show(
        request,
        "returns/send_back.html",
        status_code=422 if form.errors or error else 200,
        order=order,
        coming=coming,
        earlier=earlier,
        places=places,
        names=names,
        reasons=list(reason_words().items()),
        refunds=[("", _("as the policy says: {when}", when=refund_word(policy.mail_in.refund)))]
        + [(each, refund_word(each)) for each in ("inspected", "arrived", "sent")],
        form=form,
        key=hub.ids.new_id(),
        said=said,
        face=state_face,
    )
