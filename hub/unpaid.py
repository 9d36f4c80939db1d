"""Orders to be collected that nobody has paid anything for: their time ends by a clock, of nothing else.

The rules of payment let an order be paid when it is collected, so units may be kept for somebody who never
comes. Once the time is over that the customer was told, the hub cancels such an order as a person would: what
a location holds is asked for, and until it answers its units stay its own. What a reader would get wrong: the
hub does not know yet what a till has just taken. So it says with its question how much is due as far as it
knows, and a location where less is due leaves everything as it is.

What is paid in part, promised by a payment service, asked of one, taken without its bank, on hold, or partly
with its customer never ends by a clock. Orders that a store took end there, by the same rule. Several
processes may look at once: each order is looked at again under the lock of the log before it is cancelled.
"""

from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.capture import changes
from hub.capture.changes import Cancellation
from hub.capture.rows import order_requests
from hub.context import Hub
from hub.database import HubUnit
from hub.fulfil.reads import OPEN_STATES
from hub.fulfil.rows import assignments
from hub.fulfil.rules import UNPAID
from hub.holds.rows import order_holds
from hub.payments.rows import payment_asks
from hub.promises import DAY_US
from hub.route.rounds import next_round
from hub.spine.later_rows import later_orders
from hub.spine.orders import Orders
from hub.spine.payment_rows import authorisations, offline_cards
from hub.spine.work import HUB_EDGE
from protocol.errors import Refused
from protocol.fulfilment import FulfilKind, Promise
from protocol.holds import HoldState

AT_ONCE: Final = 50
"""Orders that one round looks at; the rest has its turn in the next."""
ASK_AGAIN_US: Final = DAY_US
"""A location that had it in hand is asked again after so long."""
_THIS: Final = assignments.c.order_id
_COLLECT: Final = FulfilKind.COLLECT.value
_NOBODY_PAID: Final = (
    sa.select(assignments.c.order_id, later_orders.c.promise)
    .join(later_orders, later_orders.c.order_id == _THIS)
    .where(
        assignments.c.state.in_(OPEN_STATES),
        assignments.c.kind == _COLLECT,
        ~assignments.c.own,
        later_orders.c.location == HUB_EDGE,
        later_orders.c.kind == _COLLECT,
        later_orders.c.deposits_minor <= 0,
        later_orders.c.receivable_minor == 0,
        ~sa.exists().where(authorisations.c.order_id == _THIS, authorisations.c.state == "authorised"),
        ~sa.exists().where(
            payment_asks.c.order_id == _THIS,
            payment_asks.c.kind.in_(("authorise", "capture")),
            payment_asks.c.state != "done",
        ),
        ~sa.exists().where(offline_cards.c.order_id == _THIS, offline_cards.c.state == "offline_pending"),
        ~sa.exists().where(order_holds.c.order_id == _THIS, order_holds.c.state == HoldState.OPEN.value),
    )
)
_OVER: Final = _NOBODY_PAID.where(
    ~assignments.c.cancel_asked,
    assignments.c.due_us < sa.bindparam("now", type_=sa.BigInteger),
    assignments.c.keep_until_us < sa.bindparam("now", type_=sa.BigInteger),
    ~sa.exists().where(
        order_requests.c.order_id == _THIS,
        order_requests.c.by == HUB_EDGE,
        order_requests.c.kind == "cancel",
        order_requests.c.asked_us > sa.bindparam("lately", type_=sa.BigInteger),
    ),
)


def expire_unpaid(hub: Hub) -> int:
    """Cancel what nobody has paid anything for in the time it was kept; return how many. A clock calls it."""
    now_us = hub.clock.now_us()
    values = {"now": now_us, "lately": now_us - ASK_AGAIN_US}
    with hub.database.read() as connection:
        ids = next_round(hub, connection, "unpaid", _OVER, _THIS, AT_ONCE, values)
    return sum(hub.database.write(partial(_expire, hub, order_id)) for order_id in ids)


def expires_us(hub: Hub, connection: Connection, order_id: str) -> int:
    """Return when an order ends if nobody pays; 0 where no clock ends it."""
    row = connection.execute(_NOBODY_PAID.where(assignments.c.order_id == order_id).limit(1)).first()
    return _kept_until_us(hub, row.promise) if row is not None else 0


def _kept_until_us(hub: Hub, said: str) -> int:
    promise = Promise.model_validate_json(said)
    return promise.keep_until_us or promise.due_us + hub.settings.collect_keep_us


def _expire(hub: Hub, order_id: str, unit: HubUnit) -> int:
    work = changes.begin(hub, unit)
    over_us = expires_us(hub, unit.connection, order_id)
    entry = work.room(Orders).need(order_id)
    if entry is None or entry.later is None or not 0 < over_us < hub.clock.now_us():
        return 0
    if not entry.later.due_minor(entry.record) or any(line.fulfilled for line in entry.record.lines):
        return 0
    try:
        changes.cancel(work, order_id, Cancellation(UNPAID, HUB_EDGE, by_customer=False))
    except Refused:  # before anything was recorded: somebody has asked its location for something already
        return 0
    hub.finish(work)
    return 1
