"""The numbers of transfers that the hub asks for: `HBX-00001`, one after the other, never twice."""

from typing import Final

from hub.spine.steps import count_up
from hub.spine.work import Work

COUNTER: Final = "transfers"


def next_number(work: Work) -> str:
    """Take the next number; the row stays locked until COMMIT."""
    return f"HBX-{count_up(work.connection, COUNTER):05d}"
