"""What an order costs: extension, line discount, order discount, tax, in this order.

Everything is allocated here, once, per line, and kept with the sale. A refund never comes back to this
module: it shares out what the line kept (`protocol.rules.refund`). Runs on every scan of a basket, so a
basket of hundreds of lines must stay cheap: one pass, whole numbers, one sort of the last few cents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.errors import Invalid
from protocol.money import allocate, exponent, round_ratio
from protocol.rules.tax import Prices, TaxMode, tax_document


@dataclass(frozen=True, slots=True)
class PriceLine:
    """What is bought on one line, before anything is shared out."""

    unit_price_minor: int
    quantity: int
    line_discount_minor: int
    rate_ppm: int
    extension_minor: int | None = None
    """Price times quantity where the price is finer than a minor unit; see `exact_extension`."""


@dataclass(frozen=True, slots=True)
class PricedLine:
    """What one line costs, after its share of the order's discount and tax: gross = tax + net."""

    gross_minor: int
    tax_minor: int
    net_minor: int
    order_discount_minor: int


@dataclass(frozen=True, slots=True)
class PricedOrder:
    """An order's lines, in the order given, and their sums."""

    lines: tuple[PricedLine, ...]
    total_minor: int
    tax_minor: int


def price_order(
    lines: Sequence[PriceLine],
    order_discount_minor: int = 0,
    *,
    prices: Prices = "tax_inclusive",
    tax_mode: TaxMode = "document",
) -> PricedOrder:
    """Return the gross, tax, net and share of the order's discount of every line.

    Raises:
        Invalid: a number is negative, or a discount is more than what it is taken from.
    """
    extensions = [_extension(number, line) for number, line in enumerate(lines, start=1)]
    before_discount = sum(extensions)
    if not 0 <= order_discount_minor <= before_discount:
        raise Invalid(
            "The order's discount is more than the order, or negative.",
            "Give a discount between nothing and the whole order.",
            code="bad_order_discount",
            order_discount_minor=order_discount_minor,
            before_discount_minor=before_discount,
        )
    discounts = allocate(order_discount_minor, extensions)
    amounts = [extension - share for extension, share in zip(extensions, discounts, strict=True)]
    rated = [(amount, line.rate_ppm) for amount, line in zip(amounts, lines, strict=True)]
    taxes = tax_document(rated, tax_mode, prices=prices)
    tax_total = sum(taxes)
    total = before_discount - order_discount_minor
    if prices == "tax_inclusive":
        priced = tuple(
            [
                PricedLine(amount, tax, amount - tax, share)
                for amount, tax, share in zip(amounts, taxes, discounts, strict=True)
            ]
        )
        return PricedOrder(lines=priced, total_minor=total, tax_minor=tax_total)
    priced = tuple(
        [
            PricedLine(amount + tax, tax, amount, share)
            for amount, tax, share in zip(amounts, taxes, discounts, strict=True)
        ]
    )
    return PricedOrder(lines=priced, total_minor=total + tax_total, tax_minor=tax_total)


def exact_extension(unit_price: str, quantity: int, currency: str) -> int:
    """Return price times quantity in minor units, rounded once, for a price such as `0.0425`.

    Raises:
        Invalid: the price is not a plain decimal number.
    """
    whole, _point, fraction = unit_price.partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit() or not whole:
        raise Invalid(
            f"{unit_price[:40]!r} is not a price.", "Write it as in 0.0425, without a sign.", code="bad_price"
        )
    scale = 10 ** len(fraction)
    return round_ratio(int(whole + fraction) * quantity * 10 ** exponent(currency), scale)


def _extension(number: int, line: PriceLine) -> int:
    """Return what a line costs after its own discount, or refuse it by its number."""
    extension = line.extension_minor
    if extension is None:
        extension = line.unit_price_minor * line.quantity
    if line.unit_price_minor < 0 or line.quantity < 0 or extension < 0:
        raise Invalid(
            f"Line {number} has a negative price or quantity.",
            "Take goods back as a return, not as a negative sale.",
            code="negative_line",
            line_no=number,
            unit_price_minor=line.unit_price_minor,
            quantity=line.quantity,
        )
    if not 0 <= line.line_discount_minor <= extension:
        raise Invalid(
            f"The discount of line {number} is more than the line, or negative.",
            "Give a discount between nothing and the whole line.",
            code="bad_line_discount",
            line_no=number,
            line_discount_minor=line.line_discount_minor,
            extension_minor=extension,
        )
    return extension - line.line_discount_minor
