"""What people and clocks do about holds: put an order on hold, let it go on, reject it, let time decide.

Rejecting is a cancellation and nothing else: what nobody has is cancelled at once, a location that has goods
is asked for them, and money goes back by the product's own ways. Until a location has answered, the hold goes
on blocking there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from pydantic import BaseModel

from hub.capture import changes
from hub.capture import reads as captured
from hub.capture.changes import Cancellation
from hub.capture.steps import By
from hub.context import Hub
from hub.database import HubUnit
from hub.holds import placing, rows
from hub.holds.placing import Stop
from hub.holds.rows import HoldRow
from hub.holds.stages import overdue_card_of
from hub.once import once
from hub.spine.orders import Orders
from hub.spine.steps import raise_exception
from hub.spine.work import Work
from protocol.errors import IllegalTransition, Invalid, NotFound, NotPermitted, Refused
from protocol.holds import HoldState, HoldTold, OnExpiry, is_refused, may_decide
from protocol.kit.text import _

AT_ONCE: Final = 50
"""Holds that one round of the clock decides: it must not keep the writer for seconds."""
FARTHEST_US: Final = 90 * 24 * 3600 * 1_000_000
"""A hold that nobody decides in three months is no hold."""


class Decided(BaseModel):
    """What became of a hold. `requested` names locations that have goods and have not answered."""

    hold_id: str
    number: str
    state: str
    requested: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides about a hold."""

    hold_id: str
    note: str
    role: str
    by: By


def put_on_hold(hub: Hub, number: str, stop: Stop, wanted: BaseModel, by: By) -> Decided:
    """Stop an order because a person wants to look at it first.

    Raises:
        NotFound: the hub does not have the order.
        Refused: nothing of it is open any more, or it stands on hold too often.
        Invalid: its time is over before it begins, or too far away.
    """

    def do(work: Work) -> Decided:
        order_id = captured.order_id_of(work.connection, number)
        entry, _later = captured.need(work, order_id)
        _check_time(stop, work.clock.now_us())
        if not any(line.open > 0 for line in entry.record.lines):
            raise Refused(
                _("Nothing of {number} is open any more.", number=number),
                _("What has left can come back as a return."),
                code="nothing_open",
            )
        made = placing.place(work, order_id, entry.record.number, stop, by=by.name)
        if made is None:
            raise Refused(
                _("{number} stands on hold often enough.", number=number),
                _("Decide about the holds that it has."),
                code="too_many_holds",
            )
        return Decided(hold_id=made.hold_id, number=made.number, state=HoldState.OPEN.value)

    return _once(hub, number, wanted, by, do)


def release(hub: Hub, decision: Decision, wanted: BaseModel) -> Decided:
    """Let an order go on as far as one hold is concerned; what it blocked may be done from now on.

    Raises:
        NotFound: there is no such hold.
        NotPermitted: another role decides about it.
        IllegalTransition: it was decided already.
    """

    def do(work: Work) -> Decided:
        found = decidable(work, decision)
        placing.release(work, found.hold, note=decision.note, by=decision.by.name)
        return Decided(hold_id=decision.hold_id, number=found.hold.number, state=HoldState.RELEASED.value)

    return _once(hub, decision.hold_id, wanted, decision.by, do)


def reject(hub: Hub, decision: Decision, wanted: BaseModel) -> Decided:
    """Refuse an order for good: the rest of it is cancelled, and what was paid goes back.

    Raises:
        NotFound: there is no such hold.
        NotPermitted: another role decides about it.
        IllegalTransition: it was decided already.
        Refused: a location was asked for it before and has not answered.
    """

    def do(work: Work) -> Decided:
        found = decidable(work, decision)
        placing.reject(work, found.hold, note=decision.note, by=decision.by.name)
        waiting = _cancel_rest(work, found.hold, decision.note, decision.by.name)
        return Decided(
            hold_id=decision.hold_id,
            number=found.hold.number,
            state=HoldState.REJECTED.value,
            requested=tuple(waiting),
        )

    return _once(hub, decision.hold_id, wanted, decision.by, do)


def look_at_holds(hub: Hub) -> int:
    """Let come true what was said beforehand where nobody decided in time; return how many.

    A clock calls it.
    """
    with hub.database.read() as connection:
        late = rows.overdue(connection, hub.clock.now_us(), AT_ONCE)
    return sum(hub.database.write(partial(_lapse, hub, row.hold.hold_id)) for row in late)


def _lapse(hub: Hub, hold_id: str, unit: HubUnit) -> int:
    work = changes.begin(hub, unit)
    row = rows.find(unit.connection, hold_id)
    if row is None or not row.is_open:
        return 0
    if row.hold.then is OnExpiry.KEEP:
        _call_above(work, row)
    else:
        placing.lapse(work, row.hold)
        if row.hold.then is OnExpiry.REJECT:
            try:
                _cancel_rest(work, row.hold, _("Nobody released its hold in time"), "")
            except Refused:  # before anything was recorded: a location was asked for something already
                _call_above(work, row)
    hub.finish(work, "holds")
    return 1


def _call_above(work: Work, row: HoldRow) -> None:
    hold = row.hold
    raise_exception(
        work,
        kind="hold_overdue",
        subject=f"order:{hold.order_id}",
        title=f"Nobody decided about the hold of {hold.number} in time",
        facts={
            "number": hold.number,
            "hold": hold.kind.value,
            "reason": hold.reason,
            "until_us": hold.until_us,
            "asked": list(hold.may),
        },
        dedupe_key=overdue_card_of(hold.hold_id),
    )


def _cancel_rest(work: Work, hold: HoldTold, reason: str, by: str) -> Sequence[str]:
    """Cancel everything of an order that has not left; return the locations that were asked."""
    entry = work.room(Orders).need(hold.order_id)
    if entry is None or not any(line.open > 0 for line in entry.record.lines):
        return ()
    done = changes.cancel(work, hold.order_id, Cancellation(reason[:300], by, by_customer=False))
    return done.requested


def decidable(work: Work, decision: Decision) -> HoldRow:
    """Return a hold that somebody may decide about now.

    Raises:
        NotFound: there is no such hold.
        NotPermitted: another role decides about it.
        IllegalTransition: it was decided already.
    """
    row = rows.find(work.connection, decision.hold_id)
    if row is None:
        raise NotFound(_("There is no such hold."), _("Look the order up again."), code="no_hold")
    if not may_decide(row.hold.may, decision.role):
        raise NotPermitted(
            _("Another role decides about this hold."),
            _("Ask somebody of: {roles}.", roles=", ".join(row.hold.may)),
            code="not_your_hold",
            roles=list(row.hold.may),
        )
    if not row.is_open:
        how = _("rejected") if is_refused(row.hold) else _("released")
        raise IllegalTransition(
            _("This hold was {how} already.", how=how),
            _("Look the order up again; nothing was done."),
            code="hold_decided",
            state=row.hold.state.value,
        )
    return row


def _check_time(stop: Stop, now_us: int) -> None:
    if stop.until_us and not now_us < stop.until_us <= now_us + FARTHEST_US:
        raise Invalid(
            _("The hold is over before it begins, or in more than three months."),
            _("Choose a day that is still to come, within three months."),
            code="bad_until",
        )


def _once(hub: Hub, about: str, wanted: BaseModel, by: By, act: Callable[[Work], Decided]) -> Decided:
    def step(unit: HubUnit) -> Decided:
        def do() -> Decided:
            work = changes.begin(hub, unit)
            done = act(work)
            hub.finish(work, "holds")
            return done

        key = f"{by.name}/{about}/{by.key}" if by.key else ""
        return once(unit, hub, wanted, key, Decided, do)[0]

    return hub.database.write(step)
