"""What a location is told when it is registered: everything that the others were told before it came."""

from hub.catalog.steps import tell_newest
from hub.checks.steps import tell_rules
from hub.context import Hub
from hub.database import HubUnit
from hub.returns.keys import tell_keys
from hub.returns.policy_steps import tell_policy as tell_return_policy
from hub.stock.policy_steps import tell_policy


def welcome(hub: Hub, unit: HubUnit, location: str) -> None:
    """Tell a new location of the catalogue, the policies of lending, returns and checks, and the keys."""
    tell_newest(hub, unit, location)
    tell_policy(hub, unit, location)
    tell_return_policy(hub, unit, location)
    tell_rules(hub, unit, location)
    tell_keys(hub, unit, location)
