"""Registering locations and their edges, shutting them out, and looking at all of them."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, HubUnit, Lookup
from hub.fleet.credentials import Credentials, make_credentials
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import all_locations, heartbeats, link_sessions, location, locations, streams
from hub.fleet.rules import Pill, is_skewed
from protocol.clock import Clock
from protocol.errors import Conflict, Invalid, NotFound
from protocol.ids import IdMaker, is_edge_name
from protocol.sscc import default_block

_TAKEN: Final = Lookup(
    sa.select(locations.c.location_id).where(
        (locations.c.location_id == sa.bindparam("name")) | (locations.c.code == sa.bindparam("short"))
    )
)
_NAMES: Final = Lookup(sa.select(locations.c.location_id).order_by(locations.c.location_id))
_ADD: Final = Change(sa.insert(locations))


@dataclass(frozen=True, slots=True)
class NewLocation:
    """What operations says about a location."""

    edge: str
    code: str
    name: str
    kind: str = "store"
    entity: str = "main"
    zone: str = "Europe/London"
    own_block: bool = False
    """Its cartons are numbered from a block of its own, or those of the one with the same block are."""


@dataclass(frozen=True, slots=True)
class LocationView:
    """One location as the fleet page shows it."""

    location_id: str
    code: str
    name: str
    kind: str
    pill: Pill
    unsent: int
    """Events that the edge has and the hub does not, as far as the hub was told."""
    oldest_ms: int
    upto: int
    catalog_version: int
    skew_us: int
    skewed: bool
    software: str
    exceptions_open: int
    disk_free_mb: int
    last_us: int | None
    """When it was last heard, by the hub's clock; None when it never was."""
    printers: dict[str, str] = field(default_factory=dict)


def add_location(unit: HubUnit, new: NewLocation, *, clock: Clock, ids: IdMaker) -> Credentials:
    """Register a location and return its edge's credentials; they are never shown again.

    Raises:
        Invalid: the name or the code cannot be used.
        Conflict: one of them is taken, or `carton_block_taken`: its cartons would be numbered like those of
            another location.
    """
    if not is_edge_name(new.edge):
        raise Invalid(
            f"'{new.edge}' cannot be the name of an edge.",
            "Use 3 to 40 of a-z, 0-9 and '-', not beginning with 'hub'.",
            code="bad_edge_name",
        )
    if not (2 <= len(new.code) <= 4 and new.code.isalpha() and new.code.isascii() and new.code.isupper()):
        raise Invalid(
            f"'{new.code}' cannot be the code of a location.",
            "Use 2 to 4 capitals A-Z; they stand in front of every printed number.",
            code="bad_location_code",
        )
    taken = _TAKEN.scalar(unit.connection, name=new.edge, short=new.code)
    if taken is not None:
        raise Conflict(
            f"The name or the code is taken by {taken}.", "Choose others.", code="location_taken", taken=taken
        )
    if not new.own_block:
        _check_block(unit.connection, new.edge)
    credentials = make_credentials(new.edge, ids)
    _ADD.run(
        unit.connection,
        location_id=new.edge,
        code=new.code,
        name=new.name,
        kind=new.kind,
        entity=new.entity,
        zone=new.zone,
        status="active",
        token_hash=credentials.token_hash,
        mqtt_hash=credentials.mqtt_hash,
        created_us=clock.now_us(),
    )
    return credentials


def _check_block(connection: Connection, edge: str) -> None:
    """Refuse a location that would print the labels of another one: two cartons with one number are one."""
    block = default_block(edge)
    taken = next((name for name in _NAMES.scalars(connection) if default_block(name) == block), None)
    if taken is not None:
        raise Conflict(
            f"Cartons of {edge} would be numbered like those of {taken}: both names make the block {block}.",
            f"Nothing was added. Choose another name, such as one with another number; or give {edge} digits "
            "of its own by `block` in the section [cartons] of its settings and add it with --own-block.",
            code="carton_block_taken",
            taken=taken,
            block=block,
        )


def renew_credentials(unit: HubUnit, edge: str, *, ids: IdMaker) -> Credentials:
    """Give a location new credentials and let it in again; the old ones are worth nothing from now on.

    Raises:
        NotFound: there is no such location.
    """
    _known(unit.connection, edge)
    credentials = make_credentials(edge, ids)
    unit.connection.execute(
        sa.update(locations)
        .where(locations.c.location_id == edge)
        .values(token_hash=credentials.token_hash, mqtt_hash=credentials.mqtt_hash, status="active")
    )
    return credentials


def revoke(unit: HubUnit, edge: str) -> None:
    """Shut a location out: its token and its session are worth nothing from now on.

    Raises:
        NotFound: there is no such location.
    """
    _known(unit.connection, edge)
    unit.connection.execute(
        sa.update(locations).where(locations.c.location_id == edge).values(status="revoked", token_hash="")
    )
    unit.connection.execute(sa.delete(link_sessions).where(link_sessions.c.edge == edge))


def password_lines(connection: Connection) -> list[str]:
    """Return the lines of the broker's password file for every location that may come in."""
    return [
        f"{row.location_id}:{row.mqtt_hash}"
        for row in all_locations(connection)
        if row.status == "active" and row.mqtt_hash
    ]


def fleet_view(
    connection: Connection, clock: Clock, presence: FleetPresence | None = None
) -> list[LocationView]:
    """Return every location with how it is at this moment."""
    seen = presence or FleetPresence(clock)
    current = {
        row.edge: row for row in connection.execute(sa.select(streams).where(streams.c.state == "current"))
    }
    sessions = {
        row.edge: row
        for row in connection.execute(sa.select(link_sessions).where(~link_sessions.c.drain_only))
    }
    beats = {row.edge: json.loads(row.body) for row in connection.execute(sa.select(heartbeats))}
    return [
        _view(
            row,
            current.get(row.location_id),
            sessions.get(row.location_id),
            beats.get(row.location_id, {}),
            seen,
        )
        for row in all_locations(connection)
    ]


def _view(
    row: sa.Row[Any],
    stream: sa.Row[Any] | None,
    session: sa.Row[Any] | None,
    beat: dict[str, Any],
    presence: FleetPresence,
) -> LocationView:
    last_us = session.last_us if session is not None else None
    upto = stream.upto if stream is not None else 0
    skew_us = session.skew_us if session is not None else 0
    unsent = max(0, max(stream.newest, int(beat.get("last_seq", 0))) - upto) if stream is not None else 0
    return LocationView(
        location_id=row.location_id,
        code=row.code,
        name=row.name,
        kind=row.kind,
        pill=presence.pill(row.location_id, last_us=last_us, revoked=row.status == "revoked"),
        unsent=unsent,
        oldest_ms=stream.oldest_ms if stream is not None and unsent else 0,
        upto=upto,
        catalog_version=int(beat.get("catalog_version", 0)),
        skew_us=skew_us,
        skewed=is_skewed(skew_us),
        software=str(beat.get("software", "")) or (session.software if session is not None else ""),
        exceptions_open=int(beat.get("exceptions_open", 0)),
        disk_free_mb=int(beat.get("disk_free_mb", 0)),
        last_us=last_us,
        printers=dict(beat.get("printers", {})),
    )


def _known(connection: Connection, edge: str) -> None:
    if location(connection, edge) is None:
        raise NotFound(f"There is no location {edge}.", "Look at the list of locations.", edge=edge)
