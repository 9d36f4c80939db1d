"""The hub wants other units of an order: the store takes all of it over, or says why it cannot."""

from pathlib import Path
from typing import Any

import pytest

from edge_agent.rebuild import rebuild
from tests.support.fulfilment import Desk
from tests.support.store import Store


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 3)
    made.lend("MUG-1", 20)
    return made


def changed(desk: Desk, assignment_id: str, *, less: dict[int, int] | None = None, **more: int) -> str:
    """Ask for a change; `more` are units by SKU with `_` for `-`, on lines from 11 on."""
    lines: list[dict[str, Any]] = [
        {"line_no": n, "sku": sku.replace("_", "-"), "name": sku, "quantity": units}
        for n, (sku, units) in enumerate(more.items(), start=11)
    ]
    said = {
        "assignment_id": assignment_id,
        "order_id": f"o-{assignment_id[2:]}",
        "change_id": f"c-{desk.key()}",
        "dropped": [{"line_no": n, "units": units} for n, units in (less or {}).items()],
        "added": lines,
        "reason": "asked at the phone",
    }
    return desk.tell("assignment.change", said)


def test_units_that_lie_on_their_shelf_are_left_there_and_the_right_is_the_hubs_again(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2), ("MUG-1", 1))

    assert changed(desk, one, less={1: 1}) == "applied"

    assert desk.bodies("assignment.changed")[0]["dropped"] == [{"line_no": 1, "sku": "COAT-M", "lent": 1}]
    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 2, "O": 3, "F": 0}
    assert [(line["line_no"], line["open"]) for line in desk.view(one)["items"]] == [(1, 1), (2, 1)]
    desk.ready(one)
    desk.collect(one)
    assert desk.letters("COAT-M") == {"P": 4, "B": 0, "L": 2, "O": 2, "F": 1}


def test_what_is_wanted_too_is_fetched_with_the_rest(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))

    assert changed(desk, one, MUG_1=2) == "applied"

    list_id = desk.start(one)
    wanted = {line["sku"]: line["wanted"] for line in desk.pick_view(list_id)["lines"]}
    assert wanted == {"COAT-M": 1, "MUG-1": 2}
    desk.ready(one)
    assert desk.collect(one)["rest"] == 0
    assert desk.letters("MUG-1")["F"] == 2


def test_a_list_that_was_printed_is_taken_back_by_a_slip_that_names_the_new_one(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    [before] = desk.jobs("pick_list")

    assert changed(desk, one, less={1: 1}) == "applied"

    assert len(desk.jobs("void_slip")) == 1
    assert len(desk.jobs("pick_list")) == 2
    assert desk.jobs("pick_list")[1].startswith("LB1-L00002:")
    assert desk.pick_view(before)["list_id"] == "LB1-L00002"  # the old paper leads to the new list


def test_units_are_left_on_the_shelf_while_somebody_walks_as_long_as_they_were_not_found(desk: Desk) -> None:
    one = desk.offer(("MUG-1", 3))
    list_id = desk.start(one)
    desk.scan(list_id, "MUG-1")

    assert changed(desk, one, less={1: 3}) == "rejected picked_already"
    assert changed(desk, one, less={1: 2}) == "applied"

    [line] = desk.pick_view(list_id)["lines"]
    assert (line["wanted"], line["found"], line["left"]) == (1, 1, 0)
    desk.verb(f"picks/{list_id}/finish")
    assert desk.bodies("assignment.picked")[0]["lines"] == [{"line_no": 1, "sku": "MUG-1", "lent": 1}]
    assert desk.state(one) == "picked"


@pytest.mark.parametrize("until", ["walked", "picked", "packed", "staged", "gone"])
def test_what_is_off_its_shelf_is_not_taken_off_the_order(desk: Desk, until: str) -> None:
    one = desk.offer(("COAT-M", 2))
    if until == "walked":
        desk.scan(desk.start(one), "COAT-M", 2)
    elif until == "picked":
        desk.pick(one)
    else:
        desk.pick(one)
        desk.verb(f"assignments/{one}/pack", bags=1)
    if until in {"staged", "gone"}:
        desk.verb(f"assignments/{one}/stage", shelf="S-1")
    if until == "gone":
        desk.collect(one)
    before = desk.everything()

    code = "too_late" if until == "gone" else "picked_already"
    assert changed(desk, one, less={1: 1}) == f"rejected {code}"
    if until != "gone":
        assert changed(desk, one, MUG_1=1) == "rejected picking_begun"
    assert desk.everything() == before


def test_all_of_a_change_is_taken_over_or_nothing(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    before = desk.everything()

    assert changed(desk, one, less={1: 1}, NO_1=1) == "rejected unknown_sku"
    assert changed(desk, one, less={1: 3}, MUG_1=1) == "rejected picked_already"
    assert changed(desk, "a-99", less={1: 1}) == "rejected no_assignment"
    assert desk.everything() == before


def test_another_item_takes_the_place_of_the_only_one(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))

    assert changed(desk, one, less={1: 1}, MUG_1=1) == "applied"

    assert desk.state(one) == "acknowledged"
    desk.ready(one)
    desk.collect(one)
    assert (desk.letters("COAT-M")["F"], desk.letters("MUG-1")["F"]) == (0, 1)


def test_a_change_is_answered_with_no_while_a_device_has_the_order(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    desk.verb("check-out", assignments=[one])

    assert changed(desk, one, less={1: 1}) == "rejected checked_out"


def test_the_tables_follow_from_the_log_with_changes_in_it(desk: Desk, tmp_path: Path) -> None:
    one, two = desk.offer(("COAT-M", 2)), desk.offer(("MUG-1", 3))
    assert changed(desk, one, less={1: 1}, MUG_1=1) == "applied"
    list_id = desk.start(two)
    desk.scan(list_id, "MUG-1")
    assert changed(desk, two, less={1: 1}) == "applied"
    desk.ready(one)
    desk.collect(one)

    made = rebuild(desk.store.edge.settings.database_file, tmp_path / "rebuilt.db")

    assert made.differences == ()
