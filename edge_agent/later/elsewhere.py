"""What others recorded about an order that this store took, as the hub tells it in totals.

The order's tables hold both: what this store recorded and what others did, so that its tills ask for what is
really due. A message adds what it says more than those before it, so it may come twice, late, or before the
order itself, as in a store that gets its own past back.
"""

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.later import rows
from edge_agent.later.rules import reopened, worth
from protocol import later
from protocol.elsewhere import AddedLine, OrderElsewhere, UnitsElsewhere, merge, nothing
from protocol.fold import OrderRecord, advance
from protocol.fulfilment import UnitsLine, Verified
from protocol.kit.sqlite import Connection
from protocol.orders import WireModel


def told_of(connection: Connection, order_id: str) -> tuple[OrderElsewhere, int] | None:
    """Return what others recorded about an order, and when this store was last told more of it."""
    row = connection.execute(
        "SELECT body, at_us FROM later_elsewhere WHERE order_id = ?", (order_id,)
    ).fetchone()
    return (OrderElsewhere.model_validate_json(row[0]), int(row[1])) if row else None


def take(unit: EdgeUnit, body: OrderElsewhere, at_us: int) -> None:
    """Let what others recorded count, as far as it is more than what was told before."""
    known = told_of(unit.connection, body.order_id)
    before = known[0] if known else nothing(body.order_id, body.number)
    now = merge(before, body)
    if known and now == before:
        return
    unit.connection.execute(
        "INSERT INTO later_elsewhere (order_id, body, at_us) VALUES (?, ?, ?)"
        " ON CONFLICT (order_id) DO UPDATE SET body = excluded.body, at_us = excluded.at_us",
        (now.order_id, now.model_dump_json(), at_us),
    )
    _count(unit.connection, before, now)


def on_order_placed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Let what was told of an order count that only now is known here."""
    assert isinstance(recorded.body, later.OrderPlaced)
    known = told_of(unit.connection, recorded.body.order_id)
    if known is not None:
        _count(unit.connection, nothing(recorded.body.order_id, recorded.body.number), known[0])


def _count(connection: Connection, before: OrderElsewhere, now: OrderElsewhere) -> None:
    if rows.find_head(connection, now.order_id) is None:
        return
    had = {line.line_no for line in before.lines}
    _add_lines(connection, now, [line for line in now.lines if line.line_no not in had])
    order = rows.find(connection, now.order_id)
    assert order is not None
    record = order.record
    for each in now.units:
        record = _units(connection, record, before.by_line.get(each.line_no), each)
    connection.execute(
        "UPDATE later_orders SET paid_minor = paid_minor + ?, refunded_minor = refunded_minor + ?"
        " WHERE order_id = ?",
        (
            now.money_in_minor - before.money_in_minor,
            now.money_out_minor - before.money_out_minor,
            now.order_id,
        ),
    )
    rows.write_units(connection, record, reopened(record.state, record.lines))


def _add_lines(connection: Connection, now: OrderElsewhere, added: list[AddedLine]) -> None:
    connection.executemany(
        f"INSERT INTO later_order_lines (order_id, {rows.LINE})"  # noqa: S608 - a fixed list
        f" VALUES ({','.join('?' * 15)})",
        [
            (
                now.order_id,
                line.line_no,
                line.sku,
                line.name,
                line.kind.value,
                line.quantity,
                line.unit_price_minor,
                line.discount_minor,
                line.gross_minor,
                line.tax_minor,
                line.rate_ppm,
                0,
                0,
                0,
                1,
            )
            for line in added
        ],
    )
    connection.execute(
        "UPDATE later_orders SET total_minor = total_minor + ?, tax_minor = tax_minor + ? WHERE order_id = ?",
        (sum(line.gross_minor for line in added), sum(line.tax_minor for line in added), now.order_id),
    )


def _units(
    connection: Connection, record: OrderRecord, before: UnitsElsewhere | None, now: UnitsElsewhere
) -> OrderRecord:
    """Let units of one line be cancelled, gone or back that were not so by what was told before."""
    line = next((line for line in record.lines if line.line_no == now.line_no), None)
    if line is None:
        return record
    was = before or UnitsElsewhere(line_no=now.line_no)
    gone, left = now.cancelled - was.cancelled, now.left - was.left - now.back + was.back
    if gone:
        rows.drop_money(connection, record.order_id, line.line_no, worth(line, gone))
    for body in _facts(record, line.sku, now.line_no, gone, left):
        record, _odd = advance(record, body)
    return record


def _facts(record: OrderRecord, sku: str, line_no: int, gone: int, left: int) -> list[WireModel]:
    """Return facts that the fold reads as this; who recorded them, and when, it does not ask."""
    of = {"order_id": record.order_id, "number": record.number}
    found: list[WireModel] = []
    if gone:
        line = later.CancelledLine(line_no=line_no, sku=sku, quantity=gone)
        found.append(later.OrderCancelled(cancel_id="elsewhere", lines=(line,), **of))
    units = (UnitsLine(line_no=line_no, sku=sku, bound=abs(left)),)
    part = {**of, "assignment_id": "elsewhere", "handover_id": "elsewhere"}
    if left > 0:
        found.append(later.AssignmentHandedOver(lines=units, verified=Verified.CODE, **part))
    elif left < 0:
        found.append(later.HandoverUndone(lines=units, **part))
    return found
