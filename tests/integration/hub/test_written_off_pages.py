"""Going on without a silent location on the page of an order's part, with its reason and what it may cost."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.hub.test_later_pages import Company


@pytest.fixture
def worked(tmp_path: Path) -> Iterator[Company]:
    made = Company(tmp_path)
    yield made
    made.app.state.hub.database.close()


def test_an_order_goes_on_without_a_silent_store_for_a_reason_and_its_page_says_so(worked: Company) -> None:
    part = worked.orders["silent"].assignments[0].assignment_id
    path = f"{worked.at('silent')}/parts/{part}"
    text = worked.visit().get(path).text
    assert "Go on without Sheffield Fargate" in text
    assert re.search(r"units? stays? promised at Sheffield Fargate until it is heard", text)
    assert f'action="{path}/write-off"' in text
    assert "Ask it to give its part up, or go on without it" in worked.visit().get(worked.at("silent")).text

    refused = worked.post(f"{path}/write-off", without_reason="no", key="k-1")
    done = worked.post(f"{path}/write-off", without_reason="The store burnt down", key="k-1")
    again = worked.post(f"{path}/write-off", without_reason="The store burnt down", key="k-2")
    page = worked.visit().get(worked.at("silent")).text

    assert (refused[0], 'value="no"' in refused[2]) == (422, True)
    assert done[:2] == (303, f"{worked.at('silent')}?said=written_off")
    assert (again[0], "goes on without Sheffield Fargate already" in again[2]) == (409, True)
    assert "Gone on without Sheffield Fargate" in page
    assert "The store burnt down" in page
    assert f'action="{path}/write-off"' not in worked.visit().get(path).text


def test_a_location_that_is_heard_is_asked_and_not_gone_on_without(worked: Company) -> None:
    path = f"{worked.at('late')}/parts/{worked.orders['late'].assignments[0].assignment_id}"

    assert "/write-off" not in worked.visit().get(path).text
    status, _where, text = worked.post(f"{path}/write-off", without_reason="It takes too long")

    assert (status, "Ask it to give its part up." in text) == (409, True)
