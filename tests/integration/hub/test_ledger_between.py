"""Entities that sell each other goods at a price and with tax, and spend each other's stored value."""

from typing import Any

import pytest

from hub.context import Hub
from hub.ledger.between.reads import pairs
from hub.ledger.between.steps import read_prices, set_prices
from hub.ledger.close import facts, rules
from hub.rebuild import verify
from protocol import later
from protocol.errors import Invalid
from protocol.events import GiftCardSold
from protocol.orders import Tender, TenderKind
from tests.support.hub import Shop, send
from tests.support.later_shop import LaterShop, paid_online, record_at, web_order
from tests.support.transfers import Move, ties, trial, two_stores

CARD = "LB1-G00001-7F3A09C2"
LIST: dict[str, Any] = {"supplier": "north", "buyer": "main", "markup_ppm": 50_000, "rate_ppm": 200_000}
"""North sells main at 5 % on the cost of 4.00 (4.20), and 20 % tax; B is listed at 5.00."""


def books(hub: Hub, entity: str) -> dict[str, int]:
    return {account: minor for (mine, account), minor in trial(hub).items() if mine == entity}


def stops(hub: Hub) -> list[str]:
    """Return what does not tie in either entity."""
    found = []
    for entity in ("main", "north"):
        with hub.database.read() as connection:
            checks = rules.checks(facts.gather(connection, entity, "2025-11", default="main"))
        wanted = ("TIE_", "INTERCOMPANY", "ELIMINATION", "SUSPENSE", "TRIAL")
        found += [f"{entity} {c.name} {c.evidence}" for c in checks if not c.ok and c.name.startswith(wanted)]
    return found


@pytest.fixture
def company(hub: Hub) -> tuple[Hub, Shop, LaterShop]:
    """Two stores of two entities with goods at 4.00, and north's price list for main."""
    one, _two = two_stores(hub, entities=("main", "north"))
    two = LaterShop(edge="store-2", code="YC")
    for shop in (one, two):
        shop.open()
        for sku in ("A", "B"):
            shop.stock(sku, 10, 400)
        send(hub, shop)
    prices = [{"sku": "B", "price_minor": 5_00}]
    set_prices(hub, {**LIST, "prices": prices, "reason": "first list"}, by="A. Abel")
    return hub, one, two


def handed_over(hub: Hub, two: LaterShop) -> tuple[later.OrderPlaced, later.AssignmentHandedOver]:
    """North hands over two A and one B of an order of main."""
    told = len(two.events) + 1
    order = web_order(("A", 2, 12_00), ("B", 1, 12_00))
    record_at(hub, order)
    record_at(hub, paid_online(order))
    two.accept(order)
    two.ready(order)
    handover = two.hand_over(order)
    send(hub, two, told)
    return order, handover


def test_goods_for_another_entitys_order_are_sold_to_it_at_the_list_with_tax(
    company: tuple[Hub, Shop, LaterShop],
) -> None:
    hub, _one, two = company
    handed_over(hub, two)

    main, north = books(hub, "main"), books(hub, "north")
    price, tax = 2 * 4_20 + 5_00, 2_68
    assert (north["1400"], north["4400"], north["5020"]) == (price + tax, -price, 12_00)
    assert (north["2200"], main["1450"], main["2400"]) == (-tax, tax, -price - tax)
    assert (main["5000"], stops(hub), verify(hub)) == (price, [], {})
    with hub.database.read() as connection:
        (row,) = pairs(connection, "north", ["main"])
    assert (row.sold_minor, row.margin_minor, row.tax_minor) == (price, price - 12_00, tax)
    assert (row.due_from_minor, row.due_to_minor) == (price + tax, 0)


def test_what_comes_back_undoes_what_was_charged_whatever_the_list_says_by_then(
    company: tuple[Hub, Shop, LaterShop],
) -> None:
    hub, _one, two = company
    _order, handover = handed_over(hub, two)
    set_prices(hub, {**LIST, "markup_ppm": 900_000, "reason": "dearer"}, by="A. Abel")
    told = len(two.events) + 1
    two.undo(handover)
    send(hub, two, told)

    main, north = books(hub, "main"), books(hub, "north")
    owed = 2 * 4_20 + 5_00 + 2_68
    assert (north["1400"], north["2400"], main["1400"], main["2400"]) == (owed, -owed, owed, -owed)
    accounts = ("4400", "5020", "2200", "1450", "5000")
    assert [book.get(account, 0) for book in (main, north) for account in accounts] == [0] * 10
    assert (stops(hub), verify(hub)) == ([], {})


def test_a_transfer_to_another_entity_arrives_at_the_price_and_is_worth_that_there(
    company: tuple[Hub, Shop, LaterShop],
) -> None:
    hub, one, two = company
    told_one, told_two = len(one.events) + 1, len(two.events) + 1
    move = Move(two, one, [("A", 4)])
    move.request()
    move.accept()
    move.leave()
    send(hub, two, told_two)
    receipt = move.receive(3)
    send(hub, one, told_one)

    main, north = books(hub, "main"), books(hub, "north")
    assert (north["4400"], north["5020"], north["1340"]) == (-12_60, 12_00, 4_00)
    assert (north["1400"], north["2200"], main["1450"]) == (12_60 + 2_52, -2_52, 2_52)
    assert main["1300"] == 80_00 + 12_60
    assert (ties(hub), stops(hub), verify(hub)) == ([], [], {})

    told_one = len(one.events) + 1
    move.undo(receipt, 3)
    send(hub, one, told_one)
    main = books(hub, "main")
    assert (main["1300"], main.get("1450", 0), books(hub, "north").get("4400", 0)) == (80_00, 0, 0)
    assert (ties(hub), stops(hub), verify(hub)) == ([], [], {})


def test_stored_value_that_is_spent_elsewhere_is_set_off_with_whoever_owes_it(
    company: tuple[Hub, Shop, LaterShop],
) -> None:
    hub, one, two = company
    told_one, told_two = len(one.events) + 1, len(two.events) + 1
    cash = Tender(kind=TenderKind.CASH, amount_minor=50_00)
    one.say(GiftCardSold(**one._till(), number=CARD, amount_minor=50_00, tenders=(cash,)))
    card = Tender(kind=TenderKind.GIFT_CARD, amount_minor=12_00, reference=CARD)
    sold = [two.sale(("A", 1, 12_00)).model_copy(update={"tenders": (card,)}) for _ in range(2)]
    for body in sold:
        two.tell_sale(body)
    send(hub, one, told_one)
    send(hub, two, told_two)

    main, north = books(hub, "main"), books(hub, "north")
    assert (main["2130"], main["2400"], north.get("2130", 0), north["1400"]) == (-26_00, -24_00, 0, 24_00)
    assert (stops(hub), verify(hub)) == ([], {})

    told_two = len(two.events) + 1
    void = two.void(sold[0])
    assert void.refunds[0].kind is TenderKind.GIFT_CARD
    back = two.give_back(sold[1], (1, 1))
    onto = back.model_copy(update={"refunds": (card,)})
    two.bodies.pop()
    two.events.pop()
    two.bodies.pop()
    two.events.pop()
    two.say(void.model_copy(update={"refunds": (card,)}))
    two.say(onto)
    send(hub, two, told_two)
    main, north = books(hub, "main"), books(hub, "north")
    assert (main["2130"], main["1400"] + main["2400"], north.get("2130", 0)) == (-50_00, 0, 0)
    assert (stops(hub), verify(hub)) == ([], {})


def test_a_price_list_that_cannot_be_meant_is_refused_and_changes_nothing(hub: Hub) -> None:
    two_stores(hub, entities=("main", "north"))
    for wrong in (
        {**LIST, "reason": "no books yet"},
        {**LIST, "reason": ""},
        {**LIST, "markup_ppm": -1, "reason": "x"},
        {**LIST, "prices": [{"sku": "A", "price_minor": 1}] * 2, "reason": "twice"},
    ):
        with pytest.raises(Invalid):
            set_prices(hub, wrong, by="A. Abel")
    assert read_prices("A 4.20\n\nB 5\n", "GBP") == [
        {"sku": "A", "price_minor": 4_20},
        {"sku": "B", "price_minor": 5_00},
    ]
    with pytest.raises(Invalid) as refusal:
        read_prices("A 4.20\nB five", "GBP")
    assert refusal.value.facts["line"] == 2
