"""Looking at transfers as time passes: what is too long on its way, was never sent, or came from nowhere.

One round compares what ought to be on the desk with what is there, so a card closes itself when its cause is
gone. Goods that nothing explains are nobody's business while their source has something left to send: its
next events may explain them. Only when it has told everything does a person look, and the source counts. How
long that is goes by when the hub heard of it: a store's clock may be hours ahead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit, Lookup
from hub.fleet.rows import CURRENT, link_sessions, locations, streams
from hub.fleet.rules import OFFLINE_SECONDS
from hub.spine.log import open_with
from hub.spine.rows import events
from hub.spine.steps import close_exception, raise_exception, take_orders
from hub.stock.claim_rows import inbound_ahead
from hub.stock.claims import forget_ahead
from hub.transfers.facts import GONE, UNSENT
from hub.transfers.raising import (
    LATE,
    OPEN,
    PLACE,
    WAITS,
    about,
    ask_to_count,
    units_of,
    unknown_facts,
    unknown_title,
)
from hub.transfers.rows import (
    IS_UNEXPLAINED,
    transfer_lines,
    transfer_pieces,
    transfer_receipts,
    transfers,
)
from hub.transfers.rules import DAY_US
from protocol.clock import MICROSECONDS
from protocol.transfers import ReceiveState, SendState

PREFIXES: Final = (LATE, WAITS, OPEN, PLACE)
"""What the keys of the clocks' own cards begin with; they open and close no other."""
GRACE_US: Final = 10 * 60 * MICROSECONDS
"""A source that has just come back sends what explains the goods within minutes."""
SETTLED_US: Final = 60 * MICROSECONDS
"""Within this, what a store lent and what it received are both told, in whatever order."""
CARDS: Final = 500
_SENDING: Final = sorted(state.value for state in SendState if state not in UNSENT | GONE)
_NOW: Final = sa.bindparam("now_us", type_=sa.BigInteger)
_BEFORE: Final = sa.bindparam("before_us", type_=sa.BigInteger)
_AHEAD: Final = Lookup(
    sa.select(inbound_ahead.c.location, sa.func.max(inbound_ahead.c.at_us).label("since_us"))
    .group_by(inbound_ahead.c.location)
    .limit(CARDS)
)
_OPEN_KEYS: Final = open_with(PREFIXES)
_UNTIL: Final = sa.case(
    (transfers.c.arrive_by_us > 0, transfers.c.arrive_by_us),
    else_=transfers.c.shipped_us + sa.bindparam("usual_us", type_=sa.BigInteger),
)
_TOO_LATE: Final = Lookup(
    sa.select(transfers)
    .where(
        transfers.c.transit > 0,
        transfers.c.shipped_us.is_not(None),
        (_UNTIL < _NOW) | (transfers.c.receive_state == ReceiveState.SETTLED.value),
    )
    .order_by(transfers.c.shipped_us)
    .limit(CARDS)
)
_NOT_SENT: Final = Lookup(
    sa.select(transfers)
    .where(
        transfers.c.send_state.in_(_SENDING),
        transfers.c.ended_us.is_(None),
        transfers.c.due_us > 0,
        transfers.c.due_us < _NOW,
    )
    .order_by(transfers.c.due_us)
    .limit(CARDS)
)
_SOURCE_KNOWN: Final = sa.exists().where(locations.c.location_id == transfers.c.source)
_DESTINATION_KNOWN: Final = sa.exists().where(locations.c.location_id == transfers.c.destination)
_NOWHERE: Final = Lookup(
    sa.select(transfers, _SOURCE_KNOWN.label("comes"), _DESTINATION_KNOWN.label("goes"))
    .where(
        transfers.c.ended_us.is_(None),
        transfers.c.decided_us.is_(None),
        transfers.c.send_state.not_in(sorted(state.value for state in UNSENT)),
        ~(_SOURCE_KNOWN & _DESTINATION_KNOWN),
    )
    .order_by(transfers.c.created_us, transfers.c.transfer_id)
    .limit(CARDS)
)
_TOLD: Final = Lookup(
    sa.select(streams.c.upto, streams.c.newest, sa.func.max(link_sessions.c.last_us).label("last_us"))
    .join(
        link_sessions,
        (link_sessions.c.edge == streams.c.edge) & (link_sessions.c.inc == streams.c.inc),
    )
    .where(streams.c.edge == sa.bindparam("of"), streams.c.state == CURRENT)
    .group_by(streams.c.upto, streams.c.newest)
)
_SINCE: Final = (
    sa.select(sa.func.min(events.c.arrived_us))
    .join(transfer_receipts, transfer_receipts.c.version == events.c.apply_order)
    .where(
        transfer_receipts.c.transfer_id == transfers.c.transfer_id,
        transfer_receipts.c.undone_us.is_(None),
    )
    .scalar_subquery()
)
_NOT_EXPLAINED: Final = Lookup(
    sa.select(transfers, _SINCE.label("since_us"))
    .where(transfers.c.unmatched > 0, transfers.c.shipped_us.is_(None), _SINCE < _BEFORE)
    .order_by(transfers.c.transfer_id)
    .limit(CARDS)
)
_RECEIVED: Final = Lookup(
    sa.select(transfer_lines.c.sku)
    .where(transfer_lines.c.transfer_id == sa.bindparam("of"), transfer_lines.c.received > 0)
    .distinct()
)
_OF_NOTHING: Final = Lookup(
    sa.select(transfer_receipts, events.c.arrived_us)
    .join(events, events.c.apply_order == transfer_receipts.c.version)
    .where(IS_UNEXPLAINED, events.c.arrived_us < _BEFORE)
    .order_by(transfer_receipts.c.receipt_id)
    .limit(CARDS)
)
_PIECES: Final = Lookup(
    sa.select(transfer_pieces.c.sku, sa.func.sum(transfer_pieces.c.units).label("units"))
    .where(transfer_pieces.c.receipt_id == sa.bindparam("of"))
    .group_by(transfer_pieces.c.sku)
    .order_by(transfer_pieces.c.sku)
)


@dataclass(frozen=True, slots=True)
class Card:
    """A card that ought to be on the desk now, and what to have counted where when it is new."""

    kind: str
    subject: str
    title: str
    facts: Mapping[str, Any]
    count_at: str = ""
    skus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What one round did."""

    raised: int
    closed: int


def look_at_transfers(hub: Hub) -> Looked:
    """Look at everything that is open once."""
    now_us = hub.clock.now_us()
    _forget_ahead(hub, now_us)
    with hub.database.read() as connection:
        wanted = {
            **_late(connection, now_us, hub.settings.transit_days * DAY_US),
            **_waiting(connection, now_us),
            **_to_nowhere(connection),
            **_unexplained(connection, now_us),
            **_from_nowhere(connection, now_us),
        }
        there = set(_OPEN_KEYS.scalars(connection))
    fresh = {key: card for key, card in wanted.items() if key not in there}
    gone = there - wanted.keys()
    if fresh or gone:
        hub.database.write(partial(_settle, hub, fresh, gone))
    return Looked(len(fresh), len(gone))


def _settle(hub: Hub, fresh: Mapping[str, Card], gone: Iterable[str], unit: HubUnit) -> None:
    take_orders(unit, 0)
    work = hub.spine.work(unit)
    for key, card in sorted(fresh.items()):
        facts = dict(card.facts)
        if card.count_at:
            title = f"Count what may have left for {facts['destination']}"
            why = f"Goods arrived there that {card.count_at} has not sent, as far as it has told"
            facts["counting"] = ask_to_count(work, card.count_at, list(card.skus), title=title, why=why)
        raise_exception(
            work,
            kind=card.kind,
            subject=card.subject,
            title=card.title,
            facts=facts,
            dedupe_key=key,
        )
    for key in sorted(gone):
        close_exception(work, key, how="Its cause is gone")
    hub.finish(work)


def _forget_ahead(hub: Hub, now_us: int) -> None:
    """Forget how far a place ran ahead of its receipts once it has told everything: the rest was lent."""
    with hub.database.read() as connection:
        told = [
            row
            for row in _AHEAD.all(connection)
            if has_told_everything(connection, row.location, now_us, row.since_us + SETTLED_US)
        ]
    for row in told:
        hub.database.write(partial(_forget, location=row.location, upto_us=row.since_us))


def _forget(unit: HubUnit, *, location: str, upto_us: int) -> None:
    forget_ahead(unit.connection, location, upto_us)


def _late(connection: Connection, now_us: int, usual_us: int) -> dict[str, Card]:
    """What is on its way for longer than it may be.

    What its stores have settled is too late at once: hub and destination were restored, and nobody has the
    receipt any more.
    """
    return {
        f"{LATE}:{row.transfer_id}": Card(
            "transfer_late",
            f"transfer:{row.transfer_id}",
            f"{units_of(row.transit)} of {row.number} are settled between its stores, and no receipt is known"
            if row.receive_state == ReceiveState.SETTLED
            else f"{row.number} is on its way from {row.source} to {row.destination} for too long",
            {
                **about(row),
                "shipped_us": row.shipped_us,
                "on_its_way": row.transit,
                "value_minor": row.transit_minor,
            },
        )
        for row in _TOO_LATE.all(connection, now_us=now_us, usual_us=usual_us)
    }


def _waiting(connection: Connection, now_us: int) -> dict[str, Card]:
    """What should have been there by now and has not left."""
    return {
        f"{WAITS}:{row.transfer_id}": Card(
            "transfer_waits",
            f"transfer:{row.transfer_id}",
            f"{row.source} has not sent {row.number}, which was wanted by now",
            {**about(row), "location": row.source, "due_us": row.due_us, "state": row.send_state},
        )
        for row in _NOT_SENT.all(connection, now_us=now_us)
    }


def _to_nowhere(connection: Connection) -> dict[str, Card]:
    """What names a place that the hub does not know; a fact raises it at once, and here it closes."""
    found = {}
    for row in _NOWHERE.all(connection):
        ends = ((row.source, row.comes), (row.destination, row.goes))
        unknown = [place for place, known in ends if not known]
        found[f"{PLACE}:{row.transfer_id}"] = Card(
            "transfer_unknown_place",
            f"transfer:{row.transfer_id}",
            unknown_title(row.number, unknown),
            unknown_facts(row, unknown),
        )
    return found


def has_told_everything(connection: Connection, edge: str, now_us: int, since_us: int) -> bool:
    """Tell whether a store has sent all it has, and was heard since a moment."""
    row = _TOLD.first(connection, of=edge)
    if row is None:
        return False
    heard_now = now_us - row.last_us < OFFLINE_SECONDS * MICROSECONDS
    return bool(row.upto >= row.newest and heard_now and row.last_us > since_us)


def _unexplained(connection: Connection, now_us: int) -> dict[str, Card]:
    """Goods of a transfer that its source has not sent, though it has told everything."""
    found = {}
    for row in _NOT_EXPLAINED.all(connection, before_us=now_us - GRACE_US):
        if not has_told_everything(connection, row.source, now_us, row.since_us + GRACE_US):
            continue
        found[f"{OPEN}:{row.transfer_id}"] = Card(
            "transfer_unmatched",
            f"transfer:{row.transfer_id}",
            f"{units_of(row.unmatched)} of {row.number} are at {row.destination}, not sent by {row.source}",
            {**about(row), "units": row.unmatched, "value_minor": row.unmatched_minor},
            count_at=row.source,
            skus=tuple(sorted(_RECEIVED.scalars(connection, of=row.transfer_id))),
        )
    return found


def _from_nowhere(connection: Connection, now_us: int) -> dict[str, Card]:
    """Goods of no transfer that anybody knows; from a store that still has to tell, they wait for it."""
    found = {}
    for row in _OF_NOTHING.all(connection, before_us=now_us - GRACE_US):
        if row.source and not has_told_everything(connection, row.source, now_us, row.arrived_us + GRACE_US):
            continue
        pieces = _PIECES.all(connection, of=row.receipt_id)
        units = sum(int(each.units) for each in pieces)
        found[f"{OPEN}:{row.receipt_id}"] = Card(
            "transfer_unmatched",
            f"receipt:{row.receipt_id}",
            f"{units_of(units)} arrived at {row.destination}, and nobody has sent them",
            {
                "location": row.destination,
                "source": row.source,
                "destination": row.destination,
                "lines": [{"sku": each.sku, "units": int(each.units)} for each in pieces[:20]],
                "by": row.by,
            },
            count_at=row.source,
            skus=tuple(each.sku for each in pieces),
        )
    return found
