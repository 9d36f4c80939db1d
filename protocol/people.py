"""Who may do what.

Roles are ordered inside a program: a manager may do what a lead may. The edge has people who stand in
a store; the hub has people who look after all of them. A person of the one means nothing to the other.
"""

from enum import StrEnum
from typing import Final


class StoreRole(StrEnum):
    """What a person may do in a store, from least to most."""

    ASSOCIATE = "associate"
    LEAD = "lead"
    MANAGER = "manager"


class HubRole(StrEnum):
    """What a person looks after at the hub. Admin may do everything."""

    OPS = "ops"
    FINANCE = "finance"
    ADMIN = "admin"


STORE_RANK: Final = {StoreRole.ASSOCIATE: 1, StoreRole.LEAD: 2, StoreRole.MANAGER: 3}


def at_least(role: StoreRole, needed: StoreRole) -> bool:
    """Tell whether a role includes another."""
    return STORE_RANK[role] >= STORE_RANK[needed]
