"""What the hub tells a store: once, in order, answered. Through a real Mosquitto."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.directives import Kind
from hub.fleet.rows import directives
from hub.link.epochs import epoch_of
from protocol.directives import CatalogPublish, Withdrawn
from protocol.errors import Refused
from tests.support.wire import HubSide, StoreSide, eventually

pytestmark = pytest.mark.broker
CONTENT = b'{"version":1}\n' * 40_000


def publish(version: int = 1, content: bytes = CONTENT, *, sha256: str = "") -> CatalogPublish:
    return CatalogPublish(
        version=version,
        path=f"/edge/catalog/{version}",
        sha256=sha256 or hashlib.sha256(content).hexdigest(),
        size=len(content),
        products=1,
    )


def note(unit: EdgeUnit, edge: Edge, body: CatalogPublish) -> None:
    """Carry a catalogue out without a file: count it; an even version is refused."""
    del edge
    unit.connection.execute(
        "INSERT INTO counters (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (f"catalog-{body.version}",),
    )
    if body.version % 2 == 0:
        raise Refused("This store takes odd ones only.", "Publish another.", code="even")


def break_down(_unit: EdgeUnit, _edge: Edge, _body: Any) -> None:
    raise KeyError("a bug")


def send(hub: HubSide, body: CatalogPublish, **said: Any) -> int:
    return hub.database.write(lambda unit: hub.outbox.send_directive(unit, "store-1", body, **said))


def answers(hub: HubSide) -> list[tuple[int, str, str, str]]:
    with hub.database.read() as connection:
        rows = connection.execute(sa.select(directives).order_by(directives.c.cseq))
        return [(row.cseq, row.state, row.outcome, row.code) for row in rows]


def epoch(hub: HubSide) -> tuple[str, int]:
    with hub.database.read() as connection:
        found = epoch_of(connection, "store-1")
    return found.state, found.ep


def counted(store: StoreSide) -> dict[str, int]:
    rows = store.edge.database.read().execute("SELECT name, value FROM counters")
    return {str(row[0]): int(row[1]) for row in rows}


def all_answered(hub: HubSide) -> bool:
    return all(outcome for _cseq, _state, outcome, _code in answers(hub))


def test_directives_of_a_dark_time_are_carried_out_once_in_order_and_answered(
    hub: HubSide, store: StoreSide
) -> None:
    store.kinds = {"catalog.publish": Kind(note)}
    numbers = [send(hub, publish(version)) for version in (1, 2, 3)]
    send(hub, publish(5), expires_us=1)
    taken_back = send(hub, publish(7))
    withdrawn = hub.database.write(lambda unit: hub.outbox.withdraw(unit, "store-1", taken_back))
    send(hub, publish(9))
    store.start()

    eventually(lambda: all_answered(hub))

    assert numbers == [1, 2, 3]
    assert withdrawn
    assert answers(hub) == [
        (1, "answered", "applied", ""),
        (2, "answered", "rejected", "even"),
        (3, "answered", "applied", ""),
        (4, "answered", "expired", ""),
        (5, "withdrawn", "applied", ""),
        (6, "answered", "applied", ""),
    ]
    assert counted(store) == {"catalog-1": 1, "catalog-3": 1, "catalog-9": 1}
    assert hub.kinds_of_alarms() == ["directive_rejected"]


def test_a_directive_that_was_sent_cannot_be_taken_back(hub: HubSide, store: StoreSide) -> None:
    store.kinds = {"catalog.publish": Kind(note)}
    store.start()
    eventually(lambda: store.link.status().state == "online")
    cseq = send(hub, publish(1))
    eventually(lambda: all_answered(hub))

    withdrawn = hub.database.write(lambda unit: hub.outbox.withdraw(unit, "store-1", cseq))

    assert not withdrawn
    assert answers(hub) == [(1, "answered", "applied", "")]
    assert counted(store) == {"catalog-1": 1}


def test_an_unknown_kind_is_kept_and_one_that_fails_stops_nothing(hub: HubSide, store: StoreSide) -> None:
    store.kinds = {"catalog.publish": Kind(break_down)}
    send(hub, publish(1))
    hub.database.write(
        lambda unit: hub.outbox.send_directive(unit, "store-1", Withdrawn(withdrawn_kind="none"))
    )
    store.start()
    eventually(lambda: all_answered(hub))
    store.stop()
    store.kinds = {}
    send(hub, publish(3))
    store.start()
    eventually(lambda: all_answered(hub))

    parked = store.edge.database.read().execute("SELECT cseq, why FROM parked_directives ORDER BY cseq")

    assert answers(hub) == [
        (1, "answered", "rejected", "failed"),
        (2, "answered", "applied", ""),
        (3, "answered", "rejected", "unknown_kind"),
    ]
    assert [tuple(row) for row in parked] == [(1, "failed"), (3, "unknown_kind")]


def test_a_hub_that_begins_a_new_life_repeats_what_was_not_answered_and_hears_duplicate(
    hub: HubSide, store: StoreSide
) -> None:
    store.kinds = {"catalog.publish": Kind(note)}
    store.start()
    eventually(lambda: store.link.status().state == "online")
    send(hub, publish(1))
    eventually(lambda: all_answered(hub))
    store.stop()
    hub.stop()
    hub.database.write(
        lambda unit: unit.connection.execute(
            sa.update(directives).values(answered_us=None, outcome="", state="sent")
        )
    )
    hub.database.write(hub.outbox.new_incarnation)
    hub.start()
    store.start()

    eventually(lambda: [row[2] for row in answers(hub)].count("duplicate") == 1)

    assert counted(store) == {"catalog-1": 1}
    eventually(lambda: epoch(hub) == ("open", 1))
    assert not store.link.status().fenced


def test_a_catalogue_is_fetched_checked_and_applied_whole(
    hub: HubSide,
    store: StoreSide,
    hub_http: str,
    catalog_files: dict[int, tuple[Path, str]],
    tmp_path: Path,
) -> None:
    file = tmp_path / "catalog"
    file.write_bytes(CONTENT)
    catalog_files[1] = (file, publish().sha256)
    catalog_files[2] = (file, publish().sha256)
    taken: list[tuple[int, bytes]] = []
    store.hub_url = hub_http
    store.apply_catalog = lambda _unit, _edge, body, path: taken.append((body.version, path.read_bytes()))
    (store.home / "incoming").mkdir(parents=True)
    half = store.home / "incoming" / f"catalog-1-{publish().sha256[:16]}.part"
    half.write_bytes(CONTENT[:100_000])
    store.start()
    send(hub, publish(1))
    send(hub, publish(2, sha256="0" * 64))
    eventually(lambda: len(answers(hub)) == 2 and all_answered(hub))

    assert answers(hub) == [(1, "answered", "applied", ""), (2, "answered", "rejected", "wrong_hash")]
    assert taken == [(1, CONTENT)]
    assert list((store.home / "incoming").iterdir()) == []


def test_a_catalogue_waits_while_https_is_down_and_sales_go_on(hub: HubSide, store: StoreSide) -> None:
    store.hub_url = "http://127.0.0.1:9"
    store.apply_catalog = lambda *_: None
    store.start()
    send(hub, publish(1))
    eventually(lambda: store.link.status().directives_waiting)
    store.sell(10)

    eventually(lambda: hub.upto("store-1") == 10)

    assert answers(hub) == [(1, "sent", "", "")]
    assert store.link.status().directives_waiting == "The hub does not answer over HTTPS (ConnectError)."
