"""The numbers that the hub gives to what comes back: one after the other in each series, never twice."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from hub.link.lives import ordinal
from hub.spine.rows import counters
from hub.spine.work import Work
from protocol.ids import format_number

CODE: Final = "HB"
SERIES: Final = {"authorisation": "Q", "return": "R", "credit": "S"}
"""Q what a customer was allowed to send back, R a return, S store credit."""
_COUNT: Final = {
    name: dialect.insert(counters)
    .values(name=sa.bindparam("series"), value=1)
    .on_conflict_do_update(index_elements=[counters.c.name], set_={"value": counters.c.value + 1})
    .returning(counters.c.value)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


def next_number(work: Work, what: str) -> str:
    """Take the next number of a series; its row stays locked until COMMIT."""
    statement = _COUNT[work.connection.dialect.name]
    taken = work.connection.execute(statement, {"series": f"returns.{what}"}).scalar_one()
    return format_number(CODE, ordinal(work.connection), int(taken), SERIES[what])
