"""The outbox of payment services: what they are asked for, and how far that is.

Live state beside the log: a refund that happened is an event (`order.refunded_online`), and its `refund_id`
is the key of the command, so it can be recorded once only.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup, metadata
from hub.holds.rows import orders_blocked
from protocol.holds import Blocked

gateway_commands: Final = sa.Table(
    "gateway_commands",
    metadata,
    sa.Column("command_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("gateway", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("payment_reference", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("settled_us", sa.BigInteger),
    sa.CheckConstraint("kind IN ('refund')", name="kind"),
    sa.CheckConstraint("state IN ('queued', 'done', 'failed')", name="state"),
    sa.Index("ix_gateway_commands_state", "state", "due_us"),
)
"""`command_id` is the key under which the service knows it; `payment_reference` is what it pays back."""

payment_asks: Final = sa.Table(
    "payment_asks",
    metadata,
    sa.Column("ask_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False, index=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("gateway", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.CheckConstraint("kind IN ('authorise', 'capture', 'release', 'clear')", name="kind"),
    sa.CheckConstraint("state IN ('queued', 'done', 'failed')", name="state"),
    sa.Index("ix_payment_asks_state", "state", "due_us"),
)
"""What services are asked for beside refunds; `about` is an authorisation or a card of a store offline."""

_OF_ORDER: Final = Lookup(
    sa.select(gateway_commands)
    .where(gateway_commands.c.order_id == sa.bindparam("of"))
    .order_by(gateway_commands.c.created_us, gateway_commands.c.command_id)
)
_QUEUED: Final = Lookup(sa.select(gateway_commands.c.command_id).where(gateway_commands.c.state == "queued"))


def of_order(connection: Connection, order_id: str) -> Sequence[sa.Row[Any]]:
    """Return the commands about an order, the first one first."""
    return _OF_ORDER.all(connection, of=order_id)


def due(connection: Connection, now_us: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Return the commands that wait and may be tried now, the oldest first."""
    return connection.execute(
        sa.select(gateway_commands)
        .where(
            gateway_commands.c.state == "queued",
            gateway_commands.c.due_us <= now_us,
            gateway_commands.c.order_id.not_in(orders_blocked(Blocked.REFUND, now_us)),
        )
        .order_by(gateway_commands.c.due_us, gateway_commands.c.command_id)
        .limit(limit)
    ).all()


def queued_refunds(connection: Connection) -> frozenset[str]:
    """Return the names of all refunds that services are still to be asked for."""
    return frozenset(_QUEUED.scalars(connection))


def waiting_refunds(connection: Connection, limit: int) -> Sequence[sa.Row[Any]]:
    """Return the refunds that have not been made, those that failed first."""
    return connection.execute(
        sa.select(gateway_commands)
        .where(gateway_commands.c.state != "done")
        .order_by(gateway_commands.c.state, gateway_commands.c.created_us)
        .limit(limit)
    ).all()


def ask(connection: Connection, **said: Any) -> None:
    """Queue a question to a service, unless the same about the same thing waits already."""
    table = payment_asks.c
    known = connection.execute(
        sa.select(table.ask_id).where(
            table.about == said["about"], table.kind == said["kind"], table.state == "queued"
        )
    ).first()
    if known is None:
        plain = {"state": "queued", "tries": 0, "detail": "", "due_us": said["created_us"]}
        connection.execute(sa.insert(payment_asks).values(**plain, **said))


def asks_due(connection: Connection, now_us: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Return the questions that may be put now, the oldest first."""
    return connection.execute(
        sa.select(payment_asks)
        .where(payment_asks.c.state == "queued", payment_asks.c.due_us <= now_us)
        .order_by(payment_asks.c.due_us, payment_asks.c.ask_id)
        .limit(limit)
    ).all()


def open_ask(connection: Connection, ask_id: str) -> sa.Row[Any] | None:
    """Return a question that has no answer yet, and keep other processes from it until COMMIT."""
    return connection.execute(
        sa.select(payment_asks)
        .where(payment_asks.c.ask_id == ask_id, payment_asks.c.state != "done")
        .with_for_update()
    ).first()


def asked(connection: Connection, ask_id: str, **values: Any) -> None:
    """Change one question."""
    connection.execute(sa.update(payment_asks).where(payment_asks.c.ask_id == ask_id).values(**values))


def settle_asks(connection: Connection, about: str) -> None:
    """Note that nothing about a thing needs to be asked any more."""
    connection.execute(
        sa.update(payment_asks)
        .where(payment_asks.c.about == about, payment_asks.c.state == "queued")
        .values(state="done")
    )


def locked(connection: Connection, command_id: str) -> sa.Row[Any] | None:
    """Return one command and keep other processes from it until the end of this unit of work."""
    return connection.execute(
        sa.select(gateway_commands).where(gateway_commands.c.command_id == command_id).with_for_update()
    ).first()


def change(connection: Connection, command_id: str, **values: Any) -> None:
    """Change one command."""
    connection.execute(
        sa.update(gateway_commands).where(gateway_commands.c.command_id == command_id).values(**values)
    )
