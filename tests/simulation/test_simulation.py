"""Seeds in every run of the tests, and proof that the harness can fail.

The seeds are cut into parts so that two workers share them. Those that failed once are run for ever.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import hub.stock.allocations
from hub.link.desk import Desk
from tests.simulation.invariants import Auditor
from tests.simulation.mutants import MUTANTS, disk, inbound, wire
from tests.simulation.mutants.catch import seeds_to_catch
from tests.simulation.mutants.patch import Mutant, put
from tests.simulation.options import Options
from tests.simulation.run import SEEDS, Runner, kept_seeds, runner
from tests.simulation.shake import Handshakes

COUNT = 200
PART = 10
POWER_CUTS = Options(seconds=40, edge_crash=4.0, power=1.0)

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def here() -> Iterator[Runner]:
    with runner() as made:
        yield made


@pytest.mark.parametrize("first", range(0, COUNT, PART))
def test_no_seed_finds_anything_lost_doubled_or_oversold(here: Runner, first: int) -> None:
    still_open = kept_seeds(still_open=True)
    found = {n: here.run(n).problem for n in range(first, first + PART) if n not in still_open}

    assert {seed: problem for seed, problem in found.items() if problem} == {}


def test_every_seed_that_failed_once_is_clean_for_ever(here: Runner) -> None:
    found = {seed: here.run(seed).problem for seed in kept_seeds()}

    assert {seed: problem for seed, problem in found.items() if problem} == {}
    assert all(file.read_text(encoding="utf-8").strip() for file in SEEDS.glob("*.txt"))


def test_the_same_seed_leaves_the_same_trace_whatever_the_order_of_sets(root: Path) -> None:
    traces = [_trace(root, seed=3, hash_seed=hash_seed) for hash_seed in ("0", "4711")]

    assert traces[0] == traces[1]
    assert len(traces[0]) == 32


def _trace(root: Path, *, seed: int, hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--replay", str(seed)],
        cwd=root,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("trace"))


def test_another_seed_leaves_another_trace(here: Runner) -> None:
    quiet = Options(seconds=3)

    assert here.run(1, options=quiet).trace != here.run(2, options=quiet).trace


@pytest.mark.parametrize("where", [(Auditor, "heard"), (Handshakes, "heard"), (Desk, "handle")])
def test_whoever_trips_over_a_packet_ends_the_run_also_inside_of_the_hub(
    here: Runner, monkeypatch: pytest.MonkeyPatch, where: tuple[type, str]
) -> None:
    def trips(*_said: object) -> None:
        raise KeyError("upto")

    monkeypatch.setattr(*where, trips)

    problem = here.run(1, options=Options(seconds=3)).problem

    assert "tripped" in problem
    assert "KeyError: 'upto'" in problem


def test_a_store_whose_commits_do_not_wait_for_the_disk_loses_what_it_told(here: Runner) -> None:
    kept = [here.run(seed, options=POWER_CUTS).problem for seed in range(3)]
    with disk.normal_at_stores():
        lost = [here.run(seed, options=POWER_CUTS).problem for seed in range(3)]

    assert kept == ["", "", ""]
    assert any("after a crash" in problem for problem in lost)


def test_a_hub_whose_commits_do_not_wait_for_the_disk_loses_what_it_told(here: Runner) -> None:
    cuts = Options(seconds=40, hub_crash=4.0, power=1.0)
    kept = [here.run(seed, options=cuts).problem for seed in range(3)]
    with disk.normal_at_the_hub():
        lost = [here.run(seed, options=cuts).problem for seed in range(3)]

    assert kept == ["", "", ""]
    assert any(lost)


def test_a_store_that_believes_another_connections_answer_is_found(here: Runner) -> None:
    late = Options(seconds=60, cut=8.0, reorder=0.4, late_us=20_000_000)
    with wire.no_nonce():
        found = [here.run(seed, options=late).problem for seed in range(26, 32)]

    assert any("speaks in a session" in problem for problem in found)


def test_a_hub_that_acknowledges_before_it_commits_is_found(here: Runner) -> None:
    crashing = Options(seconds=60, hub_crash=3.0, trade_seconds=0.5)
    with wire.ack_before_commit():
        found = [here.run(seed, options=crashing).problem for seed in range(3)]

    assert any("the hub told" in problem for problem in found)


def test_a_hub_that_promises_the_same_goods_on_their_way_to_two_orders_is_found(here: Runner) -> None:
    busy = Options(seconds=100, ops_seconds=4.0, inbound=0.3, lend_cap=1)
    kept = [here.run(seed, options=busy).problem for seed in range(3)]
    with inbound.claimed_twice():
        found = [here.run(seed, options=busy).problem for seed in range(3)]

    assert kept == ["", "", ""]
    assert any("are claimed that come to" in problem for problem in found)


def test_a_mutant_that_no_longer_fits_the_product_is_reported_as_broken(here: Runner) -> None:
    def misfit() -> AbstractContextManager[object]:
        return put(hub.stock.allocations, "_TAKE", object())  # a statement, before it became a `Change`

    caught = seeds_to_catch(here, Mutant("rule 2", misfit, ("is held twice",), within=3))

    assert (caught.broken, caught.seeds) == (True, 0)
    assert caught.row() == f"| rule 2 | 3 | the mutant is broken | {caught.shows} |"
    assert caught.shows.endswith("AttributeError: 'object' object has no attribute 'run'")


def test_a_mutant_whose_place_in_the_product_is_gone_is_reported_as_broken(here: Runner) -> None:
    caught = seeds_to_catch(here, Mutant("rule 2", lambda: put(hub.stock.allocations, "_GONE", 1), ("held",)))

    assert caught.broken
    assert caught.shows.startswith("AttributeError: <module 'hub.stock.allocations'")


def test_a_run_that_ends_otherwise_than_a_mutant_names_has_not_caught_it(here: Runner) -> None:
    cuts = {"power": 1.0, "edge_crash": 4.0, "seconds": 40}
    named = Mutant("disk", disk.normal_at_stores, ("after a crash",), within=1, swarm=cuts)
    other = Mutant("disk", disk.normal_at_stores, ("that was not opened",), within=1, swarm=cuts)
    caught, missed = seeds_to_catch(here, named), seeds_to_catch(here, other)

    assert (caught.seeds, caught.broken) == (1, False)
    assert (missed.seeds, missed.broken, missed.shows[:12]) == (0, False, "but seed 0: ")


def test_every_mutant_names_what_shows_it() -> None:
    assert [mutant.guard for mutant in MUTANTS if not all(mutant.shows) or not mutant.shows] == []
