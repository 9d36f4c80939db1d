"""The catalogue as other rooms see it (`edge_agent.context.Products`): find, scan, search."""

from edge_agent.catalog import rows
from edge_agent.catalog.rules import meaning_of
from protocol.catalog import Product
from protocol.kit.sqlite import Connection


class Catalogue:
    """Looks products up by plain SQL on primary keys; that is quick enough with 200,000 of them."""

    def find(self, connection: Connection, sku: str) -> Product | None:
        """Return a product by its SKU, active or not."""
        return rows.find_product(connection, sku)

    def scan(self, connection: Connection, code: str) -> Product | None:
        """Return the product that a scanned code means, active or not."""
        return rows.find_by_codes(connection, meaning_of(code).candidates)

    def search(self, connection: Connection, text: str, limit: int) -> tuple[Product, ...]:
        """Return products by the beginning of a SKU or code, then by words."""
        return rows.search(connection, text, limit)
