"""One order under other rules, or with a location insisted on or left out: what it would come to.

It is asked as it was when the order was placed, with the stock of this moment and with what the order itself
holds. Nothing is written and nobody is asked.
"""

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.route.facts import current
from hub.route.facts.apart import Apart
from hub.route.facts.question import Question, question_of
from hub.route.rules.choice import Rejected
from hub.route.rules.instance import Infeasible, Objective, Plan, Shipment
from hub.route.rules.prices import CostParts, cheapest_option, parts_of
from hub.route.rules.solve import solve
from hub.route.what_if import past
from hub.route.what_if.replay import Run
from protocol.errors import Invalid
from protocol.kit.text import _


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked at."""

    version: int | None = None
    """Of the routing rules; the one that counts when it is left out."""
    insist: str = ""
    """A location that has to send something."""
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sent:
    """One shipment of an answer with its money."""

    location: str
    service: str
    units: dict[str, int]
    """By line number."""
    late_days: int
    parts: CostParts
    apart: Apart


@dataclass(frozen=True, slots=True)
class Result:
    """What the order would come to, beside the best answer of the same rules."""

    version: int
    sent: tuple[Sent, ...]
    unserved: dict[str, int]
    objective: Objective | None
    """None when what was insisted on cannot be."""
    why_not: str
    minor: int
    """What it would cost."""
    best_minor: int
    """What the best answer of the same rules costs."""
    proof: str
    rejected: tuple[Rejected, ...]
    places: int
    """Locations that could be asked."""


def what_if(hub: Hub, connection: Connection, order_id: str, wanted: Wanted) -> Result:
    """Return what an order would come to; nothing is written.

    Raises:
        NotFound: there is no such version.
        Invalid: nothing of the order is routed by the hub.
    """
    terms = hub.spine.terms.promising
    version = current.active_version(connection) if wanted.version is None else wanted.version
    book = current.book_of(connection, terms, version)
    found = past.orders_of(connection, [order_id], seller=hub.settings.entity)
    if not found:
        raise Invalid(
            _("Nothing of this order is routed."), _("Look at an order for later."), code="not_routed"
        )
    world = past.world_of(connection, (book,), found, hub.clock.now_us())
    question = question_of(book, Run(book, world).facts(found[0]))
    best = solve(question.instance)
    assert isinstance(best, Plan)  # nothing is forced here
    plan = solve(question.instance, force=wanted.insist, forbid=wanted.without)
    rejected, places = question.rejected, len(question.instance.sites)
    if isinstance(plan, Infeasible):
        why = next((row.fact for row in rejected if row.location == wanted.insist), plan.fact)
        return Result(version, (), {}, None, why, 0, question.cost_minor(best), best.proof, rejected, places)
    return Result(
        version=version,
        sent=tuple(_sent(question, shipment, nth) for nth, shipment in enumerate(plan.shipments)),
        unserved=dict(plan.unserved),
        objective=plan.objective._replace(minor=question.cost_minor(plan)),
        why_not="",
        minor=question.cost_minor(plan),
        best_minor=question.cost_minor(best),
        proof=plan.proof,
        rejected=rejected,
        places=places,
    )


def _sent(question: Question, shipment: Shipment, nth: int) -> Sent:
    lines = {line.id: line for line in question.instance.lines}
    site = next(each for each in question.instance.sites if each.location == shipment.location)
    named = tuple(option for option in site.options if option.service == shipment.service)
    option = cheapest_option(site._replace(options=named), lines, shipment.units)
    assert option is not None  # the plan is of these options
    parts = parts_of(site, option, lines, shipment.units)
    assert parts is not None
    if not nth:
        parts = parts._replace(fixed_minor=parts.fixed_minor - question.split_minor)
    apart = question.apart[shipment.location]
    return Sent(shipment.location, shipment.service, dict(shipment.units), option.late_days, parts, apart)
