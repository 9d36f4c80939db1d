"""Who may open a session, decided from what an edge says of itself and what the hub knows. Pure.

The first one stays: a second machine under a name that is in use is turned away and a person is told,
because nobody here can know which of the two is the store. An agent that was started again proves by the
boot before it that it is the same one.
"""

from dataclasses import dataclass
from typing import Final

from protocol.handshake import Hello, Marker, RejectCode

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
        return f"{self.kind}:{self.edge}{':' if self.of else ''}{self.of}"


@dataclass(frozen=True, slots=True)
class Known:
    """What the hub knows when a HELLO comes."""

    status: str | None = None
    """Of the location; None when it is not registered."""
    state: str | None = None
    """Of this incarnation's stream; None when it never said HELLO before."""
    upto: int = 0
    head: str = ""
    boot: str = ""
    machine: str = ""
    current_inc: str = ""
    """The incarnation that counts today, which may be this one."""
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
    hello: Hello, *, hub_inc: str, lives: frozenset[str], upto: int, last_cseq: int, chead: str
) -> bool:
    """Tell whether the edge remembers more of this hub than the hub itself: it was restored.

    `chead` is the hub's own chain hash at the edge's `cseq_done`, `lives` are the incarnations it remembers:
    an edge that has spoken with another one knows of a restore that this database has forgotten.
    """
    if hello.hub_inc_seen and hello.hub_inc_seen not in lives:
        return True
    if hello.hub_inc_seen != hub_inc:
        return False
    if hello.acked > upto or hello.cseq_done > last_cseq:
        return True
    return bool(hello.cseq_done) and hello.chead != chead


def must_reopen(hello: Hello, *, hub_inc: str) -> bool:
    """Tell whether lending rights must be re-opened before anything is lent."""
    return bool(hello.hub_inc_seen) and hello.hub_inc_seen != hub_inc


def fork(edge: str, at: int) -> Alarm:
    """Return the alarm for two histories under the same numbers."""
    return Alarm(
        "edge_forked", edge, f"{edge} has another history than the hub from number {at} on.", (("upto", at),)
    )


def _shut_out(hello: Hello, known: Known) -> RejectCode | None:
    if known.status is None:
        return RejectCode.UNKNOWN
    if known.status != "active":
        return RejectCode.REVOKED
    if not WIRE_VERSIONS & set(hello.versions):
        return RejectCode.VERSION
    return RejectCode.FORK if known.state == "rejected" else None


def _same_history(edge: str, hello: Hello, known: Known) -> Open | Refuse:
    if hello.last_seq == known.upto and hello.head != known.head:
        return Refuse(RejectCode.FORK, fork(edge, known.upto))
    if hello.last_seq < known.upto:
        return Open(alarm=_rolled_back(edge, hello, known))  # the edge finds out by itself and stops
    return Open()


def _is_same_agent(hello: Hello, known: Known) -> bool:
    if hello.inc != known.current_inc:
        return False
    return hello.boot == known.boot or (hello.machine == known.machine and hello.prev_boot == known.boot)


def _new_incarnation(edge: str, hello: Hello, known: Known) -> Open:
    if not known.current_inc:
        return Open()
    replaced = Alarm(
        "edge_replaced",
        edge,
        f"{edge} begins again with an empty or restored database; the one before is closed.",
        (("before", known.current_inc), ("now", hello.inc)),
    )
    return Open(replaces=known.current_inc, alarm=replaced)


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
