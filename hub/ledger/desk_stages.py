"""Posting what finance does at the hub, and following periods and accounts as they change.

All of these facts are the hub's own: from a store they are set aside, because nobody there may say them.
"""

import json
from typing import Any, Final

import sqlalchemy as sa

from hub.ledger.chart import mapping_of
from hub.ledger.close.rows import accrual_rules, accruals, period_gaps, period_signs, periods
from hub.ledger.rows import accounts, entity_terms, mapping_changes
from hub.ledger.rules import Draft, abroad, desk
from hub.ledger.rules.accruals import accrued
from hub.ledger.settlements.rows import money_moves, settlement_lines, settlement_mappers, settlements
from hub.ledger.stages import Books
from hub.spine.bulk import Insert, Upsert
from hub.spine.log import Log
from hub.spine.places import Place
from hub.spine.rows import events
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol import books
from protocol.envelope import decode_event, read_body
from protocol.errors import BadMessage
from protocol.lifecycles import PeriodEvent, PeriodState

_ACCOUNTS: Final = Upsert(accounts)
_MAPPINGS: Final = Insert(mapping_changes)
_PERIODS: Final = Upsert(periods)
_SIGNS: Final = Upsert(period_signs)
_GAPS: Final = Upsert(period_gaps)
_ACCRUAL_RULES: Final = Insert(accrual_rules)
_ACCRUALS: Final = Insert(accruals)
_SETTLEMENTS: Final = Insert(settlements)
_SETTLED: Final = Insert(settlement_lines)
_MOVES: Final = Insert(money_moves)


def on_journal_made(work: Work, applied: Applied) -> None:
    """Post a journal with the accounts that a person gave it."""
    body: books.JournalMade = _own(applied)
    sides = [(line.account, line.amount_minor, line.rate_ppm, line.reference) for line in body.lines]
    draft = Draft(body.rule, (), body.memo, reverses=body.reverses)
    work.room(Books).write(applied, _place(work, body.entity), draft, sides, body.order_id)
    work.topics.add("books")


def on_debts_netted(work: Work, applied: Applied) -> None:
    """Set off what two entities owe each other, in both books."""
    body: books.DebtsNetted = _own(applied)
    for entity, other in ((body.entity, body.other), (body.other, body.entity)):
        drafts = abroad.netted(body.amount_minor, other)
        work.room(Books).post(applied, _place(work, entity), drafts, beside=(other,))
    work.topics.add("books")


def on_money_moved(work: Work, applied: Applied) -> None:
    """Post money at the bank or in dispute."""
    body: books.MoneyMoved = _own(applied)
    row = (
        applied.event_id,
        body.what,
        body.entity,
        body.location,
        body.business_date,
        body.currency,
        body.reference,
        body.gateway,
        body.order_id,
        body.amount_minor,
        body.other_minor,
        applied.by,
        applied.at_us,
    )
    _MOVES.run(work.connection, [row])
    place = _place(work, body.entity, body.location)
    work.room(Books).post(applied, place, desk.money_moved(body), body.order_id)
    work.topics.add("books")


def on_settlement_taken(work: Work, applied: Applied) -> None:
    """Keep a settlement with its rows, and post it."""
    body: books.SettlementTaken = _own(applied)
    _SETTLEMENTS.run(
        work.connection,
        [
            (
                body.settlement_id,
                body.entity,
                body.provider,
                body.marketplace,
                body.reference,
                body.business_date,
                body.currency,
                body.payout_minor,
                desk.expected_payout(body.lines),
                applied.by,
                applied.at_us,
                applied.event_id,
                body.mapper,
                body.mapper_version,
            )
        ],
    )
    _SETTLED.run(
        work.connection,
        [
            (
                body.settlement_id,
                line.row,
                line.kind,
                line.reference,
                line.order_id,
                line.amount_minor,
                line.fee_minor,
                line.known,
            )
            for line in body.lines
        ],
    )
    work.room(Books).post(applied, _place(work, body.entity), desk.settlement(body))
    work.topics.add("books")


def on_accruals_set(work: Work, applied: Applied) -> None:
    """Keep what an entity expects at the end of a month."""
    body: books.AccrualsSet = _own(applied)
    row = (body.entity, applied.apply_order, body.model_dump_json(), applied.by, applied.at_us)
    _ACCRUAL_RULES.run(work.connection, [row])
    work.topics.add("books")


def on_accrued(work: Work, applied: Applied) -> None:
    """Post what a month expects, or take it back."""
    body: books.Accrued = _own(applied)
    work.room(Books).post(applied, _place(work, body.entity), accrued(body))
    if not body.taken_back:
        row = (body.amount_minor, body.cost_minor, body.overridden, body.reason)
        head = (applied.apply_order, body.entity, body.period, body.kind)
        _ACCRUALS.run(work.connection, [(*head, *row)])
    work.topics.add("books")


def on_mapper_set(work: Work, applied: Applied) -> None:
    """Keep a version of how a provider's files are read."""
    body: books.MapperSet = _own(applied)
    mine = settlement_mappers.c.name == body.name
    last = work.connection.execute(sa.select(sa.func.max(settlement_mappers.c.version)).where(mine)).scalar()
    work.connection.execute(
        sa.insert(settlement_mappers).values(
            name=body.name,
            version=(last or 0) + 1,
            body=body.model_dump_json(),
            by=applied.by,
            at_us=applied.at_us,
        )
    )
    work.topics.add("books")


def on_chart_changed(work: Work, applied: Applied) -> None:
    """Name accounts, and map purposes from here on."""
    body: books.ChartChanged = _own(applied)
    mapping_of(work.connection, body.entity)
    work.room(Books).flush()
    _ACCOUNTS.run(
        work.connection, [(body.entity, each.account, each.name, each.kind) for each in body.accounts]
    )
    _MAPPINGS.run(
        work.connection,
        [(body.entity, each.purpose, applied.apply_order, each.account) for each in body.purposes],
    )
    work.room(Books).mapped(body.entity)
    work.topics.add("books")


def on_terms_set(work: Work, applied: Applied) -> None:
    """Keep how an entity keeps its books from here on."""
    body: books.TermsSet = _own(applied)
    work.connection.execute(
        sa.insert(entity_terms).values(
            entity=body.entity,
            apply_order=applied.apply_order,
            tax_at_payment=body.tax_at_payment,
            reason=body.reason,
            by=applied.by,
            at_us=applied.at_us,
        )
    )
    work.unit.memory.pop(f"tax_at_payment:{body.entity}", None)
    work.topics.add("books")


def on_period_moved(work: Work, applied: Applied) -> None:
    """Follow a period; what is posted after this in the log minds it."""
    body: books.PeriodMoved = _own(applied)
    work.room(Books).moved(body.entity, body.period, body.state)
    before = work.connection.execute(
        sa.select(periods).where(periods.c.entity == body.entity, periods.c.period == body.period)
    ).first()
    closed = body.state is PeriodState.CLOSED and body.step is PeriodEvent.CLOSED
    soft_us = before.soft_closed_us if before else 0
    if body.step is PeriodEvent.SOFT_CLOSED:
        soft_us = applied.at_us
    elif body.step is PeriodEvent.SOFT_CLOSE_UNDONE:
        soft_us = 0
    row = (
        body.entity,
        body.period,
        body.currency,
        body.state.value,
        soft_us,
        applied.at_us,
        applied.by,
        body.reason,
        body.until_us,
        body.fingerprint if closed else (before.fingerprint if before else ""),
        applied.event_id if closed else (before.event_id if before else ""),
        _difference(work, body, before.event_id) if closed and before and before.event_id else "{}",
    )
    _PERIODS.run(work.connection, [row])
    if body.step in {PeriodEvent.CLOSE_ABANDONED, PeriodEvent.REOPENED, PeriodEvent.CLOSE_STARTED}:
        work.connection.execute(
            sa.delete(period_signs).where(
                period_signs.c.entity == body.entity, period_signs.c.period == body.period
            )
        )
    work.topics.add("books")


def on_period_signed(work: Work, applied: Applied) -> None:
    """Keep a signature."""
    body: books.PeriodSigned = _own(applied)
    row = (body.entity, body.period, body.role, applied.by, applied.at_us, body.fingerprint)
    _SIGNS.run(work.connection, [row])
    work.topics.add("books")


def on_gap_declared(work: Work, applied: Applied) -> None:
    """Keep that two people close over a store that is dark."""
    body: books.GapDeclared = _own(applied)
    row = (
        body.entity,
        body.period,
        body.location,
        body.upto,
        body.newest,
        body.reason,
        applied.by,
        body.also_by,
        applied.at_us,
    )
    _GAPS.run(work.connection, [row])
    work.topics.add("books")


def _difference(work: Work, body: books.PeriodMoved, closed_before: str) -> str:
    """Return what a second close of a month says otherwise than the first, by account."""
    work.room(Log).flush()
    data = work.connection.execute(
        sa.select(events.c.bytes).where(events.c.event_id == closed_before)
    ).scalar_one()
    earlier = read_body(decode_event(bytes(data)))
    assert isinstance(earlier, books.PeriodMoved)
    was = {each.account: each.amount_minor for each in earlier.assertions}
    now = {each.account: each.amount_minor for each in body.assertions}
    apart = {number: now.get(number, 0) - was.get(number, 0) for number in sorted({*was, *now})}
    return json.dumps({number: minor for number, minor in apart.items() if minor})


def _own(applied: Applied) -> Any:
    """Return the body of a fact that only the hub may say."""
    if applied.edge != HUB_EDGE:
        raise BadMessage(
            "A store said something about the books that only the hub may say.",
            "It is set aside and changed nothing; find out what sent it.",
            code="not_of_the_hub",
            edge=applied.edge,
        )
    return applied.body


def _place(work: Work, entity: str, location: str = "") -> Place:
    return Place(location or HUB_EDGE, entity, work.terms.zone)
