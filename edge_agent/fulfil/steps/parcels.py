"""Pack, stage, ship, and close the day with a carrier. Every label is queued in the step that needs it."""

from collections import Counter
from collections.abc import Sequence

from edge_agent.context import Edge
from edge_agent.customers import rows as customers
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment, ParcelRow
from edge_agent.fulfil.rules import Line, check_shelf, leaving, not_a_shelf, tracking_number
from edge_agent.fulfil.steps import slips, taken_back
from edge_agent.fulfil.steps.commands import CheckItem, CloseManifest, Pack, PackParcel, Ship, Stage
from edge_agent.fulfil.steps.common import may_leave, only_for, tell, workable
from edge_agent.fulfil.steps.inbox import settle_cancel
from edge_agent.fulfil.steps.models import CheckedItem, Done, ManifestClosed, Packed, Shipped
from edge_agent.once import Asked, once
from protocol import later
from protocol.errors import Invalid, Refused
from protocol.fulfilment import FulfilKind, Parcel, UnitsLine
from protocol.holds import Blocked
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState

_TO_PACK = frozenset({AssignmentState.PICKED, AssignmentState.PACKED})
_PACKED = frozenset({AssignmentState.PACKED, AssignmentState.READY})


def check_item(
    connection: Connection, edge: Edge, assignment_id: str, asked: CheckItem, person: CurrentPerson
) -> CheckedItem:
    """Tell whether an article belongs into the parcels of an order; nothing is written.

    Raises:
        Refused: `wrong_item`, or `over_scan` when all of it is in already.
    """
    workable(connection, assignment_id, person, _TO_PACK)
    product = edge.products.scan(connection, asked.code)
    lines = [line for line in rows.lines_of(connection, assignment_id) if line.picked]
    fitting = [line for line in lines if product is not None and line.sku == product.sku]
    if product is None or not fitting:
        raise Refused(
            _("{name} does not belong into this order.", name=product.name if product else asked.code[:40]),
            _("Lay it aside, and look where it came from."),
            code="wrong_item",
            sku=product.sku if product else "",
        )
    picked = sum(line.picked for line in fitting)
    if asked.packed >= picked:
        raise Refused(
            _("There is enough of {name} already: {wanted}.", name=product.name, wanted=picked),
            _("Put this one back."),
            code="over_scan",
            sku=product.sku,
            picked=picked,
        )
    return CheckedItem(
        sku=product.sku,
        name=product.name,
        line_no=fitting[0].line_no,
        picked=picked,
        packed=asked.packed + 1,
    )


def pack(
    unit: EdgeUnit, edge: Edge, assignment_id: str, command: Pack, *, person: CurrentPerson
) -> tuple[Packed, bool]:
    """Put what was picked into parcels or bags; packing anew replaces them, and their labels.

    Raises:
        Refused: `pack_mismatch`, with what is missing and what is too much.
    """

    def step() -> Packed:
        found = workable(unit.connection, assignment_id, person, _TO_PACK)
        lines = [line for line in rows.lines_of(unit.connection, assignment_id) if line.picked]
        if command.scanned:
            _check_scanned(unit.connection, edge, lines, command.scanned)
        parcels = [
            Parcel(parcel_no=n, parcel_id=edge.number(unit, "B"), weight_g=weight_g, lines=inside)
            for n, (weight_g, inside) in enumerate(_contents(lines, command), start=1)
        ]
        body = later.AssignmentPacked(
            assignment_id=assignment_id, order_id=found.order_id, number=found.number, parcels=tuple(parcels)
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        ids = tuple(parcel.parcel_id for parcel in parcels)
        jobs = _paper(unit, edge, found, ids)
        tell(unit, edge)
        state = AssignmentState.PACKED.value
        return Packed(
            assignment_id=assignment_id, state=state, seq=recorded.seq, parcels=ids, jobs=tuple(jobs)
        )

    return once(unit, edge, Asked(to=f"pack:{assignment_id}", command=command), command.key, Packed, step)


def _paper(unit: EdgeUnit, edge: Edge, found: Assignment, parcel_ids: Sequence[str]) -> list[str]:
    """Queue the paper of parcels: a slip in each that is shipped, one slip and a label on each bag."""
    if found.kind is FulfilKind.SHIP:
        return [slips.print_packing(unit, edge, found, each) for each in parcel_ids]
    jobs = [slips.print_packing(unit, edge, found, parcel_ids[0])]
    return jobs + [slips.print_bag(unit, edge, found, each) for each in parcel_ids]


def _check_scanned(connection: Connection, edge: Edge, lines: Sequence[Line], codes: Sequence[str]) -> None:
    wanted: Counter[str] = Counter()
    for line in lines:
        wanted[line.sku] += line.picked
    scanned: Counter[str] = Counter()
    for code in codes:
        product = edge.products.scan(connection, code)
        scanned[product.sku if product else code[:40]] += 1
    if wanted != scanned:
        raise _mismatch(dict(wanted - scanned), dict(scanned - wanted))


def _mismatch(missing: dict[str, int], extra: dict[str, int]) -> Refused:
    def said(units: dict[str, int]) -> str:
        return ", ".join(f"{count} x {sku}" for sku, count in sorted(units.items())) or "-"

    return Refused(
        _(
            "What is packed is not what was picked. Missing: {missing}. Too much: {extra}.",
            missing=said(missing),
            extra=said(extra),
        ),
        _("Look into the tote and scan again."),
        code="pack_mismatch",
        missing=missing,
        extra=extra,
    )


def _contents(lines: Sequence[Line], command: Pack) -> list[tuple[int, tuple[UnitsLine, ...]]]:
    """Return (weight, lines) of each parcel. Bags that nobody wrote down hold all of it together."""
    if command.bags is not None and command.parcels:
        raise Invalid(
            _("Say how many bags there are, or what is in each parcel."), _("Not both."), code="bad_parcels"
        )
    parcels = command.parcels or (PackParcel(),) * (command.bags or 1)
    left = {line.line_no: line.picked for line in lines}
    by_no = {line.line_no: line for line in lines}
    sku_of = {line.line_no: line.sku for line in lines}
    lent = {line.line_no: line.picked_lent for line in lines}
    inside: list[list[UnitsLine]] = []
    for parcel in parcels:
        held: list[UnitsLine] = []
        for each in parcel.lines:
            if each.line_no not in by_no or each.units > left[each.line_no]:
                raise _mismatch({}, {sku_of.get(each.line_no, str(each.line_no)): each.units})
            held.append(_part(by_no[each.line_no], each.units, lent))
            left[each.line_no] -= each.units
        inside.append(held)
    silent = [n for n, parcel in enumerate(parcels) if not parcel.lines]
    rest = {n: units for n, units in left.items() if units}
    if len(silent) == 1:
        inside[silent[0]] = [_part(by_no[n], units, lent) for n, units in rest.items()]
    elif rest and not silent:
        raise _mismatch({sku_of[n]: units for n, units in rest.items()}, {})
    return [(parcel.weight_g, tuple(held)) for parcel, held in zip(parcels, inside, strict=True)]


def _part(line: Line, units: int, lent_left: dict[int, int]) -> UnitsLine:
    lent = min(units, lent_left[line.line_no])
    lent_left[line.line_no] -= lent
    return UnitsLine(line_no=line.line_no, sku=line.sku, lent=lent, bound=units - lent)


def stage(
    unit: EdgeUnit, edge: Edge, assignment_id: str, command: Stage, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Put the bags on a shelf; staging again moves them to another one.

    Raises:
        Invalid: `not_a_shelf`.
        Refused: `wrong_bag` or `bags_missing`.
    """

    def step() -> Done:
        found = workable(unit.connection, assignment_id, person, _PACKED)
        only_for(found, FulfilKind.COLLECT)
        shelf = check_shelf(command.shelf)
        if edge.products.scan(unit.connection, command.shelf) is not None:
            raise not_a_shelf(command.shelf)
        bags = rows.parcels_of(unit.connection, assignment_id)
        if command.scanned:
            _check_bags(bags, command.scanned)
        body = later.AssignmentStaged(
            assignment_id=assignment_id,
            order_id=found.order_id,
            number=found.number,
            shelf=shelf,
            bags=max(1, len(bags)),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        tell(unit, edge)
        return Done(assignment_id=assignment_id, state=AssignmentState.READY.value, seq=recorded.seq)

    return once(unit, edge, Asked(to=f"stage:{assignment_id}", command=command), command.key, Done, step)


def _check_bags(bags: Sequence[ParcelRow], codes: Sequence[str]) -> None:
    known = {bag.parcel_id for bag in bags}
    scanned: set[str] = set()
    for code in codes:
        slip = parse_slip_code(code)
        bag_id = slip[1] if slip is not None else code.strip()
        if bag_id not in known:
            raise Refused(
                _("{bag} is not a bag of this order.", bag=bag_id[:40]),
                _("Look for the order it belongs to, and stage it there."),
                code="wrong_bag",
                bag=bag_id[:64],
            )
        scanned.add(bag_id)
    missing = sorted(known - scanned)
    if missing:
        raise Refused(
            _("{count} of {bags} bags were not scanned.", count=len(missing), bags=len(known)),
            _("Scan every bag, so that none is left at the packing table."),
            code="bags_missing",
            missing=missing,
        )


def ship(
    unit: EdgeUnit, edge: Edge, assignment_id: str, command: Ship, *, person: CurrentPerson
) -> tuple[Shipped, bool]:
    """Give the parcels to a carrier; the store's own label is made and printed here.

    Raises:
        Refused: `unpaid_rest`, `no_address`, `tracking_missing`, `tracking_taken` or `on_hold`.
    """

    def step() -> Shipped:
        gone = taken_back.conflicting(unit.connection, assignment_id, person)
        if gone is not None:
            taken_back.call_a_manager(unit, edge, gone, person)
            return Shipped(assignment_id=assignment_id, state=gone.state.value, went_on=gone.number)
        found = workable(unit.connection, assignment_id, person, _PACKED)
        only_for(found, FulfilKind.SHIP)
        may_leave(unit.connection, edge, found, Blocked.SHIP, person)
        carrier = command.carrier.strip() or edge.settings.fulfil.own_carrier
        own = carrier == edge.settings.fulfil.own_carrier
        if own:
            _check_address(unit.connection, found)
        bags = rows.parcels_of(unit.connection, assignment_id)
        numbers = (
            {bag.parcel_id: tracking_number(edge.number(unit, "T")) for bag in bags}
            if own
            else _tracking_given(unit.connection, bags, command)
        )
        service = command.service.strip() or found.service
        parcels = tuple(_sent(bag, carrier, service, numbers[bag.parcel_id]) for bag in bags)
        lines = rows.lines_of(unit.connection, assignment_id)
        body = later.AssignmentShipped(
            assignment_id=assignment_id,
            order_id=found.order_id,
            number=found.number,
            parcels=parcels,
            lines=tuple(leaving(line, line.picked) for line in lines if line.picked),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        work.forget_taken_back(unit, assignment_id, person.device)
        work.release(unit, (assignment_id,))
        settle_cancel(unit, edge, assignment_id, person)
        jobs = [slips.print_label(unit, edge, found, *each) for each in numbers.items()] if own else []
        tell(unit, edge)
        return Shipped(
            assignment_id=assignment_id,
            state=AssignmentState.SHIPPED.value,
            seq=recorded.seq,
            tracking=tuple(numbers.values()),
            jobs=tuple(jobs),
        )

    return once(unit, edge, Asked(to=f"ship:{assignment_id}", command=command), command.key, Shipped, step)


def _sent(bag: ParcelRow, carrier: str, service: str, tracking: str) -> Parcel:
    return Parcel(
        parcel_no=bag.parcel_no,
        parcel_id=bag.parcel_id,
        weight_g=bag.weight_g,
        lines=bag.lines,
        carrier=carrier,
        service=service,
        tracking=tracking,
    )


def _check_address(connection: Connection, found: Assignment) -> None:
    contact = customers.find(connection, found.contact_id)
    if contact is None or contact.erased or not contact.address.line1:
        raise Refused(
            _("There is no address for order {number}.", number=found.number),
            _("Ask customer service for it; the parcel cannot be labelled without one."),
            code="no_address",
        )


def _tracking_given(connection: Connection, bags: Sequence[ParcelRow], command: Ship) -> dict[str, str]:
    given = {each.parcel_id: "".join(each.tracking.split()) for each in command.parcels}
    missing = [bag.parcel_id for bag in bags if bag.parcel_id not in given]
    if missing:
        raise Refused(
            _("{count} parcels have no tracking number.", count=len(missing)),
            _("Type or scan the number on the carrier's label of each parcel."),
            code="tracking_missing",
            missing=missing,
        )
    numbers = {bag.parcel_id: given[bag.parcel_id] for bag in bags}
    taken = next(
        (each for each in numbers.values() if rows.find_parcel(connection, each) is not None), ""
    ) or next((each for each, count in Counter(numbers.values()).items() if count > 1), "")
    if taken:
        raise Refused(
            _("{tracking} is the number of another parcel.", tracking=taken),
            _("Look at the labels; each parcel has its own number."),
            code="tracking_taken",
            tracking=taken,
        )
    return numbers


def close_manifest(
    unit: EdgeUnit, edge: Edge, command: CloseManifest, *, person: CurrentPerson
) -> tuple[ManifestClosed, bool]:
    """List everything that left with a carrier and stands on no manifest yet.

    Raises:
        Refused: `nothing_to_manifest`.
    """

    def step() -> ManifestClosed:
        carrier = command.carrier.strip() or edge.settings.fulfil.own_carrier
        parcels = rows.leaving(unit.connection, carrier)
        if not parcels:
            raise Refused(
                _("No parcel for {carrier} waits.", carrier=carrier),
                _("Ship something first, or choose another carrier."),
                code="nothing_to_manifest",
                carrier=carrier,
            )
        body = later.ManifestClosed(
            manifest_id=edge.ids.new_id(),
            number=edge.number(unit, "M"),
            carrier=carrier,
            parcels=tuple(parcel.tracking for parcel in parcels),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        job_id = slips.print_manifest(unit, edge, body.number, recorded.seq)
        tell(unit, edge)
        return ManifestClosed(
            manifest_id=body.manifest_id,
            number=body.number,
            carrier=carrier,
            parcels=len(parcels),
            seq=recorded.seq,
            job_id=job_id,
        )

    return once(unit, edge, Asked(to="manifest", command=command), command.key, ManifestClosed, step)
