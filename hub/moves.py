"""Decisions that change their mind although a location has heard of them: it is asked, its answer moves them.

What a reader would get wrong: nothing moves here. A location that has an order and has not begun is asked to
give it up, as a person would ask it (`hub.capture`); until it answers, its units stay its own, so nothing is
ever fulfilled twice. Its answer routes them anew. A "no" is well too: then it is packed where it is, and
nobody has to look at it. A location that is silent is not asked, because it could not answer.

Here, above the rooms, because routing knows what is better and capturing knows how to ask.
"""

from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.capture import changes
from hub.capture.rows import order_requests
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import directives
from hub.fulfil.reads import open_rows
from hub.fulfil.rows import assignment_directives, assignments
from hub.fulfil.rules import FOR_GAIN, FOR_TIME, is_in_need
from hub.fulfil.steps import MINUTE_US, clock_of
from hub.route import moving, reads
from hub.route.moving import Moved
from hub.route.rounds import next_round
from hub.route.rules.choice import MAX_RE_ROUTES
from hub.spine.bulk import among
from hub.spine.held import held
from hub.spine.work import HUB_EDGE
from hub.stock.availability import heard_places
from protocol.errors import Refused
from protocol.lifecycles import AssignmentState

AT_ONCE: Final = 50
"""Orders that one round looks at, the newest first: they gain most by it. The rest follows in the next."""
_TOLD: Final = (
    sa.select(assignments.c.order_id, assignments.c.assignment_id, assignments.c.location)
    .join(assignment_directives, assignment_directives.c.assignment_id == assignments.c.assignment_id)
    .join(
        directives,
        (directives.c.edge == assignment_directives.c.edge)
        & (directives.c.hub_inc == assignment_directives.c.hub_inc)
        & (directives.c.cseq == assignment_directives.c.cseq),
    )
    .where(
        assignments.c.state.in_([AssignmentState.PROPOSED.value, AssignmentState.ACKNOWLEDGED.value]),
        ~assignments.c.own,
        ~assignments.c.cancel_asked,
        assignments.c.accepted_us.is_(None),
        directives.c.sent_us.is_not(None),
        # In the second half of its time nobody is troubled to save money.
        assignments.c.due_us - sa.bindparam("now", type_=sa.BigInteger)
        > sa.bindparam("now", type_=sa.BigInteger) - assignments.c.created_us,
        ~sa.exists().where(
            order_requests.c.order_id == assignments.c.order_id, order_requests.c.by == HUB_EDGE
        ),
    )
    .order_by(assignments.c.order_id, assignments.c.assignment_id)
)


def ask_for_better(hub: Hub) -> Moved:
    """Ask locations that have not begun to give up what costs clearly less elsewhere. A clock calls it."""
    with hub.database.read() as connection:
        told = _told(hub, connection)
    asked = [hub.database.write(partial(_ask, hub, order_id, ids)) for order_id, ids in told.items()]
    return Moved(len(told), sum(asked))


def ask_in_time(hub: Hub) -> Moved:
    """Ask locations that let 80 per cent of their time go to give up what another one still keeps in time.

    Beside the card that is raised then: whoever looks at it finds that the location has been asked.
    """
    now_us, work_us = hub.clock.now_us(), hub.settings.ready_minutes * MINUTE_US
    with hub.database.read() as connection:
        heard = heard_places(connection, now_us=hub.clock.now_us())
        late = [
            (row.order_id, row.assignment_id)
            for row in open_rows(connection)
            if not row.own and row.location in heard and is_in_need(clock_of(row), now_us, work_us)
        ]
        asked = _asked(connection, [order_id for order_id, _assignment_id in late])
    needy = [each for each in late if each[0] not in asked][:AT_ONCE]
    moved = [hub.database.write(partial(_ask_for, hub, *each)) for each in needy]
    return Moved(len(needy), sum(moved))


def _ask_for(hub: Hub, order_id: str, assignment_id: str, unit: HubUnit) -> bool:
    work = changes.begin(hub, unit)
    holding = held(work, order_id).holdings.get(assignment_id)
    if holding is None or holding.begun or reads.before(work.connection, order_id).automatic >= MAX_RE_ROUTES:
        return False
    if moving.elsewhere(work, order_id, assignment_id) is None:
        return False
    try:
        changes.reroute(work, order_id, assignment_id, reason=FOR_TIME, by=HUB_EDGE)
    except Refused:
        return False  # somebody else has asked it about this order; that comes first
    hub.finish(work)
    return True


def _asked(connection: Connection, ids: list[str]) -> set[str]:
    """Return the orders about which the hub itself has asked somebody before: it asks once."""
    found = sa.select(order_requests.c.order_id).where(
        order_requests.c.by == HUB_EDGE, among(connection, order_requests.c.order_id, ids)
    )
    return set(connection.execute(found).scalars())


def _told(hub: Hub, connection: Connection) -> dict[str, list[str]]:
    """Return what may be asked for by order: of locations that are heard, and of no order twice."""
    now_us = hub.clock.now_us()
    heard = heard_places(connection, now_us=hub.clock.now_us())
    found: dict[str, list[str]] = {}
    ids = next_round(hub, connection, "told", _TOLD, assignments.c.order_id, AT_ONCE, {"now": now_us})
    theirs = _TOLD.where(among(connection, assignments.c.order_id, ids))
    for order_id, assignment_id, location in connection.execute(theirs, {"now": now_us}):
        if location in heard:
            found.setdefault(order_id, []).append(assignment_id)
    return found


def _ask(hub: Hub, order_id: str, ids: list[str], unit: HubUnit) -> bool:
    work = changes.begin(hub, unit)
    now_held = held(work, order_id)
    mine = [now_held.holdings[each] for each in ids if each in now_held.holdings]
    mine = [each for each in mine if each.is_open and not (each.begun or each.asked or each.left)]
    better = moving.better_for(work, order_id, mine) if mine else None
    if better is None:
        return False
    stays = {each.location for each in better.then.sent}
    givers = [each for each in mine if each.location not in stays]
    try:
        for holding in givers:
            changes.reroute(work, order_id, holding.assignment_id, reason=FOR_GAIN, by=HUB_EDGE)
    except Refused:
        return False  # somebody else has asked it about this order; that comes first
    hub.finish(work)
    return bool(givers)
