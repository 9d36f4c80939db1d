"""What fulfilment answers: the shapes of `/api/fulfil`.

A customer is a `contact_label` (surname and initial); the full contact is asked for by itself, where it is
needed to recognise somebody.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from protocol.fulfilment import ShortReason, Verified
from protocol.kit.hold_words import code_says, stop_says

ScanOutcome = Literal["picked", "wrong_item", "over_scan", "unknown_code", "not_an_item"]


class Done(BaseModel):
    """Something was done to an assignment."""

    assignment_id: str
    state: str
    seq: int = 0
    """The event's number; 0 when it had been done already."""


WentOn = Annotated[str, Field(exclude_if=lambda number: not number)]
"""The order's number when nothing was done, because it went on without the device it was taken back from."""


class Started(BaseModel):
    """A walk has begun."""

    list_id: str
    assignments: tuple[str, ...]


class Scanned(BaseModel):
    """What a scan came to. Anything but `picked` changed nothing; `what` and `remedy` say why."""

    outcome: ScanOutcome
    scan_id: str = ""
    assignment_id: str = ""
    line_no: int = 0
    tote: str = ""
    sku: str = ""
    name: str = ""
    found: int = 0
    wanted: int = 0
    wanted_sku: str = ""
    wanted_name: str = ""
    what: str = ""
    remedy: str = ""


class Effect(BaseModel):
    """What a short pick will do, in numbers and in a sentence."""

    reason: ShortReason
    units: int
    stock_before: int
    stock_after: int
    sentence: str


class Shorted(BaseModel):
    """Units are noted as not there; it happens when the walk ends."""

    assignment_id: str
    line_no: int
    units: int
    effect: Effect | None = None


class Finished(BaseModel):
    """A walk is over."""

    list_id: str
    assignments: tuple[Done, ...]
    short_units: int


class Packed(Done):
    """The goods are in parcels; their labels are queued."""

    parcels: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()


class Shipped(Done):
    """The parcels have left."""

    tracking: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    went_on: WentOn = ""


class Verification(BaseModel):
    """Whether the person was recognised. A wrong try is counted, whatever else happens."""

    verified: bool
    verification: str = ""
    how: Verified
    tries_left: int = 0
    locked_seconds: int = 0


class HandedOver(Done):
    """Goods went into the customer's hands. Until `undo_until_us` it can be taken back."""

    handover_id: str
    rest: int
    undo_until_us: int
    job_id: str = ""
    went_on: WentOn = ""


class ManifestClosed(BaseModel):
    """A manifest."""

    manifest_id: str
    number: str
    carrier: str
    parcels: int
    seq: int
    job_id: str = ""


class Held(BaseModel):
    """What a device has, or what it gave back; `cancelled` could be given up only now."""

    device: str
    assignments: tuple[str, ...]
    cancelled: tuple[str, ...] = ()


class LineView(BaseModel):
    """One line of an assignment. `quantity = open + fulfilled + short + given_up`."""

    line_no: int
    sku: str
    name: str
    bin: str
    quantity: int
    open: int
    picked: int
    fulfilled: int
    short: int
    given_up: int
    substitutes: bool


class ParcelView(BaseModel):
    """A parcel or a bag."""

    parcel_id: str
    parcel_no: int
    weight_g: int
    carrier: str
    service: str
    tracking: str
    manifest: str


class HandoverView(BaseModel):
    """Something that was handed over. `undo_until_us` is 0 when it cannot be taken back any more."""

    handover_id: str
    at_us: int
    by: str
    verified: str
    proxy: bool
    units: int
    undone_us: int
    undo_until_us: int


class StopView(BaseModel):
    """A hold that stops something of an order now."""

    kind: str
    code: str
    reason: str
    blocks: tuple[str, ...]
    until_us: int
    then: str

    @property
    def says(self) -> str:
        """What the people of the store read."""
        return stop_says(self.kind, code_says(self.code) or self.reason, self.blocks)


class WorkView(BaseModel):
    """One assignment in a list, with its clock."""

    assignment_id: str
    order_id: str
    number: str
    origin: str
    channel: str
    kind: str
    state: str
    next: str
    """The verb that is due: accept, pick, pack, stage, hand_over, ship, check_in; empty when none is."""
    due_us: int
    due_in_minutes: int
    clock: str
    """fine, soon or late."""
    keep_until_us: int
    service: str
    lines: int
    units: int
    picked: int
    contact_label: str
    list_id: str
    tote: str
    picker: str
    shelf: str
    bags: int
    gift: bool
    note: str
    accepted: bool
    cancel_asked: bool
    held_by: str
    due_minor: int
    currency: str
    arrived_us: int
    stops: tuple[StopView, ...] = ()
    """What holds it back, the oldest first."""

    @property
    def stopped(self) -> StopView | None:
        """What forbids the step that is due; None when it may be done."""
        blocks = {"accept": "pick", "pick": "pick", "hand_over": "handover", "ship": "ship"}
        begun = self.state == "picking"
        what = "" if begun else blocks.get(self.next, "")
        return next((each for each in self.stops if what in each.blocks), None)


class AssignmentView(WorkView):
    """One assignment with everything that is not personal."""

    allowed: tuple[str, ...]
    items: tuple[LineView, ...]
    parcels: tuple[ParcelView, ...]
    handovers: tuple[HandoverView, ...]
    cancel_reason: str
    ended_how: str


class PickOrderView(BaseModel):
    """One order on a pick list."""

    assignment_id: str
    number: str
    tote: str
    kind: str
    due_us: int
    due_in_minutes: int
    clock: str
    contact_label: str
    state: str
    cancelled: bool
    note: str
    gift: bool


class PickLineView(BaseModel):
    """One thing to take, in the order of the walk."""

    assignment_id: str
    line_no: int
    number: str
    tote: str
    sku: str
    name: str
    bin: str
    wanted: int
    found: int
    short: int
    left: int
    substitutes: bool
    on_hand: int
    """Units of it that the books say are here, so that a picker knows whether to go on looking."""
    on_shelf: int
    """Those of them that stand on the shelf, less what was found for this line."""
    deficit: int
    """Units that are promised and not here."""


class ScanView(BaseModel):
    """One of the last scans."""

    scan_id: str
    assignment_id: str
    line_no: int
    name: str
    units: int
    how: str
    at_us: int
    undone: bool


class PickView(BaseModel):
    """A pick list: its orders, its lines in the order of the walk, and the last scans."""

    list_id: str
    state: str
    """waiting, picking, done, replaced or void."""
    picker: str
    replaced_by: str
    orders: tuple[PickOrderView, ...]
    lines: tuple[PickLineView, ...]
    wanted: int
    found: int
    short: int
    scans: tuple[ScanView, ...]


class ScanAnswer(BaseModel):
    """A scan with the list as it stands then."""

    scan: Scanned
    pick: PickView


class ShortAnswer(BaseModel):
    """A short with the list as it stands then."""

    short: Shorted
    pick: PickView


class CheckedItem(BaseModel):
    """Whether an article belongs into the parcels of an order, and how many of it."""

    sku: str
    name: str
    line_no: int
    picked: int
    packed: int


class ContactView(BaseModel):
    """Who collects or gets the parcel; asked for only where somebody must be recognised or addressed."""

    contact_id: str
    first_name: str
    last_name: str
    email: str
    phone: str
    collector: str
    address: tuple[str, ...]
    gift_message: str
    erased: bool


class Found(BaseModel):
    """What a scanned code means here: which thing it is, and where to go on."""

    what: Literal["order", "assignment", "pick_list", "parcel", "manifest", "product"]
    number: str
    assignments: tuple[WorkView, ...] = ()
    list_id: str = ""
    parcel_id: str = ""
    manifest: str = ""
    sku: str = ""
    name: str = ""


class ShelfView(BaseModel):
    """A shelf with bags on it."""

    shelf: str
    orders: tuple[str, ...]
    bags: int


class CandidateView(BaseModel):
    """A parcel that has left and stands on no manifest yet."""

    parcel_id: str
    assignment_id: str
    number: str
    carrier: str
    service: str
    tracking: str
    weight_g: int
    shipped_us: int


class HoldView(BaseModel):
    """An assignment that a device has taken along."""

    assignment_id: str
    number: str
    device: str
    by: str
    at_us: int
    cancel_asked: bool
