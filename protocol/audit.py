"""The audit of a store day: rules that a company writes, and how a person decided about what they hit.

The hub holds every closed till session against the rules that hold by then. A hit is no fault and changes no
money: it asks for a look. No month closes before somebody has looked.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from protocol.orders import Code, WireModel

RULES: Final = 100
AuditTest = Literal[
    "over_short",
    "return_without_receipt",
    "refund_by_seller",
    "voids",
    "no_sales",
    "discount_share",
    "price_cut",
    "paid_out",
]
"""What a rule looks at. Its limit is minor units for money, a count of voids and openings, ppm of a share."""
Limit = Annotated[int, Field(strict=True, ge=0, le=10**12)]


class AuditRule(WireModel):
    """One rule: what it looks at, above which limit it hits, and where it holds."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]
    test: AuditTest
    limit: Limit
    location: Annotated[str, Field(max_length=40)] = ""
    """Empty: at every store."""
    active: bool = True


class AuditRulesChanged(WireModel):
    """The rules were written anew, whole; they hold for every session that is closed from now on."""

    rules: tuple[AuditRule, ...] = Field(max_length=RULES)
    reason: Annotated[str, Field(min_length=1, max_length=300)]


class AuditDecided(WireModel):
    """Somebody looked at a hit: it was corrected, it is in order, or another person has to decide."""

    hit_id: Code
    session_id: Code
    outcome: Literal["corrected", "overridden", "escalated"]
    reason: Annotated[str, Field(min_length=1, max_length=300)]
    journal_id: int | None = None
    """The journal that corrected it, where one did."""
