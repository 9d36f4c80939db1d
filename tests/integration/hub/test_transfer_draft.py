"""A draft of a transfer that cannot be read asks for nothing, and comes back as it was typed."""

from collections.abc import Iterator

import pytest

from hub.database import HubDatabase
from hub.transfers.rows import transfers
from tests.support.promising import Channel, company, rows

DRAFT = {"source": "store-1", "destination": "store-2", "note": "Before noon", "sku": ["A", "B"]}


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    stores = {"store-1": {"A": 5, "B": 5}, "store-2": {"A": 4}}
    company(made.hub, stores=stores, warehouses={})
    yield made
    made.close()


@pytest.mark.parametrize("typed", ["1e1", "-5", "1,000", "100001", "999999999", "", "½"])
def test_a_line_that_is_no_number_of_units_asks_for_nothing_and_stays_as_it_was_typed(
    channel: Channel, typed: str
) -> None:
    said = {**DRAFT, "quantity": ["2", typed], "act": "ask"}

    answer = channel.client.post("/transfers/new", data=said, follow_redirects=False)

    assert answer.status_code == 422
    assert f"&#39;{typed}&#39; is no number of units of B; at most 100,000." in answer.text
    assert 'name="quantity" inputmode="numeric" maxlength="6" autocomplete="off" value="2"' in answer.text
    assert f'autocomplete="off" value="{typed}"></td>' in answer.text
    assert "Before noon" in answer.text
    assert rows(channel.hub, transfers) == []


def test_a_draft_that_can_be_read_is_asked_for(channel: Channel) -> None:
    said = {**DRAFT, "quantity": ["2", "100000"], "act": "ask"}

    answer = channel.client.post("/transfers/new", data=said, follow_redirects=False)

    assert (answer.status_code, len(rows(channel.hub, transfers))) == (303, 1)
