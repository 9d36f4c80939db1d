"""Unpack a delivery: by scan or by hand, then put it on the shelf in one event.

Until then nothing has come: what is scanned is no fact. What was not announced is received too, with a word
that it was not expected; a code that nobody knows is a row of its own. Damaged units are kept apart at
their value, because they are ours until the supplier takes them back.
"""

from edge_agent.catalog.rules import clean, meaning_of
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.lives import check_done_once
from edge_agent.once import Asked, once
from edge_agent.paper.rules import Slip
from edge_agent.paper.steps import queue_slip
from edge_agent.scans import nothing_to_undo, to_take_back
from edge_agent.stock import delivery_rows as rows
from edge_agent.stock.counting import below_zero, known_items, no_item
from edge_agent.stock.delivery_models import (
    REASONS,
    Began,
    BeginReceiving,
    DeliveryScanned,
    DropReceiving,
    FinishReceiving,
    Received,
    ReceivingView,
    ScanDelivery,
    SeenLine,
    SetDelivered,
    StrangerView,
    UndoDeliveryScan,
    UnpackedLine,
)
from edge_agent.stock.expecting import expected, tell
from protocol.catalog import Product
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.units import check_units
from protocol.kit.web.filters import qty
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import LineKind
from protocol.stock import DeliveryReceived, ReceivedLine, bin_key

_NONE = rows.ExpectedRow("", 0, 0, 0)


def begin(
    unit: EdgeUnit, edge: Edge, command: BeginReceiving, *, person: CurrentPerson
) -> tuple[Began, bool]:
    """Begin to unpack; a delivery that somebody is unpacking is joined.

    Raises:
        NotFound, Refused: the delivery cannot come any more.
        Invalid: `no_supplier`, nobody says whose goods these are.
    """

    def work() -> Began:
        supplier, reference = command.supplier.strip(), command.reference.strip()
        if command.delivery_id is not None:
            found = expected(unit.connection, command.delivery_id)
            supplier, reference = found.supplier, found.reference
            running = rows.receivings(unit.connection, found.delivery_id)
            if running:
                return _began(running[0])
        elif not supplier:
            raise Invalid(
                _("Nothing says whose goods these are."),
                _("Type the supplier's name, or choose an expected delivery."),
                code="no_supplier",
            )
        row = rows.ReceivingRow(
            receiving_id=edge.ids.new_id(),
            delivery_id=command.delivery_id,
            supplier=supplier,
            reference=reference,
            state="open",
            receipt_id="",
            began_us=edge.clock.now_us(),
            by=person.person_id,
        )
        rows.add_receiving(unit, row)
        tell(unit, edge)
        return _began(row)

    return once(unit, edge, command, command.key, Began, work)


def _began(row: rows.ReceivingRow) -> Began:
    return Began(
        receiving_id=row.receiving_id,
        delivery_id=row.delivery_id,
        supplier=row.supplier,
        reference=row.reference,
        state=row.state,
    )


def require(connection: Connection, receiving_id: str) -> rows.ReceivingRow:
    """Return what somebody is or was unpacking.

    Raises:
        NotFound: `no_receiving`.
    """
    found = rows.find_receiving(connection, receiving_id)
    if found is None:
        raise NotFound(
            _("Nobody is unpacking this here."), _("Choose a delivery from the list."), code="no_receiving"
        )
    return found


def unpacking(connection: Connection, receiving_id: str) -> rows.ReceivingRow:
    """Return what somebody is unpacking.

    Raises:
        NotFound: `no_receiving`.
        Refused: `receiving_closed`, it was received or dropped meanwhile.
    """
    found = require(connection, receiving_id)
    if found.state != "open":
        done = found.state == "done"
        raise Refused(
            _("This was received already.")
            if done
            else _("This unpacking was dropped, so nothing of it was received."),
            _("Correct the receipt, or begin anew for what came besides.")
            if done
            else _("Begin anew, and scan what came once more."),
            code="receiving_closed",
            state=found.state,
            receipt_id=found.receipt_id,
        )
    return found


def scan(
    unit: EdgeUnit, edge: Edge, receiving_id: str, command: ScanDelivery, *, person: CurrentPerson
) -> tuple[DeliveryScanned, bool]:
    """Take what came out of a box.

    Raises:
        NotFound, Refused: nobody is unpacking this.
    """

    def work() -> DeliveryScanned:
        found = unpacking(unit.connection, receiving_id)
        if meaning_of(command.code).kind == "slip":
            return DeliveryScanned(
                outcome="slip",
                what=_("This is the code of a slip, not of an article."),
                remedy=_("Scan the code on the article."),
            )
        product = edge.products.scan(unit.connection, command.code)
        if product is not None and product.kind is not LineKind.GOODS:
            return DeliveryScanned(
                outcome="not_stock",
                sku=product.sku,
                name=product.name,
                what=_("{name} is a service; there is nothing to count.", name=product.name),
                remedy=_("Go on with the next item."),
            )
        good, damaged = (0, command.units) if command.damaged else (command.units, 0)
        row = rows.ScanRow(
            scan_id=edge.ids.new_id(),
            sku=product.sku if product else "",
            code=clean(command.code)[:64] or "?",
            good=good,
            damaged=damaged,
            at_us=edge.clock.now_us(),
            undone=0,
        )
        rows.add_scan(unit, found.receiving_id, row, person.device, person.person_id)
        tell(unit, edge)
        if product is None:
            return DeliveryScanned(
                outcome="unknown_code",
                scan_id=row.scan_id,
                what=_("{code} is not in the catalogue of this store.", code=row.code[:40]),
                remedy=_("It is listed below and not received. Put it aside."),
            )
        return _took(unit, found, product, row)

    asked = Asked(to=f"unpack:{receiving_id}", command=command)
    return once(unit, edge, asked, command.key, DeliveryScanned, work)


def _took(unit: EdgeUnit, found: rows.ReceivingRow, product: Product, scan_: rows.ScanRow) -> DeliveryScanned:
    line = _add(unit, found, product.sku, scan_.good, scan_.damaged)
    due = rows.expected_of(unit.connection, found.delivery_id).get(product.sku, _NONE).left
    outcome, what, remedy = "received", "", ""
    if found.delivery_id and not due:
        outcome = "unexpected"
        what = _("{name} was not announced.", name=product.name)
        remedy = _("It is received as well, or sent back: take the scan back then.")
    elif found.delivery_id and line.good + line.damaged > due:
        outcome = "over"
        what = _("{n} of {name} were announced.", n=due, name=product.name)
        remedy = _("The rest is received as too many.")
    return DeliveryScanned(
        outcome=outcome,
        scan_id=scan_.scan_id,
        sku=product.sku,
        name=product.name,
        bin=product.bin,
        good=line.good,
        damaged=line.damaged,
        expected=due,
        what=what,
        remedy=remedy,
    )


def _add(unit: EdgeUnit, found: rows.ReceivingRow, sku: str, good: int, damaged: int) -> rows.UnpackedRow:
    before = rows.unpacked(unit.connection, found.receiving_id).get(sku)
    row = rows.UnpackedRow(
        sku=sku,
        good=(before.good if before else 0) + good,
        damaged=(before.damaged if before else 0) + damaged,
        unit_cost_minor=before.unit_cost_minor if before else None,
        reason=before.reason if before else "",
    )
    rows.put_unpacked(unit, found.receiving_id, row)
    return row


def undo(
    unit: EdgeUnit, edge: Edge, receiving_id: str, command: UndoDeliveryScan, *, person: CurrentPerson
) -> tuple[DeliveryScanned, bool]:
    """Take a scan of this device back: the one that is named, else the last.

    Raises:
        Refused: `nothing_to_undo`.
    """

    def work() -> DeliveryScanned:
        found = unpacking(unit.connection, receiving_id)
        scan_ = to_take_back(
            rows.scans_of(unit.connection, found.receiving_id, person.device, 200), command.scan_id
        )
        before = rows.unpacked(unit.connection, found.receiving_id).get(scan_.sku) if scan_ else None
        known = scan_ is not None and bool(scan_.sku)
        gone = known and (
            before is None or scan_ is None or before.good < scan_.good or before.damaged < scan_.damaged
        )
        if scan_ is None or gone:
            raise nothing_to_undo(_("Type the number instead."))
        rows.undo_scan(unit, scan_.scan_id)
        after = _add(unit, found, scan_.sku, -scan_.good, -scan_.damaged) if known else None
        tell(unit, edge)
        product = edge.products.find(unit.connection, scan_.sku) if known else None
        return DeliveryScanned(
            outcome="received",
            scan_id=scan_.scan_id,
            sku=scan_.sku,
            name=product.name if product else scan_.code,
            good=after.good if after else 0,
            damaged=after.damaged if after else 0,
        )

    asked = Asked(to=f"repack:{receiving_id}", command=command)
    return once(unit, edge, asked, command.key, DeliveryScanned, work)


def set_line(
    unit: EdgeUnit, edge: Edge, receiving_id: str, command: SetDelivered, *, person: CurrentPerson
) -> tuple[DeliveryScanned, bool]:
    """Say by hand what came of an item.

    Raises:
        Invalid: `below_zero`, `unknown_sku`, or no such reason.
        Refused: `stale_line`, it does not stand any more as whoever sets it has seen it.
    """

    def work() -> DeliveryScanned:
        found = unpacking(unit.connection, receiving_id)
        if command.good < 0 or command.damaged < 0:
            raise below_zero(command.sku)
        if command.reason not in ("", *REASONS):
            raise Invalid(
                _("A delivery does not differ for {reason}.", reason=command.reason),
                _("Use one of: {reasons}.", reasons=", ".join(REASONS)),
                code="bad_reason",
            )
        if not known_items(unit.connection, edge, [command.sku]):
            raise no_item(command.sku, sku=command.sku)
        _check_seen(unit.connection, edge, found, command)
        row = rows.UnpackedRow(
            command.sku, command.good, command.damaged, command.unit_cost_minor, command.reason
        )
        rows.put_unpacked(unit, found.receiving_id, row)
        tell(unit, edge)
        product = edge.products.find(unit.connection, command.sku)
        due = rows.expected_of(unit.connection, found.delivery_id).get(command.sku, _NONE).left
        return DeliveryScanned(
            outcome="received",
            sku=command.sku,
            name=product.name if product else command.sku,
            good=row.good,
            damaged=row.damaged,
            expected=due,
        )

    asked = Asked(to=f"unpacked:{receiving_id}:{person.person_id}", command=command)
    return once(unit, edge, asked, command.key, DeliveryScanned, work)


def _check_seen(connection: Connection, edge: Edge, found: rows.ReceivingRow, command: SetDelivered) -> None:
    product = edge.products.find(connection, command.sku)
    due = rows.expected_of(connection, found.delivery_id).get(command.sku, _NONE)
    here = rows.unpacked(connection, found.receiving_id).get(command.sku)
    now = unpacked_line(command.sku, due, here, product, blind=found.delivery_id is None)
    seen = command.seen or SeenLine(good=0)
    if any(said is not None and said != getattr(now, name) for name, said in seen):
        raise Refused(
            _("{name} was scanned or set meanwhile: now {good} good, {damaged} damaged. Nothing was changed.",
              name=now.name, good=qty(now.good), damaged=qty(now.damaged)),
            _("Look at the item as it is now, then set it."),
            code="stale_line",
            sku=command.sku,
            good=now.good,
            damaged=now.damaged,
            unit_cost_minor=now.unit_cost_minor,
            reason=now.reason,
        )  # fmt: skip


def finish(
    unit: EdgeUnit, edge: Edge, receiving_id: str, command: FinishReceiving, *, person: CurrentPerson
) -> tuple[Received, bool]:
    """Put what came on the shelf; its slip is printed.

    Raises:
        Refused: `nothing_received`; `received_before`, the supplier's reference was received already;
            `records_missing`.
        Invalid: `too_many_units`.
    """

    def work() -> Received:
        found = unpacking(unit.connection, receiving_id)
        if found.delivery_id is not None:
            check_done_once(unit.connection, ("delivery.expected", "delivery_id"), found.delivery_id)
        unpacked = view(unit.connection, edge, receiving_id).lines
        check_units(
            ((line.sku, max(line.good, line.damaged)) for line in unpacked),
            _("Type fewer, and receive the rest as another delivery. What was scanned is kept."),
        )
        lines = [_line(line) for line in unpacked]
        if not any(line.good + line.damaged for line in lines):
            raise Refused(
                _("Nothing has come out of the boxes yet."),
                _("Scan what came, or drop the unpacking."),
                code="nothing_received",
            )
        before = rows.same_reference(unit.connection, found.supplier, found.reference)
        if before and found.delivery_id is None and not command.repeated:
            raise Refused(
                _("{reference} of {supplier} was received before, as {number}.",
                  reference=found.reference, supplier=found.supplier, number=before),
                _("Correct that receipt, or say that this is another delivery."),
                code="received_before",
                number=before,
            )  # fmt: skip
        body = DeliveryReceived(
            receipt_id=edge.ids.new_id(),
            number=edge.number(unit, "W"),
            delivery_id=found.delivery_id,
            supplier=found.supplier,
            reference=found.reference,
            final=not command.rest_follows,
            lines=tuple(line for line in lines if line.good + line.damaged or not command.rest_follows),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        rows.end_receiving(unit, found.receiving_id, "done", body.receipt_id)
        unit.after_commit(lambda: edge.broadcaster.publish("stock"))
        tell(unit, edge)
        return received(body, recorded.seq, print_slip(unit, edge, body.receipt_id, body.number, person))

    asked = Asked(to=f"receive:{receiving_id}", command=command)
    return once(unit, edge, asked, command.key, Received, work)


def _line(line: UnpackedLine) -> ReceivedLine:
    said = {"short": "short", "over": "over", "unexpected": "over", "damaged": "damaged", "to_come": "short"}
    return ReceivedLine(
        sku=line.sku,
        expected=line.expected,
        good=line.good,
        damaged=line.damaged,
        unit_cost_minor=line.unit_cost_minor,
        reason=line.reason or said.get(line.state, ""),
    )


def received(body: DeliveryReceived, seq: int, job_id: str) -> Received:
    """Return what a receipt came to. Short and over are counted item by item, against what was announced."""
    announced = [line for line in body.lines if body.delivery_id]
    return Received(
        receipt_id=body.receipt_id,
        number=body.number,
        seq=seq,
        good=sum(line.good for line in body.lines),
        damaged=sum(line.damaged for line in body.lines),
        short=sum(max(0, line.expected - line.good - line.damaged) for line in announced),
        over=sum(max(0, line.good + line.damaged - line.expected) for line in announced),
        value_minor=sum((line.good + line.damaged) * line.unit_cost_minor for line in body.lines),
        job_id=job_id,
    )


def print_slip(unit: EdgeUnit, edge: Edge, receipt_id: str, number: str, person: CurrentPerson) -> str:
    """Queue the slip of a receipt."""
    facts = {"receipt_id": receipt_id, "by": person.person_id}
    return queue_slip(unit, edge, Slip.GOODS_RECEIVED, number, number, facts)


def drop(
    unit: EdgeUnit, edge: Edge, receiving_id: str, command: DropReceiving, *, person: CurrentPerson
) -> tuple[Began, bool]:
    """Forget what was unpacked; nothing was received."""

    def work() -> Began:
        found = unpacking(unit.connection, receiving_id)
        rows.end_receiving(unit, found.receiving_id, "dropped")
        tell(unit, edge)
        return _began(require(unit.connection, receiving_id))

    asked = Asked(to=f"drop:{receiving_id}:{person.person_id}", command=command)
    return once(unit, edge, asked, command.key, Began, work)


def view(connection: Connection, edge: Edge, receiving_id: str) -> ReceivingView:
    """Return what is being unpacked, in the order of the shelves.

    Raises:
        NotFound: `no_receiving`.
    """
    found = require(connection, receiving_id)
    due = rows.expected_of(connection, found.delivery_id)
    here = rows.unpacked(connection, receiving_id)
    products = edge.products.find_all(connection, {**due, **here})
    lines = [
        unpacked_line(
            sku, due.get(sku, _NONE), here.get(sku), products.get(sku), blind=found.delivery_id is None
        )
        for sku in dict.fromkeys((*due, *here))
    ]
    lines = [line for line in lines if line.expected or line.good or line.damaged]
    lines.sort(key=lambda line: (bin_key(line.bin), line.name, line.sku))
    return ReceivingView(
        receiving_id=found.receiving_id,
        delivery_id=found.delivery_id,
        supplier=found.supplier,
        reference=found.reference,
        state=found.state,
        receipt_id=found.receipt_id,
        expected=sum(line.expected for line in lines),
        good=sum(line.good for line in lines),
        damaged=sum(line.damaged for line in lines),
        lines=tuple(lines),
        strangers=tuple(
            StrangerView(code=code, units=units) for code, units in rows.strangers(connection, receiving_id)
        ),
    )


def unpacked_line(
    sku: str, due: rows.ExpectedRow, here: rows.UnpackedRow | None, product: Product | None, *, blind: bool
) -> UnpackedLine:
    """Return one item with how it stands against what was announced."""
    good, damaged = (here.good, here.damaged) if here else (0, 0)
    cost = here.unit_cost_minor if here and here.unit_cost_minor is not None else due.unit_cost_minor
    came = good + damaged
    state = "right"
    if not came and due.left:
        state = "to_come"
    elif not blind and came > due.left:
        state = "over" if due.left else "unexpected"
    elif came < due.left:
        state = "short"
    elif damaged:
        state = "damaged"
    return UnpackedLine(
        sku=sku,
        name=product.name if product else sku,
        bin=product.bin if product else "",
        expected=due.left,
        good=good,
        damaged=damaged,
        unit_cost_minor=cost or (product.unit_cost_minor if product else 0),
        reason=here.reason if here else "",
        state=state,
    )
