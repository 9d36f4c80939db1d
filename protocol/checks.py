"""The rules by which orders are checked, as data, and what a check may know of an order.

Rules stand in an order. Of each kind the first one counts that speaks of the order's entity, channel and day;
so a narrow rule stands before a wide one. What a reader would get wrong: a fact that is None is not known
where the check runs (a store that is dark knows no other store's orders), and no rule concludes anything from
it. The hub checks the order again when it hears of it.

Customers are named in rules by a digest of their mail address or telephone number: no message holds a name.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from protocol.holds import Blocked, OnExpiry
from protocol.orders import Code, Minor, PositiveMinor, WireModel
from protocol.people import HubRole

RULES: Final = 60
CUSTOMERS: Final = 400
POINTS: Final = 1_000
KEY_DIGITS: Final = 20
Day = Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Moment = Annotated[int, Field(ge=0, le=2**53)]
Count = Annotated[int, Field(ge=0, le=100_000)]


class CheckKind(StrEnum):
    """What is looked at."""

    PAYMENT = "payment"
    OFFLINE_PAYMENT = "offline_payment"
    FRAUD = "fraud"
    CUSTOMER = "customer"
    TAX = "tax"
    AVAILABILITY = "availability"


class CheckOutcome(StrEnum):
    """What a check comes to, from the mildest to the strictest."""

    PASS = "pass"  # noqa: S105 - the opposite of a hold
    HOLD = "hold"
    REFUSE = "refuse"


class Signal(StrEnum):
    """A sign of fraud. None is proof, so each has points, and only their sum says anything."""

    VELOCITY = "velocity"
    AMOUNT = "amount"
    ADDRESS = "address"
    PAYER = "payer"
    QUICK_PICKUP = "quick_pickup"
    MANY_CARDS = "many_cards"
    PROXY = "proxy"
    CHARGEBACKS = "chargebacks"
    REFUND_ABUSE = "refund_abuse"


class SignalRule(WireModel):
    """How much a sign counts, and from which number or amount on."""

    signal: Signal
    points: int = Field(ge=1, le=POINTS)
    limit: int = Field(default=0, ge=0, le=10**12)
    """Orders in 24 hours, an amount, cards in 30 days, chargebacks, returns in 90 days; else no meaning."""


class CustomerTerm(WireModel):
    """What holds for one customer alone."""

    key: str = Field(pattern=rf"^[0-9a-f]{{{KEY_DIGITS}}}$")
    note: str = Field(default="", max_length=80)
    """What people call this row; no name of the customer."""
    blocked: bool = False
    order_limit_minor: PositiveMinor | None = None
    open_orders: Count | None = None
    tax_exempt: bool = False


class CheckRule(WireModel):
    """One check with its parameters. Those of other kinds have no meaning."""

    rule_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    kind: CheckKind
    entities: tuple[Code, ...] = Field(default=(), max_length=20)
    """Empty: of every entity."""
    channels: tuple[Code, ...] = Field(default=(), max_length=20)
    """Empty: from every channel."""
    first_day: Day = ""
    last_day: Day = ""
    """Of the order, both inside; empty: without an end."""
    outcome: CheckOutcome = CheckOutcome.HOLD
    """What a failure comes to; for fraud the points decide."""
    blocks: tuple[Blocked, ...] = Field(default=(Blocked.PICK, Blocked.HANDOVER, Blocked.SHIP), max_length=5)
    may: tuple[HubRole, ...] = Field(default=(HubRole.OPS,), min_length=1, max_length=3)
    hours: int = Field(default=0, ge=0, le=24 * 90)
    """How long a hold waits for a decision; 0 for ever."""
    then: OnExpiry = OnExpiry.KEEP
    ship_paid_ppm: int = Field(default=1_000_000, ge=0, le=1_000_000)
    """Payment: the part of the total that must be there before anything is shipped."""
    collect_paid_ppm: int = Field(default=0, ge=0, le=1_000_000)
    cap_minor: PositiveMinor | None = None
    """Offline payment: the most that one order may bring without the bank."""
    exposure_minor: PositiveMinor | None = None
    """Offline payment: the most that may be open without the bank in one store, this order included."""
    signals: tuple[SignalRule, ...] = Field(default=(), max_length=len(Signal))
    review_points: int = Field(default=0, ge=0, le=10 * POINTS)
    """Fraud: an order is held from here on; 0 never."""
    deny_points: int = Field(default=0, ge=0, le=10 * POINTS)
    order_limit_minor: PositiveMinor | None = None
    """Customer: the most that one order may cost; a customer's own limit goes before it."""
    open_orders: Count | None = None
    tolerance_minor: PositiveMinor = 0
    """Tax: the difference that rounding may make."""


class CheckRules(WireModel):
    """Every rule there is. The newest version counts, at the hub and in every store."""

    version: int = Field(default=0, ge=0)
    rules: tuple[CheckRule, ...] = Field(default=(), max_length=RULES)
    customers: tuple[CustomerTerm, ...] = Field(default=(), max_length=CUSTOMERS)


class OrderFacts(WireModel):
    """What is known of an order when it is checked; None is what is not known there."""

    entity: str = Field(default="", max_length=64)
    channel: str = Field(default="", max_length=64)
    day: Day = ""
    """The business date on which it was taken."""
    currency: str = Field(default="GBP", pattern=r"^[A-Z]{3}$")
    total_minor: PositiveMinor = 0
    ships: bool = False
    same_hour: bool = False
    paid_minor: PositiveMinor | None = None
    """Captured; None where money is told apart from the order."""
    authorised_minor: PositiveMinor = 0
    """Promised by a payment service beside what is captured."""
    authorised_until_us: Moment = 0
    at_us: Moment = 0
    offline_minor: PositiveMinor = 0
    """Of it, paid without the bank; it may still be declined."""
    exposure_minor: PositiveMinor | None = None
    """Open without the bank in the store before this order."""
    customer: tuple[Code, ...] = Field(default=(), max_length=4)
    """Digests by which the customer may be named in a rule."""
    known_customer: bool | None = None
    orders_24h: Count | None = None
    open_orders: Count | None = None
    cards_30d: Count | None = None
    chargebacks: Count | None = None
    refunds_90d: Count | None = None
    proxy: bool = False
    payer_differs: bool | None = None
    address_differs: bool | None = None
    tax_minor: Minor = 0
    tax_again_minor: Minor | None = None
    """The tax worked out again by the rates that the catalogue has; None where that is not known."""
    other_rates: tuple[str, ...] = Field(default=(), max_length=20)
    """Items that are taxed by another rate than the catalogue's."""
    available: bool | None = None
    """Whether the promise function could keep the promise."""
    why_not: str = Field(default="", max_length=300)
