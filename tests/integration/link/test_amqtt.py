"""The same wire through the broker made of Python, which speaks MQTT 3.1.1 only."""

from pathlib import Path

import pytest

from tests.support.broker import running_broker
from tests.support.wire import StoreSide, eventually, hub_side, store_side


@pytest.mark.broker
def test_the_broker_made_of_python_carries_the_stream_and_keeps_names_apart(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path / "broker", "store-2", kind="amqtt") as broker,
        hub_side(tmp_path / "hub", broker) as hub,
        store_side(tmp_path, hub) as store,
    ):
        hub.add("store-2", "CD")
        store.start()
        other = StoreSide(tmp_path / "store-2", "store-2", broker)
        broker.passwords["store-2"] = "wrong"
        other.start()
        store.sell(400)
        other.sell(1)

        eventually(lambda: hub.upto("store-1") == 400)
        eventually(lambda: "does not accept" in other.what())
        other.stop()

        assert broker.process.mqtt_version == "3.1.1"
        assert hub.seqs("store-1") == list(range(1, 401))
        assert hub.seqs("store-2") == []
