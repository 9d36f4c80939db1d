"""What else an order could be promised when nobody keeps it: priced, and carried out by a real command."""

from collections.abc import Iterator
from typing import Any

import pytest

from hub.database import HubDatabase
from hub.stock.rows import allocations
from protocol.fulfilment import PutBackLine, RejectReason
from protocol.later import AssignmentRejected
from tests.support.promising import ADDRESS, Story, rights, rows

HOUR_US = 3_600_000_000
PAID = {
    "customer": {"first_name": "Ada", "last_name": "Byron", "address": ADDRESS},
    "payment": {"gateway": "psp", "reference": "ch_1", "amount_minor": 20_00},
}


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    """Two units to collect at store-1, paid, and store-1 gives them back."""
    told = Story(hub_database)
    told.place(**PAID)
    told.leave()
    lines = (PutBackLine(line_no=1, sku="A", lent=2),)
    told.tell(AssignmentRejected(**told.assignment, reason=RejectReason.NOT_FOUND, lines=lines))
    yield told
    told.channel.close()


def listed(story: Story) -> dict[str, Any]:
    found = story.channel.ask("GET", f"/api/orders/{story.order['number']}/alternatives")
    return {each["key"]: each for each in found}


def choose(story: Story, key: str, *, status: int = 200, **said: Any) -> Any:
    path = f"/api/orders/{story.order['number']}/alternatives"
    return story.channel.ask("POST", path, {"key": key, "reason": "asked", **said}, status=status)


def test_an_order_that_nobody_keeps_is_offered_other_stores_shipping_and_its_money_back(story: Story) -> None:
    assert story.cards() == ["unroutable"]
    before = rows(story.hub, allocations)

    found = listed(story)

    assert list(found)[-1] == "cancel::"
    assert set(found) == {
        "collect:store-2:", "collect:store-3:", "ship::express", "ship::standard", "cancel::",
    }  # fmt: skip
    assert (found["cancel::"]["minor"], found["cancel::"]["units"]) == (20_00, {"1": 2})
    # A line walked and two units packed by a store; a label of the settings for what is shipped.
    assert found["collect:store-2:"]["minor"] == 60 + 2 * 15
    assert found["ship::standard"]["minor"] == 400 + 60 + 2 * 15
    assert found["collect:store-2:"]["late_us"] == 0
    assert found["ship::standard"]["late_us"] > 24 * HOUR_US
    assert rows(story.hub, allocations) == before, "nothing is set aside"


def test_what_is_chosen_is_done_by_a_change_or_refused_when_it_has_become_worse(story: Story) -> None:
    other = listed(story)["collect:store-2:"]

    assert choose(story, "collect:store-2:", until_us=1_700_000_000_000_000, status=409)["code"] == "worse"
    assert choose(story, "collect:store-1:", status=409)["code"] == "gone"
    assert choose(story, "steal:store-2:", status=409)["code"] == "gone"
    assert choose(story, "no key", status=422)["code"] == "invalid_field"
    assert story.decided()[-1][0] == "rejected"
    done = choose(story, "collect:store-2:", until_us=other["until_us"])

    assert (done["changed"], done["requested"]) == (["promise"], [])
    assert story.decided()[-1] == ("changed", "store-2")
    assert rights(story.hub, "store-2", "A")[:3] == (4, 2, 0)
    assert story.cards() == []
    assert "cancel::" not in listed(story)


def test_what_nobody_has_is_cancelled_by_choice_and_its_money_goes_back(story: Story) -> None:
    done = choose(story, "cancel::")

    assert done["cancelled"] == [{"line_no": 1, "units": 2}]
    assert done["state"] == "cancelled"
    assert story.cards() == []
