"""Stopping an order and deciding about a stop, in the caller's unit of work: facts of the hub, nothing more.

Who may is asked by the steps, what follows is done by the stages. So a check, a clock and a person place and
end holds alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hub.holds.rows import now_on
from hub.spine.steps import record
from hub.spine.work import Work
from protocol.holds import (
    HOLDS_PER_ORDER,
    REASON,
    Blocked,
    HoldKind,
    HoldLapsed,
    HoldPlaced,
    HoldRejected,
    HoldReleased,
    HoldState,
    HoldTold,
    OnExpiry,
)
from protocol.people import HubRole

GOODS: Final = (Blocked.PICK, Blocked.HANDOVER, Blocked.SHIP)
"""What a stop blocks that says nothing else: goods stay where they are, and set aside."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an order is to be stopped, and how."""

    kind: HoldKind
    reason: str
    blocks: tuple[Blocked, ...] = GOODS
    may: tuple[str, ...] = (HubRole.OPS.value,)
    until_us: int = 0
    then: OnExpiry = OnExpiry.KEEP
    code: str = ""
    rule: str = ""
    rules_version: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


def place(work: Work, order_id: str, number: str, stop: Stop, *, by: str = "") -> HoldPlaced | None:
    """Record a hold; None where the same check holds the order already, or too many do."""
    open_ = [each for each in now_on(work, order_id) if each.state is HoldState.OPEN]
    known = stop.rule and any((each.kind, each.code) == (stop.kind, stop.code) for each in open_)
    if known or len(open_) >= HOLDS_PER_ORDER:
        return None
    body = HoldPlaced(
        hold_id=work.ids.new_id(),
        order_id=order_id,
        number=number,
        kind=stop.kind,
        reason=stop.reason[:REASON],
        code=stop.code,
        blocks=stop.blocks,
        may=stop.may,
        until_us=stop.until_us,
        then=stop.then,
        rule=stop.rule,
        rules_version=stop.rules_version,
        facts=stop.facts,
    )
    record(work, body, by=by)
    return body


def release(work: Work, hold: HoldTold, *, note: str = "", by: str = "") -> None:
    """Let an order go on as far as one hold is concerned."""
    said = {"hold_id": hold.hold_id, "order_id": hold.order_id, "number": hold.number}
    record(work, HoldReleased.model_validate({**said, "note": note[:REASON]}), by=by)


def reject(work: Work, hold: HoldTold, *, note: str, by: str) -> None:
    """Record that an order may not go on; whoever calls this cancels what is open of it."""
    said = {"hold_id": hold.hold_id, "order_id": hold.order_id, "number": hold.number}
    record(work, HoldRejected.model_validate({**said, "note": note[:REASON]}), by=by)


def lapse(work: Work, hold: HoldTold) -> None:
    """Record that nobody has decided in time."""
    said = {"hold_id": hold.hold_id, "order_id": hold.order_id, "number": hold.number}
    record(work, HoldLapsed.model_validate({**said, "then": hold.then}))


def release_all(work: Work, order_id: str, *, why: str, kind: HoldKind | None = None, but: str = "") -> int:
    """Release what stops an order because its cause is gone; return how many there were.

    `but`: the code of holds that stay, for their cause is not gone.
    """
    gone = [
        each
        for each in now_on(work, order_id)
        if each.state is HoldState.OPEN and kind in (None, each.kind) and not (but and each.code == but)
    ]
    for each in gone:
        release(work, each, note=why)
    return len(gone)


def release_same(work: Work, placed: HoldPlaced, *, why: str) -> None:
    """Release what a check of the hub holds an order for, where another one blocks as much for the same."""
    for each in now_on(work, placed.order_id):
        same = (each.kind, each.code) == (placed.kind, placed.code) and each.hold_id != placed.hold_id
        weaker = set(each.blocks) <= set(placed.blocks)
        if same and weaker and each.code and each.state is HoldState.OPEN:
            release(work, each, note=why)
