"""Checks at capture: what passes, what is held or refused, what is kept, and how the rules are changed."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.capture.asking import Request, add_lines
from hub.checks.rows import check_outcomes
from hub.customers.steps import erase
from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import directives
from hub.ledger.settlements.rows import money_moves
from hub.payments.asks import HOLDS_US, ask_services
from hub.payments.gateways import Simulator
from hub.rebuild import verify
from hub.spine.rows import orders
from protocol import later
from protocol.orders import OrderLine
from protocol.rules.checks import STANDARD, customer_keys
from tests.support.promising import ADDRESS, Story, rows

ADA = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.org", "phone": "+44 113 496 0001"}


alone = pytest.mark.parametrize("hub_database", ["sqlite"], indirect=True)
"""For what no database makes a difference to."""


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


def let(story: Story, *said: dict[str, Any], status: int = 200, **more: Any) -> Any:
    """Let rules count in place of all others."""
    base = story.channel.ask("GET", "/api/check-rules")["version"]
    rules = {"rules": [{"rule_id": f"r{n}", **each} for n, each in enumerate(said)], **more}
    body = {"base": base, "rules": rules}
    return story.channel.ask("PUT", "/api/check-rules", body, status=status)


def fraud(**said: Any) -> dict[str, Any]:
    signs = [
        {"signal": "velocity", "points": 50, "limit": 3},
        {"signal": "many_cards", "points": 40, "limit": 2},
        {"signal": "chargebacks", "points": 100, "limit": 1},
        {"signal": "payer", "points": 30},
        {"signal": "address", "points": 20},
    ]
    return {"kind": "fraud", "signals": signs, "review_points": 50, "deny_points": 200, **said}


def pay(card: str, name: str = "", postcode: str = "") -> dict[str, Any]:
    payer = {"card": card, "name": name, "postcode": postcode}
    return {"gateway": "psp", "reference": f"ch_{card}", "amount_minor": 20_00, "payer": payer}


def holds(story: Story) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = story.channel.ask("GET", f"/api/orders/{story.order['number']}/holds")
    return found


def test_an_order_that_passes_goes_on_and_what_was_known_of_it_is_kept(story: Story) -> None:
    story.place(customer=ADA)

    [kept] = rows(story.hub, check_outcomes)
    assert (kept["number"], kept["outcome"], kept["rules_version"]) == ("HB1-00001", "pass", 0)
    assert story.kinds() == ["order.placed", "order.routed"]
    assert "ada" not in kept["facts"].lower()
    assert json.loads(kept["facts"])["customer"]
    story.hub.database.write(lambda unit: erase(unit, story.order["contact_id"], now_us=1))
    assert json.loads(rows(story.hub, check_outcomes)[0]["facts"])["customer"] == []


def test_signs_of_fraud_add_up_over_the_orders_of_one_customer_until_one_is_held(story: Story) -> None:
    let(story, fraud())
    story.place(customer=ADA, payment=pay("c1"))
    story.place(customer={**ADA, "email": ""}, payment=pay("c2"))
    assert holds(story) == [], "two cards are forty points"
    there = {"kind": "collect", "location": "store-2", "promise_class": "same_day"}
    story.place(customer={**ADA, "address": ADDRESS}, payment=pay("c2", "Bo Smith"), promise=there)

    [held] = holds(story)

    assert (held["kind"], held["state"], held["rule"]) == ("fraud", "open", "r0")
    assert held["facts"]["points"] == 120
    assert {each["signal"]: each["count"] for each in held["facts"]["signals"]} == {
        "velocity": 3,
        "many_cards": 2,
        "payer": 1,
    }
    assert story.cards() == ["order_on_hold"]
    page = story.channel.client.get(f"/holds/{held['hold_id']}").text
    assert "Many orders in 24 hours" in page
    assert verify(story.hub) == {}


def test_what_a_rule_refuses_is_refused_whole_and_what_is_sold_already_is_stopped_instead(
    story: Story,
) -> None:
    term = {"key": customer_keys(ADA["email"], "")[0], "note": "owes us", "blocked": True}
    let(story, {"kind": "customer", "outcome": "refuse"}, customers=[term])
    before = [len(rows(story.hub, table)) for table in (orders, check_outcomes, directives)]

    refused = story.channel.send(story.channel.collect(customer=ADA), status=409)

    assert (refused["code"], refused["facts"]["why"]) == ("check_refused", "customer_blocked")
    assert [len(rows(story.hub, table)) for table in (orders, check_outcomes, directives)] == before
    story.place(customer=ADA, sold_already=True)
    [held] = holds(story)
    assert held["blocks"] == ["route", "pick", "handover", "ship"]
    assert "order.routed" not in story.kinds()
    story.channel.ask("POST", f"/api/holds/{held['hold_id']}/release", {})
    assert story.kinds()[-2:] == ["order.routed", "exception.closed"] or "order.routed" in story.kinds()
    assert story.decided() == [("released", "store-1")]


def test_a_chargeback_of_an_earlier_order_counts(story: Story) -> None:
    let(story, fraud())
    story.place(customer=ADA)
    row: dict[str, Any] = dict.fromkeys((column.name for column in money_moves.columns), "")
    row |= {"event_id": "e", "what": "chargeback_received", "order_id": story.order["order_id"]}
    row |= {"amount_minor": 1, "other_minor": 0, "at_us": 1}
    story.hub.database.write(lambda unit: unit.connection.execute(sa.insert(money_moves).values(**row)))

    story.place(customer=ADA)

    assert holds(story)[0]["facts"]["points"] == 100


@alone
def test_a_hold_for_its_payment_ends_when_everything_is_paid(story: Story) -> None:
    let(story, {"kind": "payment", "collect_paid_ppm": 500_000, "blocks": ["route"]})
    story.place(payment={"gateway": "psp", "reference": "a", "amount_minor": 9_99}, version=1)
    assert [(each["code"], each["state"]) for each in holds(story)] == [("not_paid", "open")]
    assert story.order["assignments"] == []

    order = story.channel.collect(lines=[{"sku": "A", "quantity": 2}], version=2)
    order["external_id"] = f"W-{story.channel.count - 1}"
    payment = {"gateway": "psp", "reference": "b", "amount_minor": 10_01}
    story.channel.send({**order, "payment": payment}, status=200)

    assert [each["state"] for each in holds(story)] == ["released"]
    assert story.decided() == [("released", "store-1")]


def on_card(taken: str = "token", amount_minor: int = 20_00) -> dict[str, Any]:
    return {"gateway": "simulator", "reference": "tok-1", "amount_minor": amount_minor, "taken": taken}


def states(story: Story) -> list[tuple[str, str]]:
    return [(each["code"], each["state"]) for each in holds(story)]


@alone
def test_money_that_a_service_promises_lets_an_order_go_on_until_the_promise_ends(story: Story) -> None:
    let(story, {"kind": "payment", "collect_paid_ppm": 1_000_000})
    story.place(payment=on_card())
    assert states(story) == [("not_paid", "open")]

    ask_services(story.hub, {"simulator": Simulator()})
    assert states(story) == [("not_paid", "released")]
    story.channel.clock.at_us += HOLDS_US + 10
    ask_services(story.hub, {})

    assert states(story)[-1] == ("payment_expired", "open")
    used = holds(story)[-1]["facts"]
    assert (used["authorised_minor"], used["paid_minor"], used["needed_minor"]) == (20_00, 0, 20_00)
    assert used["authorised_until_us"] <= story.channel.clock.at_us
    assert verify(story.hub) == {}


@alone
def test_an_order_that_comes_with_its_promise_of_money_is_not_held_and_one_with_too_little_is(
    story: Story,
) -> None:
    let(story, {"kind": "payment", "collect_paid_ppm": 1_000_000})
    story.place(payment=on_card("authorised"))
    assert states(story) == []
    known = json.loads(rows(story.hub, check_outcomes)[0]["facts"])
    assert (known["paid_minor"], known["authorised_minor"]) == (0, 20_00)

    story.place(payment=on_card("authorised", 19_99))
    assert states(story) == [("not_paid", "open")]


LIMIT = {"kind": "customer", "order_limit_minor": 22_00}
MORE: dict[str, Any] = {"lines": [{"sku": "B", "quantity": 1}]}


@alone
def test_lines_that_are_added_later_are_checked_and_hold_the_order(story: Story) -> None:
    let(story, LIMIT, fraud(signals=[{"signal": "amount", "points": 60, "limit": 10_00}], deny_points=0))
    story.place(customer=ADA)
    [fraud_hold] = holds(story)
    story.channel.ask("POST", f"/api/holds/{fraud_hold['hold_id']}/release", {})

    story.change(**MORE)

    # What somebody has decided about the same signs is not asked again.
    assert states(story) == [("fraud_points", "released"), ("customer_limit", "open")]
    assert holds(story)[-1]["facts"] == {"total_minor": 25_00, "limit_minor": 22_00}
    [kept] = rows(story.hub, check_outcomes)
    assert (kept["outcome"], json.loads(kept["facts"])["total_minor"]) == ("hold", 25_00)
    assert verify(story.hub) == {}


@alone
def test_lines_that_a_rule_refuses_change_nothing_and_the_money_that_comes_with_others_counts(
    story: Story,
) -> None:
    let(story, {**LIMIT, "outcome": "refuse"}, {"kind": "payment", "collect_paid_ppm": 1_000_000})
    story.place(lines=[{"sku": "A", "quantity": 1}], payment=on_card("captured", 10_00))
    before = [rows(story.hub, table) for table in (orders, check_outcomes, directives)]

    refused = story.change(status=409, lines=[{"sku": "B", "quantity": 3}])

    assert (refused["code"], refused["facts"]["why"]) == ("check_refused", "customer_limit")
    assert [rows(story.hub, table) for table in (orders, check_outcomes, directives)] == before
    story.change(**MORE, payment=on_card("captured", 5_00))
    assert states(story) == []
    story.change(**MORE)
    assert states(story) == [("not_paid", "open")]


@alone
def test_the_tax_of_lines_that_are_added_is_compared_like_that_of_the_others(story: Story) -> None:
    let(story, {"kind": "tax"}, {"kind": "availability"})
    story.place()
    entry = story.seen()["order"]
    line = OrderLine(line_no=2, sku="B", name="B", quantity=9, list_price_minor=5_00, unit_price_minor=5_00,
                     gross_minor=45_00, tax_minor=2_14, rate_ppm=50_000)  # fmt: skip
    request = Request("cancel", "more", "Ada", 0, added=(line,))

    def step(unit: HubUnit) -> None:
        work = story.hub.spine.work(unit)
        add_lines(work, entry["order_id"], entry["number"], request, "c-1", route=True)
        story.hub.finish(work)

    story.hub.database.write(step)

    assert states(story) == [("tax_differs", "open"), ("not_available", "open")]
    used = holds(story)[0]["facts"]
    assert (used["tax_minor"], used["tax_again_minor"], used["rates"]) == (2_14, 7_50, ["B"])
    assert story.seen()["order"]["tax_minor"] == entry["tax_minor"] + 2_14


@alone
def test_a_promise_that_nobody_could_keep_is_held_where_a_rule_says_so(story: Story) -> None:
    let(story, {"kind": "availability", "blocks": ["route"]})

    story.place(lines=[{"sku": "A", "quantity": 6}])

    assert [(each["kind"], each["code"]) for each in holds(story)] == [("availability", "not_available")]
    assert "order.unroutable" not in story.kinds()


@alone
def test_tax_is_compared_and_never_replaced(story: Story) -> None:
    line: dict[str, Any] = {"line_no": 1, "sku": "A", "name": "A", "quantity": 1, "list_price_minor": 10_00}
    line |= {"unit_price_minor": 10_00, "gross_minor": 10_00, "tax_minor": 50, "rate_ppm": 52_632}
    own = {"assignment_id": "a-1", "lines": [{"line_no": 1, "sku": "A", "name": "A", "quantity": 1}]}
    said: dict[str, Any] = {"order_id": "o-1", "number": "S1-00001", "channel": "counter", "currency": "GBP"}
    said |= {"own": own}
    said |= {"lines": [line], "total_minor": 10_00, "tax_minor": 50}
    said |= {"promise": {"kind": "collect", "location": "store-1", "due_us": story.channel.clock.at_us + 9}}

    story.order = {"number": "S1-00001"}
    story.tell(later.OrderPlaced.model_validate(said))

    [held] = holds(story)
    assert (held["code"], held["may"], held["facts"]["rates"]) == ("tax_differs", ["finance"], ["A"])
    assert (held["rule"], held["blocks"], held["then"]) == ("tax", ["ship"], "release"), (
        "of the standard rules"
    )
    assert (held["facts"]["tax_minor"], held["facts"]["tax_again_minor"]) == (50, 1_67)
    assert story.seen()["order"]["tax_minor"] == 50


@alone
def test_rules_that_contradict_themselves_are_refused_with_the_rule_and_nothing_changes(story: Story) -> None:
    let(story, fraud())
    assert story.told("store-1") == story.told("store-2") == ["check.rules"]
    refused = let(story, {"kind": "tax"}, {"kind": "tax", "channels": ["web"]}, status=422)
    assert refused["what"] == "r1 would never be asked: r0 stands before it and speaks of all of it."
    assert story.channel.ask("GET", "/api/check-rules")["version"] == 1
    body = {"base": 0, "rules": STANDARD.model_dump(mode="json")}
    assert story.channel.ask("PUT", "/api/check-rules", body, status=409)["code"] == "stale_version"


@alone
def test_a_preview_says_what_other_rules_would_have_said_of_the_last_orders(story: Story) -> None:
    story.place(customer=ADA)
    story.place()
    rule = {"rule_id": "limit", "kind": "customer", "order_limit_minor": 15_00, "outcome": "refuse"}
    body = {"base": 0, "rules": {"rules": [rule]}}

    found = story.channel.ask("POST", "/api/check-rules/preview", body)

    assert (found["looked_at"], found["refused"], found["changed"]) == (2, 2, 2)
    assert found["otherwise"][0]["code"] == "customer_limit"
    tried = story.channel.ask("POST", "/api/check-rules/try", {"chargebacks": 1, "total_minor": 5})
    assert (tried["outcome"], tried["findings"][0]["facts"]["points"]) == ("hold", 60)


def post(story: Story, path: str, /, status: int, **said: str) -> str:
    """Send a form of the editor and return the page that comes back."""
    client = story.channel.client
    answer = client.post(path, data=said, follow_redirects=True)
    assert answer.status_code == status, answer.text
    return str(answer.text)


@alone
def test_the_editor_shows_what_a_rule_would_have_said_before_it_counts(story: Story) -> None:
    story.place()
    rule = {"kind": "customer", "rule_id": "limit-web", "channels": "web", "place": "1", "hours": "24"}
    rule |= {"order_limit_minor": "15.00", "outcome": "refuse", "may_ops": "yes", "blocks_pick": "yes"}

    page = post(story, "/checks/rule", 200, **rule, then="reject")

    assert "1 order would have been decided otherwise" in page
    [draft] = re.findall(r'name="draft" value="([^"]+)"', page)
    page = post(story, "/checks", 200, draft=html.unescape(draft), base="0")
    assert "Version 1 checks every order" in page
    [first, *_others] = story.channel.ask("GET", "/api/check-rules")["rules"]
    assert (first["rule_id"], first["order_limit_minor"], first["hours"]) == ("limit-web", 15_00, 24)
    assert 'value="15.00"' in story.channel.client.get("/checks?rule=limit-web").text
    tried = post(story, "/checks/try", 200, channel="web", total="15.01", paid="15.01")
    assert "above what this customer may order at once" in tried


@alone
def test_the_editor_keeps_what_was_typed_and_says_what_contradicts_it(story: Story) -> None:
    rule = {"kind": "customer", "rule_id": "web", "channels": "web", "may_ops": "yes", "blocks_ship": "yes"}

    page = post(story, "/checks/rule", 422, **rule)
    assert "web would never be asked: customer stands before it and speaks of all of it." in page
    assert 'name="channels" type="text" value="web"' in page
    assert "Type a number from 0 to 100." in post(
        story, "/checks/rule", 422, **{**rule, "kind": "payment", "ship_paid_ppm": "120"}
    )
    page = post(story, "/checks/customer", 422, who="nobody")
    assert "Type the mail address or the telephone number" in page
    page = post(story, "/checks/customer", 200, who="ada@example.org", blocked="yes", note="owes us")
    assert "ada@example.org" not in page
    assert "No order would have been decided otherwise" in page
    assert story.channel.ask("GET", "/api/check-rules")["version"] == 0
