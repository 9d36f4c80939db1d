"""Cut the journal into batches that pass the wire.

Events are joined as they were stored. How many fit is learned: a batch that came out too large is halved
and the next ones stay small, growing again with every one that fits. An event over the inline limit travels
over HTTPS first, and the batch then carries its hash in its place.
"""

import hashlib
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from edge_agent.journal import Identity
from edge_agent.link.rows import Stored, events_after, hash_at
from protocol.envelope import (
    BATCH_INFLATED_LIMIT,
    EVENT_INLINE_LIMIT,
    EVENTS_PER_BATCH,
    Batch,
    encode_batch,
)
from protocol.errors import TooLarge
from protocol.kit.sqlite import Connection
from protocol.stream import first_hash

HEADER_ROOM: Final = 24 * 1024
"""What the header of 200 events may take at most, with sizes and hashes."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch that may be published."""

    payload: bytes
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class NeedsBlob:
    """The next event must go over HTTPS before a batch can be made of it."""

    sha256: str
    data: bytes


class Batcher:
    """Makes batches of one incarnation's journal."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._take = EVENTS_PER_BATCH
        self._head: tuple[int, str] = (0, self.first_hash)
        """Where the newest batch ended, and the chain hash there: most begin where the one before ended."""

    def next(
        self,
        connection: Connection,
        after: int,
        *,
        sess: str,
        newest: int,
        oldest_ms: int,
        limit: int,
        delivered: Container[str],
    ) -> Ready | NeedsBlob | None:
        """Return a batch of at most `limit` events after a number, or what must happen first."""
        stored = events_after(connection, after, min(limit, self._take))
        if not stored:
            return None
        run, blobs = _fitting(stored, delivered)
        if not run:
            data = bytes(stored[0].data)
            return NeedsBlob(hashlib.sha256(data).hexdigest(), data)
        upto, prev = self._head
        if upto != after:
            found = hash_at(connection, after) if after else self.first_hash
            assert found is not None  # the event before the next one is in the same journal
            prev = found
        shrunk = False
        while True:
            last = run[-1]
            batch = Batch(
                edge=self._identity.edge,
                inc=self._identity.inc,
                sess=sess,
                first=run[0].seq,
                last=last.seq,
                prev=prev,
                head=bytes(last.head).hex(),
                newest=newest,
                oldest_ms=oldest_ms,
                events=tuple(b"" if event.seq in blobs else event.data for event in run),
                blobs={seq: digest for seq, digest in blobs.items() if seq <= last.seq},
            )
            try:
                payload = encode_batch(batch)
            except TooLarge:
                assert len(run) > 1  # one inline event always fits
                run, shrunk = run[: len(run) // 2], True
                continue
            self._head = (batch.last, batch.head)
            self._take = len(run) if shrunk else min(EVENTS_PER_BATCH, self._take + self._take // 8 + 1)
            return Ready(payload, batch.first, batch.last)

    @property
    def first_hash(self) -> str:
        """The chain hash before the first event."""
        return first_hash(self._identity.edge, self._identity.inc)


def _fitting(stored: list[Stored], delivered: Container[str]) -> tuple[list[Stored], dict[int, str]]:
    """Return the run that may travel together, ending before a large event that is not delivered yet."""
    run: list[Stored] = []
    blobs: dict[int, str] = {}
    room = BATCH_INFLATED_LIMIT - HEADER_ROOM
    for event in stored:
        size = len(event.data)
        if size > EVENT_INLINE_LIMIT:
            digest = hashlib.sha256(event.data).hexdigest()
            if digest not in delivered:
                break
            blobs[event.seq] = digest
            size = 4
        room -= size + 1
        if room < 0 and run:
            break
        run.append(event)
    return run, blobs
