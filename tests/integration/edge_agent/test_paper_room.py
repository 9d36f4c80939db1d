import ast
import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from edge_agent.exceptions import rows as exceptions
from edge_agent.paper import api, rows, steps, words
from edge_agent.paper.rules import KEPT_US, Slip, Station, check_purposes, key_of, route
from edge_agent.paper.service import PaperService
from edge_agent.paper.store import EdgeJobStore
from printing import job as job_rules
from printing import spooler
from printing.job import JobState
from printing.printer import Limits
from printing.profiles import profile_of
from printing.virtual.server import VirtualPrinter
from protocol.errors import IllegalTransition, Invalid, Refused
from protocol.ids import slip_code
from protocol.kit.system import SystemClock
from tests.support.store_day import NOON_US, SECOND_US, Store

QUICK = Limits(retry_first_seconds=0.05, retry_longest_seconds=0.1, heartbeat_seconds=0.2, quiet_seconds=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    running = Store(tmp_path, clock=SystemClock())
    running.open()
    yield running
    running.close()


@pytest.fixture
def printer() -> Iterator[VirtualPrinter]:
    with VirtualPrinter(profile_of("epson_80"), SystemClock()) as running:
        yield running


@pytest.fixture
def paper(store: Store) -> Iterator[PaperService]:
    service = PaperService(store.edge, limits=QUICK)
    service.start()
    yield service
    service.stop()


def add_printer(store: Store, port: int, **more: object) -> rows.PrinterRow:
    said = {
        "printer_id": "",
        "name": "Counter 1",
        "host": "127.0.0.1",
        "port": port,
        "profile": "epson_80",
        "purposes": ("receipt", "report"),
        "active": True,
    }
    row = rows.PrinterRow(**(said | more))  # type: ignore[arg-type]  # one value for each column
    return store.edge.database.write(lambda unit: steps.put_printer(unit, store.edge, row))


def job(store: Store, job_id: str) -> rows.JobRow:
    found = rows.find_job(store.edge.database.read(), job_id)
    assert found is not None
    return found


def wait_for(reached: Callable[[], bool], seconds: float = 8) -> None:
    pause = threading.Event()
    for _try in range(int(seconds / 0.02)):
        if reached():
            return
        pause.wait(0.02)
    assert reached()


def printed(store: Store, job_id: str) -> None:
    wait_for(lambda: job(store, job_id).state == JobState.PRINTED)


def test_a_receipt_is_queued_with_its_sale_and_printed_once_with_one_drawer_kick(
    store: Store, paper: PaperService, printer: VirtualPrinter
) -> None:
    add_printer(store, printer.port)
    paper.look()

    sold = store.sell([("85123A", 2)], discount_minor=10)
    printed(store, sold.receipt_job)

    [slip] = printer.machine.slips()
    assert sold.number in slip.text
    assert "5.00" in slip.text
    assert "REPRINT" not in slip.text
    assert len(printer.machine.kicks) == 1
    log = rows.log_of(store.edge.database.read(), sold.receipt_job)
    assert [each.state for each in log] == ["sending", "sent", "printed"]


def test_a_card_sale_leaves_the_drawer_shut(
    store: Store, paper: PaperService, printer: VirtualPrinter
) -> None:
    add_printer(store, printer.port)
    paper.look()

    sold = store.sell([("85123A", 2)], card_minor=510)
    printed(store, sold.receipt_job)

    assert len(printer.machine.kicks) == 0


def test_without_a_printer_slips_wait_in_sight_and_go_to_the_first_that_is_added(
    store: Store, paper: PaperService, printer: VirtualPrinter
) -> None:
    sold = store.sell()
    waiting = job(store, sold.receipt_job)
    assert (waiting.printer_id, waiting.state) == ("", "queued")

    added = add_printer(store, printer.port)
    printed(store, sold.receipt_job)  # the housekeeper finds the new printer by itself

    assert job(store, sold.receipt_job).printer_id == added.printer_id == "counter-1"
    assert len(printer.machine.slips()) == 1


def test_a_slip_waits_for_paper_and_prints_exactly_once_when_it_is_back(
    store: Store, paper: PaperService, printer: VirtualPrinter
) -> None:
    add_printer(store, printer.port)
    printer.machine.switch("paper_out", on=True)
    paper.look()

    sold = store.sell()
    wait_for(lambda: paper.conditions()["counter-1"].state == "no_paper")
    assert job(store, sold.receipt_job).state == JobState.QUEUED
    assert printer.machine.slips() == ()
    printer.machine.switch("paper_out", on=False)
    paper.try_now("counter-1")
    printed(store, sold.receipt_job)

    assert len(printer.machine.slips()) == 1
    [view] = api.printer_views(store.edge.database.read(), paper)
    assert (view.waiting, view.purposes) == (0, ("receipt", "report"))


def test_a_slip_found_half_sent_after_a_kill_is_in_doubt_until_a_person_has_looked(
    store: Store, printer: VirtualPrinter
) -> None:
    add_printer(store, printer.port)
    sold = store.sell()
    before = EdgeJobStore(store.edge)
    before.mark(sold.receipt_job, JobState.SENDING, attempt=1, detail="to somewhere", facts={})
    # Here the program is killed: the database says SENDING and nothing else.
    service = PaperService(store.edge, limits=QUICK)
    service.start()
    try:
        wait_for(lambda: job(store, sold.receipt_job).state == JobState.UNKNOWN)
        assert printer.machine.slips() == ()
        raised = exceptions.find_open(store.edge.database.read(), f"print:{sold.receipt_job}")
        assert raised is not None
        assert raised.title == f"Did the receipt {sold.number} print?"

        store.edge.database.write(
            lambda unit: steps.resolve_job(
                unit, store.edge, sold.receipt_job, printed=False, person=store.associate
            )
        )
        printed(store, sold.receipt_job)
    finally:
        service.stop()

    [slip] = [each for each in printer.machine.slips() if each.text]  # what hung half out is cut off first
    assert "REPRINT - possible duplicate, attempt 2" in slip.text
    assert len(printer.machine.kicks) == 0
    assert exceptions.find_open(store.edge.database.read(), f"print:{sold.receipt_job}") is None


def test_a_slip_in_doubt_at_a_printer_that_is_gone_is_found_at_the_start(store: Store) -> None:
    sold = store.sell()
    EdgeJobStore(store.edge).mark(sold.receipt_job, JobState.SENDING, attempt=1, detail="", facts={})
    service = PaperService(store.edge, limits=QUICK)
    service.start()
    service.stop()

    assert job(store, sold.receipt_job).state == JobState.UNKNOWN


def test_a_reprint_is_a_new_job_that_says_so_and_leaves_the_drawer_shut(
    store: Store, paper: PaperService, printer: VirtualPrinter
) -> None:
    add_printer(store, printer.port)
    paper.look()
    sold = store.sell()
    printed(store, sold.receipt_job)

    def reprint(job_id: str) -> str:
        return store.edge.database.write(
            lambda unit: steps.reprint(
                unit, store.edge, job_id, reason="customer lost it", person=store.associate
            )
        )

    second = reprint(sold.receipt_job)
    printed(store, second)
    third = reprint(sold.receipt_job)
    printed(store, third)

    texts = [slip.text for slip in printer.machine.slips()]
    assert [f"attempt {n}" in text for n, text in enumerate(texts, start=1)] == [False, True, True]
    assert len(printer.machine.kicks) == 1
    first = rows.log_of(store.edge.database.read(), second)[0]
    assert (first.state, first.detail, first.by) == ("queued", "customer lost it", "a-osei")


def test_a_reprint_of_a_slip_in_doubt_says_that_it_is_not_there_and_ends_the_doubt(store: Store) -> None:
    sold = store.sell()
    queue = EdgeJobStore(store.edge)
    for state in (JobState.SENDING, JobState.UNKNOWN):
        queue.mark(sold.receipt_job, state, attempt=1, detail="", facts={})

    again = store.edge.database.write(
        lambda unit: steps.reprint(unit, store.edge, sold.receipt_job, reason="torn", person=store.associate)
    )

    after = job(store, sold.receipt_job)
    assert (again, after.state, after.attempt) == (sold.receipt_job, JobState.QUEUED, 2)
    assert exceptions.find_open(store.edge.database.read(), f"print:{sold.receipt_job}") is None
    assert len(store.rows("print_jobs")) == 1


def sentences(module: ModuleType) -> set[str]:
    """Return the sentences that a module gives to what writes a step or a condition down."""
    writers = {"_Outcome", "Mark", "mark", "_tell", "_unknown"}
    found: set[str] = set()
    for call in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) in writers:
            given = [*call.args, *(word.value for word in call.keywords)]
            found |= {str(each.value) for each in given if isinstance(each, ast.Constant)}
    return {each for each in found if " " in each}


def test_every_sentence_of_a_printers_thread_has_its_word() -> None:
    """What `printing` writes down is English; the screens say it in the language of their reader."""
    known = inspect.getsource(words.detail_word)

    said = sentences(spooler) | sentences(job_rules)

    assert len(said) > 10
    assert {each for each in said if f'"{each}": _(' not in known} == set()


def test_a_slip_on_its_way_is_not_reprinted_and_one_not_sent_can_be_cancelled(store: Store) -> None:
    sold = store.sell()

    with pytest.raises(Refused) as refused:
        store.edge.database.write(
            lambda unit: steps.reprint(
                unit, store.edge, sold.receipt_job, reason="again", person=store.associate
            )
        )
    voided = store.edge.database.write(
        lambda unit: steps.void_job(unit, store.edge, sold.receipt_job, person=store.associate)
    )
    with pytest.raises(IllegalTransition):
        store.edge.database.write(
            lambda unit: steps.void_job(unit, store.edge, sold.receipt_job, person=store.associate)
        )

    assert refused.value.reason == "still_waiting"
    assert voided.state == JobState.VOIDED
    assert len(store.rows("print_jobs")) == 1


def test_the_scan_of_a_slip_proves_that_it_printed(store: Store) -> None:
    sold = store.sell()
    queue = EdgeJobStore(store.edge)
    for state in (JobState.SENDING, JobState.UNKNOWN):
        queue.mark(sold.receipt_job, state, attempt=1, detail="", facts={})

    seen = store.edge.database.write(
        lambda unit: steps.slip_seen(
            unit, store.edge, slip_code("rc", sold.number, 1), person=store.associate
        )
    )

    assert seen is not None
    assert seen.state == JobState.SEEN
    assert exceptions.find_open(store.edge.database.read(), f"print:{sold.receipt_job}") is None


def test_every_slip_of_a_day_can_be_seen_as_a_picture_before_it_prints(store: Store) -> None:
    sold = store.sell([("85123A", 2), ("BOOK", 1)], card_minor=300, discount_minor=20)
    store.bring_back(sold.number, [(1, 1)])
    store.void(store.sell().number)
    store.count(10_000)
    store.close_till(person=store.manager)
    titles = {}
    for row in rows.jobs(store.edge.database.read(), state="", business_id="", limit=100):
        titles[row.title] = api.preview_png(store.edge, row.job_id)[:8]

    assert sorted(titles) == ["LB1-00001", "LB1-00002", "LB1-R00001", "LB1-R00002", "LB1-Z00001"]
    assert set(titles.values()) == {b"\x89PNG\r\n\x1a\n"}


def test_slips_are_in_the_language_of_the_store_and_a_void_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path, clock=SystemClock(), language="de")
    store.open()
    done = store.void(store.sell().number)

    document = EdgeJobStore(store.edge)._slips.document(
        store.edge.database.read(), job(store, done.receipt_job)
    )

    assert document.language == "de"
    assert document.opens_drawer
    assert "VOIDED" in repr(document.blocks) or "STORNIERT" in repr(document.blocks)
    store.close()


def test_a_job_whose_event_is_gone_is_refused_and_the_next_one_is_taken(store: Store) -> None:
    add_printer(store, 9)
    bad, good = store.sell(), store.sell()
    store.edge.database.write(
        lambda unit: (
            unit.connection.execute(
                "UPDATE print_jobs SET facts = '{\"seq\":9999}' WHERE job_id = ?", (bad.receipt_job,)
            ).rowcount
        )
    )

    taken = EdgeJobStore(store.edge).next_job("counter-1")

    assert taken is not None
    assert taken.job_id == good.receipt_job
    assert job(store, bad.receipt_job).state == JobState.REFUSED
    card = exceptions.find_open(store.edge.database.read(), f"print:{bad.receipt_job}")
    assert card is not None
    assert (card.kind, card.title) == ("slip_refused", f"The receipt {bad.number} cannot be printed")
    assert "nothing to print" in card.facts["why"]


def test_old_jobs_are_forgotten_in_small_steps_and_doubtful_ones_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    done, doubtful, waiting = store.sell(), store.sell(), store.sell()
    queue = EdgeJobStore(store.edge)
    for state in (JobState.SENDING, JobState.PRINTED):
        queue.mark(done.receipt_job, state, attempt=1, detail="", facts={})
    for state in (JobState.SENDING, JobState.UNKNOWN):
        queue.mark(doubtful.receipt_job, state, attempt=1, detail="", facts={})
    store.clock.at_us = NOON_US + KEPT_US + 3600 * SECOND_US

    forgotten = PaperService(store.edge, limits=QUICK).tidy()

    left = {row[0]: row[6] for row in store.rows("print_jobs")}
    assert forgotten == 2  # the one that waited for no printer expired first
    assert left == {doubtful.receipt_job: "unknown"}
    assert waiting.receipt_job not in left
    assert {row[0] for row in store.rows("print_log")} == {doubtful.receipt_job}
    store.close()


def test_slips_go_by_purpose_then_to_any_printer_then_wait() -> None:
    counter, office = Station("counter", frozenset({"receipt"})), Station("office", frozenset({"report"}))

    assert route(Slip.RECEIPT, [office, counter]) == "counter"
    assert route(Slip.TILL_REPORT, [counter, office]) == "office"
    assert route(Slip.TILL_REPORT, [counter]) == "counter"
    assert route(Slip.RECEIPT, []) == ""
    assert key_of(Slip.RECEIPT, "LB1-00042") == "receipt:LB1-00042:1"
    with pytest.raises(Invalid):
        check_purposes(["labels"])


def test_the_same_reading_is_the_same_job_and_a_later_one_is_another(store: Store) -> None:
    from edge_agent.till.api import print_reading

    def printed_x() -> str:
        return store.edge.database.write(
            lambda unit: print_reading(unit, store.edge, "till-1", person=store.lead)
        ).job_id

    first, again = printed_x(), printed_x()
    store.sell()
    later = printed_x()

    assert first == again
    assert later != first
    assert api.preview_png(store.edge, later)[:4] == b"\x89PNG"
