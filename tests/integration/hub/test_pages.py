"""Who may see which page of the hub, and what its addresses refuse."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from hub.app import build
from hub.context import Hub
from hub.fleet.rows import directives
from hub.people.pages import inside
from hub.settings import HubSettings
from protocol.people import HubRole
from tests.browser.hub.site import NOW_US, PASSWORD, PEOPLE, furnish
from tests.support.hub import TestClock, TestIds

Visit = Callable[[HubRole], TestClient]


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """Return what signs a role in; the hub has two days of trade."""
    settings = HubSettings(data_dir=tmp_path_factory.mktemp("hub"))
    app = build(settings, clock=TestClock(NOW_US), ids=TestIds("hub"))
    furnish(app)

    def enter(role: HubRole) -> TestClient:
        client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
        done = client.post("/sign-in", data={"name": PEOPLE[role], "password": PASSWORD, "next": "/fleet"})
        assert (done.status_code, done.headers["location"]) == (303, "/fleet")
        return client

    yield enter
    app.state.hub.database.close()


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (
            HubRole.OPS,
            {"/finance": 403, "/finance/days": 403, "/catalog": 200, "/people": 403, "/orders": 200},
        ),
        (
            HubRole.FINANCE,
            {"/finance": 200, "/finance/days": 200, "/catalog": 403, "/people": 403, "/stock": 200},
        ),
        (
            HubRole.ADMIN,
            {"/finance": 200, "/finance/days": 200, "/catalog": 200, "/people": 200, "/fleet": 200},
        ),
    ],
)
def test_each_role_sees_its_own_pages_and_a_locked_one_says_who_may(
    visit: Visit, role: HubRole, expected: dict[str, int]
) -> None:
    client = visit(role)
    answers = {path: client.get(path) for path in expected}

    assert {path: answer.status_code for path, answer in answers.items()} == expected
    locked = [answer.text for answer in answers.values() if answer.status_code == 403]
    assert all("It is open to:" in text for text in locked)


def test_ops_neither_exports_the_books_nor_gives_up_an_event(visit: Visit) -> None:
    client = visit(HubRole.OPS)
    answers = [
        client.get("/finance.csv").status_code,
        client.get("/finance/journals.csv").status_code,
        client.post("/fleet/store-2/parked/19/discard", data={"note": "not wanted"}).status_code,
    ]
    still = visit(HubRole.ADMIN).get("/fleet/store-2").text

    assert answers == [403, 403, 403]
    assert "1 event set aside" in still


def test_a_location_page_says_names_and_states_as_people_do(visit: Visit) -> None:
    client = visit(HubRole.ADMIN)
    hub: Hub = client.app.state.hub  # type: ignore[attr-defined]  # the application of this test
    answer = {"state": "answered", "outcome": "rejected", "detail": "store-2 has sold it."}
    hub.database.write(
        lambda unit: unit.connection.execute(
            sa.update(directives).where(directives.c.edge == "store-3").values(**answer)
        )
    )
    page = client.get("/fleet/store-3").text

    assert "York Coppergate has sold it." in page
    assert "store-2" not in page
    assert "paper out" in page
    assert "paper_out" not in page


def test_the_trial_balance_as_a_file_adds_up_to_nothing(visit: Visit) -> None:
    lines = visit(HubRole.FINANCE).get("/finance.csv").text.splitlines()[1:]

    assert len(lines) == 12
    assert round(sum(float(line.split(",")[-2]) for line in lines), 2) == 0.0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/orders?sort=secret", 422),
        ("/orders?from=yesterday", 422),
        ("/orders?amount=12.345", 200),
        ("/orders?page=0", 422),
        ("/orders/NOBODY-1", 404),
        ("/finance/accounts/9999", 404),
        ("/finance/journals/1", 404),
        ("/finance/days/nothing", 404),
        ("/fleet/store-99", 404),
        ("/stock/NOTHING", 404),
        ("/exceptions/nothing", 404),
    ],
)
def test_an_address_that_makes_no_sense_gets_a_clear_answer(visit: Visit, path: str, status: int) -> None:
    answer = visit(HubRole.ADMIN).get(path, headers={"accept": "text/html"})

    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_nobody_is_led_away_from_the_hub_after_signing_in() -> None:
    led = [inside(path) for path in ("/orders?q=1", "//evil.example", "https://evil.example", "/\\evil", "x")]

    assert led == ["/orders?q=1", "/", "/", "/", "/"]


LIVE = ("/", "/exceptions", "/fleet", "/fleet/store-2", "/orders/HT1-00007", "/finance", "/catalog")


@pytest.mark.parametrize("path", LIVE)
def test_the_live_part_of_a_page_can_be_asked_for_alone(visit: Visit, path: str) -> None:
    answer = visit(HubRole.ADMIN).get(path, headers={"hx-request": "true"})

    assert answer.status_code == 200
    assert "<html" not in answer.text
