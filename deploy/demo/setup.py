"""Prepares the stores and the hub of a demo once: people, printers, credentials, a catalogue.

It works on the databases before the programs start, with the same steps that the command line of each
program offers; nothing here writes a table by itself.
"""

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from deploy.demo.extract import DATA
from deploy.demo.layout import Layout, Place, write_secret
from deploy.demo.people import HUB_PEOPLE, HUB_PERSON, PEOPLE, Demonstrator
from deploy.demo.replay import PlannedProduct
from deploy.demo.returning import publish_policy
from deploy.demo.routing import enter
from protocol.clock import Clock
from protocol.ids import IdMaker
from protocol.people import HubRole, StoreRole

CATALOGUE_COLUMNS: Final = ("sku", "name", "price", "cost", "tax_rate", "kind", "category", "bin", "barcode")
Product = dict[str, str]


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a demo is given before it starts."""

    catalogue: str
    """CSV, as operations would import it."""
    people: Sequence[Demonstrator] = PEOPLE
    printers: bool = True
    routing: bool = False
    """Whether rules of routing are entered; without them the settings of the hub say everything."""


def demo_products() -> list[Product]:
    """Return the goods of the interactive demo."""
    return read_csv(DATA / "products.csv.gz")


def read_csv(file: Path) -> list[Product]:
    """Return the rows of one of the demo's own files."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def as_csv(products: Iterable[Product]) -> str:
    """Return products as a catalogue file."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, CATALOGUE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(products)
    return out.getvalue()


def replay_product(planned: PlannedProduct) -> Product:
    """Return a code of the retailer's file as a row of a catalogue file."""
    return {
        "sku": planned.code,
        "name": planned.name,
        "price": f"{planned.price_minor / 100:.2f}",
        "cost": f"{planned.cost_minor / 100:.2f}",
        "tax_rate": "20",
        "kind": "goods" if planned.goods else "service",
        "category": "",
        "bin": "",
        "barcode": "",
    }


def prepare(layout: Layout, wanted: SetUp, *, tills: Sequence[str], clock: Clock, ids: IdMaker) -> None:
    """Do everything that a demo needs once."""
    layout.write_secrets(ids)
    layout.write_settings(tills=tills)
    prepare_hub(layout, wanted, clock=clock, ids=ids)
    prepare_edges(layout, wanted)


def prepare_edges(layout: Layout, wanted: SetUp) -> None:
    """Make every store's database with its people and its printer, side by side."""
    with ThreadPoolExecutor(len(layout.places)) as pool:
        list(pool.map(lambda place: _prepare_edge(layout, place, wanted), layout.places))


def _prepare_edge(layout: Layout, place: Place, wanted: SetUp) -> None:
    from edge_agent.app import parts
    from edge_agent.paper.rows import PrinterRow
    from edge_agent.paper.steps import put_printer
    from edge_agent.people.steps import add_person
    from edge_agent.settings import load_settings

    edge = parts(load_settings(layout.config(place.name)))
    try:
        for person in wanted.people:
            add_person(edge, name=person.name, role=StoreRole(person.role), pin=person.pin)
        if wanted.printers:
            printer = PrinterRow(
                printer_id="",
                name="Counter",
                host="127.0.0.1",
                port=layout.ports.edges[place.name].printer,
                profile="epson_80",
                purposes=("receipt", "report"),
                active=True,
            )
            edge.database.write(lambda unit: put_printer(unit, edge, printer))
    finally:
        edge.database.close()


def prepare_hub(layout: Layout, wanted: SetUp, *, clock: Clock, ids: IdMaker) -> None:
    """Make the hub's database, register every location, keep credentials, publish catalogue and policy."""
    from hub.app import parts
    from hub.catalog.steps import import_csv, publish
    from hub.fleet.steps import NewLocation, add_location
    from hub.people.steps import add_person
    from hub.settings import load_settings

    hub = parts(load_settings(layout.config("hub")), clock=clock, ids=ids)
    try:
        for name in HUB_PEOPLE:
            add_person(hub, name=name, role=HubRole(name), password=layout.read_secret("hub.password"))
        for place in layout.places:
            new = NewLocation(place.name, place.code, place.title, place.kind, place.entity)
            known = hub.database.write(partial(add_location, new=new, clock=clock, ids=ids))
            write_secret(layout.secret(f"{place.name}.mqtt"), known.mqtt_password)
            write_secret(layout.secret(f"{place.name}.token"), known.token)
        import_csv(hub, io.StringIO(wanted.catalogue, newline=""))
        publish(hub, by=HUB_PERSON)
        publish_policy(hub)
        if wanted.routing:
            enter(hub)
    finally:
        hub.database.close()
