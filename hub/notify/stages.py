"""The outbox follows the events: a notice that one asks for is durable together with it, and once.

Nothing is decided here but that somebody is to be told; `rules.verdict` looks again when it would leave.
While tables are made anew from the log nothing is written: what was told then was told.
"""

from hub.notify import of_returns
from hub.notify.of_returns import ANNOUNCED
from hub.notify.rows import add, hooks
from hub.notify.rules import follows
from hub.spine.stages import WRITTEN_OFF
from hub.spine.work import Applied, Work


def on_order_placed(work: Work, applied: Applied) -> None:
    """Thank for an order that came in over the web."""
    _tell(work, applied)


def on_staged(work: Work, applied: Applied) -> None:
    """Say that the bags stand ready, and remind of them before they stop being kept.

    Not of bags that nobody counts on any more: the customer gets the goods from elsewhere, or the money.
    """
    if not applied.results.get(WRITTEN_OFF):
        _tell(work, applied)


def on_shipped(work: Work, applied: Applied) -> None:
    """Say that parcels are on their way."""
    _tell(work, applied)


def on_cancelled(work: Work, applied: Applied) -> None:
    """Say what the customer will not get."""
    _tell(work, applied)


def on_lines_added(work: Work, applied: Applied) -> None:
    """Say what the order is now; what was cancelled to make room for it stands in the same mail."""
    _tell(work, applied)


def on_return(work: Work, applied: Applied) -> None:
    """Say that goods may be sent back, that they are here, or what became of them."""
    _tell(work, applied)


def _tell(work: Work, applied: Applied) -> None:
    if work.rebuilding:
        return
    announced = applied.results.get(ANNOUNCED)
    for wanted in (*follows(applied.body), *of_returns.follows(applied.body, announced)):
        # When it happened is not when it is due: a store that was dark for a day tells the hub late.
        told = [
            "",
            *(hook.hook_id for hook in hooks(work.connection) if hook.active and wanted.kind in hook.kinds),
        ]
        for hook_id in told:
            if add(
                work.connection,
                wanted,
                notice_id=work.ids.new_id(),
                now_us=work.clock.now_us(),
                hook_id=hook_id,
            ):
                work.topics.add("notices")
