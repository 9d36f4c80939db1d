"""Whatever is sent to the hub's API, it answers with a sentence and never with a 500."""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.contract.conftest import RunningHub

pytestmark = pytest.mark.timeout(120)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "120"))
LEFT_OUT = ("/api/sign-out", "/metrics", "/events")
"""One would end the session of all that follow; one is text; one never ends."""


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_that_can_be_made_up_ends_in_a_500_at_the_hub(
    running_hub: RunningHub, mode: GenerationMode
) -> None:
    description = running_hub.client.get("/api/openapi.json").json()
    found = schemathesis.openapi.from_dict(description).get_all_operations()
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    operations = [operation for operation in operations if operation.path not in LEFT_OUT]
    assert len(operations) >= 15
    cases = st.one_of([operation.as_strategy(mode) for operation in operations])

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def send(case: Case[Any]) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        sent["headers"] = {
            str(name): str(value) for name, value in (sent.get("headers") or {}).items()
        } | running_hub.headers("admin")
        sent.pop("files", None)
        sent.pop("cookies", None)
        if not isinstance(sent.get("data"), dict | None):
            sent["content"] = sent.pop("data")
        answer = running_hub.client.request(**sent)
        assert answer.status_code < 500, (case.method, case.path, answer.text)
        if answer.status_code >= 400:
            error = answer.json()["error"]
            assert set(error) == {"code", "what", "remedy", "facts", "id"}
            assert error["what"]
            assert error["remedy"]

    send()
