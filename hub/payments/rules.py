"""How much of what is owed goes back through which payment service. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.clock import MICROSECONDS

TRIES: Final = 8
"""After so many a person has to look: a service that is away for a day is no passing trouble."""
_FIRST_WAIT_SECONDS: Final = 30
_WAIT_LIMIT_SECONDS: Final = 6 * 3600


@dataclass(frozen=True, slots=True)
class Taken:
    """One payment that came in through a service, and what of it has gone back or is about to."""

    gateway: str
    reference: str
    amount_minor: int
    given_back_minor: int = 0


@dataclass(frozen=True, slots=True)
class Back:
    """An amount to give back to one payment."""

    gateway: str
    reference: str
    amount_minor: int


def share_back(owed_minor: int, taken: Sequence[Taken]) -> tuple[Back, ...]:
    """Return what goes back to which payment, the newest first; the rest was paid at a till."""
    found: list[Back] = []
    left = owed_minor
    for payment in reversed(taken):
        amount = min(left, max(0, payment.amount_minor - payment.given_back_minor))
        if amount > 0:
            found.append(Back(payment.gateway, payment.reference, amount))
            left -= amount
    return tuple(found)


def next_try_us(now_us: int, tries: int) -> int:
    """Return when a command is tried again after so many tries that failed."""
    wait: int = min(_WAIT_LIMIT_SECONDS, _FIRST_WAIT_SECONDS * 4 ** max(0, tries - 1))
    return now_us + wait * MICROSECONDS
