"""Every worked example in `tests/data/finance.json`."""

import json
from pathlib import Path
from typing import Any

import pytest

from protocol.money import allocate, round_ratio
from protocol.rules.cost import StockValue
from protocol.rules.pricing import PriceLine, price_order
from protocol.rules.refund import RefundableLine, refund_money, refund_units
from protocol.rules.tax import tax_document, tax_exclusive, tax_inclusive
from protocol.rules.tenders import round_cash, split_refund

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "finance.json").read_text("utf-8"))["vectors"]


def of(category: str) -> pytest.MarkDecorator:
    cases = [
        pytest.param(v["input"], v["expected"], id=v["id"]) for v in VECTORS if v["category"] == category
    ]
    return pytest.mark.parametrize(("given", "expected"), cases)


def test_the_file_holds_every_kind_of_example_checked_here() -> None:
    assert {v["category"] for v in VECTORS} == {
        "allocate",
        "cash_rounding",
        "moving_average",
        "order_price",
        "refund_steps",
        "round",
        "tax_exclusive",
        "tax_inclusive",
        "tender_split",
    }


@of("round")
def test_a_ratio_rounds_halves_away_from_zero(given: Any, expected: Any) -> None:
    assert round_ratio(given["n"], given["d"]) == expected["value"]


@of("allocate")
def test_an_amount_is_shared_by_largest_remainder(given: Any, expected: Any) -> None:
    assert list(allocate(given["total"], given["weights"])) == expected["parts"]


@of("tax_inclusive")
def test_tax_is_taken_out_of_a_gross_amount(given: Any, expected: Any) -> None:
    tax = tax_inclusive(given["gross"], given["rate_ppm"])

    assert {"tax": tax, "net": given["gross"] - tax} == expected


@of("tax_exclusive")
def test_tax_is_put_on_top_of_a_net_amount(given: Any, expected: Any) -> None:
    tax = tax_exclusive(given["net"], given["rate_ppm"])

    assert {"tax": tax, "gross": given["net"] + tax} == expected


@of("order_price")
def test_an_order_is_priced_to_the_cent(given: Any, expected: Any) -> None:
    order = price_order(
        [PriceLine(x["unit_price"], x["qty"], x["line_discount"], x["rate_ppm"]) for x in given["lines"]],
        given["order_discount"],
        prices=given["prices"],
        tax_mode=given["tax_mode"],
    )

    assert {
        "lines": [
            {
                "gross": line.gross_minor,
                "tax": line.tax_minor,
                "net": line.net_minor,
                "order_discount": line.order_discount_minor,
            }
            for line in order.lines
        ],
        "total": order.total_minor,
        "tax": order.tax_minor,
    } == expected


@of("refund_steps")
def test_a_line_is_refunded_in_steps(given: Any, expected: Any) -> None:
    line = RefundableLine(
        given["line_gross"], given["line_tax"], given["units"], given["line_cost"], given["line_commission"]
    )
    steps = []
    for asked in given["steps"]:
        refund = refund_units if asked["kind"] == "ret" else refund_money
        step = refund(line, asked["value"])
        line = line.after(step)
        steps.append(
            {
                "units": step.quantity,
                "gross": step.gross_minor,
                "tax": step.tax_minor,
                "net": step.net_minor,
                "cost": step.cost_minor,
                "commission_clawback": step.commission_minor,
            }
        )

    assert {
        "steps": steps,
        "totals": {
            "gross": line.refunded_minor,
            "tax": line.refunded_tax_minor,
            "cost": line.returned_cost_minor,
            "commission_clawback": line.clawed_back_minor,
        },
        "complete": line.left_minor == 0 and line.left_quantity == 0,
    } == expected


@of("tender_split")
def test_a_refund_is_split_over_the_tenders(given: Any, expected: Any) -> None:
    parts = split_refund(given["refund"], given["remaining_by_tender"], given["policy"])

    assert list(parts) == expected["parts"]


@of("cash_rounding")
def test_cash_is_rounded_on_its_magnitude(given: Any, expected: Any) -> None:
    cash, difference = round_cash(given["amount"], given["step"], given["mode"])

    assert {"cash": cash, "rounding_difference": difference} == expected


@of("moving_average")
def test_stock_is_valued_by_a_moving_average(given: Any, expected: Any) -> None:
    stock = StockValue(last_unit_cost_minor=given["last_unit_cost"])
    steps = []
    for asked in given["ops"]:
        step: dict[str, object] = {"op": asked["op"], "qty": asked["args"][0]}
        if asked["op"] == "receive":
            stock, to_inventory, variance = stock.receive(*asked["args"])
            step |= {"value": asked["args"][1], "to_inventory": to_inventory, "variance": variance}
        else:
            stock, step["cost"] = stock.issue(*asked["args"])
        steps.append(step | {"qty_after": stock.quantity, "value_after": stock.value_minor})

    assert {"steps": steps} == expected


@pytest.mark.parametrize(
    ("lines", "mode", "taxes"),
    [
        pytest.param([(99, 190_000)] * 3, "line", (16, 16, 16), id="three at 0.99 by line"),
        pytest.param([(99, 190_000)] * 3, "document", (16, 16, 15), id="three at 0.99 by document"),
        pytest.param(
            [(1999, 190_000), (499, 70_000), (1999, 190_000), (101, 190_000)],
            "document",
            (319, 33, 319, 16),
            id="two rates",
        ),
        pytest.param([(0, 190_000), (0, 190_000)], "document", (0, 0), id="all free"),
        pytest.param([(500, 0), (100, 200_000)], "document", (0, 17), id="zero rate"),
        pytest.param([(-99, 190_000)] * 3, "document", (-16, -16, -15), id="credit note is the mirror"),
        pytest.param([], "document", (), id="no lines"),
    ],
)
def test_tax_of_a_document_is_shared_over_its_lines(lines: Any, mode: Any, taxes: tuple[int, ...]) -> None:
    assert tax_document(lines, mode) == taxes


def test_three_rates_and_an_order_discount_are_shared_as_worked_out_by_hand() -> None:
    order = price_order(
        [PriceLine(1999, 2, 0, 190_000), PriceLine(549, 1, 0, 190_000), PriceLine(333, 3, 0, 70_000)], 777
    )

    assert [line.gross_minor for line in order.lines] == [3438, 472, 859]
    assert (order.total_minor, order.tax_minor) == (4769, 680)


def test_a_refund_of_units_after_an_appeasement_shares_what_is_left() -> None:
    line = RefundableLine(6000, 958, 3, 0, 0)
    grosses, taxes = [], []
    for kind, asked in (("amt", 1000), ("ret", 1), ("ret", 2)):
        step = refund_units(line, asked) if kind == "ret" else refund_money(line, asked)
        line = line.after(step)
        grosses.append(step.gross_minor)
        taxes.append(step.tax_minor)

    assert (grosses, taxes) == ([1000, 1667, 3333], [160, 266, 532])


def test_one_cent_for_three_units_comes_back_once() -> None:
    line = RefundableLine(1, 0, 3)
    parts = []
    for _ in range(3):
        step = refund_units(line, 1)
        line = line.after(step)
        parts.append(step.gross_minor)

    assert parts == [0, 1, 0]
