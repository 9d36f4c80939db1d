from pathlib import Path
from typing import Any

import pytest

from edge_agent.link.lending import Lending
from edge_agent.link.settings import LinkSettings
from edge_agent.rebuild import rebuild
from protocol.ids import slip_code
from protocol.kit.sqlite import connect
from tests.support.fulfilment import CODES, HOUR_US, Desk
from tests.support.store import START_US, Store, ok


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 3)
    made.lend("MUG-1", 20)
    return made


def test_the_right_item_counts_and_the_wrong_one_is_named_with_the_one_that_is_wanted(desk: Desk) -> None:
    list_id = desk.start(desk.offer(("COAT-M", 2), ("MUG-1", 1)))

    right = desk.scan(list_id, "COAT-M")
    wrong = desk.scan(list_id, "BOOK-1")

    assert (right["outcome"], right["found"], right["wanted"]) == ("picked", 1, 2)
    assert (wrong["outcome"], wrong["what"], wrong["remedy"]) == (
        "wrong_item",
        "This is Picture book.",
        "Take Coat-M from A-01.",
    )
    assert desk.pick_view(list_id)["found"] == 1


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("0000000000000", "unknown_code"),
        (slip_code("pl", "LB1-L00001", 1), "not_an_item"),
        (CODES["BOOK-1"], "wrong_item"),
        (CODES["COAT-M"], "over_scan"),
    ],
)
def test_a_scan_that_is_no_pick_is_an_answer_and_moves_nothing(desk: Desk, code: str, outcome: str) -> None:
    list_id = desk.start(desk.offer(("COAT-M", 1), ("MUG-1", 1)))
    desk.scan(list_id, "COAT-M")
    before = desk.everything()

    said = desk.verb(f"picks/{list_id}/scan", code=code)["scan"]

    after = desk.everything()
    assert said["outcome"] == outcome
    assert after | {"idempotency": []} == before | {"idempotency": []}


def test_a_store_that_is_made_anew_has_the_lists_that_somebody_walks_with(desk: Desk, tmp_path: Path) -> None:
    done, half = desk.offer(("COAT-M", 1)), desk.offer(("MUG-1", 2))
    first = desk.pick(done)
    second = desk.start(half)
    desk.scan(second, "MUG-1")

    rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db")

    connection = connect(tmp_path / "again.db", read_only=True)
    lists = connection.execute("SELECT list_id, state, picker FROM pick_lists ORDER BY list_id").fetchall()
    orders = connection.execute("SELECT list_id, assignment_id FROM pick_list_orders").fetchall()
    connection.close()
    assert [tuple(row) for row in lists] == [(first, "done", "b-hale"), (second, "picking", "b-hale")]
    assert sorted(tuple(row) for row in orders) == sorted([(first, done), (second, half)])


def test_the_same_scan_sent_twice_counts_once(desk: Desk) -> None:
    list_id = desk.start(desk.offer(("COAT-M", 2)))
    body = {"key": "scan-1", "code": CODES["COAT-M"]}

    first = desk.store.post(f"/api/fulfil/picks/{list_id}/scan", body)
    again = desk.store.post(f"/api/fulfil/picks/{list_id}/scan", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["scan"] == again.json()["scan"]
    assert desk.pick_view(list_id)["found"] == 1
    other = desk.store.post(f"/api/fulfil/picks/{list_id}/scan", {"key": "scan-1", "code": "x"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")


def test_scans_are_taken_back_one_by_one_the_last_first(desk: Desk) -> None:
    list_id = desk.start(desk.offer(("COAT-M", 2)))
    desk.scan(list_id, "COAT-M", 2)

    assert desk.verb(f"picks/{list_id}/undo")["pick"]["found"] == 1
    assert desk.verb(f"picks/{list_id}/undo")["pick"]["found"] == 0
    assert desk.verb(f"picks/{list_id}/undo", 409)["code"] == "nothing_to_undo"


def test_with_a_line_in_focus_only_that_line_takes_the_scan(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1), ("MUG-1", 1))
    list_id = desk.start(one)

    said = desk.verb(f"picks/{list_id}/scan", code=CODES["MUG-1"], assignment_id=one, line_no=1)["scan"]

    assert (said["outcome"], said["wanted_sku"]) == ("wrong_item", "COAT-M")


def test_a_batch_shares_one_walk_and_fills_the_order_that_is_due_first(desk: Desk) -> None:
    late = desk.offer(("MUG-1", 1), promise={"due_us": START_US + 3 * HOUR_US})
    early = desk.offer(("MUG-1", 1), ("COAT-M", 1))

    list_id = desk.start(late, early)

    view = desk.pick_view(list_id)
    assert [(each["assignment_id"], each["tote"]) for each in view["orders"]] == [(early, "A"), (late, "B")]
    assert [(line["bin"], line["tote"]) for line in view["lines"]] == [
        ("A-01", "A"), ("B-02", "A"), ("B-02", "B"),
    ]  # fmt: skip
    assert [desk.scan(list_id, "MUG-1")["tote"], desk.scan(list_id, "MUG-1")["tote"]] == ["A", "B"]
    assert desk.scan(list_id, "MUG-1")["outcome"] == "over_scan"
    desk.scan(list_id, "COAT-M")
    done = desk.verb(f"picks/{list_id}/finish")
    assert [each["state"] for each in done["assignments"]] == ["picked", "picked"]
    single = desk.pick_view("LB1-L00001")
    assert (single["list_id"], single["replaced_by"]) == (list_id, list_id)


def test_a_wave_takes_what_is_due_before_a_time(desk: Desk) -> None:
    early = desk.offer(("MUG-1", 1))
    desk.offer(("MUG-1", 1), promise={"due_us": START_US + 9 * HOUR_US})

    started = desk.verb("picks", due_before_us=START_US + 2 * HOUR_US)

    assert started["assignments"] == [early]
    assert desk.verb("picks", 409, due_before_us=START_US)["code"] == "nothing_to_pick"


def test_an_order_that_somebody_picks_is_not_begun_on_another_list(desk: Desk) -> None:
    one, two = desk.offer(("MUG-1", 1)), desk.offer(("MUG-1", 1))
    list_id = desk.start(one)
    before = desk.everything()

    error = desk.verb("picks", 409, assignments=[one, two])

    assert (error["code"], error["facts"]["list_id"]) == ("already_picking", list_id)
    assert desk.everything() == before
    again = desk.verb("picks", list_id=list_id, role="lead")
    assert (again["list_id"], desk.pick_view(list_id)["picker"]) == (list_id, "s-rowe")


@pytest.mark.parametrize(
    ("reason", "to_bucket"),
    [("not_found", None), ("mismatch", None), ("damaged", "quarantine"), ("display_worn", "quarantine")],
)
def test_a_short_pick_of_lent_units_ends_their_right_and_takes_them_off_the_shelf(
    desk: Desk, reason: str, to_bucket: str | None
) -> None:
    one = desk.offer(("COAT-M", 2))
    list_id = desk.start(one)
    desk.scan(list_id, "COAT-M")

    noted = desk.verb(f"picks/{list_id}/short", assignment_id=one, line_no=1, units=1, reason=reason)
    effect = noted["short"]["effect"]

    assert (effect["stock_before"], effect["stock_after"]) == (5, 4)
    assert "stock 5 → 4" in effect["sentence"]
    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 2, "O": 3, "F": 0}

    desk.verb(f"picks/{list_id}/finish")

    assert desk.letters("COAT-M") == {"P": 4, "B": 0, "L": 2, "O": 2, "F": 1}
    expected = {"sellable": 3, "picked": 1} | ({to_bucket: 1} if to_bucket else {})
    assert desk.buckets("COAT-M") == expected
    assert desk.bodies("assignment.picked")[0]["shorts"] == [
        {"line_no": 1, "sku": "COAT-M", "lent": 1, "reason": reason}
    ]
    counted = ["count_due:COAT-M"] if reason == "not_found" else []
    assert desk.open_exceptions() == counted


def test_what_was_not_found_is_not_lent_again_until_it_is_counted(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    list_id = desk.start(one)
    desk.verb(f"picks/{list_id}/short", assignment_id=one, line_no=1, units=1, reason="not_found")
    desk.verb(f"picks/{list_id}/finish")
    lending = Lending(desk.store.edge, lend_settings(desk.store))
    assert desk.state(one) == "short"

    desk.store.edge.database.write(lending.lend)
    paused = desk.rights("COAT-M").outstanding

    body = {"key": "count", "reason": "adjusted", "lines": [{"sku": "COAT-M", "quantity": 1}]}
    ok(desk.store.post("/api/stock/moves", body, role="manager"), 201)
    desk.store.edge.database.write(lending.lend)

    assert (paused, desk.rights("COAT-M").outstanding) == (2, 4)
    assert desk.open_exceptions() == []


def lend_settings(store: Store) -> LinkSettings:
    """Return settings of a store that lends up to four of everything."""
    folder = store.edge.settings.data_dir
    return LinkSettings(
        broker=None, marker_file=folder / "m", incoming=folder / "in", lend_share_ppm=1_000_000, lend_cap=4
    )


def test_every_reason_says_what_it_will_do_before_anybody_chooses_one(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    list_id = desk.start(one)

    said = ok(desk.store.get(f"/api/fulfil/picks/{list_id}/effects", assignment_id=one, line_no=1, units=1))

    assert [each["sentence"] for each in said] == [
        (
            "not found: stock 5 → 4, count task, web promises of this item here pause,"
            " order goes back to routing"
        ),
        "fewer than in the books: stock 5 → 4, order goes back to routing",
        "damaged: stock 5 → 4, 1 kept apart, order goes back to routing",
        "worn on display: stock 5 → 4, 1 kept apart, order goes back to routing",
    ]


def test_a_walk_does_not_end_while_lines_are_neither_found_nor_short(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2), ("MUG-1", 1))
    list_id = desk.start(one)
    desk.scan(list_id, "MUG-1")
    before = desk.everything()

    error = desk.verb(f"picks/{list_id}/finish", 409)

    assert (error["code"], error["facts"]["lines"]) == (
        "unfinished",
        [{"assignment_id": one, "line_no": 1, "left": 2}],
    )
    assert desk.everything() == before


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("set", {"line_no": 1, "units": 3}, "too_many"),
        ("set", {"line_no": 9, "units": 1}, "no_line"),
        ("short", {"line_no": 1, "units": 3, "reason": "damaged"}, "too_many"),
        ("short", {"line_no": 9, "units": 1, "reason": "damaged"}, "no_line"),
        ("short", {"line_no": 1, "units": 1, "reason": "eaten"}, "invalid_field"),
        ("set", {"line_no": 1, "units": -1}, "invalid_field"),
    ],
)
def test_a_number_that_cannot_be_is_refused_and_changes_nothing(
    desk: Desk, path: str, body: dict[str, Any], code: str
) -> None:
    one = desk.offer(("COAT-M", 2))
    list_id = desk.start(one)
    before = desk.everything()

    status = {"too_many": 409, "no_line": 404, "invalid_field": 422}[code]

    assert desk.verb(f"picks/{list_id}/{path}", status, assignment_id=one, **body)["code"] == code
    assert desk.everything() == before


def test_a_list_of_another_store_is_named_as_such(desk: Desk) -> None:
    for code in (slip_code("pl", "HK1-L00004", 1), "HK1-L00004", slip_code("bg", "HK1-B00004", 1)):
        error = desk.store.get("/api/fulfil/lookup", code=code).json()["error"]
        assert (error["code"], error["facts"]["location"]) == ("foreign_slip", "HK")
    assert desk.store.get("/api/fulfil/picks/HK1-L00004").json()["error"]["code"] == "foreign_slip"
    assert desk.store.get("/api/fulfil/picks/LB1-L00099").json()["error"]["code"] == "no_list"
    assert desk.verb("picks/LB1-L00099/scan", 404, code="1")["code"] == "no_list"


def test_any_paper_of_an_order_leads_to_it(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    list_id = desk.pick(one)
    (bag,) = desk.verb(f"assignments/{one}/pack", bags=1)["parcels"]

    for code, what in (
        ("HB1-00001", "order"),
        (slip_code("po", "HB1-00001", 1), "order"),
        (slip_code("pl", list_id, 1), "pick_list"),
        (list_id, "pick_list"),
        (slip_code("bg", bag, 2), "parcel"),
        (bag, "parcel"),
        (slip_code("as", one, 1), "assignment"),
    ):
        found = ok(desk.store.get("/api/fulfil/lookup", code=code))
        assert (found["what"], [each["assignment_id"] for each in found["assignments"]]) == (what, [one])
    product = ok(desk.store.get("/api/fulfil/lookup", code=CODES["MUG-1"]))
    assert (product["what"], product["sku"]) == ("product", "MUG-1")
    assert desk.store.get("/api/fulfil/lookup", code="nothing").json()["error"]["code"] == "unknown_code"


def test_a_sale_that_takes_a_promised_unit_says_at_once_whose_promise_it_breaks(desk: Desk) -> None:
    desk.offer(("COAT-M", 3))
    sale = {
        "key": "s-1", "till": "till-1", "lines": [{"sku": "COAT-M", "quantity": 3}],
        "tenders": [{"kind": "card", "amount_minor": 36_000}],
    }  # fmt: skip

    ok(desk.store.post("/api/sales", sale), 201)

    assert "promise_at_risk:COAT-M" in desk.open_exceptions()
    (found,) = desk.store.rows("SELECT title, owner_role FROM exceptions WHERE kind = 'promise_at_risk'")
    assert found == ("1 x Wool coat M promised and not here: order HB1-00001 is at risk", "manager")

    body = {"key": "found", "reason": "adjusted", "lines": [{"sku": "COAT-M", "quantity": 1}]}
    ok(desk.store.post("/api/stock/moves", body, role="manager"), 201)
    assert "promise_at_risk:COAT-M" not in desk.open_exceptions()
