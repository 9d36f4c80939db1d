"""What a company edits as a whole, version by version; the newest counts and the stores are told.

Two people who edit at once would undo each other, so whoever saves says which version the change was made
from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import HubUnit, Lookup
from hub.fleet.rows import all_locations
from protocol.errors import StaleVersion
from protocol.kit.text import _
from protocol.orders import WireModel

T = TypeVar("T", bound=WireModel)


@dataclass(frozen=True, slots=True)
class Versions(Generic[T]):
    """Versions of one whole, in a table of (version, body, made_us, made_by); each body says its version."""

    table: sa.Table
    first: T
    """What counts while nobody has said anything, as version 0."""
    _newest: Lookup = field(init=False, repr=False)

    def __post_init__(self) -> None:
        newest = sa.select(self.table.c.body).order_by(self.table.c.version.desc()).limit(1)
        object.__setattr__(self, "_newest", Lookup(newest))

    def current(self, connection: Connection, memory: dict[str, Any] | None = None) -> T:
        """Return what counts; `memory` is that of the unit of work, which asks once."""
        if memory is not None and self.table.name in memory:
            kept: T = memory[self.table.name]
            return kept
        body = self._newest.scalar(connection)
        found = self.first if body is None else type(self.first).model_validate_json(body)
        if memory is not None:
            memory[self.table.name] = found
        return found

    def keep(self, unit: HubUnit, said: T, *, base: int, by: str, now_us: int) -> T:
        """Let it count from now on, and return it with its version.

        Raises:
            StaleVersion: somebody else has saved since `base` was read.
        """
        newest = unit.connection.execute(sa.select(sa.func.max(self.table.c.version))).scalar()
        must_be_newest(base, newest or 0)
        made = said.model_copy(update={"version": base + 1})
        unit.connection.execute(
            sa.insert(self.table).values(
                version=base + 1,
                body=made.model_dump_json(),
                made_us=now_us,
                made_by=by[:120],
            )
        )
        return made


def must_be_newest(base: int, newest: int) -> None:
    """Refuse a change that was made from a version which counts no more.

    Raises:
        StaleVersion: it was.
    """
    if base != newest:
        raise StaleVersion(
            _("Somebody else has saved meanwhile: version {n} counts now.", n=newest),
            _("Look at it and make your change again."),
            version=newest,
        )


def tell_everybody(unit: HubUnit, tell: Callable[[str], object]) -> None:
    """Tell every location that works, one after the other."""
    for place in all_locations(unit.connection):
        if place.status == "active":
            tell(place.location_id)
