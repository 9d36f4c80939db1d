"""What is asked of a delivery, and what it answers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.stock.count_models import Approval, Deficit, Number, Wanted
from protocol.orders import Code, PositiveMinor
from protocol.stock import COUNT_LINES

Text = Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]
Supplier = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
ScannedSoFar = Annotated[int, Field(strict=True, ge=0, le=2**53)]
"""Scans add up to more than a line can say at last."""
REASONS = ("short", "over", "damaged", "wrong_item")


class ImportDeliveries(Wanted):
    """Expect what a CSV file lists; supplier and reference count for rows that do not say theirs."""

    csv: Annotated[str, Field(min_length=1, max_length=4 * 1024 * 1024)]
    supplier: Supplier = ""
    reference: Text = ""


class BeginReceiving(Wanted):
    """Begin to unpack: an expected delivery, or one that nobody had announced."""

    delivery_id: Code | None = None
    supplier: Supplier = ""
    reference: Text = ""


class ScanDelivery(Wanted):
    """Count what came out of a box; `damaged` units are kept apart."""

    code: Annotated[str, Field(min_length=1, max_length=512)]
    units: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1
    damaged: bool = False


class UndoDeliveryScan(Wanted):
    """Take a scan back: the one that is named, else this device's last."""

    scan_id: Annotated[str, Field(max_length=64)] = ""


class SeenLine(BaseModel):
    """How an item stood when somebody looked at it. A cost or a reason that is not said is not compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    good: ScannedSoFar
    damaged: ScannedSoFar = 0
    unit_cost_minor: PositiveMinor | None = None
    reason: Annotated[str, Field(max_length=40)] | None = None


class SetDelivered(Wanted):
    """Say by hand what came of an item, what a unit cost, and why it is not what was expected.

    It replaces what is there, so it says what that was (`seen`): others may have scanned on meanwhile. Who
    says nothing has seen an item of which nothing was unpacked.
    """

    sku: Code
    good: Number
    damaged: Number = 0
    unit_cost_minor: PositiveMinor | None = None
    reason: Annotated[str, Field(max_length=40)] = ""
    seen: SeenLine | None = Field(default=None, exclude_if=lambda seen: seen is None)


class FinishReceiving(Wanted):
    """Put what came on the shelf. `rest_follows`: the delivery stays open for what has not come."""

    rest_follows: bool = False
    repeated: bool = False
    """Say yes to a reference that was received before."""


class DropReceiving(Wanted):
    """Forget what was unpacked; nothing was received."""


class CorrectLine(BaseModel):
    """What really came of an item, as a whole; a cost only where it was wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Code
    good: Number
    damaged: Number = 0
    unit_cost_minor: PositiveMinor | None = None


class CorrectReceipt(Wanted):
    """Put a receipt right: these items, or with `whole` all of it, as if nothing had come.

    It says figures as a whole, so it says how many corrections it knows of (`ReceiptView.corrections`):
    another one since would be taken back unseen. Who says nothing has seen a receipt without any.
    """

    reason: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
    lines: tuple[CorrectLine, ...] = Field(default=(), max_length=COUNT_LINES)
    whole: bool = False
    seen: Annotated[int, Field(strict=True, ge=0, le=2**31)] = Field(
        default=0, exclude_if=lambda seen: seen == 0
    )
    approval: Approval = None


class FaultView(BaseModel):
    """One row of a file that could not be used."""

    row: int
    sku: str
    wrong: str


class Imported(BaseModel):
    """What became of a file, row by row."""

    rows: int
    taken: int
    left_out: int
    deliveries: tuple[str, ...]
    faults: tuple[FaultView, ...]


class DeliveryView(BaseModel):
    """One expected delivery."""

    delivery_id: str
    source: str
    supplier: str
    reference: str
    due_us: int | None
    state: str
    items: int
    units: int
    received: int
    receiving_id: str
    """Where it is being unpacked; empty when nobody has begun."""


class UnpackedLine(BaseModel):
    """One item of what is being unpacked."""

    sku: str
    name: str
    bin: str
    expected: int
    good: int
    damaged: int
    unit_cost_minor: int
    reason: str
    state: str
    """`to_come`, `right`, `short`, `over`, `damaged` or `unexpected`."""


class StrangerView(BaseModel):
    """A code that nobody knows."""

    code: str
    units: int


class ReceivingView(BaseModel):
    """What somebody is unpacking."""

    receiving_id: str
    delivery_id: str | None
    supplier: str
    reference: str
    state: str
    receipt_id: str
    expected: int
    good: int
    damaged: int
    lines: tuple[UnpackedLine, ...]
    strangers: tuple[StrangerView, ...]


class Began(BaseModel):
    """Somebody unpacks."""

    receiving_id: str
    delivery_id: str | None
    supplier: str
    reference: str
    state: str


class DeliveryScanned(BaseModel):
    """What a scan came to: `received`, `over`, `unexpected`, `unknown_code`, `not_stock`, `slip`."""

    outcome: str
    scan_id: str = ""
    sku: str = ""
    name: str = ""
    bin: str = ""
    good: int = 0
    damaged: int = 0
    expected: int = 0
    what: str = ""
    remedy: str = ""


class Received(BaseModel):
    """Goods are on the shelf."""

    receipt_id: str
    number: str
    seq: int
    good: int
    damaged: int
    short: int
    over: int
    value_minor: int
    job_id: str = ""


class ReceiptView(BaseModel):
    """One receipt as corrections have left it."""

    receipt_id: str
    number: str
    delivery_id: str | None
    supplier: str
    reference: str
    at_us: int
    by: str
    corrections: int
    good: int
    damaged: int
    value_minor: int
    lines: tuple[UnpackedLine, ...] = ()


class Corrected(BaseModel):
    """A receipt was put right."""

    receipt_id: str
    number: str
    seq: int
    good: int
    """By how many good units it changed."""
    damaged: int
    deficits: tuple[Deficit, ...] = ()
