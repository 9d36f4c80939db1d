"""Everything the checks of a close look at, read in one snapshot.

Balances are those of the ledger as far as it has posted, beside the sub-ledgers at the same moment: both are
written in one transaction with each event, so they tie at any moment or never.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import CURRENT, streams
from hub.ledger.between.rows import transfer_sales
from hub.ledger.chain import broken_at, newest_but
from hub.ledger.chart import accounts_ever
from hub.ledger.close import reads
from hub.ledger.close.rows import periods
from hub.ledger.close.rules import EdgeGap, Facts, Tie, last_month, state_of
from hub.ledger.close.subledgers import SUB_LEDGERS, Scope, exchanges, scope_of
from hub.ledger.rows import chain, entries, journals
from hub.ledger.settlements.rows import settlements
from hub.spine.later_rows import later_orders
from hub.spine.log import open_keys
from hub.spine.rows import parked
from hub.stock.rows import stock_values
from hub.till.rows import UNDECIDED, audit_hits, till_sessions, zs
from protocol.clock import from_us
from protocol.lifecycles import PeriodState

NEWEST: Final = 5_000
"""Journals that a page of a month follows the chain over; a second's work at most."""
_entity: Final = sa.func.coalesce(journals.c.entity, "")
"""As a term the entity has no index: these reads go through all entries once, not journal by journal."""
_KEYED: Final[Mapping[str, str]] = {
    "TIE_INVENTORY": "location",
    "TIE_DEPOSITS": "order",
    "TIE_REFUNDS": "order",
    "TIE_RECEIVABLE": "order",
    "TIE_TAX": "rate",
    "TIE_CASH": "location",
}
"""By what the ledger's side of a tie is split; the others tie as one sum."""
_SERVICES: Final = ("gateway", "marketplace")


def gather(connection: Connection, entity: str, period: str, *, default: str, thorough: bool = True) -> Facts:
    """Return what the checks look at; `default` is the entity of locations that nobody registered.

    The chain is followed from the last close on; not `thorough`, as for a page that somebody looks at again
    and again, over the newest journals only.
    """
    first, after = reads.days_of(period)
    scope = scope_of(connection, entity, default)
    served = accounts_ever(connection, entity)
    previous, last_id = _before(connection, entity, period)
    open_tills, counting, untied = _days(connection, scope, after)
    broken = broken_at(
        connection, entity, after=last_id if thorough else newest_but(connection, entity, NEWEST)
    )
    sums = sums_of(connection, entity, period)
    unaudited = _unaudited(connection, scope, after)
    suspense = _suspense(connection, entity, served.get("suspense", frozenset()), after)
    return Facts(
        previous=previous,
        edges=_edges(connection, scope, entity, period),
        open_tills=open_tills,
        uncounted=counting,
        untied_days=untied,
        unaudited_days=unaudited,
        suspense_minor=sum(suspense),
        suspense_entries=len(suspense),
        unposted=_unposted(connection, scope),
        trial_minor=sum(trial(sums).values()),
        ties=ties(connection, scope, served, sums),
        intercompany=intercompany(connection, entity, served),
        elimination=elimination(connection, entity, served),
        transit_unmatched_minor=sum(_by(sums, served.get("transit_unmatched", frozenset()), "").values()),
        negative_stock=_negative(connection, entity),
        exceptions=_exceptions(connection, scope),
        chain_broken=str(broken) if broken else "",
        prior_period=_prior(connection, entity, first, after),
        exchange_open=_exchanges(connection, scope, served, sums),
        old_refunds=_old(connection, entity, served.get("refunds_payable", frozenset()), after),
    )


@dataclass(frozen=True, slots=True)
class Sum:
    """What stands on an account, for one location and tax rate."""

    account: str
    location: str
    rate: str
    opening_minor: int
    closing_minor: int
    now_minor: int


def sums_of(connection: Connection, entity: str, period: str) -> list[Sum]:
    """Return what every account stood at before a month, at its end, and now: one pass over the entries."""
    first, after = reads.days_of(period)

    def until(day: str) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((journals.c.posting_date < day, entries.c.amount_minor), else_=0))

    rate = sa.func.coalesce(sa.cast(entries.c.rate_ppm, sa.Text), "")
    rows = connection.execute(
        sa.select(
            entries.c.account,
            journals.c.location,
            rate,
            until(first),
            until(after),
            sa.func.sum(entries.c.amount_minor),
        )
        .join(journals, journals.c.journal_id == entries.c.journal_id)
        .where(_entity == entity)
        .group_by(entries.c.account, journals.c.location, rate)
    )
    return [
        Sum(account, location, of, *(int(minor) for minor in figures))
        for account, location, of, *figures in rows
    ]


def trial(sums: Iterable[Sum], when: str = "closing_minor") -> dict[str, int]:
    """Return the trial balance of sums: what each account that was ever posted to stood at by then."""
    found: dict[str, int] = {}
    for each in sums:
        found[each.account] = found.get(each.account, 0) + int(getattr(each, when))
    return found


def ties(
    connection: Connection, scope: Scope, served: Mapping[str, frozenset[str]], sums: Sequence[Sum]
) -> tuple[Tie, ...]:
    """Return every control account beside its sub-ledger, key by key."""
    found: list[Tie] = []
    explained: dict[str, dict[tuple[str, str], int]] = {}
    wanted: dict[str, tuple[str, ...]] = {}
    for check, purposes, read in SUB_LEDGERS:
        wanted[check] = tuple(dict.fromkeys((*wanted.get(check, ()), *purposes)))
        known = explained.setdefault(check, {})
        for purpose, key, minor in read(connection, scope):
            if purpose in purposes or _shared(purpose) in purposes:
                known[purpose, key] = known.get((purpose, key), 0) + minor
    for checks, names, accounts in _joined(wanted, served):
        by = _KEYED.get(checks[0], "whole") if len(checks) == 1 else "whole"
        ledger = _by_order(connection, scope.entity, accounts) if by == "order" else _by(sums, accounts, by)
        sub: dict[tuple[str, str], int] = {}
        for check in checks:
            for (purpose, key), minor in explained.get(check, {}).items():
                kept = purpose, "" if by == "whole" else key
                sub[kept] = sub.get(kept, 0) + minor
        for check in checks:
            found += _tied(check, names, accounts, ledger, sub)
    return tuple(found)


def _joined(
    wanted: Mapping[str, tuple[str, ...]], served: Mapping[str, frozenset[str]]
) -> list[tuple[list[str], set[str], frozenset[str]]]:
    """Return (checks, purposes, accounts) that tie as one.

    A company may keep on one account what two checks look at, such as gift cards and store credit: then
    neither can hold by itself, and both say what their account says.
    """
    joined: list[tuple[list[str], set[str], frozenset[str]]] = []
    for check, purposes in wanted.items():
        for group in _groups(purposes, served, whole=check not in _KEYED):
            checks, names, accounts, apart = [check], *group, []
            for other in joined:
                if other[2] & accounts:
                    checks = list(dict.fromkeys((*other[0], *checks)))
                    names, accounts = names | other[1], accounts | other[2]
                else:
                    apart.append(other)
            joined = [*apart, (checks, names, accounts)]
    return joined


def _tied(
    check: str,
    names: set[str],
    accounts: frozenset[str],
    ledger: Mapping[str, int],
    sub: Mapping[tuple[str, str], int],
) -> list[Tie]:
    beside: dict[str, int] = {}
    for (purpose, key), minor in sub.items():
        if purpose in names or _shared(purpose) in names:
            beside[key] = beside.get(key, 0) + minor
    label = "+".join(sorted(accounts))
    pairs = {key: (ledger.get(key, 0), beside.get(key, 0)) for key in sorted({*ledger, *beside})}
    return [Tie(check, label, key, *pair) for key, pair in pairs.items() if any(pair)]


def _by(sums: Iterable[Sum], accounts: frozenset[str], by: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in sums:
        if each.account in accounts:
            key = {"location": each.location, "rate": each.rate}.get(by, "")
            found[key] = found.get(key, 0) + each.now_minor
    return found


def _by_order(connection: Connection, entity: str, accounts: frozenset[str]) -> dict[str, int]:
    rows = connection.execute(
        sa.select(journals.c.order_id, sa.func.sum(entries.c.amount_minor).label("minor"))
        .join(journals, journals.c.journal_id == entries.c.journal_id)
        .where(_entity == entity, entries.c.account.in_(accounts))
        .group_by(journals.c.order_id)
    )
    return {row.order_id: int(row.minor) for row in rows}


def _groups(
    purposes: Iterable[str], served: Mapping[str, frozenset[str]], *, whole: bool
) -> list[tuple[set[str], frozenset[str]]]:
    """Return purposes that share an account as one: a company may keep several kinds of goods on one."""
    groups: list[tuple[set[str], frozenset[str]]] = []
    for purpose in purposes:
        names, accounts = {purpose}, served.get(purpose, frozenset())
        if purpose in _SERVICES:
            own = (each for name, each in served.items() if name.startswith(f"{purpose}."))
            accounts = accounts.union(*own)
        apart = []
        for group in groups:
            if whole or group[1] & accounts:
                names, accounts = names | group[0], accounts | group[1]
            else:
                apart.append(group)
        groups = [*apart, (names, accounts)]
    return [group for group in groups if group[1]]


def _shared(purpose: str) -> str:
    """Return the purpose whose account a service shares with others that have none of their own."""
    name = purpose.partition(".")[0]
    return name if name in _SERVICES else purpose


def intercompany(
    connection: Connection, entity: str, served: Mapping[str, frozenset[str]]
) -> tuple[Tie, ...]:
    """Return what this entity says of its debts with each other one, beside what they say."""
    found = []
    others = connection.execute(
        sa.select(journals.c.entity).where(journals.c.entity != entity).distinct().order_by(journals.c.entity)
    ).scalars()
    for other in others:
        theirs = accounts_ever(connection, other)
        for mine, yours in (("due_from", "due_to"), ("due_to", "due_from")):
            ours = _owed(connection, entity, served.get(mine, frozenset()), other)
            back = -_owed(connection, other, theirs.get(yours, frozenset()), entity)
            if ours or back:
                found.append(Tie("INTERCOMPANY", mine, other, ours, back))
    return tuple(found)


def elimination(connection: Connection, entity: str, served: Mapping[str, frozenset[str]]) -> tuple[Tie, ...]:
    """Return what this entity earned by selling to each other one, beside what was kept of those sales.

    That is what a consolidation takes out of both. Journals of before sales were kept do not count.
    """
    table = transfer_sales.c
    kept = {
        row.buyer: int(row.minor)
        for row in connection.execute(
            sa.select(table.buyer, sa.func.sum(table.price_minor).label("minor"))
            .where(table.supplier == entity, table.kind != "kept")
            .group_by(table.buyer)
        )
    }
    since = sa.select(sa.func.min(table.apply_order)).scalar_subquery()
    posted = {
        row.ref: -int(row.minor)
        for row in connection.execute(
            sa.select(entries.c.ref, sa.func.sum(entries.c.amount_minor).label("minor"))
            .join(journals, journals.c.journal_id == entries.c.journal_id)
            .where(
                _entity == entity,
                entries.c.account.in_(served.get("sales.abroad", frozenset())),
                journals.c.apply_order >= since,
            )
            .group_by(entries.c.ref)
        )
    }
    return tuple(
        Tie("ELIMINATION", "sales.abroad", other, posted.get(other, 0), kept.get(other, 0))
        for other in sorted({*kept, *posted})
    )


def _owed(connection: Connection, entity: str, accounts: frozenset[str], other: str) -> int:
    return int(
        connection.execute(
            sa.select(sa.func.coalesce(sa.func.sum(entries.c.amount_minor), 0))
            .join(journals, journals.c.journal_id == entries.c.journal_id)
            .where(_entity == entity, entries.c.account.in_(accounts), entries.c.ref == other)
        ).scalar_one()
    )


def _before(connection: Connection, entity: str, period: str) -> tuple[PeriodState, int]:
    """Return how far the month before is, and the last journal whose hash was closed on."""
    first, _after = reads.days_of(period)
    earlier = connection.execute(
        sa.select(journals.c.journal_id)
        .where(journals.c.entity == entity, journals.c.posting_date < first)
        .limit(1)
    ).first()
    states = reads.states_of(connection, entity)
    state = state_of(last_month(period), states) if earlier else PeriodState.CLOSED
    closed_on = connection.execute(
        sa.select(periods.c.fingerprint).where(
            periods.c.entity == entity, periods.c.period == last_month(period)
        )
    ).scalar()
    if not closed_on:
        return state, 0
    found = connection.execute(
        sa.select(chain.c.journal_id).where(
            chain.c.hash == bytes.fromhex(closed_on), chain.c.entity == entity
        )
    ).scalar()
    return state, int(found or 0)


def _edges(connection: Connection, scope: Scope, entity: str, period: str) -> tuple[EdgeGap, ...]:
    """Return how far every store has told: one that was last heard inside the month may know more."""
    _first, after = reads.days_of(period)
    declared = {gap.location for gap in reads.gaps(connection, entity, period)}
    rows = connection.execute(
        sa.select(streams.c.edge, streams.c.upto, streams.c.newest, streams.c.last_us)
        .where(streams.c.state == CURRENT)
        .order_by(streams.c.edge)
    )
    found = []
    for row in rows:
        if not scope.has(row.edge):
            continue
        dark = from_us(row.last_us).date().isoformat() < after
        needed = max(row.newest, row.upto + 1) if dark else row.newest
        found.append(EdgeGap(row.edge, needed, row.upto, row.edge in declared))
    return tuple(found)


def _days(
    connection: Connection, scope: Scope, after: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the tills of the month that are open, those being counted, and closes that do not tie."""
    sessions = connection.execute(
        sa.select(till_sessions.c.location, till_sessions.c.till, till_sessions.c.business_date)
        .add_columns(till_sessions.c.state)
        .where(till_sessions.c.business_date < after, till_sessions.c.state != "closed")
        .order_by(till_sessions.c.business_date, till_sessions.c.location, till_sessions.c.till)
    ).all()
    own = [row for row in sessions if scope.has(row.location)]
    off = connection.execute(
        sa.select(zs.c.location, zs.c.number)
        .join(open_keys, open_keys.c.dedupe_key == sa.func.substr("z:" + zs.c.session_id, 1, 64))
        .where(zs.c.business_date < after)
        .order_by(zs.c.number)
    ).all()
    return (
        tuple(f"{row.location} {row.till} {row.business_date}" for row in own if row.state != "counting"),
        tuple(f"{row.location} {row.till} {row.business_date}" for row in own if row.state == "counting"),
        tuple(row.number for row in off if scope.has(row.location)),
    )


def _unaudited(connection: Connection, scope: Scope, after: str) -> tuple[str, ...]:
    """Return the days of stores whose audit somebody still has to look at."""
    rows = connection.execute(
        sa.select(audit_hits.c.location, audit_hits.c.business_date, sa.func.count().label("n"))
        .where(audit_hits.c.state.in_(UNDECIDED), audit_hits.c.business_date < after)
        .group_by(audit_hits.c.location, audit_hits.c.business_date)
        .order_by(audit_hits.c.business_date, audit_hits.c.location)
    )
    return tuple(f"{row.location} {row.business_date}: {row.n}" for row in rows if scope.has(row.location))


def _exchanges(
    connection: Connection, scope: Scope, served: Mapping[str, frozenset[str]], sums: Iterable[Sum]
) -> tuple[str, ...]:
    """Return the exchanges that lack a half, and the clearing account where it stands elsewhere than they do.

    Both halves name one exchange and different orders, so the account is held against them as one sum.
    """
    known = exchanges(connection, scope)
    accounts = served.get("exchange", frozenset()) | served.get("tender.exchange", frozenset())
    ledger, records = sum(_by(sums, accounts, "").values()), sum(known.values())
    found = sorted(f"{reference or '-'}: {minor}" for reference, minor in known.items() if minor)
    apart = [f"{'+'.join(sorted(accounts))}: {ledger} / {records}"] if ledger != records else []
    return (*found, *apart)


def _suspense(connection: Connection, entity: str, accounts: frozenset[str], after: str) -> list[int]:
    """Return what is still in suspense, journal by journal: one that was reclassified is out of it."""
    root = sa.func.coalesce(journals.c.reverses, journals.c.journal_id)
    rows = connection.execute(
        sa.select(sa.func.sum(entries.c.amount_minor).label("minor"))
        .join(journals, journals.c.journal_id == entries.c.journal_id)
        .where(_entity == entity, entries.c.account.in_(accounts), journals.c.posting_date < after)
        .group_by(root)
        .having(sa.func.sum(entries.c.amount_minor) != 0)
    )
    return [int(row.minor) for row in rows]


def _unposted(connection: Connection, scope: Scope) -> int:
    rows = connection.execute(
        sa.select(parked.c.edge, sa.func.count().label("n"))
        .where(parked.c.state == "parked")
        .group_by(parked.c.edge)
    )
    return sum(int(row.n) for row in rows if scope.has(row.edge))


def _negative(connection: Connection, entity: str) -> tuple[str, ...]:
    rows = connection.execute(
        sa.select(stock_values.c.location, stock_values.c.sku, stock_values.c.quantity)
        .where(stock_values.c.entity == entity, stock_values.c.quantity < 0)
        .where(stock_values.c.bucket != "in_transit")
        .order_by(stock_values.c.location, stock_values.c.sku)
    )
    return tuple(f"{row.location} {row.sku}: {row.quantity}" for row in rows)


def _exceptions(connection: Connection, scope: Scope) -> tuple[str, ...]:
    """Return what is open and touches the money of this entity."""
    not_owed = connection.execute(
        sa.select(later_orders.c.order_id, later_orders.c.location).join(
            open_keys, open_keys.c.dedupe_key == sa.func.substr("not_owed:" + later_orders.c.order_id, 1, 64)
        )
    ).all()
    settled = connection.execute(
        sa.select(settlements.c.provider + " " + settlements.c.reference)
        .join(
            open_keys,
            open_keys.c.dedupe_key == sa.func.substr("settlement:" + settlements.c.settlement_id, 1, 64),
        )
        .where(settlements.c.entity == scope.entity)
    ).scalars()
    return (
        *(f"refund_not_owed {row.order_id}" for row in not_owed if scope.has(row.location)),
        *(f"settlement_mismatch {payout}" for payout in settled),
    )


def _prior(connection: Connection, entity: str, first: str, after: str) -> int:
    return int(
        connection.execute(
            sa.select(sa.func.count()).where(
                journals.c.entity == entity,
                journals.c.posting_date >= first,
                journals.c.posting_date < after,
                journals.c.business_date < first,
            )
        ).scalar_one()
    )


def _old(connection: Connection, entity: str, accounts: frozenset[str], after: str) -> tuple[str, ...]:
    """Return the orders with money owed to a customer that nothing has happened to in this month."""
    rows = connection.execute(
        sa.select(journals.c.order_id)
        .join(entries, entries.c.journal_id == journals.c.journal_id)
        .where(_entity == entity, entries.c.account.in_(accounts))
        .group_by(journals.c.order_id)
        .having(
            (sa.func.sum(entries.c.amount_minor) != 0)
            & (sa.func.max(journals.c.posting_date) < f"{last_month(after[:7])}-01")
        )
        .order_by(journals.c.order_id)
    ).scalars()
    return tuple(order_id or "-" for order_id in rows)
