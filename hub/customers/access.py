"""Which stores have to do with a customer: those that took an order of theirs or were to fulfil one."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fulfil.rows import assignments
from hub.spine.later_rows import later_orders


def may_see(connection: Connection, edge: str, contact_id: str) -> bool:
    """Tell whether a store captured an order of a contact, or was ever chosen to fulfil a part of one."""
    chosen = sa.select(sa.literal(1)).where(
        assignments.c.order_id == later_orders.c.order_id, assignments.c.location == edge
    )
    found = connection.execute(
        sa.select(sa.literal(1))
        .where(
            later_orders.c.contact_id == contact_id,
            (later_orders.c.location == edge) | sa.exists(chosen),
        )
        .limit(1)
    ).first()
    return found is not None
