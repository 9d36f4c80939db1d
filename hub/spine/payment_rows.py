"""Money that is promised and not taken yet: authorisations, and cards of stores whose terminal had no line.

It stands on the record, because payments follow it and the books tie to it. What is authorised posts nothing;
a card of a store offline is posted as taken, and as owed by the customer once it is declined late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup, metadata

ON_CARD: Final = "on_card"
"""In `results` of an order that the hub captures: the `CardToken` that its money is to be authorised on."""


@dataclass(frozen=True, slots=True)
class CardToken:
    """A card as its service calls it, and what is to be authorised on it in minor units."""

    gateway: str
    token: str
    amount_minor: int
    currency: str


authorisations: Final = sa.Table(
    "authorisations",
    metadata,
    sa.Column("authorisation_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("gateway", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("captured_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("expires_us", sa.BigInteger, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.Column("ended_us", sa.BigInteger),
    sa.CheckConstraint(
        "state IN ('authorised', 'captured', 'released', 'expired', 'declined')", name="state"
    ),
    sa.Index("ix_authorisations_state", "state", "expires_us"),
)
"""`captured` is one that needs nothing more: all of it was taken, or the rest was let go after a capture."""

offline_cards: Final = sa.Table(
    "offline_cards",
    metadata,
    sa.Column("card_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("last4", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("taken_us", sa.BigInteger, nullable=False),
    sa.Column("ended_us", sa.BigInteger),
    sa.CheckConstraint(
        "state IN ('offline_pending', 'captured', 'voided', 'declined_late', 'paid_again', 'written_off')",
        name="state",
    ),
    sa.Index("ix_offline_cards_state", "state", "location"),
)
"""`offline_pending -> captured | declined_late`; voided with its sale; one declined ends paid or given up."""

DECLINED: Final = ("declined_late", "paid_again", "written_off")
"""The states of a card that its service did not pay."""

_CARDS_OF: Final = Lookup(
    sa.select(offline_cards)
    .where(offline_cards.c.order_id == sa.bindparam("of"))
    .order_by(offline_cards.c.card_id)
)
_AUTHORISED: Final = Lookup(
    sa.select(authorisations)
    .where(authorisations.c.order_id == sa.bindparam("of"), authorisations.c.state == "authorised")
    .order_by(authorisations.c.made_us, authorisations.c.authorisation_id)
)


def authorised(connection: Connection, order_id: str) -> Sequence[sa.Row[Any]]:
    """Return the authorisations of an order that money can still be captured on, the oldest first."""
    return _AUTHORISED.all(connection, of=order_id)


def promises_of(connection: Connection, order_id: str) -> Sequence[sa.Row[Any]]:
    """Return the authorisations of an order that may still be captured, and those that ran out."""
    return connection.execute(
        sa.select(authorisations)
        .where(authorisations.c.order_id == order_id, authorisations.c.state.in_(["authorised", "expired"]))
        .order_by(authorisations.c.made_us, authorisations.c.authorisation_id)
    ).all()


def authorisation(connection: Connection, authorisation_id: str) -> sa.Row[Any] | None:
    """Return one authorisation."""
    return connection.execute(
        sa.select(authorisations).where(authorisations.c.authorisation_id == authorisation_id)
    ).first()


def card(connection: Connection, card_id: str) -> sa.Row[Any] | None:
    """Return one card that a store took offline."""
    return connection.execute(sa.select(offline_cards).where(offline_cards.c.card_id == card_id)).first()


def cards_of(connection: Connection, order_id: str) -> Sequence[sa.Row[Any]]:
    """Return the cards that were taken offline for an order."""
    return _CARDS_OF.all(connection, of=order_id)


def exposure(connection: Connection) -> Sequence[Any]:
    """Return how many cards and how much each store is exposed to: not known yet, and declined late."""
    table = offline_cards.c

    def over(state: str, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.coalesce(sa.func.sum(sa.case((table.state == state, value), else_=0)), 0)

    one = sa.literal(1)
    return connection.execute(
        sa.select(
            table.location,
            table.currency,
            over("offline_pending", one).label("pending"),
            over("offline_pending", table.amount_minor).label("pending_minor"),
            sa.func.min(sa.case((table.state == "offline_pending", table.taken_us))).label("oldest_us"),
            over("declined_late", one).label("declined"),
            over("declined_late", table.amount_minor).label("declined_minor"),
        )
        .where(table.state.in_(("offline_pending", "declined_late")))
        .group_by(table.location, table.currency)
        .order_by(sa.desc("pending_minor"), table.location)
    ).all()
