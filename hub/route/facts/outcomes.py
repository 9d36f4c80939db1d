"""How likely a location packs what it is asked for, from what it did before. Pure, whole numbers."""

from collections.abc import Mapping
from typing import Final, NamedTuple

PPM: Final = 1_000_000
STRENGTH: Final = 20
"""Lines that a location has to be asked for before it is believed as much as what is assumed of it."""
ASSUMED_PPM: Final = 950_000
"""What is assumed of a location where no row says it."""


class Outcomes(NamedTuple):
    """What became of the lines that a location was asked for."""

    kept: int
    """Packed whole."""
    asked: int
    newest_us: int


History = Mapping[tuple[str, str], Outcomes]
"""By location and category; the empty category is everything that the location was asked for."""


def accept_ppm(seen: Outcomes | None, assumed_ppm: int) -> int:
    """Return how likely a line is packed: what was seen, with `STRENGTH` lines of what is assumed beside it.

    The mean of a Beta distribution, in millionths.
    """
    if seen is None:
        return assumed_ppm
    return (seen.kept * PPM + STRENGTH * assumed_ppm) // (seen.asked + STRENGTH)
