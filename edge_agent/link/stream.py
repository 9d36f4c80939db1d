"""The journal on its way to the hub, within one session.

Nothing is kept here that the journal does not know: a new session begins from the hub's word. What the hub
acknowledged is written to the database in the background and seldom, because every such write shares the
disk with sales, and because WELCOME says it again.
"""

from concurrent.futures import Future
from typing import Final, Protocol

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.batches import Batcher, NeedsBlob
from edge_agent.link.courier import Uploads
from edge_agent.link.rows import at_of, hash_at, newest, set_link
from edge_agent.link.rules import ROLLED_BACK, Trouble, rejection
from protocol.errors import Unavailable
from protocol.handshake import LogAck, Reject, RejectCode
from protocol.kit.sqlite import Connection
from protocol.stream import Sender

KEEP_SECONDS: Final = 0.1
SINGLE_EVENTS: Final = 20
"""After a batch that could not be read this many events go alone, so that the bad one is found."""
UPLOAD_RETRY_SECONDS: Final = 5.0


class Publish(Protocol):
    """How a packet leaves."""

    def __call__(self, payload: bytes) -> bool:
        """Hand a packet to the wire; False when there is none."""


class Stream:
    """The outgoing stream of one session."""

    def __init__(
        self, edge: Edge, batcher: Batcher, uploads: Uploads, *, publish: Publish, sess: str
    ) -> None:
        self._edge = edge
        self._batcher = batcher
        self._uploads = uploads
        self._publish = publish
        self.sess = sess
        self._sender = Sender(0)
        self._single_until = 0
        self._upload_at = 0.0
        self._kept = 0
        self._kept_at = 0.0
        self._keeping: Future[None] | None = None
        self.acked_us = 0
        self._hold_at: int | None = None
        self.newest = 0
        """The newest number of the journal when the last tick began."""

    def begin(self, upto: int, window: int) -> None:
        """Begin where the hub is."""
        self._sender = Sender(upto, window=window)
        self._kept = upto

    @property
    def acked(self) -> int:
        """The newest number that the hub has committed."""
        return self._sender.acked

    def set_window(self, window: int) -> None:
        """Keep as many batches in flight as the hub wants; none pauses."""
        self._sender.window = window

    def hold(self, at: int | None) -> None:
        """Send nothing beyond a number until it is taken back (None)."""
        self._hold_at = at

    def push(self, now: float) -> None:
        """Send what is there, as far as the window allows."""
        connection = self._edge.database.read()
        self._push(connection, newest(connection), now)

    def _push(self, connection: Connection, last: int, now: float) -> None:
        last = self._may_send_to(last)
        while self._sender.may_send(last):
            made = self._batcher.next(
                connection,
                self._sender.sent,
                sess=self.sess,
                newest=last,
                oldest_ms=self.oldest_ms(),
                limit=1 if self._sender.sent < self._single_until else last - self._sender.sent,
                delivered=self._uploads.delivered,
            )
            if made is None:
                return
            if isinstance(made, NeedsBlob):
                self._bring(made, now)
                return
            if not self._publish(made.payload):
                return
            self._sender.note_sent(made.last, now)

    def _may_send_to(self, last: int) -> int:
        """Return up to where the journal may leave now."""
        return last if self._hold_at is None else min(last, self._hold_at)

    def on_ack(self, ack: LogAck, now: float) -> Trouble | None:
        """Take the hub's word; return why this database cannot go on, if it cannot."""
        connection = self._edge.database.read()
        last = newest(connection)
        if ack.upto > last:
            return ROLLED_BACK
        own = hash_at(connection, ack.upto) if ack.upto else self._batcher.first_hash
        if own != ack.head:
            return rejection(Reject(nonce="0" * 16, inc=ack.inc, code=RejectCode.FORK))
        if ack.single:
            self._single_until = ack.upto + SINGLE_EVENTS
        for digest in ack.need_blobs:
            self._uploads.delivered.discard(digest)
        if self._sender.on_ack(ack.upto, now, gap=ack.gap or ack.single or bool(ack.need_blobs)):
            self.acked_us = self._edge.clock.now_us()
        self.keep(now)
        self._push(connection, last, now)
        return None

    def tick(self, now: float, jitter: float) -> bool:
        """Go back when nothing moved; return whether the session should be opened anew."""
        self._sender.on_tick(now, jitter)
        connection = self._edge.database.read()
        last = self.newest = newest(connection)
        self._push(connection, last, now)
        self.keep(now)
        return self._sender.stalled(self._may_send_to(last), now)

    def keep(self, now: float, *, at_once: bool = False) -> None:
        """Store what the hub acknowledged, one write at a time."""
        if self._kept == self.acked or (self._keeping is not None and not self._keeping.done()):
            return
        if not at_once and now - self._kept_at < KEEP_SECONDS:
            return
        acked, acked_us = self.acked, self.acked_us

        def step(unit: EdgeUnit) -> None:
            set_link(unit, acked=acked, acked_us=acked_us)
            unit.after_commit(self._announce)

        try:
            self._keeping = self._edge.database.writer.submit(step)
        except Unavailable:
            return  # the writer is closing or overfull; WELCOME says it again
        self._kept, self._kept_at = acked, now

    def oldest_ms(self) -> int:
        """Return the age of the oldest event that is not acknowledged, 0 when there is none."""
        at_us = at_of(self._edge.database.read(), self.acked + 1)
        return 0 if at_us is None else max(0, self._edge.clock.now_us() - at_us) // 1000

    def _announce(self) -> None:
        self._edge.broadcaster.publish("strip")
        self._edge.broadcaster.publish("sync")

    def _bring(self, blob: NeedsBlob, now: float) -> None:
        if self._uploads.busy or (self._uploads.trouble is not None and now < self._upload_at):
            return
        self._upload_at = now + UPLOAD_RETRY_SECONDS
        self._uploads.begin(blob.sha256, blob.data)
