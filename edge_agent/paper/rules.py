"""Which slips there are, where they go, and how long they are of use.

A job's key is document + business id + revision: the same key is the same job, so queueing twice prints
once. Where a slip goes is decided by its purpose (receipt, report, label, list); a store whose only printer
was set up for one purpose prints the other there too, and a store without a printer keeps its jobs visibly
waiting.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from printing.document import Block, Cut, Document, Kick, Row, Rule, Text
from printing.documents.parts import day_and_time, ending, heading
from protocol.errors import Invalid
from protocol.ids import slip_code
from protocol.kit.text import _, language

_HOUR_US: Final = 3600 * 1_000_000
KEPT_DAYS: Final = 30
KEPT_US: Final = KEPT_DAYS * 24 * _HOUR_US
"""How long the job log tells what became of a slip."""


class Slip(StrEnum):
    """The documents of a store's queue; the values are the classes `printing.job` knows."""

    RECEIPT = "receipt"
    RETURN_RECEIPT = "return_receipt"
    TILL_REPORT = "till_report"
    PARKED_SLIP = "parked_slip"
    DRAWER = "drawer"
    TEST_PAGE = "test_page"
    PICK_LIST = "pick_list"
    VOID_SLIP = "void_slip"
    PACKING_SLIP = "packing_slip"
    PICKUP_LABEL = "pickup_label"
    SHIPPING_LABEL = "shipping_label"
    MANIFEST = "manifest"
    HANDOVER_SLIP = "handover_slip"
    ORDER_SLIP = "order_slip"
    PAYMENT_SLIP = "payment_slip"
    COUNT_SHEET = "count_sheet"
    GOODS_RECEIVED = "goods_received"
    CARTON_LABEL = "carton_label"
    TRANSFER_MANIFEST = "transfer_manifest"
    CALIBRATION = "calibration"
    GIFT_RECEIPT = "gift_receipt"
    ITEM_STICKER = "item_sticker"
    VALUE_SLIP = "value_slip"
    CASH_SLIP = "cash_slip"


class Purpose(StrEnum):
    """What a printer is there for."""

    RECEIPT = "receipt"
    REPORT = "report"
    LABEL = "label"
    LIST = "list"


_PURPOSES: Final[Mapping[Slip, Purpose]] = MappingProxyType(
    {
        Slip.TILL_REPORT: Purpose.REPORT,
        Slip.PICK_LIST: Purpose.LIST,
        Slip.VOID_SLIP: Purpose.LIST,  # beside the list that it takes back
        Slip.PACKING_SLIP: Purpose.LIST,
        Slip.MANIFEST: Purpose.LIST,
        Slip.COUNT_SHEET: Purpose.LIST,
        Slip.GOODS_RECEIVED: Purpose.LIST,
        Slip.TRANSFER_MANIFEST: Purpose.LIST,
        Slip.CARTON_LABEL: Purpose.LABEL,
        Slip.PICKUP_LABEL: Purpose.LABEL,
        Slip.ITEM_STICKER: Purpose.LABEL,
        Slip.SHIPPING_LABEL: Purpose.LABEL,
    }
)
_OF_USE_US: Final[Mapping[Slip, int]] = MappingProxyType(
    {
        Slip.RECEIPT: 12 * _HOUR_US,
        Slip.RETURN_RECEIPT: 24 * _HOUR_US,
        Slip.TILL_REPORT: 7 * 24 * _HOUR_US,
        Slip.PARKED_SLIP: 12 * _HOUR_US,
        Slip.DRAWER: 60 * 1_000_000,  # a drawer that opens later opens for nobody
        Slip.TEST_PAGE: 10 * 60 * 1_000_000,
        Slip.CALIBRATION: 10 * 60 * 1_000_000,
        Slip.GIFT_RECEIPT: _HOUR_US,  # the customer has gone home by then
        Slip.ITEM_STICKER: 24 * _HOUR_US,
        Slip.PICK_LIST: 12 * _HOUR_US,
        Slip.VOID_SLIP: 12 * _HOUR_US,  # as long as the list may lie somewhere
        Slip.PACKING_SLIP: 24 * _HOUR_US,
        Slip.PICKUP_LABEL: 24 * _HOUR_US,
        Slip.SHIPPING_LABEL: 24 * _HOUR_US,
        Slip.MANIFEST: 24 * _HOUR_US,
        Slip.HANDOVER_SLIP: 60 * 60 * 1_000_000,  # the customer has gone home by then
        Slip.ORDER_SLIP: 12 * _HOUR_US,
        Slip.PAYMENT_SLIP: 12 * _HOUR_US,
        Slip.COUNT_SHEET: 24 * _HOUR_US,
        Slip.GOODS_RECEIVED: 24 * _HOUR_US,
        Slip.CARTON_LABEL: 24 * _HOUR_US,
        Slip.TRANSFER_MANIFEST: 24 * _HOUR_US,
        Slip.VALUE_SLIP: 24 * _HOUR_US,
        Slip.CASH_SLIP: 60 * 60 * 1_000_000,
    }
)


_PRIORITIES: Final[Mapping[Purpose, int]] = MappingProxyType(
    {Purpose.RECEIPT: 0, Purpose.LABEL: 1, Purpose.LIST: 2, Purpose.REPORT: 3}
)
"""A customer waits for a receipt, a picker for a label; nobody stands beside a report."""
STAYS: Final = frozenset({Slip.DRAWER, Slip.TEST_PAGE, Slip.CALIBRATION})
"""What no other printer may print: it is about this one, or opens the drawer below it."""
COMPANIONS: Final[Mapping[Slip, Slip]] = MappingProxyType(
    {Slip.RECEIPT: Slip.GIFT_RECEIPT, Slip.RETURN_RECEIPT: Slip.ITEM_STICKER}
)
"""Which slip somebody may ask for beside another, made of the same event."""
BACKUP_AFTER_US: Final = 30 * 1_000_000
STUCK: Final = frozenset({"no_paper", "cover_open", "fault", "silent", "unreachable"})
WORKS: Final = frozenset({"ready", "printing"})
DEAD: Final = frozenset({"silent", "unreachable"})
DOUBT: Final = "doubt"
TROUBLE_AFTER_US: Final = 20 * 1_000_000
"""A roll is changed in less: nobody needs a card for that."""


@dataclass(frozen=True, slots=True)
class Station:
    """A printer as routing sees it; `station` is the till or desk that it stands at, empty for all."""

    printer_id: str
    purposes: frozenset[str]
    station: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a printer is and which one stands in for it."""

    printer_id: str
    backup: str
    state: str
    since_us: int


@dataclass(frozen=True, slots=True)
class Load:
    """How many slips wait for a printer, and how many it left in doubt a while ago."""

    waiting: int = 0
    doubts: int = 0


def trouble_of(standing: Standing | None, load: Load, now_us: int) -> str:
    """Return what about a printer needs a person: its condition, `doubt`, or nothing.

    One that went dark with the lights of the store is missed only once a slip waits for it. `standing` is
    None where nobody looks after the printer; its slips may be in doubt all the same.
    """
    if standing is not None and standing.state in STUCK and now_us - standing.since_us >= TROUBLE_AFTER_US:
        missed = load.waiting or standing.state not in DEAD
        if missed:
            return standing.state
    return DOUBT if load.doubts else ""


def key_of(slip: Slip, business_id: str, revision: int = 1) -> str:
    """Return the key of a job."""
    return f"{slip.value}:{business_id}:{revision}"


def purpose_of(slip: Slip) -> Purpose:
    """Return what kind of printer a slip is for."""
    return _PURPOSES.get(slip, Purpose.RECEIPT)


def priority_of(slip: Slip) -> int:
    """Return which slips go first at one printer: the smaller the sooner."""
    return _PRIORITIES[purpose_of(slip)]


def route(slip: Slip, stations: Iterable[Station], station: str = "") -> str:
    """Return the printer of a slip that was asked for at a station; empty when there is none.

    One that names the very document goes first, then one of its purpose, then any; among equals the one at
    the station, then one that stands at none.
    """

    def rank(each: Station) -> tuple[int, int, str]:
        fits = 0 if slip.value in each.purposes else 1 if purpose_of(slip).value in each.purposes else 2
        near = 0 if station and each.station == station else 1 if not each.station else 2
        return fits, near, each.printer_id

    chosen = min(stations, key=rank, default=None)
    return chosen.printer_id if chosen else ""


def to_backup(printers: Iterable[Standing], now_us: int) -> dict[str, str]:
    """Return whose waiting slips go to which backup: it has been stuck for a while and the other works."""
    known = {each.printer_id: each for each in printers}
    return {
        each.printer_id: each.backup
        for each in known.values()
        if each.state in STUCK
        and now_us - each.since_us >= BACKUP_AFTER_US
        and each.backup != each.printer_id
        and each.backup in known
        and known[each.backup].state in WORKS
    }


def expires_us(slip: Slip, queued_us: int) -> int:
    """Return when a slip that still waits is of no use any more."""
    return queued_us + _OF_USE_US[slip]


def check_purposes(purposes: Iterable[str]) -> tuple[str, ...]:
    """Return the purposes of a printer in their order; a single document may be named like a purpose.

    Raises:
        Invalid: one is not known, or there is none.
    """
    wanted = set(purposes)
    known = [purpose.value for purpose in Purpose]
    every = known + [slip.value for slip in Slip if slip.value not in known and slip not in STAYS]
    if not wanted or wanted - set(every):
        raise Invalid(
            _("A printer is there for receipts, reports, labels or lists, or for several of them."),
            _("Give one or more of: {known}.", known=", ".join(known)),
            code="bad_purpose",
        )
    return tuple(purpose for purpose in every if purpose in wanted)


def slip_label(slip: str) -> str:
    """Return what a slip is called on screens."""
    labels = {
        Slip.RECEIPT.value: _("Receipt"),
        Slip.RETURN_RECEIPT.value: _("Return receipt"),
        Slip.TILL_REPORT.value: _("Till report"),
        Slip.PARKED_SLIP.value: _("Parked basket"),
        Slip.DRAWER.value: _("Drawer opened"),
        Slip.TEST_PAGE.value: _("Test page"),
        Slip.CALIBRATION.value: _("Code page slip"),
        Slip.GIFT_RECEIPT.value: _("Gift receipt"),
        Slip.ITEM_STICKER.value: _("Item stickers"),
        Slip.PICK_LIST.value: _("Pick list"),
        Slip.VOID_SLIP.value: _("Void slip"),
        Slip.PACKING_SLIP.value: _("Packing slip"),
        Slip.PICKUP_LABEL.value: _("Pickup label"),
        Slip.SHIPPING_LABEL.value: _("Shipping label"),
        Slip.MANIFEST.value: _("Manifest"),
        Slip.HANDOVER_SLIP.value: _("Handover slip"),
        Slip.ORDER_SLIP.value: _("Order slip"),
        Slip.PAYMENT_SLIP.value: _("Payment slip"),
        Slip.COUNT_SHEET.value: _("Count sheet"),
        Slip.GOODS_RECEIVED.value: _("Goods received slip"),
        Slip.CARTON_LABEL.value: _("Carton label"),
        Slip.TRANSFER_MANIFEST.value: _("Transfer manifest"),
        Slip.VALUE_SLIP.value: _("Gift card or store credit"),
        Slip.CASH_SLIP.value: _("Cash moved"),
    }
    return labels.get(slip, slip)


def state_label(state: str) -> str:
    """Return what a job's state is called on screens."""
    labels = {
        "queued": _("Waiting"),
        "sending": _("Being sent"),
        "sent": _("Sent, not confirmed yet"),
        "held_at_printer": _("Held at the printer"),
        "printed": _("Printed"),
        "sent_unconfirmed": _("Sent; this printer cannot confirm"),
        "unknown": _("In doubt: look whether it is there"),
        "seen": _("Seen"),
        "resolved_printed": _("Found by a person"),
        "resolved_missing": _("Not found by a person"),
        "expired": _("Too old to print"),
        "voided": _("Cancelled"),
        "refused": _("Cannot be printed"),
    }
    return labels.get(state, state)


@dataclass(frozen=True, slots=True)
class NoSaleFacts:
    """What the slip of a drawer opened without a sale says."""

    store_name: str
    till: str
    at: datetime
    associate: str
    reason: str
    approved_by: str
    seq: int
    demo: bool
    title: str = ""
    """What happened, where it was more than opening the drawer."""
    amount: str = ""


def no_sale_slip(facts: NoSaleFacts) -> Document:
    """Return the slip that goes into the drawer it opens."""
    title = facts.title or _("No sale")
    blocks: list[Block] = [
        Kick(),
        *heading(demo=facts.demo),
        Text(facts.store_name, "center", bold=True),
        Text(title, "center", size=2, bold=True),
        Rule(),
        Row.pair(facts.till, day_and_time(facts.at)),
        Row.pair(_("By"), facts.associate),
    ]
    if facts.approved_by:
        blocks.append(Row.pair(_("Approved by {name}", name=facts.approved_by), ""))
    if facts.amount:
        blocks.append(Row.pair(_("Amount"), facts.amount, bold=True))
    blocks.append(Text(facts.reason))
    blocks.extend(ending("cash_slip" if facts.title else "drawer"))
    assert isinstance(blocks[-1], Cut)
    name = f"{facts.title} {facts.seq}" if facts.title else _("No sale {number}", number=facts.seq)
    return Document(name, tuple(blocks), language.get())


def code_of(slip_type: str, number: str) -> str:
    """Return what the QR code of a slip says on its first printing."""
    return slip_code(slip_type, number, 1)
