"""What suppliers have brought: read it, and put a receipt right by what really came.

A correction says the true figures; what it writes is the difference. Goods that a receipt had too many of
never were here, so nothing is given away by taking them out: a promise that breaks by it is said at once.
"""

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.lives import check_stands
from edge_agent.once import Asked, once
from edge_agent.paper.rules import Slip
from edge_agent.paper.steps import queue_slip
from edge_agent.people.steps import require_word
from edge_agent.stock import delivery_rows as rows
from edge_agent.stock.adjusting import require_there
from edge_agent.stock.count_models import PrintSlip
from edge_agent.stock.count_posting import deficits
from edge_agent.stock.counting import below_zero, known_items, no_item
from edge_agent.stock.delivery_models import Began, Corrected, CorrectLine, CorrectReceipt, ReceiptView
from edge_agent.stock.expecting import tell
from edge_agent.stock.receiving import unpacked_line
from edge_agent.stock.rows import on_hand_of
from protocol.errors import NotFound, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import Bucket
from protocol.people import StoreRole
from protocol.stock import CorrectedLine, ReceiptCorrected, ReceivedLine, bin_key

CORRECT = "correct_receipt"
LISTED = 50


def correct(
    unit: EdgeUnit, edge: Edge, receipt_id: str, command: CorrectReceipt, *, person: CurrentPerson
) -> tuple[Corrected, bool]:
    """Put a receipt right.

    Raises:
        NotFound: `no_receipt`.
        NotPermitted: `needs_approval`, a manager must agree.
        Refused: `stale_receipt`, it was put right since whoever corrects it has looked; `not_in_bucket`,
            goods that never came are gone already; `nothing_to_correct`; `records_missing`.
        Invalid: `below_zero`, or an item that is unknown.
    """

    def work() -> Corrected:
        found = require(unit.connection, receipt_id)
        check_stands(unit.connection, found.seq)
        _check_seen(found, command)  # before a manager types a PIN for nothing
        given = require_word(unit, edge, person, CORRECT, StoreRole.MANAGER, command.approval)
        lines = _changes(unit.connection, edge, found, command)
        _check_there(unit.connection, lines)
        body = ReceiptCorrected(
            receipt_id=found.receipt_id,
            number=found.number,
            delivery_id=found.delivery_id,
            reason=command.reason,
            lines=tuple(lines),
            approvals=(given.approval,) if given else (),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        unit.after_commit(lambda: edge.broadcaster.publish("stock"))
        tell(unit, edge)
        return Corrected(
            receipt_id=found.receipt_id,
            number=found.number,
            seq=recorded.seq,
            good=sum(line.good for line in lines),
            damaged=sum(line.damaged for line in lines),
            deficits=deficits(unit.connection, edge, sorted({line.sku for line in lines})),
        )

    asked = Asked(to=f"correct:{receipt_id}", command=command)
    return once(unit, edge, asked, command.key, Corrected, work)


def _check_seen(found: rows.ReceiptRow, command: CorrectReceipt) -> None:
    if command.seen != found.corrections:
        raise Refused(
            _("{number} was put right since you opened it, so nothing was changed.", number=found.number),
            _("Open the receipt again: it shows the figures as they are now. Then correct what is wrong."),
            code="stale_receipt",
            number=found.number,
            seen=command.seen,
            corrections=found.corrections,
        )


def _changes(
    connection: Connection, edge: Edge, found: rows.ReceiptRow, command: CorrectReceipt
) -> list[CorrectedLine]:
    was = {line.sku: line for line in rows.received_of(connection, found.receipt_id)}
    wanted = {line.sku: line for line in command.lines}
    if command.whole:
        wanted = {sku: CorrectLine(sku=sku, good=0) for sku in was}
    known = set(known_items(connection, edge, wanted))
    changes: list[CorrectedLine] = []
    for sku, line in wanted.items():
        if line.good < 0 or line.damaged < 0:
            raise below_zero(sku)
        if sku not in was and sku not in known:
            raise no_item(sku, sku=sku)
        changes += _line_changes(was.get(sku, ReceivedLine(sku=sku)), line, edge, connection)
    if not changes:
        raise Refused(
            _("The receipt says exactly this already."),
            _("Change a number of units, or a cost."),
            code="nothing_to_correct",
        )
    return changes


def _line_changes(
    was: ReceivedLine, line: CorrectLine, edge: Edge, connection: Connection
) -> list[CorrectedLine]:
    """Return the difference; where the cost was wrong, all out at the old cost and in again at the new."""
    cost = was.unit_cost_minor
    if line.unit_cost_minor is not None:
        cost = line.unit_cost_minor
    elif not was.good + was.damaged and not cost:
        product = edge.products.find(connection, line.sku)
        cost = product.unit_cost_minor if product else 0
    if cost == was.unit_cost_minor or not was.good + was.damaged:
        good, damaged = line.good - was.good, line.damaged - was.damaged
        if not good and not damaged:
            return []
        return [CorrectedLine(sku=line.sku, good=good, damaged=damaged, unit_cost_minor=cost)]
    out = CorrectedLine(
        sku=line.sku, good=-was.good, damaged=-was.damaged, unit_cost_minor=was.unit_cost_minor
    )
    again = CorrectedLine(sku=line.sku, good=line.good, damaged=line.damaged, unit_cost_minor=cost)
    return [out, again] if line.good + line.damaged else [out]


def _check_there(connection: Connection, lines: list[CorrectedLine]) -> None:
    good: dict[str, int] = {}
    damaged: dict[str, int] = {}
    for line in lines:
        good[line.sku] = good.get(line.sku, 0) + line.good
        damaged[line.sku] = damaged.get(line.sku, 0) + line.damaged
    for sku, here in on_hand_of(connection, good).items():
        if good[sku] < 0:
            require_there(here, -good[sku], Bucket.SELLABLE)
        if damaged[sku] < 0:
            require_there(here, -damaged[sku], Bucket.QUARANTINE)


def require(connection: Connection, receipt_id: str) -> rows.ReceiptRow:
    """Return a receipt by its id or its number.

    Raises:
        NotFound: `no_receipt`.
    """
    found = rows.find_receipt(connection, receipt_id)
    if found is None:
        raise NotFound(
            _("There is no receipt {number} here.", number=receipt_id[:40]),
            _("Choose one from the list."),
            code="no_receipt",
        )
    return found


def print_again(
    unit: EdgeUnit, edge: Edge, receipt_id: str, command: PrintSlip, *, person: CurrentPerson
) -> tuple[Began, bool]:
    """Queue the slip of a receipt once more, as corrections have left it.

    Raises:
        NotFound: `no_receipt`.
    """

    def work() -> Began:
        found = require(unit.connection, receipt_id)
        facts = {"receipt_id": found.receipt_id, "by": person.person_id}
        key = f"{found.number}@{command.key}"
        queue_slip(unit, edge, Slip.GOODS_RECEIVED, found.number, key, facts)
        return Began(
            receiving_id="",
            delivery_id=found.delivery_id,
            supplier=found.supplier,
            reference=found.reference,
            state="printed",
        )

    asked = Asked(to=f"reslip:{receipt_id}", command=command)
    return once(unit, edge, asked, command.key, Began, work)


def view(connection: Connection, edge: Edge, receipt_id: str) -> ReceiptView:
    """Return one receipt with its items."""
    return _view(connection, edge, require(connection, receipt_id), with_lines=True)


def listed(connection: Connection, edge: Edge, limit: int = LISTED) -> list[ReceiptView]:
    """Return the last receipts, the newest first."""
    return [_view(connection, edge, row, with_lines=False) for row in rows.receipts(connection, limit)]


def _view(connection: Connection, edge: Edge, row: rows.ReceiptRow, *, with_lines: bool) -> ReceiptView:
    lines = rows.received_of(connection, row.receipt_id)
    shown = []
    if with_lines:
        products = edge.products.find_all(connection, [line.sku for line in lines])
        for line in lines:
            due = rows.ExpectedRow(line.sku, line.expected, line.unit_cost_minor, 0)
            here = rows.UnpackedRow(line.sku, line.good, line.damaged, line.unit_cost_minor, line.reason)
            blind = row.delivery_id is None
            made = unpacked_line(line.sku, due, here, products.get(line.sku), blind=blind)
            missing = made.state == "to_come"  # what has not come with a receipt is short
            shown.append(made.model_copy(update={"state": "short"}) if missing else made)
        shown.sort(key=lambda line: (bin_key(line.bin), line.name, line.sku))
    return ReceiptView(
        receipt_id=row.receipt_id,
        number=row.number,
        delivery_id=row.delivery_id,
        supplier=row.supplier,
        reference=row.reference,
        at_us=row.at_us,
        by=row.by,
        corrections=row.corrections,
        good=sum(line.good for line in lines),
        damaged=sum(line.damaged for line in lines),
        value_minor=sum((line.good + line.damaged) * line.unit_cost_minor for line in lines),
        lines=tuple(shown),
    )
