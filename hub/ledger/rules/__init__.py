"""What a fact does to the books: pure functions (facts, rule version) -> drafts of journals.

A draft speaks of purposes (`sales`, `tender.cash`), not of accounts; which account serves a purpose is data
(`chart`). Signed whole minor units, debit positive; every draft sums to zero by itself, because what is left
over goes to suspense by name and never disappears. Nothing here knows what has been posted before, except the
void, which mirrors the journals that it is given.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hub.stock.rules import ValuedMove
from protocol.events import OrderSold, ReturnCompleted, TillClosed, TillOpened
from protocol.movements import OUTSIDE, Bucket
from protocol.orders import Tender

RULE_VERSION: Final = 2
SUSPENSE: Final = "suspense"
VARIANCE: Final = "cost_variance"
SALE: Final = "sale"
SALE_COST: Final = "sale_cost"


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a journal: what it is for, how much, and at which tax rate where that says something.

    `ref` says whose side it is where the account alone does not, such as the other entity of a debt.
    """

    purpose: str
    amount_minor: int
    rate_ppm: int | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A journal before its accounts are known. It sums to zero."""

    rule: str
    lines: tuple[Line, ...]
    memo: str = ""
    reverses: int | None = None


Side = tuple[str, int, int | None, str]
"""One side with its account: (account, amount, tax rate, whose)."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A journal that stands, as a mirror needs it: accounts instead of purposes."""

    journal_id: int
    rule: str
    entries: tuple[Side, ...]
    entity: str = ""


INVENTORY: Final[Mapping[Bucket, str]] = {
    Bucket.SELLABLE: "inventory",
    Bucket.RESERVED: "inventory",
    Bucket.PICKED: "inventory",
    Bucket.HELD: "inventory",
    Bucket.RETURNS: "inventory.returns",
    Bucket.QUARANTINE: "inventory.returns",
    Bucket.REPAIR: "inventory.repair",
    Bucket.LIQUIDATION: "inventory.liquidation",
    Bucket.IN_TRANSIT: "inventory.transit",
}
"""The account of what stands in a bucket of a location."""
_OUTSIDE: Final[Mapping[Bucket, str]] = {
    Bucket.OPENING: "opening",
    Bucket.SUPPLIER: "payables",
    Bucket.ADJUSTMENT: "shrink",
    Bucket.MISSING: "shrink",
    Bucket.CUSTOMER: "cogs",
    Bucket.TRANSFER: "transit_unmatched",
}


def sale(body: OrderSold, moves: Sequence[ValuedMove]) -> tuple[Draft, ...]:
    """Money in, revenue and tax out; and what the goods cost."""
    lines = [Line(purpose, amount) for purpose, amount in _by_kind(body.tenders).items()]
    gross = 0
    taxes: dict[int, int] = {}
    for line in body.lines:
        gross += line.gross_minor
        taxes[line.rate_ppm] = taxes.get(line.rate_ppm, 0) + line.tax_minor
    taken = sum([line.amount_minor for line in lines])
    lines.append(Line("sales", sum(taxes.values()) - gross))
    lines.extend([Line("sales_tax", -tax, rate) for rate, tax in taxes.items()])
    rounding = body.rounding_minor
    if rounding and taken == gross - rounding:
        lines.append(Line("rounding", rounding))
        taken = gross
    lines.append(Line(SUSPENSE, gross - taken))
    return (Draft(SALE, tuple(lines), body.number), *cost_of(SALE_COST, moves, body.number))


def refund(body: ReturnCompleted, moves: Sequence[ValuedMove], *, rule: str = "return") -> tuple[Draft, ...]:
    """The customer is owed what came back, then is paid; and the goods are back at the cost of their sale."""
    gross = sum(line.gross_minor for line in body.lines)
    due = gross - sum(fee.amount_minor for fee in body.fees)
    taxes: dict[int, int] = {}
    for line in body.lines:
        taxes[line.rate_ppm] = taxes.get(line.rate_ppm, 0) + line.tax_minor
    owed = [
        Line("sales_returns", gross - sum(taxes.values())),
        *(Line("sales_tax", tax, rate) for rate, tax in taxes.items()),
        Line("refunds_payable", -gross),
    ]
    paid = sum(tender.amount_minor for tender in body.refunds)
    out = [
        Line("refunds_payable", due),
        *(Line(purpose, -amount) for purpose, amount in _by_kind(body.refunds).items()),
        Line(SUSPENSE, paid - due),
    ]
    return (
        Draft(rule, tuple(owed), body.number),
        Draft(f"{rule}_refund", tuple(out), body.number),
        *cost_of(f"{rule}_cost", moves, body.number),
    )


def mirror(posted: Iterable[Posted], memo: str) -> tuple[tuple[Draft, tuple[Side, ...]], ...]:
    """Undo journals exactly: every entry again with the other sign, on the same account."""
    return tuple(
        (
            Draft(f"void_{journal.rule}", (), memo, reverses=journal.journal_id),
            tuple((account, -amount, rate, ref) for account, amount, rate, ref in journal.entries),
        )
        for journal in posted
    )


def _beyond(move: ValuedMove, bucket: Bucket) -> str:
    returned = bucket is Bucket.CUSTOMER and bucket is move.from_bucket
    return "cogs_returns" if returned else _OUTSIDE[bucket]


def cost_of(
    rule: str,
    moves: Sequence[ValuedMove],
    memo: str = "",
    beyond: Callable[[ValuedMove, Bucket], str] = _beyond,
) -> tuple[Draft, ...]:
    """What movements do to the accounts of stock; nothing when they have no value.

    `beyond` names the purpose of a side beyond the location's edge, where its fact knows better.
    """
    sums: dict[str, int] = {}
    for move in moves:
        left, entered = move.from_bucket, move.to_bucket
        source = beyond(move, left) if left in OUTSIDE else INVENTORY[left]
        target = beyond(move, entered) if entered in OUTSIDE else INVENTORY[entered]
        sums[source] = sums.get(source, 0) - move.value_minor
        sums[target] = sums.get(target, 0) + move.value_minor - move.variance_minor
        if move.variance_minor:
            sums[VARIANCE] = sums.get(VARIANCE, 0) + move.variance_minor
    return draft_of(rule, sums, memo)


def draft_of(
    rule: str, sums: Mapping[str, int], memo: str, refs: Mapping[str, str] = MappingProxyType({})
) -> tuple[Draft, ...]:
    """Return what is posted for each purpose as one draft; nothing when that comes to nothing.

    `refs` says whose side a purpose is, where it is somebody's.
    """
    lines = tuple(
        [Line(purpose, amount, ref=refs.get(purpose, "")) for purpose, amount in sums.items() if amount]
    )
    return (Draft(rule, lines, memo),) if lines else ()


def void_variance(moves: Sequence[ValuedMove], memo: str) -> tuple[Draft, ...]:
    """What a mirrored cost leaves over where the goods came back to stock that was below zero."""
    variance = sum(move.variance_minor for move in moves)
    lines = (Line(VARIANCE, variance), Line("inventory", -variance))
    return (Draft("void_variance", lines, memo),)


def float_given(body: TillOpened) -> tuple[Draft, ...]:
    """The float goes into the drawer."""
    lines = (Line("tender.cash", body.float_minor), Line("float", -body.float_minor))
    return (Draft("float", lines, body.till),)


def till_closed(body: TillClosed) -> tuple[Draft, ...]:
    """What was counted and what should have been there differ; then the float leaves the drawer again."""
    over = [
        line
        for tender in body.tenders
        for line in (
            Line(f"tender.{tender.kind.value}", tender.counted_minor - tender.expected_minor),
            Line("over_short", tender.expected_minor - tender.counted_minor),
        )
    ]
    back = body.totals.float_minor
    return (
        Draft("over_short", tuple(over), body.number),
        Draft("float_back", (Line("tender.cash", -back), Line("float", back)), body.number),
    )


def _by_kind(tenders: Iterable[Tender]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for tender in tenders:
        purpose = f"tender.{tender.kind}"
        sums[purpose] = sums.get(purpose, 0) + tender.amount_minor
    return sums
