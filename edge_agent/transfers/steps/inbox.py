"""What the hub asks, cancels, announces and settles; and how this store answers.

A directive is refused and leaves nothing behind, or it writes what `rows.facts.take_*` says (which a rebuild
plays again) and beyond that records events, which answer.
"""

from collections.abc import Iterable

from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import close_exception, raise_exception
from edge_agent.fulfil.steps import missing, promises
from edge_agent.link.directives import arrived_us
from edge_agent.once import Asked, once
from edge_agent.stock.assigned import require_free
from edge_agent.stock.rows import on_hand_of
from edge_agent.transfers.rows import arrivals, facts, work
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows.transfers import ReceiptRow, Transfer
from edge_agent.transfers.rows.written import OWN
from edge_agent.transfers.rules import CANCELLABLE, TO_ANSWER, answered, bound_units, matched
from edge_agent.transfers.steps.commands import Accept, Cancel, KeyOnly, Reject
from edge_agent.transfers.steps.common import done_now, require, sending, tell
from edge_agent.transfers.steps.models import Done
from edge_agent.walk import put_back
from protocol import transfer_messages as said
from protocol.errors import Refused
from protocol.fulfilment import UnitsLine
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.transfers import SendState, TransferRefusal, adds_up


def request(unit: EdgeUnit, edge: Edge, body: said.TransferRequest) -> None:
    """The hub asks this store to send something: it stands in the inbox until somebody answers.

    Raises:
        Refused: `not_here`, `known` or `unknown_sku`: this store never gets it.
    """
    if body.source != edge.identity.edge:
        raise Refused(
            f"{body.source} was asked, and this is {edge.identity.edge}.",
            "Send the request to the source.",
            code="not_here",
        )
    known = rows.find(unit.connection, body.transfer_id)
    if known is not None:
        if known.way == "out":
            return  # told twice under two numbers, such as after the hub was restored
        raise Refused("That id is another transfer's here.", "Give it a new id.", code="known")
    if OWN.waits(unit, body.transfer_id):
        # It was answered before this database was put back: what was said of it stands.
        facts.take_request(unit, body, arrived_us(unit, edge))
        tell(unit, edge)
        return
    skus = [line.sku for line in body.lines]
    missing = sorted(set(skus) - edge.products.find_all(unit.connection, skus).keys())
    if missing:
        raise Refused(
            f"This store does not know {', '.join(missing[:5])}.",
            "Publish a catalogue that has it, or ask another location.",
            code="unknown_sku",
            skus=missing,
        )
    facts.take_request(unit, body, arrived_us(unit, edge))
    tell(unit, edge)


def cancel_by_hub(unit: EdgeUnit, edge: Edge, body: said.TransferCancel) -> None:
    """The hub takes a request back: the event is the answer.

    Raises:
        Refused: `no_transfer`, or `too_late` once it has left.
    """
    found = rows.find(unit.connection, body.transfer_id)
    if found is None or found.way != "out":
        raise Refused(
            "This store never had that transfer.", "Nothing has to be cancelled.", code="no_transfer"
        )
    if found.state in {SendState.SHIPPED, SendState.SETTLED}:
        raise Refused(
            f"Transfer {found.number} has left.", "Have it sent back from its destination.", code="too_late"
        )
    if SendState(found.state) in CANCELLABLE:
        _cancelled(unit, edge, found, body.reason or _("The hub took it back."), SYSTEM)
    tell(unit, edge)


def expect(unit: EdgeUnit, edge: Edge, body: said.TransferExpect) -> None:
    """Something has been shipped to this store; what of it is here already is matched at once.

    Raises:
        Refused: `not_here`, or `known` when the id is one of a transfer that leaves here.
    """
    if body.destination != edge.identity.edge:
        raise Refused(
            f"It goes to {body.destination}, and this is {edge.identity.edge}.",
            "Announce it to the destination.",
            code="not_here",
        )
    known = rows.find(unit.connection, body.transfer_id)
    if known is not None and known.way == "out":
        raise Refused("That id is another transfer's here.", "Give it a new id.", code="known")
    arrivals.take_expect(unit, body, arrived_us(unit, edge))
    # Told again, it may name arrivals that somebody at the hub has found to be of it since.
    for receipt in _here_already(unit, body):
        match(unit, edge, body.transfer_id, receipt)
    tell(unit, edge)


def settled(unit: EdgeUnit, edge: Edge, body: said.TransferSettled) -> None:
    """What became of everything that was shipped: at the source nothing is on its way any more.

    Raises:
        Refused: `no_transfer`, `not_shipped` or `does_not_add_up`.
    """
    found = rows.find(unit.connection, body.transfer_id)
    if found is None:
        raise Refused("This store does not know that transfer.", "Look at its log.", code="no_transfer")
    if found.way == "out" and found.state == SendState.SETTLED:
        return
    if found.way == "out":
        _check_settlement(unit, found, body)
    facts.take_settled(unit, body, arrived_us(unit, edge))
    if found.way == "out":
        closed = said.TransferClosed(**found.ends, lines=body.lines)
        edge.journal.record(unit, closed)
        for line in body.lines:
            if line.over:  # more went than was written down: the shelf has fewer than the books say
                promises.count_due(
                    unit, edge, line.sku, number=found.number, units=line.over, work="transfer"
                )
    tell(unit, edge)


def told(unit: EdgeUnit, edge: Edge, body: said.TransferTold) -> None:
    """How the source answered; a transfer that is not known here is passed over."""
    facts.take_told(unit, body, arrived_us(unit, edge))
    tell(unit, edge)


def accept(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: Accept, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Send it, all or a part; what is this store's own is set aside at once, what is lent is so already.

    The reason for what is left out takes effect on the stock, as in `reject`.

    Raises:
        NotFound, Refused, Invalid: see `sending` and `rules.answered`; `out_of_stock` when L < n.
    """

    def step() -> Done:
        found = sending(unit.connection, transfer_id, TO_ANSWER)
        lines = rows.lines_of(unit.connection, transfer_id)
        wanted: dict[int, int] = {}
        for line in command.lines:
            wanted[line.line_no] = wanted.get(line.line_no, 0) + line.units
        sent, declined = answered(lines, wanted, command.reason)
        require_free(unit.connection, bound_units(sent), _("Send fewer, and say why the rest is not sent."))
        body = said.TransferAccepted(**found.ends, lines=sent, declined=declined, note=command.note)
        unsent = [(line.sku, line.units) for line in declined]
        seq = _answer(unit, edge, body, unsent=unsent, reason=command.reason, person=person)
        return done_now(unit, transfer_id, seq)

    asked = Asked(to=f"accept:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def reject(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: Reject, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Send nothing of it; goods that were not found, or are damaged, leave the stock and are counted."""

    def step() -> Done:
        found = sending(unit.connection, transfer_id, TO_ANSWER)
        body = said.TransferRejected(**found.ends, reason=command.reason, note=command.note)
        unsent = [(line.sku, line.quantity) for line in rows.lines_of(unit.connection, transfer_id)]
        seq = _answer(unit, edge, body, unsent=unsent, reason=command.reason, person=person)
        return done_now(unit, transfer_id, seq)

    asked = Asked(to=f"reject:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def _answer(
    unit: EdgeUnit,
    edge: Edge,
    body: said.TransferAccepted | said.TransferRejected,
    *,
    unsent: Iterable[tuple[str, int]],
    reason: TransferRefusal,
    person: CurrentPerson,
) -> int:
    """Write the answer, and what its reason says of the goods that are not sent; return its seq."""
    gone = missing.gone(unit.connection, unsent, reason)
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    missing.take_away(unit, edge, body.number, reason, gone, person=person)
    missing.have_counted(unit, edge, body.number, reason, gone, work="transfer")
    tell(unit, edge)
    return recorded.seq


def cancel(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: Cancel, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Give it up before it leaves.

    Raises:
        Refused: `too_late`, it has left.
    """

    def step() -> Done:
        found = sending(unit.connection, transfer_id, CANCELLABLE)
        seq = _cancelled(unit, edge, found, command.reason, person)
        tell(unit, edge)
        return done_now(unit, transfer_id, seq)

    asked = Asked(to=f"cancel:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def match(unit: EdgeUnit, edge: Edge, transfer_id: str, receipt: ReceiptRow) -> None:
    """Say that an arrival nobody had announced is of this transfer; what is still free is bound or lent."""
    found = require(unit.connection, transfer_id)
    lines = rows.lines_of(unit.connection, transfer_id)
    may_bind = rows.waiting_assignments(unit.connection, (line.assignment_id for line in lines))
    said_lines = matched(
        lines,
        receipt.body.lines,
        may_bind=may_bind,
        free=free_of(unit, [line.sku for line in lines]),
        may_lend=may_lend(unit),
    )
    arrived = {line.line_no: 0 for line in lines}
    for line in said_lines:
        if line.line_no:
            arrived[line.line_no] += line.quantity
    final = all(line.expected <= arrived[line.line_no] for line in lines)
    orders = rows.orders_of(unit.connection, transfer_id)
    bound = {line.assignment_id for line in said_lines if line.bound}
    body = said.ReceiptMatched(
        **found.ends,
        receipt_id=receipt.receipt_id,
        lines=said_lines,
        orders=tuple(orders[each] for each in sorted(bound & orders.keys())),
        final=final,
    )
    edge.journal.record(unit, body)


def free_of(unit: EdgeUnit, skus: list[str]) -> dict[str, int]:
    """Return what may be let go of now (L)."""
    return {sku: stock.rights.sellable for sku, stock in on_hand_of(unit.connection, skus).items()}


def may_lend(unit: EdgeUnit) -> bool:
    """Tell whether anything is lent: a store that the hub has set aside takes goods in and lends none."""
    row = unit.connection.execute("SELECT quarantine FROM link").fetchone()
    return not (row and row[0])


def _here_already(unit: EdgeUnit, body: said.TransferExpect) -> list[ReceiptRow]:
    """Return the arrivals that are of this transfer: by the label of a carton, or named by the hub."""
    ids = dict.fromkeys(body.receipts)
    for carton in body.cartons:
        known = rows.find_carton(unit.connection, carton.sscc, "in", of="")
        if known is not None and known.state == "received" and not known.transfer_id:
            ids[known.receipt_id] = None
    found = [rows.find_receipt(unit.connection, each) for each in ids]
    return [each for each in found if each is not None and not each.transfer_id and not each.undone_us]


def _check_settlement(unit: EdgeUnit, found: Transfer, body: said.TransferSettled) -> None:
    if found.state != SendState.SHIPPED:
        raise Refused(
            f"Transfer {found.number} has not left.", "Settle what was shipped.", code="not_shipped"
        )
    lines = rows.lines_of(unit.connection, found.transfer_id)
    shipped = [
        UnitsLine(line_no=line.line_no, sku=line.sku, bound=line.shipped) for line in lines if line.shipped
    ]
    if not adds_up(shipped, body.lines):
        raise Refused(
            f"The settlement of {found.number} is not what was shipped.",
            "Say of every shipped unit whether it was received or is missing.",
            code="does_not_add_up",
            shipped={line.line_no: line.bound for line in shipped},
        )


def _cancelled(unit: EdgeUnit, edge: Edge, found: Transfer, reason: str, person: CurrentPerson) -> int:
    lines = rows.lines_of(unit.connection, found.transfer_id)
    body = said.TransferCancelled(**found.ends, lines=put_back(lines), reason=reason)
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    scanned = sum(work.units_by_line(unit.connection, found.transfer_id, "pick").values())
    work.forget(unit, [found.transfer_id])
    picked = sum(line.picked for line in lines) or scanned
    if picked:
        raise_exception(
            unit,
            edge,
            kind="transfer_put_back",
            subject=f"transfer:{found.transfer_id}",
            title=_("Put the goods of transfer {number} back on their shelf", number=found.number),
            facts={"transfer_id": found.transfer_id, "transfer": found.number, "units": picked},
            dedupe_key=f"transfer_put_back:{found.transfer_id}",
        )
    return recorded.seq


def goods_back(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: KeyOnly, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Say that the goods of a cancelled transfer lie on their shelf again: it ends the task."""

    def step() -> Done:
        require(unit.connection, transfer_id)
        how = _("They were put back.")
        close_exception(unit, edge, f"transfer_put_back:{transfer_id}", how=how, person=person)
        tell(unit, edge)
        return done_now(unit, transfer_id)

    asked = Asked(to=f"goods-back:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)
