"""Every kind of card that a room raises has an owner and a clock."""

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from edge_agent.desk.choices import _CHOICES as STORE_CHOICES
from hub.desk.choices import _CHOICES as HUB_CHOICES
from protocol.exceptions import KINDS, NEXT, OTHER, due_us, kind_of, stake_minor
from protocol.fold import Oddity
from tests.integration.edge_agent.test_desk_cards import CHOICES as AT_STORE
from tests.support.desk_kinds import CHOICES
from tests.support.desk_kinds_more import MORE

ROOT = Path(__file__).parents[2]
RAISING = {"raise_exception", "_call", "Card", "Alarm"}
MINUTE_US = 60_000_000


@cache
def calls() -> list[tuple[Path, str, ast.Call]]:
    """Return every place in the code where something is raised, with the name of what raises it."""
    found: list[tuple[Path, str, ast.Call]] = []
    for program in ("hub", "edge_agent"):
        for file in (ROOT / program).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call):
                    of = node.func
                    name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
                    if name in RAISING:
                        found.append((file, name, node))
    return found


def raised() -> set[str]:
    """Return every kind that stands in the code where something is raised."""
    # Units beyond those that were open are told apart by what they mean, and have kinds of their own.
    found: set[str] = {oddity.value for oddity in Oddity if oddity is not Oddity.MORE_FULFILLED_THAN_OPEN}
    for _file, name, node in calls():
        said = [each.value for each in node.keywords if each.arg == "kind"]
        if name in {"Card", "Alarm"}:
            said += node.args[:1]
        if name == "_call":
            said += node.args[3:4]
        found |= {
            each.value for each in said if isinstance(each, ast.Constant) and isinstance(each.value, str)
        }
    return found


def test_every_kind_that_is_raised_has_an_owner_and_a_clock() -> None:
    kinds = raised()

    assert len(kinds) > 40
    assert sorted(kinds - KINDS.keys()) == []
    assert sorted(HUB_CHOICES.keys() - KINDS.keys()) == []


def raised_at_store() -> set[str]:
    """Return every kind that stands in a module of the store where something is raised."""
    files = {
        file for file, name, _node in calls() if name == "raise_exception" and "edge_agent" in file.parts
    }
    said = {
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant)
    }
    return {each for each in said if isinstance(each, str)} & KINDS.keys()


def names_in(paths: Iterable[Path]) -> set[str]:
    """Return the kinds that the text of some tests names."""
    found = {word for path in paths for word in re.findall(r"[a-z_]{6,}", path.read_text())}
    return found & KINDS.keys()


def test_every_kind_is_driven_somewhere_and_every_choice_through_the_real_system() -> None:
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "contract" not in path.parts]
    at_hub = {drive.__name__ for drive in {**CHOICES, **MORE}}
    at_store = {drive.__name__ for drive in AT_STORE}

    assert sorted(KINDS.keys() - names_in(tests)) == [], "kinds that no test drives into"
    assert sorted(HUB_CHOICES.keys() - at_hub) == [], "kinds whose choices no test makes at the hub"
    assert sorted(STORE_CHOICES.keys() - at_store) == [], "kinds whose choices no test makes at a store"
    assert sorted(raised_at_store() - at_store) == [], "kinds of a store that no test settles there"
    assert len(raised_at_store()) > 10


def test_a_room_names_an_owner_only_where_it_knows_better_than_the_kind() -> None:
    named = []
    for file, _name, node in calls():
        said = {each.arg: each.value.value for each in node.keywords if isinstance(each.value, ast.Constant)}
        if said.get("owner_role") == kind_of(str(said.get("kind"))).owner_role:
            named.append(f"{file.relative_to(ROOT)}:{node.lineno}")

    assert not named


def test_every_owner_has_somebody_above_but_an_administrator() -> None:
    owners = {kind.owner_role for kind in KINDS.values()}

    assert sorted(owners - NEXT.keys()) == ["admin"]
    for owner in owners:
        above = [owner]
        while above[-1] in NEXT and len(above) <= len(NEXT):
            above.append(NEXT[above[-1]])
        assert above[-1] == "admin", above


@pytest.mark.parametrize(
    ("facts", "minutes"),
    [
        ({}, 30),
        ({"due_us": 10 * MINUTE_US}, 10),
        ({"due_us": -1}, 30),
        ({"due_us": 10 * MINUTE_US, "start_by_us": 4 * MINUTE_US}, 4),
        ({"due_us": 600 * MINUTE_US}, 30),
        ({"due_us": "soon"}, 30),
    ],
)
def test_a_clock_is_that_of_its_kind_or_an_earlier_moment_of_its_facts(
    facts: dict[str, object], minutes: int
) -> None:
    assert due_us("unroutable", facts, 0) == minutes * MINUTE_US


def test_a_kind_that_nobody_knows_here_belongs_to_operations_for_a_day() -> None:
    assert kind_of("something_newer") is OTHER
    assert due_us("something_newer", {}, 0) == 24 * 60 * MINUTE_US


def test_the_money_at_stake_is_what_the_card_says_else_what_its_order_has_open() -> None:
    assert stake_minor({"difference_minor": -750}, 4_000) == 750
    assert stake_minor({"number": "W-1"}, 4_000) == 4_000
