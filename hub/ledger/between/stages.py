"""What stages of the books need of trade between entities: charge, take back, set stored value off."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.database import Lookup
from hub.ledger.between import rows
from hub.ledger.between.rows import Sold, part_of, together
from hub.ledger.rules import Draft, abroad, cost_of
from hub.ledger.rules.abroad import Both, Charge, Foreign, Pair
from hub.spine.bulk import Insert
from hub.spine.work import HUB_EDGE, Applied, Work
from hub.stock.rules import ValuedMove
from hub.stored_value.rows import stored_values
from protocol.books import PricesSet
from protocol.errors import BadMessage
from protocol.movements import Bucket
from protocol.orders import STORED_VALUE, Tender

_SALES: Final = Insert(rows.transfer_sales)
_SET_OFFS: Final = Insert(rows.value_set_offs)
_SET_OFF: Final = Lookup(
    sa.select(rows.value_set_offs).where(rows.value_set_offs.c.apply_order == sa.bindparam("of"))
)


def on_prices_set(work: Work, applied: Applied) -> None:
    """Keep a version of a price list between two entities."""
    body: PricesSet = applied.body
    if applied.edge != HUB_EDGE:
        raise BadMessage(
            "A store said something about the books that only the hub may say.",
            "It is set aside and changed nothing; find out what sent it.",
            code="not_of_the_hub",
            edge=applied.edge,
        )
    work.connection.execute(
        sa.insert(rows.transfer_prices).values(
            supplier=body.supplier,
            buyer=body.buyer,
            apply_order=applied.apply_order,
            body=body.model_dump_json(),
            by=applied.by,
            at_us=applied.at_us,
        )
    )
    work.topics.add("books")


def supply(work: Work, applied: Applied, pair: Pair, moves: Sequence[ValuedMove], memo: str) -> Both:
    """Charge the seller for goods that left here for its order, and keep what was charged."""
    prices = rows.prices_of(work.connection, pair.here, pair.seller, work.terms.markup_ppm)
    sales = [
        Sold(
            move.sku,
            move.quantity,
            move.value_minor,
            prices.charge(move.sku, move.quantity, move.value_minor),
        )
        for move in moves
        if move.to_bucket is Bucket.CUSTOMER
    ]
    drafts = cost_of("fulfil_cost", moves, memo)
    charge = together(sales)
    if not drafts and charge.total_minor:
        drafts = (Draft("fulfil_cost", (), memo),)
    _keep(work, applied, pair, "supply", sales)
    return abroad.supplied(drafts, pair, charge)


def take_back(
    work: Work, applied: Applied, pair: Pair, moves: Sequence[ValuedMove], *, always: bool
) -> Charge | None:
    """Undo what was charged for goods that come back here; None where they were not this entity's to charge.

    `always` charges what nobody has kept by the price list of today, as for goods of before there was one.
    """
    known = dict(rows.charged(work.connection, applied.body.order_id, pair.here, pair.seller))
    came = [move for move in moves if move.from_bucket is Bucket.CUSTOMER and move.quantity]
    if not always and (not came or any(move.sku not in known for move in came)):
        return None
    prices = rows.prices_of(work.connection, pair.here, pair.seller, work.terms.markup_ppm)
    back = []
    for move in came:
        left = known.get(move.sku)
        if left is None:
            charge = prices.charge(move.sku, move.quantity, move.value_minor)
            back.append(Sold(move.sku, move.quantity, move.value_minor, charge))
            continue
        part = part_of(left, move.quantity)
        known[move.sku] = _less(left, part)
        back.append(part)
    _keep(work, applied, pair, "supply", [_less(Sold(each.sku, 0, 0, Charge(0)), each) for each in back])
    return together(back)


def keep(work: Work, applied: Applied, pair: Pair, cost_minor: int) -> int:
    """Note that goods of another entity stay here at their cost; return the rate of the tax on that."""
    prices = rows.prices_of(work.connection, pair.seller, pair.here, work.terms.markup_ppm)
    charge = prices.taxed(cost_minor)
    sold = Sold("", 0, cost_minor, charge)
    if charge.tax_minor:
        _keep(work, applied, Pair(pair.seller, pair.here), "kept", [sold])
    return prices.rate_ppm


def transferred(
    work: Work, applied: Applied, pair: Pair, *, cost_minor: int, margin_minor: int
) -> Charge | None:
    """Charge for goods that were sent from `pair.here` to `pair.seller`; None where they go at cost."""
    transfer_id = getattr(applied.body, "transfer_id", "")
    table = rows.transfer_sales.c
    rate = work.connection.execute(
        sa.select(sa.func.max(table.rate_ppm)).where(table.order_id == transfer_id, table.kind == "transfer")
    ).scalar()
    prices = rows.prices_of(work.connection, pair.here, pair.seller, work.terms.markup_ppm)
    if rate is None and prices.at_cost and not margin_minor:
        return None
    rate = prices.rate_ppm if rate is None else int(rate)
    charge = abroad.PriceList(rate_ppm=rate).taxed(cost_minor + margin_minor)
    if charge.total_minor or cost_minor:
        _keep(work, applied, pair, "transfer", [Sold("", 0, cost_minor, charge)], transfer_id)
    return charge


def foreign(work: Work, entity: str, tenders: Iterable[Tender], sign: int) -> tuple[Foreign, ...]:
    """Return the stored value of other entities among tenders: spent (sign 1), or given back onto (-1)."""
    found: dict[tuple[str, str], int] = {}
    for tender in tenders:
        if tender.kind not in STORED_VALUE or not tender.amount_minor:
            continue
        issuer = work.connection.execute(
            sa.select(stored_values.c.entity).where(stored_values.c.number == tender.reference)
        ).scalar()
        if issuer and issuer != entity:
            key = f"tender.{tender.kind.value}", str(issuer)
            found[key] = found.get(key, 0) + sign * tender.amount_minor
    return tuple(Foreign(purpose, issuer, minor) for (purpose, issuer), minor in found.items())


def set_off(work: Work, applied: Applied, here: str, found: Sequence[Foreign]) -> None:
    """Keep what was set off: the sub-ledger of stored value is by who owes it."""
    _SET_OFFS.run(
        work.connection,
        [
            (
                applied.apply_order,
                n,
                each.purpose.removeprefix("tender."),
                here,
                each.issuer,
                each.amount_minor,
            )
            for n, each in enumerate(found, start=1)
        ],
    )


def undo_set_offs(work: Work, applied: Applied, sale_order: int) -> None:
    """Take back what the sale at a place of the log had set off."""
    known = _SET_OFF.all(work.connection, of=sale_order)
    _SET_OFFS.run(
        work.connection,
        [(applied.apply_order, row.n, row.kind, row.here, row.issuer, -row.amount_minor) for row in known],
    )


def _less(whole: Sold, part: Sold) -> Sold:
    charge = Charge(
        whole.charge.price_minor - part.charge.price_minor,
        whole.charge.tax_minor - part.charge.tax_minor,
        part.charge.rate_ppm,
    )
    return Sold(part.sku, whole.units - part.units, whole.cost_minor - part.cost_minor, charge)


def _keep(  # noqa: PLR0917 - one row: who sold whom what, for which order
    work: Work, applied: Applied, pair: Pair, kind: str, sales: Sequence[Sold], order_id: str = ""
) -> None:
    body = applied.body
    table = rows.transfer_sales.c
    used = work.connection.execute(
        sa.select(sa.func.count()).where(table.apply_order == applied.apply_order)
    ).scalar_one()
    made: list[tuple[Any, ...]] = [
        (
            applied.apply_order,
            used + n,
            kind,
            pair.here,
            pair.seller,
            order_id or getattr(body, "order_id", ""),
            getattr(body, "number", ""),
            each.sku,
            each.units,
            each.cost_minor,
            each.charge.price_minor,
            each.charge.tax_minor,
            each.charge.rate_ppm,
        )
        for n, each in enumerate(sales, start=1)
        if each.units or each.charge.total_minor or each.cost_minor
    ]
    _SALES.run(work.connection, made)
