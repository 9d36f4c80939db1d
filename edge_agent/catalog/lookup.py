"""The catalogue as other rooms see it (`edge_agent.context.Products`): find, scan, search.

What is sold most stays in memory. It is good for one version: each look first asks which version is in force,
by the connection of the asker, so a price that is not committed is never seen by anybody else.
"""

from collections.abc import Iterable
from typing import Final

from edge_agent.catalog import rows
from edge_agent.catalog.rules import Meaning, meaning_of, piece_of
from protocol.catalog import Product
from protocol.kit.sqlite import Connection
from protocol.money import CURRENCY_EXPONENTS
from protocol.rules.store_codes import Layout, Measured

REMEMBERED: Final = 20_000
"""Products in memory at most, about 20 MB; beyond it all are forgotten and those that sell come back."""


class Catalogue:
    """Looks products up by primary keys, and remembers them."""

    def __init__(self, layouts: Iterable[Layout] = (), currency: str = "") -> None:
        self._layouts = tuple(layouts)
        self._exponent = CURRENCY_EXPONENTS.get(currency, 2)
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
        found = self._found(connection, self._meaning(code))
        return found[0] if found else None

    def sold(self, connection: Connection, code: str) -> tuple[Product, int] | None:
        """Return what a scan at a till sells, active or not, and how many; a weighed piece has its price."""
        found = self._found(connection, self._meaning(code))
        if found is None or found[1] is None:
            return (found[0], 1) if found else None
        return None if found[1].misread else piece_of(found[0], found[1], self._exponent)

    def misread(self, code: str) -> bool:
        """Tell whether a code that means nothing was read wrong, so that it is scanned again."""
        meaning = self._meaning(code)
        return meaning.misread or (meaning.measured is not None and meaning.measured.misread)

    def _meaning(self, code: str) -> Meaning:
        return meaning_of(code, self._layouts)

    @staticmethod
    def _found(connection: Connection, meaning: Meaning) -> tuple[Product, Measured | None] | None:
        """Return the product of a scan; what has the very code of a store code goes before what it says."""
        of_store = meaning.measured.article if meaning.measured else ()
        product = rows.find_by_codes(connection, meaning.candidates)
        if product is not None:
            return product, None if of_store else meaning.measured
        product = rows.find_by_codes(connection, of_store)
        return (product, meaning.measured) if product is not None else None

    def search(self, connection: Connection, text: str, limit: int) -> tuple[Product, ...]:
        """Return products by the beginning of a SKU or code, then by words."""
        return rows.search(connection, text, limit)
