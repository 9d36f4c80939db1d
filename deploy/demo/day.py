"""A day in the stores, played by simulated associates through the real HTTP APIs.

Each associate has a till, a seeded temper and the day's baskets of a real shop. They scan or ring up whole
sales, take cash, cards and both, give discounts and fetch a manager for the large ones, park and recall, take
goods back in steps, and undo a sale. What they do not do is look at the network.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.client import StoreClient, facts_of
from deploy.demo.history import History
from deploy.demo.milestones import Milestones
from deploy.demo.people import MANAGER, Demonstrator
from deploy.demo.replayer import FLOAT_MINOR, cash_of, close_till
from protocol.errors import Refused
from protocol.ids import slip_code

NOTE_MINOR: Final = 5_00
LARGE_DISCOUNT_PERCENT: Final = 30
SMALL_DISCOUNT_PERCENT: Final = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of a basket."""

    sku: str
    barcode: str
    quantity: int
    price_minor: int


Basket = Sequence[Wish]


@dataclass
class Associate:
    """One person at one till for a day."""

    client: StoreClient
    till: str
    baskets: Sequence[Basket]
    history: History
    milestones: Milestones
    rng: random.Random
    stopping: threading.Event
    approver: Demonstrator = MANAGER
    drawer_minor: int = FLOAT_MINOR
    sold: list[Mapping[str, Any]] = field(default_factory=list)
    _n: int = 0

    def work(self) -> None:
        """Work the whole day."""
        self.client.sign_in()
        self.client.post(
            f"/api/tills/{self.till}/open", {"key": self._key("open"), "float_minor": FLOAT_MINOR}
        )
        ways: list[Callable[[Basket], Mapping[str, Any]]] = [
            self._ring_up,
            self._scan,
            self._ring_up,
            self._park,
        ]
        for number, basket in enumerate(self.baskets):
            if self.stopping.is_set():
                return
            self.sold.append(ways[number % len(ways)](basket))
            self.milestones.order_taken()
            if number == len(self.baskets) // 2:
                self._undo()
                self._read_x()
                self._take_for_credit()
                self._take_without_proof(basket)
                self._exchange(basket)
            if number % 5 == 4:
                self._take_back()
        close_till(self.client, self.till, self.drawer_minor, "day", self.history)

    def _ring_up(self, basket: Basket) -> Mapping[str, Any]:
        """Sell everything in one request."""
        total = sum(wish.quantity * wish.price_minor for wish in basket)
        discount = total * SMALL_DISCOUNT_PERCENT // 100 if self.rng.random() < 0.3 else 0
        tenders = self._tenders(total - discount)
        wanted = {
            "key": self._key("sale"),
            "till": self.till,
            "lines": [{"sku": wish.sku, "quantity": wish.quantity} for wish in basket],
            "order_discount_minor": discount,
            "tenders": tenders,
        }
        return self._keep(self.client.post("/api/sales", wanted), tenders, len(basket))

    def _scan(self, basket: Basket) -> Mapping[str, Any]:
        """Scan line by line; sometimes a line is damaged and a manager agrees to a large discount."""
        seen = self._fill(basket)
        if self.rng.random() < 0.4:
            change = {
                "version": seen["version"],
                "line_discount_percent": LARGE_DISCOUNT_PERCENT,
                "reason": "damaged",
                "approval": self._word("line_discount", "damaged"),
            }
            path = f"/api/baskets/{seen['basket_id']}/lines/{seen['lines'][0]['n']}"
            seen = self._changed("PATCH", path, change)
        return self._pay(seen)

    def _park(self, basket: Basket) -> Mapping[str, Any]:
        """Park a basket on a slip and call it back by scanning that."""
        seen = self._fill(basket)
        path = f"/api/baskets/{seen['basket_id']}"
        parked = self._changed("POST", f"{path}/park", {"version": seen["version"]})
        code = parked.get("code") or slip_code("bk", parked["number"], 1)
        try:
            back = self.client.post("/api/baskets/recall", {"code": code, "till": self.till})
        except Refused:
            if not self.client.was_repeated:
                raise
            back = self.client.get(path)
        return self._pay(back)

    def _changed(self, method: str, path: str, wanted: Mapping[str, Any]) -> Any:
        """Change the basket; when the answer was lost on the way, the refusal says how it is now."""
        try:
            return self.client.ask(method, path, wanted)
        except Refused as refusal:
            basket = facts_of(refusal).get("basket")
            if not self.client.was_repeated or basket is None:
                raise
            return basket

    def _read_x(self) -> None:
        """Have a manager look at the till; a word whose answer was lost is spent, so ask once more."""
        for _ in range(3):
            try:
                self.client.get(f"/api/tills/{self.till}/x", approval=self._word("till_reading", "midday"))
            except Refused:
                if not self.client.was_repeated:
                    raise
            else:
                return

    def _word(self, action: str, reason: str) -> str:
        """Fetch a manager, who types the PIN at this till."""
        wanted = {
            "person_id": self.approver.person_id,
            "pin": self.approver.pin,
            "action": action,
            "reason": reason,
        }
        return str(self.client.post("/api/approve", wanted)["token"])

    def _fill(self, basket: Basket) -> Any:
        seen = self.client.post("/api/baskets", {"till": self.till})
        for wish in basket:
            scan = {"code": wish.barcode, "quantity": wish.quantity, "scan_id": self._key("scan")}
            seen = self.client.post(f"/api/baskets/{seen['basket_id']}/scan", scan)["basket"]
        return seen

    def _pay(self, seen: Mapping[str, Any]) -> Mapping[str, Any]:
        tenders = self._tenders(seen["total_minor"])
        wanted = {"key": self._key("pay"), "version": seen["version"], "till": self.till, "tenders": tenders}
        said = self.client.post(f"/api/baskets/{seen['basket_id']}/pay", wanted)["sold"]
        return self._keep(said, tenders, len(seen["lines"]))

    def _tenders(self, total_minor: int) -> list[dict[str, Any]]:
        """Pay in cash with a round note, by card, or with both."""
        card = {"kind": "card", "reference": f"T{self.rng.randrange(10**6):06d}", "last4": "4242"}
        way = self.rng.random()
        if way < 0.45:
            return [{"kind": "cash", "amount_minor": total_minor, "tendered_minor": _note(total_minor)}]
        if way < 0.85 or total_minor < 2:
            return [card | {"amount_minor": total_minor}]
        half = total_minor // 2
        return [
            card | {"amount_minor": half},
            {"kind": "cash", "amount_minor": total_minor - half, "tendered_minor": _note(total_minor - half)},
        ]

    def _keep(
        self, said: Mapping[str, Any], tenders: Sequence[Mapping[str, Any]], lines: int
    ) -> Mapping[str, Any]:
        not_cash = sum(tender["amount_minor"] for tender in tenders if tender["kind"] != "cash")
        self.drawer_minor += said["total_minor"] - not_cash
        self.history.write(
            "sale",
            self.client.store,
            number=said["number"],
            lines=lines,
            total_minor=said["total_minor"],
            tax_minor=said["tax_minor"],
        )
        return said

    def _take_back(self) -> None:
        """Take one unit of an earlier order back, and one more of its first line if there is one."""
        order = self.rng.choice(self.sold)
        seen = self.client.get(f"/api/orders/{order['number']}")
        line = seen["lines"][0]
        left = line["quantity"] - line["returned"]
        for step in range(min(2, left)):
            wanted = {
                "key": self._key(f"return-{step}"),
                "lines": [{"line_no": line["line_no"], "quantity": 1}],
                "till": self.till,
            }
            self._gave_back(self.client.post(f"/api/orders/{order['number']}/returns", wanted))

    def _take_for_credit(self) -> None:
        """Take a unit back and give store credit for it, as the customer wishes."""
        number, units = self._unit_of(self.sold[0])
        wanted = {"key": self._key("credit"), "terms": {"store_credit": True}, "till": self.till}
        self._gave_back(self.client.post(f"/api/orders/{number}/returns", wanted | units))

    def _take_without_proof(self, basket: Basket) -> None:
        """Take the cheapest thing of a basket back from somebody without a receipt, who shows a card."""
        sku = min(basket, key=lambda wish: wish.price_minor).sku
        wanted = {"key": self._key("unproven"), "sku": sku, "id_checked": True, "till": self.till}
        self._gave_back(self.client.post("/api/returns/no-receipt", wanted))

    def _exchange(self, basket: Basket) -> None:
        """Swap a unit for what else the customer wants; they pay the rest in cash, or get it back."""
        number, units = self._unit_of(self.sold[1])
        worth = self.client.post(f"/api/orders/{number}/returns/preview", units)["total_minor"]
        seen = self._fill(basket[:1])
        rest = seen["total_minor"] - worth
        paid = [{"kind": "cash", "amount_minor": rest, "tendered_minor": _note(rest)}] if rest > 0 else []
        wanted = {
            "key": self._key("exchange"),
            "basket_id": seen["basket_id"],
            "version": seen["version"],
            "tenders": paid,
            "till": self.till,
        }
        said = self.client.post(f"/api/orders/{number}/exchanges", wanted | units)
        self._gave_back(said["returned"])
        swapped = {"kind": "exchange", "amount_minor": said["exchanged_minor"]}
        self.sold.append(self._keep(said["sold"], [swapped, *paid], len(seen["lines"])))

    def _unit_of(self, order: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the number of an order and one unit of a line that has any left, as a return names it."""
        lines = self.client.get(f"/api/orders/{order['number']}")["lines"]
        line = next(line for line in lines if line["quantity"] > line["returned"])
        return order["number"], {"lines": [{"line_no": line["line_no"], "quantity": 1}]}

    def _gave_back(self, said: Mapping[str, Any]) -> None:
        self.drawer_minor -= cash_of(said["refunds"])
        self.history.write(
            "return",
            self.client.store,
            number=said["number"],
            order=said["order_number"],
            total_minor=said["total_minor"],
        )

    def _undo(self) -> None:
        """Void the newest sale: it was rung up for the wrong customer."""
        order = self.sold.pop()
        said = self.client.post(
            f"/api/orders/{order['number']}/void",
            {
                "key": self._key("void"),
                "reason": "wrong customer",
                "approval": self._word("post_void", "wrong customer"),
            },
        )
        self.drawer_minor -= cash_of(said["refunds"])
        self.history.write(
            "void",
            self.client.store,
            number=said["number"],
            order=order["number"],
            total_minor=said["total_minor"],
        )

    def _key(self, what: str) -> str:
        self._n += 1
        return f"{self.till}-{self._n}-{what}"


def _note(amount_minor: int) -> int:
    """Return the next five pounds: what a customer puts on the counter."""
    return -(-amount_minor // NOTE_MINOR) * NOTE_MINOR
