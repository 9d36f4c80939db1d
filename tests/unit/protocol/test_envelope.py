import zlib

import pytest

from protocol.envelope import (
    BATCH_INFLATED_LIMIT,
    Batch,
    decode_batch,
    decode_event,
    encode_batch,
    encode_event,
    read_body,
)
from protocol.errors import BadMessage, OrderspineError, TooLarge
from protocol.events import CatalogApplied
from protocol.stream import chain, first_hash, verify

INC = "5f" * 16
START = first_hash("store-1", INC)


def events(count: int, first: int = 1) -> tuple[bytes, ...]:
    body = CatalogApplied(version=1, sha256="ab" * 32, products=3)
    return tuple(encode_event(seq, f"id-{seq}", 5, body, by="é") for seq in range(first, first + count))


def batch(stored: tuple[bytes, ...], blobs: dict[int, str] | None = None) -> Batch:
    return Batch(
        "store-1", INC, "77" * 8, 1, len(stored), START, chain(START, stored), 9, 0, stored, blobs or {}
    )


def test_a_batch_gives_back_the_very_bytes_that_were_stored() -> None:
    stored = events(200)

    received = decode_batch(encode_batch(batch(stored)))

    assert received.events == stored
    assert verify(received, received.events)


def test_an_event_that_travels_by_https_leaves_its_place_empty() -> None:
    stored = events(3)
    thinned = (stored[0], b"", stored[2])

    received = decode_batch(encode_batch(batch(thinned, {2: "cd" * 32})))

    assert received.events == thinned
    assert received.blobs == {2: "cd" * 32}


def test_more_events_than_the_wire_carries_are_refused_before_they_are_sent() -> None:
    with pytest.raises(TooLarge):
        encode_batch(batch(events(201)))


def test_a_payload_that_inflates_without_end_is_refused_early() -> None:
    bomb = zlib.compress(b'{"v":1' + b" " * (BATCH_INFLATED_LIMIT * 4) + b"}")

    with pytest.raises(TooLarge):
        decode_batch(bomb)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x00\x01",
        b"{}",
        b'{"v":1,"events":[]}',
        b"\x78\x01broken",
        b'{"v":1,"edge":"store-1","events":[{}]}',
        b"[1,2]",
    ],
)
def test_what_is_no_batch_is_refused_with_a_reason(damage: bytes) -> None:
    with pytest.raises(BadMessage):
        decode_batch(damage)


def test_a_batch_changed_anywhere_is_refused_or_fails_its_chain() -> None:
    good = encode_batch(batch(events(2)))
    plain = zlib.decompress(good) if good[:1] == b"\x78" else good

    for at in range(len(plain)):
        changed = bytearray(plain)
        changed[at] ^= 0x01
        try:
            received = decode_batch(bytes(changed))
        except OrderspineError:
            continue
        header_only = received.events == batch(events(2)).events
        assert header_only or not verify(received, received.events), at


def test_an_unknown_kind_is_told_apart_from_a_broken_body() -> None:
    unknown = decode_event(b'{"seq":1,"id":"x","kind":"order.teleported","v":1,"at":1,"body":{}}')
    broken = decode_event(b'{"seq":1,"id":"x","kind":"order.sold","v":1,"at":1,"body":{}}')

    with pytest.raises(BadMessage) as first:
        read_body(unknown)
    with pytest.raises(BadMessage) as second:
        read_body(broken)

    assert (first.value.reason, second.value.reason) == ("unknown_kind", "bad_body")


def test_an_event_of_a_future_version_is_unknown_and_not_misread() -> None:
    future = decode_event(b'{"seq":1,"id":"x","kind":"order.sold","v":2,"at":1,"body":{}}')

    with pytest.raises(BadMessage) as refusal:
        read_body(future)

    assert refusal.value.reason == "unknown_kind"
    assert refusal.value.facts == {"kind": "order.sold", "v": 2}
