"""What arrives at a store from another one: announced or not, short, over, broken, for an order, undone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.link.lending import grant, stock_of
from edge_agent.link.rows import set_link
from protocol.ids import slip_code
from protocol.movements import Bucket
from protocol.sscc import make_sscc
from tests.support.fulfilment import CODES, HOUR_US
from tests.support.store import START_US, ok, sale
from tests.support.transfer_ends import ENDS, TRANSFER, End, one_end, two_ends

STRANGER = make_sscc("9501101077", 1, 12)
CARTON = make_sscc("9501101001", 1, 1)
SECOND = make_sscc("9501101001", 1, 2)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """The destination alone."""
    with one_end(tmp_path, "store-2") as made:
        yield made


def announced(shop: End, *, orders: tuple[Any, ...] = (), **more: Any) -> str:
    """Announce three coats in one carton and four mugs in another; return the outcome."""
    lines = [
        {"line_no": 1, "sku": "COAT-M", "name": "Coat", "quantity": 3, **more.get("line_1", {})},
        {"line_no": 2, "sku": "MUG-1", "name": "Mug", "quantity": 4, **more.get("line_2", {})},
    ]
    cartons = [
        {"sscc": CARTON, "lines": [{"line_no": 1, "sku": "COAT-M", "quantity": 3}]},
        {"sscc": SECOND, "lines": [{"line_no": 2, "sku": "MUG-1", "quantity": 4}]},
    ]
    body = {**ENDS, "lines": lines, "cartons": cartons, "orders": list(orders)}
    return shop.tell("transfer.expect", body | {"receipts": more.get("receipts", [])})


def coming(n: int = 1) -> dict[str, Any]:
    """Return an order whose goods come by transfer."""
    promise = {"kind": "collect", "location": "store-2", "due_us": START_US + HOUR_US}
    return {
        "assignment_id": f"a-{n}",
        "order_id": f"o-{n}",
        "number": f"HB1-0000{n}",
        "channel": "web",
        "currency": "GBP",
        "promise": promise,
        "pickup_code": "123456",
    }


FOR_ORDER = {"order_id": "o-1", "order_number": "HB1-00001", "order_line_no": 2, "assignment_id": "a-1"}


def test_a_scanned_carton_brings_everything_in_that_it_was_packed_with(shop: End) -> None:
    announced(shop)

    scanned = shop.do(f"/{TRANSFER}/arrival/scan", code=f"]C100{CARTON}")
    done = shop.do(f"/{TRANSFER}/receive")

    assert (scanned["outcome"], scanned["found"], scanned["wanted"]) == ("carton", 1, 2)
    assert (done["units"], done["final"]) == (3, False)
    assert (shop.where(), shop.letters("COAT-M")["P"]) == ("part_received", 3)
    assert [carton["state"] for carton in shop.transfer()["cartons"]] == ["received", "expected"]

    shop.do(f"/{TRANSFER}/receive", cartons=[SECOND])

    assert shop.where() == "received"
    assert shop.bodies("transfer.received")[1]["final"] is True


def test_items_may_be_counted_one_by_one_and_a_scan_taken_back(shop: End) -> None:
    announced(shop)
    for _ in range(2):
        shop.do(f"/{TRANSFER}/arrival/scan", code=CODES["COAT-M"])
    last = shop.do(f"/{TRANSFER}/arrival/scan", code=CODES["COAT-M"])
    shop.do(f"/{TRANSFER}/arrival/undo", scan_id=last["scan_id"])

    done = shop.do(f"/{TRANSFER}/receive")

    assert (last["found"], last["wanted"]) == (3, 3)
    assert (done["units"], done["missing"]) == (2, 0)
    assert shop.letters("COAT-M")["P"] == 2


def test_broken_and_missing_units_are_lines_with_a_reason_and_no_stock_to_sell(shop: End) -> None:
    announced(shop)
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"(00){CARTON}")
    shop.do(f"/{TRANSFER}/arrival/line", line_no=1, units=2, damaged=1, note="Crushed")

    done = shop.do(f"/{TRANSFER}/receive")

    assert (done["units"], done["damaged"], done["missing"]) == (2, 1, 1)
    assert shop.buckets("COAT-M") == {"sellable": 1, "quarantine": 1}
    body = shop.bodies("transfer.received")[0]
    assert body["lines"][0]["reason"] == "damaged"
    assert body["shorts"] == [{"line_no": 1, "sku": "COAT-M", "quantity": 1, "note": "Crushed"}]


def test_what_never_comes_is_said_once_and_ends_the_wait(shop: End) -> None:
    announced(shop)

    done = shop.do(f"/{TRANSFER}/receive", cartons=[CARTON], final=True)

    assert (done["units"], done["missing"], done["final"]) == (3, 4, True)
    assert shop.bodies("transfer.received")[0]["shorts"] == [
        {"line_no": 2, "sku": "MUG-1", "quantity": 4, "reason": "carton_missing"}
    ]
    assert shop.where() == "received"


def test_more_than_was_announced_and_what_nobody_announced_are_taken_in_and_said(shop: End) -> None:
    announced(shop)

    done = shop.do(
        f"/{TRANSFER}/receive",
        cartons=[CARTON],
        lines=[{"line_no": 1, "units": 4}, {"sku": "BOOK-1", "units": 1}],
    )

    assert (done["units"], done["over"]) == (5, 1)
    lines = {line["sku"]: line for line in shop.bodies("transfer.received")[0]["lines"]}
    assert (lines["COAT-M"]["over"], lines["COAT-M"]["reason"]) == (1, "over")
    assert lines["BOOK-1"].get("line_no", 0) == 0
    assert (shop.letters("COAT-M")["P"], shop.letters("BOOK-1")["P"]) == (4, 1)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (f"]C100{STRANGER}", "unknown_carton"),
        (f"]C100{STRANGER[:-1]}{(int(STRANGER[-1]) + 1) % 10}", "unknown_code"),
        (slip_code("tf", "LB1-X00009", 1), "not_an_item"),
        ("0000000000000", "unknown_code"),
        (CODES["BOOK-1"] + "9", "unknown_code"),
    ],
)
def test_a_label_that_is_not_for_this_arrival_is_a_clear_answer_and_changes_nothing(
    shop: End, code: str, outcome: str
) -> None:
    announced(shop)
    before = shop.all_rows()

    said = shop.do(f"/{TRANSFER}/arrival/scan", code=code)

    assert said["outcome"] == outcome
    assert said["what"]
    assert said["remedy"]
    assert shop.all_rows() | {"idempotency": []} == before | {"idempotency": []}


def test_a_carton_counts_once_however_often_it_is_scanned(shop: End) -> None:
    announced(shop)
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"]C100{CARTON}")
    twice = shop.do(f"/{TRANSFER}/arrival/scan", code=f"]C100{CARTON}")
    shop.do(f"/{TRANSFER}/receive")

    late = shop.do(f"/{TRANSFER}/arrival/scan", code=f"]C100{CARTON}")
    refused = shop.do(f"/{TRANSFER}/receive", 409, cartons=[CARTON])

    assert (twice["outcome"], late["outcome"], refused["code"]) == (
        "carton_again",
        "carton_again",
        "carton_again",
    )
    assert shop.letters("COAT-M")["P"] == 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sscc": STRANGER, "lines": [{"sku": "MUG-1", "units": 2}]}, 409, "not_sure"),
        ({"sscc": STRANGER, "sure": True}, 409, "nothing_arrived"),
        ({"sscc": STRANGER, "sure": True, "lines": [{"sku": "NOPE", "units": 1}]}, 422, "unknown_sku"),
        ({"sscc": STRANGER, "sure": True, "source": "store-2", "lines": [{"sku": "MUG-1", "units": 1}]},
         409, "to_itself"),
        ({"sscc": "1" * 18, "sure": True, "lines": [{"sku": "MUG-1", "units": 1}]}, 422, "bad_sscc"),
        ({"sscc": CARTON, "sure": True, "lines": [{"sku": "MUG-1", "units": 1}]}, 409, "announced"),
    ],
)  # fmt: skip
def test_goods_that_nobody_announced_need_somebody_who_has_read_the_label(
    shop: End, body: dict[str, Any], status: int, code: str
) -> None:
    announced(shop)
    before = shop.all_rows()

    error = shop.do("/unannounced", status, **body)

    assert error["code"] == code
    assert shop.all_rows() == before


def test_an_unannounced_carton_is_taken_in_and_matched_when_its_announcement_comes(
    shop: End, tmp_path: Path
) -> None:
    done = shop.do(
        "/unannounced", sscc=CARTON, sure=True, source="store-1", lines=[{"sku": "COAT-M", "units": 2}]
    )
    waiting = shop.store.get("/api/transfers/unannounced").json()

    assert announced(shop) == "applied"

    matched = shop.bodies("transfer.matched")[0]
    assert [each["receipt_id"] for each in waiting] == [done["receipt_id"]] == [matched["receipt_id"]]
    assert matched["lines"] == [{"line_no": 1, "sku": "COAT-M", "name": "Coat", "quantity": 2}]
    assert shop.store.get("/api/transfers/unannounced").json() == []
    assert (shop.where(), shop.transfer()["lines"][0]["expected"]) == ("part_received", 1)
    assert shop.letters("COAT-M")["P"] == 2
    said = shop.do(f"/receipts/{done['receipt_id']}/undo", 409)
    assert (said["code"], "HBX-00001" in said["what"]) == ("matched", True)
    assert shop.rebuilt(tmp_path) == ()


def test_goods_without_a_label_are_matched_by_the_receipt_that_the_hub_names(shop: End) -> None:
    done = shop.do(
        "/unannounced",
        sure=True,
        lines=[{"sku": "COAT-M", "units": 3}, {"sku": "MUG-1", "units": 5}],
    )

    announced(shop, receipts=[done["receipt_id"]])

    matched = shop.bodies("transfer.matched")[0]
    assert matched["final"] is True
    assert [(line["line_no"], line["quantity"], line.get("over", 0)) for line in matched["lines"]] == [
        (1, 3, 0),
        (2, 5, 1),
    ]
    assert shop.where() == "received"


def test_goods_for_an_order_are_bound_to_it_on_receipt_and_appear_as_work(shop: End, tmp_path: Path) -> None:
    announced(shop, orders=(coming(),), line_1=FOR_ORDER)
    assert shop.store.rows("SELECT count(*) FROM assignments") == [(0,)]

    done = shop.do(f"/{TRANSFER}/receive", cartons=[CARTON])

    assert done["bound"] == 3
    assert shop.letters("COAT-M") == {"P": 3, "B": 3, "L": 0, "O": 0, "F": 0}
    lines = shop.store.rows("SELECT assignment_id, line_no, quantity, lent, bound FROM assignment_lines")
    assert lines == [("a-1", 2, 3, 0, 3)]
    shop.ready("a-1")
    shop.collect("a-1")
    assert shop.state("a-1") == "handed_over"
    assert shop.letters("COAT-M") == {"P": 0, "B": 0, "L": 0, "O": 0, "F": 0}
    assert shop.rebuilt(tmp_path) == ()


def test_goods_for_an_order_that_has_gone_on_without_them_go_to_the_shelf(shop: End) -> None:
    announced(shop, orders=(coming(),), line_1=FOR_ORDER)
    shop.do(f"/{TRANSFER}/receive", cartons=[CARTON], lines=[{"line_no": 1, "units": 2}])
    shop.ready("a-1")

    late = shop.do(f"/{TRANSFER}/receive", lines=[{"line_no": 1, "units": 1}])

    assert (late["bound"], shop.letters("COAT-M")) == (0, {"P": 3, "B": 2, "L": 1, "O": 0, "F": 0})


def test_goods_for_an_order_that_was_cancelled_on_their_way_are_free(shop: End) -> None:
    announced(shop, orders=(coming(),), line_1=FOR_ORDER)
    cancel = {"assignment_id": "a-1", "order_id": "o-1", "reason": "customer"}
    assert shop.tell("assignment.cancel", cancel) == "rejected no_assignment"

    done = shop.do(f"/{TRANSFER}/receive", cartons=[CARTON])

    assert (done["units"], done["bound"], shop.letters("COAT-M")["L"]) == (3, 0, 3)
    assert shop.store.rows("SELECT count(*) FROM assignments") == [(0,)]


def test_broken_goods_of_an_order_are_not_bound_to_it(shop: End) -> None:
    announced(shop, orders=(coming(),), line_1=FOR_ORDER)

    done = shop.do(f"/{TRANSFER}/receive", cartons=[CARTON], lines=[{"line_no": 1, "units": 3, "damaged": 1}])

    assert (done["bound"], done["damaged"]) == (2, 1)
    assert shop.letters("COAT-M") == {"P": 2, "B": 2, "L": 0, "O": 0, "F": 0}


def test_what_was_promised_to_be_lent_is_lent_in_the_transaction_that_receives_it(shop: End) -> None:
    announced(shop, line_2={"grant": 3})

    done = shop.do(f"/{TRANSFER}/receive", cartons=[SECOND])

    assert done["granted"] == 3
    stock = shop.rights("MUG-1")
    assert (stock.physical, stock.cells.granted, stock.sellable) == (4, 3, 1)
    assert shop.bodies("transfer.received")[0]["lines"][0]["granted"] == 3


def test_no_more_is_lent_on_receipt_than_is_free_then(shop: End) -> None:
    """A store that already owes more than it has lends nothing of what comes: rule 1."""
    shop.store.open_till()
    shop.store.stock("MUG-1", 1)
    shop.store.edge.database.write(lambda unit: grant(unit, stock_of(unit.connection, "MUG-1"), 1))
    ok(shop.store.post("/api/sales", sale("s-1", ("MUG-1", 2), cash_minor=1_500)), 201)
    assert shop.letters("MUG-1")["L"] == -2
    announced(shop, line_2={"grant": 4})

    done = shop.do(f"/{TRANSFER}/receive", cartons=[SECOND])

    assert done["granted"] == 2
    assert shop.letters("MUG-1")["L"] == 0


def test_a_store_that_the_hub_has_set_aside_takes_goods_in_and_lends_none(shop: End) -> None:
    announced(shop, line_2={"grant": 4})
    shop.store.edge.database.write(lambda unit: set_link(unit, quarantine="restored"))

    done = shop.do(f"/{TRANSFER}/receive", cartons=[SECOND])

    assert (done["units"], done["granted"]) == (4, 0)


def test_an_arrival_can_be_taken_back_while_all_of_it_is_free(shop: End, tmp_path: Path) -> None:
    announced(shop)
    receipt = shop.do(f"/{TRANSFER}/receive", cartons=[CARTON], lines=[{"line_no": 1, "units": 2}])

    shop.do(f"/receipts/{receipt['receipt_id']}/undo", reason="Not for us")

    assert (shop.where(), shop.buckets("COAT-M")) == ("part_received", {})
    assert shop.transfer()["lines"][0]["expected"] == 3
    again = shop.do(f"/receipts/{receipt['receipt_id']}/undo", 409)
    assert again["code"] == "undone"
    assert shop.do(f"/{TRANSFER}/receive", cartons=[CARTON])["units"] == 3
    assert shop.rebuilt(tmp_path) == ()


def test_an_arrival_that_somebody_counts_on_is_not_taken_back(shop: End) -> None:
    announced(shop, line_2={"grant": 1})
    lent = shop.do(f"/{TRANSFER}/receive", cartons=[SECOND])
    plain = shop.do(f"/{TRANSFER}/receive", cartons=[CARTON])
    away = shop.do("", way="out", other="store-1", lines=[{"sku": "COAT-M", "quantity": 1}])

    assert away["state"] == "accepted"
    assert shop.do(f"/receipts/{lent['receipt_id']}/undo", 409)["code"] == "promised"
    assert shop.do(f"/receipts/{plain['receipt_id']}/undo", 409)["code"] == "gone"


def test_a_store_asks_for_goods_without_the_line_and_hears_the_answer(shop: End) -> None:
    asked = shop.do("", way="in", other="store-1", lines=[{"sku": "MUG-1", "quantity": 4}])
    transfer_id = asked["transfer_id"]

    assert (asked["number"], shop.where(transfer_id)) == ("TO1-X00001", "unannounced")
    assert shop.letters("MUG-1")["P"] == 0
    ends = ENDS | {"transfer_id": transfer_id, "number": asked["number"]}
    shop.tell("transfer.told", {**ends, "state": "accepted", "sentence": "With the morning van."})
    assert (shop.transfer(transfer_id)["told"], shop.transfer(transfer_id)["says"]) == (
        "accepted",
        "With the morning van.",
    )
    shop.do(f"/{transfer_id}/ask-to-cancel", reason="Found some")
    assert shop.transfer(transfer_id)["told"] == "cancel_asked"
    shop.tell("transfer.told", {**ends, "state": "cancelled", "sentence": ""})
    assert shop.do(f"/{transfer_id}/ask-to-cancel", 409)["code"] == "too_late"


def test_goods_that_came_before_their_announcement_are_not_expected_a_second_time(
    shop: End, tmp_path: Path
) -> None:
    lines = [{"sku": "MUG-1", "quantity": 4}, {"sku": "COAT-M", "quantity": 2}]
    asked = shop.do("", way="in", other="store-1", lines=lines)
    arrived = shop.do(f"/{asked['transfer_id']}/receive", lines=[{"line_no": 1, "units": 3}])
    shipped = [{"line_no": 1, "sku": "MUG-1", "name": "Mug", "quantity": 4}]

    ends = ENDS | {"transfer_id": asked["transfer_id"], "number": asked["number"]}
    shop.tell("transfer.expect", {**ends, "lines": shipped, "cartons": [], "shipped_us": 1})

    found = shop.transfer(asked["transfer_id"])
    assert [(each["sku"], each["received"], each["expected"]) for each in found["lines"]] == [("MUG-1", 3, 1)]
    shop.do(f"/{asked['transfer_id']}/receive", lines=[{"line_no": 1, "units": 1}])
    shop.do(f"/receipts/{arrived['receipt_id']}/undo", reason="Not for us")
    line = shop.transfer(asked["transfer_id"])["lines"][0]
    assert (line["received"], line["expected"], shop.letters("MUG-1")["P"]) == (1, 3, 1)
    assert shop.rebuilt(tmp_path) == ()


def test_a_transfer_travels_from_shelf_to_shelf_and_both_logs_lead_to_the_same_tables(
    tmp_path: Path,
) -> None:
    with two_ends(tmp_path) as van:
        source, destination = van.source, van.destination
        source.lend("COAT-M", 2)
        source.asked(("COAT-M", 3), ("MUG-1", 10), line_1={"lent": 1})
        source.do(f"/{TRANSFER}/accept")
        source.walk()
        first = source.carton("COAT-M", "COAT-M", "MUG-1")
        source.carton()
        source.do(f"/{TRANSFER}/ship", carrier="Van 1")
        own = destination.do("/unannounced", sscc=first, sure=True, lines=[{"sku": "COAT-M", "units": 2}])
        assert van.announce() == "applied"
        destination.do(
            f"/{TRANSFER}/receive", lines=[{"line_no": 1, "units": 1}, {"line_no": 2, "units": 10}]
        )
        assert own["units"] == 2
        assert van.settle() == "applied"

        moved = {
            sku: (
                source.letters(sku)["P"],
                source.bucket(sku, Bucket.IN_TRANSIT),
                destination.letters(sku)["P"],
            )
            for sku in ("COAT-M", "MUG-1")
        }
        assert moved == {"COAT-M": (2, 0, 3), "MUG-1": (90, 0, 10)}
        assert source.letters("COAT-M")["F"] == 1
        assert (source.rebuilt(tmp_path), destination.rebuilt(tmp_path)) == ((), ())
        assert_read_only(source, first)


def assert_read_only(source: End, sscc: str) -> None:
    """The source's own label is recognised at the source, and changes nothing there."""
    before = source.all_rows()
    meant = source.store.get("/api/transfers/scan", code=f"]C100{sscc}").json()
    assert (meant["kind"], meant["way"], meant["state"]) == ("carton", "out", "shipped")
    assert source.do(f"/{TRANSFER}/receive", 409, cartons=[sscc])["code"] == "goes_out"
    assert source.all_rows() == before
