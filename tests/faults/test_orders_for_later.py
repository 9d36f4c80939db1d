"""Web orders on their way through a company where lines are cut and processes are killed between any two steps.

One wave is one fault: an order of every journey stands at every one of its boundaries, the fault strikes while
all of them take their next step, and then they go on. Set ORDERSPINE_FAULT_ROUNDS to play more waves, each
with another seed.
"""

import os
import random
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from deploy.demo.supervisor import HUB
from protocol.errors import Refused
from protocol.kit.sqlite import connect
from protocol.kit.system import SystemIds
from tests.support.later_audit import audit, logs, rebuilt
from tests.support.later_company import LENT, STORE, LaterCompany
from tests.support.later_walk import (
    CANCELLED,
    CANCELLED_AT_ONCE,
    CHANGED,
    COLLECTED,
    LINES,
    RE_ROUTED,
    REJECTED,
    SHIPPED,
    SHORT,
    UNDONE,
    UNITS,
    Walk,
    promise_to,
)
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
ROUNDS = int(os.environ.get("ORDERSPINE_FAULT_ROUNDS", "1"))
DARK_STEPS = 4
"""How far people go on while their line is cut."""
SETTLE_SECONDS = 30.0
MOST = LENT * 3 // 4
"""More than half of what a store lends: two cannot have it."""

JOURNEYS = {
    "collected, undone, collected": (UNDONE, STORE, range(len(UNDONE))),
    "short, shipped, the rest from elsewhere": (SHORT, "", range(1, 9)),
    "rejected, shipped from elsewhere": (REJECTED, "", range(2, 5)),
    "moved to another store": (CHANGED, STORE, range(3, 6)),
    "asked back, shipped from elsewhere": (RE_ROUTED, "", range(4, 7)),
    "cancelled on its shelf": (CANCELLED, STORE, range(7, 10)),
    "cancelled at once": (CANCELLED_AT_ONCE, STORE, range(1, 3)),
}
"""Steps, where to, and the boundaries that no journey above has."""


@dataclass
class Held:
    """The company of this file, until a test leaves it broken; and every order it ever had."""

    company: LaterCompany | None = None
    walks: list[Walk] = field(default_factory=list)

    def close(self) -> None:
        """Stop it."""
        company, self.company = self.company, None
        self.walks.clear()
        if company is not None:
            company.close()

    def walk(self, title: str, steps: tuple[str, ...], to: str = STORE) -> Walk:
        """Return a new order."""
        assert self.company is not None
        self.walks.append(Walk(self.company, title, steps, to))
        return self.walks[-1]

    def check(self) -> None:
        """Everything adds up once everybody has heard everything; the cells of rights come a little later."""
        company, said = self.company, ["nothing was read"]
        assert company is not None
        company.settle()

        def adds_up() -> bool:
            said[:] = audit(company, self.walks)
            return not said

        with suppress(AssertionError):
            eventually(adds_up, SETTLE_SECONDS)
        assert said + logs(company) == []


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """Keep one company for all tests; at the end, what it has is what its logs say."""
    held = Held()
    yield held
    company = held.company
    held.close()
    if company is not None:
        assert rebuilt(company, tmp_path_factory.mktemp("rebuilt")) == []


@pytest.fixture
def held(
    kept: Held, mosquitto: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Held]:
    """Return the company; what a failed test left broken is replaced by a new one."""
    if kept.company is None:
        kept.company = LaterCompany(tmp_path_factory.mktemp("later"))
        kept.company.__enter__()
    failed = request.session.testsfailed
    yield kept
    if request.session.testsfailed > failed:
        kept.close()


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("fault", ["line", "store", "hub", "broker", "store and hub"])
def test_an_order_survives_a_fault_at_every_boundary_of_its_journey(
    held: Held, fault: str, turn: int
) -> None:
    company = held.company
    assert company is not None
    seed = SystemIds().secret(4)
    print(f"round {turn} of {fault!r}: seed {seed}")
    rng = random.Random(seed)
    walks = [
        (held.walk(f"{name}: {fault} at {steps[at]!r}", steps, to), at)
        for name, (steps, to, boundaries) in JOURNEYS.items()
        for at in boundaries
    ]
    rng.shuffle(walks)
    strike = company.fault(fault)
    all_of([company.hands.submit(walk.go, at) for walk, at in walks])

    further = DARK_STEPS if fault == "line" else 1
    moving = [company.hands.submit(walk.go, at + further, patient=False) for walk, at in walks]
    done_before = rng.randrange(len(moving) // 2)
    eventually(lambda: sum(each.done() for each in moving) >= done_before, 60)
    strike.strike()
    all_of(moving)
    strike.mend()
    all_of([company.hands.submit(walk.go) for walk, _at in walks])

    held.check()
    for walk, _at in walks:
        cancelled = walk.steps[-1] == "answered"
        assert walk.state() == ("cancelled" if cancelled else "handed_over"), walk
        assert sum(walk.told.values()) == (0 if cancelled else LINES * UNITS), walk


def test_a_cancellation_and_a_handover_in_the_dark_end_with_one_of_them_and_who_was_too_late_is_told(
    held: Held,
) -> None:
    company = held.company
    assert company is not None
    walks = [held.walk(f"cancelled in the dark {n}", COLLECTED) for n in range(6)]
    all_of([company.hands.submit(walk.go, 9) for walk in walks])
    gone, kept = walks[:4], walks[4:]

    company.cut_all()
    all_of([company.hands.submit(walk.go) for walk in gone[:2]])
    all_of([company.hands.submit(walk.cancel) for walk in walks])
    all_of([company.hands.submit(walk.go) for walk in gone[2:]])
    company.supervisor.kill(STORE)
    company.restore_all()

    held.check()
    for walk in gone:
        assert (walk.state(), cards(walk)) == ("handed_over", ["cancel_too_late"]), walk
    for walk in kept:
        assert (walk.state(), cards(walk)) == ("cancelled", []), walk
        with pytest.raises(Refused, match="cancelled"):
            walk.go()


def test_a_cancellation_and_a_handover_at_the_same_moment_end_with_one_of_them(held: Held) -> None:
    company = held.company
    assert company is not None
    walks = [held.walk(f"cancelled meanwhile {n}", COLLECTED) for n in range(8)]
    all_of([company.hands.submit(walk.go, 9) for walk in walks])

    moving = [company.hands.submit(verb) for walk in walks for verb in (walk.cancel, walk.go)]
    refused = [trouble for each in moving if (trouble := each.exception()) is not None]
    assert all(isinstance(trouble, Refused) for trouble in refused), refused

    held.check()
    for walk in walks:
        assert walk.state() == ("handed_over" if walk.told else "cancelled"), walk


def test_an_order_that_is_asked_back_while_it_is_picked_in_the_dark_is_fulfilled_once(held: Held) -> None:
    company = held.company
    assert company is not None
    walks = [held.walk(f"asked back in the dark {n}", RE_ROUTED, "") for n in range(6)]
    all_of([company.hands.submit(walk.go, 3) for walk in walks])
    first = {walk.n: walk.at for walk in walks}

    company.cut_all()
    all_of([company.hands.submit(walk.ask_back) for walk in walks])
    for walk in walks:
        walk.steps = SHIPPED
    gone, back = walks[:3], walks[3:]
    all_of([company.hands.submit(walk.go) for walk in gone])
    all_of([company.hands.submit(walk.go, 5) for walk in back])
    company.restore_all()
    for walk in back:
        walk.steps, walk.done = RE_ROUTED, RE_ROUTED.index("ask back") + 1
    all_of([company.hands.submit(walk.go) for walk in back])

    held.check()
    for walk in gone:
        assert (walk.state(), cards(walk)) == ("handed_over", ["cancel_too_late"]), walk
    for walk in back:
        assert walk.state() == "handed_over" and walk.at != first[walk.n], walk


def test_two_devices_that_hand_the_same_order_over_hand_it_over_once(held: Held) -> None:
    company = held.company
    assert company is not None
    walks = [held.walk(f"two devices {n}", COLLECTED) for n in range(4)]
    all_of([company.hands.submit(walk.go, 9) for walk in walks])
    twins = [walk.twin() for walk in walks]
    for twin in twins:
        twin.device = "second"

    moving = [company.hands.submit(each.go) for pair in zip(walks, twins, strict=True) for each in pair]
    company.supervisor.kill(STORE)
    refused = [trouble for each in moving if (trouble := each.exception()) is not None]

    assert [getattr(trouble, "reason", trouble) for trouble in refused] == ["already_handed_over"] * len(walks)
    for walk, twin in zip(walks, twins, strict=True):
        assert bool(walk.told) != bool(twin.told), walk
        walk.told |= twin.told
    held.check()


def test_a_queue_of_a_handheld_that_is_sent_twice_at_once_and_again_later_takes_effect_once(
    held: Held,
) -> None:
    company = held.company
    assert company is not None
    walks = [held.walk(f"replayed {n}", COLLECTED) for n in range(3)]
    all_of([company.hands.submit(walk.go, 2) for walk in walks])
    twins, late = [walk.twin() for walk in walks], [walk.twin() for walk in walks]

    moving = [company.hands.submit(each.go) for pair in zip(walks, twins, strict=True) for each in pair]
    eventually(lambda: any(walk.done > 4 for walk in walks), 60)
    company.supervisor.kill(STORE)
    all_of(moving)
    all_of([company.hands.submit(each.go) for each in late])

    held.check()
    for walk, twin, third in zip(walks, twins, late, strict=True):
        assert walk.handover == twin.handover == third.handover, walk


def test_a_reservation_that_runs_out_during_checkout_is_used_once_or_given_back(held: Held) -> None:
    company = held.company
    assert company is not None
    buyers = [held.walk(f"reserved {n}", ("place", "arrive")) for n in range(6)]
    rivals = [held.walk(f"wants what is reserved {n}", ("place", "arrive")) for n in range(6)]
    for buyer, rival in zip(buyers, rivals, strict=True):
        buyer.units = rival.units = MOST
        rival.goods = buyer.goods
    all_of([company.hands.submit(buyer.reserve) for buyer in buyers])
    pairs = list(zip(rivals, buyers, strict=True))

    all_of([company.hands.submit(each.place) for pair in pairs[:2] for each in pair])
    run_out(company)
    all_of([company.hands.submit(each.place) for pair in pairs[2:4] for each in pair])
    eventually(lambda: not held_for_checkout(company), 20, what="the reservations to run out")
    all_of([company.hands.submit(each.place) for pair in pairs[4:] for each in pair])

    for rival, buyer in pairs:
        assert bool(rival.number) != bool(buyer.number), f"{rival}, {buyer}"
    assert all(buyer.number for buyer in buyers[:2])
    all_of([company.hands.submit(each.go) for pair in pairs for each in pair if each.number])
    held.check()


def run_out(company: LaterCompany) -> None:
    """Let the time of every checkout be over."""
    hub = connect(company.hub_file)
    try:
        hub.execute("UPDATE reservations SET expires_us = 0 WHERE state = 'active'")
    finally:
        hub.close()


def held_for_checkout(company: LaterCompany) -> bool:
    """Tell whether a checkout holds anything."""
    return bool(company.read(HUB, "SELECT 1 FROM reservations WHERE state = 'active' LIMIT 1"))


def cards(walk: Walk) -> list[str]:
    """Return the kinds of the open exceptions about an order."""
    return [
        str(row[0])
        for row in walk.company.read(
            HUB,
            "SELECT kind FROM exceptions WHERE subject = ? AND state = 'open' ORDER BY kind",
            f"order:{walk.order_id}",
        )
    ]


def all_of(futures: list[Future[None]]) -> None:
    """Wait for all, and then fail with what the first of those that failed says."""
    troubles = [trouble for future in futures if (trouble := future.exception()) is not None]
    if troubles:
        raise troubles[0]
