"""Letting an order wait for goods on their way, instead of telling a person that nobody can fulfil it.

Only where nothing free keeps the promise, and only for goods that are expected early enough: the router is
asked as if the order came in when they arrive, so the time for handling, opening hours and carriers count as
ever. What is free of it is held at once and the rest is claimed (`hub.stock.claims`). Nothing is begun before
all of it is there, as no order is fulfilled in part by itself; `arriving` goes on from here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from hub.route import asking, keeping
from hub.route.asking import ToRoute, ask_about, ask_of
from hub.route.facts.inbound import holding_only, with_coming
from hub.route.facts.known import Facts
from hub.route.keeping import Because, Kept
from hub.route.rules.choice import Chosen
from hub.spine.steps import record
from hub.spine.work import Work
from hub.stock import claims
from hub.stock.claim_rules import Coming, Later, moments, split
from hub.stock.claims import Claim, Wait
from hub.stock.policy import kept_back
from protocol.clock import from_us
from protocol.errors import OutOfRights
from protocol.later import AwaitedUnits, OrderWaits

AWAITED: Final = 100
"""Claims of one order; one that would wait for more is for a person."""
SENTENCE: Final = 300


@dataclass(frozen=True, slots=True)
class Place:
    """What one location fulfils of an order that waits: what is free there now, and what comes."""

    location: str
    now: Mapping[int, int]
    later: Sequence[Later]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order could wait for."""

    found: Chosen
    places: tuple[Place, ...]
    because: Because

    @property
    def later(self) -> list[tuple[str, Later]]:
        """Everything that it would wait for, with where."""
        return [(place.location, each) for place in self.places for each in place.later]


def plan(work: Work, order: ToRoute, because: Because) -> Plan | None:
    """Return what an order could wait for and be kept as promised; None where nothing is early enough."""
    connection, now_us = work.connection, work.clock.now_us()
    skus = list(dict.fromkeys(line.sku for line in order.lines))
    coming = claims.claimable(connection, skus)
    for at_us in moments(coming, now_us=now_us, due_us=order.promise.due_us):
        there = [each for each in coming if now_us < each.due_us <= at_us]
        found = _plan(work, order, because, there, at_us)
        if found is not None:
            return found
    return None


def _plan(work: Work, order: ToRoute, because: Because, coming: Sequence[Coming], at_us: int) -> Plan | None:
    ask = ask_of(order.order_id, order.promise, order.needs, at_us, because.excluded)
    kept = kept_back(work.connection, work.terms.promising, list(ask.wanted), work.unit.memory)
    free: dict[str, Mapping[str, int]] = {}

    def revised(facts: Facts) -> Facts:
        then = with_coming(facts, coming, kept)
        free.update(then.now)
        return then

    put = ask_about(work, order, ask, revised=revised)
    found = asking.answer(put)
    if not isinstance(found, Chosen) or found.objective.late:
        return None
    names = {line.line_no: line.sku for line in order.lines}
    places = []
    for sent in sorted(found.sent, key=lambda each: each.location):
        here = [each for each in coming if each.location == sent.location]
        now, later = split(sent.units, names, free.get(sent.location, {}), here)
        if sum(now.values()) + sum([each.units for each in later]) < sum(sent.units.values()):
            return None
        places.append(Place(sent.location, now, later))
    made = Plan(found, tuple(places), because.knowing(put))
    return made if 0 < len(made.later) <= AWAITED else None


def wait(work: Work, order: ToRoute, because: Because) -> OrderWaits | None:
    """Let an order wait for goods on their way; None where it cannot, and then nothing was done."""
    made = plan(work, order, because)
    if made is None:
        return None
    wait_id, now_us = work.ids.new_id(), work.clock.now_us()
    waits = Wait(wait_id, order.order_id, order.number, order.promise.due_us, now_us)
    names = {line.line_no: line.sku for line in order.lines}
    try:
        with work.unit.savepoint():
            for place in made.places:
                held = [(line_no, names[line_no], units) for line_no, units in sorted(place.now.items())]
                claims.hold(
                    work.connection, waits, [work.ids.new_id() for _each in held], place.location, held
                )
                ids = [work.ids.new_id() for _each in place.later]
                claims.claim(work.connection, waits, ids, place.location, place.later)
    except OutOfRights:
        return None
    body = OrderWaits(
        decision_id=wait_id,
        order_id=order.order_id,
        number=order.number,
        trigger=because.trigger,
        lines=order.lines,
        awaited=tuple(_awaited(location, each) for location, each in made.later),
        sentence=sentence_of(made, work.terms.zone)[:SENTENCE],
    )
    kept = Kept(
        wait_id,
        order.order_id,
        body.sentence,
        made.found.digest,
        made.found,
        {each.location: "" for each in made.found.sent},
        waits=tuple(each.model_dump() for each in body.awaited),
    )
    keeping.keep(work.connection, kept, made.because, order.lines, now_us)
    record(work, body)
    return body


def keeps_if_arrived(work: Work, order: ToRoute, mine: Sequence[Claim], at_us: int) -> Chosen | None:
    """Return how an order is fulfilled whose units are all there at a moment; None if that were too late."""
    found = _if_arrived(work, order, mine, at_us)
    return found if found is not None and not found.objective.late else None


def from_held(work: Work, order: ToRoute, mine: Sequence[Claim]) -> tuple[Chosen, Because] | None:
    """Return how an order is fulfilled whose units have all arrived, and why it is decided now."""
    found = _if_arrived(work, order, mine, work.clock.now_us())
    if found is None or {each.location: dict(each.units) for each in found.sent} != held_by_line(mine):
        return None
    return found, Because(trigger="arrived")


def _if_arrived(work: Work, order: ToRoute, mine: Sequence[Claim], at_us: int) -> Chosen | None:
    held: dict[str, dict[str, int]] = {}
    for each in mine:
        here = held.setdefault(each.location, {})
        here[each.sku] = here.get(each.sku, 0) + each.units
    ask = ask_of(order.order_id, order.promise, order.needs, at_us)
    put = ask_about(work, order, ask, revised=lambda facts: holding_only(facts, held))
    found = asking.answer(put)
    return found if isinstance(found, Chosen) else None


def held_by_line(mine: Iterable[Claim]) -> dict[str, dict[int, int]]:
    """Return the units of each line by the location that fulfils them."""
    found: dict[str, dict[int, int]] = {}
    for each in mine:
        here = found.setdefault(each.location, {})
        here[each.line_no] = here.get(each.line_no, 0) + each.units
    return found


def end(work: Work, order_id: str, why: str) -> dict[int, int]:
    """Let an order wait for nothing any more; return the units of each line that waited or were held."""
    units = claims.waiting_units(work.connection, order_id)
    for wait_id in sorted({each.wait_id for each in claims.of_order(work.connection, order_id)}):
        claims.end(work.connection, wait_id, why)
    return units


def sentence_of(made: Plan, zone: str) -> str:
    """Say what an order waits for, in one sentence for people."""
    by_transfer: dict[tuple[str, str, int], int] = {}
    for location, each in made.later:
        key = (made.found.names.get(location, location), each.coming.number, each.coming.due_us)
        by_transfer[key] = by_transfer.get(key, 0) + each.units
    said = [
        f"{place} waits for {units} of transfer {number}, expected {day_of(due_us, zone)}"
        for (place, number, due_us), units in sorted(by_transfer.items(), key=lambda item: item[0][2])
    ]
    return f"{'; '.join(said)}; nothing free keeps the promise."


def day_of(at_us: int, zone: str) -> str:
    """Return a day as people say it: `Thu 3 Dec`."""
    here = from_us(at_us).astimezone(ZoneInfo(zone))
    return f"{here:%a} {here.day} {here:%b}"


def _awaited(location: str, later: Later) -> AwaitedUnits:
    coming = later.coming
    return AwaitedUnits(
        line_no=later.line_no,
        sku=coming.sku,
        units=later.units,
        location=location,
        transfer_id=coming.transfer_id,
        transfer_number=coming.number,
        due_us=coming.due_us,
    )
