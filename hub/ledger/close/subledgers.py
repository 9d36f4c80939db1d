"""What the ledger's control accounts must stand at, from the records that are kept beside it.

Each function here reads one sub-ledger: stock by layer, orders for later, sold and returned lines, fees,
goods sold off, stored value, drawers, payments and settlements. None of them looks at a journal, so a tie
proves something. A room that keeps money of its own adds its function to `SUB_LEDGERS`, with the purpose of
the account that it explains.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.commissions.rows import commission_moves
from hub.fleet.rows import locations
from hub.ledger.between.rows import transfer_sales, value_set_offs
from hub.ledger.rules import INVENTORY
from hub.ledger.settlements.rows import money_moves, settlement_lines, settlements
from hub.spine import later_rows as later
from hub.spine.payment_rows import DECLINED, offline_cards
from hub.spine.rows import (
    order_lines,
    order_tenders,
    orders,
    return_fees,
    return_lines,
    return_tenders,
    returns,
)
from hub.spine.work import HUB_EDGE
from hub.stock.rows import sold_off, stock_values
from hub.stored_value.rows import gift_card_tenders, stored_value_moves
from hub.till.rows import cash_moves, till_sessions, zs
from protocol.movements import Bucket
from protocol.orders import TenderKind


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
        purpose = INVENTORY[Bucket(row.bucket)]
        # What is on its way stands at its source and is settled at its destination: it ties as one sum.
        yield purpose, "" if purpose == "inventory.transit" else row.location, int(row.v)


def orders_for_later(connection: Connection, scope: Scope) -> Rows:
    """What is held for, owed by and owed to customers, order by order."""
    table = later.later_orders
    money = (table.c.deposits_minor, table.c.receivable_minor, table.c.owed_minor)
    rows = connection.execute(
        sa.select(table.c.order_id, table.c.location, table.c.deposit_taxes, *money).where(
            sa.or_(*(each != 0 for each in money))
        )
    )
    for row in rows:
        if scope.has(row.location):
            taxed = sum(json.loads(row.deposit_taxes).values())
            yield "deposits", row.order_id, taxed - row.deposits_minor
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
    gone = sa.select(
        sold_off.c.location, sold_off.c.rate_ppm, sa.func.sum(sold_off.c.tax_minor).label("tax")
    ).group_by(sold_off.c.location, sold_off.c.rate_ppm)
    for query in (sold, left, _came_back(return_lines, -1), _came_back(return_fees, 1), gone):
        for row in connection.execute(query):
            if scope.has(row.location):
                yield "sales_tax", str(row.rate_ppm), -int(row.tax)
    for rate, minor in _between_tax(connection, transfer_sales.c.supplier == scope.entity).items():
        yield "sales_tax", str(rate), -minor
    table = later.later_orders
    held = sa.select(table.c.location, table.c.deposit_taxes).where(table.c.deposit_taxes != "{}")
    for row in connection.execute(held):
        for of, tax in json.loads(row.deposit_taxes).items() if scope.has(row.location) else ():
            yield "sales_tax", of, -int(tax)


def input_taxes(connection: Connection, scope: Scope) -> Rows:
    """Input tax on what was bought from other entities."""
    found = _between_tax(connection, transfer_sales.c.buyer == scope.entity)
    yield "input_tax", "", sum(found.values())


def _between_tax(connection: Connection, mine: sa.ColumnElement[bool]) -> dict[int, int]:
    """Return the tax on sales between entities, by rate."""
    rows = connection.execute(
        sa.select(transfer_sales.c.rate_ppm, sa.func.sum(transfer_sales.c.tax_minor).label("tax"))
        .where(mine, transfer_sales.c.tax_minor != 0)
        .group_by(transfer_sales.c.rate_ppm)
    )
    return {int(row.rate_ppm): int(row.tax) for row in rows}


def _came_back(table: sa.Table, sign: int) -> sa.Select[Any]:
    """Return the tax of what returns say line by line: where the order was sold, whoever took it back."""
    where = sa.func.coalesce(orders.c.location, returns.c.location)
    return (
        sa.select(
            where.label("location"),
            table.c.rate_ppm,
            (sign * sa.func.sum(table.c.tax_minor)).label("tax"),
        )
        .join(returns, returns.c.return_id == table.c.return_id)
        .outerjoin(orders, orders.c.order_id == returns.c.order_id)
        .group_by(where, table.c.rate_ppm)
    )


def sold_goods_off(connection: Connection, scope: Scope) -> Rows:
    """What is owed for goods that were liquidated, less what has been paid for them."""
    owed = connection.execute(
        sa.select(sold_off.c.location, sa.func.sum(sold_off.c.proceeds_minor).label("minor")).group_by(
            sold_off.c.location
        )
    )
    total = sum(int(row.minor) for row in owed if scope.has(row.location))
    paid = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(money_moves.c.amount_minor), 0)).where(
            money_moves.c.entity == scope.entity, money_moves.c.what == "sell_off_paid"
        )
    ).scalar_one()
    yield "receivable", "", total - int(paid)


def stored_value(connection: Connection, scope: Scope) -> Rows:
    """What is owed on gift cards and store credit, by whose tills it went onto them and came off."""
    rows = connection.execute(
        sa.select(
            stored_value_moves.c.kind,
            stored_value_moves.c.location,
            sa.func.sum(stored_value_moves.c.amount_minor).label("minor"),
        ).group_by(stored_value_moves.c.kind, stored_value_moves.c.location)
    )
    for row in rows:
        if scope.has(row.location):
            yield f"tender.{row.kind}", "", -int(row.minor)
    # What was spent or put on at another entity's till is the issuer's to owe.
    for off in connection.execute(sa.select(value_set_offs)):
        if scope.entity in {off.here, off.issuer}:
            sign = -1 if scope.entity == off.here else 1
            yield f"tender.{off.kind}", "", sign * int(off.amount_minor)


def exchanges(connection: Connection, scope: Scope) -> dict[str, int]:
    """Return what each exchange has left in its clearing account: nothing, once both its halves are here."""
    came = sa.select(order_tenders.c.reference, orders.c.location, order_tenders.c.amount_minor).join(
        orders, orders.c.order_id == order_tenders.c.order_id
    )
    went = sa.select(return_tenders.c.reference, returns.c.location, -return_tenders.c.amount_minor).join(
        returns, returns.c.return_id == return_tenders.c.return_id
    )
    found: dict[str, int] = {}
    for table, query in ((order_tenders, came), (return_tenders, went)):
        rows = connection.execute(query.where(table.c.kind == TenderKind.EXCHANGE.value))
        for reference, location, minor in rows:
            if scope.has(location):
                found[reference] = found.get(reference, 0) + int(minor)
    for reference, minor in _exchanged_for_later(connection, scope):
        found[reference] = found.get(reference, 0) + minor
    return found


def _exchanged_for_later(connection: Connection, scope: Scope) -> Iterable[tuple[str, int]]:
    """Return (exchange, amount) of what goods that come back paid of orders for later."""
    kind = TenderKind.EXCHANGE.value
    query = sa.select(later.payments.c.location, later.payments.c.tenders).where(
        later.payments.c.via == "till", later.payments.c.tenders.contains(kind)
    )
    for row in connection.execute(query):
        for tender in json.loads(row.tenders) if scope.has(row.location) else ():
            if tender.get("kind") == kind:
                yield tender["reference"], int(tender["amount_minor"])


def cards(connection: Connection, scope: Scope) -> Rows:
    """What the card terminals of stores took and nobody has paid out yet."""
    total = sum(_taken(connection, scope, TenderKind.CARD).values())
    unpaid = sum(minor for _order, minor, _owed in _declined(connection, scope))
    yield "tender.card", "", total - unpaid - _paid_out(connection, scope, marketplace=False).get("card", 0)


def declined_cards(connection: Connection, scope: Scope) -> Rows:
    """What customers owe for cards that were taken offline and declined late, order by order."""
    for order_id, minor, is_owed in _declined(connection, scope):
        if is_owed:
            yield "receivable", order_id, minor


def _declined(connection: Connection, scope: Scope) -> Iterable[tuple[str, int, bool]]:
    """Return (order, amount, still owed) of every card that its service did not pay."""
    rows = connection.execute(sa.select(offline_cards).where(offline_cards.c.state.in_(DECLINED)))
    for row in rows:
        if scope.has(row.location):
            yield row.order_id, int(row.amount_minor), row.state == "declined_late"


def drawers(connection: Connection, scope: Scope) -> Rows:
    """The cash of each location's tills: takings, floats of open sessions, what was put in and taken out."""
    found = _taken(connection, scope, TenderKind.CASH)
    floats = sa.select(till_sessions.c.location, till_sessions.c.float_minor.label("minor")).where(
        till_sessions.c.state != "closed"
    )
    came_in = cash_moves.c.kind.in_(("paid_in", "loan"))
    moved = sa.select(
        cash_moves.c.location,
        sa.case((came_in, cash_moves.c.amount_minor), else_=-cash_moves.c.amount_minor).label("minor"),
    )
    for query in (floats, moved):
        for row in connection.execute(query):
            if scope.has(row.location):
                found[row.location] = found.get(row.location, 0) + int(row.minor)
    for location, minor in found.items():
        yield "tender.cash", location, minor


def _taken(connection: Connection, scope: Scope, kind: TenderKind) -> dict[str, int]:
    """Return what tills took of one kind of money less what they gave back, and what counting found."""
    found: dict[str, int] = {}

    def add(location: str, minor: int) -> None:
        if scope.has(location):
            found[location] = found.get(location, 0) + minor

    for location, minor in _tendered(connection, kind):
        add(location, minor)
    paid = sa.select(later.payments.c.location, later.payments.c.direction, later.payments.c.tenders).where(
        later.payments.c.via == "till", later.payments.c.tenders.contains(kind.value)
    )
    for payment in connection.execute(paid):
        sign = 1 if payment.direction == "in" else -1
        tenders = json.loads(payment.tenders)
        add(payment.location, sign * sum(t["amount_minor"] for t in tenders if t.get("kind") == kind))
    counted = sa.select(zs.c.location, zs.c.tenders).where(zs.c.difference_minor != 0)
    for z in connection.execute(counted):
        tenders = [each for each in json.loads(z.tenders) if each["kind"] == kind]
        add(z.location, sum(each["counted_minor"] - each["expected_minor"] for each in tenders))
    return found


def _tendered(connection: Connection, kind: TenderKind) -> Iterable[tuple[str, int]]:
    """Return (location, amount) of what sales and gift cards were paid with, less what returns gave back."""
    came = (
        sa.select(orders.c.location, sa.func.sum(order_tenders.c.amount_minor).label("minor"))
        .join(orders, orders.c.order_id == order_tenders.c.order_id)
        .where(order_tenders.c.kind == kind.value)
        .group_by(orders.c.location)
    )
    gifts = (
        sa.select(gift_card_tenders.c.location, sa.func.sum(gift_card_tenders.c.amount_minor).label("minor"))
        .where(gift_card_tenders.c.kind == kind.value)
        .group_by(gift_card_tenders.c.location)
    )
    went = (
        sa.select(returns.c.location, (-sa.func.sum(return_tenders.c.amount_minor)).label("minor"))
        .join(returns, returns.c.return_id == return_tenders.c.return_id)
        .where(return_tenders.c.kind == kind.value)
        .group_by(returns.c.location)
    )
    for query in (came, gifts, went):
        for row in connection.execute(query):
            yield row.location, int(row.minor)


def services(connection: Connection, scope: Scope) -> Rows:
    """What each payment service took and has not paid out yet."""
    sums = _online(connection, scope, marketplace=False)
    for provider, minor in _paid_out(connection, scope, marketplace=False).items():
        sums[provider] = sums.get(provider, 0) - minor
    sums.pop("card", None)
    for provider, minor in sums.items():
        yield f"gateway.{provider}", "", minor


def marketplaces(connection: Connection, scope: Scope) -> Rows:
    """What each marketplace took for us and has not paid out yet."""
    sums = _online(connection, scope, marketplace=True)
    for provider, minor in _paid_out(connection, scope, marketplace=True).items():
        sums[provider] = sums.get(provider, 0) - minor
    for provider, minor in sums.items():
        yield f"marketplace.{provider}", "", minor


def reserves(connection: Connection, scope: Scope) -> Rows:
    """What providers hold back of their payouts, less what they let go since."""
    yield "reserve", "", -_settled(connection, scope, ("reserve", "release"))


def disputes(connection: Connection, scope: Scope) -> Rows:
    """What customers dispute: told by a payout or by hand, until it is won or lost."""
    ended = sa.case((money_moves.c.what == "chargeback_received", 1), else_=-1)
    told = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(ended * money_moves.c.amount_minor), 0)).where(
            money_moves.c.entity == scope.entity, money_moves.c.what.startswith("chargeback_")
        )
    ).scalar_one()
    yield "disputes", "", int(told) - _settled(connection, scope, ("chargeback",))


def _settled(connection: Connection, scope: Scope, kinds: tuple[str, ...]) -> int:
    """Return what rows of some kinds add to all payouts of an entity."""
    return int(
        connection.execute(
            sa.select(sa.func.coalesce(sa.func.sum(settlement_lines.c.amount_minor), 0))
            .join(settlements, settlements.c.settlement_id == settlement_lines.c.settlement_id)
            .where(
                settlements.c.entity == scope.entity,
                settlement_lines.c.kind.in_(kinds),
                ~settlement_lines.c.known,
            )
        ).scalar_one()
    )


def _online(connection: Connection, scope: Scope, *, marketplace: bool) -> dict[str, int]:
    """Return what each service took online less what it gave back."""
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
        .where(later.payments.c.via == "online", later.payments.c.marketplace == marketplace)
        .group_by(place, later.payments.c.gateway)
    )
    sums: dict[str, int] = {}
    for row in rows:
        if scope.has(row.location or HUB_EDGE):
            sums[row.gateway] = sums.get(row.gateway, 0) + int(row.minor)
    return sums


def _paid_out(connection: Connection, scope: Scope, *, marketplace: bool) -> dict[str, int]:
    """Return what of the takings each provider has paid out, or holds back because somebody disputes it."""
    worth = sa.case(
        (settlement_lines.c.known, settlement_lines.c.amount_minor - settlement_lines.c.fee_minor),
        else_=settlement_lines.c.amount_minor,
    )
    settled = connection.execute(
        sa.select(settlements.c.provider, sa.func.sum(worth).label("minor"))
        .join(settlement_lines, settlement_lines.c.settlement_id == settlements.c.settlement_id)
        .where(
            settlements.c.entity == scope.entity,
            settlements.c.marketplace == marketplace,
            sa.or_(
                settlement_lines.c.kind.in_(("sale", "refund")) & (settlement_lines.c.order_id != ""),
                settlement_lines.c.known,
            ),
        )
        .group_by(settlements.c.provider)
    )
    found = {row.provider: int(row.minor) for row in settled}
    if marketplace:
        return found  # what is noted by hand is of terminals and payment services
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


def commissions(connection: Connection, scope: Scope) -> Rows:
    """What associates have earned and not lost again, less what was paid to them."""
    rows = connection.execute(
        sa.select(
            commission_moves.c.location, sa.func.sum(commission_moves.c.amount_minor).label("minor")
        ).group_by(commission_moves.c.location)
    )
    total = sum(int(row.minor) for row in rows if scope.has(row.location))
    paid = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(money_moves.c.amount_minor), 0)).where(
            money_moves.c.entity == scope.entity, money_moves.c.what == "commission_paid"
        )
    ).scalar_one()
    yield "commissions_payable", "", int(paid) - total


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
    ("TIE_RECEIVABLE", ("receivable",), sold_goods_off),
    ("TIE_RECEIVABLE", ("receivable",), declined_cards),
    ("TIE_STORE_CREDIT", ("store_credit", "tender.store_credit"), stored_value),
    ("TIE_GIFT_CARD", ("gift_cards", "tender.gift_card"), stored_value),
    ("TIE_CASH", ("tender.cash",), drawers),
    ("TIE_TAX", ("sales_tax",), taxes),
    ("TIE_COMMISSION", ("commissions_payable",), commissions),
    ("TIE_INPUT_TAX", ("input_tax",), input_taxes),
    ("TIE_SETTLEMENT", ("tender.card", "gateway"), cards),
    ("TIE_SETTLEMENT", ("tender.card", "gateway"), services),
    ("TIE_MARKETPLACE", ("marketplace",), marketplaces),
    ("TIE_RESERVE", ("reserve",), reserves),
    ("TIE_DISPUTES", ("disputes",), disputes),
]
"""(check, the purposes whose accounts it explains, where the figures come from)."""
