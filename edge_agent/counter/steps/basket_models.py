"""What a client sends about a basket, and a basket as it is shown: priced anew each time it is looked at."""

from typing import Annotated, Final

from pydantic import BaseModel, Field

from edge_agent.context import Edge
from edge_agent.counter import rows
from edge_agent.counter.rules import basket as rules
from edge_agent.counter.rules.basket import Basket, ForLater, Scan
from edge_agent.counter.rules.sale import quick_cash
from edge_agent.counter.steps.sale import TILL_NAME, Sold, TenderGiven, Text300, Token, Wanted
from edge_agent.once import Key
from protocol.orders import SERIALS, PositiveMinor, Serial

NOTES: Final = {
    "GBP": (500, 1000, 2000, 5000),
    "EUR": (500, 1000, 2000, 5000),
    "USD": (500, 1000, 2000, 5000),
}
"""Notes that people hand over, in minor units; other currencies offer the exact amount only."""
Version = Annotated[int, Field(ge=0, le=2**53)]


class ScanWanted(Wanted):
    """One scan, or a product chosen from a search (its SKU is a code too)."""

    code: str = Field(min_length=1, max_length=512)
    quantity: int = Field(default=1, ge=1, le=rules.QUANTITY)
    scan_id: str = Field(default="", max_length=64)


class LineChange(Wanted):
    """A change of one line; what is left out stays as it is."""

    version: Version
    quantity: int | None = Field(default=None, ge=1, le=rules.QUANTITY)
    line_discount_minor: PositiveMinor | None = None
    line_discount_percent: float | None = Field(default=None, ge=0, le=100)
    unit_price_minor: PositiveMinor | None = None
    reason: Text300 = ""
    approval: Token | None = None
    serials: tuple[Serial, ...] | None = Field(default=None, max_length=SERIALS)


class DiscountWanted(Wanted):
    """A discount on the whole basket, as an amount or as a percentage; neither takes it away."""

    version: Version
    amount_minor: PositiveMinor | None = None
    percent: float | None = Field(default=None, ge=0, le=100)
    reason: Text300 = ""
    approval: Token | None = None


class ParkWanted(Wanted):
    """Put the basket aside under a number; the note is printed on its slip."""

    version: Version
    note: str = Field(default="", max_length=80)


class PayWanted(Wanted):
    """Take payment for the basket."""

    key: Key
    version: Version
    till: str = Field(pattern=TILL_NAME)
    tenders: tuple[TenderGiven, ...] = Field(default=(), max_length=20)
    approvals: tuple[Token, ...] = Field(default=(), max_length=10)


class LineView(BaseModel):
    """One line as it is shown."""

    n: int
    sku: str
    name: str
    quantity: int
    list_price_minor: int
    unit_price_minor: int
    extension_minor: int
    discount_minor: int
    discount_ppm: int
    gross_minor: int
    tax_minor: int
    reason: str
    allowed_by: tuple[str, ...]
    serials: tuple[str, ...] = ()


class BasketView(BaseModel):
    """A basket with everything a screen shows of it."""

    basket_id: str
    device: str
    state: str
    version: int
    number: str | None
    person_id: str
    customer_id: str
    later: ForLater | None
    note: str
    lines: tuple[LineView, ...]
    units: int
    subtotal_minor: int
    discount_minor: int
    discount_ppm: int
    total_minor: int
    tax_minor: int
    currency: str
    scans: tuple[Scan, ...]
    undo: str | None
    quick_cash_minor: tuple[int, ...]


class ParkedView(BaseModel):
    """A basket that waits, in a list."""

    basket_id: str
    number: str
    units: int
    total_minor: int
    note: str
    person_id: str
    parked_us: int


class ScanAnswer(BaseModel):
    """What came of a scan, and the basket after it."""

    scan: Scan
    basket: BasketView


class Parked(BaseModel):
    """A basket was put aside."""

    number: str
    code: str
    slip_job: str
    basket: BasketView


class PaidBasket(BaseModel):
    """A basket was sold."""

    sold: Sold
    basket: BasketView


def view(edge: Edge, row: rows.BasketRow) -> BasketView:
    """Return a stored basket as it is shown."""
    basket = Basket.model_validate_json(row.body)
    priced = basket.priced(edge.settings.currency)
    currency = edge.settings.currency
    shown = tuple(
        LineView(
            n=line.n,
            sku=line.sku,
            name=line.name,
            quantity=line.quantity,
            list_price_minor=line.list_price_minor,
            unit_price_minor=line.unit_price_minor,
            extension_minor=line.extension_minor,
            discount_minor=line.taken_off_minor,
            discount_ppm=line.discount_ppm,
            gross_minor=cost.gross_minor,
            tax_minor=cost.tax_minor,
            reason=line.reason,
            allowed_by=tuple(dict.fromkeys(word.by for word in line.words)),
            serials=line.serials,
        )
        for line, cost in zip(basket.lines, priced.lines, strict=True)
    )
    return BasketView(
        basket_id=row.basket_id,
        device=row.device,
        state=row.state,
        version=row.version,
        number=row.number,
        person_id=row.person_id,
        customer_id=basket.customer_id,
        later=basket.later,
        note=basket.note,
        lines=shown,
        units=basket.units,
        subtotal_minor=basket.subtotal_minor,
        discount_minor=basket.discount_minor,
        discount_ppm=basket.discount.share_ppm,
        total_minor=priced.total_minor,
        tax_minor=priced.tax_minor,
        currency=currency,
        scans=basket.scans,
        undo=basket.undo[0].said if basket.undo else None,
        quick_cash_minor=quick_cash(
            priced.total_minor,
            cash_step_minor=edge.settings.cash_step_minor,
            notes_minor=NOTES.get(currency, ()),
        ),
    )
