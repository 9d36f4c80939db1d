"""Where a postcode lies, how far it is, and which zone the way is in. Pure, and whole numbers only.

Postcodes come from a table that operations imports (`postcode_rows`); a row may be the beginning of many
codes, such as `LS1`, and the longest that fits counts. A distance is that on a flat map around the middle
latitude, which is within 0.5 % of the great circle up to 1,000 km: enough for a zone of whole kilometres. It
is worked out in whole numbers, so that two machines never put one way into two zones.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from hub.route.facts.parameters import PlaceRow, ZoneRow

DEGREE_M: Final = 111_195
"""Metres of one degree on a sphere of 6,371 km."""
_E5: Final = 100_000
_COSINES: Final = tuple(round(math.cos(math.radians(tenth / 10)) * 1_000_000) for tenth in range(901))
"""By tenths of a degree, in millionths: so coarse that no machine rounds one otherwise."""


class Point(NamedTuple):
    """A place on the map, in hundred-thousandths of a degree."""

    latitude_e5: int
    longitude_e5: int


class Destination(NamedTuple):
    """Where goods are to go, as far as routing may know it: no name, no street."""

    country: str = ""
    postcode: str = ""
    """Tidy."""
    point: Point | None = None


NOWHERE: Final = Destination()
"""Goods that are collected, or whose way nobody knows."""


def tidy(postcode: str) -> str:
    """Return a postcode as it is compared: capitals, without blanks and dashes."""
    return "".join(each for each in postcode.upper() if each.isascii() and each.isalnum())[:16]


def prefixes(postcode: str) -> Iterator[str]:
    """Return what a postcode may be looked up by, the longest first; empty stands for the country."""
    tidied = tidy(postcode)
    return (tidied[:length] for length in range(len(tidied), -1, -1))


@lru_cache(maxsize=65_536)
def metres(one: Point, other: Point) -> int:
    """Return how far two points are from each other."""
    middle = abs(one.latitude_e5 + other.latitude_e5) // 2
    cosine = _COSINES[min(900, (middle * 10 + _E5 // 2) // _E5)]
    turn = abs(one.longitude_e5 - other.longitude_e5)
    turn = min(turn, 360 * _E5 - turn)
    east = turn * DEGREE_M * cosine // (_E5 * 1_000_000)
    north = abs(one.latitude_e5 - other.latitude_e5) * DEGREE_M // _E5
    return math.isqrt(east * east + north * north)


def point_of(place: PlaceRow | None) -> Point | None:
    """Return where a location stands by its coordinates; None when it has none."""
    if place is None or place.latitude_e5 is None or place.longitude_e5 is None:
        return None
    return Point(place.latitude_e5, place.longitude_e5)


class Zone(NamedTuple):
    """A row of the table of zones, ready to be compared."""

    zone: str
    origin: str
    country: str
    code: str
    """How the tidy postcode begins."""
    most_m: int | None


def by_precision(zones: Iterable[ZoneRow]) -> tuple[Zone, ...]:
    """Return the rows of the table of zones in the order in which they are tried."""
    return tuple(
        Zone(
            row.zone,
            row.origin,
            row.country,
            tidy(row.postcode),
            None if row.up_to_km is None else row.up_to_km * 1_000,
        )
        for row in sorted(
            zones,
            key=lambda row: (
                -len(tidy(row.postcode)),
                not row.origin,
                row.up_to_km or 10**6,
                not row.country,
                row.zone,
                row.key,
            ),
        )
    )


def zone_of(
    zones: Sequence[Zone], origin: Sequence[str], to: Destination, distance_m: int | None
) -> str | None:
    """Return the zone of a way, None when no row fits; `zones` as `by_precision` orders them.

    `origin` names the location and its group. A row with a distance fits no way whose length nobody knows.
    Without any rows every way is in the zone without a name.
    """
    if not zones:
        return ""
    for zone, own, country, begins, most_m in zones:
        if own and own not in origin:
            continue
        if country and country != (to.country or country):
            continue
        if begins and not to.postcode.startswith(begins):
            continue
        if most_m is not None and (distance_m is None or distance_m > most_m):
            continue
        return zone
    return None
