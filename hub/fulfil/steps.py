"""Looking at the clocks: what is late or will be, who is silent, what nobody collected.

One round compares what ought to be on the desk with what is there: a card is raised once, and closes itself
when its cause is gone. Nothing is concluded from silence. Only what never left the hub goes to another
location by itself, because that alone is certain; the rest is for a person, who is told what it may cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit, Lookup
from hub.fulfil import offers, reads, rules
from hub.fulfil.raising import LATE, NEED, NO_SHOW, RISK, SILENT
from hub.fulfil.room import Assignments
from hub.fulfil.rules import Clock
from hub.fulfil.silence import is_expected, silent
from hub.route.deciding import could
from hub.route.moving import elsewhere
from hub.route.rules.choice import Answer
from hub.spine.later_rows import later_orders
from hub.spine.log import open_with
from hub.spine.rows import orders
from hub.spine.steps import close_exception, raise_exception, record
from hub.spine.work import Work
from protocol.clock import MICROSECONDS
from protocol.later import AssignmentWithdrawn
from protocol.lifecycles import AssignmentState, OrderState

MINUTE_US: Final = 60 * MICROSECONDS
LISTED: Final = 20
PREFIXES: Final = (LATE, NEED, RISK, SILENT, NO_SHOW)
"""What the keys of the clocks' own cards begin with; they open and close no other."""
_NOBODYS: Final = Lookup(
    sa.select(orders.c.order_id, orders.c.number, later_orders.c.due_us)
    .join(orders, orders.c.order_id == later_orders.c.order_id)
    .where(
        later_orders.c.due_us < sa.bindparam("now_us"),
        orders.c.state.in_((OrderState.CAPTURED.value, OrderState.HELD.value)),
    )
    .order_by(later_orders.c.due_us)
)
_OPEN_KEYS: Final = open_with(PREFIXES)


@dataclass(frozen=True, slots=True)
class Card:
    """A card that ought to be on the desk now."""

    kind: str
    subject: str
    title: str
    facts: Mapping[str, Any]
    owner_role: str = ""
    """Where the room knows better than its kind: a start that runs out is no longer for the store alone."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one round did."""

    raised: int
    closed: int
    taken_back: int


def look_at_clocks(hub: Hub) -> Looked:
    """Look at every open promise once."""
    now_us, work_us = hub.clock.now_us(), hub.settings.ready_minutes * MINUTE_US
    with hub.database.read() as connection:
        rows = reads.open_rows(connection)
        quiet = silent(connection, rows, now_us)
        wanted = {
            **_of_assignments(rows, quiet, now_us, work_us),
            **_of_stores(rows, quiet, now_us),
            **_of_nobody(connection, now_us),
        }
        there = set(_OPEN_KEYS.scalars(connection))
    taken_back = _take_back(hub, rows, now_us, work_us)
    fresh = {key: card for key, card in wanted.items() if key not in there}
    gone = there - wanted.keys()
    if fresh or gone:
        hub.database.write(partial(_settle, hub, fresh, gone))
    return Looked(len(fresh), len(gone), taken_back)


def _settle(hub: Hub, fresh: Mapping[str, Card], gone: Iterable[str], unit: HubUnit) -> None:
    work = hub.spine.work(unit)
    for key, card in sorted(fresh.items()):
        instead = _instead(work, card) if key.startswith(f"{NEED}:") else {}
        raise_exception(
            work,
            kind=card.kind,
            subject=card.subject,
            title=card.title,
            facts={**card.facts, **instead},
            owner_role=card.owner_role,
            dedupe_key=key,
        )
    for key in sorted(gone):
        close_exception(work, key, how="Its cause is gone")
    hub.finish(work)


def _instead(work: Work, card: Card) -> dict[str, Any]:
    """Return who could fulfil it instead and at what price, for whoever decides between two risks."""
    order_id = card.subject.removeprefix("order:")
    found = elsewhere(work, order_id, str(card.facts["assignment_id"]))
    if found is None:
        return {"choices": "Nobody else could keep the promise now; call the store, or promise another day."}
    return {
        "could": [could(Answer(found.sent, found.objective))],
        "choices": "Call the store, or have it fulfilled elsewhere: then it may be fulfilled twice, because "
        "the store may have it and go on.",
    }


def clock_of(row: sa.Row[Any]) -> Clock:
    """Return one assignment as the rules of the clocks see it."""
    return Clock(
        state=AssignmentState(row.state),
        due_us=row.due_us,
        created_us=row.created_us,
        keep_until_us=row.keep_until_us,
        kind=row.kind,
        sent=bool(row.own) or row.sent_us is not None,
    )


def _of_assignments(
    rows: Sequence[sa.Row[Any]], quiet: Mapping[str, int], now_us: int, work_us: int
) -> dict[str, Card]:
    """Return a card for each part in danger, but for what a silent store was told: that has one for all."""
    found: dict[str, Card] = {}
    for row in rows:
        if row.location in quiet and is_expected(row):
            continue
        clock = clock_of(row)
        facts = {
            "number": row.number,
            "location": row.location,
            "assignment_id": row.assignment_id,
            "state": row.state,
            "due_us": row.due_us,
            "store_silent": row.location in quiet,
        }
        subject = f"order:{row.order_id}"
        if rules.is_late(clock, now_us):
            title = f"{row.number} is late at {row.location}"
            found[f"{LATE}:{row.assignment_id}"] = Card("promise_late", subject, title, facts)
        elif not row.own and rules.is_in_need(clock, now_us, work_us):
            start = {"start_by_us": rules.latest_start_us(clock, work_us)}
            title = f"{row.number} has not begun at {row.location}, and the time runs out"
            card = Card("promise_at_risk", subject, title, {**facts, **start}, "ops")
            found[f"{NEED}:{row.assignment_id}"] = card
        elif rules.is_at_risk(clock, now_us, work_us):
            start = {"start_by_us": rules.latest_start_us(clock, work_us)}
            title = f"{row.number} will be late unless {row.location} begins"
            card = Card("promise_at_risk", subject, title, {**facts, **start})
            found[f"{RISK}:{row.assignment_id}"] = card
        if rules.is_no_show(clock, now_us):
            kept = {"keep_until_us": row.keep_until_us}
            title = f"Nobody has collected {row.number} at {row.location}"
            card = Card("no_show", subject, title, {**facts, **kept})
            found[f"{NO_SHOW}:{row.assignment_id}"] = card
    return found


def _of_stores(rows: Sequence[sa.Row[Any]], quiet: Mapping[str, int], now_us: int) -> dict[str, Card]:
    """One card for each silent store, however many orders it holds and however late they are."""
    found: dict[str, Card] = {}
    for location, minutes in quiet.items():
        held = [row for row in rows if row.location == location and is_expected(row)]
        found[f"{SILENT}:{location}"] = Card(
            "store_silent",
            f"edge:{location}",
            f"{location} is silent and holds {_not_ready(len(held))}",
            {
                "location": location,
                "orders": len(held),
                "numbers": [row.number for row in held[:LISTED]],
                "first_due_us": min(row.due_us for row in held),
                "late_orders": sum(row.due_us < now_us for row in held),
                "silent_minutes": minutes,
                "choices": "Wait for the store, or call it. It can be asked to give them back: they go "
                "elsewhere once it is heard and has answered, so none is fulfilled twice. If that cannot be "
                "waited for, go on without it, order by order: such an order may be fulfilled twice.",
            },
        )
    return found


def _not_ready(count: int) -> str:
    return "1 order that is not ready" if count == 1 else f"{count} orders that are not ready"


def _of_nobody(connection: Connection, now_us: int) -> dict[str, Card]:
    """Return a card for every order that is due and that no location has."""
    return {
        f"{LATE}:{row.order_id}": Card(
            "promise_late",
            f"order:{row.order_id}",
            f"{row.number} is late and nobody fulfils it",
            {"number": row.number, "due_us": row.due_us},
        )
        for row in _NOBODYS.all(connection, now_us=now_us)
    }


def _take_back(hub: Hub, rows: Sequence[sa.Row[Any]], now_us: int, work_us: int) -> int:
    """Take back what no location has heard of while there is time; it is routed anew by itself."""
    ids = [row.assignment_id for row in rows if rules.should_take_back(clock_of(row), now_us, work_us)]
    return sum([hub.database.write(partial(_withdrawn, hub, assignment_id)) for assignment_id in ids])


def _withdrawn(hub: Hub, assignment_id: str, unit: HubUnit) -> bool:
    work = hub.spine.work(unit)
    assignment = work.room(Assignments).get(assignment_id)
    if assignment is None or assignment.state is not AssignmentState.PROPOSED:
        return False
    if elsewhere(work, assignment.order_id, assignment_id) is None:
        return False  # nobody else could keep the promise, and whoever has it may still hear of it
    if not offers.withdraw(work, assignment):
        return False
    body = AssignmentWithdrawn(
        assignment_id=assignment.assignment_id,
        order_id=assignment.order_id,
        number=assignment.number,
        location=assignment.location,
        reason=f"{assignment.location} had not heard of it and the promise was in danger",
    )
    record(work, body, results={"exclude": True})
    hub.finish(work)
    return True
