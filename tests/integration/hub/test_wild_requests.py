"""Requests about goods that no company means: refused in words, and no page breaks over them afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.database import HubDatabase
from hub.schema import create_schema
from tests.support.promising import Channel, company


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    """A company with two stores."""
    database = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
    create_schema(database.engine)
    made = Channel(database)
    company(made.hub, stores={"store-1": {"A": 5, "B": 2}, "store-2": {"A": 1}}, warehouses={})
    yield made
    made.close()


def ask(channel: Channel, **more: Any) -> Any:
    """Ask for a transfer; return the answer."""
    body = {"source": "store-1", "destination": "store-2", "lines": [{"sku": "A", "quantity": 1}], **more}
    return channel.client.post("/api/transfers", json=body)


def test_lines_of_one_item_that_add_up_to_more_than_a_million_are_refused(channel: Channel) -> None:
    answer = ask(channel, lines=[{"sku": "A", "quantity": 100_000}] * 20)

    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["facts"]["units"]) == ("too_many_units", 2_000_000)
    assert channel.client.get("/api/transfers").json()["transfers"] == []
