"""Who has spoken since the broker had forgotten, and what people and programs are shown of it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from hub.app import build
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.line import FORGOT, LineView, keep_forgotten, line_view
from hub.fleet.rows import hub_meta, link_sessions, locations
from hub.settings import HubSettings
from protocol.clock import MICROSECONDS
from protocol.people import HubRole
from tests.browser.hub.site import NOW_US, PASSWORD, PEOPLE, furnish
from tests.support.hub import TestClock, TestIds

MINUTE_US = 60 * MICROSECONDS
T = NOW_US - 30 * MINUTE_US
CODES = {"store-1": "AB", "store-2": "CD"}
WIPED = {"at_us": T, "lost_us": T - MINUTE_US}


def speak(hub: Hub, edge: str, *, opened_us: int, last_us: int) -> None:
    """Let a location have opened a session, and been heard in it."""

    def step(unit: HubUnit) -> None:
        connection = unit.connection
        mine = locations.c.location_id == edge
        if connection.execute(sa.select(locations).where(mine)).first() is None:
            row = {"location_id": edge, "code": CODES[edge], "name": edge.title(), "kind": "store"}
            connection.execute(sa.insert(locations).values(**row, zone="UTC", created_us=1))
        connection.execute(sa.delete(link_sessions).where(link_sessions.c.edge == edge))
        said = {"inc": "1" * 32, "sess": "a", "nonce": "b", "boot": "c"}
        connection.execute(
            sa.insert(link_sessions).values(edge=edge, **said, opened_us=opened_us, last_us=last_us)
        )

    hub.database.write(step)


def forget(hub: Hub, *, at_us: int, lost_us: int) -> None:
    hub.database.write(lambda unit: keep_forgotten(unit.connection, at_us=at_us, lost_us=lost_us))


def seen(hub: Hub) -> LineView:
    with hub.database.read() as connection:
        return line_view(connection, hub.line.status)


def test_nothing_is_said_of_a_broker_that_never_forgot(hub: Hub) -> None:
    speak(hub, "store-1", opened_us=T, last_us=T)

    assert (seen(hub).forgot_us, seen(hub).had_spoken, seen(hub).missing) == (None, 1, ())
    assert not seen(hub).tells(T)


def test_one_that_was_offline_before_is_missing_but_not_waited_for(hub: Hub) -> None:
    speak(hub, "store-1", opened_us=T - 90 * MINUTE_US, last_us=T - 2 * MINUTE_US)
    speak(hub, "store-2", opened_us=T - 90 * MINUTE_US, last_us=T - 40 * MINUTE_US)
    forget(hub, **WIPED)
    both = seen(hub)
    speak(hub, "store-1", opened_us=T + 1, last_us=T + 1)
    one = seen(hub)

    assert (both.forgot_us, both.had_spoken, both.missing, both.settled) == (
        T,
        2,
        ("store-1", "store-2"),
        False,
    )
    assert (one.missing, one.settled) == (("store-2",), True)


def test_a_page_says_it_until_all_have_spoken_and_a_day_at_least(hub: Hub) -> None:
    day_us = 24 * 60 * MINUTE_US
    speak(hub, "store-1", opened_us=T - MINUTE_US, last_us=T - MINUTE_US)
    forget(hub, **WIPED)

    assert seen(hub).tells(T + 3 * day_us)
    speak(hub, "store-1", opened_us=T + 1, last_us=T + 1)
    assert seen(hub).tells(T + day_us - 1)
    assert not seen(hub).tells(T + day_us)


def test_what_another_process_found_first_stays_and_a_later_loss_counts_anew(hub: Hub) -> None:
    speak(hub, "store-1", opened_us=T - MINUTE_US, last_us=T - MINUTE_US)
    forget(hub, **WIPED)
    forget(hub, at_us=T + 5, lost_us=T - MINUTE_US)
    first = seen(hub).forgot_us
    forget(hub, at_us=T + 90, lost_us=T + 60)

    assert (first, seen(hub).forgot_us) == (T, T + 90)


class Site:
    """A hub with two days of trade, and somebody of operations."""

    def __init__(self, hub: Hub, client: TestClient) -> None:
        self.hub, self.client = hub, client

    def page(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200
        return answer.text


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    app = build(
        HubSettings(data_dir=tmp_path_factory.mktemp("hub")), clock=TestClock(NOW_US), ids=TestIds("hub")
    )
    furnish(app)
    client = TestClient(app, base_url="http://127.0.0.1")
    client.post("/sign-in", data={"name": PEOPLE[HubRole.OPS], "password": PASSWORD, "next": "/fleet"})
    yield Site(app.state.hub, client)
    app.state.hub.database.close()


@pytest.fixture
def site(furnished: Site) -> Site:
    """The same hub, whose line has not been tried and whose broker has forgotten nothing."""
    furnished.hub.line.at("broker.lan:1883")
    forgotten = sa.delete(hub_meta).where(hub_meta.c.key == FORGOT)
    furnished.hub.database.write(lambda unit: unit.connection.execute(forgotten))
    return furnished


def test_a_line_that_is_up_is_said_quietly_on_the_fleet_page_alone(site: Site) -> None:
    site.hub.line.came("c1", T)
    fleet = site.page("/fleet")

    assert "Line to the broker: connected to broker.lan:1883 since" in fleet
    assert "line-forgot" not in fleet
    for path in ("/fleet", "/", "/exceptions"):
        assert "not connected to the broker" not in site.page(path)


def test_a_line_that_is_down_is_said_loudly_where_people_look(site: Site) -> None:
    site.hub.line.came("c1", T)
    site.hub.line.went("The broker at broker.lan:1883 does not answer.", "Check the network.", T + 1)

    for path in ("/fleet", "/", "/exceptions"):
        page = site.page(path)
        assert "The hub is not connected to the broker." in page
        assert "The broker at broker.lan:1883 does not answer. Check the network." in page
        assert "what they have to say waits there and nothing is lost" in page
        assert "so no location can be heard. They sell on." in page, "the strip says it too"
    assert "connected to broker.lan:1883 since" not in site.page("/fleet")


def test_trouble_at_the_hubs_own_end_is_said_beside_the_line(site: Site) -> None:
    site.hub.line.came("c1", T)
    site.hub.line.trouble("The database answers: no.", "Nothing is lost.")

    assert "The database answers: no. Nothing is lost." in site.page("/fleet")


def test_a_hub_that_has_no_broker_says_so_on_the_fleet_page(site: Site) -> None:
    site.hub.line.at("")

    assert "No broker is set." in site.page("/fleet")
    assert "No broker is set." not in site.page("/")


def test_a_broker_that_had_forgotten_is_told_of_with_who_is_missing(site: Site) -> None:
    site.hub.line.came("c1", T)
    speak(site.hub, "store-1", opened_us=T - MINUTE_US, last_us=T - MINUTE_US)
    speak(site.hub, "store-2", opened_us=T + 1, last_us=T + 1)
    forget(site.hub, **WIPED)
    with site.hub.database.read() as connection:
        name = connection.execute(
            sa.select(locations.c.name).where(locations.c.location_id == "store-1")
        ).scalar_one()
    half, data = site.page("/fleet"), site.client.get("/api/fleet/line").json()
    speak(site.hub, "store-1", opened_us=T + 1, last_us=T + 1)
    whole = site.page("/fleet")

    assert "without what it kept." in half
    spoken, known = data["had_spoken"] - len(data["missing"]), data["had_spoken"]
    assert f"{spoken} of {known} locations have spoken since." in half
    assert name in half.split("Still missing:")[1].split("</p>")[0]
    assert "store-1" in data["missing"]
    assert (data["connected"], data["forgot_us"], data["where"]) == (True, T, "broker.lan:1883")
    assert "line-forgot" in whole
    assert name not in whole.split('id="line-forgot"')[1].split("</p>")[0]


def test_a_stranger_is_told_nothing_of_the_line(site: Site) -> None:
    stranger = TestClient(site.client.app, base_url="http://127.0.0.1")

    assert stranger.get("/api/fleet/line").status_code == 401
