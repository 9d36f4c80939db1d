"""The credentials of an edge: a password for the broker and a token for HTTPS, shown once.

Only hashes are kept. The broker's is a line in Mosquitto's own format, so its password file can be written
from the registry without Mosquitto's tools. Both secrets are long and random: they need no slow hash.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from protocol.ids import IdMaker

ROUNDS: Final = 101
"""Mosquitto's own count; a password of 192 random bits gains nothing from more."""
SALT_BYTES: Final = 12
SECRET_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a new edge is given, once."""

    edge: str
    mqtt_password: str = field(repr=False)
    token: str = field(repr=False)
    mqtt_hash: str = field(repr=False)
    token_hash: str = field(repr=False)


def make_credentials(edge: str, ids: IdMaker) -> Credentials:
    """Return new credentials of an edge with the hashes to keep."""
    password, token = ids.secret(SECRET_BYTES), f"{edge}.{ids.secret(SECRET_BYTES)}"
    return Credentials(
        edge=edge,
        mqtt_password=password,
        token=token,
        mqtt_hash=mosquitto_hash(password, bytes.fromhex(ids.secret(SALT_BYTES))),
        token_hash=hash_token(token),
    )


def mosquitto_hash(password: str, salt: bytes) -> str:
    """Return what stands after the name in a line of Mosquitto's password file."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def hash_token(token: str) -> str:
    """Return the form in which a token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def edge_of_token(token: str) -> str:
    """Return the edge that a token says it belongs to."""
    return token.partition(".")[0]


def is_token(token: str, kept: str) -> bool:
    """Tell whether a token is the one that was given out, in a time that tells nothing."""
    return bool(kept) and hmac.compare_digest(hash_token(token), kept)
