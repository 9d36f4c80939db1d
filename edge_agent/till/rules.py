"""What a till adds up, and when it may close.

Facts in, decisions out. The totals of a session grow event by event (`after`) and are the same whether
they were kept as the day went on or added up again from the log; the hub does the latter. Refunds and
voids stand beside the sales in counts and sums, and are taken off in tax and in tenders.

What a reader would get wrong: the expected cash is a secret until the count is confirmed. Nothing here
puts it into a sentence before that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from edge_agent.along import TakenAlong, way_out
from protocol.clock import from_us
from protocol.errors import Invalid, Refused
from protocol.events import (
    CashMoved,
    DrawerOpened,
    GiftCardSold,
    OrderSold,
    OrderVoided,
    ReturnCompleted,
    TillOpened,
)
from protocol.kit.text import _
from protocol.later import OrderPaid, OrderRefunded
from protocol.orders import Tender, TenderKind, WireModel
from protocol.till import RateTotal, SessionTotals, TenderTotal

COUNT_ATTEMPTS: Final = 2
"""A count may be repeated once; a third would be a search for the expected amount."""
CASH_SUMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "paid_in": "paid_in_minor",
        "paid_out": "paid_out_minor",
        "loan": "loans_minor",
        "drop": "drops_minor",
        "pickup": "drops_minor",
    }
)
"""Where each kind of moved cash is added up."""
DATE_SLACK_DAYS: Final = 1
"""A till may be opened for yesterday (a forgotten one) or for tomorrow (an early shift), not further."""
DENOMINATIONS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "GBP": (5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
        "EUR": (20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    }
)
"""Notes and coins by currency, in minor units; a currency that is not here is counted as a total."""


class StepState(StrEnum):
    """How a line of the day-close checklist stands."""

    DONE = "done"
    NOW = "now"
    BLOCKS = "blocks"
    DOES_NOT_BLOCK = "does_not_block"


@dataclass(frozen=True, slots=True)
class CloseStep:
    """One line of the checklist: what it is, how it stands, and what to do about it."""

    key: str
    title: str
    state: StepState
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class WaitingBasket:
    """A basket that this till has not finished."""

    basket_id: str
    number: str
    state: str
    at_text: str


@dataclass(frozen=True, slots=True)
class CloseFacts:
    """What the checklist of one till is made of. `difference_minor` is None until the count is confirmed."""

    till: str
    counts: int
    counted_text: str
    difference_text: str | None
    over_tolerance: bool
    baskets: tuple[WaitingBasket, ...]
    doubtful_slips: int
    unsent: int
    along: tuple[TakenAlong, ...] = ()


def business_date(at_us: int, *, zone: str, cutover: str) -> str:
    """Return the trading day of a moment by the store's calendar.

    The hours before the cut-over (`04:00`) still belong to the day before.
    """
    local = from_us(at_us).astimezone(ZoneInfo(zone))
    night = f"{local:%H:%M}" < cutover
    return (local.date() - timedelta(days=1 if night else 0)).isoformat()


def confirm_date(wanted: str | None, calendar: str) -> str:
    """Return the business date to open for: the calendar's, or a neighbour that a person named.

    Raises:
        Invalid: the date is no date, or further away than a mistake explains.
    """
    if wanted is None or wanted == calendar:
        return calendar
    try:
        apart = abs((date.fromisoformat(wanted) - date.fromisoformat(calendar)).days)
    except ValueError:
        apart = DATE_SLACK_DAYS + 1
    if apart > DATE_SLACK_DAYS:
        raise Invalid(
            _("{wanted} cannot be the business date: today is {calendar}.", wanted=wanted, calendar=calendar),
            _("Open the till for today, or correct the clock of this PC."),
            code="bad_business_date",
            business_date=wanted,
            calendar=calendar,
        )
    return wanted


def after(totals: SessionTotals, body: WireModel) -> SessionTotals:  # noqa: PLR0911 - one for each kind
    """Return a session's totals once one more of its events has happened."""
    match body:
        case TillOpened():
            return SessionTotals(float_minor=body.float_minor)
        case OrderSold():
            return _after_sale(totals, body)
        case ReturnCompleted():
            return _after_refund(totals, body)
        case OrderPaid():
            return _after_payment(totals, body)
        case OrderRefunded():
            return _after_payment_back(totals, body)
        case GiftCardSold():
            return _after_gift_card(totals, body)
        case CashMoved():
            name = CASH_SUMS[body.kind]
            return totals.model_copy(update={name: getattr(totals, name) + body.amount_minor})
        case DrawerOpened():
            return totals.model_copy(update={"no_sales": totals.no_sales + 1})
        case _:
            return totals


def add_up(bodies: Iterable[WireModel]) -> SessionTotals:
    """Return the totals of a session from all of its events, as the hub does it."""
    totals = SessionTotals()
    for body in bodies:
        totals = after(totals, body)
    return totals


def _after_sale(totals: SessionTotals, sale: OrderSold) -> SessionTotals:
    lines = [(line.rate_ppm, line.gross_minor, line.tax_minor) for line in sale.lines]
    discounts = sum(line.line_discount_minor + line.order_discount_minor for line in sale.lines)
    return totals.model_copy(
        update={
            "sales": totals.sales + 1,
            "sales_minor": totals.sales_minor + sale.total_minor,
            "discounts_minor": totals.discounts_minor + discounts,
            "by_rate": _rates(totals.by_rate, lines, 1),
            **_tendered(totals, sale.tenders, 1),
        }
    )


def _after_refund(totals: SessionTotals, refund: ReturnCompleted) -> SessionTotals:
    lines = [(line.rate_ppm, line.gross_minor, line.tax_minor) for line in refund.lines]
    kept = [(fee.rate_ppm, fee.amount_minor, fee.tax_minor) for fee in refund.fees if fee.tax_minor]
    name = "voids" if isinstance(refund, OrderVoided) else "returns"
    return totals.model_copy(
        update={
            name: getattr(totals, name) + 1,
            f"{name}_minor": getattr(totals, f"{name}_minor") + refund.total_minor,
            "fees_minor": totals.fees_minor + sum(fee.amount_minor for fee in refund.fees),
            "by_rate": _rates(_rates(totals.by_rate, lines, -1), kept, 1),
            **_tendered(totals, refund.refunds, -1),
        }
    )


def _after_payment(totals: SessionTotals, payment: OrderPaid) -> SessionTotals:
    """Add money for an order for later: it is no sale yet, so no tax is told and no rate grows."""
    return totals.model_copy(
        update={
            "payments": totals.payments + 1,
            "payments_minor": totals.payments_minor + payment.amount_minor,
            **_tendered(totals, payment.tenders, 1),
        }
    )


def _after_payment_back(totals: SessionTotals, refund: OrderRefunded) -> SessionTotals:
    return totals.model_copy(
        update={
            "refunds": totals.refunds + 1,
            "refunds_minor": totals.refunds_minor + refund.amount_minor,
            **_tendered(totals, refund.tenders, -1),
        }
    )


def _after_gift_card(totals: SessionTotals, card: GiftCardSold) -> SessionTotals:
    return totals.model_copy(
        update={
            "gift_cards": totals.gift_cards + 1,
            "gift_cards_minor": totals.gift_cards_minor + card.amount_minor,
            **_tendered(totals, card.tenders, 1),
        }
    )


def _tendered(totals: SessionTotals, tenders: Iterable[Tender], sign: int) -> dict[str, int]:
    """Return the sums by tender once these came in, or with a minus went out. An exchange leaves no money."""
    sums: dict[str, int] = {}
    for tender in tenders:
        if tender.kind is not TenderKind.EXCHANGE:
            name = f"{tender.kind.value}_minor"
            sums[name] = sums.get(name, getattr(totals, name)) + sign * tender.amount_minor
    return sums


def _rates(
    before: Iterable[RateTotal], lines: Iterable[tuple[int, int, int]], sign: int
) -> tuple[RateTotal, ...]:
    sums = {rate.rate_ppm: (rate.gross_minor, rate.tax_minor) for rate in before}
    for rate_ppm, gross, tax in lines:
        gross_before, tax_before = sums.get(rate_ppm, (0, 0))
        sums[rate_ppm] = (gross_before + sign * gross, tax_before + sign * tax)
    return tuple(
        RateTotal(rate_ppm=rate, gross_minor=gross, tax_minor=tax)
        for rate, (gross, tax) in sorted(sums.items(), reverse=True)
    )


def expected_cash(totals: SessionTotals) -> int:
    """Return what should be in the drawer. A secret until the count is confirmed."""
    came = totals.float_minor + totals.cash_minor + totals.paid_in_minor + totals.loans_minor
    return came - totals.paid_out_minor - totals.drops_minor


def counted_total(denominations: Mapping[str, int], counted_minor: int | None, *, currency: str) -> int:
    """Return what was counted, by notes and coins or as one total.

    Raises:
        Invalid: neither is given, both are and differ, or a note does not exist.
    """
    known = DENOMINATIONS.get(currency)
    total = 0
    for value, pieces in denominations.items():
        exists = value.isdecimal() and (known is None or int(value) in known)
        if not exists or not 0 <= pieces <= 1_000_000:
            raise Invalid(
                _("There is no note or coin of {value} in {currency}.", value=value[:12], currency=currency),
                _("Count in the notes and coins of the list, or type the total."),
                code="bad_denomination",
                value=value[:12],
            )
        total += int(value) * pieces
    if not denominations and counted_minor is None:
        raise Invalid(
            _("Nothing was counted."),
            _("Type how many there are of each, or the total. An empty drawer is 0."),
            code="no_count",
        )
    if denominations and counted_minor is not None and counted_minor != total:
        raise Invalid(
            _("The notes and coins do not add up to the total that was typed."),
            _("Leave the total out, or correct the pieces."),
            code="count_differs",
        )
    return total if counted_minor is None else counted_minor


def check_count(attempts: int, *, confirmed: bool) -> int:
    """Return the number of the next count.

    Raises:
        Refused: the count stands.
    """
    if confirmed or attempts >= COUNT_ATTEMPTS:
        raise Refused(
            _("This drawer has been counted, and the count stands."),
            _("Close the till; a difference is shown there and a manager confirms it."),
            code="count_stands",
            attempts=attempts,
        )
    return attempts + 1


def tender_totals(totals: SessionTotals, counted_minor: int) -> tuple[TenderTotal, ...]:
    """Return what each tender should hold and what was found.

    Card money is in the terminal's own close, which this program does not see, so it counts as found; and
    stored value is no paper in the drawer but a number in the books.
    """
    expected = expected_cash(totals)
    return (
        TenderTotal(
            kind=TenderKind.CASH,
            expected_minor=expected,
            counted_minor=counted_minor,
            difference_minor=counted_minor - expected,
        ),
        TenderTotal(
            kind=TenderKind.CARD,
            expected_minor=totals.card_minor,
            counted_minor=totals.card_minor,
            difference_minor=0,
        ),
        *(
            TenderTotal(kind=kind, expected_minor=amount, counted_minor=amount, difference_minor=0)
            for kind, amount in (
                (TenderKind.STORE_CREDIT, totals.store_credit_minor),
                (TenderKind.GIFT_CARD, totals.gift_card_minor),
            )
            if amount
        ),
    )


def checklist(facts: CloseFacts) -> tuple[CloseStep, ...]:
    """Return the day close of one till as a list a person can work off, in the order to do it."""
    return (
        *_basket_steps(facts.baskets),
        *_along_steps(facts.along),
        _count_step(facts),
        _paper_step(facts.doubtful_slips),
        _send_step(facts.unsent),
    )


def blockers(steps: Iterable[CloseStep]) -> tuple[CloseStep, ...]:
    """Return what must be done before the till can close."""
    return tuple(step for step in steps if step.state in {StepState.BLOCKS, StepState.NOW})


def _basket_steps(baskets: tuple[WaitingBasket, ...]) -> tuple[CloseStep, ...]:
    if not baskets:
        return (
            CloseStep("baskets", _("Baskets"), StepState.DONE, _("No basket of this till is left waiting.")),
        )
    return tuple(
        CloseStep(
            f"basket:{basket.basket_id}",
            _("Parked basket {number}", number=basket.number)
            if basket.state == "parked"
            else _("A basket is open"),
            StepState.BLOCKS,
            _("Parked at {time}.", time=basket.at_text)
            if basket.state == "parked"
            else _("Last touched at {time}.", time=basket.at_text),
            _("Sell it or abandon it."),
        )
        for basket in baskets
    )


def _along_steps(along: tuple[TakenAlong, ...]) -> tuple[CloseStep, ...]:
    """Return what the close waits for; where no handheld has taken anything along there is nothing to say."""
    return tuple(
        CloseStep(
            f"along:{each.assignment_id}",
            each.says.removesuffix("."),
            StepState.BLOCKS,
            _("What was done with it is known here once it is back."),
            way_out(),
        )
        for each in along
    )


def _count_step(facts: CloseFacts) -> CloseStep:
    if facts.counts == 0:
        return CloseStep(
            "count",
            _("Count {till}", till=facts.till),
            StepState.NOW,
            _("Expected cash stays hidden until the count is confirmed."),
            _("Count the drawer."),
        )
    if facts.difference_text is None:
        return CloseStep(
            "count",
            _("{till} counted", till=facts.till),
            StepState.DONE,
            _("{counted} counted, not confirmed yet.", counted=facts.counted_text),
            _("Confirm the count, or count once more.") if facts.counts < COUNT_ATTEMPTS else "",
        )
    return CloseStep(
        "count",
        _("{till} counted", till=facts.till),
        StepState.DONE,
        _(
            "{counted} counted, difference {difference}.",
            counted=facts.counted_text,
            difference=facts.difference_text,
        ),
        _("A manager confirms the difference when the till closes.") if facts.over_tolerance else "",
    )


def _paper_step(doubtful: int) -> CloseStep:
    if doubtful == 0:
        return CloseStep("paper", _("Paper"), StepState.DONE, _("No slip is in doubt."))
    return CloseStep(
        "paper",
        _("Paper"),
        StepState.DOES_NOT_BLOCK,
        _("Slips that may or may not have printed: {count}.", count=doubtful),
        _("Look for them on the printers page and say whether they are there."),
    )


def _send_step(unsent: int) -> CloseStep:
    if unsent == 0:
        return CloseStep("sending", _("Sent to the hub"), StepState.DONE, _("Nothing waits to be sent."))
    return CloseStep(
        "sending",
        _("{count} to send", count=unsent),
        StepState.DOES_NOT_BLOCK,
        _("The Z is numbered here and sent with the rest."),
    )
