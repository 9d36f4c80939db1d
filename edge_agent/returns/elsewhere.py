"""Orders that were sold elsewhere: asked of the hub, noted for as long as a return takes.

What the hub said stands in `orders_told`, which is no shadow of the log: after ten minutes it counts no more
and is asked again. What this store has taken back of such an order itself it adds from its own rows, because
the hub may not have heard of that yet. Without a line, what was sold elsewhere comes back on its signed
receipt (`receipts`) or not at all.
"""

import asyncio
import contextlib
from typing import Protocol, cast

from fastapi import Request

from edge_agent.context import Edge
from edge_agent.later.hub import OrderAnswer
from edge_agent.returns import receipts, rows
from protocol.errors import NotFound, Unavailable
from protocol.ids import parse_slip_code
from protocol.kit.text import _


class OrderQuestions(Protocol):
    """What a counter asks of the hub about an order that was sold elsewhere."""

    def returnable(self, number: str) -> OrderAnswer:
        """Return what of an order may come back.

        Raises:
            Unavailable: the hub cannot be reached, or has never heard of it.
        """


async def ask_hub(request: Request, edge: Edge, number: str) -> None:
    """Note what the hub says of an order that this store did not sell.

    Raises:
        NotFound: `unknown_order`; says whether the hub was asked.
    """
    slip = parse_slip_code(number)
    wanted = (slip[1] if slip else number).strip()
    now_us = edge.clock.now_us()
    if not wanted or rows.find_order(edge.database.read(), wanted, now_us) is not None:
        return
    if not edge.online():
        raise NotFound(
            _("No order {number} was sold here, and the hub cannot be asked now.", number=wanted[:40]),
            _("Check the number, or take it back when the line is there again."),
            code="unknown_order",
        )
    asker = cast("OrderQuestions", request.app.state.hub_questions)
    try:
        said = await asyncio.to_thread(asker.returnable, wanted[:64])
    except Unavailable as error:
        raise NotFound(
            _("Neither this store nor the hub has an order {number}.", number=wanted[:40]),
            _("Check the number on the receipt; the store that sold it may be cut off."),
            code="unknown_order",
        ) from error
    await edge.database.awrite(lambda unit: rows.note_told(unit, said, now_us))


async def ask_of_receipt(request: Request, edge: Edge, text: str) -> str:
    """Return the number of the sale that a signed receipt is about, once something may come back on it.

    The hub is asked where it answers, because it knows what has come back since; else the receipt counts.

    Raises:
        Refused: as `receipts.verified`.
    """
    sale = receipts.verified(edge.database.read(), edge, text)
    if edge.online():
        with contextlib.suppress(NotFound):  # the store that sold it has not told the hub yet
            await ask_hub(request, edge, sale.number)
    await edge.database.awrite(lambda unit: receipts.note(unit, edge, sale))
    return sale.number
