"""`make demo`: set up once, start everything, say where to look, stop it all at Ctrl+C."""

import fcntl
import random
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.panel import Panel

from deploy.demo.check import wait_for_catalogue
from deploy.demo.client import Login, StoreClient
from deploy.demo.layout import PLACES, Layout, choose_ports, load
from deploy.demo.month import play_month
from deploy.demo.once import OPENING_UNITS, TILLS
from deploy.demo.people import ASSOCIATE, HUB_PEOPLE, MANAGER, PEOPLE
from deploy.demo.setup import SetUp, as_csv, demo_products, prepare
from deploy.demo.shop import WebShop
from deploy.demo.supervisor import Supervisor
from protocol.errors import Invalid, Unavailable
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.text import _

CATALOGUE_SECONDS: Final = 60.0
FLOAT_MINOR: Final = 200_00
LOCK: Final = "lock"
OURS: Final = (LOCK, "ready.json", "control.json", "logs", "hub", "broker", "secrets")


def run_demo(folder: Path, *, reset: bool, console: Console) -> None:
    """Run until Ctrl+C, a SIGTERM or `orderspine demo stop`."""
    folder = folder.absolute()
    with claimed(folder):
        _run(folder, reset=reset, console=console)


def _run(folder: Path, *, reset: bool, console: Console) -> None:
    clock, ids = SystemClock(), SystemIds()
    if reset:
        _delete(folder)
    layout = load(folder)
    first = layout is None
    if layout is None:
        _delete(folder)  # a set-up that was interrupted left half of it
        rng = random.Random(int(ids.secret(8), 16))
        layout = Layout(folder, PLACES, choose_ports(PLACES, rng, fixed=True), tour=True)
        console.print(_("Setting up three stores, a warehouse and the hub (once) …"))
        prepare(layout, SetUp(as_csv(demo_products()), routing=True), tills=TILLS, clock=clock, ids=ids)
        _last_month(layout, clock, ids)

    def say(name: str) -> None:
        console.print(f"  [green]✓[/] {name}")

    supervisor = Supervisor(layout, clock=clock, ids=ids, say=say)
    _stop_at_signals(supervisor.asked_to_stop)
    with supervisor:
        if first:
            stop_waiting = supervisor.asked_to_stop
            wait_for_catalogue(layout, clock, stop_waiting, CATALOGUE_SECONDS)
            say(_("catalogue in every store"))
            _fill(layout, clock, stop_waiting)
            layout.save()
        supervisor.open_to_others()
        console.print(_welcome(layout))
        shop = WebShop(layout, demo_products(), clock=clock, say=lambda said: console.print(f"  · {said}"))
        shop.start()
        try:
            supervisor.wait()
        finally:
            console.print(_("Stopping …"))
            shop.stop()
    console.print(_("Stopped. Everything is kept; start again with the same command."))


def _last_month(layout: Layout, clock: SystemClock, ids: SystemIds) -> None:
    """Give finance a month to look back on, traded by two entities and closed.

    Raises:
        Unavailable: something of it did not come out as it should; says what.
    """
    wrong = play_month(layout, clock, ids).reasons
    if wrong:
        raise Unavailable(
            f"The month before is not right: {'; '.join(wrong[:3])}", "Start again with --reset."
        )


def _fill(layout: Layout, clock: SystemClock, stopping: threading.Event) -> None:
    """Put goods on the shelves and a float into the first drawer of every store."""
    lines = [{"sku": product["sku"], "quantity": OPENING_UNITS} for product in demo_products()]
    for place in layout.places:
        login = Login(MANAGER.person_id, MANAGER.pin, "office")
        client = StoreClient(place.name, layout.edge_url(place.name), login, clock, stopping)
        client.sign_in()
        client.post("/api/stock/moves", {"key": "opening", "reason": "opening", "lines": lines})
        if place.kind == "store":
            client.post(f"/api/tills/{TILLS[0]}/open", {"key": "first-open", "float_minor": FLOAT_MINOR})
        client.close()


def _welcome(layout: Layout) -> Panel:
    first, second = layout.places[0], layout.places[1]
    password = layout.read_secret("hub.password")
    # Apart from the lines they stand in: the extraction of texts does not look into formatted ones.
    opened, hub, paper = _("Open"), _("Hub"), _("Paper")
    cut, restored = _("cut York off, and sell there"), _("watch the hub catch up")
    rows = [f"[bold]{place.title:<16}[/] {layout.edge_url(place.name)}" for place in layout.places]
    people = "   ".join(f"{person.name} [bold]{person.pin}[/]" for person in PEOPLE)
    lines = [
        f"[bold]{opened} {layout.edge_url(first.name)}[/]  {ASSOCIATE.name}, PIN [bold]{ASSOCIATE.pin}[/]",
        "",
        *rows,
        f"[bold]{hub:<16}[/] {layout.hub_url}   {', '.join(HUB_PEOPLE)} / [bold]{password}[/]",
        f"[bold]{paper}[/]",
        *(f"  {place.title:<14} {layout.paper_url(place.name)}" for place in layout.places),
        "",
        f"PIN: {people}",
        "",
        _("In another terminal:"),
        f"  {_command()} demo cut {second.name}       {cut}",
        f"  {_command()} demo restore {second.name}   {restored}",
        _("Ctrl+C stops everything."),
    ]
    return Panel("\n".join(lines), title="DEMO", expand=False)


def _command() -> str:
    """Return the command as it can be typed here: `make demo` installs it beside this Python."""
    beside = Path(sys.executable).parent / "orderspine"
    if shutil.which("orderspine") or not beside.exists():
        return "orderspine"
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)


def _stop_at_signals(stop: threading.Event) -> None:
    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, asked)


def _delete(folder: Path) -> None:
    """Delete everything of a demo; its folder is ours (`claimed`)."""
    for entry in folder.iterdir():
        if entry.name == LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep a demo's folder to ourselves for as long as this process lives.

    Raises:
        Invalid: there is something else in that folder.
        Unavailable: a demo runs in it.
    """
    if folder.exists() and any(folder.iterdir()) and not any((folder / name).exists() for name in OURS):
        raise Invalid(f"{folder} holds something that is not a demo.", "Give another --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Unavailable(
                f"A demo is running in {folder}.",
                "Go on with that one, or stop it first: orderspine demo stop.",
                code="demo_runs",
            ) from error
        yield
