"""Reading the books: trial balance, journals, and one account with every number behind its balance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.ledger.chart import RETURNS_ACCOUNT, SALES_ACCOUNT, TAX_ACCOUNT
from hub.ledger.rows import accounts, entries, journals
from hub.spine.rows import event_subjects
from hub.stock.rows import stock_movements
from protocol.errors import NotFound


@dataclass(frozen=True, slots=True)
class Balance:
    """One account of a trial balance: debit positive."""

    entity: str
    account: str
    name: str
    kind: str
    amount_minor: int
    entries: int


@dataclass(frozen=True, slots=True)
class EntryRead:
    """One side of a journal."""

    account: str
    name: str
    amount_minor: int
    rate_ppm: int | None
    ref: str = ""


@dataclass(frozen=True, slots=True)
class JournalRead:
    """One journal with its sides."""

    journal_id: int
    event_id: str
    entity: str
    rule: str
    location: str
    order_id: str
    business_date: str
    posting_date: str
    recorded_us: int
    currency: str
    memo: str
    reverses: int | None
    entries: tuple[EntryRead, ...]


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One entry of an account, with the journal it belongs to."""

    journal_id: int
    rule: str
    location: str
    order_id: str
    event_id: str
    posting_date: str
    memo: str
    amount_minor: int


def trial_balance(connection: Connection, *, entity: str = "") -> list[Balance]:
    """Return what every account stands at; the amounts sum to zero."""
    sums = (
        sa.select(
            journals.c.entity,
            entries.c.account,
            sa.func.sum(entries.c.amount_minor).label("amount"),
            sa.func.count().label("entries"),
        )
        .join(journals, journals.c.journal_id == entries.c.journal_id)
        .group_by(journals.c.entity, entries.c.account)
    )
    if entity:
        sums = sums.where(journals.c.entity == entity)
    part = sums.subquery()
    found = connection.execute(
        sa.select(
            part.c.entity,
            part.c.account,
            sa.func.coalesce(accounts.c.name, ""),
            sa.func.coalesce(accounts.c.kind, ""),
            part.c.amount,
            part.c.entries,
        )
        .outerjoin(accounts, (accounts.c.entity == part.c.entity) & (accounts.c.account == part.c.account))
        .order_by(part.c.entity, part.c.account)
    ).all()
    return [Balance(e, a, name, kind, int(amount), count) for e, a, name, kind, amount, count in found]


def total(connection: Connection) -> int:
    """Return the sum of all entries: zero, or something is very wrong."""
    return int(connection.execute(sa.select(sa.func.sum(entries.c.amount_minor))).scalar() or 0)


def unbalanced(connection: Connection) -> int:
    """Return how many journals do not sum to zero or have no entries; the database refuses them."""
    uneven = (
        sa.select(journals.c.journal_id)
        .outerjoin(entries, entries.c.journal_id == journals.c.journal_id)
        .group_by(journals.c.journal_id)
        .having(sa.func.coalesce(sa.func.sum(entries.c.amount_minor), 1) != 0)
        .subquery()
    )
    return int(connection.execute(sa.select(sa.func.count()).select_from(uneven)).scalar_one())


def sales_and_tax(connection: Connection) -> tuple[int, int]:
    """Return sales net of returns, and output tax net of returns, both as positive amounts."""
    sums = {
        account: int(amount)
        for account, amount in connection.execute(
            sa.select(entries.c.account, sa.func.sum(entries.c.amount_minor))
            .where(entries.c.account.in_((SALES_ACCOUNT, RETURNS_ACCOUNT, TAX_ACCOUNT)))
            .group_by(entries.c.account)
        )
    }
    return -sums.get(SALES_ACCOUNT, 0) - sums.get(RETURNS_ACCOUNT, 0), -sums.get(TAX_ACCOUNT, 0)


def of_events(connection: Connection, event_ids: Iterable[str]) -> list[JournalRead]:
    """Return the journals that events posted, in their order."""
    ids = list(event_ids)
    return _read(connection, journals.c.event_id.in_(ids), limit=1_000) if ids else []


@dataclass(frozen=True, slots=True)
class Behind:
    """Which journals are wanted: those behind a figure. What is empty narrows nothing."""

    day: str = ""
    """The business date."""
    store: str = ""
    prior: str = ""
    """A month into which facts of earlier months were posted."""
    entity: str = ""
    month: str = ""
    """The month that they were posted into."""
    order: str = ""
    ref: str = ""
    """Whose side one of their entries is: a case, a bag, another entity."""
    session: str = ""
    """A till session: everything that its events posted."""
    event: str = ""
    sku: str = ""
    """An article that their event moved."""


def listed(connection: Connection, behind: Behind, *, limit: int = 50, offset: int = 0) -> list[JournalRead]:
    """Return a page of journals, the newest first."""
    return _read(connection, filtered(behind), limit=limit, offset=offset, newest_first=True)


def filtered(behind: Behind) -> sa.ColumnElement[bool]:
    """Return what a journal must be."""
    table = journals.c
    where: sa.ColumnElement[bool] = sa.true()
    for column, value in (
        (table.business_date, behind.day),
        (table.location, behind.store),
        (table.entity, behind.entity),
        (table.order_id, behind.order),
        (table.event_id, behind.event),
    ):
        if value:
            where = where & (column == value)
    if behind.prior:
        first = f"{behind.prior}-01"
        where = where & (table.posting_date == first) & (table.business_date < first)
    if behind.month:
        where = where & (sa.func.substr(table.posting_date, 1, 7) == behind.month)
    if behind.ref:
        where = where & table.journal_id.in_(
            sa.select(entries.c.journal_id).where(entries.c.ref == behind.ref)
        )
    if behind.session:
        said = event_subjects.c.subject == f"till:{behind.session}"
        where = where & table.apply_order.in_(sa.select(event_subjects.c.apply_order).where(said))
    if behind.sku:
        moved = sa.select(stock_movements.c.apply_order).where(stock_movements.c.sku == behind.sku)
        where = where & table.apply_order.in_(moved)
    return where


def journal(connection: Connection, journal_id: int) -> JournalRead:
    """Return one journal.

    Raises:
        NotFound: there is none of that number.
    """
    found = _read(connection, journals.c.journal_id == journal_id, limit=1)
    if not found:
        raise NotFound("There is no such journal.", "Look the list up again.", code="no_journal")
    return found[0]


def account(
    connection: Connection, number: str, *, entity: str = "", ref: str = "", limit: int = 50, offset: int = 0
) -> tuple[Balance, list[AccountLine]]:
    """Return an account with its balance, and a page of its entries, the newest first.

    `ref` narrows both to one side of it, such as another entity or a person.

    Raises:
        NotFound: no such account.
    """
    query = sa.select(accounts).where(accounts.c.account == number)
    if entity:
        query = query.where(accounts.c.entity == entity)
    row = connection.execute(query.order_by(accounts.c.entity).limit(1)).first()
    if row is None:
        raise NotFound(
            f"There is no account {number[:20]}.", "Look at the chart of accounts.", code="no_account"
        )
    mine = (entries.c.account == number) & (journals.c.entity == row.entity)
    if ref:
        mine &= entries.c.ref == ref
    joined = entries.join(journals, journals.c.journal_id == entries.c.journal_id)
    amount, count = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(entries.c.amount_minor), 0), sa.func.count())
        .select_from(joined)
        .where(mine)
    ).one()
    lines = connection.execute(
        sa.select(
            journals.c.journal_id,
            journals.c.rule,
            journals.c.location,
            journals.c.order_id,
            journals.c.event_id,
            journals.c.posting_date,
            journals.c.memo,
            entries.c.amount_minor,
        )
        .select_from(joined)
        .where(mine)
        .order_by(journals.c.journal_id.desc(), entries.c.n)
        .limit(limit)
        .offset(offset)
    ).all()
    return (
        Balance(row.entity, number, row.name, row.kind, int(amount), count),
        [AccountLine(*line) for line in lines],
    )


def _read(
    connection: Connection, where: Any, *, limit: int, offset: int = 0, newest_first: bool = False
) -> list[JournalRead]:
    order = journals.c.journal_id.desc() if newest_first else journals.c.journal_id.asc()
    heads = connection.execute(
        sa.select(journals).where(where).order_by(order).limit(limit).offset(offset)
    ).all()
    sides: dict[int, list[EntryRead]] = {head.journal_id: [] for head in heads}
    for row in _sides(connection, list(sides)):
        sides[row.journal_id].append(
            EntryRead(row.account, row.name, row.amount_minor, row.rate_ppm, row.ref)
        )
    return [
        JournalRead(
            journal_id=head.journal_id,
            event_id=head.event_id,
            entity=head.entity,
            rule=head.rule,
            location=head.location,
            order_id=head.order_id,
            business_date=head.business_date,
            posting_date=head.posting_date,
            recorded_us=head.recorded_us,
            currency=head.currency,
            memo=head.memo,
            reverses=head.reverses,
            entries=tuple(sides[head.journal_id]),
        )
        for head in heads
    ]


def _sides(connection: Connection, journal_ids: list[int]) -> Sequence[Any]:
    return connection.execute(
        sa.select(
            entries.c.journal_id,
            entries.c.account,
            sa.func.coalesce(accounts.c.name, "").label("name"),
            entries.c.amount_minor,
            entries.c.rate_ppm,
            entries.c.ref,
        )
        .join(journals, journals.c.journal_id == entries.c.journal_id)
        .outerjoin(
            accounts, (accounts.c.entity == journals.c.entity) & (accounts.c.account == entries.c.account)
        )
        .where(entries.c.journal_id.in_(journal_ids))
        .order_by(entries.c.journal_id, entries.c.n)
    ).all()
