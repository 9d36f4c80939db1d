"""Importing products and publishing them to every store as one version.

An import changes what the hub knows; a store sees nothing of it until somebody publishes. Publishing writes
the file once, keeps it in the database, and tells every active location with a numbered directive in the same
transaction, so a store that is offline learns of it when it is back.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import sqlalchemy as sa
import zstandard
from sqlalchemy.engine import Connection

from hub.catalog.rows import catalog_applied, catalog_versions, products
from hub.context import Hub
from hub.database import Change, HubUnit, Lookup
from hub.fleet.rows import all_locations
from hub.spine.bulk import Upsert
from hub.stock.changed import note_filed
from protocol.catalog import CatalogHead, Product
from protocol.directives import CatalogPublish
from protocol.errors import Refused
from protocol.kit.product_csv import Report, read_products
from protocol.orders import LineKind

_PRODUCTS: Final = Upsert(products)
_THIS: Final = catalog_versions.c.version == sa.bindparam("of", type_=sa.BigInteger)
_FILE: Final = Lookup(sa.select(catalog_versions.c.sha256, catalog_versions.c.size).where(_THIS))
_BYTES: Final = Lookup(sa.select(catalog_versions.c.bytes).where(_THIS))
_NEWEST: Final = Lookup(sa.select(sa.func.max(catalog_versions.c.version)))
_COUNT: Final = Lookup(sa.select(sa.func.count()).select_from(products))
_KEEP: Final = Change(sa.insert(catalog_versions))
PIECE: Final = 5_000
COMPRESSION: Final = 6


@dataclass(frozen=True, slots=True)
class Published:
    """A version that the stores were told of."""

    version: int
    products: int
    sha256: str
    size: int
    locations: int


@dataclass(frozen=True, slots=True)
class StoreVersion:
    """Which version a location works with."""

    location: str
    version: int
    at_us: int


def import_csv(hub: Hub, source: IO[str]) -> Report:
    """Take products over from a CSV file, and report on every row with a fault.

    Raises:
        Invalid: it is not such a file, or too many rows are wrong; nothing was taken over.
    """
    report = Report()
    found = list(read_products(source, report, currency=hub.settings.currency))
    now_us = hub.clock.now_us()
    hub.database.write(lambda unit: put(unit, found, now_us))
    return report


def put(unit: HubUnit, found: Iterable[Product], now_us: int) -> None:
    """Write products over those of the same SKU."""
    read = list(found)
    note_filed(unit.connection, {product.sku: product.category for product in read})
    _PRODUCTS.run(
        unit.connection,
        [
            (
                product.sku,
                product.name,
                product.kind.value,
                product.price_minor,
                product.rate_ppm,
                product.unit_cost_minor,
                json.dumps(product.barcodes),
                product.category,
                product.bin,
                product.active,
                now_us,
            )
            for product in read
        ],
    )


def publish(hub: Hub, *, by: str) -> Published:
    """Make a version of what is known now and tell every location.

    Raises:
        Refused: there is nothing to publish.
    """

    def step(unit: HubUnit) -> Published:
        connection = unit.connection
        version = newest_version(connection) + 1
        count = int(_COUNT.scalar(connection) or 0)
        if count == 0:
            raise Refused(
                "There are no products to publish.",
                "Import a file first: `orderspine hub catalog import products.csv`.",
                code="empty_catalog",
            )
        now_us = hub.clock.now_us()
        head = CatalogHead(version=version, currency=hub.settings.currency, products=count, made_us=now_us)
        data = _file(head, _all(connection))
        digest = hashlib.sha256(data).hexdigest()
        _KEEP.run(
            connection,
            version=version,
            sha256=digest,
            size=len(data),
            products=count,
            published_us=now_us,
            published_by=by,
            bytes=data,
        )
        places = [row.location_id for row in all_locations(connection) if row.status == "active"]
        for place in places:
            _tell(hub, unit, place, version=version, digest=digest, size=len(data), count=count)
        unit.after_commit(lambda: hub.broadcaster.publish("catalog"))
        return Published(version, count, digest, len(data), len(places))

    return hub.database.write(step)


def tell_newest(hub: Hub, unit: HubUnit, location: str) -> int:
    """Tell one location of the newest version, as a new one must be; return it, 0 when there is none."""
    row = unit.connection.execute(
        sa.select(catalog_versions).order_by(catalog_versions.c.version.desc()).limit(1)
    ).first()
    if row is None:
        return 0
    _tell(hub, unit, location, version=row.version, digest=row.sha256, size=row.size, count=row.products)
    return int(row.version)


def _tell(
    hub: Hub, unit: HubUnit, location: str, *, version: int, digest: str, size: int, count: int
) -> None:
    body = CatalogPublish(
        version=version, path=f"/edge/catalog/{version}", sha256=digest, size=size, products=count
    )
    hub.outbox.send_directive(unit, location, body)


def catalog_file(hub: Hub) -> Callable[[int], tuple[Path, str] | None]:
    """Return what finds a published file on disk; it is written there when somebody first asks for it."""

    def find(version: int) -> tuple[Path, str] | None:
        if not 0 < version < 2**62:
            return None
        file = hub.settings.catalog_dir / f"{version}.jsonl.zst"
        with hub.database.read() as connection:
            row = _FILE.first(connection, of=version)
            if row is None:
                return None
            if not file.exists() or file.stat().st_size != row.size:
                (data,) = _BYTES.scalars(connection, of=version)
                file.parent.mkdir(parents=True, exist_ok=True)
                made = file.with_suffix(f".{hub.ids.secret(4)}")
                made.write_bytes(data)
                made.replace(file)
        return file, row.sha256

    return find


def newest_version(connection: Connection) -> int:
    """Return the version that was published last, 0 before the first."""
    return int(_NEWEST.scalar(connection) or 0)


def store_versions(connection: Connection) -> list[StoreVersion]:
    """Return which version each location said it works with."""
    rows = connection.execute(
        sa.select(catalog_applied.c.location, catalog_applied.c.version, catalog_applied.c.at_us).order_by(
            catalog_applied.c.location
        )
    )
    return [StoreVersion(*row) for row in rows]


def _all(connection: Connection) -> Iterator[Product]:
    # On the statement: options of the connection would stay with the writer's for good.
    query = sa.select(products).order_by(products.c.sku).execution_options(yield_per=PIECE)
    for row in connection.execute(query):
        yield Product(
            sku=row.sku,
            name=row.name,
            kind=LineKind(row.kind),
            price_minor=row.price_minor,
            rate_ppm=row.rate_ppm,
            unit_cost_minor=row.unit_cost_minor,
            barcodes=tuple(json.loads(row.barcodes)),
            category=row.category,
            bin=row.bin,
            active=row.active,
        )


def _file(head: CatalogHead, found: Iterator[Product]) -> bytes:
    """Return the file: the head, then one product a line, compressed."""
    packer = zstandard.ZstdCompressor(level=COMPRESSION).compressobj()
    parts = [packer.compress(head.model_dump_json().encode() + b"\n")]
    parts.extend(
        packer.compress(product.model_dump_json(exclude_defaults=True).encode() + b"\n") for product in found
    )
    parts.append(packer.flush())
    return b"".join(parts)
