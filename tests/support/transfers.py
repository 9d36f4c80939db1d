"""Two stores that send goods to each other, told by nothing but their events; and the books that must tie."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import locations
from hub.fleet.steps import NewLocation, add_location
from hub.ledger.rows import entries, journals
from hub.stock.rows import balances, stock_values
from protocol import transfer_messages as say
from protocol.fulfilment import PutBackLine, ShortLine, ShortReason, UnitsLine
from protocol.movements import Bucket
from protocol.transfers import (
    ArrivalShort,
    AskedBy,
    Carton,
    CartonLine,
    ReceivedLine,
    SettledLine,
    TransferLine,
    TransferReason,
    TransferRefusal,
)
from tests.support.hub import Shop, send

ON_HAND = ("1300", "1310", "1320", "1330")
TRANSIT = ("1340", "1345")


def sscc(n: int) -> str:
    """Return the label of the n-th carton; its check digit is of no matter to the hub."""
    return f"{n:018d}"


@dataclass
class Move:
    """One transfer between two shops, step by step. `lines` are (sku, units)."""

    source: Shop
    destination: Shop
    lines: Sequence[tuple[str, int]]
    transfer_id: str = "t-1"
    number: str = "LB1-X00001"
    lent: int = 0
    """Of each line, units that the hub holds rights to."""
    receipts: int = field(default=0, init=False)

    @property
    def of(self) -> dict[str, str]:
        """What every event of it says."""
        return {
            "transfer_id": self.transfer_id,
            "number": self.number,
            "source": self.source.edge,
            "destination": self.destination.edge,
        }

    def name_of(self, sku: str) -> str:
        """Return what an article is called."""
        return f"Thing {sku}"

    def units(self, counts: Sequence[int] | None = None) -> tuple[UnitsLine, ...]:
        """Return the lines with so many units of each."""
        return tuple(
            UnitsLine(line_no=n, sku=sku, lent=min(count, self.lent), bound=count - min(count, self.lent))
            for n, ((sku, asked), count) in enumerate(
                zip(self.lines, counts or [asked for _sku, asked in self.lines], strict=True), start=1
            )
            if count
        )

    def request(self, asked_by: AskedBy = AskedBy.SOURCE, **said: Any) -> say.TransferRequested:
        """Let a store ask for it."""
        body = say.TransferRequested(
            **self.of,
            asked_by=asked_by,
            reason=TransferReason.REPLENISH,
            lines=tuple(
                TransferLine(line_no=n, sku=sku, name=self.name_of(sku), quantity=units)
                for n, (sku, units) in enumerate(self.lines, start=1)
            ),
            **said,
        )
        (self.destination if asked_by is AskedBy.DESTINATION else self.source).say(body)
        return body

    def accept(self, counts: Sequence[int] | None = None) -> None:
        """The source sets them aside; what is not counted is declined."""
        taken = self.units(counts)
        declined = [
            {**line.model_dump(), "lent": 0, "bound": asked - count, "reason": TransferRefusal.NOT_ENOUGH}
            for line, (_sku, asked), count in zip(
                self.units(), self.lines, counts or [u for _s, u in self.lines], strict=True
            )
            if asked > count
        ]
        self.source.say(say.TransferAccepted(**self.of, lines=taken, declined=tuple(declined)))

    def reject(self) -> None:
        """The source sends nothing."""
        self.source.say(say.TransferRejected(**self.of, reason=TransferRefusal.NOT_ENOUGH))

    def pick(self, found: Sequence[int] | None = None) -> None:
        """The source picks; what was accepted and is not found is short."""
        lines = self.units(found)
        there = {line.line_no: line.units for line in lines}
        shorts = tuple(
            ShortLine(line_no=line.line_no, sku=line.sku, bound=missing, reason=ShortReason.NOT_FOUND)
            for line in self.units()
            if (missing := line.units - there.get(line.line_no, 0))
        )
        self.source.say(say.TransferPicked(**self.of, lines=lines, shorts=shorts))

    def carton(self, n: int = 1, counts: Sequence[int] | None = None) -> Carton:
        """Return a carton with everything, or so many units of each line."""
        lines = tuple(
            CartonLine(line_no=line.line_no, sku=line.sku, quantity=line.units) for line in self.units(counts)
        )
        return Carton(sscc=sscc(n), lines=lines, weight_g=1200)

    def pack(self, n: int = 1) -> None:
        """The source packs everything into one carton."""
        self.source.say(say.CartonPacked(**self.of, carton=self.carton(n), done=True))

    def ship(self, counts: Sequence[int] | None = None, *, n: int = 1) -> None:
        """The cartons leave."""
        self.source.say(
            say.TransferShipped(
                **self.of, cartons=(self.carton(n, counts),), lines=self.units(counts), carrier="Van"
            )
        )

    def leave(self, counts: Sequence[int] | None = None) -> None:
        """Everything that the source does until the goods have left."""
        self.request()
        self.accept()
        self.pick(counts)
        self.pack()
        self.ship(counts)

    def cancel(self, *, picked: bool = False) -> None:
        """The source gives it up."""
        lines = tuple(
            PutBackLine(**line.model_dump(), picked=line.units if picked else 0) for line in self.units()
        )
        self.source.say(say.TransferCancelled(**self.of, lines=lines, reason="not needed"))

    def receive(
        self,
        *counts: int,
        damaged: int = 0,
        final: bool = False,
        known: bool = True,
        shorts: Sequence[int] = (),
        line_no: int | None = None,
        **said: Any,
    ) -> str:
        """The destination takes units of each line in; `damaged` of the first, and `shorts` do not come."""
        self.receipts += 1
        receipt_id = f"{self.transfer_id}-r{self.receipts}"
        lines = tuple(
            ReceivedLine(
                line_no=n if line_no is None else line_no,
                sku=sku,
                name=self.name_of(sku),
                quantity=count,
                damaged=damaged if n == 1 else 0,
                **said,
            )
            for n, ((sku, _units), count) in enumerate(zip(self.lines, counts, strict=False), start=1)
            if count
        )
        head = (
            {"transfer_id": self.transfer_id, "number": self.number, "source": self.source.edge}
            if known
            else {"source": self.source.edge}
        )
        missing = tuple(
            ArrivalShort(line_no=n, sku=self.lines[n - 1][0], quantity=units)
            for n, units in enumerate(shorts, start=1)
            if units
        )
        self.destination.say(
            say.TransferReceived(
                receipt_id=receipt_id,
                destination=self.destination.edge,
                lines=lines,
                shorts=missing,
                final=final,
                **head,
            )
        )
        return receipt_id

    def match(
        self, receipt_id: str, *counts: int, bound: int = 0, damaged: int = 0, final: bool = True
    ) -> None:
        """The destination says which transfer a receipt is of; `bound` and `damaged` of its first line."""
        lines = tuple(
            ReceivedLine(
                line_no=n,
                sku=sku,
                name=self.name_of(sku),
                quantity=count,
                bound=bound if n == 1 else 0,
                damaged=damaged if n == 1 else 0,
            )
            for n, ((sku, _units), count) in enumerate(zip(self.lines, counts, strict=False), start=1)
            if count
        )
        self.destination.say(say.ReceiptMatched(**self.of, receipt_id=receipt_id, lines=lines, final=final))

    def undo(self, receipt_id: str, *counts: int, known: bool = True) -> None:
        """The destination takes a receipt back."""
        lines = tuple(
            ReceivedLine(line_no=n, sku=sku, name=self.name_of(sku), quantity=count)
            for n, ((sku, _units), count) in enumerate(zip(self.lines, counts, strict=False), start=1)
            if count
        )
        head = {"transfer_id": self.transfer_id, "number": self.number} if known else {}
        self.destination.say(
            say.ReceiptUndone(
                receipt_id=receipt_id, destination=self.destination.edge, lines=lines, reason="twice", **head
            )
        )

    def close(self, *settled: SettledLine) -> None:
        """The source brings its in transit to zero."""
        self.source.say(say.TransferClosed(**self.of, lines=settled))


def two_stores(hub: Hub, *, entities: tuple[str, str] = ("main", "main")) -> tuple[Shop, Shop]:
    """Register two stores and return them."""
    shops = Shop("store-1", code="LB"), Shop("store-2", code="YC")
    for shop, entity in zip(shops, entities, strict=True):
        new = NewLocation(edge=shop.edge, code=shop.code, name=shop.edge.title(), kind="store")
        hub.database.write(partial(add_location, new=new, clock=hub.clock, ids=hub.ids))
        hub.database.write(partial(_belongs, edge=shop.edge, entity=entity))
    return shops


def _belongs(unit: HubUnit, *, edge: str, entity: str) -> None:
    unit.connection.execute(sa.update(locations).where(locations.c.location_id == edge).values(entity=entity))


class Line:
    """Sends what shops say to a hub, event by event."""

    def __init__(self, hub: Hub, *shops: Shop) -> None:
        self.hub = hub
        self.shops = shops
        self.sent = {shop.edge: 0 for shop in shops}

    def tell(self, shop: Shop, count: int | None = None) -> None:
        """Let the hub hear the next events of a shop, or all of them."""
        first = self.sent[shop.edge] + 1
        last = len(shop.events) if count is None else min(len(shop.events), first + count - 1)
        if last >= first:
            assert [each.parked for each in send(self.hub, shop, first, last)] == [0]
            self.sent[shop.edge] = last

    def left(self, shop: Shop) -> int:
        """Return how many events of a shop the hub has not heard."""
        return len(shop.events) - self.sent[shop.edge]

    def all(self) -> None:
        """Let the hub hear everything."""
        for shop in self.shops:
            self.tell(shop)


def held(hub: Hub, location: str, sku: str = "A") -> dict[str, tuple[int, int]]:
    """Return (units, worth) by bucket; empty buckets are left out."""
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(stock_values).where(stock_values.c.location == location, stock_values.c.sku == sku)
        ).all()
    return {row.bucket: (row.quantity, row.value_minor) for row in rows if row.quantity or row.value_minor}


def accounts_at(hub: Hub) -> dict[tuple[str, str], int]:
    """Return what every account stands at, by the location of its journals."""
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(journals.c.location, entries.c.account, sa.func.sum(entries.c.amount_minor))
            .join(entries, entries.c.journal_id == journals.c.journal_id)
            .group_by(journals.c.location, entries.c.account)
        ).all()
    return {(location, account): int(amount) for location, account, amount in rows if amount}


def trial(hub: Hub) -> dict[tuple[str, str], int]:
    """Return what every account of every entity stands at."""
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(journals.c.entity, entries.c.account, sa.func.sum(entries.c.amount_minor))
            .join(entries, entries.c.journal_id == journals.c.journal_id)
            .group_by(journals.c.entity, entries.c.account)
        ).all()
    return {(entity, account): int(amount) for entity, account, amount in rows if amount}


def ties(hub: Hub) -> list[str]:
    """Return what does not add up between stock, its worth and the books; empty is right."""
    wrong: list[str] = []
    books, whole = accounts_at(hub), trial(hub)
    with hub.database.read() as connection:
        values = connection.execute(sa.select(stock_values)).all()
        counts = {
            (row.location, row.sku, row.bucket): row.quantity
            for row in connection.execute(sa.select(balances))
            if row.quantity
        }
    worth: dict[str, int] = {}
    moving: dict[str, int] = {}
    for row in values:
        if row.bucket == Bucket.IN_TRANSIT.value:
            moving[row.entity] = moving.get(row.entity, 0) + row.value_minor
        else:
            worth[row.location] = worth.get(row.location, 0) + row.value_minor
    for location, minor in worth.items():
        said = sum(books.get((location, account), 0) for account in ON_HAND)
        if said != minor:
            wrong.append(f"stock of {location} is worth {minor}, its books say {said}")
    for entity in {entity for entity, _account in whole}:
        said = sum(whole.get((entity, account), 0) for account in TRANSIT)
        if said != moving.get(entity, 0):
            wrong.append(f"{entity} has {moving.get(entity, 0)} on its way, its books say {said}")
        total = sum(amount for (mine, _account), amount in whole.items() if mine == entity)
        if total:
            wrong.append(f"the books of {entity} are {total} off")
    valued = {(row.location, row.sku, row.bucket): row.quantity for row in values if row.quantity}
    if valued != counts:
        wrong.append(f"{set(valued.items()) ^ set(counts.items())} are counted and valued differently")
    return wrong
