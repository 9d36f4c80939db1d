"""The stream of a store through a real Mosquitto: every event once, in order, whatever happens."""

import threading
from pathlib import Path

import pytest

from edge_agent.link.batches import Batcher, Ready
from protocol import topics
from protocol.events import StockLine, StockMoved
from protocol.handshake import LogAck, Welcome, encode
from tests.support.broker import TestBroker
from tests.support.client import Client
from tests.support.wire import HubSide, StoreSide, eventually

pytestmark = pytest.mark.broker


def large(lines: int = 900) -> StockMoved:
    """A fact that is too large to travel in a batch."""
    return StockMoved(
        reason="received",
        lines=tuple(
            StockLine(sku=f"SKU-{n:06d}", quantity=1, from_bucket="supplier", to_bucket="sellable")
            for n in range(lines)
        ),
    )


def test_every_event_arrives_once_and_in_order(hub: HubSide, store: StoreSide) -> None:
    store.start()
    last = store.sell(500)

    eventually(lambda: hub.upto("store-1") == last)

    assert hub.seqs("store-1") == list(range(1, 501))
    assert hub.bytes_of("store-1") == store.stored()
    eventually(lambda: store.link.status().state == "online")
    assert store.link.status().unsent == 0


def test_nothing_is_lost_when_the_broker_is_wiped_and_the_hub_restarted_in_the_middle(
    hub: HubSide, store: StoreSide, broker: TestBroker
) -> None:
    store.start()
    eventually(lambda: store.link.status().state == "online")
    selling = threading.Thread(target=store.sell, args=(5_000,))
    selling.start()
    eventually(lambda: hub.upto("store-1") > 300)
    broker.kill()
    broker.wipe()
    eventually(lambda: store.link.status().state == "store_mode")
    broker.start()
    eventually(lambda: hub.upto("store-1") > 1_000)
    hub.stop()
    hub.start()
    selling.join()

    eventually(lambda: hub.upto("store-1") == 5_000, 30)

    assert hub.seqs("store-1") == list(range(1, 5_001))
    assert hub.bytes_of("store-1") == store.stored()


def test_a_store_that_was_killed_goes_on_where_the_hub_is(hub: HubSide, store: StoreSide) -> None:
    store.start()
    store.sell(300)
    eventually(lambda: hub.upto("store-1") == 300)
    store.stop()
    store.open()
    store.sell(300)
    store.edge.database.write(lambda unit: unit.connection.execute("UPDATE link SET acked = 17"))
    store.start()

    eventually(lambda: hub.upto("store-1") == 600)

    assert hub.seqs("store-1") == list(range(1, 601))


def test_a_batch_that_comes_twice_or_too_early_changes_nothing(hub: HubSide, store: StoreSide) -> None:
    store.start()
    store.sell(40)
    eventually(lambda: hub.upto("store-1") == 40)
    store.link.stop()
    batcher = Batcher(store.edge.identity)
    sess = hub.sess("store-1")

    def batch(after: int) -> Ready:
        made = batcher.next(
            store.edge.database.read(),
            after,
            sess=sess,
            newest=60,
            oldest_ms=0,
            limit=200,
            delivered=set(),
        )
        assert isinstance(made, Ready)
        return made

    store.sell(20)
    with Client(hub.broker.as_user("store-1"), topics.down("store-1", "ack")) as client:
        client.say(topics.up("store-1", "log"), batch(10).payload)
        client.say(topics.up("store-1", "log"), batch(50).payload)
        gap = LogAck.model_validate_json(client.hear())
        client.say(topics.up("store-1", "log"), batch(40).payload)
        client.say(topics.up("store-1", "log"), batch(40).payload)
        applied = LogAck.model_validate_json(client.hear())
        again = LogAck.model_validate_json(client.hear())

    assert (gap.upto, gap.gap) == (40, True)
    assert (applied.upto, applied.gap) == (60, False)
    assert (again.upto, again.gap) == (60, False)
    assert hub.seqs("store-1") == list(range(1, 61))


def test_an_old_welcome_does_not_open_a_session(hub: HubSide, store: StoreSide) -> None:
    store.start()
    store.sell(5)
    eventually(lambda: hub.upto("store-1") == 5)
    old = Welcome(
        sess="ab" * 16,
        hub_inc="cd" * 16,
        hub_boot="ef" * 8,
        nonce="12" * 16,
        inc=store.edge.identity.inc,
        upto=0,
        head_at_upto=store.head0,
        cseq_next=1,
        hub_clock_us=1,
        edge_clock_us=1,
    )
    with Client(hub.broker.as_user("hub", client_id="other")) as replay:
        replay.say(topics.down("store-1", "ctl"), encode(old))
    store.sell(5)

    eventually(lambda: hub.upto("store-1") == 10)

    assert hub.seqs("store-1") == list(range(1, 11))
    assert hub.link.status().tally.dropped == 0


def test_a_store_cannot_speak_under_another_name(hub: HubSide, store: StoreSide, tmp_path: Path) -> None:
    hub.broker.admit("store-1", "store-2")
    hub.add("store-2", "CD")
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)
    before = hub.link.status().tally

    with Client(hub.broker.as_user("store-2"), topics.down("store-1", "ack")) as thief:
        refused = thief.say(topics.up("store-1", "log"), b"{}")
        forged = thief.say(topics.up("store-2", "log"), batch_of(store, hub))
        eventually(lambda: hub.link.status().tally.forged == 1)
        overheard = thief.heard()

    assert refused >= 0x80
    assert forged < 0x80
    assert overheard == []
    assert hub.link.status().tally.unreadable == before.unreadable
    assert hub.seqs("store-1") == [1, 2, 3]


def batch_of(store: StoreSide, hub: HubSide) -> bytes:
    store.open() if not store.is_open else None
    made = Batcher(store.edge.identity).next(
        store.edge.database.read(),
        0,
        sess=hub.sess("store-1"),
        newest=3,
        oldest_ms=0,
        limit=200,
        delivered=set(),
    )
    assert isinstance(made, Ready)
    return made.payload


def test_a_batch_that_cannot_be_read_is_asked_for_again_event_by_event(
    hub: HubSide, store: StoreSide
) -> None:
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)

    store.link.stop()
    with Client(hub.broker.as_user("store-1"), topics.down("store-1", "ack")) as poison:
        poison.say(topics.up("store-1", "log"), b'{"v":1,"edge":"store-1"}')
        asked = LogAck.model_validate_json(poison.hear())

    assert (asked.upto, asked.single, asked.gap) == (3, True, True)
    assert hub.seqs("store-1") == [1, 2, 3]
    assert hub.link.status().tally.unreadable == 1


def test_a_store_that_is_asked_for_single_events_sends_them_one_by_one(
    hub: HubSide, store: StoreSide
) -> None:
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)
    single = LogAck(
        inc=store.edge.identity.inc,
        sess=hub.sess("store-1"),
        upto=3,
        head=store.head_at(3),
        gap=True,
        single=True,
    )
    before = hub.inbox.calls
    store.tell("ack", encode(single))
    store.sell(60)
    eventually(lambda: hub.upto("store-1") == 63)

    assert hub.seqs("store-1") == list(range(1, 64))
    assert hub.inbox.calls - before >= 20 + 1


def test_packets_of_an_old_session_are_dropped(hub: HubSide, store: StoreSide) -> None:
    store.start()
    store.sell(2)
    eventually(lambda: hub.upto("store-1") == 2)
    late = LogAck(inc=store.edge.identity.inc, sess="0f" * 16, upto=2, head="0" * 64)
    with Client(hub.broker.as_user("hub", client_id="other")) as ghost:
        ghost.say(topics.down("store-1", "ack"), encode(late))
    store.sell(2)

    eventually(lambda: hub.upto("store-1") == 4)

    assert store.link.status().state == "online"
    assert store.link.status().quarantine == ""


def test_a_large_event_goes_over_https_and_takes_its_place_in_the_stream(
    hub: HubSide, store: StoreSide, hub_http: str
) -> None:
    store.hub_url = hub_http
    store.start()
    store.sell(2)
    store.edge.database.write(lambda unit: store.edge.journal.record(unit, large()))
    store.sell(2)

    eventually(lambda: hub.upto("store-1") == 5)

    assert hub.seqs("store-1") == [1, 2, 3, 4, 5]
    assert hub.bytes_of("store-1") == store.stored()
    assert len(store.stored()[2]) > 32 * 1024


def test_a_large_event_waits_with_all_behind_it_while_https_is_down(hub: HubSide, store: StoreSide) -> None:
    store.hub_url = "http://127.0.0.1:9"
    store.start()
    store.sell(2)
    store.edge.database.write(lambda unit: store.edge.journal.record(unit, large()))
    store.sell(2)

    eventually(lambda: hub.upto("store-1") == 2)
    eventually(lambda: store.link.status().last_error is not None)

    # The hub has them a moment before its answer has come back.
    eventually(lambda: store.link.status().unsent == 3)

    assert hub.seqs("store-1") == [1, 2]
    error = store.link.status().last_error
    assert error is not None
    assert error.what == "The hub does not answer over HTTPS (ConnectError)."


def test_a_live_sale_reaches_the_hub_within_fifty_milliseconds(hub: HubSide, store: StoreSide) -> None:
    store.start()
    eventually(lambda: store.link.status().state == "online")
    taken = []
    for n in range(1, 21):
        clock = store.edge.clock
        began = clock.monotonic()
        store.sell(1)
        eventually(lambda: hub.upto("store-1") == n)  # noqa: B023 - used within this turn
        taken.append(clock.monotonic() - began)

    assert sorted(taken)[10] < 0.050
