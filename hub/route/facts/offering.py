"""What can be promised before an order is placed: options with a day and a price, each one that holds.

An option is worked out as if the order came at the end of the time for which it is offered, so that it can
still be kept then. For each service the earliest day is offered whose cost is worth it (`saved_day_minor` for
each unit and day); for collection each store says when it could have the goods ready.

Where nothing free could serve it, what is on its way is offered: as if the order came when that arrives, and
each option says on which delivery it rests.

What a reader would get wrong: nothing is set aside. Two customers may be shown the last unit; the one who
orders first gets it, and the other one is told so before paying.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from hub.promises import SOON_US, class_of
from hub.route.facts import current, snapshot
from hub.route.facts.book import Book
from hub.route.facts.geo import NOWHERE, Destination, metres, point_of
from hub.route.facts.inbound import with_coming
from hub.route.facts.known import About, Facts, Known
from hub.route.facts.opening import DAY_US, MINUTE_US, arrives_us
from hub.route.facts.question import Question, question_of
from hub.route.facts.ways import TRANSFER, Arrival, Ways, When
from hub.route.rules.choice import Ask, Need, Rejected, part_only
from hub.route.rules.instance import Instance, Plan
from hub.route.rules.solve import solve
from hub.spine.work import Promising
from hub.stock.availability import PROMISABLE, WIDTH, state_of
from hub.stock.claim_rules import Coming, Later, moments, split
from hub.stock.claims import claimable
from hub.stock.policy import kept_back
from protocol.fulfilment import FulfilKind, Promise, PromiseClass

AHEAD_US: Final = 20 * DAY_US
"""How far ahead anybody looks for a moment."""
DAYS_TRIED: Final = 6
"""Earlier days that are looked at for one service."""
STORES: Final = 25
"""Stores that are offered to collect at."""
QUARTER_US: Final = 15 * MINUTE_US


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer would like."""

    key: str
    kind: FulfilKind
    lines: tuple[Need, ...]
    now_us: int
    ordered_us: int
    """When the order comes at the latest."""
    location: str = ""
    destination: Destination = NOWHERE
    value_minor: int | None = None
    seller: str = ""
    inbound: bool = False
    """Whether it may rest on goods that are on their way, where nothing free can serve it."""


class OfferedOption(NamedTuple):
    """One promise that could be made, and what lies behind it."""

    promise: Promise
    name: str
    """Of the store to collect at, or empty."""
    minor: int
    """What fulfilling it would cost."""
    shipments: int
    age_seconds: int | None
    """Of the oldest knowledge that it rests on; None when a location was never heard."""
    free: int = 1
    """How many more times all of it could be promised, from the one location that sends it; else 1."""
    rests_on: tuple[Later, ...] = ()
    """What it waits for, where it rests on goods that are on their way."""


def options(
    connection: Connection, terms: Promising, wish: Wish
) -> tuple[list[OfferedOption], list[Rejected]]:
    """Return what could be promised, the soonest first, and why others could not."""
    found, rejected = _options(connection, terms, wish, ())
    if not found and wish.inbound:
        found = _on_its_way(connection, terms, wish)
    return found, rejected


def _on_its_way(connection: Connection, terms: Promising, wish: Wish) -> list[OfferedOption]:
    """Return what could be promised once the earliest goods that suffice have arrived."""
    coming = claimable(connection, list(dict.fromkeys(line.sku for line in wish.lines)))
    for at_us in moments(coming, now_us=wish.ordered_us, due_us=wish.ordered_us + AHEAD_US):
        there = [each for each in coming if wish.ordered_us < each.due_us <= at_us]
        found, _rejected = _options(connection, terms, replace(wish, ordered_us=at_us), there)
        if found:
            return found
    return []


def _options(
    connection: Connection, terms: Promising, wish: Wish, coming: Sequence[Coming]
) -> tuple[list[OfferedOption], list[Rejected]]:
    memory: dict[str, Any] = {}
    ask = Ask(
        key=wish.key,
        kind=wish.kind,
        due_us=wish.ordered_us + AHEAD_US,
        now_us=wish.ordered_us,
        lines=wish.lines,
        location=wish.location,
        promise_class=PromiseClass.STANDARD,
    )
    about = About(destination=wish.destination, value_minor=wish.value_minor, seller=wish.seller)
    book = current.book(connection, terms, memory)
    facts = snapshot.facts_of(connection, ask, book, about, memory, heard_us=wish.now_us)
    if coming:
        facts = with_coming(facts, coming, kept_back(connection, book.terms, list(ask.wanted), memory))
    if wish.kind is FulfilKind.SHIP:
        question = question_of(book, facts)
        shipped = _shipped(book, facts, question)
        short = [] if shipped else _too_little(question.instance)
        return shipped, [*short, *question.rejected]
    return _collected(book, facts, wish)


def _shipped(book: Book, facts: Facts, question: Question) -> list[OfferedOption]:
    found = []
    moments = _moments(book, facts, question)
    services = {option.service for site in question.instance.sites for option in site.options}
    for service in sorted(services):
        plan = _soonest(book, question.instance, service, moments)
        if plan is None:
            continue
        sent = [moments[each.location, service] for each in plan.shipments]
        zones = {question.apart[each.location].zone for each in plan.shipments}
        prices = [
            each.price_minor for zone in zones for each in book.carried(zone) if each.service == service
        ]
        promise = Promise(
            kind=FulfilKind.SHIP,
            location=facts.ask.location,
            due_us=max([each.handed_us or 0 for each in sent]),
            promise_class=PromiseClass.STANDARD,
            service=service,
            deliver_us=max([each.arrives_us for each in sent]),
            price_minor=max(prices),
        )
        found.append(_offered(promise, "", plan, question.cost_minor(plan), facts))
    return sorted(found, key=lambda each: (each.promise.deliver_us, each.promise.price_minor))


def _moments(book: Book, facts: Facts, question: Question) -> dict[tuple[str, str], Arrival]:
    """Return by location and service when goods leave and when they are where they shall be."""
    ways, known = Ways(book, facts.ask, 0), {each.location: each for each in facts.known}
    found: dict[tuple[str, str], Arrival] = {}
    alike: dict[tuple[int, str, str, str, str], Arrival] = {}
    for site in question.instance.sites:
        at = known[site.location]
        when, zone = ways.when(at), question.apart[site.location].zone
        for option in site.options:
            service = option.service
            # A way between two locations is of these two alone; a carrier comes to many at the same hour.
            own = site.location if service == TRANSFER else book.cutoff_name(site.location, service)
            key = (id(when), own, at.zone, zone, service)
            moment = alike.get(key)
            if moment is None:
                days = {each.service: each.days for each in book.carried(zone)}
                moment = alike[key] = _moment(book, facts, (ways, when, at), service, days)
            found[site.location, service] = moment
    return found


def _moment(
    book: Book, facts: Facts, at: tuple[Ways, When, Known], service: str, days: dict[str, int]
) -> Arrival:
    ways, when, known = at
    ready = when.ready_us or 0
    if service == "":
        return Arrival(ready, ready)
    if service == TRANSFER:
        lane = book.lanes[known.location, facts.ask.location]
        return Arrival(ready, ways.sent_us(when, lane, facts.known))
    if not book.cutoffs(book.cutoff_name(known.location, service), service):
        handed = max(ready, facts.ask.now_us + SOON_US[PromiseClass.STANDARD])
        return Arrival(handed, arrives_us(handed, days[service], ZoneInfo(known.zone)))
    return ways.arrival(when, known, service, days[service])


def _soonest(
    book: Book, instance: Instance, service: str, moments: dict[tuple[str, str], Arrival]
) -> Plan | None:
    """Return the plan of the earliest day that is worth its cost; None when the service cannot serve all."""
    # Locations whose options are one object stay alike to the solver, which prices them once.
    only = {id(site.options): site.options for site in instance.sites}
    named = {key: tuple([each for each in all_of if each.service == service]) for key, all_of in only.items()}
    by_service = tuple(
        [site._replace(options=named[id(site.options)]) for site in instance.sites if named[id(site.options)]]
    )
    cheapest = _whole(replace(instance, sites=by_service))
    if cheapest is None:
        return None
    units = sum([line.quantity for line in instance.lines])
    last = max([moments[each.location, service].arrives_us for each in cheapest.shipments])
    days = sorted({moments[site.location, service].arrives_us for site in by_service})
    for day in days[:DAYS_TRIED]:
        if day >= last:
            break
        sites = tuple(site for site in by_service if moments[site.location, service].arrives_us <= day)
        plan = _whole(replace(instance, sites=sites))
        saved = -(-(last - day) // DAY_US)
        worth = book.said.general.saved_day_minor * units * saved
        if plan is not None and plan.objective.minor - cheapest.objective.minor <= worth:
            return plan
    return cheapest


def _collected(book: Book, facts: Facts, wish: Wish) -> tuple[list[OfferedOption], list[Rejected]]:
    stores = _stores(book, facts, wish)
    senders: dict[str, set[str]] = {}
    for origin, to in () if facts.coming else book.lanes:  # no promise rests on two journeys
        senders.setdefault(to, set()).add(origin)
    found: list[OfferedOption] = []
    rejected: list[Rejected] = []
    for store in stores:
        # Whoever sends nothing there is not looked at: of a company of five hundred that is nearly everybody.
        there = {store.location, *senders.get(store.location, ())}
        known = [each for each in facts.known if each.location in there]
        at_store = replace(facts, ask=replace(facts.ask, location=store.location), known=known)
        question = question_of(book, at_store)
        plan = _whole(question.instance)
        if plan is None:
            rejected += [row for row in question.rejected if row.location == store.location]
            continue
        moments = _moments(book, at_store, question)
        ready = max([moments[each.location, each.service].arrives_us for each in plan.shipments])
        due_us = -(-ready // QUARTER_US) * QUARTER_US
        tight = class_of(due_us - facts.ask.now_us)
        late = state_of(store.age_seconds, active=True) != "online"
        promise = Promise(
            kind=FulfilKind.COLLECT,
            location=store.location,
            due_us=due_us,
            promise_class=PromiseClass.SAME_DAY if late and tight is PromiseClass.SAME_HOUR else tight,
            keep_until_us=due_us + book.terms.kept_us,
        )
        found.append(_offered(promise, store.name, plan, question.cost_minor(plan), facts))
    return sorted(found, key=lambda each: (each.promise.due_us, each.promise.location)), rejected


def _stores(book: Book, facts: Facts, wish: Wish) -> Sequence[Known]:
    """Return the stores that are looked at: the one that is named, or the nearest, first who has it."""
    there = wish.destination.point

    def away(store: Known) -> tuple[bool, int, str]:
        here = point_of(book.places.get(store.location)) or facts.points.get(store.location)
        far = metres(here, there) if here is not None and there is not None else 0
        return (bool(store.silent) or not _times(store, facts), far, store.location)

    stores = [each for each in facts.known if each.kind == "store" and wish.location in ("", each.location)]
    return sorted(stores, key=away)[:STORES]


def _whole(instance: Instance) -> Plan | None:
    """Return the best plan if it serves everything."""
    plan = solve(instance)
    whole = isinstance(plan, Plan) and not plan.objective.unserved and bool(plan.shipments)
    return plan if whole and isinstance(plan, Plan) else None


def _too_little(instance: Instance) -> list[Rejected]:
    """Return why the locations that have a part of what is wanted cannot serve it together."""
    plan = solve(instance)
    return list(part_only(instance, plan)) if isinstance(plan, Plan) and plan.unserved else []


def _offered(promise: Promise, name: str, plan: Plan, minor: int, facts: Facts) -> OfferedOption:
    known = {each.location: each for each in facts.known}
    senders = [known[each.location] for each in plan.shipments]
    heard = [each.age_seconds for each in senders if each.age_seconds is not None]
    age = max(heard) if len(heard) == len(senders) and heard else None
    free = _times(senders[0], facts) if len(senders) == 1 else 1
    return OfferedOption(promise, name, minor, len(senders), age, free, _rests_on(plan, facts))


def _rests_on(plan: Plan, facts: Facts) -> tuple[Later, ...]:
    """Return what of a plan is still on its way."""
    if not facts.coming:
        return ()
    names = {line.line_no: line.sku for line in facts.ask.lines}
    found: list[Later] = []
    for each in plan.shipments:
        here = [one for one in facts.coming if one.location == each.location]
        units = {int(line): count for line, count in each.units.items()}
        found += split(units, names, facts.now.get(each.location, {}), here)[1]
    return tuple(found)


def _times(place: Known, facts: Facts) -> int:
    """Return how many times a location could send all that is wanted."""
    units = facts.ask.wanted.values()
    return min([place.stock[at * WIDTH + PROMISABLE] // count for at, count in enumerate(units)])
