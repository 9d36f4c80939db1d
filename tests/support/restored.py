"""A company whose hub was put back to an older copy, and what its stores say of it one after the other."""

from typing import Any

from hub.database import HubDatabase
from hub.fleet.rows import meta
from hub.holds.restored import look_at_restored
from hub.link import watch
from hub.link.lives import put_meta
from protocol.later import OrderRouted
from protocol.reopening import OpenOrder, OpenUnits
from tests.support.packets import Wire, line
from tests.support.promising import Story

ORDER = {"external_id": "W-77", "lines": [{"sku": "A", "quantity": 2}]}
HOUR_US = 3600 * 1_000_000
PAID = {"payment": {"gateway": "psp", "reference": "ch_1", "amount_minor": 20_00}}


class Speaking(Story):
    """The company after its hub was put back, and what its stores say of it one after the other."""

    wires: dict[str, Wire]

    def listen(self) -> None:
        """Give every store a line to the hub that was restored."""
        self.wires = {edge: Wire(self.hub, edge, shop.inc) for edge, shop in self.shops.items()}

    def say(self, edge: str, *held: OpenUnits, orders: tuple[OpenOrder, ...] = (), lends: int = 0) -> None:
        """Let a store tell its log and what it has, and begin its lending anew."""
        self.wires[edge].speaks(self.shops[edge], *held, orders=orders, lends=lends)


class Restored(Speaking):
    """The company after its hub was put back to a copy from before the order."""

    def __init__(self, database: HubDatabase, before: Story) -> None:
        super().__init__(database)
        with before.hub.database.read() as connection:
            key = meta(connection, "pickup_key")
        self.lost = before.place(**ORDER, **PAID)
        self.mine = OpenOrder.model_validate(before.assignment)
        with before.hub.database.read() as connection:
            key = key or meta(connection, "pickup_key")
        assert key is not None

        def restore(unit: Any) -> None:
            put_meta(unit.connection, "pickup_key", key)
            watch.begin(unit, self.hub, why="restored")

        self.hub.database.write(restore)
        self.listen()

    def speak(self, edge: str, *, holds: int = 0, lends: int = 0) -> None:
        """Let a store tell its log and what it has of the lost order, and begin its lending anew."""
        units = (line(self.mine.assignment_id, holds),) if holds else ()
        self.say(edge, *units, orders=(self.mine,) if holds else (), lends=lends)

    def rest_speaks(self) -> None:
        """The other stores have nothing, and lend one each."""
        for edge in ("store-2", "store-3"):
            self.speak(edge, lends=2)
        look_at_restored(self.hub)

    def says(self, body: type[Any], **said: Any) -> None:
        """Let store-1 tell something of its assignment."""
        self.tell(body.model_validate({**self.mine.model_dump(), **said}))

    def holding(self, number: str) -> list[str]:
        """Return the states of the holds that stop an order."""
        found = self.channel.ask("GET", f"/api/orders/{number}/holds")
        return [each["state"] for each in found if each["state"] == "open"]

    def routed_to(self) -> list[tuple[str, str]]:
        """Return (trigger, location) of everything that was decided, the found ones too."""
        return [(body.trigger, part.location) for body in self.bodies(OrderRouted) for part in body.parts]
