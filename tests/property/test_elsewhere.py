"""Messages about what others recorded lead a store to one account, lost, repeated and in any order."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.database import migrate
from edge_agent.journal import Recorded
from edge_agent.later import elsewhere, rows
from protocol import later
from protocol.elsewhere import OrderElsewhere, total
from protocol.fulfilment import UnitsLine, Verified
from protocol.kit.sqlite import connect
from protocol.kit.writer import SqliteStore, Unit
from protocol.orders import OrderLine, Tender, TenderKind, WireModel
from tests.support.later_shop import LaterShop

CALM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PRICE = 7_50
OF = {"order_id": "store-1-l1", "number": "LB1-00001"}
AT_TILL: dict[str, Any] = {
    "session_id": "s-1",
    "till": "till-1",
    "business_date": "2026-11-25",
    "currency": "GBP",
}


def by_others() -> list[WireModel]:
    """Everything that others may record about an order of four and three units."""
    line = OrderLine(
        line_no=3, sku="C", name="Article C", quantity=2, list_price_minor=PRICE, unit_price_minor=PRICE,
        gross_minor=2 * PRICE, tax_minor=2_50, rate_ppm=200_000,
    )  # fmt: skip
    gone = [later.CancelledLine(line_no=n, sku="A", quantity=1) for n in (1, 2, 3)]
    part = {**OF, "assignment_id": "a-2", "handover_id": "h-1"}
    units = (UnitsLine(line_no=3, sku="C", lent=1),)
    online = {"gateway": "psp", "currency": "GBP", **OF}
    return [
        later.OrderPaidOnline(payment_id="p-1", amount_minor=5_00, **online),
        later.OrderCancelled(cancel_id="c-1", lines=tuple(gone[:1]), **OF),
        later.LinesAdded(change_id="x", lines=(line,), total_minor=2 * PRICE, tax_minor=2_50, **OF),
        later.OrderRefundedOnline(refund_id="f-1", amount_minor=2_00, **online),
        later.AssignmentHandedOver(lines=units, verified=Verified.CODE, **part),
        later.OrderCancelled(cancel_id="c-2", lines=tuple(gone[1:]), **OF),
        later.HandoverUndone(lines=units, **part),
        later.OrderPaid(payment_id="p-2", tenders=_cash(3_00), amount_minor=3_00, **AT_TILL, **OF),
        later.AssignmentHandedOver(lines=units, verified=Verified.CODE, **{**part, "handover_id": "h-2"}),
    ]


def own() -> list[WireModel]:
    """What the store records itself, beginning with the order."""
    placed = LaterShop().place(("A", 4, PRICE), ("B", 3, PRICE))
    gone = (later.CancelledLine(line_no=1, sku="A", quantity=1),)
    units = (UnitsLine(line_no=2, sku="B", bound=1),)
    part = {**OF, "assignment_id": placed.own.assignment_id if placed.own else "", "handover_id": "h-9"}
    return [
        placed,
        later.OrderPaid(payment_id="p-9", tenders=_cash(9_00), amount_minor=9_00, **AT_TILL, **OF),
        later.OrderCancelled(cancel_id="c-9", lines=gone, **OF),
        later.AssignmentHandedOver(lines=units, verified=Verified.CODE, **part),
    ]


def _cash(amount: int) -> tuple[Tender, ...]:
    return (Tender(kind=TenderKind.CASH, amount_minor=amount),)


def messages() -> list[OrderElsewhere]:
    """What the store is told after each of the facts of others."""
    bodies = by_others()
    return [total(OF["order_id"], OF["number"], bodies[: n + 1], {}) for n in range(len(bodies))]


def account(steps: Sequence[WireModel]) -> tuple[Any, ...]:
    """Let events and messages happen in this order; return the order as its tables have it then."""
    react: dict[type[WireModel], Any] = {
        later.OrderPlaced: rows.on_order_placed,
        later.OrderPaid: rows.on_order_paid,
        later.OrderCancelled: rows.on_order_cancelled,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "edge.db"
        migrate(file)
        connection = connect(file)
        store = SqliteStore(connection)
        store.begin()
        unit: Any = Unit(store)
        for seq, body in enumerate(steps, start=1):
            if isinstance(body, OrderElsewhere):
                elsewhere.take(unit, body, seq)
                continue
            recorded = Recorded(seq, f"e-{seq}", "", seq, "", "", body)
            react.get(type(body), rows.on_moved)(unit, recorded)
            if isinstance(body, later.OrderPlaced):
                elsewhere.on_order_placed(unit, recorded)
        order = rows.find(connection, OF["order_id"])
        assert order is not None
        found = (
            order.head.account,
            order.head.tax_minor,
            [(line.line_no, line.quantity, line.cancelled, line.cancelled_minor, line.fulfilled)
             for line in order.lines],
        )  # fmt: skip
        store.rollback()
        connection.close()
    return found


WHOLE = account([*own(), messages()[-1]])


@CALM
@given(st.data())
def test_any_order_of_messages_and_events_leads_to_the_same_account(data: st.DataObject) -> None:
    told = messages()
    some = data.draw(st.lists(st.sampled_from(told), max_size=8))
    carried: list[WireModel] = data.draw(st.permutations([*some, told[-1]]))
    steps = list(own())
    for message in carried:
        steps.insert(data.draw(st.integers(0, len(steps))), message)

    assert account(steps) == WHOLE


def test_the_account_is_the_stores_own_events_and_what_others_recorded() -> None:
    money, _tax, lines = WHOLE

    assert (money.total_minor, money.cancelled_minor) == (9 * PRICE, 4 * PRICE)
    assert (money.paid_minor, money.refunded_minor) == (9_00 + 5_00 + 3_00, 2_00)
    assert money.due_minor == 5 * PRICE - 15_00
    assert [(line[0], line[2], line[4]) for line in lines] == [(1, 2, 0), (2, 1, 1), (3, 1, 1)]
