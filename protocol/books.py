"""What the hub itself says of the books: facts of its own stream, posted like any other fact.

A period that moved, an account that was mapped elsewhere, a settlement file that was taken in: each is an
event, so the books can be made anew from the log with the periods and accounts that held at every moment.
Amounts are signed whole minor units, debit positive, unless a field says what it counts.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from protocol.lifecycles import PeriodEvent, PeriodState
from protocol.orders import Code, Name, WireModel

LINES_PER_JOURNAL: Final = 200
LINES_PER_SETTLEMENT: Final = 20_000
"""A month of a busy store at one payment service; a larger file comes in parts, as services send it."""
ACCOUNTS_PER_CHANGE: Final = 500

Entity = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,40}$")]
Period = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
"""A calendar month, such as 2026-03."""


def _is_a_day(text: str) -> str:
    date.fromisoformat(text)
    return text


Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_is_a_day)]
"""A day of the calendar, such as 2026-03-31."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Account = Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,20}$")]
Amount = Annotated[int, Field(ge=-(10**15), le=10**15)]
Reference = Annotated[str, Field(max_length=64)]
Reason = Annotated[str, Field(min_length=1, max_length=300)]
AccountKind = Literal["asset", "liability", "equity", "income", "expense"]


# --- Periods ------------------------------------------------------------------------------------------------


class OnPeriod(WireModel):
    """A fact about one month of one entity."""

    entity: Entity
    period: Period
    currency: Currency


class Assertion(WireModel):
    """What a sub-ledger, or the trial balance where there is none, says an account stands at."""

    account: Account
    name: str = Field(max_length=200)
    kind: AccountKind
    amount_minor: Amount
    source: Code


class PeriodMoved(OnPeriod):
    """A period took a step. A close carries what it was closed on, so that its export never changes."""

    step: PeriodEvent
    state: PeriodState
    reason: str = Field(default="", max_length=300)
    also_by: str = Field(default="", max_length=120)
    """The second person, where one alone may not."""
    until_us: int = Field(default=0, ge=0)
    """When a reopened period goes back to closing by itself."""
    fingerprint: str = Field(default="", max_length=64)
    """The chain hash of the last journal of the period: what was signed and closed."""
    assertions: tuple[Assertion, ...] = ()
    checks: str = Field(default="", max_length=400_000)
    """The checks with their evidence, as JSON."""


class PeriodSigned(OnPeriod):
    """One of two people says that the books of a period are right, as they stand at a fingerprint."""

    role: Literal["prepared", "approved"]
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]


class GapDeclared(OnPeriod):
    """Two people close over a store that cannot tell its days: what is missing is named and comes late."""

    location: Code
    upto: int = Field(ge=0)
    newest: int = Field(ge=0)
    reason: Reason
    also_by: Annotated[str, Field(min_length=1, max_length=120)]


# --- Accounts and journals ----------------------------------------------------------------------------------


class AccountNamed(WireModel):
    """An account of the chart, new or renamed."""

    account: Account
    name: Name
    kind: AccountKind


class PurposeMapped(WireModel):
    """Which account serves a purpose from here on."""

    purpose: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,60}$")]
    account: Account


class ChartChanged(WireModel):
    """Accounts were named, or purposes mapped elsewhere. What is posted stays where it is."""

    entity: Entity
    accounts: tuple[AccountNamed, ...] = Field(default=(), max_length=ACCOUNTS_PER_CHANGE)
    purposes: tuple[PurposeMapped, ...] = Field(default=(), max_length=ACCOUNTS_PER_CHANGE)
    reason: Reason


class TermsSet(WireModel):
    """How an entity keeps its books was set anew; it holds from the next fact of each order on."""

    entity: Entity
    tax_at_payment: bool
    """Output tax is due when a deposit is paid, and not only when the goods leave."""
    reason: Reason


class JournalLine(WireModel):
    """One side of a journal that a person made."""

    account: Account
    amount_minor: Amount
    rate_ppm: int | None = Field(default=None, ge=0, le=1_000_000)
    reference: Reference = ""


class JournalMade(WireModel):
    """A person posted a journal: an accrual, a correction, money taken out of suspense."""

    entity: Entity
    business_date: Day
    currency: Currency
    rule: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    memo: Annotated[str, Field(max_length=120)] = ""
    reason: Reason
    lines: tuple[JournalLine, ...] = Field(min_length=2, max_length=LINES_PER_JOURNAL)
    order_id: Reference = ""
    reverses: int | None = None

    @model_validator(mode="after")
    def _sums_to_zero(self) -> "JournalMade":
        if sum(line.amount_minor for line in self.lines):
            raise ValueError("its debits and credits differ")
        return self


class DebtsNetted(WireModel):
    """What two entities owe each other is set off, in both books at once."""

    entity: Entity
    other: Entity
    business_date: Day
    currency: Currency
    amount_minor: int = Field(gt=0, le=10**15)


class MoneyMoved(WireModel):
    """Money at the bank, on its way there, or in dispute."""

    what: Literal[
        "deposit_prepared",
        "deposit_credited",
        "chargeback_received",
        "chargeback_won",
        "chargeback_lost",
        "commission_paid",
        "sell_off_paid",
    ]
    entity: Entity
    location: Annotated[str, Field(max_length=40)] = ""
    business_date: Day
    currency: Currency
    reference: Annotated[str, Field(min_length=1, max_length=64)]
    gateway: Annotated[str, Field(max_length=40)] = ""
    order_id: Reference = ""
    amount_minor: int = Field(gt=0, le=10**15)
    """What the fact is about: the bag, the sale in dispute."""
    other_minor: int = Field(default=0, ge=0, le=10**15)
    """What the bank credited instead, or the fee of a dispute."""


# --- Settlements --------------------------------------------------------------------------------------------


class SettlementLine(WireModel):
    """One row of the file of a payment service or marketplace, as the mapper read it."""

    row: int = Field(ge=1)
    kind: Literal["sale", "refund", "fee", "chargeback", "reserve", "release", "adjustment"]
    reference: Reference = ""
    order_id: Reference = ""
    """The order that it was matched to; empty when none has this reference."""
    amount_minor: Amount
    """What it adds to the payout before fees; a refund is below zero."""
    fee_minor: Amount = 0
    """What the service keeps of it; a fee given back is below zero."""
    known: bool = False
    """For a chargeback: it was received by hand before, so this row clears what was noted then."""


class SettlementTaken(WireModel):
    """A payment service or a marketplace said what it paid out, line by line."""

    settlement_id: Annotated[str, Field(min_length=1, max_length=64)]
    entity: Entity
    provider: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    marketplace: bool = False
    reference: Reference = ""
    """The provider's own name of the payout."""
    business_date: Day
    """When it arrived at the bank."""
    currency: Currency
    payout_minor: Amount
    """What arrived at the bank."""
    lines: tuple[SettlementLine, ...] = Field(min_length=1, max_length=LINES_PER_SETTLEMENT)
    mapper: Annotated[str, Field(max_length=40)] = ""
    mapper_version: int = Field(default=0, ge=0)
    """Which version of it read the file; 0 is the one that came with the product."""


RowKind = Literal["sale", "refund", "fee", "chargeback", "reserve", "release", "adjustment", "payout"]
Column = Annotated[str, Field(max_length=80)]
WORDS_PER_MAPPER: Final = 100


class MapperSet(WireModel):
    """How the files of a provider are read was written anew; files that were taken in stay as they are."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    title: Name
    marketplace: bool = False
    kind: Annotated[str, Field(min_length=1, max_length=80)]
    """The column that says what a row is."""
    reference: tuple[Column, ...] = Field(min_length=1, max_length=10)
    """Columns that may name the order or payment; the first that is filled counts."""
    amount: Annotated[str, Field(min_length=1, max_length=80)]
    fee: Column = ""
    kinds: Mapping[str, RowKind] = Field(default_factory=dict, max_length=WORDS_PER_MAPPER)
    """What the provider calls each kind of row, in small letters; rows of other words are adjustments."""
    delimiter: Literal[",", ";", "\t", "|"] = ","
    fees_are_negative: bool = False
    reason: Reason


# --- Between entities ---------------------------------------------------------------------------------------

PRICES_PER_LIST: Final = 5_000


class TransferPrice(WireModel):
    """What one entity charges another for a unit of an article, without tax."""

    sku: Code
    price_minor: int = Field(ge=0, le=10**12)


class PricesSet(WireModel):
    """The price list of one entity for another was set anew, whole; what was charged stays as it was."""

    supplier: Entity
    buyer: Entity
    markup_ppm: int = Field(ge=0, le=10_000_000)
    """On the cost of articles without a price of their own."""
    rate_ppm: int = Field(default=0, ge=0, le=1_000_000)
    """The tax on it; nothing inside one VAT group."""
    prices: tuple[TransferPrice, ...] = Field(default=(), max_length=PRICES_PER_LIST)
    reason: Reason


# --- What a month expects -----------------------------------------------------------------------------------

AccrualKind = Literal["expected_returns", "breakage", "fees_expected"]


class AccrualsSet(WireModel):
    """What an entity expects at the end of each month; nothing is expected where a share is nothing."""

    entity: Entity
    return_ppm: int = Field(default=0, ge=0, le=999_999)
    """Of a month's sales, what will have come back in the end."""
    recover_ppm: int = Field(default=1_000_000, ge=0, le=1_000_000)
    """Of the cost of those goods, what they are still worth then."""
    breakage_ppm: int = Field(default=0, ge=0, le=999_999)
    """Of the money on gift cards, what nobody will ever spend. The law has to permit it."""
    fee_ppm: int = Field(default=0, ge=0, le=999_999)
    """Of what marketplaces owe, what they will keep; their files say later what it really was."""
    reason: Reason


class Accrued(WireModel):
    """What a month expects was posted on its last day, or taken back on the first day of the next one."""

    entity: Entity
    period: Period
    kind: AccrualKind
    business_date: Day
    currency: Currency
    amount_minor: Amount
    """By how much what is expected changes; the opposite where it is taken back."""
    cost_minor: Amount = 0
    """Of expected returns: what the goods will be worth."""
    taken_back: bool = False
    overridden: bool = False
    """A person said how much; without that it was worked out."""
    reason: Annotated[str, Field(max_length=300)] = ""
