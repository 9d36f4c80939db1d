"""What people press for an order for later, on whatever page shows it: one function is one step.

Every function returns a step that says what is pressed, what the page then shows, and where to look when it
shows nothing. A step is about one order; pressed twice, it is still done once.
"""

import re
from contextlib import suppress

from playwright.sync_api import Locator

from protocol.errors import Refused
from tests.browser.edge.seats import Seat, Step
from tests.support.later_walk import LINES, UNITS, Walk

ITEMS = LINES * UNITS


def line_of(seat: Seat, walk: Walk, line_no: int) -> Locator:
    """Return a line of a pick list."""
    return seat.page.locator(f'[data-line="{walk.assignment_id}:{line_no}"]')


def work(walk: Walk) -> str:
    """Return the page of an order at its place."""
    return f"/fulfil/work/{walk.assignment_id}"


def desk(walk: Walk) -> str:
    """Return the page of an order at the pickup desk."""
    return f"/fulfil/pickup/{walk.assignment_id}"


def walking(walk: Walk) -> str:
    """Return the page of a pick list."""
    return f"/fulfil/pick/{walk.list_id}"


def selling() -> str:
    """Return the page of the basket."""
    return "/sell"


def for_later() -> str:
    """Return the page on which a basket becomes an order for later."""
    return "/sell/later"


def take_up(seat: Seat, walk: Walk) -> Step:
    """Open the order from the list of the work."""

    def press() -> None:
        seat.go("/fulfil")
        seat.page.locator(f"#work-{walk.assignment_id} a.btn").click()

    return Step(
        "open the work",
        seat,
        press,
        lambda: _to_start(seat),
        lambda: "/fulfil",
        lambda: work(walk),
    )


def _to_start(seat: Seat) -> Locator:
    """What begins the walk, on the page of the order or of its list."""
    return seat.button(f"Pick {ITEMS} items").or_(seat.button("Start to walk"))


def start(seat: Seat, walk: Walk) -> Step:
    """Begin to walk."""
    return Step(
        "start",
        seat,
        lambda: _to_start(seat).click(),
        lambda: seat.button("By hand").first,
        lambda: work(walk),
        lambda: walking(walk),
    )


def scan_line(seat: Seat, walk: Walk, line_no: int) -> Step:
    """Scan what is still looked for, unit after unit; a page that shows a scan is not scanned again."""
    found = line_of(seat, walk, line_no).locator("strong[data-found]")

    def press() -> None:
        has = int((found.text_content() or "0").split()[0])
        if not seat.button("Use this code").count():
            seat.button("By hand").first.click()
        # Its code has five characters, too few for a scanner; typed, it goes the way of a scan.
        field = seat.page.get_by_label("Or type the code of the item").locator("visible=true")
        field.fill(walk.goods[line_no - 1]["sku"])
        seat.button("Use this code").click()
        counted = line_of(seat, walk, line_no).locator("strong[data-found]", has_text=f"{has + 1} of")
        counted.wait_for(state="attached")

    whole = line_of(seat, walk, line_no).locator("[data-found]", has_text=f"{UNITS} of {UNITS}").first
    return Step(f"scan line {line_no}", seat, press, lambda: whole, lambda: walking(walk), alone=True)


def set_line(seat: Seat, walk: Walk, line_no: int, units: int = UNITS) -> Step:
    """Say by hand that all of a line is in the tote."""

    def press() -> None:
        line = line_of(seat, walk, line_no)
        if "now" not in (line.get_attribute("class") or "").split():
            line.locator("button.peek").click()
        if not seat.button("Set the number").count():
            seat.button("By hand").first.click()
        seat.button("Set the number").click()

    return Step(
        f"set line {line_no} of {walk.n}",
        seat,
        press,
        lambda: line_of(seat, walk, line_no).locator("[data-found]", has_text=f"{units} of {UNITS}").first,
        lambda: walking(walk),
        alone=True,
    )


def report_short(seat: Seat, walk: Walk, line_no: int) -> Step:
    """Say that one unit of a line is damaged."""
    line = line_of(seat, walk, line_no)

    def press() -> None:
        if "now" not in (line.get_attribute("class") or "").split():
            line.locator("button.peek").click()
        if not seat.button("Report 1 short").count():
            seat.button("Short pick").click()
            seat.button("One more").first.click()
        seat.page.get_by_text("Damaged", exact=True).locator("visible=true").click()
        seat.button("Report 1 short").click()

    missing = line.locator("[data-missing]", has_text="1 missing")
    return Step(
        f"report line {line_no} short", seat, press, lambda: missing, lambda: walking(walk), alone=True
    )


def finish(seat: Seat, walk: Walk, shows: Locator) -> Step:
    """End the walk of one order."""
    return Step(
        "end the walk",
        seat,
        lambda: seat.button("Picked, go and pack").click(),
        lambda: shows,
        lambda: walking(walk),
        lambda: work(walk),
    )


def pack_bag(seat: Seat, walk: Walk) -> Step:
    """Pack what is collected."""
    return Step(
        "pack a bag",
        seat,
        lambda: seat.button("Pack into 1 bag").click(),
        lambda: seat.button("Put on this shelf"),
        lambda: work(walk),
    )


def shelve(seat: Seat, walk: Walk) -> Step:
    """Put the bag on a shelf."""

    def press() -> None:
        seat.page.get_by_role("textbox", name="Shelf").fill("P-07")
        seat.button("Put on this shelf").click()

    to_desk = seat.page.get_by_role("link", name="Hand over at the pickup desk")
    return Step("shelve", seat, press, lambda: to_desk, lambda: work(walk))


def pack_parcel(seat: Seat, walk: Walk) -> Step:
    """Pack what is shipped, from wherever its person is."""

    def press() -> None:
        seat.go(work(walk))
        seat.page.get_by_label("Weight of parcel 1, kg").fill("0.85")
        seat.button("Pack into 1 parcel").click()

    shows = here(seat, walk).locator(seat.button("Ship, print the label"))
    return Step(f"pack the parcel of {walk.n}", seat, press, lambda: shows, lambda: work(walk))


def here(seat: Seat, walk: Walk) -> Locator:
    """Return the body of the page of an order, and nothing while another one is shown."""
    return seat.page.locator(f'body:has(h1:text-is("{walk.number}"))')


def ship(seat: Seat, walk: Walk) -> Step:
    """Give the parcel to the carrier."""
    return Step(
        f"ship {walk.n}",
        seat,
        lambda: seat.button("Ship, print the label").click(),
        lambda: here(seat, walk).locator(".story").get_by_text("Left with the carrier"),
        lambda: work(walk),
    )


def code_field(seat: Seat) -> Locator:
    """Return the field for the code that a customer says."""
    return seat.page.get_by_role("textbox", name="Pickup code from the customer")


def to_desk(seat: Seat, walk: Walk) -> Step:
    """Go from the order to the pickup desk."""
    return Step(
        "go to the desk",
        seat,
        lambda: seat.page.get_by_role("link", name="Hand over at the pickup desk").click(),
        lambda: code_field(seat),
        lambda: work(walk),
        lambda: desk(walk),
    )


def find_at_desk(seat: Seat, walk: Walk) -> Step:
    """Find an order at the pickup desk by its number."""

    def press() -> None:
        seat.go("/fulfil/pickup")
        seat.page.get_by_label("Find an order").fill(walk.number)
        seat.page.keyboard.press("Enter")

    shows = here(seat, walk).locator(code_field(seat))
    return Step("find it at the desk", seat, press, lambda: shows, lambda: "/fulfil/pickup")


def say_code(seat: Seat, walk: Walk) -> Step:
    """Check the code that the customer says."""
    return Step(
        "check the code",
        seat,
        lambda: code_field(seat).fill(walk.code),
        lambda: seat.page.get_by_text("Code is right"),
        lambda: desk(walk),
    )


def handed(seat: Seat) -> Locator:
    """Return what a desk shows once the customer has it."""
    return seat.page.locator(".handed").or_(seat.page.get_by_text("It was handed over already"))


def hand_over(seat: Seat, walk: Walk) -> Step:
    """Give the customer everything; a page that was opened anew has to be shown the code again."""

    def press() -> None:
        if code_field(seat).count():
            code_field(seat).fill(walk.code)
        seat.page.get_by_role("button", name=re.compile(r"^Hand over \d+ items?")).click()

    return Step("hand over", seat, press, lambda: handed(seat), lambda: desk(walk))


def undo(seat: Seat, walk: Walk) -> Step:
    """Take the handover back."""
    return Step(
        "undo the handover",
        seat,
        lambda: seat.button("Undo the handover").click(),
        lambda: code_field(seat),
        lambda: desk(walk),
    )


def fill_cancellation(service: Seat, walk: Walk) -> None:
    """Write down that all of an order is to be cancelled."""
    service.go(f"/orders/{walk.number}/cancel")
    for field in service.page.get_by_label(re.compile("^Units of .* to cancel")).all():
        field.fill(str(UNITS))
    service.field("Reason").fill("Changed my mind")


_ASKED = "section[aria-labelledby=asked]"
_OVER = f'body:has(.order-head:not(:has(a[href$="/cancel"]))):not(:has({_ASKED}))'
"""An order of which nothing is left to cancel, and nothing was asked."""


def ask_to_cancel(service: Seat, walk: Walk) -> Step:
    """Have all of an order cancelled, unless it was asked for already or is gone."""

    def press() -> None:
        with suppress(Refused):
            fill_cancellation(service, walk)
        service.button("Cancel these units").click()

    page = service.page
    return Step(
        "ask to cancel",
        service,
        press,
        lambda: page.locator(_ASKED).or_(page.locator(_OVER)),
        lambda: f"/orders/{walk.number}",
    )


def answered(service: Seat, walk: Walk) -> Step:
    """See what became of the cancellation."""
    page = service.page
    settled = page.locator(f"{_ASKED} .pill", has_text=re.compile("^(Done|Too late)$"))
    return Step(
        "see the answer",
        service,
        lambda: service.open(f"/orders/{walk.number}"),
        lambda: settled.or_(page.locator(_OVER)),
        lambda: f"/orders/{walk.number}",
        asks_hub=True,
    )
