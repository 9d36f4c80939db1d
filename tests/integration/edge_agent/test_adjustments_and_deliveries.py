"""Adjustments with their reasons; what suppliers bring, from the announcement to the corrected receipt."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edge_agent.rebuild import rebuild
from edge_agent.stock import directives
from protocol.errors import Refused
from protocol.stock import REASONS, DeliveryCancel, DeliveryExpect, ExpectedLine
from tests.support.store import Store, ok, refused, sale

KEYS = count(1)
COAT, MUG = "5012345678900", "4006381333931"
LIST = """sku,quantity,cost,supplier,reference
COAT-M,4,51.00,Northern Cloth,DN 4711
MUG-1,24,1.95,Northern Cloth,DN 4711
NO-1,3,1.00,Northern Cloth,DN 4711
BOOK-1,many,4.00,Northern Cloth,DN 4711
BOOK-1,6,4,,
"""


def key(**more: Any) -> dict[str, Any]:
    return {"key": f"d{next(KEYS)}", **more}


def adjust(store: Store, reason: str, sku: str, units: int, role: str = "manager", **more: Any) -> Any:
    """Adjust one item."""
    lines = [{"sku": sku, "quantity": units}]
    return ok(store.post("/api/stock/adjustments", key(reason=reason, lines=lines, **more), role=role), 201)


def here(store: Store, sku: str) -> dict[str, int]:
    """Return the buckets of an item."""
    found: dict[str, int] = ok(store.get(f"/api/stock/{sku}"))["buckets"]
    return found


def lend(store: Store, sku: str, units: int) -> None:
    """Lend units to the hub."""
    store.edge.database.write(
        lambda unit: (
            unit.connection.execute("INSERT INTO rights (sku, granted) VALUES (?, ?)", (sku, units)).rowcount
        )
    )


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_moves_from_its_bucket_to_its_other_and_is_taken_back(store: Store, reason: str) -> None:
    rule = REASONS[reason]
    fill = {"quarantine": "damaged", "held": "held_back"}.get(rule.from_bucket.value)
    if rule.from_bucket.value == "returns":
        store.edge.database.write(
            lambda unit: (
                unit.connection.execute("INSERT INTO balances VALUES ('MUG-1', 'returns', 7)").rowcount
            )
        )
    elif fill:
        adjust(store, fill, "MUG-1", 7)
    before = here(store, "MUG-1")

    done = adjust(store, reason, "MUG-1", 3)

    after = here(store, "MUG-1")
    inside = {"sellable", "quarantine", "held", "returns", "liquidation"}
    for bucket, sign in ((rule.from_bucket.value, -3), (rule.to_bucket.value, 3)):
        if bucket in inside:
            assert after.get(bucket, 0) == before.get(bucket, 0) + sign
    undone = ok(
        store.post(
            f"/api/stock/adjustments/{done['number']}/undo", key(reason="Typed wrong"), role="manager"
        ),
        201,
    )
    assert here(store, "MUG-1") == before
    twice = store.post(
        f"/api/stock/adjustments/{done['number']}/undo", key(reason="Typed wrong"), role="manager"
    )
    assert refused(twice, 409)["code"] == "undone_already"
    listed = ok(store.get("/api/stock/adjustments", sku="MUG-1"))
    assert [one["number"] for one in listed][:2] == [undone["number"], done["number"]]


@pytest.mark.parametrize("reason", [code for code, rule in sorted(REASONS.items()) if rule.voluntary])
def test_what_is_promised_is_not_given_away_by_choice(store: Store, reason: str) -> None:
    lend(store, "COAT-M", 4)
    before, balances = store.fingerprint(), store.rows("SELECT * FROM balances")
    body = key(reason=reason, lines=[{"sku": "COAT-M", "quantity": 2}])

    error = refused(store.post("/api/stock/adjustments", body, role="manager"), 409)

    assert (error["code"], error["facts"]["sellable"], error["facts"]["outstanding"]) == (
        "out_of_stock",
        1,
        4,
    )
    assert (store.fingerprint(), store.rows("SELECT * FROM balances")) == (before, balances)


@pytest.mark.parametrize("reason", ["damaged", "display_worn", "theft"])
def test_what_is_broken_or_stolen_is_gone_though_promised_and_the_deficit_shows_at_once(
    store: Store, reason: str
) -> None:
    lend(store, "COAT-M", 4)

    done = adjust(store, reason, "COAT-M", 3, role="lead")

    assert done["deficits"] == [{"sku": "COAT-M", "name": "Wool coat M", "missing": 2}]
    assert ok(store.get("/api/stock/COAT-M"))["deficit"] == 2


@pytest.mark.parametrize(
    ("body", "role", "status", "code"),
    [
        ({"reason": "theft", "lines": [{"sku": "COAT-M", "quantity": 6}]}, "manager", 409, "not_in_bucket"),
        (
            {"reason": "restored", "lines": [{"sku": "COAT-M", "quantity": 1}]},
            "manager",
            409,
            "not_in_bucket",
        ),
        ({"reason": "theft", "lines": [{"sku": "COAT-M", "quantity": -1}]}, "manager", 422, "no_units"),
        ({"reason": "theft", "lines": [{"sku": "COAT-M", "quantity": 0}]}, "manager", 422, "no_units"),
        ({"reason": "magic", "lines": [{"sku": "COAT-M", "quantity": 1}]}, "manager", 422, "bad_reason"),
        ({"reason": "found", "lines": [{"sku": "ALTER", "quantity": 1}]}, "manager", 422, "unknown_sku"),
        ({"reason": "found", "lines": []}, "manager", 422, "invalid_field"),
        (
            {"reason": "theft", "lines": [{"sku": "COAT-M", "quantity": 1}]},
            "associate",
            403,
            "needs_approval",
        ),
        ({"reason": "disposed", "lines": [{"sku": "COAT-M", "quantity": 1}]}, "lead", 403, "needs_approval"),
    ],
)
def test_an_adjustment_that_cannot_be_is_refused_and_moves_nothing(
    store: Store, body: dict[str, Any], role: str, status: int, code: str
) -> None:
    before, balances = store.fingerprint(), store.rows("SELECT * FROM balances")

    assert refused(store.post("/api/stock/adjustments", key(**body), role=role), status)["code"] == code
    assert (store.fingerprint(), store.rows("SELECT * FROM balances")) == (before, balances)


def announced(store: Store, text: str = LIST) -> Any:
    """Import a file."""
    body = key(csv=text, supplier="Puffin Books", reference="PB 1")
    return ok(store.post("/api/stock/deliveries", body, role="lead"), 201)


def begun(store: Store, **more: Any) -> str:
    """Begin to unpack."""
    return str(ok(store.post("/api/stock/receivings", key(**more)), 201)["receiving_id"])


def unpack(store: Store, receiving: str, code: str, units: int = 1, **more: Any) -> Any:
    """Scan something out of a box."""
    return ok(store.post(f"/api/stock/receivings/{receiving}/scan", key(code=code, units=units, **more)))


def finish(store: Store, receiving: str, **more: Any) -> Any:
    """Put it on the shelf."""
    return ok(store.post(f"/api/stock/receivings/{receiving}/finish", key(**more)), 201)


def test_a_file_of_deliveries_is_reported_row_by_row_and_what_is_right_is_expected(store: Store) -> None:
    done = announced(store)

    assert (done["rows"], done["taken"], done["left_out"]) == (5, 3, 2)
    assert [(fault["row"], fault["sku"]) for fault in done["faults"]] == [(4, "NO-1"), (5, "BOOK-1")]
    found = ok(store.get("/api/stock/deliveries"))
    assert [(each["supplier"], each["reference"], each["items"], each["units"]) for each in found] == [
        ("Northern Cloth", "DN 4711", 2, 28),
        ("Puffin Books", "PB 1", 1, 6),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name,units\nx,1\n", "missing_column"),
        ("sku,quantity\nNO-1,1\n", "no_rows"),
        ("sku,quantity\n", "no_rows"),
        ("sku,quantity,location\nCOAT-M,1,store-9\n", "no_rows"),
        ("sku,quantity,due\nCOAT-M,1,tomorrow\n", "no_rows"),
        ("sku,quantity,cost\nCOAT-M,1,free\n", "no_rows"),
    ],
)
def test_a_file_of_which_nothing_is_right_expects_nothing(store: Store, text: str, code: str) -> None:
    before = store.fingerprint()

    body = key(csv=text, supplier="X")
    assert refused(store.post("/api/stock/deliveries", body, role="lead"), 422)["code"] == code
    assert store.fingerprint() == before


def test_a_delivery_is_received_short_over_and_damaged_at_its_own_cost(store: Store, tmp_path: Path) -> None:
    delivery = announced(store)["deliveries"][0]
    receiving = begun(store, delivery_id=delivery)
    assert begun(store, delivery_id=delivery) == receiving  # a second handheld joins
    unpack(store, receiving, COAT, 2)
    over = unpack(store, receiving, MUG, 25)
    unpack(store, receiving, COAT, damaged=True)
    odd = unpack(store, receiving, "9783161484100", 2)
    strange = unpack(store, receiving, "5999999999994")
    assert [each["outcome"] for each in (over, odd, strange)] == ["over", "unexpected", "unknown_code"]
    ok(store.post(f"/api/stock/receivings/{receiving}/undo", key(scan_id=odd["scan_id"])))
    seen = ok(store.get(f"/api/stock/receivings/{receiving}"))
    assert [
        (line["sku"], line["expected"], line["good"], line["damaged"], line["state"])
        for line in seen["lines"]
    ] == [
        ("COAT-M", 4, 2, 1, "short"),
        ("MUG-1", 24, 25, 0, "over"),
    ]
    assert seen["strangers"] == [{"code": "5999999999994", "units": 1}]

    done = finish(store, receiving)

    assert (done["good"], done["damaged"], done["short"], done["over"]) == (27, 1, 1, 1)
    assert done["value_minor"] == 3 * 5_100 + 25 * 195
    assert (here(store, "COAT-M"), here(store, "MUG-1")) == (
        {"sellable": 7, "quarantine": 1},
        {"sellable": 125},
    )
    assert store.rows("SELECT document, business_id FROM print_jobs WHERE document = 'goods_received'") == [
        ("goods_received", done["number"])
    ]
    assert [each["state"] for each in ok(store.get("/api/stock/deliveries", closed=True))] == ["received"]
    late = store.post(f"/api/stock/receivings/{receiving}/scan", key(code=COAT))
    assert refused(late, 409)["code"] == "receiving_closed"
    assert (
        refused(store.post("/api/stock/receivings", key(delivery_id=delivery)), 409)["code"]
        == "delivery_closed"
    )
    assert rebuild(store.edge.settings.database_file, tmp_path / "again.db").differences == ()


def test_the_rest_of_a_delivery_comes_another_day(store: Store) -> None:
    delivery = announced(store)["deliveries"][0]
    first = begun(store, delivery_id=delivery)
    unpack(store, first, COAT, 4)
    finish(store, first, rest_follows=True)
    assert ok(store.get("/api/stock/deliveries"))[0]["state"] == "part"

    second = begun(store, delivery_id=delivery)
    due = ok(store.get(f"/api/stock/receivings/{second}"))["lines"]

    assert [(line["sku"], line["expected"]) for line in due] == [("MUG-1", 24)]
    unpack(store, second, MUG, 24)
    assert finish(store, second)["short"] == 0


def test_goods_that_nobody_announced_are_received_blind_and_a_reference_only_once(store: Store) -> None:
    receiving = begun(store, supplier="Northern Cloth", reference="DN 9")
    ok(
        store.post(
            f"/api/stock/receivings/{receiving}/line",
            key(sku="BOOK-1", good=6, damaged=1, unit_cost_minor=350, reason="damaged"),
        )
    )
    done = finish(store, receiving)
    assert (done["good"], done["damaged"], done["short"], done["value_minor"]) == (6, 1, 0, 7 * 350)

    again = begun(store, supplier="Northern Cloth", reference="DN 9")
    unpack(store, again, COAT)
    stopped = store.post(f"/api/stock/receivings/{again}/finish", key())

    assert (refused(stopped, 409)["code"], refused(stopped, 409)["facts"]["number"]) == (
        "received_before",
        done["number"],
    )
    assert finish(store, again, repeated=True)["good"] == 1


def test_a_receipt_is_put_right_in_part_in_cost_and_as_a_whole(store: Store) -> None:
    receiving = begun(store, supplier="Northern Cloth", reference="DN 8")
    unpack(store, receiving, COAT, 6)
    number = finish(store, receiving)["number"]

    path = f"/api/stock/receipts/{number}/correct"
    part = ok(
        store.post(path, key(reason="One too many", lines=[{"sku": "COAT-M", "good": 5}]), role="manager"),
        201,
    )
    cost = ok(
        store.post(
            path,
            key(reason="Cost", lines=[{"sku": "COAT-M", "good": 5, "unit_cost_minor": 4_900}], seen=1),
            role="manager",
        ),
        201,
    )
    same = store.post(path, key(reason="Same", lines=[{"sku": "COAT-M", "good": 5}], seen=2), role="manager")

    assert (part["good"], cost["good"], refused(same, 409)["code"]) == (-1, 0, "nothing_to_correct")
    assert here(store, "COAT-M") == {"sellable": 10}
    assert ok(store.get(f"/api/stock/receipts/{number}"))["value_minor"] == 5 * 4_900
    whole = ok(store.post(path, key(reason="Never came", whole=True, seen=2), role="manager"), 201)
    assert (whole["good"], here(store, "COAT-M")) == (-5, {"sellable": 5})


def test_goods_of_a_receipt_that_are_sold_already_cannot_be_taken_out_of_it(store: Store) -> None:
    receiving = begun(store, supplier="Northern Cloth")
    unpack(store, receiving, COAT, 2)
    number = finish(store, receiving)["number"]
    ok(store.post("/api/sales", sale("s", ("COAT-M", 6), cash_minor=1_000_000)), 201)
    before = store.fingerprint()

    stopped = store.post(f"/api/stock/receipts/{number}/correct", key(reason="x", whole=True), role="manager")

    assert refused(stopped, 409)["code"] == "not_in_bucket"
    assert store.fingerprint() == before


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("", {"supplier": ""}, 422, "no_supplier"),
        ("", {"delivery_id": "none"}, 404, "no_delivery"),
        ("/{id}/finish", {}, 409, "nothing_received"),
        ("/{id}/undo", {}, 409, "nothing_to_undo"),
        ("/{id}/line", {"sku": "COAT-M", "good": -1}, 422, "below_zero"),
        ("/{id}/line", {"sku": "NO-1", "good": 1}, 422, "unknown_sku"),
        ("/{id}/line", {"sku": "COAT-M", "good": 1, "reason": "rain"}, 422, "bad_reason"),
        ("/none/scan", {"code": COAT}, 404, "no_receiving"),
    ],
)
def test_what_cannot_be_received_is_refused_and_changes_nothing(
    store: Store, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    receiving = begun(store, supplier="X")
    before, lines = store.fingerprint(), store.rows("SELECT * FROM receiving_lines")

    answer = store.post(f"/api/stock/receivings{path.format(id=receiving)}", key(**body))

    assert refused(answer, status)["code"] == code
    assert (store.fingerprint(), store.rows("SELECT * FROM receiving_lines")) == (before, lines)


def test_the_hub_announces_a_delivery_and_takes_it_back_unless_it_came(store: Store) -> None:
    edge = store.edge
    lines = (ExpectedLine(sku="COAT-M", quantity=2, unit_cost_minor=5_000),)
    body = DeliveryExpect(delivery_id="d-1", supplier="Northern Cloth", reference="DN 1", lines=lines)
    for _twice in range(2):
        edge.database.write(lambda unit: directives.expect(unit, edge, body))
    assert [each["source"] for each in ok(store.get("/api/stock/deliveries"))] == ["hub"]
    cancel = DeliveryCancel(delivery_id="d-1", reason="Not coming")
    receiving = begun(store, delivery_id="d-1")

    with pytest.raises(Refused) as refusal:
        edge.database.write(lambda unit: directives.expect_no_more(unit, edge, cancel))
    assert refusal.value.reason == "receiving_open"
    ok(store.post(f"/api/stock/receivings/{receiving}/drop", key()), 201)
    edge.database.write(lambda unit: directives.expect_no_more(unit, edge, cancel))

    assert ok(store.get("/api/stock/deliveries")) == []
    assert (
        refused(store.post("/api/stock/receivings", key(delivery_id="d-1")), 409)["code"] == "delivery_closed"
    )
