"""The catalogue as other rooms see it: `find` a SKU, `scan` a code (`edge_agent.context.Products`)."""

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
