"""Which things of a closed till session need a look: pure.

Every test takes the session's events, each with who did it, and gives what it measured for each subject (a
document, a cashier, a kind of money); what is above a rule's limit is a hit. The same events and rules give
the same hits, so a rebuild finds them again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.audit import AuditRule
from protocol.events import CashMoved, DrawerOpened, OrderSold, OrderVoided, ReturnCompleted, TillClosed
from protocol.money import PPM
from protocol.orders import WireModel
from protocol.returns import Proof

DEFAULT: Final = (
    AuditRule(name="over-short", test="over_short", limit=5_00),
    AuditRule(name="no-receipt", test="return_without_receipt", limit=50_00),
    AuditRule(name="own-refund", test="refund_by_seller", limit=0),
    AuditRule(name="voids", test="voids", limit=5),
    AuditRule(name="no-sales", test="no_sales", limit=10),
    AuditRule(name="discounts", test="discount_share", limit=200_000),
    AuditRule(name="price-cuts", test="price_cut", limit=500_000),
    AuditRule(name="paid-out", test="paid_out", limit=100_00),
)
"""What holds before anybody has written rules of their own."""
SHARES: Final = frozenset({"discount_share", "price_cut"})
COUNTS: Final = frozenset({"voids", "no_sales"})
Said = tuple[str, WireModel]
"""Who did it, and what happened."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a test measured for one subject."""

    subject: str
    """An order, a return, a cashier, a kind of money."""
    number: str
    """What people call it: a document's number, or nothing."""
    by: str
    value: int
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """What is above the limit of a rule."""

    rule: AuditRule
    found: Measured


def hits(rules: Iterable[AuditRule], location: str, said: Sequence[Said]) -> tuple[Hit, ...]:
    """Return what the rules of a location hit in a session, in the order of the rules."""
    found = []
    for rule in rules:
        if rule.active and rule.location in {"", location}:
            found += [Hit(rule, each) for each in TESTS[rule.test](said) if each.value > rule.limit]
    return tuple(found)


def _over_short(said: Sequence[Said]) -> Iterator[Measured]:
    for by, body in said:
        if isinstance(body, TillClosed):
            for tender in body.tenders:
                gap = abs(tender.counted_minor - tender.expected_minor)
                yield Measured(tender.kind.value, body.number, by, gap)


def _without_receipt(said: Sequence[Said]) -> Iterator[Measured]:
    for by, body in _returns(said):
        if body.decision is not None and body.decision.proof is Proof.NONE:
            yield Measured(body.return_id, body.number, by, body.total_minor, body.order_id)


def _by_seller(said: Sequence[Said]) -> Iterator[Measured]:
    for by, body in _returns(said):
        if body.decision is not None and body.decision.own_sale:
            yield Measured(body.return_id, body.number, by, body.total_minor, body.order_id)


def _returns(said: Sequence[Said]) -> Iterator[tuple[str, ReturnCompleted]]:
    for by, body in said:
        if isinstance(body, ReturnCompleted) and not isinstance(body, OrderVoided):
            yield by, body


def _voids(said: Sequence[Said]) -> Iterator[Measured]:
    return _counted(said, OrderVoided)


def _no_sales(said: Sequence[Said]) -> Iterator[Measured]:
    return _counted(said, DrawerOpened)


def _counted(said: Sequence[Said], kind: type[WireModel]) -> Iterator[Measured]:
    counts: dict[str, int] = {}
    for by, body in said:
        if isinstance(body, kind):
            counts[by] = counts.get(by, 0) + 1
    for by, count in sorted(counts.items()):
        yield Measured(by or "-", "", by, count)


def _discount_share(said: Sequence[Said]) -> Iterator[Measured]:
    given: dict[str, int] = {}
    asked: dict[str, int] = {}
    for by, body in said:
        if isinstance(body, OrderSold):
            off = sum(line.line_discount_minor + line.order_discount_minor for line in body.lines)
            given[by] = given.get(by, 0) + off
            asked[by] = asked.get(by, 0) + off + body.total_minor
    for by in sorted(asked):
        yield Measured(by or "-", "", by, given[by] * PPM // asked[by] if asked[by] else 0)


def _price_cut(said: Sequence[Said]) -> Iterator[Measured]:
    for by, body in said:
        if isinstance(body, OrderSold):
            cuts = [
                (line.list_price_minor - line.unit_price_minor) * PPM // line.list_price_minor
                for line in body.lines
                if line.list_price_minor > line.unit_price_minor
            ]
            yield Measured(body.order_id, body.number, by, max(cuts, default=0), body.order_id)


def _paid_out(said: Sequence[Said]) -> Iterator[Measured]:
    for n, (by, body) in enumerate(said):
        if isinstance(body, CashMoved) and body.kind == "paid_out":
            yield Measured(f"cash-{n}", "", by, body.amount_minor)


TESTS: Final[Mapping[str, Callable[[Sequence[Said]], Iterator[Measured]]]] = {
    "over_short": _over_short,
    "return_without_receipt": _without_receipt,
    "refund_by_seller": _by_seller,
    "voids": _voids,
    "no_sales": _no_sales,
    "discount_share": _discount_share,
    "price_cut": _price_cut,
    "paid_out": _paid_out,
}
