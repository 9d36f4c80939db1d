"""Changing the policy of returns: what it would have changed is shown first, then it counts and all are told.

A policy is a whole, so two people who edit at once would undo each other: whoever saves says which version
the change was made from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.returns.policy import POLICIES, came_lately, current
from hub.returns.rules import changed
from hub.spine.packets import DIRECTIVE_BYTES
from hub.versions import tell_everybody
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.returns import Authority, Outcome, ReturnPolicy

LOOKED_AT: Final = 200
"""Returns of which a preview says what would have become of them: the newest."""
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A return that another policy would have decided otherwise."""

    number: str
    total_minor: int
    now: Outcome
    then: Outcome


@dataclass(frozen=True, slots=True)
class Preview:
    """What a policy would have changed. `version` is that of the policy that counts now."""

    version: int
    looked_at: int
    otherwise: tuple[Otherwise, ...]
    nothing: bool
    """It says the same as the one that counts."""


def check(said: ReturnPolicy) -> None:
    """Refuse a policy that cannot count.

    Raises:
        Invalid: says what of it, and what to do.
    """
    for day in _days(said):
        try:
            date.fromisoformat(day)
        except ValueError as error:
            raise _wrong(_("{day} is no day.", day=day)) from error
    for holiday in said.holidays:
        if not holiday.bought_from <= holiday.bought_to <= holiday.until:
            raise _wrong(_("The holiday rule from {day} ends before it begins.", day=holiday.bought_from))
    _check_authorities(said.authorities)
    size = len(said.model_dump_json().encode())
    if size > DIRECTIVE_BYTES:
        raise Invalid(
            _("So many rules do not fit in one message to the stores."),
            _("Say it for categories instead of single articles."),
            code="too_many_rules",
            bytes=size,
        )


def preview(connection: Connection, said: ReturnPolicy) -> Preview:
    """Return what a policy would have changed of the last returns; nothing is written."""
    counts = current(connection)
    numbered = came_lately(connection, LOOKED_AT)
    number_of = {id(came): number for number, came in numbered}
    found = changed(counts, said, [came for _number, came in numbered])
    return Preview(
        version=counts.version,
        looked_at=len(numbered),
        otherwise=tuple(
            Otherwise(number_of[id(came)], came.total_minor, now, then) for came, now, then in found[:SHOWN]
        ),
        nothing=said.model_copy(update={"version": counts.version}) == counts,
    )


def save(hub: Hub, said: ReturnPolicy, *, base: int, by: str) -> ReturnPolicy:
    """Let a policy count from now on, and tell every location.

    Raises:
        Invalid: something of it cannot count.
        StaleVersion: somebody else has saved since `base` was read.
    """
    check(said)

    def step(unit: HubUnit) -> ReturnPolicy:
        made = POLICIES.keep(unit, said, base=base, by=by, now_us=hub.clock.now_us())
        tell_everybody(unit, lambda location: tell_policy(hub, unit, location, made))
        unit.after_commit(partial(hub.broadcaster.publish, "orders"))
        return made

    return hub.database.write(step)


def tell_policy(hub: Hub, unit: HubUnit, location: str, counts: ReturnPolicy | None = None) -> int:
    """Tell one location the policy, as a new one must be; return the version, 0 for none."""
    found = counts or current(unit.connection)
    if found.version:
        hub.outbox.send_directive(unit, location, found)
    return found.version


def _days(said: ReturnPolicy) -> Iterable[str]:
    for holiday in said.holidays:
        yield from (holiday.bought_from, holiday.bought_to, holiday.until)
    yield from said.closed_dates


def _check_authorities(authorities: Iterable[Authority]) -> None:
    seen = set()
    for each in authorities:
        if each.role in seen:
            raise _wrong(_("The role {role} has two limits.", role=each.role.value))
        seen.add(each.role)


def _wrong(says: str) -> Invalid:
    return Invalid(says, _("Correct it, then save again."), code="bad_policy")
