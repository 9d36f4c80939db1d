"""Let an event of the log take effect again: when tables are made anew, and when a store gets it back.

An old image of a disk shows no sign of its age: a store that goes on from it without a line prints numbers a
second time. When its own records are back, two orders bear one number, and both stand, as they do at the hub.
Whichever takes effect later is listed here under that number with `/2` behind it; its paper says the number
alone, and so does its event.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from edge_agent.database import EdgeUnit
from edge_agent.journal import Reaction, Recorded
from protocol.kit.sqlite import IntegrityError

AGAIN: Final = "/"
TIMES: Final = 9
"""So many lives may have printed one number; one more is a fault that is told as one."""


def react(unit: EdgeUnit, reactions: Sequence[Reaction], recorded: Recorded) -> None:
    """Let an event take effect, whole or not at all.

    Raises:
        Exception: whatever a reaction raises; nothing of the event took effect.
    """
    taken: IntegrityError | None = None
    for each in _under_its_numbers(recorded):
        try:
            with unit.savepoint():
                for reaction in reactions:
                    reaction(unit, each)
        except IntegrityError as error:
            if not str(error).endswith(".number"):
                raise
            taken = taken or error
        else:
            return
    assert taken is not None, "an event has one number at least, its own"
    raise taken


def _under_its_numbers(recorded: Recorded) -> Iterator[Recorded]:
    yield recorded
    number = getattr(recorded.body, "number", "")
    for time in range(2, TIMES + 1) if number else ():
        yield replace(recorded, body=recorded.body.model_copy(update={"number": f"{number}{AGAIN}{time}"}))
