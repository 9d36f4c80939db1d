import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.customers import steps as customers
from edge_agent.rebuild import rebuild
from edge_agent.returns.policy import take_policy
from edge_agent.till.looks import calendar_date
from protocol.customers import Contact
from protocol.ids import slip_code
from protocol.returns import Channel, ChannelRule, ReturnPolicy
from tests.support.fulfilment import CODES, CONTACT, HOUR_US, Desk, offered
from tests.support.store import START_US, Store, begin_store, ok, refused, sign_everybody_in


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 3)
    made.lend("MUG-1", 20)
    contact = Contact.model_validate(CONTACT)
    store.edge.database.write(lambda unit: customers.take(unit, store.edge, contact))
    return made


def test_an_offer_is_taken_on_by_itself_and_its_pick_list_is_printed(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2), contact_id="c-1")

    seen = ok(desk.store.get("/api/fulfil/work"))

    assert [
        (each["assignment_id"], each["next"], each["clock"], each["due_in_minutes"]) for each in seen
    ] == [(one, "pick", "fine", 59)]
    assert seen[0]["contact_label"] == "Quill A."
    assert "phone" not in seen[0]
    assert desk.kinds() == ["assignment.accepted"]
    assert desk.jobs("pick_list") == ["LB1-L00001"]
    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 2, "O": 3, "F": 0}


def test_lent_units_are_collected_and_the_right_ends_with_the_handover(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2), ("MUG-1", 1))
    desk.ready(one, bags=2)

    assert desk.letters("COAT-M") == {"P": 5, "B": 0, "L": 2, "O": 3, "F": 0}
    assert desk.buckets("COAT-M") == {"sellable": 3, "picked": 2}

    done = desk.collect(one)

    assert (done["state"], done["rest"]) == ("handed_over", 0)
    assert desk.letters("COAT-M") == {"P": 3, "B": 0, "L": 2, "O": 1, "F": 2}
    assert desk.buckets("COAT-M") == {"sellable": 3}
    assert desk.kinds() == [
        "assignment.accepted",
        "assignment.pick_started",
        "assignment.picked",
        "assignment.packed",
        "assignment.staged",
        "assignment.handed_over",
    ]
    assert [len(desk.jobs(slip)) for slip in ("packing_slip", "pickup_label", "handover_slip")] == [1, 2, 1]


def test_a_part_is_handed_over_and_the_rest_stays_on_its_shelf(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2), ("MUG-1", 1))
    desk.ready(one)

    part = desk.collect(one, (1, 1))

    assert (part["state"], part["rest"]) == ("ready", 2)
    assert desk.bodies("assignment.handed_over")[0]["rest"] is True
    assert desk.letters("COAT-M") == {"P": 4, "B": 0, "L": 2, "O": 2, "F": 1}

    rest = desk.collect(one)

    assert (rest["state"], rest["rest"]) == ("handed_over", 0)
    assert desk.letters("COAT-M") == {"P": 3, "B": 0, "L": 2, "O": 1, "F": 2}


def test_an_undone_handover_leaves_bound_units_and_a_second_one_ends_them(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 2))
    desk.ready(one)
    done = desk.collect(one)

    undone = desk.verb(f"handovers/{done['handover_id']}/undo", reason="wrong bag")

    assert undone["state"] == "ready"
    assert desk.letters("COAT-M") == {"P": 5, "B": 2, "L": 2, "O": 1, "F": 2}
    assert desk.buckets("COAT-M") == {"sellable": 3, "picked": 2}

    again = desk.collect(one)

    assert again["state"] == "handed_over"
    assert desk.bodies("assignment.handed_over")[1]["lines"] == [{"line_no": 1, "sku": "COAT-M", "bound": 2}]
    assert desk.letters("COAT-M") == {"P": 3, "B": 0, "L": 2, "O": 1, "F": 2}


def test_a_handover_is_undone_once_and_only_within_ten_minutes(desk: Desk) -> None:
    one, two = desk.offer(("MUG-1", 1)), desk.offer(("MUG-1", 1))
    desk.ready(one)
    desk.ready(two)
    first, second = desk.collect(one), desk.collect(two)
    desk.verb(f"handovers/{first['handover_id']}/undo")
    desk.store.clock.set(START_US + 11 * 60 * 1_000_000)
    before = desk.everything()

    assert desk.verb(f"handovers/{first['handover_id']}/undo", 409)["code"] == "already_undone"
    late = desk.verb(f"handovers/{second['handover_id']}/undo", 409)
    assert (late["code"], late["remedy"]) == ("undo_too_late", "Take it as a return.")
    assert desk.verb("handovers/nothing/undo", 404)["code"] == "no_handover"
    assert desk.everything() == before


def test_parcels_leave_with_the_own_label_and_stand_on_the_manifest(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1), ("MUG-1", 2), kind="ship", contact_id="c-1")
    desk.pick(one)
    desk.verb(
        f"assignments/{one}/pack",
        parcels=[{"weight_g": 900, "lines": [{"line_no": 1, "units": 1}]}, {"weight_g": 400}],
        scanned=[CODES["COAT-M"], CODES["MUG-1"], CODES["MUG-1"]],
    )

    sent = desk.verb(f"assignments/{one}/ship", service="express")

    assert sent["tracking"] == ["LB1-T00001-3", "LB1-T00002-0"]
    assert desk.jobs("shipping_label") == sent["tracking"]
    assert desk.bodies("assignment.shipped")[0]["lines"] == [
        {"line_no": 1, "sku": "COAT-M", "lent": 1},
        {"line_no": 2, "sku": "MUG-1", "lent": 2},
    ]
    assert desk.letters("MUG-1") == {"P": 98, "B": 0, "L": 80, "O": 18, "F": 2}
    waiting = ok(desk.store.get("/api/fulfil/manifests/candidates"))
    assert [each["tracking"] for each in waiting] == sent["tracking"]

    closed = desk.verb("manifests")

    assert (closed["number"], closed["carrier"], closed["parcels"]) == ("LB1-M00001", "house", 2)
    assert desk.bodies("manifest.closed")[0]["parcels"] == sent["tracking"]
    assert desk.verb("manifests", 409)["code"] == "nothing_to_manifest"
    assert [each["manifest"] for each in desk.view(one)["parcels"]] == ["LB1-M00001"] * 2


def test_another_carriers_numbers_are_typed_and_belong_to_one_parcel_each(desk: Desk) -> None:
    one = desk.offer(("MUG-1", 1), kind="ship")
    two = desk.offer(("MUG-1", 1), kind="ship")
    (first,), (second,) = desk.packed(one), desk.packed(two)
    before = desk.everything()

    assert desk.verb(f"assignments/{one}/ship", 409, carrier="swift")["code"] == "tracking_missing"
    assert desk.verb(f"assignments/{one}/ship", 409)["code"] == "no_address"
    assert desk.everything() == before

    given = [{"parcel_id": first, "tracking": "SW 1234 5678"}]
    sent = desk.verb(f"assignments/{one}/ship", carrier="swift", parcels=given)
    assert (sent["tracking"], sent["jobs"]) == (["SW12345678"], [])
    taken = [{"parcel_id": second, "tracking": "SW12345678"}]
    error = desk.verb(f"assignments/{two}/ship", 409, carrier="swift", parcels=taken)
    assert error["code"] == "tracking_taken"


def test_every_slip_of_fulfilment_can_be_printed_from_its_job(desk: Desk) -> None:
    one = desk.offer(("COAT-M", 1), contact_id="c-1", note="ring twice", gift=True)
    desk.ready(one)
    policy = ReturnPolicy(version=1, default_days=10, channels={Channel.WEB: ChannelRule(days=30)})
    desk.store.edge.database.write(lambda unit: take_policy(unit, desk.store.edge, policy))
    desk.collect(one)
    ((facts,),) = desk.store.rows("SELECT facts FROM print_jobs WHERE document = 'handover_slip'")
    left = date.fromisoformat(calendar_date(desk.store.edge))
    assert json.loads(facts)["back"] == [(left + timedelta(days=30)).isoformat()]
    two = desk.offer(("MUG-1", 1), kind="ship", contact_id="c-1")
    desk.packed(two)
    desk.verb(f"assignments/{two}/ship")
    desk.verb("manifests")
    three = desk.offer(("MUG-1", 1))
    assert desk.tell("assignment.cancel", {"assignment_id": three, "order_id": "o-3"}) == "applied"

    for job_id, document in desk.store.rows("SELECT job_id, document FROM print_jobs ORDER BY rowid"):
        picture = desk.store.get(f"/api/print-jobs/{job_id}/preview.png")
        expected = 422 if document == "pick_list" and job_id == last_list(desk) else 200
        assert picture.status_code == expected, (document, picture.text[:200])
    assert {document for (document,) in desk.store.rows("SELECT DISTINCT document FROM print_jobs")} == {
        "pick_list", "packing_slip", "pickup_label", "handover_slip", "shipping_label", "manifest",
        "void_slip",
    }  # fmt: skip


def last_list(desk: Desk) -> str:
    """Return the job of the newest pick list: its order was cancelled before it could print."""
    found = desk.store.rows("SELECT job_id FROM print_jobs WHERE document = 'pick_list' ORDER BY rowid DESC")
    return str(found[0][0])


def test_scanning_a_slip_takes_it_for_printed(desk: Desk) -> None:
    one = desk.offer(("MUG-1", 1))
    desk.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE print_jobs SET state = 'unknown'").rowcount
    )
    list_id = desk.view(one)["list_id"]
    seen = ok(desk.store.post("/api/slips/seen", {"code": slip_code("pl", list_id, 1)}))

    assert seen["state"] == "seen"


def test_the_tables_of_fulfilment_follow_from_the_log_and_the_directives(desk: Desk, tmp_path: Path) -> None:
    one, two = desk.offer(("COAT-M", 2)), desk.offer(("MUG-1", 2), kind="ship", contact_id="c-1")
    desk.ready(one)
    amended = {"assignment_id": one, "order_id": "o-1", "note": "ring twice", "due_minor": 0}
    assert desk.tell("assignment.amend", amended) == "applied"
    done = desk.collect(one, (1, 1))
    desk.verb(f"handovers/{done['handover_id']}/undo")
    desk.packed(two)
    desk.verb(f"assignments/{two}/ship")
    desk.verb("manifests")
    three = desk.offer(("MUG-1", 1))
    assert desk.tell("assignment.cancel", {"assignment_id": three, "order_id": "o-3"}) == "applied"
    desk.collect(one)
    desk.offer(("BOOK-1", 1))

    made = rebuild(desk.store.edge.settings.database_file, tmp_path / "rebuilt.db")

    assert made.differences == ()
    assert made.rows["assignments"] == 4


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"lines": [{"line_no": 1, "sku": "NO-1", "name": "No", "quantity": 1}]}, "rejected unknown_sku"),
        ({"promise": {"kind": "ship"}}, "rejected no_capability"),
        (
            {"lines": [{"line_no": 1, "sku": "ALTER", "name": "A", "quantity": 1, "kind": "service"}]},
            "rejected nothing_to_pick",
        ),
        ({"lines": []}, "rejected bad_body"),
    ],
)
def test_an_offer_that_cannot_be_fulfilled_is_rejected_and_leaves_nothing(
    tmp_path: Path, body: dict[str, Any], answer: str
) -> None:
    store = begin_store(tmp_path, fulfil={"capabilities": ["collect"]})
    with store.client:
        sign_everybody_in(store)
        desk = Desk(store)
        before = desk.everything()

        assert desk.tell("assignment.offer", offered(1, ("MUG-1", 1)) | body_of(body)) == answer
        assert desk.everything() == before


def body_of(changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes with a whole promise, where a part of it is changed."""
    whole = offered(1, ("MUG-1", 1))
    return changes | ({"promise": whole["promise"] | changes["promise"]} if "promise" in changes else {})


def test_an_offer_after_its_time_or_told_twice_changes_nothing_more(desk: Desk) -> None:
    body = offered(1, ("MUG-1", 1))
    assert desk.tell("assignment.offer", body, exp=START_US - HOUR_US) == "expired"
    assert ok(desk.store.get("/api/fulfil/work")) == []

    assert desk.tell("assignment.offer", body, directive_id="d-x") == "applied"
    before = desk.everything()

    assert desk.tell("assignment.offer", body, directive_id="d-x") == "duplicate"
    assert desk.tell("assignment.offer", body) == "applied"
    assert desk.everything() == before


def test_nobody_reads_work_or_customers_without_signing_in(desk: Desk) -> None:
    one = desk.offer(("MUG-1", 1), contact_id="c-1")

    for path in ("work", f"assignments/{one}", f"assignments/{one}/contact", "shelves", "holds"):
        answer = desk.store.client.get(f"/api/fulfil/{path}")
        assert refused(answer, 401)["code"] == "not_signed_in"
