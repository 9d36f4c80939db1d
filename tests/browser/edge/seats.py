"""Where people sit in a company of real processes: a page, its place, and what a person does with any page.

A person who gets no answer presses again, and after a while opens the page anew and looks. Nothing here knows
that anything breaks: whatever a page does not show has not happened as far as its person can tell.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from playwright.sync_api import Browser, Error, Locator, Page

from deploy.demo.people import HUB_PERSON, MANAGER
from deploy.demo.supervisor import HUB
from tests.support.browser import COUNTER, DESK, HANDHELD, ready, window
from tests.support.later_company import LaterCompany

AWAY = ("ERR_", "Failed to fetch", "Failed to load resource", "htmx:error", "network error")
"""What a page may complain about while what it asks is dead."""
PRESS_MS = 2_000
OPEN_MS = 8_000
WORDS = 600
"""Of what a page says, in a failure."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One page that somebody works at, and the place whose page it is."""

    page: Page
    place: str
    url: str

    @property
    def is_open(self) -> bool:
        """Whether the page is one of its place, and not the browser's own about a dead line."""
        return self.page.url.startswith(self.url)

    def go(self, path: str) -> None:
        """Open a page of the place, unless it is open."""
        if self.page.url.partition("?")[0] != f"{self.url}{path}":
            self.open(path)

    def open(self, path: str) -> None:
        """Open a page of the place, or open it anew."""
        self.page.goto(f"{self.url}{path}")
        ready(self.page)
        self.page.evaluate("window.orderspine?.outbox?.ready")

    def button(self, name: str) -> Locator:
        """Return a button by its words."""
        return self.page.get_by_role("button", name=name)

    def field(self, name: str) -> Locator:
        """Return a text field by its label."""
        return self.page.get_by_role("textbox", name=name, exact=True)

    def says(self) -> str:
        """Return what stands on the page."""
        try:
            said = " ".join(self.page.locator("body").inner_text().split())
        except Error as error:
            said = f"nothing ({error.message.splitlines()[0]})"
        return f"{self.page.url}: {said[:WORDS]}"


@dataclass(frozen=True, slots=True)
class Step:
    """What a person presses, what the page then shows, and where they look when it shows nothing."""

    name: str
    seat: Seat
    press: Callable[[], object]
    shows: Callable[[], Locator]
    at: Callable[[], str]
    then: Callable[[], str] | None = None
    """Where the step leads, if that is another page."""
    alone: bool = False
    """Whether it works on a handheld without its Wi-Fi."""
    asks_hub: bool = False
    """Whether it cannot be done while the place does not hear the hub."""

    def is_done(self) -> bool:
        """Tell whether the page shows what the step leads to."""
        return bool(self.shows().count())

    def look(self, nth: int) -> None:
        """Open the page of the step anew, or in turn the page that it leads to."""
        self.seat.open((self.then if self.then and nth % 2 else self.at)())


class Staff:
    """Everybody who sits somewhere; each signs in once. Use it as a context manager."""

    def __init__(self, browser: Browser, company: LaterCompany) -> None:
        self.company = company
        self._browser = browser
        self._stack = ExitStack()
        self._seats: dict[tuple[str, str], Seat] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def seats(self) -> list[Seat]:
        """Everybody's seat."""
        return list(self._seats.values())

    def handheld(self, journey: str, place: str) -> Seat:
        """Return the handheld that a journey uses at a place."""
        return self._seat(f"handheld of {journey}", place, HANDHELD)

    def counter(self, journey: str, place: str) -> Seat:
        """Return the counter that a journey uses at a place."""
        return self._seat(f"counter of {journey}", place, COUNTER)

    def service(self, journey: str) -> Seat:
        """Return the desk of customer service, at the hub."""
        return self._seat(f"service of {journey}", HUB, DESK)

    def _seat(self, name: str, place: str, size: tuple[int, int]) -> Seat:
        if (name, place) not in self._seats:
            opened = window(self._browser, size, touch=size == HANDHELD, expect=AWAY)
            page = self._stack.enter_context(opened).page
            layout = self.company.layout
            url = layout.hub_url if place == HUB else layout.edge_url(place)
            seat = Seat(page, place, url)
            self._sign_in(seat)
            page.set_default_timeout(PRESS_MS)
            page.set_default_navigation_timeout(OPEN_MS)
            self._seats[name, place] = seat
        return self._seats[name, place]

    def _sign_in(self, seat: Seat) -> None:
        """Type a name and a password at the hub; tap a name and type the PIN anywhere else."""
        if seat.place == HUB:
            seat.open("/sign-in")
            seat.page.fill("[name=name]", HUB_PERSON)
            seat.page.fill("[name=password]", self.company.layout.read_secret("hub.password"))
            seat.button("Sign in").click()
            ready(seat.page, "/")
            return
        seat.open("/sign-in?next=/fulfil")
        seat.page.get_by_text(MANAGER.name, exact=True).click()
        seat.page.keyboard.type(MANAGER.pin)
        seat.page.keyboard.press("Enter")
        ready(seat.page, "/fulfil")
