"""Orders that may be older than this hub remembers: they wait until every store has said what it has.

A hub that was restored from an older copy does not know what was captured after the copy was made. A channel
sends such an order again, a store's log tells of it again, and some location may have it already, or has
handed it over. So it is with units that a store had given back: they may have gone to another one since.
And so it is with units that nobody had when the copy was made: they may have been given to somebody since.
Nobody is given them before all who were there have spoken; then only what nobody has is routed. An order all
of whose units stores that have spoken hold or handed over is certain before: nothing of it can be elsewhere.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.fulfil.rows import assignment_lines, assignments
from hub.holds import placing, rows
from hub.holds.placing import Stop
from hub.link.epochs import unheard_since_restore
from hub.link.lives import life
from hub.spine.rows import order_lines, orders
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.holds import Blocked, HoldKind, HoldState, HoldTold
from protocol.later import OrderPlaced
from protocol.lifecycles import AssignmentState
from protocol.orders import LineKind

CODE: Final = "may_be_at_a_store"
ORDERED_US: Final = "ordered_us"
"""In `results` of an order that the hub captures: when it was placed with its channel, where that says so."""
AT_ONCE: Final = 50
SHOWN: Final = 20


def on_order_placed(work: Work, applied: Applied) -> None:
    """Hold an order that may have been known before; stands before it is routed."""
    body: OrderPlaced = applied.body
    # Only a channel can say when its order was placed; one that it has no name for is never sent again.
    again = applied.edge == HUB_EDGE and bool(body.external_id)
    if not work.rebuilding and body.own is None and (again or applied.edge != HUB_EDGE):
        is_new = applied.results.get(ORDERED_US, 0) > life(work.connection).began_us
        hold_if_forgotten(work, applied, body.order_id, body.number, always=again and not is_new)


def hold_if_forgotten(
    work: Work, applied: Applied, order_id: str, number: str, *, always: bool = False
) -> bool:
    """Hold an order whose units may lie where this hub has forgotten them; tell whether it did.

    What a store did after this life of the hub began is known to be new, unless it is to be held `always`.
    """
    unheard = unheard_since_restore(work.connection)
    if not unheard or not (always or applied.at_us < life(work.connection).began_us):
        return False
    if all(each.code != CODE or each.state is not HoldState.OPEN for each in rows.now_on(work, order_id)):
        placing.place(work, order_id, number, _stop(unheard))
    return True


def hold_if_older(work: Work, order_id: str) -> bool:
    """Hold an order that this hub had before it was restored, of which it knows nobody who has what is open.

    Tells whether it did. Once a person has released such a hold in this life of the hub, it stays released.
    """
    unheard = unheard_since_restore(work.connection)
    if not unheard:
        return False
    began_us = life(work.connection).began_us
    known = work.connection.execute(
        sa.select(orders.c.number, orders.c.at_us).where(orders.c.order_id == order_id)
    ).first()
    before = [each for each in rows.of_order(work.connection, order_id) if each.placed_us >= began_us]
    if known is None or known.at_us >= began_us or any(each.hold.code == CODE for each in before):
        return False
    placing.place(work, order_id, known.number, _stop(unheard))
    return True


def _stop(unheard: Sequence[str]) -> Stop:
    return Stop(
        kind=HoldKind.AVAILABILITY,
        reason="This hub was restored, and locations that may have the order have not spoken since.",
        blocks=(Blocked.ROUTE, Blocked.REFUND),
        code=CODE,
        facts={"unheard": list(unheard[:SHOWN])},
    )


def look_at_restored(hub: Hub) -> int:
    """Let orders go on that are certain, all of them once every location has spoken; return how many.

    A clock calls it.
    """
    with hub.database.read() as connection:
        if not _decided(connection):
            return 0

    def release(work: Work) -> int:
        # Read again: somebody may have decided, and a location may have been fenced, in between.
        found = _decided(work.connection)
        heard = not unheard_since_restore(work.connection)
        note = "Every location has said what it has" if heard else "Locations that have spoken have all of it"
        for hold in found:
            placing.release(work, hold, note=note)
        return len(found)

    return hub.act(release, "holds", "orders")


def silent_for(connection: Connection, hold: HoldTold) -> list[str]:
    """Return the locations that may have what a hold stops, because they have not spoken since a restore."""
    return unheard_since_restore(connection) if hold.code == CODE else []


def _decided(connection: Connection) -> list[HoldTold]:
    """Return holds whose cause is gone, the oldest first."""
    unheard = unheard_since_restore(connection)
    also = (_nowhere_else(unheard),) if unheard else ()
    return rows.open_with(connection, HoldKind.AVAILABILITY, CODE, AT_ONCE, *also)


def _nowhere_else(unheard: list[str]) -> sa.ColumnElement[bool]:
    """Tell of an order whether all that was ordered is, or was, at locations that have spoken.

    What was cancelled is not certain: a silent store may have handed it over before.
    """
    line, part = order_lines.c, assignment_lines.c
    there = (
        sa.select(sa.func.coalesce(sa.func.sum(part.quantity - part.short - part.given_up), 0))
        .join(assignments, assignments.c.assignment_id == part.assignment_id)
        .where(
            assignments.c.order_id == line.order_id,
            part.line_no == line.line_no,
            assignments.c.location.not_in(unheard),
            assignments.c.state != AssignmentState.WRITTEN_OFF.value,
        )
        .scalar_subquery()
    )
    mine = (line.order_id == rows.order_holds.c.order_id) & (line.kind == LineKind.GOODS.value)
    return sa.exists().where(mine) & ~sa.exists().where(mine, there < line.quantity)
