"""The packets that are not batches: handshake, acknowledgements, presence, heartbeat.

Every packet after the handshake carries `(inc, sess)`; whatever does not match the current session is
dropped. A WELCOME counts only when it echoes the nonce of this very connection, because a broker may
deliver an old one minutes late.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from protocol.directives import DirectiveOutcome
from protocol.orders import Code, WireModel

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Incarnation = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Nonce = Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]
Seq = Annotated[int, Field(ge=0)]


class Marker(StrEnum):
    """What the file outside the database says about the database."""

    OK = "ok"
    ROLLED_BACK = "rolled_back"
    """The file has seen higher numbers: this database is an old copy."""
    OTHER_MACHINE = "other_machine"
    MISSING = "missing"


class Hello(WireModel):
    """The first word of an edge on a connection."""

    versions: tuple[int, ...] = (1,)
    inc: Incarnation
    boot: Nonce
    """Random for each start of the agent: two boots under one name are two agents."""
    prev_boot: str = Field(default="", max_length=64)
    """The boot before this one: an agent that was started again proves by it that it is the same."""
    machine: str = Field(default="", max_length=64)
    nonce: Nonce
    last_seq: Seq
    head: Hash
    acked: Seq
    hub_inc_seen: str = Field(default="", max_length=32)
    cseq_done: Seq = 0
    chead: str = Field(default="", max_length=64)
    ep: int = Field(default=0, ge=0)
    r_seen: int = Field(default=0, ge=0)
    """All R of the hub that this edge has seen in its epoch: a hub that has fewer was restored."""
    granted: int | None = Field(default=None, ge=0)
    """All that this edge has lent in its epoch (G): one that has lent less than it said is an old copy."""
    ordinal: int = Field(default=0, ge=0, le=9_999)
    """Part of every number that this incarnation prints."""
    was: str = Field(default="", max_length=32)
    """The incarnation before this one, as far as this database knows."""
    why: str = Field(default="", max_length=40)
    """Why this incarnation began: `restored`, `rolled_back`, or empty for a new database."""
    marker: Marker = Marker.OK
    clock_us: int
    software: str = Field(default="", max_length=40)
    receipt_key: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """What this store's receipts are verified with, by stores that cannot ask anybody."""


class Life(WireModel):
    """How far the hub has applied a closed incarnation of an edge."""

    inc: Incarnation
    upto: Seq
    head: Hash
    ordinal: int = Field(default=0, ge=0)


class Welcome(WireModel):
    """The hub lets the session begin, and says how far it is."""

    type: Literal["welcome"] = "welcome"
    v: int = 1
    sess: Nonce
    hub_inc: Incarnation
    hub_boot: Nonce
    nonce: Nonce
    """The edge's own, echoed."""
    inc: Incarnation
    upto: Seq
    head_at_upto: Hash
    safe: Seq = 0
    cseq_next: int = Field(ge=1)
    chead: str = Field(default="", max_length=64)
    rights: Literal["ok", "reopen"] = "ok"
    lives: tuple[Life, ...] = Field(default=(), max_length=1_000)
    """What the hub has of the incarnations before this one, the oldest first; all of them are closed."""
    drain_only: bool = False
    """This incarnation was replaced: only the events that the hub lacks are taken from it."""
    window: int = Field(default=4, ge=0, le=16)
    hub_clock_us: int
    edge_clock_us: int
    """The edge's clock as it was in HELLO, echoed so that the edge can measure its offset."""


class RejectCode(StrEnum):
    """Why the hub does not open a session."""

    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    FORK = "fork"
    VERSION = "version"
    DRAIN_ONLY = "drain_only"
    QUARANTINE = "quarantine"
    NEW_LIFE = "new_life"
    """A person has decided that this database is the store: it goes on under a new incarnation."""


class Reject(WireModel):
    """The hub does not open a session."""

    type: Literal["reject"] = "reject"
    nonce: Nonce
    inc: Incarnation
    code: RejectCode
    detail: str = Field(default="", max_length=300)
    retry_seconds: int = Field(default=30, ge=1, le=3600)


class Rehello(WireModel):
    """The hub does not know this session (it was restarted): begin again."""

    type: Literal["rehello"] = "rehello"
    inc: Incarnation
    hub_boot: Nonce


class WindowChange(WireModel):
    """The hub asks for more or fewer batches in flight; 0 pauses."""

    type: Literal["window"] = "window"
    inc: Incarnation
    sess: Nonce
    window: int = Field(ge=0, le=16)


class ParkedNotice(WireModel):
    """One event that was set aside."""

    seq: int = Field(ge=1)
    code: Code


class LogAck(WireModel):
    """How far the hub has committed this edge's stream."""

    inc: Incarnation
    sess: Nonce
    upto: Seq
    head: Hash
    safe: Seq = 0
    gap: bool = False
    """A batch began beyond `upto + 1`: go back. Without it this only repeats what is known."""
    single: bool = False
    """Send one event a batch from here: a batch could not be decoded."""
    need_blobs: tuple[Hash, ...] = Field(default=(), max_length=200)
    parked: tuple[ParkedNotice, ...] = Field(default=(), max_length=200)


class DirectiveBatch(WireModel):
    """A run of directives of the hub for one edge."""

    inc: Incarnation
    sess: Nonce
    hub_inc: Incarnation
    first: int = Field(ge=1)
    prev: str = Field(max_length=64)
    head: str = Field(max_length=64)
    directives: tuple[str, ...] = Field(max_length=200)
    """Each the exact JSON that was numbered and hashed at the hub."""


class DirectiveAck(WireModel):
    """How far the edge has carried out directives, with what became of the latest."""

    inc: Incarnation
    sess: Nonce
    hub_inc: Incarnation
    upto: Seq
    outcomes: tuple[DirectiveOutcome, ...] = Field(default=(), max_length=200)


class Heartbeat(WireModel):
    """How an edge is, every few seconds, at most once."""

    inc: Incarnation
    sess: Nonce
    last_seq: Seq
    acked: Seq
    oldest_ms: int = Field(default=0, ge=0)
    clock_us: int
    disk_free_mb: int = Field(default=0, ge=0)
    printers: dict[str, str] = Field(default_factory=dict, max_length=20)
    catalog_version: int = Field(default=0, ge=0)
    exceptions_open: int = Field(default=0, ge=0)
    software: str = Field(default="", max_length=40)


class Presence(WireModel):
    """A hint that a connection exists; the retained copy of a dead one is recognised by its `conn`."""

    on: bool
    conn: Nonce
    inc: str = Field(default="", max_length=32)
    boot: str = Field(default="", max_length=64)


class RightsPacket(WireModel):
    """The lending vectors of up to 500 SKUs whose cells changed; see `protocol.rights` for the rows."""

    inc: Incarnation
    sess: Nonce
    hub_inc: Incarnation
    ep: int = Field(default=0, ge=0)
    rows: tuple[dict[str, int | str], ...] = Field(max_length=500)
    echo: tuple[tuple[str, int], ...] = Field(default=(), max_length=500)
    """(sku, ver) of vectors received, so that the other side stops resending them."""


def encode(packet: WireModel) -> bytes:
    """Return the JSON of a packet."""
    return packet.model_dump_json(exclude_defaults=False).encode()
