"""What a fact does to the books when it touches two legal entities: pure.

Each entity keeps books of its own, and every journal balances inside one of them. So what one does for the
other stands as a debt between them: who takes money for somebody else owes it to them (`due_to`), and they
are owed it (`due_from`). Both sides are worked out here together, so they are always the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hub.ledger.rules import Draft, Line
from protocol.money import round_ratio

DUE_FROM: Final = "due_from"
DUE_TO: Final = "due_to"
RATE_BASE: Final = 1_000_000
_MONEY: Final = ("tender.", "gateway.", "marketplace.", "rounding")
_STOCK: Final = "inventory"


@dataclass(frozen=True, slots=True)
class Pair:
    """The entity where something happened, and the entity whose order it is."""

    here: str
    seller: str


@dataclass(frozen=True, slots=True)
class Both:
    """What one fact posts in both books."""

    here: tuple[Draft, ...]
    seller: tuple[Draft, ...]


def money(drafts: Iterable[Draft], pair: Pair) -> Both:
    """Money changed hands at one entity for an order of another: a till pays out, or takes it, for them."""
    here: list[Draft] = []
    seller: list[Draft] = []
    for draft in drafts:
        own = tuple(line for line in draft.lines if line.purpose.startswith(_MONEY))
        rest = tuple(line for line in draft.lines if not line.purpose.startswith(_MONEY))
        taken = sum(line.amount_minor for line in own)
        here += _with_debt(replace(draft, lines=own), -taken, pair.seller)
        seller += _with_debt(replace(draft, lines=rest), taken, pair.here)
    return Both(tuple(here), tuple(seller))


def price_of(cost_minor: int, markup_ppm: int) -> int:
    """Return what one entity charges another for goods: their cost and a markup on it."""
    return cost_minor + round_ratio(cost_minor * markup_ppm, RATE_BASE)


def supplied(drafts: Sequence[Draft], pair: Pair, *, markup_ppm: int) -> Both:
    """Goods of one entity left for an order of another: sold to it at the transfer price, and by it.

    `drafts` are what the goods cost where they left (inventory against cogs).
    """
    here: list[Draft] = []
    seller: list[Draft] = []
    for draft in drafts:
        cost = sum(line.amount_minor for line in draft.lines if line.purpose == "cogs")
        price = price_of(cost, markup_ppm)
        own = [
            replace(line, purpose="cogs.abroad") if line.purpose == "cogs" else line for line in draft.lines
        ]
        sold = [Line(DUE_FROM, price, ref=pair.seller), Line("sales.abroad", -price, ref=pair.seller)]
        here.append(replace(draft, lines=(*sold, *own)))
        bought = (Line("cogs", price), Line(DUE_TO, -price, ref=pair.here))
        seller += [replace(draft, lines=bought)] if price else []
    return Both(tuple(here), tuple(seller))


def supply_returned(drafts: Sequence[Draft], pair: Pair, *, markup_ppm: int) -> Both:
    """Goods that one entity had supplied for another's order come back to it: its sale to them is undone.

    `drafts` are what the goods cost where they came back (inventory against the cost of goods returned).
    """
    here: list[Draft] = []
    seller: list[Draft] = []
    for draft in drafts:
        cost = -sum(line.amount_minor for line in draft.lines if _is_cost(line))
        price = price_of(cost, markup_ppm)
        own = [replace(line, purpose="cogs.abroad") if _is_cost(line) else line for line in draft.lines]
        undone = [Line("sales.abroad", price, ref=pair.seller), Line(DUE_TO, -price, ref=pair.seller)]
        here.append(replace(draft, lines=(*undone, *own)))
        back = (Line(DUE_FROM, price, ref=pair.here), Line("cogs_returns", -price))
        seller += [replace(draft, lines=back)] if price else []
    return Both(tuple(here), tuple(seller))


def kept(drafts: Sequence[Draft], pair: Pair) -> Both:
    """Goods that another entity had sold come back here and stay: bought from it at what they had cost it."""
    here: list[Draft] = []
    seller: list[Draft] = []
    for draft in drafts:
        cost = -sum(line.amount_minor for line in draft.lines if _is_cost(line))
        own = [
            replace(line, purpose=DUE_TO, ref=pair.seller) if _is_cost(line) else line for line in draft.lines
        ]
        here.append(replace(draft, lines=tuple(own)))
        back = (Line(DUE_FROM, cost, ref=pair.here), Line("cogs_returns", -cost))
        seller += [replace(draft, lines=back)] if cost else []
    return Both(tuple(here), tuple(seller))


def returned(drafts: Sequence[Draft], pair: Pair) -> Both:
    """A return of what another entity had sold: they owe the refund, this one pays it and keeps the goods."""
    cost = [draft for draft in drafts if any(_is_cost(line) for line in draft.lines)]
    paid = money([draft for draft in drafts if draft not in cost], pair)
    goods = kept(cost, pair)
    return Both((*paid.here, *goods.here), (*paid.seller, *goods.seller))


def netted(amount_minor: int, other: str) -> tuple[Draft, ...]:
    """Set off what this entity owes another against what it is owed by it."""
    lines = (Line(DUE_TO, amount_minor, ref=other), Line(DUE_FROM, -amount_minor, ref=other))
    return (Draft("netting", lines, other),)


def _is_cost(line: Line) -> bool:
    return line.purpose in {"cogs", "cogs_returns"}


def _with_debt(draft: Draft, amount_minor: int, other: str) -> tuple[Draft, ...]:
    if not draft.lines:
        return ()
    debt = Line(DUE_FROM if amount_minor > 0 else DUE_TO, amount_minor, ref=other)
    return (replace(draft, lines=(*draft.lines, debt)),)
