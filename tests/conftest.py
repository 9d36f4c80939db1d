"""What every test may ask for, and the one rule all of them keep: no process is left behind."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
import pytest

from deploy.demo import process
from deploy.demo.nursery import Nursery

ROOT = Path(__file__).parent.parent
IN_MEMORY = Path("/dev/shm")
IN_MEMORY_BYTES = 6_000_000_000


def pytest_configure(config: pytest.Config) -> None:
    """Keep what tests write in memory where there is room, for no test is about how slow a disk is.

    A killed process leaves the same file behind there. What a machine without power leaves is not up to this
    machine's disk in any case: the simulator cuts it off (`tests/simulation/disk.py`).
    """
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > IN_MEMORY_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, as their limits say: left for the end, one runs there alone."""
    longest: dict[Path, float] = {}
    for item in items:
        limit = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, 0.0), float(limit.args[0]) if limit else 0.0)
    items.sort(key=lambda item: -longest[item.path])


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """Take away what a developer's shell might add: colours, proxies, settings of a real store."""
    kept = dict(os.environ)
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.startswith("ORDERSPINE_"):
            del os.environ[name]
    os.environ["NO_COLOR"] = "1"
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin"  # where Debian keeps mosquitto
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once() -> Iterator[None]:
    """Keep compiled templates: a program makes its pages once, and a run of tests a thousand times."""
    compiled: dict[tuple[Any, ...], CodeType] = {}
    compile_template = jinja2.Environment.compile

    def compile_once(self: jinja2.Environment, source: Any, name: Any = None, *rest: Any, **more: Any) -> Any:
        key = (str(source), name, rest, tuple(more.items()), tuple(self.extensions), len(self.filters))
        if key not in compiled:
            compiled[key] = compile_template(self, source, name, *rest, **more)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "compile", compile_once)
        yield


class SharedNursery(Nursery):
    """One for all tests of a process: whoever closes it leaves it to the next."""

    def close(self) -> None:
        """Stay."""


@pytest.fixture(scope="session", autouse=True)
def nursery(_plain_environment: None) -> Iterator[Nursery]:
    """Let everything that a demo's spawner starts for a test be forked from one process."""
    shared = SharedNursery()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "Nursery", lambda: shared)
        yield shared
    Nursery.close(shared)


@pytest.fixture(scope="session")
def mosquitto() -> str:
    """Return where the broker is; a test that needs it fails rather than passing unseen."""
    found = shutil.which("mosquitto")
    assert found, "Mosquitto is missing. Install it: apt-get install mosquitto"
    return found
