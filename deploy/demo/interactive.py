"""`make demo`: set up once, start everything, say where to look, stop it all at Ctrl+C."""

import random
import shutil
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.panel import Panel

from deploy.demo.check import wait_for_catalogue
from deploy.demo.client import Login, StoreClient
from deploy.demo.layout import PLACES, Layout, choose_ports, load
from deploy.demo.once import OPENING_UNITS, TILLS
from deploy.demo.people import ASSOCIATE, HUB_PERSON, LEAD, MANAGER
from deploy.demo.setup import SetUp, as_csv, demo_products, prepare
from deploy.demo.supervisor import Supervisor
from protocol.errors import Invalid
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.text import _

CATALOGUE_SECONDS: Final = 60.0
FLOAT_MINOR: Final = 200_00
OURS: Final = ("ready.json", "control.json", "logs", "hub", "broker", "secrets")


def run_demo(folder: Path, *, reset: bool, console: Console) -> None:
    """Run until Ctrl+C, a SIGTERM or `orderspine demo stop`."""
    clock, ids = SystemClock(), SystemIds()
    folder = folder.absolute()
    if reset:
        _delete(folder)
    layout = load(folder)
    first = layout is None
    if layout is None:
        _delete(folder)  # a set-up that was interrupted left half of it
        rng = random.Random(int(ids.secret(8), 16))
        layout = Layout(folder, PLACES, choose_ports(PLACES, rng, fixed=True), tour=True)
        console.print(_("Setting up three stores, a warehouse and the hub (once) …"))
        prepare(layout, SetUp(as_csv(demo_products())), tills=TILLS, clock=clock, ids=ids)

    def say(name: str) -> None:
        console.print(f"  [green]✓[/] {name}")

    supervisor = Supervisor(layout, clock=clock, ids=ids, say=say)
    _stop_at_signals(supervisor.asked_to_stop)
    with supervisor:
        if first:
            stop_waiting = supervisor.asked_to_stop
            wait_for_catalogue(layout, clock, stop_waiting, CATALOGUE_SECONDS)
            console.print(f"  [green]✓[/] {_('catalogue in every store')}")
            _fill(layout, clock, stop_waiting)
            layout.save()
        supervisor.open_to_others()
        console.print(_welcome(layout))
        supervisor.wait()
        console.print(_("Stopping …"))
    console.print(_("Stopped. Everything is kept; start again with the same command."))


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
    rows = [f"[bold]{place.title:<16}[/] {layout.edge_url(place.name)}" for place in layout.places]
    people = "   ".join(f"{person.name} [bold]{person.pin}[/]" for person in (ASSOCIATE, LEAD, MANAGER))
    lines = [
        f"[bold]{_('Open')} {layout.edge_url(first.name)}[/]  {ASSOCIATE.name}, PIN [bold]{ASSOCIATE.pin}[/]",
        "",
        *rows,
        f"[bold]{_('Hub'):<16}[/] {layout.hub_url}   {HUB_PERSON} / {layout.read_secret('hub.password')}",
        f"[bold]{_('Paper'):<16}[/] {layout.paper_url(first.name)}",
        "",
        f"PIN: {people}",
        "",
        _("In another terminal:"),
        f"  orderspine demo cut {second.name}       {_('cut York off, and sell there')}",
        f"  orderspine demo restore {second.name}   {_('watch the hub catch up')}",
        _("Ctrl+C stops everything."),
    ]
    return Panel("\n".join(lines), title="DEMO", expand=False)


def _stop_at_signals(stop: threading.Event) -> None:
    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, asked)


def _delete(folder: Path) -> None:
    """Delete a demo's folder, and refuse to delete anything that does not look like one.

    Raises:
        Invalid: there is something else in that folder.
    """
    if not folder.exists():
        return
    if any(folder.iterdir()) and not any((folder / name).exists() for name in OURS):
        raise Invalid(f"{folder} holds something that is not a demo.", "Give another --folder.")
    shutil.rmtree(folder)
