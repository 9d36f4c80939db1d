"""What a scanned or typed text means, before anybody looks it up.

The order matters (document: screens, scanning): our own QR, then GS1 with or without its symbology prefix,
then a GTIN by its check digit, then any code a product has. A twelve-digit GTIN is the thirteen-digit one
with a leading zero, so a trade number is looked up in every length it may be stored in.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

import biip

from protocol.ids import parse_slip_code

CODE_LIMIT: Final = 512
"""A GS1 Digital Link fits; a pasted letter does not."""
_LENGTHS: Final = (13, 12, 8, 14)
_SYMBOLOGY: Final = re.compile(r"^\][A-Za-z][0-9]")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a text may be: a slip of ours, or codes to look up in this order."""

    kind: Literal["slip", "gs1", "gtin", "code"]
    candidates: tuple[str, ...] = ()
    slip: tuple[str, str, int] | None = None
    misread: bool = False
    """It has the length of a trade number and a wrong check digit: scan again, do not search."""


def meaning_of(text: str) -> Meaning:
    """Return what a scan means, without looking anything up."""
    code = clean(text)
    bare = without_symbology(code)
    slip = parse_slip_code(bare)
    if slip is not None:
        return Meaning("slip", slip=slip)
    plain = code.isascii() and code.isdigit()
    if plain and len(code) in _LENGTHS:
        # The common case is settled without the parser: it costs as much as everything else of a scan.
        if has_check_digit(code):
            return Meaning("gtin", candidates=gtin_forms(code))
        return Meaning("code", candidates=(code,), misread=True)
    if plain or code[:1] == "]" or "://" in code[:8] or "\x1d" in code:
        found = _gs1(code)
        if found is not None:
            return Meaning("gs1", candidates=(*gtin_forms(found), code))
    return Meaning("code", candidates=tuple(dict.fromkeys((code, bare))))


def without_symbology(code: str) -> str:
    """Return a scan without the three letters by which some scanners say which symbology they read.

    A handheld without Wi-Fi takes a store code for itself with or without them (`handheld.js`), and so does
    the store.
    """
    return _SYMBOLOGY.sub("", code).removeprefix("\x1d")


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


def _gs1(code: str) -> str | None:
    """Return the trade number inside a GS1 element string or Digital Link."""
    try:
        result = biip.parse(code)
    except (biip.ParseError, IndexError, ValueError):  # a lone "]" makes biip look beyond its end
        return None
    gtin = result.gtin
    return str(gtin.value) if gtin is not None else None
