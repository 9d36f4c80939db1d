"""Serial numbers at the counter: asked for by the class of goods, one for each unit, none sold twice."""

from edge_agent.context import Edge
from edge_agent.counter.rules.sale import Draft
from protocol.errors import Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _


def check_serials(connection: Connection, edge: Edge, draft: Draft) -> None:
    """Refuse a sale whose goods have serial numbers that nobody took down, or that were sold already.

    Raises:
        Refused: `serial_missing` or `serial_sold`, with the article.
    """
    asked = edge.serial_skus(connection, [line.product for line in draft.lines])
    for line in draft.lines:
        sku, units = line.product.sku, len(set(line.serials))
        if (sku in asked or line.serials) and units != line.quantity:
            raise Refused(
                _("{name} has a serial number on each unit: {n} of {all} are read.", name=line.product.name,
                  n=units, all=line.quantity),
                _("Open the line and read the number of each unit."),
                code="serial_missing",
                sku=sku,
                units=line.quantity,
                serials=units,
            )  # fmt: skip
        for serial in line.serials:
            number = sold_as(connection, sku, serial)
            if number:
                raise Refused(
                    _("{serial} was sold already, with {number}.", serial=serial, number=number),
                    _("Read the number of this unit once more; if it came back, take it back first."),
                    code="serial_sold",
                    sku=sku,
                    serial=serial,
                )


def sold_as(connection: Connection, sku: str, serial: str) -> str:
    """Return the sale with which a unit left this store and has not come back; nothing for none."""
    row = connection.execute(
        "SELECT o.number FROM line_serials s JOIN order_lines l USING (order_id, line_no)"
        " JOIN orders o USING (order_id) WHERE s.serial = ? AND l.sku = ? LIMIT 1",
        (serial, sku),
    ).fetchone()
    return str(row[0]) if row else ""
