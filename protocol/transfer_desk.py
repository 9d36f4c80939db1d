"""What the hub itself says of transfers: facts of its own stream, beside those of the two stores.

A store's own events (`protocol.transfer_messages`) say where goods are. These say what the hub asked, what it
was answered, and what a person decided about units that did not arrive as they were sent.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from protocol.fulfilment import Micros
from protocol.orders import Code, WireModel
from protocol.transfer_messages import OnTransfer
from protocol.transfers import LINES_PER_TRANSFER, Place, Sentence, SettledLine


class About(StrEnum):
    """Which of the hub's directives about a transfer was answered."""

    REQUEST = "request"
    CANCEL = "cancel"
    EXPECT = "expect"


class Choice(StrEnum):
    """What a person decides about units that did not arrive as they were sent."""

    WRITE_OFF = "write_off"
    """They are lost on the way."""
    AT_SOURCE = "at_source"
    """They never left: the source counts, and finds them again."""
    ACCEPT = "accept"
    """More came than was sent: kept, and counted at the source."""


class TransferAnswered(OnTransfer):
    """The hub heard what became of a directive of its own, or took it back before it was ever sent."""

    about: About
    location: Place
    outcome: Literal["applied", "duplicate", "rejected", "expired", "withdrawn"]
    code: str = Field(default="", max_length=64)
    detail: str = Sentence


class TransferCancelRequested(OnTransfer):
    """The hub asked the source not to send it; the source's answer decides."""

    reason: str = Sentence


class DecidedLine(SettledLine):
    """What became of the units of one line, and why: `missing` and `over` are a person's decision."""

    choice: Choice | None = None


class TransferDecided(OnTransfer):
    """Nothing more is expected: what was sent has arrived, is written off, or is kept beyond what was sent.

    `automatic` when everything arrived and there was nothing to decide.
    """

    lines: tuple[DecidedLine, ...] = Field(min_length=1, max_length=LINES_PER_TRANSFER * 2)
    reason: str = Sentence
    automatic: bool = False


class TransferExtended(OnTransfer):
    """Somebody waits for it longer."""

    arrive_by_us: Micros
    reason: str = Sentence


class ReceiptAccepted(WireModel):
    """Goods that no transfer explains are kept: they were found, and no store misses them."""

    receipt_id: Code
    destination: Place
    reason: str = Sentence
