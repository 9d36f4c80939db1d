"""Sums that hold for every amount: nothing is lost or made by sharing, taxing, refunding or valuing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import Refused
from protocol.money import CURRENCY_EXPONENTS, allocate, format_minor, parse_minor, round_ratio
from protocol.movements import INSIDE, OUTSIDE, Bucket, Movement, deltas
from protocol.rules.cost import StockValue
from protocol.rules.pricing import PriceLine, price_order
from protocol.rules.refund import RefundableLine, RefundStep, refund_money, refund_units
from protocol.rules.tax import PRICES, TAX_MODES, Prices, TaxMode, tax_inclusive
from protocol.rules.tenders import CASH_MODES, CashMode, round_cash, split_refund

AMOUNTS = st.integers(min_value=0, max_value=10**9)
RATES = st.sampled_from([0, 50_000, 70_000, 88_750, 190_000, 200_000, 250_000, 1_000_000])


@given(numerator=st.integers(-(10**12), 10**12), denominator=st.integers(1, 10**9))
def test_rounding_is_symmetric_and_never_half_a_unit_off(numerator: int, denominator: int) -> None:
    rounded = round_ratio(numerator, denominator)

    assert 2 * abs(rounded * denominator - numerator) <= denominator
    assert round_ratio(-numerator, denominator) == -rounded


@given(total=st.integers(-(10**9), 10**9), weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_shares_sum_to_the_total_and_stay_within_a_unit_of_fair(total: int, weights: list[int]) -> None:
    whole = sum(weights)
    if whole == 0:
        total = 0
    parts = allocate(total, weights)

    assert sum(parts) == total
    assert allocate(-total, weights) == tuple(-part for part in parts)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * whole - total * weight) < max(whole, 1)
        assert weight or part == 0


@given(gross=AMOUNTS, rate=RATES)
def test_inclusive_tax_put_back_on_its_net_is_within_a_unit(gross: int, rate: int) -> None:
    tax = tax_inclusive(gross, rate)

    assert 0 <= tax <= gross
    assert abs(round_ratio((gross - tax) * rate, 1_000_000) - tax) <= 1


@st.composite
def price_lines(draw: st.DrawFn) -> PriceLine:
    price, quantity = draw(st.integers(0, 50_000)), draw(st.integers(0, 30))
    return PriceLine(price, quantity, draw(st.integers(0, price * quantity)), draw(RATES))


@given(
    lines=st.lists(price_lines(), max_size=12),
    share=st.fractions(0, 1),
    prices=st.sampled_from(PRICES),
    mode=st.sampled_from(TAX_MODES),
)
def test_the_lines_of_an_order_sum_to_the_order_in_every_column(
    lines: list[PriceLine], share: float, prices: Prices, mode: TaxMode
) -> None:
    before = sum(line.unit_price_minor * line.quantity - line.line_discount_minor for line in lines)
    discount = int(before * share)
    order = price_order(lines, discount, prices=prices, tax_mode=mode)

    assert sum(line.gross_minor for line in order.lines) == order.total_minor
    assert sum(line.tax_minor for line in order.lines) == order.tax_minor
    assert sum(line.order_discount_minor for line in order.lines) == discount
    net_total = sum(line.net_minor for line in order.lines)
    assert before - discount == (order.total_minor if prices == "tax_inclusive" else net_total)
    for line in order.lines:
        assert line.gross_minor == line.tax_minor + line.net_minor
        assert min(line.gross_minor, line.tax_minor, line.net_minor, line.order_discount_minor) >= 0


@st.composite
def sold_lines(draw: st.DrawFn) -> RefundableLine:
    gross = draw(st.integers(0, 20) | AMOUNTS)
    return RefundableLine(
        gross_minor=gross,
        tax_minor=draw(st.integers(0, gross)),
        quantity=draw(st.integers(1, 12)),
        cost_minor=draw(st.integers(0, 20) | AMOUNTS),
        commission_minor=draw(st.integers(0, 20) | AMOUNTS),
    )


def columns(step: RefundStep) -> tuple[int, ...]:
    return (
        step.quantity,
        step.gross_minor,
        step.tax_minor,
        step.net_minor,
        step.cost_minor,
        step.commission_minor,
    )


@settings(max_examples=300)
@given(sold=sold_lines(), data=st.data())
def test_refunds_in_any_steps_sum_to_the_sale_and_no_part_is_negative(
    sold: RefundableLine, data: st.DataObject
) -> None:
    line, steps = sold, []
    while line.left_quantity:
        if line.left_minor and data.draw(st.booleans(), label="money only"):
            step = refund_money(line, data.draw(st.integers(1, line.left_minor), label="amount"))
        else:
            step = refund_units(line, data.draw(st.integers(1, line.left_quantity), label="units"))
        assert min(columns(step)) >= 0
        assert step.gross_minor == step.tax_minor + step.net_minor
        steps.append(columns(step))
        line = line.after(step)

    assert tuple(map(sum, zip(*steps, strict=True))) == (
        sold.quantity,
        sold.gross_minor,
        sold.tax_minor,
        sold.gross_minor - sold.tax_minor,
        sold.cost_minor,
        sold.commission_minor,
    )
    with pytest.raises(Refused):
        refund_units(line, 1)
    with pytest.raises(Refused):
        refund_money(line, 1)


@given(remaining=st.lists(AMOUNTS, min_size=1, max_size=6), share=st.fractions(0, 1))
def test_a_split_refund_never_exceeds_what_remains_on_a_tender(remaining: list[int], share: float) -> None:
    total = int(sum(remaining) * share)
    for policy in ("proportional", "first_first", "last_first"):
        parts = split_refund(total, remaining, policy)

        assert sum(parts) == total
        assert all(0 <= part <= left for part, left in zip(parts, remaining, strict=True))


@given(amount=st.integers(-(10**6), 10**6), step=st.integers(1, 500), mode=st.sampled_from(CASH_MODES))
def test_cash_is_whole_coins_and_a_refund_mirrors_its_sale(amount: int, step: int, mode: CashMode) -> None:
    cash, difference = round_cash(amount, step, mode)

    assert cash % step == 0
    assert cash + difference == amount
    assert abs(difference) < step
    assert round_cash(-amount, step, mode) == (-cash, -difference)


@given(
    ops=st.lists(
        st.tuples(st.just("receive"), st.integers(1, 50), st.integers(0, 10**6))
        | st.tuples(st.just("issue"), st.integers(1, 50), st.just(0)),
        max_size=40,
    ),
    last=st.integers(0, 10_000),
)
def test_purchases_equal_inventory_and_cost_of_sales_and_variance(
    ops: list[tuple[str, int, int]], last: int
) -> None:
    stock = StockValue(last_unit_cost_minor=last)
    bought = sold = varied = 0
    for op, quantity, value in ops:
        if op == "receive":
            stock, to_inventory, variance = stock.receive(quantity, value)
            assert to_inventory + variance == value
            bought, varied = bought + value, varied + variance
        else:
            stock, cost = stock.issue(quantity)
            assert cost >= 0
            sold += cost
        assert stock.quantity or stock.value_minor == 0
        assert stock.quantity * stock.value_minor >= 0

    assert bought == stock.value_minor + sold + varied


@given(amount=AMOUNTS, currency=st.sampled_from(sorted(CURRENCY_EXPONENTS)))
def test_an_amount_survives_being_written_and_read(amount: int, currency: str) -> None:
    assert parse_minor(format_minor(amount, currency), currency) == amount


@given(
    flows=st.lists(
        st.tuples(
            st.sampled_from(["TEA", "MUG"]),
            st.sampled_from(list(Bucket)),
            st.sampled_from(list(Bucket)),
            st.integers(1, 99),
        ),
        max_size=20,
    )
)
def test_balances_change_only_by_what_crosses_the_edge_of_the_location(
    flows: list[tuple[str, Bucket, Bucket, int]],
) -> None:
    moved = [Movement(sku, a, b, n, "test") for sku, a, b, n in flows if a is not b]
    came = sum(m.quantity for m in moved if m.from_bucket in OUTSIDE and m.to_bucket in INSIDE)
    went = sum(m.quantity for m in moved if m.from_bucket in INSIDE and m.to_bucket in OUTSIDE)
    changes = deltas(moved)

    assert sum(changes.values()) == came - went
    assert not {bucket for _, bucket in changes} & OUTSIDE
