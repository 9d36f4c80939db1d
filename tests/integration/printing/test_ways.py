"""Every way to a printer: device file, serial line, raw file, broken networks, a search, a label printer."""

import os
import pty
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from printing import discovery
from printing.discovery import Found, neighbours, search
from printing.documents.receipt import receipt
from printing.encoder import encode
from printing.evidence import Evidence
from printing.job import JobState
from printing.printer import Printer
from printing.profiles import profile_of
from printing.spooler import Spooler
from printing.transports import tcp9100
from printing.transports.device import DeviceFile
from printing.transports.raw_file import RawFile
from printing.transports.tcp9100 import UNACKNOWLEDGED_MS, Tcp9100, keeps_up
from printing.virtual.brands import BRANDS, brand_of
from printing.virtual.machine import Machine
from printing.virtual.server import VirtualPrinter
from protocol.errors import Invalid, NotFound, PrinterUnavailable
from protocol.kit.system import SystemClock, SystemIds
from tests.integration.printing.conftest import HASTY, StartSpooler
from tests.support.printing import SqliteJobStore, receipt_facts

RECEIPT = receipt(receipt_facts())
EPSON = profile_of("epson_80")


class _Wire:
    """The printer's end of a line."""

    def __init__(self, file: int) -> None:
        self._file = file

    def answer(self, data: bytes) -> None:
        os.write(self._file, data)


@pytest.fixture
def wired() -> Iterator[tuple[str, Machine]]:
    """A virtual printer at a serial line: the path of the line, and the machine."""
    ours, theirs = pty.openpty()
    machine = Machine(EPSON, SystemClock())
    machine.start()
    ended = threading.Event()

    def carry() -> None:
        wire = _Wire(ours)
        machine.attach(wire)
        while not ended.is_set():
            try:
                data = os.read(ours, 4096)
            except OSError:
                return
            machine.receive(data, wire)

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    yield os.ttyname(theirs), machine
    ended.set()
    os.close(theirs)
    machine.stop()
    os.close(ours)


def test_a_serial_line_carries_slips_and_answers(
    wired: tuple[str, Machine], store: SqliteJobStore, clock: SystemClock
) -> None:
    path, machine = wired
    line = DeviceFile(path, 115200)
    spooler = Spooler(Printer("front", EPSON, line), store, clock, SystemIds(), limits=HASTY)
    store.add("j1", RECEIPT)
    spooler.start()
    try:
        store.wait_until("j1", JobState.PRINTED)
        with pytest.raises(PrinterUnavailable, match="Another program holds"):
            DeviceFile(path, 115200).connect(1)
    finally:
        spooler.stop()

    assert store.facts("j1")["evidence"] == "A"
    assert ("LB1-00042" in machine.slips()[0].text, len(machine.kicks)) == (True, 1)


def test_a_device_that_is_gone_is_unreachable_and_a_speed_that_no_line_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrinterUnavailable) as refused:
        DeviceFile(str(tmp_path / "lp0")).connect(1)
    with pytest.raises(Invalid):
        DeviceFile("/dev/ttyS0", 1234)

    assert refused.value.reason == "unreachable"


def test_a_raw_file_holds_the_very_bytes_and_confirms_nothing(
    store: SqliteJobStore, clock: SystemClock, tmp_path: Path
) -> None:
    profile = profile_of("generic_80")
    way = RawFile(tmp_path / "paper" / "slips.bin")
    spooler = Spooler(Printer("front", profile, way), store, clock, SystemIds(), limits=HASTY)
    store.add("j1", RECEIPT, age_seconds=120)
    spooler.start()
    try:
        store.wait_until("j1", JobState.SENT_UNCONFIRMED)
    finally:
        spooler.stop()

    written = (tmp_path / "paper" / "slips.bin").read_bytes()
    assert written.endswith(encode(RECEIPT, profile).data)
    assert store.facts("j1")["evidence"] == "E"


def test_the_kernel_is_told_when_a_silent_peer_counts_as_lost(printer: VirtualPrinter) -> None:
    link = Tcp9100(printer.host, printer.port).connect(1)
    peer = link._peer

    assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNACKNOWLEDGED_MS
    assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
    link.close()


@pytest.mark.parametrize("fault", ["half_open", "hang_up"])
def test_a_peer_that_stops_reading_or_hangs_up_leaves_the_job_in_doubt_or_waiting(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler, fault: str
) -> None:
    start_spooler(printer.port)
    store.add("j1", RECEIPT)
    store.wait_until("j1", JobState.PRINTED)
    printer.machine.switch(fault, on=True)
    store.add("j2", receipt(receipt_facts("LB1-00043")))
    store.wait(0.8)
    printer.machine.switch(fault, on=False)

    job = store.wait_until("j2", JobState.PRINTED, JobState.UNKNOWN)

    copies = sum("LB1-00043" in slip.text for slip in printer.machine.slips())
    assert copies <= 1
    assert (job.state is JobState.PRINTED) <= (copies == 1)


def test_a_knife_that_sticks_is_told_although_the_slip_is_printed(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.machine.switch("cutter_jam", on=True)
    start_spooler(printer.port)
    store.add("j1", RECEIPT)

    store.wait_until("j1", JobState.PRINTED)

    assert store.facts("j1")["cut"] == "the knife sticks"
    printer.machine.switch("cutter_jam", on=False)
    assert printer.machine.wait_for(lambda: len(printer.machine.slips()) == 1, 3)


def test_a_power_cut_of_the_printer_leaves_half_a_slip_and_a_doubt(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    printer.machine.run_out_after(300)
    start_spooler(printer.port)
    store.add("j1", RECEIPT)
    store.wait_until("j1", JobState.HELD_AT_PRINTER)

    printer.power_cycle()
    store.wait_until("j1", JobState.UNKNOWN)
    printer.machine.switch("paper_out", on=False)
    store.add("j2", receipt(receipt_facts("LB1-00043")))
    store.wait_until("j2", JobState.PRINTED)

    texts = [slip.text for slip in printer.machine.slips()]
    assert [("LB1-00042" in text, "LB1-00043" in text) for text in texts] == [(True, False), (False, True)]


def test_a_label_printer_says_how_it_is_and_prints_labels(
    store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    zebra = brand_of("zebra_zd421")
    with VirtualPrinter(zebra.profile, SystemClock(), brand=zebra) as labels:
        labels.machine.switch("paper_out", on=True)
        spooler = start_spooler(labels.port, profile=zebra.profile, evidence=None)
        store.add("j1", RECEIPT, document_class="pickup_label")
        store.wait(0.4)
        assert (spooler.condition.state, store.job("j1").state) == ("no_paper", JobState.QUEUED)
        labels.machine.switch("paper_out", on=False)
        spooler.try_now()
        store.wait_until("j1", JobState.SENT_UNCONFIRMED)
        assert labels.machine.wait_for(lambda: len(labels.machine.slips()) == 1, 3)

        [label] = labels.machine.slips()
        assert ("LB1-00042" in label.text, label.unknown, len(labels.machine.kicks)) == (True, 0, 0)
    assert store.facts("j1")["evidence"] == "C"


@pytest.mark.parametrize("name", sorted(BRANDS))
def test_every_brand_is_found_to_be_what_its_answers_are_worth(
    name: str, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    brand = brand_of(name)
    worth = "A" if brand.tokens else "B" if brand.numbers else "C"
    worth = "E" if name == "no_name_80" else worth
    with VirtualPrinter(brand.profile, SystemClock(), brand=brand) as running:
        start_spooler(running.port, profile=brand.profile, evidence=None)
        store.add("j1", RECEIPT)
        store.wait_until("j1", JobState.PRINTED, JobState.SENT_UNCONFIRMED)
        assert running.machine.wait_for(lambda: len(running.machine.slips()) == 1, 3)

    assert store.facts("j1")["evidence"] == worth


def test_a_late_answer_on_the_same_line_proves_a_slip_that_was_in_doubt(
    printer: VirtualPrinter, store: SqliteJobStore, start_spooler: StartSpooler
) -> None:
    """The printer speaks all the time, and only the mark of the first slip is lost."""
    machine, lost = printer.machine, list[bytes]()
    token = machine._works._token

    def swallow(line: object, frame: bytes) -> None:
        if len(lost) < 2:
            lost.append(frame)
        else:
            token(line, frame)  # type: ignore[arg-type]  # passed on as it came

    machine._works._token = swallow  # type: ignore[method-assign]  # the fault of this test
    start_spooler(printer.port)
    store.add("j1", RECEIPT)
    store.wait_until("j1", JobState.UNKNOWN)
    store.add("j2", receipt(receipt_facts("LB1-00043")))

    store.wait_until("j2", JobState.PRINTED)
    store.wait_until("j1", JobState.RESOLVED_PRINTED)
    assert printer.connections == 1


def test_only_the_stores_own_network_is_searched(
    printer: VirtualPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "ANSWER_SECONDS", 5.0)
    assert len(neighbours("192.168.4.17")) == 253
    assert search(["127.0.0.1", "127.0.0.2"], printer.port)[0] == Found(
        "127.0.0.1", printer.port, answers=True
    )
    for abroad in ("8.8.8.8", "printer.example", "0.0.0.0"):
        with pytest.raises(Invalid):
            neighbours(abroad)


def test_what_listens_and_says_nothing_is_found_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert search(["127.0.0.1"], mute.getsockname()[1]) == [
            Found("127.0.0.1", mute.getsockname()[1], answers=False)
        ]


def test_an_unknown_brand_is_refused_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="citizen_ct_s310"):
        brand_of("star")
    assert brand_of("epson_58").profile.name == "epson_58"
    assert Evidence("A").confirms


def test_a_printer_that_is_full_and_answers_probes_is_waited_for_beyond_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Paper out in the middle of a long slip: its window is closed for as long as nobody brings a roll."""
    monkeypatch.setattr(tcp9100, "UNACKNOWLEDGED_MS", 300)
    with socket.socket() as full:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        full.bind(("127.0.0.1", 0))
        full.listen()
        link = Tcp9100(*full.getsockname()).connect(1)
        peer, _address = full.accept()
        with peer:
            while link.exchange(bytes(65_536), 0.2)[0]:
                pass
            for _wait in range(8):
                assert link.exchange(b"x", 0.1) == (0, b"")
        link.close()


@pytest.mark.parametrize(
    ("under_way", "probes", "patient"), [(0, 0, True), (0, 1, True), (0, 2, False), (3, 0, False)]
)
def test_only_who_acknowledges_is_waited_for(under_way: int, probes: int, patient: bool) -> None:
    info = struct.pack("8B6I", 1, 0, 0, probes, 0, 0, 0, 0, 0, 0, 0, 0, under_way, 0)

    assert keeps_up(info) is patient
