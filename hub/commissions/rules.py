"""What a line earns, and what of it is still earned once money of it went back. Pure.

The commission is frozen on the line at the sale. It follows the money like tax does: so much of it is taken
back as the refunded part of the line, rounded on the running total, so any order of returns ends at zero.
"""

from collections.abc import Iterable

from protocol.commissions import CommissionPlan
from protocol.money import PPM, round_ratio


def plan_on(plans: Iterable[CommissionPlan], day: str) -> CommissionPlan:
    """Return the plan that counts on a day: of those that have begun, the newest; none is at nothing."""
    begun = [plan for plan in plans if plan.from_day <= day]
    return max(begun, key=lambda plan: (plan.from_day, plan.version), default=CommissionPlan())


def earned(net_minor: int, rate_ppm: int) -> int:
    """Return the commission on a line, in minor units, rounded half away from zero."""
    return round_ratio(net_minor * rate_ppm, PPM)


def to_take_back(earned_minor: int, back_minor: int, gross_minor: int, refunded_minor: int) -> int:
    """Return how much more of a line's commission goes back; below zero when money turns out kept.

    `back_minor` was taken back before, `refunded_minor` has gone back of the line's `gross_minor` by now.
    """
    refunded = min(max(refunded_minor, 0), gross_minor)
    upto = round_ratio(earned_minor * refunded, gross_minor) if gross_minor else 0
    return upto - back_minor


def key_of(location: str, person: str) -> str:
    """Return who somebody is over all stores: ids of people are those of their store."""
    return f"{location}/{person}"[:64]
