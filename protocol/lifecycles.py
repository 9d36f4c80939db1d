"""Every state machine as a table; the two of a transfer stand beside its nouns (`protocol.transfers`).

One table serves four readers: the code that takes a step, the buttons of a screen, the diagram in a
README, and the tests, which prove that every state can be reached and that none but the final ones is a
dead end. What *happened* is different from what someone *asks*: an edge's physical facts are taken in
every state (`after_fact`), and what was out of order becomes an exception, never a refusal.
"""

from enum import StrEnum
from typing import Final

from protocol.holds import HoldState
from protocol.state_machine import Lifecycle


class OrderState(StrEnum):
    """Where an order is; what people see of single lines is computed from their quantities."""

    CAPTURED = "captured"
    HELD = "held"
    ROUTED = "routed"
    PICKING = "picking"
    READY = "ready"
    HANDED_OVER = "handed_over"
    COMPLETED = "completed"
    PART_RETURNED = "part_returned"
    RETURNED = "returned"
    VOIDED = "voided"
    CANCELLED = "cancelled"


class OrderEvent(StrEnum):
    """What happens to an order."""

    SOLD = "sold"
    CHECK_FAILED = "check_failed"
    RELEASED = "released"
    LOCATION_CHOSEN = "location_chosen"
    REJECTED = "rejected"
    PICK_STARTED = "pick_started"
    SHORT_PICKED = "short_picked"
    PACKED = "packed"
    COLLECTED = "collected"
    SHIPPED = "shipped"
    HANDOVER_UNDONE = "handover_undone"
    PART_RETURNED = "part_returned"
    ALL_RETURNED = "all_returned"
    VOIDED = "voided"
    CANCELLED = "cancelled"


_O, _OE = OrderState, OrderEvent
ORDER: Final = Lifecycle(
    name="order",
    initial=_O.CAPTURED,
    finals=frozenset({_O.RETURNED, _O.VOIDED, _O.CANCELLED}),
    table={
        (_O.CAPTURED, _OE.SOLD): _O.COMPLETED,  # at the counter: goods and money changed hands
        (_O.CAPTURED, _OE.CHECK_FAILED): _O.HELD,
        (_O.CAPTURED, _OE.LOCATION_CHOSEN): _O.ROUTED,
        (_O.CAPTURED, _OE.CANCELLED): _O.CANCELLED,
        (_O.HELD, _OE.RELEASED): _O.CAPTURED,
        (_O.HELD, _OE.CANCELLED): _O.CANCELLED,
        (_O.ROUTED, _OE.REJECTED): _O.CAPTURED,
        (_O.ROUTED, _OE.SHORT_PICKED): _O.CAPTURED,
        (_O.ROUTED, _OE.PACKED): _O.READY,
        (_O.ROUTED, _OE.PICK_STARTED): _O.PICKING,
        (_O.ROUTED, _OE.CANCELLED): _O.CANCELLED,
        (_O.PICKING, _OE.SHORT_PICKED): _O.CAPTURED,  # back to routing: another location may have it
        (_O.PICKING, _OE.REJECTED): _O.CAPTURED,
        (_O.PICKING, _OE.PACKED): _O.READY,
        (_O.PICKING, _OE.CANCELLED): _O.CANCELLED,
        (_O.READY, _OE.REJECTED): _O.CAPTURED,  # nobody came: the goods went back to the shelf
        (_O.READY, _OE.COLLECTED): _O.HANDED_OVER,
        (_O.READY, _OE.SHIPPED): _O.HANDED_OVER,
        (_O.READY, _OE.CANCELLED): _O.CANCELLED,
        (_O.HANDED_OVER, _OE.HANDOVER_UNDONE): _O.READY,
        (_O.HANDED_OVER, _OE.PART_RETURNED): _O.PART_RETURNED,
        (_O.HANDED_OVER, _OE.ALL_RETURNED): _O.RETURNED,
        (_O.COMPLETED, _OE.VOIDED): _O.VOIDED,
        (_O.COMPLETED, _OE.PART_RETURNED): _O.PART_RETURNED,
        (_O.COMPLETED, _OE.ALL_RETURNED): _O.RETURNED,
        (_O.PART_RETURNED, _OE.PART_RETURNED): _O.PART_RETURNED,
        (_O.PART_RETURNED, _OE.ALL_RETURNED): _O.RETURNED,
    },
    facts={
        _OE.PICK_STARTED: None,
        _OE.SHORT_PICKED: None,
        _OE.PACKED: None,
        _OE.COLLECTED: _O.HANDED_OVER,
        _OE.SHIPPED: _O.HANDED_OVER,
        _OE.HANDOVER_UNDONE: None,
        _OE.PART_RETURNED: _O.PART_RETURNED,
        _OE.ALL_RETURNED: _O.RETURNED,
    },
)


class BasketState(StrEnum):
    """Where a basket at a till is."""

    OPEN = "open"
    PARKED = "parked"
    PAID = "paid"
    ABANDONED = "abandoned"


class BasketEvent(StrEnum):
    """What happens to a basket."""

    PARKED = "parked"
    RECALLED = "recalled"
    PAID = "paid"
    ABANDONED = "abandoned"


_B, _BE = BasketState, BasketEvent
BASKET: Final = Lifecycle(
    name="basket",
    initial=_B.OPEN,
    finals=frozenset({_B.PAID, _B.ABANDONED}),
    table={
        (_B.OPEN, _BE.PARKED): _B.PARKED,
        (_B.OPEN, _BE.PAID): _B.PAID,
        (_B.OPEN, _BE.ABANDONED): _B.ABANDONED,
        (_B.PARKED, _BE.RECALLED): _B.OPEN,
        (_B.PARKED, _BE.ABANDONED): _B.ABANDONED,
    },
)


class TillState(StrEnum):
    """Where a till session is."""

    OPEN = "open"
    COUNTING = "counting"
    CLOSED = "closed"


class TillEvent(StrEnum):
    """What happens to a till session."""

    COUNT_STARTED = "count_started"
    COUNT_ABANDONED = "count_abandoned"
    CLOSED = "closed"


TILL_SESSION: Final = Lifecycle(
    name="till session",
    initial=TillState.OPEN,
    finals=frozenset({TillState.CLOSED}),
    table={
        (TillState.OPEN, TillEvent.COUNT_STARTED): TillState.COUNTING,
        (TillState.COUNTING, TillEvent.COUNT_ABANDONED): TillState.OPEN,
        (TillState.COUNTING, TillEvent.CLOSED): TillState.CLOSED,
    },
)


class PrintState(StrEnum):
    """Where a print job is, as far as anyone can know."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    HELD_AT_PRINTER = "held_at_printer"
    PRINTED = "printed"
    SEEN = "seen"
    UNKNOWN = "unknown"
    RESOLVED_PRINTED = "resolved_printed"
    RESOLVED_MISSING = "resolved_missing"
    SENT_UNCONFIRMED = "sent_unconfirmed"
    EXPIRED = "expired"
    VOIDED = "voided"


class PrintEvent(StrEnum):
    """What happens to a print job."""

    BEGUN = "begun"
    PREFLIGHT_REFUSED = "preflight_refused"
    ALL_SENT = "all_sent"
    CANNOT_CONFIRM = "cannot_confirm"
    HELD = "held"
    CONFIRMED = "confirmed"
    LOST = "lost"
    SCANNED = "scanned"
    FOUND_PRINTED = "found_printed"
    FOUND_MISSING = "found_missing"
    RETRIED = "retried"
    RESTORED = "restored"
    EXPIRED = "expired"
    VOIDED = "voided"


_P, _PE = PrintState, PrintEvent
PRINT_JOB: Final = Lifecycle(
    name="print job",
    initial=_P.QUEUED,
    finals=frozenset({_P.SEEN, _P.RESOLVED_PRINTED, _P.EXPIRED, _P.VOIDED}),
    table={
        (_P.QUEUED, _PE.BEGUN): _P.SENDING,
        (_P.QUEUED, _PE.EXPIRED): _P.EXPIRED,
        (_P.QUEUED, _PE.VOIDED): _P.VOIDED,
        (_P.QUEUED, _PE.RESTORED): _P.UNKNOWN,  # an old copy of the database: it may have printed
        (_P.SENDING, _PE.PREFLIGHT_REFUSED): _P.QUEUED,  # not one byte of it was sent
        (_P.SENDING, _PE.ALL_SENT): _P.SENT,
        (_P.SENDING, _PE.HELD): _P.HELD_AT_PRINTER,
        (_P.SENDING, _PE.CONFIRMED): _P.PRINTED,
        (_P.SENDING, _PE.LOST): _P.UNKNOWN,
        (_P.SENDING, _PE.RESTORED): _P.UNKNOWN,
        (_P.SENDING, _PE.SCANNED): _P.SEEN,
        (_P.SENT, _PE.CONFIRMED): _P.PRINTED,
        (_P.SENT, _PE.CANNOT_CONFIRM): _P.SENT_UNCONFIRMED,
        (_P.SENT, _PE.HELD): _P.HELD_AT_PRINTER,
        (_P.SENT, _PE.LOST): _P.UNKNOWN,
        (_P.SENT, _PE.RESTORED): _P.UNKNOWN,
        (_P.SENT, _PE.SCANNED): _P.SEEN,
        (_P.HELD_AT_PRINTER, _PE.CONFIRMED): _P.PRINTED,
        (_P.HELD_AT_PRINTER, _PE.LOST): _P.UNKNOWN,
        (_P.HELD_AT_PRINTER, _PE.RESTORED): _P.UNKNOWN,
        (_P.HELD_AT_PRINTER, _PE.SCANNED): _P.SEEN,
        (_P.PRINTED, _PE.SCANNED): _P.SEEN,
        (_P.PRINTED, _PE.FOUND_MISSING): _P.RESOLVED_MISSING,
        (_P.SENT_UNCONFIRMED, _PE.SCANNED): _P.SEEN,
        (_P.SENT_UNCONFIRMED, _PE.FOUND_PRINTED): _P.RESOLVED_PRINTED,
        (_P.SENT_UNCONFIRMED, _PE.FOUND_MISSING): _P.RESOLVED_MISSING,
        (_P.SENT_UNCONFIRMED, _PE.RESTORED): _P.UNKNOWN,
        (_P.UNKNOWN, _PE.SCANNED): _P.SEEN,
        (_P.UNKNOWN, _PE.FOUND_PRINTED): _P.RESOLVED_PRINTED,
        (_P.UNKNOWN, _PE.FOUND_MISSING): _P.RESOLVED_MISSING,
        (_P.UNKNOWN, _PE.RETRIED): _P.QUEUED,  # the next attempt is marked as a possible duplicate
        (_P.UNKNOWN, _PE.VOIDED): _P.VOIDED,
        (_P.RESOLVED_MISSING, _PE.RETRIED): _P.QUEUED,
        (_P.RESOLVED_MISSING, _PE.SCANNED): _P.SEEN,  # it turned up after all
        (_P.RESOLVED_MISSING, _PE.VOIDED): _P.VOIDED,
    },
)


class AssignmentState(StrEnum):
    """Where the part of an order is that one location fulfils."""

    PROPOSED = "proposed"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    PICKING = "picking"
    PICKED = "picked"
    PACKED = "packed"
    READY = "ready"
    HANDED_OVER = "handed_over"
    SHIPPED = "shipped"
    REJECTED = "rejected"
    SHORT = "short"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WRITTEN_OFF = "written_off"
    """Nobody counts on it any more, and its location has not said that it will not fulfil it."""


class AssignmentEvent(StrEnum):
    """What happens to an assignment."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    PICK_STARTED = "pick_started"
    PICKED = "picked"
    SHORT_PICKED = "short_picked"
    PACKED = "packed"
    STAGED = "staged"
    HANDED_OVER = "handed_over"
    HANDOVER_UNDONE = "handover_undone"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WRITTEN_OFF = "written_off"


_A, _AE = AssignmentState, AssignmentEvent
_OWING: Final = (_A.PROPOSED, _A.SENT, _A.ACKNOWLEDGED, _A.PICKING, _A.PICKED, _A.PACKED, _A.READY)
ASSIGNMENT: Final = Lifecycle(
    name="assignment",
    initial=_A.PROPOSED,
    finals=frozenset({_A.SHIPPED, _A.REJECTED, _A.SHORT, _A.CANCELLED, _A.EXPIRED}),
    table={
        (_A.PROPOSED, _AE.SENT): _A.SENT,
        (_A.PROPOSED, _AE.CANCELLED): _A.CANCELLED,  # never sent: withdrawn with certainty
        (_A.SENT, _AE.ACKNOWLEDGED): _A.ACKNOWLEDGED,
        (_A.SENT, _AE.REJECTED): _A.REJECTED,
        (_A.SENT, _AE.EXPIRED): _A.EXPIRED,
        (_A.SENT, _AE.CANCELLED): _A.CANCELLED,
        (_A.ACKNOWLEDGED, _AE.PICK_STARTED): _A.PICKING,
        (_A.ACKNOWLEDGED, _AE.REJECTED): _A.REJECTED,
        (_A.ACKNOWLEDGED, _AE.EXPIRED): _A.EXPIRED,
        (_A.ACKNOWLEDGED, _AE.CANCELLED): _A.CANCELLED,
        (_A.ACKNOWLEDGED, _AE.PICKED): _A.PICKED,
        (_A.ACKNOWLEDGED, _AE.SHORT_PICKED): _A.SHORT,
        (_A.PICKING, _AE.PICKED): _A.PICKED,
        (_A.PICKING, _AE.SHORT_PICKED): _A.SHORT,
        (_A.PICKING, _AE.REJECTED): _A.REJECTED,
        (_A.PICKING, _AE.CANCELLED): _A.CANCELLED,
        (_A.PICKED, _AE.PACKED): _A.PACKED,
        (_A.PICKED, _AE.REJECTED): _A.REJECTED,
        (_A.PICKED, _AE.CANCELLED): _A.CANCELLED,
        (_A.PACKED, _AE.STAGED): _A.READY,
        (_A.PACKED, _AE.SHIPPED): _A.SHIPPED,
        (_A.PACKED, _AE.HANDED_OVER): _A.HANDED_OVER,
        (_A.PACKED, _AE.REJECTED): _A.REJECTED,
        (_A.PACKED, _AE.CANCELLED): _A.CANCELLED,
        (_A.READY, _AE.HANDED_OVER): _A.HANDED_OVER,
        (_A.READY, _AE.SHIPPED): _A.SHIPPED,
        (_A.READY, _AE.REJECTED): _A.REJECTED,  # nobody came
        (_A.READY, _AE.CANCELLED): _A.CANCELLED,
        (_A.HANDED_OVER, _AE.HANDOVER_UNDONE): _A.READY,
        # A person went on without the location; what it answers once it is heard ends it for good.
        **{(state, _AE.WRITTEN_OFF): _A.WRITTEN_OFF for state in _OWING},
        (_A.WRITTEN_OFF, _AE.CANCELLED): _A.CANCELLED,
        (_A.WRITTEN_OFF, _AE.REJECTED): _A.REJECTED,
        (_A.WRITTEN_OFF, _AE.EXPIRED): _A.EXPIRED,
        (_A.WRITTEN_OFF, _AE.SHORT_PICKED): _A.SHORT,
    },
    facts={
        # The answer of a location may overtake what the hub knew of the assignment.
        _AE.ACKNOWLEDGED: None,
        _AE.REJECTED: None,
        _AE.CANCELLED: None,
        _AE.EXPIRED: None,
        _AE.WRITTEN_OFF: None,
        _AE.PICK_STARTED: None,
        _AE.PICKED: None,
        _AE.SHORT_PICKED: None,
        _AE.PACKED: None,
        _AE.STAGED: None,
        _AE.HANDED_OVER: _A.HANDED_OVER,
        _AE.SHIPPED: _A.SHIPPED,
        _AE.HANDOVER_UNDONE: None,
    },
)


class ReturnState(StrEnum):
    """Where a return is. Money and disposition are decided separately."""

    REQUESTED = "requested"
    APPROVED = "approved"
    RECEIVED = "received"
    REFUNDED = "refunded"
    CLOSED = "closed"


class ReturnEvent(StrEnum):
    """What happens to a return."""

    APPROVED = "approved"
    DENIED = "denied"
    RECEIVED = "received"
    REFUNDED = "refunded"
    DISMISSED = "dismissed"
    LAPSED = "lapsed"
    CLOSED = "closed"


_R, _RE = ReturnState, ReturnEvent
RETURN: Final = Lifecycle(
    name="return",
    initial=_R.REQUESTED,
    finals=frozenset({_R.CLOSED}),
    table={
        (_R.REQUESTED, _RE.APPROVED): _R.APPROVED,
        (_R.REQUESTED, _RE.DENIED): _R.CLOSED,
        (_R.APPROVED, _RE.RECEIVED): _R.RECEIVED,
        (_R.APPROVED, _RE.LAPSED): _R.CLOSED,  # the goods never came
        (_R.RECEIVED, _RE.REFUNDED): _R.REFUNDED,
        (_R.RECEIVED, _RE.DISMISSED): _R.CLOSED,  # inspected, and no money is due
        (_R.REFUNDED, _RE.CLOSED): _R.CLOSED,
    },
    facts={_RE.RECEIVED: None, _RE.REFUNDED: None},
)


class PeriodState(StrEnum):
    """Where a period of a legal entity's books is."""

    OPEN = "open"
    SOFT_CLOSED = "soft_closed"
    CLOSING = "closing"
    CLOSED = "closed"
    REOPENED = "reopened"
    HARD_LOCKED = "hard_locked"


class PeriodEvent(StrEnum):
    """What happens to a period."""

    SOFT_CLOSED = "soft_closed"
    SOFT_CLOSE_UNDONE = "soft_close_undone"
    CLOSE_STARTED = "close_started"
    CLOSE_ABANDONED = "close_abandoned"
    CLOSED = "closed"
    REOPENED = "reopened"
    LOCKED = "locked"


_D, _DE = PeriodState, PeriodEvent
PERIOD: Final = Lifecycle(
    name="period",
    initial=_D.OPEN,
    finals=frozenset({_D.HARD_LOCKED}),
    table={
        (_D.OPEN, _DE.SOFT_CLOSED): _D.SOFT_CLOSED,
        (_D.SOFT_CLOSED, _DE.SOFT_CLOSE_UNDONE): _D.OPEN,
        (_D.SOFT_CLOSED, _DE.CLOSE_STARTED): _D.CLOSING,
        (_D.CLOSING, _DE.CLOSE_ABANDONED): _D.SOFT_CLOSED,
        (_D.CLOSING, _DE.CLOSED): _D.CLOSED,
        (_D.CLOSED, _DE.REOPENED): _D.REOPENED,
        (_D.CLOSED, _DE.LOCKED): _D.HARD_LOCKED,
        (_D.REOPENED, _DE.CLOSE_STARTED): _D.CLOSING,
    },
)


class ExceptionState(StrEnum):
    """Where a card on the exception desk is."""

    OPEN = "open"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    CLOSED_ITSELF = "closed_itself"


class ExceptionEvent(StrEnum):
    """What happens to a card."""

    SNOOZED = "snoozed"
    WOKE = "woke"
    RESOLVED = "resolved"
    CAUSE_GONE = "cause_gone"


_X, _XE = ExceptionState, ExceptionEvent
EXCEPTION: Final = Lifecycle(
    name="exception",
    initial=_X.OPEN,
    finals=frozenset({_X.RESOLVED, _X.CLOSED_ITSELF}),
    table={
        (_X.OPEN, _XE.SNOOZED): _X.SNOOZED,
        (_X.OPEN, _XE.RESOLVED): _X.RESOLVED,
        (_X.OPEN, _XE.CAUSE_GONE): _X.CLOSED_ITSELF,
        (_X.SNOOZED, _XE.WOKE): _X.OPEN,
        (_X.SNOOZED, _XE.RESOLVED): _X.RESOLVED,
        (_X.SNOOZED, _XE.CAUSE_GONE): _X.CLOSED_ITSELF,
    },
)


class HoldEvent(StrEnum):
    """What happens to a hold."""

    RELEASED = "released"
    REJECTED = "rejected"
    LAPSED = "lapsed"


_H, _HE = HoldState, HoldEvent
HOLD: Final = Lifecycle(
    name="hold",
    initial=_H.OPEN,
    finals=frozenset({_H.RELEASED, _H.REJECTED, _H.LAPSED}),
    table={
        (_H.OPEN, _HE.RELEASED): _H.RELEASED,
        (_H.OPEN, _HE.REJECTED): _H.REJECTED,
        (_H.OPEN, _HE.LAPSED): _H.LAPSED,
    },
)
