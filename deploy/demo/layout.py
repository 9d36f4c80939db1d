"""Where everything of one demo lies: its places, its ports, its folders and its settings files.

One folder holds it all; deleting the folder is a complete reset. Ports and secrets are chosen once and kept
there, so that a second start has the same addresses and needs no set-up.
"""

import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Final

from deploy.broker import find_mosquitto
from deploy.demo.ports import free_ports, is_free
from protocol.errors import Unavailable
from protocol.ids import IdMaker

FIRST_PORTS: Final = (8700, 8701, 8702, 8703, 8704)
"""The hub and the edges of an interactive demo, where these are free: addresses a person can remember."""
HUB_PIN_DIGITS: Final = 6
LENT: Final = {"store": 200_000, "warehouse": 800_000}
"""What share of its stock a location lends the hub for web orders, by its kind; in parts per million."""
LENT_UNITS: Final = 50


@dataclass(frozen=True, slots=True)
class Place:
    """One location of the demo."""

    name: str
    code: str
    title: str
    address: tuple[str, ...]
    kind: str = "store"
    entity: str = "main"
    """The legal entity whose books it is in."""


PLACES: Final = (
    Place("store-1", "LB", "Leeds Briggate", ("12 Briggate", "Leeds LS1 6NP")),
    Place("store-2", "YC", "York Coppergate", ("4 Coppergate", "York YO1 9NR"), entity="york"),
    Place("store-3", "HT", "Hull Trinity", ("21 Trinity House Lane", "Hull HU1 2JA")),
    Place("warehouse", "WD", "Wakefield DC", ("Unit 3, Silkwood Park", "Wakefield WF5 9TJ"), "warehouse"),
)


@dataclass(frozen=True, slots=True)
class EdgePorts:
    """The ports of one location: its pages, its line to the broker and to the hub, its printer."""

    http: int
    mqtt_line: int
    hub_line: int
    printer: int
    paper: int


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port of a demo."""

    broker: int
    hub: int
    control: int
    edges: Mapping[str, EdgePorts]

    def numbers(self) -> list[int]:
        """Return all of them."""
        return [self.broker, self.hub, self.control, *(n for e in self.edges.values() for n in astuple(e))]


def replay_places(stores: int) -> tuple[Place, ...]:
    """Return so many stores: the demo's own first, then more of the same kind."""
    known = [place for place in PLACES if place.kind == "store"]
    more = [
        Place(
            f"store-{n}", f"{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}X", f"Store {n}", (f"{n} High Street",)
        )
        for n in range(len(known) + 1, stores + 1)
    ]
    return tuple([*known, *more][:stores])


def choose_ports(places: Sequence[Place], rng: random.Random, *, fixed: bool) -> Ports:
    """Return free ports; with `fixed`, the hub and the edges get the numbers people know, where free."""
    wanted = FIRST_PORTS if fixed else ()
    pages = free_ports(1 + len(places), rng, wanted=wanted)
    others = iter(free_ports(4 * len(places) + 2, rng))
    edges = {
        place.name: EdgePorts(page, next(others), next(others), next(others), next(others))
        for place, page in zip(places, pages[1:], strict=True)
    }
    return Ports(broker=next(others), hub=pages[0], control=next(others), edges=edges)


@dataclass(frozen=True, slots=True)
class Layout:
    """One demo on disk."""

    folder: Path
    places: tuple[Place, ...]
    ports: Ports
    replay_clock: bool = False
    tour: bool = False
    """Whether somebody looks at the pages, who is shown around."""

    @property
    def logs(self) -> Path:
        """Where each process writes what it has to say."""
        return self.folder / "logs"

    @property
    def control_file(self) -> Path:
        """Where other terminals find this demo."""
        return self.folder / "control.json"

    @property
    def ready_file(self) -> Path:
        """Exists once the set-up is complete."""
        return self.folder / "ready.json"

    @property
    def hub_url(self) -> str:
        """The hub's address on this machine."""
        return f"http://127.0.0.1:{self.ports.hub}"

    def edge_url(self, name: str) -> str:
        """Return the address of a location's pages."""
        return f"http://127.0.0.1:{self.ports.edges[name].http}"

    def paper_url(self, name: str) -> str:
        """Return the address where a location's printer shows its paper."""
        return f"http://127.0.0.1:{self.ports.edges[name].paper}"

    def config(self, name: str) -> Path:
        """Return the settings file of `hub` or of a location."""
        return self.folder / name / "settings.toml"

    def secret(self, name: str) -> Path:
        """Return the file of a secret."""
        return self.folder / "secrets" / name

    def write_secrets(self, ids: IdMaker) -> None:
        """Make the secrets that do not exist yet, readable by nobody else."""
        for name in ("hub.mqtt", "hub.password"):
            if not self.secret(name).exists():
                write_secret(self.secret(name), ids.secret(6 if name == "hub.password" else 16))

    def read_secret(self, name: str) -> str:
        """Return a secret."""
        return self.secret(name).read_text(encoding="ascii").strip()

    def broker_users(self) -> dict[str, str]:
        """Return every user of the broker with its password."""
        names = ["hub", *(place.name for place in self.places)]
        return {name: self.read_secret(f"{name}.mqtt") for name in names}

    def write_settings(self, *, tills: Sequence[str]) -> None:
        """Write the settings of the hub and of every location."""
        mqtt_version = "5" if find_mosquitto() else "3.1.1"
        write_toml(
            self.config("hub"),
            {
                "data_dir": str(self.folder / "hub"),
                "port": self.ports.hub,
                "broker_host": "127.0.0.1",
                "broker_port": self.ports.broker,
                "mqtt_password_file": str(self.secret("hub.mqtt")),
                "mqtt_version": mqtt_version,
                "demo": True,
                "replay_clock": self.replay_clock,
                "tour_url": f"http://127.0.0.1:{self.ports.control}/tour" if self.tour else "",
            },
        )
        for place in self.places:
            ports = self.ports.edges[place.name]
            write_toml(
                self.config(place.name),
                {
                    "edge": place.name,
                    "code": place.code,
                    "store_name": place.title,
                    "address": list(place.address),
                    "vat_number": "GB 123 4567 89",
                    "data_dir": str(self.folder / place.name),
                    "marker_file": str(self.folder / "markers" / place.name),
                    "port": ports.http,
                    "hub_url": f"http://127.0.0.1:{ports.hub_line}",
                    "hub_token_file": str(self.secret(f"{place.name}.token")),
                    "broker_host": "127.0.0.1",
                    "broker_port": ports.mqtt_line,
                    "mqtt_password_file": str(self.secret(f"{place.name}.mqtt")),
                    "mqtt_version": mqtt_version,
                    "tills": list(tills),
                    # A month is replayed as it was: nothing was sold online then, so nothing is lent.
                    "lend_share_ppm": 0 if self.replay_clock else LENT[place.kind],
                    "lend_cap": LENT_UNITS,
                    "demo": True,
                    "replay_clock": self.replay_clock,
                    "tour_url": f"http://127.0.0.1:{self.ports.control}/tour" if self.tour else "",
                    "paper_url": self.paper_url(place.name),
                },
            )

    def save(self) -> None:
        """Keep places and ports for the next start."""
        facts = {"places": [asdict(place) for place in self.places], "ports": asdict(self.ports)}
        self.ready_file.write_text(json.dumps(facts, indent=2), encoding="utf-8")


def load(folder: Path) -> Layout | None:
    """Return the demo that was set up in a folder, or None.

    Raises:
        Unavailable: one of its ports has been taken by something else since.
    """
    ready = folder / "ready.json"
    if not ready.exists():
        return None
    facts = json.loads(ready.read_text(encoding="utf-8"))
    ports = facts["ports"]
    edges = {name: EdgePorts(**numbers) for name, numbers in ports["edges"].items()}
    numbers = Ports(broker=ports["broker"], hub=ports["hub"], control=ports["control"], edges=edges)
    layout = Layout(
        folder=folder,
        places=tuple(Place(**{**place, "address": tuple(place["address"])}) for place in facts["places"]),
        ports=numbers,
    )
    taken = [number for number in numbers.numbers() if not is_free(number)]
    if taken:
        raise Unavailable(
            f"The demo in {folder} needs port {taken[0]}, which is in use.",
            "End what uses it, or start afresh on other ports with --reset.",
        )
    return layout


def write_secret(file: Path, secret: str) -> None:
    """Write a secret into a file of its own that only this account may read."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(secret)


def write_toml(file: Path, values: Mapping[str, object]) -> None:
    """Write flat settings; JSON's strings, numbers, lists and booleans are TOML's too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
