"""What the rules of money refuse, and who may do what alone."""

import pytest

from protocol.errors import Invalid, Refused
from protocol.people import StoreRole
from protocol.rules.cost import StockValue
from protocol.rules.discounts import (
    Act,
    Allowed,
    Authority,
    Limit,
    NeedsApproval,
    discount_ppm,
    needs_approval,
    percent_of,
)
from protocol.rules.pricing import PricedLine, PriceLine, price_order
from protocol.rules.refund import RefundableLine, RefundStep, refund_money, refund_units
from protocol.rules.tax import tax_document, tax_exclusive, tax_inclusive
from protocol.rules.tenders import CashMode, round_cash, split_refund

A, L, M = StoreRole.ASSOCIATE, StoreRole.LEAD, StoreRole.MANAGER


def test_prices_without_tax_get_it_on_top() -> None:
    order = price_order(
        [PriceLine(1999, 1, 0, 88_750), PriceLine(400, 1, 0, 88_750)], prices="tax_exclusive", tax_mode="line"
    )

    assert order.lines == (PricedLine(2176, 177, 1999, 0), PricedLine(436, 36, 400, 0))
    assert (order.total_minor, order.tax_minor) == (2612, 213)


def test_the_discount_of_an_order_comes_off_before_tax_is_put_on_top() -> None:
    order = price_order([PriceLine(10_000, 2, 0, 100_000)], 2000, prices="tax_exclusive")

    assert order.lines == (PricedLine(19_800, 1800, 18_000, 2000),)
    assert (order.total_minor, order.tax_minor) == (19_800, 1800)


def test_an_order_without_lines_or_units_costs_nothing() -> None:
    assert price_order([]).lines == ()
    assert price_order([PriceLine(999, 0, 0, 200_000)]).lines == (PricedLine(0, 0, 0, 0),)


@pytest.mark.parametrize(
    ("line", "order_discount_minor", "code"),
    [
        (PriceLine(100, -1, 0, 0), 0, "negative_line"),
        (PriceLine(-100, 1, 0, 0), 0, "negative_line"),
        (PriceLine(100, 1, 101, 0), 0, "bad_line_discount"),
        (PriceLine(100, 1, -1, 0), 0, "bad_line_discount"),
        (PriceLine(100, 1, 0, -1), 0, "negative_rate"),
        (PriceLine(100, 1, 50, 0), 51, "bad_order_discount"),
        (PriceLine(100, 1, 0, 0), -1, "bad_order_discount"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    line: PriceLine, order_discount_minor: int, code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        price_order([line], order_discount_minor)

    assert refusal.value.reason == code


def test_sales_and_refunds_in_one_tax_calculation_are_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        tax_document([(100, 200_000), (-50, 200_000)])

    assert refusal.value.reason == "mixed_signs"


def test_an_unknown_tax_mode_is_refused_not_guessed() -> None:
    with pytest.raises(Invalid) as refusal:
        tax_document([(100, 200_000)], "per_line")  # type: ignore[arg-type]  # what a settings file may hold

    assert refusal.value.reason == "unknown_tax_mode"


@pytest.mark.parametrize("tax_of", [tax_inclusive, tax_exclusive])
def test_tax_of_nothing_or_at_no_rate_is_nothing(tax_of: object) -> None:
    assert callable(tax_of)
    assert (tax_of(0, 200_000), tax_of(999, 0)) == (0, 0)


def test_more_units_than_are_left_are_refused_and_nothing_is_counted() -> None:
    line = RefundableLine(1000, 160, 3, returned_quantity=2, refunded_minor=667, refunded_tax_minor=107)

    with pytest.raises(Refused) as refusal:
        refund_units(line, 2)

    assert (refusal.value.reason, refusal.value.facts) == (
        "too_many_units",
        {"quantity": 2, "left": 1, "sold": 3},
    )
    assert refund_units(line, 1).gross_minor == 333


def test_more_money_than_is_left_is_refused_and_nothing_is_counted() -> None:
    line = RefundableLine(1000, 160, 3, refunded_minor=400, refunded_tax_minor=64)

    with pytest.raises(Refused) as refusal:
        refund_money(line, 601)

    assert (refusal.value.reason, refusal.value.facts) == (
        "too_much_money",
        {"amount_minor": 601, "left_minor": 600},
    )
    assert refund_money(line, 600).tax_minor == 96


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_of_nothing_is_refused(amount: int) -> None:
    line = RefundableLine(1000, 160, 3)

    with pytest.raises(Invalid, match="at least one unit"):
        refund_units(line, amount)
    with pytest.raises(Invalid, match="needs an amount"):
        refund_money(line, amount)


def test_units_of_a_line_whose_money_has_gone_back_bring_only_their_cost() -> None:
    line = RefundableLine(1000, 160, 2, 601, 25)
    line = line.after(refund_money(line, 1000))

    assert refund_units(line, 1) == RefundStep(1, 0, 0, 0, 301, 0)
    assert line.clawed_back_minor == 25


def test_the_commission_of_a_free_line_follows_its_units() -> None:
    line = RefundableLine(0, 0, 3, 601, 25)
    commissions = []
    for _ in range(3):
        step = refund_units(line, 1)
        line = line.after(step)
        commissions.append(step.commission_minor)

    assert commissions == [8, 9, 8]


def test_a_line_refunded_twice_over_gives_no_more_and_takes_nothing_back() -> None:
    line = RefundableLine(1000, 160, 2, refunded_minor=1100, refunded_tax_minor=176)

    assert refund_units(line, 1) == RefundStep(1, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "bad", [{"gross_minor": -1}, {"tax_minor": 1001}, {"refunded_minor": -1}, {"quantity": -1}]
)
def test_a_sold_line_that_makes_no_sense_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(Invalid) as refusal:
        RefundableLine(**{"gross_minor": 1000, "tax_minor": 160, "quantity": 3, **bad})

    assert refusal.value.reason == "bad_line"


def test_tenders_are_emptied_in_the_order_that_was_set() -> None:
    assert split_refund(3000, [2000, 4001], "first_first") == (2000, 1000)
    assert split_refund(5000, [2000, 4001], "last_first") == (999, 4001)
    assert split_refund(0, []) == ()


def test_a_refund_above_the_tenders_is_refused_for_store_credit() -> None:
    with pytest.raises(Refused) as refusal:
        split_refund(6002, [2000, 4001])

    assert refusal.value.reason == "too_much_money"
    assert refusal.value.facts == {"amount_minor": 6002, "left_minor": 6001}


@pytest.mark.parametrize(("total", "remaining"), [(-1, [5]), (1, [5, -1])])
def test_a_split_of_negative_amounts_is_refused(total: int, remaining: list[int]) -> None:
    with pytest.raises(Invalid) as refusal:
        split_refund(total, remaining)

    assert refusal.value.reason == "bad_split"


@pytest.mark.parametrize(
    ("amount", "step", "mode", "cash"),
    [
        (1998, 5, "half", 2000),
        (1997, 5, "half", 1995),
        (5, 10, "half", 10),
        (-5, 10, "half", -10),
        (1, 5, "up", 5),
        (-1, 5, "up", -5),
        (9, 10, "down", 0),
        (-9, 10, "down", 0),
        (1234, 1, "half", 1234),
        (0, 5, "up", 0),
    ],
)
def test_cash_and_its_difference_make_up_the_amount(
    amount: int, step: int, mode: CashMode, cash: int
) -> None:
    assert round_cash(amount, step, mode) == (cash, amount - cash)


def test_cash_cannot_be_rounded_to_no_coin() -> None:
    with pytest.raises(Invalid) as refusal:
        round_cash(100, 0, "half")

    assert refusal.value.reason == "bad_cash_rounding"


def test_a_receipt_that_covers_only_part_of_what_was_missing_corrects_only_that() -> None:
    stock, to_inventory, variance = StockValue(-5, -5000, 1000).receive(2, 2400)

    assert (stock, to_inventory, variance) == (StockValue(-3, -3000, 1200), 2000, 400)


@pytest.mark.parametrize(("quantity", "value"), [(0, 0), (-1, 100), (1, -1)])
def test_a_receipt_that_makes_no_sense_is_refused(quantity: int, value: int) -> None:
    with pytest.raises(Invalid) as refusal:
        StockValue(3, 3000, 1000).receive(quantity, value)

    assert refusal.value.reason == "bad_receipt"


def test_an_issue_of_no_units_is_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        StockValue(3, 3000, 1000).issue(0)

    assert refusal.value.reason == "bad_issue"


def test_a_percentage_is_rounded_like_all_money() -> None:
    assert [percent_of(base, 150_000) for base in (82_500, 10, 3, 0)] == [12_375, 2, 0, 0]
    assert (percent_of(999, 0), percent_of(999, 1_000_000)) == (0, 999)


@pytest.mark.parametrize("percent_ppm", [-1, 1_000_001])
def test_a_percentage_outside_the_whole_is_refused(percent_ppm: int) -> None:
    with pytest.raises(Invalid) as refusal:
        percent_of(100, percent_ppm)

    assert refusal.value.reason == "bad_percent"


def test_a_discount_is_measured_rounded_up() -> None:
    assert [discount_ppm(d, b) for d, b in ((10, 100), (1, 3), (0, 0), (100, 100))] == [
        100_000,
        333_334,
        0,
        1_000_000,
    ]
    with pytest.raises(Invalid, match="more than what it is taken from"):
        discount_ppm(2, 1)


@pytest.mark.parametrize(
    ("role", "act", "asked", "needed"),
    [
        (A, Act.LINE_DISCOUNT, 100_000, None),
        (A, Act.LINE_DISCOUNT, 100_001, L),
        (A, Act.ORDER_DISCOUNT, 250_000, L),
        (A, Act.ORDER_DISCOUNT, 250_001, M),
        (L, Act.LINE_DISCOUNT, 250_000, None),
        (L, Act.LINE_DISCOUNT, 250_001, M),
        (M, Act.ORDER_DISCOUNT, 1_000_000, None),
        (A, Act.PRICE_OVERRIDE, 0, L),
        (L, Act.PRICE_OVERRIDE, 0, None),
        (A, Act.POST_VOID, 0, L),
        (M, Act.POST_VOID, 0, None),
        (A, Act.NO_SALE, 0, L),
        (L, Act.NO_SALE, 0, None),
        (A, Act.RETURN, 100_00, None),
        (A, Act.RETURN, 100_01, L),
        (L, Act.RETURN, 100_01, None),
    ],
)
def test_each_role_may_go_as_far_as_its_limit(
    role: StoreRole, act: Act, asked: int, needed: StoreRole | None
) -> None:
    if act is Act.RETURN:
        answer = needs_approval(role, act, amount_minor=asked)
    else:
        answer = needs_approval(role, act, percent_ppm=asked)

    assert (answer.role_needed if isinstance(answer, NeedsApproval) else None) == needed


def test_an_approval_says_what_goes_too_far_in_a_sentence() -> None:
    assert needs_approval(A, Act.LINE_DISCOUNT, percent_ppm=125_000) == NeedsApproval(
        L, "Line discount of 12.5 % is above the 10 % of associate."
    )
    assert needs_approval(A, Act.RETURN, amount_minor=12_000) == NeedsApproval(
        L, "Return of 120.00 is above the 100.00 of associate."
    )
    assert needs_approval(A, Act.NO_SALE) == NeedsApproval(L, "No sale: not for associate.")


def test_a_company_may_set_other_limits() -> None:
    strict = Authority(no_sale=(Limit(M),), line_discount=(Limit(L, 50_000),))

    assert needs_approval(L, Act.NO_SALE, authority=strict) == NeedsApproval(M, "No sale: not for lead.")
    assert needs_approval(L, Act.LINE_DISCOUNT, percent_ppm=50_000, authority=strict) == Allowed()
    assert needs_approval(M, Act.LINE_DISCOUNT, percent_ppm=60_000, authority=strict) == NeedsApproval(
        M, "Line discount of 6 % is above the 5 % of manager."
    )
