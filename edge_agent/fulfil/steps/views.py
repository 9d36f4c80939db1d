"""What screens and programs see of fulfilment. Read only, and no more of a customer than the step needs."""

from collections.abc import Sequence

from edge_agent.context import Edge
from edge_agent.customers import rows as customers
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment, HandoverRow
from edge_agent.fulfil.rules import (
    MINUTE_US,
    OPEN_STATES,
    SCANS_SHOWN,
    allowed_verbs,
    clock_of,
    due_in_minutes,
    foreign_location,
    keep_until_us,
    next_verb,
)
from edge_agent.fulfil.steps.common import require
from edge_agent.fulfil.steps.models import (
    AssignmentView,
    CandidateView,
    ContactView,
    Found,
    HandoverView,
    HoldView,
    LineView,
    ParcelView,
    PickLineView,
    PickOrderView,
    PickView,
    ScanView,
    ShelfView,
    StopView,
    WorkView,
)
from edge_agent.fulfil.steps.picking import current_list, pick_lines
from edge_agent.holds.steps import of_order as holds_of
from edge_agent.stock.rows import on_hand_of
from edge_agent.stock.rules import OnHand
from edge_agent.walk import PickLine
from protocol.errors import NotFound
from protocol.holds import HoldTold
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.lifecycles import AssignmentState
from protocol.movements import Bucket

SEARCHED = 20


def work_list(connection: Connection, edge: Edge, *, kind: str = "", limit: int = 200) -> list[WorkView]:
    """Return what this store owes, by promise."""
    return [work_view(connection, edge, each) for each in rows.work(connection, kind=kind, limit=limit)]


def done_list(connection: Connection, edge: Edge, *, limit: int = 50) -> list[WorkView]:
    """Return what is done with, the newest first."""
    return [work_view(connection, edge, each) for each in rows.ended_lately(connection, limit=limit)]


def work_view(connection: Connection, edge: Edge, found: Assignment) -> WorkView:
    """Return one assignment for a list."""
    return WorkView.model_validate(_work(connection, edge, found))


def _work(connection: Connection, edge: Edge, found: Assignment) -> dict[str, object]:
    now_us = edge.clock.now_us()
    lines = rows.lines_of(connection, found.assignment_id)
    list_ = work.list_of(connection, found.assignment_id)
    held = work.hold_of(connection, found.assignment_id)
    tote = dict(list_.orders).get(found.assignment_id, "") if list_ else ""
    return {
        "assignment_id": found.assignment_id,
        "order_id": found.order_id,
        "number": found.number,
        "origin": found.origin,
        "channel": found.channel,
        "kind": found.kind.value,
        "state": found.state.value,
        "next": next_verb(
            found.kind, found.state, accepted=bool(found.accepted_us), cancel_asked=found.cancel_asked
        ),
        "due_us": found.due_us,
        "due_in_minutes": due_in_minutes(found.due_us, now_us),
        "clock": _clock(edge, found, now_us),
        "keep_until_us": keep_until_us(found.keep_until_us, found.staged_us, edge.settings.collect_keep_days),
        "service": found.service,
        "lines": len(lines),
        "units": sum(line.open for line in lines),
        "picked": sum(line.picked for line in lines),
        "contact_label": label_of(connection, found.contact_id),
        "list_id": list_.list_id if list_ else "",
        "tote": tote,
        "picker": found.picker,
        "shelf": found.shelf,
        "bags": found.bags,
        "gift": found.gift,
        "note": found.note,
        "accepted": bool(found.accepted_us),
        "cancel_asked": found.cancel_asked,
        "held_by": held.device if held else "",
        "due_minor": max(0, found.due_minor),
        "currency": found.currency,
        "arrived_us": found.arrived_us,
        "stops": tuple(_stop(each) for each in holds_of(connection, found.order_id, now_us)),
    }


def _stop(hold: HoldTold) -> StopView:
    return StopView(
        kind=hold.kind.value,
        code=hold.code,
        reason=hold.reason,
        blocks=tuple(each.value for each in hold.blocks),
        until_us=hold.until_us,
        then=hold.then.value,
    )


def _clock(edge: Edge, found: Assignment, now_us: int) -> str:
    """Return how the promise stands; what is ready or gone has kept it."""
    if found.state is AssignmentState.READY or found.state not in OPEN_STATES:
        return "fine"
    return clock_of(found.due_us, now_us, edge.settings.fulfil.soon_minutes * MINUTE_US)


def label_of(connection: Connection, contact_id: str) -> str:
    """Return surname and initial of a customer; empty when nothing is known of them."""
    contact = customers.find(connection, contact_id)
    return contact.label if contact is not None and not contact.erased else ""


def assignment(connection: Connection, edge: Edge, assignment_id: str) -> AssignmentView:
    """Return one assignment with its lines, parcels and handovers.

    Raises:
        NotFound: `no_assignment`.
    """
    found = require(connection, assignment_id)
    lines = rows.lines_of(connection, assignment_id)
    products = edge.products.find_all(connection, [line.sku for line in lines])
    items = tuple(
        LineView(
            line_no=line.line_no,
            sku=line.sku,
            name=line.name,
            bin=products[line.sku].bin if line.sku in products else "",
            quantity=line.quantity,
            open=line.open,
            picked=line.picked,
            fulfilled=line.fulfilled,
            short=line.short,
            given_up=line.given_up,
            substitutes=line.substitutes,
        )
        for line in lines
    )
    parcels = tuple(
        ParcelView(
            parcel_id=each.parcel_id,
            parcel_no=each.parcel_no,
            weight_g=each.weight_g,
            carrier=each.carrier,
            service=each.service,
            tracking=each.tracking,
            manifest=each.manifest,
        )
        for each in rows.parcels_of(connection, assignment_id)
    )
    handovers = rows.handovers_of(connection, assignment_id)
    return AssignmentView.model_validate(
        _work(connection, edge, found)
        | {
            "allowed": allowed_verbs(found.kind, found.state, accepted=bool(found.accepted_us)),
            "items": items,
            "parcels": parcels,
            "handovers": tuple(_handover(edge, found, each) for each in handovers),
            "cancel_reason": found.cancel_reason,
            "ended_how": found.ended_how,
        }
    )


def _handover(edge: Edge, found: Assignment, each: HandoverRow) -> HandoverView:
    until_us = each.at_us + edge.settings.fulfil.undo_minutes * MINUTE_US
    lapsed = each.undone_us or edge.clock.now_us() > until_us
    undoable = found.state is AssignmentState.HANDED_OVER or found.state in OPEN_STATES
    return HandoverView(
        handover_id=each.handover_id,
        at_us=each.at_us,
        by=each.by,
        verified=each.verified,
        proxy=each.proxy,
        units=sum(line.units for line in each.lines),
        undone_us=each.undone_us,
        undo_until_us=until_us if undoable and not lapsed else 0,
    )


def contact(connection: Connection, assignment_id: str) -> ContactView:
    """Return who collects or gets the parcel.

    Raises:
        NotFound: `no_contact`, nothing is known of them here.
    """
    found = require(connection, assignment_id)
    known = customers.find(connection, found.contact_id)
    if known is None:
        raise NotFound(
            _("Nothing is known here of the customer of order {number}.", number=found.number),
            _("Ask customer service."),
            code="no_contact",
        )
    return ContactView(
        contact_id=known.contact_id,
        first_name=known.first_name,
        last_name=known.last_name,
        email=known.email,
        phone=known.phone,
        collector=known.collector,
        address=known.address.lines,
        gift_message=known.gift_message,
        erased=known.erased,
    )


def pick(connection: Connection, edge: Edge, list_id: str) -> PickView:
    """Return a pick list as it is walked; one that was replaced leads to the one that took its place.

    Raises:
        NotFound: `foreign_slip`, a list of another store, or `no_list`.
    """
    _check_home(edge, list_id)
    found = current_list(connection, list_id)
    lines = pick_lines(connection, edge, found, all_states=True)
    here = on_hand_of(connection, [line.sku for line in lines])
    shown = tuple(pick_line(line, here[line.sku]) for line in lines)
    names = {(line.assignment_id, line.line_no): line.name for line in lines}
    return PickView(
        list_id=found.list_id,
        state=found.state,
        picker=found.picker,
        replaced_by=found.list_id if found.list_id != list_id else "",
        orders=tuple(_pick_order(connection, edge, *each) for each in found.orders),
        lines=shown,
        wanted=sum(line.wanted for line in lines),
        found=sum(line.found for line in lines),
        short=sum(line.short for line in lines),
        scans=tuple(
            ScanView(
                scan_id=each.scan_id,
                assignment_id=each.assignment_id,
                line_no=each.line_no,
                name=names.get((each.assignment_id, each.line_no), ""),
                units=each.units,
                how=each.how,
                at_us=each.at_us,
                undone=each.undone,
            )
            for each in work.scans(connection, found.list_id, SCANS_SHOWN)
        ),
    )


def pick_line(line: PickLine, here: OnHand) -> PickLineView:
    """Return a line of a walk as pages and programs see it."""
    stock = here.rights
    return PickLineView(
        assignment_id=line.assignment_id,
        line_no=line.line_no,
        number=line.number,
        tote=line.tote,
        sku=line.sku,
        name=line.name,
        bin=line.bin,
        wanted=line.wanted,
        found=line.found,
        short=line.short,
        left=line.left,
        substitutes=line.substitutes,
        on_hand=stock.physical,
        on_shelf=here.standing_in(Bucket.SELLABLE) - line.found,
        deficit=stock.deficit,
    )


def _pick_order(connection: Connection, edge: Edge, assignment_id: str, tote: str) -> PickOrderView:
    found = require(connection, assignment_id)
    now_us = edge.clock.now_us()
    return PickOrderView(
        assignment_id=assignment_id,
        number=found.number,
        tote=tote,
        kind=found.kind.value,
        due_us=found.due_us,
        due_in_minutes=due_in_minutes(found.due_us, now_us),
        clock=_clock(edge, found, now_us),
        contact_label=label_of(connection, found.contact_id),
        state=found.state.value,
        cancelled=found.state in {AssignmentState.CANCELLED, AssignmentState.REJECTED},
        note=found.note,
        gift=found.gift,
    )


def look_up(connection: Connection, edge: Edge, code: str) -> Found:
    """Return what a scanned slip, a printed number or an article's code means here.

    Raises:
        NotFound: `foreign_slip` for the paper of another store, `unknown_code` for anything unknown.
    """
    slip = parse_slip_code(code)
    kind, number = (slip[0], slip[1]) if slip is not None else ("", code.strip())
    if kind in {"", "po"}:
        of_order = rows.of_number(connection, number) or rows.of_number(connection, number.upper())
        if of_order:
            return _found("order", of_order[0].number, connection, edge, of_order)
    if kind in {"", "pl"} and work.find_list(connection, number) is not None:
        found = current_list(connection, number)
        on_it = [require(connection, each) for each in found.assignments]
        return _found("pick_list", number, connection, edge, on_it, list_id=found.list_id)
    if kind in {"", "bg", "ps", "tr"}:
        parcel = rows.find_parcel(connection, number)
        if parcel is not None:
            of = [require(connection, parcel.assignment_id)]
            return _found("parcel", number, connection, edge, of, parcel_id=parcel.parcel_id)
    if kind in {"", "mf"} and rows.find_manifest(connection, number) is not None:
        return _found("manifest", number, connection, edge, [], manifest=number)
    if kind in {"as", "vs", "ho"}:
        done = rows.find_handover(connection, number) if kind == "ho" else None
        one = rows.find(connection, done.assignment_id if done else number)
        if one is not None:
            return _found("assignment", one.number, connection, edge, [one])
    _check_home(edge, number)
    product = edge.products.scan(connection, code) if slip is None else None
    if product is not None:
        return Found(what="product", number=product.sku, sku=product.sku, name=product.name)
    raise NotFound(
        _("{code} is not known here.", code=number[:40]),
        _("Scan it once more, or look the order up by name, phone or number."),
        code="unknown_code",
    )


def _found(
    what: str,
    number: str,
    connection: Connection,
    edge: Edge,
    assignments: Sequence[Assignment],
    **more: str,
) -> Found:
    views = tuple(work_view(connection, edge, each) for each in assignments)
    return Found.model_validate({"what": what, "number": number, "assignments": views} | more)


def _check_home(edge: Edge, number: str) -> None:
    other = foreign_location(number, edge.settings.code)
    if other:
        raise NotFound(
            _("{number} is the paper of another store ({code}).", number=number[:40], code=other),
            _("Give it back to that store; nothing of it is to be done here."),
            code="foreign_slip",
            location=other,
            number=number[:64],
        )


def pickup_search(connection: Connection, edge: Edge, text: str) -> list[WorkView]:
    """Return orders that may be collected here, by number, phone, name or e-mail; open ones come first."""
    said = text.strip()
    found = {each.assignment_id: each for each in _by_number(connection, said)}
    for contact_id in customers.search(connection, said):
        for each in rows.of_contact(connection, contact_id, SEARCHED):
            found.setdefault(each.assignment_id, each)
    in_order = sorted(found.values(), key=lambda each: (each.state not in OPEN_STATES, -each.arrived_us))
    return [work_view(connection, edge, each) for each in in_order[:SEARCHED]]


def _by_number(connection: Connection, said: str) -> list[Assignment]:
    slip = parse_slip_code(said)
    number = (slip[1] if slip is not None else said).upper()
    if not number:
        return []
    exact = rows.of_number(connection, number)
    if exact or not number.isdigit():
        return exact
    return rows.ending_with(connection, number, SEARCHED)


def shelves(connection: Connection) -> list[ShelfView]:
    """Return the shelves that something waits on."""
    by_shelf: dict[str, list[tuple[str, int]]] = {}
    for shelf, number, bags in rows.shelves(connection):
        by_shelf.setdefault(shelf, []).append((number, bags))
    return [
        ShelfView(
            shelf=shelf,
            orders=tuple(number for number, _bags in held),
            bags=sum(bags for _number, bags in held),
        )
        for shelf, held in by_shelf.items()
    ]


def candidates(connection: Connection, carrier: str = "") -> list[CandidateView]:
    """Return parcels that have left and stand on no manifest yet."""
    return [
        CandidateView(
            parcel_id=each.parcel_id,
            assignment_id=each.assignment_id,
            number=require(connection, each.assignment_id).number,
            carrier=each.carrier,
            service=each.service,
            tracking=each.tracking,
            weight_g=each.weight_g,
            shipped_us=each.shipped_us,
        )
        for each in rows.leaving(connection, carrier)
    ]


def holds(connection: Connection) -> list[HoldView]:
    """Return what devices have taken along."""
    views = []
    for held in work.holds(connection):
        found = require(connection, held.assignment_id)
        views.append(
            HoldView(
                assignment_id=held.assignment_id,
                number=found.number,
                device=held.device,
                by=held.person_id,
                at_us=held.at_us,
                cancel_asked=found.cancel_asked,
            )
        )
    return views
