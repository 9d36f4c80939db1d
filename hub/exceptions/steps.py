"""A person closes what needed a person."""

from hub.context import Hub
from hub.database import HubUnit
from hub.exceptions.rows import ExceptionRow, find
from hub.spine.steps import close_exception, record
from hub.spine.work import HUB_EDGE
from protocol.errors import IllegalTransition
from protocol.events import ExceptionClosed
from protocol.kit.text import _


def close(hub: Hub, exception_id: str, *, note: str, by: str) -> ExceptionRow:
    """Close an exception with a note; it is an event of the hub, like everything else that happens.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is closed already.
    """

    def step(unit: HubUnit) -> ExceptionRow:
        row = find(unit.connection, exception_id)
        if row.state != "open":
            raise IllegalTransition(
                _("This is closed already."), _("Nothing is left to do."), code="exception_closed"
            )
        work = hub.spine.work(unit)
        if row.location == HUB_EDGE:
            close_exception(work, row.dedupe_key, how=note, by=by)
        else:
            # What a store raised is named by its id, since two stores may use one key.
            record(work, ExceptionClosed(dedupe_key=row.exception_id, how=note), by=by)
        work.flush()
        unit.after_commit(lambda: hub.broadcaster.publish("exceptions"))
        return find(unit.connection, exception_id)

    return hub.database.write(step)
