"""A company that can promise: locations that were heard, what they lent, a catalogue, and orders to send."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from starlette.testclient import TestClient

from hub.app import build
from hub.catalog.steps import put
from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import directives, link_sessions, locations
from hub.fulfil.answers import answers_of
from hub.fulfil.rows import assignments
from hub.people.steps import add_token
from hub.route.rows import decisions
from hub.schema import newest_version
from hub.settings import HubSettings
from hub.spine.rows import events
from hub.stock.rows import hub_rights
from protocol.catalog import Product
from protocol.directives import DirectiveOutcome
from protocol.envelope import decode_event, read_body
from protocol.events import KIND_OF
from protocol.people import HubRole
from tests.support.hub import VAT, Shop, TestClock, TestIds, send

MINUTE_US = 60_000_000
ADDRESS = {"line1": "1 Long Acre", "city": "London", "postcode": "WC2E 9LH", "country": "GB"}


def place(unit: HubUnit, location: str, *, kind: str = "store", status: str = "active") -> None:
    """Register a location whose name says what it is called."""
    number = unit.connection.execute(sa.select(sa.func.count()).select_from(locations)).scalar_one()
    unit.connection.execute(
        sa.insert(locations).values(
            location_id=location,
            code=f"X{number}",
            name=location.replace("-", " ").title(),
            kind=kind,
            entity="main",
            zone="Europe/London",
            status=status,
            token_hash="",
            mqtt_hash="",
            created_us=0,
        )
    )


def hear(unit: HubUnit, location: str, at_us: int) -> None:
    """Let a location have been heard at a moment."""
    unit.connection.execute(sa.delete(link_sessions).where(link_sessions.c.edge == location))
    unit.connection.execute(
        sa.insert(link_sessions).values(
            edge=location,
            inc=location,
            sess="s",
            boot="b",
            opened_us=at_us,
            last_us=at_us,
            **{
                column.name: ""
                for column in link_sessions.columns
                if not column.nullable
                and column.server_default is None
                and column.name not in {"edge", "inc", "sess", "boot", "opened_us", "last_us"}
            },
        )
    )


def lend(unit: HubUnit, location: str, *, deficit: int = 0, **units: int) -> None:
    """Lend the hub units of each item."""
    for sku, count in units.items():
        unit.connection.execute(
            sa.insert(hub_rights).values(location=location, sku=sku, granted_seen=count, deficit=deficit)
        )


def company(hub: Hub, *, stores: dict[str, dict[str, int]], warehouses: dict[str, dict[str, int]]) -> None:
    """Register locations that are there this moment, with what they lent, and products A, B and C."""

    def step(unit: HubUnit) -> None:
        for kind, places in (("store", stores), ("warehouse", warehouses)):
            for location, units in places.items():
                place(unit, location, kind=kind)
                hear(unit, location, hub.clock.now_us())
                lend(unit, location, **units)
        found = [
            Product(sku=sku, name=f"Article {sku}", price_minor=price, rate_ppm=VAT, unit_cost_minor=400)
            for sku, price in (("A", 10_00), ("B", 5_00), ("C", 2_50))
        ]
        put(unit, found, hub.clock.now_us())

    hub.database.write(step)


def rights(hub: Hub, location: str, sku: str) -> tuple[int, int, int, int]:
    """Return (granted, allocated, ended, version) of a right."""
    with hub.database.read() as connection:
        row = connection.execute(
            sa.select(hub_rights).where(hub_rights.c.location == location, hub_rights.c.sku == sku)
        ).one()
    return row.granted_seen, row.allocated, row.ended, row.version


def rows(hub: Hub, table: sa.Table) -> list[dict[str, Any]]:
    """Return every row of a table, by its key."""
    query = sa.select(table).order_by(*table.primary_key.columns)
    with hub.database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def stamp(database: HubDatabase) -> None:
    """Say that the schema is the newest, since it was made at once."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{newest_version()}')")


class Channel:
    """A web shop that talks to a hub's API."""

    def __init__(self, database: HubDatabase, *, name: str = "", **settings: Any) -> None:
        """Make the hub; with a name it is a further process of one that is there already."""
        if not name:
            stamp(database)
        url = database.engine.url.render_as_string(hide_password=False)
        self.clock = TestClock()
        folder = Path(tempfile.mkdtemp(prefix="orderspine-hub-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        own = {"data_dir": folder, "database_url": url}
        self.app = build(HubSettings(**{**own, **settings}), clock=self.clock, ids=TestIds(f"hub{name}"))
        self.hub: Hub = self.app.state.hub
        token = add_token(self.hub, name=f"shop{name}", role=HubRole.OPS)
        self.client = TestClient(self.app, headers={"authorization": f"Bearer {token}"})
        self.count = 0

    def collect(self, location: str = "store-1", **said: Any) -> dict[str, Any]:
        """Return an order to collect, with what is said differently."""
        self.count += 1
        return {
            "channel": "web",
            "external_id": f"W-{self.count}",
            "currency": "GBP",
            "lines": [{"sku": "A", "quantity": 1}],
            "promise": {"kind": "collect", "location": location, "promise_class": "same_day"},
            **said,
        }

    def ship(self, **said: Any) -> dict[str, Any]:
        """Return an order to ship, paid whole: one A and the way there."""
        order = self.collect(
            shipping_minor=4_00,
            promise={"kind": "ship"},
            customer={"first_name": "Ada", "last_name": "Byron", "address": ADDRESS},
            payment={"gateway": "psp", "reference": "ch_1", "amount_minor": 14_00},
        )
        return {**order, **said}

    def send(self, order: dict[str, Any], *, key: str = "", status: int = 201) -> dict[str, Any]:
        """Send an order and return the answer, which must have this status."""
        headers = {"idempotency-key": key} if key else {}
        answer = self.client.post("/api/orders", json=order, headers=headers)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found if status < 400 else found["error"]

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Send any request and return the answer, which must have this status."""
        answer = self.client.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if status < 400 else answer.json()["error"]

    def admin(self) -> None:
        """Speak as an administrator from now on."""
        token = add_token(self.hub, name="admin", role=HubRole.ADMIN)
        self.client.headers["authorization"] = f"Bearer {token}"

    def ask_nothing(self, method: str, path: str) -> None:
        """Send a request whose answer has no body."""
        answer = self.client.request(method, path)
        assert answer.status_code == 204, answer.text

    def close(self) -> None:
        """Let go of the database."""
        self.hub.database.close()


class Story:
    """A channel, and the two stores whose events a test tells."""

    def __init__(self, database: HubDatabase) -> None:
        self.channel = Channel(database)
        self.hub = self.channel.hub
        company(
            self.hub,
            stores={"store-1": {"A": 5, "B": 2}, "store-2": {"A": 4}, "store-3": {"A": 3}},
            warehouses={},
        )
        self.shops = {name: Shop(name, code=f"S{name[-1]}") for name in ("store-1", "store-2", "store-3")}
        self.sent = dict.fromkeys(self.shops, 0)
        self.order: dict[str, Any] = {}

    def place(self, **said: Any) -> dict[str, Any]:
        """Send an order to collect two A at store-1."""
        self.order = self.channel.send(
            self.channel.collect(**{"lines": [{"sku": "A", "quantity": 2}], **said})
        )
        return self.order

    def leave(self, edge: str = "store-1") -> None:
        """Let what waits for a store be sent to it."""
        self.hub.database.write(lambda unit: self.hub.outbox.take(unit, edge, 0, resend=False))

    @property
    def assignment(self) -> dict[str, str]:
        """Return the fields that every event of the newest assignment has."""
        newest = rows(self.hub, decisions)[-1]
        return {
            "assignment_id": newest["assignment_id"],
            "order_id": self.order["order_id"],
            "number": self.order["number"],
        }

    def tell(self, body: Any, edge: str = "store-1") -> None:
        """Let a store's event arrive."""
        shop = self.shops[edge]
        shop.say(body)
        send(self.hub, shop, self.sent[edge] + 1)
        self.sent[edge] = len(shop.events)

    def cancel(self, *, status: int = 200, **said: Any) -> Any:
        """Ask for a cancellation."""
        path = f"/api/orders/{self.order['number']}/cancel"
        return self.channel.ask("POST", path, {"reason": "changed my mind", **said}, status=status)

    def change(self, *, status: int = 200, path: str = "change", **said: Any) -> Any:
        """Ask for a change, or with `change/preview` for what it would come to."""
        path = f"/api/orders/{self.order['number']}/{path}"
        return self.channel.ask("POST", path, {"reason": "asked at the phone", **said}, status=status)

    def answer(self, edge: str, outcome: DirectiveOutcome) -> None:
        """Let a store answer a directive, as the wire brings it."""
        heard = answers_of(self.hub)

        def step(unit: HubUnit) -> None:
            for row, said in self.hub.outbox.answered(unit, edge, [outcome]):
                heard(unit, edge, row, said)

        self.hub.database.write(step)

    def bodies(self, model: type[Any]) -> list[Any]:
        """Return what the log says of one kind, in its order."""
        kind = KIND_OF[model][0]
        found = [row for row in rows(self.hub, events) if row["kind"] == kind]
        return [read_body(decode_event(bytes(row["bytes"]))) for row in found]

    def parts(self) -> list[Any]:
        """Return the order's assignments with their lines, the oldest first."""
        with self.hub.database.read() as connection:
            ids = connection.execute(
                sa.select(assignments.c.assignment_id)
                .where(assignments.c.order_id == self.order["order_id"])
                .order_by(assignments.c.created_us, assignments.c.assignment_id)
            ).scalars()
            return [self.channel.ask("GET", f"/api/assignments/{each}") for each in ids.all()]

    def seen(self) -> Any:
        """Return the order as the console shows it."""
        return self.channel.ask("GET", f"/api/orders/{self.order['number']}")

    def kinds(self) -> list[str]:
        """Return the kinds of everything that happened."""
        return [row["kind"] for row in rows(self.hub, events)]

    def cards(self) -> list[str]:
        """Return the kinds of what is open on the desk."""
        return [card["kind"] for card in self.channel.ask("GET", "/api/exceptions")["exceptions"]]

    def told(self, edge: str = "store-1") -> list[str]:
        """Return what a store was told, by kind."""
        return [row["kind"] for row in rows(self.hub, directives) if row["edge"] == edge]

    def decided(self) -> list[tuple[str, str]]:
        """Return (trigger, location) of every decision."""
        return [(row["trigger"], row["location"]) for row in rows(self.hub, decisions)]
