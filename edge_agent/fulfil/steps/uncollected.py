"""Orders that nobody came for in the time that was promised.

Where something was paid, only a person gives an order up: there is a task. Where nothing was paid, its units
are kept from others for nothing, so it expires by the clock, unless somebody has it in hand at that moment.
"""

from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import raise_exception
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.fulfil.rules import DAY_US
from edge_agent.fulfil.steps import inbox
from edge_agent.fulfil.steps.common import OWN_ORDER
from edge_agent.lives import is_known_whole
from protocol.fulfilment import RejectReason
from protocol.kit.sqlite import Connection
from protocol.kit.text import _


def overdue(connection: Connection, edge: Edge) -> list[Assignment]:
    """Return what is kept longer than was promised."""
    kept_us = edge.settings.collect_keep_days * DAY_US
    return rows.kept_too_long(connection, edge.clock.now_us(), kept_us)


def unpaid(connection: Connection, edge: Edge) -> list[Assignment]:
    """Return what is kept longer than was promised for nobody who has paid anything.

    Of a restored store only what it knows whole: the money may be in the records that are still to come.
    """
    kept_us = edge.settings.collect_keep_days * DAY_US
    found = rows.unpaid_too_long(connection, edge.clock.now_us(), kept_us)
    return [each for each in found if is_known_whole(connection, OWN_ORDER, each.assignment_id)]


def expire(unit: EdgeUnit, edge: Edge) -> int:
    """Give back what nobody paid anything for and nobody came for in time; return how much that was."""
    late = unpaid(unit.connection, edge)
    for found in late:
        inbox.send_back(unit, edge, found, RejectReason.NO_SHOW, "", SYSTEM)
    return len(late)


def no_shows(unit: EdgeUnit, edge: Edge) -> int:
    """Raise a task for everything that nobody came for in time; nothing paid is given up by a clock."""
    late = overdue(unit.connection, edge)
    for found in late:
        raise_exception(
            unit,
            edge,
            kind="no_show",
            subject=f"assignment:{found.assignment_id}",
            title=_("Nobody came for order {number}", number=found.number),
            facts={
                "assignment_id": found.assignment_id,
                "order": found.number,
                "shelf": found.shelf,
                "keep_until_us": found.keep_until_us,
            },
            dedupe_key=f"no_show:{found.assignment_id}",
        )
    return len(late)
