"""Who keeps an order for later, when it is promised, and what is owed on it.

Facts in, decision out. What a reader would get wrong: an order is *firm* only where somebody has set the
goods aside. This store does so for what it collects here, and for what it ships itself while the hub cannot
be asked. Everything else waits for the hub, and says PROVISIONAL where the hub had no say in the promise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from protocol.clock import from_us
from protocol.errors import Invalid, Refused
from protocol.fold import LineRecord
from protocol.fulfilment import CODE_DIGITS, FulfilKind, PromiseClass
from protocol.kit.text import _
from protocol.later import CancelledLine
from protocol.lifecycles import OrderState
from protocol.orders import LineKind, OrderLine
from protocol.rules.shares import share_minor

DAY_US: Final = 24 * 3600 * 1_000_000
STEP_US: Final = 5 * 60 * 1_000_000
"""A time that is promised is a round one: nobody remembers 14:37."""
SAME_HOUR_US: Final = 3600 * 1_000_000
MIDDAY: Final = "12:00"
PROMISE_DAYS: Final = 60
"""Further ahead no counter promises anything."""
PROVISIONAL_DAYS: Final = 3
"""What is said for goods of another location while the hub cannot be asked."""
OPEN_STATES: Final = frozenset(
    {OrderState.CAPTURED, OrderState.HELD, OrderState.ROUTED, OrderState.PICKING, OrderState.READY}
)


class Way(StrEnum):
    """How the customer gets the goods, as a counter says it."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    SHIP = "ship"


@dataclass(frozen=True, slots=True)
class Short:
    """A SKU of which this store has not enough free."""

    sku: str
    name: str
    wanted: int
    free: int


@dataclass(frozen=True, slots=True)
class Own:
    """This store sets the goods aside itself, at once: firm, with or without the line."""


@dataclass(frozen=True, slots=True)
class HubDecides:
    """The hub says who fulfils it; `provisional` when it could not be asked beforehand."""

    provisional: bool


@dataclass(frozen=True, slots=True)
class NotHere:
    """Collecting here cannot be promised from what stands here."""

    short: tuple[Short, ...]


Placing = Own | HubDecides | NotHere


def needs(lines: Iterable[OrderLine]) -> dict[str, tuple[str, int]]:
    """Return what must come from a shelf: SKU -> (name, units). Services and the way itself need none."""
    found: dict[str, tuple[str, int]] = {}
    for line in lines:
        if line.kind is LineKind.GOODS:
            found[line.sku] = (line.name, found.get(line.sku, ("", 0))[1] + line.quantity)
    return found


def placing(
    way: Way, wanted: Mapping[str, tuple[str, int]], free: Mapping[str, int], *, hub: bool
) -> Placing:
    """Return who keeps an order. `free` is what may be sold here; `hub` whether the hub has answered."""
    short = tuple(
        Short(sku, name, units, max(0, free.get(sku, 0)))
        for sku, (name, units) in wanted.items()
        if free.get(sku, 0) < units
    )
    if way is Way.HERE:
        return NotHere(short) if short else Own()
    if hub:
        return HubDecides(provisional=False)
    if way is Way.SHIP and not short:
        return Own()
    return HubDecides(provisional=True)


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a store, as promises need them."""

    zone: str
    closes: str
    ready_minutes: int


@dataclass(frozen=True, slots=True)
class Time:
    """One time that may be promised."""

    key: str
    due_us: int
    promise_class: PromiseClass


def times_here(now_us: int, hours: Hours) -> tuple[Time, ...]:
    """Return when goods of this store may be promised, the soonest first: never a time that is past."""
    local = from_us(now_us).astimezone(ZoneInfo(hours.zone))
    soon = -(-(now_us + hours.ready_minutes * 60_000_000) // STEP_US) * STEP_US
    closing = _at(local.date(), hours.closes, hours.zone)
    found = []
    if soon <= closing:
        tight = hours.ready_minutes * 60_000_000 <= SAME_HOUR_US
        found.append(Time("soon", soon, PromiseClass.SAME_HOUR if tight else PromiseClass.SAME_DAY))
    if soon < closing:
        found.append(Time("today", closing, PromiseClass.SAME_DAY))
    tomorrow = _at(local.date() + timedelta(days=1), MIDDAY, hours.zone)
    return (*found, Time("tomorrow", tomorrow, PromiseClass.STANDARD))


def time_on(text: str, now_us: int, hours: Hours) -> Time:
    """Return the close of a day that somebody named.

    Raises:
        Invalid: `promise_in_past` or `promise_too_far`; or the text is no date.
    """
    try:
        due_us = _at(date.fromisoformat(text), hours.closes, hours.zone)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            _("{text} is not a day.", text=repr(text[:20])),
            _("Type it like 2026-11-24."),
            code="bad_date",
        ) from error
    check_due(due_us, now_us)
    return Time("on", due_us, PromiseClass.STANDARD)


def check_due(due_us: int, now_us: int) -> int:
    """Return a moment that may be promised.

    Raises:
        Invalid: `promise_in_past` or `promise_too_far`.
    """
    if due_us <= now_us:
        raise Invalid(
            _("This time is past, so it cannot be promised."),
            _("Choose a later one."),
            code="promise_in_past",
            due_us=due_us,
        )
    if due_us > now_us + PROMISE_DAYS * DAY_US:
        raise Invalid(
            _("This is more than {days} days ahead.", days=PROMISE_DAYS),
            _("Choose an earlier day."),
            code="promise_too_far",
            due_us=due_us,
        )
    return due_us


def after_days(now_us: int, days: int, hours: Hours) -> int:
    """Return the close of the day so many days from now; of the next one when today's is past."""
    local = from_us(now_us).astimezone(ZoneInfo(hours.zone))
    due = _at(local.date() + timedelta(days=days), hours.closes, hours.zone)
    return due if due > now_us else _at(local.date() + timedelta(days=days + 1), hours.closes, hours.zone)


def _at(day: date, clock: str, zone: str) -> int:
    hour, _colon, minute = clock.partition(":")
    local = datetime.combine(day, time(int(hour), int(minute)), ZoneInfo(zone))
    return int(local.timestamp()) * 1_000_000


def deposit_least(total_minor: int, percent: int) -> int:
    """Return the least that is paid at once, rounded up to the whole minor unit."""
    return -(-total_minor * percent // 100)


def pay_now(total_minor: int, wanted_minor: int | None, *, percent_min: int) -> int:
    """Return what is paid when the order is taken; None is all of it.

    Raises:
        Refused: `deposit_too_small` or `deposit_too_large`, with the amounts in `facts`.
    """
    if wanted_minor is None:
        return total_minor
    least = deposit_least(total_minor, percent_min)
    if wanted_minor < least:
        raise Refused(
            _("A deposit is at least {percent} % here.", percent=percent_min),
            _("Take more now, or ask for all of it."),
            code="deposit_too_small",
            least_minor=least,
            wanted_minor=wanted_minor,
        )
    if wanted_minor > total_minor:
        raise Refused(
            _("The deposit is more than the order."),
            _("Take the whole amount instead."),
            code="deposit_too_large",
            total_minor=total_minor,
            wanted_minor=wanted_minor,
        )
    return wanted_minor


def pickup_code(secret: str) -> str:
    """Return the code that is read out at the counter, made of random hex digits."""
    return f"{int(secret, 16) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


@dataclass(frozen=True, slots=True)
class Account:
    """The money of one order."""

    total_minor: int
    cancelled_minor: int = 0
    paid_minor: int = 0
    refunded_minor: int = 0

    @property
    def worth_minor(self) -> int:
        """What the customer keeps of it costs."""
        return self.total_minor - self.cancelled_minor

    @property
    def kept_minor(self) -> int:
        """What of the customer's money is here."""
        return self.paid_minor - self.refunded_minor

    @property
    def due_minor(self) -> int:
        """What is still to be paid."""
        return max(0, self.worth_minor - self.kept_minor)

    @property
    def owed_minor(self) -> int:
        """What is owed to the customer."""
        return max(0, self.kept_minor - self.worth_minor)


@dataclass(frozen=True, slots=True)
class GoingBack:
    """How what is owed to a customer goes back: through the tills that took it, or online, by the hub."""

    here_minor: int
    online_minor: int


def going_back(owed_minor: int, *, kept_here_minor: int, left_online_minor: int) -> GoingBack:
    """Return who gives back what is owed: online first, because the hub orders that by itself.

    `kept_here_minor` is what these tills took and have not given back: no till gives back more than that.
    """
    online = min(owed_minor, left_online_minor)
    return GoingBack(max(0, min(owed_minor - online, kept_here_minor)), online)


def reopened(state: OrderState, lines: Iterable[LineRecord]) -> OrderState:
    """Return where an order is once more of it was ordered after everything here was over."""
    over = state in {OrderState.HANDED_OVER, OrderState.CANCELLED}
    return OrderState.ROUTED if over and any(line.open > 0 for line in lines) else state


def check_payment(amount_minor: int, due_minor: int) -> None:
    """Refuse a payment that is not one.

    Raises:
        Refused: `nothing_due` or `overpaid`.
    """
    if due_minor <= 0:
        raise Refused(_("Nothing is due on this order."), _("Hand it over; it is paid."), code="nothing_due")
    if amount_minor > due_minor:
        raise Refused(
            _("This is more than what is due."),
            _("Take no more than what is due; cash gives change."),
            code="overpaid",
            due_minor=due_minor,
            amount_minor=amount_minor,
        )


@dataclass(frozen=True, slots=True)
class Cancelling:
    """What a cancellation does: its units, and what they are worth."""

    lines: tuple[CancelledLine, ...]
    worth_minor: int
    whole: bool
    """Whether nothing is left that anybody has to fulfil."""


def cancelling(
    lines: Sequence[LineRecord], wanted: Mapping[int, int] | None, kept: Mapping[int, int]
) -> Cancelling:
    """Return what a cancellation of these units does; None is everything that this store keeps (`kept`).

    When the last goods go, the way to the customer goes with them. Where some were handed over before, that
    way was walked and stays paid; and where the hub has added some, it is still to be walked.

    Raises:
        Invalid: `no_line` or `no_lines`.
        Refused: `too_many_units`, more than are open and kept here.
    """
    known = {line.line_no: line for line in lines}
    may = {line.line_no: units for line in lines if (units := may_cancel(line, kept)) > 0}
    if wanted is None:
        chosen = {number: units for number, units in may.items() if known[number].kind is LineKind.GOODS}
        if all(line.open <= chosen.get(line.line_no, 0) for line in lines if line.kind is LineKind.GOODS):
            chosen = may
    else:
        chosen = dict(wanted)
        _check_wanted(known, chosen, may)
    _with_the_way(lines, chosen)
    if not any(units > 0 for units in chosen.values()):
        raise Invalid(_("Nothing was chosen to be cancelled."), _("Choose at least one."), code="no_lines")
    left = sum(max(0, line.open) - chosen.get(line.line_no, 0) for line in lines)
    return Cancelling(
        lines=tuple(
            CancelledLine(line_no=number, sku=known[number].sku, quantity=units)
            for number, units in sorted(chosen.items())
            if units > 0
        ),
        worth_minor=sum(worth(known[number], units) for number, units in chosen.items()),
        whole=left == 0,
    )


def may_cancel(line: LineRecord, kept: Mapping[int, int]) -> int:
    """Return the units of a line that this store may cancel: no goods that others have, or will cancel."""
    return max(0, min(line.open, kept.get(line.line_no, 0)) if line.kind is LineKind.GOODS else line.open)


def worth(line: LineRecord, units: int) -> int:
    """Return what so many more units of a line are worth; units beyond its quantity are worth nothing."""
    before = min(line.settled, line.ordered)
    count = min(units, line.ordered - before)
    return share_minor(line.gross_minor, units=line.ordered, before=before, count=count)


def _check_wanted(known: Mapping[int, LineRecord], chosen: Mapping[int, int], may: Mapping[int, int]) -> None:
    for number, units in chosen.items():
        line = known.get(number)
        if line is None:
            raise Invalid(
                _("The order has no line {line}.", line=number),
                _("Choose one of its lines."),
                code="no_line",
                line_no=number,
            )
        if units > may.get(number, 0):
            raise Refused(
                _("{units} of line {line} were to be cancelled, {open} are kept here.",
                  units=units, line=number, open=may.get(number, 0)),
                _("Cancel fewer. What was handed over comes back as a return; what the hub added is "
                  "cancelled at the hub."),
                code="too_many_units",
                line_no=number,
                open=may.get(number, 0),
            )  # fmt: skip


def _with_the_way(lines: Sequence[LineRecord], chosen: dict[int, int]) -> None:
    goods = [line for line in lines if line.kind is LineKind.GOODS]
    all_gone = all(line.open - chosen.get(line.line_no, 0) <= 0 for line in goods)
    if all_gone and not any(line.fulfilled for line in goods):
        for line in lines:
            if line.kind is LineKind.SHIPPING and line.open > 0:
                chosen[line.line_no] = line.open


def check_changeable(state: OrderState, number: str, *, assignment_id: str, parts: int) -> None:
    """Refuse to change or cancel what this store does not hold itself.

    Raises:
        Refused: `order_over`, `held_elsewhere`.
    """
    if state not in OPEN_STATES:
        what = (
            _("{number} was cancelled.", number=number)
            if state is OrderState.CANCELLED
            else _("{number} has left the store already.", number=number)
        )
        raise Refused(
            what, _("What was handed over comes back as a return."), code="order_over", number=number
        )
    if not assignment_id or not parts:
        raise Refused(
            _("{number} is not kept by this store: the hub decides about it.", number=number),
            _("Customer service at the hub changes or cancels it; give them the number."),
            code="held_elsewhere",
            number=number,
        )


def kind_of(way: Way) -> FulfilKind:
    """Return the way as the wire says it."""
    return FulfilKind.SHIP if way is Way.SHIP else FulfilKind.COLLECT
