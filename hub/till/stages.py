"""Till sessions follow their events; a close is added up again from everything the hub has applied."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from hub.database import Change, Lookup
from hub.spine.bulk import Upsert
from hub.spine.log import Log
from hub.spine.rows import event_subjects, events, parked
from hub.spine.steps import raise_exception
from hub.spine.work import Applied, Work
from hub.till import rules
from hub.till.audit_rules import Said
from hub.till.audit_stages import audit
from hub.till.rows import cash_moves, till_sessions, zs
from protocol.envelope import decode_event, read_body
from protocol.events import CashMoved, TillClosed, TillCounted, TillOpened

_ZS: Final = Upsert(zs)
_THIS: Final = till_sessions.c.session_id == sa.bindparam("of")
_SESSION: Final = Lookup(sa.select(till_sessions.c.session_id).where(_THIS))
_OPEN: Final = Change(sa.insert(till_sessions))
_MOVED: Final = Change(sa.insert(cash_moves))
_COUNTED: Final = Change(
    sa.update(till_sessions)
    .where(_THIS, till_sessions.c.state != "closed")
    .values(state="counting", counts=sa.bindparam("nth"), counted_minor=sa.bindparam("found_minor"))
)
_CLOSED: Final = Change(
    sa.update(till_sessions)
    .where(_THIS)
    .values(state="closed", closed_us=sa.bindparam("when_us"), z_number=sa.bindparam("nth"))
)
_SUMMED: Final = (
    "till.opened",
    "till.drawer_opened",
    "till.cash_moved",
    "order.sold",
    "order.voided",
    "return.completed",
    "order.paid",
    "order.refunded",
    "gift_card.sold",
)
_SAID: Final = Lookup(
    sa.select(events.c.by, events.c.bytes)
    .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
    .where(
        event_subjects.c.subject == sa.bindparam("about"),
        events.c.edge == sa.bindparam("at"),
        # A store that was restored goes on in a new stream; the range speaks of that one alone.
        sa.or_(
            events.c.inc != sa.bindparam("life"),
            events.c.seq.between(sa.bindparam("first"), sa.bindparam("last")),
        ),
        events.c.kind.in_(_SUMMED),
    )
    .order_by(events.c.apply_order)
)
_HASHES: Final = Lookup(
    # An event that was set aside and replayed stands in both tables; UNION counts it once.
    sa.union(
        *(
            sa.select(table.c.seq, table.c.hash).where(
                table.c.edge == sa.bindparam("at"),
                table.c.inc == sa.bindparam("life"),
                table.c.seq.between(sa.bindparam("first"), sa.bindparam("last")),
            )
            for table in (events, parked)
        )
    ).order_by("seq")
)


def on_till_opened(work: Work, applied: Applied) -> None:
    """A session begins; one that is known already stays as it is."""
    body: TillOpened = applied.body
    if _SESSION.first(work.connection, of=body.session_id) is not None:
        return
    _OPEN.run(
        work.connection,
        session_id=body.session_id,
        location=applied.edge,
        till=body.till,
        business_date=body.business_date,
        currency=body.currency,
        float_minor=body.float_minor,
        opened_us=applied.at_us,
        opened_by=applied.by,
        counts=0,
        state="open",
    )
    work.topics.add("till")


def on_cash_moved(work: Work, applied: Applied) -> None:
    """Cash went into a drawer or out of it without a sale."""
    body: CashMoved = applied.body
    _MOVED.run(
        work.connection,
        apply_order=applied.apply_order,
        session_id=body.session_id,
        location=applied.edge,
        kind=body.kind,
        amount_minor=body.amount_minor,
        reason=body.reason,
        by=applied.by,
        at_us=applied.at_us,
    )
    work.topics.add("till")


def on_till_counted(work: Work, applied: Applied) -> None:
    """A drawer was counted."""
    body: TillCounted = applied.body
    _COUNTED.run(work.connection, of=body.session_id, nth=body.attempt, found_minor=body.counted_minor)
    work.topics.add("till")


def on_till_closed(work: Work, applied: Applied) -> None:
    """Add a Z up again and keep both; what differs is raised, never corrected."""
    body: TillClosed = applied.body
    work.room(Log).flush()
    said = list(_said(work, applied, body))
    again = rules.add_up(each for _by, each in said)
    found = rules.mismatches(body, again, _range_hash(work, applied, body))
    gap = rules.difference(body)
    _CLOSED.run(work.connection, of=body.session_id, when_us=applied.at_us, nth=body.z_number)
    _ZS.run(work.connection, [_row(applied, body, again.model_dump_json(), not found, gap)])
    audit(work, applied, [*said, (applied.by, body)])
    _tell(work, applied, body, found)
    work.topics.update(("till", "overview"))


def _row(applied: Applied, body: TillClosed, recomputed: str, matches: bool, gap: int) -> tuple[object, ...]:
    return (
        body.session_id,
        applied.edge,
        body.till,
        body.business_date,
        body.number,
        body.z_number,
        applied.inc,
        body.first_seq,
        body.last_seq,
        body.range_hash,
        body.totals.model_dump_json(),
        json.dumps([tender.model_dump(mode="json") for tender in body.tenders]),
        recomputed,
        matches,
        gap,
        applied.at_us,
        applied.by,
        applied.apply_order,
    )


def _tell(work: Work, applied: Applied, body: TillClosed, found: dict[str, object]) -> None:
    if found:
        raise_exception(
            work,
            kind="z_mismatch",
            subject=f"till:{body.session_id}",
            title=f"The close {body.number} does not match its events",
            facts={"z": body.number, "location": applied.edge, "differences": found},
            dedupe_key=f"z:{body.session_id}",
        )
    if any(approval.action == "till_difference" for approval in body.approvals):
        return  # the store's manager confirmed it there, so the store raises it itself, with its next event
    over = [
        t for t in body.tenders if abs(t.counted_minor - t.expected_minor) > work.terms.till_tolerance_minor
    ]
    if over:
        raise_exception(
            work,
            kind="till_difference",
            subject=f"till:{body.session_id}",
            title=f"{body.till} of {applied.edge} closed over or short",
            facts={
                "z": body.number,
                "location": applied.edge,
                "tenders": {t.kind.value: t.counted_minor - t.expected_minor for t in over},
            },
            owner_role="finance",
            dedupe_key=f"till_difference:{body.session_id}",
        )


def _said(work: Work, applied: Applied, body: TillClosed) -> Iterator[Said]:
    """Return who did what in a session, in the order in which the hub heard of it."""
    found = _SAID.all(work.connection, about=f"till:{body.session_id}", **_range(applied, body))
    for by, data in found:
        yield by, read_body(decode_event(bytes(data)))


def _range_hash(work: Work, applied: Applied, body: TillClosed) -> str:
    """Return the hash over the chain hashes of the range, those of events that were set aside too.

    sha256(hash[first] || … || hash[last]), the formula of the store's till.
    """
    digest = hashlib.sha256()
    for row in _HASHES.all(work.connection, **_range(applied, body)):
        digest.update(bytes(row.hash))
    return digest.hexdigest()


def _range(applied: Applied, body: TillClosed) -> dict[str, Any]:
    return {"at": applied.edge, "life": applied.inc, "first": body.first_seq, "last": body.last_seq}
