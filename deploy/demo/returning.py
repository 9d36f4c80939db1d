"""The return policy of the demo, as its operations would have entered it.

What the counters of the demo do lies within it, so nobody has to be fetched for a plain return: how much a
cashier may give back alone is the till's own limit (`protocol.rules.discounts`).
"""

from typing import TYPE_CHECKING, Final

from protocol.returns import Channel, ChannelRule, Condition, NoReceipt, ReturnPolicy

if TYPE_CHECKING:
    from hub.context import Hub

BY: Final = "demo"
POLICY: Final = ReturnPolicy(
    default_days=30,
    grace_days=14,
    defective_days=365,
    channels={Channel.WEB: ChannelRule(days=45)},
    no_receipt=NoReceipt(max_amount_minor=50_00, max_count_90d=3, id_required=True),
    reject_conditions=(Condition.ALTERED,),
    exchange_only_conditions=(Condition.USED,),
    law_days={Channel.WEB: 14},
    law_defective_days=180,
)


def publish_policy(hub: "Hub") -> None:
    """Let the policy count, and tell every location."""
    from hub.returns.policy_steps import save

    save(hub, POLICY, base=0, by=BY)
