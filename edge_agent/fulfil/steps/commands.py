"""What is asked of fulfilment: the bodies of `/api/fulfil`.

Every command carries a key, so that a handheld's queue may send it twice.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.fulfil.rules import BATCH_LIMIT
from edge_agent.once import Key
from protocol.fulfilment import (
    LINES_FOR_LATER,
    PARCELS_PER_ASSIGNMENT,
    RejectReason,
    ShortReason,
    Verified,
    Weight,
)
from protocol.kit.moments import Moment
from protocol.orders import Code

LineNo = Annotated[int, Field(ge=1, le=LINES_FOR_LATER)]
Units = Annotated[int, Field(ge=1, le=1_000_000)]
Scan = Annotated[str, Field(min_length=1, max_length=512)]
Token = Annotated[str, Field(min_length=1, max_length=64)]


class Wanted(BaseModel):
    """What a client sends: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Accept(Wanted):
    """Take the work on."""

    key: Key


class Reject(Wanted):
    """Give the work back, whole, for a reason."""

    key: Key
    reason: RejectReason
    note: str = Field(default="", max_length=300)


class StartPick(Wanted):
    """Walk: an existing list, some assignments as a batch, or all that is due before a time as a wave."""

    key: Key
    list_id: str = Field(default="", max_length=64)
    assignments: tuple[Code, ...] = Field(default=(), max_length=BATCH_LIMIT)
    due_before_us: Moment | None = None
    limit: int = Field(default=BATCH_LIMIT, ge=1, le=BATCH_LIMIT)


class ScanItem(Wanted):
    """The code on an article; with a line, only that line counts."""

    key: Key
    code: Scan
    assignment_id: str = Field(default="", max_length=64)
    line_no: LineNo | None = None


class UndoScan(Wanted):
    """Take a scan back; the last one when none is named."""

    key: Key
    scan_id: str = Field(default="", max_length=64)


class SetFound(Wanted):
    """Say by hand how many of a line were found."""

    key: Key
    assignment_id: Code
    line_no: LineNo
    units: int = Field(ge=0, le=1_000_000)


class ShortPick(Wanted):
    """Say that units are not there, and why. No units takes an earlier word back."""

    key: Key
    assignment_id: Code
    line_no: LineNo
    units: int = Field(ge=0, le=1_000_000)
    reason: ShortReason


class FinishPick(Wanted):
    """End the walk."""

    key: Key


class HandLine(Wanted):
    """Units of one line."""

    line_no: LineNo
    units: Units


class PackParcel(Wanted):
    """One parcel; without lines it holds whatever the others do not say."""

    weight_g: Weight = 0
    lines: tuple[HandLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)


class Pack(Wanted):
    """Put what was picked into parcels, or into so many bags. `scanned` are the codes that went in."""

    key: Key
    bags: int | None = Field(default=None, ge=1, le=PARCELS_PER_ASSIGNMENT)
    parcels: tuple[PackParcel, ...] = Field(default=(), max_length=PARCELS_PER_ASSIGNMENT)
    scanned: tuple[Scan, ...] = Field(default=(), max_length=2_000)


class CheckItem(Wanted):
    """An article that is about to go into a parcel, and how many of it are in already."""

    code: Scan
    packed: int = Field(default=0, ge=0, le=1_000_000)


class Stage(Wanted):
    """Put the bags on a shelf. `scanned` are the codes of the bags; empty when they were not scanned."""

    key: Key
    shelf: str = Field(min_length=1, max_length=64)
    scanned: tuple[Scan, ...] = Field(default=(), max_length=PARCELS_PER_ASSIGNMENT)


class ShipParcel(Wanted):
    """The tracking number of one parcel, where another carrier gave it."""

    parcel_id: Code
    tracking: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{3,39}$")


class Ship(Wanted):
    """Give the parcels to a carrier. The store's own label needs no tracking numbers: it makes them."""

    key: Key
    carrier: str = Field(default="", pattern=r"^[A-Za-z0-9._ -]{0,32}$")
    service: str = Field(default="", max_length=32, pattern=r"^[^\x00-\x1f\x7f]*$")
    parcels: tuple[ShipParcel, ...] = Field(default=(), max_length=PARCELS_PER_ASSIGNMENT)


class CloseManifest(Wanted):
    """End the day with one carrier."""

    key: Key
    carrier: str = Field(default="", pattern=r"^[A-Za-z0-9._ -]{0,32}$")


class Verify(Wanted):
    """Recognise who collects: by the code (typed, or the scan of the customer's QR), or otherwise.

    `said` is the code, the last four digits of the phone, the e-mail or the surname. A QR is a code too.
    `approval` is a lead's word, for `lead`.
    """

    key: Key
    how: Verified
    said: str = Field(default="", max_length=200)
    id_seen: bool = False
    proxy: bool = False
    approval: Token | None = None


class HandOver(Wanted):
    """Hand over: everything that is here, or these units. `verification` is what `verify` answered."""

    key: Key
    verification: str = Field(min_length=1, max_length=64)
    lines: tuple[HandLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)


class UndoHandover(Wanted):
    """Take a handover back."""

    key: Key
    reason: str = Field(default="", max_length=300)


class PutBack(Wanted):
    """Nobody came: put the goods back on the shelf."""

    key: Key
    note: str = Field(default="", max_length=300)


class CheckOut(Wanted):
    """Take assignments along on this device, so that it can go on without the store's network."""

    key: Key
    assignments: tuple[Code, ...] = Field(min_length=1, max_length=BATCH_LIMIT)


class CheckIn(Wanted):
    """Bring assignments of this device back; all of them when none is named."""

    key: Key
    assignments: tuple[Code, ...] = Field(default=(), max_length=200)


class TakeBack(Wanted):
    """Take assignments from a device that does not come back, with a manager's word."""

    key: Key
    assignments: tuple[Code, ...] = Field(min_length=1, max_length=200)
    approval: Token | None = None
