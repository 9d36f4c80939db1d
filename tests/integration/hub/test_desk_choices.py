"""Each choice of each kind of card does what its preview showed, field by field; looking at it does nothing.

One table says how the real system gets into each kind. A choice is made on a hub of its own, and everything
that is otherwise afterwards, in any table, must be what its preview said: no less, and no more.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase, HubUnit
from hub.desk.choices import Choice, choices_of
from hub.desk.commands import Given
from hub.desk.consequences import STOCK
from hub.desk.steps import rehearsed
from hub.desk.words import Reader
from hub.exceptions import rows as exceptions
from hub.exceptions.steps import assign, comment, decline, look_at_desk, snooze
from hub.notify import hook_steps
from hub.notify.hook_steps import HookWanted
from hub.notify.rules import Kind
from hub.payments.gateways import Simulator
from hub.payments.steps import work_off
from hub.rebuild import verify
from hub.route.rows import decisions
from hub.schema import create_schema
from hub.spine.steps import raise_exception
from hub.stock.rows import hub_rights
from protocol.errors import IllegalTransition, Invalid, NotFound, NotPermitted, Refused
from protocol.events import ExceptionClosed, ExceptionWorked
from protocol.later import PickStarted
from tests.support import desk
from tests.support.desk_kinds import (
    CHOICES,
    HOUR_US,
    Company,
    gives_up,
    is_too_late,
    order_at_risk,
    promise_late,
    stock_oversold,
    store_silent,
    unroutable,
)
from tests.support.desk_kinds_more import MORE, NOBODY_LISTENS, NOTED
from tests.support.promising import rows


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    database = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
    create_schema(database.engine)
    yield Company(database)
    database.close()


@pytest.mark.parametrize(
    ("drive", "choice_id"),
    [
        pytest.param(drive, choice, id=f"{drive.__name__}-{choice}")
        for drive, choices in {**CHOICES, **MORE}.items()
        for choice in choices
    ],
)
def test_a_choice_does_what_its_preview_showed(
    company: Company, drive: Callable[[Company], None], choice_id: str
) -> None:
    drive(company)
    exception_id = desk.card(company.hub, drive.__name__)

    desk.outcome_as_shown(company.hub, exception_id, choice_id)

    # Closing a card with a note is how it ends; everything else is an act in its history.
    expected = [] if choice_id == "card.close" else [choice_id]
    assert desk.chosen(company.hub, exception_id) == expected


@pytest.mark.parametrize("drive", NOTED, ids=lambda drive: drive.__name__)
def test_what_only_a_note_settles_is_settled_as_its_preview_showed(
    company: Company, drive: Callable[[Company], None]
) -> None:
    drive(company)

    for kind in NOTED[drive]:
        shown = desk.outcome_as_shown(company.hub, desk.card(company.hub, kind), "card.close")
        assert [(each.kind, each.opened) for each in shown.consequences.cards] == [(kind, False)]


@pytest.mark.parametrize("command", ["order.reroute", "order.cancel"])
@pytest.mark.parametrize(("answer", "reply"), [("agreed", gives_up), ("refused", is_too_late)])
def test_what_a_location_is_asked_for_is_shown_with_both_its_answers(
    company: Company, command: str, answer: str, reply: Callable[[Company], None]
) -> None:
    promise_late(company)
    exception_id = desk.card(company.hub, "promise_late")
    where = str(rows(company.hub, decisions)[0]["location"])
    choice_id = f"{command}:{where}" if command == "order.reroute" else command

    shown = desk.outcome_as_shown(company.hub, exception_id, choice_id, partial(reply, company), answer)

    assert shown.consequences.requested == (where,)
    # What is paid back when units come back is expected of the service, and shown for itself.
    paid = ["agreed_paid"] if command == "order.cancel" else []
    assert [outcome.answer for outcome in shown.outcomes] == ["agreed", *paid, "refused"]


def test_what_a_service_will_have_paid_back_and_every_webhook_are_in_the_preview(company: Company) -> None:
    unroutable(company)
    hub, channel = company.hub, company.story.channel
    hook_steps.add(hub, HookWanted(name="SMS", url=NOBODY_LISTENS, kinds=(Kind.CANCELLED,)), by="Ada")
    channel.admin()
    endpoint = {"channel": "web", "url": NOBODY_LISTENS, "buffer": 0}
    channel.ask("POST", "/api/channels/endpoints", endpoint, status=201)
    exception_id = desk.card(hub, "unroutable")

    def pays_back() -> None:
        assert work_off(hub, {"psp": Simulator()}) == 1

    shown = desk.outcome_as_shown(hub, exception_id, "order.cancel", pays_back, "paid")

    reader, choice = Reader({}, "GBP", "Europe/London", 0), Choice("order.cancel", "", "order.cancel")
    posted = [(entry.rule, entry.amount_minor) for entry in shown.outcomes[0].consequences.journals]
    assert posted[: len(shown.consequences.journals)] == [
        (entry.rule, entry.amount_minor) for entry in shown.consequences.journals
    ]
    assert len(posted) == len(shown.consequences.journals) + 2
    assert shown.money_minor == 24_00, "what is paid back later is not counted twice"
    answered = reader.shown(choice, shown, may=True).answers
    assert [(each.word, len(each.columns.books)) for each in answered] == [
        ("Expected once psp has paid it back", 2)
    ]
    assert ("HB1-00001", "cancelled", "SMS", "queued") in {each.of for each in shown.consequences.changes}
    said = reader.columns(shown.consequences).leaves
    assert "Webhook to SMS about HB1-00001: Cancelled" in {line.label for line in said}


@pytest.mark.timeout(240)
def test_a_thousand_previews_leave_no_trace(company: Company) -> None:
    unroutable(company)
    stock_oversold(company)
    hub = company.hub
    exception_id = desk.card(hub, "unroutable")
    heard: list[str] = []
    company.listen(heard)
    before = desk.dump(hub)

    def step(unit: HubUnit, of: str) -> set[str]:
        row = exceptions.find(unit.connection, of)
        choices = choices_of(hub, unit, row)
        return {
            rehearsed(hub, unit, row, choice, Given("Ada")).digest for _n in range(10) for choice in choices
        }

    # Four choices a hundred times, two choices three hundred times.
    digests = {
        kind: set().union(*(hub.database.write(partial(step, of=desk.card(hub, kind))) for _n in range(tens)))
        for kind, tens in (("unroutable", 10), ("stock_oversold", 30))
    }

    # Nothing was used up that would make the last one say something else than the first.
    assert {kind: len(found) for kind, found in digests.items()} == {"unroutable": 4, "stock_oversold": 2}
    assert desk.dump(hub) == before
    assert heard == []
    # The next number of everything is the one that it was: the real thing still does what was shown.
    desk.outcome_as_shown(hub, exception_id, "order.cancel")
    assert heard != []


def test_a_choice_that_does_something_else_by_now_is_shown_again_and_not_made(company: Company) -> None:
    unroutable(company)
    hub = company.hub
    exception_id = desk.card(hub, "unroutable")
    shown = desk.offered(hub, exception_id)["order.route"].preview
    taken = shown.consequences.of(STOCK)[0].of[0]

    def lend_less(unit: HubUnit) -> None:
        unit.connection.execute(
            sa.update(hub_rights).where(hub_rights.c.location == taken).values(granted_seen=2)
        )

    hub.database.write(lend_less)
    before = desk.dump(hub)

    again = desk.choose(hub, exception_id, "order.route", shown)

    assert again.state == "changed"
    assert (again.preview.digest != shown.digest, desk.dump(hub) == before) == (True, True)
    assert desk.choose(hub, exception_id, "order.route", again.preview).state == "done"


def test_what_was_settled_meanwhile_cannot_be_chosen_twice(company: Company) -> None:
    unroutable(company)
    hub = company.hub
    exception_id = desk.card(hub, "unroutable")
    shown = desk.offered(hub, exception_id)
    desk.choose(hub, exception_id, "order.cancel", shown["order.cancel"].preview)
    before = desk.dump(hub)

    for choice_id in ("order.cancel", "card.close"):
        with pytest.raises(IllegalTransition, match="closed already"):
            desk.choose(hub, exception_id, choice_id, shown[choice_id].preview)

    assert desk.offered(hub, exception_id) == {}
    assert desk.dump(hub) == before


def test_a_choice_that_became_impossible_says_why_and_changes_nothing(company: Company) -> None:
    promise_late(company)
    hub = company.hub
    exception_id = desk.card(hub, "promise_late")
    where = str(rows(hub, decisions)[0]["location"])
    shown = desk.offered(hub, exception_id)
    company.story.cancel()
    before = desk.dump(hub)

    with pytest.raises(Refused, match="has been asked already"):
        desk.choose(hub, exception_id, "order.cancel", shown["order.cancel"].preview)
    with pytest.raises(NotFound, match="This choice is gone"):
        desk.choose(hub, exception_id, f"order.reroute:{where}", shown[f"order.reroute:{where}"].preview)

    assert desk.offered(hub, exception_id)["order.cancel"].preview.code == "already_requested"
    assert desk.dump(hub) == before


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"reason": "  "}, (Invalid, "Nothing says why")),
        ({"role": "finance"}, (NotPermitted, "Your role may not do this")),
    ],
)
def test_a_choice_without_its_reason_or_its_role_changes_nothing(
    company: Company, said: dict[str, str], refusal: tuple[type[Exception], str]
) -> None:
    unroutable(company)
    hub = company.hub
    exception_id = desk.card(hub, "unroutable")
    shown = desk.offered(hub, exception_id)["order.cancel"].preview
    before = desk.dump(hub)

    with pytest.raises(refusal[0], match=refusal[1]):
        desk.choose(hub, exception_id, "order.cancel", shown, **said)

    assert desk.dump(hub) == before


def test_money_moves_once_it_is_confirmed_and_above_a_limit_by_two_people(company: Company) -> None:
    unroutable(company)
    hub = company.hub
    hub.settings = hub.settings.model_copy(update={"second_person_minor": 20_00})
    exception_id = desk.card(hub, "unroutable")
    shown = desk.offered(hub, exception_id)["order.cancel"].preview
    assert shown.money_minor == 24_00

    assert desk.choose(hub, exception_id, "order.cancel", shown, confirmed=False).state == "confirm"
    assert desk.choose(hub, exception_id, "order.cancel", shown).state == "second_person"
    # The same person a second time is still one person.
    assert desk.choose(hub, exception_id, "order.cancel", shown).state == "second_person"
    assert company.story.seen()["order"]["state"] == "captured"
    done = desk.choose(hub, exception_id, "order.cancel", shown, by="Bea", reason="")

    assert (done.state, done.row.state) == ("done", "closed")
    assert company.story.seen()["order"]["state"] == "cancelled"
    with hub.database.read() as connection:
        acts = [(act.act, act.by, act.text) for act in exceptions.acts_of(connection, exception_id)]
    assert acts == [("asked", "Ada", "so it is")] * 2 + [("chosen", "Ada + Bea", "so it is")]


def test_a_second_person_may_say_no_and_then_nobody_waits_any_more(company: Company) -> None:
    unroutable(company)
    hub = company.hub
    hub.settings = hub.settings.model_copy(update={"second_person_minor": 0})
    exception_id = desk.card(hub, "unroutable")
    shown = desk.offered(hub, exception_id)["order.cancel"].preview
    asked = desk.choose(hub, exception_id, "order.cancel", shown).row
    assert asked.asked is not None
    assert (asked.asked["by"], asked.asked["choice"]) == ("Ada", "order.cancel")

    declined = decline(hub, exception_id, text="ask the customer first", by="Bea")

    assert (declined.state, declined.asked) == ("open", None)
    # Who comes next is the first person again.
    assert desk.choose(hub, exception_id, "order.cancel", shown, by="Bea").state == "second_person"


def test_the_tables_made_anew_have_every_card_with_its_history(company: Company) -> None:
    unroutable(company)
    hub = company.hub
    exception_id = desk.card(hub, "unroutable")
    assign(hub, exception_id, to="Ada", by="Ada")
    snooze(hub, exception_id, until_us=hub.clock.now_us() + HOUR_US, by="Ada")
    comment(hub, exception_id, text="the customer called", by="Ada")
    desk.outcome_as_shown(hub, exception_id, "order.promise")

    assert verify(hub) == {}


def test_a_card_that_a_store_owns_is_told_to_it_and_closed_by_it(company: Company) -> None:
    company.story.place()
    hub = company.hub

    def step(unit: HubUnit) -> None:
        work = hub.spine.work(unit)
        for kind, location in (
            ("promise_at_risk", "store-1"),
            ("no_show", "store-1"),
            ("suspense", "store-9"),
        ):
            raise_exception(
                work,
                kind=kind,
                subject="sku:A",
                title="Somebody has to look",
                facts={"location": location},
                owner_role="manager",
                dedupe_key=f"test:{kind}",
            )
        work.flush()

    hub.database.write(step)
    exception_id = desk.card(hub, "promise_at_risk")
    assert company.story.told().count("exception.told") == 1

    comment(hub, exception_id, text="comes at six", by="Ada")
    assign(hub, exception_id, to="Ada", by="Ada")
    assert company.story.told()[-2:] == ["exception.noted", "exception.noted"]
    mine = ExceptionWorked(exception_id=exception_id, act="commented", text="we look")
    company.story.tell(mine)
    assert company.story.told().count("exception.noted") == 2, "a store's own word comes back to nobody"
    closed = ExceptionClosed(dedupe_key=f"hub:{exception_id}", how="done by hand")
    company.story.tell(closed, "store-2")  # not its card
    assert desk.card(hub, "promise_at_risk") == exception_id
    company.story.tell(closed)

    with hub.database.read() as connection:
        row = exceptions.find(connection, exception_id)
    assert (row.state, row.note, row.closed_by) == ("closed", "done by hand", "p-1")
    # The hub may raise it anew: it knows that it is closed.
    hub.database.write(step)
    assert desk.card(hub, "promise_at_risk") != exception_id
    assert verify(hub) == {}


def test_a_risk_is_past_as_soon_as_somebody_begins(company: Company) -> None:
    order_at_risk(company)
    assert company.story.cards().count("order_at_risk") == 1

    company.story.tell(PickStarted(**company.story.assignment, list_id="l-2"))

    assert "order_at_risk" not in company.story.cards()


def test_a_clock_that_runs_out_hands_a_card_on_until_nobody_is_above(company: Company) -> None:
    unroutable(company)
    hub = company.hub
    exception_id = desk.card(hub, "unroutable")
    assert look_at_desk(hub) == 0
    snooze(hub, exception_id, until_us=hub.clock.now_us() + 2 * HOUR_US, by="Ada")
    company.pass_time(1)
    assert look_at_desk(hub) == 0, "a card that was put aside is not handed on"

    company.pass_time(2)
    assert look_at_desk(hub) == 2, "this card, and the one about its rejections"
    company.pass_time(30)
    assert look_at_desk(hub) == 0, "an administrator has nobody above"

    with hub.database.read() as connection:
        row = exceptions.find(connection, exception_id)
        acts = [(act.act, act.by, act.to) for act in exceptions.acts_of(connection, exception_id)]
    assert (row.owner_role, row.escalated) == ("admin", 1)
    assert acts == [("snoozed", "Ada", ""), ("escalated", "hub", "admin")]
    assert verify(hub) == {}


def test_a_preview_and_its_outcome_are_the_same_on_either_database(hub_database: HubDatabase) -> None:
    company = Company(hub_database)
    promise_late(company)
    hub = company.hub
    exception_id = desk.card(hub, "promise_late")
    wish = exceptions.Filter(now_us=hub.clock.now_us())
    with hub.database.read() as connection:
        (first,) = exceptions.page(connection, wish, limit=1)
        assert exceptions.page(connection, wish, limit=1, after=exceptions.after_of(first, wish)) == []

    shown = desk.outcome_as_shown(hub, exception_id, "order.cancel", partial(gives_up, company), "agreed")

    assert shown.money_minor == 24_00
    with hub.database.read() as connection:
        assert exceptions.page(connection, wish, limit=1) == []


@pytest.mark.parametrize(
    ("more", "label"),
    [
        (0, "Ask it to give HB1-00002 back"),
        (2, "Ask it to give HB1-00001 and 2 more back"),
    ],
)
def test_a_silent_store_is_asked_for_orders_by_their_number(company: Company, more: int, label: str) -> None:
    for _n in range(more):
        company.story.place(lines=[{"sku": "B", "quantity": 1}])
        company.story.leave()
    store_silent(company)
    exception_id = desk.card(company.hub, "store_silent")

    assert desk.offered(company.hub, exception_id)["orders.reroute"].choice.label == label
