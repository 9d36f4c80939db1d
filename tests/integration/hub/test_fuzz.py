"""Whatever is sent to the hub's API, it answers with a sentence and never with a 500."""

import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from hub.app import build
from hub.people.steps import add_token
from hub.settings import HubSettings
from protocol.people import HubRole
from tests.support.hub import Shop, TestClock, TestIds, send

pytestmark = pytest.mark.timeout(120)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "80"))
LEFT_OUT = ("/api/sign-out", "/api/sign-in")
"""One ends what all that follow need; the other is limited to a few tries a minute."""


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_that_can_be_made_up_ends_in_a_500(tmp_path: Path, mode: GenerationMode) -> None:
    app = build(HubSettings(data_dir=tmp_path), clock=TestClock(), ids=TestIds("hub"))
    shop = Shop()
    shop.open()
    shop.sell(("A", 1, 999))
    send(app.state.hub, shop)
    token = add_token(app.state.hub, name="fuzz", role=HubRole.ADMIN)
    client = TestClient(app, headers={"authorization": f"Bearer {token}"})
    found = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json()).get_all_operations()
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    operations = [operation for operation in operations if operation.path not in LEFT_OUT]
    assert len(operations) > 15
    cases = st.one_of([operation.as_strategy(mode) for operation in operations])

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def ask(case: Case[Any]) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        sent.pop("headers", None)
        sent.pop("files", None)
        sent.pop("cookies", None)
        if not isinstance(sent.get("data"), dict | None):
            sent["content"] = sent.pop("data")
        answer = client.request(**sent)
        assert answer.status_code < 500, (case.method, case.path, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["error"]["what"]

    ask()
    app.state.hub.database.close()
