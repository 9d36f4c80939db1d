"""The best plan of an order: fifty proven questions, the same answer when shuffled, and an honest gap."""

import json
from typing import Any

import pytest

from hub.route.door import plans_of, read_instances
from hub.route.rules.instance import Infeasible, Instance, Line, Option, Plan, Site
from hub.route.rules.prices import objective_of, unserved_of
from hub.route.rules.solve import solve
from hub.route.rules.tables import weigh
from protocol.errors import Invalid
from tests.support.routing import proven, shuffled

PROVEN = proven()
QUESTIONS = [read_instances(json.dumps([item["instance"]]))[0] for item in PROVEN]
ORACLES = [item["oracle"] for item in PROVEN]
IDS = [each.id for each in QUESTIONS]
BOTH = list(zip(QUESTIONS, ORACLES, strict=True))


def plan_of(question: Instance, **how: Any) -> Plan:
    """Return a plan that must exist."""
    plan = solve(question, **how)
    assert isinstance(plan, Plan)
    return plan


def small(*sites: Site, lines: tuple[Line, ...] = (Line("L1", 2),), shipments: int = 3) -> Instance:
    """Return a question that a reader can answer."""
    return Instance("q", "ship", shipments, lines, sites)


def site(name: str, units: int = 9, fixed: int = 100, **changed: Any) -> Site:
    """Return a location that asks nothing but the price of a parcel."""
    plain = Site(name, 99, {"L1": units}, 0, 0, {}, {}, (Option("van", 0, fixed, ((9999, 0),)),))
    return plain._replace(**changed)


@pytest.mark.parametrize(("question", "oracle"), BOTH, ids=IDS)
def test_the_best_plan_is_the_proven_one(question: Instance, oracle: dict[str, Any]) -> None:
    plan = plan_of(question)
    assert list(plan.objective) == oracle["objective"]
    assert plan.proof == "optimal"
    assert plan.bound == plan.objective
    assert objective_of(question, plan.shipments) == plan.objective
    assert unserved_of(question, plan.shipments) == plan.unserved


@pytest.mark.parametrize(("question", "oracle"), BOTH, ids=IDS)
def test_insisting_on_a_location_and_forbidding_one_cost_what_is_proven(
    question: Instance, oracle: dict[str, Any]
) -> None:
    for location, objective in oracle["forced"].items():
        forced = solve(question, force=location)
        assert (list(forced.objective) if isinstance(forced, Plan) else None) == objective
    for location, objective in oracle["forbidden"].items():
        assert list(plan_of(question, forbid=frozenset({location})).objective) == objective


@pytest.mark.parametrize("question", QUESTIONS, ids=IDS)
def test_a_shuffled_question_has_the_same_answer(question: Instance) -> None:
    assert solve(shuffled(question, seed=7)) == solve(question)


def test_locations_that_cost_the_same_take_turns_order_by_order() -> None:
    sites = [site(f"S{n}") for n in range(4)]
    chosen = {
        plan_of(Instance(f"order-{n}", "ship", 1, (Line("L1", 1),), tuple(sites))).shipments[0].location
        for n in range(40)
    }
    assert chosen == {"S0", "S1", "S2", "S3"}


def test_units_of_a_line_come_from_two_locations_where_one_has_too_few() -> None:
    plan = plan_of(small(site("A", 1), site("B", 1)))
    assert [(each.location, dict(each.units)) for each in plan.shipments] == [
        ("A", {"L1": 1}),
        ("B", {"L1": 1}),
    ]
    assert plan.objective == (0, 0, 200, 2)


def test_a_location_used_twice_by_the_relaxation_is_used_once_by_the_plan() -> None:
    """Two single units would each be cheap there; both together are too heavy for its cheap band."""
    cheap = site("A", 2, 0, options=(Option("van", 0, 0, ((1000, 0), (9999, 5000))),))
    plan = plan_of(small(cheap, site("B", 2, 300), lines=(Line("L1", 2, 800),)))
    assert plan.objective == (0, 0, 300, 1)


def test_nobody_who_can_serve_leaves_everything_unserved() -> None:
    plan = plan_of(small(site("A", 0), site("B", 5, options=())))
    assert plan == plan_of(small())
    assert (plan.shipments, plan.unserved, plan.objective) == ((), {"L1": 2}, (2, 0, 0, 0))


def test_a_price_below_zero_does_not_make_something_too_heavy_sendable() -> None:
    heavy = site("A", 2, opportunity_minor={"L1": (-900, -900)}, options=(Option("van", 0, 0, ((10, 0),)),))
    asked = small(heavy, lines=(Line("L1", 2, 500),))
    assert plan_of(asked).objective == (2, 0, 0, 0)
    assert solve(asked, force="A") == Infeasible("FORCED_CANNOT_SERVE", "A cannot send a single unit of it")


def test_insisting_on_nobody_or_on_somebody_forbidden_says_why_not() -> None:
    asked = small(site("A"))
    unknown, forbidden = solve(asked, force="Z"), solve(asked, force="A", forbid=frozenset({"A"}))
    assert isinstance(unknown, Infeasible)
    assert isinstance(forbidden, Infeasible)
    assert (unknown.code, forbidden.code) == ("FORCED_UNKNOWN", "FORCED_FORBIDDEN")


def test_what_is_too_large_has_a_plan_with_a_bound_and_says_that_it_is_not_proven() -> None:
    lines = tuple(Line(f"L{n}", 30, 10) for n in range(6))
    stock = {line.id: 20 + n for n, line in enumerate(lines)}
    question = small(*(site(f"S{n}", fixed=100 + n, atp=stock, cap_units=999) for n in range(4)), lines=lines)
    plan = plan_of(question)
    assert plan.proof == "gap"
    assert weigh(plan.bound) < weigh(plan.objective)
    assert objective_of(question, plan.shipments) == plan.objective
    assert plan.objective == (0, 0, 201, 2)
    assert solve(shuffled(question, seed=3)) == plan
    assert plan_of(question, force="S3").objective == (0, 0, 203, 2)
    assert plan_of(question, forbid=frozenset({"S0"})).objective == (0, 0, 203, 2)


def door_location(**changed: Any) -> dict[str, Any]:
    """Return a location as the door reads it."""
    bands = [[1000, 0], [5000, 100]]
    plain = {"id": "A", "cap_units": 5, "atp": {"L1": 2}, "options": [{"service": "van", "bands": bands}]}
    return {**plain, **changed}


def door(*locations: dict[str, Any], **changed: Any) -> str:
    """Return a file of one instance."""
    lines = [{"id": "L1", "qty": 1, "weight_g": 10}]
    said = {"id": "q", "kind": "ship", "max_shipments": 1, "lines": lines, "locations": list(locations)}
    return json.dumps([{**said, **changed}])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is not JSON"),
        ('{"items": 3}', "no list of instances"),
        ("[4]", "instance 1"),
        (door(door_location(cap_units=-1)), "q: locations[0].cap_units"),
        (door(door_location(atp={"L1": -1})), "q: locations[0].atp.L1"),
        (door(door_location(atp={"L9": 1})), "A names the line L9"),
        (door(door_location(), door_location()), "the location A stands here twice"),
        (door(max_shipments=0), "q: max_shipments"),
        (door(kind="fly"), "q: kind"),
        (
            door(door_location(options=[{"service": "van", "bands": [[5, 0], [5, 1]]}])),
            "the weights of the bands do not rise",
        ),
    ],
)
def test_an_instance_that_makes_no_sense_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_instances(text)
    assert why in refused.value.what
    assert refused.value.reason == "bad_instances"


def test_the_door_writes_a_plan_and_says_what_cannot_be_forced() -> None:
    questions = read_instances(door(door_location(), door_location(id="B", atp={})))
    assert plans_of(questions) == [
        {
            "id": "q",
            "shipments": [{"location": "A", "service": "van", "lines": {"L1": 1}}],
            "unserved": {},
            "objective": [0, 0, 0, 1],
            "proof": "optimal",
        }
    ]
    assert plans_of(questions, force="B") == [{"id": "q", "infeasible": "FORCED_CANNOT_SERVE"}]
    assert plans_of(questions, forbid="A")[0]["unserved"] == {"L1": 1}
    with pytest.raises(Invalid):
        plans_of(questions, force="Z")
