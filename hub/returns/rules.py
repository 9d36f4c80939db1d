"""What the hub doubts of a decision that a store made by itself.

The store was right by what it knew. The hub knows more: the policy that counts now, what the customer brought
back everywhere, whose word reaches how far. A doubt changes nothing of the return, which has happened; it
tells operations which ones to look at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from protocol.people import HubRole, at_least
from protocol.returns import Outcome, ReturnDecision, ReturnPolicy
from protocol.rules.policy import LOOKS, BackFacts, Decision, SoldFacts, decide, only, role_needed, strictest

_RANK: Final = {outcome: rank for rank, outcome in enumerate(Outcome)}


class Doubt(StrEnum):
    """What is wrong with a decision, by what the hub knows."""

    STRICTER = "stricter"
    BEYOND_AUTHORITY = "beyond_authority"
    OWN_WORD = "own_word"


@dataclass(frozen=True, slots=True)
class Came:
    """A return as the hub heard of it. `lines` are (SKU, reason), in the order of the decision's lines."""

    decision: ReturnDecision
    lines: tuple[tuple[str, str], ...]
    business_date: str
    total_minor: int
    by: str
    announced: bool = False
    """The hub let it come back before it was seen, so only how it looks was decided there."""


def again(policy: ReturnPolicy, came: Came, *, returns_90d: int) -> tuple[Decision, ...]:
    """Return what a policy says of each line; `returns_90d` is what the whole company knows."""
    told = came.decision
    back_on = date.fromisoformat(came.business_date)
    found = []
    for line, (sku, reason) in zip(told.lines, came.lines, strict=False):
        start = date.fromisoformat(line.start)
        sold = SoldFacts(sku=sku, category=line.category, start=start, channel=told.channel)
        back = BackFacts(
            today=max(back_on, start),
            condition=line.condition,
            reason=reason,
            proof=told.proof,
            amount_minor=came.total_minor,
            customer_returns_90d=max(returns_90d, told.customer_returns_90d),
            no_receipt_returns_90d=told.no_receipt_returns_90d,
            own_sale=told.own_sale,
        )
        said = decide(policy, sold, back)
        found.append(only(said, LOOKS) if came.announced else said)
    return tuple(found)


def doubts(policy: ReturnPolicy, came: Came, *, returns_90d: int) -> tuple[Doubt, ...]:
    """Return what the hub doubts of a return by the policy that counts now; nothing for most."""
    found = []
    over = came.decision.override
    judged = again(policy, came, returns_90d=returns_90d)
    answered = Outcome.AUTHORIZE if over is None else Outcome.DENY_OVERRIDABLE
    if any(_RANK[each.outcome] < _RANK[answered] for each in judged):
        found.append(Doubt.STRICTER)
    if over is not None:
        needed = role_needed(policy, came.total_minor)
        if needed is None or not at_least(over.role, needed):
            found.append(Doubt.BEYOND_AUTHORITY)
        if over.by == came.by:
            found.append(Doubt.OWN_WORD)
    return tuple(found)


def may_agree(policy: ReturnPolicy, amount_minor: int, role: HubRole) -> bool:
    """Tell whether the word of somebody at the hub lets a return of so much be that the policy would not.

    Whoever serves customers reaches as far as the word of some role in a store; beyond that an administrator.
    """
    return role is HubRole.ADMIN or role_needed(policy, amount_minor) is not None


def changed(
    policy: ReturnPolicy, newer: ReturnPolicy, came: Sequence[Came]
) -> list[tuple[Came, Outcome, Outcome]]:
    """Return which returns another policy would have decided otherwise: (return, now, then)."""
    found = []
    for each in came:
        now, then = (
            strictest(found.outcome for found in again(one, each, returns_90d=0)) for one in (policy, newer)
        )
        if now is not then:
            found.append((each, now, then))
    return found
