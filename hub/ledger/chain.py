"""The chain of an entity's journals: each hash is over the journal and the hash before it.

Whoever changed, added or took away a journal behind the database's back would have to change every hash after
it, and the hashes that were signed and exported with each close are elsewhere. SHA-256 over the canonical
bytes of a journal, in the order of the log.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.ledger.rows import chain, chain_heads, entries, journals

FIRST: Final = bytes(32)
"""What stands before the first journal of an entity."""
PIECE: Final = 2_000
_entity: Final = sa.func.coalesce(journals.c.entity, "")
"""As a term the entity has no index, so a piece is read in the order of the journals and not sorted out."""
_HEAD: Final = Lookup(
    sa.select(chain_heads.c.journals, chain_heads.c.hash).where(chain_heads.c.entity == sa.bindparam("of"))
)
Head = tuple[int, bytes]
"""How many journals there are, and the hash of the last."""


def link(before: bytes, journal: Sequence[Any], sides: Sequence[Sequence[Any]]) -> bytes:
    """Return the hash of a journal after the one before it."""
    return hashlib.sha256(before + orjson.dumps([journal, sides])).digest()


def head_of(connection: Connection, entity: str) -> Head:
    """Return where the chain of an entity stands."""
    row = _HEAD.first(connection, of=entity)
    return (int(row.journals), bytes(row.hash)) if row else (0, FIRST)


def newest_but(connection: Connection, entity: str, count: int) -> int:
    """Return the journal after which there are `count` more; 0 when there are not that many."""
    found = connection.execute(
        sa.select(journals.c.journal_id)
        .where(_entity == entity)
        .order_by(journals.c.journal_id.desc())
        .offset(count)
        .limit(1)
    ).scalar()
    return int(found or 0)


def broken_at(connection: Connection, entity: str, *, after: int = 0) -> int:
    """Return the first journal whose hash is not what it should be, 0 when the chain holds.

    `after` is a journal whose hash is known to be right; the chain is followed from there. A journal that was
    taken away shows as the one after it; one from the end shows as -1.
    """
    known = connection.execute(sa.select(chain.c.hash).where(chain.c.journal_id == after)).scalar()
    before = bytes(known) if known else FIRST
    for journal, sides, hashed in _journals(connection, entity, after if known else 0):
        before = link(before, journal, sides)
        if before != hashed:
            return int(journal[0])
    count, last = head_of(connection, entity)
    there = connection.execute(sa.select(sa.func.count()).where(journals.c.entity == entity)).scalar_one()
    return 0 if (int(there), before) == (count, last) else -1


def _journals(
    connection: Connection, entity: str, after: int
) -> Iterator[tuple[list[Any], list[list[Any]], bytes]]:
    heads = (
        sa.select(*journals.c, sa.func.coalesce(chain.c.hash, sa.literal(b"")).label("hash"))
        .outerjoin(chain, chain.c.journal_id == journals.c.journal_id)
        .where(_entity == entity, journals.c.journal_id > sa.bindparam("after"))
        .order_by(journals.c.journal_id)
        .limit(PIECE)
    )
    of_them = (
        sa.select(entries)
        .where(entries.c.journal_id > sa.bindparam("after"), entries.c.journal_id <= sa.bindparam("upto"))
        .order_by(entries.c.journal_id, entries.c.n)
    )
    while rows := connection.execute(heads, {"after": after}).all():
        upto = rows[-1].journal_id
        sides: dict[int, list[list[Any]]] = {}
        for journal_id, _n, *side in connection.execute(of_them, {"after": after, "upto": upto}):
            sides.setdefault(journal_id, []).append(side)
        for row in rows:
            *journal, hashed = row
            yield journal, sides.get(row.journal_id, []), bytes(hashed)
        after = upto
