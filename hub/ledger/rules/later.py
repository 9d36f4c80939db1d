"""What orders for later do to the books: money is held until goods leave, and owed when they never will.

Each line's money is shared out by units: what is settled so far is the rounded running total
(`protocol.rules.shares`), so handovers, cancellations and their undoing sum to the line in any order. A step
is worth the running total after it less what is settled already; that is the plain share, except that an
undone handover, which takes back exactly what it had earned, may leave a unit of rounding for the next step.

What a reader would get wrong: the books stand where the facts lead. Goods that leave unpaid are owed by the
customer; goods beyond what was open earn nothing (a person decides about them); money above what an order is
worth stands in suspense by name. A cancellation owes what is held above the worth of what is left, so the
unpaid part of a deposit just disappears, and a deposit stays with the rest of its order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub.ledger.rules import SUSPENSE, Draft, Line, cost_of
from hub.stock.rules import ValuedMove
from protocol.later import OrderPaid, OrderPaidOnline, OrderRefunded, OrderRefundedOnline
from protocol.money import round_ratio
from protocol.orders import LineKind

DEPOSITS: Final = "deposits"
RECEIVABLE: Final = "receivable"
OWED: Final = "refunds_payable"
DEPOSIT_TAX: Final = "deposit_tax"
"""The rule of the journals by which the tax in deposits is due, and due no more."""


@dataclass(frozen=True, slots=True)
class Held:
    """The money of one order: held for what has not left, owed by the customer, owed to the customer.

    `worth_minor` is what the units cost that are neither gone nor cancelled.
    """

    deposits_minor: int
    receivable_minor: int
    owed_minor: int
    worth_minor: int


@dataclass(frozen=True, slots=True)
class LineMoney:
    """One line: what it costs, what of that is settled, and how its units stood before a step."""

    line_no: int
    kind: LineKind
    rate_ppm: int
    units: int
    gross_minor: int
    tax_minor: int
    settled_minor: int
    settled_tax_minor: int
    settled_units: int
    """Units that left or were cancelled, as they stood before the step."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a step is worth on one line."""

    line_no: int
    kind: LineKind
    rate_ppm: int
    gross_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Step:
    """A journal, and the money of the order after it."""

    drafts: tuple[Draft, ...]
    held: Held


def share(line: LineMoney, units: int) -> Share:
    """Return what so many more units of a line settle; units that were not open settle nothing."""
    upto = min(line.units, max(0, line.settled_units + units))
    gross = max(0, round_ratio(line.gross_minor * upto, line.units) - line.settled_minor)
    tax = max(0, round_ratio(line.tax_minor * upto, line.units) - line.settled_tax_minor)
    return Share(line.line_no, line.kind, line.rate_ppm, gross, min(tax, gross))


def paid(body: OrderPaid | OrderPaidOnline, held: Held | None, memo: str) -> Step:
    """Money came in: it pays what is owed first, then what went back too much, then is held.

    What is more than the order costs is named.

    `held` is None for an order that nobody here knows yet: all of it is held then.
    """
    online = isinstance(body, OrderPaidOnline)
    taken = _money(body, 1)
    amount = body.amount_minor
    owing = min(amount, held.receivable_minor) if held else 0
    again = min(amount - owing, max(0, -held.owed_minor)) if held else 0
    room = amount if held is None else max(0, held.worth_minor - held.deposits_minor)
    kept = min(amount - owing - again, room)
    lines = [
        *taken,
        Line(RECEIVABLE, -owing),
        Line(OWED, -again),
        Line(DEPOSITS, -kept),
        Line(SUSPENSE, -sum(line.amount_minor for line in taken) + owing + again + kept),
    ]
    after = Held(
        (held.deposits_minor if held else 0) + kept,
        (held.receivable_minor if held else 0) - owing,
        (held.owed_minor if held else 0) + again,
        held.worth_minor if held else 0,
    )
    return Step((Draft("payment_online" if online else "payment", tuple(lines), memo),), after)


def kept_for_more(spare_minor: int, held: Held, memo: str) -> Step:
    """More was ordered: what is owed and on its way to nobody (`spare_minor`) is held for that instead."""
    kept = max(0, min(spare_minor, held.worth_minor - held.deposits_minor))
    after = Held(held.deposits_minor + kept, held.receivable_minor, held.owed_minor - kept, held.worth_minor)
    lines = (Line(OWED, kept), Line(DEPOSITS, -kept))
    return Step((Draft("kept_for_more", lines, memo),) if kept else (), after)


def refunded(body: OrderRefunded | OrderRefundedOnline, held: Held, memo: str) -> Step:
    """Money went back: what was owed to the customer is owed no more."""
    online = isinstance(body, OrderRefundedOnline)
    given = _money(body, -1)
    amount = body.amount_minor
    rest = amount + sum(line.amount_minor for line in given)
    lines = (Line(OWED, amount), *given, Line(SUSPENSE, -rest))
    after = Held(held.deposits_minor, held.receivable_minor, held.owed_minor - amount, held.worth_minor)
    return Step((Draft("refund_online" if online else "refund", lines, memo),), after)


def fulfilled(shares: Sequence[Share], held: Held, memo: str, *, rule: str = "fulfil") -> Step:
    """Goods left: what was held for them is earned, and what was not paid is owed by the customer."""
    gross = sum(each.gross_minor for each in shares)
    from_deposits = min(gross, held.deposits_minor)
    unpaid = gross - from_deposits
    lines = [Line(DEPOSITS, from_deposits), Line(RECEIVABLE, unpaid), *_earned(shares, -1)]
    after = Held(
        held.deposits_minor - from_deposits,
        held.receivable_minor + unpaid,
        held.owed_minor,
        held.worth_minor - gross,
    )
    return Step((Draft(rule, tuple(lines), memo),), after)


def undone(shares: Sequence[Share], held: Held, memo: str) -> Step:
    """A handover is taken back: what it earned is held again, what it left unpaid is not owed any more."""
    gross = sum(each.gross_minor for each in shares)
    unpaid = min(gross, held.receivable_minor)
    lines = [Line(DEPOSITS, unpaid - gross), Line(RECEIVABLE, -unpaid), *_earned(shares, 1)]
    after = Held(
        held.deposits_minor + gross - unpaid,
        held.receivable_minor - unpaid,
        held.owed_minor,
        held.worth_minor + gross,
    )
    return Step((Draft("undo_fulfil", tuple(lines), memo),), after)


def cancelled(shares: Sequence[Share], held: Held, memo: str) -> tuple[Step, int]:
    """Units will never leave: what is held above the worth of the rest is owed back; returned beside it."""
    worth = held.worth_minor - sum(each.gross_minor for each in shares)
    back = max(0, held.deposits_minor - worth)
    lines = (Line(DEPOSITS, back), Line(OWED, -back))
    after = Held(held.deposits_minor - back, held.receivable_minor, held.owed_minor + back, worth)
    return Step((Draft("cancel", lines, memo),), after), back


def arrived(left: Sequence[Share], dropped: Sequence[Share], held: Held, memo: str) -> Step:
    """An order arrived after what happened to it: settle that at once.

    `held` says what was posted by then: all payments held, all refunds taken from what is owed.
    """
    gone = fulfilled(left, held, memo)
    ended, _back = cancelled(dropped, gone.held, memo)
    after = ended.held
    over = max(0, after.deposits_minor - after.worth_minor)
    lines = [line for draft in (*gone.drafts, *ended.drafts) for line in draft.lines]
    lines += [Line(DEPOSITS, over), Line(SUSPENSE, -over)]
    kept = Held(after.deposits_minor - over, after.receivable_minor, after.owed_minor, after.worth_minor)
    return Step((Draft("fulfil", tuple(lines), memo),), kept)


def deposit_taxes(open_taxes: Mapping[int, int], held: Held) -> dict[int, int]:
    """Return the tax by rate that is in the money held for what has not left.

    `open_taxes` is the tax by rate in all that has not left; a part of the money has that part of it.
    """
    if held.worth_minor <= 0:
        return {}
    part = min(held.deposits_minor, held.worth_minor)
    found = {rate: round_ratio(tax * part, held.worth_minor) for rate, tax in open_taxes.items()}
    return {rate: tax for rate, tax in found.items() if tax}


def tax_on_deposits(before: Mapping[int, int], after: Mapping[int, int], memo: str) -> tuple[Draft, ...]:
    """Return the draft by which the tax in deposits goes from one amount to another (matrix 2b, 3, 9).

    It is due while the money is held, and no more once what is held was earned or is owed back: then the
    goods' own tax takes its place, or nothing.
    """
    rates = sorted({*before, *after})
    moved = {rate: after.get(rate, 0) - before.get(rate, 0) for rate in rates}
    lines = (
        Line(DEPOSITS, sum(moved.values())),
        *(Line("sales_tax", -minor, rate) for rate, minor in moved.items() if minor),
    )
    return (Draft(DEPOSIT_TAX, lines, memo),) if any(moved.values()) else ()


def goods_back(moves: Sequence[ValuedMove], memo: str) -> tuple[Draft, ...]:
    """Return the cost of an undone handover, on the account it had gone to: nothing was sold or returned."""
    return tuple(
        Draft(
            draft.rule,
            tuple(
                Line("cogs", line.amount_minor) if line.purpose == "cogs_returns" else line
                for line in draft.lines
            ),
            memo,
        )
        for draft in cost_of("undo_fulfil_cost", moves, memo)
    )


def _earned(shares: Sequence[Share], sign: int) -> list[Line]:
    """Return revenue, shipping income and tax by rate; `sign` -1 earns, 1 takes back."""
    income: dict[str, int] = {}
    taxes: dict[int, int] = {}
    for each in shares:
        purpose = "shipping_income" if each.kind is LineKind.SHIPPING else "sales"
        income[purpose] = income.get(purpose, 0) + each.gross_minor - each.tax_minor
        taxes[each.rate_ppm] = taxes.get(each.rate_ppm, 0) + each.tax_minor
    return [
        *(Line(purpose, sign * amount) for purpose, amount in income.items()),
        *(Line("sales_tax", sign * tax, rate) for rate, tax in taxes.items()),
    ]


def _money(body: OrderPaid | OrderPaidOnline | OrderRefunded | OrderRefundedOnline, sign: int) -> list[Line]:
    """Return how money moved: through a payment service, or by the tenders of a till.

    A rounding of cash has a line of its own where it explains what the tenders differ by.
    """
    if isinstance(body, OrderPaidOnline | OrderRefundedOnline):
        taker = "marketplace" if body.marketplace else "gateway"
        return [Line(f"{taker}.{body.gateway}", sign * body.amount_minor)]
    sums: dict[str, int] = {}
    for tender in body.tenders:
        purpose = f"tender.{tender.kind.value}"
        sums[purpose] = sums.get(purpose, 0) + tender.amount_minor
    lines = [Line(purpose, sign * amount) for purpose, amount in sums.items()]
    rounding = body.rounding_minor
    if rounding and sum(sums.values()) == body.amount_minor - rounding:
        lines.append(Line("rounding", sign * rounding))
    return lines
