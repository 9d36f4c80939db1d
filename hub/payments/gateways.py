"""What a payment service can be asked for. Adding one means one class here and its name in `gateways_of`.

A service must know a command by its key: asked again under the same key it does nothing and answers the same.
That is what makes a crash between the call and its record harmless. A service that is not listed is *manual*:
a person does there what is to be done, and says so at the hub.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from hub.context import Hub

CARD: Final = "card"
"""The service behind the card terminals of the stores."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done, once for each key."""

    key: str
    amount_minor: int
    currency: str
    payment_reference: str
    """What it is about, as the service calls it: a card token, an authorisation, a payment."""


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, or on its way."""

    reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The service will not do it, however often it is asked."""

    detail: str


class Gateway(Protocol):
    """One payment service. Every verb raises `Unavailable` where it could not be asked; it is tried later."""

    def authorise(self, wanted: Wanted) -> Done | Declined:
        """Have money promised on a card token; answer with the authorisation."""

    def capture(self, wanted: Wanted) -> Done | Declined:
        """Take money on an authorisation, all of it or a part."""

    def release(self, wanted: Wanted) -> Done | Declined:
        """Let go what is left of an authorisation."""

    def clear(self, wanted: Wanted) -> Done | Declined:
        """Take a card that a terminal took without a line."""

    def refund(self, wanted: Wanted) -> Done | Declined:
        """Give money back."""


@dataclass
class Simulator:
    """A service made of nothing, for the demo and for tests: it remembers its keys and pays everybody.

    A reference that begins with `declined` is refused wherever it turns up, as a card without cover is.
    """

    done: dict[str, Done | Declined] = field(default_factory=dict)

    def authorise(self, wanted: Wanted) -> Done | Declined:
        """Promise the money of a token."""
        return self._answer("AUTH", wanted)

    def capture(self, wanted: Wanted) -> Done | Declined:
        """Take it."""
        return self._answer("CAP", wanted)

    def release(self, wanted: Wanted) -> Done | Declined:
        """Let it go."""
        return self._answer("REL", wanted)

    def clear(self, wanted: Wanted) -> Done | Declined:
        """Take a card of a store offline."""
        return self._answer("CLR", wanted)

    def refund(self, wanted: Wanted) -> Done | Declined:
        """Give it back."""
        return self.done.setdefault(wanted.key, Done(f"SIM-{wanted.key[-12:]}"))

    def _answer(self, verb: str, wanted: Wanted) -> Done | Declined:
        if wanted.payment_reference.lower().startswith("declined"):
            return self.done.setdefault(wanted.key, Declined("not enough cover"))
        return self.done.setdefault(wanted.key, Done(f"{verb}-{wanted.key[-12:]}"))


def gateways_of(hub: Hub) -> Mapping[str, Gateway]:
    """Return the services that this hub asks by itself; the simulator in a demo only."""
    return {"simulator": Simulator(), CARD: Simulator()} if hub.settings.demo else {}
