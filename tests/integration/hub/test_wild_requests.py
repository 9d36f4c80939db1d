"""Requests about goods that no company means: refused in words, and no page breaks over them afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.database import HubDatabase
from hub.schema import create_schema
from hub.transfers.rows import transfers
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


@pytest.mark.parametrize("due_us", [2**62, 2**55, 253_402_300_800 * 10**6, -1, 1, 4_102_444_800 * 10**6])
def test_a_day_that_no_calendar_of_the_company_has_is_refused(channel: Channel, due_us: int) -> None:
    answer = ask(channel, due_us=due_us)

    assert answer.status_code == 422, answer.text
    assert "2000 to 2099" in answer.json()["error"]["what"]
    assert channel.client.get("/api/transfers").json()["transfers"] == []


def test_a_day_that_is_over_is_refused(channel: Channel) -> None:
    now_us = channel.hub.clock.now_us()

    answer = ask(channel, due_us=now_us)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "due_past")
    assert ask(channel, due_us=now_us + 1).status_code == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/counts", {"locations": ["store-1"], "skus": ["A"], "due_us": 2**53}),
        ("/api/orders/HB1-00001/alternatives", {"key": "ship::", "until_us": 2**53, "reason": "x"}),
        ("/api/orders/HB1-00001/holds", {"reason": "x", "until": "9999-12-31T23:59:59-12:00"}),
    ],
)
def test_every_request_that_names_a_moment_names_one_of_this_century(
    channel: Channel, path: str, body: dict[str, Any]
) -> None:
    answer = channel.client.post(path, json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_field")


def test_an_order_is_promised_and_dated_within_this_century(channel: Channel) -> None:
    for more in ({"ordered_at": "9999-12-31T23:59:59-12:00"}, {"ordered_at": "0001-01-01T00:00:00+12:00"}):
        answer = channel.client.post("/api/orders", json=channel.collect(**more))
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_field")


def test_a_page_survives_a_day_that_no_calendar_has(channel: Channel) -> None:
    number = ask(channel, due_us=channel.hub.clock.now_us() + 1).json()["number"]
    with channel.hub.database.engine.begin() as connection:
        connection.execute(transfers.update().values(due_us=2**62))
    channel.admin()

    for path in (f"/transfers/{number}", "/transfers", "/transfers.csv"):
        page = channel.client.get(path, headers={"accept": "text/html"})
        assert page.status_code in {200, 404}, path
    assert "in the far future" in channel.client.get(f"/transfers/{number}").text


@pytest.mark.parametrize(
    ("cost", "wrong"),
    [
        ("99999999999999", "cost is '99999999999999', more than one unit can cost"),
        ("-1", "'-1' is not an amount in GBP"),
    ],
)
def test_a_file_with_a_cost_that_nothing_has_is_answered_in_words(
    channel: Channel, cost: str, wrong: str
) -> None:
    text = f"location,supplier,reference,sku,quantity,cost\nstore-1,ACME,DN 1,A,5,{cost}\n"

    answer = channel.client.post("/api/deliveries", json={"csv": text})

    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["remedy"] == f"The first is row 2: {wrong}. Correct the file and send it again."
