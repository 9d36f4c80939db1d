"""What the page of a location shows and asks when its past is in doubt."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from hub.app import build
from hub.exceptions.rows import exceptions
from hub.fleet.rows import CURRENT, current_stream, streams
from hub.link import clones, watch
from hub.link.alarms import raise_on
from hub.link.epochs import put
from hub.link.rules import Alarm
from hub.settings import HubSettings
from hub.stock.rows import hub_rights
from protocol.envelope import Batch
from protocol.people import HubRole
from protocol.stream import Verdict
from tests.browser.hub.site import NOW_US, PASSWORD, PEOPLE, furnish
from tests.support.hub import TestClock, TestIds

STORE, OTHER, THIRD = "store-2", "store-1", "store-3"
INC = "0b" * 16
pytestmark = pytest.mark.timeout(120)
MACHINE = "5ec0" * 8


class Site:
    """A hub with two days of trade, and its people."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.hub = app.state.hub

    def enter(self, role: HubRole) -> TestClient:
        client = TestClient(self.app, base_url="http://127.0.0.1", follow_redirects=False)
        client.post("/sign-in", data={"name": PEOPLE[role], "password": PASSWORD, "next": "/fleet"})
        return client

    def post(self, role: HubRole, path: str, **said: str) -> Any:
        client = self.enter(role)
        page = client.get(f"/fleet/{STORE}").text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        return client.post(path, data=said | ({"csrf": token[1]} if token else {}))

    def second_calls(self, store: str, kind: str = "edge_duplicate") -> None:
        alarm = Alarm(kind, store, "A second machine connects.", (("machine", MACHINE),))
        self.hub.database.write(lambda unit: raise_on(self.hub.spine)(unit, alarm))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = HubSettings(data_dir=tmp_path_factory.mktemp("hub"))
    app = build(settings, clock=TestClock(NOW_US), ids=TestIds("hub"))
    furnish(app)
    yield Site(app)
    app.state.hub.database.close()


def test_a_location_that_is_fenced_says_why_and_that_nothing_has_to_be_done(site: Site) -> None:
    site.hub.database.write(lambda unit: watch.begin(unit, site.hub, why="restored"))
    page = site.enter(HubRole.OPS).get(f"/fleet/{STORE}").text

    assert "Nothing is promised from here yet." in page
    assert "The hub was restored" in page
    assert "What is promised stays promised." in page


def test_an_admin_decides_which_of_two_computers_is_the_store(site: Site) -> None:
    site.second_calls(STORE)
    seen = site.enter(HubRole.OPS).get(f"/fleet/{STORE}").text
    refused = site.post(HubRole.OPS, f"/fleet/{STORE}/second/accept")
    done = site.post(HubRole.ADMIN, f"/fleet/{STORE}/second/accept")

    assert "Two computers use this name" in seen
    assert "An admin decides which of them is the store." in seen
    assert refused.status_code == 403
    assert (done.status_code, done.headers["location"]) == (303, f"/fleet/{STORE}?said=accepted")
    with site.hub.database.read() as connection:
        assert clones.admitted(connection, STORE) == MACHINE
        assert clones.second_of(connection, STORE) is None
    assert "The second computer was chosen." in site.enter(HubRole.OPS).get(f"/fleet/{STORE}").text


def test_the_first_computer_keeps_the_name_when_the_second_is_refused(site: Site) -> None:
    site.second_calls(OTHER)
    done = site.post(HubRole.ADMIN, f"/fleet/{OTHER}/second/refuse")
    again = site.post(HubRole.ADMIN, f"/fleet/{OTHER}/second/refuse")

    assert done.status_code == 303
    assert again.status_code == 404
    with site.hub.database.read() as connection:
        assert clones.admitted(connection, OTHER) == ""


def test_an_admin_lets_a_computer_with_another_history_go_on_and_both_cards_close(site: Site) -> None:
    begin_stream(site.hub, THIRD)
    site.second_calls(THIRD, "edge_forked")
    fork = Batch(
        edge=THIRD,
        inc=INC,
        sess="0" * 16,
        first=1,
        last=1,
        prev="ee" * 32,
        head="ff" * 32,
        newest=1,
        oldest_ms=0,
        events=(b"{}",),
        blobs={},
    )
    assert site.hub.inbox.receive(fork, fork.events, NOW_US).verdict is Verdict.FORK
    seen = site.enter(HubRole.ADMIN).get(f"/fleet/{THIRD}").text
    before = open_cards(site.hub, THIRD)
    done = site.post(HubRole.ADMIN, f"/fleet/{THIRD}/second/accept")

    assert "Its computer has another history" in seen
    assert "Two computers use this name" not in seen
    assert before == {"edge_forked", "stream_fork"}
    assert done.status_code == 303
    assert open_cards(site.hub, THIRD) == set()
    with site.hub.database.read() as connection:
        assert clones.admitted(connection, THIRD) == MACHINE


def begin_stream(hub: Any, store: str) -> None:
    """Let a location have a stream of which nothing is known."""
    values = {"upto": 0, "head": "00" * 32, "state": CURRENT, "first_us": 1, "last_us": 1}

    def step(unit: Any) -> None:
        unit.connection.execute(sa.delete(streams).where(streams.c.edge == store))
        unit.connection.execute(sa.insert(streams).values(edge=store, inc=INC, **values))

    hub.database.write(step)


def open_cards(hub: Any, store: str) -> set[str]:
    """Return the kinds of what is open about a location's past."""
    with hub.database.read() as connection:
        mine = (exceptions.c.subject == f"edge:{store}") & (exceptions.c.state == "open")
        return set(connection.execute(sa.select(exceptions.c.kind).where(mine)).scalars())


def test_operations_reads_a_code_out_and_nobody_else_may(site: Site) -> None:
    def lend(unit: Any) -> None:
        connection = unit.connection
        if current_stream(connection, STORE) is None:
            values = {"upto": 0, "head": "00" * 32, "state": CURRENT, "first_us": 1, "last_us": 1}
            connection.execute(sa.insert(streams).values(edge=STORE, inc="0a" * 16, **values))
        put(connection, STORE, state="open")
        connection.execute(sa.insert(hub_rights).values(location=STORE, sku="LENT-1", granted_seen=4))

    site.hub.database.write(lend)
    shut = site.post(HubRole.FINANCE, f"/fleet/{STORE}/reclaim", sku="LENT-1")
    page = site.post(HubRole.OPS, f"/fleet/{STORE}/reclaim", sku="LENT-1")
    nothing = site.post(HubRole.OPS, f"/fleet/{STORE}/reclaim", sku="NOBODY")

    assert shut.status_code == 403
    assert "4 units are the store" in page.text
    assert re.search(r'id="code">[0-9A-Z]+-[0-9A-Z]{3}-[0-9A-Z]{3}-[0-9A-Z]{3}<', page.text)
    assert nothing.status_code in (409, 422)
