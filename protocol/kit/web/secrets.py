"""PINs and passwords: hashed with argon2, compared in the same time whether the person exists or not.

One hash takes about 170 ms of a core on purpose. So a PIN is only ever checked against the one person who
was chosen first, and routes that are coroutines use `verify_secret_aside`, which leaves the event loop free.
"""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

_HASHER = PasswordHasher()


def hash_secret(secret: str) -> str:
    """Return what is stored of a PIN or password."""
    return _HASHER.hash(secret)


def verify_secret(stored: str | None, secret: str) -> bool:
    """Tell whether a secret is the stored one; with nothing stored it takes as long and is False."""
    try:
        _HASHER.verify(stored or _nobody(), secret)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False
    return stored is not None


async def verify_secret_aside(stored: str | None, secret: str) -> bool:
    """Do the same in a thread."""
    return await asyncio.to_thread(verify_secret, stored, secret)


def needs_new_hash(stored: str) -> bool:
    """Tell whether the stored form is older than today's settings and should be made again at sign-in."""
    return _HASHER.check_needs_rehash(stored)


def forget_stand_in() -> None:
    """Make what stands in for an unknown person anew; for tests that hash with other settings."""
    _nobody.cache_clear()


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this secret")
