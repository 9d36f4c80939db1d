"""What may be closed, and where a fact posts that comes late: pure.

The checks are a list of named statements about the books, each with what was found; a blocking one that does
not hold stops the close, and says who can settle it and how. Nothing here knows where the figures come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from protocol.lifecycles import PeriodState

CLOSED: Final = frozenset({PeriodState.CLOSED, PeriodState.HARD_LOCKED})
LATE: Final = frozenset({PeriodState.SOFT_CLOSED, PeriodState.CLOSING, PeriodState.REOPENED})
Severity = Literal["block", "warn"]


@dataclass(frozen=True, slots=True)
class Posting:
    """The day that decides the period, and why it is not the business date."""

    date: str
    late: bool = False
    """Its month was over when it came; signatures on it are stale."""
    prior_period: bool = False
    """Its month is closed: it stands on the first day of the next one that is not."""


def month_of(day: str) -> str:
    """Return the period of a day."""
    return day[:7]


def next_month(period: str) -> str:
    """Return the month after."""
    year, month = int(period[:4]), int(period[5:7])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def last_month(period: str) -> str:
    """Return the month before."""
    year, month = int(period[:4]), int(period[5:7])
    return f"{year - (month == 1):04d}-{(month - 2) % 12 + 1:02d}"


def state_of(period: str, states: Mapping[str, PeriodState]) -> PeriodState:
    """Return how far a month is: one that nobody touched is closed when a later one is, else open."""
    found = states.get(period)
    if found is not None:
        return found
    later = any(other > period and state in CLOSED for other, state in states.items())
    return PeriodState.CLOSED if later else PeriodState.OPEN


def posting(business_date: str, states: Mapping[str, PeriodState]) -> Posting:
    """Return where a fact of a business date posts, by how far each month is (research 2.9)."""
    period = month_of(business_date)
    state = state_of(period, states)
    if state not in CLOSED:
        return Posting(business_date, late=state in LATE)
    while state_of(period, states) in CLOSED:
        period = next_month(period)
    return Posting(f"{period}-01", late=True, prior_period=True)


def together(business_date: str, entities: Sequence[Mapping[str, PeriodState]]) -> Posting:
    """Return where a fact of several entities posts: the latest day that all of their books permit."""
    day = business_date
    while True:
        found = max((posting(day, states) for states in entities), key=lambda each: each.date)
        if found.date == day:
            prior = day != business_date
            late = prior or any(posting(day, states).late for states in entities)
            return Posting(day, late=late, prior_period=prior)
        day = found.date


@dataclass(frozen=True, slots=True)
class Tie:
    """One figure of the ledger beside the same figure of a sub-ledger."""

    check: str
    account: str
    key: str
    """Of what: a location, an order, a tax rate, another entity."""
    ledger_minor: int
    sub_minor: int

    @property
    def difference_minor(self) -> int:
        """Return by how much the ledger stands above the sub-ledger."""
        return self.ledger_minor - self.sub_minor


@dataclass(frozen=True, slots=True)
class EdgeGap:
    """How far a location's stream is known, and how far it must be."""

    location: str
    needed: int
    upto: int
    declared: bool = False

    @property
    def missing(self) -> int:
        """Return how many events the hub does not have."""
        return max(0, self.needed - self.upto)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at, as it stood in one snapshot."""

    previous: PeriodState = PeriodState.CLOSED
    edges: tuple[EdgeGap, ...] = ()
    open_tills: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    untied_days: tuple[str, ...] = ()
    unaudited_days: tuple[str, ...] = ()
    suspense_minor: int = 0
    suspense_entries: int = 0
    unposted: int = 0
    trial_minor: int = 0
    ties: tuple[Tie, ...] = ()
    intercompany: tuple[Tie, ...] = ()
    elimination: tuple[Tie, ...] = ()
    transit_unmatched_minor: int = 0
    negative_stock: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    chain_broken: str = ""
    prior_period: int = 0
    exchange_open: tuple[str, ...] = ()
    old_refunds: tuple[str, ...] = ()
    old_settlements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One statement about the books: whether it holds, and the evidence."""

    name: str
    severity: Severity
    owner: str
    ok: bool
    facts: Mapping[str, object] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Tell whether it stops the close."""
        return self.severity == "block" and not self.ok


EVIDENCE: Final = 20
"""What a person reads; the count beside it says how much there is."""
TIES: Final = (
    ("TIE_INVENTORY", "ops"),
    ("TIE_DEPOSITS", "ops"),
    ("TIE_REFUNDS", "ops"),
    ("TIE_RECEIVABLE", "finance"),
    ("TIE_STORE_CREDIT", "finance"),
    ("TIE_GIFT_CARD", "finance"),
    ("TIE_CASH", "finance"),
    ("TIE_TRANSIT", "ops"),
    ("TIE_SETTLEMENT", "finance"),
    ("TIE_MARKETPLACE", "finance"),
    ("TIE_RESERVE", "finance"),
    ("TIE_DISPUTES", "finance"),
    ("TIE_TAX", "finance"),
    ("TIE_INPUT_TAX", "finance"),
    ("TIE_COMMISSION", "finance"),
)


def checks(facts: Facts) -> tuple[Check, ...]:
    """Return every check of the close, in the order in which they are worked off."""
    missing = [edge for edge in facts.edges if edge.missing and not edge.declared]
    found = [
        Check(
            "PREVIOUS_OPEN",
            "block",
            "finance",
            facts.previous in CLOSED,
            {"state": facts.previous.value},
        ),
        Check(
            "UNSYNCED_EDGE",
            "block",
            "ops",
            not missing,
            {"missing": sum(edge.missing for edge in missing)},
            tuple(edge.location for edge in missing[:EVIDENCE]),
        ),
        _listed("OPEN_TILL", "block", "ops", facts.open_tills),
        _listed("UNCOUNTED", "block", "ops", facts.uncounted),
        _listed("DAY_NOT_TIED", "block", "finance", facts.untied_days),
        _listed("DAY_NOT_AUDITED", "block", "finance", facts.unaudited_days),
        Check(
            "SUSPENSE",
            "block",
            "finance",
            not facts.suspense_entries,
            {"amount_minor": facts.suspense_minor, "count": facts.suspense_entries},
        ),
        Check("UNPOSTED", "block", "ops", not facts.unposted, {"count": facts.unposted}),
        Check(
            "TRIAL_BALANCE", "block", "finance", not facts.trial_minor, {"amount_minor": facts.trial_minor}
        ),
        Check("CHAIN", "block", "finance", not facts.chain_broken, {"journal": facts.chain_broken}),
    ]
    for name, owner in TIES:
        found.append(_tied(name, owner, [tie for tie in facts.ties if tie.check == name]))
    found += [
        _tied("INTERCOMPANY", "finance", facts.intercompany),
        _tied("ELIMINATION", "finance", facts.elimination),
        _listed("EXCHANGE_CLEARING", "block", "ops", facts.exchange_open),
        _listed("EXCEPTIONS", "block", "ops", facts.exceptions),
        Check(
            "TRANSIT_UNMATCHED",
            "warn",
            "ops",
            not facts.transit_unmatched_minor,
            {"amount_minor": facts.transit_unmatched_minor},
        ),
        _listed("OLD_REFUNDS", "warn", "ops", facts.old_refunds),
        _listed("OLD_SETTLEMENTS", "warn", "finance", facts.old_settlements),
        _listed("NEGATIVE_STOCK", "warn", "ops", facts.negative_stock),
        Check("PRIOR_PERIOD", "warn", "finance", not facts.prior_period, {"count": facts.prior_period}),
    ]
    return tuple(found)


def blockers(found: Sequence[Check]) -> list[str]:
    """Return what stops the close."""
    return [check.name for check in found if check.blocks]


def warnings(found: Sequence[Check]) -> list[str]:
    """Return what does not hold and stops nothing."""
    return [check.name for check in found if check.severity == "warn" and not check.ok]


def _listed(name: str, severity: Severity, owner: str, what: Sequence[str]) -> Check:
    return Check(name, severity, owner, not what, {"count": len(what)}, tuple(what[:EVIDENCE]))


def _tied(name: str, owner: str, ties: Sequence[Tie]) -> Check:
    apart = [tie for tie in ties if tie.difference_minor]
    return Check(
        name,
        "block",
        owner,
        not apart,
        {
            "ledger_minor": sum(tie.ledger_minor for tie in ties),
            "sub_minor": sum(tie.sub_minor for tie in ties),
            "difference_minor": sum(tie.difference_minor for tie in apart),
            "count": len(apart),
            "accounts": sorted({number for tie in ties for number in tie.account.split("+")}),
        },
        tuple(f"{tie.account} {tie.key}: {tie.ledger_minor} / {tie.sub_minor}" for tie in apart[:EVIDENCE]),
    )
