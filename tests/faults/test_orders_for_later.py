"""Orders on their way through a company whose lines are cut and whose processes die between any two steps.

One wave is one fault. An order of every journey stands at every one of its boundaries, the fault strikes
while all of them take their next step, and then they go on to their end. ORDERSPINE_FAULT_ROUNDS plays more
waves of each fault, by hand: all but the first strike again and again, and each prints its seed.
"""

import os
import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

import pytest

from deploy.demo.supervisor import HUB
from protocol.errors import OrderspineError, Refused
from protocol.kit.sqlite import connect
from protocol.kit.system import SystemIds
from tests.support.company import product
from tests.support.later_audit import audit, logs, rebuilt
from tests.support.later_company import LENT, ORDERED, OTHER, STORE, LaterCompany
from tests.support.later_counter import (
    GIVEN_UP,
    KEPT_HERE,
    TAKEN_FOR_ANOTHER,
    CounterWalk,
    open_counter,
)
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
    UNITS,
    Walk,
)
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(500)]
ROUNDS = int(os.environ.get("ORDERSPINE_FAULT_ROUNDS", "1"))
DARK_STEPS = 4
"""How far people go on at most while their line is cut."""
SETTLE_SECONDS = 30.0
WAIT_SECONDS = 60.0
MOST = LENT - 2
"""A store lends a fifth of what is not promised: 20 of 100 that nobody touched, and then 16 of the other 82.
So two cannot have so many, however often it lends again."""
AT_DESK = COLLECTED.index("hand over")

Journey = tuple[tuple[str, ...], str, Iterable[int]]
"""Its steps, where the goods go, and the boundaries that no journey above it has."""
JOURNEYS: dict[str, Journey] = {
    "collected, undone, collected": (UNDONE, STORE, range(len(UNDONE))),
    "short, shipped, the rest from elsewhere": (SHORT, "", range(1, 9)),
    "rejected, shipped from elsewhere": (REJECTED, "", range(2, 5)),
    "moved to another store": (CHANGED, STORE, range(3, 6)),
    "asked back, shipped from elsewhere": (RE_ROUTED, "", range(4, 7)),
    "cancelled on its shelf": (CANCELLED, STORE, range(7, 10)),
    "one unit cancelled, the rest collected": (PART_CANCELLED, STORE, range(8, 11)),
    "cancelled at once": (CANCELLED_AT_ONCE, STORE, range(1, 3)),
}
COUNTER: dict[str, Journey] = {
    "kept by the counter's store": (KEPT_HERE, STORE, range(len(KEPT_HERE))),
    "taken for another store": (TAKEN_FOR_ANOTHER, OTHER, range(4)),
    "given up at the counter": (GIVEN_UP, STORE, range(5, 6)),
}
NOTHING = frozenset({"answered", "give up"})
"""Last steps of a journey at whose end the customer has nothing."""


class Held:
    """The company of this file, until a test leaves it broken, and every order that it ever had."""

    def __init__(self) -> None:
        self.walks: list[Walk] = []
        self._company: LaterCompany | None = None

    @property
    def runs(self) -> bool:
        """Whether there is one."""
        return self._company is not None

    @property
    def company(self) -> LaterCompany:
        """The company that runs."""
        assert self._company is not None
        return self._company

    def start(self, company: LaterCompany) -> None:
        """Start one and open its counter."""
        company.__enter__()
        self._company = company
        self.together([partial(open_counter, company)])

    def close(self) -> None:
        """Stop it."""
        company, self._company = self._company, None
        self.walks.clear()
        if company is not None:
            company.close()

    def walk(self, title: str, steps: tuple[str, ...], to: str = STORE, kind: type[Walk] = Walk) -> Walk:
        """Return a new order."""
        self.walks.append(kind(self.company, title, steps, to))
        return self.walks[-1]

    def walks_upto(
        self, count: int, title: str, steps: tuple[str, ...], upto: int, to: str = STORE
    ) -> list[Walk]:
        """Return so many new orders that stand before a step."""
        walks = [self.walk(f"{title} {n}", steps, to) for n in range(count)]
        self.together([partial(walk.go, upto) for walk in walks])
        return walks

    def begin(self, works: Iterable[Callable[[], object]]) -> list[Future[object]]:
        """Let people do things at the same time."""
        return [self.company.hands.submit(work) for work in works]

    def together(self, works: Iterable[Callable[[], object]]) -> None:
        """Let people do things at the same time and wait for all; fails as the first of them did."""
        troubles = troubles_of(self.begin(works))
        if troubles:
            raise troubles[0]

    def check(self) -> None:
        """Everything adds up once everybody has heard everything; the cells of rights come a little later."""
        said = ["nothing was read"]
        self.company.settle()

        def adds_up() -> bool:
            said[:] = audit(self.company, self.walks)
            return not said

        with suppress(AssertionError):
            eventually(adds_up, SETTLE_SECONDS)
        said += logs(self.company)
        assert not said, "\n".join(said)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """Keep one company for all tests; at the end, what it has is what its logs say."""
    held = Held()
    yield held
    if held.runs:
        company = held.company
        held.close()
        assert rebuilt(company, tmp_path_factory.mktemp("rebuilt")) == []


@pytest.fixture
def held(
    kept: Held, mosquitto: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Held]:
    """Return the company; what a failed test left broken is replaced by a new one."""
    if not kept.runs:
        kept.start(LaterCompany(tmp_path_factory.mktemp("later")))
    failed = request.session.testsfailed
    yield kept
    if request.session.testsfailed > failed:
        kept.close()


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("fault", ["line", "store", "hub", "broker", "store and hub"])
def test_an_order_survives_a_fault_at_every_boundary_of_its_journey(
    held: Held, fault: str, turn: int
) -> None:
    seed = SystemIds().secret(4)
    print(f"round {turn} of {fault!r}: seed {seed}")
    rng = random.Random(seed)
    walks = [
        (held.walk(f"{name}: {fault} at {steps[at]!r}", steps, to, kind), at)
        for kind, journeys in ((Walk, JOURNEYS), (CounterWalk, COUNTER))
        for name, (steps, to, boundaries) in journeys.items()
        for at in boundaries
    ]
    rng.shuffle(walks)
    happens = held.company.fault(fault)
    held.together([partial(walk.go, at) for walk, at in walks])

    further = rng.randint(1, DARK_STEPS) if fault == "line" else 1
    moving = held.begin([partial(walk.go, at + further, patient=False) for walk, at in walks])
    strike_among(moving, happens.strike, rng)
    assert troubles_of(moving) == []
    happens.mend()
    moving = held.begin([walk.go for walk, _at in walks])
    for _ in range(turn and rng.randint(1, 3)):
        strike_among(moving, happens.strike, rng)
        happens.mend()
    assert troubles_of(moving) == []

    held.check()
    for walk, _at in walks:
        nothing = walk.steps[-1] in NOTHING
        assert (walk.state(), cards(walk)) == ("cancelled" if nothing else "handed_over", []), walk
        assert sum(walk.told.values()) == (0 if nothing else LINES * UNITS - walk.fewer), walk


def test_a_cancellation_and_a_handover_in_the_dark_end_with_one_of_them_and_who_was_too_late_is_told(
    held: Held,
) -> None:
    walks = held.walks_upto(8, "cancelled in the dark", UNDONE, AT_DESK)
    gone, stayed, undone = walks[:4], walks[4:6], walks[6:]
    handed_over, taken_back = AT_DESK + 1, AT_DESK + 2

    held.company.cut_all()
    held.together([partial(walk.go, handed_over) for walk in gone[:2]])
    held.together([walk.cancel for walk in walks])
    held.together([partial(walk.go, handed_over) for walk in gone[2:]])
    held.together([partial(walk.go, taken_back) for walk in undone])
    held.company.supervisor.kill(STORE)
    held.company.restore_all()

    held.check()
    for walk in gone:
        assert (walk.state(), cards(walk)) == ("handed_over", ["cancel_too_late"]), walk
    for walk in (*stayed, *undone):
        assert (walk.state(), cards(walk)) == ("cancelled", []), walk
        with pytest.raises(Refused, match="cancelled"):
            walk.go()


def test_a_cancellation_and_a_handover_at_the_same_moment_end_with_one_of_them(held: Held) -> None:
    walks = held.walks_upto(8, "cancelled meanwhile", COLLECTED, AT_DESK)

    moving = held.begin([verb for walk in walks for verb in (walk.cancel, walk.go)])
    refused = troubles_of(moving)

    assert [trouble for trouble in refused if not isinstance(trouble, Refused)] == []
    held.check()
    for walk in walks:
        assert walk.state() == ("handed_over" if walk.told else "cancelled"), walk


def test_a_cancellation_waits_for_the_device_that_took_the_order_along_and_for_nothing_else(
    held: Held,
) -> None:
    gone, brought_back = walks = held.walks_upto(2, "checked out", COLLECTED, AT_DESK)
    for walk in walks:
        walk.check_out()  # on this thread, which is a device of its own
    held.together([walk.cancel for walk in walks])
    eventually(lambda: all(is_asked_for(walk) for walk in walks), WAIT_SECONDS, what="the store to be asked")
    held.company.supervisor.kill(STORE)

    elsewhere = troubles_of(held.begin([walk.go for walk in walks]))
    gone.go()
    brought_back.check_in()

    assert [reason_of(trouble) for trouble in elsewhere] == ["checked_out_elsewhere"] * len(walks)
    held.check()
    assert (gone.state(), cards(gone)) == ("handed_over", ["cancel_too_late"])
    assert (brought_back.state(), cards(brought_back)) == ("cancelled", [])


def test_an_order_that_is_asked_back_while_it_is_picked_in_the_dark_is_fulfilled_once(held: Held) -> None:
    walks = held.walks_upto(6, "asked back in the dark", RE_ROUTED, RE_ROUTED.index("find"), to="")
    gone, back = walks[:3], walks[3:]
    first = {walk.n: walk.at for walk in walks}

    held.company.cut_all()
    held.together([walk.ask_back for walk in walks])
    for walk in walks:
        walk.steps = SHIPPED
    held.together([walk.go for walk in gone])
    held.together([partial(walk.go, SHIPPED.index("pack")) for walk in back])
    held.company.restore_all()
    for walk in back:
        walk.steps, walk.done = RE_ROUTED, RE_ROUTED.index("ask back") + 1
    held.together([walk.go for walk in back])

    held.check()
    for walk in gone:
        assert (walk.state(), cards(walk)) == ("handed_over", ["cancel_too_late"]), walk
    for walk in back:
        assert (walk.state(), cards(walk)) == ("handed_over", []), walk
        assert walk.at != first[walk.n], walk


def test_two_devices_that_hand_the_same_order_over_hand_it_over_once(held: Held) -> None:
    walks = held.walks_upto(4, "two devices", COLLECTED, AT_DESK)
    twins = [walk.twin() for walk in walks]
    for twin in twins:
        twin.device = "second"

    moving = held.begin([each.go for pair in zip(walks, twins, strict=True) for each in pair])
    held.company.supervisor.kill(STORE)

    assert [reason_of(trouble) for trouble in troubles_of(moving)] == ["already_handed_over"] * len(walks)
    for walk, twin in zip(walks, twins, strict=True):
        assert bool(walk.told) != bool(twin.told), walk
        walk.told |= twin.told
    held.check()


def test_a_queue_of_a_handheld_that_is_sent_twice_at_once_and_again_later_takes_effect_once(
    held: Held,
) -> None:
    walks = held.walks_upto(3, "replayed", COLLECTED, COLLECTED.index("accept"))
    twins, late = [walk.twin() for walk in walks], [walk.twin() for walk in walks]

    moving = held.begin([each.go for pair in zip(walks, twins, strict=True) for each in pair])
    packed = COLLECTED.index("pack")
    eventually(
        lambda: any(walk.done > packed for walk in walks), WAIT_SECONDS, what="somebody to have packed"
    )
    held.company.supervisor.kill(STORE)
    assert troubles_of(moving) == []
    held.together([each.go for each in late])

    held.check()
    for walk, twin, third in zip(walks, twins, late, strict=True):
        assert walk.handover == twin.handover == third.handover, walk


def test_a_reservation_that_runs_out_during_checkout_is_used_once_or_given_back(held: Held) -> None:
    buyers = held.walks_upto(6, "reserved", ("place", "arrive"), 0)
    rivals = held.walks_upto(6, "wants what is reserved", ("place", "arrive"), 0)
    pairs = list(zip(rivals, buyers, strict=True))
    for n, (rival, buyer) in enumerate(pairs):
        buyer.units = rival.units = MOST
        buyer.goods = rival.goods = tuple(product(ORDERED + LINES * n + line) for line in range(LINES))
    held.together([buyer.reserve for buyer in buyers])
    eventually(lambda: has_lent_again(buyers), WAIT_SECONDS, what="the store to lend of what is left")

    held.together([each.place for pair in pairs[:2] for each in pair])
    run_out(held.company)
    held.together([each.place for pair in pairs[2:4] for each in pair])
    eventually(lambda: not is_held(held.company), WAIT_SECONDS, what="the reservations to run out")
    held.together([each.place for pair in pairs[4:] for each in pair])

    for rival, buyer in pairs:
        assert bool(rival.number) != bool(buyer.number), f"{rival}, {buyer}"
    assert all(buyer.number for buyer in buyers[:2])
    held.together([each.go for pair in pairs for each in pair if each.number])
    held.check()


def is_asked_for(walk: Walk) -> bool:
    """Tell whether the place knows that its assignment is wanted back."""
    query = "SELECT 1 FROM assignments WHERE assignment_id = ? AND cancel_asked = 1"
    return bool(walk.company.read(walk.at, query, walk.assignment_id))


def has_lent_again(walks: Iterable[Walk]) -> bool:
    """Tell whether the store has lent more of every article of these orders than it did at first."""
    query = "SELECT 1 FROM hub_rights WHERE location = ? AND sku = ? AND granted_seen > ?"
    wanted = [(walk, each["sku"]) for walk in walks for each in walk.goods]
    return all(walk.company.read(HUB, query, STORE, sku, LENT) for walk, sku in wanted)


def run_out(company: LaterCompany) -> None:
    """Let the time of every checkout be over."""
    hub = connect(company.hub_file)
    try:
        hub.execute("UPDATE reservations SET expires_us = 0 WHERE state = 'active'")
    finally:
        hub.close()


def is_held(company: LaterCompany) -> bool:
    """Tell whether a checkout holds anything."""
    return bool(company.read(HUB, "SELECT 1 FROM reservations WHERE state = 'active' LIMIT 1"))


def cards(walk: Walk) -> list[str]:
    """Return the kinds of the open exceptions about an order."""
    query = "SELECT kind FROM exceptions WHERE subject = ? AND state = 'open' ORDER BY kind"
    return [str(row[0]) for row in walk.company.read(HUB, query, f"order:{walk.order_id}")]


def strike_among(moving: list[Future[object]], strike: Callable[[], None], rng: random.Random) -> None:
    """Strike once so many people are done with what they do, and the others are not."""
    waiting = [each for each in moving if not each.done()]
    goal = rng.randrange(len(waiting) // 2 + 1)
    eventually(lambda: sum(each.done() for each in waiting) >= goal, WAIT_SECONDS)
    strike()


def troubles_of(futures: Iterable[Future[object]]) -> list[BaseException]:
    """Wait for all, and return what went wrong."""
    return [trouble for future in futures if (trouble := future.exception()) is not None]


def reason_of(trouble: BaseException) -> str:
    """Return the code of a refusal."""
    return trouble.reason if isinstance(trouble, OrderspineError) else str(trouble)
