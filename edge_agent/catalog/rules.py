"""What a scanned or typed text means, before anybody looks it up, and what a piece of it is sold for.

The order matters (document: screens, scanning): our own QR, then GS1 with or without its symbology prefix,
then a GTIN by its check digit, then any code a product has. A twelve-digit GTIN is the thirteen-digit one
with a leading zero, so a trade number is looked up in every length it may be stored in.

A store code (`protocol.rules.store_codes`) and a GS1 code with a weight (310n) or an amount (392n) also say
what this one piece weighs or costs. The price of an article that is sold by weight is that of a kilogram; its
stock is counted in pieces.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

import biip

from protocol.catalog import Product
from protocol.ids import SYMBOLOGY, parse_slip_code
from protocol.money import round_ratio
from protocol.rules.store_codes import Layout, Measure, Measured, read_store_code

CODE_LIMIT: Final = 512
"""A GS1 Digital Link fits; a pasted letter does not."""
_LENGTHS: Final = (13, 12, 8, 14)
_STORE_CODES: Final = (13, 12)
_MEASURES: Final = {"310": Measure.WEIGHT, "392": Measure.PRICE}
"""The identifiers of a net weight in kilograms and of an amount to pay, without their decimals."""
_NAME: Final = 300
"""Letters of a name at most (`protocol.orders.Name`)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a text may be: a slip of ours, or codes to look up in this order."""

    kind: Literal["slip", "gs1", "gtin", "code"]
    candidates: tuple[str, ...] = ()
    slip: tuple[str, str, int] | None = None
    measured: Measured | None = None
    """What it says of this one piece, where nothing has the very code."""
    misread: bool = False
    """It has the length of a trade number and a wrong check digit: scan again, do not search."""


def meaning_of(text: str, layouts: Iterable[Layout] = ()) -> Meaning:
    """Return what a scan means, without looking anything up; `layouts` are those of store codes here."""
    code = clean(text)
    bare = without_symbology(code)
    slip = parse_slip_code(bare)
    if slip is not None:
        return Meaning("slip", slip=slip)
    plain = code.isascii() and code.isdigit()
    if plain and len(code) in _LENGTHS:
        # The common case is settled without the parser: it costs as much as everything else of a scan.
        if has_check_digit(code):
            measured = read_store_code(code, layouts) if len(code) in _STORE_CODES else None
            return Meaning("gtin", candidates=gtin_forms(code), measured=measured)
        return Meaning("code", candidates=(code,), misread=True)
    if plain or code[:1] == "]" or "://" in code[:8] or "\x1d" in code:
        found, measured = _gs1(code, layouts)
        if found is not None:
            return Meaning("gs1", candidates=(*gtin_forms(found), code), measured=measured)
    return Meaning("code", candidates=tuple(dict.fromkeys((code, bare))))


def without_symbology(code: str) -> str:
    """Return a scan without the three letters by which some scanners say which symbology they read.

    A handheld without Wi-Fi takes a store code for itself with or without them (`handheld.js`), and so does
    the store.
    """
    return SYMBOLOGY.sub("", code).removeprefix("\x1d")


def clean(text: str) -> str:
    """Return a scan without what scanners put around it; control bytes but GS1's separator go."""
    return "".join(letter for letter in text.strip() if letter.isprintable() or letter == "\x1d")[:CODE_LIMIT]


def has_check_digit(digits: str) -> bool:
    """Tell whether a trade number ends in its check digit."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0


def gtin_forms(digits: str) -> tuple[str, ...]:
    """Return a trade number as scanned, then in the other lengths it may be stored in."""
    significant = digits.lstrip("0")
    forms = [digits]
    forms.extend(significant.zfill(length) for length in _LENGTHS if len(significant) <= length)
    return tuple(dict.fromkeys(forms))


def piece_of(product: Product, measured: Measured, exponent: int) -> tuple[Product, int]:
    """Return the piece that was measured, as a product with its own price and cost, and how many they are.

    `exponent`: the decimals of the store's currency.
    """
    if measured.measure is Measure.COUNT:
        return product, measured.value
    if measured.measure is Measure.WEIGHT:
        share, of = measured.grams, 1000
        price_minor = round_ratio(product.price_minor * share, of)
        kilograms = f"{share // 1000}.{share % 1000:03d} kg"
        name = f"{product.name[: _NAME - len(kilograms) - 1]} {kilograms}"
    else:
        price_minor = share = measured.minor(exponent)
        name, of = product.name, product.price_minor or share
    cost_minor = round_ratio(product.unit_cost_minor * share, of)
    return product.model_copy(
        update={"name": name, "price_minor": price_minor, "unit_cost_minor": cost_minor}
    ), 1


def _gs1(code: str, layouts: Iterable[Layout]) -> tuple[str | None, Measured | None]:
    """Return the trade number inside a GS1 element string or Digital Link, and what it says of a piece."""
    try:
        result = biip.parse(code)
    except (biip.ParseError, IndexError, ValueError):  # a lone "]" makes biip look beyond its end
        return None, None
    if result.gtin is None:
        return None, None
    gtin, message = str(result.gtin.value), result.gs1_message
    for element in message.element_strings if message is not None else ():
        if element.ai.ai[:3] in _MEASURES and element.value.isdigit():
            measured = Measured(_MEASURES[element.ai.ai[:3]], int(element.value), int(element.ai.ai[3]))
            return gtin, replace(measured, misread=not measured.value)
    plain = message is None and len(gtin) in _STORE_CODES
    return gtin, read_store_code(gtin, layouts) if plain else None
