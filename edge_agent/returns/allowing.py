"""Whose word a return needs: nobody's, a lead's, or somebody else's over the policy.

What the policy allows is judged by the amount and the person's role alone. What it does not allow may be
allowed by another person within the authority that this store was told; nobody allows their own return.
"""

from typing import Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.people.steps import Given, authorise, require_other, require_word
from edge_agent.returns import policy, rows
from edge_agent.returns.policy import Judged
from edge_agent.returns.rules import Plan
from edge_agent.till.looks import calendar_date
from protocol.errors import Refused
from protocol.kit.return_words import says
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import Bucket
from protocol.orders import Approval
from protocol.people import STORE_RANK, StoreRole
from protocol.returns import Outcome, Override, ReturnDecision
from protocol.rules.discounts import Act, Allowed, needs_approval
from protocol.rules.policy import over_cash, role_needed

RETURNLESS: Final = "returnless"
"""Action an approval names when goods stay with the customer."""
OVERRIDE: Final = "return_override"
"""Action an approval names when somebody else allows what the policy does not."""


def allowed(
    unit: EdgeUnit,
    edge: Edge,
    plan: Plan,
    judged: Judged,
    token: str | None,
    *,
    person: CurrentPerson,
) -> tuple[Approval | None, ReturnDecision]:
    """Return whose word allows a return, and the decision with it.

    Raises:
        Refused: `outside_policy`, nobody here may allow it.
        NotPermitted: `needs_approval`.
    """
    amount = plan.total_minor
    if judged.outcome is Outcome.AUTHORIZE and _left_there(plan):
        # Nobody sees the goods again, so somebody else than an associate says that it is right.
        needed = max(StoreRole.LEAD, _return_role(edge, amount), key=STORE_RANK.__getitem__)
        given = require_word(unit, edge, person, RETURNLESS, needed, token)
        return (given.approval if given else None), judged.record
    if judged.outcome is Outcome.AUTHORIZE:
        given = authorise(unit, edge, person, Act.RETURN, token=token, amount_minor=amount)
        return (given.approval if given else None), judged.record
    reaching = role_needed(judged.policy, amount)
    if judged.outcome is Outcome.DENY or reaching is None:
        raise outside_policy(edge, judged)
    needed = max(reaching, _return_role(edge, amount), key=STORE_RANK.__getitem__)
    other = require_other(unit, edge, person, OVERRIDE, needed, token)
    override = Override(
        by=other.approval.by, role=other.role, reason=other.approval.reason, codes=judged.codes
    )
    return other.approval, judged.record.model_copy(update={"override": override})


def allowed_beside(
    unit: EdgeUnit, edge: Edge, plan: Plan, token: str | None, *, person: CurrentPerson
) -> Given | None:
    """Return whose word allows money that goes back while the goods stay: only how much of it is asked.

    Raises:
        NotPermitted: `needs_approval`.
    """
    counts, amount = policy.current(unit.connection), plan.total_minor
    given = rows.cash_given(unit.connection, calendar_date(edge))
    if over_cash(counts.cash.of(edge.identity.edge), given, plan.cash_minor) is None:
        return authorise(unit, edge, person, Act.RETURN, token=token, amount_minor=amount)
    reaching = role_needed(counts, amount) or StoreRole.MANAGER
    needed = max(reaching, _return_role(edge, amount), key=STORE_RANK.__getitem__)
    return require_other(unit, edge, person, OVERRIDE, needed, token)


def _left_there(plan: Plan) -> bool:
    """Tell whether money goes out for goods that stay with the customer."""
    return any(line.to_bucket == Bucket.CUSTOMER for line in plan.lines)


def _return_role(edge: Edge, amount_minor: int) -> StoreRole:
    """Return the least role that may give so much back by the limits of the till."""
    asked = needs_approval(
        StoreRole.ASSOCIATE, Act.RETURN, amount_minor=amount_minor, authority=edge.authority
    )
    return StoreRole.ASSOCIATE if isinstance(asked, Allowed) else asked.role_needed


def outside_policy(edge: Edge, judged: Judged) -> Refused:
    """Return the refusal of a return that nobody here may allow, in the policy's own words."""
    said = [
        sentence
        for decision in judged.by_line.values()
        if decision.outcome is not Outcome.AUTHORIZE
        for sentence in says(decision, edge.settings.currency)
    ]
    return Refused(
        " ".join(dict.fromkeys(said)),
        _("Nothing was changed. If the customer disagrees, the hub can decide about this order."),
        code="outside_policy",
        codes=list(judged.codes),
        policy_version=judged.policy.version,
    )
