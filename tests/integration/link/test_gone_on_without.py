"""A person goes on without a store that is dark, and the store comes back: both ends end with one account."""

from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.fulfil.rows import assignments
from hub.stock.rows import allocations, hub_rights
from tests.support.both_ends import HERE, OTHER, BothEnds
from tests.support.promising import hear, rows

HOUR_US = 3_600_000_000


def ordered(ends: BothEnds) -> str:
    """Order two coats to collect here; return the part of it that the store has."""
    wanted = ends.channel.collect(HERE, lines=[{"sku": "COAT-M", "quantity": 2}])
    ends.order = ends.channel.send(wanted)
    ends.meet()
    [part] = ends.parts()
    return part


def goes_dark(ends: BothEnds) -> None:
    """Let the store not be heard for an hour, while the other one is."""
    ends.channel.clock.at_us += HOUR_US
    now_us = ends.hub.clock.now_us()
    ends.hub.database.write(partial(hear, location=OTHER, at_us=now_us))


def go_on(ends: BothEnds, part: str) -> Any:
    body = {"assignment_id": part, "reason": "the store burnt down"}
    return ends.channel.ask("POST", f"/api/orders/{ends.order['number']}/write-off", body)


def elsewhere(ends: BothEnds) -> None:
    """Promise it at the other store instead."""
    assert ends.change(promise={"kind": "collect", "location": OTHER})["state"] == "routed"


def ended(ends: BothEnds, sku: str) -> int:
    """Return K of an article here."""
    found = [row for row in rows(ends.hub, hub_rights) if (row["location"], row["sku"]) == (HERE, sku)]
    return int(found[0]["ended"])


def nothing_leaks(ends: BothEnds, sku: str) -> bool:
    """Tell whether P = B + L + U + H of an article here, by the books of both."""
    here = ends.letters(sku)
    with ends.hub.database.read() as connection:
        right = connection.execute(
            sa.select(hub_rights).where(hub_rights.c.location == HERE, hub_rights.c.sku == sku)
        ).one()
        still = allocations.c.units - allocations.c.finished - allocations.c.ended
        promised = connection.execute(
            sa.select(sa.func.coalesce(sa.func.sum(still), 0)).where(
                allocations.c.location == HERE, allocations.c.sku == sku
            )
        ).scalar_one()
    free = right.granted_seen - right.returned - right.allocated + right.ended
    return bool(here["P"] == here["B"] + here["L"] + promised + free)


def test_a_store_that_comes_back_gives_its_part_up_and_its_right_comes_back_once(
    ends: BothEnds, tmp_path: Path
) -> None:
    part = ordered(ends)
    goes_dark(ends)
    assert go_on(ends, part)["state"] == "captured"
    elsewhere(ends)
    assert ended(ends, "COAT-M") == 0
    assert nothing_leaks(ends, "COAT-M"), "what stays promised is counted until it is heard"

    ends.meet()
    ends.meet()

    assert ends.state(part) == "cancelled"
    assert ended(ends, "COAT-M") == 2
    assert nothing_leaks(ends, "COAT-M")
    assert ends.at_hub()["order"]["state"] == "routed"
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})


def test_a_store_that_was_walking_for_it_puts_it_back_and_nobody_is_called_any_more(
    ends: BothEnds, tmp_path: Path
) -> None:
    part = ordered(ends)
    goes_dark(ends)
    go_on(ends, part)
    elsewhere(ends)
    ends.ready(part)
    ends.up()
    assert ends.cards() == ["assignment_over"]
    assert ends.at_hub()["order"]["state"] == "routed"

    ends.meet()

    assert (ends.state(part), ended(ends, "COAT-M")) == ("cancelled", 2)
    assert nothing_leaks(ends, "COAT-M")
    assert ends.cards() == ["put_back"], "the store's own, until the goods lie on their shelf again"
    assert ends.differences(tmp_path) == ((), {})


def test_what_a_dark_store_handed_over_stands_and_takes_no_second_right(
    ends: BothEnds, tmp_path: Path
) -> None:
    part = ordered(ends)
    code = str(ends.order["pickup_code"])
    goes_dark(ends)
    go_on(ends, part)
    elsewhere(ends)
    ends.ready(part)
    check = ends.recognise(part, code)
    if ends.view(part)["due_minor"]:
        ends.pay()
    ends.verb(f"assignments/{part}/hand-over", verification=check)

    ends.meet()

    assert (ends.state(part), ended(ends, "COAT-M")) == ("handed_over", 0)
    assert nothing_leaks(ends, "COAT-M")
    [card] = ends.channel.ask("GET", "/api/exceptions")["exceptions"]
    assert (card["kind"], card["facts"]["location"], card["facts"]["also_at"]) == (
        "assignment_over",
        HERE,
        [OTHER],
    )
    states = {row["location"]: row["state"] for row in rows(ends.hub, assignments)}
    assert states[HERE] == "handed_over"
    assert ends.differences(tmp_path) == ((), {})


def test_an_order_that_a_dark_store_took_itself_is_cancelled_and_paid_back_once(
    ends: BothEnds, tmp_path: Path
) -> None:
    ends.take_order(("MUG-1", 2), deposit_minor=5_00)
    ends.meet()
    ends.pay_online(10_00)
    goes_dark(ends)
    path = f"/api/orders/{ends.order['number']}/cancel"
    assert ends.channel.ask("POST", path, {"reason": "never mind"})["requested"] == [HERE]

    done = go_on(ends, ends.own)

    assert (done["state"], ends.ordered_back()) == ("cancelled", [10_00])
    ends.meet()
    assert ends.state(ends.own) == "cancelled"
    assert ends.ordered_back() == [10_00]
    assert nothing_leaks(ends, "MUG-1")
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})
