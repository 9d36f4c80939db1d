"""What a store answers to an offer, and what the clocks make of silence."""

import json
from functools import partial

import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import exceptions, listed
from hub.fleet.rows import link_sessions
from hub.fulfil import reads
from hub.fulfil.answers import answers_of
from hub.fulfil.steps import look_at_clocks
from hub.link.alarms import raise_on
from hub.link.desk import Desk, DeskParts
from hub.link.sessions import Sessions
from hub.rebuild import verify
from hub.spine.rows import event_subjects, events
from protocol import later
from protocol.directives import AssignmentAmend, AssignmentCancel, DirectiveOutcome, Outcome
from protocol.fulfilment import Promise
from protocol.handshake import DirectiveAck, encode
from tests.support.hub import MONDAY_US, TestClock, send
from tests.support.later_shop import HOUR_US, LaterShop, paid_online, promised, record_at, web_order
from tests.support.promising import company, hear, lend, place, rights

INC, SESS = "0a" * 16, "0b" * 16
MINUTE_US = 60_000_000


def a_desk(hub: Hub) -> Desk:
    """Return the hub's desk with store-1 in an open session."""
    with hub.database.engine.begin() as connection:
        connection.execute(sa.delete(link_sessions).where(link_sessions.c.edge == "store-1"))
        connection.execute(
            sa.insert(link_sessions).values(
                edge="store-1",
                inc=INC,
                sess=SESS,
                nonce="0c" * 16,
                boot="0d" * 16,
                opened_us=hub.clock.now_us(),
                last_us=hub.clock.now_us(),
            )
        )
    return Desk(
        DeskParts(
            database=hub.database,
            inbox=hub.inbox,
            outbox=hub.outbox,
            sessions=Sessions(hub.outbox, clock=hub.clock, ids=hub.ids, hub_boot="0e" * 16),
            presence=hub.presence,
            clock=hub.clock,
            ids=hub.ids,
            raise_alarm=raise_on(hub.spine),
            publish=lambda _topic, _payload: True,
            on_change=lambda _edge: None,
            hub_boot="0e" * 16,
            heard=answers_of(hub),
        )
    )


def send_out(hub: Hub, edge: str = "store-1") -> list[int]:
    """Mark what waits for a store as sent, as the wire does; return its numbers."""
    taken = hub.database.write(lambda unit: hub.outbox.take(unit, edge, 0, resend=False))
    return [json.loads(each)["cseq"] for each in taken.directives] if taken else []


def say(desk: Desk, *outcomes: tuple[int, Outcome, str]) -> None:
    ack = DirectiveAck(
        inc=INC,
        sess=SESS,
        hub_inc=desk.hub_inc,
        upto=max(cseq for cseq, _res, _code in outcomes),
        outcomes=tuple(DirectiveOutcome(cseq=cseq, res=res, code=code) for cseq, res, code in outcomes),
    )
    desk.handle("store-1", "ack", encode(ack))


def a_company(hub: Hub) -> None:
    company(hub, stores={"store-1": {"A": 5}, "store-2": {"A": 5}}, warehouses={})


def taken_in(hub: Hub, n: int = 1, promise: Promise | None = None) -> later.OrderPlaced:
    order = web_order(("A", 1, 10_00), name=f"w-{n}", promise=promise)
    record_at(hub, order, paid=paid_online(order))
    return order


def states(hub: Hub, order: later.OrderPlaced) -> list[tuple[str, str]]:
    with hub.database.read() as connection:
        return [(each.location, each.state) for each in reads.of_order(connection, order.order_id)]


def raised(hub: Hub, state: str = "open") -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection, state=state)[0])


def pass_time(hub: Hub, minutes: int, *heard: str) -> None:
    """Let time pass; these stores were heard at its end."""
    clock = hub.clock
    assert isinstance(clock, TestClock)
    clock.at_us += minutes * MINUTE_US
    for edge in heard:
        hub.database.write(partial(hear, location=edge, at_us=clock.at_us))


def test_an_offer_shows_as_sent_once_it_has_left(hub: Hub) -> None:
    a_company(hub)
    order = taken_in(hub)
    assert states(hub, order) == [("store-1", "proposed")]

    send_out(hub)

    assert states(hub, order) == [("store-1", "sent")]
    with hub.database.read() as connection:
        for wanted, found in (("sent", 1), ("proposed", 0), ("open", 1), ("", 1), ("ready", 0)):
            assert reads.listed(connection, reads.Filters(state=wanted))[1] == found
        assert reads.listed(connection, reads.Filters(location="store-2"))[1] == 0
        assert reads.listed(connection, reads.Filters(due_before_us=MONDAY_US))[1] == 0
        assert reads.listed(connection, reads.Filters(created_before_us=MONDAY_US))[1] == 1


def test_a_store_that_takes_an_offer_on_is_recorded_with_its_answer(hub: Hub) -> None:
    a_company(hub)
    desk, order = a_desk(hub), taken_in(hub)
    (offer,) = send_out(hub)

    say(desk, (offer, Outcome.APPLIED, ""))
    say(desk, (offer, Outcome.APPLIED, ""))

    assert states(hub, order) == [("store-1", "acknowledged")]
    with hub.database.read() as connection:
        kinds = [each.kind for each in timeline(connection, order.order_id)]
    assert kinds == ["order.placed", "order.paid_online", "order.routed", "assignment.answered"]
    assert raised(hub) == []
    assert verify(hub) == {}


def timeline(connection: sa.Connection, order_id: str) -> list[sa.Row[tuple[str]]]:
    return list(
        connection.execute(
            sa.select(events.c.kind)
            .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
            .where(event_subjects.c.subject == f"order:{order_id}")
            .order_by(events.c.apply_order)
        ).all()
    )


def test_a_refused_offer_goes_to_another_store_and_calls_nobody(hub: Hub) -> None:
    company(hub, stores={"store-1": {"A": 5}}, warehouses={})
    desk = a_desk(hub)
    order = taken_in(hub, promise=promised("ship"))
    hub.database.write(lambda unit: place(unit, "store-2"))
    hub.database.write(lambda unit: hear(unit, "store-2", MONDAY_US))
    hub.database.write(lambda unit: lend(unit, "store-2", A=5))
    (offer,) = send_out(hub)

    say(desk, (offer, Outcome.REJECTED, "no_capability"))

    assert states(hub, order) == [("store-1", "rejected"), ("store-2", "proposed")]
    assert rights(hub, "store-1", "A")[:3] == (5, 1, 1)
    assert raised(hub) == []
    assert verify(hub) == {}


def test_a_store_that_never_had_what_it_is_asked_for_never_will(hub: Hub) -> None:
    a_company(hub)
    desk, order = a_desk(hub), taken_in(hub)
    send_out(hub)
    with hub.database.read() as connection:
        assignment_id = reads.of_order(connection, order.order_id)[0].assignment_id
    body = AssignmentCancel(assignment_id=assignment_id, order_id=order.order_id)
    hub.database.write(lambda unit: hub.outbox.send_directive(unit, "store-1", body))
    cancel = send_out(hub)[-1]

    say(desk, (cancel, Outcome.REJECTED, "no_assignment"))

    assert states(hub, order)[0] == ("store-1", "rejected")
    assert rights(hub, "store-1", "A")[:3] == (5, 1, 1)
    assert raised(hub) == ["unroutable"]
    assert verify(hub) == {}


def test_any_other_directive_that_is_refused_calls_somebody(hub: Hub) -> None:
    a_company(hub)
    desk, order = a_desk(hub), taken_in(hub)
    with hub.database.read() as connection:
        assignment_id = reads.of_order(connection, order.order_id)[0].assignment_id
    body = AssignmentAmend(assignment_id=assignment_id, order_id=order.order_id, due_minor=0)
    hub.database.write(lambda unit: hub.outbox.send_directive(unit, "store-1", body))
    amend = send_out(hub)[-1]

    say(desk, (amend, Outcome.REJECTED, "too_late"))

    assert raised(hub) == ["directive_rejected"]


def test_somebody_is_reminded_half_way_and_called_when_it_is_late(hub: Hub) -> None:
    a_company(hub)
    shop = LaterShop()
    order = taken_in(hub)
    send_out(hub)
    with hub.database.read() as connection:
        mine = reads.of_order(connection, order.order_id)[0].assignment_id
    shop.lent.add(mine)
    found = []
    for minutes in (100, 10, 150):
        pass_time(hub, minutes, "store-1", "store-2")
        look_at_clocks(hub)
        found.append(raised(hub))
    assert found == [[], ["promise_at_risk"], ["promise_late"]]
    assert look_at_clocks(hub).raised == 0

    shop.ready(order, mine)
    send(hub, shop)
    look_at_clocks(hub)

    assert raised(hub) == []
    assert raised(hub, "closed") == ["promise_at_risk", "promise_late"]
    assert verify(hub) == {}


def test_a_silent_store_is_one_card_however_many_orders_it_holds(hub: Hub) -> None:
    a_company(hub)
    for n in (1, 2, 3):
        taken_in(hub, n)
    send_out(hub)
    pass_time(hub, 4, "store-2")
    look_at_clocks(hub)
    assert raised(hub) == []

    pass_time(hub, 2, "store-2")
    look_at_clocks(hub)
    look_at_clocks(hub)

    with hub.database.read() as connection:
        row = connection.execute(sa.select(exceptions)).one()
    facts = json.loads(row.facts)
    assert (row.kind, row.subject, row.owner_role) == ("store_silent", "edge:store-1", "ops")
    assert (facts["orders"], facts["numbers"]) == (3, ["HB1-00001", "HB1-00002", "HB1-00003"])
    assert "so none is fulfilled twice" in facts["choices"]

    pass_time(hub, 1, "store-1", "store-2")
    look_at_clocks(hub)
    assert raised(hub) == []


def test_what_never_left_the_hub_goes_to_another_store_in_time(hub: Hub) -> None:
    a_company(hub)
    order = taken_in(hub, promise=promised("ship"))
    ((here, _state),) = states(hub, order)
    there = "store-2" if here == "store-1" else "store-1"
    pass_time(hub, 167, there)
    assert look_at_clocks(hub).taken_back == 0
    pass_time(hub, 3, there)

    looked = look_at_clocks(hub)

    assert looked.taken_back == 1
    assert states(hub, order) == [(here, "cancelled"), (there, "proposed")]
    assert rights(hub, here, "A")[:3] == (5, 1, 1)
    assert verify(hub) == {}


def test_what_has_left_the_hub_stays_where_it_is_however_silent_the_store(hub: Hub) -> None:
    a_company(hub)
    order = taken_in(hub, promise=promised("ship"))
    ((here, _state),) = states(hub, order)
    send_out(hub, here)
    pass_time(hub, 239)

    assert look_at_clocks(hub).taken_back == 0

    assert states(hub, order) == [(here, "sent")]
    assert raised(hub) == ["store_silent"]
    assert rights(hub, here, "A")[:3] == (5, 1, 0)


def test_goods_that_nobody_collects_are_somebodys_task_and_stay_where_they_are(hub: Hub) -> None:
    a_company(hub)
    shop = LaterShop()
    order = taken_in(hub, promise=promised(keep_until_us=MONDAY_US + 72 * HOUR_US))
    with hub.database.read() as connection:
        mine = reads.of_order(connection, order.order_id)[0].assignment_id
    shop.lent.add(mine)
    shop.ready(order, mine)
    send(hub, shop)
    pass_time(hub, 71 * 60, "store-1")
    look_at_clocks(hub)
    assert raised(hub) == []

    pass_time(hub, 61, "store-1")
    look_at_clocks(hub)
    assert (raised(hub), states(hub, order)) == (["no_show"], [("store-1", "ready")])

    begin = len(shop.events)
    shop.hand_over(order, assignment_id=mine)
    send(hub, shop, begin + 1)
    look_at_clocks(hub)
    assert raised(hub) == []


def test_an_order_that_is_due_and_that_nobody_has_is_late_too(hub: Hub) -> None:
    order = taken_in(hub)
    assert states(hub, order) == []
    pass_time(hub, 241)

    look_at_clocks(hub)

    assert raised(hub) == ["promise_late", "unroutable"]
