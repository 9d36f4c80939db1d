"""Each choice of each kind of card does what its preview showed, field by field; looking at it does nothing.

One table says how the real system gets into each kind. A choice is made on a hub of its own, and everything
that is otherwise afterwards, in any table, must be what its preview said: no less, and no more.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.desk.choices import choices_of
from hub.desk.commands import Given
from hub.desk.consequences import STOCK
from hub.desk.steps import rehearsed
from hub.exceptions import rows as exceptions
from hub.exceptions.steps import assign, comment, decline, look_at_desk, snooze
from hub.fulfil import deficits
from hub.fulfil.risks import look_at_risks
from hub.fulfil.steps import look_at_clocks
from hub.payments.gateways import Declined, Wanted
from hub.payments.steps import work_off
from hub.rebuild import verify
from hub.route.rows import decisions
from hub.schema import create_schema
from hub.spine.steps import raise_exception
from hub.stock.rows import hub_rights
from hub.transfers.clocks import look_at_transfers
from protocol import later
from protocol.errors import IllegalTransition, Invalid, NotFound, NotPermitted, Refused
from protocol.events import ExceptionClosed, ExceptionRaised
from protocol.fulfilment import PutBackLine, RejectReason, ShortLine, ShortReason, UnitsLine
from tests.support import desk
from tests.support.hub import Shop, hub_of, send
from tests.support.promising import Story, hear, rows
from tests.support.road import Road

HOUR_US = 3_600_000_000
PAID = {"gateway": "psp", "reference": "ch_1", "amount_minor": 24_00}


class Company:
    """A hub with stores, told by nothing but orders and events; the newest order is the one looked at."""

    def __init__(self, database: HubDatabase) -> None:
        self.database = database
        self._story: Story | None = None
        self._hub: Hub | None = None

    @property
    def story(self) -> Story:
        if self._story is None:
            self._story = Story(self.database)
        return self._story

    @property
    def hub(self) -> Hub:
        return self._hub or self.story.hub

    def alone(self) -> Hub:
        """Return a hub that nobody has told anything yet."""
        self._hub = hub_of(self.database)
        return self._hub

    def pass_time(self, hours: float, *heard: str) -> None:
        """Let time pass; these stores are heard all the while."""
        self.story.channel.clock.at_us += int(hours * HOUR_US)
        for store in heard:
            self.hub.database.write(partial(_heard, at=store, now_us=self.hub.clock.now_us()))

    def shipped(self) -> str:
        """Place an order of two that is shipped and paid; return where it went."""
        order = self.story.channel.ship(lines=[{"sku": "A", "quantity": 2}], payment=PAID)
        self.story.order = self.story.channel.send(order)
        return str(rows(self.hub, decisions)[-1]["location"])

    def sent(self) -> str:
        """Place such an order, and let its offer leave."""
        where = self.shipped()
        self.story.leave(where)
        return where

    def listen(self, heard: list[str]) -> None:
        """Note what open pages and the wire would hear from now on."""

        def publish(topic: str, data: str = "") -> None:
            heard.append(f"{topic}{data}")

        self.hub.broadcaster.publish = publish  # type: ignore[method-assign]  # what is published is looked at
        self.hub.wake_link = lambda: heard.append("link")

    def lend_more(self) -> None:
        """Let store-1 lend two units more."""
        mine = (hub_rights.c.location == "store-1") & (hub_rights.c.sku == "A")
        more = sa.update(hub_rights).where(mine).values(granted_seen=hub_rights.c.granted_seen + 2)
        self.hub.database.write(lambda unit: unit.connection.execute(more))

    def gives_back(self, where: str, body: Callable[..., Any], **said: Any) -> None:
        """Let a location give all of its part back."""
        lines = (PutBackLine(line_no=1, sku="A", lent=2),)
        self.story.tell(body(**self.story.assignment, lines=lines, **said), where)


def _heard(unit: HubUnit, *, at: str, now_us: int) -> None:
    hear(unit, at, now_us)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    database = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
    create_schema(database.engine)
    yield Company(database)
    database.close()


def unroutable(company: Company) -> None:
    """Every store gives it back, one after the other."""
    company.shipped()
    for _n in range(3):
        where = rows(company.hub, decisions)[-1]["location"]
        company.story.leave(where)
        company.gives_back(where, later.AssignmentRejected, reason=RejectReason.NO_CAPACITY)


def short_pick(company: Company) -> None:
    """Nothing is found where the customer collects it."""
    company.story.place()
    company.story.leave()
    shorts = (ShortLine(line_no=1, sku="A", lent=2, reason=ShortReason.NOT_FOUND),)
    company.story.tell(later.AssignmentPicked(**company.story.assignment, list_id="l-1", shorts=shorts))


def promise_late(company: Company) -> None:
    """A store took it on and let the day of the promise pass."""
    where = company.sent()
    company.story.tell(later.AssignmentAccepted(**company.story.assignment), where)
    company.pass_time(60, "store-1", "store-2", "store-3")
    look_at_clocks(company.hub)


def promise_at_risk(company: Company) -> None:
    """A store has it, has not begun, and most of the time is gone."""
    company.sent()
    company.pass_time(44, "store-1", "store-2", "store-3")
    look_at_clocks(company.hub)


def order_at_risk(company: Company) -> None:
    """Of what the store was to pick lately, most was not found."""
    for _n in range(20):
        company.story.place()
        company.story.leave()
        shorts = (ShortLine(line_no=1, sku="A", lent=2, reason=ShortReason.NOT_FOUND),)
        company.story.tell(later.AssignmentPicked(**company.story.assignment, list_id="l-1", shorts=shorts))
        company.lend_more()
        company.story.cancel()
    company.story.place()
    company.story.leave()
    assert look_at_risks(company.hub) == 1


def store_silent(company: Company) -> None:
    """A store has two orders and is not heard any more."""
    company.sent()
    company.story.place()
    company.story.leave()
    company.pass_time(1, "store-2", "store-3")
    look_at_clocks(company.hub)


def stock_deficit(company: Company) -> None:
    """A store says that two units which the hub has promised are not there."""
    company.story.place()
    company.story.leave()

    def step(unit: HubUnit) -> None:
        mine = (hub_rights.c.location == "store-1") & (hub_rights.c.sku == "A")
        unit.connection.execute(sa.update(hub_rights).where(mine).values(deficit=2))
        work = company.hub.spine.work(unit)
        deficits.settle(work, "store-1", "A")
        company.hub.finish(work)

    company.hub.database.write(step)


def no_show(company: Company) -> None:
    """Nobody came for it; the store put it back."""
    company.story.place()
    company.story.leave()
    company.gives_back("store-1", later.AssignmentRejected, reason=RejectReason.NO_SHOW)


def cancel_too_late(company: Company) -> None:
    """It was to be cancelled, and the store had it in the van already."""
    company.story.place()
    company.story.leave()
    company.story.cancel()
    company.story.tell(later.CancelRefused(**company.story.assignment, code="too_late"))


def rejected_twice(company: Company) -> None:
    """Two stores gave it back; a third has it now."""
    company.shipped()
    for _n in range(2):
        where = rows(company.hub, decisions)[-1]["location"]
        company.story.leave(where)
        company.gives_back(where, later.AssignmentRejected, reason=RejectReason.DAMAGED)


class Stubborn:
    """A payment service that declines."""

    def refund(self, _wanted: Wanted) -> Declined:
        return Declined("the card was closed")


def refund_failed(company: Company) -> None:
    """A cancelled order is owed back, and the payment service declines."""
    company.shipped()
    company.story.cancel()
    work_off(company.hub, {"psp": Stubborn()})


def refund_to_make(company: Company) -> None:
    """A cancelled order is owed back by a service that the hub cannot ask."""
    company.shipped()
    company.story.cancel()
    work_off(company.hub, {})


def _carried(company: Company, received: int, *shorts: int) -> None:
    road = Road(company.alone())
    move = road.move(("A", 4))
    move.leave()
    move.receive(received, shorts=list(shorts), final=True)
    road.line.all()


def transfer_short(company: Company) -> None:
    """Three of four units arrive."""
    _carried(company, 3, 1)


def transfer_over(company: Company) -> None:
    """Five of four units arrive."""
    _carried(company, 5)


def transfer_late(company: Company) -> None:
    """Goods are on their way for longer than they may be."""
    road = Road(company.alone())
    road.move(("A", 4)).leave()
    road.line.all()
    road.hub.clock.at_us += 4 * 24 * HOUR_US  # type: ignore[attr-defined]  # the clock of a test
    look_at_transfers(road.hub)


def stock_oversold(company: Company) -> None:
    """A store sold more than its books have, and calls somebody itself."""
    company.story.place()
    company.story.tell(
        ExceptionRaised(
            exception_id="x-1",
            kind="stock_oversold",
            subject="sku:A",
            title="A was sold beyond the stock",
            facts={"sku": "A"},
            owner_role="manager",
            dedupe_key="stock_oversold:A",
        )
    )


def event_parked(company: Company) -> None:
    """A store says something that cannot be read."""
    shop = Shop("store-1")
    shop.say_bytes(b"{}")
    send(company.story.hub, shop)


def assignment_over(company: Company) -> None:
    """It was given up, and the store ships it all the same."""
    where = company.sent()
    company.gives_back(where, later.AssignmentRejected, reason=RejectReason.NO_CAPACITY)
    part = {**company.story.assignment, "assignment_id": rows(company.hub, decisions)[0]["assignment_id"]}
    lines = (UnitsLine(line_no=1, sku="A", lent=2),)
    company.story.tell(later.AssignmentPicked(**part, list_id="l-1", lines=lines), where)


_AT_RISK = ("order.promise", "order.cancel")
CHOICES: dict[Callable[[Company], None], tuple[str, ...]] = {
    unroutable: ("order.route", "order.promise", "order.cancel", "card.close"),
    short_pick: ("order.route", "order.bring", "order.promise", "order.cancel", "count.ask"),
    promise_late: _AT_RISK,
    promise_at_risk: _AT_RISK,
    order_at_risk: ("order.promise",),
    store_silent: ("orders.reroute", "card.close"),
    stock_deficit: ("order.reroute:HB1-00001", "count.ask"),
    no_show: ("order.route", "order.promise", "order.cancel"),
    cancel_too_late: ("order.promise", "order.reroute:store-1"),
    rejected_twice: ("order.cancel",),
    refund_failed: ("refund.confirm", "refund.again"),
    refund_to_make: ("refund.confirm",),
    transfer_short: ("transfer.decide:write_off", "transfer.decide:never_left", "transfer.extend"),
    transfer_over: ("transfer.decide:accept",),
    transfer_late: ("transfer.extend",),
    stock_oversold: ("count.ask", "card.close"),
    event_parked: ("event.discard",),
    assignment_over: ("order.cancel",),
}
"""How the system gets into each kind, by its name, and the choices that are made there."""


@pytest.mark.parametrize(
    ("drive", "choice_id"),
    [
        pytest.param(drive, choice, id=f"{drive.__name__}-{choice}")
        for drive, choices in CHOICES.items()
        for choice in choices
    ],
)
def test_a_choice_does_what_its_preview_showed(
    company: Company, drive: Callable[[Company], None], choice_id: str
) -> None:
    drive(company)
    exception_id = desk.card(company.hub, drive.__name__)

    desk.outcome_as_shown(company.hub, exception_id, choice_id)


def gives_up(company: Company) -> None:
    """Let the store that was asked give up its part."""
    company.gives_back(str(rows(company.hub, decisions)[0]["location"]), later.AssignmentCancelled)


def is_too_late(company: Company) -> None:
    """Let the store that was asked say that it is too late."""
    refusal = later.CancelRefused(**company.story.assignment, code="too_late")
    company.story.tell(refusal, str(rows(company.hub, decisions)[0]["location"]))


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
    assert [outcome.answer for outcome in shown.outcomes] == ["agreed", "refused"]


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

    shown = desk.outcome_as_shown(hub, exception_id, "order.cancel", partial(gives_up, company), "agreed")

    assert shown.money_minor == 24_00
    wish = exceptions.Filter(now_us=hub.clock.now_us())
    with hub.database.read() as connection:
        (first,) = exceptions.page(connection, wish, limit=1)
        assert exceptions.page(connection, wish, limit=1, after=exceptions.after_of(first, wish)) == []
