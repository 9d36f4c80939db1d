"""Every page of a store is made without a browser: signed in or not, in both languages, whole or in part."""

from collections.abc import Iterator

import httpx
import pytest

from tests.browser.edge.store import PIN, Store, running, sell

pytestmark = pytest.mark.timeout(60)
PAGES = [
    "/sell",
    "/sell/discount",
    "/sell/customer",
    "/sell/recall",
    "/sell/value",
    "/returns/no-receipt",
    "/orders",
    "/orders?q=nobody&state=voided&for=return",
    "/orders/LB1-00001",
    "/orders/LB1-00001/return",
    "/stock",
    "/stock?q=bag",
    "/stock/85099B",
    "/stock/decide",
    "/store",
    "/store/sync",
    "/store/printers",
    "/store/printers/new",
    "/store/printers/new?way=serial",
    "/store/day",
    "/store/day?till=till-2",
    "/store/people",
    "/store/catalog",
    "/store/exceptions?closed=yes",
    "/account",
    "/shell/strip",
]
HTML = {"accept": "text/html"}
PART = {"HX-Request": "true", "accept": "text/html"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running(tmp_path_factory.mktemp("pages")) as started:
        sell(started.edge, "first", ("85099B", 2))
        yield started


@pytest.fixture(scope="module")
def seat(store: Store) -> Iterator[httpx.Client]:
    """Somebody signed in at the first till."""
    with httpx.Client(base_url=store.url, headers=HTML, trust_env=False) as client:
        answer = client.post(
            "/sign-in", data={"person_id": "m-kaur", "pin": PIN, "till": "till-1", "next": "/sell"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/sell")
        page = client.get("/sell").text
        client.headers["X-CSRF-Token"] = page.split('"X-CSRF-Token":"')[1].split('"')[0]
        yield client


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_is_made_in_both_languages(seat: httpx.Client, language: str) -> None:
    answers = {path: seat.get(path, headers={"Cookie": _cookies(seat, language)}) for path in PAGES}

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(PAGES, 200)
    assert [path for path, answer in answers.items() if "&lt;time" in answer.text] == []


def _cookies(client: httpx.Client, language: str) -> str:
    kept = {cookie.name: cookie.value for cookie in client.cookies.jar} | {"os_language": language}
    return "; ".join(f"{name}={value}" for name, value in kept.items())


def test_nobody_sees_a_page_without_signing_in(store: Store) -> None:
    with httpx.Client(base_url=store.url, headers=HTML, trust_env=False) as stranger:
        found = {path: stranger.get(path).status_code for path in PAGES if not path.startswith("/shell")}

    assert found == dict.fromkeys(found, 303)


def test_a_change_of_a_stale_basket_is_refused_with_the_current_one(store: Store, seat: httpx.Client) -> None:
    seat.post("/sell/scan", data={"code": "47566"}, headers=PART)
    basket_id, version = (
        store.edge.database.read()
        .execute("SELECT basket_id, version FROM baskets WHERE state = 'open'")
        .fetchone()
    )
    answer = seat.post(
        "/sell/lines/1", data={"basket": basket_id, "version": version - 1, "quantity": 9}, headers=PART
    )

    assert answer.status_code == 409
    assert "The basket was changed on another screen." in answer.text
    assert 'id="to-pay">£4.95<' in answer.text
    now = store.edge.database.read().execute("SELECT version FROM baskets WHERE basket_id = ?", (basket_id,))
    assert now.fetchone()[0] == version


def test_a_form_without_the_sessions_token_changes_nothing(store: Store, seat: httpx.Client) -> None:
    before = store.edge.database.read().execute("SELECT count(*) FROM baskets").fetchone()[0]
    answer = seat.post("/sell/park", data={"version": "1"}, headers={**PART, "X-CSRF-Token": "forged"})

    assert answer.status_code == 403
    assert store.edge.database.read().execute("SELECT count(*) FROM baskets").fetchone()[0] == before


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/sell/lines/1", {"basket": "x", "version": "one", "quantity": "2"}, 422),
        ("/sell/lines/77/remove", {"basket": "x", "version": "1"}, 404),
        ("/sell/recall", {"code": "LB1-P99999"}, 404),
        ("/orders/LB1-99999/void", {"reason": "x", "key": "k"}, 404),
        ("/orders/LB1-00001/return", {"units-1": "many"}, 422),
        ("/stock/NO-SUCH/adjust", {"reason": "found", "units": "1", "key": "m"}, 422),
        ("/stock/85099B/adjust", {"reason": "stolen", "units": "1", "key": "m"}, 422),
        ("/store/day/till-9/count", {"d-100": "1"}, 404),
        ("/store/printers", {"name": "", "host": "???", "purposes": "receipt"}, 422),
        ("/store/people", {"name": "", "pin": "2580"}, 422),
        ("/store/people", {"name": "Ada", "pin": "2580", "role": "owner"}, 422),
        ("/account/language", {"language": "xx"}, 422),
    ],
)
def test_what_cannot_be_done_is_answered_in_a_sentence_and_never_with_a_trace(
    seat: httpx.Client, path: str, sent: dict[str, str], status: int
) -> None:
    answer = seat.post(path, data=sent, headers=PART)

    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_a_new_pin_ends_the_sign_ins_that_the_old_one_opened(store: Store, seat: httpx.Client) -> None:
    with httpx.Client(base_url=store.url, headers=HTML, trust_env=False) as other:
        other.post("/sign-in", data={"person_id": "a-osei", "pin": PIN, "till": "till-2", "next": "/sell"})
        assert other.get("/orders").status_code == 200

        changed = seat.post(
            "/store/people/a-osei/pin", data={"pin": "739154", "again": "739154"}, headers=PART
        )

        assert changed.status_code == 200
        assert other.get("/orders", follow_redirects=False).headers["location"].startswith("/sign-in")
