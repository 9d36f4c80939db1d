"""Programs that start warm: real processes, forked from one that has imported the product once.

Importing the hub or a store takes two seconds of processor time, and the tests start some hundreds of them.
A nursery of each test process imports everything once; `orderspine …` is then a fork of it, with a process
group, an environment and a log of its own: it is killed, stopped and waited for like any other. What a user's
start does before the first line of a program (the interpreter, the imports) is left to the tests of the demo
and of the commands, which start cold.
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
NAME: Final = "tests.support.warm"
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


def nurseries() -> frozenset[int]:
    """Return the process ids of the nurseries of this process: they stay until its end.

    Read from the system, for pytest may have imported this module twice. What a nursery has forked has its
    command line too, but another parent.
    """
    # The system keeps a list of children for every thread.
    ours = [
        pid
        for thread in Path("/proc/self/task").iterdir()
        for pid in (thread / "children").read_text().split()
    ]
    return frozenset(int(pid) for pid in ours if NAME.encode() in Path(f"/proc/{pid}/cmdline").read_bytes())


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
                self.returncode = self._nursery.ask({"ended": self.pid})
                os.close(self._end)
            return self.returncode


class Nursery:
    """The process from which others are forked; it is started when the first one is wanted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str], out: IO[bytes], env: Mapping[str, str]) -> Warm:
        """Start `orderspine` with arguments."""
        wish = {"arguments": list(arguments), "env": dict(env), "cwd": str(Path.cwd())}
        return Warm(self.ask(wish, out.fileno()), self)

    def ask(self, wish: Mapping[str, Any], *files: int) -> int:
        """Send a wish and return the number that answers it."""
        with self._lock:
            line = self._line or self._open()
            socket.send_fds(line, [json.dumps(wish).encode()], files)
            return int(line.recv(64))

    def close(self) -> None:
        """End it; what still runs ends with it."""
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.wait(10)

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-u", "-m", NAME, str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, cwd=ROOT, pass_fds=[theirs.fileno()], start_new_session=True
        )
        theirs.close()
        self._line = ours
        return ours


def is_warm(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Tell whether a command is `orderspine` as the nursery has it; what changes its imports starts cold."""
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    wanted = env.get("PYTHONPATH", "").split(os.pathsep)
    return list(command[:3]) == PROGRAM and set(wanted) <= {*paths, ""}


def _become(wish: Mapping[str, Any], out: int) -> Never:
    """Be the program, in the child."""
    code: int | str | None = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
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
            answer = os.fork()
            if not answer:
                line.close()
                _become(wish, files[0])
            os.close(files[0])
        line.send(str(answer).encode())


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
