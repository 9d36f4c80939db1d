"""Orders through the pages of real stores, while a line is cut or a process dies around every single step.

One test is one fault and one journey. A line is cut for each step anew; a process dies around every step, in
turn right before and right after it is pressed, and in the other journey the other way round. The person does what the page says: presses again, or opens the page anew and looks.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Locator, Page

from deploy.demo.people import MANAGER
from deploy.demo.supervisor import BROKER, HUB
from tests.support.browser import HANDHELD, ready, scan, window
from tests.support.later_audit import audit, logs, rebuilt
from tests.support.later_company import STORE, LaterCompany
from tests.support.later_walk import LINES, UNITS, Walk
from tests.support.processes import descendants
from tests.support.wire import eventually

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(120)]
AWAY = ("ERR_", "Failed to fetch", "Failed to load resource", "htmx:error", "network error")
"""What a page may complain about while its store is dead."""
TRY_MS = 1_500
"""How long a person looks at a page that does not move before pressing again."""
PRESSES = 3
"""How often they press before they open the page anew."""
STEP_SECONDS = 20.0
SETTLE_SECONDS = 30.0
LATER_MS = (0, 8, 25)
"""When after a press the fault strikes, in turn: before, while or after the store does it."""


@pytest.fixture(scope="module")
def company(
    browser: Browser, mosquitto: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LaterCompany]:
    """One company for all tests; at the end, what it has is what its logs say."""
    started = LaterCompany(tmp_path_factory.mktemp("later"))
    known = set(started._before)
    with started:
        yield started
        # The browser has started processes of its own meanwhile; they are not the company's.
        started._before |= {pid for each in known for pid in descendants(each)}
    assert rebuilt(started, tmp_path_factory.mktemp("rebuilt")) == []


@dataclass
class Person:
    """Somebody with a handheld who takes an order through the pages of its store."""

    page: Page
    walk: Walk

    @property
    def url(self) -> str:
        return self.walk.company.layout.edge_url(self.walk.at)

    @property
    def work(self) -> str:
        return f"/fulfil/work/{self.walk.assignment_id}"

    @property
    def desk(self) -> str:
        return f"/fulfil/pickup/{self.walk.assignment_id}"

    @property
    def list(self) -> str:
        return f"/fulfil/pick/{self.walk.list_id}"

    @property
    def to_start(self) -> Locator:
        """What begins the walk, on the page of the order or of its list."""
        return self.button(f"Pick {LINES * UNITS} items").or_(self.button("Start to walk"))

    def sign_in(self) -> None:
        """Tap a name, type the PIN."""
        self.open("/sign-in?next=/fulfil")
        self.page.get_by_text(MANAGER.name, exact=True).click()
        self.page.keyboard.type(MANAGER.pin)
        self.page.keyboard.press("Enter")
        ready(self.page, "/fulfil")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")
        ready(self.page)
        self.page.evaluate("window.orderspine.outbox?.ready")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def found(self, line_no: int) -> Locator:
        """The words for everything of a line being found, visible or not."""
        row = self.page.locator(f'[data-line="{self.walk.assignment_id}:{line_no}"]')
        return row.locator("[data-found]", has_text=f"{UNITS} of {UNITS}").first

    # What is pressed for each step, on whatever page shows it.

    def pick_up_work(self) -> None:
        self.page.locator(f"#work-{self.walk.assignment_id} a.btn").click()

    def start(self) -> None:
        self.to_start.click()

    def scan_line(self) -> None:
        """Scan what is still looked for, unit after unit; a page that shows a scan is not scanned again."""
        line = self.page.locator(f'[data-line="{self.walk.assignment_id}:1"].now strong[data-found]')
        has = int((line.text_content() or "0").split()[0])
        scan(self.page, f"]C0{self.walk.goods[0]['sku']}")  # six characters at least make a scan
        line = self.page.locator(f'[data-line="{self.walk.assignment_id}:1"] strong[data-found]')
        wanted = f"{has + 1} of {UNITS}"
        self.page.wait_for_function(
            "([each, words]) => each.textContent === words", arg=[line.element_handle(), wanted]
        )

    def set_line(self) -> None:
        if not self.button("Set the number").count():
            self.button("By hand").first.click()
        self.button("Set the number").click()

    def finish(self) -> None:
        self.button("Picked, go and pack").click()

    def pack(self) -> None:
        self.button("Pack into 1 bag").click()

    def pack_parcel(self) -> None:
        self.page.get_by_label("Weight of parcel 1, kg").fill("0.85")
        self.button("Pack into 1 parcel").click()

    def stage(self) -> None:
        self.page.get_by_role("textbox", name="Shelf").fill("P-07")
        self.button("Put on this shelf").click()

    def go_to_desk(self) -> None:
        self.page.get_by_role("link", name="Hand over at the pickup desk").click()

    def check_code(self) -> None:
        self.page.get_by_role("textbox", name="Pickup code from the customer").fill(self.walk.code)

    def hand_over(self) -> None:
        self.button(f"Hand over {LINES * UNITS} items").click()

    def ship(self) -> None:
        self.button("Ship, print the label").click()


@dataclass(frozen=True)
class Step:
    """What a person presses, what the page then shows, and where they look when it shows nothing."""

    press: Callable[[Person], None]
    shows: Callable[[Person], Locator]
    at: Callable[[Person], str]
    then: Callable[[Person], str] | None = None
    """Where the step leads, if that is another page."""


def _walk() -> tuple[Step, ...]:
    return (
        Step(
            Person.pick_up_work,
            lambda p: p.to_start,
            lambda _: "/fulfil",
            lambda p: p.work,
        ),
        Step(Person.start, lambda p: p.button("By hand").first, lambda p: p.work, lambda p: p.list),
        Step(Person.scan_line, lambda p: p.found(1), lambda p: p.list),
        Step(Person.set_line, lambda p: p.button("Picked, go and pack"), lambda p: p.list),
    )


COLLECT = (
    *_walk(),
    Step(Person.finish, lambda p: p.button("Pack into 1 bag"), lambda p: p.list, lambda p: p.work),
    Step(Person.pack, lambda p: p.button("Put on this shelf"), lambda p: p.work),
    Step(
        Person.stage,
        lambda p: p.page.get_by_role("link", name="Hand over at the pickup desk"),
        lambda p: p.work,
    ),
    Step(
        Person.go_to_desk,
        lambda p: p.page.get_by_role("textbox", name="Pickup code from the customer"),
        lambda p: p.work,
        lambda p: p.desk,
    ),
    Step(Person.check_code, lambda p: p.page.get_by_text("Code is right"), lambda p: p.desk),
    Step(
        Person.hand_over,
        lambda p: p.page.locator(".handed").or_(p.page.get_by_text("It was handed over already")),
        lambda p: p.desk,
    ),
)
SHIP = (
    *_walk(),
    Step(Person.finish, lambda p: p.button("Pack into 1 parcel"), lambda p: p.list, lambda p: p.work),
    Step(Person.pack_parcel, lambda p: p.button("Ship, print the label"), lambda p: p.work),
    Step(
        Person.ship, lambda p: p.page.locator(".story").get_by_text("Left with the carrier"), lambda p: p.work
    ),
)


class Trouble:
    """One fault, which strikes again and again; a process that is still down is waited for before."""

    def __init__(self, company: LaterCompany, fault: str, place: str) -> None:
        self._company, self._line = company, fault == "line"
        self._name = {"line": place, "store": place, "hub": HUB, "broker": BROKER}[fault]
        self.strikes = 0

    def strike(self) -> None:
        """Let it happen."""
        self.strikes += 1
        if self._line:
            self._company.supervisor.cut(self._name)
            return
        if self._name != BROKER:
            child = self._company.supervisor._process(self._name)
            eventually(child.healthy, STEP_SECONDS, what=f"{self._name} to be there")
        self._company.supervisor.kill(self._name)

    def strike_again(self) -> None:
        """Let it happen while something is on its way; a line that is cut stays cut."""
        if not self._line:
            self.strike()

    def mend(self) -> None:
        """Give the line back."""
        if self._line:
            self._company.supervisor.restore(self._name)


def take(person: Person, step: Step, meanwhile: Callable[[], None]) -> None:
    """Take one step, however often it has to be pressed; something happens after the first press."""
    clock, presses, struck = person.walk.company.clock, 0, False
    deadline = clock.monotonic() + STEP_SECONDS
    while True:
        try:
            if not step.shows(person).count():
                step.press(person)
                if not struck:
                    struck = True
                    meanwhile()
            step.shows(person).first.wait_for(state="attached", timeout=TRY_MS)
            return
        except Error as error:
            if clock.monotonic() > deadline:
                error.add_note(f"{step.press.__name__} at {person.page.url}: {said_by(person.page)}")
                raise
        presses += 1
        if presses % PRESSES == 0 or not person.page.url.startswith(person.url):
            look(person, step, presses // PRESSES)


def said_by(page: Page) -> str:
    """Return all words of a page."""
    return " ".join(page.locator("body").inner_text().split())


def look(person: Person, step: Step, n: int) -> None:
    """Open the page of a step anew, or the page that it leads to."""
    with suppress(Error):
        person.open((step.then if step.then and n % 2 else step.at)(person))


def rows(walk: Walk, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in walk.company.read(walk.at, sql, walk.assignment_id)]


@pytest.mark.parametrize("journey", ["collect", "ship"])
@pytest.mark.parametrize("fault", ["line", "store", "hub", "broker"])
def test_an_order_is_fulfilled_once_through_the_pages_with_a_fault_at_every_step(
    browser: Browser, company: LaterCompany, fault: str, journey: str
) -> None:
    collect = journey == "collect"
    walk = Walk(company, f"{journey} with {fault}", ("place", "arrive"), STORE if collect else "")
    company.hands.submit(walk.go).result()
    steps = COLLECT if collect else SHIP
    trouble = Trouble(company, fault, walk.at)
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        page = opened.page
        person = Person(page, walk)
        person.sign_in()
        page.set_default_timeout(3_000)
        page.set_default_navigation_timeout(8_000)
        for n, step in enumerate(steps):

            def meanwhile(n: int = n) -> None:
                page.wait_for_timeout(LATER_MS[n % len(LATER_MS)])
                if n % 2 == collect:
                    trouble.strike_again()

            began = time.monotonic()
            if n % 2 != collect or fault == "line":
                trouble.strike()
            take(person, step, meanwhile)
            trouble.mend()
            print(f"{step.press.__name__}: {time.monotonic() - began:.1f} s")
        eventually(
            lambda: page.evaluate("orderspine.outbox.waiting().length") == 0,
            STEP_SECONDS,
            what="all to be sent",
        )
        assert page.evaluate("orderspine.outbox.refused()") == []
    print(f"{trouble.strikes} strikes")

    here = walk.assignment_id
    if collect:
        handed = rows(walk, "SELECT handover_id FROM handovers WHERE assignment_id = ?")
        assert len(handed) == 1
        walk.told[str(handed[0][0])] = LINES * UNITS
    else:
        walk.told[here] = LINES * UNITS
    sql = "SELECT sum(units) FROM pick_scans WHERE assignment_id = ? AND undone = 0 GROUP BY line_no"
    assert rows(walk, sql) == [(UNITS,)] * LINES
    assert rows(walk, "SELECT count(*) FROM parcels WHERE assignment_id = ?") == [(1,)]
    assert rows(walk, "SELECT state FROM assignments WHERE assignment_id = ?") == [
        ("handed_over" if collect else "shipped",)
    ]
    company.settle()
    said = ["nothing was read"]

    def adds_up() -> bool:
        said[:] = audit(company, [walk])
        return not said

    with suppress(AssertionError):
        eventually(adds_up, SETTLE_SECONDS)
    assert said + logs(company) == []
    assert walk.state() == "handed_over"
    assert company.read(HUB, "SELECT 1 FROM exceptions WHERE subject = ?", f"order:{walk.order_id}") == []
