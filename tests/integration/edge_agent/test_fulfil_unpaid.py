"""Orders to be collected that nobody paid anything for: they expire by the clock, and no other order does."""

from pathlib import Path
from typing import Any

import pytest

from edge_agent.context import SYSTEM
from edge_agent.rebuild import rebuild
from protocol.envelope import decode_event
from tests.support.fulfilment import Desk
from tests.support.later import DAY_US, HOUR_US, place
from tests.support.store import START_US, Store, sign_everybody_in

FOREVER_US = START_US + 40 * DAY_US


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 1)
    return made


def order(desk: Desk, **said: Any) -> str:
    """Take an order for two coats at the counter, without a deposit unless one is said; return its part."""
    placed = place(desk.store, desk.key(), ("COAT-M", 2), **({"deposit_minor": 0} | said))
    rows = desk.store.rows("SELECT assignment_id FROM assignments WHERE number = ?", placed["number"])
    return str(rows[0][0])


def look(desk: Desk, at_us: int = FOREVER_US) -> int:
    """Let the clock of promises look at another moment; yesterday's sign-ins have lapsed by then."""
    desk.store.clock.set(at_us)
    found = int(desk.store.app.state.fulfil_clock.look())
    sign_everybody_in(desk.store)
    return found


def bring(desk: Desk, one: str, until: str) -> None:
    """Bring an assignment so far."""
    if until == "picked":
        desk.pick(one)
    elif until == "packed":
        desk.pick(one)
        desk.verb(f"assignments/{one}/pack", bags=1)
    elif until == "ready":
        desk.ready(one)


@pytest.mark.parametrize("until", ["acknowledged", "picked", "packed", "ready"])
def test_an_order_that_nobody_paid_expires_once_its_time_is_over(
    desk: Desk, tmp_path: Path, until: str
) -> None:
    one = order(desk)
    bring(desk, one, until)
    keep_until_us = desk.view(one)["keep_until_us"]
    assert look(desk, keep_until_us - HOUR_US) == 0
    assert desk.state(one) == until

    assert look(desk, keep_until_us + HOUR_US) == 1
    assert look(desk, keep_until_us + HOUR_US) == 0

    assert desk.state(one) == "rejected"
    [body] = desk.bodies("assignment.rejected")
    assert (body["reason"], body["lines"][0]["bound"]) == ("no_show", 2)
    [[stored]] = desk.store.rows("SELECT bytes FROM events WHERE kind = 'assignment.rejected'")
    event = decode_event(stored)
    assert (event.by, event.device) == (SYSTEM.person_id, SYSTEM.device)
    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 4, "O": 1, "F": 0}
    assert desk.buckets("COAT-M") == {"sellable": 5}
    assert desk.open_exceptions() == ([] if until == "acknowledged" else [f"put_back:{one}"])
    for page in (f"/fulfil/work/{one}", f"/orders/{desk.view(one)['number']}", "/fulfil"):
        assert desk.store.get(page).status_code == 200
    made = rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db")
    assert made.differences == ()


def test_an_order_with_a_deposit_is_never_given_up_by_a_clock(desk: Desk) -> None:
    one = order(desk, deposit_minor=2_000)
    desk.ready(one)

    assert look(desk) == 1

    assert desk.state(one) == "ready"
    assert desk.open_exceptions() == [f"no_show:{one}"]


def test_an_order_whose_deposit_went_back_has_nothing_paid_for_it(desk: Desk) -> None:
    one = order(desk, deposit_minor=2_000)
    desk.ready(one)
    desk.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE later_orders SET refunded_minor = paid_minor")
    )
    desk.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE assignments SET due_minor = due_minor + 2000")
    )

    assert (look(desk), desk.state(one)) == (1, "rejected")


def test_an_order_of_the_hub_stays_because_nobody_here_knows_whether_some_of_it_was_paid(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1), promise={"keep_until_us": START_US + DAY_US}, due_minor=12_000)
    desk.ready(one)

    assert (look(desk), desk.state(one)) == (1, "ready")
    assert desk.open_exceptions() == [f"no_show:{one}"]


def test_an_order_of_which_the_hub_knows_a_payment_stays(desk: Desk) -> None:
    one = order(desk)
    amended = {"assignment_id": one, "order_id": desk.view(one)["order_id"], "due_minor": 20_000}
    assert desk.tell("assignment.amend", amended) == "applied"
    desk.ready(one)

    assert (look(desk), desk.state(one)) == (1, "ready")


def test_nothing_expires_in_the_hands_of_somebody(desk: Desk) -> None:
    one = order(desk)
    list_id = desk.start(one)
    desk.scan(list_id, "COAT-M")
    assert (look(desk), desk.state(one)) == (0, "picking")

    desk.verb(f"picks/{list_id}/scan", code="5012345678900")
    desk.verb(f"picks/{list_id}/finish")
    desk.verb("check-out", assignments=[one])
    assert (look(desk), desk.state(one)) == (0, "picked")

    desk.verb("check-in")
    assert (look(desk), desk.state(one)) == (1, "rejected")


def test_what_is_shipped_does_not_expire(desk: Desk) -> None:
    one = order(desk, way="ship", deposit_minor=None)

    assert (look(desk), desk.state(one)) == (0, "acknowledged")


@pytest.mark.parametrize("until", ["acknowledged", "picked", "ready"])
def test_what_the_hub_takes_to_be_unpaid_is_given_up_wherever_it_stands(desk: Desk, until: str) -> None:
    one = desk.offer(("COAT-M", 1), due_minor=12_000)
    bring(desk, one, until)

    asked = {"assignment_id": one, "order_id": "o-1", "unpaid_minor": 12_000}
    assert desk.tell("assignment.cancel", asked) == "applied"

    assert desk.state(one) == "cancelled"


def test_what_was_paid_here_stays_though_the_hub_takes_it_to_be_unpaid(desk: Desk, tmp_path: Path) -> None:
    one = desk.offer(("COAT-M", 1), due_minor=12_000)
    desk.ready(one)
    desk.tell("assignment.amend", {"assignment_id": one, "order_id": "o-1", "due_minor": 11_000})
    before = desk.view(one)

    asked = {"assignment_id": one, "order_id": "o-1", "unpaid_minor": 12_000}
    assert desk.tell("assignment.cancel", asked) == "applied"

    assert [each["code"] for each in desk.bodies("assignment.cancel_refused")] == ["paid"]
    assert desk.view(one) == before
    assert rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db").differences == ()


def test_what_a_device_has_along_is_not_given_up_for_being_unpaid(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1), due_minor=12_000)
    desk.verb("check-out", assignments=[one])

    asked = {"assignment_id": one, "order_id": "o-1", "unpaid_minor": 12_000}
    assert desk.tell("assignment.cancel", asked) == "applied"

    assert [each["code"] for each in desk.bodies("assignment.cancel_refused")] == ["begun"]
    assert desk.state(one) == "acknowledged"
