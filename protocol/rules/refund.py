"""What a sold line gives back, in any number of steps.

A refund shares out what the line kept at its sale and knows nothing of prices. Units take their part of
the money that is left; tax and commission follow the money, cost follows the units. So every column
sums exactly to the sale however the steps fall, and no part is ever negative. Splitting the tax by
units instead gives negative nets on tiny lines.
"""

from dataclasses import dataclass, fields, replace

from protocol.errors import Invalid, Refused
from protocol.money import round_ratio


@dataclass(frozen=True, slots=True)
class RefundStep:
    """One refund: `quantity` is 0 where only money goes back. gross = tax + net."""

    quantity: int
    gross_minor: int
    tax_minor: int
    net_minor: int
    cost_minor: int
    commission_minor: int


@dataclass(frozen=True, slots=True)
class RefundableLine:
    """What was allocated to a line at its sale, and how much of it has gone back."""

    gross_minor: int
    tax_minor: int
    quantity: int
    cost_minor: int = 0
    commission_minor: int = 0
    refunded_minor: int = 0
    refunded_tax_minor: int = 0
    returned_quantity: int = 0
    returned_cost_minor: int = 0
    clawed_back_minor: int = 0

    def __post_init__(self) -> None:
        negative = sorted(field.name for field in fields(self) if getattr(self, field.name) < 0)
        if negative or self.tax_minor > self.gross_minor:
            raise Invalid(
                "A sold line has a negative part, or more tax than money.",
                "Refund it by hand and report the line.",
                code="bad_line",
                negative=negative,
                gross_minor=self.gross_minor,
                tax_minor=self.tax_minor,
            )

    @property
    def left_minor(self) -> int:
        """Money that may still go back."""
        return max(0, self.gross_minor - self.refunded_minor)

    @property
    def left_quantity(self) -> int:
        """Units that may still come back."""
        return max(0, self.quantity - self.returned_quantity)

    def after(self, step: RefundStep) -> "RefundableLine":
        """Return the line as it stands once this step is done."""
        return replace(
            self,
            refunded_minor=self.refunded_minor + step.gross_minor,
            refunded_tax_minor=self.refunded_tax_minor + step.tax_minor,
            returned_quantity=self.returned_quantity + step.quantity,
            returned_cost_minor=self.returned_cost_minor + step.cost_minor,
            clawed_back_minor=self.clawed_back_minor + step.commission_minor,
        )


def refund_units(line: RefundableLine, quantity: int) -> RefundStep:
    """Return what so many units give back; the last units take all that is left.

    Raises:
        Invalid: the quantity is not positive.
        Refused: `too_many_units`, more than have not come back yet.
    """
    if quantity <= 0:
        raise Invalid(
            "A return needs at least one unit.",
            "Give the number of units.",
            code="no_units",
            quantity=quantity,
        )
    left = line.left_quantity
    if quantity > left:
        raise Refused(
            f"{quantity} units cannot come back: {left} of {line.quantity} are left.",
            f"Return at most {left}.",
            code="too_many_units",
            quantity=quantity,
            left=left,
            sold=line.quantity,
        )
    return _step(
        line,
        quantity=quantity,
        gross_minor=round_ratio(line.left_minor * quantity, left),
        cost_minor=round_ratio(max(0, line.cost_minor - line.returned_cost_minor) * quantity, left),
    )


def refund_money(line: RefundableLine, amount_minor: int) -> RefundStep:
    """Return the step that gives money back and leaves the goods with the customer.

    Raises:
        Invalid: the amount is not positive.
        Refused: `too_much_money`, more than has not gone back yet.
    """
    if amount_minor <= 0:
        raise Invalid(
            "A refund needs an amount.",
            "Give an amount above nothing.",
            code="no_amount",
            amount_minor=amount_minor,
        )
    if amount_minor > line.left_minor:
        raise Refused(
            "The amount is more than what is left to refund on this line.",
            "Refund at most what is left.",
            code="too_much_money",
            amount_minor=amount_minor,
            left_minor=line.left_minor,
        )
    return _step(line, quantity=0, gross_minor=amount_minor, cost_minor=0)


def _step(line: RefundableLine, *, quantity: int, gross_minor: int, cost_minor: int) -> RefundStep:
    if line.gross_minor:
        part, whole = min(line.refunded_minor + gross_minor, line.gross_minor), line.gross_minor
    else:
        # A line that was free has no money for its commission to follow; it follows the units.
        part, whole = line.returned_quantity + quantity, line.quantity
    tax = max(0, round_ratio(line.tax_minor * part, whole) - line.refunded_tax_minor)
    commission = max(0, round_ratio(line.commission_minor * part, whole) - line.clawed_back_minor)
    return RefundStep(
        quantity=quantity,
        gross_minor=gross_minor,
        tax_minor=tax,
        net_minor=gross_minor - tax,
        cost_minor=cost_minor,
        commission_minor=commission,
    )
