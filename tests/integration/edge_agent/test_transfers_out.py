"""What leaves a store for another one: asked, accepted, picked, packed, shipped, settled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.link.reopening import open_units
from protocol.ids import slip_code
from protocol.movements import Bucket
from protocol.sscc import is_sscc
from tests.support.fulfilment import CODES
from tests.support.store import START_US
from tests.support.transfer_ends import ENDS, TRANSFER, End, Van, one_end, requested, two_ends


@pytest.fixture
def van(tmp_path: Path) -> Iterator[Van]:
    with two_ends(tmp_path) as made:
        yield made


@pytest.fixture
def source(tmp_path: Path) -> Iterator[End]:
    with one_end(tmp_path) as made:
        yield made


def test_goods_of_this_store_are_set_aside_the_moment_they_are_to_be_sent(source: End) -> None:
    done = source.do("", way="out", other="store-2", lines=[{"sku": "COAT-M", "quantity": 3}])

    assert done["state"] == "accepted"
    assert done["number"] == "LB1-X00001"
    assert source.bucket("COAT-M", Bucket.RESERVED) == 3
    rights = source.rights("COAT-M")
    assert (rights.physical, rights.bound, rights.sellable) == (5, 3, 2)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"other": "store-1"}, "to_itself"),
        ({"lines": [{"sku": "COAT-M", "quantity": 6}]}, "out_of_stock"),
        ({"lines": [{"sku": "COAT-M", "quantity": 3}, {"sku": "COAT-M", "quantity": 3}]}, "out_of_stock"),
        ({"lines": [{"sku": "NOPE", "quantity": 1}]}, "unknown_sku"),
        ({"lines": [{"sku": "ALTER", "quantity": 1}]}, "unknown_sku"),
        ({"other": "no such place"}, "bad_place"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_and_changes_nothing(
    source: End, asked: dict[str, Any], code: str
) -> None:
    before = source.all_rows()
    lines = [{"sku": "COAT-M", "quantity": 1}]
    body: dict[str, Any] = {"way": "out", "other": "store-2", "lines": lines, **asked}
    status = 422 if code in {"unknown_sku", "bad_place"} else 409

    error = source.do("", status, **body)

    assert error["code"] == code
    assert source.all_rows() == before


def test_units_that_are_lent_to_the_hub_cannot_be_sent_away_by_choice(source: End) -> None:
    source.lend("COAT-M", 4)

    error = source.do("", 409, way="out", other="store-2", lines=[{"sku": "COAT-M", "quantity": 2}])

    assert (error["code"], error["facts"]["sellable"]) == ("out_of_stock", 1)


def test_a_request_of_the_hub_waits_until_somebody_answers_and_may_be_met_in_part(source: End) -> None:
    assert source.asked(("COAT-M", 4), ("MUG-1", 10)) == "applied"
    assert source.where() == "requested"
    assert source.bucket("COAT-M", Bucket.RESERVED) == 0
    source.do(f"/{TRANSFER}/accept", lines=[{"line_no": 1, "units": 2}])

    assert source.where() == "accepted"
    assert source.bucket("COAT-M", Bucket.RESERVED) == 2
    accepted = source.bodies("transfer.accepted")[0]
    assert accepted["lines"] == [
        {"line_no": 1, "sku": "COAT-M", "bound": 2},
        {"line_no": 2, "sku": "MUG-1", "bound": 10},
    ]
    assert accepted["declined"] == [{"line_no": 1, "sku": "COAT-M", "bound": 2, "reason": "not_enough"}]


def test_lent_units_are_sent_as_the_hubs_own_and_end_its_right_when_they_leave(source: End) -> None:
    source.lend("COAT-M", 5)
    source.asked(("COAT-M", 3), line_1={"lent": 3})

    source.do(f"/{TRANSFER}/accept")
    before = source.rights("COAT-M")
    source.send()
    after = source.rights("COAT-M")

    assert (before.physical, before.bound, before.outstanding, before.sellable) == (5, 0, 5, 0)
    assert (after.physical, after.bound, after.outstanding, after.sellable) == (2, 0, 2, 0)
    assert after.cells.finished == 3
    assert source.bucket("COAT-M", Bucket.IN_TRANSIT) == 3


def test_lent_units_of_a_transfer_are_open_promises_when_the_lending_begins_anew(source: End) -> None:
    """Before anybody answered, and until they have left: a hub that lost them must hear of them."""
    source.lend("COAT-M", 5)
    source.asked(("COAT-M", 3), line_1={"lent": 3})
    connection = source.store.edge.database.read()
    promised = [("t:t-1", 1, "COAT-M", 3)]

    def still_open() -> list[tuple[str, int, str, int]]:
        return [(each.owner, each.line_no, each.sku, each.units) for each in open_units(connection)]

    assert still_open() == promised
    source.do(f"/{TRANSFER}/accept")
    assert still_open() == promised
    source.send()
    assert still_open() == []


def test_a_rejected_request_sets_nothing_aside_and_says_why(source: End) -> None:
    source.asked(("COAT-M", 1))

    source.do(f"/{TRANSFER}/reject", reason="no_capacity", note="Stocktaking")

    assert source.where() == "rejected"
    assert source.bucket("COAT-M", Bucket.RESERVED) == 0
    said = source.do(f"/{TRANSFER}/accept", 409)
    assert (said["code"], said["remedy"][:10]) == ("not_now", "It is over")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (requested(("COAT-M", 1), source="store-3"), "rejected not_here"),
        (requested(("COAT-M", 1)) | {"lines": [{"line_no": 1, "sku": "NEW-1", "name": "New", "quantity": 1}]},
         "rejected unknown_sku"),
        (requested(("COAT-M", 1), destination="store-1"), "rejected bad_body"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_met_never_reaches_the_inbox(
    source: End, body: dict[str, object], outcome: str
) -> None:
    assert source.tell("transfer.request", body) == outcome
    assert source.store.rows("SELECT count(*) FROM transfers") == [(0,)]


def test_a_short_pick_sends_what_is_there_and_has_the_rest_counted(source: End) -> None:
    source.asked(("COAT-M", 3), ("MUG-1", 1))
    source.do(f"/{TRANSFER}/accept")
    for _ in range(2):
        source.do(f"/{TRANSFER}/pick/scan", code=CODES["COAT-M"])
    source.do(f"/{TRANSFER}/pick/scan", code=CODES["MUG-1"])

    unfinished = source.do(f"/{TRANSFER}/pick/finish", 409)
    source.do(f"/{TRANSFER}/pick/short", line_no=1, units=1, reason="not_found")
    done = source.do(f"/{TRANSFER}/pick/finish")

    assert unfinished["code"] == "unfinished"
    assert (done["state"], done["short_units"]) == ("picked", 1)
    rights = source.rights("COAT-M")
    assert (rights.physical, rights.bound) == (4, 2)
    assert source.store.rows("SELECT dedupe_key FROM exceptions WHERE closed_us IS NULL") == [
        ("count_due:COAT-M",)
    ]


def test_when_nothing_is_found_the_transfer_ends_and_nothing_stays_bound(source: End) -> None:
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/accept")
    source.do(f"/{TRANSFER}/pick/short", line_no=1, units=2, reason="mismatch")

    done = source.do(f"/{TRANSFER}/pick/finish")

    assert done["state"] == "short"
    assert (source.rights("COAT-M").physical, source.rights("COAT-M").bound) == (3, 0)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("0000000000000", "unknown_code"),
        (slip_code("pl", "LB1-L00001", 1), "not_an_item"),
        ("]C100950110100100000077", "unknown_code"),
        (CODES["BOOK-1"], "wrong_item"),
        (CODES["MUG-1"], "over_scan"),
    ],
)
def test_a_scan_that_is_no_pick_is_an_answer_and_moves_nothing(source: End, code: str, outcome: str) -> None:
    source.asked(("COAT-M", 1), ("MUG-1", 1))
    source.do(f"/{TRANSFER}/accept")
    source.do(f"/{TRANSFER}/pick/scan", code=CODES["MUG-1"])
    before = source.all_rows()

    said = source.do(f"/{TRANSFER}/pick/scan", code=code)

    assert said["outcome"] == outcome
    assert source.all_rows() | {"idempotency": []} == before | {"idempotency": []}


def test_a_scan_that_is_sent_twice_counts_once_and_can_be_taken_back(source: End) -> None:
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/accept")

    first = source.do(f"/{TRANSFER}/pick/scan", key="scan-1", code=CODES["COAT-M"])
    again = source.do(f"/{TRANSFER}/pick/scan", 200, key="scan-1", code=CODES["COAT-M"])
    undone = source.do(f"/{TRANSFER}/pick/undo")

    assert (first["found"], again, undone["found"]) == (1, first, 0)
    assert source.do(f"/{TRANSFER}/pick/undo", 409)["code"] == "nothing_to_undo"


def test_cartons_are_packed_by_scan_and_carry_numbers_that_no_other_carton_has(source: End) -> None:
    source.asked(("COAT-M", 2), ("MUG-1", 3))
    source.do(f"/{TRANSFER}/accept")
    source.walk()

    first = source.carton("COAT-M", "COAT-M", "MUG-1")
    half = source.where()
    second = source.carton()

    assert (half, source.where()) == ("picked", "packed")
    assert is_sscc(first)
    assert is_sscc(second)
    assert first[:12] == second[:12] == "0" + "9501101" + "9001"
    assert [carton["lines"] for carton in source.transfer()["cartons"]] == [
        {"COAT-M": 2, "MUG-1": 1},
        {"MUG-1": 2},
    ]


def test_a_carton_that_comes_in_under_the_number_of_one_of_ours_takes_nothing_from_it(
    source: End, tmp_path: Path
) -> None:
    source.asked(("MUG-1", 3))
    source.do(f"/{TRANSFER}/accept")
    source.walk()
    sscc = source.carton()
    coming = {"transfer_id": "t-2", "number": "YC1-X00001", "source": "store-2", "destination": "store-1"}
    lines = [{"line_no": 1, "sku": "BOOK-1", "name": "Book", "quantity": 1}]
    inside = [{"sscc": sscc, "lines": [{"line_no": 1, "sku": "BOOK-1", "quantity": 1}]}]

    assert source.tell("transfer.expect", coming | {"lines": lines, "cartons": inside}) == "applied"
    left = source.do(f"/{TRANSFER}/ship")
    came = source.do("/t-2/receive", cartons=[sscc])

    assert (left["cartons"], left["units"], came["units"]) == (1, 3, 1)
    assert [carton["lines"] for carton in source.transfer()["cartons"]] == [{"MUG-1": 3}]
    assert source.rebuilt(tmp_path) == ()


def test_what_was_not_picked_for_it_does_not_go_into_a_carton(source: End) -> None:
    source.asked(("COAT-M", 1))
    source.do(f"/{TRANSFER}/accept")
    source.walk()

    error = source.do(f"/{TRANSFER}/cartons", 409, scanned=[CODES["COAT-M"], CODES["MUG-1"]])

    assert (error["code"], error["facts"]["extra"]) == ("pack_mismatch", {"MUG-1": 1})
    assert source.transfer()["cartons"] == []


def test_a_carton_that_is_opened_again_is_packed_under_another_number(source: End) -> None:
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/accept")
    source.walk()
    first = source.carton()

    source.do(f"/{TRANSFER}/cartons/{first}/open", reason="Too heavy")
    opened = source.where()
    second = source.carton()

    assert (opened, source.where()) == ("picked", "packed")
    assert first != second
    assert source.do(f"/{TRANSFER}/cartons/{first}/open", 404)["code"] == "no_carton"
    assert source.do(f"/{TRANSFER}/cartons", 409)["code"] == "nothing_to_pack"


def test_nothing_leaves_before_all_of_it_is_in_cartons(source: End) -> None:
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/accept")
    source.walk()
    source.carton("COAT-M")

    assert source.do(f"/{TRANSFER}/ship", 409)["code"] == "not_now"


def test_what_was_shipped_is_in_transit_and_no_stock_of_the_store(source: End) -> None:
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/accept")

    source.send()

    rights = source.rights("COAT-M")
    assert (rights.physical, rights.bound, rights.sellable) == (3, 0, 3)
    assert source.bucket("COAT-M", Bucket.IN_TRANSIT) == 2
    assert source.do(f"/{TRANSFER}/cancel", 409)["code"] == "too_late"
    assert source.tell("transfer.cancel", ENDS) == "rejected too_late"


@pytest.mark.parametrize("how", ["here", "hub"])
@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_transfer_that_is_cancelled_before_it_leaves_gives_everything_back(
    source: End, tmp_path: Path, how: str, steps: int
) -> None:
    source.lend("MUG-1", 50)
    source.asked(("COAT-M", 2), ("MUG-1", 4), line_2={"lent": 3})
    for step in (
        lambda: source.do(f"/{TRANSFER}/accept"),
        source.walk,
        source.carton,
    )[:steps]:
        step()

    if how == "here" and steps:
        source.do(f"/{TRANSFER}/cancel", reason="Not needed")
    else:
        assert source.tell("transfer.cancel", ENDS) == "applied"

    assert source.where() == "cancelled"
    coats, mugs = source.rights("COAT-M"), source.rights("MUG-1")
    assert (coats.physical, coats.bound) == (5, 0)
    assert (mugs.physical, mugs.bound, mugs.outstanding, mugs.cells.finished) == (100, 0, 50, 0)
    tasks = source.store.rows("SELECT kind FROM exceptions WHERE closed_us IS NULL")
    assert tasks == ([("transfer_put_back",)] if steps >= 2 else [])
    assert source.rebuilt(tmp_path) == ()


def test_a_settlement_brings_in_transit_back_to_zero_and_counts_what_never_came(van: Van) -> None:
    source, destination = van.source, van.destination
    source.asked(("COAT-M", 3))
    source.do(f"/{TRANSFER}/accept")
    cartons = source.send()
    van.announce()
    destination.do(f"/{TRANSFER}/receive", cartons=cartons, lines=[{"line_no": 1, "units": 2}], final=True)

    assert van.settle() == "applied"

    assert (source.where(), destination.where()) == ("settled", "settled")
    assert source.bucket("COAT-M", Bucket.IN_TRANSIT) == 0
    moved = source.store.rows(
        "SELECT to_bucket, quantity FROM movements WHERE from_bucket = 'in_transit' ORDER BY n"
    )
    assert moved == [("transfer", 2), ("missing", 1)]
    assert van.settle() == "applied"
    assert source.bucket("COAT-M", Bucket.IN_TRANSIT) == 0


def test_a_settlement_that_does_not_account_for_every_unit_is_refused(source: End) -> None:
    source.asked(("COAT-M", 3))
    line = {"line_no": 1, "sku": "COAT-M", "received": 2}

    early = source.tell("transfer.settled", {**ENDS, "lines": [line]})
    source.do(f"/{TRANSFER}/accept")
    source.send()
    wrong = source.tell("transfer.settled", {**ENDS, "lines": [line]})

    twice = source.tell("transfer.settled", {**ENDS, "lines": [line | {"received": 3}] * 2})

    assert (early, wrong) == ("rejected not_shipped", "rejected does_not_add_up")
    assert twice == "rejected does_not_add_up"
    assert source.bucket("COAT-M", Bucket.IN_TRANSIT) == 3


def test_more_units_arriving_than_were_written_down_has_the_source_count_its_shelf(van: Van) -> None:
    source, destination = van.source, van.destination
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/accept")
    cartons = source.send()
    van.announce()
    destination.do(f"/{TRANSFER}/receive", cartons=cartons, lines=[{"line_no": 1, "units": 3}])

    van.settle()

    open_tasks = source.store.rows("SELECT dedupe_key FROM exceptions WHERE closed_us IS NULL")
    assert open_tasks == [("count_due:COAT-M",)]
    assert destination.rights("COAT-M").physical == 3


def test_the_labels_and_the_manifest_are_queued_with_the_step_that_needs_them(source: End) -> None:
    source.asked(("COAT-M", 2))
    source.do(f"/{TRANSFER}/accept")

    source.send()

    jobs = source.store.rows("SELECT document, title FROM print_jobs ORDER BY queued_us, rowid")
    assert jobs == [("carton_label", "HBX-00001"), ("transfer_manifest", "HBX-00001")]


@pytest.mark.parametrize(
    ("due_us", "code"),
    [(2**62, "invalid_field"), (1, "invalid_field"), (START_US - 1, "due_past"), (START_US + 10**9, "")],
)
def test_a_transfer_is_wanted_by_a_day_that_is_to_come(source: End, due_us: int, code: str) -> None:
    lines = [{"sku": "MUG-1", "quantity": 1}]
    status = 422 if code else 201

    said = source.do("", status, way="in", other="store-2", lines=lines, due_us=due_us)

    assert said.get("code", "") == code
    assert len(source.bodies("transfer.requested")) == (0 if code else 1)


def test_a_day_that_no_calendar_has_breaks_no_page_and_no_slip(source: End) -> None:
    asked = source.do("", way="in", other="store-2", lines=[{"sku": "MUG-1", "quantity": 1}])
    source.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE transfers SET due_us = ?", (2**62,)).rowcount
    )

    for path in ("/transfers", f"/transfers/{asked['transfer_id']}"):
        page = source.store.client.get(path, headers=source.store.headers("associate"))
        assert page.status_code == 200, path
