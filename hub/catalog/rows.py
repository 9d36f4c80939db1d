"""Products as the hub keeps them, the versions it published, and which version each store has applied."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import metadata
from hub.spine.bulk import Select

products: Final = sa.Table(
    "products",
    metadata,
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("price_minor", sa.BigInteger, nullable=False),
    sa.Column("rate_ppm", sa.Integer, nullable=False),
    sa.Column("unit_cost_minor", sa.BigInteger, nullable=False),
    sa.Column("barcodes", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("bin", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("changed_us", sa.BigInteger, nullable=False),
)

catalog_versions: Final = sa.Table(
    "catalog_versions",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("products", sa.BigInteger, nullable=False),
    sa.Column("published_us", sa.BigInteger, nullable=False),
    sa.Column("published_by", sa.Text, nullable=False),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
)
"""The file itself is kept here: what was published can be fetched as long as the version is known."""

catalog_applied: Final = sa.Table(
    "catalog_applied",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("products", sa.BigInteger, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)


_NAMES: Final = Select(sa.select(products.c.sku, products.c.name), products.c.sku)
_CATEGORIES: Final = Select(sa.select(products.c.sku, products.c.category), products.c.sku)


def names_of(connection: Connection, skus: Sequence[str]) -> dict[str, str]:
    """Return what those of the items are called that the catalogue has."""
    return {row.sku: row.name for row in _NAMES.run(connection, list(skus))}


def categories_of(connection: Connection, skus: Sequence[str]) -> dict[str, str]:
    """Return the categories of items; one that is not in the catalogue is left out."""
    return {row.sku: row.category for row in _CATEGORIES.run(connection, list(skus))}


def is_like(text: str) -> sa.ColumnElement[bool]:
    """Return the condition that the code of an item begins with a text, or that its name has it."""
    return products.c.sku.istartswith(text, autoescape=True) | products.c.name.icontains(
        text, autoescape=True
    )
