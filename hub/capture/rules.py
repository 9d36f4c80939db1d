"""Whether a sale adds up: the hub works its prices and taxes out again and compares.

What the store charged is a fact and stays what it is; a difference is named, so that a person can look. The
arithmetic is the one that the counter used (`protocol.rules`), over the prices and discounts of the lines.
"""

from dataclasses import dataclass

from protocol.errors import Invalid
from protocol.events import OrderSold
from protocol.later import OrderPlaced
from protocol.money import allocate
from protocol.rules.pricing import exact_extension
from protocol.rules.tax import tax_document


@dataclass(frozen=True, slots=True)
class Difference:
    """One amount that the store and the hub work out differently; `line_no` is 0 for the whole order."""

    what: str
    line_no: int
    said_minor: int
    worked_out_minor: int


def differences(body: OrderSold | OrderPlaced) -> tuple[Difference, ...]:
    """Return what does not add up in a sale or an order for later; nothing, as a rule."""
    try:
        gross, tax = _worked_out(body)
    except Invalid as refusal:
        return (Difference(refusal.reason, 0, body.total_minor, 0),)
    found = []
    for line, gross_again, tax_again in zip(body.lines, gross, tax, strict=True):
        if line.gross_minor != gross_again:
            found.append(Difference("gross", line.line_no, line.gross_minor, gross_again))
        if line.tax_minor != tax_again:
            found.append(Difference("tax", line.line_no, line.tax_minor, tax_again))
    sums = [("total", body.total_minor, sum(gross)), ("tax_total", body.tax_minor, sum(tax))]
    if isinstance(body, OrderSold):  # the money of an order for later is told apart from it
        taken = sum([tender.amount_minor for tender in body.tenders])
        sums.append(("tendered", taken, body.total_minor - body.rounding_minor))
    for what, said, again in sums:
        if said != again:
            found.append(Difference(what, 0, said, again))
    return tuple(found)


def _worked_out(body: OrderSold | OrderPlaced) -> tuple[list[int], tuple[int, ...]]:
    """Return gross and tax of every line, by the steps of `protocol.rules.pricing.price_order`.

    Written out, because it runs for every line of every store and `price_order` makes two values per line.
    """
    amounts = []
    order_discount = 0
    for line in body.lines:
        order_discount += line.order_discount_minor
        if line.unit_price_exact:
            extension = exact_extension(line.unit_price_exact, line.quantity, body.currency)
        else:
            extension = line.unit_price_minor * line.quantity
        if line.line_discount_minor > extension:
            raise Invalid("A discount is more than its line.", "Look at the line.", code="bad_line_discount")
        amounts.append(extension - line.line_discount_minor)
    if order_discount:
        if order_discount > sum(amounts):
            raise Invalid("A discount is more than its order.", "Look at it.", code="bad_order_discount")
        shares = allocate(order_discount, amounts)
        amounts = [amount - share for amount, share in zip(amounts, shares, strict=True)]
    rated = [(amount, line.rate_ppm) for amount, line in zip(amounts, body.lines, strict=True)]
    return amounts, tax_document(rated)
