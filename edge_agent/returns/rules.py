"""What may come back, and what goes out for it.

Facts in, plan out. Money is never computed from prices: a line gives back its part of what it kept at the
sale (`protocol.rules.refund`), and the money goes back the way it came, in proportion to what is left on
each tender (`protocol.rules.tenders`). So any sequence of returns sums exactly to the sale.

Where the money goes and where the goods go are separate decisions: the reason proposes a bucket, the
person decides it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from protocol.errors import Invalid, Refused
from protocol.kit.return_words import reason_words
from protocol.kit.text import _
from protocol.lifecycles import OrderState
from protocol.movements import Bucket
from protocol.orders import STORED_VALUE, LineKind, ReturnLine, Tender, TenderKind
from protocol.returns import ReturnFee
from protocol.rules.refund import RefundableLine, refund_money, refund_units
from protocol.rules.tenders import round_cash, split_with_first

RETURN_BUCKETS: Final = (Bucket.SELLABLE, Bucket.RETURNS, Bucket.QUARANTINE, Bucket.CUSTOMER)
"""Restock, inspect, keep apart because it is damaged, or leave it with the customer."""
_REASONS: Final[Mapping[str, Bucket]] = MappingProxyType(
    {
        "changed_mind": Bucket.SELLABLE,
        "wrong_size": Bucket.SELLABLE,
        "wrong_item": Bucket.SELLABLE,
        "not_as_described": Bucket.RETURNS,
        "faulty": Bucket.RETURNS,
        "damaged": Bucket.QUARANTINE,
        "other": Bucket.RETURNS,
    }
)
FIRST: Final[Mapping[str, frozenset[TenderKind]]] = MappingProxyType(
    {"gift_card": STORED_VALUE, "card": frozenset({TenderKind.CARD})}
)
"""Which tenders a policy means that names one to be given back to first."""
GOODWILL: Final = "goodwill"
"""The reason of money that goes back while the goods stay."""
RETURNABLE_STATES: Final = frozenset({OrderState.COMPLETED, OrderState.PART_RETURNED, OrderState.HANDED_OVER})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something comes back: its code, its words, and the bucket it proposes."""

    code: str
    label: str
    to_bucket: str


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line as it was sold, and what has come back of it."""

    line_no: int
    sku: str
    name: str
    kind: LineKind
    rate_ppm: int
    money: RefundableLine


@dataclass(frozen=True, slots=True)
class TenderLeft:
    """A tender of the sale, and what has not gone back to it."""

    n: int
    kind: TenderKind
    amount_minor: int
    left_minor: int
    reference: str
    last4: str


@dataclass(frozen=True, slots=True)
class WantedLine:
    """Units of one line that a customer brings back. No bucket: the one its reason proposes."""

    line_no: int
    quantity: int
    reason: str
    to_bucket: str = ""
    condition: str = "new"
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a return will do, exactly."""

    lines: tuple[ReturnLine, ...]
    refunds: tuple[Tender, ...]
    total_minor: int
    tax_minor: int
    fees: tuple[ReturnFee, ...] = ()

    @property
    def fee_minor(self) -> int:
        """What is kept of the total."""
        return sum(fee.amount_minor for fee in self.fees)

    @property
    def paid_minor(self) -> int:
        """What goes to the customer."""
        return self.total_minor - self.fee_minor

    @property
    def cash_minor(self) -> int:
        """What leaves the drawer."""
        return sum(tender.amount_minor for tender in self.refunds if tender.kind is TenderKind.CASH)


def reasons() -> tuple[Reason, ...]:
    """Return why something may come back, in the words of the current language."""
    labels = reason_words()
    return tuple(Reason(code, labels[code], bucket.value) for code, bucket in _REASONS.items())


def bucket_label(bucket: str) -> str:
    """Return what a bucket means for somebody who holds the goods."""
    labels = {
        Bucket.SELLABLE.value: _("Back on the shelf"),
        Bucket.RETURNS.value: _("To be inspected"),
        Bucket.QUARANTINE.value: _("Kept apart, damaged"),
        Bucket.CUSTOMER.value: _("Stays with the customer"),
    }
    return labels.get(bucket, bucket)


def check_state(state: str, number: str) -> None:
    """Refuse a return of an order that has none left to give.

    Raises:
        Refused: `order_voided`, `all_returned` or `not_returnable`.
    """
    if OrderState(state) in RETURNABLE_STATES:
        return
    sentence = {
        OrderState.VOIDED: _("{number} was voided, so nothing of it can come back.", number=number),
        OrderState.RETURNED: _("All of {number} has come back already.", number=number),
    }.get(OrderState(state), _("{number} has not been handed over.", number=number))
    code = {OrderState.VOIDED: "order_voided", OrderState.RETURNED: "all_returned"}.get(
        OrderState(state), "not_returnable"
    )
    raise Refused(sentence, _("Look at the order; its history says what happened."), code=code, number=number)


def plan_return(
    sold: Mapping[int, SoldLine],
    tenders: Sequence[TenderLeft],
    wanted: Iterable[WantedLine],
    *,
    cash_step_minor: int = 1,
    first: str = "",
) -> Plan:
    """Return what a return of these units does. Parts of one line may go to several buckets.

    Raises:
        Invalid: a line, reason or bucket is not known.
        Refused: `too_many_units`, more than are left of a line.
    """
    standing = dict(sold)
    lines = []
    for each in wanted:
        line = _line_of(standing, each.line_no)
        step = refund_units(line.money, each.quantity)
        standing[each.line_no] = replace(line, money=line.money.after(step))
        lines.append(
            ReturnLine(
                line_no=line.line_no,
                sku=line.sku,
                name=line.name,
                kind=line.kind,
                quantity=each.quantity,
                gross_minor=step.gross_minor,
                tax_minor=step.tax_minor,
                reason=each.reason,
                to_bucket=bucket_of(each.reason, each.to_bucket),
                rate_ppm=line.rate_ppm,
                serials=each.serials,
            )
        )
    if not lines:
        raise Invalid(_("Nothing was chosen to come back."), _("Choose at least one line."), code="no_lines")
    total = sum(line.gross_minor for line in lines)
    return Plan(
        lines=tuple(lines),
        refunds=split_over(tenders, total, cash_step_minor=cash_step_minor, first=first),
        total_minor=total,
        tax_minor=sum(line.tax_minor for line in lines),
    )


def plan_goodwill(
    sold: Mapping[int, SoldLine],
    tenders: Sequence[TenderLeft],
    line_no: int,
    amount_minor: int,
    *,
    cash_step_minor: int = 1,
    first: str = "",
) -> Plan:
    """Return what giving money of one line back does, while the goods stay with the customer.

    Raises:
        Invalid: `no_line`, or the amount is nothing.
        Refused: `too_much_money`, more than is left of what was paid for the line.
    """
    line = _line_of(sold, line_no)
    step = refund_money(line.money, amount_minor)
    back = ReturnLine(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        kind=line.kind,
        quantity=0,
        gross_minor=step.gross_minor,
        tax_minor=step.tax_minor,
        reason=GOODWILL,
        to_bucket=Bucket.CUSTOMER.value,
        rate_ppm=line.rate_ppm,
    )
    return Plan(
        lines=(back,),
        refunds=split_over(tenders, amount_minor, cash_step_minor=cash_step_minor, first=first),
        total_minor=step.gross_minor,
        tax_minor=step.tax_minor,
    )


def _line_of(sold: Mapping[int, SoldLine], line_no: int) -> SoldLine:
    line = sold.get(line_no)
    if line is None:
        raise Invalid(
            _("The order has no line {line}.", line=line_no),
            _("Choose one of its lines."),
            code="no_line",
            line_no=line_no,
        )
    return line


def on_terms(
    plan: Plan,
    tenders: Sequence[TenderLeft],
    fees: tuple[ReturnFee, ...],
    *,
    as_credit: bool,
    cash_step_minor: int = 1,
    first: str = "",
) -> Plan:
    """Return the same plan with fees kept, and the rest to the tenders it came from or to store credit.

    The number of the credit is not known before it is recorded, so its tender has no reference here.
    """
    planned = replace(plan, fees=fees)
    left = planned.paid_minor
    # What was paid to a payment service has no tender at a till to go back to.
    if as_credit or not tenders:
        paid = min(left, sum(tender.left_minor for tender in tenders)) if tenders else left
        credit = Tender(kind=TenderKind.STORE_CREDIT, amount_minor=paid)
        refunds: tuple[Tender, ...] = (credit,) if paid else ()
    else:
        refunds = split_over(tenders, left, cash_step_minor=cash_step_minor, first=first)
    return replace(planned, refunds=refunds)


def with_refunds(plan: Plan, refunds: tuple[Tender, ...]) -> Plan:
    """Return the same plan with its money going elsewhere."""
    return replace(plan, refunds=refunds)


def plan_void(sold: Iterable[SoldLine], tenders: Sequence[TenderLeft]) -> Plan:
    """Return the mirror of a sale of which nothing has come back."""
    lines = tuple(
        ReturnLine(
            line_no=line.line_no,
            sku=line.sku,
            name=line.name,
            kind=line.kind,
            quantity=line.money.quantity,
            gross_minor=line.money.gross_minor,
            tax_minor=line.money.tax_minor,
            reason="void",
            rate_ppm=line.rate_ppm,
        )
        for line in sold
    )
    return Plan(
        lines=lines,
        refunds=tuple(_tender(tender, tender.amount_minor) for tender in tenders if tender.amount_minor),
        total_minor=sum(line.gross_minor for line in lines),
        tax_minor=sum(line.tax_minor for line in lines),
    )


def split_over(
    tenders: Sequence[TenderLeft], total_minor: int, *, cash_step_minor: int, first: str = ""
) -> tuple[Tender, ...]:
    """Return what goes back to each tender of the sale, and never more than is left on it.

    `first` names the tenders that the policy empties before the others, as `ReturnPolicy.refund_first`.

    What an exchange paid was goods and no money that could go back, so store credit is given for it. Cash
    that was rounded at the sale may leave less on the tenders than on the lines, by less than one coin; then
    what is left goes back.
    """
    left = [tender.left_minor for tender in tenders]
    parts = split_with_first(
        min(total_minor, sum(left)), left, [tender.kind in FIRST.get(first, ()) for tender in tenders]
    )
    refunds = []
    for tender, part in zip(tenders, parts, strict=True):
        paid = part
        if tender.kind is TenderKind.CASH:
            paid = min(round_cash(part, cash_step_minor)[0], tender.left_minor)
        if paid:
            refunds.append(_tender(tender, paid))
    return tuple(refunds)


def _tender(tender: TenderLeft, amount_minor: int) -> Tender:
    if tender.kind is TenderKind.EXCHANGE:
        return Tender(kind=TenderKind.STORE_CREDIT, amount_minor=amount_minor)
    return Tender(kind=tender.kind, amount_minor=amount_minor, reference=tender.reference, last4=tender.last4)


def bucket_of(reason: str, wanted: str) -> str:
    """Return where goods go: where somebody said, or where their reason proposes.

    Raises:
        Invalid: `unknown_reason` or `bad_bucket`.
    """
    proposed = _REASONS.get(reason)
    if proposed is None:
        raise Invalid(
            _("{reason} is not a reason for a return.", reason=reason[:40]),
            _("Choose one of: {codes}.", codes=", ".join(_REASONS)),
            code="unknown_reason",
        )
    bucket = wanted or proposed.value
    if bucket not in {each.value for each in RETURN_BUCKETS}:
        raise Invalid(
            _("Returned goods cannot go to {bucket}.", bucket=bucket[:40]),
            _("Choose one of: {buckets}.", buckets=", ".join(RETURN_BUCKETS)),
            code="bad_bucket",
        )
    return bucket
