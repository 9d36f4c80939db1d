"""Which open promises a location cannot keep when it says that promised units are missing, and who is called.

Rule 6 of `protocol.rights`: `need = d - (R - R seen) - cancels pending`. Free rights went back before this
(`hub.stock.deficits`). What is needed beyond that is one card for each item and location, with what is to be
sent to another location for no order, and the promises to customers in the order of least harm. Ops chooses,
and every choice is a step that exists already. A vector that is repeated finds its rights returned and its
cancellations pending, so it chooses nobody twice.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.fulfil.harm import Promised, Sending, give_way, least_harm, pending, victims
from hub.fulfil.rows import assignment_lines, assignments
from hub.fulfil.rules import OPEN
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import Work
from hub.stock import allocations
from hub.stock.deficits import need, right_of
from hub.transfers.rows import transfer_lines, transfers
from protocol.fulfilment import PromiseClass
from protocol.lifecycles import AssignmentState
from protocol.transfers import RIGHTS_OWNER

KIND: Final = "stock_deficit"
SHOWN: Final = 20
_BEFORE_LEAVING: Final = ("requested", "accepted", "picked", "packed")
_ANY: Final = transfer_lines.alias("any_line")
_OPEN_UNITS: Final = (
    assignment_lines.c.quantity
    - assignment_lines.c.short
    - assignment_lines.c.fulfilled
    - assignment_lines.c.given_up
)
_PROMISED: Final = Lookup(
    sa.select(
        assignments.c.assignment_id,
        assignments.c.order_id,
        assignments.c.number,
        sa.func.sum(_OPEN_UNITS).label("units"),
        sa.func.sum(assignment_lines.c.picked - assignment_lines.c.fulfilled).label("picked"),
        assignments.c.state,
        assignments.c.promise_class,
        assignments.c.due_us,
        assignments.c.own,
        assignments.c.cancel_asked,
    )
    .join(assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id)
    .where(
        assignments.c.location == sa.bindparam("at"),
        assignments.c.state.in_(sorted(state.value for state in {*OPEN, AssignmentState.WRITTEN_OFF})),
        assignment_lines.c.sku == sa.bindparam("of"),
        _OPEN_UNITS > 0,
    )
    .group_by(*(assignments.c[name] for name in (
        "assignment_id", "order_id", "number", "state", "promise_class", "due_us", "own", "cancel_asked",
    )))
)  # fmt: skip


_SENDINGS: Final = Lookup(
    sa.select(
        transfers.c.transfer_id,
        transfers.c.number,
        transfers.c.destination,
        transfers.c.cancel_asked,
        transfers.c.accepted_us,
        *(sa.func.sum(transfer_lines.c[name]).label(name) for name in (
            "accepted", "picked", "short", "shipped",
        )),
    )
    .join(transfer_lines, transfer_lines.c.transfer_id == transfers.c.transfer_id)
    .where(
        transfers.c.source == sa.bindparam("at"),
        transfers.c.ended_us.is_(None),
        transfers.c.send_state.in_(_BEFORE_LEAVING),
        transfer_lines.c.sku == sa.bindparam("of"),
        # What is brought for a customer's order is a promise like any other.
        ~sa.exists(sa.select(_ANY.c.line_no).where(
            _ANY.c.transfer_id == transfers.c.transfer_id, _ANY.c.order_id != "",
        )),
    )
    .group_by(*(transfers.c[name] for name in (
        "transfer_id", "number", "destination", "cancel_asked", "accepted_us",
    )))
    .order_by(transfers.c.transfer_id)
)  # fmt: skip


def settle(work: Work, location: str, sku: str) -> None:
    """Put what is still missing onto the desk, or take it off when nothing is."""
    row = right_of(work.connection, location, sku)
    if row is None:
        return
    promised = promises(work.connection, location, sku)
    sent = sendings(work.connection, location, sku)
    missing = need(row, pending([*promised, *sent]))
    if missing:
        _raise(work, location, sku, missing, (promised, sent))
    elif not row.deficit:
        close_exception(work, key(location, sku), how="Enough is there again.")


def still_missing(connection: Connection, location: str, sku: str) -> int:
    """Return how many promised units are missing now, without what went back since or is being given up."""
    row = right_of(connection, location, sku)
    if row is None:
        return 0
    given_up = pending(promises(connection, location, sku)) + pending(sendings(connection, location, sku))
    return need(row, given_up)


def promises(connection: Connection, location: str, sku: str) -> list[Promised]:
    """Return the open promises of an item at a location, those that do the least harm first."""
    rows = _PROMISED.all(connection, at=location, of=sku)
    return least_harm(
        Promised(
            assignment_id=row.assignment_id,
            order_id=row.order_id,
            number=row.number,
            units=int(row.units),
            picked=int(row.picked),
            state=AssignmentState(row.state),
            promise_class=PromiseClass(row.promise_class or PromiseClass.STANDARD),
            due_us=row.due_us,
            own=bool(row.own),
            asked=bool(row.cancel_asked),
        )
        for row in rows
    )


def sendings(connection: Connection, location: str, sku: str) -> list[Sending]:
    """Return what a location is to send of an item for no order, and has not sent yet."""
    found = []
    for row in _SENDINGS.all(connection, at=location, of=sku):
        units = int(row.accepted - row.short - row.shipped)
        if not row.accepted_us:  # nothing is set aside yet but the hub's own rights
            rights = allocations.of_owner(connection, f"{RIGHTS_OWNER}{row.transfer_id}")
            units = sum(right.open for right in rights if right.sku == sku)
        if units > 0:
            said = row.transfer_id, row.number, row.destination
            found.append(Sending(*said, units, row.picked > 0, bool(row.cancel_asked)))
    return found


def key(location: str, sku: str) -> str:
    """Return the key of the card: the names may be longer together than a key."""
    return "deficit:" + hashlib.sha256(f"{location}|{sku}".encode()).hexdigest()[:32]


def _raise(
    work: Work, location: str, sku: str, missing: int, bound: tuple[Sequence[Promised], Sequence[Sending]]
) -> None:
    promised, sent = bound
    unsent = give_way(sent, missing)
    first = victims(promised, missing - sum(one.units for one in unsent))
    raise_exception(
        work,
        kind=KIND,
        subject=f"sku:{sku}",
        title=f"{location} misses promised units of {sku}, {missing} at first",
        facts={
            "location": location,
            "sku": sku,
            "missing": missing,
            "promised": sum(one.units for one in promised),
            "transfers": [one.number for one in unsent[:SHOWN]],
            "numbers": [one.number for one in first[:SHOWN]],
            "first_due_us": min((one.due_us for one in promised if one.due_us), default=None),
        },
        dedupe_key=key(location, sku),
    )
