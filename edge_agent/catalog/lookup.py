"""The catalogue as other rooms see it (`edge_agent.context.Products`): find, scan, search.

What is sold most stays in memory. It is good for one version: each look first asks which version is in force,
by the connection of the asker, so a price that is not committed is never seen by anybody else.
"""

from collections.abc import Iterable
from typing import Final

from edge_agent.catalog import rows
from edge_agent.catalog.rules import meaning_of
from protocol.catalog import Product
from protocol.kit.sqlite import Connection

REMEMBERED: Final = 20_000
"""Products in memory at most, about 20 MB; beyond it all are forgotten and those that sell come back."""


class Catalogue:
    """Looks products up by primary keys, and remembers them."""

    def __init__(self) -> None:
        self._version = 0
        self._known: dict[str, Product] = {}

    def find(self, connection: Connection, sku: str) -> Product | None:
        """Return a product by its SKU, active or not."""
        return self.find_all(connection, (sku,)).get(sku)

    def find_all(self, connection: Connection, skus: Iterable[str]) -> dict[str, Product]:
        """Return the products of these SKUs, active or not; one that is unknown is left out."""
        version, known = rows.version_in_force(connection), self._known
        if version != self._version:
            # A new dictionary, because another thread may be filling the one of the old version.
            known = self._known = {}
            self._version = version
        found: dict[str, Product] = {}
        for sku in skus:
            product = known.get(sku)
            if product is None:
                product = rows.find_product(connection, sku)
                if product is None:
                    continue
                if len(known) >= REMEMBERED:
                    known.clear()
                known[sku] = product
            found[sku] = product
        return found

    def scan(self, connection: Connection, code: str) -> Product | None:
        """Return the product that a scanned code means, active or not."""
        return rows.find_by_codes(connection, meaning_of(code).candidates)

    def search(self, connection: Connection, text: str, limit: int) -> tuple[Product, ...]:
        """Return products by the beginning of a SKU or code, then by words."""
        return rows.search(connection, text, limit)
