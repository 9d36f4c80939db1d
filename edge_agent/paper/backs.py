"""Until when the goods of a sale may come back, as its paper says it: fixed with the sale, needs no line.

The policy of returns lies in this store (`edge_agent.returns.policy`). What it says at the sale is kept with
the receipt's job, so a gift receipt or a reprint a week later promises what the receipt did.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from edge_agent.catalog.rows import find_product
from edge_agent.returns.policy import current
from printing.documents.parts import Back
from protocol.events import OrderSold
from protocol.kit.sqlite import Connection
from protocol.orders import LineKind, OrderLine
from protocol.returns import ReturnPolicy
from protocol.rules.policy import SoldFacts, channel_of, goods_rule, window

FINAL: Final = "final"


def backs_of(connection: Connection, body: OrderSold) -> tuple[str, ...]:
    """Return for each line its last day, `final` for goods that never come back, or nothing for no limit.

    One word stands for all lines where they are alike; none at all where nobody has set a policy.
    """
    policy = current(connection)
    if not policy.version:
        return ()
    words = tuple(_word(connection, policy, body, line) for line in body.lines)
    return words[:1] if len(set(words)) == 1 else words


def backs(words: Sequence[str], lines: int) -> tuple[Back | None, ...]:
    """Return what a slip of so many lines says of each, from the words kept with its job."""
    if not words:
        return (None,) * lines
    return tuple(_back(word) for word in (tuple(words) * lines if len(words) == 1 else words))


def _word(connection: Connection, policy: ReturnPolicy, body: OrderSold, line: OrderLine) -> str:
    if line.kind is not LineKind.GOODS:
        return ""
    product = find_product(connection, line.sku) if policy.categories else None
    category = product.category if product else ""
    sold = SoldFacts(line.sku, category, date.fromisoformat(body.business_date), channel_of(body.channel))
    if goods_rule(policy, sold).final_sale:
        return FINAL
    until = window(policy, sold)
    return until.isoformat() if until else ""


def _back(word: str) -> Back:
    return Back(final=True) if word == FINAL else Back(date.fromisoformat(word) if word else None)
