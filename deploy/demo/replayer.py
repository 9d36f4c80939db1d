"""Plays the plan of a replay: one associate per store, the store's own clock, a Z for every trading day.

Stores run side by side, each with one request in flight, in the order of the file. The associate knows only
what the store answered, and writes it down before the next customer; the drawer is counted by that.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.client import StoreClient
from deploy.demo.history import History
from deploy.demo.milestones import Milestones
from deploy.demo.replay import Plan, PlannedLine, PlannedReturn, PlannedSale, Step

TILL: Final = "till-1"
FLOAT_MINOR: Final = 200_00
MINUTE_US: Final = 60_000_000
STOCK_LINES: Final = 400


@dataclass
class StoreReplay:
    """What one store does, from its opening stock to its last Z."""

    client: StoreClient
    store: int
    plan: Plan
    history: History
    milestones: Milestones
    stopping: threading.Event
    seed: int = 1
    orders: dict[str, str] = field(default_factory=dict)
    drawer_minor: int = 0
    returned: int = 0

    def play(self) -> None:
        """Play everything of this store."""
        days = self.plan.days(self.store)
        if not days:
            return
        self.client.at_us = days[0][1][0].at_us - 60 * MINUTE_US
        self.client.sign_in()
        self._stock()
        for day, steps in days:
            self._day(day, steps)

    def _stock(self) -> None:
        opening = self.plan.opening(self.store, self.seed)
        for start in range(0, len(opening), STOCK_LINES):
            lines = [
                {"sku": sku, "quantity": quantity} for sku, quantity in opening[start : start + STOCK_LINES]
            ]
            self.client.post(
                "/api/stock/moves", {"key": f"opening-{start}", "reason": "opening", "lines": lines}
            )

    def _day(self, day: str, steps: Sequence[Step]) -> None:
        self.client.at_us = min(step.at_us for step in steps) - MINUTE_US
        opened = {"key": f"open-{day}", "float_minor": FLOAT_MINOR, "business_date": day}
        self.client.post(f"/api/tills/{TILL}/open", opened)
        self.drawer_minor = FLOAT_MINOR
        for step in steps:
            if self.stopping.is_set():
                return
            self.client.at_us = step.at_us
            if isinstance(step, PlannedSale):
                self._sell(step)
            else:
                self._take_back(step)
        self.client.at_us = max(step.at_us for step in steps) + MINUTE_US
        close_till(self.client, TILL, self.drawer_minor, day, self.history)

    def _sell(self, sale: PlannedSale) -> None:
        kind = "card" if sale.customer else "cash"
        tender: dict[str, Any] = {"kind": kind, "amount_minor": sale.total_minor}
        if kind == "card":
            tender |= {"reference": sale.invoice[:64], "last4": last4_of(sale.customer)}
        wanted = {
            "key": f"sale-{sale.position}",
            "till": TILL,
            "lines": [line_of(line) for line in sale.lines],
            "tenders": [tender] if sale.total_minor else [],
            "customer_id": sale.customer,
        }
        said = self.client.post("/api/sales", wanted)
        self.orders[sale.invoice] = said["number"]
        if kind == "cash":
            self.drawer_minor += said["total_minor"]
        self.history.write(
            "sale",
            self.client.store,
            number=said["number"],
            lines=len(sale.lines),
            total_minor=said["total_minor"],
            tax_minor=said["tax_minor"],
            wanted_minor=sale.total_minor,
            invoice=sale.invoice,
        )
        self.milestones.order_taken()

    def _take_back(self, back: PlannedReturn) -> None:
        number = self.orders[back.invoice]
        self.returned += 1
        wanted = {
            "key": f"return-{number}-{self.returned}",
            "lines": [{"line_no": back.line_no, "quantity": back.quantity}],
            "till": TILL,
        }
        said = self.client.post(f"/api/orders/{number}/returns", wanted)
        self.drawer_minor -= cash_of(said["refunds"])
        self.history.write(
            "return", self.client.store, number=said["number"], order=number, total_minor=said["total_minor"]
        )


def line_of(line: PlannedLine) -> dict[str, Any]:
    """Return a planned line as the store's API wants it."""
    wanted: dict[str, Any] = {"sku": line.code, "quantity": line.quantity, "reason": "price of the day"}
    if line.is_finer_than_a_penny:
        return wanted | {"unit_price_exact": line.exact}
    return wanted | {"unit_price_minor": line.unit_price_minor}


def last4_of(customer: str) -> str:
    """Return four digits for the card of a customer; the file knows no cards."""
    return "".join(letter for letter in customer if letter.isascii() and letter.isdigit())[-4:].rjust(4, "0")


def cash_of(refunds: Sequence[Mapping[str, Any]]) -> int:
    """Return what left the drawer."""
    return sum(refund["amount_minor"] for refund in refunds if refund["kind"] == "cash")


def close_till(client: StoreClient, till: str, counted_minor: int, label: str, history: History) -> None:
    """Count a drawer blind and close its till; what the store says is missing is written down."""
    counted = {"key": f"count-{till}-{label}", "counted_minor": counted_minor}
    client.post(f"/api/tills/{till}/count", counted)
    client.post(f"/api/tills/{till}/count/confirm", {})
    closed = client.post(f"/api/tills/{till}/close", {"key": f"close-{till}-{label}"})
    difference = sum(tender["difference_minor"] for tender in closed["tenders"])
    history.write("close", client.store, number=closed["number"], till=till, difference_minor=difference)
