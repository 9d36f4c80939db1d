"""Choose who fulfils an order, and keep what every other answer would have cost.

Question in, decision out: the caller makes the question of facts of the transaction that stores the decision
(`hub.route.facts`). A "no" keeps a reason for every location and a "yes" a price, because whoever opens it
asks "why not Turin?". The order in which locations are given changes nothing.

What a reader would get wrong: an order that cannot be fulfilled whole is not fulfilled in part by itself. A
customer who is sent two of three things and then told that there is no third decides otherwise than one who
is asked first; so that is a choice for a person, with what the part would cost.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from hub.route.rules.insist import Insisted, Studied, study
from hub.route.rules.instance import Instance, Objective, Plan, Site, made_of
from hub.route.rules.prices import CostParts, cheapest_option, objective_of, parts_of
from hub.route.rules.solve import solve
from protocol.fulfilment import FulfilKind, PromiseClass

ENGINE: Final = 1
"""Raised when the same question would be answered otherwise; kept with every decision."""
MAX_RE_ROUTES: Final = 2
"""Automatic re-routes of one order; then a person decides, because something is wrong with more than it."""
_SAID: Final = 3
"""Reasons that the sentence for people names."""


@dataclass(frozen=True, slots=True)
class Need:
    """Units of one order line that somebody is to fulfil."""

    line_no: int
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What the customer was promised, and who must not be asked again."""

    key: str
    """The order's id: it spreads orders over locations that cost the same."""
    kind: FulfilKind
    due_us: int
    now_us: int
    lines: tuple[Need, ...]
    location: str = ""
    """For collection: where. For shipping: where the goods must come from, or anywhere."""
    service: str = ""
    promise_class: PromiseClass = PromiseClass.STANDARD
    excluded: frozenset[str] = frozenset()
    """Locations that have given this order back."""

    @property
    def wanted(self) -> dict[str, int]:
        """Units by item."""
        found: dict[str, int] = {}
        for line in self.lines:
            found[line.sku] = found.get(line.sku, 0) + line.quantity
        return found

    @property
    def units(self) -> int:
        """All units together."""
        return sum([line.quantity for line in self.lines])


class Rejected(NamedTuple):
    """A location that was passed over, and the rule that removed it."""

    location: str
    code: str
    fact: str


class Sent(NamedTuple):
    """What one location sends, how, and what it costs by its parts."""

    location: str
    name: str
    service: str
    late_days: int
    units: dict[int, int]
    """By line number."""
    parts: CostParts

    @property
    def cost_minor(self) -> int:
        """All of it."""
        return self.parts.minor


class Answer(NamedTuple):
    """One way to do it: who sends what, and what it is judged by."""

    sent: tuple[Sent, ...]
    objective: Objective


@dataclass(frozen=True, slots=True)
class Chosen:
    """Fulfil from here."""

    sent: tuple[Sent, ...]
    objective: Objective
    proof: str
    bound: Objective
    insisted: tuple[Insisted, ...]
    """For every location that could: what insisting on it would cost more, the cheapest first."""
    if_rejected: Mapping[str, Objective]
    """For every location that is chosen: the next answer if it gives its part back."""
    rejected: tuple[Rejected, ...]
    digest: str
    names: Mapping[str, str]

    @property
    def able(self) -> int:
        """How many locations could send all or a part of it."""
        return sum([len(row.locations) for row in self.insisted])

    @property
    def next_best(self) -> tuple[str, Insisted] | None:
        """The location that is not chosen and costs least to insist on."""
        for row in self.insisted:
            for location in row.locations:
                if location not in self.if_rejected:
                    return location, row
        return None

    @property
    def sentence(self) -> str:
        """Say it in one sentence for people."""
        other = self.next_best
        first = self.sent[0]
        if len(self.sent) > 1:
            who = "; ".join(f"{each.name} sends {_units(each.units)}" for each in self.sent)
            more = f", the cheapest of {self.able} locations that keep the promise in part or whole"
            return f"{who}: together{more if other is not None else ' they keep the promise'}."
        if other is None:
            return f"{first.name} is the only location that keeps the promise."
        price = f"next is {self.names.get(other[0], other[0])}, {_more(other[1])}"
        return f"{first.name} is the cheapest of {self.able} locations that keep the promise; {price}."


@dataclass(frozen=True, slots=True)
class NoLocation:
    """No location can keep the promise; `rejected` says why, location by location."""

    rejected: tuple[Rejected, ...]
    digest: str
    choices: tuple[Answer, ...] = ()
    """What could be done instead, if a person wants it: a part of it, or at another price."""
    said: str = ""

    @property
    def sentence(self) -> str:
        """Say it in one sentence for people."""
        if self.said:
            return self.said
        if not self.rejected:
            return "No location can keep the promise: none is known."
        said = "; ".join(f"{row.location}: {row.fact}" for row in self.rejected[:_SAID])
        more = len(self.rejected) - _SAID
        return f"No location can keep the promise. {said}{f'; and {more} more' if more > 0 else ''}."


def choose(
    instance: Instance,
    rejected: Sequence[Rejected],
    names: Mapping[str, str],
    *,
    saved_day_minor: int | None = None,
    split_minor: int = 0,
) -> Chosen | NoLocation:
    """Return the best answer that fulfils everything, with a price or a reason for every other location.

    `saved_day_minor`: the most that may be spent to have one unit a day earlier; beyond it a person chooses.
    `split_minor`: what stands in the price of every shipment because a customer dislikes several; the first
    one splits nothing, so what is kept and said is less by it.
    """
    digest = digest_of(instance, rejected)
    studied = study(instance)
    plan, said = studied.plan, tuple(rejected)
    if plan.unserved:
        return _in_part(instance, plan, said, digest, (names, split_minor))
    sent = sent_by(instance, plan, names, split_minor)
    cheap = _cheaper_but_late(instance, plan, saved_day_minor)
    if cheap is not None:
        both = (
            Answer(sent, _first_free(plan.objective, split_minor)),
            Answer(sent_by(instance, cheap, names, split_minor), _first_free(cheap.objective, split_minor)),
        )
        saved, more = cheap.objective.late - plan.objective.late, plan.objective.minor - cheap.objective.minor
        late = f"Being {saved} unit-days earlier would cost {_money(more)} more than being late"
        why = f"{late}: somebody decides."
        return NoLocation(said, digest, both, why)
    return Chosen(
        sent=sent,
        objective=_first_free(plan.objective, split_minor),
        proof=plan.proof,
        bound=_first_free(plan.bound, split_minor),
        insisted=studied.insisted,
        if_rejected={at: _first_free(each, split_minor) for at, each in studied.if_rejected.items()},
        rejected=(*said, *_cannot_send(instance, studied)),
        digest=digest,
        names=names,
    )


def _first_free(objective: Objective, split_minor: int) -> Objective:
    return objective._replace(minor=objective.minor - (split_minor if objective.shipments else 0))


def sent_by(
    instance: Instance, plan: Plan, names: Mapping[str, str], split_minor: int = 0
) -> tuple[Sent, ...]:
    """Return the shipments of a plan with their prices, whoever sends most first."""
    lines = {line.id: line for line in instance.lines}
    sites = {site.location: site for site in instance.sites}
    found = []
    for shipment in plan.shipments:
        site = sites[shipment.location]
        option = cheapest_option(site, lines, shipment.units)
        parts = None if option is None else parts_of(site, option, lines, shipment.units)
        assert option is not None
        assert parts is not None
        units = {int(line): n for line, n in shipment.units.items()}
        name = names.get(site.location, site.location)
        found.append(Sent(site.location, name, option.service, option.late_days, units, parts))
    found.sort(key=lambda each: (-sum(each.units.values()), each.location))
    if found:
        parts = found[0].parts
        found[0] = found[0]._replace(parts=parts._replace(fixed_minor=parts.fixed_minor - split_minor))
    return tuple(found)


def digest_of(instance: Instance, rejected: Sequence[Rejected]) -> str:
    """Return a digest of everything a decision rests on, whatever order it was given in."""
    full = {line.id: line.quantity for line in instance.lines}
    # Five hundred stores share what they say, so each thing is written once, with all who say it.
    alike: dict[tuple[int, ...], list[Site]] = {}
    for site in instance.sites:
        alike.setdefault(made_of(site), []).append(site)
    rows: dict[str, list[str]] = {}
    for sites in alike.values():
        first = sites[0]
        atp = "" if first.atp == full else repr(sorted(first.atp.items()))
        key = (atp, first.cap_units, first.pick_line_minor, first.pick_unit_minor)
        prices = (sorted(first.unit_minor.items()), sorted(first.opportunity_minor.items()))
        names = rows.setdefault(f"{key} {prices} {sorted(first.options)}", [])
        names.extend([site.location for site in sites])
    asked = (instance.id, instance.kind, instance.max_shipments, sorted(instance.lines))
    places = sorted([f"{said} {sorted(names)}" for said, names in rows.items()])
    whole = "\n".join([repr(asked), *places, *sorted(map(repr, rejected))])
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def _cannot_send(instance: Instance, studied: Studied) -> list[Rejected]:
    """Return the locations that have something and can send none of it, because every part is too heavy."""
    able = {location for row in studied.insisted for location in row.locations}
    if len(able) == len(instance.sites) or studied.plan.proof != "optimal":
        return []
    unable = sorted([site.location for site in instance.sites if site.location not in able])
    return [
        Rejected(location, "TOO_HEAVY", "no service takes so much weight from there") for location in unable
    ]


def _in_part(
    instance: Instance,
    plan: Plan,
    rejected: tuple[Rejected, ...],
    digest: str,
    said: tuple[Mapping[str, str], int],
) -> NoLocation:
    """Return the refusal of what cannot be fulfilled whole, with the reason of those that have a part."""
    part = part_only(instance, plan)
    sent = sent_by(instance, plan, *said)
    choices = (Answer(sent, _first_free(plan.objective, said[1])),) if sent else ()
    return NoLocation((*part, *rejected), digest, choices)


def part_only(instance: Instance, plan: Plan) -> tuple[Rejected, ...]:
    """Return why locations that have a part of an order are no answer: together they have too little."""
    wanted = {line.id: line.quantity for line in instance.lines}

    def fact(site: Site) -> str:
        has = ", ".join(
            f"{min(site.atp.get(line, 0), wanted[line])} of {wanted[line]} of line {line}"
            for line in sorted(plan.unserved)
        )
        return f"has {has}, and nobody has the rest"

    sites = sorted(instance.sites, key=lambda site: site.location)
    return tuple([Rejected(site.location, "NO_ATP", fact(site)) for site in sites])


def _cheaper_but_late(instance: Instance, plan: Plan, saved_day_minor: int | None) -> Plan | None:
    """Return the plan that saves too much money to be passed over silently; None where there is none."""
    if saved_day_minor is None or not any(way.late_days for site in instance.sites for way in site.options):
        return None
    sites = tuple(
        site._replace(options=tuple([option._replace(late_days=0) for option in site.options]))
        for site in instance.sites
    )
    cheap = solve(replace(instance, sites=sites))
    assert isinstance(cheap, Plan)
    real = objective_of(instance, cheap.shipments)
    saved = real.late - plan.objective.late
    if saved <= 0 or plan.objective.minor - real.minor <= saved * saved_day_minor:
        return None
    return replace(cheap, objective=real, bound=real)


def _units(units: Mapping[int, int]) -> str:
    count = sum(units.values())
    return "1 unit" if count == 1 else f"{count} units"


def _more(insisted: Insisted) -> str:
    if insisted.unserved:
        return f"with {insisted.unserved} units that nobody sends"
    if insisted.late:
        return f"{insisted.late} unit-days later"
    if not insisted.minor:
        return "for the same money"
    return f"{_money(insisted.minor)} more" if insisted.minor >= 0 else f"{_money(-insisted.minor)} less"


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
