"""Orders for later in tests: a basket, a customer, an order, and a hub that answers or does not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edge_agent.context import Edge
from edge_agent.counter.steps import basket as baskets
from edge_agent.database import EdgeUnit
from edge_agent.later.hub import Option, Place, PromiseAnswer, StockAnswer, not_reachable
from edge_agent.later.models import Placed, PlaceWanted
from edge_agent.later.steps.place import place as place_step
from protocol.fulfilment import FulfilKind
from protocol.kit.web.signin import CurrentPerson
from tests.support.store import START_US, Store, ok

HOUR_US = 3600 * 1_000_000
DAY_US = 24 * HOUR_US
CUSTOMER = {
    "first_name": "Ada",
    "last_name": "Byron",
    "phone": "+44 113 496 0001",
    "email": "ada@example.org",
}
ADDRESS = {"line1": "1 Park Row", "city": "Leeds", "postcode": "LS1 5HN", "country": "GB"}


class AnsweringHub:
    """Stands where the line to the hub is; a test says what it answers, and what it was asked is kept."""

    def __init__(
        self, options: Sequence[Option] = (), places: Sequence[Place] = (), why_not: str = ""
    ) -> None:
        self.options = tuple(options)
        self.places = tuple(places)
        self.why_not = why_not
        self.silent = False
        self.sent_to = ("", "")
        self.asked: list[tuple[str, object]] = []

    def close(self) -> None:
        """End, as the store's own line does."""

    def stock(self, sku: str) -> StockAnswer:
        """Answer where an article is."""
        self.asked.append(("stock", sku))
        if self.silent:
            raise not_reachable()
        return StockAnswer(sku=sku, locations=self.places)

    def promise(
        self,
        kind: FulfilKind,
        units: Sequence[tuple[str, int]],
        *,
        location: str = "",
        to: tuple[str, str] = ("", ""),
    ) -> PromiseAnswer:
        """Answer what would be promised."""
        self.asked.append(("promise", (kind.value, tuple(units), location)))
        self.sent_to = to
        if self.silent:
            raise not_reachable()
        options = tuple(each for each in self.options if not location or each.location == location)
        return PromiseAnswer(options=options, why_not=self.why_not if location else "")


def go_online(store: Store, hub: AnsweringHub) -> AnsweringHub:
    """Have the store believe that its line is up, and this hub at its other end."""
    store.edge.online = lambda: True
    store.app.state.hub_questions = hub
    return hub


def york(due_us: int = START_US + 3 * HOUR_US) -> Option:
    """Return the offer of another store."""
    return Option(
        location="store-2",
        name="York Coney Street",
        due_us=due_us,
        age_seconds=60,
    )


def by_post(due_us: int = START_US + DAY_US) -> Option:
    """Return the offer to ship."""
    return Option(location="store-2", name="York Coney Street", service="standard", due_us=due_us)


def basket_of(store: Store, *lines: tuple[str, int], role: str = "associate") -> dict[str, Any]:
    """Scan a basket together at the first till and return it."""
    basket: dict[str, Any] = ok(store.post("/api/baskets", {"till": "till-1"}, role=role))
    for sku, quantity in lines:
        answer = store.post(
            f"/api/baskets/{basket['basket_id']}/scan", {"code": sku, "quantity": quantity}, role=role
        )
        basket = ok(answer)["basket"]
    return basket


def wanted(basket: dict[str, Any], key: str, **said: Any) -> dict[str, Any]:
    """Return the body of an order for later: collected here, paid by card in full unless said otherwise."""
    way = said.get("way", "here")
    total = basket["total_minor"] + (395 if way == "ship" else 0)
    deposit = said.get("deposit_minor")
    amount = total if deposit is None else deposit
    tenders = [{"kind": "card", "amount_minor": amount, "last4": "4242"}] if amount else []
    contact = CUSTOMER | ({"address": ADDRESS} if way == "ship" else {})
    return (
        {
            "key": key,
            "basket_id": basket["basket_id"],
            "version": basket["version"],
            "till": "till-1",
            "way": "here",
            "tenders": tenders,
        }
        | ({} if "contact_id" in said else {"contact": contact})
        | said
    )


def place(
    store: Store, key: str, *lines: tuple[str, int], role: str = "associate", **said: Any
) -> dict[str, Any]:
    """Take an order for later and return what the counter was told."""
    body = wanted(basket_of(store, *lines, role=role), key, **said)
    placed: dict[str, Any] = ok(store.post("/api/later", body, role=role), 201)
    return placed


def sellable(store: Store, sku: str) -> int:
    """Return how many of an article may still be sold here."""
    found: int = ok(store.get(f"/api/stock/{sku}"))["sellable"]
    return found


def kinds(store: Store, after: int = 0) -> list[str]:
    """Return the kinds of the store's events beyond a number."""
    return [row[0] for row in store.rows("SELECT kind FROM events WHERE seq > ? ORDER BY seq", after)]


def traces(store: Store) -> dict[str, Any]:
    """Return everything that must not change when something is refused."""
    tables = (
        "later_orders",
        "later_order_lines",
        "later_payments",
        "later_tenders",
        "assignments",
        "contacts",
    )
    counts = {table: store.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}
    baskets = store.rows("SELECT basket_id, state, version FROM baskets ORDER BY basket_id")
    totals = store.rows("SELECT totals FROM till_sessions ORDER BY session_id")
    rights = store.rows("SELECT sku, bucket, quantity FROM balances ORDER BY sku, bucket")
    return store.fingerprint() | counts | {"baskets": baskets, "totals": totals, "rights": rights}


def taken_at_counter(
    edge: Edge, person: CurrentPerson, key: str, *lines: tuple[str, int], **said: Any
) -> Placed:
    """Take an order for later without a page: collected here, with a deposit by card."""
    contact = said.pop("contact", CUSTOMER)
    deposit = said.pop("deposit_minor", 100)

    def step(unit: EdgeUnit) -> Placed:
        basket = baskets.begin(unit, edge, person, f"desk-{key}")
        other = replace(person, device=f"desk-{key}")
        for sku, quantity in lines:
            scan = baskets.ScanWanted(code=sku, quantity=quantity)
            basket = baskets.scan(unit, edge, basket.basket_id, scan, person=other).basket
        command = PlaceWanted.model_validate(
            {
                "key": key,
                "basket_id": basket.basket_id,
                "version": basket.version,
                "till": "till-1",
                "way": "here",
                "contact": contact,
                "deposit_minor": deposit,
                "tenders": [{"kind": "card", "amount_minor": deposit, "last4": "4242"}] if deposit else [],
            }
            | said
        )
        return place_step(unit, edge, command, None, person=other)[0]

    return edge.database.write(step)
