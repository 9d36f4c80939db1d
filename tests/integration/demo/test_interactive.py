"""`orderspine demo` as a person uses it: start, look, cut, sell, restore, tick off, stop, start again."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from deploy.demo.client import Login, StoreClient
from deploy.demo.people import ASSOCIATE, MANAGER
from protocol.kit.system import SystemClock
from tests.support.processes import descendants

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.processes, pytest.mark.slow]


class RunningDemo:
    """A demo in a process of its own, as `make demo` starts it."""

    started: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        command = [sys.executable, "-m", "deploy.cli", "demo", "--folder", str(folder)]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        self.started.append(self.process)
        wait_for(lambda: self._is_up() or self._has_ended(), 90)
        assert not self._has_ended(), self.log.read_text()

    def tell(self, *words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "deploy.cli", "demo", *words, "--folder", str(self.folder), "--json"]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        said: dict[str, Any] = json.loads(answer.stdout)
        return said

    def place(self, name: str) -> dict[str, Any]:
        return next(place for place in self.tell("status")["places"] if place["name"] == name)

    def tour(self) -> dict[str, bool]:
        port = json.loads((self.folder / "control.json").read_text())["port"]
        steps = httpx.get(f"http://127.0.0.1:{port}/tour", trust_env=False).json()["steps"]
        return {step["id"]: step["done"] for step in steps}

    def look_at_the_paper(self) -> int:
        port = json.loads((self.folder / "control.json").read_text())["port"]
        return httpx.get(f"http://127.0.0.1:{port}/paper", follow_redirects=True, trust_env=False).status_code

    def stop(self) -> None:
        """Press Ctrl+C, and see that nothing is left."""
        children = descendants(self.process.pid)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0
        assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []

    def _is_up(self) -> bool:
        return (self.folder / "control.json").exists()

    def _has_ended(self) -> bool:
        return self.process.poll() is not None


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    """A demo that a test may do anything to."""
    yield from begun(tmp_path / "demo")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demo that tests leave as it was."""
    yield from begun(tmp_path_factory.mktemp("shared") / "demo")


def begun(folder: Path) -> Iterator[RunningDemo]:
    before = len(RunningDemo.started)
    try:
        yield RunningDemo(folder)
    finally:
        while len(RunningDemo.started) > before:  # also the second one of a test that failed on the way
            process = RunningDemo.started.pop()
            process.kill()
            process.wait()


def sell_one(place: dict[str, Any], key: str) -> str:
    login = Login(ASSOCIATE.person_id, ASSOCIATE.pin, "till-1")
    client = StoreClient(place["name"], place["url"], login, SystemClock())
    client.sign_in()
    found = client.get("/api/products", q="bag", limit=1)[0]
    price = found["price_minor"]
    tender = {"kind": "cash", "amount_minor": price, "tendered_minor": price}
    wanted = {
        "key": key,
        "till": "till-1",
        "lines": [{"sku": found["sku"], "quantity": 1}],
        "tenders": [tender],
    }
    said = client.post("/api/sales", wanted)
    client.close()
    return str(said["number"])


def collect_one(demo: RunningDemo, name: str) -> None:
    """Pick a web order at a store and hand it over, with the code that the terminal tells."""
    place = demo.place(name)
    login = Login(MANAGER.person_id, MANAGER.pin, "till-1")
    client = StoreClient(name, place["url"], login, SystemClock())
    client.sign_in()
    wait_for(lambda: bool(waiting_at(client)), 60)
    work = waiting_at(client)[0]
    path = f"/api/fulfil/assignments/{work['assignment_id']}"
    wanted = {"list_id": work["list_id"]} if work["list_id"] else {"assignments": [work["assignment_id"]]}
    list_id = client.post("/api/fulfil/picks", {"key": "pick", **wanted})["list_id"]
    for line in client.get(path)["items"]:
        found = {"assignment_id": work["assignment_id"], "line_no": line["line_no"], "units": line["open"]}
        client.post(f"/api/fulfil/picks/{list_id}/set", {"key": f"set-{line['line_no']}", **found})
    client.post(f"/api/fulfil/picks/{list_id}/finish", {"key": "finish"})
    client.post(f"{path}/pack", {"key": "pack", "bags": 1})
    client.post(f"{path}/stage", {"key": "stage", "shelf": "P-01"})
    said = demo.log.read_text()
    code = re.search(rf"{work['number']}:.*?code\s+(\d{{6}})", said, re.DOTALL)
    assert code is not None, said
    verified = client.post(f"{path}/verify", {"key": "verify", "how": "code", "said": code.group(1)})
    client.post(f"{path}/hand-over", {"key": "give", "verification": verified["verification"]})
    client.close()


def waiting_at(client: StoreClient) -> list[dict[str, Any]]:
    return [
        work for work in client.get("/api/fulfil/work", kind="collect") if work["state"] == "acknowledged"
    ]


@pytest.mark.timeout(300)
def test_the_first_ten_minutes_of_a_newcomer_work_as_the_readme_says(demo: RunningDemo) -> None:
    steps = ["sell", "cut", "catch_up", "paper", "pick", "pickup"]
    assert demo.tour() == dict.fromkeys(steps, False)

    first = sell_one(demo.place("store-1"), "first")
    code, _dash, number = first.partition("-")
    following = [f"LB1-{int(number) + n:05d}" for n in (1, 2)]
    assert (code, int(number) > 1) == ("LB1", True), "the month before had sales too"
    wait_for(lambda: demo.tour()["sell"])

    assert demo.tell("cut", "store-2")["places"][1]["line"] == "cut"
    second = sell_one(demo.place("store-2"), "second")
    assert second.startswith("YC1-")
    wait_for(lambda: demo.tour()["cut"])
    assert demo.tour()["catch_up"] is False

    assert demo.tell("restore", "store-2")["places"][1]["line"] == "up"
    wait_for(lambda: demo.tour()["catch_up"], 60)

    assert demo.look_at_the_paper() == 200
    collect_one(demo, "store-2")  # any store will do
    wait_for(lambda: all(demo.tour().values()))

    before = demo.place("store-1")
    demo.tell("kill", "store-1")
    wait_for(lambda: demo.place("store-1")["starts"] == before["starts"] + 1)
    assert sell_one(demo.place("store-1"), "third") == following[0]
    demo.stop()

    again = RunningDemo(demo.folder)
    assert again.place("store-1")["url"] == before["url"]
    assert sell_one(again.place("store-1"), "fourth") == following[1]
    again.tell("stop")
    assert again.process.wait(30) == 0


@pytest.mark.timeout(120)
def test_a_demo_that_is_killed_itself_leaves_no_process_behind(demo: RunningDemo) -> None:
    children = descendants(demo.process.pid)
    assert len(children) >= 10  # broker, hub, four edges, four printers

    demo.process.kill()
    demo.process.wait()

    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() and not is_zombie(pid) for pid in children))


@pytest.mark.timeout(120)
def test_nobody_steers_a_demo_without_its_word_and_nobody_else_can_read_it(shared: RunningDemo) -> None:
    control = shared.folder / "control.json"
    port = json.loads(control.read_text())["port"]

    answer = httpx.post(f"http://127.0.0.1:{port}/cut", json={"name": "store-1"}, trust_env=False)

    assert answer.status_code == 403
    assert shared.place("store-1")["line"] == "up"
    secrets = [control, *(shared.folder / "secrets").iterdir()]
    assert {oct(file.stat().st_mode & 0o777) for file in secrets} == {"0o600"}
    assert MANAGER.pin not in shared.folder.joinpath("store-1", "settings.toml").read_text()


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    clock, pause = SystemClock(), threading.Event()
    deadline = clock.monotonic() + seconds
    while not happened():
        assert clock.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.1)


@pytest.mark.timeout(120)
def test_a_broker_that_dies_is_started_again_without_being_asked(shared: RunningDemo) -> None:
    before = broker_of(shared)

    os.kill(before, signal.SIGKILL)

    wait_for(lambda: broker_of(shared) not in (0, before), 20)
    assert shared.tell("status")["kills"] == 0


@pytest.mark.timeout(120)
def test_a_demo_that_runs_is_not_wiped_by_a_second_one(shared: RunningDemo) -> None:
    command = [sys.executable, "-m", "deploy.cli", "demo", "--reset", "--folder", str(shared.folder)]

    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)

    assert second.returncode == 75
    assert second.stderr.splitlines()[0] == f"A demo is running in {shared.folder}."
    assert shared.place("store-1")["starts"] == 1


def broker_of(demo: RunningDemo) -> int:
    """Return the process of the demo's broker, 0 while there is none."""
    for pid in descendants(demo.process.pid):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(b"mosquitto" in word and not word.endswith(b".conf") for word in words[:1]):
            return pid
    return 0
