"""Several processes of one hub at one broker."""

import random
from collections.abc import Iterator

import pytest

from hub.settings import HubSettings
from protocol import topics
from protocol.kit.mqtt import Down, Happening, Packet, Session, Up, Will
from protocol.kit.system import SystemClock, SystemIds
from tests.support.broker import TestBroker
from tests.support.wire import eventually

pytestmark = pytest.mark.broker


@pytest.fixture
def both(broker: TestBroker) -> Iterator[list[Session]]:
    """Two processes, each as its settings say, one after the other."""
    sessions = []
    for worker in ("hub-1", "hub-2"):
        user = HubSettings(worker=worker).broker_user
        broker.admit(user)
        sessions.append(
            Session(
                broker.as_user(user, client_id=worker),
                subscriptions=(topics.UP_ALL, topics.PRESENCE_ALL),
                will=lambda conn: Will(topics.HUB_PRESENCE, conn.encode()),
                clock=SystemClock(),
                ids=SystemIds(),
                jitter=random.Random(5),
            )
        )
    yield sessions
    for session in sessions:
        session.stop()


def test_two_processes_of_the_hub_both_stay_connected(both: list[Session]) -> None:
    heard: list[list[Happening]] = [[], []]

    def so_far(n: int) -> list[Happening]:
        while (happening := both[n].next(0.02)) is not None:
            heard[n].append(happening)
        return heard[n]

    def hears(n: int) -> bool:
        return any(isinstance(one, Packet) and one.payload == b"hello" for one in so_far(n))

    for n, session in enumerate(both):
        session.start()
        eventually(lambda n=n: any(isinstance(one, Up) for one in so_far(n)))  # type: ignore[misc]  # bound now
    assert both[1].publish(topics.down("store-1", "ctl"), b"may speak, too")
    assert both[0].publish(topics.up("store-1", "hello"), b"hello")

    eventually(lambda: hears(0) and hears(1), what="both to hear")
    assert [any(isinstance(one, Down) for one in each) for each in heard] == [False, False]
