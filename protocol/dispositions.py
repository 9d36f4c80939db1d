"""What becomes of goods that came back: the choices, what each moves, and the fact that one was made.

Money and goods are decided apart: a customer has the money while the goods still wait. A decision may be made
twice, first on sight and again after inspection or repair; so every bucket in which goods wait has its own
choices, and none is a dead end.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import Field

from protocol.movements import Bucket, Movement
from protocol.orders import Approval, Code, PositiveMinor, Quantity, WireModel
from protocol.people import StoreRole

LINES: Final = 200
DECIDED: Final = "disposition_"
"""How the reasons of such movements begin."""


class Disposition(StrEnum):
    """What becomes of goods."""

    RESTOCK = "restock"
    INSPECT = "inspect"
    REPAIR = "repair"
    QUARANTINE = "quarantine"
    LIQUIDATE = "liquidate"
    DISPOSE = "dispose"
    RETURN_TO_VENDOR = "return_to_vendor"
    TRANSFER_THEN_RESTOCK = "transfer_then_restock"
    SELL_OFF = "sell_off"
    """The end of what was to be liquidated: somebody takes it for a price."""


GOES_TO: Final[Mapping[Disposition, Bucket]] = MappingProxyType(
    {
        Disposition.RESTOCK: Bucket.SELLABLE,
        Disposition.INSPECT: Bucket.RETURNS,
        Disposition.REPAIR: Bucket.REPAIR,
        Disposition.QUARANTINE: Bucket.QUARANTINE,
        Disposition.LIQUIDATE: Bucket.LIQUIDATION,
        Disposition.DISPOSE: Bucket.ADJUSTMENT,
        Disposition.RETURN_TO_VENDOR: Bucket.SUPPLIER,
        Disposition.TRANSFER_THEN_RESTOCK: Bucket.SELLABLE,
        Disposition.SELL_OFF: Bucket.CUSTOMER,
    }
)
_D = Disposition
CHOICES: Final[Mapping[Bucket, tuple[Disposition, ...]]] = MappingProxyType(
    {
        Bucket.RETURNS: (
            _D.RESTOCK,
            _D.TRANSFER_THEN_RESTOCK,
            _D.QUARANTINE,
            _D.REPAIR,
            _D.LIQUIDATE,
            _D.RETURN_TO_VENDOR,
            _D.DISPOSE,
        ),
        Bucket.QUARANTINE: (
            _D.RESTOCK,
            _D.INSPECT,
            _D.REPAIR,
            _D.LIQUIDATE,
            _D.RETURN_TO_VENDOR,
            _D.DISPOSE,
        ),
        Bucket.REPAIR: (_D.RESTOCK, _D.INSPECT, _D.QUARANTINE, _D.LIQUIDATE, _D.DISPOSE),
        Bucket.LIQUIDATION: (_D.SELL_OFF, _D.INSPECT, _D.DISPOSE),
    }
)
"""What may become of goods where they wait."""
ROLES: Final[Mapping[Disposition, StoreRole]] = MappingProxyType(
    {
        Disposition.RESTOCK: StoreRole.ASSOCIATE,
        Disposition.INSPECT: StoreRole.ASSOCIATE,
        Disposition.QUARANTINE: StoreRole.ASSOCIATE,
        Disposition.REPAIR: StoreRole.LEAD,
        Disposition.TRANSFER_THEN_RESTOCK: StoreRole.ASSOCIATE,
        Disposition.LIQUIDATE: StoreRole.MANAGER,
        Disposition.DISPOSE: StoreRole.MANAGER,
        Disposition.RETURN_TO_VENDOR: StoreRole.MANAGER,
        Disposition.SELL_OFF: StoreRole.MANAGER,
    }
)
"""Who may decide so: what costs the company something needs a manager."""


class DecidedGoods(WireModel):
    """Units of one article and what became of them. Amounts are for all the units."""

    sku: Code
    quantity: Quantity
    from_bucket: Code
    disposition: Disposition
    suggested: str = Field(default="", max_length=40)
    unit_cost_minor: PositiveMinor = 0
    """What the catalogue knew of the cost; counts only where stock was never received."""
    worth_minor: PositiveMinor | None = None
    """What they are worth from now on, if that is less than they cost: they are written down to it."""
    bill_minor: PositiveMinor = 0
    """What a repair cost."""
    proceeds_minor: PositiveMinor = 0
    """What somebody pays for them, tax inside."""
    tax_minor: PositiveMinor = 0
    rate_ppm: int = Field(default=0, ge=0, le=1_000_000)


class GoodsDecided(WireModel):
    """It was decided what becomes of goods that waited."""

    disposition_id: Code
    number: Code
    note: str = Field(default="", max_length=300)
    lines: tuple[DecidedGoods, ...] = Field(min_length=1, max_length=LINES)
    approvals: tuple[Approval, ...] = ()


def decided_movements(lines: Iterable[DecidedGoods]) -> list[Movement]:
    """Return what a decision moves, one movement for each line."""
    return [
        Movement(
            line.sku,
            Bucket(line.from_bucket),
            GOES_TO[line.disposition],
            line.quantity,
            f"{DECIDED}{line.disposition.value}",
        )
        for line in lines
    ]
