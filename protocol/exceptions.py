"""What kinds of things need a person, who owns each by default, and how long it may wait: one table.

A room raises a card with its kind, subject and facts; who has to look, and by when, is said here, unless the
room knows better (a promise that a store alone can keep belongs to its manager first). A clock runs from the
moment at which the card was raised, or to a moment among its facts that comes earlier: a start that must not
be missed is not moved by a table. When it has run out, the card goes to the next owner.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

MINUTE_US: Final = 60_000_000
HOUR: Final = 60
DAY: Final = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Kind:
    """Who owns a kind, and minutes until the next owner hears of it."""

    owner_role: str
    minutes: int
    closes_itself: bool = False
    """True where the card goes once its cause is gone; the others are settled by a person."""


_OPS, _FINANCE, _ADMIN, _MANAGER, _LEAD = "ops", "finance", "admin", "manager", "lead"

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({
    # a promise is in danger, or broken
    "short_pick": Kind(_OPS, 30, closes_itself=True),
    "unroutable": Kind(_OPS, 30, closes_itself=True),
    "promise_at_risk": Kind(_MANAGER, 30, closes_itself=True),
    "order_at_risk": Kind(_OPS, HOUR, closes_itself=True),
    "promise_late": Kind(_OPS, 30, closes_itself=True),
    "store_silent": Kind(_OPS, 30, closes_itself=True),
    "stock_deficit": Kind(_OPS, HOUR, closes_itself=True),
    "rejected_twice": Kind(_OPS, HOUR, closes_itself=True),
    "no_show": Kind(_MANAGER, DAY, closes_itself=True),
    "cancel_too_late": Kind(_OPS, 4 * HOUR),
    "both_changed": Kind(_OPS, 4 * HOUR, closes_itself=True),
    "assignment_over": Kind(_OPS, HOUR),
    "assignment_open_at_store": Kind(_OPS, 4 * HOUR),
    # money
    "refund_to_make": Kind(_FINANCE, DAY, closes_itself=True),
    "refund_failed": Kind(_FINANCE, DAY, closes_itself=True),
    "refund_not_owed": Kind(_FINANCE, DAY, closes_itself=True),
    "money_difference": Kind(_FINANCE, 2 * DAY),
    "suspense": Kind(_FINANCE, 2 * DAY, closes_itself=True),
    "settlement_mismatch": Kind(_FINANCE, 3 * DAY),
    "stored_value_overdrawn": Kind(_FINANCE, DAY),
    "card_declined_late": Kind(_FINANCE, DAY, closes_itself=True),
    "capture_failed": Kind(_FINANCE, 4 * HOUR, closes_itself=True),
    "payment_declined": Kind(_OPS, 4 * HOUR),
    "payment_to_capture": Kind(_FINANCE, 4 * HOUR, closes_itself=True),
    "service_away": Kind(_FINANCE, HOUR),
    "unpaid_card_paid_out": Kind(_FINANCE, DAY),
    "audit_escalated": Kind(_FINANCE, 2 * DAY, closes_itself=True),
    "till_difference": Kind(_MANAGER, DAY),
    "z_mismatch": Kind(_FINANCE, DAY),
    # orders that are stopped
    "order_on_hold": Kind(_OPS, 4 * HOUR, closes_itself=True),
    "hold_overdue": Kind(_ADMIN, HOUR, closes_itself=True),
    "held_and_gone": Kind(_OPS, 4 * HOUR),
    # stock and what is on its way
    "stock_oversold": Kind(_MANAGER, DAY, closes_itself=True),
    "stock_task_refused": Kind(_OPS, DAY),
    "count_due": Kind(_MANAGER, DAY, closes_itself=True),
    "check_the_shelf": Kind(_MANAGER, DAY),
    "put_back": Kind(_LEAD, 4 * HOUR, closes_itself=True),
    "left_after_take_back": Kind(_MANAGER, HOUR),
    "transfer_put_back": Kind(_LEAD, 4 * HOUR, closes_itself=True),
    "transfer_odd": Kind(_OPS, DAY),
    "transfer_refused": Kind(_OPS, 4 * HOUR),
    "transfer_short": Kind(_OPS, DAY, closes_itself=True),
    "transfer_over": Kind(_OPS, DAY, closes_itself=True),
    "transfer_damaged": Kind(_MANAGER, DAY),
    "transfer_late": Kind(_OPS, DAY, closes_itself=True),
    "transfer_waits": Kind(_OPS, 4 * HOUR, closes_itself=True),
    "transfer_unmatched": Kind(_OPS, DAY, closes_itself=True),
    "transfer_unknown_place": Kind(_OPS, 4 * HOUR, closes_itself=True),
    "carton_label_twice": Kind(_OPS, DAY),
    # goods that come back
    "return_without_order": Kind(_FINANCE, 2 * DAY),
    "return_outside_policy": Kind(_OPS, 2 * DAY),
    "mail_in_late": Kind(_OPS, 2 * DAY, closes_itself=True),
    "mail_in_short": Kind(_OPS, 2 * DAY),
    "mail_in_refused": Kind(_OPS, 2 * DAY),
    "mail_in_unknown": Kind(_OPS, DAY),
    "serial_not_sold": Kind(_OPS, 2 * DAY),
    "void_after_return": Kind(_FINANCE, DAY),
    "after_void": Kind(_FINANCE, DAY),
    "more_returned_than_sold": Kind(_FINANCE, DAY),
    "more_refunded_than_paid": Kind(_FINANCE, DAY),
    # the record
    "event_parked": Kind(_OPS, 4 * HOUR, closes_itself=True),
    "event_without_order": Kind(_OPS, 4 * HOUR, closes_itself=True),
    "duplicate_number": Kind(_OPS, DAY),
    "unknown_line": Kind(_OPS, DAY),
    "more_cancelled_than_open": Kind(_OPS, DAY),
    "more_undone_than_fulfilled": Kind(_OPS, DAY),
    "double_fulfilled": Kind(_OPS, 4 * HOUR),
    "fulfilled_after_cancel": Kind(_OPS, 4 * HOUR),
    "stream_fork": Kind(_ADMIN, HOUR),
    "edge_forked": Kind(_ADMIN, HOUR),
    "edge_rolled_back": Kind(_ADMIN, HOUR),
    "edge_replaced": Kind(_OPS, DAY),
    "edge_restored": Kind(_OPS, DAY),
    "edge_duplicate": Kind(_ADMIN, HOUR, closes_itself=True),
    "edge_unreadable": Kind(_ADMIN, HOUR),
    "link_failed": Kind(_ADMIN, HOUR),
    "directive_rejected": Kind(_OPS, 4 * HOUR),
    "hub_restored": Kind(_ADMIN, HOUR),
    "store_restored": Kind(_MANAGER, HOUR),
    # machines
    "clock_failed": Kind(_ADMIN, HOUR, closes_itself=True),
    "mail_server": Kind(_ADMIN, 4 * HOUR, closes_itself=True),
    "notice_failed": Kind(_OPS, DAY, closes_itself=True),
    "channel_dead": Kind(_OPS, HOUR, closes_itself=True),
    "slip_in_doubt": Kind(_LEAD, HOUR),
    "slip_refused": Kind(_LEAD, 4 * HOUR),
    "printer_trouble": Kind(_LEAD, HOUR, closes_itself=True),
    "disk_low": Kind(_MANAGER, HOUR, closes_itself=True),
})  # fmt: skip
"""Every kind that a room of the hub or of a store raises; a test looks through their code for others."""

OTHER: Final = Kind(_OPS, DAY)
"""A kind that is newer than this version."""

NEXT: Final[Mapping[str, str]] = MappingProxyType(
    {"associate": _LEAD, _LEAD: _MANAGER, _MANAGER: _OPS, _OPS: _ADMIN, _FINANCE: _ADMIN}
)
"""Who hears of a card whose owner let its clock run out; an administrator has nobody above."""

_MOMENTS: Final = ("start_by_us", "due_us", "first_due_us", "arrive_by_us")
"""Moments among the facts of a card by which somebody must have decided."""


def kind_of(name: str) -> Kind:
    """Return what is said about a kind, or about one that nobody knows here."""
    return KINDS.get(name, OTHER)


def due_us(name: str, facts: Mapping[str, Any], raised_us: int) -> int:
    """Return by when somebody must have looked: the clock of the kind, or an earlier moment of its facts.

    A moment that is past already says nothing about how long there is: then the clock of the kind runs.
    """
    clock_us = raised_us + kind_of(name).minutes * MINUTE_US
    moments: list[int] = [facts[moment] for moment in _MOMENTS if isinstance(facts.get(moment), int)]
    return min([clock_us, *(moment for moment in moments if moment > raised_us)])


def stake_minor(facts: Mapping[str, Any], order_minor: int) -> int:
    """Return the money that hangs on a card: what its facts say, else what its order has open."""
    for name in ("amount_minor", "value_minor", "difference_minor", "missing_minor", "over_minor"):
        if isinstance(facts.get(name), int):
            return abs(int(facts[name]))
    return order_minor
