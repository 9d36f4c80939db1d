"""Two minutes of `make faults`: nothing is lost, doubled or oversold, whatever breaks.

And the proof that its checker would say so: files from which something is taken, and histories that say more.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.demo.history import History
from protocol.kit.sqlite import connect
from tests.faults.run.checker import Findings, find, told_by
from tests.faults.run.company import FaultCompany

MINUTES = os.environ.get("ORDERSPINE_FAULT_MINUTES", "2")
SECONDS = 900
"""The minutes, a company that starts, and one that comes to rest, on a machine that does other things too."""
STORE = "store-1"
AT_LINES = {"cut line", "line that stands still", "slow line"}
AT_PROCESSES = {"killed edge", "killed hub", "stopped edge"}
AT_WHAT_THEY_KEEP = {"cloned edge", "restored edge", "restored hub", "wiped broker"}
pytestmark = [pytest.mark.processes, pytest.mark.timeout(SECONDS)]


class Kept:
    """What a run left behind: its files, and what it printed."""

    def __init__(self, folder: Path, said: dict[str, Any], code: int) -> None:
        self.folder, self.said, self.code = folder, said, code

    def copied(self, to: Path) -> "Kept":
        """Return a copy that may be changed."""
        shutil.copytree(self.folder, to)
        return Kept(to, self.said, self.code)

    def file(self, name: str) -> Path:
        """Return the database of the hub or of an edge; that of the small disk was kept beside it."""
        disk = self.folder / "company" / f"{name}-disk"
        here = disk if disk.exists() else self.folder / "company" / name
        return here / ("hub.db" if name == "hub" else "edge.db")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the clients were told."""
        history = History(self.folder / "clients.jsonl")
        history.close()
        return [dict(line) for line in history.lines()]

    def found(self, lines: list[dict[str, Any]]) -> Findings:
        """Return what the checker finds in the files, for a history."""
        company = SimpleNamespace(
            names=FaultCompany.names_of(),
            hub_file=self.file("hub"),
            edge_file=self.file,
            stock=FaultCompany.first_stock,
            layout=SimpleNamespace(logs=self.folder / "company" / "logs"),
        )
        return find(cast("FaultCompany", company), told_by(lines), ())

    def change(self, name: str, sql: str, *values: Any) -> None:
        """Change a database behind everybody's back."""
        connection = connect(self.file(name))
        try:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(sql, values)
        finally:
            connection.close()


@pytest.fixture(scope="module")
def kept(root: Path, mosquitto: str, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Run the program once."""
    folder, seed = tmp_path_factory.mktemp("faults"), random.SystemRandom().randrange(1_000_000)
    command = [sys.executable, "-m", "tests.faults.run", "--minutes", MINUTES, "--seed", str(seed)]
    print(" ".join(command[1:]))
    done = subprocess.run(
        [*command, "--json", "--folder", str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    print(done.stderr)
    return Kept(folder, json.loads(done.stdout), done.returncode)


def test_a_company_to_which_everything_happens_loses_doubles_and_oversells_nothing(kept: Kept) -> None:
    said = kept.said

    assert said["reasons"] == []
    assert (said["lost"], said["doubled"], said["oversold"]) == (0, 0, 0)
    assert said["at_rest"] == said["cells"]
    assert kept.code == 0
    assert said["acknowledged"] > 0


def test_in_a_run_no_kind_of_fault_is_missing_that_must_happen(kept: Kept) -> None:
    happened = {kind for kind, count in kept.said["faults"].items() if count > 0}

    assert (AT_LINES | AT_PROCESSES | AT_WHAT_THEY_KEEP) - happened == set()


def test_the_checker_finds_nothing_in_what_a_good_run_left_behind(kept: Kept) -> None:
    assert kept.found(kept.lines).all == []


Lines = list[dict[str, Any]]


def hub_forgets_a_sale(kept: Kept) -> Lines:
    number = next(line["number"] for line in kept.lines if line["kind"] == "sale")
    kept.change("hub", "DELETE FROM orders WHERE number = ?", number)
    return kept.lines


def client_was_told_of_one_more(kept: Kept) -> Lines:
    sale = next(line for line in kept.lines if line["kind"] == "sale")
    return [*kept.lines, {**sale, "number": "LB1-99999"}]


def client_was_told_of_one_less(kept: Kept) -> Lines:
    sale = next(line for line in reversed(kept.lines) if line["kind"] == "sale")
    return [line for line in kept.lines if sale["number"] not in {line.get("number"), line.get("of")}]


def event_is_lost(kept: Kept) -> Lines:
    kept.change("hub", "DELETE FROM events WHERE edge = ? AND seq = 5", STORE)
    return kept.lines


def shelf_is_below_nothing(kept: Kept) -> Lines:
    kept.change(STORE, "UPDATE balances SET quantity = -1 WHERE sku = '00000' AND bucket = 'sellable'")
    return kept.lines


def right_leaks(kept: Kept) -> Lines:
    leak = "UPDATE hub_rights SET granted_seen = granted_seen - 1 WHERE location = ? AND sku = '00001'"
    kept.change("hub", leak, STORE)
    return kept.lines


def mover_was_told_of_one_more(kept: Kept) -> Lines:
    sent = {"kind": "send", "store": STORE, "number": "LB1-X99999", "sku": "00002", "units": 1}
    return [*kept.lines, sent]


def count_takes_effect_twice(kept: Kept) -> Lines:
    moved = "INSERT INTO movements (seq, n, sku, from_bucket, to_bucket, quantity, reason)"
    kept.change(STORE, f"{moved} VALUES (999999, 1, '00003', 'adjustment', 'sellable', 1, 'count')")
    return kept.lines


@pytest.mark.parametrize(
    ("spoil", "means"),
    [
        (hub_forgets_a_sale, "lost"),
        (client_was_told_of_one_more, "lost"),
        (event_is_lost, "lost"),
        (mover_was_told_of_one_more, "lost"),
        (client_was_told_of_one_less, "doubled"),
        (count_takes_effect_twice, "doubled"),
        (shelf_is_below_nothing, "oversold"),
        (right_leaks, "rest"),
    ],
)
def test_the_checker_finds_what_is_not_as_it_was_told(
    kept: Kept, tmp_path: Path, spoil: Callable[[Kept], Lines], means: str
) -> None:
    spoiled = kept.copied(tmp_path / "spoiled")

    found = spoiled.found(spoil(spoiled))

    assert getattr(found, means) != []
