"""The table `later_places`: other locations that the hub has named, to be chosen from while it is silent."""

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from protocol.kit.sqlite import Connection


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """Another location that the hub has named."""

    location: str
    name: str
    seen_us: int


def places(connection: Connection) -> tuple[PlaceRow, ...]:
    """Return the other locations that are known here, by name."""
    rows = connection.execute("SELECT location, name, seen_us FROM later_places ORDER BY name, location")
    return tuple(PlaceRow(*tuple(row)) for row in rows)


def note_places(unit: EdgeUnit, named: Iterable[tuple[str, str]], now_us: int) -> None:
    """Remember the locations of an answer, as (location, name)."""
    unit.connection.executemany(
        "INSERT INTO later_places (location, name, seen_us) VALUES (?, ?, ?) ON CONFLICT (location) DO UPDATE"
        " SET name = excluded.name, seen_us = excluded.seen_us",
        [(location, name, now_us) for location, name in named],
    )
