"""What a month expects and has not seen yet: goods that will come back, cards that nobody will spend. Pure.

Both are posted on the last day of a month and taken back on the first day of the next (matrix 12 and 60), so
each month stands on its own estimate, and what really happens posts as it does anyway.
"""

from hub.ledger.rules import Draft, Line, aftersales, desk
from protocol.books import Accrued
from protocol.money import PPM, round_ratio


def expected_returns(sales_minor: int, returned_minor: int, rate_ppm: int) -> int:
    """Return what of a month's sales is still to come back: its share, less what has come back already."""
    return max(0, round_ratio(max(0, sales_minor) * rate_ppm, PPM) - max(0, returned_minor))


def recovered(expected_minor: int, *, sales_minor: int, cost_minor: int, recover_ppm: int) -> int:
    """Return what the goods of expected returns will be worth: their part of the month's cost."""
    if sales_minor <= 0:
        return 0
    cost = round_ratio(expected_minor * max(0, cost_minor), sales_minor)
    return round_ratio(cost * recover_ppm, PPM)


def breakage(redeemed_minor: int, rate_ppm: int, outstanding_minor: int) -> int:
    """Return what of gift cards is taken for never spent, in proportion to what was spent in a month.

    Of each 100 on cards `rate` stay unspent and the rest is spent, so spending 100 - rate breaks `rate`
    (IFRS 15 B46). Never more than is on the cards.
    """
    if redeemed_minor <= 0:
        return 0
    return max(0, min(round_ratio(redeemed_minor * rate_ppm, PPM - rate_ppm), outstanding_minor))


def fees_expected(owed_minor: int, rate_ppm: int) -> int:
    """Return what marketplaces will keep of what they owe at the end of a month (matrix 50)."""
    return round_ratio(max(0, owed_minor) * rate_ppm, PPM)


def accrued(body: Accrued) -> tuple[Draft, ...]:
    """Return the drafts of what is expected, or of taking it back."""
    rule = f"{body.kind}_back" if body.taken_back else body.kind
    if body.kind == "fees_expected":
        (estimated,) = desk.fee_estimated("", body.amount_minor, body.period)
        return (Draft(rule, estimated.lines, body.period),)
    if body.kind == "breakage":
        return tuple(
            Draft(rule, draft.lines, body.period) for draft in aftersales.broken(body.amount_minor, "")
        )
    lines = (
        Line("sales_returns", body.amount_minor),
        Line("expected_returns", -body.amount_minor),
        Line("right_to_recover", body.cost_minor),
        Line("cogs_returns", -body.cost_minor),
    )
    return (Draft(rule, lines, body.period),)
