"""The rules of checks over HTTP: read them, try them, see what others would have said, let them count."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from hub.checks import steps
from hub.checks.rows import current
from hub.checks.steps import Preview
from hub.web import REFUSALS, Anybody, Ops, TheHub, Wanted
from protocol.checks import CheckOutcome, CheckRules, OrderFacts
from protocol.kit.hold_words import code_says
from protocol.orders import WireModel
from protocol.rules.checks import Verdict, evaluate

router = APIRouter(prefix="/api", tags=["checks"], responses=REFUSALS)


class RulesWanted(Wanted):
    """All rules, and the version that they were made from."""

    base: Annotated[int, Field(ge=0, le=2**53)]
    rules: CheckRules


class FindingView(WireModel):
    """What one rule found."""

    rule_id: str
    outcome: CheckOutcome
    code: str
    says: str
    facts: dict[str, Any]


class VerdictView(WireModel):
    """What the rules say of an order."""

    version: int
    outcome: CheckOutcome
    findings: tuple[FindingView, ...]


def view(rules: CheckRules, verdict: Verdict) -> VerdictView:
    """Return a verdict as it is shown."""
    return VerdictView(
        version=rules.version,
        outcome=verdict.outcome,
        findings=tuple(
            FindingView(
                rule_id=each.rule.rule_id,
                outcome=each.outcome,
                code=each.code,
                says=code_says(each.code) or each.reason,
                facts=dict(each.facts),
            )
            for each in verdict.findings
        ),
    )


@router.get("/check-rules")
def rules(hub: TheHub, _person: Anybody) -> CheckRules:
    """Return the rules that count; version 0 where nobody said anything."""
    with hub.database.read() as connection:
        return current(connection)


@router.post("/check-rules/try")
def try_it(hub: TheHub, _person: Anybody, facts: OrderFacts) -> VerdictView:
    """Return what the rules that count say of an order that nobody placed; nothing is written."""
    with hub.database.read() as connection:
        counts = current(connection)
    return view(counts, evaluate(counts, facts))


@router.post("/check-rules/preview")
def preview(hub: TheHub, _person: Ops, wanted: RulesWanted) -> Preview:
    """Return which of the last orders other rules would have decided otherwise; nothing is written."""
    steps.check(wanted.rules)
    with hub.database.read() as connection:
        return steps.preview(connection, wanted.rules)


@router.put("/check-rules")
def save(hub: TheHub, person: Ops, wanted: RulesWanted) -> CheckRules:
    """Let rules count from now on; refused when they contradict themselves, or somebody else has saved."""
    return steps.save(hub, wanted.rules, base=wanted.base, by=person.name)
