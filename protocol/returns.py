"""The policy of returns, as both sides and the wire see it, and the record of one decision.

Operations writes the policy at the hub, whole and by versions; every location is told it as a directive and
keeps it, so a counter decides the same without a line. What it means is `protocol.rules.policy`. A return
carries what was decided and from which inputs, so that a dispute can be replayed years later and the hub can
judge the same return again with what it alone knows.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from protocol.money import PPM
from protocol.orders import LINES_PER_ORDER, Code, PositiveMinor, WireModel
from protocol.people import StoreRole

CATEGORIES: Final = 200
ITEMS: Final = 200
"""Categories and articles with a rule of their own: what fits in one directive of 32 KiB."""
HOLIDAYS: Final = 20
CLOSED_DATES: Final = 100
WITHOUT_LIMIT: Final = -1
"""As a number of days: for ever."""

Days = Annotated[int, Field(strict=True, ge=WITHOUT_LIMIT, le=3_650)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
"""A date as `2026-12-24`; that it exists is the editor's to check, and one that does not counts nowhere."""
Count = Annotated[int, Field(strict=True, ge=0, le=100_000)]


class Outcome(StrEnum):
    """What the policy says of a return, from the strictest."""

    DENY = "deny"
    DENY_OVERRIDABLE = "deny_overridable"
    CONTINGENT = "contingent"
    AUTHORIZE = "authorize"


class Condition(StrEnum):
    """How the goods look at the counter."""

    NEW = "new"
    OPENED = "opened"
    USED = "used"
    ALTERED = "altered"
    DEFECTIVE = "defective"


class Proof(StrEnum):
    """What shows that the goods were bought here."""

    RECEIPT = "receipt"
    ORDER_NUMBER = "order_number"
    CARD = "card"
    CUSTOMER = "customer"
    NONE = "none"


class Channel(StrEnum):
    """Where something was bought, as the policy tells it apart."""

    STORE = "store"
    WEB = "web"
    MARKETPLACE = "marketplace"


class Refund(StrEnum):
    """What a customer may get."""

    ORIGINAL_TENDER = "original_tender"
    EXCHANGE = "exchange"
    STORE_CREDIT = "store_credit"


class GoodsRule(WireModel):
    """What the policy says of a category or of one article; None is left to the rule behind it."""

    days: Days | None = None
    final_sale: bool | None = None
    fee_ppm: Annotated[int, Field(strict=True, ge=0, le=PPM)] | None = None
    """Restocking fee, of what would go back."""
    fee_when: tuple[Condition, ...] = Field(default=(), max_length=len(Condition))
    """In which conditions the fee is due; empty: in all of them."""
    hygiene: bool | None = None
    """What was opened cannot be sold again."""
    vendor_return: bool | None = None
    """The supplier takes back what is faulty."""
    repair_minor: PositiveMinor | None = None
    """What a repair usually costs."""
    liquidation_ppm: Annotated[int, Field(strict=True, ge=0, le=PPM)] | None = None
    """What goods that are sold off bring, of their price."""
    serial: bool | None = None
    """Each unit has a number of its own: taken down when it is sold, compared when it comes back."""

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Write only what is said: four hundred rules have to fit in one packet."""
        said: dict[str, object] = dump(self)
        return {name: value for name, value in said.items() if value is not None and value not in ((), [])}


class ChannelRule(WireModel):
    """What the policy says of a channel. A window of the goods' own rule is closer than the channel's."""

    days: Days | None = None
    in_store: bool = True
    """Whether a store takes back what was bought there."""


class Holiday(WireModel):
    """What is bought between two days may come back until a third, if that is later than its window."""

    bought_from: Day
    bought_to: Day
    until: Day


class NoReceipt(WireModel):
    """What is possible without any proof."""

    max_amount_minor: PositiveMinor = 0
    """0: nothing comes back without proof."""
    max_count_90d: Count = 3
    id_required: bool = False
    """Somebody looks at an identity card; what stands on it is kept nowhere."""


class CustomerLimit(WireModel):
    """When somebody who returns often needs another person's look."""

    count_90d: Count = 0
    """From so many returns in ninety days on; 0 sets no limit."""
    outcome: Outcome = Outcome.CONTINGENT


class CashLimit(WireModel):
    """How much cash one store may give back in a day without another person's word; None is any amount."""

    day_minor: PositiveMinor | None = None
    by_location: Mapping[Code, PositiveMinor] = Field(default_factory=dict, max_length=ITEMS)
    """Stores for which another amount holds."""

    def of(self, location: str) -> int | None:
        """Return what holds for one store, in minor units."""
        return self.by_location.get(location, self.day_minor)


class MailIn(WireModel):
    """What holds for goods that are sent back instead of brought."""

    refund: Literal["inspected", "arrived", "sent"] = "inspected"
    """When the money goes: once somebody has looked at the goods, once they are here, or at once."""
    days: Annotated[int, Field(strict=True, ge=1, le=365)] = 21
    """So long goods may be on their way before somebody has to look where they are."""
    addresses: Mapping[Code, Annotated[str, Field(max_length=300)]] = Field(
        default_factory=dict, max_length=ITEMS
    )
    """Where parcels for a location go, as it stands on labels: its lines with commas between them."""


class Authority(WireModel):
    """How far the word of a role reaches over the policy; None is any amount."""

    role: StoreRole
    up_to_minor: PositiveMinor | None = None


class ReturnPolicy(WireModel):
    """The directive `return.policy`: all that operations says about returns; a later one replaces it whole.

    Version 0 is that of a company to which nobody said anything: everything that was sold may come back.
    """

    version: int = Field(default=0, ge=0)
    default_days: Days = WITHOUT_LIMIT
    grace_days: Annotated[int, Field(strict=True, ge=0, le=3_650)] = 0
    """So long after its window somebody else may still allow it."""
    defective_days: Days = WITHOUT_LIMIT
    """So long faulty goods come back, whatever else is said of them."""
    categories: Mapping[Code, GoodsRule] = Field(default_factory=dict, max_length=CATEGORIES)
    items: Mapping[Code, GoodsRule] = Field(default_factory=dict, max_length=ITEMS)
    channels: Mapping[Channel, ChannelRule] = Field(default_factory=dict)
    holidays: tuple[Holiday, ...] = Field(default=(), max_length=HOLIDAYS)
    closed_weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = Field(default=(), max_length=6)
    """Monday is 1. A window that ends on a closed day ends on the next open one."""
    closed_dates: tuple[Day, ...] = Field(default=(), max_length=CLOSED_DATES)
    proofs: tuple[Proof, ...] = (Proof.RECEIPT, Proof.ORDER_NUMBER, Proof.CARD, Proof.CUSTOMER)
    """What counts as proof; everything else is none."""
    no_receipt: NoReceipt = Field(default_factory=NoReceipt)
    reject_conditions: tuple[Condition, ...] = ()
    exchange_only_conditions: tuple[Condition, ...] = ()
    approval_over_minor: PositiveMinor | None = None
    customer_limit: CustomerLimit = Field(default_factory=CustomerLimit)
    own_sale: Literal["", "contingent"] = ""
    """Whether whoever sold it may not be alone in giving the money back."""
    fee_tax: Literal["inclusive", "untaxed"] = "inclusive"
    """Whether a restocking fee carries the tax of its line, or none."""
    law_days: Mapping[Channel, Annotated[int, Field(strict=True, ge=0, le=3_650)]] = Field(
        default_factory=dict
    )
    """A right to withdraw that no other rule can undercut: neither a window nor final sale nor a fee."""
    law_defective_days: Annotated[int, Field(strict=True, ge=0, le=3_650)] = 0
    authorities: tuple[Authority, ...] = Field(
        default=(
            Authority(role=StoreRole.LEAD, up_to_minor=200_00),
            Authority(role=StoreRole.MANAGER, up_to_minor=None),
        ),
        max_length=len(StoreRole),
    )
    signed_up_to_minor: PositiveMinor | None = None
    """So much comes back on the word of another store's receipt while the hub cannot be asked; None is any
    amount, 0 is nothing."""
    refund_first: Literal["", "gift_card", "card"] = ""
    """Which tender of a sale is given back to first; empty shares a refund out over all of them."""
    cash: CashLimit = Field(default_factory=CashLimit)
    mail_in: MailIn = Field(default_factory=MailIn)

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Write what came later only where it is said, so that what was said before keeps its bytes."""
        said: dict[str, object] = dump(self)
        unsaid = {name for name in _LATER if getattr(self, name) == getattr(_NOTHING_SAID, name)}
        return {name: value for name, value in said.items() if name not in unsaid}


_LATER: Final = ("signed_up_to_minor", "refund_first", "cash", "mail_in")
"""Fields that the policy got after its first version was sent."""
_NOTHING_SAID: Final = ReturnPolicy()


class DecidedLine(WireModel):
    """What was decided of one line, and what the decision stood on."""

    line_no: int = Field(ge=1, le=LINES_PER_ORDER)
    outcome: Outcome
    codes: tuple[Code, ...] = Field(default=(), max_length=20)
    category: str = Field(default="", max_length=80)
    condition: Condition = Condition.NEW
    start: Day
    """When its window began: at the handover, not at the order."""
    last_day: str = Field(default="", max_length=10)


class Override(WireModel):
    """Another person's word over the policy."""

    by: Code
    role: StoreRole
    reason: str = Field(default="", max_length=300)
    codes: tuple[Code, ...] = Field(default=(), max_length=20)


class ReturnDecision(WireModel):
    """Why a return was taken: the policy's version, its inputs, its codes, and who overrode them."""

    policy_version: int = Field(ge=0)
    outcome: Outcome
    proof: Proof
    channel: Channel = Channel.STORE
    customer_returns_90d: Count = 0
    no_receipt_returns_90d: Count = 0
    own_sale: bool = False
    customer_id: str = Field(default="", max_length=64)
    """Whose return it is, where no order says so."""
    id_checked: bool = False
    lines: tuple[DecidedLine, ...] = Field(max_length=LINES_PER_ORDER)
    override: Override | None = None


class ReturnFee(WireModel):
    """A restocking fee that was kept of what went back for a line; its tax is inside."""

    line_no: int = Field(ge=1, le=LINES_PER_ORDER)
    amount_minor: PositiveMinor
    tax_minor: PositiveMinor = 0
    rate_ppm: int = Field(default=0, ge=0, le=PPM)
