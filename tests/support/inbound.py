"""A company whose store has lent nothing and expects a delivery, and orders that wait for it."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import directives
from hub.link.rights import RightsRows
from hub.route.arriving import look_at_waits
from hub.stock.claim_rows import inbound_claims
from hub.stock.rows import allocations, hub_rights
from hub.transfers.answers import answers_of
from hub.transfers.rows import transfer_directives
from protocol import transfer_messages as say
from protocol.directives import DirectiveOutcome, Outcome
from protocol.fulfilment import UnitsLine
from protocol.rights import EdgeVector
from protocol.transfers import Carton, CartonLine, ReceivedLine
from tests.support.hub import Shop, send
from tests.support.packets import Wire
from tests.support.promising import Channel, Story, company, hear, rights, rows
from tests.support.transfers import sscc

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


class Yard(Story):
    """Store 1 has lent nothing; store 2 sends it goods that it will lend as it receives them."""

    def __init__(self, database: HubDatabase, **lent: dict[str, int]) -> None:
        self.channel = Channel(database)
        self.hub = self.channel.hub
        stores: dict[str, dict[str, int]] = {"store-1": {}, "store-2": {}}
        stores |= {name.replace("_", "-"): units for name, units in lent.items()}
        company(self.hub, stores=stores, warehouses={})
        self.shops = {name: Shop(name, code=f"S{name[-1]}") for name in stores}
        self.sent = dict.fromkeys(self.shops, 0)
        self.order: dict[str, Any] = {}
        self.versions: dict[tuple[str, str], int] = {}
        for sku in ("A", "B"):
            self.shops["store-2"].stock(sku, 20)
        self.hear_all("store-2")

    def hear_all(self, edge: str) -> None:
        """Let the hub hear what a store has said."""
        send(self.hub, self.shops[edge], self.sent[edge] + 1)
        self.sent[edge] = len(self.shops[edge].events)

    def send_goods(
        self,
        units: int = 8,
        *,
        sku: str = "A",
        grant: int | None = None,
        days: float = 3,
        acknowledged: bool = True,
    ) -> dict[str, Any]:
        """Let goods leave for store 1, which has heard of them and lends them as they arrive."""
        due_us = int(self.hub.clock.now_us() + days * DAY_US) if days else 0
        line = {"sku": sku, "quantity": units, "grant": units if grant is None else grant}
        wanted = {"source": "store-2", "destination": "store-1", "lines": [line], "due_us": due_us}
        asked: dict[str, Any] = self.channel.ask("POST", "/api/transfers", wanted, status=201)
        of = self.of(asked) | {"source": "store-2", "destination": "store-1"}
        lines = (UnitsLine(line_no=1, sku=sku, bound=units),)
        inside = (CartonLine(line_no=1, sku=sku, quantity=units),)
        carton = Carton(sscc=sscc(int(asked["number"][-5:])), lines=inside)
        for body in (
            say.TransferAccepted(**of, lines=lines),
            say.TransferPicked(**of, lines=lines),
            say.CartonPacked(**of, carton=carton, done=True),
            say.TransferShipped(**of, cartons=(carton,), lines=lines),
        ):
            self.tell(body, "store-2")
        if acknowledged:
            self.acknowledge(asked["transfer_id"])
        return {**asked, "due_us": due_us, "sku": sku}

    @staticmethod
    def of(asked: dict[str, Any]) -> dict[str, str]:
        """Return what every event of a transfer says of it."""
        return {"transfer_id": asked["transfer_id"], "number": asked["number"]}

    def acknowledge(self, transfer_id: str) -> None:
        """Store 1 has heard what comes."""
        told = [
            row["cseq"]
            for row in rows(self.hub, transfer_directives)
            if (row["transfer_id"], row["edge"]) == (transfer_id, "store-1")
        ]
        heard, outcome = answers_of(self.hub), DirectiveOutcome(cseq=max(told), res=Outcome.APPLIED)
        mine = (directives.c.edge == "store-1") & (directives.c.cseq == max(told))

        def step(unit: HubUnit) -> bool:
            row = unit.connection.execute(
                sa.select(directives).where(mine, directives.c.kind == "transfer.expect")
            ).one()
            return heard(unit, "store-1", row, outcome)

        self.hub.database.write(step)

    def receive(self, asked: dict[str, Any], units: int, *, final: bool = True) -> None:
        """The hub hears that store 1 has received units, and lent them."""
        self.tell(
            say.TransferReceived(
                **self.of(asked),
                receipt_id=f"{asked['transfer_id']}-{units}",
                source="store-2",
                destination="store-1",
                lines=(ReceivedLine(line_no=1, sku=asked["sku"], name="A", quantity=units, granted=units),),
                final=final,
            ),
            "store-1",
        )

    def vector(self, granted: int, *, sku: str = "A", at: str = "store-1", **said: int) -> None:
        """Store 1 tells how much it has ever lent of an item."""
        version = self.versions[at, sku] = self.versions.get((at, sku), 0) + 1
        self.again(granted, sku=sku, at=at, version=version, **said)

    def again(
        self, granted: int, *, sku: str = "A", at: str = "store-1", version: int = 0, **said: int
    ) -> None:
        """The same is told once more, or late."""
        cells = {"ep": 0, "F": 0, "P": granted, "B": 0, **said}
        vector = EdgeVector(sku=sku, ver=version or self.versions[at, sku], G=granted, **cells)
        self.hub.database.write(lambda unit: RightsRows(self.hub).see(unit, at, [vector]))

    def due(self, days: float, **said: Any) -> dict[str, Any]:
        """Return an order for A to collect at store 1 so many days from now."""
        at = self.channel.clock.at_us + int(days * DAY_US)
        return self.channel.collect(
            promise={"kind": "collect", "location": "store-1", "due_at": iso(at)}, **said
        )

    def buy(self, units: int = 3, *, days: float = 5, sku: str = "A", **said: Any) -> dict[str, Any]:
        """Place an order for units to collect at store 1."""
        self.order = self.channel.send(self.due(days, lines=[{"sku": sku, "quantity": units}], **said))
        return self.order

    def claims(self, order: dict[str, Any] | None = None) -> list[tuple[str, int, int]]:
        """Return (state, units, arrived) of the claims, of one order or all."""
        found = rows(self.hub, inbound_claims)
        found.sort(key=lambda row: (row["made_us"], row["claim_id"]))
        return [
            (row["state"], row["units"], row["arrived"])
            for row in found
            if order is None or row["order_id"] == order["order_id"]
        ]

    def look(self, *, days: float = 0) -> int:
        """Let time pass while every store is heard, and the clock look."""
        self.channel.clock.at_us += int(days * DAY_US)

        def step(unit: HubUnit) -> None:
            for each in self.shops:
                hear(unit, each, self.channel.clock.at_us)

        self.hub.database.write(step)
        return look_at_waits(self.hub)

    def speaks(self, edge: str, *, lends: int = 0) -> None:
        """Let a store say that it holds nothing, begin its lending anew, and lend units of A."""
        shop = self.shops[edge]
        Wire(self.hub, edge, shop.inc).speaks(shop, lends=lends)

    def is_sound(self) -> bool:
        """Tell whether what is promised is what somebody holds, and never more than was lent."""
        held: dict[tuple[str, str], int] = {}
        for row in rows(self.hub, allocations):
            key = (row["location"], row["sku"])
            held[key] = held.get(key, 0) + row["units"] - row["ended"]
        return all(
            row["allocated"] - row["ended"] == held.get((row["location"], row["sku"]), 0)
            and row["allocated"] - row["ended"] + row["returned"] <= row["granted_seen"]
            for row in rows(self.hub, hub_rights)
        )

    def free(self, location: str = "store-1", sku: str = "A") -> int:
        """Return what is free of an item at a location."""
        granted, allocated, ended, _version = rights(self.hub, location, sku)
        return granted - allocated + ended


def iso(at_us: int) -> str:
    """Return a moment as a program sends it."""
    return datetime.fromtimestamp(at_us / 1_000_000, tz=UTC).isoformat()
