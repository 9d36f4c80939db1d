"""Clocks that go on, whatever one of them does."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.clocks import FAILURES_BEFORE_CARD, Clocks, Tick
from hub.context import Hub
from hub.database import HubDatabase
from hub.exceptions.rows import listed
from hub.schema import create_schema
from tests.support.hub import TestClock, hub_of


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    database = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
    create_schema(database.engine)
    yield hub_of(database)
    database.close()


def later(hub: Hub, seconds: float) -> None:
    assert isinstance(hub.clock, TestClock)
    hub.clock.at_us += round(seconds * 1_000_000)


def cards(hub: Hub) -> list[tuple[str, str]]:
    with hub.database.read() as connection:
        return [(row.kind, row.state) for row in listed(connection, state=None)[0]]


def test_a_clock_is_called_when_its_time_has_come_and_not_before(hub: Hub) -> None:
    called: list[str] = []
    clocks = Clocks(
        hub,
        [
            Tick("fast", 1.0, lambda _hub: called.append("fast")),
            Tick("slow", 3.0, lambda _hub: called.append("slow")),
        ],
    )
    clocks.look()
    assert called == []
    for _ in range(3):
        later(hub, 1.0)
        clocks.look()

    assert called == ["fast", "fast", "fast", "slow"]


def test_a_clock_that_fails_is_called_again_and_stops_no_other(hub: Hub) -> None:
    called: list[str] = []
    broken = True

    def trip(_hub: Hub) -> None:
        if broken:
            raise RuntimeError("a bug")

    clocks = Clocks(hub, [Tick("trips", 1.0, trip), Tick("goes", 1.0, lambda _hub: called.append("on"))])
    for _ in range(FAILURES_BEFORE_CARD - 1):
        later(hub, 1.0)
        clocks.look()
    assert cards(hub) == []

    later(hub, 1.0)
    clocks.look()
    later(hub, 1.0)
    clocks.look()
    assert cards(hub) == [("clock_failed", "open")]
    assert len(called) == FAILURES_BEFORE_CARD + 1

    broken = False
    later(hub, 1.0)
    clocks.look()
    assert cards(hub) == [("clock_failed", "closed")]


def test_clocks_begin_and_end_with_their_thread(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.clocks.LOOK_SECONDS", 0.001)
    called, before = threading.Event(), set(threading.enumerate())
    clocks = Clocks(hub, [Tick("fast", 0.0, lambda _hub: called.set())])
    clocks.start()
    by_its_thread = called.wait(5)
    clocks.stop()
    called.clear()

    later(hub, 1.0)
    clocks.look()

    assert by_its_thread
    assert not called.is_set()
    assert [each.name for each in set(threading.enumerate()) - before if each.name == "hub-clocks"] == []
