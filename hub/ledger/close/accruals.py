"""Accruals of a month: what is expected by data, what is posted of it, and a person's word instead.

They are posted by themselves when a month begins to close. Whoever knows better says another amount before it
is signed: the difference is posted, and taken back, like the rest.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.ledger.chart import accounts_ever
from hub.ledger.close import reads
from hub.ledger.close.rows import accrual_rules, accruals
from hub.ledger.rows import entries, journals
from hub.ledger.rules import accruals as rules
from hub.spine.steps import record
from hub.spine.work import Work
from protocol.books import AccrualKind, AccrualsSet, Accrued
from protocol.errors import Invalid, Refused
from protocol.kit.text import _
from protocol.lifecycles import PeriodState

KINDS: Final[tuple[AccrualKind, ...]] = ("expected_returns", "breakage", "fees_expected")
SAYABLE: Final = frozenset({PeriodState.SOFT_CLOSED, PeriodState.CLOSING, PeriodState.REOPENED})
_OWN: Final = tuple(rule for kind in KINDS for rule in (kind, f"{kind}_back"))


@dataclass(frozen=True, slots=True)
class Expected:
    """One accrual of a month, in minor units."""

    kind: AccrualKind
    worked_out_minor: int
    cost_minor: int
    posted_minor: int
    posted_cost_minor: int
    is_posted: bool
    overridden: bool
    reason: str

    @property
    def is_due(self) -> bool:
        """Tell whether it should stand in the books and does not."""
        return not self.is_posted and self.worked_out_minor > 0


def rules_of(connection: Connection, entity: str) -> AccrualsSet | None:
    """Return what an entity expects; None where nobody has said."""
    body = connection.execute(
        sa.select(accrual_rules.c.body)
        .where(accrual_rules.c.entity == entity)
        .order_by(accrual_rules.c.apply_order.desc())
        .limit(1)
    ).scalar()
    return AccrualsSet.model_validate_json(body) if body else None


def look(connection: Connection, entity: str, period: str) -> list[Expected]:
    """Return the accruals of a month: what is worked out from its books, and what is posted."""
    said = rules_of(connection, entity) or AccrualsSet(entity=entity, reason="-")
    worked_out = _worked_out(connection, entity, period, said)
    rows = connection.execute(
        sa.select(accruals)
        .where(accruals.c.entity == entity, accruals.c.period == period)
        .order_by(accruals.c.apply_order)
    ).all()
    found = []
    for kind in KINDS:
        mine = [row for row in rows if row.kind == kind]
        last = mine[-1] if mine else None
        found.append(
            Expected(
                kind,
                *worked_out[kind],
                sum(int(row.amount_minor) for row in mine),
                sum(int(row.cost_minor) for row in mine),
                bool(mine),
                bool(last and last.overridden),
                last.reason if last else "",
            )
        )
    return found


def _worked_out(
    connection: Connection, entity: str, period: str, said: AccrualsSet
) -> dict[AccrualKind, tuple[int, int]]:
    """Return (amount, cost) of each accrual; entries are only gone through for what is expected at all."""
    found: dict[AccrualKind, tuple[int, int]] = dict.fromkeys(KINDS, (0, 0))
    served = accounts_ever(connection, entity)
    if said.return_ppm:
        sums = _month(connection, entity, period)
        sales, cost = -sums("sales"), sums("cogs")
        returns = rules.expected_returns(sales, sums("sales_returns"), said.return_ppm)
        worth = rules.recovered(returns, sales_minor=sales, cost_minor=cost, recover_ppm=said.recover_ppm)
        found["expected_returns"] = returns, worth
    if said.breakage_ppm:
        spent, left = _until(connection, entity, period, served.get("gift_cards", frozenset()))
        found["breakage"] = rules.breakage(spent, said.breakage_ppm, left), 0
    if said.fee_ppm:
        own = (each for name, each in served.items() if name.partition(".")[0] == "marketplace")
        _moved, owing = _until(connection, entity, period, frozenset().union(*own))
        found["fees_expected"] = rules.fees_expected(-owing, said.fee_ppm), 0
    return found


def post_due(work: Work, entity: str, period: str, currency: str, by: str) -> None:
    """Post what a month expects by data and nobody has posted; a month that expects nothing posts nothing."""
    for each in look(work.connection, entity, period):
        if each.is_due:
            _post(work, each, (entity, period, currency), (each.worked_out_minor, each.cost_minor), by=by)


def set_rules(hub: Hub, wanted: AccrualsSet, *, by: str) -> None:
    """Say what an entity expects from now on.

    Raises:
        Invalid: nothing would change.
    """

    def act(work: Work) -> None:
        before = rules_of(work.connection, wanted.entity)
        same = {"reason": "-"}
        if before is not None and before.model_copy(update=same) == wanted.model_copy(update=same):
            raise Invalid(_("Nothing would change."), _("Change a share first."), code="nothing")
        record(work, wanted, by=by)

    hub.act(act, "books")


def override(
    hub: Hub, entity: str, period: str, *, kind: str, amount_minor: int, reason: str, by: str
) -> None:
    """Say how much a month expects instead of what is worked out; nothing takes it away.

    Raises:
        Invalid: no reason, no such accrual, or an amount below zero.
        Refused: the month is open or closed.
    """
    if not reason.strip():
        raise Invalid(_("A reason is missing."), _("Say why, for whoever asks later."), code="no_reason")
    if amount_minor < 0:
        raise Invalid(_("Less than nothing is not expected."), _("Type an amount."), code="bad_amount")

    def act(work: Work) -> None:
        row = reads.one(work.connection, entity, period, hub.settings.currency)
        if row.state not in SAYABLE:
            raise Refused(
                _("Accruals are said while a month closes."), _("Soft-close it first."), code="not_closing"
            )
        each = next((one for one in look(work.connection, entity, period) if one.kind == kind), None)
        if each is None:
            raise Invalid(_("Nobody knows this accrual."), _("Use one of the list."), code="bad_accrual")
        share = each.cost_minor * amount_minor // each.worked_out_minor if each.worked_out_minor else 0
        said = (amount_minor, share)
        _post(work, each, (entity, period, row.currency), said, by=by, reason=reason.strip()[:300])

    hub.act(act, "books")


def _post(
    work: Work,
    each: Expected,
    of: tuple[str, str, str],
    wanted: tuple[int, int],
    *,
    by: str,
    reason: str = "",
) -> None:
    """Bring an accrual to an amount: the difference on the last day, its opposite on the day after."""
    entity, period, currency = of
    _first, after = reads.days_of(period)
    last = (date.fromisoformat(after) - timedelta(days=1)).isoformat()
    amount, cost = wanted[0] - each.posted_minor, wanted[1] - each.posted_cost_minor
    said: dict[str, Any] = {
        "entity": entity,
        "period": period,
        "kind": each.kind,
        "currency": currency,
        "overridden": bool(reason),
        "reason": reason,
    }
    record(work, Accrued(**said, business_date=last, amount_minor=amount, cost_minor=cost), by=by)
    back = Accrued(**said, business_date=after, amount_minor=-amount, cost_minor=-cost, taken_back=True)
    record(work, back, by=by)


def _month(connection: Connection, entity: str, period: str) -> Any:
    """Return a function that says what a purpose's accounts moved by in a month, without accruals."""
    first, after = reads.days_of(period)
    rows = connection.execute(
        sa.select(entries.c.account, sa.func.sum(entries.c.amount_minor).label("minor"))
        .join(journals, journals.c.journal_id == entries.c.journal_id)
        .where(
            journals.c.entity == entity,
            journals.c.posting_date >= first,
            journals.c.posting_date < after,
            journals.c.rule.not_in(_OWN),
        )
        .group_by(entries.c.account)
    )
    moved = {row.account: int(row.minor) for row in rows}
    served = accounts_ever(connection, entity)

    def of(purpose: str) -> int:
        return sum(moved.get(account, 0) for account in served.get(purpose, frozenset()))

    return of


def _until(connection: Connection, entity: str, period: str, accounts: frozenset[str]) -> tuple[int, int]:
    """Return what accounts were debited with in a month, and their credit balance at its end."""
    first, after = reads.days_of(period)
    inside = (journals.c.posting_date >= first) & (entries.c.amount_minor > 0)
    spent, left = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(sa.case((inside, entries.c.amount_minor), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(-entries.c.amount_minor), 0),
        )
        .join(journals, journals.c.journal_id == entries.c.journal_id)
        .where(
            journals.c.entity == entity,
            journals.c.posting_date < after,
            entries.c.account.in_(accounts),
            journals.c.rule.not_in(_OWN),
        )
    ).one()
    return int(spent), int(left)
