import pytest

from edge_agent.counter.rules import basket as baskets
from edge_agent.counter.rules.basket import Basket, Scan
from edge_agent.counter.rules.sale import (
    Draft,
    DraftLine,
    Grant,
    Missing,
    asks,
    judge,
    pay,
    price,
    quick_cash,
)
from protocol.catalog import Product
from protocol.errors import Invalid, Refused
from protocol.orders import Tender, TenderKind
from protocol.people import StoreRole
from protocol.rules.discounts import DEFAULT_AUTHORITY, Act

COAT = Product(sku="COAT-M", name="Wool coat M", price_minor=12_000, rate_ppm=200_000)
MUG = Product(sku="MUG-1", name="Mug", price_minor=750, rate_ppm=200_000)
ASSOCIATE = Grant("", "b-hale", StoreRole.ASSOCIATE)


def cash(amount_minor: int, tendered_minor: int = 0) -> Tender:
    return Tender(kind=TenderKind.CASH, amount_minor=amount_minor, tendered_minor=tendered_minor)


def card(amount_minor: int) -> Tender:
    return Tender(kind=TenderKind.CARD, amount_minor=amount_minor)


@pytest.mark.parametrize(
    ("total", "tenders", "step", "amounts", "change", "rounding"),
    [
        (1_000, [cash(1_000)], 1, [1_000], 0, 0),
        (1_000, [cash(2_000)], 1, [1_000], 1_000, 0),
        (1_000, [cash(1_000, 2_000)], 1, [1_000], 1_000, 0),
        (1_000, [cash(400), cash(700)], 1, [1_000], 100, 0),
        (1_000, [card(600), cash(500)], 1, [600, 400], 100, 0),
        (1_003, [cash(1_003)], 5, [1_005], 0, -2),
        (1_002, [cash(1_002)], 5, [1_000], 0, 2),
        (1_002, [card(1_002)], 5, [1_002], 0, 0),
        (1_002, [card(1_000), cash(5)], 5, [1_000, 0], 5, 2),
        (0, [], 1, [], 0, 0),
    ],
)
def test_the_tenders_and_the_rounding_add_up_to_the_total(  # noqa: PLR0917 - a table
    total: int, tenders: list[Tender], step: int, amounts: list[int], change: int, rounding: int
) -> None:
    paid = pay(total, tenders, cash_step_minor=step, currency="GBP")

    assert [tender.amount_minor for tender in paid.tenders] == amounts
    assert (paid.change_minor, paid.rounding_minor) == (change, rounding)
    assert sum(amounts) + rounding == total


@pytest.mark.parametrize(
    ("tenders", "code", "facts"),
    [
        ([], "unpaid_rest", {"rest_minor": 1_000}),
        ([cash(999)], "unpaid_rest", {"rest_minor": 1}),
        ([card(999)], "unpaid_rest", {"rest_minor": 1}),
        ([card(1_001)], "overpaid_card", {"over_minor": 1}),
        ([card(600), card(600)], "overpaid_card", {"over_minor": 200}),
    ],
)
def test_what_does_not_pay_exactly_says_by_how_much(
    tenders: list[Tender], code: str, facts: dict[str, int]
) -> None:
    with pytest.raises(Refused) as refusal:
        pay(1_000, tenders, cash_step_minor=1, currency="GBP")

    assert refusal.value.reason == code
    assert refusal.value.facts == {"total_minor": 1_000} | facts


def test_quick_cash_offers_the_exact_amount_and_the_next_round_ones() -> None:
    notes = (500, 1_000, 2_000, 5_000)

    assert quick_cash(1_234, cash_step_minor=1, notes_minor=notes) == (1_234, 1_500, 2_000, 5_000)
    assert quick_cash(1_234, cash_step_minor=5, notes_minor=()) == (1_235,)
    assert quick_cash(0, cash_step_minor=1, notes_minor=notes) == ()


def test_the_first_word_that_reaches_far_enough_is_kept_by_name() -> None:
    draft = Draft((DraftLine(COAT, 1, discount_minor=2_400), DraftLine(MUG, 1, discount_minor=75)))
    asked = asks(draft, "GBP")

    alone = judge(asked, ASSOCIATE, (), DEFAULT_AUTHORITY)
    word = Grant(Act.LINE_DISCOUNT, "s-rowe", StoreRole.LEAD, "scratched")
    allowed = judge(asked, ASSOCIATE, (word,), DEFAULT_AUTHORITY)

    assert alone == Missing(Act.LINE_DISCOUNT, StoreRole.LEAD)
    assert not isinstance(allowed, Missing)
    assert [(one.action, one.by, one.reason) for one in allowed] == [
        ("line_discount", "s-rowe", "scratched"),
        ("line_discount", "b-hale", ""),
    ]


def test_a_word_of_somebody_with_too_little_authority_does_not_count() -> None:
    asked = asks(Draft((DraftLine(COAT, 1, discount_minor=6_000),)), "GBP")
    lead = Grant(Act.LINE_DISCOUNT, "s-rowe", StoreRole.LEAD)

    assert judge(asked, ASSOCIATE, (lead,), DEFAULT_AUTHORITY) == Missing(
        Act.LINE_DISCOUNT, StoreRole.MANAGER
    )


def test_a_sum_beyond_all_measure_is_refused_before_it_overflows() -> None:
    draft = Draft((DraftLine(COAT, 1_000_000, unit_price_minor=10**12),))

    with pytest.raises(Invalid) as refusal:
        price(draft, "GBP")

    assert refusal.value.reason == "amount_too_large"


def add(basket: Basket, product: Product, quantity: int = 1) -> Basket:
    return baskets.add(basket, product, quantity, Scan(scan_id="", code=product.sku))


def test_an_item_with_a_price_of_its_own_is_not_joined_by_the_next_scan() -> None:
    basket = add(Basket(), COAT)
    cheaper = basket.line(1).model_copy(update={"discount_minor": 100})
    basket = add(baskets.change(basket, cheaper), COAT)

    assert [(line.n, line.quantity, line.taken_off_minor) for line in basket.lines] == [
        (1, 1, 100),
        (2, 1, 0),
    ]


def test_a_discount_in_percent_follows_the_quantity_and_undo_brings_it_back() -> None:
    basket = add(Basket(), MUG, 2)
    basket = baskets.change(basket, basket.line(1).model_copy(update={"discount_ppm": 100_000}))
    more = baskets.change(basket, basket.line(1).model_copy(update={"quantity": 4}))

    assert (basket.line(1).taken_off_minor, more.line(1).taken_off_minor) == (150, 300)
    assert baskets.undo(baskets.undo(more)).line(1).taken_off_minor == 0


def test_only_the_last_five_changes_are_remembered() -> None:
    basket = Basket()
    for _ in range(9):
        basket = add(basket, MUG)

    assert len(basket.undo) == 5
    assert len(basket.scans) == 5
    assert basket.units == 9


@pytest.mark.parametrize("quantity", [0, -1, 100_000])
def test_a_quantity_outside_the_limits_is_refused(quantity: int) -> None:
    with pytest.raises(Invalid):
        add(Basket(), MUG, quantity)
