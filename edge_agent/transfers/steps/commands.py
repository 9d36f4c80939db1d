"""What is asked of transfers: the bodies of `/api/transfers`.

Every command carries a key, so that a handheld's queue may send it twice.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_agent.once import Key
from protocol.fulfilment import ShortReason, Weight
from protocol.kit.moments import MaybeMoment
from protocol.orders import Code
from protocol.transfers import (
    CARTONS_PER_TRANSFER,
    LINES_PER_TRANSFER,
    AnyLineNo,
    LineNo,
    Place,
    Sscc,
    TransferReason,
    TransferRefusal,
)

Units = Annotated[int, Field(ge=0, le=1_000_000)]
Scan = Annotated[str, Field(min_length=1, max_length=512)]
Note = Annotated[str, Field(max_length=300)]


class Wanted(BaseModel):
    """What a client sends: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyOnly(Wanted):
    """Do it."""

    key: Key


class AskedLine(Wanted):
    """Units of one article."""

    sku: Code
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


class Ask(Wanted):
    """Send something of this store to another location, or ask another location to send something."""

    key: Key
    way: Literal["out", "in"]
    other: Place
    reason: TransferReason = TransferReason.REPLENISH
    lines: tuple[AskedLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER)
    due_us: MaybeMoment = 0
    note: Note = ""
    sure: bool = False
    """The name of the other location is right, although this store does not know it."""


class LineUnits(Wanted):
    """How many of one line."""

    line_no: LineNo
    units: Units


class Accept(Wanted):
    """Send it: every line whole, but for those that say how many."""

    key: Key
    lines: tuple[LineUnits, ...] = Field(default=(), max_length=LINES_PER_TRANSFER)
    reason: TransferRefusal = TransferRefusal.NOT_ENOUGH
    """Why what is left out is left out."""
    note: Note = ""


class Reject(Wanted):
    """Send nothing of it."""

    key: Key
    reason: TransferRefusal
    note: Note = ""


class Cancel(Wanted):
    """Give it up; what is picked goes back to its shelf."""

    key: Key
    reason: Note = ""


class ScanItem(Wanted):
    """The code on an article, or on a carton. `handheld.js` calls the work by `assignment_id`."""

    key: Key
    code: Scan
    assignment_id: str = Field(default="", max_length=64)
    line_no: AnyLineNo | None = None


class UndoScan(Wanted):
    """Take a scan back; the last one when none is named."""

    key: Key
    scan_id: str = Field(default="", max_length=64)


class SetFound(Wanted):
    """Say by hand how many of a line were found."""

    key: Key
    assignment_id: str = Field(default="", max_length=64)
    line_no: LineNo
    units: Units


class ShortPick(Wanted):
    """Say that units are not there, and why. No units takes an earlier word back."""

    key: Key
    assignment_id: str = Field(default="", max_length=64)
    line_no: LineNo
    units: Units
    reason: ShortReason


class PackCarton(Wanted):
    """Close a carton with what was scanned into it; with everything that is loose when nothing was."""

    key: Key
    scanned: tuple[Scan, ...] = Field(default=(), max_length=2_000)
    weight_g: Weight = 0


class OpenCarton(Wanted):
    """Open a carton again; its label is void."""

    key: Key
    reason: Note = ""


class Ship(Wanted):
    """The cartons leave."""

    key: Key
    carrier: str = Field(default="", max_length=32)
    note: Note = ""


class ArrivedLine(Wanted):
    """What arrived of one line of a transfer, or of an article that nobody announced."""

    line_no: AnyLineNo = 0
    sku: str = Field(default="", max_length=64)
    units: Units
    damaged: Units = 0
    note: Note = ""

    @model_validator(mode="after")
    def _names_something(self) -> "ArrivedLine":
        if not self.line_no and not self.sku:
            raise ValueError("name a line, or an article")
        if self.damaged > self.units:
            raise ValueError("more are damaged than arrived")
        return self


class SayLine(ArrivedLine):
    """Say by hand what arrived of one line, and what of it is broken: the last word on what was scanned."""

    key: Key
    seen: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """How many were here by the page that it was said on: scans that came meanwhile are not talked over."""


class TakeIn(Wanted):
    """Take goods of a transfer in: whole cartons, lines, or both. What its lines say is the last word.

    A line that is named twice counts twice.

    With neither cartons nor lines: what was scanned at the handheld for this transfer.
    """

    key: Key
    cartons: tuple[Sscc, ...] = Field(default=(), max_length=CARTONS_PER_TRANSFER)
    lines: tuple[ArrivedLine, ...] = Field(default=(), max_length=LINES_PER_TRANSFER)
    final: bool = False
    """Nothing more of it is expected: what is left is missing."""
    note: Note = ""


class TakeInUnknown(Wanted):
    """Take goods in that nobody announced, after looking at the label: `sure` says that somebody did."""

    key: Key
    work_id: str = Field(default="", max_length=64)
    """What was scanned at the handheld; without it the lines say what arrived."""
    sscc: str = Field(default="", max_length=18)
    source: str = Field(default="", max_length=40)
    lines: tuple[ArrivedLine, ...] = Field(default=(), max_length=LINES_PER_TRANSFER)
    note: Note = ""
    sure: bool = False


class UndoReceipt(Wanted):
    """Take an arrival back: the goods did not come, or are not for this store."""

    key: Key
    reason: Note = ""
