"""What a part of a line is worth: each amount of an order is allocated once, and shared out by units.

The share of units `before+1 … before+count` of a line is the difference of two rounded running totals, so
any sequence of handovers, shipments, cancellations and their undoing sums exactly to the line's amount.
"""

from protocol.errors import Invalid
from protocol.money import round_ratio


def share_minor(total_minor: int, *, units: int, before: int, count: int) -> int:
    """Return what `count` more units are worth of a line of `units`, once `before` are settled.

    A negative count takes units back and returns the exact opposite of what they were worth.

    Raises:
        Invalid: the line has not so many units.
    """
    if units <= 0 or not 0 <= before <= units or not 0 <= before + count <= units:
        raise Invalid(
            f"{count} more of {units} units, with {before} settled, cannot be.",
            "Look at the order's lines again.",
            code="bad_share",
            units=units,
            before=before,
            count=count,
        )
    return _running(total_minor, before + count, units) - _running(total_minor, before, units)


def _running(total_minor: int, settled: int, units: int) -> int:
    return round_ratio(total_minor * settled, units)
