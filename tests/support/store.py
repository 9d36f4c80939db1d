"""A store for tests: real SQLite in a temporary folder, its people, some products, an open till."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from edge_agent.app import build
from edge_agent.catalog.steps import import_csv
from edge_agent.context import Edge
from edge_agent.database import migrate
from edge_agent.people.steps import add_person
from edge_agent.settings import EdgeSettings, load_settings
from protocol.ids import IdMaker
from protocol.kit.system import ShiftedClock
from protocol.people import StoreRole

START_US = 1_795_600_800_000_000  # 2026-11-25 10:00 UTC, a Wednesday
PINS = {"associate": "2580", "lead": "4711", "manager": "8642"}
CSV = """sku,name,price,barcodes,tax_rate,kind,category,bin,cost,active
COAT-M,Wool coat M,120.00,5012345678900|10001,20,goods,Coats,A-01,55.00,yes
MUG-1,Mug,7.50,4006381333931,20,goods,Kitchen,B-02,2.10,yes
BOOK-1,Picture book,9.99,9783161484100,0,goods,Books,C-03,4.00,yes
ALTER,Alteration,15.00,,20,service,Services,,,yes
OLD-1,Old lamp,30.00,10009,20,goods,Lamps,,,no
"""


class CountedIds:
    """Ids that count, so that a run reads the same every time."""

    def __init__(self) -> None:
        self._n = 0

    def new_id(self) -> str:
        """Return the next id."""
        self._n += 1
        return f"00000000-0000-7000-8000-{self._n:012d}"

    def secret(self, n_bytes: int) -> str:
        """Return the next secret."""
        self._n += 1
        return f"{self._n:0{n_bytes * 2}x}"[-n_bytes * 2 :]


@dataclass
class Store:
    """A running store and somebody signed in at each role."""

    app: FastAPI
    client: TestClient
    clock: ShiftedClock
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def edge(self) -> Edge:
        """Its parts."""
        edge: Edge = self.app.state.edge
        return edge

    def headers(self, role: str = "associate") -> dict[str, str]:
        """Return what a program of this person sends."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def post(self, path: str, body: Mapping[str, Any], role: str = "associate") -> Any:
        """Send a body as this person."""
        return self.client.post(path, json=body, headers=self.headers(role))

    def get(self, path: str, role: str = "associate", **params: Any) -> Any:
        """Ask as this person."""
        return self.client.get(path, params=params, headers=self.headers(role))

    def approve(self, role: str, action: str, asker: str = "associate", reason: str = "") -> str:
        """Return the word of somebody for an action."""
        who = {"lead": "s-rowe", "manager": "a-osei"}[role]
        answer = self.post(
            "/api/approve",
            {"person_id": who, "pin": PINS[role], "action": action, "reason": reason},
            role=asker,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the store's own file."""
        return [tuple(row) for row in self.edge.database.read().execute(sql, values)]

    def fingerprint(self) -> dict[str, int]:
        """Return what must not change when something is refused."""
        return {
            table: self.rows(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("events", "orders", "movements", "print_jobs", "idempotency", "exceptions")
        } | {"order_counter": (self.rows("SELECT value FROM counters WHERE name = 'order'") or [(0,)])[0][0]}

    def stock(self, sku: str, quantity: int) -> None:
        """Put units on the shelf."""
        body = {
            "key": f"open-{sku}-{quantity}",
            "reason": "opening",
            "lines": [{"sku": sku, "quantity": quantity}],
        }
        answer = self.post("/api/stock/moves", body, role="manager")
        assert answer.status_code == 201, answer.text

    def open_till(self, till: str = "till-1") -> None:
        """Begin the day at a till."""
        answer = self.post(
            f"/api/tills/{till}/open", {"key": f"open-{till}", "float_minor": 10_000}, role="manager"
        )
        assert answer.status_code in {200, 201}, answer.text


def settings_for(folder: Path, **said: Any) -> EdgeSettings:
    """Return settings of a store in a temporary folder."""
    told = {"data_dir": folder / "store", "marker_file": folder / "marker", "tills": ("till-1", "till-2")}
    return load_settings(None, **(told | said))


@cache
def empty_file() -> bytes:
    """Return a store's file with every table and nothing in it: to copy it takes a tenth of making it."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "edge.db"
        migrate(file)
        return file.read_bytes()


def begin_store(folder: Path, *, ids: IdMaker | None = None, catalog: str = CSV, **said: Any) -> Store:
    """Return a store with people and products; the caller enters and leaves `store.client`."""
    clock = ShiftedClock(START_US)
    settings = settings_for(folder, **said)
    if not settings.database_file.exists():
        settings.database_file.parent.mkdir(parents=True, exist_ok=True)
        settings.database_file.write_bytes(empty_file())
    app = build(settings, clock=clock, ids=ids)
    edge: Edge = app.state.edge
    for name, role in (("B. Hale", "associate"), ("S. Rowe", "lead"), ("A. Osei", "manager")):
        add_person(edge, name=name, role=StoreRole(role), pin=PINS[role])
    file = folder / "products.csv"
    file.write_text(catalog, encoding="utf-8")
    import_csv(edge, file)
    return Store(app, TestClient(app), clock)


def sign_everybody_in(store: Store, device: str = "till-1") -> None:
    """Sign one person of each role in."""
    for role, who in (("associate", "b-hale"), ("lead", "s-rowe"), ("manager", "a-osei")):
        answer = store.client.post(
            "/api/sign-in", json={"person_id": who, "pin": PINS[role], "device": device}
        )
        assert answer.status_code == 200, answer.text
        store.tokens[role] = answer.json()["token"]
        store.client.cookies.clear()


def sale(key: str, *lines: tuple[str, int], cash_minor: int | None = None, **more: Any) -> dict[str, Any]:
    """Return a sale's body; paid in cash with what is said, or by card exactly."""
    tenders = [{"kind": "cash", "amount_minor": cash_minor}] if cash_minor is not None else []
    return {
        "key": key,
        "till": "till-1",
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "tenders": tenders,
    } | more


def ok(answer: Any, status: int = 200) -> Any:
    """Return the body of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer: Any, status: int) -> Any:
    """Return the error of an answer that must have been refused with this status."""
    assert answer.status_code == status, answer.text
    return answer.json()["error"]
