"""What capture and the checks tell one another about an order, and the refusal of one that does not pass."""

from typing import Final

from protocol.errors import Refused
from protocol.kit.hold_words import check_refusal
from protocol.kit.text import _
from protocol.rules.checks import Finding

MUST_TAKE: Final = "must_take"
"""In `results` of what the hub captures: True where it has happened already, so that it cannot be refused."""
PAYING: Final = "paying_minor"
"""In `results` of lines that are added: what is captured for them, and recorded next."""
VERDICT: Final = "verdict"
"""Where the checks leave what they said of it."""


def refusal_of(found: Finding) -> Refused:
    """Return the refusal of an order, or of what is added to one, that does not pass a check."""
    remedy = _("Change the order or its payment; or ask whoever sets the rules of checks.")
    return check_refusal(found, remedy)
