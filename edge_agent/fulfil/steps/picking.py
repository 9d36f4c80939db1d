"""Begin to walk: a list, a batch or a wave; and what stands on a list.

Until a walk ends nothing has happened to the stock: what was found is work in hand (`steps.walking`).
"""

from collections.abc import Sequence

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.fulfil.rules import TOTES
from edge_agent.fulfil.steps import slips
from edge_agent.fulfil.steps.commands import StartPick
from edge_agent.fulfil.steps.common import OWN_ORDER, check_device, tell, workable
from edge_agent.fulfil.steps.inbox import ensure_accepted
from edge_agent.fulfil.steps.models import Started
from edge_agent.holds import steps as holds
from edge_agent.link.rows import read_link
from edge_agent.lives import check_done_once
from edge_agent.once import Asked, once
from edge_agent.walk import PickLine, Walked, walk_key
from protocol import later
from protocol.errors import NotFound, Refused
from protocol.holds import Blocked
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState

BEFORE_WALK = frozenset({AssignmentState.ACKNOWLEDGED, AssignmentState.PICKING})


def start(unit: EdgeUnit, edge: Edge, command: StartPick, *, person: CurrentPerson) -> tuple[Started, bool]:
    """Begin to walk; a list that somebody walks already is taken over.

    Raises:
        NotFound: `no_list`.
        Refused: `nothing_to_pick`, `already_picking`, `list_done`, `cancelled`, `checked_out_elsewhere`,
            `restored`, `records_missing`, `on_hold`.
    """

    def step() -> Started:
        known, chosen = _chosen(unit.connection, edge, command, person)
        _check_agreed(unit.connection, chosen)
        for each in chosen:
            _check_free(each, known)
        list_id = known.list_id if known else _new_list(unit, edge, chosen)
        for each in chosen:
            ensure_accepted(unit, edge, each, person)
            work.replace_lists(unit, each.assignment_id, list_id)
            if each.state is AssignmentState.ACKNOWLEDGED:
                body = later.PickStarted(
                    assignment_id=each.assignment_id,
                    order_id=each.order_id,
                    number=each.number,
                    list_id=list_id,
                    picker=person.person_id,
                )
                edge.journal.record(unit, body, by=person.person_id, device=person.device)
        work.set_list(unit, list_id, "picking", picker=person.person_id, device=person.device)
        unprinted = known is None or not known.job_id
        if unprinted and edge.settings.fulfil.print_pick_lists != "never":
            slips.print_list(unit, edge, list_id, by=person.person_id)
        tell(unit, edge)
        return Started(list_id=list_id, assignments=tuple(each.assignment_id for each in chosen))

    return once(unit, edge, Asked(to="start", command=command), command.key, Started, step)


def _check_agreed(connection: Connection, chosen: Sequence[Assignment]) -> None:
    """Refuse to begin what may be done or given up since the backup that a restored store goes on with.

    Orders of the hub wait until it has said which are open here, this store's own until its records are back.
    """
    if read_link(connection).recovery and any(each.origin == "hub" for each in chosen):
        raise Refused(
            _("This store was restored, and the hub has not said yet which orders are open here."),
            _("Begin orders that were taken here since, or wait until the line is up; sales go on."),
            code="restored",
        )
    for each in chosen:
        check_done_once(connection, OWN_ORDER, each.assignment_id)


def _chosen(
    connection: Connection, edge: Edge, command: StartPick, person: CurrentPerson
) -> tuple[work.PickList | None, list[Assignment]]:
    """Return the list to walk, if there is one already, and its assignments."""
    if command.list_id:
        known = current_list(connection, command.list_id)
        if known.state == "done":
            raise Refused(
                _("The walk of {list} is over.", list=known.list_id),
                _("Pack what was picked."),
                code="list_done",
                list_id=known.list_id,
            )
        found = [rows.find(connection, each) for each in known.assignments]
        open_ = [each for each in found if each is not None and each.state in BEFORE_WALK]
        if not open_ and found and found[0] is not None:
            raise_ended(connection, found[0].assignment_id, person)
        for each in open_:
            check_device(connection, each, person)
        return known, _free(connection, edge, open_)
    wanted = list(dict.fromkeys(command.assignments))
    if not wanted and command.due_before_us is not None:
        wave = rows.to_pick(connection, due_before_us=command.due_before_us, limit=command.limit)
        wanted = [each.assignment_id for each in wave if not _stop(connection, edge, each)]
    if not wanted:
        raise Refused(
            _("There is nothing to pick."), _("Work appears here when it arrives."), code="nothing_to_pick"
        )
    chosen = [workable(connection, each, person, BEFORE_WALK) for each in wanted]
    for each in chosen:
        if _stop(connection, edge, each):
            holds.check_free(connection, edge, (each.order_id, each.number), Blocked.PICK)
    single = work.list_of(connection, wanted[0]) if len(wanted) == 1 else None
    if single is not None and (single.assignments != tuple(wanted) or single.state == "done"):
        single = None
    return single, chosen


def _free(connection: Connection, edge: Edge, open_: list[Assignment]) -> list[Assignment]:
    """Return the orders of a list that may be walked: what is on hold stays on its shelf.

    Raises:
        Refused: `on_hold`, all of them are.
    """
    free = [each for each in open_ if not _stop(connection, edge, each)]
    if open_ and not free:
        first = open_[0]
        holds.check_free(connection, edge, (first.order_id, first.number), Blocked.PICK)
    return free


def _stop(connection: Connection, edge: Edge, each: Assignment) -> bool:
    """Tell whether a hold forbids to begin an order; one whose walk has begun is walked to its end."""
    if each.state is not AssignmentState.ACKNOWLEDGED:
        return False
    return holds.stops(connection, each.order_id, Blocked.PICK, edge.clock.now_us()) is not None


def raise_ended(connection: Connection, assignment_id: str, person: CurrentPerson) -> None:
    """Say why nothing of a list can be picked."""
    workable(connection, assignment_id, person, BEFORE_WALK)


def _check_free(each: Assignment, known: work.PickList | None) -> None:
    if each.state is AssignmentState.PICKING and (known is None or each.list_id != known.list_id):
        raise Refused(
            _("Order {number} is being picked with list {list}.", number=each.number, list=each.list_id),
            _("Go on with that list, or leave this order out."),
            code="already_picking",
            list_id=each.list_id,
            picker=each.picker,
        )


def _new_list(unit: EdgeUnit, edge: Edge, chosen: Sequence[Assignment]) -> str:
    list_id = edge.number(unit, "L")
    in_order = sorted(chosen, key=lambda each: (each.due_us, each.assignment_id))
    totes = TOTES if len(in_order) > 1 else [""]
    orders = [(each.assignment_id, tote) for each, tote in zip(in_order, totes, strict=False)]
    work.put_list(unit, list_id, orders, state="waiting", at_us=edge.clock.now_us())
    return list_id


def current_list(connection: Connection, list_id: str) -> work.PickList:
    """Return a pick list; one that was replaced leads to the one that took its place.

    Raises:
        NotFound: `no_list`.
    """
    found = work.find_list(connection, list_id)
    if found is not None and found.state == "replaced" and found.assignments:
        found = work.list_of(connection, found.assignments[0]) or found
    if found is None:
        raise NotFound(
            _("There is no pick list {list} here.", list=list_id[:40]),
            _("Choose the order from the list of work."),
            code="no_list",
        )
    return found


def walking(connection: Connection, list_id: str) -> work.PickList:
    """Return a list that somebody walks.

    Raises:
        Refused: `not_started`, `list_done` or `cancelled`.
    """
    found = current_list(connection, list_id)
    if found.state == "picking":
        return found
    says = {
        "waiting": ("not_started", _("Nobody has begun list {list}.", list=list_id), _("Begin it first.")),
        "done": ("list_done", _("The walk of {list} is over.", list=list_id), _("Pack what was picked.")),
        "void": (
            "cancelled",
            _("List {list} was taken back: nothing on it is to be fetched any more.", list=list_id),
            _("Put back what is picked."),
        ),
    }
    code, what, remedy = says.get(found.state, says["void"])
    raise Refused(what, remedy, code=code, list_id=found.list_id)


def pick_lines(
    connection: Connection, edge: Edge, found: work.PickList, *, all_states: bool = False
) -> list[PickLine]:
    """Return what there is to take, in the order of the walk; by itself only of orders that are walked."""
    lines: list[PickLine] = []
    for assignment_id, tote in found.orders:
        each = rows.find(connection, assignment_id)
        if each is None or not (all_states or each.state is AssignmentState.PICKING):
            continue
        walked = work.walked(connection, assignment_id)
        own = rows.lines_of(connection, assignment_id)
        products = edge.products.find_all(connection, [line.sku for line in own])
        for line in own:
            done = walked.get(line.line_no, Walked(line.picked, ()))
            product = products.get(line.sku)
            wanted = line.to_pick if each.state in BEFORE_WALK else line.open + line.fulfilled
            if wanted <= 0:
                continue
            lines.append(
                PickLine(
                    assignment_id=assignment_id,
                    line_no=line.line_no,
                    number=each.number,
                    tote=tote,
                    sku=line.sku,
                    name=line.name,
                    bin=product.bin if product else "",
                    wanted=wanted,
                    found=done.found if each.state in BEFORE_WALK else wanted,
                    short=sum(units for _reason, units in done.shorts),
                    due_us=each.due_us,
                    substitutes=line.substitutes,
                )
            )
    return sorted(lines, key=walk_key)
