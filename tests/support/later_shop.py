"""A store that takes, picks, packs and hands over orders for later, as its stream tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.capture.stages import PAID
from hub.context import Hub
from hub.database import HubUnit
from hub.spine.steps import record
from hub.spine.work import Applied
from protocol import later
from protocol.fulfilment import (
    AssignedLine,
    FulfilKind,
    Parcel,
    Promise,
    PromiseClass,
    PutBackLine,
    RejectReason,
    ShortLine,
    ShortReason,
    UnitsLine,
    Verified,
)
from protocol.orders import LineKind, OrderLine, Tender, TenderKind, WireModel
from protocol.rules.pricing import PriceLine, price_order
from tests.support.hub import MONDAY_US, VAT, Shop

HOUR_US = 3_600_000_000
SHIPPING = "SHIPPING"


def order_lines(*lines: tuple[str, int, int], shipping: int = 0) -> tuple[tuple[OrderLine, ...], int, int]:
    """Return lines (sku, quantity, price) as an order has them, its total and its tax."""
    wanted = [*lines, (SHIPPING, 1, shipping)] if shipping else list(lines)
    priced = price_order([PriceLine(price, quantity, 0, VAT) for _, quantity, price in wanted], 0)
    made = tuple(
        OrderLine(
            line_no=n,
            sku=sku,
            name=f"Thing {sku}",
            kind=LineKind.SHIPPING if sku == SHIPPING else LineKind.GOODS,
            quantity=quantity,
            list_price_minor=price,
            unit_price_minor=price,
            gross_minor=result.gross_minor,
            tax_minor=result.tax_minor,
            rate_ppm=VAT,
            unit_cost_minor=300,
        )
        for n, ((sku, quantity, price), result) in enumerate(zip(wanted, priced.lines, strict=True), start=1)
    )
    return made, priced.total_minor, priced.tax_minor


def record_at(hub: Hub, body: WireModel, *, by: str = "", paid: WireModel | None = None) -> Applied:
    """Record a fact of the hub; an order with the money that came with it."""

    def step(unit: HubUnit) -> Applied:
        work = hub.spine.work(unit)
        applied = record(work, body, by=by, results={PAID: paid} if paid else None)
        work.flush()
        return applied

    return hub.database.write(step)


def promised(kind: str = "collect", location: str = "store-1", **said: Any) -> Promise:
    """Return a promise that is due in four hours of the tests' Monday."""
    return Promise(
        kind=FulfilKind(kind),
        location=location if kind == "collect" else "",
        due_us=said.pop("due_us", MONDAY_US + 4 * HOUR_US),
        promise_class=PromiseClass.SAME_DAY,
        **said,
    )


@dataclass
class LaterShop(Shop):
    """One store with orders for later. Units of its own orders are bound, those of the hub's are lent."""

    placed: dict[str, later.OrderPlaced] = field(default_factory=dict)
    lent: set[str] = field(default_factory=set)
    """Assignments of the hub."""

    def place(
        self,
        *lines: tuple[str, int, int],
        shipping: int = 0,
        own: bool = True,
        promise: Promise | None = None,
    ) -> later.OrderPlaced:
        """Take an order at the counter; with `own` its goods are set aside here."""
        self.counter += 1
        order_id = f"{self.edge}-l{self.counter}"
        made, total, tax = order_lines(*lines, shipping=shipping)
        body = later.OrderPlaced(
            order_id=order_id,
            number=f"{self.code}1-{self.counter:05d}",
            channel="pos",
            currency="GBP",
            lines=made,
            total_minor=total,
            tax_minor=tax,
            promise=promise or promised("ship" if shipping else "collect", self.edge),
            contact_id="c-1",
            pickup_code="123456",
            own=later.OwnPart(assignment_id=f"{order_id}-a", lines=assigned(made)) if own else None,
            till="till-1",
        )
        self.placed[order_id] = body
        self.say(body)
        return body

    def pay(
        self, order: later.OrderPlaced, amount: int, *, kind: TenderKind = TenderKind.CARD, rounding: int = 0
    ) -> later.OrderPaid:
        """Take money for an order."""
        self.counter += 1
        body = later.OrderPaid(
            **self._till(),
            payment_id=f"{self.edge}-p{self.counter}",
            order_id=order.order_id,
            number=order.number,
            tenders=(Tender(kind=kind, amount_minor=amount - rounding),),
            amount_minor=amount,
            rounding_minor=rounding,
        )
        self.say(body)
        return body

    def refund(
        self, order: later.OrderPlaced, amount: int, *, kind: TenderKind = TenderKind.CARD
    ) -> later.OrderRefunded:
        """Give money of a cancelled order back."""
        self.counter += 1
        body = later.OrderRefunded(
            **self._till(),
            refund_id=f"{self.edge}-f{self.counter}",
            order_id=order.order_id,
            number=order.number,
            tenders=(Tender(kind=kind, amount_minor=amount),),
            amount_minor=amount,
            reason="cancelled",
        )
        self.say(body)
        return body

    def cancel(self, order: later.OrderPlaced, units: Mapping[int, int]) -> later.OrderCancelled:
        """Cancel units of an order by line number."""
        self.counter += 1
        skus = {line.line_no: line.sku for line in order.lines}
        body = later.OrderCancelled(
            cancel_id=f"{self.edge}-x{self.counter}",
            order_id=order.order_id,
            number=order.number,
            lines=tuple(
                later.CancelledLine(line_no=line_no, sku=skus[line_no], quantity=quantity)
                for line_no, quantity in units.items()
            ),
            reason="changed their mind",
            by_customer=True,
        )
        self.say(body)
        return body

    def about(self, order: later.OrderPlaced, assignment_id: str = "") -> dict[str, str]:
        """Return what every event of an assignment begins with."""
        return {
            "assignment_id": assignment_id or f"{order.order_id}-a",
            "order_id": order.order_id,
            "number": order.number,
        }

    def units(
        self, order: later.OrderPlaced, units: Mapping[int, int] | None = None, assignment_id: str = ""
    ) -> tuple[UnitsLine, ...]:
        """Return units of an order's lines, all of its goods unless said otherwise."""
        lent = (assignment_id or f"{order.order_id}-a") in self.lent
        wanted = goods_of(order) if units is None else units
        skus = {line.line_no: line.sku for line in order.lines}
        return tuple(
            UnitsLine(line_no=n, sku=skus[n], lent=count if lent else 0, bound=0 if lent else count)
            for n, count in wanted.items()
        )

    def accept(self, order: later.OrderPlaced, assignment_id: str = "") -> None:
        """Take the work on."""
        self.say(later.AssignmentAccepted(**self.about(order, assignment_id)))

    def pick(
        self,
        order: later.OrderPlaced,
        units: Mapping[int, int] | None = None,
        *,
        short: Mapping[int, int] | None = None,
        reason: ShortReason = ShortReason.NOT_FOUND,
        assignment_id: str = "",
    ) -> None:
        """Walk: what was found, and what was not."""
        missing = self.units(order, short or {}, assignment_id)
        self.say(
            later.AssignmentPicked(
                **self.about(order, assignment_id),
                list_id="L-1",
                lines=self.units(order, units, assignment_id),
                shorts=tuple(ShortLine(**line.model_dump(), reason=reason) for line in missing),
            )
        )

    def stage(self, order: later.OrderPlaced, assignment_id: str = "") -> None:
        """Pack one bag and put it on a shelf."""
        about = self.about(order, assignment_id)
        bag = Parcel(parcel_no=1, parcel_id=f"{about['assignment_id']}-b1")
        self.say(later.AssignmentPacked(**about, parcels=(bag,)))
        self.say(later.AssignmentStaged(**about, shelf="S1", bags=1))

    def ready(self, order: later.OrderPlaced, assignment_id: str = "") -> None:
        """Do everything until it can be collected."""
        self.pick(order, assignment_id=assignment_id)
        self.stage(order, assignment_id)

    def hand_over(
        self,
        order: later.OrderPlaced,
        units: Mapping[int, int] | None = None,
        *,
        rest: bool = False,
        lines: Sequence[UnitsLine] = (),
        assignment_id: str = "",
    ) -> later.AssignmentHandedOver:
        """Give goods to the customer."""
        self.counter += 1
        body = later.AssignmentHandedOver(
            **self.about(order, assignment_id),
            handover_id=f"{self.edge}-h{self.counter}",
            lines=tuple(lines) or self.units(order, units, assignment_id),
            verified=Verified.CODE,
            rest=rest,
        )
        self.say(body)
        return body

    def undo(self, handover: later.AssignmentHandedOver) -> None:
        """Take a handover back."""
        self.say(
            later.HandoverUndone(
                assignment_id=handover.assignment_id,
                order_id=handover.order_id,
                number=handover.number,
                handover_id=handover.handover_id,
                lines=handover.lines,
                reason="wrong bag",
            )
        )

    def ship(self, order: later.OrderPlaced, assignment_id: str = "") -> None:
        """Let one parcel leave with everything in it."""
        about = self.about(order, assignment_id)
        lines = self.units(order, None, assignment_id)
        parcel = Parcel(
            parcel_no=1,
            parcel_id=f"{about['assignment_id']}-p1",
            weight_g=500,
            lines=lines,
            carrier="own",
            tracking=f"{self.code}1-T{self.counter:05d}-7",
        )
        self.say(later.AssignmentPacked(**about, parcels=(parcel,)))
        self.say(later.AssignmentShipped(**about, parcels=(parcel,), lines=lines))

    def reject(
        self,
        order: later.OrderPlaced,
        *,
        picked: int = 0,
        reason: RejectReason = RejectReason.NO_CAPACITY,
        assignment_id: str = "",
    ) -> None:
        """Give an assignment back, whole; so many units of each line were off the shelf."""
        self.say(
            later.AssignmentRejected(
                **self.about(order, assignment_id),
                reason=reason,
                lines=self.put_back(order, picked, assignment_id),
            )
        )

    def give_up(self, order: later.OrderPlaced, *, picked: int = 0, assignment_id: str = "") -> None:
        """Give an assignment up because the hub asked for it."""
        self.say(
            later.AssignmentCancelled(
                **self.about(order, assignment_id),
                lines=self.put_back(order, picked, assignment_id),
                reason="asked",
            )
        )

    def put_back(
        self, order: later.OrderPlaced, picked: int, assignment_id: str = ""
    ) -> tuple[PutBackLine, ...]:
        """Return all goods of an order as they are given up."""
        return tuple(
            PutBackLine(**line.model_dump(), picked=min(picked, line.units))
            for line in self.units(order, None, assignment_id)
        )


def goods_of(order: later.OrderPlaced) -> dict[int, int]:
    """Return the units of goods by line number."""
    return {line.line_no: line.quantity for line in order.lines if line.kind is LineKind.GOODS}


def assigned(lines: Sequence[OrderLine]) -> tuple[AssignedLine, ...]:
    """Return the goods of an order as an assignment names them."""
    return tuple(
        AssignedLine(line_no=line.line_no, sku=line.sku, name=line.name, quantity=line.quantity)
        for line in lines
        if line.kind is LineKind.GOODS
    )


def web_order(
    *lines: tuple[str, int, int],
    name: str = "w-1",
    shipping: int = 0,
    promise: Promise | None = None,
) -> later.OrderPlaced:
    """Return an order as the hub takes it in from a web shop."""
    made, total, tax = order_lines(*lines, shipping=shipping)
    return later.OrderPlaced(
        order_id=name,
        number=f"HB1-{int(name.rpartition('-')[2]):05d}",
        channel="web",
        external_id=name,
        currency="GBP",
        lines=made,
        total_minor=total,
        tax_minor=tax,
        promise=promise or promised("ship" if shipping else "collect"),
        contact_id="c-1",
        pickup_code="123456",
    )


def paid_online(order: later.OrderPlaced, amount: int | None = None) -> later.OrderPaidOnline:
    """Return the payment that comes with a web order, all of it unless said otherwise."""
    return later.OrderPaidOnline(
        payment_id=f"{order.order_id}-pay",
        order_id=order.order_id,
        number=order.number,
        gateway="simulator",
        reference="ch_1",
        amount_minor=order.total_minor if amount is None else amount,
        currency="GBP",
    )
