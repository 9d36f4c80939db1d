"""The log as one unit of work appends to it.

Besides the events it keeps which of the hub's own exceptions are open, because a room that notices the same
thing a hundred times must say it once. Both follow from the events alone, so a rebuild makes them anew.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from hub.database import Change, Lookup, metadata
from hub.spine.bulk import Insert
from hub.spine.rows import event_subjects, events
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.events import ExceptionClosed, ExceptionRaised

open_keys: Final = sa.Table("open_keys", metadata, sa.Column("dedupe_key", sa.Text, primary_key=True))
"""What the hub itself has raised and nobody has closed."""

_EVENTS: Final = Insert(events)
_SUBJECTS: Final = Insert(event_subjects)
_OPEN: Final = Lookup(sa.select(open_keys.c.dedupe_key).where(open_keys.c.dedupe_key == sa.bindparam("of")))
_RAISE: Final = Change(sa.insert(open_keys))
_CLOSE: Final = Change(sa.delete(open_keys).where(open_keys.c.dedupe_key == sa.bindparam("of")))


def open_with(prefixes: Iterable[str]) -> Lookup:
    """Return the question which keys are open that begin with one of these and a colon."""
    begins = sa.or_(*(open_keys.c.dedupe_key.like(f"{prefix}:%") for prefix in prefixes))
    return Lookup(sa.select(open_keys.c.dedupe_key).where(begins))


class Log:
    """Events that wait to be written."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._events: list[Applied] = []
        self._raised: dict[str, bool] = {}
        self._changed: dict[str, bool] = {}
        self.own_last: tuple[int, bytes] | None = None
        """Newest number and hash of the hub's own stream, once it was needed."""

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Nothing needs to be known before events are appended."""

    def append(self, applied: Applied) -> None:
        """Add an event."""
        self._events.append(applied)
        if applied.edge == HUB_EDGE:
            body = applied.body
            if isinstance(body, ExceptionRaised):
                self._change(body.dedupe_key, is_open=True)
            elif isinstance(body, ExceptionClosed):
                self._change(body.dedupe_key, is_open=False)

    def waiting(self, subject: str) -> list[Applied]:
        """Return what this unit of work appended about a record and has not written yet."""
        return [applied for applied in self._events if subject in applied.subjects]

    def is_raised(self, key: str, *, anew: bool = False) -> bool:
        """Tell whether the hub has raised this and it is open; `anew` does not trust an earlier look."""
        known = self._raised.get(key)
        if known is None or (anew and key not in self._changed):
            found = _OPEN.first(self._work.connection, of=key)
            known = self._raised[key] = found is not None
        return known

    def _change(self, key: str, *, is_open: bool) -> None:
        if self.is_raised(key) == is_open:
            return
        self._raised[key] = is_open
        # Closed and raised again within one unit of work, as in a rebuild, is as it stands in the table.
        if self._changed.pop(key, None) is None:
            self._changed[key] = is_open

    def flush(self) -> None:
        """Write the events, who they touch, and what is open."""
        waiting, self._events = self._events, []
        _EVENTS.run(
            self._work.connection,
            [
                (
                    a.apply_order,
                    a.event_id,
                    a.edge,
                    a.inc,
                    a.seq,
                    a.kind,
                    a.v,
                    a.at_us,
                    a.arrived_us,
                    a.by,
                    a.device,
                    a.hash,
                    a.data,
                )
                for a in waiting
            ],
        )
        _SUBJECTS.run(
            self._work.connection,
            [(subject, a.apply_order) for a in waiting for subject in dict.fromkeys(a.subjects)],
        )
        changed, self._changed = self._changed, {}
        for key, is_open in changed.items():
            if is_open:
                _RAISE.run(self._work.connection, dedupe_key=key)
            else:
                _CLOSE.run(self._work.connection, of=key)
