"""Tax of a line and of a document.

Where prices include tax, the tax is taken out first and the net is the rest: the other way round an
exact tie lands on the wrong side. On a document the tax of all lines with one rate is rounded once and
then shared out, so three lines of 0.99 do not pay a cent more than one line of 2.97 ("line" mode, a
setting, rounds each line by itself).
"""

from collections.abc import Sequence
from typing import Final, Literal, get_args

from protocol.errors import Invalid
from protocol.money import PPM, allocate, round_ratio

Prices = Literal["tax_inclusive", "tax_exclusive"]
TaxMode = Literal["document", "line"]
PRICES: Final[tuple[str, ...]] = get_args(Prices)
TAX_MODES: Final[tuple[str, ...]] = get_args(TaxMode)


def tax_inclusive(gross_minor: int, rate_ppm: int) -> int:
    """Return the tax inside a gross amount; the net is what is left of it."""
    _require_rate(rate_ppm)
    return round_ratio(gross_minor * rate_ppm, PPM + rate_ppm)


def tax_exclusive(net_minor: int, rate_ppm: int) -> int:
    """Return the tax that comes on top of a net amount."""
    _require_rate(rate_ppm)
    return round_ratio(net_minor * rate_ppm, PPM)


def tax_document(
    lines: Sequence[tuple[int, int]], mode: TaxMode = "document", *, prices: Prices = "tax_inclusive"
) -> tuple[int, ...]:
    """Return the tax of each line `(amount_minor, rate_ppm)`; the document's tax is their sum.

    The amounts are gross where prices include tax and net where they do not.

    Raises:
        Invalid: a rate is negative, the mode is unknown, or sales and refunds are mixed in one rate.
    """
    if mode not in TAX_MODES or prices not in PRICES:
        raise Invalid(
            f"There is no tax mode {mode!r} for prices {prices!r}.",
            f"Use one of {', '.join(TAX_MODES)} with one of {', '.join(PRICES)}.",
            code="unknown_tax_mode",
            mode=mode,
            prices=prices,
        )
    tax_of = tax_inclusive if prices == "tax_inclusive" else tax_exclusive
    if mode == "line":
        return tuple([tax_of(amount, rate) for amount, rate in lines])
    groups: dict[int, list[int]] = {}
    for index, (_, rate) in enumerate(lines):
        groups.setdefault(rate, []).append(index)
    taxes = [0] * len(lines)
    for rate, indexes in groups.items():
        amounts = [lines[index][0] for index in indexes]
        if min(amounts) < 0 < max(amounts):
            raise Invalid(
                "Sales and refunds cannot share one tax calculation.",
                "Work out the two legs as two documents.",
                code="mixed_signs",
                rate_ppm=rate,
            )
        shares = allocate(tax_of(sum(amounts), rate), [abs(amount) for amount in amounts])
        for index, share in zip(indexes, shares, strict=True):
            taxes[index] = share
    return tuple(taxes)


def _require_rate(rate_ppm: int) -> None:
    if rate_ppm < 0:
        raise Invalid(
            "A tax rate cannot be negative.",
            "Give it in parts per million: 20 % is 200000.",
            code="negative_rate",
            rate_ppm=rate_ppm,
        )
