"""An order for later that is taken at a store's counter: its first steps, and its money at a till.

The store keeps what is collected there by itself, line or no line; what is collected elsewhere is the hub's
to decide, and provisional while nobody can be asked.
"""

from dataclasses import dataclass
from typing import Any, Final

from protocol.errors import Refused
from tests.support.later_company import OTHER, STORE, TILL, LaterCompany
from tests.support.later_walk import COLLECTED, UNITS, Walk

KEPT_HERE: Final = (
    "take",
    "arrive",
    "start",
    "find",
    "finish",
    "pack",
    "stage",
    "pay",
    "verify",
    "hand over",
)
TAKEN_FOR_ANOTHER: Final = ("take", *COLLECTED[1:])
GIVEN_UP: Final = ("take", "arrive", "start", "find", "finish", "give up")
MAYBE_LATER: Final = frozenset({"not_offered", "no_longer_offered"})
"""What the hub answers while it does not hear the other store."""


def open_counter(company: LaterCompany) -> None:
    """Open a till, and let the counter learn which other stores there are."""
    client = company.at(STORE)
    client.post(f"/api/tills/{TILL}/open", {"key": "open", "float_minor": 500_00})
    client.get("/api/later/stock/00000")


@dataclass
class CounterWalk(Walk):
    """One order of a counter in the first store; half of what is kept there is paid at once."""

    @property
    def is_kept_here(self) -> bool:
        """Tell whether the store sets the goods aside itself."""
        return self.to == STORE

    def take(self) -> bool:
        """The counter takes it."""
        till = self.company.at(STORE)
        basket = till.post("/api/baskets", {})
        path = f"/api/baskets/{basket['basket_id']}/scan"
        for each in self.goods:
            scan = {"code": each["sku"], "quantity": UNITS, "scan_id": f"{basket['basket_id']}-{each['sku']}"}
            basket = till.post(path, scan)["basket"]
        total = int(basket["total_minor"])
        now = total // 2 if self.is_kept_here else total
        wanted: dict[str, Any] = {
            "key": self.key("take"),
            "basket_id": basket["basket_id"],
            "version": basket["version"],
            "till": TILL,
            "way": "here" if self.is_kept_here else "elsewhere",
            "location": "" if self.is_kept_here else OTHER,
            "provisional": True,
            "contact": {"last_name": f"Customer {self.n}", "email": f"customer-{self.n}@example.com"},
            "deposit_minor": now,
            "tenders": [{"kind": "card", "amount_minor": now, "last4": "4242"}],
        }
        try:
            said = till.post("/api/later", wanted)
        except Refused as refusal:
            if refusal.reason in MAYBE_LATER:
                till.post(f"/api/baskets/{basket['basket_id']}/abandon", {"version": basket["version"]})
                return False
            raise
        self.number, self.order_id, self.code = said["number"], said["order_id"], said["pickup_code"]
        return True

    def arrive(self) -> bool:
        """What the store keeps is its work at once."""
        if not self.is_kept_here:
            return super().arrive()
        rows = self.company.read(
            STORE, "SELECT assignment_id FROM assignments WHERE order_id = ?", self.order_id
        )
        self.assignment_id, self.at = str(rows[0][0]), STORE
        return True

    def pay(self) -> bool:
        """The customer pays the rest at the till."""
        tenders = [{"kind": "cash", "amount_minor": 500_00}]
        wanted = {"key": self.key("pay"), "till": TILL, "tenders": tenders}
        self.company.at(STORE).post(f"/api/later/{self.number}/payments", wanted)
        return True

    def give_up(self) -> bool:
        """The customer does not want it any more and gets the money back."""
        wanted = {"key": self.key("give-up"), "reason": "changed my mind", "till": TILL}
        self.company.at(STORE).post(f"/api/later/{self.number}/cancel", wanted)
        return True
