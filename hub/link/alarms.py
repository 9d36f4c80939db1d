"""Raise an exception about an edge on the hub's record."""

from collections.abc import Callable

from hub.database import HubUnit
from hub.link.rules import Alarm
from hub.spine.steps import Spine, raise_exception

Raise = Callable[[HubUnit, Alarm], None]


def raise_on(spine: Spine) -> Raise:
    """Return what raises an alarm in a unit of work; one that is still open is not raised again."""

    def raise_alarm(unit: HubUnit, alarm: Alarm) -> None:
        work = spine.work(unit)
        raise_exception(
            work,
            kind=alarm.kind,
            subject=f"edge:{alarm.edge}",
            title=alarm.title,
            facts={"edge": alarm.edge, **dict(alarm.facts)},
            dedupe_key=alarm.dedupe_key,
        )
        work.flush()

    return raise_alarm
