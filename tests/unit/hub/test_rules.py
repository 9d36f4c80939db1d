"""Decisions of the hub's rooms, on paper: no database, no clock."""

import pytest

from hub.capture.rules import differences
from hub.ledger import rules as ledger
from hub.ledger.chart import CHART, MAPPING
from hub.stock.rules import ValuedMove, issue, move_value, take_back, unit_cost
from hub.till.rules import add_up, mismatches
from protocol.errors import Invalid
from protocol.events import OrderSold, StockLine
from protocol.movements import Bucket
from protocol.orders import Tender, TenderKind
from protocol.rules.cost import StockValue
from tests.support.hub import Shop


def a_sale() -> OrderSold:
    shop = Shop()
    shop.open()
    return shop.sale(("A", 3, 333), ("B", 1, 101), order_discount=100)


def test_a_sale_that_the_counter_priced_right_has_no_differences() -> None:
    assert differences(a_sale()) == ()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"total_minor": 999}, [("total", 0, 999, 1000), ("tendered", 0, 1000, 999)]),
        ({"tax_minor": 166}, [("tax_total", 0, 166, 167)]),
        ({"tenders": (Tender(kind=TenderKind.CARD, amount_minor=1),)}, [("tendered", 0, 1, 1000)]),
    ],
)
def test_every_amount_that_differs_is_named_with_both_numbers(
    changes: dict[str, object], found: list[tuple[str, int, int, int]]
) -> None:
    said = differences(a_sale().model_copy(update=changes))

    assert [(each.what, each.line_no, each.said_minor, each.worked_out_minor) for each in said] == found


def test_a_line_with_a_wrong_gross_is_named_by_its_number() -> None:
    body = a_sale()
    wrong = body.lines[1].model_copy(update={"gross_minor": 1})

    (difference,) = differences(body.model_copy(update={"lines": (body.lines[0], wrong)}))

    assert (difference.what, difference.line_no, difference.said_minor, difference.worked_out_minor) == (
        "gross",
        2,
        1,
        92,
    )


def test_a_discount_that_is_more_than_the_order_is_said_and_not_raised() -> None:
    body = a_sale()
    line = body.lines[0].model_copy(update={"order_discount_minor": 10_000})

    (difference,) = differences(body.model_copy(update={"lines": (line, body.lines[1])}))

    assert difference.what == "bad_order_discount"


def test_every_purpose_of_the_rules_has_an_account_of_the_chart() -> None:
    assert set(MAPPING.values()) <= {account for account, _name, _kind in CHART}
    assert len({account for account, _name, _kind in CHART}) == len(CHART)


def test_drafts_of_a_sale_balance_and_say_what_each_amount_is_for() -> None:
    moves = [ValuedMove("A", Bucket.SELLABLE, Bucket.CUSTOMER, 3, 450)]
    sale, cost = ledger.sale(a_sale(), moves)

    assert [(line.purpose, line.amount_minor) for line in sale.lines if line.amount_minor] == [
        ("tender.card", 1000),
        ("sales", -833),
        ("sales_tax", -167),
    ]
    assert [(line.purpose, line.amount_minor) for line in cost.lines] == [("inventory", -450), ("cogs", 450)]


def test_money_that_nobody_explains_goes_to_suspense_by_name() -> None:
    body = a_sale().model_copy(update={"tenders": (Tender(kind=TenderKind.CASH, amount_minor=990),)})

    (sale,) = ledger.sale(body, [])

    assert [line.amount_minor for line in sale.lines if line.purpose == "suspense"] == [10]
    assert sum(line.amount_minor for line in sale.lines) == 0


def test_stock_that_was_never_received_is_issued_at_the_catalogue_cost() -> None:
    after, cost = issue(StockValue(), 2, 300)

    assert (cost, after.quantity, after.value_minor) == (600, -2, -600)


def test_units_that_come_back_keep_the_last_cost_and_tell_the_variance() -> None:
    after, variance = take_back(StockValue(-2, -600, 300), 1, 500)

    assert (after.quantity, after.value_minor, after.last_unit_cost_minor, variance) == (-1, -300, 300, 200)


@pytest.mark.parametrize(
    ("value", "said", "cost"),
    [(StockValue(3, 900, 100), 0, 300), (StockValue(3, 900, 100), 7, 7), (StockValue(-1, -5, 44), 0, 44)],
)
def test_a_unit_costs_what_was_said_else_the_average_else_the_last(
    value: StockValue, said: int, cost: int
) -> None:
    assert unit_cost(value, said) == cost


def test_a_move_between_buckets_takes_its_value_along_to_the_penny() -> None:
    line = StockLine(sku="A", quantity=2, from_bucket="sellable", to_bucket="quarantine")
    move, after = move_value(
        line, {Bucket.SELLABLE: StockValue(3, 1000, 300), Bucket.QUARANTINE: StockValue()}
    )

    assert (move.value_minor, move.variance_minor) == (667, 0)
    assert after[Bucket.SELLABLE].value_minor == 333
    assert after[Bucket.QUARANTINE].value_minor == 667


def test_a_move_of_nothing_is_refused_by_the_arithmetic() -> None:
    with pytest.raises(Invalid):
        issue(StockValue(1, 1, 1), 0, 0)


def test_a_close_is_compared_field_by_field_with_what_adds_up() -> None:
    shop = Shop()
    shop.open(5000)
    shop.sell(("A", 1, 999), kind=TenderKind.CASH)
    z = shop.close()
    again = add_up(shop.bodies)

    assert again == z.totals
    assert mismatches(z, again, z.range_hash) == {}
    assert set(mismatches(z, again.model_copy(update={"cash_minor": 1}), "0" * 64)) == {
        "cash_minor",
        "range_hash",
        "expected_cash",
    }
