"""Cards about this store that the hub raised, and cards of either side that the hub has closed.

A card of the hub stands in the list like the store's own, under a key of its own (`hub:` and its id), and is
worked on with the line down. What is done about it is an event of the store; closing it closes it at the hub.
"""

import json
from typing import Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions import rows
from protocol.directives import ExceptionNoted, ExceptionTold
from protocol.events import ExceptionClosed
from protocol.exceptions import due_us

KEY: Final = "hub:"
_INSERT: Final = (
    "INSERT INTO exceptions (exception_id, dedupe_key, kind, subject, title, facts, owner_role, raised_us,"
    " due_us, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'hub') ON CONFLICT (exception_id) DO NOTHING"
)
_CLOSE: Final = (
    "UPDATE exceptions SET closed_us = ?, closed_how = ?"
    " WHERE exception_id = ? AND origin = 'hub' AND closed_us IS NULL"
)


def carry_out(unit: EdgeUnit, edge: Edge, body: ExceptionTold) -> None:
    """Take in what the hub says about a card; one of the store's own is closed by a fact of the store."""
    own = rows.find(unit.connection, body.exception_id)
    if body.state == "closed" and own is not None and not own.dedupe_key.startswith(KEY):
        if own.closed_us is None:
            edge.journal.record(unit, ExceptionClosed(dedupe_key=own.dedupe_key, how=body.how))
    else:
        take(unit, body, 0)
    unit.after_commit(lambda: edge.broadcaster.publish("exceptions"))


def hear(unit: EdgeUnit, edge: Edge, body: ExceptionNoted) -> None:
    """Take in what somebody at the hub did about a card that stands here too."""
    take_note(unit, body, 0)
    unit.after_commit(lambda: edge.broadcaster.publish("exceptions"))


def take_note(unit: EdgeUnit, body: ExceptionNoted, _arrived_us: int) -> None:
    """Write it into the history of the card; its number is one of the hub's log, below zero."""
    act = rows.Act(body.act, body.by, body.at_us, body.to, body.until_us, body.choice, body.text)
    rows.keep_act(unit, body.exception_id, -body.note_id, act)


def take(unit: EdgeUnit, body: ExceptionTold, _arrived_us: int) -> None:
    """Write what the hub said about a card of its own; told twice, or late, it changes nothing more."""
    if body.state == "closed":
        unit.connection.execute(_CLOSE, (body.at_us, body.how, body.exception_id))
        return
    facts = json.dumps(dict(body.facts), ensure_ascii=False, sort_keys=True)
    unit.connection.execute(
        _INSERT,
        (
            body.exception_id,
            f"{KEY}{body.exception_id}",
            body.kind,
            body.subject,
            body.title,
            facts,
            body.owner_role,
            body.at_us,
            due_us(body.kind, body.facts, body.at_us),
        ),
    )
