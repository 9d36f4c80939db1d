"""Holds as this store knows them. A hold never goes back to open, whoever tells of it in which order."""

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.holds import Blocked, HoldPlaced, HoldTold, OrderHolds, goes_on, is_blocking
from protocol.kit.sqlite import Connection


def take(unit: EdgeUnit, body: OrderHolds, at_us: int) -> None:
    """Write what the hub told: new holds, and how known ones ended."""
    for told in body.holds:
        _put(unit, told, at_us)


def on_hold_placed(unit: EdgeUnit, recorded: Recorded) -> None:
    """A check of this store stopped an order."""
    assert isinstance(recorded.body, HoldPlaced)
    _put(unit, HoldTold.model_validate(recorded.body.model_dump()), recorded.at_us)


def of_order(connection: Connection, order_id: str) -> list[HoldTold]:
    """Return the holds of an order, the oldest first."""
    found = connection.execute(
        "SELECT body FROM order_holds WHERE order_id = ? ORDER BY told_us, hold_id", (order_id,)
    )
    return [HoldTold.model_validate_json(row[0]) for row in found]


def blocking(
    connection: Connection, order_id: str, what: Blocked, now_us: int, *, told_until_us: int | None = None
) -> HoldTold | None:
    """Return the first hold that forbids something now, None when nothing does.

    `told_until_us` leaves out what this store heard later than that.
    """
    found = connection.execute(
        "SELECT body FROM order_holds WHERE order_id = ? AND told_us <= ? ORDER BY told_us, hold_id",
        (order_id, now_us if told_until_us is None else told_until_us),
    )
    holds = (HoldTold.model_validate_json(row[0]) for row in found)
    return next((each for each in holds if is_blocking(each, what, now_us)), None)


def _put(unit: EdgeUnit, told: HoldTold, at_us: int) -> None:
    row = unit.connection.execute(
        "SELECT body FROM order_holds WHERE hold_id = ?", (told.hold_id,)
    ).fetchone()
    if row is None:
        unit.connection.execute(
            "INSERT INTO order_holds (hold_id, order_id, body, told_us) VALUES (?, ?, ?, ?)",
            (told.hold_id, told.order_id, told.model_dump_json(), at_us),
        )
    elif goes_on(HoldTold.model_validate_json(row[0]).state, told.state):
        unit.connection.execute(
            "UPDATE order_holds SET body = ? WHERE hold_id = ?", (told.model_dump_json(), told.hold_id)
        )
