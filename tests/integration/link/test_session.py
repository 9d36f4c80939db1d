"""The session class alone, through a real Mosquitto."""

import random
from collections.abc import Iterator

import pytest

from protocol.errors import TooLarge
from protocol.kit.mqtt import IN_FLIGHT, Broker, Down, Happening, Packet, Session, Undelivered, Up, Will
from protocol.kit.system import SystemClock, SystemIds
from tests.support.broker import TestBroker
from tests.support.wire import eventually

pytestmark = pytest.mark.broker


def session_of(broker: Broker, *listen: str) -> Session:
    return Session(
        broker,
        subscriptions=listen or ("os/1/down/store-1/+",),
        will=lambda conn: Will("os/1/st/store-1", conn.encode()),
        clock=SystemClock(),
        ids=SystemIds(),
        jitter=random.Random(5),
    )


@pytest.fixture
def store(broker: TestBroker) -> Iterator[Session]:
    broker.admit("store-1")
    made = session_of(broker.as_user("store-1"))
    made.start()
    yield made
    made.stop()


def wait_for(session: Session, kind: type[Happening]) -> Happening:
    found: list[Happening] = []

    def came() -> bool:
        happening = session.next(0.1)
        if isinstance(happening, kind):
            found.append(happening)
        return bool(found)

    eventually(came)
    return found[0]


def test_a_packet_that_would_cut_the_line_never_leaves(store: Session) -> None:
    wait_for(store, Up)

    with pytest.raises(TooLarge):
        store.publish("os/1/up/store-1/log", b"x" * 300_000)

    assert store.publish("os/1/up/store-1/hb", b"{}", qos=0)


def test_a_packet_that_nobody_hears_is_reported(store: Session) -> None:
    wait_for(store, Up)
    store.publish("os/1/up/store-1/hello", b"{}")

    undelivered = wait_for(store, Undelivered)

    assert isinstance(undelivered, Undelivered)
    assert undelivered.code == 0x10


def test_a_packet_under_another_name_is_reported(store: Session) -> None:
    wait_for(store, Up)
    store.publish("os/1/up/store-2/hello", b"{}")

    undelivered = wait_for(store, Undelivered)

    assert isinstance(undelivered, Undelivered)
    assert undelivered.code >= 0x80


def test_nothing_is_kept_for_later_while_the_line_is_down(store: Session, broker: TestBroker) -> None:
    wait_for(store, Up)
    broker.kill()
    down = wait_for(store, Down)
    kept = store.publish("os/1/up/store-1/log", b"{}")
    broker.start()
    up = wait_for(store, Up)

    assert not kept
    assert isinstance(down, Down)
    assert down.what.startswith("The connection to the broker at 127.0.0.1:")
    assert isinstance(up, Up)
    assert up.conn != down.conn


def test_nothing_leaves_on_another_connection_than_the_one_that_is_meant(
    store: Session, broker: TestBroker
) -> None:
    first = wait_for(store, Up)
    broker.kill()
    wait_for(store, Down)
    broker.start()
    second = wait_for(store, Up)
    assert isinstance(first, Up)
    assert isinstance(second, Up)

    meant = [
        store.publish("os/1/up/store-1/hb", b"{}", qos=0, conn=conn) for conn in (first.conn, second.conn)
    ]

    assert meant == [False, True]


def test_the_broker_holds_back_what_is_not_acknowledged(broker: TestBroker, store: Session) -> None:
    hub = session_of(broker.as_user("hub"), "os/1/up/+/+")
    hub.start()
    wait_for(hub, Up)
    wait_for(store, Up)
    for n in range(3 * IN_FLIGHT):
        store.publish("os/1/up/store-1/log", str(n).encode())
    held: list[Packet] = []

    def drain() -> int:
        happening = hub.next(0.2)
        if isinstance(happening, Packet):
            held.append(happening)
        return len(held)

    eventually(lambda: drain() == IN_FLIGHT)
    for _ in range(5):
        drain()
    before = len(held)
    for packet in held:
        packet.done()
    eventually(lambda: drain() >= 2 * IN_FLIGHT)
    for packet in held[IN_FLIGHT:]:
        packet.done()
    hub.stop()

    assert before == IN_FLIGHT
    assert [int(packet.payload) for packet in held[: 2 * IN_FLIGHT]] == list(range(2 * IN_FLIGHT))
