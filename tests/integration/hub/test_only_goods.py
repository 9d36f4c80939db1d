"""A service is no stock at the hub either, and nobody is asked to count by a day that is over."""

from collections.abc import Iterator

import pytest

from hub.catalog.steps import put
from hub.database import HubDatabase
from hub.stock.task_rows import count_tasks, deliveries
from hub.transfers.rows import transfers
from protocol.catalog import Product
from protocol.orders import LineKind
from tests.support.promising import Channel, company, rows

PAST_US = 1_000_000_000_000_000


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4}}, warehouses={})
    hem = Product(sku="HEM", name="Hemming", kind=LineKind.SERVICE, price_minor=500, rate_ppm=200_000)
    made.hub.database.write(lambda unit: put(unit, [hem], made.clock.now_us()))
    yield made
    made.close()


def test_a_service_is_not_sent_to_another_location(channel: Channel) -> None:
    lines = [{"sku": "A", "quantity": 1}, {"sku": "HEM", "quantity": 1}]

    wanted = {"source": "store-1", "destination": "store-2", "lines": lines}

    error = channel.ask("POST", "/api/transfers", wanted, status=422)

    assert (error["code"], error["facts"]["sku"]) == ("not_goods", "HEM")
    assert error["what"] == "Hemming is a service, and no stock."
    assert rows(channel.hub, transfers) == []


@pytest.mark.parametrize(
    ("stores", "says"),
    [(("store-1",), "Only Store 1 may send and receive so far."), ((), "None may send and receive so far.")],
)
def test_a_transfer_with_nowhere_to_go_says_what_to_do(
    hub_database: HubDatabase, stores: tuple[str, ...], says: str
) -> None:
    channel = Channel(hub_database)
    company(channel.hub, stores={name: {} for name in stores}, warehouses={})
    try:
        page = channel.client.get("/transfers/new").text

        assert "A transfer needs two locations" in page
        assert says in page
        assert "orderspine hub location add" in page
        assert '<select class="input" id="source"' not in page
    finally:
        channel.close()


def test_every_location_is_offered_as_source_and_as_destination(channel: Channel) -> None:
    page = channel.client.get("/transfers/new?source=store-1").text

    for name in ("store-1", "store-2"):
        assert page.count(f'<option value="{name}"') == 2
    assert "A transfer needs two locations" not in page


def test_the_page_leaves_a_service_out_and_keeps_the_rest_of_the_draft(channel: Channel) -> None:
    draft = {
        "source": "store-1",
        "destination": "store-2",
        "note": "Before noon",
        "sku": ["A", "HEM"],
        "quantity": ["2", "1"],
    }

    looked = channel.client.post("/transfers/new", data={**draft, "act": "look"})
    asked = channel.client.post("/transfers/new", data={**draft, "act": "ask"}, follow_redirects=False)

    for answer in (looked, asked):
        assert "Hemming is a service, and no stock; it was left out." in answer.text
        assert ("Article A" in answer.text, "Before noon" in answer.text) == (True, True)
        assert 'value="HEM"' not in answer.text
    assert (asked.status_code, rows(channel.hub, transfers)) == (422, [])


def test_a_file_of_transfers_says_which_row_is_a_service_and_asks_for_the_others(channel: Channel) -> None:
    data = b"source,destination,sku,quantity\nstore-1,store-2,A,2\nstore-1,store-2,HEM,1\n"

    answer = channel.client.post("/transfers/import", files={"file": ("t.csv", data, "text/csv")})

    assert "Hemming is a service, and no stock." in answer.text
    assert len(rows(channel.hub, transfers)) == 1


def test_nobody_is_asked_to_count_a_service_or_told_that_one_is_delivered(channel: Channel) -> None:
    wanted = {"locations": ["store-1"], "skus": ["A", "HEM"]}
    file = {"location": "store-1", "csv": "sku,quantity\nA,1\nHEM,2\n", "supplier": "Lighthouse"}

    error = channel.ask("POST", "/api/counts", wanted, status=422)
    told = channel.ask("POST", "/api/deliveries", file, status=201)

    assert (error["code"], rows(channel.hub, count_tasks)) == ("not_goods", [])
    assert [(fault["sku"], fault["wrong"]) for fault in told["faults"]] == [
        ("HEM", "Hemming is a service, and no stock.")
    ]
    assert len(rows(channel.hub, deliveries)) == 1


def test_a_count_by_a_moment_that_is_over_is_refused_and_asked_for_of_nobody(channel: Channel) -> None:
    wanted = {"locations": ["store-1"], "skus": ["A"], "due_us": PAST_US}

    error = channel.ask("POST", "/api/counts", wanted, status=422)
    later = wanted | {"due_us": channel.clock.now_us() + 1}
    done = channel.ask("POST", "/api/counts", later, status=201)

    assert error["code"] == "due_past"
    assert [row["count_id"] for row in rows(channel.hub, count_tasks)] == list(done["counts"].values())


@pytest.mark.parametrize(
    ("due", "says"),
    [
        ("2001-09-09", "The day by which it is wanted is over. Nothing was asked for."),
        ("2199-01-01", "Choose a day from 2000 to 2099."),
        ("soon", "Choose a day."),
    ],
)
def test_the_page_of_counts_keeps_what_was_typed_with_a_day_that_cannot_be(
    channel: Channel, due: str, says: str
) -> None:
    typed = {"locations": "store-2", "scope": "bins", "what": "A-01, A-02", "title": "Front", "due": due}

    answer = channel.client.post("/stock/counts", data=typed, follow_redirects=False)

    assert (answer.status_code, rows(channel.hub, count_tasks)) == (422, [])
    assert says in answer.text
    for kept in ("A-01, A-02", "Front", f'value="{due}"', 'value="store-2" checked'):
        assert kept in answer.text


def test_a_day_by_which_a_count_is_wanted_can_be_chosen_on_the_page(channel: Channel) -> None:
    typed = {"locations": "store-2", "scope": "all", "due": "2098-05-04"}

    answer = channel.client.post("/stock/counts", data=typed, follow_redirects=False)

    assert answer.status_code == 303
    [row] = rows(channel.hub, count_tasks)
    assert row["due_us"] > channel.clock.now_us()
