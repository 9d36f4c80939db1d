"""The numbers that the hub gives to what comes back: one after the other in each series, never twice."""

from typing import Final

from hub.link.lives import ordinal
from hub.spine.steps import count_up
from hub.spine.work import Work
from protocol.ids import format_number

CODE: Final = "HB"
SERIES: Final = {"authorisation": "Q", "return": "R", "credit": "S"}
"""Q what a customer was allowed to send back, R a return, S store credit."""


def next_number(work: Work, what: str) -> str:
    """Take the next number of a series; its row stays locked until COMMIT."""
    taken = count_up(work.connection, f"returns.{what}")
    return format_number(CODE, ordinal(work.connection), taken, SERIES[what])
