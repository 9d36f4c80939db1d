"""Orders that may be older than this hub remembers: they wait until every store has said what it has.

A hub that was restored from an older copy does not know what was captured after the copy was made. A channel
sends such an order again, a store's log tells of it again, and some location may have it already, or has
handed it over. Nobody is given it before all who were there have spoken; then only what nobody has is routed.
"""

from typing import Final

from hub.context import Hub
from hub.holds import placing, rows
from hub.holds.placing import Stop
from hub.link.epochs import unheard_since_restore
from hub.link.lives import life
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.holds import Blocked, HoldKind
from protocol.later import OrderPlaced

CODE: Final = "may_be_at_a_store"
AT_ONCE: Final = 50
SHOWN: Final = 20


def on_order_placed(work: Work, applied: Applied) -> None:
    """Hold an order that may have been known before; stands before it is routed."""
    body: OrderPlaced = applied.body
    if work.rebuilding or body.own is not None:
        return
    unheard = unheard_since_restore(work.connection)
    if not unheard or not _may_be_older(work, applied):
        return
    stop = Stop(
        kind=HoldKind.AVAILABILITY,
        reason="This hub was restored, and locations that may have the order have not spoken since.",
        blocks=(Blocked.ROUTE, Blocked.REFUND),
        code=CODE,
        facts={"unheard": unheard[:SHOWN]},
    )
    placing.place(work, body.order_id, body.number, stop)


def _may_be_older(work: Work, applied: Applied) -> bool:
    """Tell whether an order may be one that this hub has forgotten.

    A channel's order has no moment that could be trusted; one without a name of the channel's is never sent
    again. What a store took after this life of the hub began is new.
    """
    if applied.edge == HUB_EDGE:
        return bool(applied.body.external_id)
    return applied.at_us < life(work.connection).began_us


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
