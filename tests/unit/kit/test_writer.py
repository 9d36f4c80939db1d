import threading
from pathlib import Path

import pytest

from protocol.errors import OutOfStock, Unavailable
from protocol.kit.sqlite import Connection, connect
from protocol.kit.writer import SqliteStore, Unit, Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "t.db"
    setup = connect(path)
    setup.execute("CREATE TABLE sold (n INTEGER)")
    setup.close()
    return path


@pytest.fixture
def writer(path: Path):  # type: ignore[no-untyped-def]  # a generator fixture
    running: Writer[Connection] = Writer(lambda: SqliteStore(connect(path)))
    yield running
    running.close()


def sold(path: Path) -> list[int]:
    reader = connect(path, read_only=True)
    try:
        return [row[0] for row in reader.execute("SELECT n FROM sold ORDER BY n")]
    finally:
        reader.close()


def sell(n: int):  # type: ignore[no-untyped-def]  # a step for the writer
    def step(unit: Unit[Connection]) -> int:
        unit.connection.execute("INSERT INTO sold VALUES (?)", [n])
        if n < 0:
            raise OutOfStock("There is none.", "Offer another.")
        return n

    return step


def test_a_step_is_durable_for_others_when_it_answers(writer: Writer[Connection], path: Path) -> None:
    assert writer.run(sell(1)) == 1
    assert sold(path) == [1]


def test_a_refused_step_undoes_only_itself_within_a_shared_commit(
    writer: Writer[Connection], path: Path
) -> None:
    gate = threading.Event()
    writer.submit(lambda _unit: gate.wait(5))

    waiting = [writer.submit(sell(n)) for n in (1, -2, 3)]
    gate.set()

    assert waiting[0].result(5) == 1
    assert waiting[2].result(5) == 3
    with pytest.raises(OutOfStock):
        waiting[1].result(5)
    assert sold(path) == [1, 3]


def test_what_follows_a_change_happens_after_it_is_durable_and_never_for_a_refused_one(
    writer: Writer[Connection], path: Path
) -> None:
    seen: list[list[int]] = []

    def step(unit: Unit[Connection]) -> None:
        unit.after_commit(lambda: seen.append(sold(path)))
        unit.connection.execute("INSERT INTO sold VALUES (7)")

    def refused(unit: Unit[Connection]) -> None:
        unit.after_commit(lambda: seen.append([-1]))
        raise OutOfStock("There is none.", "Offer another.")

    writer.run(step)
    with pytest.raises(OutOfStock):
        writer.run(refused)

    assert seen == [[7]]


def test_a_caller_that_went_away_before_its_turn_changes_nothing(
    writer: Writer[Connection], path: Path
) -> None:
    gate = threading.Event()
    first = writer.submit(lambda _unit: gate.wait(5))
    while not first.running():
        pass
    given_up = writer.submit(sell(5))

    assert given_up.cancel()
    gate.set()
    writer.run(sell(6))

    assert sold(path) == [6]


def test_a_closing_writer_finishes_what_waits_and_refuses_what_comes(
    writer: Writer[Connection], path: Path
) -> None:
    waiting = [writer.submit(sell(n)) for n in range(10)]

    writer.close()

    assert [future.result(5) for future in waiting] == list(range(10))
    with pytest.raises(Unavailable):
        writer.submit(sell(11))
    assert sold(path) == list(range(10))


def test_a_disk_that_fills_up_loses_the_whole_group_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "small.db"
    setup = connect(path)
    setup.execute("CREATE TABLE sold (n BLOB)")
    setup.close()

    def open_small() -> SqliteStore:
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 8")
        return SqliteStore(connection)

    writer: Writer[Connection] = Writer(open_small)

    def fill(unit: Unit[Connection]) -> None:
        for _ in range(50):
            unit.connection.execute("INSERT INTO sold VALUES (zeroblob(4000))")

    with pytest.raises(Unavailable) as failure:
        writer.run(fill)
    writer.run(lambda unit: unit.connection.execute("INSERT INTO sold VALUES (x'01')"))
    writer.close()

    assert failure.value.reason == "disk_full"
    reader = connect(path, read_only=True)
    assert reader.execute("SELECT count(*) FROM sold").fetchone()[0] == 1
    reader.close()
