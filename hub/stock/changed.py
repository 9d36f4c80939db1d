"""Noting that something else may be promised of an item, in the transaction that changes it.

Called wherever free rights change. It costs one statement, and writes nothing while no channel listens.
"""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.channels.rows import channel_endpoints
from hub.database import Change
from hub.stock.rows import atp_changed, hub_rights

_LISTENED: Final = f"EXISTS (SELECT 1 FROM {channel_endpoints.name} WHERE state <> 'off')"  # noqa: S608 - our own
_INTO: Final = f"INSERT INTO {atp_changed.name} (sku) SELECT"
_NOTE: Final = Change(sa.text(f"{_INTO} CAST(:sku AS TEXT) WHERE {_LISTENED} ON CONFLICT DO NOTHING"))
_LENT_AT: Final = sa.text(
    f"{_INTO} sku FROM {hub_rights.name} WHERE location = :at AND {_LISTENED} ON CONFLICT DO NOTHING"
)
_LENT: Final = sa.text(
    f"{_INTO} DISTINCT sku FROM {hub_rights.name} WHERE {_LISTENED} ON CONFLICT DO NOTHING"
)


def note_changed(connection: Connection, skus: Iterable[str]) -> None:
    """Note that something else may be promised of these items."""
    # Sorted, so that two processes never wait for each other's rows in a circle.
    _NOTE.run_each(connection, [{"sku": sku} for sku in sorted(set(skus))])


def note_location_changed(connection: Connection, location: str) -> None:
    """Note that what a location has lent counts, or no longer counts."""
    connection.execute(_LENT_AT, {"at": location})


def note_all_changed(connection: Connection) -> None:
    """Note that the policy is another one."""
    connection.execute(_LENT)
