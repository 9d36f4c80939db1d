"""Put a store back to a backup of itself, and give it back what it had told its hub since."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from edge_agent.app import build
from edge_agent.link.recovery import Recovery
from edge_agent.lives import begin_life
from edge_agent.restoring import restore
from protocol.envelope import decode_batch
from protocol.handshake import Life
from protocol.kit.system import ShiftedClock
from tests.support.store import START_US, Store, settings_for, sign_everybody_in
from tests.support.transfer_ends import End

AT = {"answered_us": START_US}


class Hub:
    """What a hub gives back to a store: its events, and no directive, because it heard no answer."""

    def __init__(self, told: Store) -> None:
        self._rows = told.rows("SELECT bytes, hash FROM events ORDER BY seq")
        self.past: dict[str, list[tuple[int, bytes]]] = {}
        """Directives of lives that are over, by life."""
        self.given: list[bytes] = []
        self.while_asked: Callable[[], None] = lambda: None
        self.life = Life(
            inc=told.edge.identity.inc,
            ordinal=told.edge.identity.ordinal,
            upto=len(self._rows),
            head=self._rows[-1][1].hex(),
        )

    def fetch_events(self, _inc: str, after: int) -> list[str]:
        """Return the events after a number."""
        if after >= len(self._rows):
            self.while_asked()
        return [data.decode() for data, _hash in self._rows[after : after + 3]]

    def put_events(self, _inc: str, batch: bytes) -> int:
        """Take in what was forgotten."""
        said = decode_batch(batch)
        self.given += said.events
        return said.last

    def fetch_hub_lives(self) -> list[str]:
        """Return the lives that are over."""
        return list(self.past)

    def fetch_directives(self, hub_inc: str, after: int) -> list[Any]:
        """Return what was answered in a life that is over; of this one nothing was."""
        return [
            {"cseq": cseq, "bytes": data.decode(), "outcome": "applied", "code": "", "detail": "", **AT}
            for cseq, data in self.past.get(hub_inc, [])
            if cseq > after
        ]

    def fetch_contact(self, _contact_id: str) -> None:
        """Know nobody."""


def copy_of(shop: End, folder: Path) -> Path:
    """Return a backup of a store as it is now."""
    made = folder / "backup.db"
    with sqlite3.connect(shop.store.edge.database.path) as connection:
        connection.execute("VACUUM INTO ?", (str(made),))
    return made


@contextmanager
def put_back(backup: Path, folder: Path, *, edge: str = "store-1", image: bool = False) -> Iterator[End]:
    """Put a backup in the place of a store's database, on a machine without a line, and open it.

    `image`: as an image of the disk, which shows no sign of its age.
    """
    code, name = {"store-1": ("LB", "Store 1"), "store-2": ("TO", "Store 2")}[edge]
    settings = settings_for(folder / "again", edge=edge, code=code, store_name=name)
    settings.database_file.parent.mkdir(parents=True)
    if image:
        shutil.copyfile(backup, settings.database_file)
    else:
        restore(settings, backup, lambda _said: None, stamp="then")
    clock = ShiftedClock(START_US)
    app = build(settings, clock=clock)
    store = Store(app, TestClient(app), clock)
    with store.client:
        sign_everybody_in(store)
        yield End(store, _keys=1_000)  # its copy has those from before


def begin_another_life(again: End) -> None:
    """Let a store begin a new life, as when somebody at the hub has chosen it."""
    edge = again.store.edge
    edge.identity = edge.journal.identity = edge.database.write(
        lambda unit: begin_life(unit, edge.journal, why="chosen", clock=edge.clock, ids=edge.ids)
    )


def bring_back(again: End, hub: Hub) -> None:
    """Let the records come back, as the link does once the line is up."""
    edge = again.store.edge
    recovery = Recovery(edge, hub, again.inbox, lambda: None)  # type: ignore[arg-type]  # it only answers
    recovery.work([hub.life], edge.database.read().execute("SELECT hub_inc FROM link").fetchone()[0])
    failed = again.store.rows("SELECT seq, failed FROM brought_back WHERE failed <> ''")
    assert failed == []
