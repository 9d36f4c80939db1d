import asyncio
import logging
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from protocol.kit.web.errors import ErrorAnswers, LastNet
from tests.unit.kit.web import HTML, HTMX, client_of, gallery


def test_a_program_gets_a_refusal_with_code_sentences_facts_and_id() -> None:
    with client_of(gallery()) as client:
        answer = client.post("/refuse")

    assert answer.status_code == 409
    assert answer.json() == {
        "error": {
            "code": "out_of_stock",
            "what": "Only 1 Jumbo Bag Red Retrospot is free here.",
            "remedy": "Sell 1, or reserve 1 at York Coppergate.",
            "facts": {"sku": "85099B", "free": 1},
            "id": "00000001",
        }
    }


def test_a_refused_click_becomes_a_toast_and_leaves_the_basket_alone() -> None:
    with client_of(gallery()) as client:
        answer = client.post("/refuse", headers=HTMX)

    assert (answer.status_code, answer.headers["hx-retarget"], answer.headers["hx-reswap"]) == (
        409,
        "#toasts",
        "beforeend",
    )
    assert "Sell 1, or reserve 1 at York Coppergate." in answer.text
    assert "<html" not in answer.text


def test_a_browser_gets_a_page_that_says_what_happened_and_under_which_id() -> None:
    with client_of(gallery()) as client:
        answer = client.get("/nowhere", headers=HTML)

    assert answer.status_code == 404
    assert "There is no page at this address." in answer.text
    assert "<dd>no_such_page</dd>" in answer.text
    assert "<dd>00000001</dd>" in answer.text
    assert "Store mode" in answer.text


def test_a_value_that_cannot_be_read_names_its_field() -> None:
    with client_of(gallery()) as client:
        answer = client.get("/api/orders/many")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["facts"]["field"]) == (422, "invalid_field", "count")
    assert "nothing of it was kept" in error["remedy"]


def test_whoever_is_not_signed_in_is_led_to_sign_in_and_back() -> None:
    with client_of(gallery()) as client:
        page = client.get("/managers?x=1", headers=HTML)
        click = client.get("/managers", headers=HTMX)
        program = client.get("/managers")

    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/managers%3Fx%3D1")
    assert click.status_code == 401
    assert 'href="/sign-in"' in click.text
    assert program.json()["error"]["code"] == "not_signed_in"


@pytest.mark.parametrize("headers", [HTML, HTMX, {}], ids=["page", "fragment", "json"])
def test_what_nobody_foresaw_is_logged_with_its_trace_and_answered_without(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    from protocol.kit.logs import set_up_logs

    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    set_up_logs()
    root.addHandler(caplog.handler)
    try:
        with client_of(gallery()) as client:
            answer = client.get("/broken", headers=headers)
    finally:
        root.handlers, root.level = kept, level

    assert answer.status_code == 500
    assert "the secret inside" not in answer.text
    assert "Traceback" not in answer.text
    assert "00000001" in answer.text
    failed = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(failed) == 1
    assert "the secret inside" in str(failed[0].msg)
    assert "content-security-policy" in answer.headers


def test_a_program_hears_which_method_an_address_takes_not() -> None:
    with client_of(gallery()) as client:
        answer = client.post("/sell")

    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_whoever_hung_up_while_sending_gets_no_answer_and_nothing_is_called_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[Message] = []

    async def hangs_up(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ClientDisconnect

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    answers: Any = ErrorAnswers.__new__(ErrorAnswers)  # never asked: nobody is there to read an answer
    asyncio.run(LastNet(hangs_up, answers)({"type": "http", "path": "/"}, receive, send))

    assert sent == []
    assert not [row for row in caplog.records if row.levelno >= logging.ERROR]
