"""Changing the lines of an order: more of it, less of it, another item in place of one.

What nobody holds changes at once. What a location holds is asked for, unit by unit: it keeps the rest, and
nothing that is ordered in place of units counts before it has let go of them. What is only added never waits,
because units that are nobody's can be given to somebody without doubling anything; the location that holds
the rest fetches them too where it can (`hub.route.extending`). What a store has set aside itself stays as it
is: what is added to its order becomes a part of its own, which that store may get too.

What a reader would get wrong: the money that a change says is what it comes to in the end. While a location
has not answered, the order and its money are what they were.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from hub.capture import asking, changes, reads
from hub.capture.asking import Request
from hub.capture.changes import Change
from hub.capture.line_rules import LineChange, LineNow, More, Plan, plan_lines, plan_order
from hub.capture.pricing import KNOWN, known_of, priced_lines
from hub.capture.wanted import (
    Changed,
    ChangeMoney,
    ChangeWanted,
    LineChangeWanted,
    LineWanted,
    PaymentWanted,
)
from hub.database import HubUnit
from hub.spine.entries import Entry
from hub.spine.held import Held, held
from hub.spine.later import Later
from hub.spine.rows import order_lines
from hub.spine.work import Work
from protocol.errors import Invalid, Refused, StaleVersion
from protocol.fulfilment import LINES_FOR_LATER, FulfilKind, Promise
from protocol.kit.text import _
from protocol.orders import OrderLine

LINES: Final = "lines"
"""In what was changed."""


@dataclass(frozen=True, slots=True)
class LinesWanted:
    """What shall be on the order, who wants it, and what was paid for it."""

    reason: str
    by: str
    changes: tuple[LineChangeWanted, ...] = ()
    whole: tuple[LineWanted, ...] | None = None
    """All of the order's items, as a channel sends them anew; then `changes` is empty."""
    payment: PaymentWanted | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class _Doing:
    """A change on its way: what it comes to, line by line and in money."""

    work: Work
    order_id: str
    entry: Entry
    beside: Later
    now: Held
    wanted: LinesWanted
    plan: Plan
    added: tuple[OrderLine, ...]
    money: ChangeMoney

    @property
    def number(self) -> str:
        return self.entry.record.number

    @property
    def ships(self) -> bool:
        return Promise.model_validate_json(self.beside.promise).kind is FulfilKind.SHIP


def wanted_of(wanted: ChangeWanted, by: str) -> LinesWanted | None:
    """Return the part of a change that is about lines; None when there is none.

    Raises:
        Invalid: money came with a change of nothing that costs any.
    """
    if wanted.lines:
        return LinesWanted(wanted.reason, by, wanted.lines, None, wanted.payment, wanted.seen)
    if wanted.payment is not None:
        raise Invalid(
            _("Money came with a change that adds nothing."), _("Send it with the lines."), code="no_lines"
        )
    return None


def change(work: Work, order_id: str, wanted: Change, lines: LinesWanted | None) -> Changed:
    """Change an order: its lines, and with them what was promised, the customer or the note.

    Raises:
        Invalid: it cannot be understood, or nothing would be different.
        Refused: it cannot be any more, is not paid, or nobody could keep the promise with it.
        StaleVersion: more has happened since whoever asks has looked.
    """
    if lines is None:
        return changes.change(work, order_id, wanted)
    entry, beside = reads.need(work, order_id)
    version = entry.version
    if lines.seen is not None and lines.seen != version:
        raise StaleVersion(
            _("More has happened to {number} since you looked.", number=entry.record.number),
            _("Look at it again, then decide."),
            code="stale_version",
            seen=lines.seen,
            version=version,
        )
    what: list[str] = []
    if not wanted.is_empty:
        before = Promise.model_validate_json(beside.promise)
        if wanted.promise is not None and changes.goes_elsewhere(before, wanted.promise):
            raise Refused(
                _("Other goods and another place cannot be promised in one step."),
                _("Change one of them, then the other."),
                code="one_at_a_time",
            )
        what += changes.change(work, order_id, wanted).changed
    money, waiting = _change_lines(work, order_id, lines)
    changes.must_be_routable(work, order_id)
    return changes.changed(
        work,
        order_id,
        changed=[*what, *([] if waiting else [LINES])],
        requested=waiting,
        money=money,
        version=version,
    )


def preview(unit: HubUnit, do: Callable[[], Changed]) -> Changed:
    """Return what a change would come to; everything that it did is undone, and nothing of it leaves.

    Raises:
        OrderspineError: what `do` raises: it would be refused so.
    """
    try:
        with unit.savepoint():
            raise _Seen(do())
    except _Seen as seen:
        return seen.answer


class _Seen(Exception):
    def __init__(self, answer: Changed) -> None:
        super().__init__()
        self.answer = answer


def _change_lines(work: Work, order_id: str, wanted: LinesWanted) -> tuple[ChangeMoney, list[str]]:
    """Do it, and return what it comes to and who must answer first."""
    doing = _planned(work, order_id, wanted)
    if not doing.plan.more and not doing.plan.less:
        return doing.money, []
    free = asking.cancellable(work, order_id)
    at_once = {n: min(units, free.get(n, 0)) for n, units in doing.plan.less.items()}
    rest = {n: units - at_once[n] for n, units in doing.plan.less.items() if units > at_once[n]}
    if not rest:
        _at_once(doing, at_once)
        return doing.money, []
    request = _request(doing, at_once)
    if any(at_once.values()):
        asking.cancel_units(work, order_id, doing.number, at_once, replace(request, added=()))
    return doing.money, _asked(doing, replace(request, lines=rest))


def _planned(work: Work, order_id: str, wanted: LinesWanted) -> _Doing:
    entry, beside = reads.need(work, order_id)
    now = held(work, order_id)
    if not now.open_holdings and not now.loose:
        raise Refused(
            _("Nothing of {number} is open any more.", number=entry.record.number),
            _("Place a new order for what is wanted too."),
            code="nothing_open",
        )
    for row in asking.open_requests(work.connection, order_id):
        where = next((h.location for h in now.open_holdings if h.assignment_id == row.assignment_id), "")
        raise Refused(
            _("{edge} has been asked about {number} already and has not answered.",
              edge=where or _("A location"), number=entry.record.number),
            _("Wait for its answer."),
            code="already_requested",
            location=where,
        )  # fmt: skip
    lines = _lines_now(work, entry)
    if wanted.whole is None:
        plan = plan_lines(lines, [_change(each) for each in wanted.changes])
    else:
        plan = plan_order(lines, [_item(each) for each in wanted.whole])
    added = _priced(work, entry, plan)
    money = _money(entry, beside, plan, added, wanted.payment)
    doing = _Doing(work, order_id, entry, beside, now, wanted, plan, added, money)
    _must_be_paid(doing)
    return doing


def _lines_now(work: Work, entry: Entry) -> list[LineNow]:
    prices = {
        row.line_no: row
        for row in work.connection.execute(
            sa.select(
                order_lines.c.line_no,
                order_lines.c.name,
                order_lines.c.unit_price_minor,
                order_lines.c.unit_price_exact,
            ).where(order_lines.c.order_id == entry.record.order_id)
        )
    }
    return [
        LineNow(
            line.line_no,
            line.sku,
            prices[line.line_no].name,
            line.kind,
            line.ordered - line.cancelled,
            line.open,
            prices[line.line_no].unit_price_minor,
            bool(prices[line.line_no].unit_price_exact),
        )
        for line in entry.record.lines
        if line.line_no in prices
    ]


def _change(said: LineChangeWanted) -> LineChange:
    return LineChange(said.line_no, said.sku or "", said.quantity, said.unit_price_minor, said.discount_minor)


def _item(said: LineWanted) -> More:
    return More(said.sku, said.quantity, said.unit_price_minor, said.discount_minor, said.name)


def _priced(work: Work, entry: Entry, plan: Plan) -> tuple[OrderLine, ...]:
    """Return what is added as lines with their money, by the rules of capture, numbered after the others."""
    if not plan.more:
        return ()
    last = max(line.line_no for line in entry.record.lines)
    if last + len(plan.more) > LINES_FOR_LATER:
        raise Refused(
            _("An order for later has at most {n} lines.", n=LINES_FOR_LATER),
            _("Place a new order for the rest."),
            code="too_many_lines",
        )
    known = known_of(KNOWN.run(work.connection, [item.sku for item in plan.more]))
    wanted = [LineWanted.model_validate(item._asdict()) for item in plan.more]
    lines, _sums = priced_lines(wanted, known, 0)
    return tuple(line.model_copy(update={"line_no": last + line.line_no}) for line in lines)


def _money(
    entry: Entry, beside: Later, plan: Plan, added: Sequence[OrderLine], payment: PaymentWanted | None
) -> ChangeMoney:
    record = entry.record
    more = sum(line.gross_minor for line in added)
    less = beside.drop_minor(record, plan.less)
    before = sum(line.gross_minor for line in record.lines) - beside.dropped_minor(record)
    worth = beside.worth_minor(record) + more - less
    paid = beside.deposits_minor + min(0, beside.owed_minor) + (payment.amount_minor if payment else 0)
    tax = sum(line.tax_minor for line in added) - beside.drop_minor(record, plan.less, tax=True)
    return ChangeMoney(
        currency=beside.currency,
        before_minor=before,
        after_minor=before + more - less,
        difference_minor=more - less,
        tax_difference_minor=tax,
        paid_minor=paid,
        due_minor=max(0, worth + beside.receivable_minor - paid),
        refund_minor=max(0, paid - worth),
    )


def _must_be_paid(doing: _Doing) -> None:
    money, payment = doing.money, doing.wanted.payment
    if payment is not None and money.refund_minor:
        raise Invalid(
            _("More would be paid than the order costs."),
            _("Correct the payment."),
            code="overpaid",
            too_much_minor=money.refund_minor,
        )
    if doing.ships and doing.added and money.due_minor:
        raise Refused(
            _("An order that is shipped must be paid first."),
            _("Capture what is due for it, and send the payment with the change."),
            code="unpaid",
            due_minor=money.due_minor,
        )


def _request(doing: _Doing, at_once: dict[int, int]) -> Request:
    wanted, payment = doing.wanted, doing.wanted.payment
    return Request(
        "cancel",
        wanted.reason,
        wanted.by,
        doing.work.clock.now_us(),
        by_customer=True,
        lines=at_once,
        added=doing.added,
        paying_minor=payment.amount_minor if payment is not None else 0,
    )


def _at_once(doing: _Doing, less: dict[int, int]) -> None:
    """Nobody has to be asked. What is added stands first, so that only the difference is owed either way."""
    work, request = doing.work, _request(doing, less)
    change_id = work.ids.new_id()
    dropped = {n: units for n, units in less.items() if units}
    if doing.added:
        asking.add_lines(work, doing.order_id, doing.number, request, change_id, route=not dropped)
    _pay(doing)
    if dropped:
        named = change_id if doing.added else ""
        asking.cancel_units(work, doing.order_id, doing.number, dropped, request, change_id=named)


def _asked(doing: _Doing, request: Request) -> list[str]:
    """Ask who holds what is no longer wanted; return who has to answer before anything is different."""
    work, order_id = doing.work, doing.order_id
    asked = changes.ask_for(work, order_id, doing.now, replace(request, added=()), {}, keep=False)
    if doing.added and len(asked) > 1:
        raise Refused(
            _("Several locations hold what shall be replaced."),
            _("Take it off first; when they have answered, add the other item."),
            code="several_locations",
            locations=[each.holding.location for each in asked],
        )
    certain = all(asking.is_unsent(work, each.holding) for each in asked)
    if doing.wanted.payment is not None and not certain:
        raise Refused(
            _("{edge} has to answer before this costs more.", edge=asked[0].holding.location),
            _("Take the item off first; when it is off, add the other one with its payment."),
            code="pay_after_answer",
            due_minor=doing.money.due_minor,
        )
    kept = [
        asking.keep(work, order_id, each.holding, replace(each.request, added=doing.added)) for each in asked
    ]
    waiting = [each.holding.location for each in kept if not asking.ask(work, order_id, doing.number, each)]
    _pay(doing)
    return waiting


def _pay(doing: _Doing) -> None:
    if doing.wanted.payment is not None:
        changes.take_payment(doing.work, doing.order_id, doing.wanted.payment, by=doing.wanted.by)
