"""An exchange as two legs that meet: what came back pays for what goes out.

The return leg is worth what its lines kept at their sale, with the tax of then; the sale leg is today's price
and tax. So an even exchange may still move tax from one rate to another. What the legs have in common goes
through one clearing account that ends at zero (rows 27 to 31 of the posting matrix).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exchange:
    """How two legs settle, in minor units. At most one of `due_minor` and `rest_minor` is above zero."""

    exchanged_minor: int
    """What the return pays of the sale."""
    due_minor: int
    """What the customer pays beside it."""
    rest_minor: int
    """What goes back to the customer."""

    @property
    def even(self) -> bool:
        """Tell whether nobody pays anything."""
        return not self.due_minor and not self.rest_minor


def exchange(back_minor: int, new_minor: int, fee_minor: int = 0) -> Exchange:
    """Return how a return worth so much, less a fee, and a sale worth so much settle."""
    credit = back_minor - fee_minor
    paid = min(credit, new_minor)
    return Exchange(max(0, paid), due_minor=new_minor - paid, rest_minor=max(0, credit - new_minor))
