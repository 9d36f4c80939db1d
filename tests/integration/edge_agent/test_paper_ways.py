"""Which slip goes to which printer in which order, what a stuck one hands over, what one scan settles."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.exceptions import rows as exceptions
from edge_agent.paper import rows, rules, steps
from edge_agent.paper import service as service_module
from edge_agent.paper.rules import Load, Slip, Standing, Station, route, to_backup, trouble_of
from edge_agent.paper.service import PaperService
from edge_agent.paper.settling import last_slip, move_waiting, queue_companion
from edge_agent.paper.slips import Slips
from edge_agent.paper.store import EdgeJobStore
from edge_agent.paper.ways import check_way, way_to
from printing.encoder import encode
from printing.job import JobState
from printing.printer import Limits
from printing.virtual.brands import brand_of
from printing.virtual.preview import render
from printing.virtual.server import VirtualPrinter
from protocol.errors import Invalid, NotFound, Refused
from protocol.ids import slip_code
from protocol.kit.system import SystemClock
from tests.integration.edge_agent.test_paper_room import add_printer, job, printed, wait_for
from tests.support.store_day import Store

SECOND_US = 1_000_000
QUICK = Limits(retry_first_seconds=0.05, retry_longest_seconds=0.1, heartbeat_seconds=0.2, quiet_seconds=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    running = Store(tmp_path, clock=SystemClock())
    running.open()
    yield running
    running.close()


@pytest.fixture
def printer() -> Iterator[VirtualPrinter]:
    with VirtualPrinter(brand_of("epson_80").profile, SystemClock()) as running:
        yield running


def test_a_slip_goes_by_document_then_purpose_then_station() -> None:
    till_1 = Station("p1", frozenset({"receipt"}), "till-1")
    till_2 = Station("p2", frozenset({"receipt"}), "till-2")
    shared = Station("p3", frozenset({"receipt", "list"}))
    bench = Station("p4", frozenset({"pick_list"}))
    known = [till_1, till_2, shared, bench]

    assert route(Slip.RECEIPT, known, "till-2") == "p2"
    assert route(Slip.RECEIPT, known, "till-9") == "p3"
    assert route(Slip.RECEIPT, [till_1, till_2], "till-2") == "p2"
    assert route(Slip.PICK_LIST, known) == "p4"
    assert route(Slip.PACKING_SLIP, known) == "p3"
    assert route(Slip.RECEIPT, [bench], "till-1") == "p4"


def test_a_receipt_comes_out_at_its_own_till(store: Store) -> None:
    add_printer(store, 9, name="Shared")
    add_printer(store, 9, name="Here", station="till-1")

    sold = store.sell()

    assert job(store, sold.receipt_job).printer_id == "here"


def test_a_customer_who_waits_goes_before_a_report(store: Store) -> None:
    add_printer(store, 9)
    store.sell()
    store.count(10_255)
    store.close_till(person=store.manager)
    store.open()
    late = store.sell()
    queue = EdgeJobStore(store.edge)
    taken = []
    while (found := queue.next_job("counter-1")) is not None:
        taken.append(found.document_class)
        queue.mark(found.job_id, JobState.SENDING, attempt=1, detail="", facts={})
        queue.mark(found.job_id, JobState.PRINTED, attempt=1, detail="", facts={})

    assert taken == ["receipt", "receipt", "till_report"]
    assert job(store, late.receipt_job).priority == 0


def test_a_stuck_printer_hands_over_only_after_a_while_and_only_to_one_that_works() -> None:
    stuck = Standing("a", "b", "no_paper", 0)
    works, silent = Standing("b", "", "ready", 0), Standing("b", "", "silent", 0)

    assert to_backup([stuck, works], 29 * SECOND_US) == {}
    assert to_backup([stuck, works], 30 * SECOND_US) == {"a": "b"}
    assert to_backup([stuck, silent], 60 * SECOND_US) == {}
    assert to_backup([replace(stuck, state="printing"), works], 60 * SECOND_US) == {}
    assert to_backup([replace(stuck, backup="a")], 60 * SECOND_US) == {}
    assert to_backup([stuck], 60 * SECOND_US) == {}


def test_what_waits_comes_out_of_the_backup_once_says_whose_it_is_and_opens_no_drawer(
    store: Store, printer: VirtualPrinter
) -> None:
    add_printer(store, printer.port, name="Spare")
    add_printer(store, 9, name="Front", station="till-1", backup="spare")
    sold = store.sell()
    test_job = store.edge.database.write(lambda unit: steps.queue_test_page(unit, store.edge, "front"))
    service = PaperService(store.edge, limits=QUICK)
    service.start()
    try:
        moved = store.edge.database.write(
            lambda unit: move_waiting(unit, store.edge, "front", "spare", why="no paper", by=store.associate)
        )
        printed(store, sold.receipt_job)
    finally:
        service.stop()

    [slip] = printer.machine.slips()
    assert (moved, len(printer.machine.kicks)) == (1, 0)
    assert "BACKUP FROM Front" in slip.text
    assert "REPRINT" not in slip.text
    assert job(store, test_job).printer_id == "front"
    assert "goes to Spare" in rows.log_of(store.edge.database.read(), sold.receipt_job)[0].detail
    assert [row[1] for row in rows.troubles(store.edge.database.read(), "front")] == ["unreachable"]


def test_a_printer_without_a_backup_refuses_to_hand_over(store: Store) -> None:
    add_printer(store, 9)
    sold = store.sell()

    with pytest.raises(Refused) as refused:
        store.edge.database.write(
            lambda unit: move_waiting(unit, store.edge, "counter-1", "", why="", by=store.associate)
        )

    assert refused.value.reason == "no_backup"
    assert job(store, sold.receipt_job).printer_id == "counter-1"


@pytest.mark.parametrize(
    ("brand", "grade", "state"),
    [("citizen_ct_s310", "B", "printed"), ("xprinter_58", "C", "sent_unconfirmed")],
)
def test_a_printer_is_asked_what_it_can_say_whatever_its_kind_claims(
    store: Store, brand: str, grade: str, state: str
) -> None:
    habits = brand_of(brand)
    with VirtualPrinter(habits.profile, SystemClock(), brand=habits) as clone:
        add_printer(store, clone.port, profile=habits.profile.name)
        service = PaperService(store.edge, limits=QUICK)
        service.start()
        try:
            sold = store.sell()
            wait_for(lambda: job(store, sold.receipt_job).state == state)
        finally:
            service.stop()
        assert clone.machine.wait_for(lambda: len(clone.machine.slips()) == 1, 3)

    assert rows.evidence(store.edge.database.read())["counter-1"][0] == grade


def in_doubt(store: Store, sold: str, *, at: str, state: JobState = JobState.UNKNOWN) -> None:
    """Send a slip over a connection and let it end so."""
    queue = EdgeJobStore(store.edge)
    queue.mark(sold, JobState.SENDING, attempt=1, detail="", facts={"connection": at})
    queue.mark(sold, state, attempt=1, detail="", facts={})


def test_one_scan_of_the_last_slip_settles_what_went_before_and_after_it(store: Store) -> None:
    add_printer(store, 9)
    broken, before, last, after = (store.sell() for _ in range(4))
    in_doubt(store, broken.receipt_job, at="x-1")
    for sold in (before, last, after):
        in_doubt(store, sold.receipt_job, at="x-2")

    done = store.edge.database.write(
        lambda unit: last_slip(unit, store.edge, slip_code("rc", last.number, 1), person=store.associate)
    )

    assert (done.printed, done.missing) == (1, 1)
    assert job(store, last.receipt_job).state == "seen"
    assert job(store, before.receipt_job).state == "resolved_printed"
    assert (job(store, after.receipt_job).state, job(store, after.receipt_job).attempt) == ("queued", 2)
    assert job(store, broken.receipt_job).state == "unknown"  # its connection broke: the order says nothing


def test_a_code_that_is_on_no_slip_settles_nothing(store: Store) -> None:
    with pytest.raises(NotFound) as refused:
        store.edge.database.write(
            lambda unit: last_slip(unit, store.edge, "5012345678900", person=store.associate)
        )

    assert refused.value.reason == "no_slip"


def test_the_scan_of_a_first_copy_saves_the_second(store: Store) -> None:
    add_printer(store, 9)
    sold = store.sell()
    in_doubt(store, sold.receipt_job, at="x-1")
    store.edge.database.write(
        lambda unit: steps.resolve_job(
            unit, store.edge, sold.receipt_job, printed=False, person=store.associate
        )
    )

    seen = store.edge.database.write(
        lambda unit: steps.slip_seen(
            unit, store.edge, slip_code("rc", sold.number, 1), person=store.associate
        )
    )

    assert seen is not None
    assert (seen.state, seen.detail) == ("voided", "its first copy was scanned, so no second one is needed")


def test_a_later_answer_proves_only_what_is_still_in_doubt(store: Store) -> None:
    add_printer(store, 9)
    first, second = store.sell(), store.sell()
    queue = EdgeJobStore(store.edge)
    in_doubt(store, first.receipt_job, at="x-1")
    in_doubt(store, second.receipt_job, at="x-1", state=JobState.SENT)

    for sold in (first, second):
        queue.prove(sold.receipt_job, attempt=1, detail="a later slip was confirmed")

    assert [job(store, sold.receipt_job).state for sold in (first, second)] == ["resolved_printed", "sent"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"transport": "pigeon"},
        {"transport": "tcp", "host": ""},
        {"transport": "device", "path": "/etc/passwd"},
        {"transport": "device", "path": "/dev/sda"},
        {"transport": "serial", "path": "/dev/ttyUSB0", "baud": 1234},
        {"transport": "file", "path": "../../etc/cron"},
    ],
)
def test_what_is_no_place_of_a_printer_is_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    row = rows.PrinterRow("", "X", "10.0.0.9", 9100, "epson_80", ("receipt",), active=True)

    with pytest.raises(Invalid):
        check_way(replace(row, **wrong))  # type: ignore[arg-type]  # one value for each field
    check_way(row)
    assert way_to(row, folder=tmp_path).name == "10.0.0.9:9100"


def test_a_gift_receipt_goes_with_a_receipt_and_stickers_with_a_return(store: Store) -> None:
    add_printer(store, 9)
    sold = store.sell([("85123A", 2)])
    back = store.bring_back(sold.number, [(1, 2)])

    def beside(job_id: str) -> str:
        return store.edge.database.write(lambda unit: queue_companion(unit, store.edge, job_id))

    gift, stickers = beside(sold.receipt_job), beside(back.receipt_job)
    texts = {}
    for name, job_id in (("gift", gift), ("stickers", stickers)):
        document = Slips(store.edge.settings).printed(store.edge.database.read(), job(store, job_id))
        profile = brand_of("epson_80").profile
        texts[name] = "\n".join(slip.text for slip in render(encode(document, profile).data, profile))

    assert beside(sold.receipt_job) == gift
    assert sold.number in texts["gift"]
    assert "5.10" not in texts["gift"]
    assert texts["stickers"].count(back.number) >= 2
    with pytest.raises(Refused) as refused:
        beside(gift)
    assert refused.value.reason == "no_companion"


def test_the_scan_of_a_carton_proves_its_label(store: Store) -> None:
    sscc = "395011010000000019"
    job_id = store.edge.database.write(
        lambda unit: steps.queue_slip(
            unit, store.edge, Slip.CARTON_LABEL, "LB1-T00001", sscc, {"sscc": sscc, "transfer_id": "t"}
        )
    )
    in_doubt(store, job_id, at="x-1")

    seen = store.edge.database.write(
        lambda unit: steps.slip_seen(unit, store.edge, f"]C100{sscc}", person=store.associate)
    )

    assert seen is not None
    assert (seen.job_id, seen.state) == (job_id, "seen")


def cards(store: Store) -> list[tuple[str, str]]:
    """Return the open cards about printers, as (title, subject)."""
    found = exceptions.listed(store.edge.database.read(), with_closed=False, limit=50)
    return [(each.title, each.subject) for each in found if each.kind == "printer_trouble"]


def test_a_printer_that_needs_a_person_raises_one_card_that_says_what_is_wrong_now(
    store: Store, printer: VirtualPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "TROUBLE_AFTER_US", 0)
    monkeypatch.setattr(rules, "TROUBLE_AFTER_US", 0)
    add_printer(store, printer.port)
    service = PaperService(store.edge, limits=QUICK)

    def is_(state: str) -> bool:
        return service.conditions()["counter-1"].state == state

    try:
        printer.machine.switch("paper_out", on=True)
        service.look()
        wait_for(lambda: is_("no_paper"))
        for _look in range(2):
            service.tell_troubles()
        assert cards(store) == [("Counter 1 has no paper", "printer:counter-1")]

        printer.machine.switch("paper_out", on=False)
        printer.machine.switch("cover_open", on=True)
        wait_for(lambda: is_("cover_open"))
        service.tell_troubles()
        assert cards(store) == [("The cover of Counter 1 is open", "printer:counter-1")]

        printer.machine.switch("cover_open", on=False)
        wait_for(lambda: is_("ready"))
        service.tell_troubles()
        assert cards(store) == []
    finally:
        service.stop()


def test_slips_in_doubt_raise_the_card_of_their_printer_until_one_scan_settles_them(store: Store) -> None:
    add_printer(store, 9, active=False)
    sold = [store.sell(), store.sell()]
    for each in sold:
        store.edge.database.write(
            lambda unit, job_id=each.receipt_job: (  # type: ignore[misc]  # bound now
                unit.connection.execute(
                    "UPDATE print_jobs SET printer_id = 'counter-1' WHERE job_id = ?", (job_id,)
                ).rowcount
            )
        )
        in_doubt(store, each.receipt_job, at="x-1")
    service = PaperService(store.edge, limits=QUICK)

    service.tell_troubles()
    soon = cards(store)
    store.edge.database.write(
        lambda unit: (
            unit.connection.execute("UPDATE print_jobs SET changed_us = changed_us - 21000000").rowcount
        )
    )
    service.tell_troubles()
    later = cards(store)
    store.edge.database.write(
        lambda unit: last_slip(unit, store.edge, slip_code("rc", sold[1].number, 1), person=store.associate)
    )
    service.tell_troubles()

    assert soon == []
    assert later == [("Slips of Counter 1 are in doubt: scan the last one", "printer:counter-1")]
    assert cards(store) == []


@pytest.mark.parametrize(
    ("state", "seconds", "load", "trouble"),
    [
        ("no_paper", 19, Load(), ""),
        ("no_paper", 20, Load(), "no_paper"),
        ("unreachable", 999, Load(), ""),  # switched off with the lights
        ("unreachable", 20, Load(waiting=1), "unreachable"),
        ("silent", 20, Load(waiting=1, doubts=2), "silent"),
        ("ready", 20, Load(waiting=9), ""),
        ("ready", 20, Load(doubts=1), "doubt"),
    ],
)
def test_what_of_a_printer_needs_a_person(state: str, seconds: int, load: Load, trouble: str) -> None:
    standing = Standing("front", "", state, 0)

    assert trouble_of(standing, load, seconds * SECOND_US) == trouble
    assert trouble_of(None, Load(doubts=1), 0) == "doubt"


def test_the_service_hands_over_by_itself(
    store: Store, printer: VirtualPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "BACKUP_AFTER_US", 0)
    add_printer(store, printer.port, name="Spare", purposes=("list",))
    add_printer(store, 9, name="Front", backup="spare")
    service = PaperService(store.edge, limits=QUICK)
    service.start()
    try:
        sold = store.sell()
        printed(store, sold.receipt_job)
    finally:
        service.stop()

    assert job(store, sold.receipt_job).printer_id == "spare"
    assert "BACKUP FROM Front" in printer.machine.slips()[0].text
