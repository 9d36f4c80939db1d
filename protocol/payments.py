"""What payment services said of money that was not taken at once: facts of the hub's own stream.

An *authorisation* is a promise of money: it stands beside the books and posts nothing, until the money is
captured (`order.paid_online` with its `auth_id`) or the authorisation ends without it. A card that a
store took while its terminal had no line is posted as taken, because the goods are gone; the service says
later whether it pays (`offline_pending -> captured | declined_late`). Amounts are whole minor units.
"""

from typing import Annotated, Literal

from pydantic import Field

from protocol.orders import Code, PositiveMinor, WireModel
from protocol.till import Currency

Detail = Annotated[str, Field(max_length=300)]


class OfAnOrder(WireModel):
    """A fact about money of one order."""

    order_id: Code
    number: Code
    amount_minor: PositiveMinor
    currency: str = Currency


class PaymentAuthorised(OfAnOrder):
    """A payment service promised money of an order; nothing has been taken yet."""

    auth_id: Code
    gateway: Code
    reference: str = Field(default="", max_length=64)
    """What the service calls it; the capture names it."""
    expires_us: int = Field(default=0, ge=0)
    """Until when it can be captured; 0 where the service did not say."""


class AuthorisationEnded(OfAnOrder):
    """What was promised and not captured will not be taken; `amount_minor` is what is let go."""

    auth_id: Code
    how: Literal["released", "expired", "declined"]
    detail: Detail = ""


class OfACard(OfAnOrder):
    """A fact about a card that a store took while its terminal had no line."""

    card_id: Code
    """`<order or payment>:<place among its tenders>`."""
    location: Code


class CardCleared(OfACard):
    """The service took a card of a store offline after all: it is captured."""

    reference: str = Field(default="", max_length=64)


class CardDeclinedLate(OfACard):
    """The service does not pay a card of a store offline: the customer has the goods and owes the money."""

    detail: Detail = ""


class CardTold(WireModel):
    """What a store hears of a card that it took without its bank: what the bank said at last."""

    card_id: Code
    order_id: Code
    state: Literal["captured", "declined_late", "paid_again", "written_off"]


class CardMadeGood(OfACard):
    """How a card that was declined late ended: the customer paid it to the bank, or it is given up."""

    how: Literal["paid_again", "written_off"]
    reason: Annotated[str, Field(min_length=1, max_length=300)]
