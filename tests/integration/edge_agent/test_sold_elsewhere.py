"""Goods that were sold in another store or on the web come back here, by what the hub says of their order."""

import json
from typing import Any

import pytest

from edge_agent.later.hub import OrderAnswer
from protocol.errors import Unavailable
from tests.support.store import Store, ok, refused

NUMBER = "YK1-00042"
LINE = {
    "line_no": 1,
    "sku": "BOOK-1",
    "name": "Picture book",
    "kind": "goods",
    "rate_ppm": 200_000,
    "quantity": 3,
    "gross_minor": 2_997,
    "tax_minor": 500,
}
CARD = {"n": 1, "kind": "card", "amount_minor": 2_997, "last4": "4242"}


class Hub:
    """Answers about one order, or not at all."""

    def __init__(self, **said: Any) -> None:
        self.said = said
        self.asked: list[str] = []

    def returnable(self, number: str) -> OrderAnswer:
        self.asked.append(number)
        if not self.said:
            raise Unavailable("-", "-", code="hub_not_reachable")
        told = {"order_id": "o-42", "number": NUMBER, "currency": "GBP", "start": "2026-11-20", "at_us": 1}
        return OrderAnswer.model_validate(
            told | {"state": "completed", "lines": [LINE], "tenders": [CARD]} | self.said
        )

    def close(self) -> None:
        """Nothing is open."""


def hear(store: Store, **said: Any) -> Hub:
    """Let the store's line be there, with a hub behind it."""
    hub = Hub(**said)
    store.app.state.hub_questions = hub
    store.edge.online = lambda: True
    return hub


def back(store: Store, units: int, key: str, **said: Any) -> Any:
    body = {"key": key, "lines": [{"line_no": 1, "quantity": units} | said]}
    return store.post(f"/api/orders/{NUMBER}/returns", body, role="manager")


def test_an_order_of_another_store_comes_back_to_the_tender_it_was_paid_with(store: Store) -> None:
    hub = hear(store, location="york")

    done = ok(back(store, 1, "r-1"), 201)
    rest = ok(store.get(f"/api/orders/{NUMBER}/returnable"))

    assert (done["order_number"], done["total_minor"], done["order_state"]) == (NUMBER, 999, "part_returned")
    assert done["refunds"][0]["kind"] == "card"
    assert (rest["lines"][0]["left"], rest["tenders"][0]["left_minor"]) == (2, 1_998)
    assert rest["may_void"] is False
    assert hub.asked == [NUMBER]
    [event] = store.rows("SELECT bytes FROM events WHERE kind = 'return.completed'")
    body = json.loads(event[0])["body"]
    assert (body["order_id"], body["decision"]["lines"][0]["start"]) == ("o-42", "2026-11-20")


def test_what_came_back_here_counts_though_the_hub_has_not_heard_of_it(store: Store) -> None:
    gone = {"returned": 1, "refunded_minor": 999, "refunded_tax_minor": 167}
    hear(store, location="york", lines=[LINE | gone])

    ok(back(store, 1, "r-1"), 201)
    too_many = refused(back(store, 2, "r-2"), 409)
    last = ok(back(store, 1, "r-3"), 201)

    assert too_many["code"] == "too_many_units"
    assert last["order_state"] == "returned"


def test_what_was_paid_online_comes_back_as_store_credit(store: Store) -> None:
    hear(store, location="hub", channel="web", tenders=[])

    done = ok(back(store, 1, "r-1"), 201)

    assert [(t["kind"], t["amount_minor"]) for t in done["refunds"]] == [("store_credit", 999)]


@pytest.mark.parametrize("online", [True, False])
def test_without_the_hubs_word_nothing_of_another_store_comes_back(store: Store, *, online: bool) -> None:
    hear(store)
    store.edge.online = lambda: online
    before = store.fingerprint()

    wrong = refused(back(store, 1, "r-1"), 404)

    assert wrong["code"] == "unknown_order"
    assert ("the hub cannot be asked now" in wrong["what"]) is not online
    assert store.fingerprint() == before


def test_the_hubs_word_is_asked_again_once_it_is_old(store: Store) -> None:
    hub = hear(store, location="york")
    ok(store.get(f"/api/orders/{NUMBER}/returnable"))
    ok(store.get(f"/api/orders/{NUMBER}/returnable"))
    store.clock.set(store.clock.now_us() + 601_000_000)

    ok(store.get(f"/api/orders/{NUMBER}/returnable"))

    assert hub.asked == [NUMBER, NUMBER]
