"""Going on without a silent location: a person's decision about one part of an order, which may cost goods.

What a reader would get wrong: nothing is known of the location by it. Its right stays used and what it has
may still be handed over there, so the order may be fulfilled twice; only its own answer, once it is heard,
ends that. Where the answer can be had, or is not needed, this is refused.
"""

import sqlalchemy as sa

from hub.capture import asking, reads
from hub.capture.changes import changed
from hub.capture.wanted import Changed
from hub.fulfil.rows import assignment_directives, assignments
from hub.spine.held import Holding, held
from hub.spine.orders import Orders
from hub.spine.steps import record
from hub.spine.work import Work
from hub.stock.availability import places
from protocol.errors import Refused
from protocol.fulfilment import UnitsLine
from protocol.kit.text import _
from protocol.later import AssignmentWrittenOff
from protocol.lifecycles import AssignmentState


def write_off(work: Work, order_id: str, assignment_id: str, *, reason: str, by: str) -> Changed:
    """Go on without a location that is silent: its units are anybody's, and what was asked of it is done.

    Raises:
        Refused: it holds nothing of the order, it never heard of it, or it is heard and can be asked.
    """
    entry, _later = reads.need(work, order_id)
    number, holding = entry.record.number, held(work, order_id).holdings.get(assignment_id)
    place = next(iter(places(work.connection, now_us=work.clock.now_us(), only=_at(holding))), None)
    name = place.name if place is not None else _at(holding)
    if holding is None or not holding.is_open:
        raise _over(number, name, holding)
    if _never_left(work, holding):
        raise Refused(
            _("{place} never heard of its part of {number}.", place=name, number=number),
            _("Take it back: that is certain, and it may be given to another location at once."),
            code="never_sent",
            location=holding.location,
        )
    if place is not None and place.is_heard:
        raise Refused(
            _("{place} is heard, so {number} stays its own until it answers.", place=name, number=number),
            _("Ask it to give its part up."),
            code="is_heard",
            location=holding.location,
        )
    written_off = AssignmentWrittenOff(
        assignment_id=assignment_id,
        order_id=order_id,
        number=number,
        location=holding.location,
        reason=reason,
        lines=_lines(work, order_id, holding),
    )
    record(work, written_off, by=by)
    return changed(work, order_id)


def _at(holding: Holding | None) -> str:
    return "" if holding is None else holding.location


def _over(number: str, name: str, holding: Holding | None) -> Refused:
    """Return why nothing can be expected of a location that one could go on without."""
    if holding is not None and holding.written_off:
        return Refused(
            _("{number} goes on without {place} already; nothing was changed.", number=number, place=name),
            _("Look the order up: it says who has it now."),
            code="already_written_off",
        )
    return Refused(
        _("Nobody holds that part of {number} any more.", number=number),
        _("Look the order up again."),
        code="not_held",
    )


def _never_left(work: Work, holding: Holding) -> bool:
    """Tell whether a location cannot have heard of its part: its offer waits, or was never made."""
    if holding.own:
        return False
    if asking.is_unsent(work, holding):
        return True
    part = assignments.c
    offered = assignment_directives.c.assignment_id == part.assignment_id
    never = (
        sa.select(part.assignment_id)
        .where(part.assignment_id == holding.assignment_id, part.state == AssignmentState.PROPOSED.value)
        .where(~sa.exists().where(offered))
    )
    return work.connection.execute(never).first() is not None


def _lines(work: Work, order_id: str, holding: Holding) -> tuple[UnitsLine, ...]:
    """Return what a location still has; a store that took an order itself has bound its own goods."""
    entry = work.room(Orders).need(order_id)
    skus = {line.line_no: line.sku for line in entry.record.lines} if entry else {}
    whose = "bound" if holding.own else "lent"
    return tuple(
        UnitsLine.model_validate({"line_no": n, "sku": skus[n], whose: holding.open(n)})
        for n in sorted(holding.units)
        if holding.open(n) > 0 and n in skus
    )
