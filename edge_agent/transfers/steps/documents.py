"""What stands on the slips of transfers, read when they print."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.paper.rules import Slip
from edge_agent.people.steps import name_of
from edge_agent.settings import EdgeSettings
from edge_agent.transfers.rows import transfers as rows
from printing.document import Document
from printing.documents.carton_label import CartonLabelFacts, carton_label
from printing.documents.transfer_manifest import ManifestCarton, TransferManifestFacts, transfer_manifest
from protocol.clock import from_us
from protocol.envelope import decode_event, read_body
from protocol.errors import Invalid
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.transfer_messages import TransferShipped

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TransferSlips:
    """Makes the documents of transfers of one store."""

    settings: EdgeSettings

    def document(self, slip: Slip, connection: Connection, facts: Facts) -> Document | None:
        """Return the document of a job; None when it is the slip of another room.

        Raises:
            Invalid: `no_slip`, what it was about is gone.
        """
        if slip is Slip.CARTON_LABEL:
            return self.label(connection, facts)
        return self.manifest(connection, facts) if slip is Slip.TRANSFER_MANIFEST else None

    def label(self, connection: Connection, facts: Facts) -> Document:
        """Return the label of a carton; one that was opened again has none."""
        found = rows.find(connection, facts["transfer_id"])
        carton = rows.find_carton(connection, facts["sscc"], "out")
        if found is None or carton is None or carton.state == "opened":
            raise _nothing(facts["sscc"])
        orders = {line.line_no: line.order_number for line in rows.lines_of(connection, found.transfer_id)}
        numbers = dict.fromkeys(orders.get(line.line_no, "") for line in carton.lines)
        return carton_label(
            CartonLabelFacts(
                sscc=carton.sscc,
                carton_no=carton.carton_no,
                transfer=found.number,
                source_name=self.settings.store_name,
                source_lines=self.settings.address,
                destination_name=self._name(connection, found.destination),
                units=carton.units,
                packed_at=self._local(carton.at_us),
                orders=tuple(number for number in numbers if number),
                weight_grams=carton.weight_g or None,
                demo=self.settings.demo,
            )
        )

    def manifest(self, connection: Connection, facts: Facts) -> Document:
        """Return the list of what left, as it was at that moment."""
        row = connection.execute("SELECT bytes FROM events WHERE seq = ?", (facts["seq"],)).fetchone()
        event = decode_event(row[0]) if row else None
        body = read_body(event) if event else None
        if event is None or not isinstance(body, TransferShipped):
            raise _nothing(str(facts["seq"]))
        names = {line.line_no: line.name for line in rows.lines_of(connection, body.transfer_id)}
        numbers = {each.sscc: each.carton_no for each in rows.cartons_of(connection, body.transfer_id)}
        return transfer_manifest(
            TransferManifestFacts(
                number=body.number,
                source_name=self.settings.store_name,
                source_lines=self.settings.address,
                destination_name=self._name(connection, body.destination),
                carrier=body.carrier,
                shipped_at=self._local(event.at),
                associate=name_of(connection, event.by),
                cartons=tuple(
                    ManifestCarton(
                        sscc=carton.sscc,
                        carton_no=numbers.get(carton.sscc, n),
                        items=tuple(
                            (line.sku, names.get(line.line_no, line.sku), line.quantity)
                            for line in carton.lines
                        ),
                        weight_grams=carton.weight_g or None,
                    )
                    for n, carton in enumerate(body.cartons, start=1)
                ),
                note=body.note,
                demo=self.settings.demo,
            )
        )

    def _name(self, connection: Connection, location: str) -> str:
        return dict(rows.known_places(connection)).get(location, location)

    def _local(self, at_us: int) -> datetime:
        return from_us(at_us).astimezone(ZoneInfo(self.settings.zone))


def _nothing(what: str) -> Invalid:
    return Invalid(
        _("The slip {title} has nothing to print.", title=what),
        _("Look at the transfer: the carton was opened again, or it is not here any more."),
        code="no_slip",
    )
