"""Posting what happens to orders for later.

The money of an order stands on its record (`hub.spine.later`), because the next step of it depends on what
was held, earned and owed until then. A fact of the hub itself is posted where the order was taken, so that
what a store's entity holds is what it earns or owes; what another entity's store does for the order stands in
both books (`rules.abroad`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from hub.ledger import rules
from hub.ledger.between import stages as between
from hub.ledger.rules import Draft, abroad
from hub.ledger.rules import later as money
from hub.ledger.rules.abroad import Pair
from hub.ledger.rules.later import Held, LineMoney, Share, Step
from hub.ledger.stages import CURRENCY, Books
from hub.ledger.terms import tax_at_payment
from hub.spine.entries import Entry
from hub.spine.later import Later, Leaving
from hub.spine.later_rows import payments
from hub.spine.orders import Orders
from hub.spine.places import Place, Places
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol import later
from protocol.fold import OrderRecord

_ONLINE: Final = sa.select(
    sa.func.sum(
        sa.case((payments.c.direction == "in", payments.c.amount_minor), else_=-payments.c.amount_minor)
    )
).where(payments.c.order_id == sa.bindparam("of"), payments.c.via == "online")
"""What a payment service took and has not given back: of what is owed it goes back first."""
OWED_BACK: Final = "owed_minor"
"""In `results` of a cancellation: what it owes the customer back."""


def on_order_placed(work: Work, applied: Applied) -> None:
    """Nothing changes hands; but settle what happened to the order before it was heard of."""
    body: later.OrderPlaced = applied.body
    book = work.room(Orders)
    entry = book.get(body.order_id)
    earlier: Sequence[object] = applied.results.get("earlier", ())
    if earlier and entry is not None and entry.later is not None:
        _catch_up(work, applied, entry, entry.later, earlier)
    _stock(work, applied, "reserve", body.number)


def on_paid(work: Work, applied: Applied) -> None:
    """Money came in."""
    body: later.OrderPaid | later.OrderPaidOnline = applied.body
    entry = _entry(applied)
    if entry is None:
        _post(work, applied, None, money.paid(body, None, body.number))
    else:
        held = _held(entry, entry.record)
        _post(work, applied, entry, money.paid(body, held, body.number))
        _settled(work, entry, body.order_id, how="The customer has paid it again")


def on_lines_added(work: Work, applied: Applied) -> None:
    """More was ordered: it is paid first with what is owed to the customer and does not go back online."""
    entry = _entry(applied)
    if entry is None or entry.later is None or entry.later.owed_minor <= 0:
        return
    book = work.room(Orders)
    book.flush()
    online = work.connection.execute(_ONLINE, {"of": applied.body.order_id}).scalar() or 0
    spare = max(0, entry.later.owed_minor - max(0, int(online)))
    held = _held(entry, entry.record)
    _post(work, applied, entry, money.kept_for_more(spare, held, applied.body.number))


def on_refunded(work: Work, applied: Applied) -> None:
    """Money went back; what was not owed by then needs a person, until its cancellation is heard of."""
    body: later.OrderRefunded | later.OrderRefundedOnline = applied.body
    entry = _entry(applied)
    held = Held(0, 0, 0, 0) if entry is None else _held(entry, entry.record)
    _post(work, applied, entry, money.refunded(body, held, body.number))
    if entry is not None and entry.later is not None and entry.later.owed_minor < 0:
        raise_exception(
            work,
            kind="refund_not_owed",
            subject=f"order:{body.order_id}",
            title=f"More money of {body.number} went back than was owed",
            facts={
                "number": body.number,
                "location": applied.edge,
                "amount_minor": body.amount_minor,
                "too_much_minor": -entry.later.owed_minor,
            },
            dedupe_key=_not_owed(body.order_id),
        )


def on_goods_left(work: Work, applied: Applied) -> None:
    """Goods left: what was held for them is earned, and they cost what they cost."""
    body: later.AssignmentShipped | later.AssignmentHandedOver = applied.body
    entry = _entry(applied)
    left: Sequence[Leaving] = applied.results["left"]
    if entry is not None and entry.later is not None:
        before: OrderRecord = applied.results["before"]
        shares = _shares(entry.later, before, {leaving.line_no: leaving.units for leaving in left})
        for leaving in left:
            worth = shares.get(leaving.line_no)
            if worth is not None:
                leaving.gross_minor, leaving.tax_minor = worth.gross_minor, worth.tax_minor
        held = _held(entry, before)
        _settle(entry.later, shares.values(), 1)
        _post(work, applied, entry, money.fulfilled(tuple(shares.values()), held, body.number))
    _supply(work, applied, entry, body.number)


def on_handover_undone(work: Work, applied: Applied) -> None:
    """Take back exactly what a handover had earned and cost."""
    body: later.HandoverUndone = applied.body
    entry = _entry(applied)
    if entry is not None and entry.later is not None:
        back: Mapping[int, Leaving] = applied.results["back"]
        kinds = {line.line_no: line.kind for line in entry.record.lines}
        shares = tuple(
            Share(
                line_no,
                kinds[line_no],
                entry.later.rates.get(line_no, 0),
                leaving.gross_minor,
                leaving.tax_minor,
            )
            for line_no, leaving in back.items()
            if line_no in kinds
        )
        held = _held(entry, entry.record)
        _settle(entry.later, shares, -1)
        _post(work, applied, entry, money.undone(shares, held, body.number))
    drafts = money.goods_back(applied.results["moves"], body.number)
    here, seller = _places(work, applied, entry)
    if here.entity == seller.entity:
        work.room(Books).post(applied, here, drafts, body.order_id)
        return
    pair = Pair(here.entity, seller.entity)
    charge = between.take_back(work, applied, pair, applied.results["moves"], always=True)
    assert charge is not None  # it always charges
    _post_both(work, applied, (here, seller), abroad.supply_returned(drafts, pair, charge, purpose="cogs"))


def on_order_cancelled(work: Work, applied: Applied) -> None:
    """Units will never leave: what was paid for them is owed back."""
    body: later.OrderCancelled = applied.body
    entry = _entry(applied)
    applied.results[OWED_BACK] = 0
    if entry is None or entry.later is None:
        return
    before: OrderRecord = applied.results["before"]
    units: dict[int, int] = {}
    for line in body.lines:
        units[line.line_no] = units.get(line.line_no, 0) + line.quantity
    shares = _shares(entry.later, before, units)
    held = _held(entry, before)
    _settle(entry.later, shares.values(), 1)
    step, back = money.cancelled(tuple(shares.values()), held, body.number)
    _post(work, applied, entry, step)
    # What a till gave back before is not given back once more.
    applied.results[OWED_BACK] = min(back, max(0, entry.later.owed_minor))
    _settled(work, entry, body.order_id, how="Its cancellation has arrived")


def _settled(work: Work, entry: Entry, order_id: str, *, how: str) -> None:
    """Take the card off the desk once no more has gone back than is owed."""
    if entry.later is not None and entry.later.owed_minor >= 0:
        close_exception(work, _not_owed(order_id), how=how)


def on_assignment_picked(work: Work, applied: Applied) -> None:
    """What was short leaves the books as its reason says."""
    _stock(work, applied, "pick", applied.body.number)


def on_assignment_given_up(work: Work, applied: Applied) -> None:
    """Goods go back to the shelf at their value."""
    _stock(work, applied, "put_back", applied.body.number)


def _catch_up(work: Work, applied: Applied, entry: Entry, beside: Later, earlier: Sequence[object]) -> None:
    """Settle payments, handovers and cancellations that came before their order did."""
    book, record = work.room(Orders), entry.record
    for body in earlier:
        if isinstance(body, later.OrderPaid | later.OrderPaidOnline):
            beside.deposits_minor += body.amount_minor
        elif isinstance(body, later.OrderRefunded | later.OrderRefundedOnline):
            beside.owed_minor -= body.amount_minor
    nothing = {line.line_no: _line(beside, record, line.line_no, 0) for line in record.lines}
    held = _held(entry, record)
    left = {line.line_no: money.share(nothing[line.line_no], line.fulfilled) for line in record.lines}
    _settle(beside, left.values(), 1)
    dropped = [
        money.share(_line(beside, record, line.line_no, line.fulfilled), line.cancelled)
        for line in record.lines
    ]
    _settle(beside, dropped, 1)
    leavings = book.leavings(record.order_id)
    _share_out(leavings, left)
    first = leavings[0].leaving_id if leavings else ""
    known = {leaving.line_no for leaving in leavings}
    for line in record.lines:
        if first and line.fulfilled and line.line_no not in known:
            worth = left[line.line_no]
            leavings.append(
                Leaving(first, line.line_no, line.fulfilled, 0, worth.gross_minor, worth.tax_minor)
            )
    for leaving in leavings:
        book.left(record.order_id, leaving)
    step = money.arrived(tuple(left.values()), dropped, held, applied.body.number)
    _post(work, applied, entry, step)


def _share_out(leavings: Sequence[Leaving], left: Mapping[int, Share]) -> None:
    """Give each piece that left its part of what its line has earned; the last takes what is left."""
    for line_no, worth in left.items():
        pieces = [leaving for leaving in leavings if leaving.line_no == line_no and leaving.units]
        units = sum(piece.units for piece in pieces)
        whole = Leaving("", line_no, units, 0, worth.gross_minor, worth.tax_minor)
        for piece in pieces:
            part = whole.take_back(piece.units)
            piece.gross_minor, piece.tax_minor = part.gross_minor, part.tax_minor


def _entry(applied: Applied) -> Entry | None:
    found: Entry | None = applied.results["entry"]
    return found


def _held(entry: Entry, record: OrderRecord) -> Held:
    """Return the money of an order as it stands before the step at hand is settled."""
    beside = entry.later
    assert beside is not None
    return Held(beside.deposits_minor, beside.receivable_minor, beside.owed_minor, beside.worth_minor(record))


def _line(beside: Later, record: OrderRecord, line_no: int, settled_units: int) -> LineMoney:
    line = next(each for each in record.lines if each.line_no == line_no)
    settled = beside.lines[line_no]
    return LineMoney(
        line_no,
        line.kind,
        beside.rates.get(line_no, 0),
        line.ordered,
        line.gross_minor,
        line.tax_minor,
        settled.gross_minor,
        settled.tax_minor,
        settled_units,
    )


def _shares(beside: Later, before: OrderRecord, units: Mapping[int, int]) -> dict[int, Share]:
    """Return what a step is worth, line by line; a line that the order never had is worth nothing."""
    return {
        line.line_no: money.share(_line(beside, before, line.line_no, line.settled), units[line.line_no])
        for line in before.lines
        if line.line_no in units
    }


def _settle(beside: Later, shares: Iterable[Share], sign: int) -> None:
    for each in shares:
        settled = beside.lines[each.line_no]
        settled.gross_minor += sign * each.gross_minor
        settled.tax_minor += sign * each.tax_minor


def _post(work: Work, applied: Applied, entry: Entry | None, step: Step) -> None:
    """Post a step and keep the money of the order as it leaves it."""
    if entry is not None and entry.later is not None:
        beside = entry.later
        beside.deposits_minor = step.held.deposits_minor
        beside.receivable_minor = step.held.receivable_minor
        beside.owed_minor = step.held.owed_minor
        work.room(Orders).touch(entry)
        applied.results[CURRENCY] = beside.currency
    here, seller = _places(work, applied, entry)
    drafts = (*step.drafts, *_tax_on_deposits(work, applied, entry, seller.entity))
    if here.entity == seller.entity:
        work.room(Books).post(applied, here, drafts, applied.body.order_id)
    else:
        _post_both(work, applied, (here, seller), abroad.money(drafts, Pair(here.entity, seller.entity)))


def _tax_on_deposits(work: Work, applied: Applied, entry: Entry | None, entity: str) -> Sequence[Draft]:
    """Return what makes the tax in an order's deposits due, or due no more, as its entity has it."""
    if entry is None or entry.later is None:
        return ()
    beside, name = entry.later, f"tax_at_payment:{entity}"
    if name not in work.unit.memory:
        work.unit.memory[name] = tax_at_payment(work.connection, entity)
    before, after = beside.deposit_taxes, dict[int, int]()
    if work.unit.memory[name]:
        after = money.deposit_taxes(beside.open_taxes(entry.record), _held(entry, entry.record))
    beside.deposit_taxes = after
    return money.tax_on_deposits(before, after, applied.body.number)


def _post_both(work: Work, applied: Applied, places: tuple[Place, Place], both: abroad.Both) -> None:
    """Post what one fact does in the books of two entities, on one day."""
    here, seller = places
    books, order_id = work.room(Books), applied.body.order_id
    books.post(applied, here, both.here, order_id, beside=(seller.entity,))
    books.post(applied, seller, both.seller, order_id, beside=(here.entity,))


def _supply(work: Work, applied: Applied, entry: Entry | None, memo: str) -> None:
    """Post what goods cost that left; another entity buys them from the one whose they were."""
    here, seller = _places(work, applied, entry)
    if here.entity == seller.entity:
        _stock(work, applied, "fulfil_cost", memo)
        return
    pair = Pair(here.entity, seller.entity)
    both = between.supply(work, applied, pair, applied.results["moves"], memo)
    _post_both(work, applied, (here, seller), both)


def _places(work: Work, applied: Applied, entry: Entry | None) -> tuple[Place, Place]:
    """Return where a fact happened, and where the order was taken, whose entity earns its money."""
    places = work.room(Places)
    seller = places.of(entry.later.location if entry is not None and entry.later else applied.edge)
    return (seller if applied.edge == HUB_EDGE else places.of(applied.edge)), seller


def _stock(work: Work, applied: Applied, rule: str, memo: str) -> None:
    """Post what the movements of an event are worth."""
    drafts = rules.cost_of(rule, applied.results["moves"], memo)
    work.room(Books).post(applied, work.room(Places).of(applied.edge), drafts, applied.body.order_id)


def _not_owed(order_id: str) -> str:
    return f"not_owed:{order_id}"
