"""What an edge concludes from what the hub says. Pure.

An edge never believes that it is right against the hub about its own past: when the hub knows numbers
that this database does not have, or another history under them, this database is an old copy, and it stops
telling the hub anything until a person has given it a new life.
"""

from typing import Final

from protocol.clock import MICROSECONDS
from protocol.errors import OrderspineError
from protocol.handshake import Reject, RejectCode, Welcome

SKEW_LIMIT_US: Final = 60 * MICROSECONDS
SENDING_FROM_EVENTS: Final = 20
SENDING_FROM_MS: Final = 2_000
PULLING: Final = "pull"
"""`link.recovery`: what the hub has of earlier lives is being brought back."""
REOPENING: Final = "reopen"
"""`link.recovery`: everything is back; what is open has to be agreed with the hub."""

Trouble = tuple[str, str]
"""What is wrong and what to do, for the person who looks at the strip."""

ROLLED_BACK: Final[Trouble] = (
    "This store's database is an older copy: it has used numbers that it no longer has.",
    "It goes on under a new name, and the hub gives its own records back.",
)
NOT_SET_UP: Final[Trouble] = (
    "No hub is set for this store.",
    "Selling goes on. Set broker_host and hub_url to connect it.",
)
STORE_FIRST: Final[Trouble] = (
    "This store's database cannot store what the hub says.",
    "Make room on the disk. It is tried again by itself.",
)
HUB_AWAY: Final[Trouble] = (
    "The broker answers, but the hub does not listen.",
    "Selling goes on. Everything is sent when the hub is back.",
)
UNREADABLE: Final[Trouble] = (
    "The hub said something that this store's version cannot read.",
    "Upgrade this store.",
)
_REJECTED: Final[dict[RejectCode, Trouble]] = {
    RejectCode.DUPLICATE: (
        "Another machine is connected under this store's name.",
        "Switch the other one off, or give this one its own name. Selling goes on here.",
    ),
    RejectCode.UNKNOWN: (
        "The hub does not know this store.",
        "Add it at the hub with `orderspine hub location add`.",
    ),
    RejectCode.REVOKED: (
        "The hub has shut this store's access.",
        "Ask operations to let it in again, or to give it new credentials.",
    ),
    RejectCode.VERSION: ("The hub does not speak this version.", "Upgrade the hub, then this store."),
    RejectCode.FORK: (
        "The hub knows another history under this store's numbers.",
        "Somebody at the hub decides on the Fleet page which of two copies is the store. Selling goes on.",
    ),
    RejectCode.DRAIN_ONLY: (
        "This is an old copy of the store's database; another has taken its place.",
        "Only what the hub lacks is taken from it.",
    ),
    RejectCode.QUARANTINE: ROLLED_BACK,
    RejectCode.NEW_LIFE: ROLLED_BACK,
}


def judge_welcome(
    welcome: Welcome, *, last_seq: int, own_head: str | None, carried_out: int | None
) -> Trouble | None:
    """Return why this database cannot go on, or None when both sides share one history.

    `own_head` is this database's chain hash at the hub's `upto`; `carried_out` is the newest directive of
    this hub that it has carried out, None where it need not have all that were answered.
    """
    if welcome.upto > last_seq or own_head is None:
        return ROLLED_BACK
    if own_head != welcome.head_at_upto:
        return _REJECTED[RejectCode.FORK]
    if carried_out is not None and welcome.cseq_next > carried_out + 1:
        return ROLLED_BACK  # the hub has answers to directives that this database never had
    return None


def is_fenced(welcome: Welcome, *, hub_inc_seen: str) -> bool:
    """Tell whether nothing may be lent: one side has lost its past, and rights must be re-opened first.

    Only the hub knows when that is over: it heard the first vector of the new epoch.
    """
    changed = bool(hub_inc_seen) and hub_inc_seen != welcome.hub_inc
    return changed or welcome.rights == "reopen"


def clock_offset_us(*, hub_clock_us: int, edge_clock_us: int, round_trip_seconds: float) -> int:
    """Return by how much the hub's clock is ahead of ours, taking half the way for the answer."""
    return hub_clock_us - edge_clock_us - round(round_trip_seconds * MICROSECONDS / 2)


CLOCK_FLOORED: Final[Trouble] = (
    "This machine's clock is days behind what this store wrote last.",
    "Set the time of this machine; until then all times go on from the last one that is known.",
)
"""For a computer whose battery is empty."""


def clock_trouble(offset_us: int) -> Trouble | None:
    """Return a warning when this store's clock is off by more than receipts should show."""
    if abs(offset_us) <= SKEW_LIMIT_US:
        return None
    seconds = abs(offset_us) // MICROSECONDS
    way = "behind" if offset_us > 0 else "ahead of"
    return (
        f"This store's clock is {seconds:,} s {way} the hub's.",
        "Set the time of this machine; orders stay in their order, but receipts show the wrong time.",
    )


def rejection(reject: Reject) -> Trouble:
    """Return the sentences for a refusal of the hub."""
    return _REJECTED[reject.code]


def not_passed_on(code: int) -> Trouble:
    """Return the sentences for a broker that refuses what this store says; `code` is MQTT's reason."""
    return (
        f"The broker does not pass on what this store says (code {code:#x}).",
        "Check the broker's access list for this store's name.",
    )


def quarantine_trouble(reason: str, recovery: str, brought: int) -> Trouble | None:
    """Return what a store that was set aside, or was restored, waits for."""
    if not reason:
        return None
    if recovery == PULLING:
        return reason, (
            f"Its own records are coming back from the hub ({brought:,} so far). Selling goes on and is"
            " marked; wait with counting and with orders of the hub."
        )
    if recovery == REOPENING:
        return reason, (
            "Its own records are back. Orders of the hub go on once both agree on what is open; count what"
            " the exceptions name."
        )
    return reason, "Somebody at the hub decides on the Fleet page. Selling goes on."


def failure(error: Exception) -> Trouble:
    """Return the sentences for something that tripped the link."""
    if isinstance(error, OrderspineError):
        return error.what, error.remedy
    return (
        f"The link to the hub tripped over something ({type(error).__name__}: {error})."[:300],
        "Selling goes on; it is tried again by itself. Make room on the disk if it is full, or call support.",
    )


def is_sending(unsent: int, oldest_ms: int) -> bool:
    """Tell whether so much waits that a person should see it being sent; a moment's worth is no news."""
    return unsent > SENDING_FROM_EVENTS or (unsent > 0 and oldest_ms > SENDING_FROM_MS)
