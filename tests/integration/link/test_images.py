"""An image of a store's disk shows no sign of its age, and may go on for hours before it has a line."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from edge_agent.link import talk
from hub.fleet.rows import link_sessions, streams
from hub.link import sessions
from hub.link.lives import put_meta
from tests.support.wire import HubSide, StoreSide, eventually

pytestmark = pytest.mark.broker


def test_an_image_of_a_disk_that_went_on_without_a_line_waits_for_a_person_who_knows_of_it(
    hub: HubSide, store: StoreSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "SET_ASIDE_SECONDS", 0.5)
    monkeypatch.setattr(sessions, "RETRY_SECONDS", 1)
    store.start()
    store.sell(5)
    eventually(lambda: store.acked() == 5)
    store.stop()
    disk = tmp_path / "disk"
    shutil.copytree(store.home, disk)
    beside = store.home / "outside" / "marker"
    marker = beside.read_bytes()
    store.start()
    store.sell(5)
    eventually(lambda: hub.upto("store-1") == 10)
    store.stop()
    store.put_back(disk / "edge.db")
    beside.write_bytes(marker)
    store.open()
    store.sell(7, reason="another history")
    # The image does not know the last start, so its session must be long gone.
    hub.database.write(lambda unit: unit.connection.execute(sa.update(link_sessions).values(last_us=0)))
    hub.stop()
    hub.start()
    store.start()

    eventually(lambda: "edge_forked" in hub.kinds_of_alarms())
    forked = next(alarm for alarm in hub.alarms if alarm.kind == "edge_forked")
    assert dict(forked.facts) == {"upto": 10, "machine": "machine-1"}
    assert store.what() == "The hub knows another history under this store's numbers."
    assert hub.seqs("store-1") == list(range(1, 11))  # nothing of the other history was taken

    hub.database.write(lambda unit: put_meta(unit.connection, "admit:store-1", "machine-1"))
    eventually(lambda: lives(hub) == {1: "closed", 2: "current"})
    eventually(lambda: hub.seqs("store-1") == [*range(1, 11), *range(1, 8)])
    assert all(b"another history" in data for data in hub.bytes_of("store-1")[10:])


def lives(hub: HubSide) -> dict[int, str]:
    with hub.database.read() as connection:
        return {row.ordinal: row.state for row in connection.execute(sa.select(streams))}
