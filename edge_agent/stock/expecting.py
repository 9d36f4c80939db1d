"""What suppliers will bring: read from a file here, or told by the hub; and given up again."""

from collections.abc import Collection

from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.once import Asked, once
from edge_agent.stock import delivery_rows as rows
from edge_agent.stock.count_models import Revoke
from edge_agent.stock.counting import known_items
from edge_agent.stock.delivery_models import Began, DeliveryView, FaultView, ImportDeliveries, Imported
from protocol.errors import NotFound, Refused
from protocol.kit.delivery_csv import Given, Pair, read_deliveries
from protocol.kit.product_csv import Report
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.stock import Delivery, DeliveryCancelled, DeliveryExpected

LISTED = 200


def import_csv(
    unit: EdgeUnit, edge: Edge, command: ImportDeliveries, *, person: CurrentPerson
) -> tuple[Imported, bool]:
    """Expect what a file lists, and say row by row what was left out.

    Raises:
        Invalid: it is no such file, or no row of it can be used.
    """

    def work() -> Imported:
        report = Report()

        def wrong_of(pairs: Collection[Pair]) -> dict[Pair, str]:
            known = set(known_items(unit.connection, edge, [sku for _location, sku in pairs]))
            mine = {"", edge.identity.edge, edge.settings.code}
            return {
                (location, sku): _("{sku} is no item here", sku=sku)
                if location in mine
                else _("it is for {location}, not for this store", location=location[:40])
                for location, sku in pairs
                if location not in mine or sku not in known
            }

        found = read_deliveries(
            command.csv,
            report,
            given=Given(supplier=command.supplier, reference=command.reference),
            currency=edge.settings.currency,
            zone=edge.settings.zone,
            wrong_of=wrong_of,
        )
        ids = []
        for each in found:
            delivery = Delivery(
                delivery_id=edge.ids.new_id(),
                supplier=each.supplier,
                reference=each.reference,
                due_us=each.due_us,
                lines=tuple(each.lines),
            )
            expect(unit, edge, delivery, source="store", person=person)
            ids.append(delivery.delivery_id)
        return Imported(
            rows=report.rows,
            taken=report.taken,
            left_out=report.left_out,
            deliveries=tuple(ids),
            faults=tuple(FaultView(row=f.row, sku=f.sku, wrong=f.wrong) for f in report.faults),
        )

    return once(unit, edge, command, command.key, Imported, work)


def expect(
    unit: EdgeUnit, edge: Edge, delivery: Delivery, *, source: str, person: CurrentPerson = SYSTEM
) -> None:
    """Write down that a delivery is expected."""
    body = DeliveryExpected.model_validate(delivery.model_dump() | {"source": source})
    edge.journal.record(unit, body, by=person.person_id, device=person.device)
    tell(unit, edge)


def tell(unit: EdgeUnit, edge: Edge) -> None:
    """Let every open page of deliveries draw itself again."""
    unit.after_commit(lambda: edge.broadcaster.publish("deliveries"))


def expected(connection: Connection, delivery_id: str) -> rows.DeliveryRow:
    """Return a delivery that may still come.

    Raises:
        NotFound: `no_delivery`.
        Refused: `delivery_closed`, it came already or was given up.
    """
    found = rows.find_delivery(connection, delivery_id)
    if found is None:
        raise NotFound(
            _("There is no delivery {delivery} here.", delivery=delivery_id[:40]),
            _("Choose one from the list, or receive it without an announcement."),
            code="no_delivery",
        )
    if found.state not in {"expected", "part"}:
        raise Refused(
            _("This delivery was received already.")
            if found.state == "received"
            else _("This delivery was given up."),
            _("Correct its receipt, or receive what came without an announcement."),
            code="delivery_closed",
            state=found.state,
        )
    return found


def cancel(
    unit: EdgeUnit, edge: Edge, delivery_id: str, command: Revoke, *, person: CurrentPerson
) -> tuple[Began, bool]:
    """Say that a delivery will not come.

    Raises:
        NotFound, Refused: as `expected` says; `receiving_open`, somebody is unpacking it.
    """

    def work() -> Began:
        found = give_up(unit, edge, delivery_id, command.reason, person)
        return Began(
            receiving_id="",
            delivery_id=found.delivery_id,
            supplier=found.supplier,
            reference=found.reference,
            state="cancelled",
        )

    asked = Asked(to=f"undeliver:{delivery_id}", command=command)
    return once(unit, edge, asked, command.key, Began, work)


def give_up(
    unit: EdgeUnit, edge: Edge, delivery_id: str, reason: str, person: CurrentPerson = SYSTEM
) -> rows.DeliveryRow:
    """Write down that a delivery will not come."""
    found = expected(unit.connection, delivery_id)
    if rows.receivings(unit.connection, delivery_id):
        raise Refused(
            _("Somebody is unpacking this delivery."),
            _("End the unpacking first."),
            code="receiving_open",
        )
    body = DeliveryCancelled(delivery_id=delivery_id, reason=reason)
    edge.journal.record(unit, body, by=person.person_id, device=person.device)
    tell(unit, edge)
    return found


def listed(connection: Connection, *, is_open: bool, limit: int = LISTED) -> list[DeliveryView]:
    """Return deliveries, those that may come or those that are over."""
    return [_view(connection, row) for row in rows.deliveries(connection, is_open=is_open, limit=limit)]


def _view(connection: Connection, row: rows.DeliveryRow) -> DeliveryView:
    lines = rows.expected_of(connection, row.delivery_id).values()
    working = rows.receivings(connection, row.delivery_id)
    return DeliveryView(
        delivery_id=row.delivery_id,
        source=row.source,
        supplier=row.supplier,
        reference=row.reference,
        due_us=row.due_us,
        state=row.state,
        items=len(lines),
        units=sum(line.expected for line in lines),
        received=sum(line.received for line in lines),
        receiving_id=working[0].receiving_id if working else "",
    )
