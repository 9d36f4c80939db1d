"""The spooler against a printer on a real port: what is on the paper is the truth, the record must agree."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

from printing.document import Document, Symbol, Text
from printing.documents.receipt import receipt
from printing.job import JobState
from printing.printer import Limits
from printing.profiles import profile_of
from printing.session import HEADER_END
from printing.status import QUESTIONS
from printing.virtual.server import VirtualPrinter
from protocol.kit.system import SystemClock
from tests.integration.printing.conftest import HASTY, StartSpooler
from tests.support.printing import SqliteJobStore, receipt_facts

RECEIPT = receipt(receipt_facts())
NUMBER = "Receipt LB1-00042"


OPENING = len(HEADER_END + QUESTIONS)


def heard(peer: socket.socket, n_bytes: int) -> bytes:
    """Return the next so many bytes that the spooler sent."""
    data = b""
    while len(data) < n_bytes:
        data += peer.recv(n_bytes - len(data))
    return data


def papers(printer: VirtualPrinter) -> list[str]:
    """Return the text of every slip, and of the paper that hangs out uncut."""
    hanging = printer.machine.growing()
    return [slip.text for slip in printer.machine.slips()] + ([hanging[1]] if hanging else [])


def more_than(printer: VirtualPrinter, n_bytes: int) -> Callable[[], bool]:
    """Return whether the printer has received more than so many bytes, as something to wait for."""
    return lambda: printer.machine.bytes_received > n_bytes


def unmarked(printer: VirtualPrinter) -> int:
    """Count the papers that show the receipt and do not say that they are a reprint."""
    return sum(NUMBER in paper and "REPRINT" not in paper for paper in papers(printer))


def test_a_receipt_is_printed_once_and_confirmed_by_the_printer(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    start_spooler(printer.port)
    store.add("j1", RECEIPT)

    store.wait_until("j1", JobState.PRINTED)

    assert store.steps("j1") == [("sending", 1), ("sent", 1), ("printed", 1)]
    assert store.facts("j1")["cut"] == "confirmed"
    assert [slip.unknown for slip in printer.machine.slips()] == [0]
    assert (unmarked(printer), len(printer.machine.kicks)) == (1, 1)


def test_jobs_are_printed_in_the_order_they_were_queued(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    for number in range(1, 6):
        store.add(f"j{number}", receipt(receipt_facts(f"LB1-0000{number}")))
    start_spooler(printer.port)

    store.wait_until("j5", JobState.PRINTED)

    printed = [re.findall(r"Receipt (\S+)", paper)[0] for paper in papers(printer)]
    assert printed == ["LB1-00001", "LB1-00002", "LB1-00003", "LB1-00004", "LB1-00005"]


@pytest.mark.parametrize(("switch", "condition"), [("paper_out", "no_paper"), ("cover_open", "cover_open")])
def test_a_printer_that_cannot_print_gets_nothing_until_it_can(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler, switch: str, condition: str
) -> None:
    printer.machine.switch(switch, on=True)
    spooler = start_spooler(printer.port)
    store.add("j1", RECEIPT)
    deadline = time.monotonic() + 3
    while spooler.condition.state != condition and time.monotonic() < deadline:
        store.wait(0.05)

    assert (spooler.condition.state, store.job("j1").state, store.steps("j1")) == (condition, "queued", [])
    printer.machine.switch(switch, on=False)
    spooler.try_now()

    store.wait_until("j1", JobState.PRINTED)
    assert (unmarked(printer), len(printer.machine.kicks)) == (1, 1)


def test_paper_that_ends_in_the_middle_holds_the_job_and_a_new_roll_finishes_it(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.machine.run_out_after(400)
    start_spooler(printer.port)
    store.add("j1", RECEIPT)

    store.wait_until("j1", JobState.HELD_AT_PRINTER)
    assert not printer.machine.slips()
    printer.machine.switch("paper_out", on=False)
    store.wait_until("j1", JobState.PRINTED)

    assert [step for step, _attempt in store.steps("j1")][-2:] == ["sent", "printed"]
    assert (unmarked(printer), len(printer.machine.kicks)) == (1, 1)


def test_a_connection_lost_in_the_middle_is_unknown_and_waits_for_a_person(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.drop_after(600)
    start_spooler(printer.port)
    store.add("j1", RECEIPT)

    store.wait_until("j1", JobState.UNKNOWN)
    store.add("j2", receipt(receipt_facts("LB1-00043")))
    store.wait_until("j2", JobState.PRINTED)

    assert store.job("j1").state is JobState.UNKNOWN
    assert unmarked(printer) <= 1


def test_a_missing_receipt_comes_again_marked_and_without_the_drawer(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.drop_after(600)
    start_spooler(printer.port)
    store.add("j1", RECEIPT)
    store.wait_until("j1", JobState.UNKNOWN)

    store.resolve("j1", printed=False)
    job = store.wait_until("j1", JobState.PRINTED)

    assert job.attempt == 2
    assert "REPRINT - possible duplicate, attempt 2" in papers(printer)[-1]
    assert "[QR OS1:r:LB1-00042:2:" in papers(printer)[-1]
    assert (unmarked(printer), len(printer.machine.kicks)) == (1, 1)


def test_a_slip_that_is_harmless_twice_reprints_itself_marked(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.drop_after(600)
    start_spooler(printer.port)
    store.add("j1", RECEIPT, document_class="till_report")

    job = store.wait_until("j1", JobState.PRINTED)

    steps = [step for step, _attempt in store.steps("j1") if step != "sent"]
    assert (job.attempt, steps) == (2, ["sending", "unknown", "queued", "sending", "printed"])
    assert (unmarked(printer), len(printer.machine.kicks)) == (1, 1)


def test_a_printer_that_prints_and_never_says_so_does_not_use_up_its_roll(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    silent_to_tokens = profile_of("generic_80")
    with VirtualPrinter(silent_to_tokens, SystemClock()) as mute:
        start_spooler(mute.port, limits=HASTY)
        store.add("j1", RECEIPT, document_class="till_report")
        store.wait(0.6)

        assert (store.job("j1").state, papers(mute)) == (JobState.QUEUED, [])
    assert papers(printer) == []


def test_an_answer_that_is_lost_ends_unknown_after_the_paper_came_out(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.machine.switch("slow", on=True)
    start_spooler(printer.port)
    store.add("j1", RECEIPT, document_class="till_report")
    store.wait_until("j1", JobState.SENT)
    printer.machine.switch("mute", on=True)
    printer.machine.switch("slow", on=False)

    store.wait_until("j1", JobState.QUEUED)
    printer.machine.switch("mute", on=False)
    job = store.wait_until("j1", JobState.PRINTED)

    assert job.attempt == 2
    assert [NUMBER in paper for paper in papers(printer) if paper] == [True, True]
    assert unmarked(printer) == 1


def test_a_printer_without_a_way_to_answer_ends_sent_and_unconfirmed(
    store: SqliteJobStore, start_spooler: StartSpooler, clock: SystemClock
) -> None:
    with VirtualPrinter(profile_of("generic_80"), clock) as clone:
        start_spooler(clone.port, profile=profile_of("generic_80"), evidence=None)
        store.add("j1", RECEIPT)
        store.wait_until("j1", JobState.SENT_UNCONFIRMED)
        assert clone.machine.wait_for(lambda: len(clone.machine.slips()) == 1, 3)

        assert [slip.unknown for slip in clone.machine.slips()] == [0]


def test_a_job_found_begun_after_a_crash_is_unknown_and_not_sent_again(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    store.add("j1", RECEIPT)
    store.mark("j1", JobState.SENDING, attempt=1, detail="the program was killed here", facts={})

    start_spooler(printer.port)

    job = store.wait_until("j1", JobState.UNKNOWN)
    assert (job.attempt, papers(printer), len(printer.machine.kicks)) == (1, [], 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("dies_at", ["sending", "sent", "printed"])
def test_a_crash_at_any_step_leaves_at_most_one_unmarked_copy_and_one_drawer_pulse(
    printer: VirtualPrinter,
    store: SqliteJobStore,
    start_spooler: StartSpooler,
    monkeypatch: pytest.MonkeyPatch,
    dies_at: str,
) -> None:
    died = threading.Event()
    write_down = SqliteJobStore.mark

    def mark(self: SqliteJobStore, job_id: str, state: JobState, **rest: object) -> None:
        if state.value == dies_at and not died.is_set():
            if state is JobState.SENDING:
                write_down(self, job_id, state, **rest)  # type: ignore[arg-type]  # passed through as it came
            died.set()
            raise SystemExit
        write_down(self, job_id, state, **rest)  # type: ignore[arg-type]  # passed through as it came

    monkeypatch.setattr(SqliteJobStore, "mark", mark)
    first = start_spooler(printer.port)
    store.add("j1", RECEIPT)
    assert died.wait(5)
    first.stop()

    start_spooler(printer.port)
    store.wait_until("j1", JobState.UNKNOWN)
    store.resolve("j1", printed=False)
    store.wait_until("j1", JobState.PRINTED)

    assert unmarked(printer) <= 1
    assert sum("attempt 2" in paper for paper in papers(printer)) == 1
    assert len(printer.machine.kicks) <= 1


def test_a_slip_that_does_not_fit_is_refused_before_anything_is_printed(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    start_spooler(printer.port)
    store.add("j1", Document("too wide", (Text("above"), Symbol.code128("X" * 60))))
    store.add("j2", RECEIPT)

    store.wait_until("j2", JobState.PRINTED)

    assert store.job("j1").state is JobState.REFUSED
    assert len(papers(printer)) == 1


def test_a_slip_that_is_too_old_is_not_printed(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler, clock: SystemClock
) -> None:
    store.add("j1", RECEIPT, age_seconds=10, expires_at_us=clock.now_us() - 1)
    start_spooler(printer.port)

    store.wait_until("j1", JobState.EXPIRED)

    assert papers(printer) == []


def test_a_late_receipt_does_not_open_the_drawer_when_nobody_stands_there(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    store.add("j1", RECEIPT, age_seconds=120)
    start_spooler(printer.port)

    store.wait_until("j1", JobState.PRINTED)

    assert (store.facts("j1")["drawer"], len(printer.machine.kicks), unmarked(printer)) == ("too late", 0, 1)


def test_a_printer_that_is_switched_on_later_prints_what_waited(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.unplug()
    spooler = start_spooler(printer.port)
    store.add("j1", RECEIPT)
    store.wait(0.3)
    assert spooler.condition.state == "unreachable"

    printer.plug_in()
    store.wait_until("j1", JobState.PRINTED)

    assert (spooler.condition.state in {"ready", "printing"}, unmarked(printer)) == (True, 1)


def test_a_peer_that_accepts_and_never_reads_is_not_believed(
    store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dead:
        spooler = start_spooler(dead.getsockname()[1])
        store.add("j1", RECEIPT)
        store.wait(0.8)

        assert (spooler.condition.state, store.job("j1").state) == ("silent", JobState.QUEUED)


def test_a_reset_by_the_printer_after_its_status_is_unknown(
    store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        store.add("j1", RECEIPT)
        start_spooler(listening.getsockname()[1])
        peer, _address = listening.accept()
        heard(peer, OPENING)
        peer.sendall(b"\x12\x12\x12\x12")
        peer.recv(300)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

        store.wait_until("j1", JobState.UNKNOWN)


def test_a_token_of_somebody_else_confirms_nothing(
    store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        store.add("j1", RECEIPT)
        start_spooler(listening.getsockname()[1])
        peer, _address = listening.accept()
        with peer:
            heard(peer, OPENING)
            peer.sendall(b"\x12\x12\x12\x12\x37\x22P   \x00\x00")

            store.wait_until("j1", JobState.UNKNOWN)


def test_stopping_does_not_wait_for_the_slip_that_is_on_its_way(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.machine.switch("slow", on=True)
    spooler = start_spooler(printer.port, limits=Limits())
    store.add("j1", RECEIPT)
    store.wait_until("j1", JobState.SENT)

    spooler.stop()

    assert (store.job("j1").state, spooler.condition.state) == (JobState.UNKNOWN, "stopped")
