"""Notices that the hub's database is an older copy, before anything is promised or taken back.

A copy put back by hand, or a standby that lacks the last transactions, looks healthy to itself. A small file
beside the data (`HubSettings.marker`) and what this process has seen itself remember how far the log had got.
Where both are gone, the first store that says HELLO knows better (`hub.link.rules.has_lost_past`).
"""

from typing import Final, Literal

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit, Lookup
from hub.link.lives import HubLife, begin_life, life, ordinal
from hub.spine.rows import APPLY_ORDER, counters
from hub.spine.steps import raise_exception
from protocol.kit.marker import Note, read_note, write_note

_APPLIED: Final = Lookup(sa.select(counters.c.value).where(counters.c.name == APPLY_ORDER))
_log = structlog.get_logger(__name__)
Verdict = Literal["ok", "rolled_back", "other_life"]


def judge(note: Note | None, *, hub_inc: str, lives: frozenset[str], applied: int) -> Verdict:
    """Return what the marker file says about a database of this life that has applied so much."""
    if note is None or not hub_inc:
        return "ok"
    if note.inc == hub_inc:
        return "rolled_back" if note.seq > applied else "ok"
    return "ok" if note.inc in lives else "other_life"


def settle(hub: Hub) -> bool:
    """Look before anything is done; tell whether a new life was begun."""
    begun = _look(hub, read_note(hub.settings.marker))
    keep(hub)
    return begun


def keep(hub: Hub) -> None:
    """Look again, against what this process has seen itself, and note how far the database is."""
    with hub.database.read() as connection:
        is_older, note = _seen(hub, connection, hub.noted)
    if is_older:
        _look(hub, hub.noted)
        with hub.database.read() as connection:
            _older, note = _seen(hub, connection, hub.noted)
    if note == hub.noted or not note.inc:
        return
    try:
        write_note(hub.settings.marker, note)
    except OSError as error:  # the database is what counts; without this file only the stores notice a copy
        _log.warning("marker_not_written", file=str(hub.settings.marker), why=str(error))
    hub.noted = note


def applied(connection: Connection) -> int:
    """Return the newest number of the hub's log."""
    return int(_APPLIED.scalar(connection) or 0)


def _seen(hub: Hub, connection: Connection, before: Note | None) -> tuple[bool, Note]:
    """Tell whether this is an older copy than what was noted, and return what is to be noted of it."""
    here, newest = life(connection), applied(connection)
    is_older = before is not None and _verdict(hub, connection, before, here, newest) != "ok"
    return is_older, Note(here.hub_inc, newest, "", here.ordinal)


def _verdict(hub: Hub, connection: Connection, note: Note, here: HubLife, newest: int) -> Verdict:
    return judge(note, hub_inc=here.hub_inc, lives=hub.outbox.lives(connection), applied=newest)


def _look(hub: Hub, note: Note | None) -> bool:
    """Begin a new life where this is an older copy; the writer looks again, as another may have begun it."""
    if note is None:
        return False

    def verdict(connection: Connection) -> Verdict:
        return _verdict(hub, connection, note, life(connection), applied(connection))

    def step(unit: HubUnit) -> bool:
        why = verdict(unit.connection)
        if why == "ok":
            return False
        begin(unit, hub, why=why, ordinal_above=note.ordinal)
        return True

    with hub.database.read() as connection:
        is_older = verdict(connection) != "ok"
    return is_older and hub.database.write(step)


def begin(unit: HubUnit, hub: Hub, *, why: str, ordinal_above: int = 0) -> int:
    """Begin a new life, call whoever has to look, and return how many locations were fenced."""
    hub_inc, count = begin_life(unit, hub.outbox, clock=hub.clock, why=why, ordinal_above=ordinal_above)
    work = hub.spine.work(unit)
    raise_exception(
        work,
        kind="hub_restored",
        subject="hub",
        title="The hub was restored: every store tells it again what happened, and what is open.",
        facts={
            "why": why,
            "hub_inc": hub_inc,
            "locations": count,
            "number_series": ordinal(unit.connection),
        },
        dedupe_key=f"hub_restored:{hub_inc}",
    )
    work.flush()
    return count
