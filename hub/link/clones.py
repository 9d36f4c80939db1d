"""Two computers or two histories under one name: the first stays, and a person decides which is the store.

The second one was turned away and its machine noted with the exception. Accepted, it goes on under a new
incarnation at its next try; what the first one has is still taken from it, and nothing more. A disk whose
image was put back and that went on from there is such a second history, on the same computer.
"""

import json
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.exceptions.rows import exceptions
from hub.fleet.rows import current_stream, hub_meta, meta
from hub.link.lives import put_meta
from hub.spine.steps import close_exception
from protocol.errors import NotFound
from protocol.kit.text import _

KINDS: Final = ("edge_duplicate", "edge_forked")
_ADMIT: Final = "admit:"


@dataclass(frozen=True, slots=True)
class Second:
    """A computer that was turned away."""

    kind: str
    machine: str
    raised_us: int


def second_of(connection: Connection, edge: str) -> Second | None:
    """Return the computer that was turned away under a name, while nobody has decided."""
    keys = [f"{kind}:{edge}" for kind in KINDS]
    row = connection.execute(
        sa.select(exceptions)
        .where(exceptions.c.dedupe_key.in_(keys), exceptions.c.state == "open")
        .order_by(exceptions.c.raised_us.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return Second(row.kind, str(json.loads(row.facts).get("machine", "")), row.raised_us)


def admitted(connection: Connection, edge: str) -> str:
    """Return the machine that a person has chosen for a name, empty when there is none."""
    return meta(connection, f"{_ADMIT}{edge}") or ""


def accept(hub: Hub, edge: str, *, by: str) -> None:
    """Let the second computer become the store at its next try.

    Raises:
        NotFound: nobody waits for a decision.
    """

    def step(unit: HubUnit) -> None:
        second = _waiting(unit.connection, edge)
        put_meta(unit.connection, f"{_ADMIT}{edge}", second.machine)
        _close(hub, unit, edge, how=_("The second computer is the store."), by=by)

    hub.database.write(step)


def refuse(hub: Hub, edge: str, *, by: str) -> None:
    """Leave the name to the first computer, and close what was raised.

    Raises:
        NotFound: nobody waits for a decision.
    """

    def step(unit: HubUnit) -> None:
        _waiting(unit.connection, edge)
        forget(unit.connection, edge)
        _close(hub, unit, edge, how=_("The first computer is the store."), by=by)

    hub.database.write(step)


def forget(connection: Connection, edge: str) -> None:
    """Forget a choice: it was carried out or taken back."""
    connection.execute(sa.delete(hub_meta).where(hub_meta.c.key == f"{_ADMIT}{edge}"))


def _close(hub: Hub, unit: HubUnit, edge: str, *, how: str, by: str) -> None:
    work = hub.spine.work(unit)
    current = current_stream(unit.connection, edge)
    for key in (*(f"{kind}:{edge}" for kind in KINDS), *([f"fork:{current.inc}"] if current else [])):
        close_exception(work, key, how=how, by=by)
    hub.finish(work, "fleet")


def _waiting(connection: Connection, edge: str) -> Second:
    second = second_of(connection, edge)
    if second is None or not second.machine:
        raise NotFound(
            _("No second computer waits for a decision about {edge}.", edge=edge),
            _("Look at the fleet."),
            code="no_second",
        )
    return second
