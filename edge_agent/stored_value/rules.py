"""How much of a stored value may be spent here and now.

The hub keeps the balance of every number over all stores. With its fresh word, that counts. Without a line a
number is bearer money that may be spent elsewhere at the same moment, so here at most so much of each number
is taken on trust (a setting), and never more than is known to be on it. What that exposes is shown.
"""

from dataclasses import dataclass
from typing import Final

from protocol.clock import MICROSECONDS

FRESH_US: Final = 120 * MICROSECONDS
"""How long the hub's word counts: as long as a payment takes."""
HEX_BYTES: Final = 4
"""Of the secret behind a number: nobody spends the next one by counting."""


@dataclass(frozen=True, slots=True)
class Known:
    """What this store knows of a number. `told_minor` is the hub's word, None where it is not fresh."""

    number: str
    kind: str
    balance_minor: int
    """What was put on it here less what was spent here; below zero where it was issued elsewhere."""
    issued_here: bool
    told_minor: int | None = None


def spendable(known: Known, offline_minor: int) -> int:
    """Return how much may be taken from a number now, in minor units."""
    if known.told_minor is not None:
        return max(0, known.told_minor)
    if known.issued_here:
        return max(0, min(known.balance_minor, offline_minor))
    return max(0, offline_minor + min(0, known.balance_minor))
