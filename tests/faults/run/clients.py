"""The people of a run: cashiers, a web shop, pickers, pickup desks, customer service, and those of `shelves`.

Each works through a client of their own that repeats under the same key until it is answered, and writes down
what it was told, on the disk, before it goes on. Told to stop, everybody ends what they have begun. A refusal
is an answer too; one that nobody could expect is a trouble, and so is a piece of work that never ends.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.client import StoreClient
from deploy.demo.history import History
from deploy.demo.supervisor import HUB
from protocol.errors import OrderspineError, Refused
from tests.faults.run.company import SCARCE, FaultCompany
from tests.faults.run.shelves import Mover, Stocktaker
from tests.support.company import product
from tests.support.later_company import OTHER, PRODUCTS, STORE, TILL
from tests.support.later_counter import GIVEN_UP, KEPT_HERE, TAKEN_FOR_ANOTHER, CounterWalk
from tests.support.later_walk import (
    CANCELLED,
    CANCELLED_AT_ONCE,
    CHANGED,
    COLLECTED,
    LINES,
    PART_CANCELLED,
    RE_ROUTED,
    REJECTED,
    SHIPPED,
    SHORT,
    UNDONE,
    Walk,
)

WALKERS: Final = 8
PAUSE_SECONDS: Final = (0.05, 0.6)
LOOK_SECONDS: Final = 0.1
RETURN_EVERY: Final = 6
SCARCE_SHARE: Final = 0.3
"""Of what is wanted; of it there is never enough."""
RESTOCK: Final = 4
NOWHERE_SECONDS: Final = 15.0
"""How long the shop tries to place an order that nobody can promise."""
DESK_SECONDS: Final = 60.0
"""After this the desk cancels what nobody can fulfil, such as an order that a restored hub got anew when its
goods had been sold; an order that is not on the desk has no such way out."""
STUCK_SECONDS: Final = 240.0
"""Longer than anything is broken: what does not go on for this long never will."""
SOLD_OUT: Final = frozenset({"out_of_stock"})

ANYWHERE: Final = "anywhere"
PLACED: Final = frozenset({"place", "take"})
AT_HUB: Final = frozenset({"place", "arrive", "cancel", "cancel_one", "ask_back", "change"})
"""Steps that the hub alone keeps, at first."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One way in which an order may go, how often, and whether it may be about scarce articles."""

    steps: tuple[str, ...]
    weight: int
    to: str = ANYWHERE
    scarce: bool = False
    counter: bool = False


JOURNEYS: Final = (
    Journey(COLLECTED, 6, scarce=True),
    Journey(SHIPPED, 6, to="", scarce=True),
    Journey(UNDONE, 2),
    Journey(SHORT, 2, to=""),
    Journey(REJECTED, 2, to=""),
    Journey(RE_ROUTED, 2, to=""),
    Journey(CHANGED, 1, to=STORE),
    Journey(CANCELLED, 2),
    Journey(PART_CANCELLED, 2),
    Journey(CANCELLED_AT_ONCE, 1, scarce=True),
    Journey(KEPT_HERE, 2, to=STORE, counter=True),
    Journey(TAKEN_FOR_ANOTHER, 2, to=OTHER, counter=True),
    Journey(GIVEN_UP, 1, to=STORE, counter=True),
)
SETTLED: Final = ("cancel", "answered")


class Stuck(AssertionError):
    """A piece of work that never went on."""


class Crew:
    """Everybody who works in a run, and what they were told."""

    def __init__(self, company: FaultCompany, history: History, seed: int) -> None:
        self.company, self.history = company, history
        self.walks: list[Walk] = []
        self.told: Counter[str] = Counter()
        """How often each kind of answer was written down."""
        self.troubles: list[str] = []
        self.ending = threading.Event()
        self._lock = threading.Lock()
        works = [Cashier(self, name, random.Random(f"{seed} {name}")).work for name in company.names]
        works += [Walker(self, random.Random(f"{seed} walker {n}")).work for n in range(WALKERS)]
        works += [each(self, random.Random(f"{seed} {each.__name__}")).work for each in (Stocktaker, Mover)]
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"crew-{n}")
            for n, work in enumerate(works)
        ]

    def begin(self) -> None:
        """Open every till, and let everybody work."""
        for name in self.company.names:
            client = self.company.at(name)
            client.post(f"/api/tills/{TILL}/open", {"key": "open", "float_minor": 500_00})
        self.company.at(STORE).get("/api/later/stock/00000")
        for thread in self._threads:
            thread.start()

    def end(self, say: Callable[[str], None]) -> None:
        """Let everybody end what they have begun."""
        self.ending.set()
        waiting = [thread for thread in self._threads if thread.ident is not None]
        for n, thread in enumerate(waiting):
            thread.join(STUCK_SECONDS)
            if thread.is_alive():
                say(f"waiting for {len(waiting) - n} people")
                self.company.stopping.set()
                thread.join()

    def write(self, kind: str, place: str, **facts: Any) -> None:
        """Write an answer down, before anybody goes on."""
        self.history.write(kind, place, **facts)
        with self._lock:
            self.told[kind] += 1

    def keep(self, walk: Walk) -> None:
        """Remember an order for the comparison at the end."""
        with self._lock:
            self.walks.append(walk)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OrderspineError, AssertionError) as error:
            notes = " ".join(getattr(error, "__notes__", ()))
            with self._lock:
                self.troubles.append(f"{type(error).__name__}: {error} {notes}".strip())


@dataclass
class Cashier:
    """Somebody at the till of a place, who sells, takes back, and takes deliveries in."""

    crew: Crew
    place: str
    rng: random.Random
    numbers: list[str] = field(default_factory=list)
    _n: int = 0

    def work(self) -> None:
        """Sell until told to stop."""
        while not self.crew.ending.wait(self.rng.uniform(*PAUSE_SECONDS)):
            with self.crew.company.gates[self.place].passing():
                self._n += 1
                if self._n % RETURN_EVERY == 0 and self.numbers:
                    self._take_back(self.numbers.pop(self.rng.randrange(len(self.numbers))))
                else:
                    self._sell()

    def _sell(self) -> None:
        scarce = self.rng.random() < SCARCE_SHARE
        among = range(PRODUCTS - SCARCE, PRODUCTS) if scarce else range(PRODUCTS - SCARCE)
        lines = [
            {"sku": f"{n:05d}", "quantity": self.rng.randint(1, 2)}
            for n in self.rng.sample(among, self.rng.randint(1, 3))
        ]
        wanted = {
            "key": self._key("sale"),
            "till": TILL,
            "lines": lines,
            "tenders": [{"kind": "cash", "amount_minor": 100_000_00}],
        }
        try:
            said = self._client.post("/api/sales", wanted)
        except Refused as refusal:
            if refusal.reason not in SOLD_OUT:
                raise
            self.crew.write("refused", self.place, key=wanted["key"], reason=refusal.reason)
            if self.rng.randrange(RESTOCK) == 0:
                self._receive(str(lines[0]["sku"]))
            return
        self.numbers.append(said["number"])
        self._keep("sale", wanted, said, lines=lines)

    def _take_back(self, number: str) -> None:
        wanted = {"key": self._key("return"), "lines": [{"line_no": 1, "quantity": 1}], "till": TILL}
        said = self._client.post(f"/api/orders/{number}/returns", wanted)
        self._keep("return", wanted, said, of=number)

    def _receive(self, sku: str) -> None:
        wanted = {
            "key": self._key("delivery"),
            "reason": "received",
            "lines": [{"sku": sku, "quantity": RESTOCK}],
        }
        self._client.post("/api/stock/moves", wanted)
        self.crew.write("delivery", self.place, key=wanted["key"], sku=sku, units=RESTOCK)

    @property
    def _client(self) -> StoreClient:
        return self.crew.company.at(self.place)

    def _key(self, what: str) -> str:
        return f"{what}-{self.place}-{self._n}"

    def _keep(self, kind: str, wanted: Mapping[str, Any], said: Mapping[str, Any], **more: Any) -> None:
        self.crew.write(
            kind,
            self.place,
            number=said["number"],
            total_minor=said["total_minor"],
            key=wanted["key"],
            **more,
        )


@dataclass
class Walker:
    """Somebody who brings one order after the other from the shop to its customer."""

    crew: Crew
    rng: random.Random

    def work(self) -> None:
        """Begin orders until told to stop; what was begun is brought to its end."""
        company = self.crew.company
        weights = [journey.weight for journey in JOURNEYS]
        stores = [place.name for place in company.places if place.kind == "store"]
        while not self.crew.ending.wait(self.rng.uniform(*PAUSE_SECONDS)):
            (journey,) = self.rng.choices(JOURNEYS, weights)
            to = self.rng.choice(stores) if journey.to == ANYWHERE else journey.to
            kind = CounterWalk if journey.counter else Walk
            walk = kind(company, journey.steps[-1], journey.steps, to)
            if journey.scarce and self.rng.random() < SCARCE_SHARE:
                some = self.rng.sample(range(PRODUCTS - SCARCE, PRODUCTS), LINES)
                walk.goods = tuple(product(n) for n in some)
                walk.units = 1
            self._bring(walk)

    def _bring(self, walk: Walk) -> None:
        """Take step after step; an order that nobody can promise for a while is given up unplaced."""
        clock, looking = self.crew.company.clock, threading.Event()
        moved = clock.monotonic()
        while walk.done < len(walk.steps):
            step = walk.steps[walk.done]
            if self._step(walk, step):
                moved = clock.monotonic()
                continue
            idle = clock.monotonic() - moved
            if not walk.number and idle > NOWHERE_SECONDS:
                self.crew.write("refused", HUB, key=walk.key("place"), reason="out_of_rights")
                return
            if step == "arrive" and idle > DESK_SECONDS and walk.is_on_the_desk():
                walk.steps = (*walk.steps[: walk.done], *SETTLED)
                continue
            if idle > STUCK_SECONDS:
                raise Stuck(f"{step!r} was never possible: {walk}")
            looking.wait(LOOK_SECONDS)

    def _step(self, walk: Walk, step: str) -> bool:
        """Take one step if it can be taken, and write down what was said."""
        company, before = self.crew.company, sum(walk.told.values())
        name, key = step.replace(" ", "_"), walk.key(step)
        with company.gates[HUB if name in AT_HUB else walk.at or STORE].passing():
            if not walk._take(step):
                return False
            walk.done += 1
        if name in PLACED:
            self.crew.keep(walk)
        units = sum(walk.told.values()) - before
        self.crew.write(name, walk.at or HUB, key=key, number=walk.number, units=units)
        return True
