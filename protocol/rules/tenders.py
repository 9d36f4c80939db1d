"""Which tender a refund goes back to, and what cash can pay.

A refund goes back the way the money came, in proportion to what is left on each tender. Only cash is
rounded to the coins a country has, on the magnitude: who paid 7.00 for 7.50 gets 7.00 back, not 8.00.
"""

from collections.abc import Sequence
from typing import Final, Literal, get_args

from protocol.errors import Invalid, Refused
from protocol.money import allocate, round_ratio

SplitPolicy = Literal["proportional", "first_first", "last_first"]
CashMode = Literal["half", "down", "up"]
SPLIT_POLICIES: Final[tuple[str, ...]] = get_args(SplitPolicy)
CASH_MODES: Final[tuple[str, ...]] = get_args(CashMode)


def split_refund(
    total_minor: int, remaining_per_tender: Sequence[int], policy: SplitPolicy = "proportional"
) -> tuple[int, ...]:
    """Return what goes back to each tender; never more than remains on it.

    `first_first` and `last_first` empty the tenders one after the other, for a setting such as
    "gift card first": the caller puts the tenders in order.

    Raises:
        Invalid: an amount is negative, or the policy is unknown.
        Refused: `too_much_money`, more than remains on all of them; the rest is store credit.
    """
    if policy not in SPLIT_POLICIES or total_minor < 0 or min(remaining_per_tender, default=0) < 0:
        raise Invalid(
            "A refund is split over tenders with nothing negative, by a known policy.",
            f"Use one of {', '.join(SPLIT_POLICIES)}.",
            code="bad_split",
            policy=policy,
            total_minor=total_minor,
            remaining_per_tender=tuple(remaining_per_tender),
        )
    refundable = sum(remaining_per_tender)
    if total_minor > refundable:
        raise Refused(
            "The refund is more than what remains on the tenders.",
            "Refund what remains, and give the rest as store credit.",
            code="too_much_money",
            amount_minor=total_minor,
            left_minor=refundable,
        )
    if policy == "proportional":
        return allocate(total_minor, remaining_per_tender)
    parts = [0] * len(remaining_per_tender)
    indexes = range(len(parts))
    left = total_minor
    for index in indexes if policy == "first_first" else reversed(indexes):
        parts[index] = min(left, remaining_per_tender[index])
        left -= parts[index]
    return tuple(parts)


def split_with_first(
    total_minor: int, remaining_per_tender: Sequence[int], first: Sequence[bool]
) -> tuple[int, ...]:
    """Return what goes back to each tender where some are given back to before the others.

    Those that are `first` share as much as they can take in proportion, and the others share the rest.

    Raises:
        Refused: `too_much_money`, as `split_refund`.
    """
    before = [left if early else 0 for left, early in zip(remaining_per_tender, first, strict=True)]
    early = split_refund(min(total_minor, sum(before)), before)
    after = [left - given for left, given in zip(remaining_per_tender, before, strict=True)]
    rest = split_refund(total_minor - sum(early), after)
    return tuple(one + other for one, other in zip(early, rest, strict=True))


def round_cash(amount_minor: int, step_minor: int, mode: CashMode = "half") -> tuple[int, int]:
    """Return what cash pays of an amount, and the difference: amount = cash + difference.

    Raises:
        Invalid: the step is not positive, or the mode is unknown.
    """
    if step_minor <= 0 or mode not in CASH_MODES:
        raise Invalid(
            f"Cash cannot be rounded to steps of {step_minor} by {mode!r}.",
            f"Use a step of at least 1 and one of {', '.join(CASH_MODES)}.",
            code="bad_cash_rounding",
            step_minor=step_minor,
            mode=mode,
        )
    magnitude = abs(amount_minor)
    if mode == "half":
        steps = round_ratio(magnitude, step_minor)
    elif mode == "down":
        steps = magnitude // step_minor
    else:
        steps = -(-magnitude // step_minor)
    cash = steps * step_minor if amount_minor >= 0 else -steps * step_minor
    return cash, amount_minor - cash
