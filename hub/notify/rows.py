"""The outbox of notices: a row is written in the transaction of the event that asks for it.

`notices` holds no personal data of customers: who is told, and where, is read when a notice leaves and is
never kept here. What goes to people of the company is written when it is queued, address and all.
It is no shadow of the log either: what was sent stays sent when tables are made anew.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup, metadata
from hub.notify.rules import Facts, State, Told, Wanted, Way
from hub.spine.rows import event_subjects, events
from protocol.envelope import decode_event, read_body
from protocol.errors import NotFound

SENDING_US: Final = 600 * 1_000_000
"""A try that has not ended after so long has died with its process."""
NO_SERVER: Final = "no_server"
"""What a notice says that waits because its mail server could not be spoken to."""
HISTORY_EVENTS: Final = 2_000
"""An order has dozens of events; beyond this something else is wrong."""
HISTORY_KINDS: Final = (
    "order.placed",
    "order.changed",
    "order.cancelled",
    "order.lines_added",
    "order.routed",
    "assignment.changed",
    "assignment.picked",
    "assignment.staged",
    "assignment.shipped",
    "assignment.handed_over",
    "assignment.handover_undone",
    "assignment.cancelled",
    "assignment.rejected",
    "return.authorised",
    "return.expectation_changed",
    "return.arrived",
    "return.inspected",
    "return.advanced",
    "return.credited",
)

notices: Final = sa.Table(
    "notices",
    metadata,
    sa.Column("notice_id", sa.Text, primary_key=True),
    sa.Column("dedupe_key", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False, index=True),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("contact_id", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("doubts", sa.Integer, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("next_us", sa.BigInteger, nullable=False),
    sa.Column("sent_us", sa.BigInteger),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("asked_why", sa.Text, nullable=False, server_default=""),
    sa.Column("way", sa.Text, nullable=False, server_default="mail"),
    sa.Column("hook_id", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed', 'kept', 'dropped')", name="state"),
    sa.Index("ix_notices_due", "state", "next_us"),
    sa.Index("ix_notices_created", "created_us"),
)
"""`asked_by` is who asked for it once more, and why; empty for what an event asked for. `hook_id` is the
program that is told instead of the customer's mailbox."""

notice_words: Final = sa.Table(
    "notice_words",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("case", sa.Text, primary_key=True),
    sa.Column("language", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("own", sa.Boolean, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("opening", sa.Text, nullable=False),
    sa.Column("closing", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""The company's own words, every version that ever counted; the newest does. Not `own`: the program's."""

notice_hooks: Final = sa.Table(
    "notice_hooks",
    metadata,
    sa.Column("hook_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
)
"""Programs that are told too, such as one that sends text messages; `kinds` is a JSON list."""

notice_refusals: Final = sa.Table(
    "notice_refusals",
    metadata,
    sa.Column("contact_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""What a customer wants no more; `by` is empty when they said so themselves."""
_ADD: Final = {
    name: Change(dialect.insert(notices).on_conflict_do_nothing(index_elements=[notices.c.dedupe_key]))
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice as it stands."""

    notice_id: str
    dedupe_key: str
    kind: str
    order_id: str
    number: str
    subject_id: str
    contact_id: str
    language: str
    facts: Facts
    state: str
    tries: int
    doubts: int
    created_us: int
    next_us: int
    sent_us: int | None
    detail: str
    asked_by: str
    asked_why: str
    way: str
    hook_id: str


def add(  # noqa: PLR0913 - a notice has as many sides
    connection: Connection,
    wanted: Wanted,
    *,
    notice_id: str,
    now_us: int,
    dedupe_key: str = "",
    asked_by: str = "",
    asked_why: str = "",
    hook_id: str = "",
    facts: Facts | None = None,
) -> bool:
    """Put a notice into the outbox; False when the same one is there already."""
    row = {
        "notice_id": notice_id,
        "dedupe_key": dedupe_key or wanted.dedupe_key + (f"@{hook_id}" if hook_id else ""),
        "kind": wanted.kind.value,
        "order_id": wanted.order_id,
        "number": wanted.number,
        "subject_id": wanted.subject_id,
        "contact_id": "",
        "language": "",
        "facts": facts.model_dump_json() if facts else "{}",
        "state": State.QUEUED.value,
        "tries": 0,
        "doubts": 0,
        "created_us": now_us,
        "next_us": now_us,
        "detail": "",
        "asked_by": asked_by,
        "asked_why": asked_why,
        "way": (Way.HOOK if hook_id else Way.MAIL).value,
        "hook_id": hook_id,
    }
    return _ADD[connection.dialect.name].run(connection, **row) == 1


def due(connection: Connection, now_us: int, limit: int, way: Way = Way.MAIL) -> list[Notice]:
    """Return what is to be tried now, the oldest first; what died while it was being sent is among it."""
    found = connection.execute(
        sa.select(notices)
        .where(
            notices.c.state.in_((State.QUEUED.value, State.SENDING.value)),
            notices.c.next_us <= now_us,
            notices.c.way == way.value,
        )
        .order_by(notices.c.next_us, notices.c.notice_id)
        .limit(limit)
    )
    return [_notice(row) for row in found]


def find(connection: Connection, notice_id: str) -> Notice:
    """Return one notice.

    Raises:
        NotFound: there is none of that id.
    """
    row = connection.execute(sa.select(notices).where(notices.c.notice_id == notice_id)).first()
    if row is None:
        raise NotFound("There is no such notice.", "Look the list up again.", code="no_notice")
    return _notice(row)


def listed(
    connection: Connection,
    *,
    number: str = "",
    kind: str = "",
    state: str = "",
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Notice], int]:
    """Return a page of notices, the newest first, and how many there are."""
    asked = (("number", number), ("kind", kind), ("state", state))
    where = [notices.c[name] == value for name, value in asked if value]
    total = connection.execute(sa.select(sa.func.count()).select_from(notices).where(*where)).scalar_one()
    rows = connection.execute(
        sa.select(notices)
        .where(*where)
        .order_by(notices.c.created_us.desc(), notices.c.notice_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_notice(row) for row in rows], int(total)


def of_order(connection: Connection, order_id: str) -> Sequence[Notice]:
    """Return the notices of one order, the oldest first."""
    rows = connection.execute(
        sa.select(notices)
        .where(notices.c.order_id == order_id)
        .order_by(notices.c.created_us, notices.c.notice_id)
        .limit(HISTORY_EVENTS)
    )
    return [_notice(row) for row in rows]


def like(connection: Connection, notice: Notice) -> Sequence[Notice]:
    """Return a notice and every repetition of it, the oldest first."""
    rows = connection.execute(
        sa.select(notices)
        .where(
            notices.c.order_id == notice.order_id,
            notices.c.kind == notice.kind,
            notices.c.subject_id == notice.subject_id,
            notices.c.hook_id == notice.hook_id,
        )
        .order_by(notices.c.created_us, notices.c.notice_id)
        .limit(HISTORY_EVENTS)
    )
    return [_notice(row) for row in rows]


def change(
    connection: Connection, notice: Notice, *, facts: Facts | None = None, **values: Any
) -> Notice | None:
    """Change a notice that still is as it was read and return it; None when another process was faster."""
    facts = notice.facts if facts is None else facts
    done = connection.execute(
        sa.update(notices)
        .where(
            notices.c.notice_id == notice.notice_id,
            notices.c.state == notice.state,
            notices.c.tries == notice.tries,
            notices.c.next_us == notice.next_us,
        )
        .values(facts=facts.model_dump_json(), **values)
    )
    return replace(notice, facts=facts, **values) if done.rowcount else None


def waiting_since(connection: Connection) -> int | None:
    """Return when the oldest notice that was kept back by its server came into the outbox."""
    oldest = connection.execute(
        sa.select(sa.func.min(notices.c.created_us)).where(
            notices.c.state == State.QUEUED.value, notices.c.detail == NO_SERVER
        )
    ).scalar()
    return int(oldest) if oldest is not None else None


def history(connection: Connection, order_id: str) -> list[Told]:
    """Return what the record knows of an order, the oldest first, as far as a notice can speak of it."""
    rows = connection.execute(
        sa.select(events.c.edge, events.c.at_us, events.c.bytes)
        .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
        .where(event_subjects.c.subject == f"order:{order_id}", events.c.kind.in_(HISTORY_KINDS))
        .order_by(events.c.apply_order)
        .limit(HISTORY_EVENTS)
    )
    return [Told(row.edge, row.at_us, read_body(decode_event(bytes(row.bytes)))) for row in rows]


def _notice(row: sa.Row[Any]) -> Notice:
    values = row._asdict()
    return Notice(**{**values, "facts": Facts.model_validate_json(values["facts"])})


_HOOKS: Final = Lookup(sa.select(notice_hooks).order_by(notice_hooks.c.name, notice_hooks.c.hook_id))


@dataclass(frozen=True, slots=True)
class Hook:
    """A program that is told; its secret is shown once, when it was made."""

    hook_id: str
    name: str
    url: str
    secret: str
    kinds: tuple[str, ...]
    active: bool
    created_us: int
    created_by: str


def hooks(connection: Connection) -> list[Hook]:
    """Return the programs that are told, by name."""
    found = [row._asdict() for row in _HOOKS.all(connection)]
    return [Hook(**{**row, "kinds": tuple(json.loads(row["kinds"]))}) for row in found]


def refused(connection: Connection, contact_id: str) -> set[str]:
    """Return what a customer wants to be told no more."""
    found = sa.select(notice_refusals.c.kind).where(notice_refusals.c.contact_id == contact_id)
    return set(connection.execute(found).scalars())


@dataclass(frozen=True, slots=True)
class Words:
    """The company's own words for a notice: one version, whether or not it still counts."""

    kind: str
    case: str
    language: str
    version: int
    own: bool
    subject: str
    opening: str
    closing: str
    by: str
    at_us: int


def words_of(
    connection: Connection, kind: str, case: str, language: str, version: int | None = None
) -> Words | None:
    """Return a version of the words for a notice, the newest unless said; None where there is none."""
    query = sa.select(notice_words).where(
        notice_words.c.kind == kind, notice_words.c.case == case, notice_words.c.language == language
    )
    if version is not None:
        query = query.where(notice_words.c.version == version)
    row = connection.execute(query.order_by(notice_words.c.version.desc()).limit(1)).mappings().first()
    return None if row is None else Words(**row)


def words_history(connection: Connection, kind: str, case: str, language: str) -> list[Words]:
    """Return every version of the words for a notice, the newest first."""
    found = connection.execute(
        sa.select(notice_words)
        .where(notice_words.c.kind == kind, notice_words.c.case == case, notice_words.c.language == language)
        .order_by(notice_words.c.version.desc())
        .limit(HISTORY_EVENTS)
    ).mappings()
    return [Words(**row) for row in found]
