"""What a handheld took along, and how orders and customers are found at the desk."""

from typing import Any

import pytest

from edge_agent.customers import rows as contact_rows
from edge_agent.customers import steps as customers
from protocol.customers import Contact
from protocol.kit.web.signin import CurrentPerson
from tests.support.fulfilment import CONTACT, HOUR_US, Desk
from tests.support.store import Store, ok, refused, sign_everybody_in

DAY_US = 24 * HOUR_US
SOMEBODY = CurrentPerson("b-hale", "B. Hale", "associate", "till-1")


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 3)
    made.lend("MUG-1", 20)
    contact = Contact.model_validate(CONTACT)
    store.edge.database.write(lambda unit: customers.take(unit, store.edge, contact))
    return made


def on_device(desk: Desk, device: str) -> Desk:
    """Return the same store as somebody at another device sees it."""
    other = Desk(Store(desk.store.app, desk.store.client, desk.store.clock))
    sign_everybody_in(other.store, device)
    other._keys = 10_000
    return other


def test_what_a_device_took_along_is_touched_by_nobody_else_and_a_cancel_waits(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    handheld = on_device(desk, "handheld-1")
    verification = desk.recognise(one)
    assert handheld.verb("check-out", assignments=[one])["device"] == "handheld-1"
    before = desk.everything()

    for path, body in (
        (f"assignments/{one}/hand-over", {"verification": verification}),
        (f"assignments/{one}/reject", {"reason": "other"}),
        ("check-out", {"assignments": [one]}),
        ("check-in", {"assignments": [one]}),
    ):
        assert desk.verb(path, 409, **body)["code"] == "checked_out_elsewhere"
    assert desk.everything() == before

    assert desk.tell("assignment.cancel", {"assignment_id": one, "order_id": "o-1"}) == "applied"
    assert (desk.state(one), desk.view(one)["next"]) == ("ready", "check_in")
    back = handheld.verb("check-in")
    assert (back["assignments"], back["cancelled"], desk.state(one)) == ([one], [one], "cancelled")


def test_what_a_device_has_taken_along_counts_as_begun(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    on_device(desk, "handheld-1").verb("check-out", assignments=[one])

    asked = {"assignment_id": one, "order_id": "o-1", "unless_begun": True}
    assert desk.tell("assignment.cancel", asked) == "applied"

    assert [each["code"] for each in desk.bodies("assignment.cancel_refused")] == ["begun"]
    assert desk.state(one) == "acknowledged"


def test_a_handover_by_the_device_settles_a_cancel_that_waited(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    handheld = on_device(desk, "handheld-1")
    handheld.verb("check-out", assignments=[one])
    desk.tell("assignment.cancel", {"assignment_id": one, "order_id": "o-1"})

    handheld.collect(one)

    assert desk.kinds()[-2:] == ["assignment.handed_over", "assignment.cancel_refused"]
    assert ok(desk.store.get("/api/fulfil/holds")) == []


def test_only_a_managers_word_takes_work_from_a_device(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    handheld = on_device(desk, "handheld-1")
    handheld.verb("check-out", assignments=[one])

    assert desk.verb("take-back", 403, assignments=[one])["code"] == "needs_approval"
    word = desk.store.approve("manager", "fulfil_take_back")
    assert desk.verb("take-back", assignments=[one], approval=word)["assignments"] == [one]
    assert desk.verb(f"assignments/{one}/reject", reason="other")["state"] == "rejected"


def counted(desk: Desk, units: int, sku: str = "COAT-M") -> str:
    """Open a count of an item and confirm it; return the count."""
    task = opened(desk)
    ok(confirmed(desk, task, units, sku), 201)
    return task


def opened(desk: Desk, *skus: str) -> str:
    """Open a count and return it."""
    wanted = {"key": desk.key(), "skus": list(skus or ("COAT-M",)), "tolerance_units": 9}
    return str(ok(desk.store.post("/api/stock/counts", wanted, role="lead"), 201)["count_id"])


def confirmed(desk: Desk, task: str, units: int, sku: str = "COAT-M") -> Any:
    """Confirm what was counted of an item."""
    lines = [{"sku": sku, "counted": units}]
    return desk.store.post(f"/api/stock/counts/{task}/confirm", {"key": desk.key(), "lines": lines})


def posted(desk: Desk, task: str, **more: Any) -> Any:
    """Post a count as a manager."""
    return desk.store.post(f"/api/stock/counts/{task}/post", {"key": desk.key(), **more}, role="manager")


def test_a_count_of_what_a_device_took_along_waits_until_it_is_back(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    before = counted(desk, 4)
    handheld = on_device(desk, "handheld-1")
    handheld.verb("check-out", assignments=[one])
    other = opened(desk, "COAT-M", "MUG-1")
    scanned = {"key": desk.key(), "code": "5012345678900", "units": 3}
    ok(desk.store.post(f"/api/stock/counts/{other}/scan", scanned))
    unchanged = desk.everything()

    said = [refused(posted(desk, before), 409), refused(confirmed(desk, other, 3), 409)]

    assert desk.everything() == unchanged
    for error in said:
        assert (error["code"], error["facts"]["device"], error["facts"]["skus"]) == (
            "checked_out_elsewhere",
            "handheld-1",
            ["COAT-M"],
        )
        assert error["facts"]["orders"] == [
            {"number": "HB1-00001", "assignment_id": one, "device": "handheld-1", "skus": ["COAT-M"]}
        ]
        assert error["what"] == (
            "Order HB1-00001 is checked out to handheld-1. Until that is settled, nobody knows what was"
            " taken of Wool coat M: no difference is written, and what was counted is kept."
        )
        assert error["remedy"] == (
            "Bring that device back and check it in, or ask a manager to take the order back."
        )
    ok(confirmed(desk, other, 90, "MUG-1"), 201)  # what no device has taken along is counted as ever
    page = desk.store.get(f"/stock/counts/{other}", role="manager").text
    assert "Order HB1-00001 is checked out to handheld-1." in page
    assert f'href="/fulfil/work/{one}"' in page

    handheld.verb("check-in")
    assert ok(posted(desk, before), 201)["short"] == 1
    assert "checked out" not in desk.store.get(f"/stock/counts/{other}", role="manager").text


def test_a_count_goes_on_once_a_manager_took_the_order_back(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    task = counted(desk, 4)
    on_device(desk, "handheld-1").verb("check-out", assignments=[one])
    assert refused(posted(desk, task), 409)["code"] == "checked_out_elsewhere"

    word = desk.store.approve("manager", "fulfil_take_back")
    desk.verb("take-back", assignments=[one], approval=word)

    assert ok(posted(desk, task), 201)["short"] == 1


def test_a_count_of_another_place_does_not_wait_for_a_device(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    on_device(desk, "handheld-1").verb("check-out", assignments=[one])
    wanted = {"key": desk.key(), "skus": ["COAT-M"], "place": "quarantine"}
    task = str(ok(desk.store.post("/api/stock/counts", wanted, role="lead"), 201)["count_id"])

    ok(confirmed(desk, task, 0), 201)

    assert ok(posted(desk, task), 201)["rows"] == 1


def test_a_till_closes_only_once_what_a_device_took_along_is_back(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    two = desk.offer(("MUG-1", 1))
    handheld = on_device(desk, "handheld-1")
    handheld.verb("check-out", assignments=[one, two])
    ok(desk.store.post("/api/tills/till-1/count", {"counted_minor": 10_000}), 201)
    ok(desk.store.post("/api/tills/till-1/count/confirm", {}))
    unchanged = desk.everything()

    error = refused(desk.store.post("/api/tills/till-1/close", {"key": desk.key()}, role="manager"), 409)

    assert desk.everything() == unchanged
    assert (error["code"], [each["key"] for each in error["facts"]["reasons"]]) == (
        "till_blocked",
        [f"along:{one}", f"along:{two}"],
    )
    assert error["what"] == (
        "till-1 cannot close yet: Order HB1-00001 is checked out to handheld-1."
        " Order HB1-00002 is checked out to handheld-1."
    )
    assert error["remedy"] == (
        "Bring that device back and check it in, or ask a manager to take the order back."
    )
    listed = ok(desk.store.get("/api/tills/till-1/checklist"))
    assert not listed["ready"]
    assert [each["state"] for each in listed["steps"] if each["key"].startswith("along:")] == ["blocks"] * 2
    page = desk.store.get("/store/day", role="manager").text
    assert "Order HB1-00001 is checked out to handheld-1" in page
    assert f'href="/fulfil/work/{one}"' in page

    handheld.verb("check-in", assignments=[two])
    word = desk.store.approve("manager", "fulfil_take_back")
    desk.verb("take-back", assignments=[one], approval=word)
    assert ok(desk.store.get("/api/tills/till-1/checklist"))["ready"]
    ok(desk.store.post("/api/tills/till-1/close", {"key": desk.key()}, role="manager"), 201)


def test_an_order_is_found_by_number_phone_name_and_mail(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1), contact_id="c-1")

    for said in ("HB1-00001", "hb1-00001", "00001", "7946 0123", "quill", "Quill Ada", "ADA@EXAMPLE.COM"):
        found = ok(desk.store.get("/api/fulfil/pickup", q=said))
        assert [each["assignment_id"] for each in found] == [one], said
    for said in ("nobody", "999 9999", "x@example.com", "HB1-00099", "%", "'"):
        assert ok(desk.store.get("/api/fulfil/pickup", q=said)) == [], said
    whole = ok(desk.store.get(f"/api/fulfil/assignments/{one}/contact"))
    assert (whole["phone"], whole["address"]) == (
        "+44 20 7946 0123",
        ["1 High Street", "N1 9GU London", "GB"],
    )


def test_a_customer_is_stored_by_version_and_forgotten_on_request(desk: Desk) -> None:
    edge = desk.store.edge
    said = Contact(contact_id="c-2", last_name="Moss", phone="123456")

    first = edge.database.write(lambda unit: customers.put(unit, edge, said))
    again = edge.database.write(lambda unit: customers.put(unit, edge, said))
    changed = edge.database.write(
        lambda unit: customers.put(unit, edge, said.model_copy(update={"phone": "654321"}))
    )
    stale = edge.database.write(lambda unit: customers.take(unit, edge, first))

    assert (first.version, again.version, changed.version, stale) == (1, 1, 2, False)
    waiting = contact_rows.next_waiting(edge.database.read())
    assert waiting is not None
    assert (waiting.contact_id, waiting.version) == ("c-2", 2)
    edge.database.write(lambda unit: customers.erase(unit, edge, "c-2"))
    found = contact_rows.find(edge.database.read(), "c-2")
    assert found == Contact(contact_id="c-2", version=3, erased=True)
    assert contact_rows.search(edge.database.read(), "moss") == ()


def taken_from(desk: Desk, assignment_id: str) -> Desk:
    """Let a device take an order along, and a manager take it back from it; return the device."""
    handheld = on_device(desk, "handheld-1")
    handheld.verb("check-out", assignments=[assignment_id])
    word = desk.store.approve("manager", "fulfil_take_back")
    desk.verb("take-back", assignments=[assignment_id], approval=word)
    return handheld


@pytest.mark.parametrize(("verb", "more"), [("hand-over", {"verification": "v-1"}), ("ship", {})])
def test_what_a_device_did_after_its_order_was_taken_back_and_ended_becomes_a_card(
    desk: Desk, verb: str, more: dict[str, str]
) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    handheld = taken_from(desk, one)
    desk.verb(f"assignments/{one}/reject", reason="other")
    before, kinds = desk.letters("COAT-M"), desk.kinds()
    key = {"key": "queued-1", **more}

    code = {"key": "v-1", "how": "code", "said": "123456"}
    verified = handheld.store.post(f"/api/fulfil/assignments/{one}/verify", code)
    said = [handheld.store.post(f"/api/fulfil/assignments/{one}/{verb}", key) for _ in range(2)]

    assert "a manager hears of it" in verified.json()["error"]["remedy"]
    assert [each.status_code for each in said] == [409, 409]
    assert {each.json()["error"]["code"] for each in said} == {"left_after_take_back"}
    assert "handheld-1" in str(desk.store.rows("SELECT title FROM exceptions WHERE kind LIKE 'left%'"))
    [(owner, closed)] = desk.store.rows(
        "SELECT owner_role, closed_us FROM exceptions WHERE kind = 'left_after_take_back'"
    )
    assert (owner, closed) == ("manager", None)
    assert (desk.letters("COAT-M"), desk.state(one)) == (before, "rejected")
    assert desk.kinds() == kinds


def test_the_page_of_a_handheld_says_so_too(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    handheld = taken_from(desk, one)
    desk.tell("assignment.cancel", {"assignment_id": one, "order_id": "o-1"})

    body = {"key": "queued-1", "verification": "v-1"}
    answer = handheld.store.post(f"/fulfil/work/{one}/hand-over", body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "left_after_take_back")


def test_an_order_that_did_not_go_on_is_handed_over_by_the_device_that_comes_back(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    handheld = taken_from(desk, one)

    handheld.collect(one)
    again = handheld.verb(f"assignments/{one}/hand-over", 409, verification="v-9")

    assert (desk.state(one), again["code"]) == ("handed_over", "already_handed_over")
    assert desk.store.rows("SELECT 1 FROM exceptions WHERE kind = 'left_after_take_back'") == []


def test_a_desk_that_never_had_it_along_raises_no_card(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    taken_from(desk, one)
    desk.verb(f"assignments/{one}/reject", reason="other")

    assert desk.verb(f"assignments/{one}/hand-over", 409, verification="v-1")["code"] == "rejected"
    assert desk.store.rows("SELECT 1 FROM exceptions WHERE kind = 'left_after_take_back'") == []
