"""What the hub does when it hears of a transfer.

In this order: `take` it down, `move` the goods (`goods`), post it (`hub.ledger.transfer_stages`), and
`follow` up: rights, whom to tell, who has to look. Every kind of event about transfers has the same four
stages. `follow` records facts of its own and changes live state, so it does nothing while tables are made
anew.
"""

from typing import Any, Final

from hub.fleet.rows import location
from hub.fulfil import deficits
from hub.route import arriving
from hub.spine.steps import record
from hub.spine.work import HUB_EDGE, Applied, Work
from hub.stock import allocations, claims
from hub.transfers import facts, goods, matching, orders, raising, telling
from hub.transfers.room import Piece, Receipt, Transfer, Transfers, named
from protocol import transfer_desk as desk
from protocol import transfer_messages as say
from protocol.errors import BadMessage
from protocol.transfer_desk import DecidedLine
from protocol.transfers import AskedBy, SendState

_OF_SOURCE: Final = (
    say.TransferAccepted,
    say.TransferRejected,
    say.TransferPicked,
    say.CartonPacked,
    say.CartonOpened,
    say.TransferShipped,
    say.TransferCancelled,
    say.TransferClosed,
)
_OF_DESTINATION: Final = (say.CancelAsked, say.TransferReceived, say.ReceiptMatched, say.ReceiptUndone)
_GIVEN_UP: Final = (say.TransferRejected, say.TransferCancelled)


def take(work: Work, applied: Applied) -> None:
    """Write a fact on its record.

    Raises:
        BadMessage: a store speaks for another one.
    """
    body = applied.body
    _must_be_its_own(applied)
    applied.results["in_order"] = True
    if isinstance(body, say.TransferReceived):
        _receive(work, applied, body)
    elif isinstance(body, say.ReceiptUndone):
        _take_back(work, applied, body)
    elif isinstance(body, desk.ReceiptAccepted):
        _accept(work, applied, body)
    else:
        transfer = _known(work, applied)
        if isinstance(body, say.ReceiptMatched):
            _match(work, applied, transfer, body)
        else:
            applied.results["in_order"] = facts.note(transfer, applied)
        work.room(Transfers).touch(transfer)


move = goods.move


def follow(work: Work, applied: Applied) -> None:
    """See to what follows from a fact."""
    if work.rebuilding:
        return
    transfer = work.room(Transfers).get(getattr(applied.body, "transfer_id", ""))
    if transfer is None:
        if isinstance(applied.body, desk.ReceiptAccepted):
            raising.close_receipt(work, applied.body.receipt_id)
        return
    if _is_unheard_of(work, applied, transfer):
        answer = desk.TransferAnswered(
            **named(transfer),
            about=desk.About.REQUEST,
            location=transfer.source,
            outcome="withdrawn",
            detail=applied.body.reason,
        )
        record(work, answer)
        return
    _rights(work, applied, transfer)
    telling.tell(work, applied, transfer)
    orders.follow(work, applied, transfer)
    if isinstance(applied.body, desk.TransferAnswered) and applied.body.about is desk.About.CANCEL:
        _missing_after_all(work, transfer)
    raising.look(work, applied, transfer)
    if _is_complete(transfer):
        _decide_by_itself(work, transfer)
    _who_waits(work, applied, transfer)


def _is_unheard_of(work: Work, applied: Applied, transfer: Transfer) -> bool:
    """Tell whether a wish is taken back that nobody will ever answer: the hub does not know its source."""
    if not isinstance(applied.body, say.CancelAsked):
        return False
    return location(work.connection, transfer.source) is None and telling.withdraw(work, transfer)


def _who_waits(work: Work, applied: Applied, transfer: Transfer) -> None:
    """Look after orders that wait for goods of this transfer, or whose rights just came by it."""
    granted: dict[str, int] = {}
    for line in getattr(applied.body, "lines", ()):
        if isinstance(applied.body, say.TransferReceived | say.ReceiptMatched) and line.granted:
            granted[line.sku] = granted.get(line.sku, 0) + line.granted
    claims.received(work.connection, transfer.destination, granted, work.clock.now_us())
    awaited = claims.of_transfer(work.connection, transfer.transfer_id)
    if awaited or granted:
        work.room(Transfers).flush()
        skus = {*granted, *(each.sku for each in awaited)}
        arriving.on_receipt(work, transfer.destination, skus)
    if awaited and isinstance(applied.body, desk.TransferExtended):
        arriving.on_due_changed(work, transfer.transfer_id)


def _missing_after_all(work: Work, transfer: Transfer) -> None:
    """Call a person where units were to be missed less because they are not sent, and they have left."""
    if transfer.cancel_asked:
        return
    work.room(Transfers).flush()
    for sku in sorted({sku for _line_no, sku in transfer.lines}):
        deficits.settle(work, transfer.source, sku)


def _must_be_its_own(applied: Applied) -> None:
    body = applied.body
    said = ""
    if isinstance(body, _OF_SOURCE):
        said = body.source
    elif isinstance(body, _OF_DESTINATION):
        said = body.destination
    elif isinstance(body, say.TransferRequested):
        said = {AskedBy.SOURCE: body.source, AskedBy.DESTINATION: body.destination}.get(
            body.asked_by, HUB_EDGE
        )
    if said and said != applied.edge:
        raise BadMessage(
            f"{applied.edge} speaks of a transfer as {said} would.",
            "Discard it, and look at who sent it.",
            code="not_its_own",
        )


def _known(work: Work, applied: Applied) -> Transfer:
    room = work.room(Transfers)
    transfer = room.get(applied.body.transfer_id)
    if transfer is None:
        transfer = facts.begun(applied)
        room.add(transfer)
    return transfer


def _receive(work: Work, applied: Applied, body: say.TransferReceived) -> None:
    """Take down what arrived; of a transfer that nobody told of yet, if the label names one."""
    room = work.room(Transfers)
    if room.receipt(body.receipt_id) is not None:
        raise BadMessage(
            "A receipt is known already under the same id.",
            "Discard this one if it says the same.",
            code="duplicate_receipt",
        )
    transfer = room.get(body.transfer_id) if body.transfer_id else None
    if transfer is None and body.transfer_id and body.source and body.source != body.destination:
        transfer = Transfer(
            body.transfer_id, body.number, body.source, body.destination, created_us=applied.at_us
        )
        room.add(transfer)
    pieces = facts.pieces_of(body.receipt_id, body.lines, known=transfer is not None)
    receipt = Receipt(
        body.receipt_id,
        transfer.transfer_id if transfer else "",
        body.number,
        body.source,
        body.destination,
        applied.at_us,
        applied.by,
        body.cartons,
        body.note,
        version=applied.apply_order,
        pieces=pieces,
    )
    for piece in pieces:
        unit = goods.estimate(work, applied, receipt.destination, receipt.source, piece.sku)
        piece.estimate_minor = unit * piece.units
    room.keep(receipt)
    applied.results["receipt"] = receipt
    if transfer is None:
        return
    _granted(transfer, body.lines)
    for short in body.shorts:
        facts.line_of(transfer, short.line_no, short.sku).arrival = short.reason.value
    # In order in every state: what turns up after all was settled takes its write-off back by itself.
    facts.arrived(transfer, receipt, final=body.final)
    transfer.version = applied.apply_order
    room.touch(transfer)


def _granted(transfer: Transfer, lines: Any) -> None:
    for line in lines:
        if line.granted:
            facts.line_of(transfer, line.line_no, line.sku, line.name).granted += line.granted


def _match(work: Work, applied: Applied, transfer: Transfer, body: say.ReceiptMatched) -> None:
    """Give a receipt to its transfer. One that the hub never heard of is not made up."""
    room = work.room(Transfers)
    receipt = room.receipt(body.receipt_id)
    bound: list[Piece] = []
    applied.results["bound"] = bound
    of_another = receipt is not None and receipt.transfer_id not in {"", transfer.transfer_id}
    if receipt is None or receipt.undone_us is not None or of_another:
        applied.results["in_order"] = False
        return
    receipt.transfer_id, receipt.number = transfer.transfer_id, transfer.number
    receipt.source, receipt.matched_us = transfer.source, applied.at_us
    receipt.version = applied.apply_order
    bound += matching.assign(receipt, body.lines)
    room.keep(receipt)
    applied.results["receipt"] = receipt
    _granted(transfer, body.lines)
    facts.arrived(transfer, receipt, final=body.final)
    transfer.version = applied.apply_order


def _take_back(work: Work, applied: Applied, body: say.ReceiptUndone) -> None:
    room = work.room(Transfers)
    receipt = room.receipt(body.receipt_id)
    if receipt is None or receipt.undone_us is not None:
        raise BadMessage(
            "A receipt that the hub does not have was taken back.",
            "Replay what was set aside before it, then this.",
            code="no_receipt",
        )
    receipt.undone_us, receipt.why = applied.at_us, body.reason
    receipt.version = applied.apply_order
    applied.results["receipt"] = receipt
    transfer = room.get(receipt.transfer_id) if receipt.transfer_id else None
    if transfer is not None:
        applied.results["in_order"] = facts.undone(transfer, receipt)
        transfer.version = applied.apply_order
        room.touch(transfer)


def _accept(work: Work, applied: Applied, body: desk.ReceiptAccepted) -> None:
    receipt = work.room(Transfers).receipt(body.receipt_id)
    if receipt is None:
        raise BadMessage("There is no such receipt.", "Look the list up again.", code="no_receipt")
    receipt.accepted_us, receipt.why = applied.at_us, body.reason
    applied.results["receipt"] = receipt


def _rights(work: Work, applied: Applied, transfer: Transfer) -> None:
    """Give rights of the source back, or mark them used, once for each unit."""
    body, owner = applied.body, telling.owner_of(transfer.transfer_id)
    connection = work.connection
    never = isinstance(body, desk.TransferAnswered) and transfer.send_state in facts.UNSENT
    if isinstance(body, _GIVEN_UP) or never:
        allocations.end_all(connection, owner)
    elif isinstance(body, say.TransferAccepted):
        for declined in body.declined:
            allocations.end(connection, owner, declined.line_no, declined.lent)
    elif isinstance(body, say.TransferPicked | say.TransferShipped):
        used = body.shorts if isinstance(body, say.TransferPicked) else body.lines
        for line in used:
            allocations.finish(connection, owner, line.line_no, line.lent, said=(applied.inc, applied.seq))


def _is_complete(transfer: Transfer) -> bool:
    """Tell whether everything that was shipped has arrived and there is nothing to decide.

    The destination has said so too: before that more may come, and that would have to be decided.
    """
    if transfer.decided_us or not transfer.final or transfer.send_state is not SendState.SHIPPED:
        return False
    return transfer.has_left and not transfer.transit and not transfer.unmatched


def _decide_by_itself(work: Work, transfer: Transfer) -> None:
    lines = tuple(
        DecidedLine(line_no=line_no, sku=sku, received=line.matched, missing=line.lost, over=line.over_said)
        for (line_no, sku), line in sorted(transfer.lines.items())
        if line.shipped or line.over_said
    )
    record(work, desk.TransferDecided(**named(transfer), lines=lines, automatic=True))
