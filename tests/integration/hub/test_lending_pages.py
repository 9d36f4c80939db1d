"""The pages of lending: seen first, then it counts; the same rules out as a file and in again."""

from collections.abc import Iterator

import pytest

from hub.capture.rows import order_requests
from hub.database import HubDatabase
from hub.fleet.rows import directives
from hub.stock.rows import hub_rights
from tests.support.promising import Channel, Story, company, rows

HEAD = (
    "applies_to,name,location,share,cap,least,cover,refill_minutes,last_units,kept_units,safety_stock,"
    "company_threshold"
)


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5, "B": 4}, "store-2": {"A": 4}}, warehouses={})
    yield made
    made.close()


def version(channel: Channel) -> int:
    found: int = channel.ask("GET", "/api/lending-policy")["version"]
    return found


def send_file(channel: Channel, *lines: str) -> tuple[int, str]:
    data = "\n".join((HEAD, *lines)).encode()
    answer = channel.client.post("/stock/lending/import", files={"file": ("rules.csv", data, "text/csv")})
    return answer.status_code, answer.text


def between(text: str, before: str, after: str) -> str:
    return text.split(before, 1)[1].split(after, 1)[0]


def let_it_count(channel: Channel, page: str) -> None:
    draft = between(page, 'name="draft" value="', '"').replace("&#34;", '"').replace("&amp;", "&")
    base = between(page, 'name="base" value="', '"')
    answer = channel.client.post(
        "/stock/lending", data={"draft": draft, "base": base}, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text


def test_a_rule_is_seen_before_it_counts(channel: Channel) -> None:
    rule = {"applies_to": "sku", "name": "A", "safety_stock": "2", "share": "12.5"}

    page = channel.client.post("/stock/lending/rule", data=rule)

    assert page.status_code == 200
    assert "1 item could be promised otherwise" in page.text
    assert version(channel) == 0
    let_it_count(channel, page.text)
    assert channel.ask("GET", "/api/lending-policy")["rules"] == [
        {"scope": "sku", "name": "A", "share_ppm": 125_000, "safety_stock": 2}
    ]
    listed = channel.client.get("/stock/lending?said=1").text
    assert "Version 1 counts now" in listed
    assert "12.5%" in listed


def test_a_rule_that_cannot_count_comes_back_with_what_was_typed(channel: Channel) -> None:
    page = channel.client.post("/stock/lending/rule", data={"applies_to": "category", "name": "", "cap": "7"})

    assert page.status_code == 422
    assert "a category or an article needs its name" in page.text
    assert 'value="7"' in page.text


@pytest.mark.parametrize("cell", ["many", "-1", "1.5", "99999999999"])
def test_a_number_that_is_none_is_named(channel: Channel, cell: str) -> None:
    page = channel.client.post("/stock/lending/rule", data={"applies_to": "all", "cap": cell})

    assert page.status_code == 422
    assert "cap" in page.text


def test_rules_go_out_as_a_file_and_come_in_the_same(channel: Channel) -> None:
    lines = (
        "all,,,50%,6,1,2,60,shared,,,3",
        "category,Coats,store-2,100%,,,1.5,,store,2,,",
        "sku,A,,,9,,,,,,1,",
    )
    status, page = send_file(channel, *lines)
    assert status == 200
    let_it_count(channel, page)

    out = channel.client.get("/stock/lending.csv").text.lstrip("\ufeff").splitlines()

    assert out == [HEAD, *lines]
    assert "Nothing would change" in send_file(channel, *lines)[1]


def test_a_file_is_reported_row_by_row_and_its_good_rows_are_shown(channel: Channel) -> None:
    status, page = send_file(
        channel,
        "all,,,50%,,,,,,,,",
        "all,,,60%,,,,,,,,",
        "shelf,X,,1,,,,,,,,",
        "sku,B,,,x,,,,,,,",
        "sku,C,,,,,,,everybody,,,",
    )

    assert status == 200
    assert version(channel) == 0
    for said in (
        "an earlier row speaks of the same",
        "applies_to must be all, category or sku",
        "cap is no whole number",
        "last_units",
    ):
        assert said in page


@pytest.mark.parametrize("data", [b"", b"what,ever\n1,2\n", b"\xff\xfe\x00applies_to", b"\x00"])
def test_what_is_no_such_file_is_refused_with_what_to_do(channel: Channel, data: bytes) -> None:
    answer = channel.client.post("/stock/lending/import", files={"file": ("x.csv", data, "text/csv")})

    assert answer.status_code == 422
    assert version(channel) == 0


def test_another_presence_policy_is_seen_before_it_counts(channel: Channel) -> None:
    said = {"same_hour": "offline", "same_day": "offline", "standard": "never"}

    page = channel.client.post("/stock/lending/presence", data=said)

    assert "otherwise than now" in page.text
    let_it_count(channel, page.text)
    assert channel.ask("GET", "/api/lending-policy")["silence"] == said
    refused = channel.client.post("/stock/lending/presence", data={**said, "standard": "maybe"})
    assert refused.status_code == 422


def test_the_page_of_what_is_missing_lets_a_person_choose_and_asks_once(hub_database: HubDatabase) -> None:
    story = Story(hub_database)
    try:
        order = story.place()
        story.leave()
        story.hub.database.write(
            lambda unit: unit.connection.execute(
                hub_rights.update().where(hub_rights.c.sku == "A").values(deficit=4)
            )
        )
        client = story.channel.client
        where = {"location": "store-1", "sku": "A"}
        page = client.get("/stock/missing", params=where).text
        assert "breaks first" in page
        choice = {
            **where,
            "number": order["number"],
            "assignment_id": story.assignment["assignment_id"],
            "key": "k-1",
        }

        said = [
            client.post("/stock/missing", data=choice, follow_redirects=False).headers["location"]
            for _click in range(2)
        ]

        assert said == ["/stock/missing?location=store-1&sku=A&said=asked"] * 2
        page = client.get("/stock/missing", params=where).text
        assert "asked; waits for its answer" in page
        requests = [row for row in rows(story.hub, order_requests) if row["kind"] == "reroute"]
        assert len(requests) == 1
        counted = client.post("/stock/missing/count", data={**where, "key": "k-2"}, follow_redirects=False)
        assert counted.headers["location"].endswith("said=count")
        told = [row["kind"] for row in rows(story.hub, directives) if row["edge"] == "store-1"]
        assert told.count("count.request") == 1
        assert client.get("/stock/missing", params={"location": "x", "sku": "y"}).status_code == 404
    finally:
        story.channel.close()
