"""Real hub and edge processes for tests: start, wait until they answer, kill without warning, leave none.

    with Processes(tmp_path) as processes:
        hub = processes.start("hub", "hub", "run", "--config", str(settings), url="http://127.0.0.1:8100")
        hub.kill()
        hub.start()
        processes.wait(hub)

Leaving the block stops everything and fails the test when a process, or a child of one, is still there.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.demo.process import Child, Spawner
from protocol.kit.system import SystemClock


class Processes:
    """The processes of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: list[Child] = []
        self._spawner = Spawner()
        self._groups: set[int] = set()
        self._clock = SystemClock()

    def start(self, name: str, *arguments: str, url: str = "", wait: bool = True) -> Child:
        """Start `orderspine` with arguments; with a URL, wait until its `/healthz` answers."""
        return self.run(name, [sys.executable, "-m", "deploy.cli", *arguments], url=url, wait=wait)

    def run(self, name: str, command: list[str], *, url: str = "", wait: bool = True) -> Child:
        """Start any program."""
        health = f"{url}/healthz" if url else ""
        child = Child(name, command, folder=self.folder, spawner=self._spawner, health_url=health)
        self.children.append(child)
        child.start()
        self._groups.add(child.pid)
        if wait:
            self.wait(child)
        return child

    def wait(self, child: Child, seconds: float = 30.0) -> None:
        """Wait until a process answers (again)."""
        self._groups.add(child.pid)
        child.wait_ready(self._clock, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in reversed(self.children):
            self._groups.add(child.pid)
            child.stop()
        self._spawner.close()
        left = sorted(pid for group in self._groups - {0} for pid in group_members(group))
        assert left == [], f"processes were left behind: {left}"


def group_members(group: int) -> Iterator[int]:
    """Return the processes of a group that still run; a zombie that waits to be collected does not."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        state, process_group = fields[0], int(fields[2])
        if process_group == group and state != "Z" and int(entry.name) != os.getpid():
            yield int(entry.name)


def described(pid: int) -> str:
    """Return what a process is, for the message of a test that found it left behind."""
    try:
        entry = Path("/proc") / str(pid)
        words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return f"{pid} {(entry / 'stat').read_text().split(' ', 4)[2:4]} {words[:200]}"
    except OSError:
        return f"{pid}, gone meanwhile"


def descendants(parent: int) -> list[int]:
    """Return every process below another, however deep."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [parent]
    for pid in found:
        found += [child for child, above in parents.items() if above == pid]
    return found[1:]
