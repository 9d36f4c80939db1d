"""Earned with the revenue, taken back with the refund; the ledger posts what stands in `results`.

A sale earns at the counter, an order for later when its goods leave, for whoever took it; an order of the
web earns nobody anything. Everything is worked out line by line and kept, so that the figure of an associate
can be opened down to the sale.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from hub.commissions import rows
from hub.commissions.rules import earned, key_of, plan_on, to_take_back
from hub.spine.entries import Entry
from hub.spine.later import Leaving
from hub.spine.orders import Orders
from hub.spine.places import Places
from hub.spine.rows import orders
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.commissions import CommissionPlan, CommissionPlanMade
from protocol.events import OrderSold, ReturnCompleted
from protocol.later import HandoverUndone, OrderPlaced
from protocol.orders import LineKind

DUE: Final = "commissions"
"""In `results`: (person, minor) of what an event earned or took back, and where it is owed."""
OWED_AT: Final = "commissions_at"
_PLANS: Final = "commission_plans"


def on_plan_made(work: Work, applied: Applied) -> None:
    """Keep rates of a new version."""
    body: CommissionPlanMade = applied.body
    work.connection.execute(
        sa.insert(rows.commission_plans).values(
            version=body.version,
            from_day=body.from_day,
            body=CommissionPlan.model_validate(body.model_dump()).model_dump_json(),
            made_us=applied.at_us,
            made_by=applied.by,
        )
    )
    work.unit.memory.pop(_PLANS, None)


def on_order_sold(work: Work, applied: Applied) -> None:
    """Who sold it earns."""
    plan = _plan(work, applied)
    body: OrderSold = applied.body
    if plan is None or not applied.by:
        return
    steps = _Steps(work, applied, applied.edge, body.number)
    for line in body.lines:
        rate = plan.rate_of(line.sku, key_of(applied.edge, applied.by), applied.edge)
        minor = earned(line.gross_minor - line.tax_minor, rate)
        if minor and line.kind is not LineKind.SHIPPING:
            steps.earn(line.line_no, applied.by, line.gross_minor, minor)
    if applied.results.get("came_back"):
        _take_back(steps, work.room(Orders).get(body.order_id))
    steps.write()


def on_goods_left(work: Work, applied: Applied) -> None:
    """Goods of an order for later left: who took the order earns. Stands behind the ledger's own stage."""
    entry: Entry | None = applied.results["entry"]
    if entry is not None:
        _left(work, applied, entry, applied.results["left"]).write()


def on_order_placed(work: Work, applied: Applied) -> None:
    """Goods left before their order was heard of: it is earned now, and lost again as far as money went back.

    Stands behind the ledger's own stage, which has shared out what those goods were worth.
    """
    body: OrderPlaced = applied.body
    book = work.room(Orders)
    gone = [leaving for leaving in book.leavings(body.order_id) if leaving.units]
    entry = book.get(body.order_id)
    if entry is None or not gone:
        return
    steps = _left(work, applied, entry, gone)
    _take_back(steps, entry)
    steps.write()


def _left(work: Work, applied: Applied, entry: Entry, gone: Iterable[Leaving]) -> "_Steps":
    """Return what whoever took an order earns with goods of it that left."""
    taken_at = entry.later.location if entry.later is not None else HUB_EDGE
    steps = _Steps(work, applied, taken_at, applied.body.number)
    plan = _plan(work, applied)
    person = "" if plan is None or taken_at == HUB_EDGE else _taker(work, entry, applied.body.order_id)
    if plan is None or not person:
        return steps
    lines = {line.line_no: line for line in entry.record.lines}
    for leaving in gone:
        line = lines.get(leaving.line_no)
        if line is None or line.kind is LineKind.SHIPPING:
            continue
        rate = plan.rate_of(line.sku, key_of(taken_at, person), taken_at)
        minor = earned(leaving.gross_minor - leaving.tax_minor, rate)
        if minor:
            steps.earn(leaving.line_no, person, leaving.gross_minor, minor)
    return steps


def on_handover_undone(work: Work, applied: Applied) -> None:
    """A handover is taken back: nothing was earned with it."""
    body: HandoverUndone = applied.body
    entry: Entry | None = applied.results["entry"]
    back: Mapping[int, Leaving] = applied.results["back"]
    if _plan(work, applied) is None or entry is None or entry.later is None:
        return
    steps = _Steps(work, applied, entry.later.location, body.number)
    for line_no, leaving in back.items():
        steps.undo(line_no, leaving.gross_minor)
    steps.write()


def on_money_back(work: Work, applied: Applied) -> None:
    """Money of lines went back: so much of their commission is taken back."""
    body: ReturnCompleted = applied.body
    entry = work.room(Orders).get(body.order_id)
    if entry is None or _plan(work, applied) is None:
        return
    steps = _Steps(work, applied, "", body.number)
    _take_back(steps, entry)
    steps.write()


def _take_back(steps: "_Steps", entry: Entry | None) -> None:
    for line in entry.record.lines if entry is not None else ():
        steps.take_back(line.line_no, line.refunded_minor)


def _plan(work: Work, applied: Applied) -> CommissionPlan | None:
    """Return the rates of the day of an event; None where there never were any."""
    known: Sequence[CommissionPlan] | None = work.unit.memory.get(_PLANS)
    if known is None:
        known = work.unit.memory[_PLANS] = rows.plans(work.connection)
    if not known:
        return None
    day = getattr(applied.body, "business_date", "")
    return plan_on(known, day or work.room(Places).of(applied.edge).calendar_date(applied.at_us))


def _taker(work: Work, entry: Entry, order_id: str) -> str:
    if entry.sale is not None:
        return entry.sale.by
    found = work.connection.execute(sa.select(orders.c.by).where(orders.c.order_id == order_id)).scalar()
    return str(found or "")


class _Steps:
    """What one event does to the commissions of one order."""

    def __init__(self, work: Work, applied: Applied, location: str, number: str) -> None:
        self._work, self._applied = work, applied
        self._location, self._number = location, number
        self._order_id: str = applied.body.order_id
        self._lines = rows.lines_of(work.connection, self._order_id)
        self._moves: list[tuple[int, str, str, int]] = []

    def earn(self, line_no: int, by: str, gross: int, minor: int) -> None:
        """A line earned something for a person."""
        person = key_of(self._location, by)
        known = self._lines.get(line_no) or rows.Line(line_no, person, self._location, 0, 0, 0)
        self._change(known, known.gross_minor + gross, known.earned_minor + minor, known.back_minor)
        self._moves.append((line_no, known.person, known.location, minor))

    def undo(self, line_no: int, gross: int) -> None:
        """A part of a line earned nothing after all."""
        known = self._lines.get(line_no)
        if known is None:
            return
        minor = to_take_back(known.earned_minor, 0, known.gross_minor, gross)
        self._change(known, known.gross_minor - gross, known.earned_minor - minor, known.back_minor)
        self._moves.append((line_no, known.person, known.location, -minor))

    def take_back(self, line_no: int, refunded: int) -> None:
        """So much of a line's money has gone back by now."""
        known = self._lines.get(line_no)
        if known is None:
            return
        minor = to_take_back(known.earned_minor, known.back_minor, known.gross_minor, refunded)
        self._change(known, known.gross_minor, known.earned_minor, known.back_minor + minor)
        self._moves.append((line_no, known.person, known.location, -minor))

    def _change(self, known: rows.Line, gross: int, minor: int, back: int) -> None:
        self._lines[known.line_no] = rows.Line(
            known.line_no, known.person, known.location, gross, minor, back
        )

    def write(self) -> None:
        """Keep it, and leave what the ledger posts."""
        moved = [move for move in self._moves if move[3]]
        if not moved:
            return
        connection, applied = self._work.connection, self._applied
        for line_no in dict.fromkeys(line_no for line_no, *_rest in moved):
            rows.keep(connection, self._order_id, self._lines[line_no])
        day = getattr(applied.body, "business_date", "")
        connection.execute(
            sa.insert(rows.commission_moves),
            [
                {
                    "apply_order": applied.apply_order,
                    "n": n,
                    "person": person,
                    "location": location,
                    "order_id": self._order_id,
                    "number": self._number,
                    "line_no": line_no,
                    "amount_minor": minor,
                    "currency": getattr(applied.body, "currency", "") or self._work.terms.currency,
                    "business_date": day or self._work.room(Places).of(location).calendar_date(applied.at_us),
                }
                for n, (line_no, person, location, minor) in enumerate(moved, start=1)
            ],
        )
        sums: dict[str, int] = {}
        for _line_no, person, _location, minor in moved:
            sums[person] = sums.get(person, 0) + minor
        applied.results[DUE] = [(person, minor) for person, minor in sums.items() if minor]
        applied.results[OWED_AT] = moved[0][2]
