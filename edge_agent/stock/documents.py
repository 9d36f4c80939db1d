"""What stands on the slips of counts and deliveries, read when they print."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.catalog.rows import barcodes_of, find_product
from edge_agent.paper.rules import Slip
from edge_agent.people.steps import name_of
from edge_agent.settings import EdgeSettings
from edge_agent.stock import count_rows, delivery_rows
from edge_agent.stock.count_posting import settled
from edge_agent.stock.words import place_word
from printing.document import Document
from printing.documents.count_sheet import CountSheetFacts, CountSheetLine, count_sheet
from printing.documents.goods_received import GoodsReceivedFacts, GoodsReceivedLine, goods_received
from protocol.clock import from_us
from protocol.errors import Invalid
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.stock import bin_key

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StockSlips:
    """Makes the documents of this room."""

    settings: EdgeSettings

    def document(self, slip: Slip, connection: Connection, facts: Facts) -> Document | None:
        """Return the document of a job; None when it is the slip of another room.

        Raises:
            Invalid: `no_slip`, what it was about is gone.
        """
        if slip is Slip.COUNT_SHEET:
            return self.sheet(connection, facts)
        return self.receipt(connection, facts) if slip is Slip.GOODS_RECEIVED else None

    def sheet(self, connection: Connection, facts: Facts) -> Document:
        """Return the sheet of a count: every row that is not believed yet."""
        task = count_rows.find_task(connection, facts["count_id"])
        if task is None:
            raise _nothing(facts["count_id"])
        lines = []
        passes = count_rows.passes_of(connection, task.count_id)
        for sku in count_rows.lines_of(connection, task.count_id):
            product = find_product(connection, sku)
            done = passes.get(sku, [])
            if done and settled(task, done, product):
                continue
            codes = barcodes_of(connection, sku)
            lines.append(
                CountSheetLine(
                    bin=product.bin if product else "",
                    name=product.name if product else sku,
                    sku=sku,
                    barcode=codes[0] if codes else "",
                    again=bool(done),
                )
            )
        lines.sort(key=lambda line: (bin_key(line.bin), line.name, line.sku))
        return count_sheet(
            CountSheetFacts(
                number=task.number,
                title=task.title,
                store_name=self.settings.store_name,
                place=place_word(task.place.value),
                printed_at=from_us(facts["at_us"]).astimezone(ZoneInfo(self.settings.zone)),
                printed_by=name_of(connection, facts["by"]),
                lines=tuple(lines),
                note=task.note,
                demo=self.settings.demo,
            )
        )

    def receipt(self, connection: Connection, facts: Facts) -> Document:
        """Return the slip of a receipt, as corrections have left it."""
        found = delivery_rows.find_receipt(connection, facts["receipt_id"])
        if found is None:
            raise _nothing(facts["receipt_id"])
        lines = []
        for line in delivery_rows.received_of(connection, found.receipt_id):
            product = find_product(connection, line.sku)
            lines.append(
                GoodsReceivedLine(
                    name=product.name if product else line.sku,
                    sku=line.sku,
                    expected=line.expected,
                    good=line.good,
                    damaged=line.damaged,
                    unit_cost_minor=line.unit_cost_minor,
                    reason=line.reason,
                )
            )
        return goods_received(
            GoodsReceivedFacts(
                number=found.number,
                store_name=self.settings.store_name,
                store_lines=self.settings.address,
                supplier=found.supplier,
                reference=found.reference,
                received_at=from_us(found.at_us).astimezone(ZoneInfo(self.settings.zone)),
                received_by=name_of(connection, found.by),
                currency=self.settings.currency,
                lines=tuple(lines),
                announced=found.delivery_id is not None,
                corrections=found.corrections,
                demo=self.settings.demo,
            )
        )


def _nothing(what: str) -> Invalid:
    return Invalid(
        _("The slip {title} has nothing to print.", title=what),
        _("Look at the list it came from."),
        code="no_slip",
    )
