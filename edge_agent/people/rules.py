"""What a PIN may be, and when too many wrong ones lock a tile."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.people import StoreRole

TRIES: Final = 5
LOCKED_US: Final = 5 * 60 * 1_000_000
"""Long enough that guessing four digits takes weeks, short enough that a shift goes on."""
APPROVAL_US: Final = 2 * 60 * 1_000_000
"""Another person's word is meant for what is on the screen now."""
_PIN: Final = re.compile(r"[0-9]{4,12}")


def check_new_pin(pin: str, *, demo: bool = False) -> None:
    """Refuse a PIN that is no PIN, or the first that anybody would try.

    Raises:
        Invalid: says what a PIN needs.
    """
    digits = [int(digit) for digit in pin] if _PIN.fullmatch(pin) else []
    steps = {after - before for before, after in pairwise(digits)}
    if not digits or (not demo and steps in ({0}, {1}, {-1})):
        raise Invalid(
            _("This PIN cannot be used."),
            _("Take 4 to 12 digits that are not all the same and not in a row."),
            code="weak_pin",
        )


def role_word(role: str) -> str:
    """Return a role as people say it."""
    words: Mapping[str, str] = {
        StoreRole.ASSOCIATE: _("Associate"),
        StoreRole.LEAD: _("Team lead"),
        StoreRole.MANAGER: _("Store manager"),
    }
    return words.get(role, role)


def locked_seconds(locked_until_us: int, now_us: int) -> int:
    """Return how long a tile stays locked, in whole seconds; 0 when it is not."""
    return max(0, -((now_us - locked_until_us) // 1_000_000))


def person_id_from(name: str, taken: frozenset[str]) -> str:
    """Return a short id that reads like the name, such as `a-osei`; it stands in every event."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24] or "person"
    return next(
        candidate for n in range(1, 10_000) if (candidate := base if n == 1 else f"{base}-{n}") not in taken
    )
