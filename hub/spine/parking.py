"""Events that were set aside: their bytes are kept, what shares a subject with them waits behind them.

An event is set aside when this hub does not know its kind, when its content does not fit, or when applying it
failed for a reason that would not go away by itself. It counts as missing until somebody replays or discards
it. `hub.link.inbox` decides; here is what an arriving event is and how it is put away.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from pydantic import ValidationError, create_model
from sqlalchemy.engine import Connection

from hub.database import HubUnit, Lookup
from hub.spine.rows import events as log_table
from hub.spine.rows import parked, parked_subjects
from hub.spine.steps import count_up, raise_exception, take_orders
from hub.spine.work import Applied, Work
from protocol.envelope import Event, decode_event, read_body
from protocol.errors import BadMessage
from protocol.events import KINDS
from protocol.orders import WireModel

DUPLICATE: Final = "duplicate_id"
TOOK_EFFECT: Final = "It took effect in another life of this store."
BEHIND: Final = "behind"
LINE: Final = "parked"
"""The counter of what was set aside."""
TILL: Final = "till:"
_BLOCKED: Final = Lookup(sa.select(parked_subjects.c.subject))
_KIND: Final = re.compile(rb'\{"seq":\d{1,18},"id":"[^"\\]{1,64}","kind":"([a-z_.]{1,64})","v":(\d{1,4}),')
_WHOLE: Final[dict[tuple[str, int], Any]] = {
    kind: create_model(f"Event of {kind[0]}", __base__=Event, body=(body, ...))
    for kind, body in KINDS.items()
}


class Incoming:
    """One event as it arrived: bytes first, what they mean once `read` has been called."""

    __slots__ = ("arrived_us", "body", "data", "edge", "event", "failure", "hash", "inc", "seq")

    def __init__(self, *, edge: str, inc: str, seq: int, data: bytes, hash_: bytes, arrived_us: int) -> None:
        self.edge = edge
        self.inc = inc
        self.seq = seq
        self.data = data
        self.hash = hash_
        self.arrived_us = arrived_us
        self.event: Event | None = None
        self.body: WireModel | None = None
        self.failure: BadMessage | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """The records that it touches, as far as it could be read."""
        return tuple(_clean(subject) for subject in self.event.subjects) if self.event else ()

    def read(self) -> None:
        """Read envelope and body; `failure` says why not. The envelope may be readable alone."""
        event = _read_whole(self.data)
        if event is not None:
            self.event, self.body = event, event.body
        else:
            try:
                event = self.event = decode_event(self.data)
                self.body = read_body(event)
            except BadMessage as failure:
                self.failure = failure
                return
        if event.seq != self.seq:
            self.failure = BadMessage(
                f"Event {self.seq} of {self.edge} calls itself {self.event.seq}.",
                "Its store must look at its log.",
                code="bad_seq",
            )

    def applied(self, apply_order: int) -> Applied:
        """Return it as something to apply."""
        event = self.event
        assert event is not None
        return Applied(
            apply_order=apply_order,
            edge=self.edge,
            inc=self.inc,
            seq=self.seq,
            event_id=event.id,
            kind=event.kind,
            v=event.v,
            at_us=event.at,
            arrived_us=self.arrived_us,
            by=event.by,
            device=event.device,
            subjects=event.subjects,
            body=self.body,
            data=self.data,
            hash=self.hash,
            results={},
        )


def _read_whole(data: bytes) -> Any:
    """Return envelope and typed body in one pass, or None when it takes a second look to say what is wrong.

    An event names its kind near its beginning, so the model of its body is known before it is parsed; that
    is twice as quick as parsing the envelope first.
    """
    found = _KIND.match(data)
    if found is None:
        return None
    model = _WHOLE.get((found[1].decode(), int(found[2])))
    if model is None:
        return None
    try:
        event = model.model_validate_json(data)
    except ValidationError:
        return None
    return event if (event.kind, event.v) == (found[1].decode(), int(found[2])) else None


def hashes(previous: str, events: Iterable[bytes]) -> list[bytes]:
    """Return the chain hash after each of a run of events; the list ends with that before them if empty."""
    digest = bytes.fromhex(previous)
    found = []
    for data in events:
        digest = hashlib.sha256(digest + data).digest()
        found.append(digest)
    return found or [digest]


def blocked_subjects(connection: Connection) -> set[str]:
    """Return the records that wait for an event that was set aside."""
    return set(_BLOCKED.scalars(connection))


def why_not(item: Incoming, blocked: set[str], known: set[str]) -> BadMessage | None:
    """Return why an event has to wait, or None when it may be applied now; remembers its id in `known`."""
    if item.failure is not None:
        return item.failure
    event = item.event
    assert event is not None
    if event.id in known:
        return BadMessage(
            "Another event has the same id.",
            "One of the two is a copy; discard this one if it says the same.",
            code=DUPLICATE,
            why=f"id {event.id}",
        )
    if blocked:
        behind = next((subject for subject in waits_for(event.subjects) if subject in blocked), None)
        if behind is not None:
            return BadMessage(
                "An earlier event of the same record was set aside.",
                "Replay that one first; this one follows by itself.",
                code=BEHIND,
                why=behind,
            )
    known.add(event.id)
    return None


def waits_for(subjects: Sequence[str]) -> Sequence[str]:
    """Return which of an event's records it may not overtake.

    A sale does not wait for another sale of its till, or one bad event would set a whole day aside; sums do
    not mind the order. What speaks of the till alone does wait: a Z must not be judged without its sales.
    """
    return [subject for subject in subjects if not subject.startswith(TILL)] or subjects


def had_before(connection: Connection, item: Incoming, failure: BadMessage) -> bool:
    """Tell whether an event took effect in another life of the same store, which carried it over.

    A store that was restored sends again, under new numbers, what it cannot know to have arrived. What was
    set aside in the life before may be replayed after the same of the new one.
    """
    if failure.reason != DUPLICATE or item.event is None:
        return False
    row = connection.execute(
        sa.select(log_table.c.edge, log_table.c.inc, log_table.c.kind, log_table.c.at_us).where(
            log_table.c.event_id == item.event.id
        )
    ).first()
    if row is None or row.inc == item.inc:
        return False
    return (row.edge, row.kind, row.at_us) == (item.edge, item.event.kind, item.event.at)


def put_aside(work: Work, item: Incoming) -> None:
    """Keep the bytes of an event that took effect before; it waits for nobody."""
    _keep(work, item, DUPLICATE, TOOK_EFFECT, state="discarded")


def park(work: Work, item: Incoming, failure: BadMessage) -> None:
    """Keep an event that cannot be applied now, and say so once."""
    detail = _clean(str(failure.facts.get("why") or failure.what))[:300]
    _keep(work, item, failure.reason, detail, state="parked")
    if item.subjects:
        work.connection.execute(
            sa.insert(parked_subjects),
            [
                {"subject": subject, "edge": item.edge, "inc": item.inc, "seq": item.seq}
                for subject in dict.fromkeys(item.subjects)
            ],
        )
    if failure.reason != BEHIND:
        _tell(work, item, failure, detail)


def park_by_itself(work: Work, item: Incoming, failure: BadMessage) -> None:
    """Say of an event that waited behind another one that it waits for itself now."""
    detail = _clean(str(failure.facts.get("why") or failure.what))[:300]
    mine = (parked.c.edge == item.edge) & (parked.c.inc == item.inc) & (parked.c.seq == item.seq)
    work.connection.execute(sa.update(parked).where(mine).values(code=failure.reason, detail=detail))
    _tell(work, item, failure, detail)


def _keep(work: Work, item: Incoming, code: str, detail: str, *, state: str) -> None:
    event = item.event
    kind = _clean(event.kind) if event else ""
    work.connection.execute(
        sa.insert(parked).values(
            edge=item.edge,
            inc=item.inc,
            seq=item.seq,
            kind=kind,
            code=code,
            detail=detail,
            subjects=json.dumps(item.subjects),
            hash=item.hash,
            bytes=item.data,
            arrived_us=item.arrived_us,
            park_order=_next_place(work.unit),
            state=state,
            note="" if state == "parked" else detail,
            settled_us=None if state == "parked" else item.arrived_us,
        )
    )
    work.topics.add("fleet")


def _tell(work: Work, item: Incoming, failure: BadMessage, detail: str) -> None:
    raise_exception(
        work,
        kind="event_parked",
        subject=f"edge:{item.edge}",
        title=f"Event {item.seq} of {item.edge} was set aside",
        facts={
            "edge": item.edge,
            "inc": item.inc,
            "seq": item.seq,
            "code": failure.reason,
            "why": detail,
        },
        dedupe_key=parked_key(item.edge, item.inc, item.seq),
    )


def parked_key(edge: str, inc: str, seq: int) -> str:
    """Return under which key an event that was set aside is raised."""
    return f"parked:{hashlib.sha256(f'{edge}|{inc}|{seq}'.encode()).hexdigest()[:40]}"


def waiting(connection: Connection, *, limit: int = 200) -> Sequence[sa.Row[Any]]:
    """Return what is set aside, the oldest first."""
    return connection.execute(
        sa.select(parked)
        .where(parked.c.state == "parked")
        .order_by(parked.c.park_order, parked.c.edge, parked.c.seq)
        .limit(limit)
    ).all()


def find(connection: Connection, edge: str, seq: int, inc: str = "") -> sa.Row[Any] | None:
    """Return one event that was set aside.

    A store that was restored numbers its events from 1 again: where no life of it is named, what still waits
    comes before what is settled, in its line.
    """
    query = sa.select(parked).where(parked.c.edge == edge, parked.c.seq == seq)
    if inc:
        query = query.where(parked.c.inc == inc)
    settled = sa.case((parked.c.state == "parked", 0), else_=1)
    return connection.execute(query.order_by(settled, parked.c.park_order).limit(1)).first()


def settle(connection: Connection, row: sa.Row[Any], *, state: str, note: str, now_us: int) -> None:
    """Take an event off the list of what waits; its bytes stay."""
    mine = (parked.c.edge == row.edge) & (parked.c.inc == row.inc) & (parked.c.seq == row.seq)
    connection.execute(
        sa.update(parked).where(mine).values(state=state, note=_clean(note)[:300], settled_us=now_us)
    )
    connection.execute(
        sa.delete(parked_subjects).where(
            parked_subjects.c.edge == row.edge,
            parked_subjects.c.inc == row.inc,
            parked_subjects.c.seq == row.seq,
        )
    )


def _next_place(unit: HubUnit) -> int:
    take_orders(unit, 0)  # the log's lock first, as everybody takes it: nobody waits in a circle
    return count_up(unit.connection, LINE)


def _clean(text: str) -> str:
    """Return a text without the one character that PostgreSQL cannot store."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
