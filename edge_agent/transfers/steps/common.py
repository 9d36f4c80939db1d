"""What every verb of transfers begins and ends with: find it, see that it may be touched, tell screens."""

from collections.abc import Collection, Sequence

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.lives import check_done_once
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.rows.transfers import Transfer
from edge_agent.transfers.rules import Counted, Line, counted_in
from edge_agent.transfers.steps.models import Done
from protocol.errors import NotFound, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.transfers import SendState


def require(connection: Connection, transfer_id: str) -> Transfer:
    """Return a transfer of this store.

    Raises:
        NotFound: `no_transfer`.
    """
    found = rows.find(connection, transfer_id)
    if found is None:
        raise NotFound(
            _("There is no such transfer in this store."),
            _("Look it up by its number, or scan its manifest or a carton."),
            code="no_transfer",
        )
    return found


def sending(connection: Connection, transfer_id: str, states: Collection[SendState]) -> Transfer:
    """Return a transfer that goes out and may take the next step.

    Raises:
        NotFound: `no_transfer`.
        Refused: `comes_in`, it is for this store to receive; `records_missing`; or `not_now`, saying where
            it is.
    """
    found = require(connection, transfer_id)
    _check_done_once(connection, transfer_id)
    if found.way != "out":
        raise Refused(
            _("Transfer {number} comes to this store.", number=found.number),
            _("{place} sends it; receive it when it is here.", place=found.source),
            code="comes_in",
        )
    if SendState(found.state) not in states:
        raise not_now(found)
    return found


def receiving(connection: Connection, transfer_id: str) -> Transfer:
    """Return a transfer that comes in, in whatever state: what arrives is taken in.

    Raises:
        NotFound: `no_transfer`.
        Refused: `goes_out`, or `records_missing`.
    """
    found = require(connection, transfer_id)
    _check_done_once(connection, transfer_id)
    if found.way != "in":
        raise Refused(
            _("Transfer {number} goes from this store to {place}.",
              number=found.number, place=found.destination),
            _("It is received there. If it came back, ask operations to send it back as a transfer."),
            code="goes_out",
        )  # fmt: skip
    return found


def _check_done_once(connection: Connection, transfer_id: str) -> None:
    check_done_once(connection, ("transfer.requested", "transfer_id"), transfer_id)


def not_now(found: Transfer) -> Refused:
    """Return the refusal of a step that comes later or is over, saying where the transfer is."""
    says = {
        SendState.REQUESTED: _("Transfer {number} has not been accepted.", number=found.number),
        SendState.ACCEPTED: _("Transfer {number} has not been picked.", number=found.number),
        SendState.PICKED: _("Transfer {number} is not all in cartons.", number=found.number),
        SendState.PACKED: _("Transfer {number} is packed already.", number=found.number),
        SendState.SHIPPED: _("Transfer {number} has left.", number=found.number),
        SendState.SETTLED: _("Transfer {number} has arrived and is settled.", number=found.number),
        SendState.REJECTED: _("Transfer {number} was rejected.", number=found.number),
        SendState.SHORT: _("Nothing of transfer {number} was found.", number=found.number),
        SendState.CANCELLED: _("Transfer {number} was cancelled.", number=found.number),
    }
    late = found.state in {SendState.SHIPPED, SendState.SETTLED}
    remedy = _("Do the steps in their order: accept, pick, pack, ship.")
    if late:
        remedy = _("What has left is received at {place}.", place=found.destination)
    elif found.state in {SendState.REJECTED, SendState.SHORT, SendState.CANCELLED}:
        remedy = _("It is over, and nothing of it is sent. Ask for a new one if the goods are still wanted.")
    return Refused(
        says[SendState(found.state)],
        remedy,
        code="too_late" if late else "not_now",
        state=found.state,
    )


def done_now(unit: EdgeUnit, transfer_id: str, seq: int = 0) -> Done:
    """Return what a verb has come to: where the transfer is after it."""
    found = require(unit.connection, transfer_id)
    return Done(transfer_id=transfer_id, number=found.number, state=found.state, seq=seq)


def tell(unit: EdgeUnit, edge: Edge) -> None:
    """Tell every screen that shows transfers or stock."""

    def told() -> None:
        edge.broadcaster.publish("transfers")
        edge.broadcaster.publish("stock")

    unit.after_commit(told)


def arrived_so_far(connection: Connection, lines: Sequence[Line], work_id: str) -> tuple[Counted, ...]:
    """Return what was scanned and said so far of what arrives, by line; of cartons only what is known."""
    cartons = [
        (at_us, carton.lines)
        for sscc, at_us in work.ticked(connection, work_id).items()
        if (carton := rows.find_carton(connection, sscc, "in", of=work_id)) is not None
    ]
    loose = work.arrived_loose(connection, work_id)
    return counted_in(lines, cartons, loose, work.words(connection, work_id))
