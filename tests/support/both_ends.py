"""One store and its hub, both whole, with a line between them that a test lets something through.

What goes over it are the bytes of the wire: batches of the store's log up, numbered directives down, outcomes
back. A store to which nothing is carried is a store that is dark.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from edge_agent.link.rows import events_after, hash_at, read_link, set_link
from edge_agent.rebuild import Difference, rebuild
from hub.catalog.steps import put
from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import directives
from hub.fulfil.answers import answers_of
from hub.payments.rows import gateway_commands
from hub.rebuild import verify
from hub.schema import create_schema
from protocol import later
from protocol.catalog import Product
from protocol.envelope import Batch
from protocol.orders import Tender, TenderKind, WireModel
from protocol.stream import first_hash
from tests.support.fulfilment import Desk
from tests.support.hub import VAT, Shop, send
from tests.support.later import place
from tests.support.later_shop import record_at
from tests.support.promising import Channel, hear, lend, rows
from tests.support.promising import place as locate
from tests.support.store import START_US, begin_store, ok, sign_everybody_in

HERE = "store-1"
OTHER = "store-2"
PRICES = {"COAT-M": 120_00, "MUG-1": 7_50, "BOOK-1": 9_99}


class BothEnds(Desk):
    """A store, its hub, and one order that the store took."""

    channel: Channel
    order: dict[str, Any]

    def begin(self, channel: Channel) -> None:
        """Let the hub know the store, another one, and what is sold; both lend."""
        self.channel, self.hub = channel, channel.hub
        channel.clock.at_us = START_US
        self.other = Shop(OTHER, code="TO", at_us=START_US)
        self._sent_by_other = 0

        def step(unit: HubUnit) -> None:
            for location in (HERE, OTHER):
                locate(unit, location)
                hear(unit, location, START_US)
                lend(unit, location, **dict.fromkeys(PRICES, 4))
            found = [
                Product(
                    sku=sku,
                    name=sku.title(),
                    price_minor=price,
                    rate_ppm=0 if sku == "BOOK-1" else VAT,  # as the store's own catalogue has it
                    unit_cost_minor=100,
                )
                for sku, price in PRICES.items()
            ]
            put(unit, found, START_US)

        self.hub.database.write(step)
        hub_inc = self.hub.database.write(self.hub.outbox.hub_inc)
        self.store.edge.database.write(lambda unit: set_link(unit, hub_inc=hub_inc))
        for sku in PRICES:
            self.lend(sku, 4)
        self.hub_inc = hub_inc

    # The line.

    def up(self) -> None:
        """Carry what the store has recorded to the hub."""
        connection, edge = self.store.edge.database.read(), self.store.edge
        done = read_link(connection).acked
        while found := events_after(connection, done, 100):
            batch = Batch(
                edge=HERE,
                inc=edge.identity.inc,
                sess="session",
                first=found[0].seq,
                last=found[-1].seq,
                prev=(hash_at(connection, done) if done else None) or first_hash(HERE, edge.identity.inc),
                head=bytes(found[-1].head).hex(),
                newest=found[-1].seq,
                oldest_ms=0,
                events=tuple(bytes(each.data) for each in found),
                blobs={},
            )
            self.hub.inbox.receive(batch, batch.events, START_US)
            done = batch.last
            edge.database.write(partial(set_link, acked=done))

    def down(self) -> list[str]:
        """Carry what the hub has to say to the store, and its answers back; return the outcomes."""
        said = []
        heard = answers_of(self.hub)
        while True:
            done = read_link(self.store.edge.database.read()).cseq_done
            going = self.hub.database.write(partial(self.hub.outbox.take, edge=HERE, after=done, resend=True))
            if going is None:
                break
            for cseq, text in enumerate(going.directives, start=going.first):
                self.inbox._store_durably(self.hub_inc, cseq, text.encode())
            outcomes = self.inbox.known_answer(going.first).outcomes

            def answer(unit: HubUnit, outcomes: Any = outcomes) -> None:
                for row, outcome in self.hub.outbox.answered(unit, HERE, outcomes):
                    heard(unit, HERE, row, outcome)

            self.hub.database.write(answer)
            said += [f"{each.res.value} {each.code}".strip() for each in outcomes]
        return said

    def meet(self) -> None:
        """Carry everything both ways until nobody has anything to say."""
        self.up()
        while set(self.down()):
            self.up()

    # What happens.

    def take_order(self, *lines: tuple[str, int], **said: Any) -> dict[str, Any]:
        """Take an order at the counter."""
        self.order = place(self.store, self.key(), *lines, **said)
        return self.order

    @property
    def own(self) -> str:
        """The part that the store has set aside."""
        query = "SELECT assignment_id FROM later_orders WHERE order_id = ?"
        return str(self.store.rows(query, self.order["order_id"])[0][0])

    def pay_online(self, amount_minor: int, reference: str = "ch_1") -> None:
        """Money comes in through a payment service."""
        self.say(
            later.OrderPaidOnline(
                **self._of(f"p-{reference}", "payment_id"),
                gateway="psp",
                reference=reference,
                amount_minor=amount_minor,
                currency="GBP",
            )
        )

    def pay_at_other_store(self, amount_minor: int) -> None:
        """Money comes in at the till of another store."""
        body = later.OrderPaid(
            session_id="s-other",
            till="till-1",
            business_date="2026-11-25",
            currency="GBP",
            **self._of(self.key(), "payment_id"),
            tenders=(Tender(kind=TenderKind.CARD, amount_minor=amount_minor),),
            amount_minor=amount_minor,
        )
        self.other.say(body)
        send(self.hub, self.other, self._sent_by_other + 1)
        self._sent_by_other = len(self.other.events)

    def say(self, body: WireModel) -> None:
        """The hub records a fact."""
        record_at(self.hub, body)

    def change(self, *lines: dict[str, Any], status: int = 200, **said: Any) -> Any:
        """Customer service changes lines at the hub."""
        path = f"/api/orders/{self.order['number']}/change"
        wanted = {"reason": "asked at the phone", "lines": list(lines), **said}
        return self.channel.ask("POST", path, wanted, status=status)

    def _of(self, name: str, id_: str) -> dict[str, Any]:
        return {id_: name, "order_id": self.order["order_id"], "number": self.order["number"]}

    # What is seen.

    def seen(self) -> Any:
        """Return the order as the store shows it."""
        return ok(self.store.get(f"/api/later/{self.order['number']}"))

    def code(self) -> str:
        """Return the pickup code that the customer has."""
        return str(self.order["pickup_code"])

    def parts(self) -> list[str]:
        """Return the parts of the order that the store has or had."""
        query = "SELECT assignment_id FROM assignments WHERE order_id = ? ORDER BY arrived_us, assignment_id"
        return [str(row[0]) for row in self.store.rows(query, self.order["order_id"])]

    def told(self) -> list[str]:
        """Return the kinds of what the hub has told the store."""
        return [row["kind"] for row in rows(self.hub, directives) if row["edge"] == HERE]

    def ordered_back(self) -> list[int]:
        """Return what the hub has ordered back from payment services."""
        found = rows(self.hub, gateway_commands)
        return [row["amount_minor"] for row in sorted(found, key=lambda row: row["command_id"])]

    def due(self) -> tuple[int, int]:
        """Return what is due on the order at the store's till, and by the hub's books."""
        return self.seen()["head"]["due_minor"], self.at_hub()["later"]["due_minor"]

    def at_hub(self) -> Any:
        """Return the order as the hub shows it."""
        return self.channel.ask("GET", f"/api/orders/{self.order['number']}")

    def pay(self, **said: Any) -> Any:
        """Take what is due at the till."""
        body = {"key": self.key(), "till": "till-1", "tenders": [{"kind": "cash", "amount_minor": 100_000}]}
        return self.store.post(f"/api/later/{self.order['number']}/payments", body | said)

    def cancel(self, *lines: tuple[int, int]) -> Any:
        """Cancel units, or everything that the store keeps, at the store."""
        chosen = [{"line_no": n, "quantity": units} for n, units in lines] or None
        body = {"key": self.key(), "reason": "Changed their mind", "lines": chosen}
        return self.store.post(f"/api/later/{self.order['number']}/cancel", body, role="manager")

    def press(self, path: str) -> str:
        """Press a button of a page; return the page that follows."""
        answer = self.store.client.post(path, data={"key": self.key()}, headers=self.store.headers("manager"))
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def cards(self) -> list[str]:
        """Return the kinds of what is open on the hub's desk."""
        return [card["kind"] for card in self.channel.ask("GET", "/api/exceptions")["exceptions"]]

    def differences(self, folder: Path) -> tuple[tuple[Difference, ...], dict[str, int]]:
        """Make the tables of both anew from their logs; return what differs."""
        count = len(list(folder.glob("again-*")))
        again = rebuild(self.store.edge.database.path, folder / f"again-{count}.db")
        return again.differences, verify(self.hub)


@contextmanager
def both_ends(folder: Path) -> Iterator[BothEnds]:
    """Return a store with goods and an open till, and its hub."""
    database = HubDatabase(f"sqlite:///{folder / 'hub.db'}")
    create_schema(database.engine)
    channel = Channel(database)
    store = begin_store(folder, edge=HERE)
    try:
        with store.client:
            sign_everybody_in(store)
            store.open_till()
            for sku, units in (("COAT-M", 9), ("MUG-1", 100), ("BOOK-1", 20)):
                store.stock(sku, units)
            made = BothEnds(store)
            made.begin(channel)
            yield made
    finally:
        channel.close()
        database.close()
