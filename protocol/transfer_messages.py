"""What is said of transfers: the events of the stores (and of the hub), and the directives of the hub.

`protocol.transfers` says what they mean together. Events are facts and are accepted in every state.
"""

from typing import Literal

from pydantic import Field, model_validator

from protocol.fulfilment import Micros, PutBackLine, ShortLine, UnitsLine
from protocol.orders import Code, WireModel
from protocol.transfers import (
    CARTONS_PER_TRANSFER,
    LINES_PER_TRANSFER,
    ORDERS_PER_TRANSFER,
    ArrivalShort,
    AskedBy,
    Carton,
    DeclinedLine,
    OrderComing,
    Place,
    ReceivedLine,
    Sentence,
    SettledLine,
    Sscc,
    TransferLine,
    TransferReason,
    TransferRefusal,
)

# --- Events: what a store tells the hub (and, for `requested`, what the hub writes of its own) --------------


class OnTransfer(WireModel):
    """Something about one transfer."""

    transfer_id: Code
    number: Code
    """`LB1-X00004` made at a store, `HBX-00004` made by the hub."""
    source: Place
    destination: Place

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "OnTransfer":
        if self.source == self.destination:
            raise ValueError("a transfer goes to another location")
        return self


class TransferRequested(OnTransfer):
    """Somebody asks for goods to be sent: the hub (ops, routing), the source itself, or the destination.

    Asked by the destination it is a wish: the hub passes it on to the source as `transfer.request`. Asked by
    the source it is followed by `transfer.accepted` in the same transaction.
    """

    asked_by: AskedBy
    reason: TransferReason = TransferReason.REPLENISH
    lines: tuple[TransferLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER)
    due_us: Micros = 0
    note: str = Sentence


class TransferAccepted(OnTransfer):
    """The source will send these units: bound ones are set aside now (SELLABLE -> RESERVED).

    Together `lines` and `declined` are all that was asked. Declined lent units are the hub's again (K).
    """

    lines: tuple[UnitsLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER)
    declined: tuple[DeclinedLine, ...] = Field(default=(), max_length=LINES_PER_TRANSFER)
    note: str = Sentence


class TransferRejected(OnTransfer):
    """The source sends nothing. Nothing was set aside; lent units are the hub's again (K)."""

    reason: TransferRefusal
    note: str = Sentence


class TransferPicked(OnTransfer):
    """The walk at the source is over: what was found is off the shelf, what was not has a reason."""

    lines: tuple[UnitsLine, ...] = Field(default=(), max_length=LINES_PER_TRANSFER)
    shorts: tuple[ShortLine, ...] = Field(default=(), max_length=LINES_PER_TRANSFER * 4)
    """One for each reason of a line."""


class CartonPacked(OnTransfer):
    """A carton was closed and labelled. No unit moves: picked units lie in it."""

    carton: Carton
    done: bool = False
    """True when every picked unit lies in a carton now."""


class CartonOpened(OnTransfer):
    """A carton was opened again before it left; its label is void for ever and its units are loose."""

    sscc: Sscc
    reason: str = Sentence


class TransferShipped(OnTransfer):
    """The cartons left: PICKED -> IN_TRANSIT. The manifest."""

    cartons: tuple[Carton, ...] = Field(min_length=1, max_length=CARTONS_PER_TRANSFER)
    lines: tuple[UnitsLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER)
    carrier: str = Field(default="", max_length=32)
    note: str = Sentence


class TransferCancelled(OnTransfer):
    """The source gave it up before it left; what was set aside or picked is back on the shelf.

    `lines` is empty when nothing had been accepted. Lent units are the hub's again (K).
    """

    lines: tuple[PutBackLine, ...] = Field(default=(), max_length=LINES_PER_TRANSFER)
    reason: str = Sentence


class CancelAsked(OnTransfer):
    """The destination no longer wants what it asked for; the source decides (`transfer.cancel`)."""

    reason: str = Sentence


class TransferReceived(WireModel):
    """Goods arrived, all or a part, by carton or by line.

    `transfer_id` is empty when the store knows no transfer that this could be: the label's SSCC, or
    `source` and what was counted, is then all there is, and the hub matches it later. `source` may be empty
    too.
    """

    receipt_id: Code
    transfer_id: str = Field(default="", max_length=64)
    number: str = Field(default="", max_length=64)
    source: str = Field(default="", max_length=40)
    destination: Place
    cartons: tuple[Sscc, ...] = Field(default=(), max_length=CARTONS_PER_TRANSFER)
    """Labels that were scanned; their contents are among the lines."""
    lines: tuple[ReceivedLine, ...] = Field(default=(), max_length=LINES_PER_TRANSFER * 2)
    shorts: tuple[ArrivalShort, ...] = Field(default=(), max_length=LINES_PER_TRANSFER * 2)
    """Units that will not come any more, as far as the destination can tell; counted at the settlement."""
    orders: tuple[OrderComing, ...] = Field(default=(), max_length=ORDERS_PER_TRANSFER)
    """The orders that `bound` units are for, so that their assignments follow from this event alone."""
    final: bool = False
    """Nothing more of this transfer is expected: the hub may settle it."""
    note: str = Sentence


class ReceiptMatched(OnTransfer):
    """A receipt of unknown goods is this transfer's: its announcement came after the goods.

    `lines` say again what the receipt took in, now by line of the transfer. `bound` and `granted` moved now
    and only from what was still free on the shelf (SELLABLE -> RESERVED; G += n); all else stays where it
    is.
    """

    receipt_id: Code
    lines: tuple[ReceivedLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER * 4)
    orders: tuple[OrderComing, ...] = Field(default=(), max_length=ORDERS_PER_TRANSFER)
    """As in `TransferReceived`."""
    final: bool = False
    """True when everything that was announced has arrived with it."""


class ReceiptUndone(WireModel):
    """A receipt was a mistake and is taken back whole: the goods did not arrive, its units leave again."""

    receipt_id: Code
    transfer_id: str = Field(default="", max_length=64)
    number: str = Field(default="", max_length=64)
    source: str = Field(default="", max_length=40)
    destination: Place
    cartons: tuple[Sscc, ...] = Field(default=(), max_length=CARTONS_PER_TRANSFER)
    lines: tuple[ReceivedLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER * 2)
    """As it was received. None was granted and none bound, or it could not have been undone."""
    reason: str = Sentence


class TransferClosed(OnTransfer):
    """In transit is zero at the source: IN_TRANSIT -> TRANSFER (it came), -> MISSING (it did not)."""

    lines: tuple[SettledLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER * 4)


# --- Directives: what the hub tells a store -----------------------------------------------------------------


class TransferRequest(TransferRequested):
    """`transfer.request`, to the source: please send this. Applied: it is in the inbox, not yet accepted.

    The answer is `transfer.accepted` or `transfer.rejected`. Rejected at once, with a code: `not_here`
    (another source), `known` (the id is taken by another transfer). Until accepted, lent units stay
    allocated.
    """


class TransferCancel(OnTransfer):
    """`transfer.cancel`, to the source: do not send it. Rejected with `too_late` once it left.

    Applied: the event `transfer.cancelled` follows in the same transaction (or the source never got it:
    rejected with `no_transfer`). A transfer that has ended is applied and changes nothing.
    """

    reason: str = Sentence


class TransferExpect(OnTransfer):
    """`transfer.expect`, to the destination: this has been shipped to you.

    Applied means acknowledged: `grant` units will be lent to the hub in the transaction that receives them
    (as far as the store has them free then; `ReceivedLine.granted` says how many), and units for an order
    will be bound to its assignment, which the store makes from `orders` when the first of them arrives. If
    the carton (or a receipt named in `receipts`) is there already, the event `transfer.matched` follows at
    once.
    """

    reason: TransferReason = TransferReason.REPLENISH
    lines: tuple[TransferLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER)
    """`quantity` is what was shipped."""
    cartons: tuple[Carton, ...] = Field(default=(), max_length=CARTONS_PER_TRANSFER)
    orders: tuple[OrderComing, ...] = Field(default=(), max_length=ORDERS_PER_TRANSFER)
    receipts: tuple[Code, ...] = Field(default=(), max_length=20)
    """Receipts without a known label that the hub, or a person there, found to be of this transfer."""
    shipped_us: Micros = 0
    note: str = Sentence


class TransferSettled(OnTransfer):
    """`transfer.settled`, to both ends: what became of everything that was shipped.

    The source answers with the event `transfer.closed` in the same transaction and its in transit is zero.
    It is rejected with `does_not_add_up` when received + missing is not what was shipped of each line, with
    `not_shipped` when nothing was. At the destination it ends the wait for what did not come.
    """

    lines: tuple[SettledLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER * 4)
    sentence: str = Sentence


class TransferTold(OnTransfer):
    """`transfer.told`, to the destination that asked: how the source answered. Never changes stock."""

    state: Literal["accepted", "picked", "packed", "rejected", "short", "cancelled"]
    sentence: str = Sentence
