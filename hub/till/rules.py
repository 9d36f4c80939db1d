"""A Z, added up again from the events of its session, and compared with what the store said.

Written for the hub alone and on purpose not shared with the store: a sum that both sides take from one
function proves nothing about either.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from protocol.events import (
    CashMoved,
    DrawerOpened,
    GiftCardSold,
    OrderSold,
    OrderVoided,
    ReturnCompleted,
    TillClosed,
    TillOpened,
)
from protocol.later import OrderPaid, OrderRefunded
from protocol.orders import OrderLine, ReturnLine, Tender, TenderKind, WireModel
from protocol.returns import ReturnFee
from protocol.till import RateTotal, SessionTotals

_MOVED: Final = {
    "paid_in": "paid_in_minor",
    "paid_out": "paid_out_minor",
    "loan": "loans_minor",
    "drop": "drops_minor",
    "pickup": "drops_minor",
}


@dataclass(slots=True)
class _Sums:
    counts: dict[str, int] = field(default_factory=dict)
    rates: dict[int, list[int]] = field(default_factory=dict)
    tenders: dict[TenderKind, int] = field(default_factory=dict)

    def add(self, name: str, amount: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + amount

    def cash_up(self, tenders: Sequence[Tender], sign: int) -> None:
        for tender in tenders:
            self.tenders[tender.kind] = self.tenders.get(tender.kind, 0) + sign * tender.amount_minor

    def money(self, tenders: Sequence[Tender], lines: Sequence[OrderLine | ReturnLine], sign: int) -> None:
        self.cash_up(tenders, sign)
        for line in lines:
            rate = self.rates.setdefault(line.rate_ppm, [0, 0])
            rate[0] += sign * line.gross_minor
            rate[1] += sign * line.tax_minor

    def keep(self, fees: Sequence[ReturnFee]) -> None:
        for fee in fees:
            self.add("fees_minor", fee.amount_minor)
            if fee.tax_minor:
                rate = self.rates.setdefault(fee.rate_ppm, [0, 0])
                rate[0] += fee.amount_minor
                rate[1] += fee.tax_minor


def add_up(bodies: Iterable[WireModel]) -> SessionTotals:
    """Return the totals of a session from all of its events."""
    sums = _Sums()
    for body in bodies:
        match body:
            case TillOpened():
                sums.add("float_minor", body.float_minor)
            case OrderSold():
                sums.add("sales")
                sums.add("sales_minor", body.total_minor)
                for line in body.lines:
                    sums.add("discounts_minor", line.line_discount_minor + line.order_discount_minor)
                sums.money(body.tenders, body.lines, 1)
            case ReturnCompleted():
                name = "voids" if isinstance(body, OrderVoided) else "returns"
                sums.add(name)
                sums.add(f"{name}_minor", body.total_minor)
                sums.money(body.refunds, body.lines, -1)
                sums.keep(body.fees)
            case OrderPaid() | OrderRefunded():
                # Money of an order for later is no sale of this session, so it has no rate here.
                name, sign = ("payments", 1) if isinstance(body, OrderPaid) else ("refunds", -1)
                sums.add(name)
                sums.add(f"{name}_minor", body.amount_minor)
                sums.cash_up(body.tenders, sign)
            case GiftCardSold():
                sums.add("gift_cards")
                sums.add("gift_cards_minor", body.amount_minor)
                sums.cash_up(body.tenders, 1)
            case CashMoved():
                sums.add(_MOVED[body.kind], body.amount_minor)
            case DrawerOpened():
                sums.add("no_sales")
            case _:
                pass
    return SessionTotals(
        **sums.counts,
        by_rate=tuple(
            RateTotal(rate_ppm=rate, gross_minor=gross, tax_minor=tax)
            for rate, (gross, tax) in sorted(sums.rates.items(), reverse=True)
        ),
        cash_minor=sums.tenders.get(TenderKind.CASH, 0),
        card_minor=sums.tenders.get(TenderKind.CARD, 0),
        store_credit_minor=sums.tenders.get(TenderKind.STORE_CREDIT, 0),
        gift_card_minor=sums.tenders.get(TenderKind.GIFT_CARD, 0),
    )


def mismatches(z: TillClosed, again: SessionTotals, range_hash: str) -> dict[str, object]:
    """Return what a Z says otherwise than the events do, by field: (said, added up)."""
    said, added = z.totals.model_dump(mode="json"), again.model_dump(mode="json")
    found: dict[str, object] = {
        name: {"said": said[name], "added_up": added[name]}
        for name in added
        if name != "by_rate" and said[name] != added[name]
    }
    if _rates(z.totals) != _rates(again):
        found["by_rate"] = {"said": said["by_rate"], "added_up": added["by_rate"]}
    if z.range_hash != range_hash:
        found["range_hash"] = {"said": z.range_hash, "added_up": range_hash}
    expected = {
        TenderKind.CASH: _cash_expected(again),
        TenderKind.CARD: again.card_minor,
        TenderKind.STORE_CREDIT: again.store_credit_minor,
        TenderKind.GIFT_CARD: again.gift_card_minor,
    }
    for tender in z.tenders:
        if tender.expected_minor != expected.get(tender.kind, 0):
            found[f"expected_{tender.kind.value}"] = {
                "said": tender.expected_minor,
                "added_up": expected[tender.kind],
            }
    return found


def _cash_expected(totals: SessionTotals) -> int:
    """Return what a drawer should hold: float, takings, what was put in, less what was taken out."""
    out = totals.paid_out_minor + totals.drops_minor
    return totals.float_minor + totals.cash_minor + totals.paid_in_minor + totals.loans_minor - out


def difference(z: TillClosed) -> int:
    """Return by how much what was counted differs from what the store expected, over all tenders."""
    return sum(tender.counted_minor - tender.expected_minor for tender in z.tenders)


def _rates(totals: SessionTotals) -> dict[int, tuple[int, int]]:
    return {r.rate_ppm: (r.gross_minor, r.tax_minor) for r in totals.by_rate if r.gross_minor or r.tax_minor}
