"""What stock is worth: a moving average, kept as a quantity and a value.

The average itself is never stored, so it never loses a cent: the last unit out takes all the value that
is left. The cost of an issue is frozen; nothing is ever valued again. Stock sold before it was received
goes below zero at the last unit cost, and the next receipt corrects that through a variance.
"""

from dataclasses import dataclass

from protocol.errors import Invalid
from protocol.money import round_ratio


@dataclass(frozen=True, slots=True)
class StockValue:
    """The stock of one SKU in one bucket of one location. Below zero: sold before it was received.

    `last_unit_cost_minor` is the unit cost of the latest receipt; begin with the catalogue's cost.
    """

    quantity: int = 0
    value_minor: int = 0
    last_unit_cost_minor: int = 0

    def receive(self, quantity: int, value_minor: int) -> tuple["StockValue", int, int]:
        """Return the stock after a receipt, what of its value goes to inventory, and the variance.

        Units that were missing are covered first: they were issued at an estimate, and the difference
        to what they really cost is the variance. value = to inventory + variance.

        Raises:
            Invalid: no units, or a negative value.
        """
        if quantity <= 0 or value_minor < 0:
            raise Invalid(
                "A receipt needs units, and a value that is not negative.",
                "Check the quantity and the cost.",
                code="bad_receipt",
                quantity=quantity,
                value_minor=value_minor,
            )
        variance = 0
        if self.quantity < 0:
            covered = min(quantity, -self.quantity)
            real = round_ratio(value_minor * covered, quantity)
            estimated = round_ratio(self.value_minor * covered, self.quantity)
            variance = real - estimated
        to_inventory = value_minor - variance
        after = StockValue(
            quantity=self.quantity + quantity,
            value_minor=self.value_minor + to_inventory,
            last_unit_cost_minor=round_ratio(value_minor, quantity),
        )
        return after, to_inventory, variance

    def issue(self, quantity: int) -> tuple["StockValue", int]:
        """Return the stock after an issue, and the cost of it.

        Raises:
            Invalid: no units.
        """
        if quantity <= 0:
            raise Invalid(
                "An issue needs at least one unit.",
                "Check the quantity.",
                code="bad_issue",
                quantity=quantity,
            )
        there = max(0, self.quantity)
        if quantity < there:
            cost = round_ratio(self.value_minor * quantity, there)
        else:
            cost = (self.value_minor if there else 0) + (quantity - there) * self.last_unit_cost_minor
        after = StockValue(
            quantity=self.quantity - quantity,
            value_minor=self.value_minor - cost,
            last_unit_cost_minor=self.last_unit_cost_minor,
        )
        return after, cost
