"""A till session and its day close, as the wire carries them.

A Z is a statement, not a command: it says what the edge counted over a range of its own stream, and the
hub recomputes it from the same events. A difference becomes an exception, never an adjustment.
"""

from pydantic import Field

from protocol.orders import Code, Minor, PositiveMinor, TenderKind, WireModel

BusinessDate = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
Currency = Field(pattern=r"^[A-Z]{3}$")


class AtTill(WireModel):
    """Where and on which trading day something happened."""

    session_id: Code
    till: Code
    business_date: str = BusinessDate
    currency: str = Currency


class TenderTotal(WireModel):
    """One tender of a session: what should be there and what was counted."""

    kind: TenderKind
    expected_minor: Minor
    counted_minor: Minor
    difference_minor: Minor


class RateTotal(WireModel):
    """Sales of one tax rate, net of returns."""

    rate_ppm: int = Field(ge=0, le=1_000_000)
    gross_minor: Minor
    tax_minor: Minor


class SessionTotals(WireModel):
    """Everything a till report adds up. Amounts are positive; refunds stand beside sales, not inside."""

    sales: int = Field(default=0, ge=0)
    sales_minor: PositiveMinor = 0
    returns: int = Field(default=0, ge=0)
    returns_minor: PositiveMinor = 0
    voids: int = Field(default=0, ge=0)
    voids_minor: PositiveMinor = 0
    discounts_minor: PositiveMinor = 0
    no_sales: int = Field(default=0, ge=0)
    payments: int = Field(default=0, ge=0)
    payments_minor: PositiveMinor = 0
    """Deposits and rests taken for orders that are fulfilled later; no sale of this session."""
    refunds: int = Field(default=0, ge=0)
    refunds_minor: PositiveMinor = 0
    """Money of cancelled orders for later that went back here."""
    by_rate: tuple[RateTotal, ...] = ()
    cash_minor: Minor = 0
    """Cash taken less cash paid back, without the float."""
    card_minor: Minor = 0
    store_credit_minor: Minor = 0
    gift_card_minor: Minor = 0
    """Stored value redeemed less what was given back to it."""
    gift_cards: int = Field(default=0, ge=0)
    gift_cards_minor: PositiveMinor = 0
    """Gift cards that were sold; no sale of this session."""
    paid_in_minor: PositiveMinor = 0
    paid_out_minor: PositiveMinor = 0
    loans_minor: PositiveMinor = 0
    """Cash that came from the safe."""
    drops_minor: PositiveMinor = 0
    """Cash that went to the safe, put there or picked up."""
    fees_minor: PositiveMinor = 0
    """Restocking fees kept of returns."""
    float_minor: PositiveMinor = 0
