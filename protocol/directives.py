"""What the hub tells an edge: numbered commands, each answered with an outcome.

An edge writes the directive and its effect in one transaction and answers `applied`, `duplicate`,
`rejected` (with a code) or `expired`. Only that answer counts: from an expiry passing, the hub concludes
nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from protocol import lending, mail_in, payments, stock, transfer_messages
from protocol.checks import CheckRules
from protocol.elsewhere import OrderElsewhere
from protocol.fulfilment import LINES_FOR_LATER, AssignedLine, Promise
from protocol.holds import OrderHolds
from protocol.orders import Code, PositiveMinor, Quantity, WireModel
from protocol.receipts import StoreKeys
from protocol.returns import ReturnPolicy


class Outcome(StrEnum):
    """What became of a directive at the edge."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Directive(WireModel):
    """One numbered command of the hub to one edge."""

    cseq: int = Field(ge=1)
    id: Code
    kind: Code
    v: int = Field(default=1, ge=1)
    at: int
    exp: int | None = None
    """After this wall time (microseconds) the edge answers `expired` instead of acting late."""
    subjects: tuple[Code, ...] = Field(default=(), max_length=20)
    body: Mapping[str, Any]


class CatalogPublish(WireModel):
    """A catalogue version is ready to be fetched over HTTPS and applied whole."""

    version: int = Field(ge=1)
    path: str = Field(pattern=r"^/edge/catalog/\d+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=1)
    products: int = Field(ge=0)


class AssignmentOffer(WireModel):
    """Fulfil this part of an order. The outcome `applied` says that the store has it and answers for it."""

    assignment_id: Code
    order_id: Code
    number: Code
    channel: Code
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    promise: Promise
    lines: tuple[AssignedLine, ...] = Field(min_length=1, max_length=LINES_FOR_LATER)
    due_minor: PositiveMinor = 0
    """What the customer still has to pay before anything is handed over."""
    contact_id: str = Field(default="", max_length=64)
    contact_version: int = Field(default=0, ge=0)
    """The store fetches the contact over HTTPS before it answers; 0 when there is none."""
    pickup_code: str = Field(default="", pattern=r"^[0-9]{0,12}$")
    note: str = Field(default="", max_length=300)
    gift: bool = False
    requested: bool = False
    """True when the store took the order itself and asked the hub where it should be fulfilled."""


class AssignmentCancel(WireModel):
    """Give an assignment up, whole.

    `applied` means noted: the events `assignment.cancelled` (it is given up) and `assignment.cancel_refused`
    (too late) are the answer. An assignment that the store never got is rejected with `no_assignment`.
    """

    assignment_id: Code
    order_id: Code
    reason: str = Field(default="", max_length=300)
    unless_begun: bool = False
    """Leave it here if somebody has begun: no customer asked, another place would only do it better."""
    unpaid_minor: Annotated[PositiveMinor, Field(exclude_if=lambda minor: not minor)] = 0
    """Where it is given up because nobody has paid: so much is due as far as the hub knows. Leave it here if
    less is due, for then somebody has paid, or while a device has it."""


class AssignmentAmend(WireModel):
    """Something about an assignment that is under way changed. Rejected with `too_late` once it has left."""

    assignment_id: Code
    order_id: Code
    promise: Promise | None = None
    due_minor: PositiveMinor | None = None
    contact_id: str = Field(default="", max_length=64)
    contact_version: int = Field(default=0, ge=0)
    note: str | None = Field(default=None, max_length=300)


class DroppedLine(WireModel):
    """Units of a line that need not be fetched any more."""

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    units: Quantity


class AssignmentChange(WireModel):
    """Fetch other units for an assignment: some less, some more, all of it or nothing.

    The event `assignment.changed` says that it is done. A rejection changes nothing: `too_late`,
    `picked_already`, `picking_begun`, `checked_out`, `cancel_asked`, `unknown_sku`, `no_assignment`.
    """

    assignment_id: Code
    order_id: Code
    change_id: Code
    dropped: tuple[DroppedLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    added: tuple[AssignedLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    reason: str = Field(default="", max_length=300)


class OrderSettled(WireModel):
    """What became of an order that this store took and could not decide alone."""

    order_id: Code
    number: Code
    state: Code
    """`routed`, `waiting`, `handed_over`, `cancelled`: for the store's own list of orders."""
    promise: Promise
    sentence: str = Field(default="", max_length=300)


class ExceptionTold(WireModel):
    """A card about this store that the hub raised and the store owns, or the end of a card of either side."""

    exception_id: Code
    state: Literal["open", "closed"]
    at_us: int = Field(ge=0)
    """When it was raised or closed, by the hub's clock."""
    kind: str = Field(default="", max_length=64)
    subject: str = Field(default="", max_length=64)
    title: str = Field(default="", max_length=300)
    facts: Mapping[str, Any] = Field(default_factory=dict)
    owner_role: str = Field(default="", max_length=64)
    how: str = Field(default="", max_length=300)
    """Why it was closed."""


class ExceptionNoted(WireModel):
    """What somebody at the hub did about a card that a store has too: the words are `exception.worked`'s."""

    exception_id: Code
    note_id: int = Field(ge=1)
    """Its number in the hub's log: told twice, it is one act."""
    act: Code
    by: str = Field(default="", max_length=120)
    """Who, by name."""
    at_us: int = Field(ge=0)
    to: str = Field(default="", max_length=64)
    until_us: int | None = None
    choice: str = Field(default="", max_length=64)
    text: str = Field(default="", max_length=300)


class Withdrawn(WireModel):
    """A directive that was taken back before it was ever sent; its number stays, as a no-op."""

    withdrawn_kind: Code


DIRECTIVE_KINDS: Final[Mapping[tuple[str, int], type[WireModel]]] = MappingProxyType(
    {
        ("catalog.publish", 1): CatalogPublish,
        ("assignment.offer", 1): AssignmentOffer,
        ("assignment.cancel", 1): AssignmentCancel,
        ("assignment.amend", 1): AssignmentAmend,
        ("assignment.change", 1): AssignmentChange,
        ("order.settled", 1): OrderSettled,
        ("order.elsewhere", 1): OrderElsewhere,
        ("exception.told", 1): ExceptionTold,
        ("exception.noted", 1): ExceptionNoted,
        ("withdrawn", 1): Withdrawn,
        ("count.request", 1): stock.CountRequest,
        ("count.cancel", 1): stock.CountCancel,
        ("delivery.expect", 1): stock.DeliveryExpect,
        ("delivery.cancel", 1): stock.DeliveryCancel,
        ("transfer.request", 1): transfer_messages.TransferRequest,
        ("transfer.cancel", 1): transfer_messages.TransferCancel,
        ("transfer.expect", 1): transfer_messages.TransferExpect,
        ("transfer.settled", 1): transfer_messages.TransferSettled,
        ("transfer.told", 1): transfer_messages.TransferTold,
        ("lending.policy", 1): lending.LendingPolicy,
        ("return.policy", 1): ReturnPolicy,
        ("order.holds", 1): OrderHolds,
        ("check.rules", 1): CheckRules,
        ("card.told", 1): payments.CardTold,
        ("store.keys", 1): StoreKeys,
        ("return.expect", 1): mail_in.ReturnExpect,
        ("return.unexpect", 1): mail_in.ReturnExpectationEnded,
    }
)


class DirectiveOutcome(WireModel):
    """An edge's answer to one directive."""

    cseq: int = Field(ge=1)
    res: Outcome
    code: str = Field(default="", max_length=64)
    detail: str = Field(default="", max_length=300)
