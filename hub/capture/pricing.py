"""What a channel asks for, as priced lines: the caller reads what the catalogue knows (`KNOWN`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from hub.capture.wanted import LineWanted
from hub.catalog.rows import products
from hub.spine.bulk import Select
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.orders import LineKind, OrderLine
from protocol.rules.pricing import PricedOrder, PriceLine, price_order

SHIPPING_SKU: Final = "SHIPPING"
KNOWN: Final = Select(
    sa.select(
        products.c.sku,
        products.c.name,
        products.c.kind,
        products.c.price_minor,
        products.c.rate_ppm,
        products.c.unit_cost_minor,
    ),
    products.c.sku,
)
"""What the catalogue knows of some items; the rest of this module is pure."""


class Known(NamedTuple):
    """What the catalogue knows of an item."""

    name: str
    kind: LineKind
    price_minor: int
    rate_ppm: int
    unit_cost_minor: int


def priced_lines(
    wanted: Sequence[LineWanted], known: Mapping[str, Known], shipping_minor: int
) -> tuple[tuple[OrderLine, ...], PricedOrder]:
    """Return the lines of an order with their money, tax inside, and their sums.

    The way to the customer is taxed like the goods with the highest rate.

    Raises:
        Invalid: an item that nobody knows, or a discount that is more than its line.
    """
    unknown = sorted({line.sku for line in wanted} - known.keys())
    if unknown:
        raise Invalid(
            _("The hub knows no item {sku}.", sku=unknown[0]),
            _("Import it into the catalogue, or correct the code."),
            code="unknown_sku",
            skus=unknown[:20],
        )
    said: list[tuple[str, str, LineKind, int, int]] = []
    prices: list[PriceLine] = []
    for line in wanted:
        item = known[line.sku]
        price = item.price_minor if line.unit_price_minor is None else line.unit_price_minor
        prices.append(PriceLine(price, line.quantity, line.discount_minor, item.rate_ppm))
        said.append((line.sku, line.name or item.name, item.kind, item.price_minor, item.unit_cost_minor))
    if shipping_minor:
        rate = max([price.rate_ppm for price in prices])
        prices.append(PriceLine(shipping_minor, 1, 0, rate))
        said.append((SHIPPING_SKU, _("Shipping"), LineKind.SHIPPING, shipping_minor, 0))
    priced = price_order(prices)
    lines = [
        OrderLine(
            line_no=n,
            sku=sku,
            name=name,
            kind=kind,
            quantity=price.quantity,
            list_price_minor=list_price,
            unit_price_minor=price.unit_price_minor,
            line_discount_minor=price.line_discount_minor,
            gross_minor=money.gross_minor,
            tax_minor=money.tax_minor,
            rate_ppm=price.rate_ppm,
            unit_cost_minor=cost,
        )
        for n, ((sku, name, kind, list_price, cost), price, money) in enumerate(
            zip(said, prices, priced.lines, strict=True), start=1
        )
    ]
    return tuple(lines), priced


def known_of(rows: Any) -> dict[str, Known]:
    """Return what the catalogue knows, from its rows."""
    return {
        row.sku: Known(row.name, LineKind(row.kind), row.price_minor, row.rate_ppm, row.unit_cost_minor)
        for row in rows
    }
