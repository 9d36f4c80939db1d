"""Money: whole minor units, one rounding rule, one way to share an amount out.

An amount is an `int` of the currency's smallest unit: 12.50 GBP is 1250, 105 JPY is 105. There is one
rounding rule, half away from zero on the magnitude, so that a refund is the mirror of its sale. Python's
own `round` rounds halves to even and a float cannot hold a cent: neither is used anywhere for money.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from protocol.errors import Invalid

PPM: Final = 1_000_000
"""Rates and percentages are parts per million: 20 % is 200_000, 8.875 % is 88_750."""

_CODES: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF"
        " CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD"
        " HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK"
        " MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD"
        " RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS"
        " UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

CURRENCY_EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {code: places for places, codes in _CODES.items() for code in codes.split()}
)
"""How many decimal places each currency's minor unit stands for (ISO 4217)."""

# Fifteen digits are more money than there is, and keep a typed amount inside 64 bits.
_AMOUNT: Final = re.compile(r"([0-9]{1,15})(?:[.,]([0-9]{1,4}))?")


def round_ratio(numerator: int, denominator: int) -> int:
    """Return numerator / denominator as a whole number, halves away from zero.

    Raises:
        Invalid: the denominator is zero.
    """
    if denominator == 0:
        raise Invalid(
            "An amount cannot be divided by nothing.",
            "Check the quantity it is shared over.",
            code="no_ratio",
        )
    magnitude, parts = abs(numerator), abs(denominator)
    rounded = (2 * magnitude + parts) // (2 * parts)
    return rounded if (numerator < 0) == (denominator < 0) else -rounded


def allocate(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Share `total` over `weights` so that the parts sum to it exactly (largest remainder).

    Ties go to the lowest index; a weight of 0 gets nothing; a negative total is the mirror image.

    Raises:
        Invalid: a weight is negative, or there is something to share and nobody to take it.
    """
    whole = sum(weights)
    if weights and min(weights) < 0:
        raise Invalid(
            "An amount cannot be shared by negative weights.",
            "Share refunds and sales separately.",
            code="negative_weight",
            weights=tuple(weights),
        )
    if total == 0:
        return (0,) * len(weights)
    if whole == 0:
        raise Invalid(
            "There is an amount to share and no line to take it.",
            "Remove the amount, or add a line that costs something.",
            code="nothing_to_share_over",
            total=total,
        )
    sign, magnitude = (1, total) if total > 0 else (-1, -total)
    parts = []
    remainders = []
    left = magnitude
    for weight in weights:
        part, remainder = divmod(magnitude * weight, whole)
        parts.append(part)
        remainders.append(remainder)
        left -= part
    if left:
        # `sorted` is stable, so equal remainders keep the order of the lines. A weight of 0 has the
        # remainder 0, and fewer units are left than there are lines with a larger one.
        for index in sorted(range(len(parts)), key=lambda i: -remainders[i])[:left]:
            parts[index] += 1
    return tuple(parts) if sign > 0 else tuple(-part for part in parts)


def exponent(currency: str) -> int:
    """Return how many decimal places a currency has.

    Raises:
        Invalid: no such currency.
    """
    places = CURRENCY_EXPONENTS.get(currency)
    if places is None:
        raise Invalid(
            f"{currency!r} is not a currency.",
            "Use a three-letter ISO 4217 code such as GBP.",
            code="unknown_currency",
            currency=currency,
        )
    return places


def format_minor(amount_minor: int, currency: str, *, sign: bool = False) -> str:
    """Return an amount as plain digits with a point, such as `12.50`: for paper and for CSV.

    With `sign` a positive amount begins with `+`. There is no symbol and no grouping: that is the
    business of the reader's locale.
    """
    places = exponent(currency)
    plus = "+" if sign and amount_minor else ""
    prefix = "-" if amount_minor < 0 else plus
    if places == 0:
        return f"{prefix}{abs(amount_minor)}"
    whole, part = divmod(abs(amount_minor), 10**places)
    return f"{prefix}{whole}.{part:0{places}d}"


def parse_minor(text: str, currency: str) -> int:
    """Return the amount a person typed: `12`, `12.50` or `12,50`, with all decimal places or none.

    Grouping is refused rather than guessed: `1,234` is a thousand to one reader and a little more
    than one to another.

    Raises:
        Invalid: the text is anything else.
    """
    places = exponent(currency)
    found = _AMOUNT.fullmatch(text)
    if found is None or len(found.group(2) or "") not in {0, places}:
        example = format_minor(1250 if places == 2 else 12 * 10**places, currency)
        raise Invalid(
            f"{text[:40]!r} is not an amount in {currency}.",
            f"Type it like {example}.",
            code="bad_amount",
            text=text[:40],
            currency=currency,
        )
    scale: int = 10**places
    return int(found.group(1)) * scale + int(found.group(2) or 0)


_PERCENT: Final = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,4}))?")


def parse_percent(text: str) -> int:
    """Return the parts per million of a percentage a person typed: `20`, `8,875` or `12.5 %`.

    Raises:
        Invalid: the text is anything else.
    """
    found = _PERCENT.fullmatch(text.strip().removesuffix("%").strip())
    if found is None:
        raise Invalid(
            f"{text[:40]!r} is no percentage.", "Type it like 12.5.", code="bad_percentage", text=text[:40]
        )
    return int(found.group(1)) * 10_000 + int((found.group(2) or "").ljust(4, "0"))


def format_percent(ppm: int) -> str:
    """Return parts per million as a percentage: `20`, `8.875`."""
    whole, part = divmod(abs(ppm), 10_000)
    sign = "-" if ppm < 0 else ""
    return f"{sign}{whole}.{part:04d}".rstrip("0").rstrip(".")
