"""What assignments do to the stock: the movements of each fact, and the cells that follow from it.

Two numbers in `rights` are kept here and nowhere else. `finished` (the cell F, which only grows) counts lent
units that ended by leaving or by a short pick. `hub_picked` counts lent units that lie in the bucket
`picked`: they are outstanding already, so B leaves them out. Everything else follows from the balances. A
change of a cell raises the vector's version by itself: what the books had lost before ends without a
movement.
"""

from collections.abc import Iterable, Mapping, Sequence

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.stock.rows import apply, on_hand_of
from edge_agent.stock.rules import lost_before
from protocol import later
from protocol.errors import OutOfStock
from protocol.fulfilment import PutBackLine, ShortLine, UnitsLine
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.movements import (
    Bucket,
    fulfil_movements,
    goods,
    is_lost,
    pick_movements,
    put_back_movements,
    reserve_movements,
    undo_handover_movements,
)


def require_free(connection: Connection, wanted: Mapping[str, int], remedy: str = "") -> None:
    """Refuse to set aside, or to give away, units that are not free: rule 1, L >= n.

    Only writes of this unit may lie between. `remedy` is for whoever does not set them aside for an order.

    Raises:
        OutOfStock: says which SKU, and what else has it.
    """
    for sku, here in on_hand_of(connection, wanted).items():
        rights = here.rights
        if wanted[sku] > rights.sellable:
            raise OutOfStock(
                _("{wanted} x {sku} asked, {free} free here.",
                  wanted=wanted[sku], sku=sku, free=max(0, rights.sellable)),
                remedy or _("Set fewer aside, or let the order be fulfilled from elsewhere."),
                sku=sku,
                wanted=wanted[sku],
                sellable=rights.sellable,
                physical=rights.physical,
                bound=rights.bound,
                outstanding=rights.outstanding,
            )  # fmt: skip


def with_missed(
    connection: Connection, lines: Iterable[UnitsLine], shorts: Iterable[ShortLine]
) -> tuple[ShortLine, ...]:
    """Return what a walk did not find, each with the units that the books had lost before."""
    shorts = tuple(shorts)
    here = on_hand_of(connection, [line.sku for line in shorts])
    left = {sku: stock.standing_in(Bucket.SELLABLE) for sku, stock in here.items()}
    deficit = {sku: stock.rights.deficit for sku, stock in here.items()}
    for line in (*lines, *(line for line in shorts if not is_lost(line.reason))):
        if line.sku in left:
            left[line.sku] -= line.units
    found = []
    for line in shorts:
        missed = lost_before(line.reason, line.units, left=left[line.sku], deficit=deficit[line.sku])
        if is_lost(line.reason):
            deficit[line.sku] = max(0, deficit[line.sku] - missed)
            left[line.sku] -= line.units - missed
        found.append(line.model_copy(update={"missed": missed}))
    return tuple(found)


def on_order_placed(unit: EdgeUnit, recorded: Recorded) -> None:
    """The store's own part of an order is set aside."""
    body = recorded.body
    assert isinstance(body, later.OrderPlaced)
    if body.own is not None:
        lines = goods((line.kind, line.sku, line.quantity) for line in body.own.lines)
        apply(unit, recorded.seq, reserve_movements(lines))


def on_picked(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods come off the shelf; a lent unit that was not there ends its right."""
    body = recorded.body
    assert isinstance(body, later.AssignmentPicked)
    take_off_shelf(unit, recorded.seq, body.lines, body.shorts)


def on_shipped(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods leave with a carrier."""
    body = recorded.body
    assert isinstance(body, later.AssignmentShipped)
    apply(unit, recorded.seq, fulfil_movements(body.lines, "shipped"))
    add_cells(unit, ((line.sku, line.lent, -line.lent) for line in body.lines))


def on_handed_over(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods leave with the customer."""
    body = recorded.body
    assert isinstance(body, later.AssignmentHandedOver)
    apply(unit, recorded.seq, fulfil_movements(body.lines, "handover"))
    add_cells(unit, ((line.sku, line.lent, -line.lent) for line in body.lines))


def on_handover_undone(unit: EdgeUnit, recorded: Recorded) -> None:
    """The goods stand at the desk again. F never falls: from here on they are bound."""
    body = recorded.body
    assert isinstance(body, later.HandoverUndone)
    apply(unit, recorded.seq, undo_handover_movements(body.lines))


def on_given_up(unit: EdgeUnit, recorded: Recorded) -> None:
    """An assignment is given up: its goods go back to the shelf, and what was lent is the hub's again (K)."""
    body = recorded.body
    assert isinstance(body, later.AssignmentRejected | later.AssignmentCancelled)
    give_up(unit, recorded.seq, body.lines)


def on_changed(unit: EdgeUnit, recorded: Recorded) -> None:
    """What was set aside and is not wanted any more is free again; nothing of it was picked."""
    body = recorded.body
    assert isinstance(body, later.AssignmentChanged)
    apply(unit, recorded.seq, put_back_movements(body.dropped))


def take_off_shelf(unit: EdgeUnit, seq: int, lines: Sequence[UnitsLine], shorts: Sequence[ShortLine]) -> None:
    """Write what a walk found, for an order or a transfer; a lent unit that was not there ends its right."""
    apply(unit, seq, pick_movements(lines, shorts))
    add_cells(unit, ((line.sku, 0, line.lent) for line in lines))
    add_cells(unit, ((line.sku, line.lent, 0) for line in shorts))


def give_up(unit: EdgeUnit, seq: int, lines: Sequence[PutBackLine]) -> None:
    """Write that goods go back to the shelf; what was lent is the hub's again (K)."""
    apply(unit, seq, put_back_movements(lines))
    add_cells(unit, ((line.sku, 0, -lent_and_picked(line)) for line in lines))


def lent_and_picked(line: PutBackLine) -> int:
    """Return how many of the picked units of a line are lent. Bound ones of a mixed line are all picked."""
    return min(line.lent, max(0, line.picked - line.bound))


def add_cells(unit: EdgeUnit, changes: Iterable[tuple[str, int, int]]) -> None:
    """Add (SKU, finished, hub_picked) to the cells of this store."""
    unit.connection.executemany(
        "INSERT INTO rights (sku, finished, hub_picked, version) VALUES (?, ?, ?, 1) ON CONFLICT (sku)"
        " DO UPDATE SET finished = finished + excluded.finished, version = version + 1,"
        " hub_picked = hub_picked + excluded.hub_picked",
        [change for change in changes if change[1] or change[2]],
    )
