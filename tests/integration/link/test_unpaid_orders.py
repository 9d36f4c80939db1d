"""An order of the web that is paid when it is collected: who comes too late, who pays, and who is first."""

from pathlib import Path
from typing import Any

import pytest

from hub.unpaid import expire_unpaid
from protocol.movements import Bucket
from tests.support.both_ends import HERE, BothEnds
from tests.support.promising import rights


def of_the_web(ends: BothEnds) -> str:
    """Let a customer order two mugs on the web, to be paid in the store; return the store's part."""
    wanted: dict[str, Any] = ends.channel.collect(HERE, lines=[{"sku": "MUG-1", "quantity": 2}])
    ends.order = ends.channel.send(wanted)
    ends.meet()
    [part] = ends.parts()
    return part


def time_is_over(ends: BothEnds) -> None:
    promise = ends.at_hub()["later"]["promise"]
    ends.channel.clock.at_us = promise["keep_until_us"] + 1


@pytest.mark.parametrize("until", ["acknowledged", "ready"])
def test_an_order_of_the_web_that_nobody_paid_ends_at_both_ends(
    ends: BothEnds, tmp_path: Path, until: str
) -> None:
    part = of_the_web(ends)
    if until == "ready":
        ends.ready(part)
        ends.meet()
    time_is_over(ends)

    assert expire_unpaid(ends.hub) == 1
    assert rights(ends.hub, HERE, "MUG-1")[1:3] == (2, 0), (
        "until the store has answered, its units stay its own"
    )
    ends.meet()

    assert ends.state(part) == "cancelled"
    assert rights(ends.hub, HERE, "MUG-1")[1:3] == (2, 2)
    assert ends.at_hub()["order"]["state"] == "cancelled"
    assert ends.letters("MUG-1") == {"P": 100, "B": 0, "L": 96, "O": 4, "F": 0}
    assert ends.buckets("MUG-1")[Bucket.SELLABLE.value] == 100
    assert ends.cards() == ([] if until == "acknowledged" else ["put_back"])
    assert ends.differences(tmp_path) == ((), {})


def test_what_was_paid_in_part_in_a_dark_store_stays_there_and_the_money_is_heard_of(
    ends: BothEnds, tmp_path: Path
) -> None:
    part = of_the_web(ends)
    ends.ready(part)
    ends.meet()
    ok = ends.pay(amount_minor=5_00)
    assert ok.status_code == 201, ok.text
    time_is_over(ends)
    assert expire_unpaid(ends.hub) == 1  # the hub has not heard of the money

    ends.down()  # what the store is asked reaches it before it has told of the money
    ends.meet()

    assert ends.state(part) == "ready"
    assert [each["code"] for each in ends.bodies("assignment.cancel_refused")] == ["paid"]
    assert (ends.at_hub()["later"]["paid_minor"], ends.at_hub()["later"]["due_minor"]) == (5_00, 10_00)
    assert (ends.cards(), expire_unpaid(ends.hub)) == ([], 0)
    ends.channel.clock.at_us += 40 * 24 * 3_600_000_000
    assert expire_unpaid(ends.hub) == 0
    assert ends.differences(tmp_path) == ((), {})
