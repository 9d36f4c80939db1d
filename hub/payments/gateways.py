"""What a payment service can be asked for. Adding one means one class here and its name in `gateways_of`.

A service must know a command by its key: asked again under the same key it does nothing and answers the same.
That is what makes a crash between the call and its record harmless. A service that is not listed is *manual*:
a person gives the money back there and says so on the order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hub.context import Hub


@dataclass(frozen=True, slots=True)
class Wanted:
    """A refund to be made."""

    key: str
    amount_minor: int
    currency: str
    payment_reference: str


@dataclass(frozen=True, slots=True)
class Done:
    """The money is on its way back."""

    reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The service will not do it, however often it is asked."""

    detail: str


class Gateway(Protocol):
    """One payment service."""

    def refund(self, wanted: Wanted) -> Done | Declined:
        """Give money back, once for each key.

        Raises:
            Unavailable: it could not be asked; try again later.
        """


@dataclass
class Simulator:
    """A service made of nothing, for the demo and for tests: it remembers its keys and pays everybody."""

    done: dict[str, Done] = field(default_factory=dict)

    def refund(self, wanted: Wanted) -> Done | Declined:
        """Answer with a reference, the same for the same key."""
        return self.done.setdefault(wanted.key, Done(f"SIM-{wanted.key[-12:]}"))


def gateways_of(hub: Hub) -> Mapping[str, Gateway]:
    """Return the services that this hub asks by itself; the simulator in a demo only."""
    return {"simulator": Simulator()} if hub.settings.demo else {}
