"""Looking at decisions again the moment something has happened that may change them, not only every hour.

News are: a location that went dark or is heard again, goods that came in or were counted, units that were
cancelled or given back, and other parameters, capacity among them. Each process notices by itself, from what
the database says, so nobody has to tell anybody. What a reader would get wrong: units that came in are lent a
moment after their receipt is heard, so it is looked twice; and looking is harmless, whoever does it too.
"""

from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.moves import ask_for_better
from hub.route.facts.current import active_version
from hub.route.moving import look_for_better, try_waiting
from hub.route.swapping import swap_orders
from hub.spine.rows import APPLY_ORDER, counters, events
from hub.stock.availability import places

KINDS: Final = (
    "assignment.cancelled",
    "assignment.changed",
    "assignment.rejected",
    "assignment.withdrawn",
    "count.posted",
    "delivery.received",
    "goods.decided",
    "order.cancelled",
    "receipt.corrected",
    "return.completed",
    "stock.adjusted",
    "stock.moved",
    "transfer.received",
)
"""After which somebody may have what nobody had, or somewhere it costs less."""
AGAIN_US: Final = 5_000_000
"""How long after news it is looked a second time: what came in is lent by then."""
LEAST_US: Final = 15_000_000
"""Between two looks because of goods: in five hundred stores something comes in every second."""
_EVENT: Final = sa.select(sa.literal(1)).where(
    events.c.apply_order > sa.bindparam("since", type_=sa.BigInteger), events.c.kind.in_(KINDS)
).limit(1)  # fmt: skip
_NEWEST: Final = sa.select(counters.c.value).where(counters.c.name == APPLY_ORDER)


@dataclass(slots=True)
class _Seen:
    """What one process has seen."""

    newest: int = -1
    """Number of the newest event; -1 before the first look, which only remembers."""
    states: dict[str, str] = field(default_factory=dict)
    version: int = 0
    again_us: int = 0
    looked_us: int = 0
    goods: bool = False
    """Whether goods have moved since the last look."""


_SEEN: Final[WeakKeyDictionary[Hub, _Seen]] = WeakKeyDictionary()


def act_on_news(hub: Hub) -> bool:
    """Look at decisions again if something has happened; tell whether it was looked. A clock calls it."""
    seen, now_us = _SEEN.setdefault(hub, _Seen()), hub.clock.now_us()
    with hub.database.read() as connection:
        at_once = _is_new(connection, seen, now_us)
    goods = seen.goods and now_us >= seen.looked_us + LEAST_US
    if not at_once and not goods and not 0 < seen.again_us <= now_us:
        return False
    seen.again_us = now_us + AGAIN_US if seen.goods else 0
    seen.goods, seen.looked_us = False, now_us
    try_waiting(hub)
    reconsider(hub)
    return True


def reconsider(hub: Hub) -> None:
    """Look for better places for what was decided, in every way there is. A clock calls it every hour too."""
    look_for_better(hub)
    swap_orders(hub)
    ask_for_better(hub)


def _is_new(connection: Connection, seen: _Seen, now_us: int) -> bool:
    """Notice what has happened; tell whether it is of the kind that is looked at without waiting."""
    newest, version = int(connection.execute(_NEWEST).scalar() or 0), active_version(connection)
    # Dark or not is what counts: between "online" and "late" nothing is decided otherwise.
    states = {
        each.location: "dark" if each.silent or each.state in {"offline", "never_seen"} else "heard"
        for each in places(connection, now_us=now_us)
    }
    first = seen.newest < 0
    changed = states != seen.states or version != seen.version
    if newest > seen.newest and not first and not seen.goods:
        seen.goods = connection.execute(_EVENT, {"since": seen.newest}).first() is not None
    seen.newest, seen.states, seen.version = newest, states, version
    return changed and not first
