"""Serial numbers: which units were sold, which came back, and one that comes back though it was never sold.

A store compares what it knows; two that are dark may both take a unit back that is really one, or a unit of
another sale. The hub hears of both.
"""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup
from hub.returns.rows import sold_serials
from hub.spine.steps import raise_exception
from hub.spine.work import Applied, Work
from protocol.events import OrderSold, OrderVoided, ReturnCompleted

_OF_ORDER: Final = sold_serials.c.order_id == sa.bindparam("of")
_ANY: Final = Lookup(sa.select(sold_serials.c.serial).where(_OF_ORDER).limit(1))
_ALL_BACK: Final = Change(
    sa.update(sold_serials).where(_OF_ORDER, sold_serials.c.back_at == "").values(back_at=sa.bindparam("at"))
)


def on_order_sold(work: Work, applied: Applied) -> None:
    """Keep the serial numbers of what was sold, less what came back before the sale was heard of."""
    body: OrderSold = applied.body
    found = [(line.line_no, serial) for line in body.lines for serial in line.serials]
    if not found:
        return
    work.connection.execute(
        sa.insert(sold_serials),
        [
            {"order_id": body.order_id, "line_no": line_no, "serial": serial, "back_at": ""}
            for line_no, serial in dict.fromkeys(found)
        ],
    )
    for back, _odd in applied.results.get("came_back", ()):
        _take_back(work, back, applied.edge)


def on_return_completed(work: Work, applied: Applied) -> None:
    """Units came back: their numbers are free, and one that nobody bought is said."""
    body: ReturnCompleted = applied.body
    if isinstance(body, OrderVoided):
        _ALL_BACK.run(work.connection, of=body.order_id, at=applied.edge)
        return
    _take_back(work, body, applied.edge)


def _take_back(work: Work, body: ReturnCompleted, location: str) -> None:
    known = any(line.serials for line in body.lines) and _ANY.first(work.connection, of=body.order_id)
    if not known:
        return  # its sale is not heard of yet, or nobody took numbers down
    strange = [
        serial
        for line in body.lines
        for serial in line.serials
        if not work.connection.execute(
            sa.update(sold_serials)
            .where(
                sold_serials.c.order_id == body.order_id,
                sold_serials.c.line_no == line.line_no,
                sold_serials.c.serial == serial,
                sold_serials.c.back_at == "",
            )
            .values(back_at=location)
        ).rowcount
    ]
    if strange:
        _raise(work, body, strange, location)


def _raise(work: Work, body: ReturnCompleted, strange: Iterable[str], location: str) -> None:
    raise_exception(
        work,
        kind="serial_not_sold",
        subject=f"order:{body.order_id}",
        title=f"A unit came back to {body.order_number} that was not sold with it, or came back before",
        facts={
            "number": body.number,
            "order_number": body.order_number,
            "location": location,
            "serials": list(strange),
        },
        dedupe_key=f"serial:{body.return_id}",
    )


def outstanding(connection: Connection, order_id: str, asker: str) -> dict[int, tuple[str, ...]]:
    """Return the serial numbers of an order's units that are out, by line, as `asker` needs them.

    What `asker` itself took back it knows better, so it is among them.
    """
    found: dict[int, tuple[str, ...]] = {}
    rows = connection.execute(
        sa.select(sold_serials.c.line_no, sold_serials.c.serial)
        .where(sold_serials.c.order_id == order_id, sold_serials.c.back_at.in_(("", asker)))
        .order_by(sold_serials.c.line_no, sold_serials.c.serial)
    )
    for line_no, serial in rows:
        found[line_no] = (*found.get(line_no, ()), serial)
    return found
