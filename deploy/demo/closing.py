"""The books of a demo: of a day they are looked at, a replayed month is closed as finance would close it.

A close is every check, two signatures, and the export; a day ends inside its month, so of its checks those
count that must hold at any moment. Before a month closes, a payout of the card terminals arrives that does
not tie: it has to stop the close until finance has settled it. After it, a store that was offline tells a
sale of that month (`late`).

The processes have stopped, so the hub's own steps work on its database here. A check that stops the close is
a reason why the replay is not right, with what was found.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from deploy.demo.late import sell_late
from deploy.demo.layout import Layout
from deploy.demo.people import HUB_PERSON
from protocol.clock import Clock, from_us
from protocol.errors import OrderspineError
from protocol.ids import IdMaker

if TYPE_CHECKING:
    from hub.context import Hub

PREPARES, APPROVES = "finance", HUB_PERSON


NOT_YET: Final = frozenset({"PREVIOUS_OPEN", "UNSYNCED_EDGE", "EXCEPTIONS", "DAY_NOT_AUDITED"})
"""What a month has to wait for, and what somebody settles before it ends."""


UNTIED: Final = frozenset({"SUSPENSE", "EXCEPTIONS"})
"""What stops a close over a payout that is not the sum of its rows."""
HITS: Final = 10_000
"""What the audit of a month may find; a rule that hits more is no rule."""
PAID_OUT: Final = 40
"""Card payments in the payout that does not tie."""


def look_at_books(layout: Layout, clock: Clock, ids: IdMaker) -> list[str]:
    """Return what in the books of any entity does not hold that holds at any moment."""
    from hub.app import parts
    from hub.ledger.close import reads, steps
    from hub.ledger.pages import entities
    from hub.settings import load_settings

    hub = parts(load_settings(layout.config("hub")), clock=clock, ids=ids)
    try:
        with hub.database.read() as connection:
            months = [
                (entity, row.period)
                for entity in entities(connection)
                for row in reads.listed(connection, entity, hub.settings.currency)
            ]
        return [
            f"{entity} {period} {check.name}: {dict(check.facts)} {'; '.join(check.evidence)}"
            for entity, period in months
            for check in steps.look(hub, entity, period)
            if check.blocks and check.name not in NOT_YET
        ]
    finally:
        hub.database.close()


def close_books(layout: Layout, clock: Clock, ids: IdMaker) -> list[str]:
    """Close every month of every entity and export it; return what stood in the way."""
    from hub.app import parts
    from hub.settings import load_settings

    hub = parts(load_settings(layout.config("hub")), clock=clock, ids=ids)
    try:
        return close_months(layout, hub, ids)
    finally:
        hub.database.close()


def close_months(layout: Layout, hub: "Hub", ids: IdMaker) -> list[str]:
    """Close every month that is over in every entity's books, and let one store tell something late."""
    from hub.ledger.close import reads
    from hub.ledger.exports.steps import export
    from hub.ledger.pages import entities

    reasons: list[str] = []
    this_month = from_us(hub.clock.now_us()).date().isoformat()[:7]
    with hub.database.read() as connection:
        months = [
            (row.entity, row.period)
            for entity in entities(connection)
            for row in reversed(reads.listed(connection, entity, hub.settings.currency))
            if row.period < this_month
        ]
    for entity, period in months:
        reasons += _short_payout(hub, entity, period)
        _audited(hub)
        reasons += _closed(hub, entity, period)
        export(hub, entity, period, layout.folder / "books" / f"{entity}-{period}")
    if months and not reasons:  # a month that did not close takes a late sale as its own
        reasons += _late(layout, hub, months, ids)
    return reasons


def _audited(hub: "Hub") -> None:
    """Look at what the audit of the stores' days found: it was in order."""
    from hub.till.audit_reads import undecided
    from hub.till.audit_steps import decide

    with hub.database.read() as connection:
        found, _total = undecided(connection, limit=HITS)
    for hit in found:
        decide(hub, hit.hit_id, outcome="overridden", reason="looked at: in order", by=PREPARES)


def _late(layout: Layout, hub: "Hub", months: Iterable[tuple[str, str]], ids: IdMaker) -> list[str]:
    """Let the first store tell a sale of the last day of its last month, which is closed."""
    from hub.ledger.close.reads import days_of

    place = layout.places[0]
    _first, after = days_of(max(period for entity, period in months if entity == place.entity))
    day = date.fromisoformat(after) - timedelta(days=1)
    return list(sell_late(layout, place, hub, day.isoformat(), ids))


def _short_payout(hub: "Hub", entity: str, period: str) -> Iterator[str]:
    """Take in a payout that is a penny short and settle it; say so if it does not stop the close."""
    from hub.ledger.close import steps
    from hub.ledger.settlements.steps import Wanted, take

    rows = _paid_by_card(hub, entity, period)
    if not rows:
        return
    file = "type,reference,amount,fee\n" + "".join(
        f"sale,{number},{minor // 100}.{minor % 100:02d},0.00\n" for number, minor in rows
    )
    payout = sum(minor for _number, minor in rows) - 1
    wanted = Wanted(entity, "card", "plain", f"{entity}-{period}", f"{period}-28", payout)
    take(hub, file.encode(), wanted, by=PREPARES)
    stopped = {check.name for check in steps.look(hub, entity, period) if check.blocks}
    if not stopped >= UNTIED:
        yield f"{entity} {period} would close over a payout that does not tie: only {sorted(stopped)} stop it"
    _settle_payout(hub, wanted.reference)


def _paid_by_card(hub: "Hub", entity: str, period: str) -> list[tuple[str, int]]:
    """Return (order number, amount) of the first card payments of a month that are an entity's."""
    from hub.ledger.close.subledgers import scope_of
    from hub.spine.rows import order_tenders, orders

    with hub.database.read() as connection:
        scope = scope_of(connection, entity, hub.settings.entity)
        found = connection.execute(
            sa.select(orders.c.number, orders.c.location, order_tenders.c.amount_minor)
            .join(orders, orders.c.order_id == order_tenders.c.order_id)
            .where(order_tenders.c.kind == "card", orders.c.business_date.startswith(period))
            .order_by(orders.c.number)
            .limit(PAID_OUT)
        )
        return [(row.number, int(row.amount_minor)) for row in found if scope.has(row.location)]


def _settle_payout(hub: "Hub", reference: str) -> None:
    """Find out that the service kept the penny: take it out of suspense, and say so at the exception."""
    from hub.exceptions.rows import listed
    from hub.exceptions.steps import close
    from hub.ledger.chart import MAPPING
    from hub.ledger.desk import reclassify
    from hub.ledger.rows import journals

    with hub.database.read() as connection:
        journal_id = connection.execute(
            sa.select(journals.c.journal_id).where(journals.c.memo == f"card {reference}")
        ).scalar_one()
        raised = [row for row in listed(connection)[0] if row.kind == "settlement_mismatch"]
    said = "the service kept a fee that its file does not show"
    reclassify(hub, journal_id, account=MAPPING["payment_fees"], reason=said, by=PREPARES)
    for row in raised:
        close(hub, row.exception_id, note=said, by=PREPARES)


def _closed(hub: "Hub", entity: str, period: str) -> Iterator[str]:
    """Take every step of a close; yield what refuses."""
    from hub.ledger.close import reads, steps

    try:
        steps.soft_close(hub, entity, period, by=PREPARES)
        steps.begin(hub, entity, period, by=PREPARES)
        for role, by in (("prepared", PREPARES), ("approved", APPROVES)):
            with hub.database.read() as connection:
                seen = reads.fingerprint(connection, entity, period)
            steps.sign(hub, entity, period, role=role, by=by, seen=seen)
        steps.close(hub, entity, period, by=APPROVES)
    except OrderspineError as error:
        yield f"{entity} {period} does not close: {error.what}"
        for check in steps.look(hub, entity, period):
            if check.blocks:
                yield f"{entity} {period} {check.name}: {dict(check.facts)} {'; '.join(check.evidence)}"
