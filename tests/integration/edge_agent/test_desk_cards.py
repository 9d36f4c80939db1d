"""A store's own cards: each choice does what its preview showed, with the line down; looking does nothing."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.desk import steps
from edge_agent.desk.rehearsal import Preview, state
from edge_agent.disk import LOW_BYTES, DiskWatch
from edge_agent.exceptions import rows
from edge_agent.link.recovered import say_what_to_do
from edge_agent.paper.store import EdgeJobStore
from edge_agent.rebuild import rebuild
from printing.job import JobState
from protocol.errors import IllegalTransition, Invalid, NotFound, StaleVersion
from protocol.kit.web.signin import CurrentPerson
from tests.support.fulfilment import HOUR_US, Desk
from tests.support.store import START_US, Store, sale, sign_everybody_in
from tests.support.transfer_ends import ENDS, TRANSFER, End

DAY_US = 24 * HOUR_US
LEAD = CurrentPerson("lead-1", "L. Lead", "manager", "till-1")
SKUS = ("COAT-M", "MUG-1", "BOOK-1")
PRINTED_LONG_AGO = "UPDATE print_jobs SET printer_id = 'counter-1', changed_us = changed_us - 21000000"


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 3)
    return made


def no_show(desk: Desk) -> None:
    """Nobody came in the time that was promised."""
    one = desk.offer(("COAT-M", 2), promise={"keep_until_us": START_US + DAY_US})
    desk.ready(one)
    desk.store.clock.set(START_US + DAY_US + HOUR_US)
    desk.store.app.state.fulfil_clock.look()
    sign_everybody_in(desk.store)  # yesterday's sign-ins have lapsed


def put_back(desk: Desk) -> None:
    """It was put back; somebody has to carry the goods to their shelf."""
    no_show(desk)
    choose(desk, "no_show", "assignment.put_back")


def left_after_take_back(desk: Desk) -> None:
    """A device handed over without the Wi-Fi what was taken back from it and given back meanwhile."""
    one = desk.offer(("COAT-M", 1))
    desk.ready(one)
    handheld = Desk(Store(desk.store.app, desk.store.client, desk.store.clock))
    sign_everybody_in(handheld.store, "handheld-1")
    handheld._keys = 10_000
    handheld.verb("check-out", assignments=[one])
    word = desk.store.approve("manager", "fulfil_take_back")
    desk.verb("take-back", assignments=[one], approval=word)
    desk.verb(f"assignments/{one}/reject", reason="other")
    handheld.verb(f"assignments/{one}/hand-over", 409, verification="v-1")


def promise_at_risk(desk: Desk) -> None:
    """A sale took a unit that was promised."""
    desk.offer(("COAT-M", 3))
    sold = {
        "key": "s-1",
        "till": "till-1",
        "lines": [{"sku": "COAT-M", "quantity": 3}],
        "tenders": [{"kind": "card", "amount_minor": 36_000}],
    }
    assert desk.store.post("/api/sales", sold).status_code == 201


def stock_oversold(desk: Desk) -> None:
    """More was sold than the books had."""
    promise_at_risk(desk)


def count_due(desk: Desk) -> None:
    """A picker does not find what the books have."""
    one = desk.offer(("COAT-M", 1))
    list_id = desk.start(one)
    desk.verb(f"picks/{list_id}/short", assignment_id=one, line_no=1, units=1, reason="not_found")
    desk.verb(f"picks/{list_id}/finish")


def slip_in_doubt(desk: Desk) -> None:
    """A printer was switched off while a slip came out of it."""
    sold = sale("s-1", ("MUG-1", 1), cash_minor=10_00)
    assert desk.store.post("/api/sales", sold).status_code == 201
    [(job_id,)] = desk.store.rows("SELECT job_id FROM print_jobs")
    queue = EdgeJobStore(desk.store.edge)
    for state_ in (JobState.SENDING, JobState.UNKNOWN):
        queue.mark(job_id, state_, attempt=1, detail="", facts={})


def transfer_put_back(desk: Desk) -> None:
    """A transfer is called off when its goods are off their shelf already."""
    end = End(desk.store)
    end.asked(("COAT-M", 2))
    end.do(f"/{TRANSFER}/accept")
    end.walk()
    end.tell("transfer.cancel", ENDS)


def check_the_shelf(desk: Desk) -> None:
    """A store was restored while it had an order to fulfil."""
    edge = desk.store.edge
    desk.start(desk.offer(("COAT-M", 1)))
    edge.database.write(lambda unit: say_what_to_do(unit, edge))


def store_restored(desk: Desk) -> None:
    """A store was put back to a backup."""
    check_the_shelf(desk)


def till_difference(desk: Desk) -> None:
    """A till was counted with fifty missing, and closed all the same."""
    store = desk.store
    assert store.post("/api/tills/till-1/count", {"counted_minor": 5_000}).status_code == 201
    assert store.post("/api/tills/till-1/close", {"key": "z-1"}, "manager").status_code == 201


def slip_refused(desk: Desk) -> None:
    """A receipt whose sale cannot be read any more will never print."""
    assert desk.store.post("/api/sales", sale("s-1", ("MUG-1", 1), cash_minor=10_00)).status_code == 201
    edge = desk.store.edge
    gone = "UPDATE print_jobs SET facts = '{\"seq\":9999}', printer_id = 'counter-1'"
    edge.database.write(lambda unit: unit.connection.execute(gone).rowcount)
    assert EdgeJobStore(edge).next_job("counter-1") is None


def printer_trouble(desk: Desk) -> None:
    """A slip has been in doubt for longer than a person takes to scan it."""
    printer = {"name": "Counter 1", "host": "127.0.0.1", "port": 9, "active": False}
    assert desk.store.post("/api/printers", printer, "manager").status_code == 201
    slip_in_doubt(desk)
    desk.store.edge.database.write(lambda unit: unit.connection.execute(PRINTED_LONG_AGO).rowcount)
    desk.store.app.state.paper.tell_troubles()


def disk_low(desk: Desk) -> None:
    """The disk of the store PC is nearly full."""
    DiskWatch(desk.store.edge, free_bytes=lambda _path: LOW_BYTES - 1).look()


CHOICES: dict[Callable[[Desk], None], tuple[str, ...]] = {
    no_show: ("assignment.put_back", "card.close"),
    put_back: ("assignment.lies_there",),
    left_after_take_back: ("card.close",),
    promise_at_risk: ("assignment.give_back:HB1-00001", "count.open"),
    stock_oversold: ("count.open",),
    count_due: ("count.open", "card.close"),
    slip_in_doubt: ("slip.resolve:there", "slip.resolve:again"),
    transfer_put_back: ("transfer.lies_there",),
    check_the_shelf: ("card.close",),
    store_restored: ("card.close",),
    till_difference: ("card.close",),
    slip_refused: ("card.close",),
    printer_trouble: ("card.close",),
    disk_low: ("card.close",),
}


def card(desk: Desk, kind: str) -> rows.Raised:
    """Return the only open card of a kind."""
    found = rows.listed(desk.store.edge.database.read(), with_closed=False, limit=100)
    (mine,) = [each for each in found if each.kind == kind]
    return mine


def seen(desk: Desk, exception_id: str) -> dict[str, Preview]:
    """Return what each choice of a card does now."""
    edge = desk.store.edge
    found = edge.database.write(lambda unit: steps.card(unit, edge, exception_id, LEAD))
    return {each.choice.choice_id: each.preview for each in found.offered}


def choose(desk: Desk, kind: str, choice_id: str, **said: str) -> rows.Raised:
    """Make a choice as it was just shown."""
    edge, exception_id = desk.store.edge, card(desk, kind).exception_id
    given = {"digest": seen(desk, exception_id)[choice_id].digest, "reason": "so it is", **said}
    return edge.database.write(
        lambda unit: steps.choose(unit, edge, exception_id, choice_id=choice_id, person=LEAD, **given)
    )


def dump(desk: Desk) -> dict[str, list[Any]]:
    """Return every row of every table of the store."""
    names = [row[0] for row in desk.store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: sorted(desk.store.rows(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def is_now(desk: Desk) -> dict[tuple[str, ...], int | str]:
    """Return what is so of every order and item of the store."""
    ids = [row[0] for row in desk.store.rows("SELECT assignment_id FROM assignments")]
    return dict(state(desk.store.edge.database.read(), ids, SKUS))


def to_print(desk: Desk) -> set[tuple[str, int]]:
    """Return what is to come out of a printer: each slip with how often it was tried."""
    return set(desk.store.rows("SELECT job_id, attempt FROM print_jobs WHERE state = 'queued'"))


@pytest.mark.parametrize(
    ("drive", "choice_id"),
    [
        pytest.param(drive, choice, id=f"{drive.__name__}-{choice}")
        for drive, choices in CHOICES.items()
        for choice in choices
    ],
)
def test_a_choice_at_the_store_does_what_its_preview_showed(
    desk: Desk, drive: Callable[[Desk], None], choice_id: str
) -> None:
    drive(desk)
    before, was, slips = is_now(desk), dump(desk), to_print(desk)
    last = desk.store.rows("SELECT max(seq) FROM events")[0][0]
    shown = seen(desk, card(desk, drive.__name__).exception_id)[choice_id]
    assert not shown.refused
    assert dump(desk) == was, "looking at a card changed something"

    choose(desk, drive.__name__, choice_id)

    after = is_now(desk)
    really = {
        (key[0], key[1:], before.get(key, ""), after.get(key, ""))
        for key in {*before, *after}
        if before.get(key, "") != after.get(key, "")
    }
    assert {(each.facet, each.of, each.before, each.after) for each in shown.changes} == really
    told = [row[0] for row in desk.store.rows("SELECT kind FROM events WHERE seq > ? ORDER BY seq", last)]
    assert set(shown.tells) == {kind for kind in told if not kind.startswith("exception.")}
    assert len(to_print(desk) - slips) == len(shown.paper)


def test_what_was_chosen_and_said_at_the_store_is_on_the_card_and_on_its_way_to_the_hub(desk: Desk) -> None:
    promise_at_risk(desk)
    edge, exception_id = desk.store.edge, card(desk, "promise_at_risk").exception_id
    edge.database.write(lambda unit: steps.take(unit, edge, exception_id, person=LEAD))
    edge.database.write(lambda unit: steps.snooze(unit, edge, exception_id, hours=1, person=LEAD))
    edge.database.write(lambda unit: steps.comment(unit, edge, exception_id, text="on it", person=LEAD))
    choose(desk, "promise_at_risk", "count.open")

    acts = rows.acts_of(edge.database.read(), exception_id)
    assert [(act.act, act.to, act.choice, act.text) for act in acts] == [
        ("assigned", "L. Lead", "", ""),
        ("snoozed", "", "", ""),
        ("commented", "", "", "on it"),
        ("chosen", "", "count.open", "so it is"),
    ]
    bodies = desk.bodies("exception.worked")
    assert [body["act"] for body in bodies] == ["assigned", "snoozed", "commented", "chosen"]
    assert bodies[-1]["facts"] == {"label": "Count COAT-M now"}
    assert {body["exception_id"] for body in bodies} == {exception_id}
    assert card(desk, "promise_at_risk").owner == "L. Lead"


def test_a_choice_at_the_store_that_cannot_be_made_changes_nothing(desk: Desk) -> None:
    no_show(desk)
    exception_id = card(desk, "no_show").exception_id
    edge = desk.store.edge
    was = dump(desk)
    with pytest.raises(Invalid, match="Nothing says why"):
        choose(desk, "no_show", "card.close", reason=" ")
    with pytest.raises(StaleVersion, match="does something else by now"):
        choose(desk, "no_show", "assignment.put_back", digest="0" * 32)
    with pytest.raises(NotFound, match="This choice is gone"):
        edge.database.write(
            lambda unit: steps.choose(
                unit, edge, exception_id, choice_id="x", digest="", reason="", person=LEAD
            )
        )
    assert dump(desk) == was

    shown = seen(desk, exception_id)
    choose(desk, "no_show", "assignment.put_back")
    was = dump(desk)
    with pytest.raises(IllegalTransition, match="closed already"):
        edge.database.write(
            lambda unit: steps.choose(
                unit,
                edge,
                exception_id,
                choice_id="assignment.put_back",
                digest=shown["assignment.put_back"].digest,
                reason="",
                person=LEAD,
            )
        )
    assert dump(desk) == was


def test_a_choice_whose_order_was_given_back_meanwhile_is_gone(desk: Desk) -> None:
    promise_at_risk(desk)
    desk.offer(("COAT-M", 1))
    assert "assignment.give_back:HB1-00001" in seen(desk, card(desk, "promise_at_risk").exception_id)
    desk.verb("assignments/a-1/reject", reason="closing")
    was = dump(desk)

    left = rows.listed(desk.store.edge.database.read(), with_closed=False, limit=100)
    for each in left:
        assert "assignment.give_back:HB1-00001" not in seen(desk, each.exception_id)
    assert dump(desk) == was


def told(**said: Any) -> dict[str, Any]:
    """Return what the hub says about a card of its own."""
    return {
        "exception_id": "x-1",
        "state": "open",
        "at_us": START_US,
        "kind": "promise_at_risk",
        "subject": "order:o-1",
        "title": "HB1-00001 will be late unless store-1 begins",
        "facts": {"number": "HB1-00001", "assignment_id": "a-1"},
        "owner_role": "manager",
        **said,
    }


def test_a_card_of_the_hub_about_this_store_is_worked_on_here_and_closed_for_both(
    desk: Desk, tmp_path: Path
) -> None:
    desk.offer(("COAT-M", 1))
    for _twice in range(2):
        assert desk.tell("exception.told", told()) == "applied"
    mine = card(desk, "promise_at_risk")
    assert (mine.exception_id, mine.dedupe_key, mine.owner_role) == ("x-1", "hub:x-1", "manager")
    assert list(seen(desk, "x-1")) == ["assignment.give_back:HB1-00001", "card.close"]

    choose(desk, "promise_at_risk", "assignment.give_back:HB1-00001")
    choose(desk, "promise_at_risk", "card.close")

    assert desk.bodies("assignment.rejected")[0]["assignment_id"] == "a-1"
    assert [body["dedupe_key"] for body in desk.bodies("exception.closed")] == ["hub:x-1"]
    assert desk.open_exceptions() == []
    # What the hub says late about a card that is closed here changes nothing.
    assert desk.tell("exception.told", told()) == "applied"
    assert desk.open_exceptions() == []
    again = rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db")
    assert again.differences == ()


def test_a_card_that_the_hub_closes_is_closed_here_too(desk: Desk) -> None:
    promise_at_risk(desk)
    own = card(desk, "promise_at_risk")
    desk.tell("exception.told", told(kind="transfer_damaged", subject="transfer:t-1"))
    assert {"hub:x-1", "promise_at_risk:COAT-M"} <= set(desk.open_exceptions())

    for exception_id in (own.exception_id, "x-1", "x-1", "nothing"):
        said = told(exception_id=exception_id, state="closed", how="settled at the hub")
        assert desk.tell("exception.told", said) == "applied"

    assert desk.open_exceptions() == ["stock_oversold:COAT-M"]
    closed = rows.find(desk.store.edge.database.read(), own.exception_id)
    assert closed is not None
    assert closed.closed_how == "settled at the hub"
    assert len(desk.bodies("exception.closed")) == 1


def test_what_is_said_and_assigned_at_the_hub_stands_on_the_card_of_the_store(
    desk: Desk, tmp_path: Path
) -> None:
    promise_at_risk(desk)
    edge, exception_id = desk.store.edge, card(desk, "promise_at_risk").exception_id
    edge.database.write(lambda unit: steps.comment(unit, edge, exception_id, text="on it", person=LEAD))
    said = {"exception_id": exception_id, "by": "Priya Nair", "at_us": desk.store.clock.now_us() + 1}
    notes = (
        {"act": "commented", "text": "comes at six", "note_id": 7},
        {"act": "commented", "text": "comes at six", "note_id": 7},
        {"act": "assigned", "to": "L. Lead", "note_id": 8},
        {"act": "escalated", "to": "ops", "until_us": START_US + HOUR_US, "note_id": 9, "by": ""},
    )
    for note in notes:
        assert desk.tell("exception.noted", {**said, **note}) == "applied"

    mine = card(desk, "promise_at_risk")
    assert (mine.owner_role, mine.owner, mine.due_us) == ("ops", "", START_US + HOUR_US)
    acts = rows.acts_of(edge.database.read(), exception_id)
    assert [(act.act, act.at_hub) for act in acts] == [
        ("commented", False),
        ("escalated", True),
        ("assigned", True),
        ("commented", True),
    ]
    page = desk.store.get(f"/store/exceptions/{exception_id}", role="associate").text
    assert "comes at six" in page
    assert "Priya Nair, at the hub" in page
    again = rebuild(desk.store.edge.settings.database_file, tmp_path / "again.db")
    assert again.differences == ()


def test_a_program_works_a_card_as_its_page_does(desk: Desk) -> None:
    promise_at_risk(desk)
    store, exception_id = desk.store, card(desk, "promise_at_risk").exception_id
    path = f"/api/exceptions/{exception_id}"
    assert store.client.get(path).status_code == 401
    listed = store.get("/api/exceptions").json()
    assert exception_id in {each["exception_id"] for each in listed}
    seen_there = store.get(path, role="manager").json()
    choices = {each["choice"]: each for each in seen_there["choices"]}
    assert (seen_there["owner_role"], list(choices)[-1]) == ("manager", "card.close")
    chosen = {"choice": "count.open", "digest": choices["count.open"]["digest"], "reason": "so it is"}
    was = dump(desk)
    assert store.post(f"{path}/choose", chosen, role="associate").status_code == 403
    stale = store.post(f"{path}/choose", {**chosen, "digest": "0" * 32}, role="manager")
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "preview_changed")
    assert store.post(f"{path}/choose", {**chosen, "why": "x"}, role="manager").status_code == 422
    assert dump(desk) == was

    assert store.post(f"{path}/take", {}).json()["owner"]
    assert store.post(f"{path}/comment", {"text": "on it"}).status_code == 200
    assert store.post(f"{path}/snooze", {"hours": 1}, role="manager").json()["snoozed_until_us"]
    assert store.post(f"{path}/choose", chosen, role="manager").status_code == 200

    acts = [act["act"] for act in store.get(path).json()["acts"]]
    assert sorted(acts) == ["assigned", "chosen", "commented", "snoozed"]
    assert len(desk.bodies("count.opened")) == 1


def send(desk: Desk, path: str, form: dict[str, str], role: str) -> Any:
    """Send a form as a page does."""
    headers = desk.store.headers(role) | {"hx-request": "true"}
    return desk.store.client.post(path, data=form, headers=headers)


def test_the_card_is_a_page_and_its_form_makes_the_choice(desk: Desk) -> None:
    no_show(desk)
    path = f"/store/exceptions/{card(desk, 'no_show').exception_id}"
    page = desk.store.get(path, role="manager").text

    assert "Put it back on the shelf" in page
    assert "given back to the hub" in page
    assert "when the line is back" in page
    digest = re.findall(r'name="digest-assignment.put_back" value="([0-9a-f]+)"', page)[0]
    form = {"choice": "assignment.put_back", "digest-assignment.put_back": digest}
    assert send(desk, f"{path}/choose", form, "associate").status_code == 403
    done = send(desk, f"{path}/choose", form, "manager")

    assert done.status_code == 200, done.text
    assert "Chosen" in done.text
    assert desk.bodies("assignment.rejected")[0]["reason"] == "no_show"
