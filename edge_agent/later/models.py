"""What is asked of orders for later, and what the counter is told: the shapes of `/api/later`."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from edge_agent.counter.steps.basket_models import Version
from edge_agent.counter.steps.sale import TILL_NAME, TenderGiven, Text300, Token, Wanted
from edge_agent.later.rules import Way
from edge_agent.once import Key
from protocol.customers import Address
from protocol.fulfilment import LINES_FOR_LATER, Micros, Promise
from protocol.orders import Minor, PositiveMinor, Quantity, Tender

When = Literal["", "soon", "today", "tomorrow", "on"]
ContactId = Annotated[str, Field(max_length=64)]
LineNo = Annotated[int, Field(ge=1, le=LINES_FOR_LATER)]
Tenders = Annotated[tuple[TenderGiven, ...], Field(max_length=20)]
Line120 = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ContactWanted(Wanted):
    """A customer who is not known yet: a name, and a phone or an e-mail."""

    first_name: Line120 = ""
    last_name: Line120 = ""
    phone: Annotated[str, Field(max_length=32, pattern=r"^[0-9+() ./-]*$")] = ""
    email: Annotated[str, Field(max_length=120, pattern=r"^([^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+)?$")] = ""
    address: Address = Address()
    language: Literal["en", "de"] = "en"


class PlaceWanted(Wanted):
    """Take what is in a basket as an order for later.

    `deposit_minor` is what is paid now; left out, all of it. `provisional` says that the customer was told
    that the hub could not be asked; without it such an order is refused.
    """

    key: Key
    basket_id: str = Field(min_length=1, max_length=64)
    version: Version
    till: str = Field(pattern=TILL_NAME)
    way: Way
    location: str = Field(default="", max_length=40)
    service: str = Field(default="", max_length=32)
    when: When = ""
    on: str = Field(default="", max_length=10)
    contact_id: ContactId = ""
    contact: ContactWanted | None = None
    note: Text300 = ""
    gift: bool = False
    deposit_minor: PositiveMinor | None = None
    tenders: Tenders = ()
    approvals: tuple[Token, ...] = Field(default=(), max_length=10)
    provisional: bool = False


class Placed(BaseModel):
    """An order for later was taken."""

    order_id: str
    number: str
    own: bool
    """Set aside here; otherwise the hub decides."""
    provisional: bool
    promise: Promise
    pickup_code: str
    contact_id: str
    total_minor: int
    paid_minor: int
    due_minor: int
    change_minor: int
    rounding_minor: int
    seq: int
    slip_job: str


class PaymentWanted(Wanted):
    """Take money for an order for later; left out, the amount is all that is due."""

    key: Key
    till: str = Field(pattern=TILL_NAME)
    amount_minor: PositiveMinor | None = None
    tenders: Annotated[tuple[TenderGiven, ...], Field(min_length=1, max_length=20)]


class Paid(BaseModel):
    """Money was taken."""

    payment_id: str
    number: str
    amount_minor: int
    due_minor: int
    change_minor: int
    rounding_minor: int
    seq: int
    slip_job: str


class CancelLine(Wanted):
    """Units of one line."""

    line_no: LineNo
    quantity: Quantity


class CancelWanted(Wanted):
    """Cancel units, or everything that is open when no lines are said."""

    key: Key
    lines: tuple[CancelLine, ...] | None = Field(default=None, min_length=1, max_length=LINES_FOR_LATER)
    reason: str = Field(min_length=1, max_length=300)
    by_customer: bool = True
    till: str = Field(default="", pattern=r"^([a-z0-9-]{1,32})?$")
    approval: Token | None = None


class CancelPreview(BaseModel):
    """What a cancellation would do; nothing was changed."""

    lines: tuple[CancelLine, ...]
    whole: bool
    worth_minor: int
    refund_minor: int
    """What goes back at this store's tills."""
    online_minor: int = 0
    """What the hub gives back online."""
    refunds: tuple[Tender, ...]
    due_minor: int
    """What would still be to pay for the rest."""


class Cancelled(BaseModel):
    """Units were cancelled, and what was paid too much has gone back."""

    cancel_id: str
    number: str
    state: str
    refund_minor: int
    online_minor: int = 0
    refunds: tuple[Tender, ...]
    rounding_minor: Minor
    due_minor: int
    seq: int
    slip_job: str


class BackWanted(Wanted):
    """Give back what is owed on an order, as far as this store's tills took it."""

    key: Key
    reason: str = Field(min_length=1, max_length=300)
    till: str = Field(default="", pattern=r"^([a-z0-9-]{1,32})?$")
    approval: Token | None = None


class GivenBack(BaseModel):
    """Money that was owed has gone back."""

    refund_id: str
    number: str
    amount_minor: int
    refunds: tuple[Tender, ...]
    rounding_minor: Minor
    slip_job: str


class ChangeWanted(Wanted):
    """Change what is minded, for whom, or until when; what is left out stays as it is."""

    key: Key
    note: Text300 | None = None
    contact_id: str | None = Field(default=None, min_length=1, max_length=64)
    due_us: Micros | None = None
    reason: Text300 = ""


class Changed(BaseModel):
    """The order as it is promised now."""

    number: str
    promise: Promise
    contact_id: str
    note: str
    seq: int
