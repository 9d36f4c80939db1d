"""What a store did before it was put back to a backup is done once: its own records say so when they come.

A store does something that the hub hears, and is put back to a copy from before. Until its records are here,
what may be done already is refused; when they are, what they speak of is not begun a second time, also where
its offer comes again because the hub never heard the answer.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.link.recovery import Recovery
from protocol.envelope import decode_event
from protocol.sscc import make_sscc
from tests.support.fulfilment import offered
from tests.support.putting_back import Hub, bring_back, copy_of, put_back
from tests.support.store import START_US, Store, ok, sale
from tests.support.transfer_ends import ENDS, TRANSFER, End, one_end

COATS = ("COAT-M", 2)
RESTORED = "store_restored"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """A store with five coats, two of them lent, and a hundred mugs."""
    with one_end(tmp_path) as made:
        made.lend("COAT-M", 2)
        yield made


def handed_over(shop: End, assignment: str) -> None:
    shop.ready(assignment)
    shop.collect(assignment)


def given_back(shop: End, assignment: str) -> None:
    shop.verb(f"assignments/{assignment}/reject", reason="no_capacity")


def half_picked(shop: End, assignment: str) -> None:
    list_id = shop.start(assignment)
    shop.scan(list_id, "COAT-M")
    shop.verb(f"picks/{list_id}/short", assignment_id=assignment, line_no=1, units=1, reason="not_found")
    shop.verb(f"picks/{list_id}/finish")


@pytest.mark.parametrize(
    ("did", "state"), [(handed_over, "handed_over"), (given_back, "rejected"), (half_picked, "picked")]
)
def test_an_offer_that_comes_again_finds_what_became_of_it(
    shop: End, tmp_path: Path, did: Callable[[End, str], None], state: str
) -> None:
    backup = copy_of(shop, tmp_path)
    did(shop, shop.offer(COATS))
    figures, buckets = shop.letters("COAT-M"), shop.buckets("COAT-M")
    lines = shop.store.rows("SELECT * FROM assignment_lines")

    with put_back(backup, tmp_path) as again:
        bring_back(again, Hub(shop.store))
        printed = len(again.store.rows("SELECT job_id FROM print_jobs"))
        assert again.tell("assignment.offer", offered(1, COATS)) == "applied"

        assert again.state("a-1") == state
        assert again.store.rows("SELECT * FROM assignment_lines") == lines
        assert again.buckets("COAT-M") == buckets
        assert again.letters("COAT-M")["F"] == figures["F"]
        assert len(again.store.rows("SELECT job_id FROM print_jobs")) == printed
        looks = [key for key in again.open_exceptions() if key == "check_the_shelf:a-1"]
        assert len(looks) == (state == "picked")
        assert again.rebuilt(tmp_path) == ()
        assert again.store.rows("SELECT * FROM early_events") == []


def test_a_change_that_comes_again_is_made_once(shop: End, tmp_path: Path) -> None:
    backup = copy_of(shop, tmp_path)
    shop.offer(COATS)
    less = {
        "assignment_id": "a-1",
        "order_id": "o-1",
        "change_id": "c-1",
        "dropped": [{"line_no": 1, "units": 1}],
        "reason": "One is enough",
    }
    assert shop.tell("assignment.change", less) == "applied"

    with put_back(backup, tmp_path) as again:
        bring_back(again, Hub(shop.store))
        again.tell("assignment.offer", offered(1, COATS))
        assert again.tell("assignment.change", less) == "applied"

        assert again.store.rows("SELECT quantity, lent, given_up FROM assignment_lines") == [(2, 1, 1)]
        assert len(again.bodies("assignment.changed")) == 1


def test_a_transfer_that_is_asked_for_again_finds_what_became_of_it(shop: End, tmp_path: Path) -> None:
    backup = copy_of(shop, tmp_path)
    shop.asked(("COAT-M", 2), ("MUG-1", 3), line_1={"lent": 1})
    shop.do(f"/{TRANSFER}/accept")
    shop.send()
    tables = ("transfer_lines", "cartons", "balances")
    rows = {table: sorted(shop.store.rows(f"SELECT * FROM {table}")) for table in tables}

    with put_back(backup, tmp_path) as again:
        bring_back(again, Hub(shop.store))
        assert again.asked(("COAT-M", 2), ("MUG-1", 3), line_1={"lent": 1}) == "applied"

        assert again.where() == "shipped"
        assert {table: sorted(again.store.rows(f"SELECT * FROM {table}")) for table in tables} == rows
        assert again.letters("COAT-M")["F"] == 1
        assert again.rebuilt(tmp_path) == ()


def test_an_announcement_that_comes_again_finds_what_has_arrived(tmp_path: Path) -> None:
    lines = [{"line_no": 1, "sku": "MUG-1", "name": "Mug", "quantity": 4}]
    body = {**ENDS, "lines": lines, "cartons": [], "orders": [], "receipts": [], "shipped_us": 1}
    with one_end(tmp_path, "store-2") as shop:
        backup = copy_of(shop, tmp_path)
        shop.tell("transfer.expect", body)
        shop.do(f"/{TRANSFER}/receive", lines=[{"line_no": 1, "units": 4}])

        with put_back(backup, tmp_path, edge="store-2") as again:
            bring_back(again, Hub(shop.store))
            again.tell("transfer.expect", body)

            assert (again.where(), again.letters("MUG-1")["P"]) == ("received", 4)
            line = again.transfer()["lines"][0]
            assert (line["received"], line["expected"]) == (4, 0)
            assert again.rebuilt(tmp_path) == ()


@pytest.mark.parametrize("undone", [False, True])
def test_a_carton_that_was_taken_in_is_known_before_its_announcement_comes_again(
    tmp_path: Path, undone: bool
) -> None:
    carton = make_sscc("12345678", 1, 1)
    lines = [{"line_no": 1, "sku": "MUG-1", "name": "Mug", "quantity": 4}]
    cartons = [{"sscc": carton, "lines": [{"line_no": 1, "sku": "MUG-1", "quantity": 4}]}]
    body = {**ENDS, "lines": lines, "cartons": cartons, "orders": [], "receipts": [], "shipped_us": 1}
    unknown: dict[str, Any] = {"sscc": carton, "sure": True, "lines": [{"sku": "MUG-1", "units": 4}]}
    with one_end(tmp_path, "store-2") as shop:
        backup = copy_of(shop, tmp_path)
        shop.tell("transfer.expect", body)
        receipt = shop.do(f"/{TRANSFER}/receive", cartons=[carton])["receipt_id"]
        if undone:
            shop.do(f"/receipts/{receipt}/undo")
        there = shop.store.rows("SELECT * FROM cartons")

        with put_back(backup, tmp_path, edge="store-2") as again:
            bring_back(again, Hub(shop.store))
            state = ok(again.store.get("/api/transfers/scan", code=carton))["state"]
            assert state == ("unknown" if undone else "received")
            if not undone:
                before = again.all_rows()
                assert again.do("/unannounced", 409, **unknown)["code"] == "carton_again"
                assert again.all_rows() == before
                page = again.store.client.get(
                    f"/transfers/carton/{carton}", headers=again.store.headers("associate")
                )
                assert page.status_code == 200
            again.tell("transfer.expect", body)

            columns = "sscc, transfer_id, way, state, carton_no, weight_g, lines, receipt_id"
            assert again.store.rows(f"SELECT {columns} FROM cartons") == [row[:8] for row in there]
            assert again.letters("MUG-1")["P"] == (0 if undone else 4)
            assert again.rebuilt(tmp_path) == ()


def test_what_may_be_done_already_is_refused_until_the_records_are_back(shop: End, tmp_path: Path) -> None:
    shop.packed(shop.offer(("COAT-M", 1), kind="ship"))
    shop.offer(("MUG-1", 1))
    shop.asked(("MUG-1", 3))
    shop.do(f"/{TRANSFER}/accept")
    shop.walk()
    shop.carton()
    count = ok(shop.store.post("/api/stock/counts", {"key": "n-1", "skus": ["MUG-1"]}, role="lead"), 201)
    backup = copy_of(shop, tmp_path)

    with put_back(backup, tmp_path) as again:
        before = again.all_rows()
        counted = {"key": "n-2", "lines": [{"sku": "MUG-1", "counted": 90}]}
        refusals = [
            again.do(f"/{TRANSFER}/ship", 409),
            again.do(f"/{TRANSFER}/cancel", 409, reason="No van"),
            again.verb("assignments/a-1/ship", 409),
            again.verb("assignments/a-2/reject", 409, reason="no_capacity"),
            again.store.post(f"/api/stock/counts/{count['count_id']}/confirm", counted).json()["error"],
        ]

        assert [each["code"] for each in refusals] == ["records_missing"] * len(refusals)
        assert again.all_rows() == before
        own = again.do("", way="out", other="store-2", lines=[{"sku": "MUG-1", "quantity": 1}])
        again.send(own["transfer_id"])
        assert again.where(own["transfer_id"]) == "shipped"

        bring_back(again, Hub(shop.store))
        again.do(f"/{TRANSFER}/ship")
        assert again.where() == "shipped"
        assert again.rebuilt(tmp_path) == ()


def test_a_till_that_is_open_again_gets_the_day_back_that_was_open_before(shop: End, tmp_path: Path) -> None:
    backup = copy_of(shop, tmp_path)
    shop.store.open_till()
    ok(shop.store.post("/api/sales", sale("s-1", ("MUG-1", 4), cash_minor=40_00)), 201)

    with put_back(backup, tmp_path) as again:
        again.store.open_till()
        ok(again.store.post("/api/sales", sale("s-2", ("MUG-1", 1), cash_minor=10_00)), 201)
        bring_back(again, Hub(shop.store))

        assert again.letters("MUG-1")["P"] == 95
        assert again.store.rows("SELECT facts ->> 'tills_left_open' FROM exceptions WHERE kind = ?", RESTORED)
        ok(again.store.post("/api/sales", sale("s-3", ("MUG-1", 1), cash_minor=10_00)), 201)
        days = [close_day(again.store, key) for key in ("z-1", "z-2")]
        assert [day["totals"]["cash_minor"] for day in days] == [2 * 7_50, 4 * 7_50]
        refusal = again.store.post("/api/tills/till-1/close", {"key": "z-3"}, "manager").json()["error"]
        assert refusal["code"] == "till_closed"
        assert again.rebuilt(tmp_path) == ()


def close_day(store: Store, key: str) -> Any:
    """Count what ought to be in the drawer, and seal the day."""
    expected = store.rows(
        "SELECT totals ->> 'float_minor', totals ->> 'cash_minor' FROM till_sessions WHERE state <> 'closed'"
        " ORDER BY left_open LIMIT 1"
    )[0]
    counted = {"counted_minor": sum(expected)}
    assert store.post("/api/tills/till-1/count", counted).status_code == 201
    return ok(store.post("/api/tills/till-1/close", {"key": key}, "manager"), 201)


def test_what_the_hub_had_told_before_its_own_restore_comes_back_too(shop: End, tmp_path: Path) -> None:
    backup = copy_of(shop, tmp_path)
    shop.offer(COATS)
    handed_over(shop, "a-1")
    hub = Hub(shop.store)
    hub.past = {"hub-life-0": shop.store.rows("SELECT cseq, bytes FROM directives ORDER BY cseq")}

    with put_back(backup, tmp_path) as again:
        bring_back(again, hub)

        assert again.state("a-1") == "handed_over"
        assert again.store.rows("SELECT hub_inc, cseq, outcome FROM directives") == [
            ("hub-life-0", 1, "applied")
        ]
        again.tell("assignment.offer", offered(1, COATS), directive_id="d-1")
        now = again.store.rows("SELECT outcome FROM directives WHERE hub_inc <> 'hub-life-0'")
        assert now == [("duplicate",)]
        assert again.rebuilt(tmp_path) == ()


def test_what_is_brought_back_goes_by_what_the_hub_said_last(shop: End, tmp_path: Path) -> None:
    backup = copy_of(shop, tmp_path)
    given_back(shop, shop.offer(COATS))
    hub = Hub(shop.store)

    with put_back(backup, tmp_path) as again:
        recovery = Recovery(again.store.edge, hub, again.inbox, lambda: None)  # type: ignore[arg-type]  # it only answers
        recovery._start = lambda: None  # type: ignore[method-assign]  # no thread of its own
        more = hub.life.model_copy(update={"upto": hub.life.upto + 5})
        recovery.begin([more], "")
        hub.while_asked = lambda: recovery.begin([hub.life], "")

        assert recovery.attempt() == 0.0
        assert recovery.attempt() is None
        assert (recovery.trouble, recovery.busy) == (None, False)
        assert len(again.bodies("assignment.rejected")) == 1


def test_a_hub_that_forgot_a_life_gets_it_back(shop: End, tmp_path: Path) -> None:
    shop.offer(COATS)
    told = Hub(shop.store)
    backup = copy_of(shop, tmp_path)

    with put_back(backup, tmp_path) as again:
        again.store.edge.database.write(
            lambda unit: unit.connection.execute("UPDATE lives SET acked = ?", (told.life.upto,))
        )
        recovery = Recovery(again.store.edge, told, again.inbox, lambda: None)  # type: ignore[arg-type]  # it only answers
        assert recovery.lacks(again.store.edge.database.read(), [])
        recovery.work([], "")

    assert [decode_event(data).seq for data in told.given] == list(range(1, told.life.upto + 1))


def taken_back(shop: End) -> str:
    return shop.tell("transfer.cancel", {**ENDS, "reason": "Not needed."})


def counted_for_the_hub(shop: End) -> str:
    return shop.tell("count.request", {"count_id": "c-1", "title": "Coats", "skus": ["COAT-M"]})


def delivery_told(shop: End) -> str:
    lines = [{"sku": "COAT-M", "quantity": 3}]
    return shop.tell("delivery.expect", {"delivery_id": "delivery-1", "supplier": "Mill", "lines": lines})


@pytest.mark.parametrize("carried_out", [taken_back, counted_for_the_hub, delivery_told])
def test_what_the_hub_had_it_do_is_not_done_again_when_it_is_brought_back(
    shop: End, tmp_path: Path, carried_out: Callable[[End], str]
) -> None:
    shop.asked(("COAT-M", 2))
    shop.do(f"/{TRANSFER}/accept")
    shop.walk()
    backup = copy_of(shop, tmp_path)
    before = len(shop.store.rows("SELECT 1 FROM directives"))
    assert carried_out(shop) == "applied"
    hub = Hub(shop.store)
    told = shop.store.rows("SELECT cseq, bytes FROM directives ORDER BY cseq")
    hub.past = {"hub-life-0": told[before:]}

    with put_back(backup, tmp_path) as again:
        bring_back(again, hub)

        # What it had said of that came with its own records, and once.
        said = "SELECT kind FROM events WHERE instr(CAST(bytes AS TEXT), ?) > 0 ORDER BY kind"
        for what in (TRANSFER, "c-1", "delivery-1"):
            assert again.store.rows(said, f'"{what}"') == shop.store.rows(said, f'"{what}"')
        assert again.buckets("COAT-M") == shop.buckets("COAT-M")
        assert again.where() == shop.where()
        assert again.rebuilt(tmp_path) == ()


def test_what_the_hub_said_of_its_orders_comes_back_of_each_of_them(shop: End, tmp_path: Path) -> None:
    backup = copy_of(shop, tmp_path)
    for number in ("LB1-7", "LB1-8"):
        promise = {"kind": "ship", "due_us": START_US}
        said = {"order_id": number, "number": number, "state": "routed", "promise": promise}
        assert shop.tell("order.settled", said) == "applied"
    hub = Hub(shop.store)
    hub.past = {"hub-life-0": shop.store.rows("SELECT cseq, bytes FROM directives ORDER BY cseq")}

    with put_back(backup, tmp_path) as again:
        bring_back(again, hub)

        orders = "SELECT order_id, state FROM later_settled ORDER BY order_id"
        assert again.store.rows(orders) == [("LB1-7", "routed"), ("LB1-8", "routed")]
