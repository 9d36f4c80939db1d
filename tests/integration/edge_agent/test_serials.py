"""Serial numbers: read at the sale where the class of goods asks for it, compared when a unit comes back."""

from typing import Any

import pytest

from edge_agent.app import KINDS
from edge_agent.rebuild import rebuild
from protocol.returns import GoodsRule, ReturnPolicy
from tests.support.store import Store, ok, refused, sale


@pytest.fixture
def asking(store: Store) -> Store:
    """A store whose policy asks for the serial number of every coat."""
    body = ReturnPolicy(version=1, categories={"Coats": GoodsRule(serial=True)})
    store.edge.database.write(lambda unit: KINDS["return.policy"].carry_out(unit, store.edge, body))
    return store


def sell(store: Store, key: str, *serials: str) -> Any:
    line = {"sku": "COAT-M", "quantity": 2, "serials": list(serials)}
    return store.post("/api/sales", sale(key) | {"lines": [line], "tenders": [CARD]})


CARD = {"kind": "card", "amount_minor": 24_000, "last4": "4242"}


def back(store: Store, number: str, key: str, *serials: str, **more: Any) -> Any:
    line = {"line_no": 1, "quantity": 1, "serials": list(serials)}
    body = {"key": key, "lines": [line]} | more
    return store.post(f"/api/orders/{number}/returns", body, role="manager")


def test_a_unit_is_sold_with_its_number_once_and_comes_back_as_the_one_that_was_sold(asking: Store) -> None:
    before = asking.fingerprint()
    wrong = [refused(sell(asking, "s-1", *given), 409)["code"] for given in ((), ("A1",), ("A1", "A1"))]
    unchanged = asking.fingerprint() == before
    sold = ok(sell(asking, "s-2", "A1", "A2"), 201)
    twice = refused(sell(asking, "s-3", "A2", "A3"), 409)

    other = refused(back(asking, sold["number"], "r-1", "A9"), 409)
    unread = refused(back(asking, sold["number"], "r-2"), 403)
    ok(back(asking, sold["number"], "r-3", "A1"), 201)
    again = refused(back(asking, sold["number"], "r-4", "A1"), 409)
    ok(sell(asking, "s-4", "A1", "A5"), 201)

    assert (wrong, unchanged) == (["serial_missing"] * 3, True)
    assert (twice["code"], unread["code"]) == ("serial_sold", "needs_approval")
    assert (other["code"], other["facts"]["codes"]) == ("outside_policy", ["SERIAL_MISMATCH"])
    assert again["code"] == "outside_policy"
    path = asking.edge.database.path
    assert not rebuild(path, path.with_name("again.db")).differences


def test_a_basket_says_which_numbers_are_not_read_and_keeps_those_that_are(asking: Store) -> None:
    headers = asking.headers()
    asking.client.post("/sell/scan", data={"code": "10001"}, headers=headers)
    page = asking.client.get("/sell", headers=headers)
    [[basket_id, version]] = asking.rows("SELECT basket_id, version FROM baskets WHERE state = 'open'")
    form = {"basket": basket_id, "version": str(version), "do": "serials", "serials": " A7 \n A7 "}
    kept = asking.client.post("/sell/lines/1", data=form, headers=headers)

    assert "read its serial number" in page.text
    assert kept.status_code == 200
    assert "read its serial number" not in kept.text
    [[body]] = asking.rows("SELECT body FROM baskets WHERE state = 'open'")
    assert '"serials":["A7"]' in body
