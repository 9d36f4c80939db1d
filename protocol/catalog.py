"""What can be sold: products, their codes and prices, and the file that carries a whole version.

A catalogue version is applied whole or not at all; its sha256 is part of the directive that announces
it. One product per line of JSON, so that 200,000 of them can be read as they arrive.
"""

from typing import Annotated

from pydantic import Field

from protocol.orders import Code, LineKind, Name, PositiveMinor, WireModel

Barcode = Annotated[str, Field(min_length=1, max_length=64)]


class Product(WireModel):
    """One thing that can stand on a line."""

    sku: Code
    name: Name
    kind: LineKind = LineKind.GOODS
    price_minor: PositiveMinor
    rate_ppm: int = Field(ge=0, le=1_000_000)
    unit_cost_minor: PositiveMinor = 0
    barcodes: tuple[Barcode, ...] = Field(default=(), max_length=20)
    category: str = Field(default="", max_length=80)
    bin: str = Field(default="", max_length=40)
    active: bool = True


class CatalogHead(WireModel):
    """The first line of a catalogue file."""

    version: int = Field(ge=1)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    products: int = Field(ge=0)
    made_us: int
