"""Taking back what was lent while there is no line: a code that two people say over the telephone.

The hub gives rights up first, in its own cell R; the code says the new R of one article and proves that
this hub said it to this store in this epoch. Typed in, it does exactly what the vector would have done, so it
may be typed twice, or after the vector has come: cells merge by their maximum.
"""

import hashlib
import hmac
from typing import Final

from protocol.errors import Invalid

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for another one over the telephone."""
PROOF_LETTERS: Final = 9
"""45 bits; the store lets nobody guess more than a few times a minute."""
_MISHEARD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
LIMIT: Final = 32**6


def make_code(key: bytes, *, edge: str, inc: str, hub_inc: str, ep: int, sku: str, returned: int) -> str:
    """Return the code that says how many units of an article the hub has given back in this epoch."""
    number = _letters(returned)
    proof = _proof(key, "|".join((edge, inc, hub_inc, str(ep), sku, str(returned))))
    return f"{number}-{proof[:3]}-{proof[3:6]}-{proof[6:]}"


def read_code(code: str, key: bytes, *, edge: str, inc: str, hub_inc: str, ep: int, sku: str) -> int:
    """Return how many units of an article the hub has given back in this epoch.

    Raises:
        Invalid: the code was not made for this article of this store, or was misheard.
    """
    said = code.strip().upper().translate(_MISHEARD)
    number = said[:-PROOF_LETTERS]
    if number and len(number) <= 6 and all(letter in LETTERS for letter in said):
        returned = 0
        for letter in number:
            returned = returned * 32 + LETTERS.index(letter)
        good = make_code(key, edge=edge, inc=inc, hub_inc=hub_inc, ep=ep, sku=sku, returned=returned)
        if hmac.compare_digest(good.replace("-", ""), said):
            return returned
    raise Invalid(
        "This code is not for this article of this store.",
        "Have it read out once more, letter by letter; each code is for one article.",
        code="bad_code",
    )


def _letters(number: int) -> str:
    if not 0 <= number < LIMIT:
        raise Invalid("So many units are never said by a code.", "Wait for the line.", code="too_many")
    found = ""
    while True:
        number, digit = divmod(number, 32)
        found = LETTERS[digit] + found
        if not number:
            return found


def _proof(key: bytes, said: str) -> str:
    digest = int.from_bytes(hmac.new(key, f"reclaim|{said}".encode(), hashlib.sha256).digest())
    return "".join(LETTERS[digest >> 5 * n & 31] for n in range(PROOF_LETTERS))
