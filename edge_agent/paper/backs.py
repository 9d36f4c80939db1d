"""Until when goods may come back, as the paper says it that goes along: fixed as they leave, needs no line.

The policy of returns lies in this store (`edge_agent.returns.policy`). What it says at the sale, or at the
handover, is kept with the slip's job, so a gift receipt or a reprint a week later promises the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from edge_agent.catalog.rows import find_product
from edge_agent.returns.policy import current
from printing.documents.parts import Back
from protocol.events import OrderSold
from protocol.kit.sqlite import Connection
from protocol.orders import LineKind
from protocol.returns import ReturnPolicy
from protocol.rules.policy import SoldFacts, channel_of, goods_rule, window

FINAL: Final = "final"


def backs_of(connection: Connection, body: OrderSold) -> tuple[str, ...]:
    """Return for each line its last day, `final` for goods that never come back, or nothing for no limit.

    One word stands for all lines where they are alike; none at all where nobody has set a policy.
    """
    goods = [line.sku if line.kind is LineKind.GOODS else "" for line in body.lines]
    return words_of(connection, goods, date.fromisoformat(body.business_date), body.channel)


def words_of(connection: Connection, skus: Sequence[str], left: date, order_channel: str) -> tuple[str, ...]:
    """Return the same for goods that left on a day; an empty name stands for what is no goods.

    One word where all are alike; none at all where nobody has set a policy.
    """
    policy = current(connection)
    if not policy.version:
        return ()
    channel = channel_of(order_channel)
    words = tuple(_word(connection, policy, SoldFacts(sku, "", left, channel)) for sku in skus)
    return words[:1] if len(set(words)) == 1 else words


def backs(words: Sequence[str], lines: int) -> tuple[Back | None, ...]:
    """Return what a slip of so many lines says of each, from the words kept with its job."""
    if not words:
        return (None,) * lines
    return tuple(_back(word) for word in (tuple(words) * lines if len(words) == 1 else words))


def _word(connection: Connection, policy: ReturnPolicy, sold: SoldFacts) -> str:
    if not sold.sku:
        return ""
    product = find_product(connection, sold.sku) if policy.categories else None
    sold = replace(sold, category=product.category if product else "")
    if goods_rule(policy, sold).final_sale:
        return FINAL
    until = window(policy, sold)
    return until.isoformat() if until else ""


def _back(word: str) -> Back:
    return Back(final=True) if word == FINAL else Back(date.fromisoformat(word) if word else None)
