"""Goods on their way from one location to another: the nouns, the two lifecycles, the arithmetic.

Read this first; the events and directives are in `protocol.transfer_messages`. A transfer is told by two
stores whose streams have no order between them, so it has **two** lifecycles: `SENDING` at the source and
`RECEIVING` at the destination. Neither waits for the other, either may be dark, and a receipt may reach the
hub (or even be made) before anybody has said that something was sent.

    hub or a store                  source                                  destination
    transfer.requested  --------->  accepted | rejected
    (directive transfer.request)    picked (shorts with reasons)
                                    carton_packed, carton_opened
                                    shipped (the manifest)  ------------->  (directive transfer.expect)
                                                                            received, by carton or by line
                                    (directive transfer.settled)  <-------  received with `final`
                                    closed: in transit is zero

Units at the **source** are *lent* or *bound*, as in an assignment (`protocol.fulfilment`). Bound ones are
the source's own: `accepted` needs L >= n (rule 1) and moves SELLABLE -> RESERVED; `picked` moves them to
PICKED; `shipped` moves PICKED -> IN_TRANSIT, so P and B fall by n. Lent ones are those the hub promised by
a right that the source lent it (the hub did A += n when it asked): they lie on the shelf until they are
picked, `shipped` does P -= n and F += n, a short of them F += n, and every event that gives them up
(`rejected`, `accepted` with `declined`, `cancelled`) lets the hub do K += n, once.

At the **destination** every unit comes from `Bucket.TRANSFER`: to SELLABLE (P += n), for an order to
RESERVED (P += n, B += n), damaged to QUARANTINE (outside P). `granted` of them are lent to the hub in the
same transaction (G += n). What is on its way stays in the source's IN_TRANSIT until `closed`: received
units leave it to TRANSFER, units that never came to MISSING. `settlement` is the arithmetic, for the hub
and for tests.

Facts are always accepted, in every state: what was out of order becomes an exception.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, model_validator

from protocol.fulfilment import Promise, UnitsLine, Weight
from protocol.orders import Code, Name, PositiveMinor, Quantity, WireModel
from protocol.state_machine import Lifecycle

LINES_PER_TRANSFER: Final = 100
"""What it announces travels in one packet of 32 KiB; a larger one is made of several."""
CARTONS_PER_TRANSFER: Final = 50
RIGHTS_OWNER: Final = "t:"
"""In front of a transfer's id: the name under which its lent units are held, on both sides."""
ORDERS_PER_TRANSFER: Final = 20

Units = Annotated[int, Field(ge=0, le=1_000_000)]
Arrived = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""What several arrivals come to."""
Sscc = Annotated[str, Field(pattern=r"^[0-9]{18}$")]
"""A serial shipping container code with its check digit (`protocol.sscc`)."""
Place = Annotated[str, Field(min_length=1, max_length=40)]
"""The name of a location's edge, such as `store-2`."""
Sentence = Field(default="", max_length=300)
LineNo = Annotated[int, Field(ge=1, le=LINES_PER_TRANSFER)]
AnyLineNo = Annotated[int, Field(ge=0, le=LINES_PER_TRANSFER)]
"""0: nobody announced it."""


# --- The two lifecycles -------------------------------------------------------------------------------------


class SendState(StrEnum):
    """Where a transfer is at its source."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    PICKED = "picked"
    PACKED = "packed"
    SHIPPED = "shipped"
    SETTLED = "settled"
    REJECTED = "rejected"
    SHORT = "short"
    CANCELLED = "cancelled"


class SendEvent(StrEnum):
    """What happens to a transfer at its source."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PICKED = "picked"
    SHORT_PICKED = "short_picked"
    PACKED = "packed"
    CARTON_OPENED = "carton_opened"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    SETTLED = "settled"


_S, _SE = SendState, SendEvent
SENDING: Final = Lifecycle(
    name="transfer out",
    initial=_S.REQUESTED,
    finals=frozenset({_S.SETTLED, _S.REJECTED, _S.SHORT, _S.CANCELLED}),
    table={
        (_S.REQUESTED, _SE.ACCEPTED): _S.ACCEPTED,
        (_S.REQUESTED, _SE.REJECTED): _S.REJECTED,
        (_S.REQUESTED, _SE.CANCELLED): _S.CANCELLED,
        (_S.ACCEPTED, _SE.PICKED): _S.PICKED,
        (_S.ACCEPTED, _SE.SHORT_PICKED): _S.SHORT,  # not one unit was there
        (_S.ACCEPTED, _SE.CANCELLED): _S.CANCELLED,
        (_S.PICKED, _SE.PACKED): _S.PACKED,  # the last unit lies in a carton
        (_S.PICKED, _SE.CANCELLED): _S.CANCELLED,
        (_S.PACKED, _SE.CARTON_OPENED): _S.PICKED,
        (_S.PACKED, _SE.SHIPPED): _S.SHIPPED,
        (_S.PACKED, _SE.CANCELLED): _S.CANCELLED,
        (_S.SHIPPED, _SE.SETTLED): _S.SETTLED,
    },
    facts={
        _SE.ACCEPTED: None,
        _SE.REJECTED: None,
        _SE.PICKED: None,
        _SE.SHORT_PICKED: None,
        _SE.PACKED: None,
        _SE.CARTON_OPENED: None,
        _SE.SHIPPED: _S.SHIPPED,  # what has left has left, whatever was decided meanwhile
        _SE.CANCELLED: None,
        _SE.SETTLED: _S.SETTLED,
    },
)


class ReceiveState(StrEnum):
    """Where a transfer is at its destination."""

    UNANNOUNCED = "unannounced"
    """Nothing is known of it: what arrives is taken in and matched later."""
    EXPECTED = "expected"
    PART_RECEIVED = "part_received"
    RECEIVED = "received"
    SETTLED = "settled"


class ReceiveEvent(StrEnum):
    """What happens to a transfer at its destination."""

    ANNOUNCED = "announced"
    PART_RECEIVED = "part_received"
    RECEIVED = "received"
    RECEIPT_UNDONE = "receipt_undone"
    SETTLED = "settled"


_R, _RE = ReceiveState, ReceiveEvent
RECEIVING: Final = Lifecycle(
    name="transfer in",
    initial=_R.UNANNOUNCED,
    finals=frozenset({_R.SETTLED}),
    table={
        (_R.UNANNOUNCED, _RE.ANNOUNCED): _R.EXPECTED,
        (_R.UNANNOUNCED, _RE.PART_RECEIVED): _R.PART_RECEIVED,
        (_R.UNANNOUNCED, _RE.RECEIVED): _R.RECEIVED,
        (_R.EXPECTED, _RE.PART_RECEIVED): _R.PART_RECEIVED,
        (_R.EXPECTED, _RE.RECEIVED): _R.RECEIVED,
        (_R.EXPECTED, _RE.SETTLED): _R.SETTLED,  # it never came
        (_R.PART_RECEIVED, _RE.ANNOUNCED): _R.PART_RECEIVED,
        (_R.PART_RECEIVED, _RE.PART_RECEIVED): _R.PART_RECEIVED,
        (_R.PART_RECEIVED, _RE.RECEIVED): _R.RECEIVED,
        (_R.PART_RECEIVED, _RE.RECEIPT_UNDONE): _R.PART_RECEIVED,
        (_R.PART_RECEIVED, _RE.SETTLED): _R.SETTLED,
        (_R.RECEIVED, _RE.ANNOUNCED): _R.RECEIVED,
        (_R.RECEIVED, _RE.RECEIPT_UNDONE): _R.PART_RECEIVED,
        (_R.RECEIVED, _RE.SETTLED): _R.SETTLED,
    },
    facts={
        _RE.ANNOUNCED: None,
        _RE.PART_RECEIVED: None,  # something turned up after all was settled
        _RE.RECEIVED: None,
        _RE.RECEIPT_UNDONE: None,
        _RE.SETTLED: _R.SETTLED,
    },
)


# --- The nouns ----------------------------------------------------------------------------------------------


class AskedBy(StrEnum):
    """Who asked for a transfer."""

    HUB = "hub"
    SOURCE = "source"
    DESTINATION = "destination"


class TransferReason(StrEnum):
    """Why goods go somewhere else."""

    REPLENISH = "replenish"
    FOR_ORDER = "for_order"
    BALANCE = "balance"
    SEND_BACK = "send_back"
    OTHER = "other"


class TransferRefusal(StrEnum):
    """Why a source does not send what was asked of it."""

    NOT_ENOUGH = "not_enough"
    NOT_FOUND = "not_found"
    DAMAGED = "damaged"
    NO_CAPACITY = "no_capacity"
    OTHER = "other"


class ArrivalReason(StrEnum):
    """What was wrong with units when they arrived."""

    MISSING = "missing"
    """Announced, and not there. At the settlement they leave in transit to MISSING."""
    CARTON_MISSING = "carton_missing"
    """The whole carton did not come."""
    DAMAGED = "damaged"
    """There, and broken: to quarantine. They count as received."""
    OVER = "over"
    """More than was announced: taken in, and counted at the source."""
    WRONG_ITEM = "wrong_item"
    """Not what was announced: taken in as what it is."""


class TransferLine(WireModel):
    """Units of one article that are asked for, or on their way, and what they are for."""

    line_no: LineNo
    sku: Code
    name: Name
    quantity: Quantity
    lent: Units = 0
    """Of them: promised by the hub with a right of the source (A += lent when it asked)."""
    order_id: str = Field(default="", max_length=64)
    """The order these units are for; empty when they are for the shelf."""
    order_number: str = Field(default="", max_length=64)
    order_line_no: int = Field(default=0, ge=0, le=5_000)
    assignment_id: str = Field(default="", max_length=64)
    """The part of that order that the destination fulfils: its units are bound to it when they arrive."""
    grant: Units = 0
    """Of them: the destination lends the hub when they arrive (never of units for an order)."""

    @model_validator(mode="after")
    def _parts_fit(self) -> "TransferLine":
        if self.lent > self.quantity or self.grant > self.quantity:
            raise ValueError("more lent, or to be lent, than there are units")
        if self.order_id and (self.grant or not self.assignment_id or not self.order_line_no):
            raise ValueError("units for an order name its assignment and line, and are not lent on arrival")
        return self


class DeclinedLine(UnitsLine):
    """Units that were asked for and will not be sent."""

    reason: TransferRefusal


class CartonLine(WireModel):
    """Units of one line in one carton."""

    line_no: LineNo
    sku: Code
    quantity: Quantity


class Carton(WireModel):
    """One carton that travels, named by the label it carries."""

    sscc: Sscc
    lines: tuple[CartonLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER)
    weight_g: Weight = 0


class ReceivedLine(WireModel):
    """Units of one article that arrived, and where they went.

    `quantity` is all of them. `damaged` went to quarantine, `bound` was set aside for the order named here,
    the rest went to the shelf; `granted` of the rest was lent to the hub in the same transaction.
    """

    line_no: AnyLineNo = 0
    sku: Code
    name: Name
    quantity: Quantity
    damaged: Units = 0
    over: Units = 0
    """Of them: more than was still expected of this line."""
    bound: Units = 0
    granted: Units = 0
    assignment_id: str = Field(default="", max_length=64)
    order_id: str = Field(default="", max_length=64)
    order_line_no: int = Field(default=0, ge=0, le=5_000)
    reason: ArrivalReason | None = None
    note: str = Sentence

    @property
    def good(self) -> int:
        """Units that may be sold or promised."""
        return self.quantity - self.damaged

    @property
    def to_shelf(self) -> int:
        """Units that are free."""
        return self.good - self.bound

    @model_validator(mode="after")
    def _parts_fit(self) -> "ReceivedLine":
        if self.damaged + self.bound + self.granted > self.quantity or self.over > self.quantity:
            raise ValueError("the parts of a line are more than its units")
        return self


class ArrivalShort(WireModel):
    """Units that were announced and did not come."""

    line_no: LineNo
    sku: Code
    quantity: Quantity
    reason: ArrivalReason = ArrivalReason.MISSING
    note: str = Sentence


class SettledLine(WireModel):
    """What became of the units of one line: `received + missing` is what was shipped of it."""

    line_no: AnyLineNo
    sku: Code
    received: Arrived = 0
    missing: Arrived = 0
    over: Arrived = 0
    """Arrived beyond what was shipped: the source's shelf has fewer than its books say."""


class OrderComing(WireModel):
    """An order whose goods come by this transfer: what the destination needs to fulfil its part of it."""

    assignment_id: Code
    order_id: Code
    number: Code
    channel: Code
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    promise: Promise
    due_minor: PositiveMinor = 0
    contact_id: str = Field(default="", max_length=64)
    contact_version: int = Field(default=0, ge=0)
    pickup_code: str = Field(default="", pattern=r"^[0-9]{0,12}$")
    note: str = Sentence
    gift: bool = False


# --- Arithmetic both sides must do alike --------------------------------------------------------------------


def settlement(shipped: Sequence[UnitsLine], received: Iterable[ReceivedLine]) -> tuple[SettledLine, ...]:
    """Return what became of every shipped unit, given all that was received (undone receipts left out).

    Damaged units count as received: they arrived. Units that nobody announced (line 0, or a line that was
    never shipped) are over.
    """
    arrived: dict[int, int] = {}
    unknown: dict[str, int] = {}
    lines = {line.line_no: line for line in shipped}
    for line in received:
        if line.line_no in lines and lines[line.line_no].sku == line.sku:
            arrived[line.line_no] = arrived.get(line.line_no, 0) + line.quantity
        else:
            unknown[line.sku] = unknown.get(line.sku, 0) + line.quantity
    settled = [_settled(line, arrived.get(line.line_no, 0)) for line in shipped]
    settled += [SettledLine(line_no=0, sku=sku, over=units) for sku, units in sorted(unknown.items())]
    return tuple(settled)


def adds_up(shipped: Sequence[UnitsLine], settled: Iterable[SettledLine]) -> bool:
    """Tell whether a settlement accounts for every shipped unit, once."""
    said = sorted((line.line_no, line.sku, line.received + line.missing) for line in settled if line.line_no)
    return said == sorted((line.line_no, line.sku, line.units) for line in shipped)


def _settled(line: UnitsLine, arrived: int) -> SettledLine:
    came = min(arrived, line.units)
    return SettledLine(
        line_no=line.line_no,
        sku=line.sku,
        received=came,
        missing=line.units - came,
        over=arrived - came,
    )
