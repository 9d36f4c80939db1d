"""Programs of the demo that start warm: real processes, forked from one that has imported the product once.

Importing the hub or a store takes two seconds of processor time, and a demo starts ten processes. The nursery
imports everything once; `orderspine …` is then a fork of it, with a process group, an environment and a log
of its own: it is killed, stopped and waited for like any other, and its memory is shared until it is changed.
Only on Linux, where a process can be watched by somebody who is not its parent; elsewhere it starts cold.
"""

import ctypes
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Never

ROOT: Final = Path(__file__).parents[2]
NAME: Final = "deploy.demo.nursery"
PROGRAM: Final = [sys.executable, "-m", "deploy.cli"]
MODULES: Final = (
    "deploy.cli",
    "hub.cli",
    "hub.app",
    "hub.worker",
    "edge_agent.cli",
    "edge_agent.app",
    "printing.cli",
    "printing.virtual.run",
    "protocol.kit.web.server",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto",
)
_PR_SET_PDEATHSIG: Final = 1
_LARGEST: Final = 1 << 18
STOP_SECONDS: Final = 10.0


class Warm(subprocess.Popen[bytes]):
    """A process that a nursery has forked: its exit code is known there, its end is seen here."""

    def __init__(self, pid: int, nursery: "Nursery") -> None:  # not a child of ours: nothing to set up
        self.pid = pid
        self.args = PROGRAM
        self.returncode: int | None = None
        self.stdin = self.stdout = self.stderr = None
        self._child_created = False  # so that the interpreter does not wait for it when this is forgotten
        self._nursery = nursery
        self._end = os.pidfd_open(pid)
        self._asking = threading.Lock()

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def _ended(self, seconds: float | None) -> int | None:
        with self._asking:
            if self.returncode is None and select.select([self._end], [], [], seconds)[0]:
                os.close(self._end)
                try:
                    self.returncode = self._nursery.ask({"ended": self.pid})
                except (OSError, ValueError):  # the nursery ended first, and took it with it
                    self.returncode = -signal.SIGKILL
            return self.returncode


class Nursery:
    """The process from which others are forked; it is started when the first one is wanted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._path = ""

    @property
    def pid(self) -> int:
        """Its process id, or 0 while nobody has wanted anything of it."""
        return self._process.pid if self._process is not None else 0

    def start(
        self, command: Sequence[str], out: IO[bytes], env: Mapping[str, str]
    ) -> subprocess.Popen[bytes] | None:
        """Start a command with an environment, or return None where it has to start cold."""
        if list(command[:3]) != PROGRAM or not hasattr(os, "pidfd_open"):
            return None
        path = env.get("PYTHONPATH", "")
        wish = {"arguments": list(command[3:]), "env": dict(env), "cwd": str(Path.cwd())}
        with self._lock:
            if self._line is None:
                self._line, self._path = self._open(env), path
        if path != self._path:  # other code than what was imported here
            return None
        try:
            return Warm(self.ask(wish, out.fileno()), self)
        except (OSError, ValueError):  # it has died; what is wrong shows where a program starts by itself
            return None

    def ask(self, wish: Mapping[str, Any], *files: int) -> int:
        """Send a wish and return the number that answers it.

        Raises:
            OSError: the nursery has died.
            ValueError: it died before it answered.
        """
        with self._lock:
            if self._line is None:
                raise BrokenPipeError
            socket.send_fds(self._line, [json.dumps(wish).encode()], files)
            return int(self._line.recv(64))

    def close(self) -> None:
        """End it; what still runs ends with it."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None and self._process is not None:
            line.close()
            self._process.wait(STOP_SECONDS)

    def _open(self, env: Mapping[str, str]) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", NAME, str(theirs.fileno())],
            cwd=ROOT,
            env=env,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        return ours


def _become(wish: Mapping[str, Any], out: int, mother: int) -> Never:
    """Be the program, in the child."""
    code: int | str | None = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != mother:  # it ended before that was said
            os.kill(os.getpid(), signal.SIGKILL)
        os.setsid()
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(wish["cwd"])
        os.environ.clear()
        os.environ.update(wish["env"])
        random.seed()  # else all children draw the same numbers
        sys.argv = ["orderspine", *wish["arguments"]]
        sys.modules["deploy.cli"].main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:  # noqa: BLE001 - the last thing this process does is to show it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _serve(line: socket.socket) -> None:
    """Fork whenever asked, until the other end is closed."""
    for name in MODULES:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork would lose the other threads"
    gc.collect()
    gc.freeze()  # the pages of what was imported stay shared
    while True:
        said, files, _, _ = socket.recv_fds(line, _LARGEST, 4)
        if not said:
            return
        wish = json.loads(said)
        if "ended" in wish:
            answer = os.waitstatus_to_exitcode(os.waitpid(wish["ended"], 0)[1])
        else:
            mother = os.getpid()
            answer = os.fork()
            if not answer:
                line.close()
                _become(wish, files[0], mother)
            os.close(files[0])
        line.send(str(answer).encode())


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
