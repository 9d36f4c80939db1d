from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_agent.fulfil.steps import commands, pickup, walking
from edge_agent.once import Key
from protocol.errors import Refused
from protocol.fulfilment import Verified
from protocol.kit.web.signin import CurrentPerson
from tests.support.fulfilment import CODES, Desk
from tests.support.store import Store

ONE = CurrentPerson("b-hale", "B. Hale", "associate", "handheld-1")
TWO = CurrentPerson("s-rowe", "S. Rowe", "lead", "handheld-2")
TRIES = 24


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("MUG-1", 20)
    return made


def test_two_devices_that_scan_at_once_never_pick_more_than_was_ordered(desk: Desk) -> None:
    list_id = desk.start(desk.offer(("MUG-1", 5)))
    edge = desk.store.edge

    def scan(n: int) -> str:
        command = commands.ScanItem(key=f"race-{n}", code=CODES["MUG-1"])
        person = ONE if n % 2 else TWO
        done = edge.database.write(lambda unit: walking.scan(unit, edge, list_id, command, person=person))
        return done[0].outcome

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(scan, range(TRIES)))

    assert sorted(outcomes) == ["over_scan"] * (TRIES - 5) + ["picked"] * 5
    assert desk.pick_view(list_id)["found"] == 5


def test_one_scan_that_arrives_many_times_at_once_counts_once(desk: Desk) -> None:
    list_id = desk.start(desk.offer(("MUG-1", 5)))
    edge = desk.store.edge
    command = commands.ScanItem(key="the-same", code=CODES["MUG-1"])

    def scan(_n: int) -> bool:
        done = edge.database.write(lambda unit: walking.scan(unit, edge, list_id, command, person=ONE))
        return done[1]

    with ThreadPoolExecutor(8) as pool:
        fresh = list(pool.map(scan, range(TRIES)))

    assert (fresh.count(True), desk.pick_view(list_id)["found"]) == (1, 1)


def test_one_order_is_handed_over_once_however_many_desks_try(desk: Desk) -> None:
    one = desk.offer(("MUG-1", 2))
    desk.ready(one)
    edge = desk.store.edge

    def hand_over(n: int) -> str:
        key: Key = f"desk-{n}"
        said = commands.Verify(key=f"v-{key}", how=Verified.CODE, said="123456")
        hand = commands.HandOver(key=key, verification=f"v-{key}")
        try:
            edge.database.write(lambda unit: pickup.verify(unit, edge, one, said, person=ONE))
            done = edge.database.write(lambda unit: pickup.hand_over(unit, edge, one, hand, person=ONE))
        except Refused as refusal:
            return refusal.reason
        return done[0].state

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(hand_over, range(TRIES)))

    assert (said.count("handed_over"), set(said)) == (1, {"handed_over", "already_handed_over"})
    assert desk.letters("MUG-1") == {"P": 98, "B": 0, "L": 80, "O": 18, "F": 2}
