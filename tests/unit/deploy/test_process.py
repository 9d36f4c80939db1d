"""Processes that are started, killed, restarted, and never outlive whoever started them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

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
