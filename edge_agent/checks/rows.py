"""The rules of checks as this store keeps them, and what it knows of a customer's orders here."""

from dataclasses import dataclass
from typing import Final

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.checks import CheckRules
from protocol.clock import DAY_US
from protocol.customers import Contact
from protocol.events import OrderSold, OrderVoided
from protocol.kit.sqlite import Connection
from protocol.later import OrderPaid
from protocol.orders import TenderKind
from protocol.payments import CardTold
from protocol.rules.checks import STANDARD

_OVER: Final = "('handed_over', 'completed', 'part_returned', 'returned', 'voided', 'cancelled')"


@dataclass(frozen=True, slots=True)
class Here:
    """A customer's orders for later that this store took; other stores may have more."""

    orders_24h: int
    open_orders: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """Money of cards without their bank: not known yet, and declined while the goods are gone."""

    pending_minor: int
    declined_minor: int


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
    """A card was taken without its bank, in a sale or for an order; the hub calls it by the same name."""
    body = recorded.body
    assert isinstance(body, OrderSold | OrderPaid)
    of = body.order_id if isinstance(body, OrderSold) else body.payment_id
    unit.connection.executemany(
        "INSERT INTO offline_tenders (seq, n, order_id, amount_minor, last4, at_us, card_id, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'offline_pending')",
        [
            (
                recorded.seq,
                n,
                body.order_id,
                tender.amount_minor,
                tender.last4,
                recorded.at_us,
                f"{of[:60]}:{n + 1}",
            )
            for n, tender in enumerate(body.tenders)
            if tender.offline and tender.kind is TenderKind.CARD
        ],
    )


def on_voided(unit: EdgeUnit, recorded: Recorded) -> None:
    """A card that has not paid is void with its sale: nobody takes it, and nobody owes it."""
    body = recorded.body
    assert isinstance(body, OrderVoided)
    unit.connection.execute(
        "UPDATE offline_tenders SET state = 'voided' WHERE order_id = ?"
        " AND state IN ('offline_pending', 'declined_late')",
        (body.order_id,),
    )


def take_card(unit: EdgeUnit, body: CardTold, _arrived_us: int) -> None:
    """Write what the bank said of a card at last; one that is void stays so."""
    unit.connection.execute(
        "UPDATE offline_tenders SET state = ? WHERE card_id = ? AND state <> 'voided'",
        (body.state, body.card_id),
    )


def exposure(connection: Connection) -> Exposure:
    """Return what was taken without the bank and may still be declined, and what was."""
    row = connection.execute(
        "SELECT coalesce(sum(amount_minor) FILTER (WHERE state = 'offline_pending'), 0),"
        " coalesce(sum(amount_minor) FILTER (WHERE state = 'declined_late'), 0)"
        " FROM offline_tenders WHERE state IN ('offline_pending', 'declined_late')"
    ).fetchone()
    return Exposure(int(row[0]), int(row[1]))


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
