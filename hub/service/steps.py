"""What customer service does to an order: each act once for its form, however often that is sent.

The acts themselves are those of `hub.capture`; here a form's key makes a second click harmless.
"""

from collections.abc import Callable

from pydantic import BaseModel

from hub.capture import changes, lines, writing_off
from hub.capture import reads as captured
from hub.capture import steps as capture
from hub.capture.changes import Cancellation, Change
from hub.capture.steps import By
from hub.capture.wanted import (
    CancelWanted,
    Changed,
    ChangeWanted,
    OrderAnswer,
    OrderWanted,
    RerouteWanted,
    WriteOffWanted,
)
from hub.context import Hub
from hub.database import HubUnit
from hub.offers import promised
from hub.once import once
from hub.promises import must_exist
from hub.route.steps import Again, route_again
from hub.spine.work import Work


def cancel(hub: Hub, number: str, wanted: CancelWanted, by: By) -> Changed:
    """Cancel units; what a location holds is asked for.

    Raises:
        Refused: nothing of that is left to cancel, or its location has been asked before.
    """
    lines = tuple((line.line_no, line.units) for line in wanted.lines)
    said = Cancellation(wanted.reason, by.name, wanted.by_customer, lines)
    return _once(hub, number, wanted, by, lambda work, order_id: changes.cancel(work, order_id, said))


def change(hub: Hub, number: str, wanted: ChangeWanted, by: By) -> Changed:
    """Change the lines, the promise, the customer or the note.

    Raises:
        Invalid: it cannot be understood, or the promise cannot be made by anybody.
        Refused: nobody could keep it, or it is not paid.
        StaleVersion: more has happened since whoever asks has looked.
    """
    return _once(hub, number, wanted, by, lambda work, order_id: _change(hub, work, order_id, wanted, by))


def preview(hub: Hub, number: str, wanted: ChangeWanted, by: By) -> Changed:
    """Return what a change would come to; nothing of it stays, and nobody is asked.

    Raises:
        Invalid, Refused, StaleVersion: it would be refused so.
    """

    def step(unit: HubUnit) -> Changed:
        work = changes.begin(hub, unit)
        order_id = captured.order_id_of(unit.connection, number)
        return lines.preview(unit, lambda: _change(hub, work, order_id, wanted, by))

    return hub.database.write(step)


def _change(hub: Hub, work: Work, order_id: str, wanted: ChangeWanted, by: By) -> Changed:
    promise = promised(hub, work.connection, wanted.promise) if wanted.promise else None
    if promise is not None:
        must_exist(work.connection, promise)
    said = Change(wanted.reason, by.name, promise, wanted.customer, wanted.note)
    return lines.change(work, order_id, said, lines.wanted_of(wanted, by.name))


def reroute(hub: Hub, number: str, wanted: RerouteWanted, by: By) -> Changed:
    """Ask a location to give its part up so that another one fulfils it.

    Raises:
        Refused: it holds nothing of it any more, or has been asked before.
    """
    return _once(
        hub,
        number,
        wanted,
        by,
        lambda work, order_id: changes.reroute(
            work, order_id, wanted.assignment_id, reason=wanted.reason, by=by.name
        ),
    )


def write_off(hub: Hub, number: str, wanted: WriteOffWanted, by: By) -> Changed:
    """Go on without a silent location, whose part may then be fulfilled twice.

    Raises:
        Refused: it holds nothing of it, it never heard of it, or it is heard and can be asked.
    """
    return _once(
        hub,
        number,
        wanted,
        by,
        lambda work, order_id: writing_off.write_off(
            work, order_id, wanted.assignment_id, reason=wanted.reason, by=by.name
        ),
    )


def place(hub: Hub, wanted: OrderWanted, by: By) -> OrderAnswer:
    """Take an order in that somebody gave by phone.

    Raises:
        Invalid: it cannot be understood as an order.
        Refused: it may not be promised so; nothing was stored.
    """
    answer, _fresh = hub.database.write(lambda unit: capture.capture(hub, unit, wanted, by))
    return answer


def route(hub: Hub, number: str) -> Again:
    """Route what nobody holds again.

    Raises:
        Refused: nothing of it waits to be routed.
    """
    return hub.database.write(lambda unit: route_again(hub, unit, number))


def _once(hub: Hub, number: str, wanted: BaseModel, by: By, act: Callable[[Work, str], Changed]) -> Changed:
    def step(unit: HubUnit) -> Changed:
        def do() -> Changed:
            work = changes.begin(hub, unit)
            done = act(work, captured.order_id_of(unit.connection, number))
            hub.finish(work)
            return done

        key = f"{by.name}/{number}/{by.key}" if by.key else ""
        return once(unit, hub, wanted, key, Changed, do)[0]

    return hub.database.write(step)
