"""Events and batches as bytes.

The bytes of an event are made once, at capture, and are what is stored, hashed, sent and kept: nothing
is ever serialised again. A batch is therefore built by joining stored bytes behind a header that lists
their sizes, and taken apart by those sizes, never by parsing and printing.

    {"v":1,"edge":…,"inc":…,"sess":…,"from":7,"to":8,"prev":…,"head":…,"last":…,"oldest_ms":…,
     "sizes":[412,530],"blobs":{},"events":[{…},{…}]}

The payload is that JSON, or zlib of it; the first byte tells which.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocol.errors import BadMessage, TooLarge
from protocol.events import KIND_OF, KINDS, subjects_of
from protocol.orders import Code, WireModel

WIRE_VERSION: Final = 1
EVENTS_PER_BATCH: Final = 200
BATCH_COMPRESSED_LIMIT: Final = 64 * 1024
BATCH_INFLATED_LIMIT: Final = 1024 * 1024
EVENT_INLINE_LIMIT: Final = 32 * 1024
"""A larger event travels over HTTPS first; the batch then carries its sha256 in its place."""
EVENT_LIMIT: Final = 8 * 1024 * 1024
COMPRESS_FROM: Final = 512
"""Below this many bytes compression costs more than it saves."""
_MARK: Final = b',"events":['


class Event(BaseModel):
    """One numbered fact of one edge's stream. `body` is checked against its kind only when applied."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seq: int = Field(ge=1)
    id: Code
    kind: Code
    v: int = Field(default=1, ge=1)
    at: int = Field(ge=0)
    """When it happened, microseconds UTC by the edge's clock."""
    by: str = Field(default="", max_length=64)
    device: str = Field(default="", max_length=64)
    subjects: tuple[Code, ...] = Field(default=(), max_length=20)
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """A run of events of one edge, as they were stored there."""

    edge: str
    inc: str
    sess: str
    first: int
    last: int
    prev: str
    """Chain hash of the event before the first."""
    head: str
    """Chain hash of the last event in this batch."""
    newest: int
    """The newest seq at the edge, so the hub knows how much is still to come."""
    oldest_ms: int
    """Age of the oldest event that the hub has not acknowledged."""
    events: tuple[bytes, ...]
    """Stored bytes; empty where the event came over HTTPS, see `blobs`."""
    blobs: Mapping[int, str]
    """seq -> sha256 of events over `EVENT_INLINE_LIMIT`."""


def encode_event(
    seq: int, event_id: str, at: int, body: WireModel, *, by: str = "", device: str = ""
) -> bytes:
    """Return the bytes of a new event; its kind and version follow from the body's model.

    Raises:
        TooLarge: the event is over `EVENT_LIMIT`, so no hub would ever take it.
    """
    kind, version = KIND_OF[type(body)]
    head = json.dumps(
        {
            "seq": seq,
            "id": event_id,
            "kind": kind,
            "v": version,
            "at": at,
            "by": by,
            "device": device,
            "subjects": subjects_of(body),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    data = f'{head[:-1]},"body":{body.model_dump_json(exclude_defaults=True)}}}'.encode()
    if len(data) > EVENT_LIMIT:
        raise TooLarge(
            f"This takes {len(data):,} bytes; one event may have {EVENT_LIMIT:,}.",
            "Split it into several smaller ones.",
            size=len(data),
        )
    return data


def decode_event(data: bytes) -> Event:
    """Return the envelope of an event.

    Raises:
        BadMessage: the bytes are not an event.
    """
    try:
        return Event.model_validate_json(data)
    except ValidationError as error:
        raise BadMessage(
            "An event cannot be read.",
            "It is kept as it came; compare the versions of both sides.",
            why=_first(error),
        ) from error


def read_body(event: Event) -> WireModel:
    """Return the typed body of an event.

    Raises:
        BadMessage: with the code `unknown_kind` when this version does not know the kind, or
            `bad_body` when its content does not fit. Both are set aside, never dropped.
    """
    model = KINDS.get((event.kind, event.v))
    if model is None:
        raise BadMessage(
            f"This hub does not know events of the kind {event.kind} v{event.v}.",
            "Upgrade the hub, then replay what was set aside.",
            code="unknown_kind",
            kind=event.kind,
            v=event.v,
        )
    try:
        return model.model_validate(event.body)
    except ValidationError as error:
        raise BadMessage(
            f"An event of the kind {event.kind} has content that does not fit.",
            "It is set aside with its bytes; repair it and replay.",
            code="bad_body",
            why=_first(error),
        ) from error


def encode_batch(batch: Batch) -> bytes:
    """Return the payload of a batch.

    Raises:
        TooLarge: it would not pass the wire; send fewer events.
    """
    header = json.dumps(
        {
            "v": WIRE_VERSION,
            "edge": batch.edge,
            "inc": batch.inc,
            "sess": batch.sess,
            "from": batch.first,
            "to": batch.last,
            "prev": batch.prev,
            "head": batch.head,
            "last": batch.newest,
            "oldest_ms": batch.oldest_ms,
            "sizes": [len(data) for data in batch.events],
            "blobs": {str(seq): digest for seq, digest in batch.blobs.items()},
        },
        separators=(",", ":"),
    ).encode()
    payload = header[:-1] + _MARK + b",".join(data or b"null" for data in batch.events) + b"]}"
    if len(batch.events) > EVENTS_PER_BATCH or len(payload) > BATCH_INFLATED_LIMIT:
        raise TooLarge(
            "A batch is over the limit of the wire.", "Send fewer events at once.", size=len(payload)
        )
    packed = compress(payload)
    if len(packed) > BATCH_COMPRESSED_LIMIT:
        raise TooLarge(
            "A batch is over the limit of the wire.", "Send fewer events at once.", size=len(packed)
        )
    return packed


def decode_batch(payload: bytes) -> Batch:
    """Return a batch with the exact bytes of its events.

    Raises:
        BadMessage: it cannot be taken apart.
        TooLarge: it inflates beyond what an honest edge would send.
    """
    data = decompress(payload)
    at = data.find(_MARK)
    if at < 0 or not data.endswith(b"]}"):
        raise BadMessage("A batch has no events.", "The edge sends it again, one event at a time.")
    try:
        header = _Header.model_validate_json(data[:at] + b"}")
    except ValidationError as error:
        raise BadMessage(
            "The header of a batch cannot be read.",
            "The edge sends it again, one event at a time.",
            why=_first(error),
        ) from error
    events = _slices(data, at + len(_MARK), header.sizes)
    if len(events) != header.last_seq - header.first + 1 or len(events) > EVENTS_PER_BATCH:
        raise BadMessage("A batch does not hold what its header says.", "The edge sends it again.")
    return Batch(
        edge=header.edge,
        inc=header.inc,
        sess=header.sess,
        first=header.first,
        last=header.last_seq,
        prev=header.prev,
        head=header.head,
        newest=header.newest,
        oldest_ms=header.oldest_ms,
        events=events,
        blobs=header.blobs,
    )


def compress(data: bytes) -> bytes:
    """Return zlib of the data when that is worth it; level 1 is nearly as small as 6 and twice as fast."""
    return zlib.compress(data, 1) if len(data) >= COMPRESS_FROM else data


def decompress(payload: bytes, limit: int = BATCH_INFLATED_LIMIT) -> bytes:
    """Return the plain JSON of a payload, never inflating beyond the limit.

    Raises:
        BadMessage: neither JSON nor zlib.
        TooLarge: over the limit.
    """
    if payload[:1] == b"{":
        data = payload
    elif payload[:1] == b"\x78":
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(payload, limit + 1)
        except zlib.error as error:
            raise BadMessage("A message is damaged.", "It is asked for again.", why=str(error)) from error
    else:
        raise BadMessage("A message is neither JSON nor zlib.", "Compare the versions of both sides.")
    if len(data) > limit:
        raise TooLarge("A message inflates beyond the limit.", "It is not taken.", limit=limit)
    return data


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    v: int
    edge: str = Field(max_length=40)
    inc: str = Field(pattern=r"^[0-9a-f]{32}$")
    sess: str = Field(max_length=64)
    first: int = Field(alias="from", ge=1)
    last_seq: int = Field(alias="to", ge=1)
    prev: str = Field(pattern=r"^[0-9a-f]{64}$")
    head: str = Field(pattern=r"^[0-9a-f]{64}$")
    newest: int = Field(alias="last", ge=0)
    oldest_ms: int = Field(ge=0)
    sizes: tuple[int, ...] = Field(max_length=EVENTS_PER_BATCH)
    blobs: dict[int, str] = Field(default_factory=dict)


def _slices(data: bytes, at: int, sizes: Sequence[int]) -> tuple[bytes, ...]:
    """Cut the events out by their sizes, checking that each cut falls on a separator."""
    found: list[bytes] = []
    for size in sizes:
        if size < 0:
            raise BadMessage("A batch lists a negative size.", "The edge sends it again.")
        end = at + (size or len(b"null"))
        if size == 0 and data[at:end] != b"null":
            raise BadMessage("A batch lacks an event that its header lists.", "The edge sends it again.")
        found.append(data[at:end] if size else b"")
        if data[end : end + 1] not in {b",", b"]"}:
            raise BadMessage("A batch is cut where its header does not say.", "The edge sends it again.")
        at = end + 1
    if at != len(data) - 1:
        raise BadMessage("A batch holds more than its header says.", "The edge sends it again.")
    return tuple(found)


def _too_large(size: int) -> TooLarge:
    return TooLarge("A batch is over the limit of the wire.", "Send fewer events at once.", size=size)


def _first(error: ValidationError) -> str:
    """Return the first complaint, with the path to the field and without the offending value."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:200]
