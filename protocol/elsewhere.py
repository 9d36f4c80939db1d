"""What others recorded about an order that a store took: running totals, so that no message counts twice.

The store's own account of an order is its own events and these totals. What others recorded is what the hub,
a payment service or another store did: lines added, units cancelled or gone, money in and out. Every number
only grows, so the larger one is the newer one, and messages may be lost, repeated or late (`merge`).

What a reader would get wrong: what was paid online goes back online, and the hub orders that by itself.
`back_online_minor` is therefore what was ordered back, whether or not the service has done it: a till that
waited for the service would give the same money back once more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import Field

from protocol import later
from protocol.fulfilment import LINES_FOR_LATER
from protocol.orders import Code, LineKind, Minor, OrderLine, PositiveMinor, Quantity, WireModel

Units = Field(default=0, ge=0, le=1_000_000)


class AddedLine(WireModel):
    """A line that was ordered later, elsewhere, with its money."""

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    sku: Code
    name: str = Field(min_length=1, max_length=300)
    kind: LineKind = LineKind.GOODS
    quantity: Quantity
    unit_price_minor: Minor = 0
    discount_minor: Minor = 0
    gross_minor: Minor
    tax_minor: Minor
    rate_ppm: int = Field(default=0, ge=0, le=1_000_000)


class UnitsElsewhere(WireModel):
    """What became of a line's units elsewhere. Those that left and came back are in both numbers."""

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    cancelled: int = Units
    left: int = Units
    back: int = Units


class OrderElsewhere(WireModel):
    """What others than the store that took an order recorded about it, all of it until now."""

    order_id: Code
    number: Code
    lines: tuple[AddedLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    units: tuple[UnitsElsewhere, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    paid_minor: PositiveMinor = 0
    """At tills of other stores."""
    refunded_minor: PositiveMinor = 0
    """At tills of other stores."""
    paid_online_minor: PositiveMinor = 0
    back_online_minor: PositiveMinor = 0

    @property
    def by_line(self) -> dict[int, UnitsElsewhere]:
        """What became of units, by line."""
        return {each.line_no: each for each in self.units}

    @property
    def money_in_minor(self) -> int:
        """What others took."""
        return self.paid_minor + self.paid_online_minor

    @property
    def money_out_minor(self) -> int:
        """What others gave back, or were told to."""
        return self.refunded_minor + self.back_online_minor

    @property
    def left_online_minor(self) -> int:
        """What was paid online and has not been ordered back: the first to go back of what is owed."""
        return max(0, self.paid_online_minor - self.back_online_minor)


def merge(one: OrderElsewhere, other: OrderElsewhere) -> OrderElsewhere:
    """Return what two messages say together, in whichever order they came."""
    lines = {line.line_no: line for line in (*other.lines, *one.lines)}
    units: dict[int, UnitsElsewhere] = {}
    for each in (*one.units, *other.units):
        known = units.get(each.line_no, UnitsElsewhere(line_no=each.line_no))
        units[each.line_no] = UnitsElsewhere(
            line_no=each.line_no,
            cancelled=max(known.cancelled, each.cancelled),
            left=max(known.left, each.left),
            back=max(known.back, each.back),
        )
    return OrderElsewhere(
        order_id=one.order_id,
        number=one.number,
        lines=tuple(lines[n] for n in sorted(lines)),
        units=tuple(units[n] for n in sorted(units)),
        paid_minor=max(one.paid_minor, other.paid_minor),
        refunded_minor=max(one.refunded_minor, other.refunded_minor),
        paid_online_minor=max(one.paid_online_minor, other.paid_online_minor),
        back_online_minor=max(one.back_online_minor, other.back_online_minor),
    )


def nothing(order_id: str, number: str) -> OrderElsewhere:
    """Return what is known elsewhere of an order about which nobody else has recorded anything."""
    return OrderElsewhere(order_id=order_id, number=number)


def total(
    order_id: str, number: str, bodies: Iterable[WireModel], ordered_back: Mapping[str, int]
) -> OrderElsewhere:
    """Return the totals of what others recorded.

    `ordered_back`: what payment services were asked to give back, by the id that its refund will have.
    """
    lines: dict[int, AddedLine] = {}
    counts: dict[int, Counter[str]] = {}
    money = Counter({"back_online_minor": sum(ordered_back.values())})
    for body in bodies:
        if isinstance(body, later.LinesAdded):
            lines |= {line.line_no: _added(line) for line in body.lines if line.line_no not in lines}
        elif type(body) in _MONEY:
            if getattr(body, "refund_id", "") not in ordered_back:
                money[_MONEY[type(body)]] += body.amount_minor  # type: ignore[attr-defined]  # each has it
        elif type(body) in _UNITS:
            for line_no, units in _units(body):
                counts.setdefault(line_no, Counter())[_UNITS[type(body)]] += units
    return OrderElsewhere(
        order_id=order_id,
        number=number,
        lines=tuple(lines[n] for n in sorted(lines)),
        units=tuple(UnitsElsewhere(line_no=n, **counts[n]) for n in sorted(counts)),
        **money,
    )


_MONEY: Final[Mapping[type[WireModel], str]] = {
    later.OrderPaid: "paid_minor",
    later.OrderPaidOnline: "paid_online_minor",
    later.OrderRefunded: "refunded_minor",
    later.OrderRefundedOnline: "back_online_minor",
}
_UNITS: Final[Mapping[type[WireModel], str]] = {
    later.OrderCancelled: "cancelled",
    later.AssignmentHandedOver: "left",
    later.AssignmentShipped: "left",
    later.HandoverUndone: "back",
}
CONCERNS: Final[tuple[type[WireModel], ...]] = (later.LinesAdded, *_MONEY, *_UNITS)
"""What may be recorded elsewhere about an order that a store took, and changes its account."""


def _units(body: WireModel) -> list[tuple[int, int]]:
    if isinstance(body, later.OrderCancelled):
        return [(line.line_no, line.quantity) for line in body.lines]
    return [(line.line_no, line.units) for line in body.lines]  # type: ignore[attr-defined]  # each has them


def _added(line: OrderLine) -> AddedLine:
    return AddedLine(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        kind=line.kind,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        discount_minor=line.line_discount_minor + line.order_discount_minor,
        gross_minor=line.gross_minor,
        tax_minor=line.tax_minor,
        rate_ppm=line.rate_ppm,
    )
