"""Orders that may be older than this hub remembers: they wait until every store has said what it has.

A hub that was restored from an older copy does not know what was captured after the copy was made. A channel
sends such an order again, a store's log tells of it again, and some location may have it already, or has
handed it over. So it is with units that a store had given back: they may have gone to another one since.
Nobody is given them before all who were there have spoken; then only what nobody has is routed.
"""

from typing import Final

from hub.context import Hub
from hub.holds import placing, rows
from hub.holds.placing import Stop
from hub.link.epochs import unheard_since_restore
from hub.link.lives import life
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.holds import Blocked, HoldKind, HoldState
from protocol.later import OrderPlaced

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
    stop = Stop(
        kind=HoldKind.AVAILABILITY,
        reason="This hub was restored, and locations that may have the order have not spoken since.",
        blocks=(Blocked.ROUTE, Blocked.REFUND),
        code=CODE,
        facts={"unheard": unheard[:SHOWN]},
    )
    if all(each.code != CODE or each.state is not HoldState.OPEN for each in rows.now_on(work, order_id)):
        placing.place(work, order_id, number, stop)
    return True


def look_at_restored(hub: Hub) -> int:
    """Let orders go on once every location has spoken; return how many. A clock calls it."""
    with hub.database.read() as connection:
        waiting = rows.open_with(connection, HoldKind.AVAILABILITY, CODE, AT_ONCE)
        if not waiting or unheard_since_restore(connection):
            return 0

    def release(work: Work) -> int:
        # Read again: somebody may have decided, and a location may have been fenced, in between.
        now = rows.open_with(work.connection, HoldKind.AVAILABILITY, CODE, AT_ONCE)
        if unheard_since_restore(work.connection):
            return 0
        for hold in now:
            placing.release(work, hold, note="Every location has said what it has")
        return len(now)

    return hub.act(release, "holds", "orders")
