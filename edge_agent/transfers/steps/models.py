"""What transfers answer: to programs, to pages, to a handheld's queue."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from protocol.kit.text import _


class Said(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class Done(Said):
    """What a verb has come to."""

    transfer_id: str
    number: str = ""
    state: str = ""
    seq: int = 0


class Scanned(Said):
    """What a scan came to. A wrong one is an answer: a handheld's queue goes on behind it."""

    outcome: Literal[
        "counted",
        "carton",
        "carton_again",
        "over_scan",
        "wrong_item",
        "unknown_code",
        "unknown_carton",
        "own_carton",
        "other_transfer",
        "not_an_item",
    ]
    scan_id: str = ""
    line_no: int = 0
    sku: str = ""
    name: str = ""
    found: int = 0
    wanted: int = 0
    sscc: str = ""
    go: str = ""
    """Where this scan leads."""
    what: str = ""
    remedy: str = ""


class Picked(Said):
    """The walk is over."""

    transfer_id: str
    state: str
    short_units: int
    seq: int


class Packed(Said):
    """A carton is closed."""

    transfer_id: str
    sscc: str
    units: int
    left: int
    """Picked units that lie in no carton yet."""
    state: str
    job_id: str


class Shipped(Said):
    """The cartons left."""

    transfer_id: str
    number: str
    cartons: int
    units: int
    seq: int
    job_id: str


class ReceivedAnswer(Said):
    """An arrival is written down."""

    receipt_id: str
    transfer_id: str
    units: int
    damaged: int
    over: int
    missing: int
    bound: int
    granted: int
    final: bool
    seq: int


class LineView(Said):
    """One line with its numbers."""

    line_no: int
    sku: str
    name: str
    bin: str
    quantity: int
    lent: int
    bound: int
    picked: int
    shipped: int
    short: int
    declined: int
    received: int
    damaged: int
    over: int
    missing: int
    expected: int
    order_number: str
    free: int
    """May be let go of here now (L)."""


class CartonView(Said):
    """One carton."""

    sscc: str
    carton_no: int
    state: str
    units: int
    weight_g: int
    lines: dict[str, int]
    ticked: bool = False


class ReceiptView(Said):
    """One arrival."""

    receipt_id: str
    transfer_id: str
    source: str
    at_us: int
    by: str
    units: int
    damaged: int
    over: int
    missing: int
    cartons: tuple[str, ...]
    names: tuple[str, ...]
    matched: bool
    undone: bool
    may_undo: bool


class TransferView(Said):
    """One transfer as it stands."""

    transfer_id: str
    number: str
    way: str
    source: str
    destination: str
    other: str
    asked_by: str
    reason: str
    state: str
    told: str
    says: str
    note: str
    carrier: str
    due_us: int
    since_us: int
    shipped_us: int
    next: str
    """The step that is due here: accept, pick, pack, ship, receive; empty when nobody does anything."""
    allowed: tuple[str, ...]
    units: int
    lines: tuple[LineView, ...]
    cartons: tuple[CartonView, ...]
    receipts: tuple[ReceiptView, ...]


class PlaceView(Said):
    """Another location that can be named."""

    location: str
    name: str


class LabelMeaning(Said):
    """What a label means here, without doing anything."""

    kind: Literal["carton", "transfer", "article", "unknown"]
    sscc: str = ""
    transfer_id: str = ""
    way: str = ""
    state: str = ""
    sku: str = ""
    what: str = ""
    remedy: str = ""


def unknown_carton_words(spaced: str) -> tuple[str, str]:
    """Return what is said of a carton nobody here has heard of."""
    return (
        _("Carton {sscc} has not been announced to this store.", sscc=spaced),
        _("Read the address on its label. If it is for another store, send it on: nothing was changed here."),
    )
