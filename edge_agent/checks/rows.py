"""The rules of checks as this store keeps them, and what it knows of a customer's orders here."""

from dataclasses import dataclass
from typing import Final

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.checks import CheckRules
from protocol.clock import DAY_US
from protocol.customers import Contact
from protocol.events import OrderSold
from protocol.kit.sqlite import Connection
from protocol.later import OrderPaid
from protocol.rules.checks import STANDARD

PENDING_US: Final = 3 * DAY_US
"""So long a bank may decline what a terminal took without it; afterwards it counts as captured."""
_OVER: Final = "('handed_over', 'completed', 'part_returned', 'returned', 'voided', 'cancelled')"


@dataclass(frozen=True, slots=True)
class Here:
    """A customer's orders for later that this store took; other stores may have more."""

    orders_24h: int
    open_orders: int


def put(unit: EdgeUnit, body: CheckRules, at_us: int) -> None:
    """Take rules over, whole; those older than are kept change nothing."""
    unit.connection.execute(
        "INSERT INTO check_rules (one, version, body, arrived_us) VALUES (1, ?, ?, ?)"
        " ON CONFLICT (one) DO UPDATE SET version = excluded.version, body = excluded.body,"
        " arrived_us = excluded.arrived_us WHERE excluded.version >= version",
        (body.version, body.model_dump_json(), at_us),
    )


def current(connection: Connection) -> CheckRules:
    """Return the rules that count here; version 0 where nobody said anything."""
    row = connection.execute("SELECT body FROM check_rules").fetchone()
    return STANDARD if row is None else CheckRules.model_validate_json(row[0])


def on_paid(unit: EdgeUnit, recorded: Recorded) -> None:
    """A card was taken without its bank, in a sale or for an order."""
    body = recorded.body
    assert isinstance(body, OrderSold | OrderPaid)
    unit.connection.executemany(
        "INSERT INTO offline_tenders (seq, n, order_id, amount_minor, last4, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (recorded.seq, n, body.order_id, tender.amount_minor, tender.last4, recorded.at_us)
            for n, tender in enumerate(body.tenders)
            if tender.offline
        ],
    )


def exposure_minor(connection: Connection, now_us: int) -> int:
    """Return what was taken without the bank and may still be declined."""
    since_us = now_us - PENDING_US
    row = connection.execute(
        "SELECT coalesce(sum(amount_minor), 0) FROM offline_tenders WHERE at_us > ?", (since_us,)
    ).fetchone()
    return int(row[0])


def here(connection: Connection, contact: Contact, now_us: int) -> Here:
    """Return what this store knows of the orders of whoever has the same mail address or telephone number."""
    row = connection.execute(
        "SELECT coalesce(sum(o.at_us > :since), 0),"
        f" coalesce(sum(o.state NOT IN {_OVER}), 0)"
        " FROM later_orders o JOIN contacts c USING (contact_id)"
        " WHERE (c.email <> '' AND c.email = :email) OR (c.phone <> '' AND c.phone = :phone)",
        {"since": now_us - DAY_US, "email": contact.email.lower(), "phone": contact.phone},
    ).fetchone()
    return Here(int(row[0]), int(row[1]))
