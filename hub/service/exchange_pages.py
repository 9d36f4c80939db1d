"""The pages of an exchange by customer service and of a return without proof.

As with an order by hand the whole draft travels with its form: nothing is stored before the last button, and
nothing that was typed is lost by a search or a refusal. A password is never sent back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.capture.wanted import OrderWanted
from hub.console.web import go_to, place_names, show
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import all_locations
from hub.people.vouching import vouched
from hub.returns import mail_in, no_receipt
from hub.returns import mail_in_rows as parcels
from hub.returns.mail_in import Planned, SentBack
from hub.returns.no_receipt import SentUnknown, Unproven, UnprovenWanted
from hub.service import new
from hub.service.exchange import ExchangeWanted, exchange_goods, needs_word
from hub.service.forms import SECRET, Form, approval_of, form_of, part_of
from hub.web import Number, Ops, TheHub
from protocol.clock import from_us
from protocol.errors import Invalid, OrderspineError, Refused
from protocol.kit.return_words import reason_words, says
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.people import HubRole
from protocol.returns import Outcome
from protocol.rules.exchange import exchange
from protocol.rules.policy import Decision

UNITS_PER_LINE: Final = 999
router = APIRouter(include_in_schema=False)


@router.get("/orders/{number}/exchange")
def exchange_page(request: Request, hub: TheHub, _person: Ops, number: Number) -> Response:
    """Show what of an order may come back, and an empty draft of what goes out for it."""
    return _exchange(request, hub, number, Form(), {})


@router.post("/orders/{number}/exchange")
async def exchange_form(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Search, add, remove, work out, or exchange, as the button says."""
    form = await form_of(request)

    def work() -> Response:
        goods = new.edited(form)
        status = 200
        if form.get("act") == "place" and not form.errors:
            try:
                wanted = _wanted(form, hub, goods)
                if wanted is not None:
                    return go_to(_exchanged(hub, person, number, wanted))
            except OrderspineError as error:
                form.refuse(error)
                status = error.http_status
        return _exchange(request, hub, number, form, goods, status=422 if form.errors else status)

    return await run_in_threadpool(work)


@router.get("/returns/no-receipt")
def unproven_page(request: Request, hub: TheHub, _person: Ops) -> Response:
    """Show an empty draft of what comes back without proof."""
    return _unproven(request, hub, Form(), {})


@router.post("/returns/no-receipt")
async def unproven_form(request: Request, hub: TheHub, person: Ops) -> Response:
    """Search, add, work out, or make the label, as the button says."""
    form = await form_of(request)

    def work() -> Response:
        goods = new.edited(form)
        if form.get("act") == "make" and not form.errors:
            try:
                wanted = _unproven_wanted(form, goods)
                if wanted is not None:
                    return go_to(_announced(hub, person, wanted), said="made")
            except OrderspineError as error:
                form.refuse(error)
        return _unproven(request, hub, form, goods)

    return await run_in_threadpool(work)


def _exchanged(hub: Hub, person: CurrentPerson, number: str, wanted: ExchangeWanted) -> str:
    agreed = vouched(hub, wanted.approval, person, HubRole.OPS)

    def step(unit: HubUnit) -> str:
        done = exchange_goods(unit, hub, number, wanted, by=person.name, agreed=agreed)[0]
        return done.returned.number

    return f"/returns/mail-in/{hub.database.write(step)}"


def _announced(hub: Hub, person: CurrentPerson, wanted: UnprovenWanted) -> str:
    agreed = vouched(hub, wanted.approval, person, HubRole.OPS)

    def step(unit: HubUnit) -> str:
        return no_receipt.announce(unit, hub, wanted, by=person.name, agreed=agreed)[0].number

    return f"/returns/mail-in/{hub.database.write(step)}"


def _wanted(form: Form, hub: Hub, goods: Mapping[str, int]) -> ExchangeWanted | None:
    approval = approval_of(form)
    back = _back(form)
    if not back:
        raise Invalid(_("Nothing is chosen."), _("Say how many of a line come back."))
    order: OrderWanted | None = new.wanted_of(form, hub, goods)
    if order is None or form.errors:
        return None
    said = {
        "back": [each.model_dump() for each in back],
        "location": form.get("location"),
        "order": order.model_dump(exclude_none=True),
        "key": form.get("key") or None,
    }
    return form.read(ExchangeWanted, said | approval)


def _back(form: Form) -> list[SentBack]:
    found = []
    for name in list(form.texts):
        line_no = name.removeprefix("units-")
        if not name.startswith("units-") or not (line_no.isdecimal() and len(line_no) < 5 and int(line_no)):
            continue
        units = form.units(name)
        if units:
            reason = form.get(f"reason-{line_no}")[:64] or "changed_mind"
            found.append(part_of(SentBack, line_no=int(line_no), units=units, reason=reason))
    return found


def _exchange(
    request: Request, hub: Hub, number: str, form: Form, goods: Mapping[str, int], *, status: int = 200
) -> Response:
    draft = new.draft_facts(hub, form, goods)
    form.texts.pop(SECRET, None)
    found = _planned(hub, number, form)
    with hub.database.read() as connection:
        order = mail_in.order_of(connection, number, hub)
        coming = parcels.coming(connection, order.order_id)
        places = _places(connection)
    return show(
        request,
        "service/exchange.html",
        status_code=status,
        form=form,
        order=order,
        coming=coming,
        reasons=list(reason_words().items()),
        returns_to=places,
        found=found,
        how=exchange(found.worth_minor, draft["total_minor"]) if found and draft["lines"] else None,
        asks=_asks(found),
        **draft,
    )


def _planned(hub: Hub, number: str, form: Form) -> Planned | None:
    """Return what the return would be; what is wrong with it is said on the page."""
    back = _back(form)
    if not back:
        return None

    def step(unit: HubUnit) -> Planned:
        return mail_in.plan(hub.spine.work(unit), number, back, form.get("location"))

    try:
        return hub.database.write(step)
    except (Invalid, Refused) as error:
        if not form.errors:
            form.refuse(error)
        return None


def _asks(found: Planned | None) -> str:
    if found is None or not needs_word(found):
        return ""
    if found.outcome is not Outcome.AUTHORIZE:
        return _sentences(found.decisions, found.currency)
    return _("The policy gives nothing before the goods are here.")


def _sentences(decisions: Iterable[Decision], currency: str) -> str:
    return " ".join(dict.fromkeys(text for each in decisions for text in says(each, currency)))


@dataclass(frozen=True, slots=True)
class UnprovenRow:
    """One article of the draft, and what all its units are worth."""

    sku: str
    name: str
    units: int
    reason: str
    worth_minor: int


def _unproven_wanted(form: Form, goods: Mapping[str, int]) -> UnprovenWanted | None:
    approval = approval_of(form)
    said = {
        "lines": [each.model_dump() for each in _sent(form, goods)],
        "customer": form.get("customer"),
        "location": form.get("location"),
        "note": form.get("note"),
        "key": form.get("key") or None,
    }
    return form.read(UnprovenWanted, said | approval)


def _sent(form: Form, goods: Mapping[str, int]) -> list[SentUnknown]:
    return [
        part_of(SentUnknown, sku=sku, units=units, reason=form.get(f"why-{sku}")[:64] or "changed_mind")
        for sku, units in goods.items()
    ]


def _unproven(request: Request, hub: Hub, form: Form, goods: Mapping[str, int]) -> Response:
    form.texts.pop(SECRET, None)
    found: Unproven | None = None
    sent = _sent(form, goods)
    with hub.database.read() as connection:
        items = new.search(connection, hub, form.get("q"))
        names, places = place_names(connection), _places(connection)
        if sent:
            today: date = from_us(hub.clock.now_us()).date()
            try:
                found = no_receipt.look(
                    connection, sent, form.get("customer")[:64], now_us=hub.clock.now_us(), today=today
                )
            except Invalid as error:
                form.refuse(error)
    form.set_default(key=hub.ids.secret(new.KEY_BYTES))
    rows = [
        UnprovenRow(line.sku, line.name, line.sold, line.reason, line.gross_minor)
        for line in (found.lines if found else ())
    ]
    return show(
        request,
        "service/no_receipt.html",
        status_code=422 if form.errors else 200,
        form=form,
        lines=rows,
        items=items,
        found=found,
        asks=_unproven_asks(found, hub.settings.currency),
        reasons=list(reason_words().items()),
        returns_to=places,
        names=names,
    )


def _unproven_asks(found: Unproven | None, currency: str) -> str:
    if found is None or not found.needs_word:
        return ""
    if found.outcome is not Outcome.AUTHORIZE:
        return _sentences(found.decisions, currency)
    return _("The policy asks for an identity card, which nobody can look at by mail.")


def _places(connection: Connection) -> list[tuple[str, str]]:
    return [(each.location_id, each.name) for each in all_locations(connection) if each.status == "active"]
