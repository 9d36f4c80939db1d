"""One real process of the demo: start, wait until it answers, kill, stop.

All processes are started by one thread that lives as long as the keeper: on Linux a child dies with the
*thread* that started it, not only with the process. Programs of the product are forked from a nursery that
has imported them already. Output goes to a log file of the child's name.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import httpx

from deploy.demo.nursery import Nursery
from protocol.clock import Clock
from protocol.errors import Unavailable

ROOT: Final = Path(__file__).parents[2]
LEASH: Final = Path(__file__).with_name("leash.py")
STOP_SECONDS: Final = 10.0
READY_SECONDS: Final = 60.0
PROBE_SECONDS: Final = 0.05
LOG_LINES: Final = 12

Act = Callable[[], "subprocess.Popen[bytes] | None"]
Answer = Future["subprocess.Popen[bytes] | None"]


class Spawner:
    """The one thread that starts children; cold ones import the product themselves, as at a user's."""

    def __init__(self, *, warm: bool = True) -> None:
        self._warm = warm
        self._wishes: queue.SimpleQueue[tuple[Act, Answer] | None] = queue.SimpleQueue()
        self._nursery = Nursery()
        self._thread = threading.Thread(target=self._run, name="spawner", daemon=True)
        self._thread.start()

    def spawn(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a program in a process group of its own and return it."""

        def start() -> subprocess.Popen[bytes]:
            everything = {**os.environ, **env}
            with log.open("ab") as out:
                warm = self._nursery.start(command, out, everything) if self._warm else None
                return warm or _start(command, out, everything)

        started = self.do(start)
        assert started is not None
        return started

    def do(self, act: Act) -> subprocess.Popen[bytes] | None:
        """Let something that starts a child happen on this thread."""
        answer: Answer = Future()
        self._wishes.put((act, answer))
        return answer.result()

    def close(self) -> None:
        """End the thread; on Linux every child that still runs dies with it."""
        self._wishes.put(None)
        self._thread.join()
        self._nursery.close()

    def _run(self) -> None:
        while (wish := self._wishes.get()) is not None:
            start, answer = wish
            try:
                answer.set_result(start())
            except Exception as error:  # noqa: BLE001 - raised again where somebody waits for the answer
                answer.set_exception(error)


def leashed(command: Sequence[str]) -> list[str]:
    """Return a command that ends with the thread that starts it, where the system can do that."""
    return [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command]


def _start(command: Sequence[str], out: IO[bytes], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        leashed(command),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        env=env,
        start_new_session=True,
    )


class Child:
    """A process that is wanted: whoever keeps it may find it dead and start it again."""

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, spawner: Spawner, health_url: str = ""
    ) -> None:
        self.name = name
        self.health_url = health_url
        self.starts = 0
        self.log = folder / f"{name}.log"
        self._command = tuple(command)
        self._spawner = spawner
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The process id, or 0 when it does not run."""
        return self._process.pid if self._process is not None and self.runs() else 0

    def start(self) -> None:
        """Start it."""
        with self._lock:
            if self.runs():
                return
            path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
            env = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": path}
            self._process = self._spawner.spawn(self._command, self.log, env)
            self.starts += 1

    def runs(self) -> bool:
        """Tell whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def healthy(self) -> bool:
        """Tell whether it answers."""
        if not self.runs():
            return False
        if not self.health_url:
            return True
        try:
            return httpx.get(self.health_url, timeout=2.0, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def wait_ready(
        self, clock: Clock, seconds: float = READY_SECONDS, stopping: threading.Event | None = None
    ) -> None:
        """Wait until it answers.

        Raises:
            Unavailable: it ended, or did not answer in time; the remedy shows the end of its log.
        """
        stopping = stopping or threading.Event()
        deadline = clock.monotonic() + seconds
        while not self.healthy():
            ended = not self.runs()
            if ended or clock.monotonic() > deadline:
                word = "ended at once" if ended else f"did not answer within {seconds:.0f} seconds"
                raise Unavailable(f"{self.name} {word}.", f"Its log {self.log} ends with:\n{self.tail()}")
            if stopping.wait(PROBE_SECONDS):
                raise Unavailable(f"{self.name} was asked to stop while it started.", "Start the demo again.")

    def tail(self) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return "(nothing)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])

    def kill(self) -> None:
        """Kill it and everything it started, without a warning, as a power cut does."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Ask it to stop, and kill it when it does not."""
        self._signal(signal.SIGTERM)
        if self._process is not None:
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
