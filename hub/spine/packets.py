"""Making a directive small enough for one packet.

A packet is at most 32 KiB, and an order or a transfer may have a hundred lines with long names. The names are
cut: whoever is told has a catalogue of its own.
"""

from typing import Final, TypeVar

from protocol.directives import AssignmentOffer
from protocol.elsewhere import OrderElsewhere
from protocol.transfer_messages import TransferExpect, TransferRequest

DIRECTIVE_BYTES: Final = 30_000
"""What fits in one directive, with some room for its envelope."""
NAME_CUTS: Final = (120, 60, 24, 8)
"""Letters of an article's name that travel when there are many lines."""
WithLines = TypeVar("WithLines", AssignmentOffer, OrderElsewhere, TransferExpect, TransferRequest)


def fitting(body: WithLines) -> WithLines:
    """Return a directive whose names have lost as many letters as it takes to fit."""
    for letters in NAME_CUTS:
        if len(body.model_dump_json().encode()) <= DIRECTIVE_BYTES:
            break
        cut = tuple([line.model_copy(update={"name": line.name[:letters]}) for line in body.lines])
        body = body.model_copy(update={"lines": cut})
    return body
