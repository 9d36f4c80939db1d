"""Whatever is sent to the store's API, it answers with a sentence and never with a 500."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.support.store import Store, begin_store, sign_everybody_in

pytestmark = pytest.mark.timeout(120)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "120"))
LEFT_OUT = ("/api/sign-out", "/metrics", "/api/printer-search")
"""One would end the session of all that follow, one is text, one would look around in a real network."""
ASKS_THE_HUB = ("GET", "/api/later/stock/{sku}")
"""The one operation that nobody can answer without the hub, which is not there; no other may give a 503."""


@pytest.fixture
def busy_store(tmp_path: Path) -> Iterator[Store]:
    """Return a store in which something has happened."""
    store = begin_store(tmp_path)
    with store.client:
        sign_everybody_in(store)
        store.open_till()
        store.stock("MUG-1", 100)
        yield store


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_that_can_be_made_up_ends_in_a_500(busy_store: Store, mode: GenerationMode) -> None:
    description = busy_store.client.get("/api/openapi.json").json()
    found = schemathesis.openapi.from_dict(description).get_all_operations()
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    operations = [operation for operation in operations if operation.path not in LEFT_OUT]
    assert len(operations) > 30
    cases = st.one_of([operation.as_strategy(mode) for operation in operations])
    asking = description["paths"][ASKS_THE_HUB[1]][ASKS_THE_HUB[0].lower()]
    assert asking["responses"]["503"]["description"] == "The hub cannot be reached"
    headers = busy_store.headers("manager")

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def send(case: Case[Any]) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        sent["headers"] = {
            str(name): str(value) for name, value in (sent.get("headers") or {}).items()
        } | headers
        sent.pop("files", None)
        sent.pop("cookies", None)
        if not isinstance(sent.get("data"), dict | None):
            sent["content"] = sent.pop("data")
        answer = busy_store.client.request(**sent)
        unanswered = answer.status_code == 503 and (case.method, case.path) == ASKS_THE_HUB
        assert answer.status_code < 500 or unanswered, (case.method, case.path, answer.text)
        if unanswered:
            assert answer.json()["error"]["code"] == "hub_not_reachable", answer.text
        if answer.status_code >= 400:
            assert answer.json()["error"]["what"]

    send()
