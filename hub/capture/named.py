"""What an order is called: its id, the number that people say, and the digits of its customer at the desk.

An order that its channel has named is called the same by every life of this hub. A restored copy has
forgotten what was captured since it was made; when the channel sends such an order again, what stores still
tell of it meets it, and the customer's code is the one that they have.
"""

import hashlib
import hmac
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import meta
from hub.link.lives import FIRST_ORDINAL, ordinal, put_meta
from hub.spine.rows import event_subjects, events
from hub.spine.steps import count_up
from protocol.envelope import decode_event, read_body
from protocol.fulfilment import CODE_DIGITS
from protocol.ids import IdMaker, format_number, named_id
from protocol.later import OnAssignment, OrderRouted

COUNTER: Final = "hub_order"
CODE: Final = "HB"
KEY: Final = "pickup_key"
_TOLD: Final = (
    sa.select(events.c.bytes)
    .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
    .where(event_subjects.c.subject == sa.bindparam("of"))
    .order_by(events.c.apply_order)
    .limit(10)
)


def order_id(ids: IdMaker, channel: str, external_id: str) -> str:
    """Return the id of an order: the same for the same name of a channel's, a new one where there is none."""
    return named_id("order", channel, external_id) if external_id else ids.new_id()


def number(connection: Connection, order_id: str) -> str:
    """Return the number of an order: the one that locations tell of it, else the next one."""
    life = ordinal(connection)
    before = _told(connection, order_id) if life > FIRST_ORDINAL else ""
    return before or format_number(CODE, life, count_up(connection, COUNTER))


def pickup_code(connection: Connection, ids: IdMaker, order_id: str) -> str:
    """Return the digits that a customer says at the desk: the same for one order, and not to be guessed."""
    key = meta(connection, KEY)
    if not key:
        key = ids.secret(32)
        put_meta(connection, KEY, key)
    digest = hmac.digest(bytes.fromhex(key), order_id.encode(), hashlib.sha256)
    return f"{int.from_bytes(digest[:8]) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def _told(connection: Connection, order_id: str) -> str:
    """Return the number that events of an order say which was not known when they were heard."""
    for data in connection.execute(_TOLD, {"of": f"order:{order_id}"}).scalars():
        body = read_body(decode_event(bytes(data)))
        if isinstance(body, OnAssignment | OrderRouted):
            return body.number
    return ""
