"""What the ledger's control accounts must stand at, from the records that are kept beside it.

Each function here reads one sub-ledger: stock by layer, orders for later, sold and returned lines, payments
and settlements. None of them looks at a journal, so a tie proves something. A room that keeps money of its
own adds its function to `SUB_LEDGERS`, with the purpose of the account that it explains.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import locations
from hub.ledger.settlements.rows import money_moves, settlement_lines, settlements
from hub.spine import later_rows as later
from hub.spine.rows import order_lines, order_tenders, orders, return_lines, return_tenders, returns
from hub.spine.work import HUB_EDGE
from hub.stock.rows import stock_values
from hub.till.rows import zs
from protocol.movements import Bucket

BUCKETS: Final[Mapping[str, str]] = {
    Bucket.SELLABLE: "inventory",
    Bucket.RESERVED: "inventory",
    Bucket.PICKED: "inventory",
    Bucket.HELD: "inventory",
    Bucket.RETURNS: "inventory.returns",
    Bucket.QUARANTINE: "inventory.returns",
    Bucket.REPAIR: "inventory.repair",
    Bucket.LIQUIDATION: "inventory.liquidation",
    Bucket.IN_TRANSIT: "inventory.transit",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """One entity, and the locations that are its."""

    entity: str
    locations: frozenset[str]
    is_default: bool
    """Its is also what happens at a location that nobody registered."""
    foreign: frozenset[str]
    """The locations of all other entities."""

    def has(self, location: str) -> bool:
        """Tell whether what happened at a location belongs to this entity."""
        return location in self.locations or (self.is_default and location not in self.foreign)


Rows = Iterable[tuple[str, str, int]]
"""(purpose, key, amount): debit positive, as the account stands."""
SubLedger = Callable[[Connection, Scope], Rows]


def scope_of(connection: Connection, entity: str, default: str) -> Scope:
    """Return which locations are an entity's."""
    rows = connection.execute(sa.select(locations.c.location_id, locations.c.entity)).all()
    own = frozenset(row.location_id for row in rows if row.entity == entity)
    return Scope(entity, own, entity == default, frozenset(row.location_id for row in rows) - own)


def stock(connection: Connection, scope: Scope) -> Rows:
    """Goods by location and kind of bucket, at their layers' value."""
    rows = connection.execute(
        sa.select(
            stock_values.c.location, stock_values.c.bucket, sa.func.sum(stock_values.c.value_minor).label("v")
        )
        .where(stock_values.c.entity == scope.entity)
        .group_by(stock_values.c.location, stock_values.c.bucket)
    )
    for row in rows:
        purpose = BUCKETS[row.bucket]
        # What is on its way stands at its source and is settled at its destination: it ties as one sum.
        yield purpose, "" if purpose == "inventory.transit" else row.location, int(row.v)


def orders_for_later(connection: Connection, scope: Scope) -> Rows:
    """What is held for, owed by and owed to customers, order by order."""
    table = later.later_orders
    money = (table.c.deposits_minor, table.c.receivable_minor, table.c.owed_minor)
    rows = connection.execute(
        sa.select(table.c.order_id, table.c.location, *money).where(sa.or_(*(each != 0 for each in money)))
    )
    for row in rows:
        if scope.has(row.location):
            yield "deposits", row.order_id, -row.deposits_minor
            yield "receivable", row.order_id, row.receivable_minor
            yield "refunds_payable", row.order_id, -row.owed_minor


def taxes(connection: Connection, scope: Scope) -> Rows:
    """Output tax by rate: of what was sold and left, less what came back."""
    is_later = sa.exists().where(later.later_orders.c.order_id == order_lines.c.order_id)
    sold = (
        sa.select(
            orders.c.location, order_lines.c.rate_ppm, sa.func.sum(order_lines.c.tax_minor).label("tax")
        )
        .join(orders, orders.c.order_id == order_lines.c.order_id)
        .where(~is_later)
        .group_by(orders.c.location, order_lines.c.rate_ppm)
    )
    left = (
        sa.select(
            later.later_orders.c.location,
            order_lines.c.rate_ppm,
            sa.func.sum(later.order_leavings.c.tax_minor).label("tax"),
        )
        .join(later.later_orders, later.later_orders.c.order_id == later.order_leavings.c.order_id)
        .join(
            order_lines,
            (order_lines.c.order_id == later.order_leavings.c.order_id)
            & (order_lines.c.line_no == later.order_leavings.c.line_no),
        )
        .group_by(later.later_orders.c.location, order_lines.c.rate_ppm)
    )
    where = sa.func.coalesce(orders.c.location, returns.c.location)
    back = (
        sa.select(
            where.label("location"),
            return_lines.c.rate_ppm,
            (-sa.func.sum(return_lines.c.tax_minor)).label("tax"),
        )
        .join(returns, returns.c.return_id == return_lines.c.return_id)
        .outerjoin(orders, orders.c.order_id == returns.c.order_id)
        .group_by(where, return_lines.c.rate_ppm)
    )
    for query in (sold, left, back):
        for row in connection.execute(query):
            if scope.has(row.location):
                yield "sales_tax", str(row.rate_ppm), -int(row.tax)


def cards(connection: Connection, scope: Scope) -> Rows:
    """What the card terminals of stores took and nobody has paid out yet."""
    came = (
        sa.select(orders.c.location, sa.func.sum(order_tenders.c.amount_minor).label("minor"))
        .join(orders, orders.c.order_id == order_tenders.c.order_id)
        .where(order_tenders.c.kind == "card")
        .group_by(orders.c.location)
    )
    went = (
        sa.select(returns.c.location, (-sa.func.sum(return_tenders.c.amount_minor)).label("minor"))
        .join(returns, returns.c.return_id == return_tenders.c.return_id)
        .where(return_tenders.c.kind == "card")
        .group_by(returns.c.location)
    )
    total = 0
    for query in (came, went):
        total += sum(int(row.minor) for row in connection.execute(query) if scope.has(row.location))
    paid = sa.select(later.payments.c.location, later.payments.c.direction, later.payments.c.tenders).where(
        later.payments.c.via == "till", later.payments.c.tenders.contains("card")
    )
    for payment in connection.execute(paid):
        if scope.has(payment.location):
            total += (1 if payment.direction == "in" else -1) * _card(payment.tenders)
    counted = sa.select(zs.c.location, zs.c.tenders).where(zs.c.difference_minor != 0)
    for z in connection.execute(counted):
        if scope.has(z.location):
            total += sum(
                each["counted_minor"] - each["expected_minor"]
                for each in json.loads(z.tenders)
                if each["kind"] == "card"
            )
    yield "tender.card", "", total - _paid_out(connection, scope, marketplace=False).get("card", 0)


def services(connection: Connection, scope: Scope) -> Rows:
    """What each payment service took and has not paid out yet."""
    place = sa.case(
        (later.payments.c.location == HUB_EDGE, later.later_orders.c.location),
        else_=later.payments.c.location,
    )
    rows = connection.execute(
        sa.select(
            place.label("location"),
            later.payments.c.gateway,
            sa.func.sum(
                sa.case(
                    (later.payments.c.direction == "in", later.payments.c.amount_minor),
                    else_=-later.payments.c.amount_minor,
                )
            ).label("minor"),
        )
        .outerjoin(later.later_orders, later.later_orders.c.order_id == later.payments.c.order_id)
        .where(later.payments.c.via == "online")
        .group_by(place, later.payments.c.gateway)
    )
    sums: dict[str, int] = {}
    for row in rows:
        if scope.has(row.location or HUB_EDGE):
            sums[row.gateway] = sums.get(row.gateway, 0) + int(row.minor)
    for provider, minor in _paid_out(connection, scope, marketplace=False).items():
        sums[provider] = sums.get(provider, 0) - minor
    sums.pop("card", None)
    for provider, minor in sums.items():
        yield f"gateway.{provider}", "", minor


def _paid_out(connection: Connection, scope: Scope, *, marketplace: bool) -> dict[str, int]:
    """Return what of the takings each provider has paid out, or holds back because somebody disputes it."""
    settled = connection.execute(
        sa.select(settlements.c.provider, sa.func.sum(settlement_lines.c.amount_minor).label("minor"))
        .join(settlement_lines, settlement_lines.c.settlement_id == settlements.c.settlement_id)
        .where(
            settlements.c.entity == scope.entity,
            settlements.c.marketplace == marketplace,
            settlement_lines.c.kind.in_(("sale", "refund")),
            settlement_lines.c.order_id != "",
        )
        .group_by(settlements.c.provider)
    )
    found = {row.provider: int(row.minor) for row in settled}
    signs = {"chargeback_received": 1, "chargeback_won": -1}
    moved = connection.execute(
        sa.select(money_moves).where(
            money_moves.c.entity == scope.entity, money_moves.c.what.in_(tuple(signs))
        )
    )
    for row in moved:
        provider = row.gateway or "card"
        fee = row.other_minor if row.what == "chargeback_received" else 0
        found[provider] = found.get(provider, 0) + signs[row.what] * row.amount_minor + fee
    return found


def _card(tenders: Any) -> int:
    return sum(each["amount_minor"] for each in json.loads(tenders) if each.get("kind") == "card")


SUB_LEDGERS: Final[list[tuple[str, tuple[str, ...], SubLedger]]] = [
    (
        "TIE_INVENTORY",
        ("inventory", "inventory.returns", "inventory.repair", "inventory.liquidation"),
        stock,
    ),
    ("TIE_TRANSIT", ("inventory.transit", "transit_unmatched"), stock),
    ("TIE_DEPOSITS", ("deposits",), orders_for_later),
    ("TIE_REFUNDS", ("refunds_payable",), orders_for_later),
    ("TIE_RECEIVABLE", ("receivable",), orders_for_later),
    ("TIE_TAX", ("sales_tax",), taxes),
    ("TIE_SETTLEMENT", ("tender.card", "gateway"), cards),
    ("TIE_SETTLEMENT", ("tender.card", "gateway"), services),
]
"""(check, the purposes whose accounts it explains, where the figures come from)."""
