"""Whether a sale adds up: the hub works its prices and taxes out again and compares.

What the store charged is a fact and stays what it is; a difference is named, so that a person can look. The
arithmetic is the one that the counter used (`protocol.rules`), over the prices and discounts of the lines.
"""

from dataclasses import dataclass

from protocol.errors import Invalid
from protocol.events import OrderSold
from protocol.rules.pricing import PricedOrder, PriceLine, exact_extension, price_order


@dataclass(frozen=True, slots=True)
class Difference:
    """One amount that the store and the hub work out differently; `line_no` is 0 for the whole order."""

    what: str
    line_no: int
    said_minor: int
    worked_out_minor: int


def differences(body: OrderSold) -> tuple[Difference, ...]:
    """Return what does not add up in a sale; nothing, as a rule."""
    try:
        priced = _priced(body)
    except Invalid as refusal:
        return (Difference(refusal.reason, 0, body.total_minor, 0),)
    found = [
        Difference(what, line.line_no, said, worked_out)
        for line, again in zip(body.lines, priced.lines, strict=True)
        for what, said, worked_out in (
            ("gross", line.gross_minor, again.gross_minor),
            ("tax", line.tax_minor, again.tax_minor),
        )
        if said != worked_out
    ]
    taken = sum([tender.amount_minor for tender in body.tenders])
    for what, said, worked_out in (
        ("total", body.total_minor, priced.total_minor),
        ("tax_total", body.tax_minor, priced.tax_minor),
        ("tendered", taken, body.total_minor - body.rounding_minor),
    ):
        if said != worked_out:
            found.append(Difference(what, 0, said, worked_out))
    return tuple(found)


def _priced(body: OrderSold) -> PricedOrder:
    lines = []
    order_discount = 0
    for line in body.lines:
        order_discount += line.order_discount_minor
        extension = None
        if line.unit_price_exact:
            extension = exact_extension(line.unit_price_exact, line.quantity, body.currency)
        lines.append(
            PriceLine(
                line.unit_price_minor, line.quantity, line.line_discount_minor, line.rate_ppm, extension
            )
        )
    return price_order(lines, order_discount)
