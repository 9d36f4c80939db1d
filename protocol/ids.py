"""Names and numbers, and how they are checked.

Two kinds never mix: *ids* (UUIDv7, made once at capture, for machines) and *numbers* (printed,
scanned, read aloud). A number carries the location's code and the ordinal of the edge database that
made it, so that a store PC restored from a backup can never print a number twice.
"""

import re
import uuid
from typing import Final, Protocol

EDGE_NAME: Final = re.compile(r"[a-z0-9-]{3,40}")
SYMBOLOGY: Final = re.compile(r"^\][A-Za-z][0-9]")
"""What many scanners put in front of a code to say which kind of symbol it was, such as `]Q1` (AIM)."""
SLIP_PATTERN: Final = re.compile(r"OS1:([a-z]{1,4}):([A-Za-z0-9._-]{1,48}):(\d{1,4}):([0-9A-Z])")
NUMBER_PATTERN: Final = re.compile(r"([A-Z]{2,4})(\d{1,3})-([A-Z]?)(\d{5,9})")
_CHECK_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and no O: read aloud over a counter


class IdMaker(Protocol):
    """A source of identities, passed in so that a seed reproduces a run."""

    def new_id(self) -> str:
        """Return a new UUIDv7 in its canonical 36-character form."""

    def secret(self, n_bytes: int) -> str:
        """Return `n_bytes` random bytes as lower-case hex, fit for tokens and incarnations."""


_NAMES: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:orderspine")


def named_id(*names: str) -> str:
    """Return the id of a thing that somebody else has named: the same names always give the same id.

    So a database that has forgotten the thing gives it its own id again (UUIDv5, RFC 9562 section 5.5).
    """
    return str(uuid.uuid5(_NAMES, "\n".join(names)))


def is_edge_name(name: str) -> bool:
    """Tell whether a name may be an edge: it is also an MQTT user, a topic level and a host label."""
    return EDGE_NAME.fullmatch(name) is not None and not name.startswith("hub")


def format_number(location_code: str, ordinal: int, counter: int, series: str = "") -> str:
    """Return a printed number, such as `LB1-00042`, or `LB1-Z00007` for the series Z.

    Series: none for orders, R for returns, Z for day closes, P for parked baskets.
    """
    return f"{location_code}{ordinal}-{series}{counter:05d}"


def slip_code(slip_type: str, slip_id: str, attempt: int) -> str:
    """Return what the QR code of a slip says: `OS1:<type>:<id>:<attempt>:<check>`."""
    body = f"OS1:{slip_type}:{slip_id}:{attempt}"
    return f"{body}:{_check(body)}"


def parse_slip_code(text: str) -> tuple[str, str, int] | None:
    """Return (type, id, attempt) of one of our slips, or None when it is not one or was misread."""
    code = SYMBOLOGY.sub("", text.strip())
    found = SLIP_PATTERN.fullmatch(code)
    if found is None or _check(code.rpartition(":")[0]) != found.group(4):
        return None
    return found.group(1), found.group(2), int(found.group(3))


def _check(body: str) -> str:
    """Return one check character; position-weighted, so a swap of neighbours is noticed."""
    total = sum(weight * ord(letter) for weight, letter in enumerate(body, start=1))
    return _CHECK_ALPHABET[total % len(_CHECK_ALPHABET)]
