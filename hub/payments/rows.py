"""The outbox of payment services: what they are asked for, and how far that is.

Live state beside the log: a refund that happened is an event (`order.refunded_online`), and its `refund_id`
is the key of the command, so it can be recorded once only.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import metadata
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


def of_order(connection: Connection, order_id: str) -> Sequence[sa.Row[Any]]:
    """Return the commands about an order, the first one first."""
    return connection.execute(
        sa.select(gateway_commands)
        .where(gateway_commands.c.order_id == order_id)
        .order_by(gateway_commands.c.created_us, gateway_commands.c.command_id)
    ).all()


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
