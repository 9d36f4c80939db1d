"""Any day of any stores in any batches leaves the hub's tables equal to what the events say."""

import random
import tempfile
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.console.reads import summary
from hub.context import Hub
from hub.database import HubDatabase
from hub.ledger.rows import entries, journals
from hub.rebuild import SHADOWS, verify
from hub.schema import create_schema
from hub.spine.rows import events, order_lines, orders
from hub.stock.rows import balances, stock_values
from protocol.events import OrderSold, ReturnCompleted
from protocol.fold import fold
from protocol.orders import TenderKind
from tests.support.hub import Shop, hub_of, send

CALM = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = (("store-1", "LB"), ("store-2", "CM"), ("store-3", "KX"))


def a_day(shop: Shop, chance: random.Random) -> None:
    """Let a store sell, take back, void, receive, correct and close, in any order."""
    for sku in "ABC":
        shop.stock(sku, chance.randint(1, 9), chance.randint(1, 900))
    shop.open(chance.choice([0, 5000]))
    open_orders: list[OrderSold] = []
    for _ in range(chance.randint(1, 12)):
        act = chance.random()
        if act < 0.5 or not open_orders:
            lines = [
                (chance.choice("ABCD"), chance.randint(1, 4), chance.randint(0, 2000))
                for _ in range(chance.randint(1, 4))
            ]
            total = sum(quantity * price for _, quantity, price in lines)
            kind = chance.choice([TenderKind.CASH, TenderKind.CARD])
            open_orders.append(
                shop.sell(*lines, kind=kind, order_discount=chance.randint(0, min(total, 300)))
            )
        elif act < 0.7:
            give_some_back(shop, chance, chance.choice(open_orders))
        elif act < 0.8:
            order = open_orders.pop()
            if all(shop.backs[order.order_id, line.line_no].returned_quantity == 0 for line in order.lines):
                shop.void(order)
        elif act < 0.9:
            shop.stock(
                chance.choice("ABCD"), chance.randint(1, 5), chance.randint(1, 900), from_bucket="supplier"
            )
        else:
            shop.stock(chance.choice("AB"), 1, 0, reason="adjusted", from_bucket="sellable", to_bucket="held")
    shop.close(missing_minor=chance.choice([0, 0, 120]))


def give_some_back(shop: Shop, chance: random.Random, order: OrderSold) -> None:
    line = chance.choice(order.lines)
    left = shop.backs[order.order_id, line.line_no].left_quantity
    if left:
        bucket = chance.choice(["sellable", "quarantine"])
        shop.give_back(order, (line.line_no, chance.randint(1, left)), to_bucket=bucket)


def fleet(seed: int) -> list[Shop]:
    shops = [Shop(edge=edge, code=code) for edge, code in NAMES]
    for shop in shops:
        a_day(shop, random.Random(f"{seed}{shop.edge}"))
    return shops


def deliver(hub: Hub, shops: list[Shop], chance: random.Random) -> None:
    """Send every stream to its end: cut anywhere, stores interleaved, batches repeated."""
    at = {shop.edge: 1 for shop in shops}
    while at:
        edge = chance.choice(sorted(at))
        shop = next(s for s in shops if s.edge == edge)
        first = at[shop.edge]
        last = min(len(shop.events), first + chance.randint(0, 6))
        assert send(hub, shop, first, last)[0].parked == 0
        if chance.random() < 0.3:
            send(hub, shop, max(1, first - chance.randint(0, 3)), last)
        at[shop.edge] = last + 1
        if last == len(shop.events):
            del at[shop.edge]


def a_hub(folder: str, name: str) -> Hub:
    database = HubDatabase(f"sqlite:///{Path(folder) / name}")
    create_schema(database.engine)
    return hub_of(database)


@CALM
@given(seed=st.integers(0, 2**32))
def test_the_tables_of_the_hub_are_the_fold_of_what_was_sent(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hub, shops = a_hub(folder, "hub.db"), fleet(seed)
        deliver(hub, shops, random.Random(seed))

        by_order: dict[str, list[OrderSold | ReturnCompleted]] = {}
        for body in (b for shop in shops for b in shop.bodies if isinstance(b, OrderSold | ReturnCompleted)):
            by_order.setdefault(body.order_id, []).append(body)
        with hub.database.read() as connection:
            rows = {row.order_id: row for row in connection.execute(sa.select(orders))}
            lines = {(r.order_id, r.line_no): r for r in connection.execute(sa.select(order_lines))}
            count = connection.execute(
                sa.select(sa.func.count()).select_from(events).where(events.c.edge != "hub")
            ).scalar_one()
        for order_id, bodies in by_order.items():
            record = fold(bodies)
            assert record is not None
            row = rows[order_id]
            assert (row.state, row.paid_minor, row.refunded_minor) == (
                record.state,
                record.paid_minor,
                record.refunded_minor,
            )
            for line in record.lines:
                kept = lines[order_id, line.line_no]
                assert (kept.quantity, kept.fulfilled, kept.returned, kept.refunded_minor) == (
                    line.ordered,
                    line.fulfilled,
                    line.returned,
                    line.refunded_minor,
                )
        assert set(rows) == set(by_order)
        assert count == sum(len(shop.events) for shop in shops)
        assert verify(hub) == {}
        hub.database.close()


@CALM
@given(seed=st.integers(0, 2**32))
def test_every_prefix_of_the_books_balances_and_ties_to_the_stock(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hub, shops = a_hub(folder, "hub.db"), fleet(seed)
        deliver(hub, shops, random.Random(seed))

        with hub.database.read() as connection:
            uneven = connection.execute(
                sa.select(entries.c.journal_id)
                .group_by(entries.c.journal_id)
                .having(sa.func.sum(entries.c.amount_minor) != 0)
            ).all()
            running = 0
            for amount in connection.execute(
                sa.select(sa.func.sum(entries.c.amount_minor))
                .join(journals, journals.c.journal_id == entries.c.journal_id)
                .group_by(journals.c.apply_order)
                .order_by(journals.c.apply_order)
            ).scalars():
                running += amount
                assert running == 0
            inventory = connection.execute(
                sa.select(sa.func.sum(entries.c.amount_minor)).where(entries.c.account.like("13%"))
            ).scalar_one()
            worth = connection.execute(sa.select(sa.func.sum(stock_values.c.value_minor))).scalar_one()
            there = dict(
                tuple(row)
                for row in connection.execute(
                    sa.select(balances.c.sku, sa.func.sum(balances.c.quantity)).group_by(balances.c.sku)
                )
            )
            counted = dict(
                tuple(row)
                for row in connection.execute(
                    sa.select(stock_values.c.sku, sa.func.sum(stock_values.c.quantity)).group_by(
                        stock_values.c.sku
                    )
                )
            )
            found = summary(connection)
        assert uneven == []
        assert inventory == worth
        assert there == counted
        assert (found.trial_balance_minor, found.unbalanced_journals, found.missing, found.duplicates) == (
            0,
            0,
            0,
            0,
        )
        assert (
            found.ledger_sales_minor + found.ledger_vat_minor
            == found.gross_minor - found.refund_minor - found.voided_minor
        )
        assert found.z_mismatches == 0
        hub.database.close()


@CALM
@given(seed=st.integers(0, 2**32), size=st.integers(1, 50))
def test_any_cut_of_the_same_arrivals_gives_identical_tables(seed: int, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, other = a_hub(folder, "one.db"), a_hub(folder, "other.db")
        for shop in fleet(seed)[:2]:
            send(one, shop, size=200)
            send(other, shop, size=size)

        with one.database.read() as first, other.database.read() as second:
            for table in SHADOWS:
                columns = [
                    c
                    for c in table.columns
                    if c.name not in {"apply_order", "journal_id", "reverses", "version", "exception_id"}
                ]
                left, right = (
                    sorted(map(repr, connection.execute(sa.select(*columns))))
                    for connection in (first, second)
                )
                assert left == right, table.name
        one.database.close()
        other.database.close()
