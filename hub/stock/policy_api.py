"""The policy of lending over HTTP: read it, see what another one would change, and let that one count."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from hub.stock import policy_steps
from hub.stock.policy import CompanyPolicy, Current, current
from hub.stock.policy_steps import Preview
from hub.web import REFUSALS, Anybody, Ops, TheHub, Wanted
from protocol.fulfilment import PromiseClass
from protocol.lending import DEFAULT_SILENCE, RULES, LendingRule, Silence
from protocol.orders import WireModel

router = APIRouter(prefix="/api", tags=["promising"], responses=REFUSALS)
Name = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class RuleWanted(LendingRule):
    """A rule as a program says it: as on the wire, but without names that no text can be."""

    name: Name = ""
    location: Annotated[str, Field(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class PolicyWanted(Wanted):
    """A whole policy, and the version that it was made from."""

    base: Annotated[int, Field(ge=0, le=2**53)]
    rules: tuple[RuleWanted, ...] = Field(default=(), max_length=RULES)
    silence: dict[PromiseClass, Silence] = Field(default_factory=lambda: dict(DEFAULT_SILENCE))

    @property
    def policy(self) -> CompanyPolicy:
        """Return it as the hub keeps it."""
        return CompanyPolicy(rules=self.rules, silence=self.silence)


class PolicyView(WireModel):
    """The policy that counts; version 0 is that of a hub to which nobody said anything."""

    version: int
    rules: tuple[LendingRule, ...]
    silence: dict[PromiseClass, Silence]


@router.get("/lending-policy")
def policy(hub: TheHub, _person: Anybody) -> PolicyView:
    """Return the policy that counts."""
    with hub.database.read() as connection:
        return _view(current(connection))


@router.post("/lending-policy/preview")
def preview(hub: TheHub, _person: Ops, wanted: PolicyWanted) -> Preview:
    """Return what a policy would change; nothing is written."""
    with hub.database.read() as connection:
        policy_steps.check(connection, wanted.policy)
        return policy_steps.preview(hub, connection, wanted.policy)


@router.put("/lending-policy")
def save(hub: TheHub, person: Ops, wanted: PolicyWanted) -> PolicyView:
    """Let a policy count from now on; refused when somebody else has saved since `base`."""
    return _view(policy_steps.save(hub, wanted.policy, base=wanted.base, by=person.name))


def _view(counts: Current) -> PolicyView:
    return PolicyView(version=counts.version, rules=counts.said.rules, silence=dict(counts.said.silence))
