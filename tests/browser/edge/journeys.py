"""The journeys of orders for later as people press them: one class is one journey.

A journey prepares what is not its subject through the API, and then goes step by step through pages. At its
end it says what customers were told, for the comparison with the files.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from playwright.sync_api import Locator

from deploy.demo.supervisor import HUB
from tests.browser.edge import pressing as do
from tests.browser.edge.pressing import ITEMS
from tests.browser.edge.seats import Seat, Staff, Step
from tests.support.later_company import OTHER, STORE
from tests.support.later_counter import TAKEN_FOR_ANOTHER, CounterWalk
from tests.support.later_walk import COLLECTED, SHIPPED, UNITS, Walk

ARRIVED = ("place", "arrive")
AT_DESK = COLLECTED[: COLLECTED.index("verify")]
OTHER_TITLE = "York Coppergate"
STORE_TITLE = "Leeds Briggate"


class Journey(ABC):
    """One order (or two) on its way through pages."""

    title: ClassVar[str]
    cards: ClassVar[frozenset[str]] = frozenset()
    """Exceptions that may be left at its end."""

    def __init__(self, staff: Staff, fault: str) -> None:
        self.staff, self.company = staff, staff.company
        self.walks: list[Walk] = []
        self._fault = fault

    @abstractmethod
    def prepare(self) -> None:
        """Do through the API what is done before the first page; any thread may do it."""

    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """Return what people press, in order."""

    def told(self) -> None:
        """Keep in the walks what customers were told: all has left, unless a journey says otherwise."""
        for walk in self.walks:
            walk.told[walk.assignment_id] = ITEMS

    def ends(self) -> frozenset[str]:
        """Return the states that its orders may be in at the end."""
        return frozenset({"handed_over"})

    def new(self, steps: tuple[str, ...], to: str = "") -> Walk:
        """Return a new order."""
        self.walks.append(Walk(self.company, f"{self.title} with {self._fault}", steps, to))
        return self.walks[-1]


class Collected(Journey):
    """A web order is picked, packed, put on a shelf and collected, all on one handheld."""

    title = "collected"

    def prepare(self) -> None:
        """The order has arrived."""
        self.new(ARRIVED, STORE).go()

    def steps(self) -> Sequence[Step]:
        """From the list of the work to the customer."""
        (walk,) = self.walks
        hand = self.staff.handheld(self.title, walk.at)
        return (
            do.take_up(hand, walk),
            do.start(hand, walk),
            do.scan_line(hand, walk, 1),
            do.set_line(hand, walk, 2),
            do.finish(hand, walk, hand.button("Pack into 1 bag")),
            do.pack_bag(hand, walk),
            do.shelve(hand, walk),
            do.to_desk(hand, walk),
            do.say_code(hand, walk),
            do.hand_over(hand, walk),
        )


class Shipped(Journey):
    """A web order is picked, packed into a parcel and shipped, on a handheld."""

    title = "shipped"

    def prepare(self) -> None:
        """The order has arrived."""
        self.new(ARRIVED).go()

    def steps(self) -> Sequence[Step]:
        """From the list of the work to the carrier."""
        (walk,) = self.walks
        hand = self.staff.handheld(self.title, walk.at)
        return (
            do.take_up(hand, walk),
            do.start(hand, walk),
            do.scan_line(hand, walk, 1),
            do.set_line(hand, walk, 2),
            do.finish(hand, walk, hand.button("Pack into 1 parcel")),
            do.pack_parcel(hand, walk),
            do.ship(hand, walk),
        )


class Undone(Journey):
    """An order is handed over to the wrong customer, taken back, and handed over again at the pickup desk."""

    title = "undone"

    def prepare(self) -> None:
        """The order is on its shelf."""
        self.new(AT_DESK, STORE).go()

    def steps(self) -> Sequence[Step]:
        """From the search at the desk to the second handover."""
        (walk,) = self.walks
        seat = self.staff.counter(self.title, walk.at)
        return (
            do.find_at_desk(seat, walk),
            do.say_code(seat, walk),
            do.hand_over(seat, walk),
            do.undo(seat, walk),
            do.say_code(seat, walk),
            do.hand_over(seat, walk),
        )


class TakenForAnother(Journey):
    """A counter takes an order that another store hands over, provisionally if it has to."""

    title = "taken for another store"

    def prepare(self) -> None:
        """The customer stands at the counter."""
        self.walks.append(
            CounterWalk(self.company, f"{self.title} with {self._fault}", TAKEN_FOR_ANOTHER, OTHER)
        )

    @property
    def customer(self) -> str:
        """The surname under which it is found again."""
        return f"Counterman{self.walks[0].n}"

    def steps(self) -> Sequence[Step]:
        """From the first scan to the customer at the other store."""
        (walk,) = self.walks
        till = self.staff.counter(self.title, STORE)
        elsewhere = self.staff.counter(self.title, OTHER)
        page = till.page
        by_sku = "".join(f':has(tr:has-text("{each["sku"]}"))' for each in walk.goods)
        return (
            Step("ring up", till, self._ring_up, lambda: page.locator(f"table.lines{by_sku}"), do.selling),
            Step(
                "go on to later",
                till,
                lambda: page.keyboard.press("F8"),
                lambda: page.locator("#later"),
                do.selling,
                do.for_later,
            ),
            Step(
                "choose the store",
                till,
                self._choose,
                lambda: page.locator("input[name=location]:checked"),
                do.for_later,
            ),
            Step(
                "say who it is for",
                till,
                self._write_down,
                lambda: page.locator(".side .customer", has_text=self.customer),
                do.for_later,
            ),
            Step(
                "go on to pay",
                till,
                lambda: page.keyboard.press("F10"),
                lambda: till.button("Card paid"),
                do.for_later,
            ),
            Step(
                "take the order",
                till,
                self._take,
                lambda: page.locator("h1", has_text=re.compile(r"^LB\d+-\d+$")),
                lambda: "/sell/later/pay?by=card&told=yes",
                lambda: f"/orders?q={self.customer}",
            ),
            Step(
                "have it ready elsewhere",
                elsewhere,
                self._make_ready,
                lambda: do.here(elsewhere, walk).locator(do.code_field(elsewhere)),
                lambda: do.desk(walk) if walk.assignment_id else "/fulfil/pickup",
                asks_hub=True,
            ),
            do.say_code(elsewhere, walk),
            do.hand_over(elsewhere, walk),
        )

    def _ring_up(self) -> None:
        till = self.staff.counter(self.title, STORE)
        till.go("/sell")
        for each in self.walks[0].goods:
            row = till.page.locator("table.lines tr", has_text=each["sku"])
            if not row.count():
                till.page.locator("[name=code]").locator("visible=true").fill(each["sku"])
                till.page.keyboard.press("Enter")
                row.wait_for()

    def _choose(self) -> None:
        page = self.staff.counter(self.title, STORE).page
        page.locator("label.way:has(input[value=elsewhere])").click()
        page.locator("label.choice", has_text=OTHER_TITLE).click()

    def _write_down(self) -> None:
        till = self.staff.counter(self.title, STORE)
        if not till.page.locator("dialog[open]").count():
            till.page.keyboard.press("F5")
        summary = till.page.locator("dialog[open] details:not([open]) summary")
        if not till.button("Use this customer").count():
            summary.click()
        till.field("Surname").fill(self.customer)
        till.field("E-mail").fill(f"{self.customer.lower()}@example.com")
        till.button("Use this customer").click()

    def _take(self) -> None:
        till = self.staff.counter(self.title, STORE)
        known = till.page.locator("table.order-list a", has_text=re.compile(r"LB\d+-\d+"))
        if known.count():
            known.first.click()
        elif till.page.url.partition("?")[0].endswith("/sell/later"):
            till.page.keyboard.press("F10")
        else:
            till.button("Card paid").click()

    def _make_ready(self) -> None:
        """Another store has it on its shelf."""
        (walk,) = self.walks
        if not walk.number:
            till = self.staff.counter(self.title, STORE)
            walk.number = till.page.locator("h1").inner_text()
            walk.order_id, walk.code = self.company.read(
                STORE, "SELECT order_id, pickup_code FROM later_orders WHERE number = ?", walk.number
            )[0]
            walk.done = 1
        walk.go(len(AT_DESK), patient=False)
        if walk.done == len(AT_DESK):
            self.staff.counter(self.title, OTHER).open(do.desk(walk))

    def told(self) -> None:
        """The customer has everything, one unit of each."""
        (walk,) = self.walks
        walk.told[walk.assignment_id] = walk._here()


class Batch(Journey):
    """Two orders are walked together; of one a unit is damaged, which another place ships."""

    title = "batch with a short pick"

    def prepare(self) -> None:
        """Both orders have arrived, at the same place; each is for one article."""
        short, whole = self.new((*ARRIVED, *SHIPPED[1:])), self.new(ARRIVED)
        for walk in (short, whole):
            walk.goods = walk.goods[:1]
            walk.go(len(ARRIVED))
        assert short.at == whole.at, "two orders for the same region went to different places"

    def steps(self) -> Sequence[Step]:
        """From the choice of the two to the last parcel."""
        short, whole = self.walks
        hand = self.staff.handheld(self.title, short.at)
        page = hand.page

        def together() -> None:
            hand.go("/fulfil")
            for walk in self.walks:
                page.locator(f"#work-{walk.assignment_id} input").check()
            hand.button("Pick 2 orders together").click()

        return (
            Step(
                "pick two together",
                hand,
                together,
                lambda: self._listed(hand),
                lambda: "/fulfil",
                self._list_page,
            ),
            do.report_short(hand, short, 1),
            do.set_line(hand, short, 1, UNITS - 1),
            do.set_line(hand, whole, 1),
            Step(
                "end the walk",
                hand,
                lambda: hand.button("Picked, go and pack").click(),
                lambda: page.get_by_role("link", name="Pack the first"),
                lambda: do.walking(short),
            ),
            do.pack_parcel(hand, short),
            do.ship(hand, short),
            do.pack_parcel(hand, whole),
            do.ship(hand, whole),
            Step(
                "have the rest shipped from elsewhere",
                hand,
                self._elsewhere,
                lambda: page.locator("html" if short.done == len(short.steps) else "no-such-thing"),
                lambda: "/fulfil",
                asks_hub=True,
            ),
        )

    def _listed(self, hand: Seat) -> Locator:
        """Return the list that both are on, once the page shows it."""
        found = self._list_page().rpartition("/")[2]
        for walk in self.walks:
            walk.list_id = found
        return hand.page.locator(f'#live-pick[data-fresh="/fulfil/pick/{found or "none"}"]')

    def _list_page(self) -> str:
        """Return the page of the list, or of the work while there is none."""
        short = self.walks[0]
        row = self.company.read(
            short.at, "SELECT list_id FROM assignments WHERE assignment_id = ?", short.assignment_id
        )
        return f"/fulfil/pick/{row[0][0]}" if row and row[0][0] else "/fulfil"

    def _elsewhere(self) -> None:
        short = self.walks[0]
        if not short.told:
            short.told[short.assignment_id] = UNITS - 1
        short.go(patient=False)

    def told(self) -> None:
        """A carrier has all of the second; of the first it was kept meanwhile."""
        whole = self.walks[1]
        whole.told[whole.assignment_id] = UNITS


class Race(Journey):
    """Customer service cancels an order while the pickup desk hands it over: one of them wins."""

    title = "cancel racing handover"
    cards = frozenset({"cancel_too_late"})

    def prepare(self) -> None:
        """The order is on its shelf."""
        self.new(AT_DESK, STORE).go()

    def steps(self) -> Sequence[Step]:
        """Both make ready, both press, both see how it ended."""
        (walk,) = self.walks
        counter, service = self.staff.counter(self.title, walk.at), self.staff.service(self.title)
        gone = counter.page.get_by_text(re.compile("The order was cancelled|is to be cancelled"))

        def both() -> None:
            hand = do.hand_over(counter, walk)
            with suppress(Exception):  # the cancellation is pressed again in a step of its own
                service.button("Cancel these units").click(no_wait_after=True)
            hand.press()

        return (
            do.find_at_desk(counter, walk),
            do.say_code(counter, walk),
            Step(
                "fill in the cancellation",
                service,
                lambda: do.fill_cancellation(service, walk),
                lambda: service.page.locator("[name=reason]:valid"),
                lambda: f"/orders/{walk.number}/cancel",
            ),
            Step("both at once", counter, both, lambda: do.handed(counter).or_(gone), lambda: do.desk(walk)),
            do.ask_to_cancel(service, walk),
            do.answered(service, walk),
        )

    def told(self) -> None:
        """The customer has everything if the desk said so."""
        (walk,) = self.walks
        if do.handed(self.staff.counter(self.title, walk.at)).count():
            walk.told[walk.assignment_id] = ITEMS

    def ends(self) -> frozenset[str]:
        """Whoever was first."""
        return frozenset({"handed_over" if self.walks[0].told else "cancelled"})


class Service(Journey):
    """Customer service takes an order on the phone and cancels it after it has reached its store."""

    title = "placed and cancelled by service"

    def prepare(self) -> None:
        """The customer rings."""
        self.new(ARRIVED, STORE).done = 1

    @property
    def phone(self) -> str:
        """The number by which the order is found again."""
        return f"0113 497 {self.walks[0].n:04d}"

    def steps(self) -> Sequence[Step]:
        """From the search for an item to the store that gives the order up."""
        (walk,) = self.walks
        service = self.staff.service(self.title)
        store = self.staff.handheld(self.title, STORE)
        return (
            Step(
                "put it together",
                service,
                self._draft,
                lambda: service.page.get_by_label("Units of"),
                lambda: "/orders/new",
            ),
            Step(
                "place it",
                service,
                self._place,
                lambda: service.page.locator(".order-head"),
                lambda: f"/orders?q={self.phone.replace(' ', '+')}",
            ),
            Step(
                "see it at the store",
                store,
                self._arrive,
                lambda: store.page.locator(f"#work-{walk.assignment_id or 'none'}"),
                lambda: "/fulfil",
                asks_hub=True,
            ),
            do.ask_to_cancel(service, walk),
            do.answered(service, walk),
            Step(
                "see it gone at the store",
                store,
                lambda: store.open(do.work(walk)),
                lambda: do.here(store, walk).get_by_text("cancelled").first,
                lambda: do.work(walk),
            ),
        )

    def _draft(self) -> None:
        service, sku = self.staff.service(self.title), self.walks[0].goods[0]["sku"]
        service.go("/orders/new")
        service.page.get_by_label("Item's code or name").fill(sku)
        service.page.keyboard.press("Enter")
        service.page.get_by_role("button", name="Add Thing number").first.click()

    def _place(self) -> None:
        """Place it, unless it is found to have been placed."""
        service = self.staff.service(self.title)
        if service.page.url.partition("?")[0].endswith("/orders"):
            known = service.page.locator("tbody a", has_text=re.compile(r"^HB\d+-\d+"))
            if known.count():
                known.first.click()
                return
        if not service.page.get_by_label("Units of").count():
            self._draft()
        service.page.get_by_label("Units of").fill(str(UNITS))
        service.field("Last name").fill(f"Caller {self.walks[0].n}")
        service.page.get_by_label("Phone").fill(self.phone)
        service.page.get_by_label(f"Collect at {STORE_TITLE}").check()
        service.button("Place the order").click()

    def _arrive(self) -> None:
        (walk,) = self.walks
        if not walk.number:
            walk.number = self.staff.service(self.title).page.url.partition("?")[0].rpartition("/")[2]
            (row,) = self.company.read(HUB, "SELECT order_id FROM orders WHERE number = ?", walk.number)
            walk.order_id = str(row[0])
        walk.go(len(ARRIVED), patient=False)
        self.staff.handheld(self.title, STORE).open("/fulfil")

    def told(self) -> None:
        """The customer has nothing."""

    def ends(self) -> frozenset[str]:
        """It was cancelled."""
        return frozenset({"cancelled"})


JOURNEYS: tuple[type[Journey], ...] = (Collected, Shipped, Undone, TakenForAnother, Batch, Race, Service)
