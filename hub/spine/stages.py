"""What happens to an order for later, written on its record: the first stage of most of its events.

Later stages find the order in `results["entry"]` (None when the hub does not have it) and how it stood before
in `results["before"]`. A fact that is out of order stands all the same and is raised, never refused; one that
belongs to an order nobody here knows is kept, and told again when the order arrives.
"""

from collections.abc import Mapping
from typing import Final

from hub.spine.entries import Entry
from hub.spine.later import Leaving
from hub.spine.orders import Orders
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import Applied, Work
from protocol import later
from protocol.errors import BadMessage
from protocol.fold import Oddity, OrderRecord
from protocol.orders import LineKind

SENTENCES: Final[Mapping[Oddity, str]] = {
    Oddity.UNKNOWN_LINE: "Something happened to a line that {number} never had",
    Oddity.MORE_CANCELLED_THAN_OPEN: "More units of {number} were cancelled than were open",
    Oddity.MORE_UNDONE_THAN_FULFILLED: "More units of {number} were taken back than had been handed over",
}
"""Units beyond those that were open are told apart by what they mean; see `beyond`."""
WRITTEN_OFF: Final = "written_off"
"""True in `results` where a location tells of a part that a person went on without (`hub.fulfil`)."""


def advance(work: Work, applied: Applied) -> None:
    """Let it happen to the order, and say so when it was out of order."""
    book = work.room(Orders)
    entry = book.need(applied.body.order_id)
    applied.results["entry"] = entry
    work.topics.update(("orders", "overview"))
    if entry is None or entry.later is None:
        applied.results["entry"] = None
        _without_order(work, applied, entry)
        return
    before = applied.results["before"] = entry.record
    gone_on = bool(applied.results.get(WRITTEN_OFF))
    for oddity in book.advance(entry, applied.body, applied.apply_order, written_off=gone_on):
        if oddity is Oddity.MORE_FULFILLED_THAN_OPEN:
            _left_beyond(work, applied, before)
        else:
            _odd(work, applied, oddity)


def _without_order(work: Work, applied: Applied, entry: Entry | None) -> None:
    body = applied.body
    if entry is None:
        work.room(Orders).orphan(applied)
    raise_exception(
        work,
        kind="event_without_order",
        subject=f"order:{body.order_id}",
        title=f"Something happened to {body.number}, an order for later that the hub does not have",
        facts={"number": body.number, "kind": applied.kind, "location": applied.edge},
        dedupe_key=f"no_later:{body.order_id}",
    )


def on_order_placed(work: Work, applied: Applied) -> None:
    """Close what was raised while the order was not known; `Orders.place` has told it again."""
    body: later.OrderPlaced = applied.body
    close_exception(work, f"no_later:{body.order_id}", how="The order has arrived")


def on_paid(work: Work, applied: Applied) -> None:
    """Keep money that came in or went out."""
    work.room(Orders).pay(applied)


def on_changed(work: Work, applied: Applied) -> None:
    """Take a change of what was promised."""
    body: later.OrderChanged = applied.body
    entry: Entry | None = applied.results["entry"]
    if entry is not None and entry.later is not None:
        entry.later.change(body)
        work.room(Orders).touch(entry)


def on_lines_added(work: Work, applied: Applied) -> None:
    """Take on what was ordered later; its money is held or due from here on."""
    entry: Entry | None = applied.results["entry"]
    if entry is not None:
        work.room(Orders).extend(entry, applied.body)


def leaving_id(applied: Applied) -> str:
    """Return under which id goods left: a handover has one, a shipment is its event."""
    body = applied.body
    return body.handover_id if isinstance(body, later.AssignmentHandedOver) else applied.event_id


def on_left(work: Work, applied: Applied) -> None:
    """Note what left, with what it cost; what is no goods leaves with the first of them.

    Raises:
        BadMessage: `duplicate_handover`, the id is taken.
    """
    body = applied.body
    book, name = work.room(Orders), leaving_id(applied)
    if any(each.leaving_id == name for each in book.leavings(body.order_id)):
        raise BadMessage(
            f"A handover of {body.number} is known already under the same id.",
            "Discard this one if it says the same.",
            code="duplicate_handover",
        )
    costs: Mapping[int, int] = applied.results["costs"]
    units: dict[int, int] = {}
    for line in body.lines:
        units[line.line_no] = units.get(line.line_no, 0) + line.units
    entry: Entry | None = applied.results["entry"]
    if entry is not None:
        was = {line.line_no: line.fulfilled for line in applied.results["before"].lines}
        for line in entry.record.lines:
            if line.kind is not LineKind.GOODS and line.fulfilled > was[line.line_no]:
                units[line.line_no] = line.fulfilled - was[line.line_no]
    gone = [Leaving(name, line_no, n, costs.get(line_no, 0)) for line_no, n in units.items() if n]
    for leaving in gone:
        book.left(body.order_id, leaving)
        if entry is not None:
            entry.costs[leaving.line_no] = entry.costs.get(leaving.line_no, 0) + leaving.cost_minor
    applied.results["left"] = gone


def take_back(work: Work, applied: Applied) -> None:
    """Stand before stock: find what a handover was worth that is undone; `results["back"]`, by line."""
    body: later.HandoverUndone = applied.body
    book = work.room(Orders)
    known = {
        leaving.line_no: leaving
        for leaving in book.leavings(body.order_id)
        if leaving.leaving_id == body.handover_id
    }
    wanted: dict[int, int] = {}
    for line in body.lines:
        wanted[line.line_no] = wanted.get(line.line_no, 0) + line.units
    back: dict[int, Leaving] = {}
    for line_no, units in wanted.items():
        if line_no in known:
            back[line_no] = known[line_no].take_back(units)
            book.left(body.order_id, known[line_no])
    applied.results["back"] = back


def on_taken_back(work: Work, applied: Applied) -> None:
    """Take back what the lines cost, and what is no goods when the last of the goods came back."""
    body: later.HandoverUndone = applied.body
    entry: Entry | None = applied.results["entry"]
    back: dict[int, Leaving] = applied.results["back"]
    if entry is None:
        return
    book = work.room(Orders)
    was = {line.line_no: line.fulfilled for line in applied.results["before"].lines}
    for line in entry.record.lines:
        if line.kind is LineKind.GOODS or line.fulfilled >= was[line.line_no]:
            continue
        for leaving in book.leavings(body.order_id):
            if leaving.line_no == line.line_no and leaving.units:
                back[line.line_no] = leaving.take_back(leaving.units)
                book.left(body.order_id, leaving)
    for line_no, leaving in back.items():
        entry.costs[line_no] = max(0, entry.costs.get(line_no, 0) - leaving.cost_minor)


def beyond(before: OrderRecord, units: Mapping[int, int]) -> dict[str, dict[int, int]]:
    """Return which units left beyond those that were open, by what that means.

    `double_fulfilled`: more left than was ever ordered. `fulfilled_after_cancel`: they had been cancelled.
    """
    found: dict[str, dict[int, int]] = {}
    for line in before.lines:
        more = units.get(line.line_no, 0) - max(0, line.open)
        if more <= 0:
            continue
        twice = max(0, line.fulfilled + units[line.line_no] - line.ordered) - max(
            0, line.fulfilled - line.ordered
        )
        if twice:
            found.setdefault("double_fulfilled", {})[line.line_no] = twice
        if more > twice:
            found.setdefault("fulfilled_after_cancel", {})[line.line_no] = more - twice
    return found


def _left_beyond(work: Work, applied: Applied, before: OrderRecord) -> None:
    body = applied.body
    units: dict[int, int] = {}
    for line in body.lines:
        units[line.line_no] = units.get(line.line_no, 0) + line.units
    titles = {
        "double_fulfilled": f"Units of {body.number} were fulfilled twice",
        "fulfilled_after_cancel": f"Units of {body.number} left after they were cancelled",
    }
    for kind, lines in beyond(before, units).items():
        raise_exception(
            work,
            kind=kind,
            subject=f"order:{body.order_id}",
            title=titles[kind],
            facts={
                "number": body.number,
                "location": applied.edge,
                "assignment_id": body.assignment_id,
                "units": {str(line_no): n for line_no, n in lines.items()},
            },
            dedupe_key=f"{kind}:{body.order_id}",
        )


def _odd(work: Work, applied: Applied, oddity: Oddity) -> None:
    body = applied.body
    raise_exception(
        work,
        kind=oddity.value,
        subject=f"order:{body.order_id}",
        title=SENTENCES.get(oddity, "Something of {number} was out of order").format(number=body.number),
        facts={"number": body.number, "location": applied.edge, "kind": applied.kind},
        dedupe_key=f"{oddity.value[:20]}:{body.order_id}",
    )
