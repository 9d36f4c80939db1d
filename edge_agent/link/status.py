"""How the link is doing, as the strip on every screen shows it."""

from dataclasses import dataclass, field
from typing import Literal

State = Literal["online", "store_mode", "sending", "quarantine", "rejected"]


@dataclass(frozen=True, slots=True)
class LastError:
    """What is wrong and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """One look at the link."""

    state: State
    unsent: int
    oldest_ms: int
    """Age of the oldest event that the hub has not acknowledged, 0 when there is none."""
    last_ack_us: int
    """When the hub last acknowledged something, by this store's clock; 0 when it never has."""
    newest: int
    acked: int
    by_kind: dict[str, int] = field(default_factory=dict)
    last_error: LastError | None = None
    quarantine: str = ""
    recovery: str = ""
    """What a restored store waits for: its own records (`pull`), or the agreement with the hub (`reopen`)."""
    fenced: bool = False
    """True when nothing may be lent to the hub until rights are re-opened."""
    clock_offset_us: int = 0
    directives_waiting: str = ""
    """Why a directive of the hub waits, empty when none does."""
