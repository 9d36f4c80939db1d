"""Whoever sets figures of a delivery has seen what they replace; what cannot be is refused in words."""

import html
import json
import re
from itertools import count
from typing import Any

import pytest

from protocol.orders import UNITS
from tests.support.store import Store, ok, refused

KEYS = count(1)
COAT, MUG = "5012345678900", "4006381333931"
HX = {"HX-Request": "true"}
TABLES = ("events", "movements", "balances", "receipts", "receipt_lines", "receiving_lines", "receivings")


def key(**more: Any) -> dict[str, Any]:
    return {"key": f"s{next(KEYS)}", **more}


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a refusal must leave as it was."""
    return {table: store.rows(f"SELECT * FROM {table}") for table in TABLES}


def begun(store: Store) -> str:
    """Begin to unpack goods that nobody had announced."""
    said = ok(store.post("/api/stock/receivings", key(supplier="Northern Cloth")), 201)
    return str(said["receiving_id"])


def scan(store: Store, receiving: str, code: str, units: int, **more: Any) -> Any:
    """Scan something out of a box."""
    body = key(code=code, units=units, **more)
    return ok(store.post(f"/api/stock/receivings/{receiving}/scan", body))


def set_line(store: Store, receiving: str, **said: Any) -> Any:
    """Set a line as a program does."""
    return store.post(f"/api/stock/receivings/{receiving}/line", key(**said))


def line_form(store: Store, receiving: str, sku: str) -> dict[str, Any]:
    """Return what the form of a line sends when nobody touches it."""
    page = store.client.get(f"/stock/receive/{receiving}", headers=store.headers()).text
    form = next(each for each in re.findall(r"<form class=\"typed three\".*?</form>", page, re.DOTALL)
                if f'name="sku" value="{sku}"' in each)  # fmt: skip
    said: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name = re.findall(r' name="(\w+)"', tag)[0]
        value = html.unescape(re.findall(r'value="([^"]*)"', tag)[0])
        kind = (re.findall(r'data-as="(\w+)"', tag) or ["text"])[0]
        said[name] = value if kind == "text" else json.loads(value)
    return said


def send_line(store: Store, receiving: str, form: dict[str, Any], **typed: Any) -> Any:
    """Send the form of a line, as the page does."""
    body = key(**(form | typed))
    return store.client.post(f"/stock/receive/{receiving}/line", json=body, headers=store.headers())


def lines(store: Store, receiving: str) -> dict[str, tuple[int, int, int]]:
    """Return good, damaged and cost of each item that is unpacked."""
    found = ok(store.get(f"/api/stock/receivings/{receiving}"))["lines"]
    return {line["sku"]: (line["good"], line["damaged"], line["unit_cost_minor"]) for line in found}


def received(store: Store) -> str:
    """Receive 7 coats and 5 mugs, and return the number of the receipt."""
    receiving = begun(store)
    for sku, units in (("COAT-M", 7), ("MUG-1", 5)):
        ok(set_line(store, receiving, sku=sku, good=units, unit_cost_minor=100))
    return str(ok(store.post(f"/api/stock/receivings/{receiving}/finish", key()), 201)["number"])


def receipt_form(store: Store, number: str) -> dict[str, str]:
    """Return what the form "Other figures or costs" sends when nobody touches it."""
    page = store.client.get(f"/stock/receive/receipts/{number}", headers=store.headers()).text
    form = re.findall(r"<form[^>]*/correct\">.*?</form>", page, re.DOTALL)[0]
    tags = [tag for tag in re.findall(r"<input[^>]*>", form) if 'name="reason"' not in tag]
    return {
        re.findall(r' name="([^"]+)"', tag)[0]: (re.findall(r' value="([^"]*)"', tag) or [""])[0]
        for tag in tags
    }


def correct(store: Store, number: str, form: dict[str, str], role: str = "manager") -> Any:
    """Send the form that puts a receipt right."""
    path = f"/stock/receive/receipts/{number}/correct"
    return store.client.post(path, data={**form, "reason": "Counted again"}, headers=store.headers(role) | HX)


def at(store: Store, sku: str) -> int:
    """Return how many of an item may be sold."""
    return int(ok(store.get(f"/api/stock/{sku}"))["buckets"]["sellable"])


def test_a_correction_from_an_old_page_does_not_take_back_the_one_before(store: Store) -> None:
    number = received(store)
    coats, mugs = at(store, "COAT-M"), at(store, "MUG-1")
    first, second = receipt_form(store, number), receipt_form(store, number)
    assert correct(store, number, first | {"good:COAT-M": "6"}).status_code == 200
    before = everything(store)

    stale = correct(store, number, second | {"good:MUG-1": "4"})

    assert stale.status_code == 409
    assert f"{number} was put right since you opened it, so nothing was changed." in stale.text
    assert (at(store, "COAT-M"), at(store, "MUG-1"), everything(store)) == (coats - 1, mugs, before)
    again = receipt_form(store, number)
    assert (again["good:COAT-M"], again["seen"]) == ("6", "1")
    assert correct(store, number, again | {"good:MUG-1": "4"}).status_code == 200
    assert (at(store, "COAT-M"), at(store, "MUG-1")) == (coats - 1, mugs - 1)


def test_nobody_types_a_pin_for_a_correction_that_is_stale(store: Store) -> None:
    number = received(store)
    old = receipt_form(store, number)
    assert correct(store, number, receipt_form(store, number) | {"good:COAT-M": "6"}).status_code == 200

    assert correct(store, number, old | {"good:MUG-1": "4"}, role="associate").status_code == 409


def test_a_receipt_that_was_put_right_is_not_taken_back_whole_from_an_old_page(store: Store) -> None:
    number = received(store)
    whole = receipt_form(store, number) | {"whole": "yes"}
    assert correct(store, number, receipt_form(store, number) | {"good:COAT-M": "6"}).status_code == 200
    before = everything(store)

    assert correct(store, number, whole).status_code == 409
    assert everything(store) == before


@pytest.mark.parametrize(
    ("seen", "status"), [({}, 409), ({"seen": 0}, 409), ({"seen": 2}, 409), ({"seen": 1}, 201)]
)
def test_a_program_says_how_many_corrections_it_has_seen(
    store: Store, seen: dict[str, int], status: int
) -> None:
    path = f"/api/stock/receipts/{received(store)}/correct"
    ok(store.post(path, key(reason="x", lines=[{"sku": "COAT-M", "good": 6}]), role="manager"), 201)

    answer = store.post(path, key(reason="y", lines=[{"sku": "COAT-M", "good": 5}], **seen), role="manager")

    assert answer.status_code == status
    if status == 409:
        assert refused(answer, 409)["code"] == "stale_receipt"
        assert refused(answer, 409)["facts"]["corrections"] == 1


def test_a_correction_that_is_sent_twice_is_answered_twice_and_done_once(store: Store) -> None:
    path = f"/api/stock/receipts/{received(store)}/correct"
    body = key(reason="x", lines=[{"sku": "COAT-M", "good": 6}], seen=0)
    first = ok(store.post(path, body, role="manager"), 201)

    assert ok(store.post(path, body, role="manager")) == first


def test_a_line_from_an_old_page_does_not_undo_what_a_handheld_scanned_meanwhile(store: Store) -> None:
    receiving = begun(store)
    scan(store, receiving, COAT, 7)
    form = line_form(store, receiving, "COAT-M")
    scan(store, receiving, COAT, 4)
    before = everything(store)

    stale = send_line(store, receiving, form, good=8)

    error = refused(stale, 409)
    assert error["code"] == "stale_line"
    assert "scanned or set meanwhile: now 11 good, 0 damaged. Nothing was changed." in error["what"]
    assert everything(store) == before
    ok(send_line(store, receiving, line_form(store, receiving, "COAT-M"), good=12))
    assert lines(store, receiving)["COAT-M"][:2] == (12, 0)


@pytest.mark.parametrize(
    "meanwhile", [{"good": 6, "damaged": 1}, {"unit_cost_minor": 210}, {"reason": "over"}, {"damaged": 2}]
)
def test_a_line_from_an_old_page_undoes_nothing_that_a_colleague_has_set(
    store: Store, meanwhile: dict[str, Any]
) -> None:
    receiving = begun(store)
    first = {"sku": "COAT-M", "good": 7, "unit_cost_minor": 195}
    ok(set_line(store, receiving, **first))
    form = line_form(store, receiving, "COAT-M")
    ok(set_line(store, receiving, **{**first, "seen": {"good": 7}, **meanwhile}))
    before = everything(store)

    assert refused(send_line(store, receiving, form, good=8), 409)["code"] == "stale_line"
    assert everything(store) == before


@pytest.mark.parametrize(
    ("seen", "status"),
    [({}, 409), ({"seen": None}, 409), ({"seen": {"good": 6}}, 409), ({"seen": {"good": 7}}, 200),
     ({"seen": {"good": 7, "damaged": 1}}, 409), ({"seen": {"good": 7, "reason": ""}}, 200),
     ({"seen": {"good": -1}}, 422)],
)  # fmt: skip
def test_a_program_says_what_it_has_seen_of_a_line(store: Store, seen: dict[str, Any], status: int) -> None:
    receiving = begun(store)
    scan(store, receiving, COAT, 7)

    assert set_line(store, receiving, sku="COAT-M", good=8, **seen).status_code == status
    assert lines(store, receiving)["COAT-M"][0] == (8 if status == 200 else 7)


def test_a_page_puts_a_new_form_in_place_of_one_that_is_behind(store: Store) -> None:
    receiving = begun(store)
    scan(store, receiving, COAT, 7)

    def ids() -> list[str]:
        page = store.client.get(f"/stock/receive/{receiving}", headers=store.headers()).text
        return re.findall(r'id="(set-[^"]+)"', page)

    first = ids()
    scan(store, receiving, COAT, 1)

    assert (len(first), ids() == first) == (1, False)


BAD = [
    ({"good:COAT-M": "9999999"}, "9,999,999 units of COAT-M are more than one line can say"),
    ({"damaged:COAT-M": "5000000"}, "5,000,000 units of COAT-M are more than one line can say"),
    ({"good:COAT-M": "-9999999"}, "COAT-M cannot be counted below zero."),
    ({"damaged:COAT-M": "-1"}, "COAT-M cannot be counted below zero."),
    ({"cost:COAT-M": "99999999999999"}, "99999999999999 is more than an amount can be here."),
    ({"cost:COAT-M": "-4"}, "-4&#39; is not an amount in GBP."),
    ({"cost:COAT-M": "1e9"}, "1e9&#39; is not an amount in GBP."),
    ({"good:": "1"}, "? is no item that can be counted here."),
    ({"good:" + "X" * 65: "1"}, "X" * 40 + " is no item that can be counted here."),
    ({"good:COAT-M": "many"}, "many&#39; is not a whole number."),
    ({"seen": "two"}, "two&#39; is not a whole number."),
    ({"seen": "-1"}, "The field seen cannot be used"),
]


@pytest.mark.parametrize(("typed", "says"), BAD)
def test_a_figure_that_no_receipt_can_say_is_refused_in_words(
    store: Store, typed: dict[str, str], says: str
) -> None:
    number = received(store)
    form = receipt_form(store, number)
    before = everything(store)

    answer = correct(store, number, form | typed)

    assert answer.status_code == 422
    assert says in answer.text
    assert everything(store) == before


def test_the_fields_of_a_receipt_say_how_much_they_take(store: Store) -> None:
    number = received(store)
    page = store.client.get(f"/stock/receive/receipts/{number}", headers=store.headers()).text

    inputs = re.findall(r'<input[^>]*name="(?:good|damaged):[^>]*>', page)
    assert len(inputs) == 4
    assert [each for each in inputs if f'max="{UNITS}"' not in each] == []


@pytest.mark.parametrize("cost", ["-4", "1e9", "12 34", "4-5", "abc7", "1,234", "$4", "9" * 15])
def test_a_cost_that_is_no_amount_is_not_read_as_another(store: Store, cost: str) -> None:
    receiving = begun(store)
    scan(store, receiving, COAT, 3)
    before = everything(store)

    answer = send_line(store, receiving, line_form(store, receiving, "COAT-M"), cost=cost)

    error = refused(answer, 422)
    assert (error["code"] in {"bad_amount", "amount_too_large"}, cost in error["what"]) == (True, True)
    assert everything(store) == before


@pytest.mark.parametrize(
    ("cost", "kept"), [("4", 400), (" £4.50 ", 450), ("4,50", 450), ("1,234.50", 123_450)]
)
def test_a_cost_is_read_as_people_type_it(store: Store, cost: str, kept: int) -> None:
    receiving = begun(store)
    scan(store, receiving, COAT, 3)

    ok(send_line(store, receiving, line_form(store, receiving, "COAT-M"), cost=cost))

    assert lines(store, receiving)["COAT-M"] == (3, 0, kept)


def test_an_unpacking_that_was_dropped_is_not_said_to_have_a_receipt(store: Store) -> None:
    receiving = begun(store)
    scan(store, receiving, MUG, 2)
    ok(store.post(f"/api/stock/receivings/{receiving}/drop", key()), 201)

    error = refused(store.post(f"/api/stock/receivings/{receiving}/scan", key(code=MUG)), 409)

    assert (error["code"], error["what"], error["remedy"]) == (
        "receiving_closed",
        "This unpacking was dropped, so nothing of it was received.",
        "Begin anew, and scan what came once more.",
    )


def test_an_unpacking_that_was_received_leads_to_its_receipt(store: Store) -> None:
    receiving = begun(store)
    scan(store, receiving, MUG, 2)
    done = ok(store.post(f"/api/stock/receivings/{receiving}/finish", key()), 201)

    error = refused(store.post(f"/api/stock/receivings/{receiving}/scan", key(code=MUG)), 409)

    assert error["remedy"] == "Correct the receipt, or begin anew for what came besides."
    assert error["facts"]["receipt_id"] == done["receipt_id"]
