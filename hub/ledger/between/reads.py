"""Reading trade between entities: what was sold and is owed, pair by pair."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.ledger.between.rows import newest, transfer_sales
from hub.ledger.chart import accounts_ever
from hub.ledger.rows import entries, journals
from protocol.books import PricesSet


@dataclass(frozen=True, slots=True)
class PairRow:
    """What one entity sold another and is owed by it. Amounts in minor units."""

    other: str
    sold_minor: int
    cost_minor: int
    tax_minor: int
    due_from_minor: int
    due_to_minor: int
    prices: PricesSet | None
    set_by: str
    set_us: int

    @property
    def margin_minor(self) -> int:
        """What was earned on it; a consolidation takes that out of what is still in stock."""
        return self.sold_minor - self.cost_minor


def pairs(connection: Connection, entity: str, others: list[str]) -> list[PairRow]:
    """Return the trade of an entity with each other one, as its supplier."""
    table = transfer_sales.c
    sums = {
        row.buyer: row
        for row in connection.execute(
            sa.select(
                table.buyer,
                sa.func.sum(table.price_minor).label("sold"),
                sa.func.sum(table.cost_minor).label("cost"),
                sa.func.sum(table.tax_minor).label("tax"),
            )
            .where(table.supplier == entity, table.kind != "kept")
            .group_by(table.buyer)
        )
    }
    served = accounts_ever(connection, entity)
    owed = {
        name: _by_ref(connection, entity, served.get(name, frozenset())) for name in ("due_from", "due_to")
    }
    found = []
    for other in others:
        row, listed = sums.get(other), newest(connection, entity, other)
        found.append(
            PairRow(
                other,
                int(row.sold) if row else 0,
                int(row.cost) if row else 0,
                int(row.tax) if row else 0,
                owed["due_from"].get(other, 0),
                owed["due_to"].get(other, 0),
                PricesSet.model_validate_json(listed.body) if listed else None,
                listed.by if listed else "",
                listed.at_us if listed else 0,
            )
        )
    return found


def _by_ref(connection: Connection, entity: str, accounts: frozenset[str]) -> dict[str, int]:
    rows = connection.execute(
        sa.select(entries.c.ref, sa.func.sum(entries.c.amount_minor).label("minor"))
        .join(journals, journals.c.journal_id == entries.c.journal_id)
        .where(journals.c.entity == entity, entries.c.account.in_(accounts))
        .group_by(entries.c.ref)
    )
    return {row.ref: int(row.minor) for row in rows}
