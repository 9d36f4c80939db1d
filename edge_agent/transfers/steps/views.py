"""What can be seen of transfers: lists, one transfer with its numbers, places to name. Nothing is written."""

from edge_agent.context import Edge
from edge_agent.stock.rows import on_hand_of
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.rows.transfers import CartonRow, ReceiptRow, Transfer, Way
from edge_agent.transfers.rules import CANCELLABLE, Line
from edge_agent.transfers.steps.common import require
from edge_agent.transfers.steps.models import (
    CartonView,
    LineView,
    PlaceView,
    ReceiptView,
    TransferView,
)
from edge_agent.transfers.steps.receiving import why_not_undone
from protocol.kit.sqlite import Connection
from protocol.transfers import AskedBy, ReceiveState, SendState

OUT_OPEN = ("requested", "accepted", "picked", "packed")
OUT_AWAY = ("shipped",)
OUT_OVER = ("settled", "rejected", "short", "cancelled")
IN_ASKED = ("unannounced",)
IN_OPEN = ("expected", "part_received")
IN_OVER = ("received", "settled")
_NEXT = {
    SendState.REQUESTED: "accept",
    SendState.ACCEPTED: "pick",
    SendState.PICKED: "pack",
    SendState.PACKED: "ship",
}
_ENDED_BEFORE = frozenset({"rejected", "cancelled", "short"})


def listed(
    connection: Connection, edge: Edge, way: Way, states: tuple[str, ...], limit: int, *, newest: bool = False
) -> list[TransferView]:
    """Return transfers in some states, the one that waits longest first."""
    found = rows.listed(connection, way, states, limit, newest=newest)
    return [_view(connection, edge, each) for each in found]


def one(connection: Connection, edge: Edge, transfer_id: str) -> TransferView:
    """Return a transfer as it stands.

    Raises:
        NotFound: `no_transfer`.
    """
    return _view(connection, edge, require(connection, transfer_id), whole=True)


def unannounced(connection: Connection, limit: int) -> list[ReceiptView]:
    """Return arrivals that nobody has announced so far."""
    return [_receipt(connection, each) for each in rows.unmatched(connection, limit)]


def places(connection: Connection, edge: Edge) -> list[PlaceView]:
    """Return the other locations that this store has heard of."""
    here = edge.identity.edge
    known = rows.known_places(connection)
    return [PlaceView(location=place, name=name) for place, name in known if place != here]


def next_step(found: Transfer) -> str:
    """Return the step that is due here; empty when nobody does anything."""
    if found.way == "out":
        return _NEXT.get(SendState(found.state), "")
    return "receive" if found.state in IN_OPEN else ""


def allowed(found: Transfer) -> tuple[str, ...]:
    """Return what a screen offers."""
    if found.way == "in":
        verbs = [] if found.told in _ENDED_BEFORE and found.state == "unannounced" else ["receive"]
        waits = found.asked_by == AskedBy.DESTINATION and found.state == ReceiveState.UNANNOUNCED
        if waits and found.told not in _ENDED_BEFORE | {"cancel_asked"}:
            verbs.append("ask_to_cancel")
        return tuple(verbs)
    state = SendState(found.state)
    steps = {
        SendState.REQUESTED: ("accept", "reject"),
        SendState.ACCEPTED: ("pick",),
        SendState.PICKED: ("pack", "open_carton"),
        SendState.PACKED: ("ship", "open_carton"),
    }
    cancel = ("cancel",) if state in CANCELLABLE - {SendState.REQUESTED} else ()
    return (*steps.get(state, ()), *cancel)


def _view(connection: Connection, edge: Edge, found: Transfer, *, whole: bool = False) -> TransferView:
    lines = rows.lines_of(connection, found.transfer_id)
    ticked = frozenset(work.ticked(connection, found.transfer_id)) if whole else frozenset()
    cartons = [each for each in rows.cartons_of(connection, found.transfer_id) if each.state != "opened"]
    receipts = rows.receipts_of(connection, found.transfer_id) if whole else ()
    return TransferView(
        **found.ends,
        way=found.way,
        other=found.other,
        asked_by=found.asked_by,
        reason=found.reason,
        state=found.state,
        told=found.told,
        says=found.says,
        note=found.note,
        carrier=found.carrier,
        due_us=found.due_us,
        since_us=found.since_us,
        shipped_us=found.shipped_us,
        next=next_step(found),
        allowed=allowed(found),
        units=sum(line.quantity for line in lines),
        lines=tuple(_lines(connection, edge, lines)) if whole else (),
        cartons=tuple(_carton(each, each.sscc in ticked) for each in cartons),
        receipts=tuple(_receipt(connection, each) for each in receipts),
    )


def _lines(connection: Connection, edge: Edge, lines: tuple[Line, ...]) -> list[LineView]:
    products = edge.products.find_all(connection, [line.sku for line in lines])
    here = on_hand_of(connection, [line.sku for line in lines])
    return [
        LineView(
            line_no=line.line_no,
            sku=line.sku,
            name=line.name,
            bin=products[line.sku].bin if line.sku in products else "",
            quantity=line.quantity,
            lent=line.lent or line.wants_lent,
            bound=line.bound,
            picked=line.picked,
            shipped=line.shipped,
            short=line.short,
            declined=line.declined,
            received=line.received,
            damaged=line.damaged,
            over=line.over,
            missing=line.missing,
            expected=line.expected,
            order_number=line.order_number,
            free=max(0, here[line.sku].rights.sellable),
        )
        for line in lines
    ]


def _carton(carton: CartonRow, ticked: bool) -> CartonView:
    inside: dict[str, int] = {}
    for line in carton.lines:
        inside[line.sku] = inside.get(line.sku, 0) + line.quantity
    return CartonView(
        sscc=carton.sscc,
        carton_no=carton.carton_no,
        state=carton.state,
        units=carton.units,
        weight_g=carton.weight_g,
        lines=inside,
        ticked=ticked,
    )


def _receipt(connection: Connection, receipt: ReceiptRow) -> ReceiptView:
    body = receipt.body
    return ReceiptView(
        receipt_id=receipt.receipt_id,
        transfer_id=receipt.transfer_id,
        source=receipt.source,
        at_us=receipt.at_us,
        by=receipt.by,
        units=sum(line.quantity for line in body.lines),
        damaged=sum(line.damaged for line in body.lines),
        over=sum(line.over for line in body.lines),
        missing=sum(line.quantity for line in body.shorts),
        cartons=body.cartons,
        names=tuple(f"{line.quantity} x {line.name}" for line in body.lines),
        matched=receipt.matched,
        undone=receipt.undone_us > 0,
        may_undo=why_not_undone(connection, receipt) is None,
    )
