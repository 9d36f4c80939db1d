"""Is every order for later where it belongs? What customers hold, what the hub says, who owns the rest.

Like `check`, it reads the files of the hub and the stores from outside. A customer's own words come first:
what was handed over or shipped stands in the clients' history, and the hub must have exactly that.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.books import one, reading
from deploy.demo.layout import Layout
from hub.ledger.chart import MAPPING

_OWNERLESS: Final = """
SELECT o.number FROM later_orders l JOIN orders o USING (order_id)
WHERE EXISTS (SELECT 1 FROM order_lines s WHERE s.order_id = o.order_id
              AND s.quantity > s.fulfilled + s.cancelled)
  AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.order_id = o.order_id AND a.state NOT IN
                  ('handed_over', 'shipped', 'rejected', 'short', 'cancelled', 'expired'))
  AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.subject = 'order:' || o.order_id AND e.state = 'open')
"""


@dataclass
class Online:
    """What became of the orders for later, and every reason why it is not right."""

    web_orders: int = 0
    collected: int = 0
    shipped: int = 0
    short_picks: int = 0
    rerouted: int = 0
    double_fulfilled: int = 0
    promises_broken: int = 0
    earned_minor: int = 0
    """What was fulfilled, tax and the way to the customer included."""
    reasons: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, int]:
        """What a run prints of it."""
        return {
            "web_orders": self.web_orders,
            "collected": self.collected,
            "shipped": self.shipped,
            "short_picks": self.short_picks,
            "rerouted": self.rerouted,
            "double_fulfilled": self.double_fulfilled,
            "promises_broken": self.promises_broken,
        }


def check_online(layout: Layout, history: Iterable[Mapping[str, Any]]) -> Online:
    """Compare what customers got with the hub's record, and look for orders that nobody owns."""
    file = layout.folder / "hub" / "hub.db"

    def count(query: str) -> int:
        return int(one(file, query) or 0)

    found = Online(
        web_orders=count("SELECT count(*) FROM later_orders WHERE location = 'hub'"),
        collected=count("SELECT count(*) FROM assignments WHERE state = 'handed_over'"),
        shipped=count("SELECT count(*) FROM assignments WHERE state = 'shipped'"),
        short_picks=count("SELECT count(DISTINCT assignment_id) FROM assignment_lines WHERE short > 0"),
        rerouted=count("SELECT count(DISTINCT order_id) FROM assignments WHERE attempt > 1"),
        double_fulfilled=count(
            "SELECT sum(fulfilled + cancelled - quantity) FROM order_lines JOIN later_orders USING (order_id)"
            " WHERE fulfilled + cancelled > quantity"
        ),
        promises_broken=count(
            "SELECT count(*) FROM assignments WHERE coalesce(ready_us, left_us, 0) > due_us"
        ),
        earned_minor=count(
            "SELECT sum(gross_minor) FROM order_lines JOIN later_orders USING (order_id)"
            " WHERE fulfilled = quantity"
        ),
    )
    told = list(history)
    found.reasons += _against_history(layout, told)
    found.reasons += _ownerless(layout)
    found.reasons += _money(layout)
    for what, number in (
        ("units were fulfilled twice", found.double_fulfilled),
        ("promises were broken", found.promises_broken),
    ):
        if number:
            found.reasons.append(f"{number} {what}")
    return found


def _against_history(layout: Layout, told: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say where the units that customers got are not those that the hub says left."""
    units: Counter[str] = Counter()
    placed: set[str] = set()
    dark = False
    for line in told:
        if line["kind"] == "web_order":
            placed.add(line["number"])
        elif line["kind"] in ("collected", "shipped"):
            units[line["number"]] += line["units"]
            dark = dark or (line["kind"] == "collected" and line["dark"])
    with reading(layout.folder / "hub" / "hub.db") as connection:
        rows = connection.execute(
            "SELECT number, sum(fulfilled) FROM orders JOIN later_orders USING (order_id)"
            " JOIN order_lines USING (order_id) WHERE order_lines.kind = 'goods'"
            " AND later_orders.location = 'hub' GROUP BY number"
        )
        hub = {row[0]: int(row[1]) for row in rows}
    wrong = [
        f"{number}: customers got {units[number]} units, the hub says {hub.get(number)}"
        for number in sorted(placed)
        if hub.get(number) != units[number]
    ]
    if placed and not dark:
        wrong.append("no order was collected while its store was dark")
    return wrong + [
        f"{number} is known to the hub and to no customer" for number in sorted(hub.keys() - placed)
    ]


def _ownerless(layout: Layout) -> list[str]:
    with reading(layout.folder / "hub" / "hub.db") as connection:
        return [
            f"{row[0]} has units that nobody fulfils and no exception says so"
            for row in connection.execute(_OWNERLESS)
        ]


def _money(layout: Layout) -> list[str]:
    """Everything was paid at once and has left: no deposit may stay behind, and nothing may be owed."""
    file = layout.folder / "hub" / "hub.db"
    open_orders = one(
        file,
        "SELECT count(*) FROM order_lines JOIN later_orders USING (order_id)"
        " WHERE quantity > fulfilled + cancelled",
    )
    left = one(file, "SELECT sum(amount_minor) FROM entries WHERE account = ?", MAPPING["deposits"])
    if left and not open_orders:
        return [f"{-int(left)} pence of deposits stay in the books although every order has left"]
    return []
