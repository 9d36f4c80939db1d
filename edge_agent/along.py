"""What handhelds have taken along, for the rooms that have to wait for it: counts and the close of a till.

While an order is with a device, what was done with its goods is known there and nowhere else. So whatever
compares this store with its books waits until the device is back, or a manager has taken the order back.
"""

from dataclasses import dataclass

from protocol.kit.text import _


@dataclass(frozen=True, slots=True)
class TakenAlong:
    """An order that a device has taken along; `skus` are its items that were asked about."""

    assignment_id: str
    number: str
    device: str
    skus: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """Return who has it, as every refusal says it."""
        return _("Order {number} is checked out to {device}.", number=self.number, device=self.device)


def way_out() -> str:
    """Return what to do about an order that a device has taken along."""
    return _("Bring that device back and check it in, or ask a manager to take the order back.")
