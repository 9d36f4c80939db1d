from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import TestBroker, running_broker
from tests.support.wire import HubSide, StoreSide, hub_side, store_side


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[TestBroker]:
    with running_broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def hub(tmp_path: Path, broker: TestBroker) -> Iterator[HubSide]:
    with hub_side(tmp_path / "hub", broker) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, hub: HubSide) -> Iterator[StoreSide]:
    with store_side(tmp_path, hub) as made:
        yield made
