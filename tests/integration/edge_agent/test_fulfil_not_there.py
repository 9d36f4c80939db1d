"""Work that is given back because its goods were not found, or are damaged: nobody is promised them next."""

import html
from pathlib import Path

import pytest

from edge_agent.link.lending import Lending
from edge_agent.rebuild import rebuild
from tests.integration.edge_agent.test_fulfil_picking import lend_settings
from tests.support.fulfilment import Desk
from tests.support.store import Store, ok


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 3)
    made.lend("MUG-1", 20)
    return made


def tasks(desk: Desk) -> list[tuple[str, ...]]:
    """Return what is to be counted, as the open counts say it."""
    counts = ok(desk.store.get("/api/stock/counts"))
    found = [ok(desk.store.get(f"/api/stock/counts/{each['count_id']}")) for each in counts]
    return [tuple(line["sku"] for line in each["lines"]) for each in found]


@pytest.mark.parametrize(
    ("reason", "bucket", "title"),
    [
        ("not_found", None, "Count Wool coat M: 2 were not found for order HB1-00001"),
        ("damaged", "quarantine", "Count Wool coat M: 2 are damaged, order HB1-00001"),
    ],
)
def test_goods_that_a_store_gives_back_for_what_they_are_leave_the_shelf_and_are_counted(
    desk: Desk, tmp_path: Path, reason: str, bucket: str | None, title: str
) -> None:
    one = desk.offer(("COAT-M", 2), ("MUG-1", 1))

    done = desk.verb(f"assignments/{one}/reject", reason=reason)

    assert done["state"] == "rejected"
    assert desk.bodies("assignment.rejected")[0]["lines"] == [
        {"line_no": 1, "sku": "COAT-M", "lent": 2},
        {"line_no": 2, "sku": "MUG-1", "lent": 1},
    ]
    [gone] = desk.bodies("stock.adjusted")
    assert (gone["reason"], gone["note"]) == (reason, "HB1-00001")
    assert [(line["sku"], line["quantity"], line["to_bucket"]) for line in gone["lines"]] == [
        ("COAT-M", 2, bucket or "missing"),
        ("MUG-1", 1, bucket or "missing"),
    ]
    assert desk.letters("COAT-M") == {"P": 3, "B": 0, "L": 0, "O": 3, "F": 0}
    assert desk.buckets("COAT-M") == {"sellable": 3} | ({bucket: 2} if bucket else {})
    assert sorted(desk.open_exceptions()) == ["count_due:COAT-M", "count_due:MUG-1"]
    assert tasks(desk) == [("COAT-M",), ("MUG-1",)]
    said = desk.store.rows("SELECT title FROM exceptions WHERE dedupe_key = 'count_due:COAT-M'")
    assert said == [(title,)]
    made = rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db")
    assert made.differences == ()


def test_what_was_given_back_as_not_found_is_not_lent_before_it_was_counted(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.verb(f"assignments/{one}/reject", reason="not_found")
    lending = Lending(desk.store.edge, lend_settings(desk.store))

    desk.store.edge.database.write(lending.lend)
    assert desk.rights("COAT-M").outstanding == 3

    [task] = ok(desk.store.get("/api/stock/counts"))
    path = f"/api/stock/counts/{task['count_id']}"
    ok(
        desk.store.post(f"{path}/confirm", {"key": "c-1", "lines": [{"sku": "COAT-M", "counted": 5}]}),
        201,
    )
    seen = {"accept": ["COAT-M"], "as_of": ok(desk.store.get(path))["as_of"]}
    done = ok(desk.store.post(f"{path}/post", {"key": "c-2", **seen}, role="manager"), 201)
    desk.store.edge.database.write(lending.lend)

    assert (done["over"], desk.letters("COAT-M")["P"]) == (1, 5)
    assert (desk.rights("COAT-M").outstanding, desk.open_exceptions()) == (4, [])


def test_the_last_unit_that_was_not_found_is_promised_to_nobody_else(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 3))
    desk.lend("COAT-M", 2)

    desk.verb(f"assignments/{one}/reject", reason="not_found")

    # All five are lent and two are left: the hub hears of three that it has to give back.
    assert desk.rights("COAT-M").deficit == 3
    assert desk.letters("COAT-M")["L"] == -3


def test_units_in_the_tote_were_found_and_only_the_others_are_missing(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    list_id = desk.start(one)
    desk.scan(list_id, "COAT-M")

    desk.verb(f"assignments/{one}/reject", reason="not_found")

    assert desk.bodies("stock.adjusted")[0]["lines"][0]["quantity"] == 1
    assert desk.buckets("COAT-M") == {"sellable": 4}
    assert sorted(desk.open_exceptions()) == ["count_due:COAT-M", f"put_back:{one}"]


def test_a_bag_that_is_not_on_its_shelf_leaves_nothing_to_carry_back(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    desk.ready(one)

    desk.verb(f"assignments/{one}/reject", reason="not_found")

    assert desk.buckets("COAT-M") == {"sellable": 3}
    assert desk.open_exceptions() == ["count_due:COAT-M"]


def test_damaged_goods_that_were_picked_are_kept_apart_and_somebody_carries_them(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    desk.ready(one)

    desk.verb(f"assignments/{one}/reject", reason="damaged")

    assert desk.buckets("COAT-M") == {"sellable": 3, "quarantine": 2}
    assert sorted(desk.open_exceptions()) == ["count_due:COAT-M", f"put_back:{one}"]
    said = desk.store.rows("SELECT title FROM exceptions WHERE dedupe_key = ?", f"put_back:{one}")
    assert said == [("Keep the goods of order HB1-00001 apart: they are damaged",)]
    page = desk.store.get(f"/fulfil/work/{one}").text
    assert "Its goods are damaged. Carry them to where such goods are kept, then say so." in page


def test_what_the_books_miss_already_does_not_leave_them_twice(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    gone = {"key": "g-1", "reason": "theft", "lines": [{"sku": "COAT-M", "quantity": 4}]}
    ok(desk.store.post("/api/stock/adjustments", gone, role="manager"), 201)
    assert desk.rights("COAT-M").deficit == 2

    desk.verb(f"assignments/{one}/reject", reason="not_found")

    assert len(desk.bodies("stock.adjusted")) == 1
    assert desk.buckets("COAT-M") == {"sellable": 1}
    assert "count_due:COAT-M" in desk.open_exceptions()


def short(desk: Desk, one: str, reason: str, units: int = 1) -> str:
    """Walk for an assignment whose goods are not there; return what the screen says of it."""
    list_id = desk.start(one)
    page = html.unescape(desk.store.get(f"/fulfil/pick/{list_id}").text)
    said = desk.verb(f"picks/{list_id}/short", assignment_id=one, line_no=1, units=units, reason=reason)
    effect = said["short"]["effect"]
    change = f"{effect['stock_before']} \\u2192 {effect['stock_after']}."
    assert f'"{units}": "Stock {change}"' in page  # said before a reason is chosen, and the same
    desk.verb(f"picks/{list_id}/finish")
    return str(effect["sentence"])


def version(desk: Desk, sku: str) -> int:
    """Return the version of what the hub is told of an article."""
    found = desk.store.rows(
        "SELECT version + coalesce((SELECT max(seq) FROM movements m WHERE m.sku = r.sku), 0)"
        " FROM rights r WHERE sku = ?",
        sku,
    )
    return int(found[0][0])


@pytest.mark.parametrize("reason", ["not_found", "mismatch"])
def test_a_walk_takes_nothing_off_a_shelf_that_is_empty_by_the_books(
    desk: Desk, tmp_path: Path, reason: str
) -> None:
    one = desk.offer(("COAT-M", 2))
    other = desk.offer(("COAT-M", 1))
    gone = {"key": "g-1", "reason": "theft", "lines": [{"sku": "COAT-M", "quantity": 5}]}
    ok(desk.store.post("/api/stock/adjustments", gone, role="manager"), 201)
    assert desk.letters("COAT-M") == {"P": 0, "B": 0, "L": -3, "O": 3, "F": 0}

    said = short(desk, one, reason, 2)

    assert "stock 0 → 0" in said
    assert desk.bodies("assignment.picked")[0]["shorts"] == [
        {"line_no": 1, "sku": "COAT-M", "lent": 2, "reason": reason, "missed": 2}
    ]
    assert desk.letters("COAT-M") == {"P": 0, "B": 0, "L": -1, "O": 1, "F": 2}
    assert "promise_at_risk:COAT-M" in desk.open_exceptions()
    before = version(desk, "COAT-M")
    short(desk, other, reason)
    assert desk.letters("COAT-M") == {"P": 0, "B": 0, "L": 0, "O": 0, "F": 3}
    # No goods moved, and still the hub hears that nothing is missing any more.
    assert version(desk, "COAT-M") > before
    assert "promise_at_risk:COAT-M" not in desk.open_exceptions()
    made = rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db")
    assert made.differences == ()


def test_who_does_not_find_what_the_books_miss_leaves_the_rest_for_the_next(desk: Desk) -> None:
    one, other = desk.offer(("COAT-M", 1)), desk.offer(("COAT-M", 2))
    gone = {"key": "g-1", "reason": "theft", "lines": [{"sku": "COAT-M", "quantity": 3}]}
    ok(desk.store.post("/api/stock/adjustments", gone, role="manager"), 201)
    assert desk.rights("COAT-M").deficit == 1

    short(desk, one, "not_found")

    assert desk.letters("COAT-M") == {"P": 2, "B": 0, "L": 0, "O": 2, "F": 1}
    desk.pick(other)
    assert desk.buckets("COAT-M") == {"picked": 2}


def test_damaged_goods_are_kept_apart_though_the_books_have_none_of_them(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    gone = {"key": "g-1", "reason": "theft", "lines": [{"sku": "COAT-M", "quantity": 5}]}
    ok(desk.store.post("/api/stock/adjustments", gone, role="manager"), 201)

    short(desk, one, "damaged")

    assert desk.buckets("COAT-M") == {"sellable": -1, "quarantine": 1}


@pytest.mark.parametrize("reason", ["no_capacity", "closing", "other"])
def test_every_other_reason_says_nothing_about_the_goods(desk: Desk, reason: str) -> None:
    one = desk.offer(("COAT-M", 2))

    desk.verb(f"assignments/{one}/reject", reason=reason)

    assert (desk.bodies("stock.adjusted"), desk.open_exceptions()) == ([], [])
    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 2, "O": 3, "F": 0}
