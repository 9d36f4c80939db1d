"""Pack cartons, open one again, ship. Every label is queued in the step that needs it."""

from collections import Counter
from collections.abc import Sequence

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.once import Asked, once
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows.transfers import CartonRow
from edge_agent.transfers.rules import into_carton, loose
from edge_agent.transfers.steps import slips
from edge_agent.transfers.steps.commands import OpenCarton, PackCarton, Ship
from edge_agent.transfers.steps.common import done_now, not_now, require, sending, tell
from edge_agent.transfers.steps.models import Done, Packed, Shipped
from protocol import transfer_messages as said
from protocol.errors import NotFound, Refused
from protocol.fulfilment import UnitsLine
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.sscc import make_sscc
from protocol.transfers import CARTONS_PER_TRANSFER, Carton, SendState

_TO_PACK = frozenset({SendState.PICKED, SendState.PACKED})


def pack(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: PackCarton, *, person: CurrentPerson
) -> tuple[Packed, bool]:
    """Close a carton with what was scanned into it, or with everything that is loose, and print its label.

    Raises:
        Refused: `nothing_to_pack`, `pack_mismatch`, or `too_many_cartons`.
    """

    def step() -> Packed:
        found = sending(unit.connection, transfer_id, _TO_PACK)
        lines = rows.lines_of(unit.connection, transfer_id)
        closed = packed_cartons(unit.connection, transfer_id)
        if len(closed) >= CARTONS_PER_TRANSFER:
            raise Refused(
                _("A transfer has {n} cartons at most.", n=CARTONS_PER_TRANSFER),
                _("Ship this one, and send the rest with another transfer."),
                code="too_many_cartons",
            )
        left = loose(lines, [line for carton in closed for line in carton.lines])
        inside = into_carton(lines, left, _by_sku(unit.connection, edge, command.scanned))
        units = sum(line.quantity for line in inside)
        rest = sum(left.values()) - units
        carton = Carton(sscc=_next_sscc(unit, edge), lines=inside, weight_g=command.weight_g)
        body = said.CartonPacked(**found.ends, carton=carton, done=rest == 0)
        edge.journal.record(unit, body, by=person.person_id, device=person.device)
        job_id = slips.print_carton(unit, edge, found, carton.sscc)
        tell(unit, edge)
        return Packed(
            transfer_id=transfer_id,
            sscc=carton.sscc,
            units=units,
            left=rest,
            state=require(unit.connection, transfer_id).state,
            job_id=job_id,
        )

    asked = Asked(to=f"pack-carton:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Packed, step)


def open_carton(
    unit: EdgeUnit, edge: Edge, transfer_id: str, sscc: str, command: OpenCarton, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Open a carton again before it left: its units are loose, its label is void for ever.

    Raises:
        NotFound: `no_carton`.
    """

    def step() -> Done:
        found = sending(unit.connection, transfer_id, _TO_PACK)
        carton = rows.find_carton(unit.connection, sscc, "out")
        if carton is None or carton.transfer_id != transfer_id or carton.state != "packed":
            raise NotFound(
                _("There is no such carton in transfer {number}.", number=found.number),
                _("Look at its list of cartons."),
                code="no_carton",
            )
        body = said.CartonOpened(**found.ends, sscc=sscc, reason=command.reason)
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        tell(unit, edge)
        return done_now(unit, transfer_id, recorded.seq)

    asked = Asked(to=f"open-carton:{transfer_id}:{sscc}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def ship(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: Ship, *, person: CurrentPerson
) -> tuple[Shipped, bool]:
    """The cartons leave; the manifest prints. From here on the goods are in transit.

    Raises:
        Refused: `not_now`, something that was picked lies in no carton.
    """

    def step() -> Shipped:
        found = sending(unit.connection, transfer_id, {SendState.PACKED})
        cartons = packed_cartons(unit.connection, transfer_id)
        if not cartons:
            raise not_now(found)
        lines = tuple(
            UnitsLine(line_no=line.line_no, sku=line.sku, lent=line.picked_lent, bound=line.picked_bound)
            for line in rows.lines_of(unit.connection, transfer_id)
            if line.picked
        )
        body = said.TransferShipped(
            **found.ends,
            cartons=tuple(
                Carton(sscc=each.sscc, lines=each.lines, weight_g=each.weight_g) for each in cartons
            ),
            lines=lines,
            carrier=command.carrier,
            note=command.note,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        job_id = slips.print_manifest(unit, edge, found, recorded.seq)
        tell(unit, edge)
        return Shipped(
            transfer_id=transfer_id,
            number=found.number,
            cartons=len(cartons),
            units=sum(line.units for line in lines),
            seq=recorded.seq,
            job_id=job_id,
        )

    asked = Asked(to=f"ship-transfer:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Shipped, step)


def packed_cartons(connection: Connection, transfer_id: str) -> tuple[CartonRow, ...]:
    """Return the cartons that are closed and still here."""
    return tuple(each for each in rows.cartons_of(connection, transfer_id) if each.state == "packed")


def _by_sku(connection: Connection, edge: Edge, codes: Sequence[str]) -> Counter[str]:
    """Return what was scanned; a code that is no article stands for itself, so that it is named."""
    scanned: Counter[str] = Counter()
    for code in codes:
        product = edge.products.scan(connection, code)
        scanned[product.sku if product else code[:40]] += 1
    return scanned


def _next_sscc(unit: EdgeUnit, edge: Edge) -> str:
    """Return the next carton number of this incarnation. A store PC that was replaced has another ordinal."""
    row = unit.connection.execute(
        "INSERT INTO counters (name, value) VALUES ('sscc', 1)"
        " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
    ).fetchone()
    stem = edge.settings.cartons.stem(edge.identity.edge)
    return make_sscc(stem, edge.identity.ordinal, row[0])
