"""What may be asked about transfers, and how it is answered; the limits of every request stand here."""

from typing import Annotated

from pydantic import BaseModel, Field

from hub.web import Wanted
from protocol.kit.moments import MaybeMoment, Moment
from protocol.transfer_desk import Choice
from protocol.transfers import LINES_PER_TRANSFER, AskedBy, TransferReason

UNITS_PER_LINE = 100_000
"""A line of more is a slip of the finger; several transfers may say it."""
Said = Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*\S[^\x00]*$")]
Place = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f]+$")]
Sku = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Count = Annotated[int, Field(strict=True, ge=1, le=UNITS_PER_LINE)]


class LineWanted(Wanted):
    """Units of one item. `grant` of them the destination lends to the hub as it receives them."""

    sku: Sku
    quantity: Count
    grant: Annotated[int, Field(strict=True, ge=0, le=UNITS_PER_LINE)] = 0


class TransferWanted(Wanted):
    """A transfer that somebody asks for."""

    source: Place
    destination: Place
    lines: tuple[LineWanted, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER)
    reason: TransferReason = TransferReason.REPLENISH
    due_us: MaybeMoment = 0
    note: Said = ""


class CancelWanted(Wanted):
    """Why it shall not be sent."""

    reason: Reason


class DecisionWanted(Wanted):
    """What became of one line."""

    line_no: Annotated[int, Field(strict=True, ge=0, le=LINES_PER_TRANSFER)]
    sku: Sku
    choice: Choice


class DecideWanted(Wanted):
    """What became of everything that did not arrive as it was sent."""

    lines: tuple[DecisionWanted, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER * 2)
    reason: Reason


class ExtendWanted(Wanted):
    """Until when somebody waits for it."""

    arrive_by_us: Moment
    reason: Reason


class MatchWanted(Wanted):
    """The receipt that is taken to be of this transfer."""

    receipt_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class ForOrderWanted(Wanted):
    """Bring what nobody holds of an order to where it is collected; empty: from whoever can."""

    source: Annotated[str, Field(max_length=40, pattern=r"^[^\x00-\x1f]*$")] = ""
    note: Said = ""


class Asked(BaseModel):
    """A transfer that was asked for."""

    transfer_id: str
    number: str
    source: str
    destination: str
    asked_by: AskedBy
    units: int
    lent: int
    """Of them, those that the hub held rights to: the source cannot give them to anybody else."""


class Done(BaseModel):
    """What became of a request about a transfer; `requested` while a store has to answer."""

    number: str
    state: str
    requested: bool = False
    counting: bool = False
    """The source was asked to count."""
