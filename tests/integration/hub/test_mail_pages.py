"""Pages of words, programs, digests and wishes: who may, what is refused, and that nothing typed is lost."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from hub.app import build
from hub.context import Hub
from hub.notify import refusing, rows
from hub.notify.rules import Kind, Wanted
from hub.people.steps import add_person, add_token
from hub.settings import HubSettings
from protocol.people import HubRole
from tests.support.hub import MONDAY_US, TestClock, TestIds
from tests.support.notices import ANNA, know

PASSWORD = "correct horse battery"
WORDS = "/notices/words/ready/collect/en"


class Desk:
    """A hub with somebody of each role."""

    def __init__(self, folder: Path) -> None:
        settings = HubSettings(
            data_dir=folder,
            smtp_host="127.0.0.1",
            mail_from="shop@shop.test",
            public_url="https://orders.shop.test",
        )
        self.app = build(settings, clock=TestClock(), ids=TestIds("hub"))
        self.hub: Hub = self.app.state.hub
        know(self.hub, ANNA)
        refusing.prepare(self.hub)
        self.clients: dict[HubRole, TestClient] = {}
        for role in HubRole:
            add_person(self.hub, name=f"{role.value} one", role=role, password=PASSWORD)

    def visit(self, role: HubRole = HubRole.OPS) -> TestClient:
        """Return a browser of somebody with this role."""
        if role not in self.clients:
            client = TestClient(
                self.app, base_url="http://127.0.0.1", follow_redirects=False, headers={"accept": "text/html"}
            )
            said = {"name": f"{role.value} one", "password": PASSWORD, "next": "/"}
            assert client.post("/sign-in", data=said).status_code == 303
            self.clients[role] = client
        return self.clients[role]

    def post(self, path: str, role: HubRole = HubRole.OPS, /, **said: object) -> tuple[int, str]:
        """Send a form; return the status, and what came back or where it leads."""
        client = self.visit(role)
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text)
        assert found
        answer = client.post(path, data={"csrf": found[1], **said})
        return answer.status_code, answer.headers.get("location", "") or answer.text


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("hub"))
    yield made
    made.hub.database.close()


def test_words_are_looked_at_kept_and_given_back(desk: Desk) -> None:
    said = {"subject": "{number} <waits>", "opening": "Come to {place}.", "closing": "", "version": "0"}
    status, page = desk.post(WORDS, **said, do="look")
    assert (status, "LB1-00042 &lt;waits&gt;" in page) == (200, True)
    status, page = desk.post(WORDS, **{**said, "opening": "Come to {moon}."}, do="keep")
    assert (status, "{moon} stands for nothing here." in page) == (422, True)
    assert "Come to {moon}." in page
    assert desk.post(WORDS, **said, do="keep") == (303, f"{WORDS}?said=kept")
    assert "1 notice is in your own words" in desk.visit().get("/notices/words").text
    status, page = desk.post(WORDS, **{**said, "opening": "Mine."}, do="keep")
    assert (status, "changed these words meanwhile" in page, "Mine." in page) == (422, True, True)
    status, page = desk.post(WORDS, **{**said, "version": "1"}, do="test", to="not an address")
    assert (status, "is no mail address" in page) == (422, True)
    status, where = desk.post(WORDS, **{**said, "version": "1"}, do="test", to="me@shop.test")
    assert (status, where.startswith("/notices/"), "said=queued" in where) == (303, True, True)
    assert "me@shop.test" in desk.visit().get(where).text
    assert desk.post(WORDS, version="1", do="restore")[0] == 303
    assert desk.visit().get("/notices/words/ready/ship/en").status_code == 422
    token = add_token(desk.hub, name="program", role=HubRole.OPS)
    listed = TestClient(desk.app, base_url="http://hub.test").get(
        "/api/notices/words", headers={"authorization": f"Bearer {token}"}
    )
    assert {(each["kind"], each["own"]) for each in listed.json()} >= {("ready", False), ("cancelled", False)}


def test_programs_are_added_by_an_admin_and_their_secret_is_shown_once(desk: Desk) -> None:
    said = {"name": "SMS", "url": "https://sms.test/hook", "kinds": ["ready", "reminder"]}
    assert desk.post("/notices/programs", **said)[0] == 403
    status, page = desk.post("/notices/programs", HubRole.ADMIN, **{**said, "url": "ftp://x"})
    assert (status, "begins with https://" in page, 'value="SMS"' in page) == (422, True, True)
    status, page = desk.post("/notices/programs", HubRole.ADMIN, name="SMS", url=said["url"])
    assert (status, "Choose at least one notice." in page) == (422, True)
    status, page = desk.post("/notices/programs", HubRole.ADMIN, **said)
    secret = re.search(r"whsec_[^<]+", page)
    assert (status, bool(secret)) == (200, True)
    shown = desk.visit(HubRole.ADMIN).get("/notices/programs").text
    assert secret
    assert secret[0] not in shown
    assert "1 program is told what customers are told" in shown
    with desk.hub.database.read() as connection:
        (hook,) = rows.hooks(connection)
    assert desk.post(f"/notices/programs/{hook.hook_id}/switch", on="false")[0] == 303
    assert desk.post(f"/notices/programs/{hook.hook_id}/remove", HubRole.ADMIN)[0] == 303
    assert desk.post("/notices/programs/none/switch", on="true")[0] == 404


def test_digests_are_set_up_and_what_was_typed_stays_when_it_is_refused(desk: Desk) -> None:
    said = {"address": "ops@shop.test", "role": "ops", "location": "", "language": "en", "clock": "06:45"}
    for wrong, says in (
        ({"clock": "25:00"}, "25:00 is no time of day."),
        ({"address": "ops"}, "Type a mail address"),
        ({"role": "king"}, "Choose what it is of."),
        ({"role": "store", "location": "store-9"}, "needs a location that there is"),
    ):
        status, page = desk.post("/digests", **{**said, **wrong})
        assert (status, says in page) == (422, True), wrong
        assert f'value="{({**said, **wrong})["address"]}"' in page
    assert desk.post("/digests", **said) == (303, "/digests?said=added")
    page = desk.visit().get("/digests").text
    one = re.search(r'href="(/digests/[^"]+)"', page)
    assert one
    assert "06:45" in page
    assert "Nothing needs you now." in desk.visit().get(one[1]).text
    assert desk.post(f"{one[1]}/test")[1].startswith("/notices/")
    for path in ("/digests", "/notices/words", WORDS, "/notices/programs", one[1]):
        assert desk.visit(HubRole.FINANCE).get(path).status_code == 403, path
    assert desk.visit().get("/digests/none").status_code == 404


def test_a_customer_stops_mails_without_signing_in_and_by_their_button_only(desk: Desk) -> None:
    outside = TestClient(
        desk.app, base_url="http://hub.test", follow_redirects=False, headers={"accept": "text/html"}
    )
    with desk.hub.database.read() as connection:
        path = refusing.link(desk.hub, connection, Kind.READY, ANNA).removeprefix("https://orders.shop.test")
    assert "You want no more of these mails?" in outside.get(path).text
    with desk.hub.database.read() as connection:
        assert rows.refused(connection, "c-1") == set()
    assert outside.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 303
    assert "You get no more of these mails" in outside.get(path).text
    assert outside.get(path + "x").status_code == 404
    assert outside.post("/stop-mail/abc.def").status_code == 404

    def want(unit: object) -> None:
        wanted = Wanted(Kind.READY, "o-1", "LB1-00001", "a-1")
        rows.add(unit.connection, wanted, notice_id="n-1", now_us=MONDAY_US)  # type: ignore[attr-defined]  # a unit
        unit.connection.execute(rows.notices.update().values(contact_id="c-1"))  # type: ignore[attr-defined]  # a unit

    desk.hub.database.write(want)
    assert "They are not told: they said so." in desk.visit().get("/notices/n-1").text
    assert desk.post("/notices/n-1/wish/ready/yes") == (303, "/notices/n-1")
    assert desk.post("/notices/n-1/wish/received/no")[0] == 422
    with desk.hub.database.read() as connection:
        assert rows.refused(connection, "c-1") == {"reminder", "return_arrived", "shipped"}
