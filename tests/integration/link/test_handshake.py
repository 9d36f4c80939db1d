"""Who may speak as a store, and what a store does when the hub knows better. Through a real Mosquitto."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from edge_agent.link import talk
from edge_agent.link.courier import Courier
from edge_agent.link.rows import read_link
from hub.fleet.rows import link_sessions, streams
from hub.fleet.steps import fleet_view, revoke
from hub.link.lives import begin_life, put_meta
from hub.link.pullback import answered_directives
from protocol.directives import Withdrawn
from protocol.envelope import decompress
from protocol.handshake import Welcome, encode
from protocol.kit.backup import copy_database
from tests.support.wire import HubSide, StoreSide, eventually

pytestmark = pytest.mark.broker


def test_a_second_machine_with_the_same_name_is_turned_away_and_the_first_stays(
    hub: HubSide, store: StoreSide, tmp_path: Path
) -> None:
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)
    sess = hub.sess("store-1")
    clone = StoreSide(tmp_path / "clone", "store-1", hub.broker, machine="machine-2")
    clone.open()
    clone.sell(2)
    clone.start()

    eventually(lambda: clone.link.status().state == "rejected")
    store.sell(2)
    eventually(lambda: hub.upto("store-1") == 5)
    error = clone.link.status().last_error
    clone.stop()

    assert error is not None
    assert error.what == "Another machine is connected under this store's name."
    assert hub.sess("store-1") != ""
    assert sess == hub.sess("store-1") or store.link.status().state == "online"
    assert hub.seqs("store-1") == [1, 2, 3, 4, 5]
    assert set(hub.kinds_of_alarms()) == {"edge_duplicate"}


def test_the_second_machine_becomes_the_store_when_a_person_says_so_and_the_first_only_delivers(
    hub: HubSide, store: StoreSide, tmp_path: Path
) -> None:
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)
    eventually(lambda: store.acked() == 3)
    (tmp_path / "clone").mkdir()
    copy_of(store, tmp_path / "clone" / "edge.db")
    hub.database.write(lambda unit: put_meta(unit.connection, "admit:store-1", "machine-2"))
    clone = StoreSide(tmp_path / "clone", "store-1", hub.broker, machine="machine-2")
    clone.open()
    clone.sell(2)
    clone.start()

    eventually(lambda: lives(hub) == {1: "closed", 2: "current"})
    eventually(lambda: hub.upto("store-1") == 2)
    state = clone.link.status().state
    clone.stop()

    assert state == "quarantine"  # until it has its own records back
    assert "edge_restored" in hub.kinds_of_alarms()
    eventually(lambda: store.link.status().state == "rejected", 60)
    assert store.what() == "This is an old copy of the store's database; another has taken its place."


def test_a_hello_that_comes_again_late_does_not_leave_a_quiet_store_unheard(
    hub: HubSide, store: StoreSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "HEARTBEAT_SECONDS", 0.2)
    hellos: list[bytes] = []
    due: list[bytes] = []
    late: list[str] = []
    heard = hub.link._desk.handle

    def listen(edge: str, kind: str, payload: bytes) -> None:
        if kind == "hello":
            hellos.append(payload)
        heard(edge, kind, payload)
        if due:  # on the link's own thread, as every packet
            listen(edge, "hello", due.pop())
            late.append(hub.sess("store-1"))

    monkeypatch.setattr(hub.link._desk, "handle", listen)
    store.start()
    eventually(lambda: store.link.status().state == "online")
    first = hub.sess("store-1")
    hub.link._desk.rehello_all()
    eventually(lambda: hub.sess("store-1") != first)
    before = hub.sess("store-1")

    due.append(hellos[0])

    eventually(lambda: late)
    assert late[0] != before
    eventually(lambda: hub.sess("store-1") != late[0])
    store.sell(1)
    eventually(lambda: hub.upto("store-1") == 1)
    assert len(hellos) >= 4


def test_a_welcome_that_comes_again_late_changes_nothing_of_the_session_it_opened(
    hub: HubSide, store: StoreSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    welcomes: list[Welcome] = []
    tell = hub.link._desk._tell

    def listen(edge: str, kind: str, payload: bytes) -> None:
        if kind == "ctl":
            welcomes.append(Welcome.model_validate_json(decompress(payload)))
        tell(edge, kind, payload)

    monkeypatch.setattr(hub.link._desk, "_tell", listen)
    store.start()
    eventually(lambda: store.link.status().state == "online")

    # As it was said while the rights of the store were still being re-opened.
    tell("store-1", "ctl", encode(welcomes[0].model_copy(update={"rights": "reopen"})))
    store.sell(1)
    eventually(lambda: store.acked() == 1)

    assert store.link.status().fenced is False
    assert hub.sess("store-1") == welcomes[0].sess


def begin_anew(hub: HubSide) -> str:
    """Begin a new life of the hub, as after a restore, and return its name."""
    parts = hub.link._desk._parts
    return hub.database.write(lambda unit: begin_life(unit, parts.outbox, clock=parts.clock, why="test")[0])


def test_a_store_that_does_not_hear_of_a_new_life_of_the_hub_is_told_when_it_speaks_next(
    hub: HubSide, store: StoreSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "HEARTBEAT_SECONDS", 0.2)
    desk = hub.link._desk
    asked, rehello = [0], desk._rehello

    def lose_the_first(edge: str, inc: str) -> None:
        asked[0] += 1
        if asked[0] > 1:
            rehello(edge, inc)

    store.start()
    eventually(lambda: store.link.status().state == "online")
    monkeypatch.setattr(desk, "_rehello", lose_the_first)
    before = hub.sess("store-1")
    begun = begin_anew(hub)

    eventually(lambda: read_link(store.edge.database.read()).hub_inc == begun)
    assert hub.sess("store-1") not in ("", before)
    assert asked[0] >= 2


def test_a_hello_that_comes_again_after_a_new_life_began_opens_a_session_of_that_life(
    hub: HubSide, store: StoreSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = hub.link._desk
    hellos: list[bytes] = []
    handle = desk.handle

    def listen(edge: str, kind: str, payload: bytes) -> None:
        if kind == "hello":
            hellos.append(payload)
        handle(edge, kind, payload)

    monkeypatch.setattr(desk, "handle", listen)
    monkeypatch.setattr(desk, "rehello_all", desk._parts.sessions.read_again)
    store.start()
    eventually(lambda: store.link.status().state == "online")
    before = hub.sess("store-1")
    begun = begin_anew(hub)
    handle("store-1", "hello", hellos[0])

    eventually(lambda: read_link(store.edge.database.read()).hub_inc == begun)
    assert hub.sess("store-1") not in ("", before)


def test_a_restored_hub_does_not_take_a_store_that_was_started_again_since_for_a_second_machine(
    hub: HubSide, store: StoreSide
) -> None:
    store.start()
    eventually(lambda: store.link.status().state == "online")
    older = sa.update(link_sessions).values(boot="0" * 16)
    hub.database.write(lambda unit: unit.connection.execute(older))
    begun = begin_anew(hub)
    hub.link._desk.rehello_all()

    eventually(lambda: read_link(store.edge.database.read()).hub_inc == begun)
    eventually(lambda: store.link.status().state == "online")  # told just after the welcome is stored
    assert hub.kinds_of_alarms() == []


def copy_of(store: StoreSide, target: Path) -> None:
    copy_database(store.home / "edge.db", target, lambda _line: None)


def test_a_store_that_is_started_again_at_once_is_let_in_again(hub: HubSide, store: StoreSide) -> None:
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)
    store.stop()
    store.start()
    store.sell(1)

    eventually(lambda: hub.upto("store-1") == 4)

    assert hub.alarms == []


def test_a_name_that_nobody_registered_is_told_so(hub: HubSide, tmp_path: Path) -> None:
    hub.broker.admit("store-9")
    stranger = StoreSide(tmp_path / "store-9", "store-9", hub.broker)
    stranger.start()
    stranger.sell(1)

    eventually(lambda: stranger.link.status().state == "rejected")
    error = stranger.link.status().last_error
    stranger.stop()

    assert error is not None
    assert error.what == "The hub does not know this store."
    assert hub.seqs("store-9") == []


def test_a_location_that_is_shut_out_stays_out(hub: HubSide, store: StoreSide) -> None:
    store.start()
    store.sell(1)
    eventually(lambda: hub.upto("store-1") == 1)
    hub.database.write(lambda unit: revoke(unit, "store-1"))
    eventually(lambda: hub.link.status().sessions == 0)
    store.sell(1)

    eventually(lambda: store.link.status().state == "rejected")

    assert hub.seqs("store-1") == [1]
    assert store.link.status().unsent == 1


def test_a_wrong_password_is_said_in_words(hub: HubSide, store: StoreSide) -> None:
    hub.broker.passwords["store-1"] = "wrong"
    store.start()

    eventually(lambda: "does not accept" in store.what())

    assert store.link.status().state == "store_mode"


def test_a_database_from_a_backup_goes_on_under_a_new_name_and_says_so(
    hub: HubSide, store: StoreSide, tmp_path: Path
) -> None:
    store.start()
    store.sell(5)
    eventually(lambda: hub.upto("store-1") == 5)
    eventually(lambda: store.acked() == 5)
    store.stop()
    shutil.copy(store.home / "edge.db", tmp_path / "backup.db")
    store.start()
    store.sell(5)
    eventually(lambda: hub.upto("store-1") == 10)
    store.stop()
    store.put_back(tmp_path / "backup.db")
    store.open()
    store.sell(1, reason="another history")
    store.start()

    eventually(lambda: store.link.status().state == "quarantine")
    store.sell(9)

    # The one of the other history is carried over: under a new number, and nothing of the old stream repeats.
    eventually(lambda: hub.seqs("store-1") == [*range(1, 11), *range(1, 11)])
    assert b"another history" in hub.bytes_of("store-1")[10]
    assert store.link.status().quarantine.startswith("This store's database was an older copy")
    assert lives(hub) == {1: "closed", 2: "current"}
    assert hub.kinds_of_alarms() == ["edge_restored"]


def lives(hub: HubSide) -> dict[int, str]:
    with hub.database.read() as connection:
        return {row.ordinal: row.state for row in connection.execute(sa.select(streams))}


def test_a_backup_without_its_marker_is_found_out_by_what_the_hub_knows(
    hub: HubSide, store: StoreSide, tmp_path: Path
) -> None:
    store.start()
    store.sell(5)
    # What a copy does not know to be delivered it delivers once more, with the same ids.
    eventually(lambda: store.acked() == 5)
    store.stop()
    shutil.copy(store.home / "edge.db", tmp_path / "backup.db")
    store.start()
    store.sell(5)
    eventually(lambda: hub.upto("store-1") == 10)
    store.stop()
    store.put_back(tmp_path / "backup.db")
    store.marker = tmp_path / "no" / "marker"
    # The hub remembers the boot after the backup; the copy cannot name it, so the first must be long gone.
    hub.database.write(lambda unit: unit.connection.execute(sa.update(link_sessions).values(last_us=0)))
    hub.stop()
    hub.start()
    store.start()

    eventually(lambda: store.link.status().state == "quarantine")

    eventually(lambda: lives(hub) == {1: "closed", 2: "current"})
    assert set(hub.kinds_of_alarms()) == {"edge_rolled_back", "edge_restored"}
    assert hub.seqs("store-1") == list(range(1, 11))


def test_a_backup_that_lacks_nothing_but_directives_is_found_out_and_gets_them_back(
    hub: HubSide, store: StoreSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Courier, "fetch_directives", lambda _self, *asked: answered_by(hub, *asked))
    monkeypatch.setattr(Courier, "fetch_hub_lives", lambda _self: [])
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)
    eventually(lambda: store.acked() == 3)
    store.stop()
    shutil.copy(store.home / "edge.db", tmp_path / "backup.db")
    store.start()
    send_nothing(hub)
    eventually(lambda: carried_out(store) == 1)
    eventually(lambda: answered_by(hub, hub_inc(hub), 0))
    store.stop()
    store.put_back(tmp_path / "backup.db")
    forget(hub)
    store.start()

    eventually(lambda: lives(hub) == {1: "closed", 2: "current"})
    eventually(lambda: carried_out(store) == 1)
    eventually(lambda: store.link.status().state == "online")
    send_nothing(hub)
    eventually(lambda: len(answered_by(hub, hub_inc(hub), 0)) == 2)

    assert carried_out(store) == 2
    assert [said["outcome"] for said in answered_by(hub, hub_inc(hub), 0)] == ["applied", "applied"]
    assert lives(hub) == {1: "closed", 2: "current"}
    assert "edge_restored" in hub.kinds_of_alarms()


def send_nothing(hub: HubSide) -> None:
    """Send a directive that does nothing."""
    hub.database.write(
        lambda unit: hub.outbox.send_directive(unit, "store-1", Withdrawn(withdrawn_kind="none"))
    )


def hub_inc(hub: HubSide) -> str:
    return hub.database.write(hub.outbox.hub_inc)


def answered_by(hub: HubSide, hub_inc: str, after: int) -> list[dict[str, Any]]:
    """Return what the hub gives back to the store over HTTPS."""
    with hub.database.read() as connection:
        return answered_directives(connection, "store-1", hub_inc, after)


def carried_out(store: StoreSide) -> int:
    return int(store.edge.database.read().execute("SELECT cseq_done FROM link").fetchone()[0])


def test_an_old_incarnation_may_only_bring_what_the_hub_lacks(
    hub: HubSide, store: StoreSide, tmp_path: Path
) -> None:
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)
    store.stop()
    store.open()
    store.sell(2)
    store.edge.database.close()
    store.is_open = False
    forget(hub)
    replaced = StoreSide(tmp_path / "new", "store-1", hub.broker, machine="machine-2")
    replaced.start()
    replaced.sell(4)
    eventually(lambda: hub.upto("store-1") == 4)
    replaced.stop()
    forget(hub)
    store.start()

    eventually(lambda: len(hub.seqs("store-1")) == 9)

    with hub.database.read() as connection:
        states = {row.inc: row.state for row in connection.execute(sa.select(streams))}
    assert states == {store.edge.identity.inc: "closed", replaced_inc(tmp_path): "current"}
    assert store.link.status().state == "rejected"
    assert "edge_replaced" in hub.kinds_of_alarms()


def forget(hub: HubSide) -> None:
    """Let enough time pass that nobody is taken for alive, without waiting for it."""
    hub.stop()
    hub.database.write(lambda unit: unit.connection.execute(sa.update(link_sessions).values(last_us=0)))
    hub.start()


def replaced_inc(tmp_path: Path) -> str:
    from protocol.kit.sqlite import connect

    connection = connect(tmp_path / "new" / "edge.db", read_only=True)
    try:
        return str(connection.execute("SELECT value FROM meta WHERE key = 'inc'").fetchone()[0])
    finally:
        connection.close()


def test_a_hub_that_lost_its_past_gets_everything_again_and_lending_begins_anew(
    hub: HubSide, store: StoreSide
) -> None:
    store.start()
    store.sell(10)
    eventually(lambda: hub.upto("store-1") == 10)
    eventually(lambda: store.acked() == 10)
    store.stop()
    hub.stop()

    def restore(unit: object) -> None:
        connection = unit.connection  # type: ignore[attr-defined]  # a HubUnit
        connection.execute(sa.text("DELETE FROM test_applied"))
        connection.execute(sa.text("UPDATE streams SET upto = 0"))
        connection.execute(sa.text("UPDATE link_sessions SET last_us = 0"))

    hub.database.write(restore)
    store.open()
    first = store.head0
    hub.database.write(lambda unit: unit.connection.execute(sa.update(streams).values(head=first)))
    hub.start()
    store.start()

    eventually(lambda: hub.upto("store-1") == 10)

    assert hub.seqs("store-1") == list(range(1, 11))
    eventually(lambda: not store.link.status().fenced, what="the lending was begun anew")


def test_a_store_that_says_goodbye_is_late_at_once_and_online_when_it_is_back(
    hub: HubSide, store: StoreSide
) -> None:
    store.start()
    eventually(lambda: store.link.status().state == "online")  # before that there is nothing to take back
    eventually(lambda: pill(hub) == "online")
    store.stop()
    eventually(lambda: pill(hub) != "online")  # long before the clock alone would say so
    when_it_is_gone = pill(hub)
    store.start()
    eventually(lambda: pill(hub) != when_it_is_gone)

    assert when_it_is_gone == "late"
    assert pill(hub) == "online"


def pill(hub: HubSide) -> str:
    return hub.link.presence.pill("store-1").state


def test_a_store_notices_that_the_hub_is_away_and_that_it_is_back(hub: HubSide, store: StoreSide) -> None:
    store.start()
    store.sell(1)
    eventually(lambda: hub.upto("store-1") == 1)
    hub.stop()
    eventually(lambda: store.link.status().state == "store_mode")
    store.sell(2)
    what = store.what()
    hub.start()

    eventually(lambda: hub.upto("store-1") == 3)
    eventually(lambda: store.link.status().state == "online")

    assert what == "The broker answers, but the hub does not listen."


def test_the_fleet_shows_who_is_online_and_who_was_never_seen(hub: HubSide, store: StoreSide) -> None:
    hub.add("store-2", "CD")
    store.start()
    store.sell(3)
    eventually(lambda: hub.upto("store-1") == 3)
    with hub.database.read() as connection:
        views = fleet_view(connection, store.edge.clock, hub.link.presence)

    assert [(view.location_id, view.pill.state, view.unsent) for view in views] == [
        ("store-1", "online", 0),
        ("store-2", "never_seen", 0),
    ]
