"""Asking for transfers, taking them back, and who is called when they do not go as they should."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import directives, link_sessions, streams
from hub.rebuild import verify
from hub.stock import allocations
from hub.stock.rows import hub_rights
from hub.transfers import reads, steps
from hub.transfers.clocks import look_at_transfers
from hub.transfers.rows import transfers as transfer_table
from hub.transfers.telling import owner_of
from hub.transfers.wanted import (
    CancelWanted,
    DecideWanted,
    ExtendWanted,
    LineWanted,
    MatchWanted,
    TransferWanted,
)
from protocol.directives import DirectiveOutcome, Outcome
from protocol.errors import Invalid, Refused
from protocol.transfers import AskedBy
from tests.support.hub import TestClock, send
from tests.support.promising import lend, rights, rows
from tests.support.road import Road
from tests.support.transfers import held, ties, trial

BY = steps.By(name="C. Ford")
DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def road(hub: Hub) -> Iterator[Road]:
    made = Road(hub)
    yield made
    assert ties(hub) == []


def heard(road: Road, edge: str, *, behind: int = 0) -> None:
    """Let a store have told everything but so many events, this moment."""
    now_us = road.hub.clock.now_us()

    def step(unit: HubUnit) -> None:
        inc = unit.connection.execute(sa.select(streams.c.inc).where(streams.c.edge == edge)).scalar_one()
        unit.connection.execute(sa.delete(link_sessions).where(link_sessions.c.edge == edge))
        unit.connection.execute(
            sa.insert(link_sessions).values(
                edge=edge, inc=inc, sess="s", nonce="n", boot="b", opened_us=0, last_us=now_us
            )
        )
        unit.connection.execute(
            sa.update(streams).where(streams.c.edge == edge).values(newest=streams.c.upto + behind)
        )

    road.hub.database.write(step)


def test_goods_nobody_sent_call_a_person_only_once_their_source_has_told_everything(road: Road) -> None:
    clock = road.hub.clock
    assert isinstance(clock, TestClock)
    move = road.move(("A", 4))
    move.receive(4)
    road.line.tell(road.two)
    clock.at_us = road.two.at_us + 3600 * 1_000_000
    heard(road, "store-1", behind=2)
    look_at_transfers(road.hub)
    while_it_is_behind = road.cards()
    heard(road, "store-1")
    first, again = look_at_transfers(road.hub), look_at_transfers(road.hub)
    after = road.cards()
    counts = [body["skus"] for kind, body in road.told("store-1") if kind == "count.request"]
    move.leave()
    road.line.all()

    assert (while_it_is_behind, after) == ([], [("transfer_unmatched", "ops")])
    assert (first.raised, again.raised, counts) == (1, 0, [["A"]])
    assert road.cards() == []


def test_what_is_too_long_on_its_way_calls_a_person_until_it_is_waited_for_or_arrives(road: Road) -> None:
    clock = road.hub.clock
    assert isinstance(clock, TestClock)
    move = road.move(("A", 4))
    move.leave()
    road.line.all()
    clock.at_us = road.one.at_us + 2 * DAY_US
    look_at_transfers(road.hub)
    in_time = road.cards()
    clock.at_us = road.one.at_us + 4 * DAY_US
    look_at_transfers(road.hub)
    late = road.cards()
    steps.extend(
        road.hub,
        "LB1-X00001",
        ExtendWanted(arrive_by_us=clock.at_us + 5 * DAY_US, reason="Snow"),
        BY,
    )
    look_at_transfers(road.hub)
    waited_for = road.cards()
    clock.at_us += 6 * DAY_US
    look_at_transfers(road.hub)
    late_again = road.cards()
    move.receive(4, final=True)
    road.line.all()

    assert (in_time, late, waited_for, late_again) == (
        [],
        [("transfer_late", "ops")],
        [],
        [("transfer_late", "ops")],
    )
    assert road.cards() == []


def test_a_carton_that_was_received_by_line_or_written_off_is_not_on_its_way_any_more(road: Road) -> None:
    def carton(number: str) -> str:
        with road.hub.database.read() as connection:
            return reads.find(connection, number).cartons[0].state

    by_line, lost = road.move(("A", 4)), road.move(("B", 2), transfer_id="t2", number="LB1-X00002")
    by_line.leave()
    lost.leave()
    road.line.all()
    before = (carton("LB1-X00001"), carton("LB1-X00002"))
    by_line.receive(4, final=True)
    road.line.all()
    wanted = DecideWanted.model_validate(
        {"lines": [{"line_no": 1, "sku": "B", "choice": "write_off"}], "reason": "the van was robbed"}
    )
    steps.decide(road.hub, "LB1-X00002", wanted, BY)

    assert before == ("shipped", "shipped")
    assert (carton("LB1-X00001"), carton("LB1-X00002")) == ("received", "lost")


def test_goods_of_nobody_are_matched_by_hand_or_kept(road: Road) -> None:
    move = road.move(("A", 4))
    receipt = move.receive(3, known=False)
    other = move.receive(1, known=False)
    move.leave()
    road.line.all()
    done = steps.match(road.hub, "LB1-X00001", MatchWanted(receipt_id=receipt), BY)
    steps.accept_receipt(road.hub, other, CancelWanted(reason="found behind the shelf"), BY)
    with pytest.raises(Refused, match="explained already"):
        steps.accept_receipt(road.hub, other, CancelWanted(reason="again"), BY)

    assert (done.requested, road.told("store-2")[-1][1]["receipts"]) == (True, [receipt])
    assert held(road.hub, "store-2")["in_transit"][0] == -3
    assert trial(road.hub)["main", "5100"] == -500
    assert verify(road.hub) == {}


def test_a_request_that_never_left_the_hub_is_taken_back_with_certainty_and_one_that_did_is_asked_for(
    road: Road,
) -> None:
    wanted = TransferWanted(source="store-1", destination="store-2", lines=(LineWanted(sku="A", quantity=4),))
    first, second = steps.request(road.hub, wanted, BY), steps.request(road.hub, wanted, BY)
    reason = CancelWanted(reason="not needed")
    at_once = steps.cancel(road.hub, first.number, reason, BY)
    road.hub.database.write(lambda unit: road.hub.outbox.take(unit, "store-1", 0, resend=False))
    asked = steps.cancel(road.hub, second.number, reason, BY)
    with pytest.raises(Refused, match="has been asked already"):
        steps.cancel(road.hub, second.number, reason, BY)
    move = road.move(("A", 4), transfer_id=second.transfer_id, number=second.number)
    move.accept()
    move.cancel()
    road.line.all()

    assert (at_once.state, at_once.requested) == ("cancelled", False)
    assert (asked.state, asked.requested) == ("requested", True)
    assert next(row["state"] for row in rows(road.hub, directives)) == "withdrawn"
    assert [head["send_state"] for head in rows(road.hub, transfer_table)] == ["cancelled", "cancelled"]
    assert held(road.hub, "store-1") == {"sellable": (10, 3000)}


def test_what_has_left_cannot_be_cancelled_and_the_answer_says_what_to_do(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    road.line.all()

    with pytest.raises(Refused) as refusal:
        steps.cancel(road.hub, "LB1-X00001", CancelWanted(reason="too late"), BY)

    assert refusal.value.reason == "too_late"
    assert road.head()["cancel_asked"] is False


def test_a_wish_of_the_destination_is_passed_on_and_it_hears_the_answer(road: Road) -> None:
    move = road.move(("A", 4))
    move.request(AskedBy.DESTINATION)
    road.line.all()
    assert [kind for kind, _body in road.told("store-1")] == ["transfer.request"]
    move.reject()
    road.line.all()

    kind, body = road.told("store-2")[-1]
    assert (kind, body["state"]) == ("transfer.told", "rejected")
    assert "not enough" in body["sentence"]


def test_a_wish_that_comes_again_to_a_restored_hub_takes_no_more_than_its_source_already_holds_for_it(
    road: Road,
) -> None:
    road.hub.database.write(lambda unit: lend(unit, "store-1", A=9))
    move = road.move(("A", 4))
    owner = owner_of(move.transfer_id)
    road.hub.database.write(
        lambda unit: allocations.allocate(unit.connection, owner, "store-1", [(1, "A", 3)])
    )

    move.request(AskedBy.DESTINATION)
    road.line.all()

    ((kind, body),) = road.told("store-1")
    assert (kind, [line["lent"] for line in body["lines"]]) == ("transfer.request", [3])
    assert rights(road.hub, "store-1", "A")[:2] == (9, 3)


def test_a_store_that_answers_that_it_is_another_one_ends_the_request(road: Road) -> None:
    steps.request(
        road.hub,
        TransferWanted(source="store-1", destination="store-2", lines=(LineWanted(sku="A", quantity=4),)),
        BY,
    )
    assert road.answer(
        "store-1", "transfer.request", DirectiveOutcome(cseq=1, res=Outcome.REJECTED, code="not_here")
    )

    assert (road.head()["send_state"], road.cards()) == ("rejected", [("transfer_refused", "ops")])


@pytest.mark.parametrize(
    ("source", "destination", "sku", "code"),
    [
        ("store-1", "store-1", "A", "to_itself"),
        ("store-9", "store-1", "A", "unknown_location"),
        ("store-1", "store-2", "NOPE", "unknown_sku"),
    ],
)
def test_a_transfer_that_makes_no_sense_is_refused_and_nothing_is_stored(
    road: Road, source: str, destination: str, sku: str, code: str
) -> None:
    wanted = TransferWanted(source=source, destination=destination, lines=(LineWanted(sku=sku, quantity=1),))
    with pytest.raises(Invalid) as refusal:
        steps.request(road.hub, wanted, BY)

    assert refusal.value.reason == code
    assert rows(road.hub, transfer_table) == []


def test_the_same_key_asks_once_and_another_body_under_it_is_refused(road: Road) -> None:
    by = steps.By(name="C. Ford", key="k1")
    wanted = TransferWanted(source="store-1", destination="store-2", lines=(LineWanted(sku="A", quantity=4),))
    first, again = steps.request(road.hub, wanted, by), steps.request(road.hub, wanted, by)

    assert first == again
    assert len(rows(road.hub, transfer_table)) == 1


def test_rights_are_taken_when_the_hub_asks_and_given_back_when_the_source_does_not_send(road: Road) -> None:
    road.hub.database.write(lambda unit: lend(unit, "store-1", A=3))
    asked = steps.request(
        road.hub,
        TransferWanted(source="store-1", destination="store-2", lines=(LineWanted(sku="A", quantity=4),)),
        BY,
    )
    move = road.move(("A", 4), transfer_id=asked.transfer_id, number=asked.number, lent=3)
    assert (asked.lent, rights(road.hub, "store-1", "A")[1:3]) == (3, (3, 0))

    move.reject()
    road.line.all()

    assert rights(road.hub, "store-1", "A")[1:3] == (3, 3)
    assert road.head()["send_state"] == "rejected"
    with road.hub.database.read() as connection:
        assert connection.execute(sa.select(hub_rights.c.deficit)).scalar() == 0


def test_a_source_that_gives_less_is_a_card_for_whoever_asked(road: Road) -> None:
    asked = steps.request(
        road.hub,
        TransferWanted(source="store-1", destination="store-2", lines=(LineWanted(sku="A", quantity=4),)),
        BY,
    )
    move = road.move(("A", 4), transfer_id=asked.transfer_id, number=asked.number)
    move.accept([3])
    road.line.all()

    assert road.cards() == [("transfer_refused", "ops")]
    assert held(road.hub, "store-1") == {"sellable": (7, 2100), "reserved": (3, 900)}


def test_a_store_that_speaks_for_another_one_is_set_aside(road: Road) -> None:
    move = road.move(("A", 4))
    move.request()
    road.line.all()
    body = road.one.bodies[-1].model_copy(update={"transfer_id": "t-9", "source": "store-2",
                                                  "destination": "store-1"})  # fmt: skip
    road.one.say(body)
    (answer,) = send(road.hub, road.one, len(road.one.events))

    assert answer.parked == 1
    assert [head["transfer_id"] for head in rows(road.hub, transfer_table)] == ["t-1"]
