"""What a store lends by policy, asks back, and how little of its tables that takes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.database import EdgeUnit
from edge_agent.link import wishes
from edge_agent.link.lending import LEND_ROWS, Lending
from edge_agent.link.settings import LinkSettings
from protocol.handshake import RightsPacket
from protocol.lending import LastUnits, LendingPolicy, LendingRule
from protocol.rights import HubVector
from tests.support.store import Store, begin_store

FEW, MANY = 100, 20_000
STEPS_AT_ONCE = 100
INC, SESS, HUB = "1" * 32, "2" * 32, "3" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store that has met its hub and has nothing on its shelves."""
    made = begin_store(tmp_path)
    made.edge.database.write(_met)
    yield made
    made.edge.database.close()


def _met(unit: EdgeUnit) -> None:
    unit.connection.execute(f"UPDATE link SET hub_inc = '{HUB}'")


def _forget_queue(unit: EdgeUnit) -> None:
    unit.connection.execute("DELETE FROM rights_to_lend")


def settings(store: Store, *, share_ppm: int = 0, cap: int = 3) -> LinkSettings:
    folder = store.edge.settings.data_dir
    return LinkSettings(
        broker=None, marker_file=folder / "m", incoming=folder, lend_share_ppm=share_ppm, lend_cap=cap
    )


def opened(store: Store, **said: int) -> Lending:
    lending = Lending(store.edge, settings(store, **said))
    lending.opened(fenced=False, now=0.0)
    return lending


def shelve(store: Store, **units: int) -> None:
    def step(unit: EdgeUnit) -> None:
        unit.connection.executemany(
            "INSERT INTO balances (sku, bucket, quantity) VALUES (?, 'sellable', ?)"
            " ON CONFLICT (sku, bucket) DO UPDATE SET quantity = excluded.quantity",
            list(units.items()),
        )

    store.edge.database.write(step)


def told(lending: Lending, now: float) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for packet in lending.packets(INC, SESS, now):
        found |= {str(row["sku"]): {k: v for k, v in row.items() if k != "sku"} for row in packet.rows}
    return found


def hear(lending: Lending, *vectors: HubVector, echo: tuple[tuple[str, int], ...] = ()) -> None:
    rows = tuple(vector.model_dump() for vector in vectors)
    lending.take(RightsPacket(inc=INC, sess=SESS, hub_inc=HUB, rows=rows, echo=echo))


def vector(
    sku: str, ver: int, *, allocated: int = 0, ended: int = 0, returned: int = 0, want: int = 0
) -> HubVector:
    return HubVector(sku=sku, ep=0, ver=ver, A=allocated, K=ended, R=returned, want=want)


def policy(store: Store, *rules: LendingRule, version: int = 1) -> None:
    body = LendingPolicy(version=version, rules=rules)
    store.edge.database.write(lambda unit: wishes.take_policy(unit, store.edge, body))


def test_a_policy_of_the_hub_lends_where_the_settings_would_not(store: Store) -> None:
    shelve(store, COAT=10, HAT=10)
    lending = opened(store)
    assert told(lending, 1.0) == {}

    policy(store, LendingRule(share_ppm=500_000, cap=4, least=2))

    assert {sku: row["G"] for sku, row in told(lending, 2.0).items()} == {"COAT": 2, "HAT": 2}


def test_an_older_policy_that_comes_late_changes_nothing(store: Store) -> None:
    policy(store, LendingRule(cap=4), version=3)
    policy(store, LendingRule(cap=9), version=2)

    kept = wishes.policy(store.edge.database.read(), settings(store))
    assert (kept.version, kept.policy.terms("X", "", "store-1").cap) == (3, 4)


def test_what_the_hub_wants_is_lent_in_one_round_trip(store: Store) -> None:
    shelve(store, COAT=20)
    lending = opened(store)
    policy(store, LendingRule(share_ppm=1_000_000, cap=6, least=1))
    first = told(lending, 1.0)["COAT"]
    assert first["G"] == 1

    hear(lending, vector("COAT", 1, allocated=1, want=4), echo=(("COAT", first["ver"]),))

    # Nothing but the answer to that one packet: four free beside the one that has an order.
    assert told(lending, 1.0)["COAT"]["G"] == 5


def test_the_same_wish_once_more_lends_nothing_more(store: Store) -> None:
    shelve(store, COAT=20)
    lending = opened(store)
    policy(store, LendingRule(share_ppm=1_000_000, cap=6, least=1))
    told(lending, 1.0)
    for _again in range(3):
        hear(lending, vector("COAT", 1, want=4))
        told(lending, 1.0)

    assert store.edge.database.read().execute("SELECT granted FROM rights").fetchone()[0] == 4


def test_a_store_that_runs_low_asks_for_what_the_hub_has_free(store: Store) -> None:
    shelve(store, COAT=6)
    lending = opened(store)
    policy(
        store,
        LendingRule(share_ppm=1_000_000, cap=4, least=4, last_units=LastUnits.STORE, kept_units=2),
    )
    first = told(lending, 1.0)["COAT"]
    assert (first["G"], first["want_back"]) == (4, 0)

    shelve(store, COAT=5)

    assert told(lending, 2.0)["COAT"]["want_back"] == 1


def test_a_hub_that_frees_units_later_is_asked_then(store: Store) -> None:
    shelve(store, COAT=6)
    lending = opened(store)
    policy(
        store,
        LendingRule(share_ppm=1_000_000, cap=4, least=4, last_units=LastUnits.STORE, kept_units=2),
    )
    told(lending, 1.0)
    hear(lending, vector("COAT", 1, allocated=4))
    shelve(store, COAT=5)
    assert told(lending, 9.0)["COAT"]["want_back"] == 0

    hear(lending, vector("COAT", 2, allocated=4, ended=3))

    assert told(lending, 9.0)["COAT"]["want_back"] == 1


def test_a_start_with_other_settings_looks_at_every_article_again(store: Store) -> None:
    shelve(store, COAT=20)
    first = opened(store, share_ppm=500_000, cap=3)
    assert told(first, 1.0)["COAT"]["G"] == 3
    store.edge.database.write(_forget_queue)

    again = opened(store, share_ppm=500_000, cap=5)

    assert told(again, 1.0)["COAT"]["G"] == 5


def test_what_was_echoed_is_looked_at_no_more(store: Store) -> None:
    shelve(store, COAT=20, HAT=20)
    lending = opened(store, share_ppm=500_000)
    first = told(lending, 1.0)

    hear(lending, echo=tuple((sku, row["ver"]) for sku, row in first.items()))

    assert queued(store) == ([], [])
    assert told(lending, 99.0) == {}


def test_an_echo_of_an_older_version_silences_nothing(store: Store) -> None:
    shelve(store, COAT=20)
    lending = opened(store, share_ppm=500_000)
    first = told(lending, 1.0)["COAT"]
    hear(lending, vector("COAT", 1, returned=1))

    hear(lending, echo=(("COAT", first["ver"]),))

    assert queued(store)[0] == ["COAT"]


@pytest.mark.parametrize("skus", [FEW, MANY])
def test_a_look_costs_what_has_changed_however_much_is_lent(store: Store, skus: int) -> None:
    def lent(unit: EdgeUnit) -> None:
        names = [(f"S-{n:06d}",) for n in range(skus)]
        unit.connection.executemany("INSERT INTO balances VALUES (?, 'sellable', 9)", names)
        unit.connection.executemany("INSERT INTO rights (sku, granted, version) VALUES (?, 3, 1)", names)
        unit.connection.execute("UPDATE rights SET echoed = 1")
        unit.connection.execute("DELETE FROM rights_to_tell")
        unit.connection.execute("DELETE FROM rights_to_lend")

    store.edge.database.write(lent)
    lending = opened(store, share_ppm=500_000)
    store.edge.database.write(_forget_queue)
    told(lending, 0.0)  # the walk over what has not changed has had its turn
    store.edge.database.write(_forget_queue)
    shelve(store, **{"S-000001": 8, "S-000050": 7})

    idle, busy = steps(store, lending, 2.0), steps(store, lending, 4.0)

    assert set(busy[1]) == set()
    assert set(idle[1]) == {"S-000001", "S-000050"}
    # Two articles changed; a look at all of them would take more steps than there are articles.
    assert idle[0] <= 40
    assert busy[0] <= 10


def test_a_walk_takes_some_of_the_articles_and_goes_on_with_others(store: Store) -> None:
    names = [f"S-{n:04d}" for n in range(LEND_ROWS + 5)]
    shelve(store, **dict.fromkeys(names, 9))
    lending = opened(store, share_ppm=500_000)
    for second in range(1, 5):
        told(lending, float(second))
    walked: list[set[str]] = []

    for _round in range(2):
        store.edge.database.write(lending._walk)
        walked.append(set(queued(store)[1]))
        store.edge.database.write(_forget_queue)

    assert walked[0] | walked[1] == set(names)
    assert not walked[0] & walked[1]


def queued(store: Store) -> tuple[list[str], list[str]]:
    connection = store.edge.database.read()
    tell = [row[0] for row in connection.execute("SELECT sku FROM rights_to_tell ORDER BY sku")]
    lend = [row[0] for row in connection.execute("SELECT sku FROM rights_to_lend ORDER BY sku")]
    return tell, lend


def steps(store: Store, lending: Lending, now: float) -> tuple[int, dict[str, object]]:
    """Return in hundreds how many steps SQLite takes for a look, and what was told."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection = store.edge.database.read()
    connection.set_progress_handler(step, STEPS_AT_ONCE)
    try:
        said = told(lending, now)
    finally:
        connection.set_progress_handler(None, 0)
    return count, json.loads(json.dumps(said))
