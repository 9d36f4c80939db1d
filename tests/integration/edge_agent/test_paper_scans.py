"""A scan proves a slip wherever it is made, and paper says until when something may come back."""

from collections.abc import Iterator
from itertools import cycle

import pytest

from edge_agent.fulfil.steps.commands import Stage
from edge_agent.paper import rows, steps
from edge_agent.paper.leads import place_of
from edge_agent.paper.rules import Slip
from edge_agent.paper.scanned import SLIP_OF, codes_in
from edge_agent.paper.settling import queue_companion
from edge_agent.paper.slips import Slips
from edge_agent.returns.policy import take_policy
from printing.document import Document, Text
from printing.job import JobState
from protocol.ids import slip_code
from protocol.kit.system import SystemClock
from protocol.returns import GoodsRule, ReturnPolicy
from tests.integration.edge_agent.test_paper_room import add_printer, job
from tests.integration.edge_agent.test_paper_ways import in_doubt
from tests.support.store_day import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    running = Store(tmp_path_factory.mktemp("scans"), clock=SystemClock())
    running.open()
    add_printer(running, 9)
    yield running
    running.close()


def queued(store: Store, slip: Slip, business_id: str) -> str:
    """Queue a slip and leave it in doubt."""
    job_id = store.edge.database.write(
        lambda unit: steps.queue_slip(unit, store.edge, slip, business_id, business_id, {})
    )
    in_doubt(store, job_id, at="x-1")
    return job_id


def seen(store: Store, code: str) -> rows.JobRow | None:
    return store.edge.database.write(
        lambda unit: steps.slip_seen(unit, store.edge, code, person=store.associate)
    )


def test_the_code_of_every_kind_of_slip_proves_it_also_with_the_mark_of_a_scanner(store: Store) -> None:
    for (kind, slip), revision in zip(SLIP_OF.items(), cycle(("", "@3", ":r2")), strict=False):
        number = f"LB1-{kind.upper()}77"
        job_id = queued(store, slip, number + revision)
        code = slip_code(kind, f"{number}-1" if kind == "st" else number, 1)

        found = seen(store, f"]Q1{code}")

        assert found is not None, kind
        assert (found.job_id, found.state) == (job_id, JobState.SEEN), kind


def test_the_test_page_is_proven_by_the_name_of_its_job(store: Store) -> None:
    job_id = queued(store, Slip.TEST_PAGE, "page-1")

    assert seen(store, slip_code("tp", job_id, 1)) is not None
    assert job(store, job_id).state == JobState.SEEN
    assert seen(store, slip_code("tp", "no-such-job", 1)) is None


def test_a_code_that_two_sent_lists_share_proves_neither(store: Store) -> None:
    old, new = queued(store, Slip.PICK_LIST, "LB1-L00077"), queued(store, Slip.PICK_LIST, "LB1-L00077:r2")

    assert seen(store, slip_code("pl", "LB1-L00077", 1)) is None
    assert {job(store, each).state for each in (old, new)} == {JobState.UNKNOWN}


def test_the_number_under_the_square_code_proves_the_one_slip_that_bears_it(store: Store) -> None:
    one, two, again = "LB1-00901", "LB1-00902", "LB1-00903"
    lists = [queued(store, Slip.PICK_LIST, number) for number in (one, two, again)]
    queued(store, Slip.MANIFEST, two)
    store.edge.database.write(
        lambda unit: unit.connection.execute(
            "UPDATE print_jobs SET attempt = 2 WHERE job_id = ?", (lists[2],)
        )
    )

    def asked(code: str) -> rows.JobRow | None:
        return store.edge.database.write(
            lambda unit: steps.slip_seen(unit, store.edge, code, person=store.associate, asked=True)
        )

    assert (seen(store, one), seen(store, f"]Q1{one}")) == (None, None)  # typed, or no bar code
    assert (asked(two), asked(again), asked("LB1-00999")) == (None, None, None)
    assert {job(store, each).state for each in lists} == {JobState.UNKNOWN}
    found = seen(store, f"]C0{one}")
    assert found is not None
    assert (found.job_id, found.state) == (lists[0], JobState.SEEN)


def test_the_codes_among_what_a_handheld_tells_are_found() -> None:
    bag = slip_code("bg", "LB1-B00001", 1)

    told = Stage(key="0" * 36, shelf="A1", scanned=(bag, "LB1-B00002"))

    assert list(codes_in(told)) == [bag]


def test_a_scanned_slip_leads_to_what_it_is_about(store: Store) -> None:
    sold = store.sell([("85123A", 1), ("BOOK", 2)])
    back = store.bring_back(sold.number, [(1, 1), (2, 1)])
    page = queued(store, Slip.TEST_PAGE, "page-2")
    connection = store.edge.database.read()

    def place(kind: str, slip_id: str) -> str:
        return place_of(connection, store.edge, slip_code(kind, slip_id, 1))

    assert place("rc", sold.number) == place("rt", back.number) == f"/orders/{sold.number}"
    assert place("st", f"{back.number}-2") == "/stock/decide?sku=BOOK"
    assert place("tp", page) == f"/store/printers/jobs/{page}"
    assert place("tf", "LB1-X00001") == "/transfers/number/LB1-X00001"
    assert place_of(connection, store.edge, "5012345678900") == ""


def paper_of(store: Store, job_id: str) -> Document:
    connection = store.edge.database.read()
    return Slips(store.edge.settings).printed(connection, job(store, job_id))


def said(document: Document) -> list[str]:
    return [block.text.strip() for block in document.blocks if isinstance(block, Text)]


def test_the_day_until_which_goods_come_back_is_fixed_with_the_sale(store: Store) -> None:
    def set_policy(version: int, days: int, **items: GoodsRule) -> None:
        policy = ReturnPolicy(version=version, default_days=days, items=items)
        store.edge.database.write(lambda unit: take_policy(unit, store.edge, policy))

    before = store.sell()
    set_policy(1, 30, BOOK=GoodsRule(final_sale=True))
    sold = store.sell([("85123A", 1), ("BOOK", 1), ("85123A", 2)])
    gift = store.edge.database.write(lambda unit: queue_companion(unit, store.edge, sold.receipt_job))
    set_policy(2, 14)

    [until] = [text for text in said(paper_of(store, sold.receipt_job)) if "returned until" in text]
    assert until in said(paper_of(store, gift))
    assert "Final sale: comes back only if it is faulty" in said(paper_of(store, gift))
    assert not [text for text in said(paper_of(store, before.receipt_job)) if "returned until" in text]
    later = said(paper_of(store, store.sell().receipt_job))
    assert [text for text in later if "returned until" in text] != [until]
