"""What an order is made of, as both sides and the wire see it.

Money is integer minor units of `currency`, with tax inside unless a field says otherwise. Everything
that a refund will ever need (gross, tax, units, cost) is allocated once, at the sale, per line, and
kept: a refund is never computed from today's price, promotion or rate.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

UNITS: Final = 1_000_000
"""Units that one line of a document moves; one that says more is a slip of the finger."""
MINOR: Final = 10**12
"""The most that an amount on the wire says."""
Quantity = Annotated[int, Field(strict=True, ge=1, le=UNITS)]
Minor = Annotated[int, Field(strict=True, ge=-MINOR, le=MINOR)]
PositiveMinor = Annotated[int, Field(strict=True, ge=0, le=MINOR)]
"""Strict: `true` and `"5"` are no numbers of units or pence, whatever they could be turned into."""
Name = Annotated[str, Field(min_length=1, max_length=300)]
Code = Annotated[str, Field(min_length=1, max_length=64)]
Serial = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x20\x7f]+$")]
"""What a maker has put on one unit; without blanks, so that several can be typed one after the other."""
SERIALS: Final = 500
LINES_PER_ORDER = 5_000
"""More lines than any counter has seen; beyond it an order is refused, not truncated."""


class WireModel(BaseModel):
    """A value that travels: frozen, and blind to fields that a newer version added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class LineKind(StrEnum):
    """Whether a line takes something from the shelf; what the way to the customer costs is a line too."""

    GOODS = "goods"
    SERVICE = "service"
    SHIPPING = "shipping"


class TenderKind(StrEnum):
    """How money changed hands."""

    CASH = "cash"
    CARD = "card"
    STORE_CREDIT = "store_credit"
    GIFT_CARD = "gift_card"
    EXCHANGE = "exchange"
    """What came back pays for what goes out in its place; both sides name one exchange."""


STORED_VALUE = frozenset({TenderKind.STORE_CREDIT, TenderKind.GIFT_CARD})
"""Money that we owe whoever holds its number, which is the tender's `reference`."""


class Approval(WireModel):
    """Who allowed what the cashier alone could not do."""

    action: Code
    by: Code
    reason: str = Field(default="", max_length=300)


class OrderLine(WireModel):
    """One line of a sale, with the money that was allocated to it."""

    line_no: int = Field(ge=1, le=LINES_PER_ORDER)
    sku: Code
    name: Name
    kind: LineKind = LineKind.GOODS
    quantity: Quantity
    list_price_minor: PositiveMinor
    unit_price_minor: PositiveMinor
    line_discount_minor: PositiveMinor = 0
    order_discount_minor: PositiveMinor = 0
    gross_minor: PositiveMinor
    tax_minor: PositiveMinor
    rate_ppm: int = Field(ge=0, le=1_000_000)
    unit_price_exact: str = Field(default="", pattern=r"^(\d{1,9}(\.\d{1,6})?)?$")
    """The price in major units where it is finer than a minor unit; the extension was rounded once."""
    unit_cost_minor: PositiveMinor = 0
    """What the catalogue knew of the cost; the ledger uses it only where stock was never received."""
    serials: tuple[Serial, ...] = Field(default=(), max_length=SERIALS)
    """The serial number of each unit, where its goods have them."""


class Tender(WireModel):
    """Money that came in (or, in a refund, went out)."""

    kind: TenderKind
    amount_minor: PositiveMinor
    """What counts towards the order: for cash, after change."""
    tendered_minor: PositiveMinor = 0
    """For cash: what was put on the counter."""
    reference: str = Field(default="", max_length=64)
    last4: str = Field(default="", pattern=r"^\d{0,4}$")
    offline: bool = False
    """For a card: its terminal had no line, so whether it pays is said later (`protocol.payments`)."""


class ReturnLine(WireModel):
    """Units of one line that came back, with the money and the bucket they went to.

    Without units only money went back. The bucket `customer` means that the goods stayed where they were.
    """

    line_no: int = Field(ge=1, le=LINES_PER_ORDER)
    sku: Code
    name: Name
    kind: LineKind = LineKind.GOODS
    quantity: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
    gross_minor: PositiveMinor
    tax_minor: PositiveMinor
    reason: Code
    to_bucket: Code = "sellable"
    rate_ppm: int = Field(default=0, ge=0, le=1_000_000)
    """The rate the line was sold at, so that a day close adds up from its own events alone."""
    serials: tuple[Serial, ...] = Field(default=(), max_length=SERIALS)
    """The serial numbers of the units, where their goods have them."""
