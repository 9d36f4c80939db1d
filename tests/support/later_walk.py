"""One web order on its way: named steps that somebody takes, each under a key, until it is answered.

    walk = Walk(company, "packed", COLLECTED)
    walk.go(upto=7)

A step is done, or not yet: what has to come over the wire may take its time, and whoever is not patient
stops there. What clients were told left the house is kept, for the comparison at the end.
"""

import threading
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.supervisor import HUB
from protocol.errors import Refused
from tests.support.company import product
from tests.support.later_company import ORDERED, OTHER, PATIENCE_SECONDS, STORE, LaterCompany

OPEN: Final = "('proposed', 'acknowledged', 'picking', 'picked', 'packed', 'ready')"
UNITS: Final = 2
LINES: Final = 2
SHIPPING_MINOR: Final = 3_95
PAUSE_SECONDS: Final = 0.05
NOBODY: Final = frozenset({"out_of_rights", "unroutable"})
"""What the hub says when no place that it hears can keep a promise."""
NOT_NOW: Final = frozenset({"nothing_loose", "on_hold"})
"""What the hub says of an order that somebody has, or that waits since a restore for who may have it."""

COLLECTED: Final = (
    "place", "arrive", "accept", "start", "find", "finish", "pack", "stage", "verify", "hand over",
)  # fmt: skip
UNDONE: Final = (*COLLECTED, "undo", "verify", "hand over")
SHIPPED: Final = ("place", "arrive", "start", "find", "finish", "pack", "ship")
SHORT: Final = ("place", "arrive", "start", "short", "finish", "pack", "ship", *SHIPPED[1:])
REJECTED: Final = ("place", "arrive", "reject", *SHIPPED[1:])
CHANGED: Final = ("place", "arrive", "start", "change", *COLLECTED[1:])
CANCELLED: Final = (*COLLECTED[:8], "cancel", "answered")
CANCELLED_AT_ONCE: Final = ("place", "cancel", "answered")
PART_CANCELLED: Final = (*COLLECTED[:8], "cancel one", "answered", *COLLECTED[1:])
RE_ROUTED: Final = ("place", "arrive", "start", "find", "ask back", *SHIPPED[1:])

WHAT_THE_HUB_KNOWS: Final = {
    "orders": "order_id",
    "assignments": "order_id",
    "order_holds": "order_id",
    "order_requests": "order_id",
    "exceptions": "subject",
}
"""Tables, and the columns that name an order."""
NOT_BEGUN: Final = frozenset({"accept", "reject", "start"})
"""Steps before which the hub may ask a place to give an order up, because another one fulfils it better."""


@dataclass
class Walk:
    """One order, and whoever works on it. Its articles are its own."""

    company: LaterCompany
    title: str
    steps: tuple[str, ...]
    to: str = STORE
    """Where it is collected; empty: shipped from wherever it costs least."""
    units: int = UNITS
    """Of each of its articles."""
    fewer: int = 0
    """Units that were cancelled on the way."""
    reservation_id: str = ""
    device: str = ""
    """Whose keys these are, where two devices do the same."""
    done: int = 0
    number: str = ""
    order_id: str = ""
    code: str = ""
    assignment_id: str = ""
    at: str = ""
    """The place that fulfils it."""
    list_id: str = ""
    verification: str = ""
    handover: str = ""
    was: set[str] = field(default_factory=set)
    """Assignments that this order had before."""
    told: dict[str, int] = field(default_factory=dict)
    """Units that clients were told had left, by handover or shipment."""

    def __post_init__(self) -> None:
        self.n = self.company.next_order()
        self.goods = tuple(product((LINES * self.n + line) % ORDERED) for line in range(LINES))

    def go(self, upto: int | None = None, *, patient: bool = True) -> None:
        """Take the steps up to one of them (not included), or all; without patience stop where one waits."""
        goal = len(self.steps) if upto is None else min(upto, len(self.steps))
        waiting, clock = threading.Event(), self.company.clock
        deadline = clock.monotonic() + PATIENCE_SECONDS
        while self.done < goal:
            if self._take(self.steps[self.done]):
                self.done += 1
                deadline = clock.monotonic() + PATIENCE_SECONDS
            elif not patient:
                return
            elif clock.monotonic() > deadline or waiting.wait(PAUSE_SECONDS):
                raise AssertionError(f"{self.steps[self.done]!r} was never possible: {self}{self._why()}")

    def _take(self, step: str) -> bool:
        verb: Callable[[], bool] = getattr(self, step.replace(" ", "_"))
        try:
            return verb()
        except Refused as refusal:
            if step in NOT_BEGUN and refusal.reason == "cancelled":
                # The hub asked the place before anybody had begun, and it gave the work up: on to the next.
                self.done = max(n for n in range(self.done) if self.steps[n] == "arrive")
                return False
            if step in NOT_BEGUN and refusal.reason == "no_assignment":
                return False  # as in `arrive`: nobody has begun, so an old copy may get the offer anew
            refusal.add_note(f"at the step {step!r} of {self}")
            raise

    def _why(self) -> str:
        """Return what the hub knows of an order that does not go on."""
        said = []
        for table, of in WHAT_THE_HUB_KNOWS.items():
            rows = self.company.read(HUB, f"SELECT * FROM {table} WHERE {of} LIKE ?", f"%{self.order_id}")
            said += [f"\n{table}: {tuple(row)}" for row in rows]
        waiting = self.company.read(
            HUB,
            "SELECT edge, cseq, kind, state, sent_us FROM directives"
            " WHERE state NOT IN ('answered', 'withdrawn') ORDER BY cseq LIMIT 20",
        )
        return "".join([*said, *(f"\ndirectives: {tuple(row)}" for row in waiting)])

    def twin(self) -> "Walk":
        """Return the same work once more: another device with the same keys."""
        other = copy(self)
        other.was, other.told = set(self.was), dict(self.told)
        return other

    def __str__(self) -> str:
        return f"{self.title} ({self.number or 'not placed'}, {self.assignment_id} at {self.at or 'nobody'})"

    def wanted(self) -> dict[str, Any]:
        """Return the order as the web shop sends it."""
        total = sum(round(float(each["price"]) * 100) for each in self.goods)
        shipping = 0 if self.to else SHIPPING_MINOR
        return {
            "key": f"shop-{self.n}",
            "channel": "web",
            "external_id": f"W-{self.n}",
            "currency": "GBP",
            "lines": [{"sku": each["sku"], "quantity": self.units} for each in self.goods],
            "shipping_minor": shipping,
            "reservation_id": self.reservation_id,
            "promise": promise_to(self.to),
            "customer": {
                "first_name": "Web",
                "last_name": f"Customer {self.n}",
                "email": f"customer-{self.n}@example.com",
                "address": {"line1": f"{self.n} Test Lane", "city": "Leeds", "postcode": "LS1 6NP"},
            },
            "payment": {
                "gateway": "simulator",
                "reference": f"pay_{self.n}",
                "amount_minor": self.units * total + shipping,
            },
        }

    def reserve(self) -> bool:
        """The checkout holds the goods."""
        lines = self.wanted()["lines"]
        wanted = {
            "channel": "web",
            "lines": lines,
            "promise": promise_to(self.to),
            "key": self.key("reserve"),
        }
        said = self.company.at(HUB).post("/api/reservations", {**wanted, "minutes": 1})
        self.reservation_id = said["reservation_id"]
        return True

    def place(self) -> bool:
        """The customer orders; while no place is heard the shop tries again later."""
        try:
            said = self.company.at(HUB).post("/api/orders", self.wanted())
        except Refused as refusal:
            if refusal.reason in NOBODY:
                return False
            raise
        self.number, self.order_id, self.code = said["number"], said["order_id"], said["pickup_code"]
        return True

    def arrive(self) -> bool:
        """The order, or what is left of it, is somebody's work; who finds it unroutable routes it again."""
        row = self.company.read(
            HUB,
            f"SELECT assignment_id, location FROM assignments WHERE order_id = ? AND state IN {OPEN}"
            " ORDER BY attempt DESC LIMIT 1",
            self.order_id,
        )
        if not row or row[0][0] in self.was:
            self._route_again()
            return False
        assignment_id, at = row[0]
        if not self.company.read(at, "SELECT 1 FROM assignments WHERE assignment_id = ?", assignment_id):
            return False
        self.assignment_id, self.at = str(assignment_id), str(at)
        try:
            self.list_id = str(self._shown()["list_id"])
        except Refused as refusal:
            if refusal.reason != "no_assignment":
                raise
            return False  # the place was put back to an old copy since, and gets it back from the hub
        self.was.add(self.assignment_id)
        return True

    def is_on_the_desk(self) -> bool:
        """Tell whether a card says that nobody can fulfil it."""
        card = self.company.read(
            HUB,
            "SELECT 1 FROM exceptions WHERE subject = ? AND kind = 'unroutable' AND state = 'open'",
            f"order:{self.order_id}",
        )
        return bool(card)

    def _route_again(self) -> None:
        if self.is_on_the_desk():
            try:
                self.company.at(HUB).post(f"/api/orders/{self.number}/route", {})
            except Refused as refusal:
                if refusal.reason not in NOT_NOW:
                    raise

    def accept(self) -> bool:
        """Somebody takes the work on."""
        self._do("accept")
        return True

    def reject(self) -> bool:
        """The place gives the work back."""
        self._do("reject", reason="no_capacity")
        return True

    def start(self) -> bool:
        """Somebody walks; a list on paper that a restored store no longer knows is replaced by the order."""
        wanted: dict[str, Any] = {"assignments": [self.assignment_id]}
        if self.list_id and self._knows_list():
            wanted = {"list_id": self.list_id}
        self.list_id = self._ask("/api/fulfil/picks", "start", wanted)["list_id"]
        return True

    def _knows_list(self) -> bool:
        """Tell whether the place knows the list that was printed: lists are not in the log."""
        return bool(self.company.read(self.at, "SELECT 1 FROM pick_lists WHERE list_id = ?", self.list_id))

    def find(self) -> bool:
        """Everything was found."""
        for line in self._shown()["items"]:
            self._pick("set", line["line_no"], line["quantity"])
        return True

    def short(self) -> bool:
        """One unit of the first line is damaged; the walk goes on with the rest."""
        self._pick("short", 1, 1, reason="damaged")
        self._pick("set", 1, UNITS - 1)
        self._pick("set", 2, UNITS)
        return True

    def finish(self) -> bool:
        """The walk is over; what a restored store forgot of it, like its list, is ticked again."""
        try:
            self._ask(f"/api/fulfil/picks/{self.list_id}/finish", "finish", {})
        except Refused as refusal:
            if refusal.reason != "unfinished":
                raise
            self.done -= 1
            return False
        return True

    def pack(self) -> bool:
        """Everything is in bags or parcels."""
        wanted: dict[str, Any] = {"bags": 1} if self._shown()["kind"] == "collect" else {}
        self._do("pack", **wanted or {"parcels": [{"weight_g": 700}]})
        return True

    def stage(self) -> bool:
        """The bags stand on a shelf."""
        self._do("stage", shelf="P-01")
        return True

    def verify(self) -> bool:
        """The customer says the code."""
        self.verification = self._do("verify", how="code", said=self.code)["verification"]
        return True

    def hand_over(self) -> bool:
        """The customer has it."""
        units = self._here()
        said = self._do("hand-over", verification=self.verification)
        self.handover = said["handover_id"]
        self.told[self.handover] = units
        return True

    def undo(self) -> bool:
        """It was the wrong customer, who gave it back."""
        self._ask(f"/api/fulfil/handovers/{self.handover}/undo", "undo", {"reason": "wrong bag"})
        del self.told[self.handover]
        return True

    def ship(self) -> bool:
        """A carrier has it."""
        units = self._here()
        self._do("ship")
        self.told[self.assignment_id] = units
        return True

    def check_out(self) -> bool:
        """This device takes it along."""
        self._ask("/api/fulfil/check-out", "check-out", {"assignments": [self.assignment_id]})
        return True

    def check_in(self) -> bool:
        """This device brings it back."""
        self._ask("/api/fulfil/check-in", "check-in", {"assignments": [self.assignment_id]})
        return True

    def cancel(self) -> bool:
        """Customer service cancels what has not left."""
        return self._hub("cancel", {"reason": "changed my mind"})

    def cancel_one(self) -> bool:
        """Customer service cancels one unit; the place gives all of it up, and the rest comes back anew."""
        if not self._hub("cancel", {"reason": "one is enough", "lines": [{"line_no": 1, "units": 1}]}):
            return False
        self.fewer = 1
        return True

    def ask_back(self) -> bool:
        """Customer service wants another place to fulfil it, unless the hub has had that done meanwhile."""
        try:
            return self._hub("reroute", {"reason": "too slow", "assignment_id": self.assignment_id})
        except Refused as refusal:
            if refusal.reason != "not_held":
                raise
            return True

    def change(self) -> bool:
        """The customer would rather collect it elsewhere."""
        try:
            return self._hub("change", {"reason": "moved", "promise": promise_to(OTHER)})
        except Refused as refusal:
            if refusal.reason in NOBODY:
                return False
            raise

    def answered(self) -> bool:
        """Whoever was asked has answered."""
        waiting = self.company.read(
            HUB,
            "SELECT 1 FROM order_requests WHERE order_id = ? AND settled_us IS NULL",
            self.order_id,
        )
        return not waiting

    def state(self) -> str:
        """Return where the order is, as the hub's file says."""
        row = self.company.read(HUB, "SELECT state FROM orders WHERE order_id = ?", self.order_id)
        return str(row[0][0])

    def _shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.company.at(self.at).get(f"/api/fulfil/assignments/{self.assignment_id}")
        return shown

    def _here(self) -> int:
        """Return the units that are to leave from here; the same before and after they have."""
        rows = self.company.read(
            self.at,
            "SELECT quantity - short - given_up FROM assignment_lines WHERE assignment_id = ?",
            self.assignment_id,
        )
        return sum(int(row[0]) for row in rows)

    def _pick(self, verb: str, line_no: int, units: int, **said: Any) -> None:
        wanted = {"assignment_id": self.assignment_id, "line_no": line_no, "units": units, **said}
        self._ask(f"/api/fulfil/picks/{self.list_id}/{verb}", f"{verb}-{line_no}", wanted)

    def _do(self, verb: str, **said: Any) -> dict[str, Any]:
        return self._ask(f"/api/fulfil/assignments/{self.assignment_id}/{verb}", verb, said)

    def _ask(self, path: str, verb: str, said: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.company.at(self.at).post(path, {"key": self.key(verb), **said})
        return answer

    def _hub(self, verb: str, said: dict[str, Any]) -> bool:
        """Ask the hub for something, unless it waits for an answer about this order by itself."""
        try:
            self.company.at(HUB).post_keyed(f"/api/orders/{self.number}/{verb}", said, self.key(verb))
        except Refused as refusal:
            if refusal.reason == "already_requested":
                return False
            raise
        return True

    def key(self, verb: str) -> str:
        """Return the key of a verb at this step and place: the same however often it is sent."""
        return f"walk-{self.n}-{self.done}.{len(self.was)}-{verb}{self.device}"


def promise_to(place: str) -> dict[str, str]:
    """Return a promise as a shop puts it; without a place it is shipped."""
    if place:
        return {"kind": "collect", "location": place, "promise_class": "same_day"}
    return {"kind": "ship", "promise_class": "standard", "service": "standard"}
