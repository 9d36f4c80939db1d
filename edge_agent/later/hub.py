"""Questions to the hub that a customer waits for: where else goods are, and what the hub would promise.

They go over HTTPS with a short deadline, and nothing durable depends on them: an answer is what the hub knew
at that moment, and an order is decided by the hub when its event arrives. Without an answer the counter says
so and goes on with what this store can keep by itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocol.errors import Unavailable
from protocol.fulfilment import FulfilKind, Micros, PromiseClass
from protocol.kit.text import _
from protocol.kit.tls import trusted
from protocol.orders import LineKind, PositiveMinor, TenderKind
from protocol.returns import Channel, Day

DEADLINE_SECONDS: Final = 2.5
"""Longer than that nobody at a counter waits for a choice that may not come."""
ANSWER_BYTES: Final = 256 * 1024
LINES: Final = 50
"""Articles in one question: with more the hub decides when the order arrives."""
Age = Annotated[int | None, Field(ge=0, le=10**10)]
Answer = TypeVar("Answer", bound=BaseModel)


class Said(BaseModel):
    """A part of an answer: blind to fields that a newer hub added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Place(Said):
    """What one location has of an article, as the hub knows it."""

    location: Annotated[str, Field(min_length=1, max_length=40)]
    name: Annotated[str, Field(max_length=120)] = ""
    promisable: Annotated[int, Field(ge=0, le=10**9)] = 0
    """What may be promised from there; more may stand on its shelves."""
    free: Annotated[int | None, Field(ge=0, le=10**9)] = None
    """Lent there and not promised; None from a hub that does not say."""
    excluded: Annotated[str, Field(max_length=40)] = ""
    """Why nothing of it counts."""
    age_seconds: Age = None
    """Since that location was last heard; None when it never was."""


class Option(Said):
    """One promise that the hub could keep: a store to collect at, or a service to be shipped by."""

    location: Annotated[str, Field(max_length=40)] = ""
    name: Annotated[str, Field(max_length=120)] = ""
    service: Annotated[str, Field(max_length=32)] = ""
    due_us: Micros
    deliver_us: Micros = 0
    """For a parcel: when it arrives at the latest; 0 where the hub does not say."""
    price_minor: PositiveMinor = 0
    """For a parcel: what the customer pays for the way; 0 where the store's own price holds."""
    promise_class: PromiseClass = PromiseClass.STANDARD
    age_seconds: Age = None


class StockAnswer(Said):
    """Where else an article is."""

    sku: str
    locations: Annotated[tuple[Place, ...], Field(max_length=500)] = ()


class PromiseAnswer(Said):
    """What the hub would promise; no options: nobody can keep it."""

    options: Annotated[tuple[Option, ...], Field(max_length=500)] = ()
    why_not: Annotated[str, Field(max_length=600)] = ""
    """For one location that was asked for."""


class StoredValueAnswer(Said):
    """What is on a gift card or store credit, over all stores."""

    number: Annotated[str, Field(max_length=64)]
    kind: Literal["store_credit", "gift_card"]
    balance_minor: Annotated[int, Field(ge=-(10**12), le=10**12)]


class SoldElsewhereLine(Said):
    """A line of an order that was sold elsewhere; `returned` is what others have taken back."""

    line_no: Annotated[int, Field(ge=1)]
    sku: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(min_length=1, max_length=300)]
    kind: LineKind
    rate_ppm: Annotated[int, Field(ge=0, le=1_000_000)]
    quantity: Annotated[int, Field(ge=1)]
    gross_minor: PositiveMinor
    tax_minor: PositiveMinor
    returned: Annotated[int, Field(ge=0)] = 0
    refunded_minor: PositiveMinor = 0
    refunded_tax_minor: PositiveMinor = 0
    serials: Annotated[tuple[str, ...], Field(max_length=500)] = ()
    """The serial numbers of its units, where its goods have them."""


class SoldElsewhereTender(Said):
    """A tender of it; `refunded_minor` is what others have given back to it."""

    n: int
    kind: TenderKind
    amount_minor: PositiveMinor
    refunded_minor: PositiveMinor = 0
    reference: Annotated[str, Field(max_length=64)] = ""
    last4: Annotated[str, Field(pattern=r"^\d{0,4}$")] = ""


class OrderAnswer(Said):
    """An order that was sold elsewhere, as far as something of it may come back here."""

    order_id: Annotated[str, Field(min_length=1, max_length=64)]
    number: Annotated[str, Field(min_length=1, max_length=64)]
    location: Annotated[str, Field(max_length=40)] = ""
    channel: Channel = Channel.STORE
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    start: Day
    at_us: Micros
    state: Annotated[str, Field(max_length=40)]
    total_minor: PositiveMinor = 0
    customer_id: Annotated[str, Field(max_length=64)] = ""
    customer_returns_90d: Annotated[int, Field(ge=0, le=100_000)] = 0
    lines: Annotated[tuple[SoldElsewhereLine, ...], Field(max_length=500)] = ()
    tenders: Annotated[tuple[SoldElsewhereTender, ...], Field(max_length=20)] = ()
    signed: bool = False
    """Said by a signed receipt, because the hub could not be asked."""


class HubQuestions(Protocol):
    """What a counter asks of the hub."""

    def close(self) -> None:
        """Close the connections."""

    def stock(self, sku: str) -> StockAnswer:
        """Return where an article is.

        Raises:
            Unavailable: the hub cannot be reached within the deadline.
        """

    def promise(
        self,
        kind: FulfilKind,
        units: Sequence[tuple[str, int]],
        *,
        location: str = "",
        to: tuple[str, str] = ("", ""),
    ) -> PromiseAnswer:
        """Return how the hub would keep an order of these (SKU, units).

        Raises:
            Unavailable: the hub cannot be reached within the deadline.
        """


class HubAsker:
    """Asks the hub itself."""

    def __init__(self, hub_url: str, token: str, *, ca_file: Path | None = None) -> None:
        """`token` is the store's own; without an address every question is answered "not reachable"."""
        self._url = hub_url
        self._client = httpx.Client(
            base_url=hub_url or "http://hub.invalid",
            headers={"Authorization": f"Bearer {token}"},
            timeout=DEADLINE_SECONDS,
            verify=trusted(ca_file),
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def stock(self, sku: str) -> StockAnswer:
        """Return where an article is."""
        return self._ask(StockAnswer, "GET", f"/edge/stock/{quote(sku, safe='')}")

    def promise(
        self,
        kind: FulfilKind,
        units: Sequence[tuple[str, int]],
        *,
        location: str = "",
        to: tuple[str, str] = ("", ""),
    ) -> PromiseAnswer:
        """Return how the hub would keep an order; `to`: country and postcode of a parcel, where known."""
        if len(units) > LINES:
            raise not_reachable()
        wanted = {
            "kind": kind.value,
            "lines": [{"sku": sku, "quantity": count} for sku, count in units],
            "location": location,
        }
        if any(to):
            wanted |= {"country": to[0], "postcode": to[1]}
        return self._ask(PromiseAnswer, "POST", "/edge/promise", wanted)

    def stored_value(self, number: str) -> StoredValueAnswer:
        """Return what is on a gift card or store credit."""
        return self._ask(StoredValueAnswer, "GET", f"/edge/stored-value/{quote(number, safe='')}")

    def returnable(self, number: str) -> OrderAnswer:
        """Return what of an order that was sold elsewhere may come back."""
        return self._ask(OrderAnswer, "GET", f"/edge/returnable/{quote(number, safe='')}")

    def _ask(
        self, model: type[Answer], method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        if not self._url:
            raise not_reachable()
        try:
            answer = self._client.request(method, path, json=body)
            if answer.status_code != httpx.codes.OK or len(answer.content) > ANSWER_BYTES:
                raise not_reachable(answer.status_code)
            return model.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise not_reachable() from error


def not_reachable(status: int = 0) -> Unavailable:
    """Return what is said when the hub gives no answer; the remedy is what still can be done."""
    return Unavailable(
        _("The hub cannot be reached at this moment."),
        _("What stands in this store can be promised all the same; the rest is provisional."),
        code="hub_not_reachable",
        status=status,
    )
