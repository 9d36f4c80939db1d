"""The stream over a wire that loses, repeats and reorders: each event takes effect once, in order.

Both ends are the real rules (`Sender`, `judge`, the chain); the wire is a bag of packets from which the
machine draws in any order, any number of times, or never. The receiver may forget everything that it has not
committed, the sender everything that the receiver has not acknowledged.
"""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from protocol.envelope import Batch, decode_batch, encode_batch
from protocol.stream import Cursor, Sender, Verdict, chain, first_hash, judge, verify

EDGE, INC = "store-1", "0f" * 16


@dataclass(frozen=True)
class Ack:
    """The receiver's word, on its way."""

    upto: int
    gap: bool


class AStreamOverABadWire(RuleBasedStateMachine):
    """A store sells and sends; batches and acknowledgements are lost, repeated and reordered."""

    batches = Bundle("batches")
    acks = Bundle("acks")

    @initialize()
    def open(self) -> None:
        self.journal: list[bytes] = []
        self.hashes = [first_hash(EDGE, INC)]
        self.cursor = Cursor(0, self.hashes[0])
        self.applied: list[bytes] = []
        self.sender = Sender(0)
        self.now = 0.0
        self.promised = 0

    @rule(count=st.integers(1, 5))
    def the_store_sells(self, count: int) -> None:
        for _ in range(count):
            data = f'{{"seq":{len(self.journal) + 1}}}'.encode()
            self.journal.append(data)
            self.hashes.append(chain(self.hashes[-1], [data]))

    @rule(target=batches, size=st.integers(1, 4))
    def the_store_sends(self, size: int) -> bytes:
        return self.send(size)

    def send(self, size: int) -> bytes:
        if not self.sender.may_send(len(self.journal)):
            return b""
        first = self.sender.sent + 1
        last = min(len(self.journal), first + size - 1)
        self.sender.note_sent(last, self.now)
        return encode_batch(
            Batch(
                edge=EDGE,
                inc=INC,
                sess="ab" * 8,
                first=first,
                last=last,
                prev=self.hashes[first - 1],
                head=self.hashes[last],
                newest=len(self.journal),
                oldest_ms=0,
                events=tuple(self.journal[first - 1 : last]),
                blobs={},
            )
        )

    @rule(target=acks, payload=batches)
    def the_wire_delivers_a_batch_now_and_perhaps_again(self, payload: bytes) -> Ack | None:
        return self.deliver(payload)

    def deliver(self, payload: bytes) -> Ack | None:
        if not payload:
            return None
        batch = decode_batch(payload)
        verdict = judge(self.cursor, batch)
        assert verdict is not Verdict.FORK
        if verdict is Verdict.APPLY:
            assert verify(batch, batch.events)
            self.applied.extend(batch.events)
            self.cursor = Cursor(batch.last, batch.head)
        return Ack(self.cursor.upto, gap=verdict is Verdict.GAP)

    @rule(payload=consumes(batches))
    def the_wire_loses_a_batch(self, payload: bytes) -> None:
        """Nothing happens; the sender will notice."""

    @rule(ack=acks)
    def the_wire_delivers_an_acknowledgement(self, ack: Ack | None) -> None:
        if ack is not None:
            self.sender.on_ack(ack.upto, self.now, gap=ack.gap)
            self.promised = max(self.promised, ack.upto)

    @rule(seconds=st.floats(0.0, 90.0), jitter=st.floats(0.0, 1.0))
    def time_passes(self, seconds: float, jitter: float) -> None:
        self.now += seconds
        self.sender.on_tick(self.now, jitter)

    @rule()
    def the_store_begins_a_new_session(self) -> None:
        self.sender = Sender(self.cursor.upto)

    @invariant()
    def each_event_took_effect_once_and_in_order(self) -> None:
        assert self.applied == self.journal[: len(self.applied)]
        assert self.cursor == Cursor(len(self.applied), self.hashes[len(self.applied)])

    @invariant()
    def nothing_is_acknowledged_that_was_not_applied(self) -> None:
        assert self.sender.acked <= len(self.applied)
        assert self.promised <= len(self.applied)

    def teardown(self) -> None:
        """Heal the wire: everything must arrive."""
        if not hasattr(self, "journal"):
            return
        for _ in range(40 + 4 * len(self.journal)):
            if self.sender.acked == len(self.journal):
                break
            while self.sender.may_send(len(self.journal)):
                ack = self.deliver(self.send(4))
                assert ack is not None
                self.sender.on_ack(ack.upto, self.now, gap=ack.gap)
            self.now += 61.0
            self.sender.on_tick(self.now, 1.0)
        assert self.applied == self.journal
        assert self.sender.acked == len(self.journal)


TestAStreamOverABadWire = AStreamOverABadWire.TestCase
TestAStreamOverABadWire.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
