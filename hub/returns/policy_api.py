"""The policy of returns over HTTP: read it, try it, see what another one would have changed, let it count."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from hub.returns import policy_steps
from hub.returns.policy import current
from hub.returns.policy_steps import Preview
from hub.web import REFUSALS, Anybody, Ops, TheHub, Wanted
from protocol.kit.return_words import says
from protocol.orders import PositiveMinor, WireModel
from protocol.returns import Channel, Condition, Outcome, Proof, Refund, ReturnPolicy
from protocol.rules.policy import BackFacts, Decision, SoldFacts, decide

router = APIRouter(prefix="/api", tags=["returns"], responses=REFUSALS)
Text = Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]
Tally = Annotated[int, Field(ge=0, le=100_000)]


class PolicyWanted(Wanted):
    """A whole policy, and the version that it was made from."""

    base: Annotated[int, Field(ge=0, le=2**53)]
    policy: ReturnPolicy


class Tried(Wanted):
    """A return that nobody brought: what would be said of it?"""

    sku: Text = ""
    category: Text = ""
    channel: Channel = Channel.STORE
    bought_on: date
    back_on: date
    condition: Condition = Condition.NEW
    reason: Text = "changed_mind"
    proof: Proof = Proof.RECEIPT
    amount_minor: PositiveMinor = 0
    customer_returns_90d: Tally = 0
    no_receipt_returns_90d: Tally = 0
    own_sale: bool = False

    def decided(self, policy: ReturnPolicy) -> Decision:
        """Return what a policy says of it."""
        sold = SoldFacts(sku=self.sku, category=self.category, start=self.bought_on, channel=self.channel)
        back = BackFacts(
            today=max(self.back_on, self.bought_on),
            condition=self.condition,
            reason=self.reason,
            proof=self.proof,
            amount_minor=self.amount_minor,
            customer_returns_90d=self.customer_returns_90d,
            no_receipt_returns_90d=self.no_receipt_returns_90d,
            own_sale=self.own_sale,
        )
        return decide(policy, sold, back)


class TriedView(WireModel):
    """What the policy says of it, and in which words."""

    policy_version: int
    outcome: Outcome
    codes: tuple[str, ...]
    says: tuple[str, ...]
    last_day: date | None
    refund: tuple[Refund, ...]
    fee_ppm: int
    needs: tuple[str, ...]


@router.get("/return-policy")
def policy(hub: TheHub, _person: Anybody) -> ReturnPolicy:
    """Return the policy that counts; version 0 where nobody said anything."""
    with hub.database.read() as connection:
        return current(connection)


@router.post("/return-policy/try")
def try_it(hub: TheHub, _person: Anybody, wanted: Tried) -> TriedView:
    """Return what the policy that counts says of a return; nothing is written."""
    with hub.database.read() as connection:
        counts = current(connection)
    found = wanted.decided(counts)
    return TriedView(
        policy_version=counts.version,
        outcome=found.outcome,
        codes=found.codes,
        says=says(found, hub.settings.currency),
        last_day=found.last_day,
        refund=found.refund,
        fee_ppm=found.fee_ppm,
        needs=found.needs,
    )


@router.post("/return-policy/preview")
def preview(hub: TheHub, _person: Ops, wanted: PolicyWanted) -> Preview:
    """Return which of the last returns another policy would have decided otherwise; nothing is written."""
    policy_steps.check(wanted.policy)
    with hub.database.read() as connection:
        return policy_steps.preview(connection, wanted.policy)


@router.put("/return-policy")
def save(hub: TheHub, person: Ops, wanted: PolicyWanted) -> ReturnPolicy:
    """Let a policy count from now on; refused when somebody else has saved since `base`."""
    return policy_steps.save(hub, wanted.policy, base=wanted.base, by=person.name)
