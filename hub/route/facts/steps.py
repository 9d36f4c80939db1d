"""Making a set of parameters and letting one count: every change is a new version that never changes.

A version counts for nothing until somebody activates it, so it can be looked at, compared over past orders
and put aside. An older version can be activated again. Two people who edit at once each make a version from
the one they saw; who activates says which one counted when they looked, so nobody is overruled unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import all_locations
from hub.route.facts.checks import wrong_rows
from hub.route.facts.current import active_version, digest_of
from hub.route.facts.parameters import ParameterSet
from hub.route.facts.rows import routing_activations, routing_sets
from hub.route.facts.tables import TABLES
from hub.route.facts.words import table_word
from hub.spine.steps import take_orders
from protocol.errors import Invalid, NotFound, StaleVersion
from protocol.kit.text import _

TOPIC: Final = "routing"
VERSIONS: Final = 50
"""Versions that a page lists, the newest first."""
BODY_LIMIT: Final = 4_000_000
SAID: Final = 5


@dataclass(frozen=True, slots=True)
class Version:
    """One version, as a list shows it."""

    version: int
    base: int
    note: str
    made_us: int
    made_by: str
    active: bool


@dataclass(frozen=True, slots=True)
class Change:
    """How many rows of a table differ between two sets."""

    table: str
    added: int
    changed: int
    removed: int


def set_of(connection: Connection, version: int) -> ParameterSet:
    """Return what a version says.

    Raises:
        NotFound: there is no such version.
    """
    if version == 0:
        return ParameterSet()
    text = connection.execute(
        sa.select(routing_sets.c.body).where(routing_sets.c.version == version)
    ).scalar()
    if text is None:
        raise NotFound(
            _("There is no version {n} of the routing rules.", n=version),
            _("Choose one of the list."),
            code="no_version",
        )
    return ParameterSet.model_validate_json(text)


def versions(connection: Connection) -> Sequence[Version]:
    """Return the newest versions, and which of them counts."""
    counts = active_version(connection)
    table = routing_sets.c
    rows = connection.execute(
        sa.select(table.version, table.base, table.note, table.made_us, table.made_by)
        .order_by(table.version.desc())
        .limit(VERSIONS)
    )
    return [Version(*row, active=row.version == counts) for row in rows]


def check(connection: Connection, said: ParameterSet) -> None:
    """Refuse a set that cannot count.

    Raises:
        Invalid: names the first rows that are wrong, and why.
    """
    if said == ParameterSet():
        raise Invalid(
            _("The set says nothing."),
            _("Give it a row, or let version 0 count: there the settings of the hub say everything."),
            code="empty_set",
        )
    known = frozenset(row.location_id for row in all_locations(connection))
    found = wrong_rows(said, known)
    if found:
        first = found[0]
        raise Invalid(
            f"{table_word(first.table)}, {first.key}: {first.why}",
            _("Correct this row, then try again."),
            code="bad_row",
            rows=[row._asdict() for row in found[:SAID]],
            wrong=len(found),
        )


def make(hub: Hub, said: ParameterSet, *, base: int, by: str, note: str = "") -> int:
    """Keep a set as the next version, which counts for nothing yet; return the version.

    Raises:
        Invalid: a row cannot be used, or the set is too large.
        NotFound: there is no version `base`.
    """
    text = said.text()
    if len(text) > BODY_LIMIT:
        raise Invalid(
            _("The set is too large."), _("Say it for everywhere instead of row by row."), code="too_large"
        )

    def step(unit: HubUnit) -> int:
        take_orders(unit, 0)  # two processes never give one number, nor one turn, to two people
        connection = unit.connection
        set_of(connection, base)
        check(connection, said)
        newest = connection.execute(sa.select(sa.func.max(routing_sets.c.version))).scalar() or 0
        values: dict[str, Any] = {
            "version": int(newest) + 1,
            "digest": digest_of(text),
            "body": text,
            "base": base,
            "note": note[:200],
            "made_us": hub.clock.now_us(),
            "made_by": by[:120],
        }
        connection.execute(sa.insert(routing_sets).values(values))
        unit.after_commit(partial(hub.broadcaster.publish, TOPIC))
        return int(newest) + 1

    return hub.database.write(step)


def activate(hub: Hub, version: int, *, seen: int, by: str) -> None:
    """Let a version count from now on; nothing happens when it does already.

    Raises:
        NotFound: there is no such version.
        Invalid: it speaks of a location that is gone.
        StaleVersion: another version counts by now than the one that was `seen`.
    """

    def step(unit: HubUnit) -> None:
        take_orders(unit, 0)
        connection = unit.connection
        said = set_of(connection, version)
        counts = active_version(connection)
        if counts == version:
            return
        if counts != seen:
            raise StaleVersion(
                _("Somebody else has let version {n} count meanwhile.", n=counts),
                _("Look at what changes against it, then decide again."),
                version=counts,
            )
        if version:
            check(connection, said)
        newest = connection.execute(sa.select(sa.func.max(routing_activations.c.n))).scalar() or 0
        connection.execute(
            sa.insert(routing_activations).values(
                n=int(newest) + 1, version=version, at_us=hub.clock.now_us(), by=by[:120]
            )
        )
        unit.after_commit(partial(hub.broadcaster.publish, TOPIC))

    hub.database.write(step)


def changes(before: ParameterSet, after: ParameterSet) -> list[Change]:
    """Return in which tables two sets differ, and by how many rows."""
    found = []
    for table in TABLES:
        old = {table.key_of(row): row for row in table.rows(before)}
        new = {table.key_of(row): row for row in table.rows(after)}
        change = Change(
            table.name,
            added=len(new.keys() - old.keys()),
            changed=sum(new[key] != old[key] for key in new.keys() & old.keys()),
            removed=len(old.keys() - new.keys()),
        )
        if change.added or change.changed or change.removed:
            found.append(change)
    return found


def activated_us(connection: Connection) -> tuple[int, str] | None:
    """Return since when the version that counts does, and by whom; None while none was ever activated."""
    row = connection.execute(
        sa.select(routing_activations.c.at_us, routing_activations.c.by)
        .order_by(routing_activations.c.n.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.at_us, row.by)
