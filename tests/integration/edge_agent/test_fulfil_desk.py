from pathlib import Path
from typing import Any

import pytest

from edge_agent.customers import steps as customers
from edge_agent.fulfil.steps import inbox
from edge_agent.journal import Recorded
from edge_agent.paper.store import EdgeJobStore
from edge_agent.rebuild import rebuild
from protocol import later
from protocol.customers import Contact
from protocol.fulfilment import AssignedLine, FulfilKind, Promise
from protocol.ids import slip_code
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import OrderLine, Tender, TenderKind, WireModel
from tests.support.fulfilment import CONTACT, HOUR_US, Desk
from tests.support.store import START_US, Store, ok, sign_everybody_in

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


def record(desk: Desk, body: WireModel) -> Recorded:
    """Record a fact that another room would."""
    return desk.store.edge.database.write(lambda unit: desk.store.edge.journal.record(unit, body))


def own_order(desk: Desk, units: int = 2, *, sku: str = "MUG-1", gross_minor: int = 1_500) -> str:
    """Take an order at the counter that the store fulfils itself; return the assignment."""
    line = OrderLine(
        line_no=1, sku=sku, name=sku, quantity=units, list_price_minor=750, unit_price_minor=750,
        gross_minor=gross_minor, tax_minor=250, rate_ppm=200_000,
    )  # fmt: skip
    record(
        desk,
        later.OrderPlaced(
            order_id="o-own",
            number="LB1-00001",
            channel="pos",
            currency="GBP",
            lines=(line,),
            total_minor=gross_minor,
            tax_minor=250,
            promise=Promise(kind=FulfilKind.COLLECT, location="store-1", due_us=START_US + HOUR_US),
            pickup_code="123456",
            own=later.OwnPart(
                assignment_id="a-own", lines=(AssignedLine(line_no=1, sku=sku, name=sku, quantity=units),)
            ),
        ),
    )
    return "a-own"


def paid(desk: Desk, amount_minor: int) -> later.OrderPaid:
    """Return money that came in at a till."""
    return later.OrderPaid(
        session_id=str(desk.store.rows("SELECT session_id FROM till_sessions")[0][0]),
        till="till-1",
        business_date="2026-11-25",
        currency="GBP",
        payment_id=f"p-{amount_minor}",
        order_id="o-own",
        number="LB1-00001",
        tenders=(Tender(kind=TenderKind.CARD, amount_minor=amount_minor),),
        amount_minor=amount_minor,
    )


def test_an_own_order_is_bound_at_once_and_its_handover_ends_that(desk: Desk) -> None:
    one = own_order(desk)

    assert desk.letters("MUG-1") == {"P": 100, "B": 2, "L": 78, "O": 20, "F": 0}
    assert desk.buckets("MUG-1") == {"sellable": 98, "reserved": 2}
    assert desk.jobs("pick_list") == ["LB1-L00001"]

    desk.ready(one)
    assert desk.letters("MUG-1") == {"P": 100, "B": 2, "L": 78, "O": 20, "F": 0}
    record(desk, paid(desk, 1_500))
    desk.collect(one)

    assert desk.letters("MUG-1") == {"P": 98, "B": 0, "L": 78, "O": 20, "F": 0}


def test_nothing_is_handed_over_before_the_rest_is_paid(desk: Desk) -> None:
    one = own_order(desk)
    desk.ready(one)
    record(desk, paid(desk, 500))
    verification = desk.recognise(one)
    before = desk.everything()

    error = desk.verb(f"assignments/{one}/hand-over", 409, verification=verification)

    assert (error["code"], error["facts"]["due_minor"]) == ("unpaid_rest", 1_000)
    assert desk.everything() == before
    record(desk, paid(desk, 1_000))
    assert desk.verb(f"assignments/{one}/hand-over", verification=verification)["state"] == "handed_over"


def test_cancelled_units_of_an_own_order_lower_what_is_due_and_a_refund_evens_it_out(desk: Desk) -> None:
    one = own_order(desk)
    record(desk, paid(desk, 1_500))
    line = later.CancelledLine(line_no=1, sku="MUG-1", quantity=1)
    record(desk, later.OrderCancelled(cancel_id="x", order_id="o-own", number="LB1-00001", lines=(line,)))
    due = "SELECT due_minor FROM assignments WHERE assignment_id = ?"

    assert desk.store.rows(due, one) == [(-750,)]
    refund = later.OrderRefunded.model_validate(paid(desk, 750).model_dump() | {"refund_id": "r-1"})
    record(desk, refund)
    assert desk.store.rows(due, one) == [(0,)]


def test_an_own_order_is_given_up_and_its_units_may_be_sold_again(desk: Desk, tmp_path: Path) -> None:
    one = own_order(desk)
    edge = desk.store.edge

    edge.database.write(lambda unit: inbox.give_up(unit, edge, one, "changed mind", person=SOMEBODY))

    assert desk.letters("MUG-1") == {"P": 100, "B": 0, "L": 80, "O": 20, "F": 0}
    assert desk.buckets("MUG-1") == {"sellable": 100}
    assert desk.jobs("void_slip") == [one]
    assert desk.verb(f"assignments/{one}/accept", 409)["code"] == "cancelled"
    assert rebuild(edge.settings.database_file, tmp_path / "again.db").differences == ()


def test_a_list_that_was_cancelled_before_its_turn_is_voided_and_so_is_the_slip_that_takes_it_back(
    desk: Desk,
) -> None:
    one = own_order(desk)
    edge = desk.store.edge
    edge.database.write(lambda unit: inbox.give_up(unit, edge, one, "changed mind", person=SOMEBODY))

    taken = EdgeJobStore(edge).next_job("")

    states = "SELECT document, state FROM print_jobs WHERE document IN ('pick_list', 'void_slip') ORDER BY 1"
    assert desk.store.rows(states) == [("pick_list", "voided"), ("void_slip", "voided")]
    assert taken is None or taken.document_class not in {"pick_list", "void_slip"}


def test_what_the_web_may_still_sell_is_what_is_lent_and_has_no_order_yet(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))

    def seen() -> tuple[int, int]:
        found = ok(desk.store.get("/api/stock/COAT-M"))
        return found["outstanding"], found["web_may_sell"]

    assert seen() == (3, 1)
    desk.ready(one)
    assert seen() == (3, 1)
    desk.collect(one)
    assert seen() == (1, 1)


def test_a_wrong_code_is_counted_and_the_fifth_locks_it(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)

    left = [
        desk.verb(f"assignments/{one}/verify", 409, how="code", said="000000")["facts"]["tries_left"]
        for _ in range(4)
    ]
    fifth = desk.verb(f"assignments/{one}/verify", 429, how="code", said="000000")
    right = desk.verb(f"assignments/{one}/verify", 429, how="code", said="123456")

    assert left == [4, 3, 2, 1]
    assert (fifth["code"], right["code"]) == ("code_locked", "code_locked")
    assert right["facts"]["retry_after_seconds"] == 300
    desk.store.clock.set(START_US + 6 * 60 * 1_000_000)
    assert desk.verb(f"assignments/{one}/verify", how="code", said="123456")["verified"] is True


def test_the_same_wrong_try_sent_twice_is_one_try(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))

    for _ in range(3):
        error = desk.verb(f"assignments/{one}/verify", 409, key="try", how="code", said="000000")
        assert error["facts"]["tries_left"] == 4


@pytest.mark.parametrize(
    ("said", "how"),
    [
        ({"said": slip_code("po", "HB1-00001", 1)}, "code"),
        ({"said": "123 456"}, "code"),
        ({"said": "0123"}, "phone"),
        ({"said": "ADA@example.com"}, "email"),
        ({"said": "quill", "id_seen": True}, "name_and_id"),
        ({"said": "Quill", "id_seen": True, "proxy": True}, "name_and_id"),
    ],
)
def test_a_customer_is_recognised_by_code_or_by_a_second_identifier(
    desk: Desk, said: dict[str, Any], how: str
) -> None:
    one = desk.offer(("COAT-M", 1), contact_id="c-1")
    desk.ready(one)

    found = desk.verb(f"assignments/{one}/verify", how=how, **said)
    desk.verb(f"assignments/{one}/hand-over", verification=found["verification"])

    body = desk.bodies("assignment.handed_over")[0]
    assert (body["verified"], body.get("proxy", False)) == (how, said.get("proxy", False))


@pytest.mark.parametrize(
    ("said", "how", "status", "code"),
    [
        ({"said": slip_code("po", "HB1-00002", 1)}, "code", 409, "code_of_another_order"),
        ({"said": ""}, "code", 409, "wrong_code"),
        ({"said": "999"}, "phone", 409, "wrong_code"),
        ({"said": "123"}, "phone", 409, "wrong_code"),
        ({"said": ""}, "email", 409, "wrong_code"),
        ({"said": "quill"}, "name_and_id", 422, "id_not_seen"),
        ({"said": "", "id_seen": True}, "name_and_id", 409, "wrong_code"),
        ({}, "lead", 403, "needs_approval"),
    ],
)
def test_who_is_not_recognised_gets_nothing(
    desk: Desk, said: dict[str, Any], how: str, status: int, code: str
) -> None:
    one = desk.offer(("COAT-M", 1), contact_id="c-1")
    desk.ready(one)

    assert desk.verb(f"assignments/{one}/verify", status, how=how, **said)["code"] == code
    error = desk.verb(f"assignments/{one}/hand-over", 409, verification="made-up")
    assert error["code"] == "not_verified"


def test_a_lead_vouches_for_a_customer_without_code_or_papers(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    word = desk.store.approve("lead", "hand_over_unverified")

    found = desk.verb(f"assignments/{one}/verify", how="lead", approval=word)

    assert desk.verb(f"assignments/{one}/hand-over", verification=found["verification"])["rest"] == 0


def test_a_verification_is_good_for_its_own_order_and_for_a_quarter_of_an_hour(desk: Desk) -> None:
    one, two = desk.offer(("MUG-1", 1)), desk.offer(("MUG-1", 1))
    desk.ready(one)
    desk.ready(two)
    verification = desk.recognise(one)
    before = desk.everything()

    error = desk.verb(f"assignments/{two}/hand-over", 409, verification=verification)
    assert error["code"] == "code_of_another_order"
    desk.store.clock.set(START_US + 20 * 60 * 1_000_000)
    error = desk.verb(f"assignments/{one}/hand-over", 409, verification=verification)
    assert error["code"] == "not_verified"
    assert desk.everything() == before


def test_steps_out_of_their_order_are_refused_and_change_nothing(desk: Desk) -> None:
    one, two = desk.offer(("COAT-M", 1)), desk.offer(("MUG-1", 1), kind="ship")
    verification = desk.recognise(one)
    before = desk.everything()

    assert desk.verb(f"assignments/{one}/hand-over", 409, verification=verification)["code"] == "not_ready"
    assert desk.verb(f"assignments/{one}/pack", 409, bags=1)["code"] == "not_ready"
    assert desk.verb(f"assignments/{one}/stage", 409, shelf="S-1")["code"] == "not_ready"
    assert desk.verb(f"assignments/{one}/ship", 409)["code"] == "not_ready"
    assert desk.verb(f"assignments/{two}/verify", 409, how="code", said="1")["code"] == "not_for_collection"
    assert desk.verb("assignments/a-9/pack", 404, bags=1)["code"] == "no_assignment"
    assert desk.everything() == before


def test_what_goes_into_a_bag_is_what_was_picked_and_the_bags_are_all_there(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1), ("MUG-1", 2))
    desk.pick(one)
    before = desk.everything()

    error = desk.verb(f"assignments/{one}/pack", 409, bags=1, scanned=["5012345678900", "9783161484100"])
    assert (error["code"], error["facts"]) == (
        "pack_mismatch",
        {"missing": {"MUG-1": 2}, "extra": {"BOOK-1": 1}},
    )
    assert desk.verb(f"assignments/{one}/pack", 422, bags=1, parcels=[{}])["code"] == "bad_parcels"
    lines = [{"line_no": 2, "units": 3}]
    assert desk.verb(f"assignments/{one}/pack", 409, parcels=[{"lines": lines}])["code"] == "pack_mismatch"
    lines = [{"line_no": 2, "units": 1}]
    assert desk.verb(f"assignments/{one}/pack", 409, parcels=[{"lines": lines}])["code"] == "pack_mismatch"
    assert desk.everything() == before

    bags = desk.verb(f"assignments/{one}/pack", bags=2)["parcels"]
    before = desk.everything()
    stage = f"assignments/{one}/stage"
    assert desk.verb(stage, 409, shelf="S-1", scanned=[bags[0]])["code"] == "bags_missing"
    assert desk.verb(stage, 409, shelf="S-1", scanned=["LB1-B00099"])["code"] == "wrong_bag"
    assert desk.verb(stage, 422, shelf=slip_code("bg", bags[0], 1))["code"] == "not_a_shelf"
    assert desk.verb(stage, 422, shelf="5012345678900")["code"] == "not_a_shelf"
    assert desk.everything() == before
    scanned = [slip_code("bg", bag, 1) for bag in bags]
    assert desk.verb(stage, shelf="s 1", scanned=scanned)["state"] == "ready"
    shelf = {"shelf": "S 1", "orders": ["HB1-00001"], "bags": 2}
    assert ok(desk.store.get("/api/fulfil/shelves")) == [shelf]


def test_an_article_is_checked_before_it_goes_into_a_bag(desk: Desk) -> None:
    one = desk.offer(("MUG-1", 1))
    desk.pick(one)
    path = f"/api/fulfil/assignments/{one}/check-item"

    good = ok(desk.store.post(path, {"code": "4006381333931"}))
    over = desk.store.post(path, {"code": "4006381333931", "packed": 1})
    wrong = desk.store.post(path, {"code": "9783161484100"})

    assert (good["picked"], good["packed"]) == (1, 1)
    assert [each.json()["error"]["code"] for each in (over, wrong)] == ["over_scan", "wrong_item"]


def test_nobody_came_so_a_task_is_raised_and_the_goods_go_back_only_when_the_time_is_over(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2), promise={"keep_until_us": START_US + DAY_US})
    desk.ready(one)
    assert desk.verb(f"assignments/{one}/put-back", 409)["code"] == "still_kept"
    assert desk.store.app.state.fulfil_clock.look() == 0

    desk.store.clock.set(START_US + DAY_US + HOUR_US)
    assert desk.store.app.state.fulfil_clock.look() == 1
    assert desk.store.app.state.fulfil_clock.look() == 1
    assert desk.open_exceptions() == [f"no_show:{one}"]
    sign_everybody_in(desk.store)  # yesterday's sign-ins have lapsed

    done = desk.verb(f"assignments/{one}/put-back")

    assert done["state"] == "rejected"
    assert desk.bodies("assignment.rejected")[0]["reason"] == "no_show"
    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 2, "O": 3, "F": 0}
    assert desk.buckets("COAT-M") == {"sellable": 5}
    assert desk.open_exceptions() == [f"put_back:{one}"]
    desk.verb(f"assignments/{one}/goods-put-back")
    assert desk.open_exceptions() == []


@pytest.mark.parametrize("until", ["offered", "picking", "picked", "packed", "ready"])
def test_an_assignment_is_given_back_from_anywhere_in_the_store(
    desk: Desk, until: str, tmp_path: Path
) -> None:
    one = desk.offer(("COAT-M", 2))
    bring(desk, one, until)

    desk.verb(f"assignments/{one}/reject", reason="closing", note="power cut")

    assert desk.bodies("assignment.rejected")[0]["lines"] == [
        {"line_no": 1, "sku": "COAT-M", "lent": 2}
        | ({} if until in {"offered", "picking"} else {"picked": 2})
    ]
    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 2, "O": 3, "F": 0}
    assert desk.buckets("COAT-M") == {"sellable": 5}
    assert hub_picked(desk) == 0
    assert desk.jobs("void_slip") == [one]
    assert desk.verb(f"assignments/{one}/reject", 409, reason="other")["code"] == "rejected"
    done = rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db")
    assert done.differences == ()


def bring(desk: Desk, one: str, until: str) -> None:
    """Bring an assignment so far; a walk that has begun has one item in its tote."""
    if until == "picking":
        desk.scan(desk.start(one), "COAT-M")
    elif until == "picked":
        desk.pick(one)
    elif until == "packed":
        desk.packed(one)
    elif until == "ready":
        desk.ready(one)


def hub_picked(desk: Desk, sku: str = "COAT-M") -> int:
    """Return the cell of picked lent units."""
    return int(desk.store.rows("SELECT hub_picked FROM rights WHERE sku = ?", sku)[0][0])


@pytest.mark.parametrize("until", ["offered", "picking", "picked", "packed", "ready"])
def test_the_hub_gets_an_assignment_back_as_long_as_it_is_in_the_store(desk: Desk, until: str) -> None:
    one = desk.offer(("COAT-M", 2))
    bring(desk, one, until)

    asked = {"assignment_id": one, "order_id": "o-1", "reason": "changed mind"}
    assert desk.tell("assignment.cancel", asked) == "applied"

    assert desk.kinds()[-1] == "assignment.cancelled"
    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 2, "O": 3, "F": 0}
    assert (desk.buckets("COAT-M"), hub_picked(desk)) == ({"sellable": 5}, 0)
    assert desk.jobs("void_slip") == [one]
    carried = [] if until == "offered" else [f"put_back:{one}"]
    assert desk.open_exceptions() == carried
    assert desk.verb(f"assignments/{one}/pack", 409, bags=1)["code"] == "cancelled"
    assert desk.tell("assignment.cancel", asked) == "applied"
    assert desk.kinds().count("assignment.cancelled") == 1


@pytest.mark.parametrize("until", ["picking", "picked", "packed", "ready"])
def test_what_only_would_be_better_off_elsewhere_stays_with_whoever_has_begun(desk: Desk, until: str) -> None:
    two, one = desk.offer(("COAT-M", 1)), desk.offer(("COAT-M", 2))
    bring(desk, one, until)
    before = desk.view(one)

    for n, assignment_id in enumerate((two, one), 1):
        asked = {"assignment_id": assignment_id, "order_id": f"o-{n}", "unless_begun": True}
        assert desk.tell("assignment.cancel", asked) == "applied"

    assert desk.state(two) == "cancelled", "nobody had begun it"
    assert [each["code"] for each in desk.bodies("assignment.cancel_refused")] == ["begun"]
    assert desk.view(one) == before
    assert desk.jobs("void_slip") == [two]


def test_a_scan_for_an_order_that_was_cancelled_meanwhile_is_refused_clearly(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    list_id = desk.start(one)
    desk.tell("assignment.cancel", {"assignment_id": one, "order_id": "o-1"})

    assert desk.verb(f"picks/{list_id}/scan", 409, code="5012345678900")["code"] == "cancelled"
    assert desk.verb("picks", 409, list_id=list_id)["code"] == "cancelled"
    view = desk.pick_view(list_id)
    assert (view["state"], view["orders"][0]["cancelled"]) == ("void", True)


def test_a_cancelled_order_is_not_handed_over_by_whoever_was_recognised_before(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    verification = desk.recognise(one)
    assert desk.tell("assignment.cancel", {"assignment_id": one, "order_id": "o-1"}) == "applied"
    before = desk.everything()

    error = desk.verb(f"assignments/{one}/hand-over", 409, verification=verification)

    assert (error["code"], bool(error["what"]), bool(error["remedy"])) == ("cancelled", True, True)
    assert desk.everything() == before


def test_it_is_too_late_to_cancel_what_was_handed_over_or_shipped(desk: Desk) -> None:
    one, two = desk.offer(("COAT-M", 1)), desk.offer(("MUG-1", 1), kind="ship", contact_id="c-1")
    desk.ready(one)
    desk.collect(one)
    desk.packed(two)
    desk.verb(f"assignments/{two}/ship")

    for assignment_id, order_id in ((one, "o-1"), (two, "o-2")):
        asked = {"assignment_id": assignment_id, "order_id": order_id}
        assert desk.tell("assignment.cancel", asked) == "applied"

    refused = [each["code"] for each in desk.bodies("assignment.cancel_refused")]
    assert refused == ["handed_over", "shipped"]
    asked = {"assignment_id": "a-99", "order_id": "o-99"}
    assert desk.tell("assignment.cancel", asked) == "rejected no_assignment"
    assert desk.tell("assignment.amend", asked) == "rejected no_assignment"
    assert desk.tell("assignment.amend", {"assignment_id": one, "order_id": "o-1"}) == "rejected too_late"


def test_an_amendment_moves_the_promise_and_what_is_due(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1), due_minor=500)
    promise = {"kind": "collect", "location": "store-1", "due_us": START_US + 5 * HOUR_US}

    said = {"assignment_id": one, "order_id": "o-1", "promise": promise, "due_minor": 0, "note": "gate 3"}
    assert desk.tell("assignment.amend", said) == "applied"

    seen = desk.view(one)
    assert (seen["due_in_minutes"], seen["due_minor"], seen["note"]) == (299, 0, "gate 3")
