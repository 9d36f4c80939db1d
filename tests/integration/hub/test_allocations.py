"""Rights are taken in one statement, given back once, and their cells only grow."""

import threading

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.link.epochs import put
from hub.stock import allocations
from hub.stock.availability import available, stock_at
from hub.stock.policy import KeptBack
from hub.stock.rows import allocations as table
from hub.stock.rows import hub_rights
from protocol.errors import OutOfRights
from tests.support.promising import company, hear, lend, place, rights, rows

NOW = ("inc-1", 6)
STORES = {"store-1": {"A": 5, "B": 2}, "store-2": {"A": 1}}


@pytest.fixture
def shop(hub: Hub) -> Hub:
    company(hub, stores=STORES, warehouses={})
    return hub


def take(hub: Hub, owner: str, *wanted: tuple[int, str, int], location: str = "store-1") -> None:
    hub.database.write(lambda unit: allocations.allocate(unit.connection, owner, location, wanted))


def test_rights_are_taken_once_for_each_item_and_kept_line_by_line(shop: Hub) -> None:
    take(shop, "as-1", (1, "A", 2), (2, "B", 1), (3, "A", 1))

    assert rights(shop, "store-1", "A") == (5, 3, 0, 1)
    assert rights(shop, "store-1", "B") == (2, 1, 0, 1)
    with shop.database.read() as connection:
        assert [
            (row.line_no, row.sku, row.units, row.open) for row in allocations.of_owner(connection, "as-1")
        ] == [(1, "A", 2, 2), (2, "B", 1, 1), (3, "A", 1, 1)]
        assert allocations.free_units(connection, "store-1", "A") == (2, 0)
        assert allocations.free_units(connection, "store-9", "A") == (0, 0)


def test_more_than_is_free_is_refused_and_nothing_of_it_is_taken(shop: Hub) -> None:
    with pytest.raises(OutOfRights) as refusal:
        take(shop, "as-1", (1, "A", 5), (2, "B", 3))

    assert refusal.value.facts == {
        "location": "store-1",
        "sku": "B",
        "wanted": 3,
        "free": 2,
        "deficit": 0,
    }
    assert rights(shop, "store-1", "A") == (5, 0, 0, 0)
    assert rows(shop, table) == []


def test_a_location_that_misses_promised_units_gets_no_further_promise(shop: Hub) -> None:
    shop.database.write(
        lambda unit: unit.connection.execute(
            sa.update(hub_rights).where(hub_rights.c.location == "store-1").values(deficit=1)
        )
    )

    with pytest.raises(OutOfRights) as refusal:
        take(shop, "as-1", (1, "A", 1))

    assert refusal.value.facts["deficit"] == 1


def test_what_is_given_back_moves_the_cell_once_and_never_for_what_was_fulfilled(shop: Hub) -> None:
    take(shop, "as-1", (1, "A", 4))

    def step(unit):  # type: ignore[no-untyped-def]  # a unit of work, as every step has
        connection = unit.connection
        return [
            allocations.finish(connection, "as-1", 1, 1, said=NOW),
            allocations.end(connection, "as-1", 1, 2),
            allocations.end(connection, "as-1", 1, 5),
            allocations.end(connection, "as-1", 1, 1),
            allocations.finish(connection, "as-1", 1, 1, said=NOW),
            allocations.end(connection, "as-1", 9, 1),
            allocations.end_all(connection, "as-1"),
        ]

    assert shop.database.write(step) == [1, 2, 1, 0, 0, 0, 0]
    assert rights(shop, "store-1", "A") == (5, 4, 3, 3)
    assert rows(shop, table) == [
        {
            "owner": "as-1",
            "line_no": 1,
            "location": "store-1",
            "sku": "A",
            "units": 4,
            "finished": 1,
            "ended": 3,
        }
    ]


@pytest.mark.parametrize(
    ("said", "came_back"), [(("inc-1", 5), 1), (("inc-0", 99), 1), (("inc-1", 6), 0)], ids=str
)
def test_goods_that_had_left_before_the_rights_were_opened_anew_end_their_promise_when_that_is_heard_late(
    shop: Hub, said: tuple[str, int], came_back: int
) -> None:
    take(shop, "as-1", (1, "A", 2))
    shop.database.write(
        lambda unit: put(unit.connection, "store-1", ep=1, state="open", inc="inc-1", position=5)
    )

    shop.database.write(lambda unit: allocations.finish(unit.connection, "as-1", 1, 1, said=said))

    assert rights(shop, "store-1", "A") == (5, 2, came_back, 1 + came_back)


def test_another_owner_takes_over_what_one_holds_without_a_cell_moving(shop: Hub) -> None:
    take(shop, "r:1:store-1", (1, "A", 2), (2, "B", 1))
    before = rights(shop, "store-1", "A")

    moved = shop.database.write(
        lambda unit: allocations.transfer(unit.connection, "r:1:store-1", "as-1", [1])
    )

    assert moved == 2
    assert rights(shop, "store-1", "A") == before
    with shop.database.read() as connection:
        assert [row.line_no for row in allocations.of_owner(connection, "as-1")] == [1]
        assert [row.line_no for row in allocations.of_owner(connection, "r:1:store-1")] == [2]


def test_eight_threads_promise_five_units_and_five_win(shop: Hub) -> None:
    won: list[str] = []

    def run(n: int) -> None:
        for turn in range(4):
            try:
                take(shop, f"as-{n}-{turn}", (1, "A", 1))
            except OutOfRights:
                continue
            won.append(f"as-{n}-{turn}")

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 5
    assert sorted(row["owner"] for row in rows(shop, table)) == sorted(won)
    assert rights(shop, "store-1", "A") == (5, 5, 0, 5)


def test_available_to_promise_is_the_sum_of_its_parts_less_what_is_kept_back(shop: Hub) -> None:
    now_us = shop.clock.now_us()

    def step(unit):  # type: ignore[no-untyped-def]  # a unit of work, as every step has
        for location, status, heard_us, units in (
            ("store-3", "active", now_us - 400_000_000, 7),
            ("store-4", "revoked", now_us, 3),
            ("store-6", "active", now_us, 2),
        ):
            place(unit, location, status=status)
            hear(unit, location, heard_us)
            lend(unit, location, A=units)
        place(unit, "store-5")
        lend(unit, "store-5", A=4)
        unit.connection.execute(
            sa.update(hub_rights).where(hub_rights.c.location == "store-6").values(deficit=1)
        )

    shop.database.write(step)
    with shop.database.read() as connection:
        found, _everywhere = available(
            connection,
            ["A", "A", "Z"],
            now_us=now_us,
            kept_back=KeptBack(1, company_threshold=2),
        )

    assert dict(found["A"].parts) == {
        "store-1": (5, 0, "", 4),
        "store-2": (1, 0, "", 0),
        "store-3": (7, 0, "STALE", 0),
        "store-4": (3, 0, "INACTIVE", 0),
        "store-5": (4, 0, "STALE", 0),
        "store-6": (2, 1, "DEFICIT", 0),
    }
    assert (found["A"].free, found["A"].excluded, found["A"].deficit) == (22, 16, 1)
    assert found["A"].promisable == 2
    assert (found["Z"].promisable, dict(found["Z"].parts)) == (0, {})


def test_more_items_than_one_statement_takes_are_read_all_the_same(shop: Hub) -> None:
    skus = [f"S{n}" for n in range(40)] + ["A"]
    with shop.database.read() as connection:
        one, two = stock_at(connection, skus, now_us=shop.clock.now_us(), kept_back=KeptBack())

    assert (one.location, len(one.stock), one.stock[-3:]) == ("store-1", 123, (5, 0, 5))
    assert two.stock[-3:] == (1, 0, 1)
