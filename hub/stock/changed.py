"""Noting that something else may be promised of an item, in the transaction that changes it.

Called wherever free rights change, and what is kept back of them. It costs one statement, and writes nothing
while no channel listens.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.channels.rows import channel_endpoints, channel_items
from hub.channels.rules import NOT_SAID
from hub.database import Change
from hub.spine.bulk import among
from hub.stock.policy import categories_of, current
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
_FILED: Final = 5_000
"""Items whose categories are looked up at once."""


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


def note_filed(connection: Connection, categories: Mapping[str, str]) -> None:
    """Note the items that an import is about to file under another category, where rules speak of categories.

    Items that no location has lent are told to nobody: they are zero under every rule.
    """
    if all(rule.scope != "category" for rule in current(connection).said.rules):
        return
    skus = sorted(categories)
    for start in range(0, len(skus), _FILED):
        piece = skus[start : start + _FILED]
        before = categories_of(connection, piece)
        moved = [sku for sku in piece if before.get(sku, "") != categories[sku]]
        if moved:
            lent = sa.select(hub_rights.c.sku).where(among(connection, hub_rights.c.sku, moved)).distinct()
            note_changed(connection, connection.execute(lent).scalars())


def tell_anew(connection: Connection) -> None:
    """Let everything that was ever told be told again: this database does not know what was said last."""
    connection.execute(sa.update(channel_items).values(said=NOT_SAID, due=1))
