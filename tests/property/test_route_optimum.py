"""Our plans against a solver of mixed integer programs, on questions with everything that is awkward."""

import pytest

from hub.route.rules.by_hand import bound_of, by_hand
from hub.route.rules.instance import Plan
from hub.route.rules.prices import objective_of
from hub.route.rules.solve import solve
from hub.route.rules.tables import weigh
from tests.support.milp import optimum
from tests.support.routing import made_up, made_up_wide


@pytest.mark.parametrize("block", range(8))
def test_no_plan_of_a_milp_solver_is_better_or_worse_than_ours(block: int) -> None:
    """Also with a location that must send something, and with one that may not."""
    for seed in range(100 + 10 * block, 110 + 10 * block):
        question = made_up(seed)
        plan = solve(question)
        assert isinstance(plan, Plan)
        assert (seed, plan.objective, plan.proof) == (seed, optimum(question), "optimal")
        assert objective_of(question, plan.shipments) == plan.objective
        for site in question.sites[:1]:
            forced = solve(question, force=site.location)
            found = forced.objective if isinstance(forced, Plan) else None
            assert (seed, found) == (seed, optimum(question, force=site.location))
            without = frozenset({site.location})
            forbidden = solve(question, forbid=without)
            assert isinstance(forbidden, Plan)
            assert (seed, forbidden.objective) == (seed, optimum(question, forbid=without))


@pytest.mark.parametrize("seed", range(5))
def test_a_question_with_thousands_of_parts_is_answered_as_exactly(seed: int) -> None:
    """So many parts that those which waste too much are left out before anything is chosen."""
    question = made_up_wide(seed)
    plan = solve(question)
    assert isinstance(plan, Plan)
    assert plan.objective == optimum(question)
    name = question.sites[0].location
    forced = solve(question, force=name)
    found = forced.objective if isinstance(forced, Plan) else None
    assert found == optimum(question, force=name)


@pytest.mark.parametrize("seed", range(100, 140))
def test_what_no_plan_can_undercut_is_undercut_by_none(seed: int) -> None:
    """The bound that is given where there is no proof; and the plan by hand keeps every rule."""
    question = made_up(seed)
    plan = solve(question)
    assert isinstance(plan, Plan)
    by_hand_objective = objective_of(question, by_hand(question))
    assert weigh(bound_of(question)) <= weigh(plan.objective) <= weigh(by_hand_objective)
