"""The stream of a store through a real Mosquitto: every event once, in order, whatever happens."""

import pytest

from tests.support.wire import HubSide, StoreSide, eventually

pytestmark = pytest.mark.broker


def test_every_event_arrives_once_and_in_order(hub: HubSide, store: StoreSide) -> None:
    store.start()
    last = store.sell(500)

    eventually(lambda: hub.upto("store-1") == last)

    assert hub.seqs("store-1") == list(range(1, 501))
    assert hub.bytes_of("store-1") == store.stored()
    eventually(lambda: store.link.status().state == "online")
    assert store.link.status().unsent == 0
