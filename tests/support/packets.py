"""A store made of packets, at a hub's desk, for tests of what a hub answers."""

import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import exceptions
from hub.fulfil.found import found_of
from hub.link import watch
from hub.link.alarms import raise_on
from hub.link.desk import Desk, DeskParts
from hub.link.epochs import Epoch, epoch_of
from hub.link.rights import RightsRows
from hub.link.sessions import Sessions
from hub.stock import allocations
from protocol.envelope import decompress
from protocol.handshake import Hello, RightsPacket, encode
from protocol.reopening import IAm, OpenOrder, OpenUnits
from protocol.rights import EdgeVector
from protocol.stream import first_hash
from tests.support.hub import Shop

STORE = "store-1"
INC = "0a" * 16
BOOT = "0c" * 8


@dataclass
class Wire:
    """A store made of packets, and the hub's desk that answers them."""

    hub: Hub
    edge: str = STORE
    inc: str = INC
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sess: str = ""
    hub_inc: str = ""

    def __post_init__(self) -> None:
        hub = self.hub
        self.desk = Desk(
            DeskParts(
                database=hub.database,
                inbox=hub.inbox,
                outbox=hub.outbox,
                sessions=Sessions(hub.outbox, clock=hub.clock, ids=hub.ids, hub_boot=BOOT),
                presence=hub.presence,
                clock=hub.clock,
                ids=hub.ids,
                raise_alarm=raise_on(hub.spine),
                publish=self._published,
                on_change=lambda _edge: None,
                hub_boot=BOOT,
                rights=RightsRows(),
                found=found_of(hub),
            )
        )

    def _published(self, topic: str, payload: bytes) -> bool:
        if topic.startswith(f"os/1/down/{self.edge}/"):
            self.told.append((topic.rpartition("/")[2], json.loads(decompress(payload))))
        return True

    def last(self, kind: str) -> dict[str, Any]:
        """Return the newest control packet of a type."""
        return next(body for _topic, body in reversed(self.told) if body.get("type") == kind)

    def speaks(
        self, shop: Shop, *held: OpenUnits, orders: tuple[OpenOrder, ...] = (), lends: int = 0
    ) -> None:
        """Say all of its log and what it has, begin its lending anew, and lend units of A."""
        position = len(shop.events)
        head = {"head": shop.batch(1, position).head} if position else {}
        self.hello(last_seq=position, **head)
        self.iam(*held, position=position, orders=orders)
        ep, granted = self.last("new")["ep"], sum([each.units for each in held]) + lends
        rows = [EdgeVector(sku="A", ep=ep, ver=9, G=granted, F=0, P=max(5, granted), B=0)] if lends else []
        self.vectors(*rows, ep=ep)

    def hello(self, **said: Any) -> dict[str, Any]:
        usual = {
            "inc": self.inc,
            "boot": BOOT,
            "machine": "m-1",
            "nonce": "1a" * 8,
            "last_seq": 0,
            "acked": 0,
        }
        usual |= {"head": first_hash(self.edge, self.inc), "clock_us": 1, "hub_inc_seen": self.hub_inc}
        self.desk.handle(self.edge, "hello", encode(Hello.model_validate(usual | said)))
        welcome = self.last("welcome")
        self.sess, self.hub_inc = welcome["sess"], welcome["hub_inc"]
        return welcome

    def iam(
        self,
        *units: OpenUnits,
        ep: int = 0,
        nonce: str = "",
        position: int = 0,
        orders: tuple[OpenOrder, ...] = (),
    ) -> None:
        said = IAm(
            type="iam",
            inc=self.inc,
            sess=self.sess,
            hub_inc=self.hub_inc,
            nonce=nonce or self.last("who")["nonce"],
            ep=ep,
            position=position,
            cseq_done=0,
            open=units,
            orders=orders,
        )
        self.desk.handle(self.edge, "rights", encode(said))

    def vectors(self, *rows: EdgeVector, ep: int) -> None:
        packet = RightsPacket(
            inc=self.inc,
            sess=self.sess,
            hub_inc=self.hub_inc,
            ep=ep,
            rows=tuple(row.model_dump() for row in rows),
        )
        self.desk.handle(self.edge, "rights", encode(packet))

    def epoch(self) -> Epoch:
        with self.hub.database.read() as connection:
            return epoch_of(connection, self.edge)

    def promise(self, owner: str, units: int, sku: str = "A") -> None:
        wanted = [(1, sku, units)]
        self.hub.database.write(lambda unit: allocations.allocate(unit.connection, owner, self.edge, wanted))

    def open_cards(self) -> list[str]:
        with self.hub.database.read() as connection:
            query = sa.select(exceptions.c.kind).where(exceptions.c.state == "open")
            return sorted(connection.execute(query).scalars())


def line(owner: str, units: int, sku: str = "A") -> OpenUnits:
    """Return open units of the first line of an assignment."""
    return OpenUnits(owner=owner, line_no=1, sku=sku, units=units)


def forget(wire: Wire) -> None:
    """Begin a new life of the hub, as a restore does."""
    wire.hub.database.write(lambda unit: watch.begin(unit, wire.hub, why="restored"))
    wire.desk.tick()
