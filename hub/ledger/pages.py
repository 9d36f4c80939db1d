"""The books as pages: the trial balance, an account with every number behind it, journals and one journal."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy.engine import Connection
from starlette.responses import Response

from hub.console.web import (
    EXPORT_ROWS,
    FINANCE,
    PAGE_ROWS,
    csv_file,
    filled,
    locked,
    may,
    pages_of,
    place_names,
    show,
)
from hub.ledger import reads
from hub.ledger.chart import mapping_of
from hub.ledger.rows import journals
from hub.spine.rows import events
from hub.spine.rows import orders as order_rows
from hub.web import Anybody, Finance, TheHub
from protocol.kit.text import _
from protocol.kit.web.filters import amount

Page = Annotated[int, Query(ge=1, le=20_000)]
Entity = Annotated[str, Query(max_length=40, pattern=r"^[A-Za-z0-9-]*$")]
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Month = Annotated[str, Query(pattern=r"^(\d{4}-\d{2})?$")]
Name = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get("/finance")
def finance(request: Request, hub: TheHub, person: Anybody, entity: Entity = "") -> Response:
    """Show the trial balance of an entity: zero, and the accounts that add up to it."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    with hub.database.read() as connection:
        known = entities(connection)
        chosen = entity if entity in known else (known[0] if known else "")
        balances = reads.trial_balance(connection, entity=chosen) if chosen else []
        count, newest_us = connection.execute(
            sa.select(sa.func.count(), sa.func.max(journals.c.recorded_us)).where(journals.c.entity == chosen)
        ).one()
        sales, tax = reads.sales_and_tax(connection)
        accounts = mapping_of(connection, chosen) if chosen else {}
    return show(
        request,
        "ledger/finance.html",
        entities=known,
        entity=chosen,
        balances=balances,
        zero=sum(balance.amount_minor for balance in balances),
        debits=sum(balance.amount_minor for balance in balances if balance.amount_minor > 0),
        credits=-sum(balance.amount_minor for balance in balances if balance.amount_minor < 0),
        journals=count,
        newest_us=newest_us,
        sales=sales,
        tax=tax,
        accounts=accounts,
        now_us=hub.clock.now_us(),
    )


@router.get("/finance.csv")
def balance_file(hub: TheHub, _person: Finance) -> Response:
    """Send the trial balance of every entity as a file."""

    def lines() -> Iterator[tuple[object, ...]]:
        with hub.database.read(slowly=True) as connection:
            for row in reads.trial_balance(connection):
                yield row.entity, row.account, row.name, row.kind, _plain(row.amount_minor), row.entries

    return csv_file("trial-balance", ("entity", "account", "name", "kind", "balance", "entries"), lines())


@router.get("/finance/accounts/{number}")
def account(
    request: Request,
    hub: TheHub,
    person: Anybody,
    number: Annotated[str, Path(max_length=20, pattern=r"^[^\x00]*$")],
    *,
    entity: Entity = "",
    ref: Name = "",
    page: Page = 1,
) -> Response:
    """Show one account: its balance and every entry behind it."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    with hub.database.read() as connection:
        balance, lines = reads.account(
            connection, number, entity=entity, ref=ref, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS
        )
        names = place_names(connection)
        numbers = _order_numbers(connection, [line.order_id for line in lines])
    return show(
        request,
        "ledger/account.html",
        balance=balance,
        lines=lines,
        names=names,
        numbers=numbers,
        page=page,
        pages=pages_of(balance.entries),
        query=filled({"entity": entity, "ref": ref}),
        ref=ref,
    )


def behind(  # noqa: PLR0913 - a figure may stand for any of these
    *,
    day: Day = "",
    store: Name = "",
    prior: Month = "",
    entity: Entity = "",
    month: Month = "",
    order: Name = "",
    ref: Name = "",
    session: Name = "",
    event: Name = "",
    sku: Name = "",
    rule: Name = "",
) -> reads.Behind:
    """Read which journals an address asks for."""
    return reads.Behind(day, store, prior, entity, month, order, ref, session, event, sku, rule)


Wanted = Annotated[reads.Behind, Depends(behind)]


@router.get("/finance/journals")
def listed(request: Request, hub: TheHub, person: Anybody, wanted: Wanted, page: Page = 1) -> Response:
    """List journals, the newest first; with a filter those behind a figure."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    with hub.database.read() as connection:
        found = reads.listed(connection, wanted, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)
        total = _count(connection, reads.filtered(wanted))
        names = place_names(connection)
        numbers = _order_numbers(connection, [journal.order_id for journal in found])
    return show(
        request,
        "ledger/journals.html",
        found=found,
        total=total,
        page=page,
        pages=pages_of(total),
        day=wanted.day,
        store=wanted.store,
        query=filled(asdict(wanted)),
        names=names,
        numbers=numbers,
        places=sorted(names.items(), key=lambda item: item[1]),
    )


@router.get("/finance/journals.csv")
def journal_file(hub: TheHub, _person: Finance, wanted: Wanted) -> Response:
    """Send journals as a file, one line for each entry."""
    head = ("journal", "entity", "store", "business_date", "rule", "memo", "account", "name", "amount")

    def lines() -> Iterator[tuple[object, ...]]:
        with hub.database.read(slowly=True) as connection:
            names = place_names(connection)
            for at in range(0, EXPORT_ROWS, 500):
                found = reads.listed(connection, wanted, limit=500, offset=at)
                for journal in found:
                    for side in journal.entries:
                        yield (
                            journal.journal_id,
                            journal.entity,
                            names.get(journal.location, journal.location),
                            journal.business_date,
                            journal.rule,
                            journal.memo,
                            side.account,
                            side.name,
                            _plain(side.amount_minor, journal.currency),
                        )
                if len(found) < 500:
                    return

    return csv_file("journals", head, lines())


@router.get("/finance/journals/{journal_id}")
def one(
    request: Request, hub: TheHub, person: Anybody, journal_id: Annotated[int, Path(ge=1, le=10**17)]
) -> Response:
    """Show one journal with its event and its order."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    with hub.database.read() as connection:
        journal = reads.journal(connection, journal_id)
        event = connection.execute(
            sa.select(
                events.c.kind, events.c.edge, events.c.seq, events.c.at_us, events.c.arrived_us, events.c.by
            ).where(events.c.event_id == journal.event_id)
        ).first()
        others = [
            other
            for other in reads.of_events(connection, [journal.event_id])
            if other.journal_id != journal.journal_id
        ]
        names = place_names(connection)
        numbers = _order_numbers(connection, [journal.order_id])
    return show(
        request,
        "ledger/journal.html",
        journal=journal,
        event=event,
        others=others,
        names=names,
        number=numbers.get(journal.order_id, ""),
    )


def entities(connection: Connection) -> list[str]:
    """Return the legal entities that have journals, by name."""
    return list(
        connection.execute(sa.select(journals.c.entity).distinct().order_by(journals.c.entity)).scalars()
    )


def _count(connection: Connection, where: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(journals).where(where)
    return int(connection.execute(query).scalar_one())


def _order_numbers(connection: Connection, order_ids: list[str]) -> dict[str, str]:
    rows = connection.execute(
        sa.select(order_rows.c.order_id, order_rows.c.number).where(
            order_rows.c.order_id.in_([order_id for order_id in order_ids if order_id])
        )
    )
    return {row.order_id: row.number for row in rows}


def _plain(minor: int, currency: str = "GBP") -> str:
    return amount(minor, currency).replace(",", "").replace("\u2212", "-")
