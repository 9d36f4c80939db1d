"""Who may open a session, decided from what an edge says of itself and what the hub knows. Pure.

The first one stays: a second machine under a name that is in use is turned away and a person is told,
because nobody here can know which of the two is the store. An agent that was started again proves by the
boot before it that it is the same one.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from protocol.handshake import Hello, Marker, RejectCode

Why = Literal["edge_restored", "edge_replaced", "hub_restored", "reclaimed", "disagree"]
"""Why the rights of a location must be begun anew."""
KEY_LENGTH: Final = 64
WIRE_VERSIONS: Final = frozenset({1})


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something about an edge that a person must look at."""

    kind: str
    edge: str
    title: str
    facts: tuple[tuple[str, str | int], ...] = ()
    of: str = ""
    """Which of several of a kind this is, where each needs its own answer."""

    @property
    def dedupe_key(self) -> str:
        """One open exception for each kind and edge, and for each of several."""
        key = f"{self.kind}:{self.edge}{':' if self.of else ''}{self.of}"
        if len(key) <= KEY_LENGTH:
            return key
        # Cut off, keys of a long name would all be one, and only the first of several would be raised.
        return f"{self.kind[:31]}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Known:
    """What the hub knows when a HELLO comes."""

    status: str | None = None
    """Of the location; None when it is not registered."""
    state: str | None = None
    """Of this incarnation's stream; None when it never said HELLO before."""
    upto: int = 0
    safe: int = 0
    """Covered by every backup that is kept."""
    head: str = ""
    boot: str = ""
    machine: str = ""
    current_inc: str = ""
    """The incarnation that counts today, which may be this one."""
    ep: int = 0
    """The epoch that the location's rights belong to."""
    granted: int = 0
    """All that the location has said it lent in this epoch (G)."""
    returned: int = 0
    """All rights that were given back to the location in this epoch (R)."""
    admitted: str = ""
    """The machine that a person has chosen of two that use this name."""
    alive: bool = False
    """Whether the current incarnation's session was heard a moment ago."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """No session."""

    code: RejectCode
    alarm: Alarm | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """A session, perhaps with something to tell a person."""

    drain_only: bool = False
    replaces: str = ""
    """The incarnation that this one takes the place of."""
    alarm: Alarm | None = None


def judge_hello(edge: str, hello: Hello, known: Known) -> Open | Refuse:
    """Return whether this edge may begin a session."""
    shut_out = _shut_out(hello, known)
    if shut_out is not None:
        return Refuse(shut_out)
    if known.admitted and known.admitted == hello.machine:
        return _chosen(edge, hello, known)
    return _judge(edge, hello, known)


def _judge(edge: str, hello: Hello, known: Known) -> Open | Refuse:
    if hello.marker is Marker.ROLLED_BACK:
        return Refuse(RejectCode.QUARANTINE, _rolled_back(edge, hello, known))
    if known.state == "closed":
        return Open(drain_only=True)
    if known.current_inc and known.alive and not _is_same_agent(hello, known):
        return Refuse(RejectCode.DUPLICATE, _duplicate(edge, hello))
    if known.state is None:
        return _new_incarnation(edge, hello, known)
    return _same_history(edge, hello, known)


def has_lost_past(
    hello: Hello, known: Known, *, hub_inc: str, lives: frozenset[str], last_cseq: int, chead: str
) -> bool:
    """Tell whether the edge remembers more of this hub than the hub itself: it was restored.

    `chead` is the hub's own chain hash at the edge's `cseq_done`, `lives` are the incarnations it remembers:
    an edge that has spoken with another one knows of a restore that this database has forgotten.
    """
    if hello.hub_inc_seen and hello.hub_inc_seen not in lives:
        return True
    if hello.hub_inc_seen != hub_inc:
        return False
    if hello.ep > known.ep or (hello.ep == known.ep and hello.r_seen > known.returned):
        return True
    if hello.acked > known.upto or hello.cseq_done > last_cseq:
        return True
    return bool(hello.cseq_done) and hello.chead != chead


def why_fenced(hello: Hello, known: Known, verdict: Open, *, hub_inc: str) -> Why | None:
    """Return why lending must be begun anew with this edge, None when both can go on as they are."""
    if verdict.replaces:
        return "edge_restored" if hello.why else "edge_replaced"
    if hello.why and known.state is None:
        return "edge_restored"  # before its first call ever: it lends nothing until both have begun anew
    if hello.hub_inc_seen and hello.hub_inc_seen != hub_inc:
        return "hub_restored"
    if hello.ep != known.ep:
        return "disagree"
    # An old copy can be as far in its log as the hub: what is lent is no fact of the log.
    return "edge_restored" if hello.granted is not None and hello.granted < known.granted else None


def fork(edge: str, at: int, machine: str = "") -> Alarm:
    """Return the alarm for two histories under the same numbers."""
    return Alarm(
        "edge_forked",
        edge,
        f"{edge} has another history than the hub from number {at} on.",
        (("upto", at), ("machine", machine)),
    )


def _shut_out(hello: Hello, known: Known) -> RejectCode | None:
    if known.status is None:
        return RejectCode.UNKNOWN
    if known.status != "active":
        return RejectCode.REVOKED
    if not WIRE_VERSIONS & set(hello.versions):
        return RejectCode.VERSION
    return RejectCode.FORK if known.state == "rejected" and not known.admitted else None


def _same_history(edge: str, hello: Hello, known: Known) -> Open | Refuse:
    if hello.last_seq == known.upto and hello.head != known.head:
        return Refuse(RejectCode.FORK, fork(edge, known.upto, hello.machine))
    if hello.last_seq < known.upto:
        return Open(alarm=_rolled_back(edge, hello, known))  # the edge finds out by itself and stops
    return Open()


def _chosen(edge: str, hello: Hello, known: Known) -> Open | Refuse:
    """Let the computer in that a person chose: under a new incarnation, whoever else is alive."""
    if known.state is None:
        return _new_incarnation(edge, hello, known)
    return Refuse(RejectCode.NEW_LIFE)


def _is_same_agent(hello: Hello, known: Known) -> bool:
    if hello.inc != known.current_inc:
        # A copy put back, or a new database, on the same machine: the session that it ends was its own.
        return known.state is None and hello.machine == known.machine
    return hello.boot == known.boot or (hello.machine == known.machine and hello.prev_boot == known.boot)


def _new_incarnation(edge: str, hello: Hello, known: Known) -> Open:
    if not known.current_inc:
        return Open()
    facts = (("before", known.current_inc), ("now", hello.inc), ("why", hello.why or "replaced"))
    kind, said = "edge_replaced", f"{edge} runs on an empty database; the one before is closed."
    if hello.why:
        kind, said = "edge_restored", f"{edge} was restored from an older copy and goes on under a new name."
    return Open(replaces=known.current_inc, alarm=Alarm(kind, edge, said, facts, of=hello.inc[:8]))


def _rolled_back(edge: str, hello: Hello, known: Known) -> Alarm:
    return Alarm(
        "edge_rolled_back",
        edge,
        f"{edge} runs on an older copy of its database.",
        (("last_seq", hello.last_seq), ("upto", known.upto)),
    )


def _duplicate(edge: str, hello: Hello) -> Alarm:
    return Alarm(
        "edge_duplicate",
        edge,
        f"A second machine connects under the name {edge}.",
        (("machine", hello.machine), ("boot", hello.boot)),
    )
