"""Which items lie on a shelf: a service is sold, but nobody can send, count or receive it."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.catalog.rows import products
from hub.spine.bulk import Select
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.orders import LineKind

_NOT_GOODS: Final = Select(
    sa.select(products.c.sku, products.c.name).where(products.c.kind != LineKind.GOODS.value), products.c.sku
)


def not_goods(connection: Connection, skus: Sequence[str]) -> dict[str, str]:
    """Return those of the items that are no goods, with their names; one that nobody knows is left out."""
    return {row.sku: row.name for row in _NOT_GOODS.run(connection, list(skus))}


def check_goods(connection: Connection, skus: Sequence[str]) -> None:
    """Refuse what does not lie on a shelf.

    Raises:
        Invalid: `not_goods`, naming the first of them.
    """
    strange = not_goods(connection, skus)
    for sku in skus:
        if sku in strange:
            raise Invalid(no_goods_word(strange[sku]), _("Take it out."), code="not_goods", sku=sku)


def no_goods_word(name: str) -> str:
    """Return why an item has no stock."""
    return _("{name} is a service, and no stock.", name=name)
