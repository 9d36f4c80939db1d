"""What is sold in the simulation, and the empty databases that every run begins with."""

from functools import cache
from pathlib import Path

from edge_agent.database import EdgeDatabase, EdgeUnit
from edge_agent.people import rows as people
from hub.catalog.steps import put
from hub.database import HubDatabase
from hub.schema import create_schema
from protocol.catalog import Product
from protocol.orders import LineKind
from protocol.people import StoreRole
from tests.simulation.clock import START_US
from tests.simulation.edge import MANAGER
from tests.simulation.node import Template

SKUS = ("COAT-M", "MUG-1", "BOOK-1", "LAMP-2", "SOAP-9")
PRICES = (12_000, 750, 999, 3_050, 333)


@cache
def products() -> tuple[Product, ...]:
    """Return the range."""
    return tuple(
        Product(
            sku=sku,
            name=f"Thing {sku}",
            kind=LineKind.GOODS,
            price_minor=price,
            rate_ppm=0 if sku.startswith("BOOK") else 200_000,
            unit_cost_minor=price // 3,
        )
        for sku, price in zip(SKUS, PRICES, strict=True)
    )


def make_template(folder: Path) -> Template:
    """Make the empty databases: schema, people and products, nobody's name."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Template(folder / "edge.db", folder / "hub.db", folder / "again.db")
    edge = EdgeDatabase(made.edge)
    edge.write(_furnish)
    edge.close()
    for file in (made.hub, made.again):
        hub = HubDatabase(f"sqlite:///{file}")
        create_schema(hub.engine)
        if file == made.hub:
            hub.write(lambda unit: put(unit, products(), START_US))
        hub.close()
    return made


def _furnish(unit: EdgeUnit) -> None:
    people.insert_person(
        unit,
        people.Person(
            person_id=MANAGER.person_id,
            name=MANAGER.name,
            role=StoreRole.MANAGER,
            badge=None,
            language="en",
            active=True,
            failed=0,
            locked_until_us=0,
            pin_hash="-",
        ),
    )
    unit.connection.executemany(
        "INSERT INTO products (sku, name, kind, price_minor, rate_ppm, unit_cost_minor, version)"
        " VALUES (?, ?, ?, ?, ?, ?, 0)",
        [(p.sku, p.name, p.kind.value, p.price_minor, p.rate_ppm, p.unit_cost_minor) for p in products()],
    )
