"""What the events of a store are called where they wait to be sent, many of a kind together."""

from collections.abc import Mapping

from protocol.kit.text import _


def sent_word(kind: str) -> str:
    """Return what events of a kind are called on screens; one that is new to this version keeps its name."""
    words = {**_counter(), **_fulfilment(), **_stock(), **_transfers()}
    return words.get(kind, kind)


def _counter() -> Mapping[str, str]:
    return {
        "order.sold": _("Sales"),
        "order.voided": _("Voided sales"),
        "return.completed": _("Returns"),
        "return.arrived": _("Parcels that came back"),
        "return.inspected": _("Returned goods looked into"),
        "gift_card.sold": _("Gift cards sold"),
        "goods.decided": _("Decisions about returned goods"),
        "order.placed": _("Orders for later"),
        "order.paid": _("Deposits and rests"),
        "order.cancelled": _("Cancelled orders"),
        "order.refunded": _("Refunded orders"),
        "order.changed": _("Changed orders"),
        "till.opened": _("Tills opened"),
        "till.counted": _("Drawers counted"),
        "till.closed": _("Day closes"),
        "till.cash_moved": _("Cash moved without a sale"),
        "till.drawer_opened": _("Drawer opened without a sale"),
        "catalog.applied": _("Catalogue versions"),
        "exception.raised": _("Exceptions raised"),
        "exception.closed": _("Exceptions closed"),
        "exception.worked": _("Work on exceptions"),
        "person.locked_out": _("Locked sign-ins"),
    }


def _fulfilment() -> Mapping[str, str]:
    return {
        "assignment.accepted": _("Orders taken on"),
        "assignment.rejected": _("Orders given back"),
        "assignment.pick_started": _("Picking started"),
        "assignment.picked": _("Orders picked"),
        "assignment.packed": _("Orders packed"),
        "assignment.staged": _("Orders on their shelf"),
        "assignment.shipped": _("Orders shipped"),
        "assignment.handed_over": _("Orders handed over"),
        "assignment.handover_undone": _("Handovers taken back"),
        "assignment.changed": _("Orders picked differently, as asked"),
        "assignment.cancelled": _("Orders given up, as asked"),
        "assignment.cancel_refused": _("Orders too late to give up"),
        "manifest.closed": _("Manifests of a carrier"),
        "hold.placed": _("Orders put on hold"),
    }


def _stock() -> Mapping[str, str]:
    return {
        "stock.moved": _("Stock received or corrected"),
        "stock.adjusted": _("Stock corrected"),
        "count.opened": _("Counts opened"),
        "count.confirmed": _("Counts confirmed"),
        "count.posted": _("Counts posted"),
        "count.undone": _("Counts taken back"),
        "count.cancelled": _("Counts given up"),
        "delivery.expected": _("Deliveries expected"),
        "delivery.cancelled": _("Deliveries given up"),
        "delivery.received": _("Deliveries received"),
        "receipt.corrected": _("Receipts put right"),
    }


def _transfers() -> Mapping[str, str]:
    return {
        "transfer.requested": _("Transfers asked for"),
        "transfer.accepted": _("Transfers taken on"),
        "transfer.rejected": _("Transfers refused"),
        "transfer.picked": _("Transfers picked"),
        "transfer.carton_packed": _("Cartons packed"),
        "transfer.carton_opened": _("Cartons opened again"),
        "transfer.shipped": _("Transfers sent off"),
        "transfer.cancelled": _("Transfers given up"),
        "transfer.cancel_asked": _("Transfers no longer wanted"),
        "transfer.received": _("Arrivals"),
        "transfer.matched": _("Arrivals explained"),
        "transfer.receipt_undone": _("Arrivals taken back"),
        "transfer.closed": _("Transfers at zero"),
    }
