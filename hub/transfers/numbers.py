"""The numbers of transfers that the hub asks for: `HBX-00001`, one after the other, never twice."""

from typing import Final

import sqlalchemy as sa

from hub.spine.rows import counters
from hub.spine.work import Work

COUNTER: Final = "transfers"
_TAKE: Final = (
    sa.update(counters)
    .where(counters.c.name == COUNTER)
    .values(value=counters.c.value + 1)
    .returning(counters.c.value)
)


def next_number(work: Work) -> str:
    """Take the next number; the row stays locked until COMMIT."""
    taken = work.connection.execute(_TAKE).scalar()
    if taken is None:
        work.connection.execute(sa.insert(counters).values(name=COUNTER, value=1))
        taken = 1
    return f"HBX-{int(taken):05d}"
