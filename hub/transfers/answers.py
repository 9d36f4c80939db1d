"""What a store's answer to a directive about a transfer means; in the transaction that keeps the answer.

"Applied" to a request says only that it lies in an inbox: the store's own events tell what it does. What
counts here is a refusal of a request, that a destination knows what is coming, and that a cancellation came
too late.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.spine.steps import record
from hub.transfers.room import Transfers, named
from protocol.directives import DirectiveOutcome, Outcome
from protocol.transfer_desk import About, TransferAnswered

_ABOUT: Final[Mapping[str, About]] = {
    "transfer.request": About.REQUEST,
    "transfer.cancel": About.CANCEL,
    "transfer.expect": About.EXPECT,
}
_DONE: Final = frozenset({Outcome.APPLIED, Outcome.DUPLICATE})

Heard = Callable[[HubUnit, str, sa.Row[Any], DirectiveOutcome], bool]


def answers_of(hub: Hub) -> Heard:
    """Return what listens to answers; it takes care of those about transfers."""

    def heard(unit: HubUnit, edge: str, row: sa.Row[Any], outcome: DirectiveOutcome) -> bool:
        about = _ABOUT.get(row.kind)
        if about is None or row.state == "withdrawn":
            return False
        if outcome.res in _DONE and about is not About.EXPECT:
            return True
        return _answered(hub, unit, edge, row, outcome, about)

    return heard


def _answered(  # noqa: PLR0917 - what `heard` was told, and what it is about
    hub: Hub, unit: HubUnit, edge: str, row: sa.Row[Any], outcome: DirectiveOutcome, about: About
) -> bool:
    said = json.loads(row.bytes)["body"]
    work = hub.spine.work(unit)
    transfer = work.room(Transfers).get(said["transfer_id"])
    if transfer is None:
        return True  # it belongs to a log that was lost
    if about is About.EXPECT and outcome.res in _DONE and transfer.acknowledged_us is not None:
        return True
    body = TransferAnswered(
        **named(transfer),
        about=about,
        location=edge,
        outcome=outcome.res.value,
        code=outcome.code,
        detail=outcome.detail[:300],
    )
    record(work, body)
    hub.finish(work)
    # A refused announcement is nobody's business but a person's: the desk raises it.
    return about is not About.EXPECT or outcome.res in _DONE
