"""What a store code says: which article, and the weight, price or count that a scale printed into it.

GS1 leaves the numbers that begin with 02 and 20 to 29 to its member organisations ("restricted circulation
numbers"), so the same digits mean a price in one country and a weight in the next. A layout is the first
twelve digits as a text, the way GS1 draws it, with the decimal point where it belongs:

    20IIIIICPP.PP    prefix 20, five digits of the article, check digit of the price, price 12.34

`I` is the article, `C` the check digit of what follows, `P` a price in the store's currency, `W` a weight in
kilograms, `N` a count. The thirteenth digit is the ordinary one of every such number and was looked at
before. Sources: the pages of the member organisations named at each region; GS1 General Specifications 2.1.12
and, for the check digit of a price or weight, 7.9.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from protocol.money import round_ratio

_NORDIC_WEIGHTS: Final = ("23IIIIIIW.WWW", "24IIIIIIWW.WW", "25IIIIIIWWW.W")
_NORDIC_PRICES: Final = ("20IIIIIIPP.PP", "21IIIIIIPPP.P", "22IIIIIIPPPP")
REGIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "gb": ("20IIIIICPP.PP",),  # gs1uk.org, how to barcode variable measure items
        "de": (  # gs1-germany.de, GTIN in der Anwendung; SAN-4
            "22IIIICPPP.PP",
            "23IIIICPPP.PP",
            "25IIIICNNNNN",
            "26IIIICNNNNN",
            "28IIIICWW.WWW",
            "29IIIICWW.WWW",
        ),
        "dk": (  # gs1.dk, GTIN-13 pris and GTIN-13 vægt
            "21IIIIPPPP.PP",
            "22IIIIPPPP.PP",
            "23IIIIPPPP.PP",
            "24IIIIPPPP.PP",
            "26IIIIWWW.WWW",
            "27IIIIIWW.WWW",
            "28IIIIWWW.WWW",
        ),
        "se": (*_NORDIC_PRICES, *_NORDIC_WEIGHTS),  # gs1.se, variable weight numbers
        "no": (*_NORDIC_PRICES, *_NORDIC_WEIGHTS),  # as in Sweden
        "fi": _NORDIC_WEIGHTS,  # gs1.fi, how to identify a product
        "ee": _NORDIC_WEIGHTS,  # gs1lv.org, variable measure in Latvia
        "lv": _NORDIC_WEIGHTS,
        "lt": _NORDIC_WEIGHTS,
        "us": ("02IIIIICPP.PP",),  # UPC-A of number system 2: random weight, price with its check digit
    }
)
_LAYOUT: Final = re.compile(r"(02|2[0-9])(I{4,8})(C?)((?:P+|W+|N+)(?:\.(?:P+|W+))?)")
_DIGITS: Final = 12  # of a number of thirteen, without its own check digit
_MOST_DECIMALS: Final = 3

# Weighting factors of GS1 General Specifications 7.9.2, by digit.
_TWO_MINUS: Final = (0, 2, 4, 6, 8, 9, 1, 3, 5, 7)
_THREE: Final = (0, 3, 6, 9, 2, 5, 8, 1, 4, 7)
_FIVE_PLUS: Final = (0, 5, 1, 6, 2, 7, 3, 8, 4, 9)
_FIVE_MINUS: Final = (0, 5, 9, 4, 8, 3, 7, 2, 6, 1)
_OF_FOUR: Final = (_TWO_MINUS, _TWO_MINUS, _THREE, _FIVE_MINUS)
_OF_FIVE: Final = (_FIVE_PLUS, _TWO_MINUS, _FIVE_MINUS, _FIVE_PLUS, _TWO_MINUS)


class Measure(StrEnum):
    """What varies from piece to piece."""

    PRICE = "price"
    WEIGHT = "weight"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a code says of one piece: `value` is the digits as a number, with so many decimals."""

    measure: Measure
    value: int
    decimals: int
    article: tuple[str, ...] = ()
    """The codes under which the article may be known, for a store code."""
    misread: bool = False
    """The check digit of the price or weight is wrong, or nothing was weighed: scan again, do not sell."""

    def minor(self, exponent: int) -> int:
        """Return a price in minor units of a currency with so many decimals."""
        return round_ratio(self.value * 10**exponent, 10**self.decimals)

    @property
    def grams(self) -> int:
        """Return a weight in grams."""
        return round_ratio(self.value * 1000, 10**self.decimals)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a store code stand."""

    prefix: str
    article: slice
    checked: bool
    value: slice
    measure: Measure
    decimals: int

    def read(self, thirteen: str) -> Measured:
        """Return what a number of thirteen digits with this prefix says."""
        digits = thirteen[self.value]
        wrong = self.checked and measure_check_digit(digits) != int(thirteen[self.value.start - 1])
        known = thirteen[: self.article.stop]
        return Measured(
            self.measure,
            int(digits),
            self.decimals,
            article=(self._without_measure(known), known),
            misread=wrong or not int(digits),
        )

    def _without_measure(self, known: str) -> str:
        """Return the number as a catalogue keeps it: noughts for the measure, and both check digits anew."""
        body = known.ljust(_DIGITS, "0")
        total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(body))
        return f"{body}{-total % 10}"


@lru_cache(maxsize=64)
def layout_of(text: str) -> Layout:
    """Return the layout that a text draws.

    Raises:
        ValueError: it draws none; says what is wrong with it.
    """
    found = _LAYOUT.fullmatch(text)
    plain = text.replace(".", "")
    if found is None or len(plain) != _DIGITS:
        raise ValueError(f"{text!r} is no layout of a store code, such as 20IIIIICPP.PP")
    prefix, article, check, drawn = found.groups()
    whole, _point, part = drawn.partition(".")
    if set(part) - set(whole) or len(part) > _MOST_DECIMALS:
        raise ValueError(f"{text!r} mixes measures, or has more than {_MOST_DECIMALS} decimals")
    if check and len(whole + part) not in {len(_OF_FOUR), len(_OF_FIVE)}:
        raise ValueError(f"{text!r} has a check digit, which there is only for four or five digits")
    measure = {"P": Measure.PRICE, "W": Measure.WEIGHT, "N": Measure.COUNT}[whole[0]]
    return Layout(
        prefix=prefix,
        article=slice(2, 2 + len(article)),
        checked=bool(check),
        value=slice(_DIGITS - len(whole + part), _DIGITS),
        measure=measure,
        decimals=len(part),
    )


def read_store_code(digits: str, layouts: Iterable[Layout]) -> Measured | None:
    """Return what a trade number says by the first layout of its prefix, or None where none is said.

    `digits`: 12 or 13 digits with a right check digit.
    """
    thirteen = digits.zfill(_DIGITS + 1)
    for layout in layouts:
        if thirteen.startswith(layout.prefix):
            return layout.read(thirteen)
    return None


def measure_check_digit(digits: str) -> int:
    """Return the check digit of four or five digits of a price or weight (GS1 General Specifications 7.9)."""
    weights = _OF_FOUR if len(digits) == len(_OF_FOUR) else _OF_FIVE
    total = sum(weight[int(digit)] for weight, digit in zip(weights, digits, strict=True))
    if weights is _OF_FOUR:
        return total * 3 % 10
    return _FIVE_MINUS.index(-total % 10)
