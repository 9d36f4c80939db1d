"""What programs and customer service may ask about orders, and what they are answered.

Every text has a limit and no control characters, every number a range. What is well formed and still cannot
be (a promise in the past, an item nobody knows) is refused by the step, with a sentence.
"""

from typing import Annotated, Literal

from pydantic import Field

from hub.once import Key
from hub.promises import Channel, Plain, PromiseView, PromiseWanted, Units
from hub.web import Wanted
from protocol.customers import Address, Text
from protocol.fulfilment import LINES_FOR_LATER
from protocol.kit.moments import Dated
from protocol.orders import WireModel

Maybe = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Note = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]*$")]
Reason = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Money = Annotated[int, Field(strict=True, ge=0, le=10**10)]
LineNo = Annotated[int, Field(strict=True, ge=1, le=LINES_FOR_LATER)]


class LineWanted(Wanted):
    """Units of one item."""

    sku: Plain
    quantity: Units
    unit_price_minor: Money | None = None
    """With tax inside; the catalogue's price when it is left out."""
    discount_minor: Money = 0
    """Off the whole line."""
    name: str = Field(default="", max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")


class CustomerWanted(Wanted):
    """Who it is for; kept beside the record and never in an event."""

    first_name: Text = ""
    last_name: Text = ""
    email: Annotated[str, Field(max_length=120, pattern=r"^([^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+)?$")] = ""
    phone: Annotated[str, Field(max_length=32, pattern=r"^[0-9+() ./-]*$")] = ""
    address: Address = Address()
    collector: Text = ""
    gift_message: Note = ""
    language: Literal["en", "de"] = "en"


class PayerWanted(Wanted):
    """Who paid, as the payment service knows them; compared when the order is checked, and not kept."""

    name: Text = ""
    postcode: Annotated[str, Field(max_length=16, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    card: Maybe = ""
    """What the service calls the card (a fingerprint, a token), never its number; kept to count cards."""


class PaymentWanted(Wanted):
    """Money that a payment service has captured, has promised, or is to be asked for."""

    gateway: Plain
    reference: Plain
    """What the service calls the payment, the authorisation, or the card."""
    amount_minor: Annotated[int, Field(strict=True, ge=1, le=10**12)]
    payer: Annotated[PayerWanted | None, Field(exclude_if=lambda payer: payer is None)] = None
    taken: Literal["captured", "authorised", "token"] = "captured"
    """An authorisation is captured when the goods are picked; on a token the hub has one made first."""
    marketplace: bool = False
    """A marketplace took it for us: it pays out later, less its fees."""


class OrderWanted(Wanted):
    """An order for later. `(channel, external_id)` names it, and `key` names this request."""

    channel: Channel
    external_id: Maybe = ""
    version: Annotated[int, Field(strict=True, ge=1, le=2**53)] = 1
    """Of what the channel says about this order; only a newer one changes anything."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    lines: Annotated[tuple[LineWanted, ...], Field(min_length=1, max_length=LINES_FOR_LATER - 1)]
    shipping_minor: Money = 0
    promise: PromiseWanted
    customer: CustomerWanted | None = None
    payment: PaymentWanted | None = None
    note: Note = ""
    gift: bool = False
    reservation_id: Maybe = ""
    ordered_at: Dated | None = None
    """When the customer placed it with the channel. A hub that was restored takes an order without it for one
    that it may have forgotten."""
    sold_already: bool = False
    """True when the channel has confirmed it to the customer: taken in even if nobody can fulfil it."""
    key: Key | None = None
    """In place of the header `Idempotency-Key`."""


class LineUnits(Wanted):
    """Units of a line."""

    line_no: LineNo
    units: Units


class CancelWanted(Wanted):
    """Cancel an order, or units of it."""

    lines: Annotated[tuple[LineUnits, ...], Field(max_length=LINES_FOR_LATER)] = ()
    """Empty: everything that has not left."""
    reason: Reason
    by_customer: bool = True


class LineChangeWanted(Wanted):
    """Another quantity of a line, one more item, or (with both) an item in place of a line."""

    line_no: LineNo | None = None
    sku: Plain | None = None
    quantity: Units
    """How many there shall be in all: of the line as it is, or of the item that is added."""
    unit_price_minor: Money | None = None
    """Of an added item, with tax inside; the catalogue's price when it is left out."""
    discount_minor: Money = 0


class ChangeWanted(Wanted):
    """Change the lines, what was promised, who it is for, or the note."""

    lines: Annotated[tuple[LineChangeWanted, ...], Field(max_length=LINES_FOR_LATER)] = ()
    promise: PromiseWanted | None = None
    customer: CustomerWanted | None = None
    note: Note | None = None
    payment: PaymentWanted | None = None
    """Money that was captured for what is added; an order that is shipped needs it."""
    seen: Annotated[int, Field(strict=True, ge=0, le=2**53)] | None = None
    """The record's version that this rests on, as a preview says it; refused when more has happened since."""
    reason: Reason


class RerouteWanted(Wanted):
    """Ask a location to give its part up, so that another one fulfils it."""

    assignment_id: Plain
    reason: Reason


class WriteOffWanted(Wanted):
    """Go on without a silent location, whose part may then be fulfilled twice."""

    assignment_id: Plain
    reason: Annotated[str, Field(min_length=3, max_length=250, pattern=r"^[^\x00-\x1f\x7f]*$")]
    """Why; it stays on the record, and the location reads it once it is heard."""


class PartView(WireModel):
    """Units that one location fulfils."""

    assignment_id: str
    location: str
    lines: tuple[LineUnits, ...]


class OrderAnswer(WireModel):
    """An order as it was taken in."""

    order_id: str
    number: str
    state: str
    channel: str
    external_id: str
    version: int
    currency: str
    total_minor: int
    tax_minor: int
    paid_minor: int
    promise: PromiseView
    pickup_code: str
    contact_id: str
    assignments: tuple[PartView, ...]
    sentence: str = ""
    """Why it goes there, or why nobody can fulfil it."""


class ChangeMoney(WireModel):
    """What a change of lines costs the customer, once all of it has taken effect."""

    currency: str
    before_minor: int
    after_minor: int
    difference_minor: int
    tax_difference_minor: int
    paid_minor: int
    """What is held for what has not left, with what came in with the change."""
    due_minor: int
    """What is still to be paid before everything is the customer's."""
    refund_minor: int
    """What goes back."""


class Changed(WireModel):
    """What was done at once, and what a location was asked."""

    number: str
    state: str
    cancelled: tuple[LineUnits, ...] = ()
    added: tuple[LineUnits, ...] = ()
    changed: tuple[Literal["promise", "contact", "note", "lines"], ...] = ()
    requested: tuple[str, ...] = ()
    """Locations that hold goods of it and have not answered yet; until then it is theirs."""
    told: tuple[str, ...] = ()
    """Locations that were asked to fetch what was added too; if one will not, another part of it is made."""
    sentence: str = ""
    money: ChangeMoney | None = None
    version: int = 0
    """Of the record that this rests on; a change that names it is refused when more has happened."""
