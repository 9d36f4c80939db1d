"""The pages of one printer, from the wizard that adds it to the scan that settles its queue."""

from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from edge_agent.database import EdgeUnit
from edge_agent.paper import rows
from edge_agent.paper.store import EdgeJobStore
from printing import discovery
from printing.job import JobState
from printing.virtual.brands import brand_of
from printing.virtual.server import VirtualPrinter
from protocol.ids import slip_code
from protocol.kit.system import SystemClock
from tests.browser.edge.store import PIN, Store, running, sell

pytestmark = pytest.mark.timeout(60)
HTML = {"accept": "text/html"}
PART = {"HX-Request": "true", "accept": "text/html"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running(tmp_path_factory.mktemp("printer-pages")) as started:
        yield started


@pytest.fixture(scope="module")
def printer() -> Iterator[VirtualPrinter]:
    with VirtualPrinter(brand_of("epson_80").profile, SystemClock()) as running_printer:
        yield running_printer


@pytest.fixture(scope="module")
def seat(store: Store) -> Iterator[httpx.Client]:
    """A manager at the first till."""
    with httpx.Client(base_url=store.url, headers=HTML, trust_env=False) as client:
        client.post("/sign-in", data={"person_id": "m-kaur", "pin": PIN, "till": "till-1", "next": "/sell"})
        page = client.get("/sell").text
        client.headers["X-CSRF-Token"] = page.split('"X-CSRF-Token":"')[1].split('"')[0]
        yield client


def add(seat: httpx.Client, **fields: object) -> httpx.Response:
    """Fill in the wizard."""
    said = {"name": "Front", "transport": "tcp", "profile": "epson_80", "purposes": ["receipt", "report"]}
    return seat.post("/store/printers", data=said | fields, headers=PART)


def test_a_printer_is_added_tried_changed_and_asked_anew(
    store: Store, seat: httpx.Client, printer: VirtualPrinter
) -> None:
    added = add(seat, name="Wizard", host="127.0.0.1", port=printer.port, station="till-1")
    assert (added.status_code, added.headers["HX-Redirect"]) == (204, "/store/printers/wizard")
    page = "/store/printers/wizard"

    assert "Wizard" in seat.get(page).text
    for act in ("test", "calibrate", "probe"):
        assert seat.post(f"{page}/{act}", headers=PART).status_code == 200
    changed = seat.post(
        page,
        data={
            "name": "Wizard 2", "transport": "tcp", "host": "127.0.0.1", "port": printer.port,
            "profile": "epson_80", "purposes": ["receipt", "label"], "station": "",
        },
        headers=PART,
    )  # fmt: skip

    row = rows.find_printer(store.edge.database.read(), "wizard")
    assert changed.status_code == 200
    assert row is not None
    assert (row.name, row.purposes, row.station) == ("Wizard 2", ("receipt", "label"), "")


def test_code_pages_are_kept_as_a_person_read_them(store: Store, seat: httpx.Client) -> None:
    add(seat, name="Clone", transport="file", path="slips.bin", profile="generic_80")

    kept = seat.post("/store/printers/clone/pages", data={"cp858": "13", "cp437": "0"}, headers=PART)
    refused = seat.post("/store/printers/clone/pages", data={"cp858": "999"}, headers=PART)

    row = rows.find_printer(store.edge.database.read(), "clone")
    assert (kept.status_code, refused.status_code) == (200, 422)
    assert row is not None
    assert row.pages == "cp858:13,cp437:0"


def give_to_paper(unit: EdgeUnit, job_id: str) -> None:
    """Let a slip wait at the printer Paper."""
    unit.connection.execute(
        "UPDATE print_jobs SET printer_id = 'paper', state = 'queued' WHERE job_id = ?", (job_id,)
    )


def test_one_scan_on_the_page_settles_a_queue(store: Store, seat: httpx.Client) -> None:
    add(seat, name="Paper", transport="file", path="other.bin")
    seat.post("/store/printers/paper/switch", headers=PART)  # nobody takes its slips while they are looked at
    first, last = (sell(store.edge, f"scan-{n}", ("85099B", 1)).number for n in (1, 2))
    queue = EdgeJobStore(store.edge)
    connection = store.edge.database.read()
    jobs = {row.title: row for row in rows.jobs(connection, state="", business_id="", limit=20)}
    for number in (first, last):
        row = jobs[number]
        store.edge.database.write(partial(give_to_paper, job_id=row.job_id))
        queue.mark(row.job_id, JobState.SENDING, attempt=1, detail="", facts={"connection": "z-1"})
        queue.mark(row.job_id, JobState.UNKNOWN, attempt=1, detail="", facts={})

    shown = seat.get("/store/printers/paper").text
    settled = seat.post("/store/printers/last", data={"code": slip_code("rc", last, 1)}, headers=PART)
    unknown = seat.post("/store/printers/last", data={"code": "5012345678900"}, headers=PART)

    assert "2 slips are in doubt" in shown
    assert (settled.status_code, unknown.status_code) == (200, 404)
    assert "Also printed: 1." in settled.text
    after = {row.title: row.state for row in rows.jobs(connection, state="", business_id="", limit=20)}
    assert (after[first], after[last]) == ("resolved_printed", "seen")


def test_a_slip_scanned_where_stock_is_looked_up_is_seen_and_leads_to_its_order(
    store: Store, seat: httpx.Client
) -> None:
    number = sell(store.edge, "scan-3", ("85099B", 1)).number
    [row] = rows.jobs(store.edge.database.read(), state="", business_id=number, limit=2)
    queue = EdgeJobStore(store.edge)
    for state in (JobState.SENDING, JobState.UNKNOWN):
        queue.mark(row.job_id, state, attempt=1, detail="", facts={})

    scanned = seat.post("/stock/scan", data={"code": slip_code("rc", number, 1)}, headers=PART)

    after = rows.find_job(store.edge.database.read(), row.job_id)
    assert (scanned.status_code, scanned.headers["HX-Redirect"]) == (204, f"/orders/{number}")
    assert after is not None
    assert after.state == JobState.SEEN


def test_the_network_is_searched_only_when_asked_and_only_the_stores_own(
    seat: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A printer of our own is talking to its queue, so another one is looked for."""
    asked: list[str] = []

    with VirtualPrinter(brand_of("epson_80").profile, SystemClock()) as other:

        def here(hosts: list[str]) -> list[discovery.Found]:
            asked.extend(hosts)
            return discovery.search(["127.0.0.1"], other.port)

        monkeypatch.setattr("edge_agent.paper.printer_pages.search", here)
        monkeypatch.setattr(discovery, "CONNECT_SECONDS", 5.0)
        monkeypatch.setattr(discovery, "ANSWER_SECONDS", 5.0)
        seat.get("/store/printers/new")
        assert asked == []

        found = seat.post("/store/printers/search", data={"network": "127.0.0.1"}, headers=PART)
    abroad = seat.post("/store/printers/search", data={"network": "93.184.216.34"}, headers=PART)

    assert len(asked) == 254
    assert f"127.0.0.1:{other.port}" in found.text
    assert "answers like a receipt printer" in found.text
    assert abroad.status_code == 422


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/store/printers", {"name": "X", "transport": "device", "path": "/etc/passwd"}, 422),
        ("/store/printers", {"name": "", "host": "10.0.0.1"}, 422),
        ("/store/printers", {"name": "X", "host": "10.0.0.1", "profile": "star"}, 404),
        ("/store/printers", {"name": "X", "host": "10.0.0.1", "purposes": "tea"}, 422),
        ("/store/printers/nobody/move", {}, 404),
        ("/store/printers/nobody", {"name": "X", "host": "10.0.0.1", "purposes": "receipt"}, 404),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    seat: httpx.Client, path: str, fields: dict[str, str], status: int
) -> None:
    answer = seat.post(path, data=fields, headers=PART)

    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_a_printer_that_nobody_signed_in_for_cannot_be_changed(store: Store) -> None:
    with httpx.Client(base_url=store.url, headers=HTML, trust_env=False) as stranger:
        codes = [
            stranger.get("/store/printers/new").status_code,
            stranger.post("/store/printers").status_code,
        ]

    assert all(code in {303, 401, 403} for code in codes)
