"""What is so at a moment of a unit of work, as far as a choice may touch it; and what was added since a mark.

What a choice touches is read off what it did: the records that its events name, the units that it moved, the
locations that hold parts of them. Only those are looked at, before and after, so this costs the same with ten
million orders.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.channels.rows import channel_endpoints
from hub.database import Lookup
from hub.desk.consequences import CardSaid, Facet, Key, Posted, State
from hub.exceptions.rows import exceptions
from hub.fulfil.reads import STATE
from hub.fulfil.rows import assignment_lines, assignments
from hub.fulfil.rules import OPEN
from hub.ledger.rows import accounts, entries, journals
from hub.notify.rows import notice_hooks, notices
from hub.payments.rows import gateway_commands
from hub.route.reads import late_decisions
from hub.spine.bulk import Select, SelectPairs
from hub.spine.later_rows import later_orders
from hub.spine.rows import APPLY_ORDER, counters, events, order_lines, orders, parked
from hub.spine.work import HUB_EDGE
from hub.stock.rows import FREE_UNITS, PROMISED_UNITS, atp_changed, balances, hub_rights, stock_movements
from hub.transfers.rows import transfer_lines, transfers
from protocol.envelope import decode_event, read_body
from protocol.events import ExceptionClosed, ExceptionRaised, subjects_of
from protocol.fulfilment import FulfilKind, Promise
from protocol.later import OrderRouted
from protocol.lifecycles import AssignmentState
from protocol.orders import WireModel

_TOUCHED: Final = 200
"""Records of a kind that are looked at: a choice for a thousand orders shows the first of them."""

_OPEN_UNITS: Final = assignment_lines.c.quantity - assignment_lines.c.short - assignment_lines.c.given_up
_OPEN: Final = frozenset(state.value for state in OPEN)
_MARK: Final = Lookup(sa.select(counters.c.value).where(counters.c.name == APPLY_ORDER))
_SAID: Final = Lookup(
    sa.select(events.c.bytes)
    .where(events.c.apply_order > sa.bindparam("since"))
    .order_by(events.c.apply_order)
)
_MOVED: Final = Lookup(
    sa.select(stock_movements.c.location, stock_movements.c.sku)
    .where(stock_movements.c.apply_order > sa.bindparam("since"))
    .distinct()
)
_FULFILLED: Final = Select(
    sa.select(assignments.c.location, assignment_lines.c.sku)
    .join(assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id)
    .distinct(),
    assignments.c.order_id,
)
_CARRIED: Final = Select(
    sa.select(transfers.c.source, transfers.c.destination, transfer_lines.c.sku).join(
        transfer_lines, transfer_lines.c.transfer_id == transfers.c.transfer_id
    ),
    transfers.c.transfer_id,
)
_TRANSFERS: Final = Select(
    sa.select(transfers.c.number, transfers.c.send_state, transfers.c.receive_state), transfers.c.transfer_id
)
_PARKED: Final = Select(sa.select(parked.c.edge, parked.c.seq, parked.c.state), parked.c.edge)
_CHANNELS: Final = Select(
    sa.select(channel_endpoints.c.channel, channel_endpoints.c.state), channel_endpoints.c.endpoint_id
)
_PROMISED: Final = Select(
    sa.select(
        orders.c.number,
        later_orders.c.due_us,
        later_orders.c.promise,
        later_orders.c.deposits_minor,
        later_orders.c.owed_minor,
    ).join(later_orders, later_orders.c.order_id == orders.c.order_id),
    orders.c.order_id,
)
_LINES: Final = Select(
    sa.select(
        orders.c.number,
        order_lines.c.line_no,
        order_lines.c.sku,
        order_lines.c.quantity,
        order_lines.c.cancelled,
    ).join(order_lines, order_lines.c.order_id == orders.c.order_id),
    orders.c.order_id,
)
_PARTS: Final = Select(
    sa.select(
        assignments.c.number,
        assignments.c.location,
        assignments.c.attempt,
        STATE.label("state"),
        assignments.c.cancel_asked,
        sa.func.sum(_OPEN_UNITS).label("units"),
        sa.func.sum(assignment_lines.c.fulfilled).label("fulfilled"),
    )
    .join(assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id)
    .group_by(*(assignments.c[name] for name in (
        "assignment_id", "number", "location", "attempt", "state", "cancel_asked",
    ))),
    assignments.c.order_id,
)  # fmt: skip
_WAY: Final = sa.func.coalesce(notice_hooks.c.name, notices.c.way)
_NOTICES: Final = Select(
    sa.select(
        notices.c.number, notices.c.kind, _WAY.label("way"), notices.c.state, sa.func.count().label("times")
    )
    .join(notice_hooks, notice_hooks.c.hook_id == notices.c.hook_id, isouter=True)
    .group_by(notices.c.number, notices.c.kind, _WAY, notices.c.state),
    notices.c.order_id,
)
_TO_TELL: Final = sa.select(channel_endpoints.c.channel, atp_changed.c.sku).join_from(
    atp_changed, channel_endpoints, channel_endpoints.c.state == "active"
)
_TELLS: Final = Select(_TO_TELL, atp_changed.c.sku)
_TELLS_AGAIN: Final = Select(_TO_TELL.limit(_TOUCHED), channel_endpoints.c.endpoint_id)
_REFUNDS: Final = Select(
    sa.select(gateway_commands).order_by(
        gateway_commands.c.order_id, gateway_commands.c.created_us, gateway_commands.c.amount_minor
    ),
    gateway_commands.c.order_id,
)
_RIGHTS: Final = SelectPairs(
    sa.select(
        hub_rights.c.location,
        hub_rights.c.sku,
        PROMISED_UNITS.label("promised"),
        FREE_UNITS.label("free"),
    ),
    hub_rights.c.location,
    hub_rights.c.sku,
)
_BALANCES: Final = SelectPairs(sa.select(balances), balances.c.location, balances.c.sku)
_POSTED: Final = Lookup(
    sa.select(journals.c.rule, journals.c.entity, entries.c.account, accounts.c.name, entries.c.amount_minor)
    .join(entries, entries.c.journal_id == journals.c.journal_id)
    .join(
        accounts,
        sa.and_(accounts.c.entity == journals.c.entity, accounts.c.account == entries.c.account),
        isouter=True,
    )
    .join(events, events.c.event_id == journals.c.event_id)
    .where(events.c.apply_order > sa.bindparam("since"))
    .order_by(journals.c.journal_id, entries.c.n)
)
_BY_ID: Final = Select(sa.select(exceptions), exceptions.c.exception_id)
_BY_KEY: Final = Select(
    sa.select(exceptions).where(exceptions.c.location == HUB_EDGE), exceptions.c.dedupe_key
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a choice may have touched."""

    order_ids: tuple[str, ...] = ()
    transfer_ids: tuple[str, ...] = ()
    shelves: tuple[tuple[str, str], ...] = ()
    """(location, sku)."""
    edges: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()


def mark(connection: Connection) -> int:
    """Return how far the log is; what a choice does has higher numbers."""
    return int(_MARK.scalar(connection) or 0)


def happened(connection: Connection, since: int) -> list[WireModel]:
    """Return what the log says since a mark, in its order."""
    return [read_body(decode_event(bytes(data))) for data in _SAID.scalars(connection, since=since)]


def scope(connection: Connection, since: int, said: Sequence[WireModel], subjects: Iterable[str]) -> Scope:
    """Return what was touched since a mark, with the records that a card is about."""
    named = [*subjects, *(subject for body in said for subject in subjects_of(body))]

    def of(prefix: str) -> tuple[str, ...]:
        found = [name.removeprefix(prefix) for name in named if name.startswith(prefix)]
        return tuple(sorted(set(found))[:_TOUCHED])

    order_ids, transfer_ids = of("order:"), of("transfer:")
    return Scope(
        order_ids,
        transfer_ids,
        tuple(_shelves(connection, since, order_ids, transfer_ids, of("sku:"))),
        of("edge:"),
        of("channel:"),
    )


def _shelves(
    connection: Connection,
    since: int,
    order_ids: Sequence[str],
    transfer_ids: Sequence[str],
    skus: Sequence[str],
) -> list[tuple[str, str]]:
    rows = [*_MOVED.all(connection, since=since), *_FULFILLED.run(connection, order_ids)]
    found = {(row.location, row.sku) for row in rows}
    for row in _CARRIED.run(connection, transfer_ids):
        found |= {(row.source, row.sku), (row.destination, row.sku)}
    places = {location for location, _sku in found}
    return sorted(found | {(place, sku) for place in places for sku in skus})[: _TOUCHED * 2]


def state(connection: Connection, looked: Scope) -> State:
    """Return what is so now about everything in a scope."""
    found: dict[Key, int | str] = {}
    if looked.order_ids:
        _promises(connection, looked.order_ids, found)
        _parts(connection, looked.order_ids, found)
        _outgoing(connection, looked.order_ids, found)
    for row in _TRANSFERS.run(connection, looked.transfer_ids) if looked.transfer_ids else ():
        found[Facet.TRANSFER, row.number] = f"{row.send_state}/{row.receive_state}"
    if looked.shelves:
        _stock(connection, looked.shelves, found)
        for row in _TELLS.run(connection, sorted({sku for _location, sku in looked.shelves})):
            found[Facet.TELLS, row.channel, row.sku] = "queued"
    for row in _PARKED.run(connection, looked.edges) if looked.edges else ():
        found[Facet.PARKED, row.edge, str(row.seq)] = row.state
    if looked.endpoints:
        for row in _CHANNELS.run(connection, looked.endpoints):
            found[Facet.CHANNEL, row.channel] = row.state
        for row in _TELLS_AGAIN.run(connection, looked.endpoints):
            found[Facet.TELLS, row.channel, row.sku] = "queued"
    return found


def _promises(connection: Connection, order_ids: Sequence[str], found: dict[Key, int | str]) -> None:
    for row in _PROMISED.run(connection, order_ids):
        found[Facet.DUE, row.number] = row.due_us
        found[Facet.PLACE, row.number] = _place_of(row)
        found[Facet.DEPOSITS, row.number] = row.deposits_minor
        found[Facet.OWED, row.number] = row.owed_minor
    for row in _LINES.run(connection, order_ids):
        found[Facet.LINE, row.number, str(row.line_no), row.sku] = row.quantity - row.cancelled


def _place_of(row: sa.Row[Any]) -> str:
    promise = Promise.model_validate_json(row.promise)
    return promise.location if promise.kind is FulfilKind.COLLECT else promise.kind.value


def _parts(connection: Connection, order_ids: Sequence[str], found: dict[Key, int | str]) -> None:
    for row in _PARTS.run(connection, order_ids):
        asked = "?" if row.cancel_asked and row.state in _OPEN else ""
        found[Facet.PART, row.number, row.location, str(row.attempt)] = f"{row.state}{asked} {int(row.units)}"
        if row.state == AssignmentState.WRITTEN_OFF.value and row.units > row.fulfilled:
            key = (Facet.STAYS, row.number, row.location)
            found[key] = int(found.get(key, 0)) + int(row.units - row.fulfilled)


def _outgoing(connection: Connection, order_ids: Sequence[str], found: dict[Key, int | str]) -> None:
    """Read mails and refunds: a second one of a kind for an order counts up."""
    for row in _NOTICES.run(connection, order_ids):
        found[Facet.NOTICE, row.number, row.kind, row.way, row.state] = row.times
    counts: dict[str, int] = {}
    for row in _REFUNDS.run(connection, order_ids):
        n = counts[row.number] = counts.get(row.number, -1) + 1
        found[Facet.REFUND, row.number, row.gateway, str(row.amount_minor), str(n)] = row.state


def _stock(connection: Connection, shelves: Sequence[tuple[str, str]], found: dict[Key, int | str]) -> None:
    """Read rights and buckets of each (location, item)."""
    wanted = set(shelves)
    places = sorted({location for location, _sku in shelves})
    skus = sorted({sku for _location, sku in shelves})
    for row in _RIGHTS.run(connection, places, skus):
        if (row.location, row.sku) in wanted:
            found[Facet.RIGHT, row.location, row.sku] = row.free
            found[Facet.PROMISED, row.location, row.sku] = row.promised
    for row in _BALANCES.run(connection, places, skus):
        if (row.location, row.sku) in wanted and row.quantity:
            found[Facet.BUCKET, row.location, row.sku, row.bucket] = row.quantity


def posted(connection: Connection, since: int) -> tuple[Posted, ...]:
    """Return the entries of every journal that was posted since a mark, in the order of the books."""
    return tuple(
        Posted(row.rule, row.entity, row.account, row.name or row.account, row.amount_minor)
        for row in _POSTED.all(connection, since=since)
    )


def is_late(
    connection: Connection, said: Sequence[WireModel], after: State, order_ids: Sequence[str], now_us: int
) -> bool:
    """Tell whether units were given to somebody since a mark who is done with them after the promise."""
    routed = [body for body in said if isinstance(body, OrderRouted)]
    if any(int(after.get((Facet.DUE, body.number), now_us)) < now_us for body in routed):
        return True
    late = late_decisions(connection, order_ids) if routed else set()
    return any(body.decision_id in late for body in routed)


def cards(connection: Connection, said: Sequence[WireModel]) -> tuple[CardSaid, ...]:
    """Return the cards that were raised or closed by what was said, as they stand now."""
    raised = {body.dedupe_key: body for body in said if isinstance(body, ExceptionRaised)}
    closed = sorted({body.dedupe_key for body in said if isinstance(body, ExceptionClosed)})
    if not raised and not closed:
        return ()
    named = [*(body.exception_id for body in raised.values()), *closed]
    rows = [*_BY_ID.run(connection, named), *_BY_KEY.run(connection, [*raised, *closed])]
    mine = {body.exception_id for body in raised.values()}
    found = {
        CardSaid(row.kind, row.title, opened=row.state == "open")
        for row in rows
        if (row.exception_id in mine) == (row.state == "open")
    }
    return tuple(sorted(found, key=lambda card: (card.opened, card.kind, card.title)))
