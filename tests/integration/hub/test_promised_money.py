"""Money that is promised and not taken: authorisations of web orders, and cards that stores took offline."""

from typing import Any

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import listed
from hub.fleet.rows import directives
from hub.ledger.close.steps import look
from hub.ledger.reads import trial_balance
from hub.ledger.settlements.steps import Wanted as Payout
from hub.ledger.settlements.steps import take
from hub.payments.asks import answered_by_hand, ask_services, captured_by_hand, made_good
from hub.payments.gateways import Simulator
from hub.payments.rows import payment_asks
from hub.rebuild import verify
from hub.spine.payment_rows import authorisations, exposure, offline_cards
from protocol import later
from protocol.errors import Invalid, NotFound, Refused
from protocol.orders import TenderKind
from protocol.payments import PaymentAuthorised
from tests.support.hub import Shop, TestClock, send
from tests.support.later_shop import LaterShop, record_at, web_order


def services() -> dict[str, Simulator]:
    return {"simulator": Simulator(), "card": Simulator()}


WEEK_US = 8 * 24 * 3_600_000_000


def states(hub: Hub, table: sa.Table) -> list[str]:
    with hub.database.read() as connection:
        return list(connection.execute(sa.select(table.c.state)).scalars())


def balances(hub: Hub) -> dict[str, int]:
    with hub.database.read() as connection:
        return {row.account: row.amount_minor for row in trial_balance(connection) if row.amount_minor}


def raised(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection)[0] if row.kind != "unroutable")


def ties(hub: Hub) -> list[str]:
    return [
        check.name for check in look(hub, "main", "2025-11") if check.name.startswith("TIE") and not check.ok
    ]


def authorised(order: later.OrderPlaced, amount: int, reference: str = "auth-1") -> PaymentAuthorised:
    return PaymentAuthorised(
        auth_id=f"{order.order_id}-auth",
        order_id=order.order_id,
        number=order.number,
        gateway="simulator",
        reference=reference,
        amount_minor=amount,
        currency="GBP",
    )


def offline_sale(shop: Shop, *, price: int = 30_00, reference: str = "tr-1") -> Any:
    body = shop.sale(("A", 1, price))
    (tender,) = body.tenders
    body = body.model_copy(
        update={"tenders": (tender.model_copy(update={"offline": True, "reference": reference}),)}
    )
    shop.tell_sale(body)
    return body


@pytest.fixture
def shop(hub: Hub) -> Shop:
    made = Shop()
    made.open()
    made.stock("A", 10)
    return made


def web(hub: Hub, reference: str = "auth-1", units: int = 2) -> tuple[LaterShop, later.OrderPlaced]:
    """An order that a store has accepted, with its money authorised."""
    store = LaterShop()
    store.open()
    store.stock("A", 5)
    order = web_order(("A", units, 10_00))
    record_at(hub, order, paid=authorised(order, units * 10_00, reference))
    store.accept(order)
    send(hub, store)
    return store, order


def test_what_is_authorised_posts_nothing_until_goods_are_picked(hub: Hub) -> None:
    store, order = web(hub)
    assert balances(hub).get("2100") is None
    assert ask_services(hub, services()) == 0

    store.pick(order)
    send(hub, store, 4)
    assert ask_services(hub, services()) == 1

    assert (states(hub, authorisations), balances(hub)["2100"]) == (["captured"], -20_00)
    assert ask_services(hub, services()) == 0
    assert (ties(hub), verify(hub)) == ([], {})


def test_what_was_cancelled_before_the_capture_is_not_taken_and_the_rest_is_let_go(hub: Hub) -> None:
    store, order = web(hub)
    line = later.CancelledLine(line_no=1, sku="A", quantity=1)
    about = {"order_id": order.order_id, "number": order.number}
    record_at(hub, later.OrderCancelled(**about, cancel_id="x-1", lines=(line,)))
    store.pick(order, {1: 1})
    send(hub, store, 4)

    assert ask_services(hub, services()) == 1
    assert ask_services(hub, services()) == 1

    with hub.database.read() as connection:
        (row,) = connection.execute(sa.select(authorisations))
    assert (row.state, row.captured_minor, row.amount_minor) == ("captured", 10_00, 20_00)
    assert balances(hub)["2100"] == -10_00
    assert balances(hub).get("2110") is None


def test_an_order_that_is_cancelled_whole_lets_its_authorisation_go(hub: Hub) -> None:
    _store, order = web(hub)
    line = later.CancelledLine(line_no=1, sku="A", quantity=2)
    about = {"order_id": order.order_id, "number": order.number}
    record_at(hub, later.OrderCancelled(**about, cancel_id="x-1", lines=(line,)))

    assert ask_services(hub, {}) == 1

    assert states(hub, authorisations) == ["released"]
    assert balances(hub).get("2100") is None


def test_a_capture_that_is_declined_leaves_the_order_unpaid_and_calls_somebody(hub: Hub) -> None:
    store, order = web(hub, reference="declined-1")
    store.pick(order)
    send(hub, store, 4)

    ask_services(hub, services())

    assert (states(hub, authorisations), raised(hub)) == (["declined"], ["capture_failed"])
    assert balances(hub).get("2100") is None


def test_a_service_that_nobody_asks_is_captured_by_a_person(hub: Hub) -> None:
    store, order = web(hub)
    store.pick(order)
    send(hub, store, 4)
    assert ask_services(hub, {}) == 0
    assert raised(hub) == ["payment_to_capture"]
    with hub.database.read() as connection:
        ask_id = connection.execute(sa.select(payment_asks.c.ask_id)).scalar_one()
    with pytest.raises(Invalid):
        captured_by_hand(hub, ask_id, reference=" ", by="fin")

    captured_by_hand(hub, ask_id, reference="psp-7", by="fin")

    assert (raised(hub), balances(hub)["2100"]) == ([], -20_00)
    with pytest.raises(NotFound):
        captured_by_hand(hub, ask_id, reference="psp-7", by="fin")


def test_a_promise_that_runs_out_is_ended(hub: Hub) -> None:
    order = web_order(("A", 1, 10_00))
    held = authorised(order, 10_00).model_copy(update={"expires_us": hub.clock.now_us() + 1})
    record_at(hub, order, paid=held)
    clock = hub.clock
    assert isinstance(clock, TestClock)
    clock.at_us += 2

    ask_services(hub, {})

    assert states(hub, authorisations) == ["expired"]


def test_a_card_taken_offline_is_shown_until_its_service_has_paid_it(hub: Hub, shop: Shop) -> None:
    offline_sale(shop)
    send(hub, shop)
    with hub.database.read() as connection:
        (row,) = exposure(connection)
    assert (row.location, row.pending, row.pending_minor, row.declined) == ("store-1", 1, 30_00, 0)
    assert ask_services(hub, {}) == 0  # nobody asks this service: it waits, and calls nobody
    clock = hub.clock
    assert isinstance(clock, TestClock)
    clock.at_us += WEEK_US

    assert ask_services(hub, services()) == 1

    assert (states(hub, offline_cards), balances(hub)["1100"]) == (["captured"], 30_00)
    with hub.database.read() as connection:
        assert list(exposure(connection)) == []
        (told,) = connection.execute(sa.select(directives).where(directives.c.kind == "card.told")).all()
    assert (told.edge, b'"state":"captured"' in bytes(told.bytes)) == ("store-1", True)
    assert ties(hub) == []


def test_a_card_declined_late_is_owed_by_the_customer_until_it_is_made_good(hub: Hub, shop: Shop) -> None:
    sold = offline_sale(shop, reference="declined-9")
    offline_sale(shop, price=12_00, reference="declined-10")
    send(hub, shop)
    ask_services(hub, services())
    assert (balances(hub)["1200"], balances(hub).get("1100"), ties(hub)) == (42_00, None, [])
    assert raised(hub) == ["card_declined_late"] * 2

    made_good(hub, f"{sold.order_id}:1", how="paid_again", reason="bank transfer", by="fin")
    assert (balances(hub)["1200"], balances(hub)["1030"], ties(hub)) == (12_00, 30_00, [])
    made_good(hub, "store-1-o2:1", how="written_off", reason="moved away", by="fin")

    assert balances(hub).get("1200") is None
    assert (balances(hub)["6135"], ties(hub), raised(hub)) == (12_00, [], [])
    with pytest.raises(Refused):
        made_good(hub, f"{sold.order_id}:1", how="written_off", reason="again", by="fin")
    assert verify(hub) == {}


def test_a_sale_whose_card_has_not_paid_is_voided_and_never_paid_out(hub: Hub, shop: Shop) -> None:
    pending, declined, refunded = (offline_sale(shop, reference=name) for name in ("a", "declined-b", "c"))
    send(hub, shop)
    answered_by_hand(hub, f"{declined.order_id}:1", pays=False, why="no cover", by="fin")
    told = len(shop.events) + 1
    shop.void(pending)
    shop.void(declined)
    back = shop.give_back(refunded, (1, 1))
    cash = back.model_copy(
        update={"refunds": (back.refunds[0].model_copy(update={"kind": TenderKind.CASH}),)}
    )
    shop.bodies.pop()
    shop.events.pop()
    shop.say(cash)
    send(hub, shop, told)

    assert sorted(states(hub, offline_cards)) == ["offline_pending", "voided", "voided"]
    assert raised(hub) == ["unpaid_card_paid_out"]
    assert (balances(hub).get("1200"), balances(hub)["1100"], ties(hub)) == (None, 30_00, [])
    assert verify(hub) == {}


def test_a_payout_of_the_terminals_says_that_a_card_was_taken(hub: Hub, shop: Shop) -> None:
    sold = offline_sale(shop)
    send(hub, shop)
    file = f"type,reference,amount,fee\nsale,{sold.number},30.00,0.30\n"

    take(hub, file.encode(), Payout("main", "card", "plain", "p-1", "2025-11-26", 29_70), by="fin")

    assert (states(hub, offline_cards), ties(hub)) == (["captured"], [])


def test_a_marketplace_owes_what_it_took_until_it_pays_out_less_its_fees(hub: Hub) -> None:
    order = web_order(("A", 1, 20_00))
    paid = later.OrderPaidOnline(
        payment_id="m-1",
        order_id=order.order_id,
        number=order.number,
        gateway="bazaar",
        reference="bz-1",
        amount_minor=20_00,
        currency="GBP",
        marketplace=True,
    )
    record_at(hub, order, paid=paid)
    assert (balances(hub)["1110"], ties(hub)) == (20_00, [])
    head = "order-id\tamount-type\tamount\n"
    rows = [
        ("bz-1", "ItemPrice", "20.00"),
        ("bz-1", "ItemFees", "-3.00"),
        ("", "Current Reserve Amount", "-2.00"),
    ]
    rows.append(("", "Transfer", "15.00"))
    file = head + "".join("\t".join(row) + "\n" for row in rows)

    done = take(hub, file.encode(), Payout("main", "bazaar", "amazon", "b-1", "2025-11-26", None), by="fin")

    standing = balances(hub)
    assert (done.ties, standing.get("1110"), standing["1120"], standing["6110"]) == (True, None, 2_00, 3_00)
    assert (standing["1030"], ties(hub), verify(hub)) == (15_00, [], {})
