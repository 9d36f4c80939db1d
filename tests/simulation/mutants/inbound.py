"""Without the guards of promising what is on its way (`hub.stock.claims`)."""

from contextlib import AbstractContextManager
from typing import Any

import hub.stock.claims
from hub.transfers.inbound import Inbound
from tests.simulation.mutants.patch import put


def claimed_twice() -> AbstractContextManager[Any]:
    """Units that one order waits for may be claimed by another one."""
    return put(Inbound, "unclaimed", property(lambda self: self.units))


def short_is_not_missed() -> AbstractContextManager[Any]:
    """Nobody looks whether what somebody waits for still comes."""
    return put(hub.stock.claims, "uncovered", lambda *_said: [])


def waits_for_ever() -> AbstractContextManager[Any]:
    """What an order has claimed stays claimed when it waits no longer."""
    return put(hub.stock.claims, "end", lambda *_said: None)
