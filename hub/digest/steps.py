"""Sending digests once a day, and what a person does with them.

A digest is written and put into the outbox of notices in the transaction that marks its day, so it leaves
once however many processes look, and its mail has the outbox's retries and its name. Days on which no hub ran
are marked as skipped and named in the next one.
"""

import re
from dataclasses import dataclass
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.digest import letter, rows
from hub.digest.facts import gather
from hub.digest.rows import Digest, digest_days, digests
from hub.digest.rules import MINUTES, Due, Role, due
from hub.fleet.rows import locations
from hub.notify import rows as outbox
from hub.notify.rules import Facts, Kind, Said, Wanted
from hub.notify.sender import TOPIC
from hub.web import Wanted as Body
from protocol.clock import from_us
from protocol.errors import Conflict, Invalid
from protocol.kit.text import _

DIGESTS: Final = 500
_ADDRESS: Final = r"^[!-?A-~]+@[!-?A-~]+$"
_CLOCK: Final = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)$")


class DigestWanted(Body):
    """Who gets a digest, of what, and when."""

    address: str = Field(max_length=120, pattern=_ADDRESS)
    role: Role
    location: str = Field(default="", max_length=40, pattern=r"^[^\x00]*$")
    """The store that it is of; only with the role `store`."""
    language: str = Field(default="en", pattern=r"^(en|de)$")
    minute: int = Field(default=7 * 60, ge=0, lt=MINUTES)
    """Of the company's day."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A digest as it would leave now."""

    digest: Digest
    said: Said
    skipped: int


def send_digests(hub: Hub) -> int:
    """Queue the digests that are due; return how many. For the hub's clock, in every process of it."""
    now_us, zone = hub.clock.now_us(), hub.settings.zone
    with hub.database.read() as connection:
        lasts = rows.last_days(connection)
        found = [
            (digest, leaves)
            for digest in rows.listed(connection)
            if digest.active
            and (leaves := due(now_us, zone, digest.minute, lasts.get(digest.digest_id), digest.created_us))
        ]
    return sum(hub.database.write(partial(_queue, hub, digest, leaves)) for digest, leaves in found)


def _queue(hub: Hub, digest: Digest, leaves: Due, unit: HubUnit) -> bool:
    now_us, made = hub.clock.now_us(), hub.ids.new_id()
    mark = partial(rows.mark, unit.connection, digest.digest_id, at_us=now_us)
    if not mark(leaves.day, outcome="queued", notice_id=made):
        return False
    for day in leaves.skipped:
        mark(day, outcome="skipped", notice_id="")
    said = _written(hub, unit.connection, digest, leaves)
    _put(hub, unit, Kind.DIGEST, f"{digest.digest_id}:{leaves.day.isoformat()}", said, notice_id=made)
    return True


def _put(
    hub: Hub, unit: HubUnit, kind: Kind, subject_id: str, said: Said, *, notice_id: str, by: str = ""
) -> None:
    outbox.add(
        unit.connection,
        Wanted(kind, "", "", subject_id),
        notice_id=notice_id,
        now_us=hub.clock.now_us(),
        asked_by=by,
        facts=Facts(said=said),
    )
    unit.after_commit(partial(hub.broadcaster.publish, TOPIC))


def _written(hub: Hub, connection: Connection, digest: Digest, leaves: Due) -> Said:
    now_us, settings = hub.clock.now_us(), hub.settings
    told = gather(connection, digest, leaves, zone=settings.zone, now_us=now_us)
    return letter.write(
        told, shop=settings.name, currency=settings.currency, zone=settings.zone, now_us=now_us
    )


def preview(hub: Hub, digest_id: str) -> Shown:
    """Return a digest as it would leave at this moment; nothing is queued or marked.

    Raises:
        NotFound: there is none of that id.
    """
    with hub.database.read() as connection:
        digest = rows.find(connection, digest_id)
        leaves = _now(hub, connection, digest)
        return Shown(digest, _written(hub, connection, digest, leaves), len(leaves.skipped))


def _now(hub: Hub, connection: Connection, digest: Digest) -> Due:
    last = rows.last_days(connection).get(digest.digest_id)
    now_us, zone = hub.clock.now_us(), hub.settings.zone
    found = due(now_us, zone, digest.minute, last, digest.created_us)
    return found or Due(from_us(now_us).astimezone(ZoneInfo(zone)).date())


def add(hub: Hub, wanted: DigestWanted, *, by: str) -> str:
    """Set a digest up and return its id.

    Raises:
        Invalid: a store's digest names no location that there is, or another one names a location.
        Conflict: that person gets it already, or there are too many.
    """

    def step(unit: HubUnit) -> str:
        connection = unit.connection
        _check_place(connection, wanted)
        known = rows.listed(connection)
        same = (wanted.address.lower(), wanted.role.value, wanted.location)
        if same in {(each.address.lower(), each.role, each.location) for each in known}:
            raise Conflict(
                _("{address} gets this digest already.", address=wanted.address),
                _("Change the hour of the one that there is: remove it and add it anew."),
                code="digest_known",
            )
        if len(known) >= DIGESTS:
            raise Conflict(
                _("There are {n} digests.", n=len(known)), _("Remove one first."), code="digests_full"
            )
        made = hub.ids.new_id()
        connection.execute(
            sa.insert(digests).values(
                digest_id=made,
                address=wanted.address,
                role=wanted.role.value,
                location=wanted.location,
                language=wanted.language,
                minute=wanted.minute,
                active=True,
                created_us=hub.clock.now_us(),
                created_by=by,
            )
        )
        return made

    return hub.database.write(step)


def _check_place(connection: Connection, wanted: DigestWanted) -> None:
    if wanted.role is not Role.STORE:
        if wanted.location:
            raise Invalid(
                _("Only the digest of a store names a location."),
                _("Leave the location empty, or choose the store's digest."),
                code="digest_location",
            )
        return
    known = sa.select(locations.c.location_id).where(locations.c.location_id == wanted.location)
    if connection.execute(known).first() is None:
        raise Invalid(
            _("The digest of a store needs a location that there is."),
            _("Choose the store."),
            code="digest_location",
        )


def switch(hub: Hub, digest_id: str, *, on: bool) -> None:
    """Let a digest rest, or go on; days on which it rested are not told of as skipped.

    Raises:
        NotFound: there is none of that id.
    """

    def step(unit: HubUnit) -> None:
        digest = rows.find(unit.connection, digest_id)
        if digest.active == on:
            return
        values: dict[str, object] = {"active": on}
        if on:
            # It begins anew: what was before the rest is behind it.
            values["created_us"] = hub.clock.now_us()
            unit.connection.execute(sa.delete(digest_days).where(digest_days.c.digest_id == digest_id))
        unit.connection.execute(sa.update(digests).where(digests.c.digest_id == digest_id).values(**values))

    hub.database.write(step)


def remove(hub: Hub, digest_id: str) -> None:
    """Forget a digest; what was sent stays among the notices.

    Raises:
        NotFound: there is none of that id.
    """

    def step(unit: HubUnit) -> None:
        rows.find(unit.connection, digest_id)
        for table in (digest_days, digests):
            unit.connection.execute(sa.delete(table).where(table.c.digest_id == digest_id))

    hub.database.write(step)


def send_test(hub: Hub, digest_id: str, *, by: str) -> str:
    """Queue a digest as it is now as a test mail; its day stays unmarked. Return the notice."""
    shown = preview(hub, digest_id)
    said = shown.said.model_copy(update={"subject": _("Test: {subject}", subject=shown.said.subject)})
    made = hub.ids.new_id()
    hub.database.write(
        lambda unit: _put(hub, unit, Kind.TEST, f"{digest_id}:{made}", said, notice_id=made, by=by)
    )
    return made


def minute_of(clock: str) -> int:
    """Return the minute of a day that was typed as 07:30.

    Raises:
        Invalid: it is no time of day.
    """
    found = _CLOCK.match(clock.strip())
    if found is None:
        raise Invalid(
            _("{text} is no time of day.", text=clock.strip()[:20] or "–"),
            _("Type hours and minutes, such as 07:30."),
            code="no_clock",
        )
    return int(found[1]) * 60 + int(found[2])
