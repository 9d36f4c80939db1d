"""The small parts of a store's link: the marker file, the batches, the sender's waiting."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.database import EdgeDatabase
from edge_agent.journal import Identity
from edge_agent.link.batches import Batcher, NeedsBlob, Ready
from edge_agent.link.marker import MarkerFile
from edge_agent.link.rules import clock_offset_us, clock_trouble, is_sending
from protocol.envelope import decode_batch
from protocol.handshake import Marker
from protocol.kit.marker import Note, read_note, write_note
from protocol.stream import RETRY_LIMIT_SECONDS, STALLED_SECONDS, Sender, chain, first_hash

INC = "0a" * 16


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EdgeDatabase]:
    opened = EdgeDatabase(tmp_path / "edge.db")
    yield opened
    opened.close()


def fill(database: EdgeDatabase, events: list[bytes]) -> list[str]:
    heads = [first_hash("store-1", INC)]
    for data in events:
        heads.append(chain(heads[-1], [data]))
    rows = [
        (n, f"id-{n}", "till.drawer_opened", 1_000 + n, data, bytes.fromhex(heads[n]))
        for n, data in enumerate(events, start=1)
    ]
    database.write(
        lambda unit: unit.connection.executemany(
            "INSERT INTO events (seq, id, kind, at_us, bytes, hash) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
    )
    return heads


def cut(database: EdgeDatabase, *delivered: str) -> list[Ready | NeedsBlob]:
    batcher, after = Batcher(Identity("store-1", INC, 1)), 0
    made: list[Ready | NeedsBlob] = []
    while True:
        one = batcher.next(
            database.read(),
            after,
            sess="ab" * 8,
            newest=9,
            oldest_ms=0,
            limit=200,
            delivered=set(delivered),
        )
        if one is None:
            return made
        made.append(one)
        if isinstance(one, NeedsBlob):
            return made
        after = one.last


def test_a_batch_holds_the_stored_bytes_and_ends_at_their_hash(database: EdgeDatabase) -> None:
    events = [f'{{"seq":{n}}}'.encode() for n in range(1, 451)]
    heads = fill(database, events)

    made = [decode_batch(one.payload) for one in cut(database) if isinstance(one, Ready)]

    assert [(one.first, one.last) for one in made] == [(1, 200), (201, 400), (401, 450)]
    assert [data for one in made for data in one.events] == events
    assert [one.head for one in made] == [heads[200], heads[400], heads[450]]


def test_batches_of_events_that_do_not_compress_are_cut_to_pass_the_wire(database: EdgeDatabase) -> None:
    noise = random.Random(3)
    events = [f'{{"x":"{noise.randbytes(6_000).hex()}"}}'.encode() for _ in range(60)]
    fill(database, events)

    made = [one for one in cut(database) if isinstance(one, Ready)]

    assert all(len(one.payload) <= 64 * 1024 for one in made)
    assert [data for one in made for data in decode_batch(one.payload).events] == events
    assert len(made) < 30


def test_an_event_over_the_inline_limit_ends_the_batch_until_it_is_delivered(database: EdgeDatabase) -> None:
    big = b'{"x":"' + b"y" * 40_000 + b'"}'
    fill(database, [b'{"n":1}', big, b'{"n":3}'])
    digest = hashlib.sha256(big).hexdigest()

    waiting = cut(database)
    delivered = cut(database, digest)

    assert [type(one) for one in waiting] == [Ready, NeedsBlob]
    assert waiting[1] == NeedsBlob(digest, big)
    assert len(delivered) == 1
    assert isinstance(delivered[0], Ready)
    batch = decode_batch(delivered[0].payload)
    assert (batch.events, dict(batch.blobs)) == ((b'{"n":1}', b"", b'{"n":3}'), {2: digest})


def test_the_marker_knows_an_old_copy_another_machine_and_a_fresh_start(tmp_path: Path) -> None:
    file = tmp_path / "outside" / "marker"
    marker = MarkerFile(file, inc=INC, machine="m-1")

    assert marker.judge(0) is Marker.MISSING
    marker.keep(50, 1.0)
    assert marker.judge(50) is Marker.OK
    assert marker.judge(49) is Marker.ROLLED_BACK
    assert MarkerFile(file, inc=INC, machine="m-2").judge(50) is Marker.OTHER_MACHINE
    assert MarkerFile(file, inc="0b" * 16, machine="m-1").judge(0) is Marker.OK


def test_the_marker_is_written_once_a_second_or_every_sixty_four_events(tmp_path: Path) -> None:
    file = tmp_path / "marker"
    marker = MarkerFile(file, inc=INC, machine="m-1")

    seen = []
    for seq, now in [(1, 0.0), (2, 0.5), (3, 0.9), (4, 1.0), (67, 1.1), (68, 1.2)]:
        marker.keep(seq, now)
        note = read_note(file)
        seen.append(note.seq if note else 0)

    assert seen == [1, 1, 1, 4, 4, 68]


def test_a_marker_that_cannot_be_read_counts_as_missing(tmp_path: Path) -> None:
    file = tmp_path / "marker"
    write_note(file, Note(INC, 7, "m-1"))
    file.write_bytes(file.read_bytes()[:10])

    assert read_note(file) is None


def test_going_back_does_not_hide_that_nothing_moves() -> None:
    sender = Sender(0)
    now = 0.0
    while now <= STALLED_SECONDS:
        while sender.may_send(10):
            sender.note_sent(sender.sent + 1, now)
        assert not sender.stalled(10, now)
        now += 1.0
        sender.on_tick(now, 0.5)

    assert sender.stalled(10, now + 1.0)


def test_an_idle_hour_is_no_stall() -> None:
    sender = Sender(0)
    sender.note_sent(1, 0.0)
    sender.on_ack(1, 0.1)

    assert not sender.stalled(2, 3_600.0)


def test_an_answer_to_a_process_that_was_stopped_for_hours_lets_it_send_again_within_a_minute() -> None:
    sender = Sender(0)
    sender.note_sent(1, 0.0)
    sender.on_ack(1, 30_000.0)
    sender.note_sent(2, 30_000.0)

    assert sender.on_tick(30_000.0 + RETRY_LIMIT_SECONDS, 1.0)
    assert sender.may_send(2)


def test_a_repeated_acknowledgement_sends_back_only_when_it_says_gap() -> None:
    sender = Sender(0)
    sender.note_sent(5, 0.0)
    sender.on_ack(0, 1.0, gap=False)
    assert sender.sent == 5

    sender.on_ack(0, 1.0, gap=True)

    assert sender.sent == 0


def test_the_clock_offset_takes_half_the_way_for_the_answer() -> None:
    offset = clock_offset_us(hub_clock_us=10_000_000, edge_clock_us=4_000_000, round_trip_seconds=2.0)

    assert offset == 5_000_000
    assert clock_trouble(60_000_000) is None
    assert clock_trouble(-61_000_000) == (
        "This store's clock is 61 s ahead of the hub's.",
        "Set the time of this machine; orders stay in their order, but receipts show the wrong time.",
    )


def test_a_moment_of_work_is_not_shown_as_sending() -> None:
    assert not is_sending(1, 10)
    assert is_sending(1, 3_000)
    assert is_sending(21, 0)
    assert not is_sending(0, 0)
