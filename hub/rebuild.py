"""The tables, made anew from the log, and compared with those that stand.

Events are the truth and tables their shadow. The log is applied in its own order into an empty database,
through the same table of stages; what differs afterwards is a bug, never a correction. What somebody chose
(chart of accounts, locations) is data beside the log and is copied first.

Live state is neither copied nor compared: rights and who holds them (`hub_rights`, `allocations`,
`reservations`), who waits for goods on their way (`inbound_claims`, `inbound_ahead`), what is on its way out
(`directives`, `assignment_directives`, `transfer_directives`, `gateway_commands`, `payment_asks`, `notices`),
what is asked and not answered (`order_requests`), why routing decided so (`decisions`), and what checks
said (`check_outcomes`). While tables are made anew no right moves and nothing is told to anybody.
"""

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.catalog.rows import catalog_applied
from hub.checks.rows import check_rules
from hub.commissions.rows import commission_moves, commission_plans, line_commissions
from hub.context import Hub
from hub.database import HubDatabase, HubUnit, Lookup, say
from hub.exceptions.rows import exception_acts, exceptions
from hub.fleet.rows import hub_meta, locations
from hub.flow import rows as flow
from hub.flow.steps import look as follow_flow
from hub.fulfil import rows as fulfil
from hub.holds.rows import order_holds
from hub.journey import JOURNEY
from hub.ledger.between import rows as between
from hub.ledger.close import rows as closing
from hub.ledger.rows import account_mapping, accounts, chain, chain_heads, entries, journals, mapping_changes
from hub.ledger.settlements import rows as settled
from hub.returns.rows import mail_ins, return_policies, sold_serials
from hub.schema import create_schema
from hub.spine import later_rows as later
from hub.spine import payment_rows as promised
from hub.spine import rows as record
from hub.spine.log import Log, open_keys
from hub.spine.work import Applied
from hub.stock import task_rows as stock_tasks
from hub.stock.rows import balances, sold_off, stock_movements, stock_values
from hub.stored_value.rows import gift_card_tenders, stored_value_moves, stored_values
from hub.till.rows import audit_hits, audit_rules, cash_moves, till_sessions, zs
from hub.transfers import rows as transfers
from protocol.envelope import decode_event, read_body

CHOSEN: Final = (locations, hub_meta, accounts, account_mapping, return_policies, check_rules, record.parked)
SHADOWS: Final = (
    record.event_subjects,
    open_keys,
    record.orders,
    record.order_lines,
    record.order_tenders,
    record.returns,
    record.return_lines,
    record.return_fees,
    record.return_tenders,
    mail_ins,
    sold_serials,
    commission_plans,
    line_commissions,
    commission_moves,
    later.later_orders,
    later.later_lines,
    later.order_leavings,
    later.payments,
    promised.authorisations,
    promised.offline_cards,
    fulfil.assignments,
    fulfil.assignment_lines,
    fulfil.parcels,
    fulfil.handovers,
    fulfil.manifests,
    stock_movements,
    balances,
    stock_values,
    sold_off,
    journals,
    entries,
    chain,
    chain_heads,
    mapping_changes,
    between.transfer_prices,
    between.transfer_sales,
    between.value_set_offs,
    closing.periods,
    closing.period_signs,
    closing.period_gaps,
    closing.accrual_rules,
    closing.accruals,
    settled.settlements,
    settled.settlement_lines,
    settled.settlement_mappers,
    settled.money_moves,
    till_sessions,
    zs,
    cash_moves,
    audit_rules,
    audit_hits,
    stored_values,
    stored_value_moves,
    gift_card_tenders,
    exceptions,
    exception_acts,
    order_holds,
    catalog_applied,
    stock_tasks.count_tasks,
    stock_tasks.count_lines,
    stock_tasks.deliveries,
    stock_tasks.delivery_lines,
    transfers.transfers,
    transfers.transfer_lines,
    transfers.transfer_shipments,
    transfers.transfer_receipts,
    transfers.transfer_pieces,
    transfers.transfer_cartons,
    *flow.TABLES,
)
PIECE: Final = 200
_NEXT: Final = Lookup(
    sa.select(record.events)
    .where(record.events.c.apply_order > sa.bindparam("after"))
    .order_by(record.events.c.apply_order)
    .limit(PIECE)
)


def verify(hub: Hub) -> dict[str, int]:
    """Make the tables anew in a temporary file; return how many rows differ, by table. Empty is good.

    The log and the tables are read as they stood in one moment, so the hub may go on meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="orderspine-verify-") as folder:
        again = HubDatabase(f"sqlite:///{Path(folder) / 'hub.db'}")
        try:
            create_schema(again.engine)
            with hub.database.read(slowly=True) as source:
                rebuild_into(again, hub, source)
                return differences(source, again)
        finally:
            again.close()


def rebuild_into(empty: HubDatabase, hub: Hub, source: Connection) -> int:
    """Apply a hub's log, read through `source`, into an empty database; return how many events there were."""
    other = Hub(
        settings=hub.settings,
        database=empty,
        clock=hub.clock,
        ids=hub.ids,
        broadcaster=hub.broadcaster,
        journey=JOURNEY,
    )
    count = 0
    for table in CHOSEN:
        _copy(source, empty, table)
    for piece in _pieces(source):
        empty.write(partial(_apply, other, piece))
        count += len(piece)
    counted, _newest = flow.position(source)
    while follow_flow(other, upto=counted):  # as far as the original had counted, and no further
        pass
    return count


def differences(one: Connection, other: HubDatabase) -> dict[str, int]:
    """Return how many rows are in only one of two databases, by table; tables that agree are left out."""
    found = {}
    # As they are stored, where both are of one kind: making Python's values of them costs more than reading.
    rows = _stored if one.dialect.name == "sqlite" and other.is_sqlite else _rows
    with other.read() as again:
        for table in SHADOWS:
            apart = rows(one, table) ^ rows(again, table)
            if apart:
                found[table.name] = len(apart)
    return found


def _stored(connection: Connection, table: sa.Table) -> set[tuple[Any, ...]]:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    return set(say(connection, f"SELECT {columns} FROM {table.name}", ()))  # noqa: S608 - our own names


def _rows(connection: Connection, table: sa.Table) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in connection.execute(sa.select(table))}


def _copy(source: Connection, target: HubDatabase, table: sa.Table) -> None:
    found = [dict(row) for row in source.execute(sa.select(table)).mappings()]
    if found:
        target.write(lambda unit: unit.connection.execute(sa.insert(table), found))


def _pieces(source: Connection) -> Iterator[list[Applied]]:
    after = 0
    while found := _NEXT.all(source, after=after):
        yield [_applied(row) for row in found]
        after = found[-1].apply_order


def _applied(row: sa.Row[Any]) -> Applied:
    event = decode_event(bytes(row.bytes))
    return Applied(
        apply_order=row.apply_order,
        edge=row.edge,
        inc=row.inc,
        seq=row.seq,
        event_id=row.event_id,
        kind=row.kind,
        v=row.v,
        at_us=row.at_us,
        arrived_us=row.arrived_us,
        by=row.by,
        device=row.device,
        subjects=event.subjects,
        body=read_body(event),
        data=bytes(row.bytes),
        hash=bytes(row.hash),
        results={},
    )


def _apply(hub: Hub, piece: Sequence[Applied], unit: HubUnit) -> None:
    work = hub.spine.work(unit, rebuilding=True)
    work.prepare(piece)
    log = work.room(Log)
    for applied in piece:
        log.append(applied)
        work.dispatch(applied)
    work.flush()
