"""A hub or a store has lost its past: nothing is promised until both have said what is open."""

import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import exceptions
from hub.link import watch
from hub.link.alarms import raise_on
from hub.link.desk import Desk, DeskParts
from hub.link.epochs import Epoch, epoch_of
from hub.link.reclaim import reclaim
from hub.link.rights import RightsRows
from hub.link.sessions import Sessions
from hub.spine.rows import parked
from hub.stock import allocations
from protocol.envelope import decompress
from protocol.errors import OutOfRights, Refused
from protocol.handshake import Hello, RightsPacket, encode
from protocol.reclaim import read_code
from protocol.reopening import IAm, OpenUnits
from protocol.rights import EdgeVector
from protocol.stream import first_hash
from tests.support.hub import Shop, send
from tests.support.promising import company, rights

STORE = "store-1"
INC, NEXT_INC = "0a" * 16, "0b" * 16
BOOT = "0c" * 8


@dataclass
class Wire:
    """A store made of packets, and the hub's desk that answers them."""

    hub: Hub
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
            )
        )

    def _published(self, topic: str, payload: bytes) -> bool:
        if topic.startswith(f"os/1/down/{STORE}/"):
            self.told.append((topic.rpartition("/")[2], json.loads(decompress(payload))))
        return True

    def last(self, kind: str) -> dict[str, Any]:
        """Return the newest control packet of a type."""
        return next(body for _topic, body in reversed(self.told) if body.get("type") == kind)

    def hello(self, **said: Any) -> dict[str, Any]:
        usual = {
            "inc": self.inc,
            "boot": BOOT,
            "machine": "m-1",
            "nonce": "1a" * 8,
            "last_seq": 0,
            "acked": 0,
        }
        usual |= {"head": first_hash(STORE, self.inc), "clock_us": 1, "hub_inc_seen": self.hub_inc}
        self.desk.handle(STORE, "hello", encode(Hello.model_validate(usual | said)))
        welcome = self.last("welcome")
        self.sess, self.hub_inc = welcome["sess"], welcome["hub_inc"]
        return welcome

    def iam(self, *units: OpenUnits, ep: int = 0, nonce: str = "") -> None:
        said = IAm(
            type="iam",
            inc=self.inc,
            sess=self.sess,
            hub_inc=self.hub_inc,
            nonce=nonce or self.last("who")["nonce"],
            ep=ep,
            position=0,
            cseq_done=0,
            open=units,
        )
        self.desk.handle(STORE, "rights", encode(said))

    def vectors(self, *rows: EdgeVector, ep: int) -> None:
        packet = RightsPacket(
            inc=self.inc,
            sess=self.sess,
            hub_inc=self.hub_inc,
            ep=ep,
            rows=tuple(row.model_dump() for row in rows),
        )
        self.desk.handle(STORE, "rights", encode(packet))

    def epoch(self) -> Epoch:
        with self.hub.database.read() as connection:
            return epoch_of(connection, STORE)

    def promise(self, owner: str, units: int, sku: str = "A") -> None:
        wanted = [(1, sku, units)]
        self.hub.database.write(lambda unit: allocations.allocate(unit.connection, owner, STORE, wanted))

    def open_cards(self) -> list[str]:
        with self.hub.database.read() as connection:
            query = sa.select(exceptions.c.kind).where(exceptions.c.state == "open")
            return sorted(connection.execute(query).scalars())


@pytest.fixture
def wire(hub: Hub) -> Wire:
    company(hub, stores={STORE: {"A": 5, "B": 3}}, warehouses={})
    made = Wire(hub)
    made.hello()
    return made


def line(owner: str, units: int, sku: str = "A") -> OpenUnits:
    return OpenUnits(owner=owner, line_no=1, sku=sku, units=units)


def forget(wire: Wire) -> None:
    """Begin a new life of the hub, as a restore does."""
    wire.hub.database.write(lambda unit: watch.begin(unit, wire.hub, why="restored"))
    wire.desk.tick()


def test_a_new_life_of_the_hub_promises_and_gives_back_nothing(wire: Wire) -> None:
    wire.promise("a-1", 2)
    forget(wire)

    with pytest.raises(OutOfRights):
        wire.promise("a-2", 1)
    with pytest.raises(Refused, match="must be agreed on"):
        reclaim(wire.hub, STORE, "A")
    assert wire.epoch().state == "fenced"
    assert wire.open_cards() == ["hub_restored"]


def test_an_epoch_begins_with_what_either_side_calls_open_and_with_nothing_free(wire: Wire) -> None:
    wire.promise("a-1", 2)
    forget(wire)
    assert wire.hello()["rights"] == "reopen"
    wire.iam(line("a-1", 2), line("a-9", 1, "B"), ep=4)

    new = wire.last("new")
    assert (new["ep"], [(each["owner"], each["units"]) for each in new["open"]]) == (
        5,
        [("a-1", 2), ("a-9", 1)],
    )
    assert rights(wire.hub, STORE, "A")[:1] == (2,)
    assert wire.epoch().state == "told"
    with pytest.raises(OutOfRights):
        wire.promise("a-2", 1)
    assert "assignment_open_at_store" in wire.open_cards()

    wire.vectors(ep=5)
    assert wire.epoch().state == "open"
    with pytest.raises(OutOfRights):
        wire.promise("a-2", 1)  # open again, and nothing of it is free before the store lends anew
    wire.vectors(EdgeVector(sku="A", ep=5, ver=9, G=3, F=0, P=5, B=0), ep=5)
    wire.promise("a-2", 1)


@pytest.mark.parametrize("what", ["another nonce", "an older epoch", "another life"])
def test_what_is_said_late_or_by_somebody_else_opens_nothing(wire: Wire, what: str) -> None:
    forget(wire)
    wire.hello()
    if what == "another nonce":
        wire.iam(nonce="ff" * 8)
        assert wire.epoch().state == "fenced"
        return
    wire.iam()
    if what == "an older epoch":
        wire.vectors(EdgeVector(sku="A", ep=0, ver=99, G=9, F=0, P=9, B=0), ep=0)
    else:
        wire.hub_inc = "ee" * 16
        wire.vectors(ep=1)

    assert wire.epoch().state == "told"
    assert rights(wire.hub, STORE, "A")[0] == 0


def test_new_is_said_again_until_the_store_has_taken_it_over(wire: Wire) -> None:
    forget(wire)
    wire.hello()
    wire.iam()
    first = wire.last("new")
    wire.told.clear()
    wire.hello(nonce="2a" * 8)

    assert (wire.last("new")["ep"], wire.last("new")["open"]) == (first["ep"], first["open"])


def test_a_new_database_of_a_store_is_fenced_and_the_old_one_is_closed(wire: Wire) -> None:
    wire.promise("a-1", 2)
    wire.inc = NEXT_INC
    welcome = wire.hello(why="restored", was=INC, ordinal=2)

    assert (welcome["rights"], [life["inc"] for life in welcome["lives"]]) == ("reopen", [INC])
    assert (wire.epoch().state, wire.epoch().why) == ("fenced", "edge_restored")
    assert wire.open_cards() == ["edge_restored"]


def test_an_edge_that_has_seen_more_of_the_hub_begins_a_new_life_of_it(wire: Wire) -> None:
    before = wire.hub_inc
    welcome = wire.hello(ep=3)

    assert welcome["hub_inc"] != before
    assert welcome["rights"] == "reopen"
    wire.iam(ep=3)
    assert wire.last("new")["ep"] == 4


def test_an_edge_of_another_epoch_is_asked_what_is_open(wire: Wire) -> None:
    forget(wire)
    wire.hello()
    wire.iam()
    wire.vectors(ep=1)
    assert wire.epoch().state == "open"

    assert wire.hello(ep=0)["rights"] == "reopen"
    assert wire.epoch().why == "disagree"


def test_a_code_gives_the_free_rights_of_one_article_up_before_it_is_said(wire: Wire) -> None:
    wire.promise("a-1", 2)
    done = reclaim(wire.hub, STORE, "A")
    again = reclaim(wire.hub, STORE, "A")

    assert (done.units, again.units, again.code) == (3, 0, done.code)
    with pytest.raises(OutOfRights):
        wire.promise("a-2", 1)
    with wire.hub.database.read() as connection:
        key = connection.execute(sa.text("SELECT token_hash FROM locations")).scalar_one()
    here = partial(read_code, done.code, key.encode(), edge=STORE, hub_inc=wire.hub_inc, ep=0, sku="A")
    assert here(inc=INC) == 3
    with pytest.raises(OutOfRights, match="nothing free"):
        reclaim(wire.hub, STORE, "C")


def test_what_a_restored_store_sends_again_takes_effect_once_and_calls_nobody(hub: Hub) -> None:
    before, after = Shop(), Shop(inc=NEXT_INC)
    before.open()
    before.sell(("A", 2, 10_00))
    send(hub, before)
    for shop_event in before.events:
        after.say_bytes(shop_event)  # the first two numbers are the same, so the bytes may stay
    after.opened_at, after.session_id = before.opened_at, before.session_id
    after.at_us, after.counter = before.at_us, before.counter
    after.sell(("A", 1, 10_00))
    answers = send(hub, after)

    assert [answer.upto for answer in answers] == [len(after.events)]
    with hub.database.read() as connection:
        states = connection.execute(sa.select(parked.c.state, parked.c.code)).all()
        sold = connection.execute(
            sa.text("SELECT -sum(quantity) FROM balances WHERE bucket = 'sellable'")
        ).scalar_one()
        open_cards = connection.execute(
            sa.select(exceptions.c.kind).where(exceptions.c.kind == "event_parked")
        ).all()
    assert [tuple(row) for row in states] == [("discarded", "duplicate_id")] * len(before.events)
    assert (sold, open_cards) == (3, [])
