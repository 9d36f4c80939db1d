"""Money that the hub gives back: before goods are seen, for goods that stay, or to make up for something.

What is owed goes back through the payment services it came through (`hub.payments.stages`); what did not
come that way, such as what was paid at a till, is given as store credit, which every store takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from hub.context import Hub
from hub.database import HubUnit
from hub.once import Key, once
from hub.returns import mail_in_rows as rows
from hub.returns.elsewhere import ReturnableLine, told
from hub.returns.numbers import next_number
from hub.spine.orders import Orders
from hub.spine.places import Place, Places
from hub.spine.steps import record
from hub.spine.work import HUB_EDGE, Work
from hub.web import Wanted
from protocol.errors import Invalid, Refused
from protocol.events import ReturnAdvanced
from protocol.kit.text import _
from protocol.movements import Bucket
from protocol.orders import Quantity, ReturnLine, Tender
from protocol.rules.refund import RefundableLine, refund_money, refund_units

GOODWILL: Final = "goodwill"


class GiveBack(Wanted):
    """Give money back and leave the goods where they are: so many units, or an amount of one line."""

    key: Key | None = None
    line_no: Annotated[int, Field(strict=True, ge=1, le=5_000)]
    what: Literal["units", "amount"] = "amount"
    units: Quantity = 1
    amount_minor: Annotated[int, Field(strict=True, ge=0, le=10**12)] = 0
    reason: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]


class GivenBack(BaseModel):
    """Money that goes back."""

    number: str
    total_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class About:
    """Which order money goes back of, and for which parcel."""

    order_id: str
    order_number: str
    currency: str
    authorisation_id: str = ""


def give_back(unit: HubUnit, hub: Hub, number: str, command: GiveBack, *, by: str) -> tuple[GivenBack, bool]:
    """Give money of a line back while the goods stay with the customer.

    With `units` they count as returned and nobody waits for them; with `amount` they count as kept.

    Raises:
        NotFound: `unknown_order`.
        Invalid: `no_line`, or no amount.
        Refused: `too_many_units`, `too_much_money`.
    """

    def work() -> GivenBack:
        workspace = hub.spine.work(unit)
        order = told(unit.connection, number, asker="", now_us=hub.clock.now_us())
        line = next((each for each in order.lines if each.line_no == command.line_no), None)
        if line is None:
            raise Invalid(
                _("The order has no line {line} that could come back.", line=command.line_no),
                _("Choose one of its lines, each once."),
                code="no_line",
            )
        step = (
            refund_units(money_of(line), command.units)
            if command.what == "units"
            else refund_money(money_of(line), command.amount_minor)
        )
        if not step.gross_minor:
            raise Refused(
                _("Nothing is left of what was paid for it."), _("Look at the order."), code="nothing_left"
            )
        back = _back(
            line,
            command.units if command.what == "units" else 0,
            step.gross_minor,
            step.tax_minor,
            GOODWILL,
        )
        body = _record(workspace, About(order.order_id, order.number, order.currency), (back,), by=by)
        hub.finish(workspace, "orders")
        return GivenBack(number=body.number, total_minor=body.total_minor, tax_minor=body.tax_minor)

    key = f"give-back/{by}/{command.key}" if command.key else ""
    return once(unit, hub, command, key, GivenBack, work)


def advance(work: Work, found: rows.MailIn, *, by: str = "", exchanged: tuple[Tender, ...] = ()) -> None:
    """Give the money back of what is on its way, or here and not looked at; nothing where none is left.

    So much of it as is `exchanged` has paid for something else, and only the rest goes back.
    """
    order = told(work.connection, found.order_number, asker="", now_us=work.clock.now_us())
    sold = {line.line_no: line for line in order.lines}
    lines = []
    for each in found.lines:
        line = sold.get(each.line_no)
        if line is None:
            continue
        step = refund_units(money_of(line), min(each.units, line.quantity - line.returned))
        lines.append(_back(line, 0, step.gross_minor, step.tax_minor, each.reason))
    lines = [line for line in lines if line.gross_minor]
    if lines:
        about = About(found.order_id, found.order_number, found.currency, found.authorisation_id)
        _record(work, about, lines, by=by, refunds=exchanged)


def money_of(line: ReturnableLine) -> RefundableLine:
    """Return what a line still has to give back."""
    return RefundableLine(
        gross_minor=line.gross_minor,
        tax_minor=line.tax_minor,
        quantity=line.quantity,
        refunded_minor=line.refunded_minor,
        refunded_tax_minor=line.refunded_tax_minor,
        returned_quantity=line.returned,
    )


def place_of(work: Work, location: str) -> Place:
    """Return a location as the stages know it."""
    return work.room(Places).of(location)


def _back(line: ReturnableLine, units: int, gross: int, tax: int, reason: str) -> ReturnLine:
    return ReturnLine(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        kind=line.kind,
        quantity=units,
        gross_minor=gross,
        tax_minor=tax,
        reason=reason,
        to_bucket=Bucket.CUSTOMER.value,
        rate_ppm=line.rate_ppm,
    )


def _record(
    work: Work, about: About, lines: Sequence[ReturnLine], *, by: str, refunds: tuple[Tender, ...] = ()
) -> ReturnAdvanced:
    entry = work.room(Orders).need(about.order_id)
    location = entry.later.location if entry is not None and entry.later is not None else HUB_EDGE
    body = ReturnAdvanced(
        business_date=place_of(work, location).calendar_date(work.clock.now_us()),
        currency=about.currency,
        return_id=work.ids.new_id(),
        number=next_number(work, "return"),
        order_id=about.order_id,
        order_number=about.order_number,
        lines=tuple(lines),
        refunds=refunds,
        total_minor=sum(line.gross_minor for line in lines),
        tax_minor=sum(line.tax_minor for line in lines),
        authorisation_id=about.authorisation_id,
    )
    record(work, body, by=by)
    return body
