"""What is asked of a count, and what it answers. Answers are blind: what the books say is not in them.

`as_of` is the last event that the asking page knew (`CountView.as_of`): it says when a count began that
arrives late, and it shows that a page is too old to speak of an item that was confirmed meanwhile, or to
post it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.once import Key
from protocol.orders import UNITS, Code, PositiveMinor
from protocol.stock import COUNT_LINES, Bin, Figure, Place, Units

Number = Annotated[int, Field(strict=True, ge=-UNITS, le=UNITS)]
"""Below zero is refused by the step, with the item's name."""
AsOf = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Approval = Annotated[str | None, Field(max_length=128)]
Said = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Wanted(BaseModel):
    """What a client sends: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Key


class OpenCount(Wanted):
    """Open a count at the store: of items, of bins, or of everything that is found."""

    title: Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    place: Place = Place.SHELF
    scope: Literal["skus", "bins", "all"] = "skus"
    skus: tuple[Code, ...] = Field(default=(), max_length=COUNT_LINES)
    bins: tuple[Bin, ...] = Field(default=(), max_length=100)
    tolerance_units: Units = 1
    tolerance_minor: PositiveMinor = 0
    note: Said = ""
    approval: Approval = None


class ScanCount(Wanted):
    """Count what was scanned."""

    code: Annotated[str, Field(min_length=1, max_length=512)]
    units: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 1
    as_of: AsOf | None = None


class UndoCountScan(Wanted):
    """Take a scan back: the one that is named, else this device's last."""

    scan_id: Annotated[str, Field(max_length=64)] = ""


class ConfirmLine(BaseModel):
    """One item that is counted. `counted` is typed and stands for all devices; else the scans count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Code
    counted: Figure | None = None
    seen: Figure | None = None
    """What the page showed as counted so far; another device may have gone on meanwhile."""


class ConfirmCount(Wanted):
    """Say that items are counted. `rest`: of every item nobody has counted, none is there."""

    lines: tuple[ConfirmLine, ...] = Field(default=(), max_length=COUNT_LINES)
    rest: bool = False
    as_of: AsOf | None = None


class RecountItems(Wanted):
    """Begin another pass over items."""

    skus: tuple[Code, ...] = Field(min_length=1, max_length=COUNT_LINES)


class PostCount(Wanted):
    """Write the differences. `accept`: believe these without another pass; `leave`: not what is uncounted.

    Nothing that was confirmed after `as_of` is written: nobody has seen it. Only whoever accepts must say it.
    """

    accept: tuple[Code, ...] = Field(default=(), max_length=COUNT_LINES)
    leave: bool = False
    as_of: AsOf | None = Field(default=None, exclude_if=lambda as_of: as_of is None)
    approval: Approval = None


class Revoke(Wanted):
    """Give up what is not done yet, or take back what is: a count, a correction, an expected delivery."""

    reason: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
    approval: Approval = None


class PrintSlip(Wanted):
    """Print the sheet of a count, or the slip of a receipt."""


class TaskView(BaseModel):
    """One count as a list shows it."""

    count_id: str
    number: str
    title: str
    source: str
    place: str
    scope: str
    state: str
    due_us: int | None
    opened_us: int
    closed_us: int | None
    rows: int
    counted: int
    """Rows that are confirmed and believed."""
    again: int
    """Rows that another pass has to confirm."""


class LineView(BaseModel):
    """One row of a count. `counted` is what was counted in the newest pass, by all devices."""

    sku: str
    name: str
    bin: str
    listed: bool
    state: Literal["to_count", "counting", "again", "counted", "posted"]
    pass_no: int
    counted: int | None
    mine: int
    """What this device has counted of it."""
    devices: tuple[str, ...]
    counted_us: int = 0
    """When somebody last counted some of it."""
    variance: int | None = None
    """Only for those who post: the difference of the last pass."""
    value_minor: int | None = None


class StrayView(BaseModel):
    """Something that lay there and is no row of the count."""

    code: str
    name: str
    bin: str
    units: int


class CountView(TaskView):
    """One count with its rows."""

    note: str
    bins: tuple[str, ...]
    tolerance_units: int
    tolerance_minor: int
    reason: str
    as_of: int
    lines: tuple[LineView, ...]
    strays: tuple[StrayView, ...]


class Opened(BaseModel):
    """A count is open."""

    count_id: str
    number: str
    rows: int
    title: str


class CountScanned(BaseModel):
    """What a scan came to."""

    outcome: Literal["counted", "elsewhere", "unknown_code", "not_stock", "stale_count", "slip"]
    scan_id: str = ""
    sku: str = ""
    name: str = ""
    bin: str = ""
    counted: int = 0
    mine: int = 0
    pass_no: int = 0
    what: str = ""
    remedy: str = ""


class ConfirmedItem(BaseModel):
    """An item that was confirmed."""

    sku: str
    name: str
    counted: int
    pass_no: int
    again: bool
    """Another pass has to confirm it."""


class CountConfirmedView(BaseModel):
    """Items were confirmed."""

    lines: tuple[ConfirmedItem, ...]
    rows: int
    counted: int


class Deficit(BaseModel):
    """Promised units that are not there."""

    sku: str
    name: str
    missing: int


class Posted(BaseModel):
    """Stock was corrected. Units over and short are not set off against each other."""

    count_id: str
    number: str
    state: str
    seq: int
    rows: int
    over: int
    short: int
    value_minor: int
    deficits: tuple[Deficit, ...] = ()


class Ended(BaseModel):
    """A count was given up, or its sheet is on its way to the printer."""

    count_id: str
    number: str
    state: str
    job_id: str = ""
