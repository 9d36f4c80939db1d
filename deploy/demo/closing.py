"""The books of a demo: of a day they are looked at, a replayed month is closed as finance would close it.

A close is every check, two signatures, and the export; a day ends inside its month, so of its checks those
count that must hold at any moment.

The processes have stopped, so the hub's own steps work on its database here. A check that stops the close is
a reason why the replay is not right, with what was found.
"""

from collections.abc import Iterator
from typing import Final

from deploy.demo.layout import Layout
from deploy.demo.people import HUB_PERSON
from protocol.clock import Clock
from protocol.errors import OrderspineError
from protocol.ids import IdMaker

PREPARES, APPROVES = "finance", HUB_PERSON


NOT_YET: Final = frozenset({"PREVIOUS_OPEN", "UNSYNCED_EDGE", "EXCEPTIONS"})
"""What a month has to wait for, and what somebody settles before it ends."""


def look_at_books(layout: Layout, clock: Clock, ids: IdMaker) -> list[str]:
    """Return what in the books of any entity does not hold that holds at any moment."""
    from hub.app import parts
    from hub.ledger.close import reads, steps
    from hub.ledger.pages import entities
    from hub.settings import load_settings

    hub = parts(load_settings(layout.config("hub")), clock=clock, ids=ids)
    try:
        with hub.database.read() as connection:
            months = [
                (entity, row.period)
                for entity in entities(connection)
                for row in reads.listed(connection, entity, hub.settings.currency)
            ]
        return [
            f"{entity} {period} {check.name}: {dict(check.facts)} {'; '.join(check.evidence)}"
            for entity, period in months
            for check in steps.look(hub, entity, period)
            if check.blocks and check.name not in NOT_YET
        ]
    finally:
        hub.database.close()


def close_books(layout: Layout, clock: Clock, ids: IdMaker) -> list[str]:
    """Close every month of every entity and export it; return what stood in the way."""
    from hub.app import parts
    from hub.ledger.close import reads
    from hub.ledger.exports.steps import export
    from hub.ledger.pages import entities
    from hub.settings import load_settings

    hub = parts(load_settings(layout.config("hub")), clock=clock, ids=ids)
    reasons: list[str] = []
    try:
        with hub.database.read() as connection:
            months = [
                (row.entity, row.period)
                for entity in entities(connection)
                for row in reversed(reads.listed(connection, entity, hub.settings.currency))
            ]
        for entity, period in months:
            reasons += _closed(hub, entity, period)
            export(hub, entity, period, layout.folder / "books" / f"{entity}-{period}")
    finally:
        hub.database.close()
    return reasons


def _closed(hub: object, entity: str, period: str) -> Iterator[str]:
    """Take every step of a close; yield what refuses."""
    from hub.context import Hub
    from hub.ledger.close import reads, steps

    assert isinstance(hub, Hub)
    try:
        steps.soft_close(hub, entity, period, by=PREPARES)
        steps.begin(hub, entity, period, by=PREPARES)
        for role, by in (("prepared", PREPARES), ("approved", APPROVES)):
            with hub.database.read() as connection:
                seen = reads.fingerprint(connection, entity, period)
            steps.sign(hub, entity, period, role=role, by=by, seen=seen)
        steps.close(hub, entity, period, by=APPROVES)
    except OrderspineError as error:
        yield f"{entity} {period} does not close: {error.what}"
        for check in steps.look(hub, entity, period):
            if check.blocks:
                yield f"{entity} {period} {check.name}: {dict(check.facts)} {'; '.join(check.evidence)}"
