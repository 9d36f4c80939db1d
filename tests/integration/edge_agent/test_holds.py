"""Holds in a store: what they block there, with the reason, also when nobody can be asked."""

from pathlib import Path
from typing import Any

import pytest

from edge_agent.checks import steps as checks
from edge_agent.rebuild import rebuild
from protocol.customers import phone_digits
from protocol.rules.checks import customer_keys
from tests.support.fulfilment import HOUR_US, Desk
from tests.support.later import CUSTOMER, basket_of, place, traces, wanted
from tests.support.store import START_US, Store, ok, sign_everybody_in


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 3)
    made.lend("MUG-1", 20)
    return made


def tell(desk: Desk, assignment_id: str, hold_id: str = "h-1", **said: Any) -> None:
    """Let the hub tell of a hold."""
    view = desk.view(assignment_id)
    hold = {
        "hold_id": hold_id,
        "order_id": view["order_id"],
        "number": view["number"],
        "kind": "fraud",
        "reason": "80 points",
        "code": "fraud_points",
        "blocks": ["pick", "handover", "ship"],
        "may": ["ops"],
        **said,
    }
    assert desk.tell("order.holds", {"order_id": view["order_id"], "holds": [hold]}) == "applied"


def test_what_is_on_hold_is_not_picked_and_a_wave_leaves_it_out(desk: Desk) -> None:
    held, free = desk.offer(("MUG-1", 1)), desk.offer(("MUG-1", 1))
    tell(desk, held)

    refused = desk.verb("picks", 409, assignments=[held])

    assert (refused["code"], refused["facts"]["hold_id"]) == ("on_hold", "h-1")
    assert "Several signs of fraud together" in refused["what"]
    done = desk.verb("picks", due_before_us=START_US + 100 * HOUR_US)
    assert done["assignments"] == [free]
    tell(desk, held, state="released")
    desk.verb("picks", assignments=[held])


def test_what_is_on_hold_is_not_handed_over_not_shipped_and_not_taken_along(
    desk: Desk, tmp_path: Path
) -> None:
    one = desk.offer(("MUG-1", 1))
    desk.ready(one)
    tell(desk, one)
    verification = desk.recognise(one)
    assert desk.verb(f"assignments/{one}/hand-over", 409, verification=verification)["code"] == "on_hold"
    assert desk.verb("check-out", 409, assignments=[one])["code"] == "on_hold"
    parcel = desk.offer(("COAT-M", 1), kind="ship")
    desk.packed(parcel)
    tell(desk, parcel, "h-2", blocks=["ship"])
    assert desk.verb(f"assignments/{parcel}/ship", 409)["code"] == "on_hold"
    assert "assignment.handed_over" not in desk.kinds()

    page = desk.store.client.get(f"/fulfil/pickup/{one}", headers=desk.store.headers("associate")).text
    assert "On hold (fraud suspected): Several signs of fraud together." in page
    work = desk.store.client.get(f"/fulfil/work/{parcel}", headers=desk.store.headers("associate")).text
    assert "Nothing may be done with it before the hub has released it." in work

    tell(desk, one, state="released")
    tell(desk, one, state="open")
    desk.verb(f"assignments/{one}/hand-over", verification=verification)
    assert rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db").differences == ()


def test_a_rejected_order_stays_blocked_and_one_whose_time_is_over_goes_on(
    desk: Desk,
) -> None:
    one, two = desk.offer(("MUG-1", 1)), desk.offer(("MUG-1", 1))
    tell(desk, one, state="rejected")
    assert desk.verb("picks", 409, assignments=[one])["code"] == "on_hold"
    tell(desk, two, "h-2", until_us=START_US + HOUR_US, then="release")
    assert desk.verb("picks", 409, assignments=[two])["code"] == "on_hold"

    desk.store.clock.set(START_US + HOUR_US)

    desk.verb("picks", assignments=[two])
    assert desk.verb("picks", 409, assignments=[one])["code"] == "on_hold"


def test_a_device_that_had_taken_it_along_before_tells_what_happened(desk: Desk) -> None:
    one = desk.offer(("MUG-1", 1))
    desk.ready(one)
    desk.verb("check-out", assignments=[one])
    desk.store.clock.set(START_US + 60_000_000)
    tell(desk, one)

    desk.collect(one)

    assert desk.kinds()[-1] == "assignment.handed_over"


def test_the_rules_of_checks_count_at_the_counter_without_a_line(desk: Desk, tmp_path: Path) -> None:
    store = desk.store
    [blocked, _phone] = customer_keys(CUSTOMER["email"], phone_digits(CUSTOMER["phone"]))
    limit = {"rule_id": "limit", "kind": "customer", "order_limit_minor": 20_00, "blocks": ["handover"]}
    desk.tell("check.rules", {"version": 1, "rules": [limit]})
    small = place(store, "k-1", ("MUG-1", 1))
    large = place(store, "k-2", ("MUG-1", 4))

    assert [each["number"] for each in desk.bodies("hold.placed")] == [large["number"]]
    page = store.client.get(f"/orders/{large['number']}", headers=store.headers("associate")).text
    assert "above what this customer may order at once" in page
    assert "On hold" not in store.client.get(f"/orders/{small['number']}").text

    term = {"key": blocked, "blocked": True}
    refuse = {"rule_id": "limit", "kind": "customer", "outcome": "refuse"}
    desk.tell("check.rules", {"version": 2, "rules": [refuse], "customers": [term]})
    desk.tell("check.rules", {"version": 1, "rules": []})
    body = wanted(basket_of(store, ("MUG-1", 1)), "k-3")
    before = traces(store)
    answer = store.post("/api/later", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "check_refused")
    assert traces(store) == before
    assert rebuild(store.edge.settings.database_file, tmp_path / "again.db").differences == ()


def test_what_a_terminal_takes_without_the_bank_has_a_cap_and_its_exposure_is_shown(
    desk: Desk, tmp_path: Path
) -> None:
    store = desk.store
    rule = {"rule_id": "offline", "kind": "offline_payment", "cap_minor": 20_00, "exposure_minor": 30_00}
    desk.tell("check.rules", {"version": 1, "rules": [{**rule, "blocks": ["handover"]}]})
    card = {"kind": "card", "amount_minor": 15_00, "last4": "4242", "offline": True}
    place(store, "k-1", ("MUG-1", 2), tenders=[card])
    assert desk.bodies("hold.placed") == []
    basket_of(store, ("MUG-1", 2))
    shown = store.client.get("/sell/pay?by=card", headers=store.headers("associate")).text
    assert "Open without the bank here: £15.00. All together at most £30.00." in shown

    late = place(store, "k-2", ("MUG-1", 1), tenders=[{**card, "amount_minor": 22_50}])

    assert [(each["number"], each["code"]) for each in desk.bodies("hold.placed")] == [
        (late["number"], "offline_over_cap")
    ]
    sale = {"key": "k-3", "till": "till-1", "lines": [{"sku": "MUG-1", "quantity": 1}]}
    sale["tenders"] = [{**card, "amount_minor": 7_50}]
    refused = store.post("/api/sales", sale)
    assert (refused.status_code, refused.json()["error"]["facts"]["why"]) == (409, "offline_exposure")
    sale["tenders"] = [{**card, "amount_minor": 7_50, "offline": False}]
    ok(store.post("/api/sales", {**sale, "key": "k-4"}), 201)
    assert rebuild(store.edge.settings.database_file, tmp_path / "again.db").differences == ()


def test_a_card_without_its_bank_is_open_until_the_hub_says_what_the_bank_said(
    desk: Desk, tmp_path: Path
) -> None:
    store = desk.store
    sale = {"key": "k-1", "till": "till-1", "lines": [{"sku": "MUG-1", "quantity": 1}]}
    card = {"kind": "card", "amount_minor": 7_50, "last4": "4242", "offline": True}
    sold = [
        ok(store.post("/api/sales", {**sale, "key": f"s-{n}", "tenders": [card]}), 201)["order_id"]
        for n in range(4)
    ]
    later = place(store, "k-2", ("MUG-1", 2), tenders=[{**card, "amount_minor": 15_00}])

    void = {"key": "v-1", "reason": "wrong item"}
    number = store.rows("SELECT number FROM orders WHERE order_id = ?", sold[2])[0][0]
    ok(store.post(f"/api/orders/{number}/void", void, role="manager"), 201)

    def open_now() -> str:
        sign_everybody_in(store)
        return checks.exposure_says(store.edge.database.read(), store.edge, always=False)

    store.clock.set(START_US + 4 * 24 * HOUR_US)
    assert open_now().startswith("Open without the bank here: £37.50. All"), "no clock makes a card good"
    [payment] = store.rows("SELECT payment_id FROM later_payments")[0]
    cards = [f"{sold[0]}:1", f"{payment}:1", f"{sold[1]}:1", "nobody's:1"]
    for card_id, state in zip(cards, ("captured", "captured", "declined_late", "captured"), strict=True):
        told = {"card_id": card_id, "order_id": later["order_id"], "state": state}
        assert desk.tell("card.told", told) == "applied"
    assert open_now().startswith("Open without the bank here: £7.50. The bank declined £7.50 later;")
    assert "The bank declined £7.50 later" in store.get("/store/day", role="manager").text
    desk.tell("card.told", {"card_id": f"{sold[3]}:1", "order_id": sold[3], "state": "declined_late"})
    desk.tell("card.told", {"card_id": f"{sold[3]}:1", "order_id": sold[3], "state": "paid_again"})
    desk.tell("card.told", {"card_id": f"{sold[1]}:1", "order_id": sold[1], "state": "written_off"})
    assert open_now() == ""
    assert rebuild(store.edge.settings.database_file, tmp_path / "again.db").differences == ()


def test_money_does_not_go_back_at_a_till_while_a_hold_forbids_it(desk: Desk) -> None:
    order = place(desk.store, "k-1", ("MUG-1", 2))
    [assignment] = desk.store.rows("SELECT assignment_id FROM assignments")[0]
    tell(desk, assignment, blocks=["refund"])
    cancel = {"key": "k-2", "till": "till-1", "reason": "changed my mind"}
    before = traces(desk.store)

    refused = desk.store.post(f"/api/later/{order['number']}/cancel", cancel, role="manager")

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "on_hold")
    assert traces(desk.store) == before
    tell(desk, assignment, state="released")
    ok(desk.store.post(f"/api/later/{order['number']}/cancel", cancel, role="manager"), 201)
