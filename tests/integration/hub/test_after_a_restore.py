"""What people see and decide about orders that wait since a restore: whom for, and what is certain."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hub.cli import hub_app
from hub.database import HubDatabase
from hub.holds.restored import look_at_restored
from hub.people.steps import add_person
from hub.rebuild import verify
from hub.schema import create_schema
from protocol.fulfilment import UnitsLine
from protocol.later import AssignmentPicked, PickStarted
from protocol.people import HubRole
from tests.support.promising import Story
from tests.support.restored import ORDER, PAID, Restored

PATH = "/api/holds/restored"
PASSWORD = "a long password"
STORES = ["store-1", "store-2", "store-3"]


@pytest.fixture
def story(hub_database: HubDatabase, tmp_path: Path) -> Iterator[Restored]:
    before = HubDatabase(f"sqlite:///{tmp_path / 'before.db'}")
    create_schema(before.engine)
    made = Restored(hub_database, Story(before))
    yield made
    before.close()
    made.channel.close()


def waiting(story: Restored) -> Any:
    """Return what waits, and for whom."""
    return story.channel.ask("GET", PATH)


def let_go(story: Restored, *, status: int = 200, **said: Any) -> Any:
    """Let everything go on that is shown, or what is said."""
    shown = waiting(story)
    wanted = {
        "reason": "Called all three",
        "holds": [each["hold_id"] for each in shown["orders"]],
        "unheard": [each["location"] for each in shown["unheard"]],
    }
    return story.channel.ask("POST", f"{PATH}/release", {**wanted, **said}, status=status)


def test_an_order_whose_units_a_store_was_found_to_hold_waits_for_nobody_else(story: Restored) -> None:
    order = story.place(**ORDER, **PAID)
    assert look_at_restored(story.hub) == 0

    story.speak("store-1", holds=2)

    assert [each["location"] for each in waiting(story)["unheard"]] == ["store-2", "store-3"]
    assert (look_at_restored(story.hub), story.holding(order["number"])) == (1, [])
    assert (story.routed_to(), waiting(story)["total"]) == ([("found", "store-1")], 0)
    assert "order_on_hold" not in story.cards()


@pytest.mark.parametrize("why", ["a part is found", "cancelled", "found where nobody has spoken"])
def test_what_may_still_be_at_a_silent_store_goes_on_waiting(story: Restored, why: str) -> None:
    order = story.place(**ORDER, **PAID)
    if why == "cancelled":
        story.cancel()
    if why == "found where nobody has spoken":
        units = (UnitsLine(line_no=1, sku="A", lent=2),)
        story.says(PickStarted, list_id="l-1")
        story.says(AssignmentPicked, list_id="l-1", lines=units)
    else:
        story.speak("store-1", holds=1)

    assert (look_at_restored(story.hub), story.holding(order["number"])) == (0, ["open"])
    assert [each["number"] for each in waiting(story)["orders"]] == [order["number"]]


def test_it_is_said_which_orders_wait_and_for_whom(story: Restored) -> None:
    first, second = story.place(**ORDER, **PAID), story.place(external_id="W-78")
    story.speak("store-2", lends=2)

    found = waiting(story)

    assert (found["total"], [each["location"] for each in found["unheard"]]) == (2, ["store-1", "store-3"])
    assert [each["number"] for each in found["orders"]] == [first["number"], second["number"]]
    assert found["orders"][0] | {"hold_id": "", "placed_us": 0, "due_us": 0} == {
        "hold_id": "",
        "order_id": first["order_id"],
        "number": first["number"],
        "kind": "collect",
        "location": "store-1",
        "units": 2,
        "placed_us": 0,
        "due_us": 0,
    }


def test_a_person_lets_all_go_on_that_were_shown_and_says_why(story: Restored) -> None:
    numbers = [story.place(**ORDER, **PAID)["number"], story.place(external_id="W-78")["number"]]
    story.speak("store-1", lends=5)

    done = let_go(story)

    assert (sorted(done["released"]), done["ended"], done["unheard"]) == (numbers, [], STORES[1:])
    assert story.routed_to() == [("released", "store-1")] * 2
    [hold] = story.channel.ask("GET", f"/api/orders/{numbers[0]}/holds")
    assert (hold["state"], hold["ended_by"]) == ("released", "shop")
    assert hold["note"] == "Called all three (store-2, store-3 had not spoken)"
    assert (waiting(story)["total"], verify(story.hub)) == (0, {})


def test_what_was_decided_meanwhile_is_left_out_and_asking_twice_does_nothing_twice(story: Restored) -> None:
    first, second = story.place(**ORDER, **PAID), story.place(external_id="W-78")
    story.speak("store-1", lends=5)
    shown = waiting(story)
    one, other = shown["orders"]
    story.channel.ask("POST", f"/api/holds/{one['hold_id']}/release", {"note": "asked there"})
    wanted = {
        "reason": "Called",
        "holds": [one["hold_id"], other["hold_id"]],
        "unheard": [each["location"] for each in shown["unheard"]],
    }
    said = [
        story.channel.client.post(f"{PATH}/release", json=wanted, headers={"idempotency-key": "k-1"}).json()
        for _ in range(2)
    ]

    assert said[0] == said[1]
    assert (said[0]["released"], said[0]["ended"]) == ([second["number"]], [first["number"]])
    assert len(story.routed_to()) == 2


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"reason": " "}, 422, "invalid_field"),
        ({"unheard": ["store-2"]}, 409, "more_unheard"),
        ({"holds": ["nobody"]}, 404, "no_hold"),
        ({"holds": []}, 422, "invalid_field"),
    ],
)
def test_nothing_goes_on_without_a_reason_or_with_other_stores_than_were_shown(
    story: Restored, said: dict[str, Any], status: int, code: str
) -> None:
    order = story.place(**ORDER, **PAID)
    story.speak("store-1", lends=5)

    refused = let_go(story, status=status, **said)

    assert refused["code"] == code
    assert (story.holding(order["number"]), story.routed_to()) == (["open"], [])


def test_a_hold_of_another_kind_is_not_let_go_with_them(story: Restored) -> None:
    order = story.place(**ORDER, **PAID)
    path = f"/api/orders/{order['number']}/holds"
    looked = story.channel.ask("POST", path, {"reason": "looks odd"}, status=201)

    refused = let_go(story, holds=[looked["hold_id"]], status=404)

    assert (refused["code"], story.holding(order["number"])) == ("no_hold", ["open", "open"])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the settings of a hub that was restored and of which two orders wait for two stores."""
    (tmp_path / "hub").mkdir()
    before = HubDatabase(f"sqlite:///{tmp_path / 'before.db'}")
    create_schema(before.engine)
    after = HubDatabase(f"sqlite:///{tmp_path / 'hub' / 'hub.db'}")
    create_schema(after.engine)
    story = Restored(after, Story(before))
    for name in ("W-77", "W-78"):
        story.place(external_id=name)
    story.speak("store-1", lends=5)
    before.close()
    story.channel.close()
    settings = tmp_path / "hub.toml"
    settings.write_text(f'data_dir = "{tmp_path / "hub"}"\n', encoding="utf-8")
    return settings


def command(settings: Path, *said: str, answer: str = "") -> Result:
    return CliRunner().invoke(hub_app, ["restored", "--config", str(settings), *said], input=answer)


def test_a_command_shows_what_waits_and_lets_go_what_it_showed_when_asked_and_sure(home: Path) -> None:
    shown = command(home)
    why = ("--release", "--by", "S. Rowe", "--reason", "Called both")
    unsure = command(home, *why, answer="n\n")
    unsaid = command(home, "--release")
    one = json.loads(command(home, "--json").stdout)["orders"][0]["number"]
    done = command(home, *why, "--order", one, "--yes", "--json")

    assert (shown.exit_code, shown.stdout.splitlines()[-1]) == (0, "Waited for: store-2, store-3.")
    assert (unsure.exit_code, "may be fulfilled twice" in unsure.output) == (1, True)
    assert unsaid.exit_code == 2
    assert json.loads(done.stdout)["released"] == [one]
    assert json.loads(command(home, "--json").stdout)["total"] == 1


def test_a_location_that_a_command_shuts_out_is_waited_for_no_more(home: Path) -> None:
    def shut_out(edge: str) -> Result:
        return CliRunner().invoke(hub_app, ["location", "revoke", edge, "--config", str(home)])

    gone, unknown = shut_out("store-3"), shut_out("store-99")

    assert (gone.exit_code, gone.stdout.split(".")[0]) == (0, "store-3 is shut out")
    assert (unknown.exit_code, "There is no location store-99" in unknown.output) == (3, True)
    assert command(home).stdout.splitlines()[-1] == "Waited for: store-2."


class Desk:
    """Somebody of operations before the pages."""

    def __init__(self, story: Restored) -> None:
        add_person(story.hub, name="Sam", role=HubRole.OPS, password=PASSWORD)
        self.client = story.channel.client
        del self.client.headers["authorization"]
        self.client.post("/sign-in", data={"name": "Sam", "password": PASSWORD, "next": "/"})

    def see(self, path: str) -> str:
        return str(self.client.get(path).text)

    def send(self, path: str, said: dict[str, Any]) -> Any:
        token = re.search(r'name="csrf" value="([^"]+)"', self.see("/holds/restored"))
        assert token
        return self.client.post(path, data={**said, "csrf": token[1]}, follow_redirects=False)


def test_the_page_names_whom_is_waited_for_and_what_may_happen_and_lets_the_chosen_go_on(
    story: Restored,
) -> None:
    first, second = story.place(**ORDER, **PAID), story.place(external_id="W-78")
    story.speak("store-1", lends=5)
    ids = [each["hold_id"] for each in waiting(story)["orders"]]
    desk = Desk(story)

    page = desk.see("/holds/restored")
    assert "2 orders wait since the hub was restored" in page
    assert "may be fulfilled twice" in page
    assert [name for name in STORES if f'href="/fleet/{name}"' in page] == STORES[1:]
    assert all(f'href="/holds/{each}"' in page for each in ids)
    assert 'href="/holds/restored"' in desk.see("/holds")
    assert 'href="/holds/restored"' in desk.see("/fleet")

    chosen = {"hold": ids[0], "unheard": STORES[1:], "reason": "Called both", "key": "k-1"}
    unsure = desk.send("/holds/restored", chosen)
    assert (unsure.status_code, "Called both" in unsure.text) == (422, True)
    assert "Say that you know what may happen." in unsure.text
    done = desk.send("/holds/restored", {**chosen, "sure": "yes"})

    assert done.headers["location"] == "/holds/restored?said=released&n=1"
    assert story.routed_to() == [("released", "store-1")]
    left = desk.see("/holds/restored?said=released&n=1")
    assert "1 order goes on" in left
    assert (first["number"] in left, second["number"] in left) == (False, True)


def test_whoever_releases_one_of_them_reads_that_it_may_be_fulfilled_twice(story: Restored) -> None:
    story.place(**ORDER, **PAID)
    story.speak("store-1", lends=5)
    [one] = waiting(story)["orders"]
    cards = story.channel.ask("GET", "/api/exceptions")["exceptions"]
    [card] = [each["exception_id"] for each in cards if each["kind"] == "order_on_hold"]
    choices = story.channel.ask("GET", f"/api/exceptions/{card}/choices")

    assert choices[0]["choice"] == "hold.release"
    assert "may be fulfilled twice" in choices[0]["label"]
    assert choices[0]["needs"] == ["reason"]
    assert "may be fulfilled twice" in Desk(story).see(f"/holds/{one['hold_id']}")
