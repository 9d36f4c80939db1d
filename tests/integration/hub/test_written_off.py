"""Going on without a silent location: a person decides about one part of an order, and what follows of it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from hub.app import build
from hub.database import HubDatabase, HubUnit
from hub.desk.words import Reader
from hub.fleet.steps import revoke
from hub.fulfil import deficits
from hub.fulfil.rows import assignments
from hub.fulfil.steps import look_at_clocks
from hub.payments.rows import gateway_commands
from hub.people.steps import add_token
from hub.rebuild import verify
from hub.route.rows import decisions
from hub.stock.rows import allocations, hub_rights
from protocol import later
from protocol.directives import DirectiveOutcome, Outcome
from protocol.errors import Invalid, NotPermitted, Refused
from protocol.fulfilment import (
    Parcel,
    PutBackLine,
    RejectReason,
    ShortLine,
    ShortReason,
    UnitsLine,
    Verified,
)
from protocol.people import HubRole
from tests.support import desk
from tests.support.promising import Story, hear, rights, rows

PAID = {"gateway": "psp", "reference": "ch_1", "amount_minor": 24_00}
HOURS_US = 3_600_000_000
BURNT = "the store burnt down"


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


def ship(story: Story) -> dict[str, str]:
    """Place an order of two that is shipped and paid, and let its offer leave; return the part's fields."""
    order = story.channel.ship(lines=[{"sku": "A", "quantity": 2}], payment=PAID)
    story.order = story.channel.send(order)
    story.leave(at(story))
    return story.assignment


def at(story: Story) -> str:
    """Return where the newest decision sent it."""
    return str(rows(story.hub, decisions)[-1]["location"])


def silence(story: Story, *silent: str, hours: int = 2) -> None:
    """Let time pass in which all are heard but some."""
    story.channel.clock.at_us += hours * HOURS_US
    for name in story.shops:
        if name not in silent:
            story.hub.database.write(partial(hear, location=name, at_us=story.hub.clock.now_us()))


def go_on(story: Story, part: dict[str, str], *, status: int = 200, reason: str = BURNT) -> Any:
    """Decide to go on without the location of a part."""
    body = {"assignment_id": part["assignment_id"], "reason": reason}
    return story.channel.ask("POST", f"/api/orders/{story.order['number']}/write-off", body, status=status)


def back(units: int) -> tuple[PutBackLine, ...]:
    return (PutBackLine(line_no=1, sku="A", lent=units),)


def gone(units: int) -> tuple[UnitsLine, ...]:
    return (UnitsLine(line_no=1, sku="A", lent=units),)


def handed_over(part: dict[str, str], units: int = 2) -> later.AssignmentHandedOver:
    return later.AssignmentHandedOver(**part, handover_id="h-1", lines=gone(units), verified=Verified.CODE)


def state_of(story: Story, part: dict[str, str]) -> str:
    [found] = [row for row in rows(story.hub, assignments) if row["assignment_id"] == part["assignment_id"]]
    return str(found["state"])


def open_units(story: Story, location: str) -> int:
    """Return the units that a location's rights stay used for."""
    return sum(
        row["units"] - row["finished"] - row["ended"]
        for row in rows(story.hub, allocations)
        if row["location"] == location
    )


def test_an_order_goes_on_without_a_silent_store_and_is_routed_again_once(story: Story) -> None:
    part, first = ship(story), at(story)
    before = rights(story.hub, first, "A")
    silence(story, first)

    done = go_on(story, part)

    assert (done["state"], done["requested"], done["cancelled"]) == ("routed", [], [])
    assert [trigger for trigger, _where in story.decided()] == ["placed", "written_off"]
    second = at(story)
    assert second != first
    assert rights(story.hub, first, "A") == before, "the right stays used, and nobody is promised it"
    assert (open_units(story, first), open_units(story, second)) == (2, 2)
    assert state_of(story, part) == "written_off"
    assert story.told(first)[-1] == "assignment.cancel"
    [said] = story.bodies(later.AssignmentWrittenOff)
    assert (said.location, said.reason, said.lines) == (first, BURNT, gone(2))
    assert verify(story.hub) == {}


def test_a_late_cancelled_gives_the_right_back_once_and_moves_nothing_else(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)
    granted, allocated, ended, _version = rights(story.hub, first, "A")

    story.tell(later.AssignmentAccepted(**part), first)
    story.tell(later.AssignmentCancelled(**part, lines=back(2)), first)

    assert rights(story.hub, first, "A")[:3] == (granted, allocated, ended + 2)
    assert (state_of(story, part), open_units(story, first)) == ("cancelled", 0)
    assert story.seen()["order"]["state"] == "routed"
    assert [trigger for trigger, _where in story.decided()] == ["placed", "written_off"]
    assert story.cards() == []
    story.tell(later.AssignmentCancelled(**part, lines=back(2)), first)
    assert rights(story.hub, first, "A")[:3] == (granted, allocated, ended + 2)
    assert verify(story.hub) == {}


@pytest.mark.parametrize("res", [Outcome.REJECTED, Outcome.EXPIRED])
def test_an_offer_that_is_refused_after_all_gives_the_right_back_once(story: Story, res: Outcome) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)
    ended = rights(story.hub, first, "A")[2]

    for _n in range(2):
        story.answer(first, DirectiveOutcome(cseq=1, res=res, code="closed"))

    assert rights(story.hub, first, "A")[2] == ended + 2
    assert state_of(story, part) == res.value
    assert story.seen()["order"]["state"] == "routed"
    assert story.cards() == []
    assert verify(story.hub) == {}


def test_an_offer_that_is_taken_after_all_changes_nothing(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)
    before = story.kinds()

    story.answer(first, DirectiveOutcome(cseq=1, res=Outcome.APPLIED))

    assert (state_of(story, part), story.kinds()) == ("written_off", before)


def test_a_cancellation_that_nobody_answers_goes_through_and_is_paid_back_once(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    assert story.cancel()["requested"] == [first]
    assert story.cancel(status=409)["code"] == "already_requested"
    ended = rights(story.hub, first, "A")[2]

    done = go_on(story, part)

    assert done["state"] == "cancelled"
    assert story.kinds().count("order.cancelled") == 1
    assert [row["amount_minor"] for row in rows(story.hub, gateway_commands)] == [24_00]
    assert story.decided() == [("placed", first)], "nobody else is given what nobody wants"
    assert rights(story.hub, first, "A")[2] == ended
    assert open_units(story, first) == 2

    story.tell(later.AssignmentCancelled(**part, lines=back(2)), first)

    assert rights(story.hub, first, "A")[2] == ended + 2
    assert story.kinds().count("order.cancelled") == 1
    assert len(rows(story.hub, gateway_commands)) == 1
    assert story.cards() == []
    assert verify(story.hub) == {}


def test_units_that_are_not_wanted_are_cancelled_and_the_others_are_routed(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    story.cancel(lines=[{"line_no": 1, "units": 1}])

    done = go_on(story, part)

    assert done["cancelled"] == [{"line_no": 1, "units": 1}]
    assert [trigger for trigger, _where in story.decided()] == ["placed", "written_off"]
    assert (open_units(story, first), open_units(story, at(story))) == (2, 1)
    assert verify(story.hub) == {}


def test_what_a_store_hands_over_all_the_same_stands_and_somebody_hears_of_both_places(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)
    second, newer = at(story), story.assignment
    story.leave(second)
    parcels = (Parcel(parcel_no=1, parcel_id="P1"),)
    story.tell(later.AssignmentPicked(**newer, list_id="l-1", lines=gone(2)), second)
    story.tell(later.AssignmentPacked(**newer, parcels=parcels), second)
    story.tell(later.AssignmentShipped(**newer, parcels=parcels, lines=gone(2)), second)
    before = rights(story.hub, first, "A"), rights(story.hub, second, "A")

    story.tell(later.AssignmentPicked(**part, list_id="l-1", lines=gone(2)), first)
    story.tell(handed_over(part), first)

    assert (state_of(story, part), open_units(story, first)) == ("handed_over", 0)
    assert (rights(story.hub, first, "A"), rights(story.hub, second, "A")) == before
    found = story.channel.ask("GET", "/api/exceptions")["exceptions"]
    assert sorted(card["kind"] for card in found) == ["assignment_over", "double_fulfilled"]
    [over] = [card for card in found if card["kind"] == "assignment_over"]
    assert (over["facts"]["location"], over["facts"]["also_at"]) == (first, [second])
    assert over["title"].endswith("after it was written off; it may be fulfilled twice")
    assert over["owner_role"] == "ops"
    assert verify(story.hub) == {}


def test_work_that_is_stopped_in_time_takes_its_card_off_the_desk(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)

    story.tell(later.PickStarted(**part, list_id="l-1"), first)
    assert (story.cards(), state_of(story, part)) == (["assignment_over"], "written_off")
    assert story.seen()["order"]["state"] == "routed", "nobody counts on what is picked there"
    story.tell(later.AssignmentCancelled(**part, lines=back(2)), first)

    assert (story.cards(), state_of(story, part)) == ([], "cancelled")
    assert verify(story.hub) == {}


def test_a_store_that_finds_nothing_any_more_calls_nobody(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)
    shorts = (ShortLine(line_no=1, sku="A", lent=2, reason=ShortReason.NOT_FOUND),)

    story.tell(later.AssignmentPicked(**part, list_id="l-1", shorts=shorts), first)

    assert (state_of(story, part), open_units(story, first)) == ("short", 0)
    assert "short_pick" not in story.cards()
    assert [trigger for trigger, _where in story.decided()] == ["placed", "written_off"]
    assert verify(story.hub) == {}


def test_one_that_says_too_late_is_raised_with_both_places(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)

    story.tell(later.CancelRefused(**part, code="too_late"), first)

    [card] = story.channel.ask("GET", "/api/exceptions")["exceptions"]
    assert (card["kind"], card["facts"]["also_at"]) == ("assignment_over", [at(story)])
    assert open_units(story, first) == 2


def test_what_can_only_be_collected_there_waits_for_a_person(story: Story) -> None:
    story.place()
    story.leave()
    part = story.assignment
    silence(story, "store-1")

    done = go_on(story, part)

    assert done["state"] == "captured"
    assert story.cards() == ["unroutable"]
    story.tell(later.AssignmentRejected(**part, reason=RejectReason.NO_CAPACITY, lines=back(2)))
    assert rights(story.hub, "store-1", "A")[2] == 2
    assert story.cards() == ["unroutable"]
    assert verify(story.hub) == {}


def test_goods_that_leave_there_while_nobody_else_has_them_fulfil_the_order(story: Story) -> None:
    story.place()
    story.leave()
    part = story.assignment
    silence(story, "store-1")
    go_on(story, part)

    story.tell(handed_over(part))

    assert story.seen()["order"]["state"] == "handed_over"
    assert story.bodies(later.AssignmentHandedOver)[0].lines == gone(2)
    assert rights(story.hub, "store-1", "A")[:3] == (5, 2, 0)
    assert open_units(story, "store-1") == 0
    assert verify(story.hub) == {}


def test_it_is_refused_where_the_location_can_be_asked_or_has_nothing(story: Story) -> None:
    part, first = ship(story), at(story)
    before = story.kinds()
    assert go_on(story, part, status=409)["code"] == "is_heard"
    silence(story, first)
    for reason in ("", "no", "x" * 251):
        assert go_on(story, part, status=422, reason=reason)["code"] == "invalid_field"
    assert go_on(story, {"assignment_id": "nobody"}, status=409)["code"] == "not_held"
    assert story.kinds() == before

    go_on(story, part)
    after = story.kinds()

    assert go_on(story, part, status=409)["code"] == "already_written_off"
    story.tell(later.AssignmentCancelled(**part, lines=back(2)), first)
    assert go_on(story, part, status=409)["code"] == "already_written_off"
    assert story.kinds() == [*after, "assignment.cancelled"]


def test_what_never_left_the_hub_is_taken_back_and_not_written_off(story: Story) -> None:
    story.place()
    silence(story, "store-1")

    assert go_on(story, story.assignment, status=409)["code"] == "never_sent"

    assert story.cancel()["state"] == "cancelled"


def test_only_operations_decide_to_go_on_without_a_location(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    token = add_token(story.hub, name="books", role=HubRole.FINANCE)
    story.channel.client.headers["authorization"] = f"Bearer {token}"

    assert go_on(story, part, status=403)["code"] == "not_permitted"


def test_a_request_that_is_sent_twice_decides_once(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    path = f"/api/orders/{story.order['number']}/write-off"
    body = {"assignment_id": part["assignment_id"], "reason": BURNT}

    answers = [
        story.channel.client.post(path, json=body, headers={"idempotency-key": "k-1"}).json() for _n in (1, 2)
    ]

    assert answers[0] == answers[1]
    assert story.kinds().count("assignment.written_off") == 1


def test_a_location_that_was_shut_out_is_silent_too(story: Story) -> None:
    part, first = ship(story), at(story)
    story.hub.database.write(partial(revoke, edge=first))

    assert go_on(story, part)["state"] == "routed"


def test_the_card_of_a_silent_store_closes_with_the_last_of_its_orders(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    look_at_clocks(story.hub)
    assert story.cards() == ["store_silent"]

    go_on(story, part)
    look_at_clocks(story.hub)

    assert story.cards() == []


def test_a_hub_that_starts_anew_in_between_goes_on_where_it_was(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)
    ended = rights(story.hub, first, "A")[2]

    again = build(story.hub.settings, clock=story.channel.clock, ids=story.hub.ids)
    story.hub = again.state.hub
    try:
        story.tell(later.AssignmentCancelled(**part, lines=back(2)), first)

        assert rights(story.hub, first, "A")[2] == ended + 2
        assert state_of(story, part) == "cancelled"
        assert verify(story.hub) == {}
    finally:
        again.state.hub.database.close()


def test_the_card_shows_what_stays_promised_and_that_it_may_be_fulfilled_twice(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    look_at_clocks(story.hub)
    exception_id = desk.card(story.hub, "store_silent")
    choice_id = f"order.write_off:{story.order['number']}"
    offered = desk.offered(story.hub, exception_id)[choice_id]
    reader = Reader({first: "York"}, "GBP", "Europe/London", 0)

    shown = reader.shown(offered.choice, offered.preview, may=True)

    number = story.order["number"]
    assert shown.choice.label.startswith(f"Go on with {number} without ")
    assert shown.choice.label.endswith(": it may be fulfilled twice")
    assert (shown.word, shown.shape) == ("May be fulfilled twice", "act")
    assert (
        "2 units stay promised at York until it is heard; the goods may be handed over there all the same: "
        "it may be fulfilled twice"
    ) in [line.label for line in shown.columns.stock]
    assert f"{first}, A promised" not in [line.label for line in shown.columns.stock]
    assert [each.word for each in shown.answers] == ["If York can", "If it is too late at York"]

    for reason, code in (("", "no_reason"), ("no", "no_reason"), ("x" * 251, "no_reason")):
        with pytest.raises((Invalid, Refused)) as refusal:
            desk.choose(story.hub, exception_id, choice_id, offered.preview, reason=reason)
        assert refusal.value.reason == code
    with pytest.raises(NotPermitted):
        desk.choose(story.hub, exception_id, choice_id, offered.preview, role="finance")
    assert state_of(story, part) == "acknowledged" or state_of(story, part) == "proposed"

    assert desk.choose(story.hub, exception_id, choice_id, offered.preview).state == "done"
    assert (state_of(story, part), desk.chosen(story.hub, exception_id)) == ("written_off", [choice_id])
    look_at_clocks(story.hub)
    assert story.cards() == []
    assert verify(story.hub) == {}


def test_an_order_whose_cancellation_nobody_answers_has_the_choice_on_its_own_card(story: Story) -> None:
    part, first = ship(story), at(story)
    story.tell(later.PickStarted(**part, list_id="l-1"), first)
    silence(story, first, hours=80)
    story.cancel()
    look_at_clocks(story.hub)
    exception_id = desk.card(story.hub, "promise_late")
    choice_id = f"order.write_off:{first}"

    shown = desk.outcome_as_shown(story.hub, exception_id, choice_id)

    assert shown.money_minor == 24_00
    assert story.seen()["order"]["state"] == "cancelled"
    assert story.cards() == []


def test_a_change_that_a_store_takes_over_later_gives_it_nothing_back(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    story.cancel(lines=[{"line_no": 1, "units": 1}])
    change = story.bodies(later.ChangeRequested)[0]
    go_on(story, part)
    ended = rights(story.hub, first, "A")[2]

    changed = later.AssignmentChanged(**part, change_id=change.change_id, dropped=back(1))
    story.tell(changed, first)
    assert (rights(story.hub, first, "A")[2], state_of(story, part)) == (ended + 1, "written_off")
    assert story.cards() == ["assignment_over"], "it goes on with the unit that it keeps"
    story.tell(later.AssignmentCancelled(**part, lines=back(1)), first)

    assert (rights(story.hub, first, "A")[2], state_of(story, part)) == (ended + 2, "cancelled")
    assert story.cards() == []
    assert story.kinds().count("order.cancelled") == 1
    assert verify(story.hub) == {}


def test_units_that_a_store_misses_are_answered_by_what_it_is_to_stop(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    go_on(story, part)

    def misses(unit: HubUnit) -> list[int]:
        mine = (hub_rights.c.location == first) & (hub_rights.c.sku == "A")
        unit.connection.execute(sa.update(hub_rights).where(mine).values(deficit=2))
        work = story.hub.spine.work(unit)
        deficits.settle(work, first, "A")
        story.hub.finish(work)
        return [one.units for one in deficits.promises(unit.connection, first, "A") if one.asked]

    assert story.hub.database.write(misses) == [2]
    assert story.cards() == []


def test_an_order_that_is_on_hold_is_not_given_to_anybody_else_before_it_is_released(story: Story) -> None:
    part, first = ship(story), at(story)
    silence(story, first)
    path = f"/api/orders/{story.order['number']}/holds"
    story.channel.ask("POST", path, {"reason": "looks odd", "blocks": ["route"]}, status=201)

    assert go_on(story, part)["state"] == "captured"
    assert story.decided() == [("placed", first)]
