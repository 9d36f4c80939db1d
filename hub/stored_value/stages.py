"""Balances follow the tenders of sales, returns and gift cards; one below zero needs a person.

Stores that are apart may both take the same number, each up to its limit (`edge_agent.stored_value.rules`).
Both facts stand; what was taken too much is said here, once.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from hub.spine.places import Places
from hub.spine.steps import raise_exception
from hub.spine.work import Applied, Work
from hub.stored_value.rows import gift_card_tenders, stored_value_moves, stored_values
from protocol.events import GiftCardSold, OrderSold, ReturnCompleted
from protocol.mail_in import ReturnCredited
from protocol.orders import STORED_VALUE, Tender, TenderKind


def on_order_sold(work: Work, applied: Applied) -> None:
    """Stored value was spent."""
    body: OrderSold = applied.body
    _move(work, applied, body.number, body.currency, body.tenders, -1)


def on_return_completed(work: Work, applied: Applied) -> None:
    """Stored value was given, or given back; a voided sale gives back what it took."""
    body: ReturnCompleted = applied.body
    _move(work, applied, body.number, body.currency, body.refunds, 1)


def on_return_credited(work: Work, applied: Applied) -> None:
    """The hub gave store credit, for the location whose entity owes it."""
    body: ReturnCredited = applied.body
    credit = applied.results["credit"]
    _move(work, applied, body.number, body.currency, (credit,), 1, location=body.location)


def on_gift_card_sold(work: Work, applied: Applied) -> None:
    """Somebody paid for a gift card."""
    body: GiftCardSold = applied.body
    card = Tender(kind=TenderKind.GIFT_CARD, amount_minor=body.amount_minor, reference=body.number)
    _move(work, applied, body.number, body.currency, (card,), 1)
    work.connection.execute(
        sa.insert(gift_card_tenders),
        [
            {
                "apply_order": applied.apply_order,
                "n": n,
                "number": body.number,
                "location": applied.edge,
                "kind": tender.kind.value,
                "amount_minor": tender.amount_minor,
                "reference": tender.reference,
            }
            for n, tender in enumerate(body.tenders, start=1)
        ],
    )


def _move(  # noqa: PLR0917 - what moved, on which numbers, which way
    work: Work,
    applied: Applied,
    reference: str,
    currency: str,
    tenders: Iterable[Tender],
    sign: int,
    *,
    location: str = "",
) -> None:
    where = location or applied.edge
    for n, tender in enumerate(tenders):
        if tender.kind not in STORED_VALUE or not tender.amount_minor:
            continue
        amount = sign * tender.amount_minor
        work.connection.execute(
            sa.insert(stored_value_moves).values(
                apply_order=applied.apply_order,
                n=n,
                number=tender.reference,
                kind=tender.kind.value,
                location=where,
                amount_minor=amount,
                reference=reference,
                at_us=applied.at_us,
            )
        )
        before, after = _balance(work, applied, tender, currency, amount, where)
        work.topics.add("stored_value")
        if after < 0 <= before:
            _overdrawn(work, applied, tender, currency, after)


def _balance(  # noqa: PLR0917 - which number changes by how much, and where
    work: Work, applied: Applied, tender: Tender, currency: str, amount: int, where: str
) -> tuple[int, int]:
    """Return the balance of a number before and after; one that is new begins at zero."""
    connection, table = work.connection, stored_values
    before = connection.execute(
        sa.select(table.c.balance_minor).where(table.c.number == tender.reference)
    ).scalar()
    if before is None:
        connection.execute(
            sa.insert(table).values(
                number=tender.reference,
                kind=tender.kind.value,
                entity=work.room(Places).of(where).entity,
                location=where,
                currency=currency,
                balance_minor=amount,
                changed_us=applied.at_us,
            )
        )
        return 0, amount
    connection.execute(
        sa.update(table)
        .where(table.c.number == tender.reference)
        .values(balance_minor=table.c.balance_minor + amount, changed_us=applied.at_us)
    )
    return int(before), int(before) + amount


def _overdrawn(work: Work, applied: Applied, tender: Tender, currency: str, balance: int) -> None:
    raise_exception(
        work,
        kind="stored_value_overdrawn",
        subject=applied.subjects[0],
        title=f"More was taken from {tender.reference} than was on it",
        facts={
            "number": tender.reference,
            "location": applied.edge,
            "balance_minor": balance,
            "currency": currency,
        },
        dedupe_key=f"stored_value:{tender.reference}"[:64],
    )
