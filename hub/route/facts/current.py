"""The set of parameters that counts, and any other version, parsed once and kept by its text.

Every unit of work asks which version counts and parses none.
"""

import hashlib
from collections import OrderedDict
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.route.facts.book import Book
from hub.route.facts.parameters import ParameterSet
from hub.route.facts.rows import routing_activations, routing_sets
from hub.spine.work import Promising
from protocol.errors import NotFound
from protocol.kit.text import _

_NEWEST: Final = Lookup(
    sa.select(routing_activations.c.version).order_by(routing_activations.c.n.desc()).limit(1)
)
_DIGEST: Final = Lookup(sa.select(routing_sets.c.digest).where(routing_sets.c.version == sa.bindparam("of")))
_BODY: Final = sa.select(routing_sets.c.body).where(routing_sets.c.version == sa.bindparam("of"))
_MEMORY: Final = "routing_book"
BOOKS: Final = 8
"""Sets that stay parsed: the one that counts, those of a comparison, and those of other hubs in a test."""
_BOOKS: Final[OrderedDict[tuple[int, str, Promising], Book]] = OrderedDict()


def digest_of(text: str) -> str:
    """Return the hash under which a parsed set is kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def active_version(connection: Connection) -> int:
    """Return which version counts, 0 while nobody has let one count."""
    return int(_NEWEST.scalar(connection) or 0)


def book(connection: Connection, terms: Promising, memory: dict[str, Any] | None = None) -> Book:
    """Return the set that counts; `memory` is that of the unit of work, which asks once."""
    if memory is None:
        return book_of(connection, terms, active_version(connection))
    version = memory.get(_MEMORY)
    if version is None:
        version = memory[_MEMORY] = active_version(connection)
    return book_of(connection, terms, version)


def book_of(connection: Connection, terms: Promising, version: int) -> Book:
    """Return a version, ready to be asked.

    Raises:
        NotFound: there is no such version.
    """
    digest = "" if version == 0 else _DIGEST.scalar(connection, of=version)
    if digest is None:
        raise NotFound(
            _("There is no version {n} of the routing rules.", n=version),
            _("Choose one of the list."),
            code="no_version",
        )
    key = (version, digest, terms)
    found = _BOOKS.get(key)
    if found is None:
        text = "{}" if version == 0 else str(connection.execute(_BODY, {"of": version}).scalar_one())
        found = _BOOKS[key] = Book(version, ParameterSet.model_validate_json(text), terms)
        while len(_BOOKS) > BOOKS:
            _BOOKS.popitem(last=False)
    return found
