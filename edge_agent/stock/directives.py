"""What the hub may tell this room: count this, give that count up, expect a delivery, expect it no more."""

from collections.abc import Mapping
from typing import Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.directives import Kind
from edge_agent.stock import count_rows, expecting
from edge_agent.stock.count_posting import give_up
from edge_agent.stock.counting import begin, known_items, open_task
from edge_agent.stock.delivery_rows import find_delivery
from protocol.errors import Refused
from protocol.kit.text import _
from protocol.stock import (
    COUNT_LINES,
    CountCancel,
    CountRequest,
    CountScope,
    DeliveryCancel,
    DeliveryExpect,
)


def count(unit: EdgeUnit, edge: Edge, body: CountRequest) -> None:
    """Take a count on; items that this store does not know are left out.

    Raises:
        Refused: `unknown_sku`, `empty_bin` or `too_many_rows`: there is nothing of it to count here.
    """
    if count_rows.find_task(unit.connection, body.count_id) is not None:
        return
    skus: list[str] = []
    if body.scope == "bins":
        skus = count_rows.skus_in_bins(unit.connection, body.bins, COUNT_LINES)
    elif body.scope == "skus":
        skus = known_items(unit.connection, edge, body.skus)
    if body.scope != "all" and not skus:
        by_bin = body.scope == "bins"
        raise Refused(
            _("No item of the catalogue has its place there.") if by_bin else _("None of it is known here."),
            _("Look at the catalogue of this store."),
            code="empty_bin" if by_bin else "unknown_sku",
        )
    if len(skus) > COUNT_LINES:
        raise Refused(
            _(
                "This count would have {n} rows, at most {limit} are possible.",
                n=len(skus),
                limit=COUNT_LINES,
            ),
            _("Count fewer shelves at a time."),
            code="too_many_rows",
        )
    scope = CountScope.model_validate(body.model_dump(exclude={"count_id"}) | {"skus": tuple(skus)})
    begin(unit, edge, scope, count_id=body.count_id, source="hub")


def count_no_more(unit: EdgeUnit, edge: Edge, body: CountCancel) -> None:
    """Give a count up.

    Raises:
        NotFound: `no_count`.
        Refused: `stale_count`, it was posted or given up already.
    """
    give_up(unit, edge, open_task(unit.connection, body.count_id), body.reason)


def expect(unit: EdgeUnit, edge: Edge, body: DeliveryExpect) -> None:
    """Expect a delivery; what is in it need not be known yet."""
    if find_delivery(unit.connection, body.delivery_id) is None:
        expecting.expect(unit, edge, body, source="hub")


def expect_no_more(unit: EdgeUnit, edge: Edge, body: DeliveryCancel) -> None:
    """Expect a delivery no more.

    Raises:
        NotFound: `no_delivery`.
        Refused: `delivery_closed` or `receiving_open`.
    """
    expecting.give_up(unit, edge, body.delivery_id, body.reason)


KINDS: Final[Mapping[str, Kind]] = {
    "count.request": Kind(count),
    "count.cancel": Kind(count_no_more),
    "delivery.expect": Kind(expect),
    "delivery.cancel": Kind(expect_no_more),
}
"""For the link; none of them has to fetch anything."""
