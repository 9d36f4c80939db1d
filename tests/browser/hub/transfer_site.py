"""A hub with transfers in every state: asked for, packed, on their way, short, over, damaged, from nobody.

Run `python -m tests.browser.hub.transfer_site` and open the address it prints; it has the password of `site`.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from hub.context import Hub
from hub.database import HubUnit
from hub.transfers import steps
from hub.transfers.clocks import look_at_transfers
from hub.transfers.wanted import LineWanted, TransferWanted
from protocol.people import HubRole
from protocol.transfers import SettledLine
from tests.browser.hub.site import GOODS, NOW_US, PASSWORD, PEOPLE, Site, Store, at, furnish, serving
from tests.support.hub import TestClock, send
from tests.support.promising import lend
from tests.support.transfers import Move


class Named(Move):
    """A transfer whose lines have the names of the pictures."""

    def name_of(self, sku: str) -> str:
        """Return what an article is called."""
        return GOODS[sku][0]


class Roads:
    """The transfers of a few days between the stores of the pictures."""

    def __init__(self, app: FastAPI, stores: dict[str, Store]) -> None:
        self.hub: Hub = app.state.hub
        assert isinstance(self.hub.clock, TestClock)
        self.clock = self.hub.clock
        self.stores = stores
        self.sent = {edge: len(store.events) for edge, store in stores.items()}
        self.count = 0

    def move(self, source: str, destination: str, *lines: tuple[str, int], **said: Any) -> Named:
        """Return a transfer made at its source."""
        self.count += 1
        store = self.stores[source]
        made = {"transfer_id": f"t-{self.count}", "number": f"{store.code}1-X{self.count:05d}"}
        return Named(store, self.stores[destination], lines, **{**made, **said})

    def hear(self, moment_us: int, *edges: str) -> None:
        """Let the hub hear what stores have said by a moment."""
        self.clock.at_us = moment_us
        for edge in edges or tuple(self.stores):
            store = self.stores[edge]
            if len(store.events) > self.sent[edge]:
                send(self.hub, store, self.sent[edge] + 1)
                self.sent[edge] = len(store.events)

    def ask(self, source: str, destination: str, *lines: tuple[str, int], grant: int = 0) -> Named:
        """Ask for a transfer from the hub."""
        wanted = TransferWanted(
            source=source,
            destination=destination,
            lines=tuple(LineWanted(sku=sku, quantity=units, grant=grant) for sku, units in lines),
            note="For the weekend",
        )
        asked = steps.request(self.hub, wanted, steps.By(name=PEOPLE[HubRole.OPS]))
        return self.move(
            source, destination, *lines, transfer_id=asked.transfer_id, number=asked.number, lent=0
        )


def fill(app: FastAPI) -> dict[str, Store]:
    """Fill a hub with trade, then with transfers."""
    stores = furnish(app)
    roads = Roads(app, stores)
    hub = roads.hub
    for store in stores.values():
        store.at_us = max(store.at_us, at(9, 0))
    hub.database.write(partial(_lend, "store-2"))
    settled = roads.move("store-1", "store-2", ("85099B", 6), ("22423", 2))
    settled.leave()
    settled.receive(6, 2, final=True)
    settled.close(
        SettledLine(line_no=1, sku="85099B", received=6), SettledLine(line_no=2, sku="22423", received=2)
    )
    short = roads.move("store-2", "store-3", ("85099B", 8), ("85123A", 4))
    short.leave()
    short.receive(6, 4, damaged=1, shorts=[2, 0], final=True)
    over = roads.move("store-3", "store-1", ("20725", 5))
    over.leave()
    over.receive(6, final=True)
    early = roads.move("store-4", "store-3", ("47566", 3))
    early.receive(3)
    roads.move("store-4", "store-1", ("22720", 2)).receive(2, known=False)
    roads.hear(at(13, 0), "store-1", "store-2", "store-3")
    roads.ask("store-1", "store-3", ("22720", 4))
    packed = roads.ask("store-2", "store-1", ("22423", 3), ("47566", 6))
    packed.accept()
    packed.pick()
    packed.pack(7)
    way = roads.ask("store-3", "store-2", ("85123A", 12), grant=6)
    way.accept()
    way.pick()
    way.pack(8)
    way.ship(n=8)
    roads.hear(at(14, 0), "store-1", "store-2", "store-3")
    refused = roads.ask("store-2", "store-3", ("20725", 30))
    refused.reject()
    roads.hear(NOW_US, "store-1", "store-2", "store-3")
    look_at_transfers(hub)
    return stores


def _lend(edge: str, unit: HubUnit) -> None:
    lend(unit, edge, **{"22423": 3})


@contextmanager
def running_transfers(folder: Path) -> Iterator[Site]:
    """Serve such a hub until the block ends."""
    with serving(folder, fill) as site:
        yield site


if __name__ == "__main__":
    import threading

    with tempfile.TemporaryDirectory() as place, running_transfers(Path(place)) as running_site:
        print(running_site.url, PASSWORD, flush=True)
        threading.Event().wait()
