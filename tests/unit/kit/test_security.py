import pytest
from starlette.testclient import TestClient

from protocol.errors import TooManyTries
from protocol.kit.web.install import install_shell
from protocol.kit.web.security import RateLimit
from protocol.kit.web.signin import CurrentPerson, SessionSigner
from tests.browser.kit.gallery import Gallery
from tests.unit.kit.web import HTML, CountingIds, StillClock, client_of, gallery, sign_in


def token_of(made: Gallery, client: TestClient) -> str:
    return made.signer.csrf(made.signer.read(client.cookies["os_gallery"]))


def test_every_answer_forbids_inline_scripts_framing_and_guessing() -> None:
    with client_of(gallery()) as client:
        for path in ("/sell", "/nowhere", "/static/shell.js", "/healthz", "/api/orders/x"):
            headers = client.get(path, headers=HTML).headers
            assert "script-src 'self';" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"


def test_pages_are_never_kept_by_a_cache_on_a_shared_till() -> None:
    with client_of(gallery()) as client:
        assert client.get("/sell").headers["cache-control"] == "no-store"


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    with client_of(gallery()) as client:
        answer = client.post("/sign-in", data={"person_id": "p1", "pin": "1234"})

    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_over_tls_the_session_cookie_is_secure() -> None:
    with TestClient(gallery().app, base_url="https://hub.test", follow_redirects=False) as client:
        answer = client.post("/sign-in", data={"person_id": "p1", "pin": "1234"})

    assert "Secure" in answer.headers["set-cookie"]


def test_a_change_without_the_token_of_the_session_is_refused_and_keeps_nothing() -> None:
    made = gallery()
    with client_of(made) as client:
        sign_in(client)
        before = list(made.posts)
        for headers, data in (({}, {}), ({"x-csrf-token": "wrong"}, {}), ({}, {"csrf": "wrong"})):
            answer = client.post("/keep", headers=headers, data=data)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "stale_page")

    assert made.posts == before


def test_the_token_is_taken_from_the_header_or_from_the_form_and_the_form_still_arrives() -> None:
    made = gallery()
    with client_of(made) as client:
        sign_in(client)
        token = token_of(made, client)
        by_header = client.post("/keep", headers={"x-csrf-token": token}, data={"note": "one"})
        by_form = client.post("/keep", data={"csrf": token, "note": "two"})

    assert (by_header.text, by_form.text) == ("kept", "kept")
    assert made.posts[1:] == [{"who": "p1", "note": "one"}, {"who": "p1", "note": "two"}]


def test_the_token_of_another_session_does_not_fit() -> None:
    made = gallery()
    with client_of(made) as client:
        sign_in(client)
        old = token_of(made, client)
        sign_in_again = client.post(
            "/sign-in", headers={"x-csrf-token": old}, data={"person_id": "p2", "pin": "1234"}
        )
        assert sign_in_again.status_code == 303
        answer = client.post("/keep", headers={"x-csrf-token": old})

    assert answer.json()["error"]["code"] == "stale_page"


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.test"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
    ids=["origin", "opaque", "fetch-site"],
)
def test_what_another_site_sends_is_refused_even_before_sign_in(headers: dict[str, str]) -> None:
    made = gallery()
    with client_of(made) as client:
        answer = client.post("/sign-in", headers=headers, data={"person_id": "p1", "pin": "1234"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
    assert made.posts == []
    assert "set-cookie" not in answer.headers


def test_what_our_own_pages_send_passes_the_check_of_origin() -> None:
    with client_of(gallery()) as client:
        headers = {"origin": "http://till.test", "sec-fetch-site": "same-origin"}
        assert (
            client.post("/sign-in", headers=headers, data={"person_id": "p1", "pin": "1"}).status_code == 303
        )


def test_a_bearer_token_replaces_the_cookie_and_needs_no_csrf_token() -> None:
    made = gallery()
    clients = {"k1": CurrentPerson("api-1", "Web shop", "api")}
    _rebuild(made, bearer=clients.get)
    with client_of(made) as client:
        sign_in(client)
        known = client.post("/keep", headers={"authorization": "Bearer k1"}, data={"note": "x"})
        unknown = client.post("/keep", headers={"authorization": "Bearer k2"}, data={"note": "y"})

    assert known.text == "kept"
    assert unknown.json()["error"]["code"] == "not_signed_in"
    assert made.posts[1:] == [{"who": "api-1", "note": "x"}]


def test_a_session_that_was_ended_is_nobody() -> None:
    made = gallery()
    gone: set[str] = set()
    _rebuild(made, still_valid=lambda person: person.person_id not in gone)
    with client_of(made) as client:
        sign_in(client)
        assert client.get("/managers").status_code == 403
        gone.add("p1")
        assert client.get("/managers").json()["error"]["code"] == "not_signed_in"


def test_a_name_that_is_not_ours_is_refused() -> None:
    made = gallery()
    _rebuild(made, allowed_hosts=["till.test", "localhost"])
    with client_of(made) as client:
        assert client.get("/sell").status_code == 200
        refused = client.get("/sell", headers={"host": "rebound.evil.test:8711"})

    assert refused.json()["error"]["code"] == "unknown_host"


def test_a_body_that_announces_too_much_is_refused_before_it_is_read() -> None:
    with client_of(gallery()) as client:
        answer = client.post("/upload", content=b"x" * 65)
        fits = client.post("/upload", content=b"x" * 64)

    assert (answer.status_code, answer.json()["error"]["facts"]) == (413, {"limit_bytes": 64})
    assert fits.text == "64"


def test_a_body_that_does_not_say_its_size_is_cut_at_the_limit() -> None:
    with client_of(gallery()) as client:
        answer = client.post("/upload", content=iter([b"x" * 40, b"x" * 40]))

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_the_limit_of_a_megabyte_holds_where_no_other_is_said() -> None:
    with client_of(gallery()) as client:
        assert client.post("/api/upload", content=b"x" * 1024 * 1024).text == "1048576"
        assert client.post("/api/upload", content=b"x" * (1024 * 1024 + 1)).status_code == 413


def test_a_session_is_read_back_and_ends_after_a_shift() -> None:
    clock = StillClock(1_800_000_000_000_000)
    signer = SessionSigner("s", cookie="os_lb", clock=clock, ids=CountingIds(), max_age_seconds=60)
    person = CurrentPerson("p1", "A. Osei", "associate", "till-2", "s1")
    sealed = signer.seal(person)

    assert signer.read(sealed) == person
    assert signer.read(sealed[:-1] + ("A" if sealed[-1] != "A" else "B")) is None
    assert SessionSigner("other", cookie="os_lb", clock=clock, ids=CountingIds()).read(sealed) is None
    clock.at_us += 61_000_000
    assert signer.read(sealed) is None
    assert signer.read(None) is None


def test_a_role_is_asked_for_and_the_refusal_names_who_may() -> None:
    with client_of(gallery()) as client:
        sign_in(client)
        error = client.get("/managers").json()["error"]

    assert error["code"] == "not_permitted"
    assert error["what"] == "A. Osei may not do this."
    assert error["facts"] == {"role": "associate", "needs": ["manager"]}


def test_tries_are_counted_per_key_and_a_right_one_clears_them() -> None:
    limit = RateLimit("2 per minute")
    limit.check("till-1", "p1")
    limit.check("till-1", "p1")
    limit.check("till-1", "p2")
    with pytest.raises(TooManyTries) as refused:
        limit.check("till-1", "p1")

    assert refused.value.facts == {"retry_after_seconds": 60}
    limit.forget("till-1", "p1")
    limit.check("till-1", "p1")


def _rebuild(made: Gallery, **settings: object) -> None:
    """Put the shell on the gallery's routes again with other settings."""
    from fastapi import FastAPI

    app = FastAPI(openapi_url=None)
    install_shell(
        app,
        templates=made.edge,
        signer=made.signer,
        broadcaster=made.broadcaster,
        ids=made.ids,
        **settings,  # type: ignore[arg-type]  # each test names one setting
    )
    app.router.routes.extend(made.app.router.routes)
    made.app = app
