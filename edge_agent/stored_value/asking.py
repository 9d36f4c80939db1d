"""Ask the hub what is on a number, and note its word for as long as a payment takes.

Without an answer nothing is noted, and what may be taken is what the rules take on trust. A line that is down
is not tried.
"""

import asyncio
from typing import Protocol, cast

from fastapi import Request

from edge_agent.context import Edge
from edge_agent.later.hub import StoredValueAnswer
from edge_agent.stored_value import rows
from protocol.errors import Unavailable


class ValueQuestions(Protocol):
    """What a counter asks of the hub about stored value."""

    def stored_value(self, number: str) -> StoredValueAnswer:
        """Return what is on a number.

        Raises:
            Unavailable: the hub cannot be reached, or has never heard of it.
        """


async def ask_hub(request: Request, edge: Edge, number: str) -> None:
    """Note what the hub says of a number, if it answers."""
    if not number or len(number) > 64 or not edge.online():
        return
    asker = cast("ValueQuestions", request.app.state.hub_questions)
    try:
        said = await asyncio.to_thread(asker.stored_value, number)
    except Unavailable:
        return
    at_us = edge.clock.now_us()
    await edge.database.awrite(
        lambda unit: rows.note_told(unit, number, said.kind, said.balance_minor, at_us)
    )
