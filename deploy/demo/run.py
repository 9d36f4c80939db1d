"""A demo that plays itself: a day (`--once`) or a retailer's month (`--replay`), and the verdict on it.

A fresh folder and free ports, real processes, the real HTTP APIs and the real wire. What the clients were
told is the first count; `check` compares it with the stores' and the hub's. The folder is removed when all
is well and kept when it is not.
"""

import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.demo.books import Told
from deploy.demo.check import Verdict, check, told_by_clients, wait_for_catalogue, wait_for_sync
from deploy.demo.client import Login, StoreClient
from deploy.demo.closing import close_books, look_at_books
from deploy.demo.history import History
from deploy.demo.layout import PLACES, Layout, Place, choose_ports, replay_places
from deploy.demo.milestones import Cut, Kill, Milestone, Milestones
from deploy.demo.month import play_month
from deploy.demo.once import DAY_CUTS, DAY_KILLS, Day
from deploy.demo.people import MANAGER
from deploy.demo.replay import Plan
from deploy.demo.replayer import TILL, StoreReplay
from deploy.demo.setup import SetUp, as_csv, demo_products, prepare, replay_product
from deploy.demo.supervisor import BROKER, HUB, Say, Supervisor
from protocol.clock import Clock
from protocol.errors import Invalid, OrderspineError
from protocol.ids import IdMaker

CATALOGUE_SECONDS: Final = 60.0
PACE_SECONDS: Final = 0.1
EDGE: Final = "edge"

Worker = Callable[[], None]
IsCut = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is told on the command line."""

    cuts: Sequence[Cut] = ()
    kills: Sequence[Kill] = ()
    folder: Path | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Played:
    """A run that is over."""

    verdict: Verdict
    kills: int


class Run:
    """One run from an empty folder to its verdict."""

    def __init__(
        self, wanted: Wanted, places: Sequence[Place], *, clock: Clock, ids: IdMaker, say: Say
    ) -> None:
        self.wanted = wanted
        self.clock = clock
        self.ids = ids
        self.say = say
        self.stopping = threading.Event()
        self.rng = random.Random(int(ids.secret(8), 16))
        self._places = tuple(places)
        self._check_names()
        self.folder = wanted.folder or Path(tempfile.mkdtemp(prefix="orderspine-"))
        self._began = clock.monotonic()

    def _check_names(self) -> None:
        """Refuse a cut or a kill of something that is not here, before anything is set up."""
        names = [place.name for place in self._places]
        for cut in self.wanted.cuts:
            _known(cut.name, names)
        for kill in self.wanted.kills:
            _known(kill.name, [*names, HUB, BROKER, EDGE])

    def day(self) -> Mapping[str, Any]:
        """Play a day and return the object to print."""
        products = demo_products()
        layout = self._layout(replay_clock=False)
        day = Day(layout, products, seed=self.wanted.seed, clock=self.clock, stopping=self.stopping)
        cuts, kills = self.wanted.cuts or DAY_CUTS, self.wanted.kills or DAY_KILLS
        prepare(
            layout, SetUp(as_csv(products), printers=True), tills=day.tills, clock=self.clock, ids=self.ids
        )
        played = self._play(layout, cuts, kills, orders=day.orders, crew=day.crew, printers=True)
        played.verdict.reasons += look_at_books(layout, self.clock, self.ids)
        self.say("closing the month before")
        month = play_month(layout, self.clock, self.ids)
        played.verdict.reasons += month.reasons
        said = self._finish(played, {})
        between = {"exchanged_between_entities": month.exchanged_between_entities}
        return {**said, "result": {**said["result"], **played.verdict.online.figures, **between}}

    def replay(self, plan: Plan) -> Mapping[str, Any]:
        """Replay a month and return the object to print."""
        layout = self._layout(replay_clock=True)
        catalogue = as_csv(replay_product(product) for product in plan.products)
        manager = SetUp(catalogue, people=[MANAGER], printers=False)
        prepare(layout, manager, tills=[TILL], clock=self.clock, ids=self.ids)

        def crew(history: History, milestones: Milestones, _is_cut: IsCut) -> list[Worker]:
            return [
                StoreReplay(
                    client=StoreClient(
                        place.name,
                        layout.edge_url(place.name),
                        Login(MANAGER.person_id, MANAGER.pin, TILL),
                        self.clock,
                        self.stopping,
                    ),
                    store=store,
                    plan=plan,
                    history=history,
                    milestones=milestones,
                    stopping=self.stopping,
                    seed=self.wanted.seed,
                ).play
                for store, place in enumerate(layout.places)
            ]

        cuts, kills = self.wanted.cuts, self.wanted.kills
        played = self._play(layout, cuts, kills, orders=len(plan.sales), crew=crew, printers=False)
        played.verdict.reasons += off_plan(plan, played.verdict.clients)
        self.say("closing the month")
        played.verdict.reasons += close_books(layout, self.clock, self.ids)
        return self._finish(played, plan.skipped)

    def _layout(self, *, replay_clock: bool) -> Layout:
        ports = choose_ports(self._places, self.rng, fixed=False)
        return Layout(self.folder, self._places, ports, replay_clock=replay_clock)

    def _play(
        self,
        layout: Layout,
        cuts: Sequence[Cut],
        kills: Sequence[Kill],
        *,
        orders: int,
        crew: Callable[[History, Milestones, IsCut], list[Worker]],
        printers: bool,
    ) -> Played:
        history = History(self.folder / "clients.jsonl")
        try:
            with Supervisor(
                layout, clock=self.clock, ids=self.ids, say=self.say, printers=printers
            ) as supervisor:
                self._wait_for_catalogue(layout)
                self.say("selling")
                milestones = Milestones(self._milestones(layout, supervisor, cuts, kills, orders))
                try:
                    self._work(crew(history, milestones, supervisor.is_cut))
                finally:
                    milestones.finish()
                self.say("catching up")
                newest = wait_for_sync(layout, self.clock, self.stopping)
                killed = supervisor.kills
            told = history.lines()
            verdict = check(layout, told, told_by_clients(told), newest)
        except OrderspineError as error:
            self.say(f"the folder was kept: {self.folder}")
            error.remedy = f"{error.remedy} The folder {self.folder} was kept."
            raise
        finally:
            history.close()
        return Played(verdict, killed)

    def _finish(self, played: Played, skipped: Mapping[str, int]) -> Mapping[str, Any]:
        """Return what to print, and keep the folder if somebody has to look into it."""
        reasons = list(played.verdict.reasons)
        seconds = self.clock.monotonic() - self._began
        result = report(played.verdict, skipped, kills=played.kills, seconds=seconds)
        if reasons:
            reasons.append(f"the folder {self.folder} was kept")
        elif self.wanted.folder is None:
            shutil.rmtree(self.folder)
        return {"result": result, "reasons": reasons}

    def _wait_for_catalogue(self, layout: Layout) -> None:
        """Wait until every store sells what the hub has published: it travels over the wire like all else."""
        wait_for_catalogue(layout, self.clock, self.stopping, CATALOGUE_SECONDS)

    def _work(self, workers: Sequence[Worker]) -> None:
        """Let everybody work, and stop all of them when one fails."""
        troubles: list[BaseException] = []

        def work(worker: Worker) -> None:
            try:
                worker()
            except BaseException as error:  # noqa: BLE001 - raised again below, on the caller's thread
                troubles.append(error)
                self.stopping.set()

        threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:
            self.stopping.set()
            raise
        if troubles:
            raise troubles[0]

    def _milestones(
        self, layout: Layout, supervisor: Supervisor, cuts: Sequence[Cut], kills: Sequence[Kill], orders: int
    ) -> list[Milestone]:
        names = [place.name for place in layout.places]
        found = []
        for cut in cuts:
            found.append(Milestone(round(cut.start * orders), lambda name=cut.name: supervisor.cut(name)))  # type: ignore[misc]  # binds the name now
            found.append(Milestone(round(cut.end * orders), lambda name=cut.name: supervisor.restore(name)))  # type: ignore[misc]  # binds the name now
        for number, kill in enumerate(kills):
            name = names[number % len(names)] if kill.name == EDGE else kill.name
            found.append(Milestone(round(kill.at * orders), lambda name=name: supervisor.kill(name)))  # type: ignore[misc]  # binds the name now
        return found


def off_plan(plan: Plan, told: Told) -> list[str]:
    """Say where what was sold is not what the file says."""
    pairs = {
        "orders": (len(plan.sales), told.orders),
        "order lines": (sum(len(sale.lines) for sale in plan.sales), told.order_lines),
        "pence": (sum(sale.total_minor for sale in plan.sales), told.gross_minor),
        "returned rows": (len(plan.returns), told.returns),
    }
    return [
        f"the file has {want} {what}, {got} were told" for what, (want, got) in pairs.items() if want != got
    ]


def report(verdict: Verdict, skipped: Mapping[str, int], *, kills: int, seconds: float) -> Mapping[str, Any]:
    """Return the one JSON object of a run."""
    return {
        **_sums(verdict.clients),
        "skipped": dict(skipped),
        "hub": _sums(verdict.hub),
        "trial_balance_minor": verdict.trial_balance_minor,
        "ledger_sales_minor": verdict.ledger_sales_minor,
        "ledger_vat_minor": verdict.ledger_vat_minor,
        "missing": verdict.missing,
        "duplicates": verdict.duplicates,
        "oversold_units": verdict.oversold_units,
        "kills": kills,
        "seconds": round(seconds, 1),
    }


def places_of(stores: int) -> tuple[Place, ...]:
    """Return the stores of a replay.

    Raises:
        Invalid: that is no number of stores.
    """
    if not 1 <= stores <= 40:
        raise Invalid(f"{stores} stores cannot run here.", "Take 1 to 40.")
    return replay_places(stores)


def all_places() -> tuple[Place, ...]:
    """Return the places of the demo."""
    return PLACES


def _sums(told: Told) -> dict[str, int]:
    """Return the sums of a run. A voided sale counts as sold and as given back, as it does in the books."""
    return {
        "orders": told.orders,
        "order_lines": told.order_lines,
        "gross_minor": told.gross_minor,
        "returns": told.returns + told.voids,
        "refund_minor": told.refund_minor + told.voided_minor,
    }


def _known(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise Invalid(f"There is no {name!r} here.", f"Take one of {', '.join(names)}.")
