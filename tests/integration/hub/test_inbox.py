"""The inbox: each event once, in order, and nobody is stopped by somebody else's event."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import exceptions, listed
from hub.fleet.rows import streams
from hub.ledger.rows import entries, journals
from hub.link.repair import discard, replay, shown
from hub.link.repair import listed as set_aside
from hub.rebuild import SHADOWS, differences, verify
from hub.spine import parking
from hub.spine.reads import completeness, timeline
from hub.spine.rows import events, order_lines, orders, parked, returns
from hub.stock.rows import balances
from protocol.envelope import Event, decode_event
from protocol.errors import BadMessage, BrokenChain, Refused
from protocol.orders import WireModel
from protocol.stream import Verdict
from tests.support.hub import Shop, send


def counted(hub: Hub, table: sa.Table) -> int:
    with hub.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def everything(hub: Hub) -> dict[str, set[tuple[object, ...]]]:
    with hub.database.read() as connection:
        return {
            table.name: {tuple(row) for row in connection.execute(sa.select(table))}
            for table in (*SHADOWS, events, parked, streams)
        }


def open_kinds(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection)[0])


def aside(hub: Hub) -> list[sa.Row[Any]]:
    with hub.database.read() as connection:
        return list(set_aside(connection))


def day(shop: Shop) -> Shop:
    shop.stock("A", 10)
    shop.open()
    order = shop.sell(("A", 2, 999), ("B", 1, 500))
    shop.give_back(order, (1, 1))
    shop.close()
    return shop


def unknown_kind(_event: Event) -> WireModel:
    raise BadMessage("This hub does not know that kind.", "Upgrade it.", code="unknown_kind")


def broken(shop: Shop, **changes: object) -> bytes:
    """Return a sale whose envelope can be read and whose content cannot be understood."""
    said = json.loads(shop.say(shop.sale(("A", 1, 100))))
    shop.events.pop()
    shop.bodies.pop()
    return json.dumps(said | changes).encode()


def test_a_day_of_a_store_arrives_in_every_table(hub: Hub) -> None:
    answers = send(hub, day(Shop()))

    assert [(a.verdict, a.upto, a.parked) for a in answers] == [(Verdict.APPLY, 5, 0)]
    assert {
        table.name: counted(hub, table) for table in (events, orders, order_lines, returns, journals)
    } == {
        "events": 5,
        "orders": 1,
        "order_lines": 2,
        "returns": 1,
        "journals": 8,
    }
    with hub.database.read() as connection:
        assert connection.execute(sa.select(sa.func.sum(entries.c.amount_minor))).scalar_one() == 0
        (stream,) = completeness(connection)
    assert (stream.upto, stream.newest, stream.parked, stream.missing) == (5, 5, 0, 0)
    assert open_kinds(hub) == []


def test_the_same_batch_again_changes_nothing_at_all(hub: Hub) -> None:
    shop = day(Shop())
    send(hub, shop)
    before = everything(hub)

    again = send(hub, shop)
    part = send(hub, shop, 2, 3)

    assert [answer.verdict for answer in again + part] == [Verdict.KNOWN, Verdict.KNOWN]
    assert again[0].upto == 5
    assert everything(hub) == before


def test_a_batch_beyond_a_gap_is_dropped_and_told_where_to_go_on(hub: Hub) -> None:
    shop = day(Shop())
    send(hub, shop, 1, 2)
    before = everything(hub)

    (answer,) = send(hub, shop, 4, 5)

    assert (answer.verdict, answer.upto) == (Verdict.GAP, 2)
    assert everything(hub) == before
    assert send(hub, shop, 3, 5)[0].upto == 5


def test_another_history_under_the_same_numbers_is_refused_and_raised_once(hub: Hub) -> None:
    shop, clone = day(Shop()), Shop()
    send(hub, shop, 1, 3)
    clone.stock("Z", 1)
    day(clone)
    before = everything(hub)["orders"]

    answers = send(hub, clone, 4, 6) + send(hub, clone, 4, 6)

    assert [answer.verdict for answer in answers] == [Verdict.FORK, Verdict.FORK]
    assert answers[0].upto == 3
    assert everything(hub)["orders"] == before
    assert open_kinds(hub) == ["stream_fork"]


def test_events_that_are_not_those_of_the_head_are_not_applied(hub: Hub) -> None:
    shop = day(Shop())
    batch = shop.batch(1, 5)
    forged = [*batch.events[:4], batch.events[4].replace(b"LB1-", b"XX1-")]
    before = everything(hub)

    with pytest.raises(BrokenChain):
        hub.inbox.receive(batch, forged, 1)
    with pytest.raises(BrokenChain):
        hub.inbox.receive(replace(batch, head="0" * 64), batch.events, 1)

    assert {name: rows for name, rows in everything(hub).items() if name != "streams"} == {
        name: rows for name, rows in before.items() if name != "streams"
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "order.dreamt"}, "unknown_kind"),
        ({"v": 9}, "unknown_kind"),
        ({"body": {"order_id": 7}}, "bad_body"),
        ({"seq": 99}, "bad_seq"),
    ],
)
def test_what_cannot_be_understood_is_set_aside_and_stops_nobody_else(
    hub: Hub, changes: dict[str, object], code: str
) -> None:
    shop = Shop()
    shop.open()
    bad = broken(shop, **changes)
    shop.say_bytes(bad)
    shop.session_id = "another-till"
    shop.open()
    shop.sell(("A", 1, 999))

    (answer,) = send(hub, shop)

    assert (answer.verdict, answer.upto, answer.parked) == (Verdict.APPLY, 4, 1)
    assert counted(hub, events) == 4  # three of the store and the exception of the hub
    with hub.database.read() as connection:
        row = connection.execute(sa.select(parked)).one()
        (stream,) = completeness(connection)
    assert (row.seq, row.code, bytes(row.bytes), row.state) == (2, code, bad, "parked")
    assert stream.missing == 1
    assert open_kinds(hub) == ["event_parked"]


def test_bytes_that_are_no_event_at_all_are_kept_as_they_came(hub: Hub) -> None:
    shop = Shop()
    shop.say_bytes(b"\xff\x00 not json")
    shop.open()

    (answer,) = send(hub, shop)

    assert (answer.upto, answer.parked) == (2, 1)
    with hub.database.read() as connection:
        assert bytes(connection.execute(sa.select(parked.c.bytes)).scalar_one()) == b"\xff\x00 not json"


def test_later_events_of_the_same_record_wait_behind_it_in_later_batches_too(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    good = shop.sale(("A", 1, 999))
    order = shop.sale(("A", 2, 999))
    bad = broken(shop, kind="order.dreamt", subjects=[f"order:{order.order_id}"])
    shop.say_bytes(bad)
    shop.tell_sale(order)
    shop.tell_sale(good)
    shop.give_back(order, (1, 1))

    answers = send(hub, shop, size=2)

    assert [answer.parked for answer in answers] == [1, 1, 1]
    with hub.database.read() as connection:
        found = connection.execute(sa.select(parked.c.seq, parked.c.code).order_by(parked.c.seq)).all()
    assert [tuple(row) for row in found] == [(2, "unknown_kind"), (3, "behind"), (5, "behind")]
    assert counted(hub, orders) == 1
    assert open_kinds(hub) == ["event_parked"]


def test_discarding_the_poison_lets_what_waited_follow_in_its_order(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    order = shop.sale(("A", 2, 999))
    shop.say_bytes(broken(shop, kind="order.dreamt", subjects=[f"order:{order.order_id}"]))
    shop.tell_sale(order)
    shop.give_back(order, (1, 1))
    send(hub, shop)

    with pytest.raises(Refused) as behind:
        replay(hub, "store-1", 3, by="ops")
    with pytest.raises(Refused) as still:
        replay(hub, "store-1", 2, by="ops")
    done = discard(hub, "store-1", 2, note="nobody knows this kind", by="ops")

    assert (behind.value.reason, still.value.reason) == ("still_behind", "still_poison")
    assert (done.applied, done.left) == (2, 0)
    assert (counted(hub, orders), counted(hub, returns)) == (1, 1)
    assert open_kinds(hub) == []
    with hub.database.read() as connection:
        assert [stream.missing for stream in completeness(connection)] == [0]
    assert verify(hub) == {}


def test_each_life_of_a_restored_store_has_its_own_numbers_among_what_was_set_aside(hub: Hub) -> None:
    lives = [Shop(inc=mark * 16) for mark in ("0a", "0b")]
    for shop in lives:
        shop.session_id = "a-till"
        shop.say_bytes(broken(shop, kind="order.dreamt", id=f"event-of-{shop.inc[:2]}"))
        send(hub, shop)
    first, second = lives

    with hub.database.read() as connection:
        assert shown(connection, "store-1", 1, second.inc).bytes == second.events[0]
    discard(hub, "store-1", 1, inc=second.inc, note="nobody knows this kind", by="ops")
    assert [row.inc for row in aside(hub)] == [first.inc]
    discard(hub, "store-1", 1, note="nor this one", by="ops")

    assert aside(hub) == []
    with pytest.raises(Refused) as over:
        discard(hub, "store-1", 1, note="again", by="ops")
    assert over.value.reason == "settled"


def test_an_event_that_took_effect_in_the_next_life_is_settled_by_that_when_it_is_replayed(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Shop(inc="0a" * 16), Shop(inc="0b" * 16)
    old.stock("A", 10)
    with monkeypatch.context() as older:
        older.setattr(parking, "_read_whole", lambda _data: None)
        older.setattr(parking, "read_body", unknown_kind)
        send(hub, old)
    assert [row.code for row in aside(hub)] == ["unknown_kind"]
    new.bodies, new.events = list(old.bodies), list(old.events)
    send(hub, new)

    done = replay(hub, "store-1", 1, by="ops")

    assert (done.applied, done.left, aside(hub)) == (1, 0, [])
    assert open_kinds(hub) == []
    with hub.database.read() as connection:
        row = connection.execute(sa.select(parked.c.state, parked.c.note)).one()
        held = connection.execute(sa.select(sa.func.sum(balances.c.quantity))).scalar_one()
    assert tuple(row) == ("discarded", "It took effect in another life of this store.")
    assert held == 10
    assert verify(hub) == {}


def test_what_another_store_says_of_the_same_record_follows_as_well(hub: Hub) -> None:
    leeds, york = Shop(), Shop(edge="store-2", code="YC")
    for shop in (leeds, york):
        shop.open()
    order = leeds.sale(("A", 2, 999))
    leeds.say_bytes(broken(leeds, kind="order.dreamt", subjects=[f"order:{order.order_id}"]))
    leeds.tell_sale(order)
    york.backs = dict(leeds.backs)
    york.give_back(order, (1, 1))
    send(hub, leeds)
    send(hub, york)
    assert [row.code for row in aside(hub)] == ["unknown_kind", "behind", "behind"]

    done = discard(hub, "store-1", 2, note="nobody knows this kind", by="ops")

    assert (done.applied, done.left) == (2, 0)
    assert (counted(hub, orders), counted(hub, returns)) == (1, 1)
    assert aside(hub) == []
    assert verify(hub) == {}


def test_what_turns_out_to_be_poison_itself_is_told_and_keeps_what_waits_behind_it(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    order = shop.sale(("A", 2, 999))
    for _ in range(2):
        shop.say_bytes(broken(shop, kind="order.dreamt", subjects=[f"order:{order.order_id}"]))
    shop.tell_sale(order)
    shop.say(order)
    shop.give_back(order, (1, 1))
    send(hub, shop)

    once = discard(hub, "store-1", 2, note="nobody knows this kind", by="ops")
    twice = discard(hub, "store-1", 3, note="nobody knows this kind", by="ops")

    assert (once.applied, once.left) == (0, 4)
    assert (twice.applied, twice.left) == (1, 2)
    assert [(row.seq, row.code) for row in aside(hub)] == [(5, "duplicate_order"), (6, "behind")]
    assert open_kinds(hub) == ["event_parked"]
    last = discard(hub, "store-1", 5, note="it was told twice", by="ops")
    assert (last.applied, last.left, open_kinds(hub)) == (1, 0, [])


def test_a_failure_in_the_middle_of_a_batch_sets_aside_the_one_event_alone(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    first = shop.sell(("A", 1, 999))
    twin = first.model_copy(update={"session_id": "elsewhere"})
    shop.say(twin)
    shop.session_id = "third"
    shop.sell(("B", 1, 500))

    (answer,) = send(hub, shop)

    assert (answer.upto, answer.parked) == (4, 1)
    with hub.database.read() as connection:
        row = connection.execute(sa.select(parked)).one()
    assert (row.seq, row.code) == (3, "duplicate_order")
    assert counted(hub, orders) == 2
    assert verify(hub) == {}


def test_an_id_that_comes_twice_takes_effect_once(hub: Hub) -> None:
    shop = Shop()
    shop.open()
    shop.say(shop.sale(("A", 1, 999)), event_id="twice")
    other = shop.sale(("A", 1, 999)).model_copy(update={"session_id": "other"})
    shop.say(other, event_id="twice")

    (answer,) = send(hub, shop, size=2)[-1:]

    assert answer.parked == 1
    assert counted(hub, orders) == 1


def test_any_cut_into_batches_gives_the_same_tables(hub: Hub) -> None:
    shops = [day(Shop(edge=f"store-{n}", code=code)) for n, code in ((1, "LB"), (2, "CM"))]
    for shop in shops:
        send(hub, shop, size=1)

    assert verify(hub) == {}
    assert counted(hub, orders) == 2


def test_a_timeline_shows_when_it_happened_and_when_the_hub_heard_of_it(hub: Hub) -> None:
    shop = day(Shop())
    send(hub, shop)

    with hub.database.read() as connection:
        found = timeline(connection, "order:store-1-o1")

    assert [(each.kind, each.seq, each.by) for each in found] == [
        ("order.sold", 3, "p-1"),
        ("return.completed", 4, "p-1"),
    ]
    assert found[0].at_us == decode_event(shop.events[2]).at
    assert found[0].gap_us == hub.clock.now_us() - found[0].at_us


def test_differences_between_two_hubs_are_counted_by_table(hub: Hub) -> None:
    send(hub, day(Shop()))
    with hub.database.engine.begin() as connection:
        connection.execute(sa.update(orders).values(state="returned"))

    assert verify(hub) == {"orders": 2}
    with hub.database.read() as connection:
        assert differences(connection, hub.database) == {}
    assert counted(hub, exceptions) == 0
