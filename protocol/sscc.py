"""Serial shipping container codes: the eighteen digits on a carton's label, one for each carton for ever.

    extension digit · company prefix + the location's own block · serial · check digit
    3               1 2 3 4 5 6 7      8 9 10 11                  …         by GS1, weights 3 and 1

GS1 gives a company its prefix (four to twelve digits). The company gives each location a *block* of its own
behind it, so that two stores which cannot talk never print the same code; without one, digits of its name are
its block, and the hub adds no location whose digits are taken. Within a block a code is unique per
incarnation of the edge database: the ordinal chooses the extension digit, and from the eleventh incarnation
on a higher part of the serial, so that a store PC restored from a backup does not repeat a label either.
"""

import re
from typing import Final
from zlib import crc32

from protocol.errors import Invalid, Unavailable

DIGITS: Final = 18
STEM_DIGITS: Final = (8, 12)
"""How long prefix and block are together: shorter would let two companies meet, longer leaves no serials."""
EXTENSIONS: Final = 10
APPLICATION_IDENTIFIER: Final = "00"
"""What a label says in front of an SSCC; in text it stands in brackets."""
_LABEL: Final = re.compile(r"(?:\]C1|\x1d)?\(?00\)?([0-9]{18})")


def make_sscc(stem: str, ordinal: int, counter: int) -> str:
    """Return the code of the `counter`-th carton of one incarnation; `stem` is prefix and block.

    Raises:
        Invalid: the stem is not 8 to 12 digits.
        Unavailable: the incarnation has used its serials up.
    """
    if not (stem.isascii() and stem.isdigit() and STEM_DIGITS[0] <= len(stem) <= STEM_DIGITS[1]):
        raise Invalid(
            f"{stem!r} is no company prefix with a location's block behind it.",
            "Set 8 to 12 digits in the store's settings.",
            code="bad_sscc_stem",
        )
    width = DIGITS - 2 - len(stem)
    # The ordinal counts from 1. Ten share one part of the serials by their extension digit.
    part, extension = divmod(ordinal - 1, EXTENSIONS)
    size = 10**width // EXTENSIONS
    if not 0 <= counter < size or not 0 <= part < EXTENSIONS:
        raise Unavailable(
            "This store has no carton numbers left.",
            "Give it another block of them in its settings.",
            code="no_sscc_left",
            counter=counter,
            ordinal=ordinal,
        )
    body = f"{extension}{stem}{part * size + counter:0{width}d}"
    return body + check_digit(body)


def default_block(edge: str) -> str:
    """Return the four digits that an edge has as its block when nobody gave it one.

    Of the name count the figures at its end, and one digit for the rest: `store-1` is not `warehouse-1`. Four
    digits are few, so two names may have the same: the hub adds no location whose block is taken.
    """
    figures = "".join(letter for letter in edge if letter.isdigit())[-3:]
    family = crc32("".join(letter for letter in edge if not letter.isdigit()).encode())
    return f"{family % 10}{figures.zfill(3)}" if figures else f"{family % 10_000:04d}"


def check_digit(digits: str) -> str:
    """Return the check digit GS1 asks for behind these digits: weights 3 and 1 from the right."""
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def is_sscc(text: str) -> bool:
    """Tell whether these are the eighteen digits of a carton, with the right check digit."""
    return len(text) == DIGITS and text.isascii() and text.isdigit() and check_digit(text[:-1]) == text[-1]


def read_label(text: str) -> str:
    """Return the carton that a scan or a typed text names, or nothing.

    A label says `00` and eighteen digits; a scanner may put its own `]C1` in front, a person brackets,
    spaces, or the eighteen digits alone.
    """
    plain = text.strip().replace(" ", "")
    found = _LABEL.fullmatch(plain)
    digits = found.group(1) if found is not None else plain
    return digits if is_sscc(digits) else ""


def spaced(sscc: str) -> str:
    """Return a code in groups of four and two, as people read it aloud."""
    return " ".join((sscc[:4], sscc[4:8], sscc[8:12], sscc[12:16], sscc[16:]))
