"""What a store does about holds: hear of them, and refuse what they block, with the reason and who decides.

Nobody in a store releases a hold: it is decided at the hub, where everything about it is known. A store that
is dark goes by what it was told last, and by the time that a hold has.
"""

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.holds import rows
from edge_agent.link.directives import arrived_us
from protocol.errors import Refused
from protocol.holds import Blocked, HoldTold, OrderHolds
from protocol.kit.hold_words import hold_kind_word, reason_says
from protocol.kit.sqlite import Connection
from protocol.kit.text import _


def take(unit: EdgeUnit, edge: Edge, body: OrderHolds) -> None:
    """Take over what the hub says of the holds of an order."""
    rows.take(unit, body, arrived_us(unit, edge))
    unit.after_commit(lambda: edge.broadcaster.publish("fulfil"))


def stops(connection: Connection, order_id: str, what: Blocked, now_us: int) -> HoldTold | None:
    """Return the hold that forbids something of an order now, None when nothing does."""
    return rows.blocking(connection, order_id, what, now_us)


def of_order(connection: Connection, order_id: str, now_us: int) -> tuple[HoldTold, ...]:
    """Return the holds that stop anything of an order now, the oldest first."""
    found = {
        hold.hold_id: hold
        for what in Blocked
        if (hold := rows.blocking(connection, order_id, what, now_us)) is not None
    }
    return tuple(found.values())


def check_free(
    connection: Connection,
    edge: Edge,
    order: tuple[str, str],
    what: Blocked,
    *,
    told_until_us: int | None = None,
) -> None:
    """Refuse what a hold blocks. `order` is its id and its number.

    `told_until_us`: when a device took the order along. What was heard later that device could not know, and
    goods that it gave away are gone: the fact is taken, and the hub calls a person.

    Raises:
        Refused: `on_hold`, with the kind and the hold in `facts`.
    """
    order_id, number = order
    hold = rows.blocking(connection, order_id, what, edge.clock.now_us(), told_until_us=told_until_us)
    if hold is None:
        return
    raise Refused(
        _("Order {number} is on hold ({kind}): {why}", number=number, kind=hold_kind_word(hold.kind),
          why=reason_says(hold)),
        _("Leave the goods where they are. The hub decides; tell the customer that it is being checked."),
        code="on_hold",
        hold_id=hold.hold_id,
        kind=hold.kind.value,
        blocks=[each.value for each in hold.blocks],
    )  # fmt: skip


def check_refund(connection: Connection, edge: Edge, order: tuple[str, str]) -> None:
    """Refuse to give money of an order back while a hold forbids it. `order` is its id and its number.

    Raises:
        Refused: `on_hold`.
    """
    check_free(connection, edge, order, Blocked.REFUND)
