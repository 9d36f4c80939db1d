"""Orders through the pages of real stores and the hub, while lines are cut and processes die.

One test is one fault and all journeys side by side, each with its own people and orders. In every round each
of them takes one step: a process dies before every step, and around every third one also while it is on its
way; a line is cut before a step and while it is on its way, in turn, and stays cut until the next. Half of
the journeys begin one round later, so that they are struck the other way round. A fault with `+1` behind its
name begins its turns the other way round, so that two runs strike every step both ways. The people do what a
person does: press again, or open the page anew and look.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

import pytest
from playwright.sync_api import Browser, Error

from deploy.demo.supervisor import HUB
from protocol.kit.system import SystemClock
from tests.browser.edge.journeys import JOURNEYS, Journey
from tests.browser.edge.seats import Staff, Step
from tests.support.later_audit import audit, logs, rebuilt
from tests.support.later_company import LaterCompany
from tests.support.later_counter import open_counter
from tests.support.later_walk import Walk
from tests.support.processes import descendants
from tests.support.wire import eventually

FAULTS = os.environ.get("ORDERSPINE_JOURNEY_FAULTS", "line").split()
"""One in every run of the tests; `make journeys` takes all, each also with `+1`, in half an hour."""
pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(900)]
TRY_MS = 1_200
"""How long a person looks at a page that does not move before pressing again."""
PRESSES = 3
"""How often they press before they open the page anew."""
STEP_SECONDS = 60.0
SETTLE_SECONDS = 60.0


@pytest.fixture(scope="module")
def staff(browser: Browser, mosquitto: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staff]:
    """One company for all tests, with everybody signed in; at the end, what it has is what its logs say."""
    company = LaterCompany(tmp_path_factory.mktemp("later"))
    known = set(company._before)
    with company:
        company.hands.submit(open_counter, company).result()
        with Staff(browser, company) as signed_in:
            yield signed_in
        # The browser has started processes of its own meanwhile; they are not the company's.
        company._before |= {pid for each in known for pid in descendants(each)}
    assert rebuilt(company, tmp_path_factory.mktemp("rebuilt")) == []


class Trouble:
    """One fault, which strikes again and again."""

    def __init__(self, staff: Staff, fault: str) -> None:
        """`fault` may end in `+1`: then what comes in turns begins with the other one."""
        self._staff = staff
        self._fault, _plus, shift = fault.partition("+")
        self._shift = int(shift or 0)
        self._company = staff.company
        self.strikes = 0

    @property
    def is_cut(self) -> bool:
        """Whether it is a line that is cut and given back, and no process that dies."""
        return self._fault in {"wifi", "line"}

    @property
    def blinds(self) -> bool:
        """Whether no page can be opened while it lasts."""
        return self._fault == "wifi"

    def before(self, nth: int, steps: Sequence[Step]) -> None:
        """Strike before the steps of a round; a line in every second one."""
        if not self.is_cut or (nth + self._shift) % 2 == 0:
            self._strike(steps)

    def during(self, nth: int, steps: Sequence[Step]) -> None:
        """Strike while the steps of a round are on their way: a line in every second, else every third."""
        turn = nth + self._shift
        if turn % (2 if self.is_cut else 3) == 1:
            self._strike(steps if self.is_cut else steps[turn // 3 :][:1] or steps[:1])

    def after(self, nth: int, steps: Sequence[Step]) -> None:
        """Cut a line between this round and the next, which begins without it."""
        if self.is_cut and (nth + self._shift) % 2:
            self._strike(steps)

    def stops(self, step: Step) -> bool:
        """Tell whether a step cannot be done before the line is back."""
        return {"wifi": not step.alone, "line": step.asks_hub}.get(self._fault, False)

    def mend(self) -> None:
        """Give the line back."""
        if self._fault == "wifi":
            for seat in self._staff.seats:
                seat.page.context.set_offline(False)
        elif self._fault == "line":
            self._company.restore_all()

    def _strike(self, steps: Sequence[Step]) -> None:
        self.strikes += 1
        if self._fault == "wifi":
            for seat in {step.seat.page: step.seat for step in steps}.values():
                seat.page.context.set_offline(True)
        elif self._fault == "line":
            self._company.cut_all()
        elif self._fault == "broker":
            self._company.wipe_broker()
        else:
            self._kill({HUB} if self._fault == "hub" else {step.seat.place for step in steps} - {HUB})

    def _kill(self, places: set[str]) -> None:
        """Kill processes without a warning; one that is still down from before is waited for first."""
        for name in sorted(places):
            child = self._company.supervisor._process(name)
            eventually(child.healthy, STEP_SECONDS, what=f"{name} to be there")
        for name in sorted(places):
            self._company.supervisor.kill(name)


class Attempt:
    """A person who takes one step of a journey, however often it has to be pressed."""

    def __init__(self, title: str, step: Step) -> None:
        self.step = step
        self._title = title
        self._presses = 0
        self._lost = False
        """Whether the page has nothing to press."""

    def press(self, *, may_look: bool = True) -> None:
        """Press once; a page that has nothing to press, or was pressed in vain, is opened anew before."""
        step, looks = self.step, self._presses // PRESSES
        in_vain = self._lost or not step.seat.is_open or self._presses % PRESSES == PRESSES - 1
        try:
            if in_vain and may_look:
                step.look(looks)
            if not step.is_done():
                step.press()
        except Error:
            self._lost = True
        else:
            self._lost = False
        self._presses += 1

    def see_through(self, *, may_look: bool = True) -> None:
        """Look at the page, and press, until it shows what the step leads to.

        Without the Wi-Fi nobody opens a page anew. Whoever had none open when it went waits for it.
        """
        clock, step = SystemClock(), self.step
        deadline = clock.monotonic() + STEP_SECONDS
        while may_look or step.seat.is_open:
            try:
                step.shows().first.wait_for(state="attached", timeout=TRY_MS)
            except Error as error:
                if clock.monotonic() > deadline:
                    error.add_note(f"{self._title!r} never came past {step.name!r}; {step.seat.says()}")
                    raise
            else:
                return
            self.press(may_look=may_look)


def take(nth: int, steps: dict[str, Step], trouble: Trouble) -> None:
    """Let each journey take its step, whatever happens meanwhile."""
    attempts = [Attempt(title, step) for title, step in steps.items()]
    trouble.before(nth, list(steps.values()))
    for each in attempts:
        each.press(may_look=not trouble.blinds)
    trouble.during(nth, list(steps.values()))
    for each in attempts:
        if not trouble.stops(each.step):
            each.see_through(may_look=not trouble.blinds)
    trouble.mend()
    for each in attempts:
        each.see_through()
    trouble.after(nth, list(steps.values()))


def rounds(journeys: Sequence[Journey]) -> Iterator[dict[str, Step]]:
    """Yield the steps that are taken side by side; every second journey begins one round later."""
    waiting = {journey.title: list(journey.steps()) for journey in journeys}
    late = {journey.title for journey in journeys[1::2]}
    while any(waiting.values()):
        yield {title: steps.pop(0) for title, steps in waiting.items() if steps and title not in late}
        late = set()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_journey_through_the_pages_ends_well_with_a_fault_around_every_step(
    staff: Staff, fault: str
) -> None:
    company = staff.company
    journeys = [journey(staff, fault) for journey in JOURNEYS]
    for done in [company.hands.submit(journey.prepare) for journey in journeys]:
        done.result()
    trouble = Trouble(staff, fault)
    try:
        for nth, steps in enumerate(rounds(journeys)):
            take(nth, steps, trouble)
    finally:
        trouble.mend()
    print(f"{trouble.strikes} strikes of {fault!r}")

    assert left_in_hand(staff) == []
    for journey in journeys:
        journey.told()
    walks = [walk for journey in journeys for walk in journey.walks]
    assert differences(company, walks) == []
    ended = {walk.title: (walk.state(), cards(walk)) for walk in walks}
    wrong = {
        walk.title: ended[walk.title]
        for journey in journeys
        for walk in journey.walks
        if ended[walk.title][0] not in journey.ends() or ended[walk.title][1] - journey.cards
    }
    assert wrong == {}


def left_in_hand(staff: Staff) -> list[str]:
    """Say what a handheld still has to send, or was refused and nobody has read."""
    said = []
    for seat in staff.seats:
        if not seat.page.evaluate("Boolean(window.orderspine?.outbox)"):
            continue
        eventually(
            partial(seat.page.evaluate, "orderspine.outbox.waiting().length === 0"),
            STEP_SECONDS,
            what=f"all to be sent from {seat.page.url}",
        )
        said += [str(act["error"]) for act in seat.page.evaluate("orderspine.outbox.refused()")]
    return said


def differences(company: LaterCompany, walks: Sequence[Walk]) -> list[str]:
    """Say what does not add up once everybody has heard everything; cells of rights come a little later."""
    said = ["nothing was read"]
    company.settle()

    def adds_up() -> bool:
        said[:] = audit(company, walks)
        return not said

    with suppress(AssertionError):
        eventually(adds_up, SETTLE_SECONDS)
    return said + logs(company)


def cards(walk: Walk) -> set[str]:
    """Return the kinds of the open exceptions about an order."""
    query = "SELECT kind FROM exceptions WHERE subject = ? AND state = 'open'"
    return {str(row[0]) for row in walk.company.read(HUB, query, f"order:{walk.order_id}")}
