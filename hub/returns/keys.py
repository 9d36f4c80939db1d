"""The keys that stores sign receipts with: heard in HELLO, told to every other store.

A store that was replaced signs with a new key. What its old one signed before that stays true, because
customers keep receipts longer than stores keep computers; what it would sign after that counts nowhere.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import all_locations
from hub.returns.rows import receipt_keys
from protocol.receipts import StoreKey, StoreKeys

AT_ONCE: Final = 200
"""Keys in one directive."""


def heard(hub: Hub, unit: HubUnit, location: str, public: str) -> bool:
    """Keep the key that a store says it signs with, and tell the others; False for one that is known."""
    table = receipt_keys.c
    if not public or unit.connection.execute(sa.select(table.public).where(table.public == public)).first():
        return False
    now_us = hub.clock.now_us()
    unit.connection.execute(
        sa.update(receipt_keys).where(table.location == location, table.until_us == 0).values(until_us=now_us)
    )
    unit.connection.execute(
        sa.insert(receipt_keys).values(public=public, location=location, first_us=now_us, until_us=0)
    )
    changed = _keys(unit.connection.execute(sa.select(receipt_keys).where(table.location == location)))
    for place in all_locations(unit.connection):
        if place.status == "active" and place.location_id != location:
            _tell(hub, unit, place.location_id, changed)
    return True


def tell_keys(hub: Hub, unit: HubUnit, location: str) -> int:
    """Tell one location every key there is, as a new one must be; return how many."""
    found = _keys(unit.connection.execute(sa.select(receipt_keys).where(receipt_keys.c.location != location)))
    _tell(hub, unit, location, found)
    return len(found)


def _keys(rows: Iterable[sa.Row[Any]]) -> list[StoreKey]:
    found = [StoreKey(location=row.location, public=row.public, until_us=row.until_us) for row in rows]
    return sorted(found, key=lambda key: (key.location, key.public))


def _tell(hub: Hub, unit: HubUnit, location: str, keys: Sequence[StoreKey]) -> None:
    for first in range(0, len(keys), AT_ONCE):
        hub.outbox.send_directive(unit, location, StoreKeys(keys=tuple(keys[first : first + AT_ONCE])))
