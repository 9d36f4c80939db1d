"""What is proposed to become of goods that came back. A person decides; this is where they begin.

Costs of the past do not count: repair pays when what the goods then sell for, less the repair, is more than
what they bring as they are. Everything is in minor units for one unit.
"""

from dataclasses import dataclass

from protocol.dispositions import Disposition
from protocol.returns import Condition


@dataclass(frozen=True, slots=True)
class GoodsFacts:
    """What is known of goods that came back. `None` where nobody said anything."""

    condition: Condition
    sealed: bool
    hygiene: bool = False
    sku_active_here: bool = True
    recalled: bool = False
    vendor_takes_back: bool = False
    resale_minor: int = 0
    repair_minor: int | None = None
    liquidation_minor: int | None = None


def suggest(facts: GoodsFacts) -> Disposition:
    """Return what is proposed to become of goods."""
    if facts.recalled:
        return Disposition.QUARANTINE
    if facts.hygiene and not facts.sealed:
        return Disposition.DISPOSE
    if facts.condition is Condition.DEFECTIVE:
        return _of_defective(facts)
    if facts.condition is Condition.NEW or facts.sealed:
        return Disposition.RESTOCK if facts.sku_active_here else Disposition.TRANSFER_THEN_RESTOCK
    if facts.condition is Condition.ALTERED:
        return Disposition.LIQUIDATE if facts.liquidation_minor else Disposition.DISPOSE
    return Disposition.INSPECT


def _of_defective(facts: GoodsFacts) -> Disposition:
    if facts.vendor_takes_back:
        return Disposition.RETURN_TO_VENDOR
    as_it_is = facts.liquidation_minor or 0
    if facts.repair_minor is not None and facts.resale_minor - facts.repair_minor > as_it_is:
        return Disposition.REPAIR
    return Disposition.LIQUIDATE if as_it_is else Disposition.DISPOSE
