"""The flow map as people and programs see it: every number opens its orders, and the files say the same."""

import csv
import html
import io
import re
from collections.abc import Iterator

import pytest

from hub.flow.steps import follow
from protocol.people import HubRole
from tests.integration.hub.test_later_pages import Company, answer_of


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    made = Company(tmp_path_factory.mktemp("flow"))
    yield made
    made.app.state.hub.database.close()


def test_every_number_of_the_flow_map_opens_its_orders(company: Company) -> None:
    follow(company.app.state.hub)
    client = company.visit(HubRole.FINANCE)
    page = client.get("/flow").text
    links = sorted(set(re.findall(r'href="(/flow/orders\?[^"]+)"', page)))

    assert answer_of(page) == "Most promises break while: Picking"
    assert len(links) > 12
    for link in links:
        shown = client.get(html.unescape(link)).text
        counted = re.search(r">(\d+)</a>|>(\d+)</span></a>", page[page.index(link) :])
        assert counted
        assert "No order is behind this number" not in shown
        assert re.match(r"\d+ orders?: ", answer_of(shown))


def test_the_flow_map_is_a_file_and_an_answer_with_the_same_numbers(company: Company) -> None:
    hub = company.app.state.hub
    follow(hub)
    client = company.visit()
    told = client.get("/api/flow", params={"by": "week"}).json()
    rows = list(csv.DictReader(io.StringIO(client.get("/flow.csv").text.removeprefix("\ufeff"))))
    stages = [row for row in rows if row["by"] == "stage"]

    assert told["counted_upto"] == told["log_upto"] > 0
    assert [(row["what"], int(row["passed"])) for row in stages] == [
        (one["key"], one["passed"]) for one in told["stages"]
    ]
    assert [row["key"] for row in told["rows"]] == [
        "2026-W45",
        "2026-W44",
        "2026-W43",
        "2026-W42",
        "2026-W41",
    ]
    behind = client.get("/api/flow/orders", params={"what": "broken", "stage": "picking"}).json()
    listed = client.get("/flow/orders.csv", params={"what": "broken", "stage": "picking"}).text
    assert [stay["number"] for stay in behind["stays"]] == [company.orders["late"].number]
    assert company.orders["late"].number in listed
    for wrong in ({"week": "2025-W53"}, {"week": "9999-W52"}, {"week": "now"}, {"by": "person"}):
        assert client.get("/api/flow", params=wrong).status_code in (400, 422), wrong
    assert client.get("/api/flow", params={"week": "2020-W01"}).json()["entered"] == 0
    assert "No order passed in that week" in client.get("/flow", params={"week": "2020-W01"}).text
