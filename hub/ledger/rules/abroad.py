"""What a fact does to the books when it touches two legal entities: pure.

Each entity keeps books of its own, and every journal balances inside one of them. So what one does for the
other stands as a debt between them: who takes money for somebody else owes it to them (`due_to`), and they
are owed it (`due_from`). Both sides are worked out here together, so they are always the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from hub.ledger.rules import Draft, Line
from protocol.money import round_ratio

DUE_FROM: Final = "due_from"
DUE_TO: Final = "due_to"
VALUE_ABROAD: Final = "value_abroad"
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


@dataclass(frozen=True, slots=True)
class Charge:
    """What one entity charges another for goods: the price without tax, and the tax on it."""

    price_minor: int
    tax_minor: int = 0
    rate_ppm: int = 0

    @property
    def total_minor(self) -> int:
        """Return what is owed for them."""
        return self.price_minor + self.tax_minor


@dataclass(frozen=True, slots=True)
class PriceList:
    """What goods cost between two entities: a price for an article, else its cost and a markup; and the tax.

    Inside one VAT group the rate is nothing.
    """

    markup_ppm: int = 0
    rate_ppm: int = 0
    prices: Mapping[str, int] = field(default_factory=dict)

    @property
    def at_cost(self) -> bool:
        """Tell whether goods just change hands at what they cost."""
        return not (self.markup_ppm or self.rate_ppm or self.prices)

    def charge(self, sku: str, units: int, cost_minor: int) -> Charge:
        """Return what so many units of an article are charged at, that cost so much where they were."""
        listed = self.prices.get(sku)
        price = price_of(cost_minor, self.markup_ppm) if listed is None else listed * units
        return self.taxed(price)

    def taxed(self, price_minor: int) -> Charge:
        """Return a price with its tax."""
        return Charge(price_minor, round_ratio(price_minor * self.rate_ppm, RATE_BASE), self.rate_ppm)


def price_of(cost_minor: int, markup_ppm: int) -> int:
    """Return the cost of goods and a markup on it."""
    return cost_minor + round_ratio(cost_minor * markup_ppm, RATE_BASE)


def supplied(drafts: Sequence[Draft], pair: Pair, charge: Charge) -> Both:
    """Goods of one entity left for an order of another: sold to it at the transfer price, and by it.

    `drafts` are what the goods cost where they left (inventory against cogs); `charge` is for all of them.
    """
    here: list[Draft] = []
    seller: list[Draft] = []
    for draft in drafts[:1]:
        own = [
            replace(line, purpose="cogs.abroad") if line.purpose == "cogs" else line for line in draft.lines
        ]
        here.append(replace(draft, lines=(*sold(charge, pair.seller), *own)))
        bought_ = (Line("cogs", charge.price_minor), *bought(charge, pair.here))
        seller += [replace(draft, lines=bought_)] if charge.total_minor else []
    return Both(tuple(here), tuple(seller))


def supply_returned(
    drafts: Sequence[Draft], pair: Pair, charge: Charge, *, purpose: str = "cogs_returns"
) -> Both:
    """Goods that one entity had supplied for another's order come back to it: its sale to them is undone.

    `drafts` are what the goods cost where they came back (inventory against the cost of goods returned);
    `charge` is what they had been charged at, `purpose` what the seller's cost of them is taken off.
    """
    back = Charge(-charge.price_minor, -charge.tax_minor, charge.rate_ppm)
    here: list[Draft] = []
    seller: list[Draft] = []
    for draft in drafts[:1]:
        own = [replace(line, purpose="cogs.abroad") if _is_cost(line) else line for line in draft.lines]
        undone = [*sold(back, pair.seller, debt=DUE_TO), *own]
        here.append(replace(draft, lines=tuple(undone)))
        rest = (Line(purpose, back.price_minor), *bought(back, pair.here, debt=DUE_FROM))
        seller += [replace(draft, lines=rest)] if charge.total_minor else []
    return Both(tuple(here), tuple(seller))


def sold(charge: Charge, to: str, *, debt: str = DUE_FROM) -> list[Line]:
    """Return what a sale to another entity earns: it is owed with its tax."""
    return [
        Line(debt, charge.total_minor, ref=to),
        Line("sales.abroad", -charge.price_minor, ref=to),
        Line("sales_tax", -charge.tax_minor, charge.rate_ppm),
    ]


def bought(charge: Charge, of: str, *, debt: str = DUE_TO) -> list[Line]:
    """Return what a purchase from another entity owes; the goods themselves are the caller's to post."""
    return [Line("input_tax", charge.tax_minor, ref=of), Line(debt, -charge.total_minor, ref=of)]


def kept(drafts: Sequence[Draft], pair: Pair, *, rate_ppm: int = 0) -> Both:
    """Goods that another entity had sold come back here and stay: bought from it at what they had cost it."""
    here: list[Draft] = []
    seller: list[Draft] = []
    for draft in drafts:
        cost = cost_back(draft)
        charge = PriceList(rate_ppm=rate_ppm).taxed(cost)
        own = [line for line in draft.lines if not _is_cost(line)]
        here.append(replace(draft, lines=(*own, *bought(charge, pair.seller))))
        back = (
            Line(DUE_FROM, charge.total_minor, ref=pair.here),
            Line("sales_tax", -charge.tax_minor, charge.rate_ppm),
            Line("cogs_returns", -cost),
        )
        seller += [replace(draft, lines=back)] if cost else []
    return Both(tuple(here), tuple(seller))


def cost_back(draft: Draft) -> int:
    """Return what goods that came back had cost."""
    return -sum(line.amount_minor for line in draft.lines if _is_cost(line))


def returned(
    drafts: Sequence[Draft], pair: Pair, *, supplied_at: Charge | None = None, rate_ppm: int = 0
) -> Both:
    """A return of what another entity had sold: they owe the refund, this one pays it and keeps the goods.

    `supplied_at` is what this entity had charged for the same goods, where they were its own: then they go
    back to it, and its sale of them is undone.
    """
    cost = [draft for draft in drafts if any(_is_cost(line) for line in draft.lines)]
    paid = money([draft for draft in drafts if draft not in cost], pair)
    if supplied_at is None:
        goods = kept(cost, pair, rate_ppm=rate_ppm)
    else:
        goods = supply_returned(cost, pair, supplied_at)
    return Both((*paid.here, *goods.here), (*paid.seller, *goods.seller))


@dataclass(frozen=True, slots=True)
class Foreign:
    """Stored value of another entity that a fact spent here (above zero), or put onto it."""

    purpose: str
    issuer: str
    amount_minor: int


def stored_value(
    drafts: Sequence[Draft], here: str, foreign: Sequence[Foreign]
) -> tuple[tuple[Draft, ...], dict[str, tuple[Draft, ...]]]:
    """Set stored value of other entities off: what is spent here its issuer owes us, and the other way round.

    Returns the drafts of this entity with the debt in place of the liability, and those of each issuer.
    """
    own = list(drafts)
    theirs: dict[str, tuple[Draft, ...]] = {}
    for n, each in enumerate(foreign):
        at = next((i for i, d in enumerate(own) if any(x.purpose == each.purpose for x in d.lines)), None)
        if at is None:
            continue
        spent = each.amount_minor
        debt = Line(DUE_FROM if spent > 0 else DUE_TO, spent, ref=each.issuer)
        own[at] = replace(own[at], lines=(*own[at].lines, Line(each.purpose, -spent), debt))
        lines = (
            Line(each.purpose, spent),
            Line(DUE_TO if spent > 0 else DUE_FROM, -spent, ref=here),
        )
        rule = VALUE_ABROAD if not n else f"{VALUE_ABROAD}_{n + 1}"
        theirs[each.issuer] = (*theirs.get(each.issuer, ()), Draft(rule, lines, own[at].memo))
    return tuple(own), theirs


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
