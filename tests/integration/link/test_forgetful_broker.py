"""A broker that comes back without what it kept is found out; one that was only unreachable is not."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.fleet.line import LineView, line_view
from tests.support.broker import TestBroker
from tests.support.wire import HubSide, StoreSide, eventually, hub_side, store_side

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]


@pytest.fixture(params=["5", "3.1.1"])
def hub(request: pytest.FixtureRequest, tmp_path: Path, broker: TestBroker) -> Iterator[HubSide]:
    """A hub that speaks either version of the wire's language."""
    broker.version = request.param
    with hub_side(tmp_path / "hub", broker) as running:
        yield running


def seen(hub: HubSide) -> LineView:
    with hub.database.read() as connection:
        return line_view(connection, hub.line.status)


def heard_itself(hub: HubSide) -> bool:
    """Tell whether the hub has found out about the broker of this connection."""
    conn = hub.line.status.conn
    return bool(conn) and hub.link._memory._judged == conn


def lose_the_line(hub: HubSide) -> None:
    """Cut the hub's connection as a network does: nobody says goodbye, and the broker says the will."""
    before, session = hub.line.status.conn, hub.link._session
    assert session is not None
    assert session._link is not None
    wire = session._link._client.socket()
    assert isinstance(wire, socket.socket)
    wire.shutdown(socket.SHUT_RDWR)
    eventually(lambda: hub.line.status.conn not in ("", before) and heard_itself(hub), what="a new line")


def test_a_first_installation_and_a_line_that_was_cut_say_nothing(hub: HubSide, store: StoreSide) -> None:
    store.start()
    eventually(lambda: store.link.status().state == "online" and heard_itself(hub))
    first = seen(hub)

    lose_the_line(hub)
    hub.stop()
    hub.start()
    eventually(lambda: heard_itself(hub))
    store.sell(1)
    eventually(lambda: hub.upto("store-1") == 1)

    assert (first.connected, first.where) == (True, f"127.0.0.1:{hub.broker.process.port}")
    assert (first.forgot_us, first.had_spoken, first.missing, first.settled) == (None, 1, (), True)
    assert seen(hub).forgot_us is None


def test_a_wiped_broker_is_found_out_and_who_has_spoken_since_is_counted(
    hub: HubSide, store: StoreSide, tmp_path: Path
) -> None:
    with store_side(tmp_path, hub, "store-2", "CD") as other:
        store.start()
        other.start()
        eventually(lambda: {store.link.status().state, other.link.status().state} == {"online"})
        hub.broker.kill()
        eventually(lambda: hub.line.status.is_down, what="the hub to miss the broker")
        down = seen(hub)
        other.stop()  # it was there a moment ago, so it is missed
        hub.broker.wipe()
        hub.broker.start()

        eventually(lambda: seen(hub).missing == ("store-2",), what="one of two to speak again")
        half = seen(hub)
        other.start()
        eventually(lambda: seen(hub).missing == (), what="the other one")

    whole = seen(hub)
    assert (down.connected, down.forgot_us) == (False, None)
    assert "broker" in down.what
    assert (half.connected, half.had_spoken, half.settled) == (True, 2, False)
    assert half.forgot_us == half.since_us
    assert (whole.forgot_us, whole.settled) == (half.forgot_us, True)


def test_a_broker_that_was_wiped_while_the_hub_was_away_is_found_out(hub: HubSide, store: StoreSide) -> None:
    store.start()
    eventually(lambda: store.link.status().state == "online" and heard_itself(hub))
    hub.stop()
    hub.broker.kill()
    hub.broker.start()

    hub.start()

    eventually(lambda: seen(hub).forgot_us is not None, what="the hub to find out")
    eventually(lambda: seen(hub).missing == (), what="the store to speak again")
    found = seen(hub)
    assert (found.connected, found.had_spoken, found.settled) == (True, 1, True)
    assert found.forgot_us == found.since_us
