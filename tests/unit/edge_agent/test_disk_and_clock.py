"""A disk that fills up and a clock that starts in another century."""

from pathlib import Path

import pytest

from edge_agent.disk import FILE, LAST_BYTES, LOW_BYTES, PLENTY_BYTES, RESERVE_BYTES, DiskWatch, room_of
from protocol.clock import DAY_US
from protocol.kit.system import FlooredClock
from tests.support.store import begin_store


@pytest.mark.parametrize(
    ("free", "held", "room"),
    [
        (PLENTY_BYTES, False, "plenty"),
        (PLENTY_BYTES - 1, True, "enough"),
        (LOW_BYTES, False, "enough"),
        (LOW_BYTES - 1, True, "low"),
        (LOW_BYTES - 1, False, "last"),
        (LAST_BYTES - 1, True, "last"),
        (0, False, "last"),
    ],
)
def test_room_is_judged_by_what_is_free_and_what_is_held(free: int, held: bool, room: str) -> None:
    assert room_of(free, held=held) == room


def test_the_last_room_is_held_given_up_for_sales_and_held_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiskWatch, "start", lambda _of_the_program: None)
    store = begin_store(tmp_path)
    free = PLENTY_BYTES
    watch = DiskWatch(store.edge, free_bytes=lambda _path: free)
    reserve = store.edge.settings.data_dir / FILE
    with store.client:
        assert (watch.look(), reserve.stat().st_size) == ("plenty", RESERVE_BYTES)
        free = LOW_BYTES - 1
        assert (watch.look(), reserve.exists(), told(store.edge)) == ("low", True, 1)
        free = LAST_BYTES - 1
        assert (watch.look(), reserve.exists(), told(store.edge)) == ("last", False, 1)
        free = PLENTY_BYTES
        assert (watch.look(), reserve.exists(), told(store.edge)) == ("plenty", True, 0)


def told(edge: object) -> int:
    row = edge.database.read().execute(  # type: ignore[attr-defined]  # an Edge
        "SELECT count(*) FROM exceptions WHERE kind = 'disk_low' AND closed_us IS NULL"
    )
    return int(row.fetchone()[0])


class Battery:
    """A machine's clock."""

    def __init__(self, now_us: int) -> None:
        self.us = now_us

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1e6


def test_a_clock_that_starts_in_1970_goes_on_from_what_is_written_down() -> None:
    machine = Battery(0)
    clock = FlooredClock(machine)

    assert clock.floor(1_795_000_000_000_000)
    machine.us += 5
    assert clock.now_us() == 1_795_000_000_000_005
    clock.trust(1_795_000_000_000_000)
    assert clock.is_floored


def test_a_machine_that_was_set_right_is_believed_again() -> None:
    machine = Battery(0)
    clock = FlooredClock(machine)
    clock.floor(1_795_000_000_000_000)
    machine.us = 1_795_000_500_000_000
    clock.trust(1_795_000_500_000_100)

    assert not clock.is_floored
    assert clock.now_us() == machine.us


def test_a_clock_that_is_minutes_behind_is_left_alone() -> None:
    clock = FlooredClock(Battery(DAY_US))

    assert not clock.floor(DAY_US + 600_000_000)
    assert clock.now_us() == DAY_US
