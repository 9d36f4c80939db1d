"""A store with every kind of return, stored value, decisions about goods, and cash that moves without a sale.

A `ReturnsShop` says what the counter of a real store would say, and adds its Z up in the plainest way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.dispositions import DecidedGoods, Disposition, GoodsDecided
from protocol.events import CashMoved, GiftCardSold, OrderSold, ReturnCompleted
from protocol.orders import ReturnLine, Tender, TenderKind
from protocol.returns import ReturnFee
from protocol.rules.refund import refund_money, refund_units
from protocol.till import AtTill, RateTotal, SessionTotals
from tests.support.hub import VAT
from tests.support.later_shop import LaterShop


def money(kind: TenderKind, amount: int, reference: str = "") -> Tender:
    """Return a tender."""
    return Tender(kind=kind, amount_minor=amount, reference=reference)


@dataclass
class ReturnsShop(LaterShop):
    """One store that takes back, exchanges, sells gift cards and decides what becomes of goods."""

    def sell_for(self, *lines: tuple[str, int, int], tenders: Sequence[Tender]) -> OrderSold:
        """Sell lines (sku, quantity, price) for these tenders."""
        body = self.sale(*lines).model_copy(update={"tenders": tuple(tenders)})
        assert sum(tender.amount_minor for tender in tenders) == body.total_minor
        self.tell_sale(body)
        return body

    def refund_by(
        self,
        order: OrderSold,
        *lines: tuple[int, int],
        tenders: Sequence[Tender],
        fees: Sequence[ReturnFee] = (),
        to_bucket: str = "returns",
    ) -> ReturnCompleted:
        """Take units (line number, quantity) back and give these tenders for them, less the fees."""
        said = self._back(order, lines, to_bucket, "R")
        body = ReturnCompleted.model_validate({**said, "refunds": tuple(tenders), "fees": tuple(fees)})
        kept = sum(fee.amount_minor for fee in fees)
        assert sum(tender.amount_minor for tender in tenders) == body.total_minor - kept
        self.say(body)
        return body

    def goodwill(self, order: OrderSold, gross: int) -> None:
        """Give money of the first line back, and no goods."""
        state = self.backs[order.order_id, 1]
        step = refund_money(state, gross)
        self.backs[order.order_id, 1] = state.after(step)
        line = ReturnLine(
            line_no=1,
            sku=order.lines[0].sku,
            name=order.lines[0].name,
            quantity=0,
            gross_minor=gross,
            tax_minor=step.tax_minor,
            reason="goodwill",
            to_bucket="customer",
            rate_ppm=VAT,
        )
        self._alone(line, (money(order.tenders[0].kind, gross),), order.order_id, order.number)

    def no_receipt(self, sku: str, gross: int, tax: int, credit: str) -> None:
        """Take one unit back that nobody can prove was bought here, for store credit."""
        line = ReturnLine(
            line_no=1,
            sku=sku,
            name=f"Thing {sku}",
            quantity=1,
            gross_minor=gross,
            tax_minor=tax,
            reason="changed_mind",
            to_bucket="returns",
            rate_ppm=VAT,
        )
        self._alone(line, (money(TenderKind.STORE_CREDIT, gross, credit),), "", "")

    def _alone(self, line: ReturnLine, refunds: tuple[Tender, ...], order_id: str, number: str) -> None:
        self.counter += 1
        return_id, own = f"{self.edge}-r{self.counter}", f"{self.code}1-R{self.counter:05d}"
        self.say(
            ReturnCompleted(
                **self._till(),
                return_id=return_id,
                number=own,
                order_id=order_id or return_id,
                order_number=number or own,
                lines=(line,),
                refunds=refunds,
                total_minor=line.gross_minor,
                tax_minor=line.tax_minor,
            )
        )

    def exchange(
        self, order: OrderSold, *lines: tuple[int, int], buys: tuple[str, int, int], rest: TenderKind
    ) -> None:
        """Take units back and sell others for them; the difference is paid, or goes back, in one kind."""
        self.counter += 1
        name = f"{self.edge}-x{self.counter}"
        back = sum(refund_units(self.backs[order.order_id, n], q).gross_minor for n, q in lines)
        cost = self.sale(buys).total_minor
        swapped = money(TenderKind.EXCHANGE, min(back, cost), name)
        refunds = (swapped, money(rest, back - cost)) if back > cost else (swapped,)
        self.refund_by(order, *lines, tenders=refunds)
        self.sell_for(buys, tenders=(swapped, money(rest, cost - back)) if cost > back else (swapped,))

    def gift_card(self, number: str, amount: int, kind: TenderKind, reference: str = "") -> None:
        """Sell a gift card."""
        paid = (money(kind, amount, reference),)
        self.say(GiftCardSold(**self._till(), number=number, amount_minor=amount, tenders=paid))

    def decide(self, sku: str, bucket: str, what: Disposition, *, units: int = 1, **said: int) -> str:
        """Decide what becomes of units; return the number of the decision."""
        self.counter += 1
        number = f"{self.code}1-D{self.counter:05d}"
        line = DecidedGoods.model_validate(
            {"sku": sku, "quantity": units, "from_bucket": bucket, "disposition": what, **said}
        )
        self.say(GoodsDecided(disposition_id=number, number=number, lines=(line,)))
        return number

    def cash(self, kind: str, amount: int) -> None:
        """Let cash go into the drawer or out of it."""
        said = {**self._till(), "kind": kind, "amount_minor": amount, "reason": "of the day"}
        self.say(CashMoved.model_validate(said))

    def totals(self) -> SessionTotals:
        """Add up the session with what other stores do not have."""
        plain = super().totals()
        own = [b for b in self.bodies if isinstance(b, AtTill) and b.session_id == self.session_id]
        gifts = [b for b in own if isinstance(b, GiftCardSold)]
        fees = [fee for b in own if isinstance(b, ReturnCompleted) for fee in b.fees]
        sold = [t for b in own if isinstance(b, OrderSold) for t in b.tenders]
        given = [t for b in own if isinstance(b, ReturnCompleted) for t in b.refunds]

        def stored(kind: TenderKind) -> int:
            taken = sum(t.amount_minor for t in sold if t.kind is kind)
            return taken - sum(t.amount_minor for t in given if t.kind is kind)

        def bought(kind: TenderKind) -> int:
            return sum(t.amount_minor for b in gifts for t in b.tenders if t.kind is kind)

        def moved(*kinds: str) -> int:
            return sum(b.amount_minor for b in own if isinstance(b, CashMoved) and b.kind in kinds)

        kept, tax = sum(fee.amount_minor for fee in fees), sum(fee.tax_minor for fee in fees)
        (rate,) = plain.by_rate
        return plain.model_copy(
            update={
                "by_rate": (
                    RateTotal(
                        rate_ppm=rate.rate_ppm,
                        gross_minor=rate.gross_minor + kept,
                        tax_minor=rate.tax_minor + tax,
                    ),
                ),
                "cash_minor": plain.cash_minor + bought(TenderKind.CASH),
                "card_minor": plain.card_minor + bought(TenderKind.CARD),
                "store_credit_minor": stored(TenderKind.STORE_CREDIT),
                "gift_card_minor": stored(TenderKind.GIFT_CARD),
                "gift_cards": len(gifts),
                "gift_cards_minor": sum(b.amount_minor for b in gifts),
                "paid_in_minor": moved("paid_in"),
                "paid_out_minor": moved("paid_out"),
                "loans_minor": moved("loan"),
                "drops_minor": moved("drop", "pickup"),
                "fees_minor": kept,
            }
        )
