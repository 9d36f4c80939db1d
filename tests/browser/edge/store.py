"""A store behind a real server, with people, goods, stock, an open till and printers: for pages to be driven.

Run `python -m tests.browser.edge.store` and open the address it prints; the PIN of everybody is 2580.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from edge_agent.app import build
from edge_agent.catalog import steps as catalog
from edge_agent.context import Edge
from edge_agent.counter.steps import sale
from edge_agent.paper import steps as paper
from edge_agent.paper.rows import PrinterRow
from edge_agent.people import steps as people
from edge_agent.settings import EdgeSettings
from edge_agent.stock import steps as stock
from edge_agent.till import steps as till
from protocol.kit.web.server import WebServer
from protocol.kit.web.signin import CurrentPerson
from protocol.people import StoreRole

PIN = "2580"
GOODS = [
    ("85099B", "Jumbo Bag Red Retrospot", 250, "5000000000012", 11, "A-01-1"),
    ("22423", "Regency Cakestand 3 Tier", 1275, "5000000000029", 4, "B-02-3"),
    ("20725", "Lunch Bag Red Retrospot", 165, "5000000000036", 30, "A-01-2"),
    ("85123A", "White Hanging Heart T-Light Holder", 295, "5000000000043", 3, "B-04-2"),
    ("47566", "Party Bunting", 495, "5000000000050", 12, "C-01-1"),
    ("22720", "Set of 3 Cake Tins Pantry Design", 495, "5000000000067", 2, "C-02-1"),
    ("22960", "Jam Making Set with Jars", 425, "5000000000074", 0, "C-02-4"),
]
CABINET = ("OAK-1", "Oak Display Cabinet", 1_211_41, "5000000000081")
"""So dear that a basket with the four of the pictures costs £1,234.56; see `add_cabinet`."""
CODES = {sku: code for sku, _name, _price, code, _count, _bin in GOODS}


@dataclass
class Store:
    """One running store."""

    app: FastAPI
    server: WebServer
    url: str

    @property
    def edge(self) -> Edge:
        """Its parts."""
        edge: Edge = self.app.state.edge
        return edge


def settings_for(folder: Path, **said: object) -> EdgeSettings:
    """Return the settings of the store in the pictures."""
    values: dict[str, object] = {
        "edge": "store-1",
        "code": "LB",
        "store_name": "Leeds Briggate",
        "address": ("14 Briggate", "Leeds LS1 6ER"),
        "vat_number": "GB 123 4567 89",
        "data_dir": folder,
        "marker_file": folder / "marker",
        "tills": ("till-1", "till-2"),
    }
    return EdgeSettings.model_validate(values | said)


def furnish(edge: Edge, folder: Path) -> None:
    """Put people, goods and stock into a store."""
    for name, role, badge in (
        ("A. Osei", StoreRole.ASSOCIATE, None),
        ("S. Rowe", StoreRole.LEAD, None),
        ("M. Kaur", StoreRole.MANAGER, "BADGE-00077"),
        ("T. Hill", StoreRole.ASSOCIATE, None),
    ):
        people.add_person(edge, name=name, role=role, pin=PIN, badge=badge)
    file = folder / "goods.csv"
    rows = [f"{sku},{name},{price / 100:.2f},{code},{bin_}" for sku, name, price, code, _count, bin_ in GOODS]
    file.write_text("\n".join(["sku,name,price,barcodes,bin", *rows]), encoding="utf-8")
    catalog.import_csv(edge, file, whole=True)
    lines = tuple(stock.MoveLine(sku=row[0], quantity=row[4]) for row in GOODS if row[4])
    moves = stock.Moves(key="opening", reason="opening", lines=lines)
    edge.database.write(lambda unit: stock.move(unit, edge, moves, person=manager()))
    wanted = till.OpenTill(key="open-1", float_minor=100_00)
    edge.database.write(lambda unit: till.open_till(unit, edge, "till-1", wanted, person=manager()))


def manager(device: str = "till-1") -> CurrentPerson:
    """Return somebody who may do everything."""
    return CurrentPerson("m-kaur", "M. Kaur", "manager", device, "test")


def sell(edge: Edge, key: str, *lines: tuple[str, int], card: bool = False) -> sale.Sold:
    """Sell without a page."""
    total = sum(next(row[2] for row in GOODS if row[0] == sku) * count for sku, count in lines)
    tender = sale.TenderGiven(
        kind="card" if card else "cash", amount_minor=total, last4="4242" if card else ""
    )
    command = sale.Sale(
        key=key,
        till="till-1",
        lines=tuple(sale.SaleLine(sku=sku, quantity=count) for sku, count in lines),
        tenders=(tender,),
    )
    return edge.database.write(lambda unit: sale.sell(unit, edge, command, person=manager()))[0]


def add_cabinet(edge: Edge, folder: Path) -> None:
    """Sell a cabinet too."""
    sku, name, price, code = CABINET
    file = folder / "cabinet.csv"
    file.write_text(f"sku,name,price,barcodes\n{sku},{name},{price / 100:.2f},{code}\n", encoding="utf-8")
    catalog.import_csv(edge, file, whole=False)


def add_printer(edge: Edge, host: str, port: int, name: str = "Till 1") -> None:
    """Set a printer up."""
    row = PrinterRow("", name, host, port, "epson_80", ("receipt", "report"), active=True)
    edge.database.write(lambda unit: paper.put_printer(unit, edge, row))


@contextmanager
def running(folder: Path, **said: object) -> Iterator[Store]:
    """Serve a furnished store until the block ends."""
    app = build(settings_for(folder, **said))
    edge: Edge = app.state.edge
    furnish(edge, folder)
    server = WebServer(app, on_stop=[edge.broadcaster.close])
    server.start()
    try:
        yield Store(app, server, server.url)
    finally:
        server.stop()


if __name__ == "__main__":
    import threading

    with tempfile.TemporaryDirectory() as place, running(Path(place)) as store:
        print(store.url, flush=True)
        threading.Event().wait()
