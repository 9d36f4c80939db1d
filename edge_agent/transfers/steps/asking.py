"""Ask for a transfer: of this store's own goods to another location, or of another location's to this one.

Both work without the line. What is sent from here is accepted in the same transaction, because nobody else
has to agree; what is asked of another location is a wish until its answer has come by way of the hub.
"""

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.once import Asked, once
from edge_agent.stock.assigned import require_free
from edge_agent.transfers.rows import work
from edge_agent.transfers.rows.transfers import known_places
from edge_agent.transfers.rules import other_place
from edge_agent.transfers.steps.commands import Ask, AskedLine, Cancel
from edge_agent.transfers.steps.common import done_now, receiving, tell
from edge_agent.transfers.steps.models import Done
from protocol import transfer_messages as said
from protocol.errors import Invalid, Refused
from protocol.fulfilment import UnitsLine
from protocol.ids import is_edge_name
from protocol.kit.moments import check_to_come
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.units import check_units
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import LineKind
from protocol.transfers import AskedBy, ReceiveState, TransferLine


def ask(
    unit: EdgeUnit, edge: Edge, command: Ask, *, person: CurrentPerson, work_id: str = ""
) -> tuple[Done, bool]:
    """Ask for a transfer; what goes out is set aside at once. `work_id` is the written request to forget.

    Raises:
        Refused: `to_itself`; `unknown_place`, it is not known here and nobody is `sure`; or `out_of_stock`
            when what goes out is not free here (L < n).
        Invalid: an article is not known, or is nothing that lies on a shelf; `too_many_units`; `due_past`.
    """

    def step() -> Done:
        here, out = edge.identity.edge, command.way == "out"
        other = _place(unit.connection, here, command)
        check_to_come(command.due_us, edge.clock.now_us())
        lines = _lines(unit.connection, edge, command.lines)
        if out:
            require_free(unit.connection, _by_sku(lines), _("Send fewer, or let another location send them."))
        ends = {
            "transfer_id": edge.ids.new_id(),
            "number": edge.number(unit, "X"),
            "source": here if out else other,
            "destination": other if out else here,
        }
        body = said.TransferRequested(
            **ends,
            asked_by=AskedBy.SOURCE if out else AskedBy.DESTINATION,
            reason=command.reason,
            lines=lines,
            due_us=command.due_us,
            note=command.note,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        if out:
            accepted = tuple(
                UnitsLine(line_no=line.line_no, sku=line.sku, bound=line.quantity) for line in lines
            )
            edge.journal.record(
                unit,
                said.TransferAccepted(**ends, lines=accepted),
                by=person.person_id,
                device=person.device,
            )
        work.forget(unit, [work_id] if work_id else [])
        tell(unit, edge)
        return done_now(unit, ends["transfer_id"], recorded.seq)

    asked = Asked(to=f"ask:{work_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def ask_to_cancel(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: Cancel, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Say that what this store asked for is no longer wanted; the source decides, by way of the hub.

    Raises:
        Refused: `not_asked_here`, or `too_late` when it is on its way or here.
    """

    def step() -> Done:
        found = receiving(unit.connection, transfer_id)
        if found.asked_by != AskedBy.DESTINATION:
            raise Refused(
                _("This store did not ask for transfer {number}.", number=found.number),
                _("Operations can cancel it."),
                code="not_asked_here",
            )
        if found.state != ReceiveState.UNANNOUNCED or found.told in {"rejected", "cancelled", "short"}:
            raise Refused(
                _("Transfer {number} is on its way, or over.", number=found.number),
                _("Receive it when it is here, and send it back."),
                code="too_late",
            )
        if found.told == "cancel_asked":  # it was said and has no answer yet: twice is answered twice
            return done_now(unit, transfer_id)
        body = said.CancelAsked(**found.ends, reason=command.reason)
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        tell(unit, edge)
        return done_now(unit, transfer_id, recorded.seq)

    asked = Asked(to=f"ask-to-cancel:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def _place(connection: Connection, here: str, command: Ask) -> str:
    """Return the other end; one that this store does not know only when somebody is sure of its name.

    Nothing tells a store every location, and it may be dark: so what it does not know may well exist.
    """
    if not is_edge_name(command.other):
        raise Invalid(
            _("{place} is no location.", place=command.other),
            _("Choose one from the list, or type its name, such as store-2."),
            code="bad_place",
        )
    other = other_place(here, command.other)
    if not command.sure and other not in dict(known_places(connection)):
        raise Refused(
            _("No place of the name {place} is known here.", place=other),
            _("Choose one from the list, or say that the name is right. Nothing was asked for."),
            code="unknown_place",
            place=other,
        )
    return other


def _lines(connection: Connection, edge: Edge, asked: tuple[AskedLine, ...]) -> tuple[TransferLine, ...]:
    """Return the lines of a request, the same article once."""
    units: dict[str, int] = {}
    for line in asked:
        units[line.sku] = units.get(line.sku, 0) + line.quantity
    check_units(units.items(), _("Divide them over several transfers. Nothing was asked for."))
    products = edge.products.find_all(connection, units)
    for sku in units:
        product = products.get(sku)
        if product is None or product.kind is not LineKind.GOODS:
            raise Invalid(
                _("{sku} is no article that lies on a shelf here.", sku=sku[:40]),
                _("Scan an article, or take the line out."),
                code="unknown_sku",
                sku=sku,
            )
    return tuple(
        TransferLine(line_no=n, sku=sku, name=products[sku].name, quantity=quantity)
        for n, (sku, quantity) in enumerate(units.items(), start=1)
    )


def _by_sku(lines: tuple[TransferLine, ...]) -> dict[str, int]:
    return {line.sku: line.quantity for line in lines}
