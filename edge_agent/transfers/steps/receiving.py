"""Take goods in: whole cartons by their label, lines by hand, and what nobody has announced.

What is scanned is work in hand. One event takes it all in, with what is short, over and broken; nothing
that stands in the store is refused because the hub has not said that it comes. A label that is not for this
store is a clear answer, and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.steps import promises
from edge_agent.journal import Recorded
from edge_agent.lives import check_stands
from edge_agent.once import Asked, once
from edge_agent.stock.rows import on_hand_of
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.rows.transfers import ReceiptRow, Transfer
from edge_agent.transfers.rules import Arrived, Counted, Line, arrived, counted_in, summed
from edge_agent.transfers.steps.commands import TakeIn, UndoReceipt
from edge_agent.transfers.steps.common import receiving, tell
from edge_agent.transfers.steps.inbox import free_of, may_lend
from edge_agent.transfers.steps.models import Done, ReceivedAnswer
from protocol import transfer_messages as said
from protocol.catalog import Product
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.units import check_units
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import Bucket
from protocol.orders import LineKind
from protocol.transfers import LINES_PER_TRANSFER, CartonLine, ReceiveState


def receive(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: TakeIn, *, person: CurrentPerson
) -> tuple[ReceivedAnswer, bool]:
    """Take goods of a transfer in: what is named, or what was scanned for it.

    Raises:
        Refused: `nothing_arrived`, `carton_again` or `too_many_lines`.
        Invalid: `unknown_sku`, `not_stock`, `too_many_units`.
        NotFound: `no_carton`, one that is named is not of this transfer.
    """

    def step() -> ReceivedAnswer:
        found = receiving(unit.connection, transfer_id)
        lines = rows.lines_of(unit.connection, transfer_id)
        scanned = not (command.cartons or command.lines)
        labels = work.ticked(unit.connection, transfer_id) if scanned else dict.fromkeys(command.cartons, 0)
        inside = [(at_us, _contents(unit.connection, found, sscc)) for sscc, at_us in labels.items()]
        loose = work.arrived_loose(unit.connection, transfer_id) if scanned else ()
        words = (
            _named(unit.connection, edge, lines, work.words(unit.connection, transfer_id))
            if scanned
            else _said_lines(unit.connection, edge, lines, command)
        )
        counted = counted_in(lines, inside, loose, words)
        check_size(counted)
        promised: dict[int, int] = {}
        for each in (line for _at, carton in inside for line in carton):
            promised[each.line_no] = promised.get(each.line_no, 0) + each.quantity
        may_bind = rows.waiting_assignments(unit.connection, (line.assignment_id for line in lines))
        free = free_of(unit, [each.sku for each in counted])
        result = arrived(
            lines,
            counted,
            promised,
            may_bind=may_bind,
            free=free,
            may_lend=may_lend(unit),
            final=command.final,
        )
        ends = command.final and found.state == ReceiveState.PART_RECEIVED
        if not result.lines and not result.shorts and not ends:
            raise _nothing()
        body = _body(unit, edge, found, tuple(labels), result, command.note)
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        work.forget(unit, [transfer_id])
        after(unit, edge, body)
        return answer(body, recorded)

    asked = Asked(to=f"take-in:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, ReceivedAnswer, step)


def undo(
    unit: EdgeUnit, edge: Edge, receipt_id: str, command: UndoReceipt, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Take an arrival back whole, while all of it is still here and free.

    Raises:
        NotFound: `no_receipt`.
        Refused: `undone`, `settled`, `matched` with its announcement, `promised` when units are bound to an
            order or lent, `gone` when some were sold; `records_missing`.
    """

    def step() -> Done:
        receipt = rows.find_receipt(unit.connection, receipt_id)
        if receipt is None:
            raise NotFound(
                _("There is no such arrival in this store."), _("Look at the transfer."), code="no_receipt"
            )
        check_stands(unit.connection, receipt.seq)
        why = why_not_undone(unit.connection, receipt)
        if why is not None:
            raise why
        body = said.ReceiptUndone(
            receipt_id=receipt_id,
            transfer_id=receipt.transfer_id,
            number=receipt.number,
            source=receipt.source,
            destination=edge.identity.edge,
            cartons=receipt.body.cartons,
            lines=receipt.body.lines,
            reason=command.reason,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        after(unit, edge, body)
        return Done(transfer_id=receipt.transfer_id, number=receipt.number, seq=recorded.seq)

    asked = Asked(to=f"undo-receipt:{receipt_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def why_not_undone(connection: Connection, receipt: ReceiptRow) -> Refused | None:
    """Return why an arrival cannot be taken back, or None when it can."""
    remedy = _("Correct the stock of each article by a count, or send the goods on with a transfer.")
    if receipt.undone_us:
        return Refused(_("It was taken back already."), _("Nothing is left to undo."), code="undone")
    found = rows.find(connection, receipt.transfer_id) if receipt.transfer_id else None
    if found is not None and found.state == ReceiveState.SETTLED:
        return Refused(
            _("Transfer {number} is settled between the stores.", number=found.number), remedy, code="settled"
        )
    if receipt.matched or any(line.bound or line.granted for line in receipt.body.lines):
        return _belongs(receipt, found.number if found is not None else receipt.number, remedy)
    if not receipt.body.lines:
        return Refused(_("Nothing of it had arrived."), _("Receive what comes."), code="nothing_arrived")
    here = on_hand_of(connection, [line.sku for line in receipt.body.lines])
    for sku, stock in here.items():
        shelf = sum(line.to_shelf for line in receipt.body.lines if line.sku == sku)
        broken = sum(line.damaged for line in receipt.body.lines if line.sku == sku)
        if shelf > stock.rights.sellable or broken > stock.buckets.get(Bucket.QUARANTINE, 0):
            return Refused(
                _("Some of {sku} is not free here any more.", sku=sku), remedy, code="gone", sku=sku
            )
    return None


def _belongs(receipt: ReceiptRow, number: str, remedy: str) -> Refused:
    """Return why an arrival belongs to somebody by now: to its transfer, or to those it was promised to."""
    if not receipt.matched:
        return Refused(_("Some of it is promised to somebody by now."), remedy, code="promised")
    return Refused(
        _("It was matched with its announcement, as transfer {number}, and counts as a part of it.",
          number=number),
        remedy,
        code="matched",
    )  # fmt: skip


def after(unit: EdgeUnit, edge: Edge, body: said.TransferReceived | said.ReceiptUndone) -> None:
    """A promise may be safe again, or in danger; every screen hears of it."""
    promises.watch(unit, edge, sorted({line.sku for line in body.lines}))
    tell(unit, edge)


def answer(body: said.TransferReceived, recorded: Recorded) -> ReceivedAnswer:
    """Return what an arrival came to."""
    return ReceivedAnswer(
        receipt_id=body.receipt_id,
        transfer_id=body.transfer_id,
        units=sum(line.quantity for line in body.lines),
        damaged=sum(line.damaged for line in body.lines),
        over=sum(line.over for line in body.lines),
        missing=sum(line.quantity for line in body.shorts),
        bound=sum(line.bound for line in body.lines),
        granted=sum(line.granted for line in body.lines),
        final=body.final,
        seq=recorded.seq,
    )


def _body(  # noqa: PLR0917 - one receipt in the order of its parts
    unit: EdgeUnit, edge: Edge, found: Transfer, cartons: tuple[str, ...], result: Arrived, note: str
) -> said.TransferReceived:
    orders = rows.orders_of(unit.connection, found.transfer_id)
    bound = {line.assignment_id for line in result.lines if line.bound}
    return said.TransferReceived(
        **found.ends,
        receipt_id=edge.ids.new_id(),
        cartons=cartons,
        lines=result.lines,
        shorts=result.shorts,
        orders=tuple(orders[each] for each in sorted(bound & orders.keys())),
        final=result.final,
        note=note,
    )


def _contents(connection: Connection, found: Transfer, sscc: str) -> tuple[CartonLine, ...]:
    """Return what a carton of this transfer holds.

    Raises:
        NotFound: `no_carton`.
        Refused: `carton_again`.
    """
    carton = rows.find_carton(connection, sscc, "in", of=found.transfer_id)
    if carton is None or carton.transfer_id != found.transfer_id:
        raise NotFound(
            _("Carton {sscc} is not one of transfer {number}.", sscc=sscc, number=found.number),
            _("Receive it by its own label."),
            code="no_carton",
        )
    if carton.state == "received":
        raise Refused(
            _("Carton {sscc} was taken in already.", sscc=sscc),
            _("Leave it out; nothing was changed."),
            code="carton_again",
        )
    return carton.lines


def _said_lines(
    connection: Connection, edge: Edge, lines: Sequence[Line], command: TakeIn
) -> tuple[Counted, ...]:
    said_lines = [
        Counted(line.line_no, line.sku, "", line.units, line.damaged, line.note) for line in command.lines
    ]
    return summed(_named(connection, edge, lines, said_lines))


def _named(
    connection: Connection, edge: Edge, lines: Sequence[Line], words: Sequence[Counted]
) -> tuple[Counted, ...]:
    """Return words with the SKU and the name of their line, or of the article.

    Raises:
        NotFound: `no_line`.
        Invalid: `unknown_sku`, `not_stock`.
    """
    named = {line.line_no: line for line in lines}
    products = edge.products.find_all(connection, [each.sku for each in words if not each.line_no])
    found: list[Counted] = []
    for each in words:
        line = named.get(each.line_no)
        product = products.get(each.sku)
        if each.line_no and line is None:
            raise NotFound(_("There is no such line."), _("Look at the transfer again."), code="no_line")
        if line is None:
            check_article(each.sku, product)
        sku, name = (line.sku, line.name) if line else (each.sku, product.name if product else each.sku)
        found.append(replace(each, sku=sku, name=name))
    return tuple(found)


def check_article(sku: str, product: Product | None) -> None:
    """Refuse what nobody announced and what is no article that lies on a shelf, as a scan of it is.

    Raises:
        Invalid: `unknown_sku`, or `not_stock`, a service.
    """
    if product is not None and product.kind is not LineKind.GOODS:
        raise Invalid(
            _("{name} is a service; it cannot arrive. Nothing was taken in.", name=product.name),
            _("Take the line out, or scan the article that is there."),
            code="not_stock",
            sku=sku,
        )
    if product is not None:
        return
    raise Invalid(
        _("{sku} is not in the catalogue of this store.", sku=sku[:40]),
        _("Scan the article itself, or ask operations what it is."),
        code="unknown_sku",
        sku=sku,
    )


def check_size(counted: Sequence[Counted]) -> None:
    """Refuse an arrival with more articles, or more units of one, than one event carries.

    Raises:
        Refused: `too_many_lines`.
        Invalid: `too_many_units`.
    """
    remedy = _("Take it in in parts: carton by carton, or by typing fewer. What was scanned is kept.")
    check_units(((each.sku, each.units) for each in counted), remedy)
    if sum(1 for each in counted if each.units) > 2 * LINES_PER_TRANSFER:
        raise Refused(
            _("One arrival has {n} different articles at most.", n=2 * LINES_PER_TRANSFER),
            _("Take back the last scans, take in what is left, then go on."),
            code="too_many_lines",
        )


def _nothing() -> Refused:
    return Refused(
        _("Nothing has arrived yet."),
        _("Scan a carton or an item, or say that nothing more comes."),
        code="nothing_arrived",
    )
