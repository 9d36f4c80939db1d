"""A transfer that is refused as its goods were not found, or are damaged: they are promised to nobody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.store import ok
from tests.support.transfer_ends import TRANSFER, End, one_end


@pytest.fixture
def source(tmp_path: Path) -> Iterator[End]:
    with one_end(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("reason", "to", "title"),
    [
        ("not_found", {"sellable": 3}, "Count Wool coat M: 2 were not found for transfer HBX-00001"),
        (
            "damaged",
            {"sellable": 3, "quarantine": 2},
            "Count Wool coat M: 2 are damaged, transfer HBX-00001",
        ),
    ],
)
def test_goods_that_a_transfer_is_refused_for_leave_the_shelf_and_are_counted(
    source: End, tmp_path: Path, reason: str, to: dict[str, int], title: str
) -> None:
    source.asked(("COAT-M", 2))

    source.do(f"/{TRANSFER}/reject", key="r-1", reason=reason)
    again = source.do(f"/{TRANSFER}/reject", 200, key="r-1", reason=reason)

    assert again["state"] == "rejected"
    [gone] = source.bodies("stock.adjusted")
    assert (gone["reason"], gone["note"], gone["lines"][0]["quantity"]) == (reason, "HBX-00001", 2)
    assert source.buckets("COAT-M") == to
    assert source.letters("COAT-M") == {"P": 3, "B": 0, "L": 3, "O": 0, "F": 0}
    said = source.store.rows("SELECT title FROM exceptions WHERE dedupe_key = 'count_due:COAT-M'")
    assert said == [(title,)]
    assert [each["title"] for each in ok(source.store.get("/api/stock/counts"))] == ["Wool coat M"]
    assert source.rebuilt(tmp_path) == ()


def test_lent_units_that_were_not_found_are_missing_until_the_hub_gives_their_right_back(
    source: End,
) -> None:
    source.lend("COAT-M", 5)
    source.asked(("COAT-M", 3), line_1={"lent": 3})

    source.do(f"/{TRANSFER}/reject", reason="not_found")

    # The right is the hub's again (K), so no cell of this store moves: the deficit says what is to come back.
    assert source.letters("COAT-M") == {"P": 2, "B": 0, "L": -3, "O": 5, "F": 0}
    assert source.rights("COAT-M").deficit == 3


def test_what_is_left_out_of_a_transfer_because_it_was_not_found_leaves_the_shelf(
    source: End, tmp_path: Path
) -> None:
    source.asked(("COAT-M", 4), ("MUG-1", 10))

    source.do(f"/{TRANSFER}/accept", lines=[{"line_no": 1, "units": 1}], reason="not_found")

    assert source.bodies("transfer.accepted")[0]["declined"][0]["reason"] == "not_found"
    assert source.buckets("COAT-M") == {"sellable": 1, "reserved": 1}
    assert source.buckets("MUG-1") == {"sellable": 90, "reserved": 10}
    assert source.open_exceptions() == ["count_due:COAT-M"]
    assert source.rebuilt(tmp_path) == ()


def test_more_units_than_the_books_have_of_goods_that_were_not_found_do_not_leave_them(source: End) -> None:
    source.asked(("COAT-M", 9))

    source.do(f"/{TRANSFER}/reject", reason="not_found")

    assert source.bodies("stock.adjusted")[0]["lines"][0]["quantity"] == 5
    assert source.letters("COAT-M")["P"] == 0


def test_what_was_taken_out_for_a_refused_transfer_can_be_taken_back_like_any_correction(source: End) -> None:
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/reject", reason="damaged")
    [gone] = source.bodies("stock.adjusted")

    path = f"/api/stock/adjustments/{gone['adjustment_id']}/undo"
    ok(source.store.post(path, {"key": "u-1", "reason": "They are fine"}, role="manager"), 201)

    assert source.buckets("COAT-M") == {"sellable": 5}
    assert source.where() == "rejected"


@pytest.mark.parametrize("reason", ["not_enough", "no_capacity", "other"])
def test_every_other_refusal_says_nothing_about_the_goods(source: End, reason: str) -> None:
    source.asked(("COAT-M", 2))

    source.do(f"/{TRANSFER}/reject", reason=reason)

    assert (source.bodies("stock.adjusted"), source.open_exceptions()) == ([], [])
    assert source.buckets("COAT-M") == {"sellable": 5}


def test_units_that_a_walk_did_not_find_are_counted_for_the_transfer(source: End) -> None:
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/accept")
    source.do(f"/{TRANSFER}/pick/short", line_no=1, units=2, reason="not_found")
    source.do(f"/{TRANSFER}/pick/finish")

    assert source.buckets("COAT-M") == {"sellable": 3}
    said = source.store.rows("SELECT title FROM exceptions WHERE dedupe_key = 'count_due:COAT-M'")
    assert said == [("Count Wool coat M: 2 were not found for transfer HBX-00001",)]


def test_the_page_says_what_a_reason_does_to_the_stock_where_all_or_a_part_is_refused(source: End) -> None:
    source.asked(("COAT-M", 2))

    page = source.store.get(f"/transfers/{TRANSFER}").text

    assert page.count("They leave the stock, and are counted before any is promised again.") == 2
    assert page.count("They are kept apart, and the rest is counted before any is lent again.") == 2
    assert "Fewer than asked: say why" in page
