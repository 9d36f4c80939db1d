"""What routing knows of goods on their way: the facts of a later moment, when some have arrived. Pure.

What a reader would get wrong: only the location that receives them has more then. Nothing is sent on to where
it is collected from goods that are not there themselves; that would rest a promise on two journeys.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hub.route.facts.known import Facts, Known
from hub.stock.availability import FREE, MISSING, PROMISABLE, WIDTH
from hub.stock.claim_rules import Coming, more_with
from hub.stock.policy import KeptBack
from protocol.fulfilment import FulfilKind

Stock = Mapping[str, Mapping[str, int]]
"""By location, units of each item."""


def with_coming(facts: Facts, coming: Sequence[Coming], kept: Mapping[str, KeptBack]) -> Facts:
    """Return the facts as they will be when these goods have arrived."""
    ask, units = facts.ask, stock_of(coming)
    collect = facts.ask.location if ask.kind is FulfilKind.COLLECT else ""
    known: list[Known] = []
    more: dict[str, int] = {}
    for at in facts.known:
        if collect and at.location != collect:
            continue
        here = units.get(at.location, {})
        stock = list(at.stock)
        for n, sku in enumerate(ask.wanted):
            free, missing, promisable = stock[n * WIDTH : (n + 1) * WIDTH]
            safety = kept[sku].safety_at(at.location)
            added = more_with(free=free, promisable=promisable, coming=here.get(sku, 0), safety=safety)
            if added and not missing and not at.silent:
                stock[n * WIDTH + PROMISABLE] = promisable + added
                stock[n * WIDTH + FREE] = free + here[sku]
                more[sku] = more.get(sku, 0) + added
        known.append(at._replace(stock=tuple(stock)))
    now = promisable_of(facts.known, ask.wanted)
    left = _left(facts.left_for_all, more, kept)
    return replace(facts, known=known, left_for_all=left, coming=coming, now=now)


def holding_only(facts: Facts, held: Stock) -> Facts:
    """Return the facts as they are for an order alone whose units are held: nobody else's count."""
    known = []
    for at in facts.known:
        if at.location in held:
            stock = [0] * len(at.stock)
            for n, sku in enumerate(facts.ask.wanted):
                units = held[at.location].get(sku, 0)
                stock[n * WIDTH + FREE] = stock[n * WIDTH + PROMISABLE] = units
                stock[n * WIDTH + MISSING] = 0
            known.append(at._replace(stock=tuple(stock), silent=""))
    return replace(facts, known=known, left_for_all=None)


def promisable_of(known: Iterable[Known], skus: Iterable[str]) -> Stock:
    """Return what each location may promise of each item now."""
    names = list(skus)
    return {
        at.location: {
            sku: 0 if at.silent else at.stock[n * WIDTH + PROMISABLE] for n, sku in enumerate(names)
        }
        for at in known
    }


def stock_of(coming: Iterable[Coming]) -> dict[str, dict[str, int]]:
    """Return how many units of each item come to each location."""
    found: dict[str, dict[str, int]] = {}
    for each in coming:
        here = found.setdefault(each.location, {})
        here[each.sku] = here.get(each.sku, 0) + each.units
    return found


def _left(
    left: Mapping[str, int] | None, more: Mapping[str, int], kept: Mapping[str, KeptBack]
) -> Mapping[str, int] | None:
    """Return what the company may still promise of each item then; at least that, where none is left now."""
    if left is None:
        return None
    return {
        sku: units + more.get(sku, 0) if units else max(0, more.get(sku, 0) - kept[sku].company_threshold)
        for sku, units in left.items()
    }
