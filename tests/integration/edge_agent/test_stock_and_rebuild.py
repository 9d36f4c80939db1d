import random
from pathlib import Path
from typing import Any

import pytest

from edge_agent.rebuild import rebuild
from tests.support.store import Store, ok, refused, sale


def moves(key: str, reason: str, *lines: dict[str, Any]) -> dict[str, Any]:
    return {"key": key, "reason": reason, "lines": list(lines)}


def test_what_may_be_sold_is_shown_with_its_parts_and_why(store: Store) -> None:
    ok(
        store.post(
            "/api/stock/moves",
            moves("m1", "received", {"sku": "COAT-M", "quantity": 3, "unit_cost_minor": 5_500}),
            role="manager",
        ),
        201,
    )
    ok(store.post("/api/sales", sale("k", ("COAT-M", 1), cash_minor=12_000)), 201)

    seen = ok(store.get("/api/stock/COAT-M"))

    assert {name: seen[name] for name in ("sellable", "physical", "bound", "outstanding", "buckets")} == {
        "sellable": 7,
        "physical": 7,
        "bound": 0,
        "outstanding": 0,
        "buckets": {"sellable": 7},
    }
    assert [(one["kind"], one["quantity"], one["reason"]) for one in seen["why"]] == [
        ("order.sold", 1, "sale"),
        ("stock.moved", 3, "received"),
        ("stock.moved", 5, "opening"),
    ]


def test_a_right_lent_to_the_hub_is_not_sold_at_the_counter(strict_store: Store) -> None:
    strict_store.edge.database.write(
        lambda unit: (
            unit.connection.execute("INSERT INTO rights (sku, granted) VALUES ('COAT-M', 3)").rowcount
        )
    )

    error = refused(
        strict_store.post(
            "/api/sales", sale("k", ("COAT-M", 3), tenders=[{"kind": "card", "amount_minor": 36_000}])
        ),
        409,
    )

    assert (error["facts"]["sellable"], error["facts"]["outstanding"], error["facts"]["physical"]) == (
        2,
        3,
        5,
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (moves("m", "adjusted", {"sku": "COAT-M", "quantity": -6}), 409, "not_in_bucket"),
        (moves("m", "adjusted", {"sku": "COAT-M", "quantity": 0}), 422, "bad_movement"),
        (moves("m", "received", {"sku": "COAT-M", "quantity": -1}), 422, "bad_movement"),
        (moves("m", "opening", {"sku": "A", "quantity": 1, "to_bucket": "picked"}), 422, "bad_movement"),
        (moves("m", "stolen", {"sku": "COAT-M", "quantity": 1}), 422, "invalid_field"),
        (moves("m", "adjusted"), 422, "invalid_field"),
    ],
)
def test_a_movement_that_cannot_be_is_refused_and_moves_nothing(
    store: Store, body: dict[str, Any], status: int, code: str
) -> None:
    before, stock = store.fingerprint(), store.rows("SELECT * FROM balances")

    assert refused(store.post("/api/stock/moves", body, role="manager"), status)["code"] == code
    assert (store.fingerprint(), store.rows("SELECT * FROM balances")) == (before, stock)


def test_only_a_manager_moves_stock(store: Store) -> None:
    before = store.fingerprint()

    body = moves("m", "adjusted", {"sku": "COAT-M", "quantity": 1})

    assert refused(store.post("/api/stock/moves", body, role="lead"), 403)["code"] == "not_permitted"
    assert store.fingerprint() == before


def test_the_tables_can_be_made_anew_from_the_log_after_a_random_day(store: Store, tmp_path: Path) -> None:
    seed = 20261125
    draw = random.Random(seed)
    numbers: list[str] = []
    for n in range(60):
        lines = [(draw.choice(["COAT-M", "MUG-1", "BOOK-1", "ALTER"]), draw.randint(1, 3)) for _ in range(2)]
        sold = ok(store.post("/api/sales", sale(f"k{n}", *lines, cash_minor=100_000)), 201)
        numbers.append(sold["number"])
        if draw.random() < 0.3:
            back = {"key": f"r{n}", "lines": [{"line_no": 1, "quantity": 1}]}
            store.post(f"/api/orders/{draw.choice(numbers)}/returns", back, role="manager")
        if draw.random() < 0.1:
            store.post(
                f"/api/orders/{sold['number']}/void", {"key": f"v{n}", "reason": "typo"}, role="manager"
            )
        if draw.random() < 0.1:
            body = moves(f"m{n}", "adjusted", {"sku": "MUG-1", "quantity": draw.randint(1, 5)})
            ok(store.post("/api/stock/moves", body, role="manager"), 201)

    done = rebuild(store.edge.settings.database_file, tmp_path / "rebuilt.db")

    assert done.differences == (), f"seed {seed}"
    assert done.rows["orders"] == 60
    assert done.rows["returns"] > 0
    assert done.rows["exceptions"] > 0


def test_a_table_that_was_tampered_with_is_found_out(store: Store, tmp_path: Path) -> None:
    ok(store.post("/api/sales", sale("k", ("COAT-M", 1), cash_minor=12_000)), 201)
    store.edge.database.write(
        lambda unit: (
            unit.connection.execute("UPDATE balances SET quantity = 99 WHERE sku = 'COAT-M'").rowcount
        )
    )

    done = rebuild(store.edge.settings.database_file, tmp_path / "rebuilt.db")

    assert [(one.table, one.row) for one in done.differences] == [
        ("balances", "- ('COAT-M', 'sellable', 99)"),
        ("balances", "+ ('COAT-M', 'sellable', 4)"),
    ]
