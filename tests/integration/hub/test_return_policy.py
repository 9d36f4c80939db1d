"""The policy of returns at the hub: written, tried, told to stores, and what they decided judged again."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from edge_agent.later.hub import OrderAnswer
from edge_agent.till.rules import add_up as add_up_at_the_store
from hub.context import Hub
from hub.database import HubDatabase
from hub.exceptions.rows import exceptions
from hub.fleet.rows import directives
from hub.ledger.rows import entries, journals
from hub.rebuild import verify
from hub.returns import elsewhere
from hub.returns.rows import return_decisions
from hub.spine.rows import orders
from hub.stock.rows import stock_values
from hub.stored_value.rows import find
from hub.till.rules import add_up
from protocol.dispositions import DecidedGoods, Disposition, GoodsDecided
from protocol.events import CashMoved, GiftCardSold, OrderSold, ReturnCompleted
from protocol.orders import Tender, TenderKind
from protocol.people import StoreRole
from protocol.returns import DecidedLine, Outcome, Override, Proof, ReturnDecision, ReturnFee
from tests.support.hub import Shop, send
from tests.support.promising import Channel, company, rows

POLICY = {
    "default_days": 30,
    "grace_days": 10,
    "categories": {"Coats": {"days": 60}, "Lingerie": {"final_sale": True}},
    "customer_limit": {"count_90d": 2},
    "authorities": [{"role": "lead", "up_to_minor": 5_000}, {"role": "manager"}],
}


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4}}, warehouses={})
    yield made
    made.close()


def let_count(channel: Channel, **said: Any) -> Any:
    version = channel.ask("GET", "/api/return-policy")["version"]
    return channel.ask("PUT", "/api/return-policy", {"base": version, "policy": POLICY | said})


def decided(outcome: Outcome = Outcome.AUTHORIZE, **said: Any) -> ReturnDecision:
    line = DecidedLine(line_no=1, outcome=outcome, start="2025-11-24", category=said.pop("category", "Coats"))
    return ReturnDecision(
        policy_version=1, outcome=outcome, proof=said.pop("proof", Proof.RECEIPT), lines=(line,), **said
    )


def selling(edge: str = "store-1") -> Shop:
    shop = Shop(edge=edge, code="LB" if edge == "store-1" else "YK")
    shop.open()
    shop.stock("A", 10)
    return shop


def bring_back(shop: Shop, order: OrderSold, decision: ReturnDecision, **said: Any) -> ReturnCompleted:
    body = shop.give_back(order, (1, 1))
    shop.events.pop()
    shop.bodies.pop()
    made = body.model_copy(update={"decision": decision, **said})
    shop.say(made)
    return made


def cards(hub: Hub, kind: str) -> list[Any]:
    with hub.database.read() as connection:
        return list(connection.execute(sa.select(exceptions).where(exceptions.c.kind == kind)).all())


def accounts(hub: Hub, rule: str) -> dict[str, int]:
    with hub.database.read() as connection:
        found = connection.execute(
            sa.select(entries.c.account, sa.func.sum(entries.c.amount_minor))
            .join(journals, journals.c.journal_id == entries.c.journal_id)
            .where(journals.c.rule == rule)
            .group_by(entries.c.account)
        )
        return {row[0]: int(row[1]) for row in found}


def test_a_policy_counts_once_saved_and_every_store_is_told_it_whole(channel: Channel) -> None:
    made = let_count(channel)

    assert made["version"] == 1
    told = [row for row in rows(channel.hub, directives) if row["kind"] == "return.policy"]
    assert sorted(row["edge"] for row in told) == ["store-1", "store-2"]
    stale = channel.ask("PUT", "/api/return-policy", {"base": 0, "policy": POLICY}, status=409)
    assert "version 1" in stale["what"]


FEE = {"days": 1, "fee_ppm": 1, "fee_when": ["new", "opened", "used", "altered"]}
RULED = ("categories", "items")
BACKWARDS = {"bought_from": "2026-12-31", "bought_to": "2026-11-01", "until": "2027-01-31"}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"closed_dates": ["2026-02-30"]}, "bad_policy"),
        ({"holidays": [BACKWARDS]}, "bad_policy"),
        ({"authorities": [{"role": "lead"}, {"role": "lead"}]}, "bad_policy"),
        ({name: {f"{n:03d}x" * 16: FEE for n in range(200)} for name in RULED}, "too_many_rules"),
    ],
)
def test_a_policy_that_cannot_count_changes_nothing(
    channel: Channel, said: dict[str, Any], code: str
) -> None:
    refused = channel.ask("PUT", "/api/return-policy", {"base": 0, "policy": POLICY | said}, status=422)

    assert refused["code"] == code
    assert channel.ask("GET", "/api/return-policy")["version"] == 0


def test_trying_says_outcome_codes_and_the_sentence_for_the_customer(channel: Channel) -> None:
    let_count(channel)

    wanted = {"category": "Coats", "bought_on": "2026-01-01", "back_on": "2026-03-05"}
    found = channel.ask("POST", "/api/return-policy/try", wanted)
    page = channel.client.post(
        "/returns/policy/try",
        data=wanted | {"channel": "store", "condition": "new", "reason": "changed_mind", "proof": "receipt"},
    )

    assert (found["outcome"], found["codes"], found["last_day"]) == (
        "deny_overridable",
        ["WINDOW"],
        "2026-03-02",
    )
    assert found["says"] == [
        "It could come back until 2 Mar 2026; somebody with authority may still allow it."
    ]
    assert found["says"][0] in page.text


def test_a_setting_is_seen_with_the_returns_it_would_have_changed_before_it_counts(channel: Channel) -> None:
    let_count(channel)
    shop = selling()
    bring_back(shop, shop.sell(("A", 2, 2_000)), decided())
    send(channel.hub, shop)

    rule = {"scope": "category", "name": "Coats", "final_sale": "yes"}
    page = channel.client.post("/returns/policy/rule", data=rule)

    assert "1 return would have been decided otherwise" in page.text
    assert channel.ask("GET", "/api/return-policy")["version"] == 1
    draft = page.text.split('name="draft" value="', 1)[1].split('"', 1)[0].replace("&#34;", '"')
    sent = channel.client.post("/returns/policy", data={"draft": draft, "base": "1"}, follow_redirects=False)
    assert sent.status_code == 303
    counts = channel.ask("GET", "/api/return-policy")
    assert (counts["version"], counts["categories"]["Coats"]) == (2, {"final_sale": True})


def test_the_form_says_everything_of_a_policy_and_keeps_what_was_typed_wrong(channel: Channel) -> None:
    let_count(channel)
    page = channel.client.get("/returns/policy").text
    typed = {"default_days": "21", "law_web": "14", "holidays": "2026-11-01 2026-12-24 2027-01-31",
             "condition_used": "exchange", "proof_receipt": "yes", "approval_over": "300",
             "up_to_manager": "", "up_to_lead": "0", "in_store_marketplace": "no"}  # fmt: skip

    wrong = channel.client.post("/returns/policy/settings", data=typed | {"grace_days": "many"})
    right = channel.client.post("/returns/policy/settings", data=typed)

    assert "60 days" in page
    assert (wrong.status_code, "Days of grace: many cannot be used." in wrong.text) == (422, True)
    assert 'value="21"' in wrong.text
    draft = right.text.split('name="draft" value="', 1)[1].split('"', 1)[0].replace("&#34;", '"')
    channel.client.post("/returns/policy", data={"draft": draft, "base": "1"})
    counts = channel.ask("GET", "/api/return-policy")
    assert counts["law_days"] == {"web": 14}
    assert counts["exchange_only_conditions"] == ["used"]
    assert counts["approval_over_minor"] == 30_000
    assert counts["authorities"] == [{"role": "manager", "up_to_minor": None}]
    assert counts["channels"]["marketplace"]["in_store"] is False
    assert counts["categories"]["Coats"] == {"days": 60}


def test_a_decision_the_policy_bears_out_is_listed_and_needs_nobody(channel: Channel) -> None:
    let_count(channel)
    shop = selling()
    made = bring_back(shop, shop.sell(("A", 2, 2_000)), decided())
    send(channel.hub, shop)

    [kept] = rows(channel.hub, return_decisions)
    assert (kept["number"], kept["outcome"], kept["doubts"]) == (made.number, "authorize", "[]")
    assert cards(channel.hub, "return_outside_policy") == []
    assert made.number in channel.client.get("/returns").text


def overridden(by: str, role: StoreRole) -> ReturnDecision:
    over = Override(by=by, role=role, reason="regular customer", codes=("WINDOW",))
    return decided(Outcome.DENY_OVERRIDABLE, override=over)


@pytest.mark.parametrize(
    ("decision", "price", "doubts"),
    [
        (decided(category="Lingerie"), 2_000, ["stricter"]),
        (overridden("s-rowe", StoreRole.LEAD), 6_000, ["beyond_authority"]),
        (overridden("p-1", StoreRole.MANAGER), 6_000, ["own_word"]),
        (overridden("s-rowe", StoreRole.LEAD), 2_000, []),
    ],
)
def test_a_decision_beyond_what_the_company_allows_is_flagged(
    channel: Channel, decision: ReturnDecision, price: int, doubts: list[str]
) -> None:
    let_count(channel)
    shop = selling()
    bring_back(shop, shop.sell(("A", 2, price)), decision)
    send(channel.hub, shop)

    found = cards(channel.hub, "return_outside_policy")
    assert len(found) == bool(doubts)
    if found:
        assert f'"doubts":{str(doubts).replace(chr(39), chr(34))}' in found[0].facts.replace(" ", "")
        assert channel.client.get(f"/exceptions/{found[0].exception_id}").status_code == 200
        assert channel.client.get("/returns?doubtful=yes").text.count("is-act") >= 1


def test_what_a_customer_brought_back_elsewhere_counts_at_the_hub(channel: Channel) -> None:
    let_count(channel)
    for edge in ("store-1", "store-2"):
        shop = selling(edge)
        shop.at_us += 3_600_000_000 * (edge == "store-2")
        for _each in range(2 if edge == "store-1" else 1):
            order = shop.sale(("A", 2, 2_000)).model_copy(update={"customer_id": "C-1"})
            shop.tell_sale(order)
            bring_back(shop, order, decided())
        send(channel.hub, shop)

    [card] = cards(channel.hub, "return_outside_policy")
    assert card.location == "hub"
    assert '"location": "store-2"' in card.facts


def test_a_fee_and_store_credit_are_booked_and_the_books_tie_to_the_balances(channel: Channel) -> None:
    hub, shop = channel.hub, selling()
    order = shop.sell(("A", 2, 2_400))
    credit = Tender(kind=TenderKind.STORE_CREDIT, amount_minor=2_160, reference="LB1-S00001-7F3A09C2")
    fee = ReturnFee(line_no=1, amount_minor=240, tax_minor=40, rate_ppm=200_000)
    bring_back(shop, order, decided(), refunds=(credit,), fees=(fee,))
    spent = shop.sale(("A", 1, 2_000)).model_copy(
        update={"tenders": (credit.model_copy(update={"amount_minor": 2_000}),)}
    )
    shop.say(spent)
    till = shop._till()
    card = Tender(kind=TenderKind.CARD, amount_minor=5_000)
    shop.say(GiftCardSold(**till, number="LB1-G00001-7F3A09C2", amount_minor=5_000, tenders=(card,)))
    send(hub, shop)

    assert accounts(hub, "restocking_fee") == {"2110": 240, "4200": -200, "2200": -40}
    assert accounts(hub, "return_refund") == {"2110": 2_160, "2120": -2_160}
    assert accounts(hub, "gift_card") == {"1100": 5_000, "2130": -5_000}
    assert accounts(hub, "sale")["2120"] == 2_000
    assert cards(hub, "suspense") == []
    with hub.database.read() as connection:
        left = find(connection, credit.reference)
    assert left is not None
    assert left.balance_minor == 160
    assert channel.ask("GET", "/api/stored-value")["total"] == 2
    assert "£1.60" in channel.client.get(f"/stored-value/{credit.reference}").text
    assert "£50.00 in gift cards" in channel.client.get("/stored-value").text


def test_two_dark_stores_that_take_the_same_number_are_found_and_the_number_is_told_as_it_is(
    channel: Channel,
) -> None:
    hub = channel.hub
    one, other = selling("store-1"), selling("store-2")
    till = one._till()
    number = "LB1-G00001-7F3A09C2"
    card = Tender(kind=TenderKind.CARD, amount_minor=2_000)
    one.say(GiftCardSold(**till, number=number, amount_minor=2_000, tenders=(card,)))
    for shop in (one, other):
        spent = Tender(kind=TenderKind.GIFT_CARD, amount_minor=1_500, reference=number)
        shop.say(shop.sale(("A", 1, 1_500)).model_copy(update={"tenders": (spent,)}))
    send(hub, one)
    send(hub, other)

    [found] = cards(hub, "stored_value_overdrawn")
    assert '"balance_minor": -1000' in found.facts
    assert channel.ask("GET", f"/api/stored-value/{number}")["balance_minor"] == -1_000


def test_decisions_about_goods_move_their_value_and_write_down_what_they_lost(channel: Channel) -> None:
    hub, shop = channel.hub, selling()
    shop.sell(("A", 1, 2_000))
    shop.stock("A", 4, reason="moved", from_bucket="sellable", to_bucket="returns")

    def decide(disposition: Disposition, units: int, source: str = "returns", **said: Any) -> None:
        line = DecidedGoods(sku="A", quantity=units, from_bucket=source, disposition=disposition, **said)
        number = f"LB1-D{len(shop.events):05d}"
        shop.say(GoodsDecided(disposition_id=number, number=number, lines=(line,)))

    decide(Disposition.LIQUIDATE, 2, worth_minor=500)
    decide(Disposition.SELL_OFF, 1, "liquidation", proceeds_minor=360, tax_minor=60, rate_ppm=200_000)
    decide(Disposition.REPAIR, 1)
    decide(Disposition.RESTOCK, 1, "repair", bill_minor=150)
    decide(Disposition.RETURN_TO_VENDOR, 1)
    decide(Disposition.DISPOSE, 1, "liquidation")
    send(hub, shop)

    assert accounts(hub, "write_down") == {"5120": 300, "5130": -300}
    assert accounts(hub, "sell_off") == {"1200": 360, "4000": -300, "2200": -60}
    assert accounts(hub, "repair") == {"5140": 150, "2000": -150}
    assert accounts(hub, "disposition") == {
        "1300": 400,
        "1310": -1_600,
        "1320": 0,
        "1330": 0,
        "2000": 400,
        "5000": 250,
        "5110": 250,
        "5130": 300,
    }
    with hub.database.read() as connection:
        held = connection.execute(sa.select(stock_values).where(stock_values.c.sku == "A")).all()
        books = connection.execute(
            sa.select(sa.func.sum(entries.c.amount_minor)).where(entries.c.account.like("13%"))
        ).scalar_one()
    assert sum(row.value_minor for row in held) == int(books)
    assert {row.bucket: row.quantity for row in held if row.quantity} == {"sellable": 6}
    assert cards(hub, "suspense") == []
    assert verify(hub) == {}


def test_a_store_is_told_of_anothers_order_without_what_it_took_back_itself(channel: Channel) -> None:
    hub = channel.hub
    sold, other = selling("store-1"), selling("store-2")
    order = sold.sell(("A", 3, 1_000))
    bring_back(sold, order, decided())
    other.tell_sale(order)
    other.events.pop()
    other.bodies.pop()
    mine = other.give_back(order, (1, 1))
    send(hub, sold)
    send(hub, other)

    with hub.database.read() as connection:
        told = elsewhere.told(connection, order.number, asker="store-2", now_us=hub.clock.now_us())
        seller = elsewhere.told(connection, order.order_id, asker="store-1", now_us=hub.clock.now_us())

    assert (told.lines[0].quantity, told.lines[0].returned, told.lines[0].refunded_minor) == (3, 1, 1_000)
    assert seller.lines[0].returned == mine.lines[0].quantity
    assert (told.tenders[0].amount_minor, told.tenders[0].refunded_minor) == (3_000, 1_000)
    assert (told.channel, told.start, told.location) == ("store", "2025-11-24", "store-1")
    assert OrderAnswer.model_validate_json(told.model_dump_json()).lines[0].name == "Thing A"


def test_one_unit_that_two_dark_stores_took_back_is_found_and_raised(channel: Channel) -> None:
    hub = channel.hub
    sold, other = selling("store-1"), selling("store-2")
    order = sold.sell(("A", 1, 1_000))
    bring_back(sold, order, decided())
    other.tell_sale(order)
    other.events.pop()
    other.bodies.pop()
    bring_back(other, order, decided())
    send(hub, sold)
    send(hub, other)

    [card] = cards(hub, "more_returned_than_sold")
    assert f'"order_number": "{order.number}"' in card.facts
    assert '"location": "store-2"' in card.facts


def test_goodwill_and_goods_that_stay_leave_stock_and_cost_alone(channel: Channel) -> None:
    hub, shop = channel.hub, selling()
    order = shop.sell(("A", 3, 1_200))
    whole = shop.give_back(order, (1, 1))
    shop.events.pop()
    shop.bodies.pop()
    line = whole.lines[0].model_copy(update={"to_bucket": "customer"})
    money = line.model_copy(update={"quantity": 0, "gross_minor": 300, "tax_minor": 50, "reason": "goodwill"})
    card = whole.refunds[0]
    shop.say(whole.model_copy(update={"lines": (line,)}))
    shop.say(
        whole.model_copy(
            update={
                "return_id": "r-goodwill",
                "lines": (money,),
                "refunds": (card.model_copy(update={"amount_minor": 300}),),
                "total_minor": 300,
                "tax_minor": 50,
            }
        )
    )
    send(hub, shop)

    assert accounts(hub, "return") == {"4020": 1_250, "2200": 250, "2110": -1_500}
    assert accounts(hub, "return_cost") == {}
    assert cards(hub, "event_parked") == []
    held = next(row for row in rows(hub, stock_values) if row["sku"] == "A")
    assert held["quantity"] == 7
    [kept] = rows(hub, orders)
    assert (kept["state"], kept["refunded_minor"]) == ("part_returned", 1_500)
    assert verify(hub) == {}


def test_cash_that_moves_without_a_sale_is_booked_and_the_day_ties(channel: Channel) -> None:
    hub, shop = channel.hub, selling()
    till = shop._till()
    moved = {"paid_out": 550, "paid_in": 200, "loan": 1_000, "drop": 3_000, "pickup": 500}
    for kind, amount in moved.items():
        shop.say(CashMoved.model_validate({**till, "kind": kind, "amount_minor": amount, "reason": "-"}))
    shop.sell(("A", 1, 2_000), kind=TenderKind.CASH)
    send(hub, shop)

    booked = {kind: accounts(hub, kind) for kind in moved}
    assert booked == {
        "paid_out": {"6160": 550, "1000": -550},
        "paid_in": {"1000": 200, "6160": -200},
        "loan": {"1000": 1_000, "1010": -1_000},
        "drop": {"1010": 3_000, "1000": -3_000},
        "pickup": {"1010": 500, "1000": -500},
    }
    again = add_up(body for body in shop.bodies)
    assert (again.paid_out_minor, again.drops_minor, again.loans_minor) == (550, 3_500, 1_000)
    assert add_up_at_the_store(shop.bodies) == again


def test_a_return_without_a_receipt_needs_no_order_and_comes_in_at_average_cost(channel: Channel) -> None:
    let_count(channel)
    hub, shop = channel.hub, selling()
    order = shop.sell(("A", 1, 1_200))
    whole = shop.give_back(order, (1, 1))
    shop.events.pop()
    shop.bodies.pop()
    number = "LB1-R00009"
    credit = Tender(kind=TenderKind.STORE_CREDIT, amount_minor=1_200, reference="LB1-S00009-7F3A09C2")
    unknown = {"return_id": "r-9", "order_id": "r-9", "number": number, "order_number": number}
    told = decided(proof=Proof.NONE, customer_id="C-9", id_checked=True)
    shop.say(whole.model_copy(update=unknown | {"refunds": (credit,), "decision": told}))
    send(hub, shop)

    assert cards(hub, "return_without_order") == []
    assert len(cards(hub, "return_outside_policy")) == 1  # this policy takes nothing back without proof
    assert accounts(hub, "return_cost") == {"1300": 400, "5010": -400}
    assert accounts(hub, "return_refund") == {"2110": 1_200, "2120": -1_200}
    [kept] = rows(hub, return_decisions)
    assert kept["customer_id"] == "C-9"
    assert "without a receipt" in channel.client.get("/returns").text
