"""The pages of routing: tables that are edited, imported and given out; what a version changes; replays."""

import re
from collections.abc import Iterator

import pytest

from hub.database import HubDatabase
from hub.people.steps import add_token
from hub.route.facts.rows import route_replays, routing_sets
from hub.route.what_if.steps import work_off
from protocol.people import HubRole
from tests.support.promising import Channel, company, rows

BANDS = ("service,zone,up_to_g,extra", "standard,,1000,0.50", "standard,,5000,1.75")


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4}}, warehouses={"warehouse-1": {"A": 9}})
    yield made
    made.close()


def send_file(channel: Channel, table: str, data: bytes, base: int = 0) -> tuple[int, str]:
    answer = channel.client.post(
        "/routing/import",
        data={"base": str(base), "table": table},
        files={"file": (f"{table}.csv", data, "text/csv")},
    )
    return answer.status_code, answer.text


def test_a_row_makes_a_version_that_is_looked_at_before_it_counts(channel: Channel) -> None:
    for _n in range(2):
        channel.send(channel.ship())
    row = {"base": "0", "table": "places", "row": "", "location": "warehouse-1", "ships": "no"}

    made = channel.client.post("/routing/row", data=row, follow_redirects=False)

    assert made.headers["location"] == "/routing?version=1&table=places&said=made"
    shown = channel.client.get(made.headers["location"]).text
    assert "Version 1 does not count" in shown
    assert "Kept as version 1" in shown
    changes = channel.client.get("/routing/versions/1").text
    assert "2 of the last 2 orders would go another way" in changes
    assert channel.ask("GET", "/api/routing/sets/1")["active"] == 0
    done = channel.client.post("/routing/versions/1/activate", data={"seen": "0"}, follow_redirects=False)
    assert done.status_code == 303
    assert "Version 1 counts now" in channel.client.get(done.headers["location"]).text
    removed = channel.client.post(
        "/routing/row/remove",
        data={"base": "1", "table": "places", "row": "warehouse-1"},
        follow_redirects=False,
    )
    assert removed.status_code == 422  # a set without any row says nothing
    second = {"base": "1", "table": "general", "row": "", "max_shipments": "3", "split": "1.20"}
    assert channel.client.post("/routing/row", data=second, follow_redirects=False).status_code == 303
    assert channel.ask("GET", "/api/routing/sets/2")["set"]["general"]["split_minor"] == 120
    finance = {"authorization": f"Bearer {add_token(channel.hub, name='books', role=HubRole.FINANCE)}"}
    assert channel.client.get("/routing", headers=finance).status_code == 200
    for path in ("row", "row/remove", "import", "versions/2/activate", "postcodes", "replays"):
        assert channel.client.post(f"/routing/{path}", headers=finance).status_code == 403, path
    for path in ("promise", "routing/sets", "routing/sets/2/activate", "routing/replays"):
        assert channel.client.post(f"/api/{path}", headers=finance, json={}).status_code == 403, path
    stale = channel.client.post("/routing/versions/2/activate", data={"seen": "0"}, follow_redirects=False)
    assert stale.status_code == 409


def test_a_value_that_cannot_be_used_comes_back_with_what_was_typed(channel: Channel) -> None:
    wrong = [
        ({"table": "packages", "up_to_g": "much", "cost": "1.00"}, "up_to_g is no whole number"),
        ({"table": "packages", "up_to_g": "-5", "cost": "1.00"}, "up_to_g: is too little"),
        ({"table": "packages", "up_to_g": "500", "cost": "1.2345"}, "cost is no amount"),
        ({"table": "accept", "accept": "120%"}, "accept: is too much"),
        ({"table": "hours", "day": "someday", "opens": "09:00", "closes": "18:00"}, "day: cannot be used"),
        ({"table": "places", "location": "store-9"}, "there is no location store-9"),
        (
            {"table": "capacity", "day": "daily", "begins": "09:00", "ends": "18:00", "units": "-1"},
            "units: is too little",
        ),
        ({"table": "lanes", "origin": "store-1"}, "is missing"),
    ]
    for said, why in wrong:
        answer = channel.client.post("/routing/row", data={"base": "0", "row": "", **said})
        assert (answer.status_code, why in answer.text) == (422, True), (said, answer.text[-3000:])
    assert (
        'value="120%"'
        in channel.client.post(
            "/routing/row", data={"base": "0", "row": "", "table": "accept", "accept": "120%"}
        ).text
    )
    assert channel.client.get("/routing?table=shelves").status_code == 422
    assert channel.client.get("/routing?version=77").status_code == 404
    assert rows(channel.hub, routing_sets) == []


def test_a_table_goes_out_as_a_file_and_comes_in_the_same_with_a_report(channel: Channel) -> None:
    status, page = send_file(channel, "bands", "\n".join(BANDS).encode())
    assert (status, "Let it count" in page) == (200, True)

    out = channel.client.get("/routing/file/bands.csv?version=1").text.lstrip("\ufeff").splitlines()

    assert out == [
        "service,zone,up_to_g,extra",
        "standard,,1000,0.50",
        "standard,,5000,1.75",
    ]
    faults = [*BANDS, "standard,,1000,0.70", "standard,,heavy,1.00", "express,,100,many"]
    status, page = send_file(channel, "bands", "\n".join(faults).encode(), base=1)
    assert status == 200
    for said in ("an earlier row speaks of the same", "up_to_g is no whole number", "extra is no amount"):
        assert said in page
    falling = [*BANDS[:2], "standard,,5000,0.25"]
    status, page = send_file(channel, "bands", "\n".join(falling).encode(), base=1)
    assert (status, "a heavier parcel would cost less than a lighter one, of up to 1000 g" in page) == (
        422,
        True,
    )
    assert "Weight bands, standard 5000" in page
    assert re.search(
        r'class="num">3</td>.*nothing of the file was taken', page
    )  # its line, and what became of it
    typed = {"table": "bands", "service": "standard", "up_to_g": "9000", "extra": "0.25"}
    answer = channel.client.post("/routing/row", data={"base": "1", "row": "", **typed})
    assert (answer.status_code, "Weight bands, standard 9000" in answer.text) == (422, True)
    assert all(f'value="{said}"' in answer.text for said in typed.values())
    nobody = b"location,ships\nstore-9,yes\n"
    assert "there is no location store-9" in send_file(channel, "places", nobody, base=1)[1]
    negative = b"location,day,begins,ends,units\nstore-1,daily,09:00,18:00,-1\n"
    status, page = send_file(channel, "capacity", negative, base=1)
    assert (status, "No row of the file can be used" in page, "units: is too little" in page) == (
        422,
        True,
        True,
    )
    for data in (b"", b"what,ever\n1,2\n", b"\xff\xfe\x00x", BANDS[0].encode()):
        assert send_file(channel, "bands", data, base=1)[0] == 422
    assert [row["version"] for row in rows(channel.hub, routing_sets)] == [1, 2]


def test_a_replay_is_asked_for_seen_on_its_way_and_read_side_by_side(channel: Channel) -> None:
    number = channel.send(channel.ship())["number"]
    row = {"base": "0", "table": "places", "row": "", "location": "warehouse-1", "ships": "no"}
    channel.client.post("/routing/row", data=row)

    wanted = {"left": "0", "right": "1", "orders": "100"}
    asked = channel.client.post("/routing/replays", data=wanted, follow_redirects=False)

    address = asked.headers["location"]
    assert 'role="progressbar"' in channel.client.get(address).text
    assert work_off(channel.hub) == 1
    read = channel.client.get(address).text
    assert "Version 1 answers 1 of 1 orders another way" in read
    assert "0 against 1" in channel.client.get("/routing/replays").text
    for wrong in ({"right": "0"}, {"orders": "0"}, {"orders": "all"}, {"orders": "9999"}):
        answer = channel.client.post("/routing/replays", data={**wanted, **wrong})
        assert answer.status_code == 422, wrong
    assert len(rows(channel.hub, route_replays)) == 1
    what_if = channel.client.get(f"/orders/{number}/what-if?insist=store-1").text
    assert "It would come to £4.75" in what_if
    assert "£0.42 more than the best answer" in what_if
    assert "It cannot be done so" in channel.client.get(f"/orders/{number}/what-if?insist=store-9").text


def test_postcodes_are_taken_in_row_by_row_and_the_load_page_names_the_busiest(channel: Channel) -> None:
    lines = ("country,postcode,latitude,longitude", "GB,LS1,53.797,-1.548", "GB,,1,1", "GB,YO1,95,0")
    data = "\n".join((*lines, "DE,10115,52.53,13.38")).encode()

    page = channel.client.post("/routing/postcodes", files={"file": ("p.csv", data, "text/csv")}).text

    assert "2 postcodes are known" in page
    assert "postcode is missing" in page
    assert "latitude is too much" in page
    assert (
        channel.client.post("/routing/postcodes", files={"file": ("p.csv", b"a,b", "text/csv")}).status_code
        == 422
    )
    channel.send(channel.collect("store-2", lines=[{"sku": "A", "quantity": 2}]))
    assert "Store 2 has most to pick: 2 units" in channel.client.get("/routing/load").text
