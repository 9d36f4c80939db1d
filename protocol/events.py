"""What an edge tells the hub: one model for each kind and version of event.

Events are facts: past tense, never refused by the hub. They only grow: a new optional field, or a new
kind. Every kind and version ever sent has a sample in `protocol/golden/`, which today's code must read.

An event's *subjects* (`order:…`, `sku:…`, `till:…`) say which records it touches: when an event cannot be
understood it is set aside, and later events that share a subject wait behind it.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import Field

from protocol import audit, books, holds, later, mail_in, payments, stock, transfer_desk, transfer_messages
from protocol.commissions import CommissionPlanMade
from protocol.dispositions import GoodsDecided
from protocol.orders import (
    LINES_PER_ORDER,
    Approval,
    Code,
    Minor,
    Name,
    OrderLine,
    PositiveMinor,
    ReturnLine,
    Tender,
    WireModel,
)
from protocol.returns import ReturnDecision, ReturnFee
from protocol.till import AtTill, SessionTotals, TenderTotal


class OrderSold(AtTill):
    """A counter sale: goods and money have changed hands."""

    order_id: Code
    number: Code
    channel: Code = "pos"
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=LINES_PER_ORDER)
    tenders: tuple[Tender, ...] = Field(max_length=20)
    total_minor: PositiveMinor
    tax_minor: PositiveMinor
    change_minor: PositiveMinor = 0
    rounding_minor: Minor = 0
    customer_id: str = Field(default="", max_length=64)
    approvals: tuple[Approval, ...] = ()


class ReturnCompleted(AtTill):
    """Units of an order came back and money went out."""

    return_id: Code
    number: Code
    order_id: Code
    order_number: Code
    lines: tuple[ReturnLine, ...] = Field(min_length=1, max_length=LINES_PER_ORDER)
    refunds: tuple[Tender, ...] = Field(max_length=20)
    total_minor: PositiveMinor
    tax_minor: PositiveMinor
    approvals: tuple[Approval, ...] = ()
    fees: tuple[ReturnFee, ...] = Field(default=(), max_length=LINES_PER_ORDER)
    """Kept of `total_minor`: the refunds come to the rest."""
    decision: ReturnDecision | None = None
    """Why it was taken; none where no policy was asked."""


class OrderVoided(ReturnCompleted):
    """A sale was taken back whole on the day it was made: nothing of it happened, and both stand."""

    reason: str = Field(min_length=1, max_length=300)


class ReturnInspected(ReturnCompleted):
    """Somebody looked at goods that came by parcel and took units back; no money left a till."""

    session_id: str = Field(default="", max_length=64)
    till: str = Field(default="", max_length=64)
    authorisation_id: Code
    lines: tuple[ReturnLine, ...] = Field(default=(), max_length=LINES_PER_ORDER)
    refused: tuple[mail_in.RefusedUnits, ...] = Field(default=(), max_length=LINES_PER_ORDER)
    done: bool = False
    """Nothing more is in the parcel: what was expected and did not come is not in it."""


class ReturnAdvanced(ReturnCompleted):
    """The hub gives money back for goods that nobody has looked at: lines without units."""

    session_id: str = Field(default="", max_length=64)
    till: str = Field(default="", max_length=64)
    authorisation_id: str = Field(default="", max_length=64)


class GiftCardSold(AtTill):
    """Somebody paid for a gift card: money that the company owes whoever holds its number."""

    number: Code
    amount_minor: PositiveMinor
    tenders: tuple[Tender, ...] = Field(min_length=1, max_length=20)


class StockLine(WireModel):
    """Units of one SKU that went from one bucket (or the outside) to another."""

    sku: Code
    quantity: stock.Moving
    from_bucket: Code
    to_bucket: Code
    unit_cost_minor: PositiveMinor = 0


class StockMoved(WireModel):
    """Stock was received, opened or corrected."""

    reason: Code
    reference: str = Field(default="", max_length=80)
    lines: tuple[StockLine, ...] = Field(min_length=1, max_length=LINES_PER_ORDER)


class TillOpened(AtTill):
    """A till session began with a float in its drawer."""

    float_minor: PositiveMinor


class DrawerOpened(AtTill):
    """The drawer was opened without a sale."""

    reason: str = Field(default="", max_length=300)
    approvals: tuple[Approval, ...] = ()


class CashMoved(AtTill):
    """Cash went into a drawer or out of it without a sale: a loan or a drop, petty cash in or out."""

    kind: Literal["paid_in", "paid_out", "loan", "drop", "pickup"]
    amount_minor: PositiveMinor
    reason: str = Field(default="", max_length=300)
    approvals: tuple[Approval, ...] = ()


class TillCounted(AtTill):
    """A drawer was counted without its expected amount being shown."""

    attempt: int = Field(ge=1, le=10)
    counted_minor: PositiveMinor
    denominations: Mapping[str, int] = Field(default_factory=dict, max_length=40)
    abandoned: bool = False
    """True when the count was given up and the till went on selling; the next count is a first one."""


class TillClosed(AtTill):
    """A Z: the session is closed, numbered and sealed over its range of the stream."""

    z_number: int = Field(ge=1)
    number: Code
    first_seq: int = Field(ge=1)
    last_seq: int = Field(ge=0)
    range_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    totals: SessionTotals
    tenders: tuple[TenderTotal, ...]
    approvals: tuple[Approval, ...] = ()


class CatalogApplied(WireModel):
    """A catalogue version was taken over whole."""

    version: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    products: int = Field(ge=0)


class ExceptionRaised(WireModel):
    """Something at the store needs a person."""

    exception_id: Code
    kind: Code
    subject: Code
    title: Name
    facts: Mapping[str, Any] = Field(default_factory=dict)
    owner_role: Code
    dedupe_key: Code


class ExceptionClosed(WireModel):
    """What needed a person at the store no longer does."""

    dedupe_key: Code
    how: str = Field(default="", max_length=300)


class ExceptionWorked(WireModel):
    """Somebody did something about an exception that is still open: the history of a card.

    `act` says what: `assigned`, `snoozed`, `commented`, `escalated`, `asked` (a second person is to confirm a
    choice), `declined` (that person will not) or `chosen`.
    """

    exception_id: Code
    act: Code
    to: str = Field(default="", max_length=64)
    """Whose it is from now on: a person, or a role when it was escalated."""
    until_us: int | None = None
    """Until when it sleeps, or by when the next owner must look."""
    choice: str = Field(default="", max_length=64)
    text: str = Field(default="", max_length=300)
    facts: Mapping[str, Any] = Field(default_factory=dict)


class SignInFailed(WireModel):
    """Somebody tried a PIN too often, and the tile is locked for a while."""

    person_id: Code
    tries: int = Field(ge=1)


KINDS: Final[Mapping[tuple[str, int], type[WireModel]]] = MappingProxyType(
    {
        ("order.sold", 1): OrderSold,
        ("order.voided", 1): OrderVoided,
        ("return.completed", 1): ReturnCompleted,
        ("return.authorised", 1): mail_in.ReturnAuthorised,
        ("return.expectation_changed", 1): mail_in.MailInChanged,
        ("return.arrived", 1): mail_in.ParcelArrived,
        ("return.inspected", 1): ReturnInspected,
        ("return.advanced", 1): ReturnAdvanced,
        ("return.credited", 1): mail_in.ReturnCredited,
        ("commission.plan_made", 1): CommissionPlanMade,
        ("gift_card.sold", 1): GiftCardSold,
        ("goods.decided", 1): GoodsDecided,
        ("stock.moved", 1): StockMoved,
        ("stock.adjusted", 1): stock.StockAdjusted,
        ("stock.task_answered", 1): stock.StockTaskAnswered,
        ("count.requested", 1): stock.CountRequested,
        ("count.opened", 1): stock.CountOpened,
        ("count.confirmed", 1): stock.CountConfirmed,
        ("count.posted", 1): stock.CountPosted,
        ("count.undone", 1): stock.CountUndone,
        ("count.cancelled", 1): stock.CountCancelled,
        ("delivery.announced", 1): stock.DeliveryAnnounced,
        ("delivery.expected", 1): stock.DeliveryExpected,
        ("delivery.received", 1): stock.DeliveryReceived,
        ("delivery.cancelled", 1): stock.DeliveryCancelled,
        ("receipt.corrected", 1): stock.ReceiptCorrected,
        ("till.opened", 1): TillOpened,
        ("till.drawer_opened", 1): DrawerOpened,
        ("till.cash_moved", 1): CashMoved,
        ("till.counted", 1): TillCounted,
        ("till.closed", 1): TillClosed,
        ("catalog.applied", 1): CatalogApplied,
        ("exception.raised", 1): ExceptionRaised,
        ("exception.closed", 1): ExceptionClosed,
        ("exception.worked", 1): ExceptionWorked,
        ("person.locked_out", 1): SignInFailed,
        ("order.placed", 1): later.OrderPlaced,
        ("order.paid", 1): later.OrderPaid,
        ("order.paid_online", 1): later.OrderPaidOnline,
        ("order.cancelled", 1): later.OrderCancelled,
        ("order.lines_added", 1): later.LinesAdded,
        ("order.refunded", 1): later.OrderRefunded,
        ("order.refunded_online", 1): later.OrderRefundedOnline,
        ("order.changed", 1): later.OrderChanged,
        ("order.routed", 1): later.OrderRouted,
        ("order.unroutable", 1): later.OrderUnroutable,
        ("order.waits", 1): later.OrderWaits,
        ("assignment.answered", 1): later.AssignmentAnswered,
        ("assignment.withdrawn", 1): later.AssignmentWithdrawn,
        ("assignment.written_off", 1): later.AssignmentWrittenOff,
        ("assignment.cancel_requested", 1): later.CancelRequested,
        ("assignment.change_requested", 1): later.ChangeRequested,
        ("assignment.change_refused", 1): later.ChangeRefused,
        ("assignment.changed", 1): later.AssignmentChanged,
        ("assignment.accepted", 1): later.AssignmentAccepted,
        ("assignment.rejected", 1): later.AssignmentRejected,
        ("assignment.pick_started", 1): later.PickStarted,
        ("assignment.picked", 1): later.AssignmentPicked,
        ("assignment.packed", 1): later.AssignmentPacked,
        ("assignment.staged", 1): later.AssignmentStaged,
        ("assignment.shipped", 1): later.AssignmentShipped,
        ("assignment.handed_over", 1): later.AssignmentHandedOver,
        ("assignment.handover_undone", 1): later.HandoverUndone,
        ("assignment.cancelled", 1): later.AssignmentCancelled,
        ("assignment.cancel_refused", 1): later.CancelRefused,
        ("manifest.closed", 1): later.ManifestClosed,
        ("transfer.requested", 1): transfer_messages.TransferRequested,
        ("transfer.accepted", 1): transfer_messages.TransferAccepted,
        ("transfer.rejected", 1): transfer_messages.TransferRejected,
        ("transfer.picked", 1): transfer_messages.TransferPicked,
        ("transfer.carton_packed", 1): transfer_messages.CartonPacked,
        ("transfer.carton_opened", 1): transfer_messages.CartonOpened,
        ("transfer.shipped", 1): transfer_messages.TransferShipped,
        ("transfer.cancelled", 1): transfer_messages.TransferCancelled,
        ("transfer.cancel_asked", 1): transfer_messages.CancelAsked,
        ("transfer.received", 1): transfer_messages.TransferReceived,
        ("transfer.matched", 1): transfer_messages.ReceiptMatched,
        ("transfer.receipt_undone", 1): transfer_messages.ReceiptUndone,
        ("transfer.closed", 1): transfer_messages.TransferClosed,
        ("transfer.answered", 1): transfer_desk.TransferAnswered,
        ("transfer.cancel_requested", 1): transfer_desk.TransferCancelRequested,
        ("transfer.decided", 1): transfer_desk.TransferDecided,
        ("transfer.extended", 1): transfer_desk.TransferExtended,
        ("transfer.receipt_accepted", 1): transfer_desk.ReceiptAccepted,
        ("books.chart_changed", 1): books.ChartChanged,
        ("books.terms_set", 1): books.TermsSet,
        ("books.journal_made", 1): books.JournalMade,
        ("books.debts_netted", 1): books.DebtsNetted,
        ("books.money_moved", 1): books.MoneyMoved,
        ("books.settlement_taken", 1): books.SettlementTaken,
        ("books.period_moved", 1): books.PeriodMoved,
        ("books.period_signed", 1): books.PeriodSigned,
        ("books.gap_declared", 1): books.GapDeclared,
        ("books.accruals_set", 1): books.AccrualsSet,
        ("books.accrued", 1): books.Accrued,
        ("hold.placed", 1): holds.HoldPlaced,
        ("hold.released", 1): holds.HoldReleased,
        ("hold.rejected", 1): holds.HoldRejected,
        ("hold.lapsed", 1): holds.HoldLapsed,
        ("books.mapper_set", 1): books.MapperSet,
        ("books.prices_set", 1): books.PricesSet,
        ("audit.rules_changed", 1): audit.AuditRulesChanged,
        ("audit.decided", 1): audit.AuditDecided,
        ("payment.authorised", 1): payments.PaymentAuthorised,
        ("payment.ended", 1): payments.AuthorisationEnded,
        ("card.cleared", 1): payments.CardCleared,
        ("card.declined_late", 1): payments.CardDeclinedLate,
        ("card.made_good", 1): payments.CardMadeGood,
    }
)
KIND_OF: Final[Mapping[type[WireModel], tuple[str, int]]] = MappingProxyType(
    {model: kind for kind, model in KINDS.items()}
)


SUBJECT_LENGTH: Final = 64
"""As `protocol.envelope` reads it; an event with a longer one could be written and never read again."""
_SUBJECTS: Final = (
    ("order", "order_id"),
    ("return", "return_id"),
    ("mail_in", "authorisation_id"),
    ("assignment", "assignment_id"),
    ("manifest", "manifest_id"),
    ("transfer", "transfer_id"),
    ("receipt", "receipt_id"),
    ("count", "count_id"),
    ("adjustment", "adjustment_id"),
    ("disposition", "disposition_id"),
    ("delivery", "delivery_id"),
    ("till", "session_id"),
    ("hold", "hold_id"),
)


_OF_PAYMENTS: Final = (payments.PaymentAuthorised, payments.AuthorisationEnded, later.OrderPaidOnline)
"""What they name as `authorisation_id` is money that was promised, not goods that come back."""


@cache
def _named_by(model: type[WireModel]) -> tuple[tuple[str, str], ...]:
    """Return which records a model can name, by which field: to ask an event for what it has not is slow."""
    return tuple(
        (record, field)
        for record, field in _SUBJECTS
        if (field in model.model_fields or hasattr(model, field))
        and not (record == "mail_in" and issubclass(model, _OF_PAYMENTS))
    )


def subjects_of(body: WireModel) -> tuple[str, ...]:
    """Return the records that an event touches, the most telling first.

    SKUs are left out on purpose: one sale that cannot be understood must not stop every other sale of
    the same article. Stock is a sum, so the order of movements does not change where it ends.
    """
    if isinstance(body, ExceptionRaised | ExceptionClosed):
        return (f"exception:{body.dedupe_key}"[:SUBJECT_LENGTH],)
    if isinstance(body, ExceptionWorked):
        return (f"exception:{body.exception_id}"[:SUBJECT_LENGTH],)
    named = tuple(
        [f"{record}:{name}" for record, field in _named_by(type(body)) if (name := getattr(body, field))]
    )
    if isinstance(body, later.OrderRouted):
        return (*named, *(f"assignment:{part.assignment_id}" for part in body.parts))
    return named
