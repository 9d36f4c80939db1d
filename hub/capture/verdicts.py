"""What capture and the checks tell one another about an order, and the refusal of one that does not pass."""

from typing import Final

from protocol.errors import Refused
from protocol.kit.hold_words import code_says
from protocol.kit.text import _
from protocol.rules.checks import Finding

MUST_TAKE: Final = "must_take"
"""In `results` of what the hub captures: True where it has happened already, so that it cannot be refused."""
PAYING: Final = "paying_minor"
"""In `results` of lines that are added: what is captured for them, and recorded next."""
VERDICT: Final = "verdict"
"""Where the checks leave what they said of it."""


def check_refusal(found: Finding) -> Refused:
    """Return the refusal of what does not pass a check, with the facts that were used."""
    return Refused(
        code_says(found.code) or found.reason,
        _("Change the order or its payment; or ask whoever sets the rules of checks."),
        code="check_refused",
        check=found.rule.kind.value,
        rule=found.rule.rule_id,
        why=found.code,
        used=dict(found.facts),
    )
