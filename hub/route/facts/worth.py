"""What a unit is worth where it lies, and what the work costs where much is planned. Pure, whole numbers.

The worth of the j-th unit that leaves a store (document 5):

    V(j) = P(D >= s - j + 1) x margin x (1 - recapture)  +  P(D < s - j + 1) x residual

D is what the store's own customers will want until its shelves are filled again, a Poisson variable whose
mean is kept in hundredths; s is what it has and nobody was promised. Probabilities are whole thousandths,
rounded from decimal arithmetic, so no processor's idea of a fraction ever reaches a decision.
"""

from decimal import Context, Decimal
from functools import lru_cache
from typing import Final

PPM: Final = 1_000_000
MEAN_LIMIT: Final = 20_000
"""Two hundred units: a store that sells more until it is filled again needs all it has."""
_PRECISE: Final = Context(prec=30)


@lru_cache(maxsize=8_192)
def tail(mean_centi: int) -> tuple[int, ...]:
    """Return P(D >= n) in thousandths for n = 0, 1, 2, …; beyond the last one it is nothing.

    `mean_centi` is the mean in hundredths of a unit, cut at `MEAN_LIMIT`.
    """
    mean = Decimal(min(max(0, mean_centi), MEAN_LIMIT)) / 100
    chance = _PRECISE.exp(-mean)
    left, found, n = Decimal(1), [1_000], 0
    while True:
        left = _PRECISE.subtract(left, chance)
        thousandths = int((left * 1_000).quantize(Decimal(1)))
        if thousandths <= 0:
            return tuple(found)
        found.append(min(found[-1], thousandths))
        n += 1
        chance = _PRECISE.divide(_PRECISE.multiply(chance, mean), Decimal(n))


def at_least(mean_centi: int, units: int) -> int:
    """Return P(D >= units) in thousandths."""
    found = tail(mean_centi)
    if units <= 0:
        return 1_000
    return found[units] if units < len(found) else 0


def opportunity(
    *, mean_centi: int, stock: int, units: int, kept_minor: int, residual_minor: int
) -> tuple[int, ...]:
    """Return what the first, second, … of `units` is worth at a store that has `stock`; never falling.

    `kept_minor` is the margin that is lost with a customer who goes away: margin x (1 - recapture).
    """
    residual = min(residual_minor, kept_minor)  # else the last unit would be worth less than the first
    return tuple(
        (chance * kept_minor + (1_000 - chance) * residual) // 1_000
        for chance in [at_least(mean_centi, stock - nth) for nth in range(units)]
    )


def mean_centi(rate_milli: int, days: int) -> int:
    """Return the mean of a demand of so many thousandths of a unit a day, over days, in hundredths."""
    return min(MEAN_LIMIT, (rate_milli * days + 5) // 10)


def busy_minor(*, used: int, units: int, busy_from_ppm: int, overtime_minor: int, unit_seconds: int) -> int:
    """Return what one unit more costs where `used` of `units` are planned: convex in the use.

    Nothing below `busy_from_ppm`, the whole overtime where it is full:
    `overtime x ((u - u0) / (1 - u0))^2` for the seconds of one unit, rounded up.
    """
    if units <= 0 or busy_from_ppm >= PPM:
        return 0
    over = min(PPM, used * PPM // units) - busy_from_ppm
    if over <= 0:
        return 0
    part = over * 1_000 // (PPM - busy_from_ppm)
    return -(-overtime_minor * unit_seconds * part * part // (3_600 * PPM))


def labour_minor(hour_minor: int, seconds: int) -> int:
    """Return what so many seconds of work cost, rounded up."""
    return -(-hour_minor * seconds // 3_600)


def stays_away_ppm(silent_seconds: int, left_seconds: int) -> int:
    """Return how likely who has been silent so long stays so for `left_seconds` more, in millionths.

    Outages have no typical length: the longer one has lasted, the longer it goes on (a Pareto tail of
    order 1, `P(T > a + t | T > a) = a / (a + t)`).
    """
    silent, left = max(0, silent_seconds), max(0, left_seconds)
    return silent * PPM // (silent + left) if silent else 0
