"""The forms of counts and deliveries take effect once, however often they are sent; and say what is wrong."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase
from hub.fleet.rows import directives
from hub.stock import tasks
from hub.stock.rows import reservations
from hub.stock.task_rows import count_tasks, deliveries
from hub.stock.tasks import DeliveriesWanted
from protocol.errors import Refused
from tests.support.promising import Channel, company, rights, rows

CLICKS = 4
FILE = "location,supplier,reference,sku,quantity\nstore-1,Acme,DN 7,A,5\nstore-1,Acme,DN 7,B,2\n"


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5, "B": 2}, "store-2": {"A": 4}}, warehouses={})
    yield made
    made.close()


def key_of(page: str, action: str) -> str:
    """Return the key in the form of a page that goes to an address."""
    forms = [form.split("</form>")[0] for form in page.split("<form")[1:]]
    form = next(form for form in forms if f'"{action}"' in form.split(">")[0])
    return str(re.findall(r'name="key" value="([^"]+)"', form)[0])


def clicked(act: Callable[[], Any]) -> list[Any]:
    """Do the same several times at once."""
    with ThreadPoolExecutor(CLICKS) as pool:
        return list(pool.map(lambda _n: act(), range(CLICKS)))


def ask(channel: Channel, **said: Any) -> Any:
    form = {"locations": "store-1", "title": "Twice", "scope": "skus", "what": "A", "tolerance": "1", **said}
    return channel.client.post("/stock/counts", data=form, follow_redirects=False)


def send_file(channel: Channel, text: str = FILE, **said: str) -> Any:
    file = {"file": ("deliveries.csv", text.encode(), "text/csv")}
    return channel.client.post("/stock/deliveries/import", files=file, data=said)


def test_stores_that_are_asked_to_count_by_several_clicks_count_once(channel: Channel) -> None:
    key = key_of(channel.client.get("/stock/counts").text, "/stock/counts")

    answers = clicked(lambda: ask(channel, key=key))

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert [row["title"] for row in rows(channel.hub, count_tasks)] == ["Twice"]
    assert [row["kind"] for row in rows(channel.hub, directives)] == ["count.request"]


def test_each_page_asks_for_a_count_of_its_own(channel: Channel) -> None:
    for _visit in range(2):
        page = channel.client.get("/stock/counts").text
        assert ask(channel, key=key_of(page, "/stock/counts")).status_code == 303

    assert len(rows(channel.hub, count_tasks)) == 2


def test_a_page_that_refused_has_another_key_and_what_was_typed(channel: Channel) -> None:
    key = key_of(channel.client.get("/stock/counts").text, "/stock/counts")
    refused = ask(channel, key=key, what="NOPE")
    again = key_of(refused.text, "/stock/counts")

    assert refused.status_code == 422
    assert 'value="NOPE"' in refused.text
    assert again != key
    assert ask(channel, key=again).status_code == 303
    assert len(rows(channel.hub, count_tasks)) == 1


def test_a_key_that_no_page_wrote_is_refused_without_a_fault(channel: Channel) -> None:
    assert ask(channel, key="no key / at all").status_code == 422
    assert send_file(channel, key="no key / at all").status_code == 422
    assert rows(channel.hub, count_tasks) == []
    assert rows(channel.hub, deliveries) == []


def test_no_item_is_called_a_dash(channel: Channel) -> None:
    page = ask(channel, what="")

    assert page.status_code == 422
    assert "No item is named." in page.text
    assert "knows no item -" not in page.text
    refusal = channel.ask("POST", "/api/counts", {"locations": ["store-1"]}, status=422)
    assert (refusal["code"], refusal["what"]) == ("nothing_to_count", "No item is named.")
    assert rows(channel.hub, count_tasks) == []


def test_a_file_of_deliveries_that_is_sent_by_several_clicks_is_announced_once(channel: Channel) -> None:
    key = key_of(channel.client.get("/stock/deliveries").text, "/stock/deliveries/import")

    answers = clicked(lambda: send_file(channel, key=key))

    assert {answer.status_code for answer in answers} == {200}
    assert all("2 of 2 rows are announced" in answer.text for answer in answers)
    assert [row["reference"] for row in rows(channel.hub, deliveries)] == ["DN 7"]


def test_two_files_at_once_announce_the_same_delivery_once(channel: Channel) -> None:
    wanted = DeliveriesWanted(csv=FILE)

    def act() -> str:
        try:
            channel.hub.database.write(lambda unit: tasks.announce(unit, channel.hub, wanted, by="ada"))
        except Refused as refusal:
            return refusal.reason
        return ""

    assert sorted(clicked(act)) == ["", *["already_expected"] * (CLICKS - 1)]
    assert len(rows(channel.hub, deliveries)) == 1


def test_a_delivery_that_is_expected_already_is_told_as_such_and_left_out(channel: Channel) -> None:
    send_file(channel)

    refused = send_file(channel)
    more = send_file(channel, FILE + "store-2,Acme,DN 7,A,1\nstore-1,Acme,DN 8,B,1\nstore-1,Acme,DN 8,?,1\n")

    assert refused.status_code == 422
    assert "Delivery DN 7 of Acme is expected already, so nothing was announced." in refused.text
    assert more.status_code == 200
    assert "2 of 5 rows are announced" in more.text
    said = more.text.split("Expected already, so left out", 1)[1].split("</table>")[0]
    assert re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", said)).split() == [
        "Supplier", "Where", "Items", "Acme", "DN", "7", "Store", "1", "2",
    ]  # fmt: skip
    found = sorted((row["location"], row["reference"]) for row in rows(channel.hub, deliveries))
    assert found == [("store-1", "DN 7"), ("store-1", "DN 8"), ("store-2", "DN 7")]


def test_a_program_is_told_what_of_its_file_is_expected_already(channel: Channel) -> None:
    first = channel.ask("POST", "/api/deliveries", {"csv": FILE}, status=201)
    refused = channel.ask("POST", "/api/deliveries", {"csv": FILE}, status=409)
    more = channel.ask("POST", "/api/deliveries", {"csv": FILE + "store-2,Acme,DN 7,A,1\n"}, status=201)

    assert (first["taken"], first["left_out"], first["already"]) == (2, 0, [])
    assert (refused["code"], refused["facts"]["reference"]) == ("already_expected", "DN 7")
    assert (more["rows"], more["taken"], more["left_out"], more["faults"]) == (3, 1, 2, [])
    assert more["already"] == [{"location": "store-1", "supplier": "Acme", "reference": "DN 7", "items": 2}]


@pytest.mark.parametrize("state", ["received", "cancelled", "refused"])
def test_what_came_or_will_not_come_may_be_announced_again(channel: Channel, state: str) -> None:
    send_file(channel)

    channel.hub.database.write(
        lambda unit: unit.connection.execute(sa.update(deliveries).values(state=state))
    )

    assert send_file(channel).status_code == 200
    assert len(rows(channel.hub, deliveries)) == 2


def test_deliveries_without_a_reference_cannot_be_told_apart_and_all_are_announced(channel: Channel) -> None:
    for _day in range(2):
        sent = send_file(channel, "location,supplier,sku,quantity\nstore-1,Acme,A,5\n")
        assert sent.status_code == 200

    assert len(rows(channel.hub, deliveries)) == 2


def hold(channel: Channel, *, status: int, location: str = "store-1", **said: Any) -> Any:
    body = {
        "channel": "web",
        "lines": [{"sku": "A", "quantity": 1}],
        "promise": {"kind": "collect", "location": location},
        **said,
    }
    return channel.ask("POST", "/api/reservations", body, status=status)


@pytest.mark.parametrize("kind", ["collect", "ship"])
def test_a_checkout_at_a_location_that_is_none_is_told_so(channel: Channel, kind: str) -> None:
    refusal = hold(channel, status=422, promise={"kind": kind, "location": "store-9"})

    assert (refusal["code"], refusal["what"]) == ("no_location", "There is no location store-9.")
    assert rows(channel.hub, reservations) == []
    assert rights(channel.hub, "store-1", "A") == (5, 0, 0, 0)


@pytest.mark.parametrize("said", [True, "1", 1.5, 0, None])
def test_what_is_no_number_of_units_holds_none(channel: Channel, said: Any) -> None:
    refusal = hold(channel, status=422, lines=[{"sku": "A", "quantity": said}])

    assert refusal["code"] == "invalid_field"
    assert rows(channel.hub, reservations) == []
    assert rights(channel.hub, "store-1", "A") == (5, 0, 0, 0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/reservations", {"minutes": True}),
        ("/api/promise", {"lines": [{"sku": "A", "quantity": True}]}),
        ("/api/promise", {"value_minor": True}),
        ("/api/orders", {"lines": [{"sku": "A", "quantity": True}]}),
        ("/api/orders", {"lines": [{"sku": "A", "quantity": 1, "unit_price_minor": True}]}),
        ("/api/orders", {"lines": [{"sku": "A", "quantity": 1, "discount_minor": False}]}),
        ("/api/orders", {"shipping_minor": True}),
        ("/api/orders", {"version": True}),
        ("/api/orders", {"payment": {"gateway": "psp", "reference": "ch_1", "amount_minor": True}}),
        ("/api/orders/X/cancel", {"lines": [{"line_no": 1, "units": True}]}),
        ("/api/orders/X/cancel", {"lines": [{"line_no": True, "units": 1}]}),
        ("/api/orders/X/change", {"lines": [{"line_no": 1, "quantity": True}]}),
    ],
)
def test_true_is_no_number_wherever_a_program_says_one(
    channel: Channel, path: str, body: dict[str, Any]
) -> None:
    whole: dict[str, dict[str, Any]] = {
        "/api/reservations": {"channel": "web", "promise": {"kind": "ship"}},
        "/api/promise": {"kind": "ship"},
        "/api/orders": {"channel": "web", "currency": "GBP", "promise": {"kind": "ship"}},
    }
    lines = {"lines": [{"sku": "A", "quantity": 1}]}
    said = {**lines, **whole[path], **body} if path in whole else {"reason": "tried", **body}

    refusal = channel.ask("POST", path, said, status=422)

    assert refusal["code"] == "invalid_field"
    fault = refusal["facts"]["fields"][0]
    assert fault["says"] == "Input should be a valid integer"
