"""Processes that are started, killed, restarted, and never outlive whoever started them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.demo.nursery import Nursery
from deploy.demo.process import Spawner
from protocol.errors import Unavailable
from protocol.kit.system import SystemClock
from tests.support.processes import Processes, descendants, group_members

ROOT = Path(__file__).parents[3]
SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def test_a_killed_process_can_be_started_again_and_is_another(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        child = processes.run("sleeper", SLEEPER)
        first = child.pid
        child.kill()
        assert (child.pid, child.runs()) == (0, False)

        child.start()

        assert child.starts == 2
        assert child.pid not in {0, first}


def test_a_process_that_ends_at_once_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(Unavailable) as refusal:
        processes.run(
            "broken",
            [sys.executable, "-S", "-c", "raise SystemExit('no such settings')"],
            url="http://127.0.0.1:1",
        )

    assert refusal.value.what == "broken ended at once."
    assert "no such settings" in refusal.value.remedy


def test_a_process_that_ignores_being_asked_is_killed_with_all_it_started(tmp_path: Path) -> None:
    script = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    with Processes(tmp_path) as processes:
        child = processes.run("stubborn", [sys.executable, "-S", "-c", script])
        wait_for(lambda: "ready" in child.tail())
        group = child.pid
        assert len(list(group_members(group))) == 2

        child.kill()

        wait_for(lambda: list(group_members(group)) == [])


def test_a_supervisor_that_is_killed_itself_leaves_nothing_behind(tmp_path: Path) -> None:
    script = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from deploy.demo.process import Child, Spawner\n"
        "spawner = Spawner()\n"
        "command = [sys.executable, '-S', '-c', 'import time; time.sleep(60)']\n"
        f"child = Child('sleeper', command, folder=Path({str(tmp_path)!r}), spawner=spawner)\n"
        "child.start()\n"
        "print(child.pid, flush=True)\n"
        "threading.Event().wait()\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with supervisor:
        assert supervisor.stdout is not None
        sleeper = int(supervisor.stdout.readline())
        assert sleeper in descendants(supervisor.pid)

        supervisor.send_signal(signal.SIGKILL)

    wait_for(lambda: not alive(sleeper))


def test_a_start_that_fails_is_reported_to_whoever_wanted_it(tmp_path: Path) -> None:
    spawner = Spawner()

    def fail() -> None:
        raise Unavailable("The port is taken.", "Take another.")

    with pytest.raises(Unavailable, match="port is taken"):
        spawner.do(fail)
    spawner.close()


def told(nursery: Nursery, log: Path, *arguments: str, **env: str) -> tuple[bool, int, str]:
    """Run `orderspine` and return whether it started warm, its exit code and what it said."""
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    with log.open("wb") as out:
        warm = nursery.start(command, out, {**os.environ, **env})
        process = warm or subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **env}
        )
    return warm is not None, process.wait(30), log.read_text()


@pytest.fixture
def own_nursery() -> Iterator[Nursery]:
    """Return one that a test may kill."""
    nursery = Nursery()
    yield nursery
    nursery.close()


def test_a_program_that_starts_warm_says_and_returns_what_it_does_cold(
    own_nursery: Nursery, tmp_path: Path
) -> None:
    words = ("config", "explane")

    warm, code, said = told(own_nursery, tmp_path / "warm", *words)
    cold, code_cold, said_cold = told(own_nursery, tmp_path / "cold", *words, PYTHONPATH="/nowhere")

    assert (warm, cold) == (True, False)
    assert (code, said) == (code_cold, said_cold)
    assert code == 2
    assert "No such command" in said


def test_without_its_nursery_a_program_starts_cold_and_what_it_had_started_ends(
    own_nursery: Nursery, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "deploy.cli", "printer", "virtual", "--port", "0", "--page-port", "0"]
    with (tmp_path / "log").open("wb") as out:
        printer = own_nursery.start(command, out, os.environ)
    assert printer is not None
    assert printer.poll() is None

    os.kill(own_nursery.pid, signal.SIGKILL)

    assert printer.wait(10) == -signal.SIGKILL
    assert told(own_nursery, tmp_path / "next", "--version")[:2] == (False, 0)


def alive(pid: int) -> bool:
    return any(member == pid for member in group_members(os.getpgid(pid))) if exists(pid) else False


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    clock, pause = SystemClock(), threading.Event()
    deadline = clock.monotonic() + seconds
    while not happened():
        assert clock.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.02)
