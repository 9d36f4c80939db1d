"""How a company gets into each kind of card: real orders and events, and the choices that are tried there."""

from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa

from hub.capture.steps import By
from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.fulfil import deficits
from hub.fulfil.risks import look_at_risks
from hub.fulfil.steps import look_at_clocks
from hub.holds.api import HoldWanted
from hub.holds.steps import put_on_hold
from hub.payments.gateways import Declined, Simulator, Wanted
from hub.payments.steps import work_off
from hub.route.rows import decisions
from hub.stock.rows import hub_rights
from hub.transfers.clocks import look_at_transfers
from protocol import later
from protocol.events import ExceptionRaised
from protocol.fulfilment import PutBackLine, RejectReason, ShortLine, ShortReason, UnitsLine
from protocol.holds import Blocked
from tests.support.hub import Shop, hub_of, send
from tests.support.promising import Story, hear, rows
from tests.support.road import Road

HOUR_US = 3_600_000_000
PAID = {"gateway": "psp", "reference": "ch_1", "amount_minor": 24_00}


class Company:
    """A hub with stores, told by nothing but orders and events; the newest order is the one looked at."""

    def __init__(self, database: HubDatabase) -> None:
        self.database = database
        self._story: Story | None = None
        self._hub: Hub | None = None

    @property
    def story(self) -> Story:
        if self._story is None:
            self._story = Story(self.database)
        return self._story

    @property
    def hub(self) -> Hub:
        return self._hub or self.story.hub

    def alone(self) -> Hub:
        """Return a hub that nobody has told anything yet."""
        self._hub = hub_of(self.database)
        return self._hub

    def pass_time(self, hours: float, *heard: str) -> None:
        """Let time pass; these stores are heard all the while."""
        self.story.channel.clock.at_us += int(hours * HOUR_US)
        for store in heard:
            self.hub.database.write(partial(_heard, at=store, now_us=self.hub.clock.now_us()))

    def shipped(self) -> str:
        """Place an order of two that is shipped and paid; return where it went."""
        order = self.story.channel.ship(lines=[{"sku": "A", "quantity": 2}], payment=PAID)
        self.story.order = self.story.channel.send(order)
        return str(rows(self.hub, decisions)[-1]["location"])

    def sent(self) -> str:
        """Place such an order, and let its offer leave."""
        where = self.shipped()
        self.story.leave(where)
        return where

    def listen(self, heard: list[str]) -> None:
        """Note what open pages and the wire would hear from now on."""

        def publish(topic: str, data: str = "") -> None:
            heard.append(f"{topic}{data}")

        self.hub.broadcaster.publish = publish  # type: ignore[method-assign]  # what is published is looked at
        self.hub.wake_link = lambda: heard.append("link")

    def lend_more(self) -> None:
        """Let store-1 lend two units more."""
        mine = (hub_rights.c.location == "store-1") & (hub_rights.c.sku == "A")
        more = sa.update(hub_rights).where(mine).values(granted_seen=hub_rights.c.granted_seen + 2)
        self.hub.database.write(lambda unit: unit.connection.execute(more))

    def gives_back(self, where: str, body: Callable[..., Any], **said: Any) -> None:
        """Let a location give all of its part back."""
        lines = (PutBackLine(line_no=1, sku="A", lent=2),)
        self.story.tell(body(**self.story.assignment, lines=lines, **said), where)


def _heard(unit: HubUnit, *, at: str, now_us: int) -> None:
    hear(unit, at, now_us)


def unroutable(company: Company) -> None:
    """Every store gives it back, one after the other."""
    company.shipped()
    for _n in range(3):
        where = rows(company.hub, decisions)[-1]["location"]
        company.story.leave(where)
        company.gives_back(where, later.AssignmentRejected, reason=RejectReason.NO_CAPACITY)


def short_pick(company: Company) -> None:
    """Nothing is found where the customer collects it."""
    company.story.place()
    company.story.leave()
    shorts = (ShortLine(line_no=1, sku="A", lent=2, reason=ShortReason.NOT_FOUND),)
    company.story.tell(later.AssignmentPicked(**company.story.assignment, list_id="l-1", shorts=shorts))


def promise_late(company: Company) -> None:
    """A store took it on and let the day of the promise pass."""
    where = company.sent()
    company.story.tell(later.AssignmentAccepted(**company.story.assignment), where)
    company.pass_time(60, "store-1", "store-2", "store-3")
    look_at_clocks(company.hub)


def promise_at_risk(company: Company) -> None:
    """A store has it, has not begun, and most of the time is gone."""
    company.sent()
    company.pass_time(44, "store-1", "store-2", "store-3")
    look_at_clocks(company.hub)


def order_at_risk(company: Company) -> None:
    """Of what the store was to pick lately, most was not found."""
    for _n in range(8):
        company.story.place()
        company.story.leave()
        shorts = (ShortLine(line_no=1, sku="A", lent=2, reason=ShortReason.NOT_FOUND),)
        company.story.tell(later.AssignmentPicked(**company.story.assignment, list_id="l-1", shorts=shorts))
        company.lend_more()
        company.story.cancel()
    company.story.place()
    company.story.leave()
    assert look_at_risks(company.hub) == 1


def store_silent(company: Company) -> None:
    """A store has two orders and is not heard any more."""
    company.sent()
    company.story.place()
    company.story.leave()
    company.pass_time(1, "store-2", "store-3")
    look_at_clocks(company.hub)


def stock_deficit(company: Company) -> None:
    """A store says that two units which the hub has promised are not there."""
    company.story.place()
    company.story.leave()

    def step(unit: HubUnit) -> None:
        mine = (hub_rights.c.location == "store-1") & (hub_rights.c.sku == "A")
        unit.connection.execute(sa.update(hub_rights).where(mine).values(deficit=2))
        work = company.hub.spine.work(unit)
        deficits.settle(work, "store-1", "A")
        company.hub.finish(work)

    company.hub.database.write(step)


def no_show(company: Company) -> None:
    """Nobody came for it; the store put it back."""
    company.story.place()
    company.story.leave()
    company.gives_back("store-1", later.AssignmentRejected, reason=RejectReason.NO_SHOW)


def cancel_too_late(company: Company) -> None:
    """It was to be cancelled, and the store had it in the van already."""
    company.story.place()
    company.story.leave()
    company.story.cancel()
    company.story.tell(later.CancelRefused(**company.story.assignment, code="too_late"))


def rejected_twice(company: Company) -> None:
    """Two stores gave it back; a third has it now."""
    company.shipped()
    for _n in range(2):
        where = rows(company.hub, decisions)[-1]["location"]
        company.story.leave(where)
        company.gives_back(where, later.AssignmentRejected, reason=RejectReason.DAMAGED)


def order_on_hold(company: Company) -> None:
    """A paid order is stopped before its store has heard of it."""
    company.shipped()
    wanted = HoldWanted(reason="the address does not exist", blocks=(Blocked.SHIP, Blocked.REFUND))
    number = company.story.order["number"]
    put_on_hold(company.hub, number, wanted.stop, wanted, By("Priya Nair"))


class Stubborn(Simulator):
    """A payment service that declines."""

    def refund(self, wanted: Wanted) -> Declined:
        del wanted
        return Declined("the card was closed")


def refund_failed(company: Company) -> None:
    """A cancelled order is owed back, and the payment service declines."""
    company.shipped()
    company.story.cancel()
    work_off(company.hub, {"psp": Stubborn()})


def refund_to_make(company: Company) -> None:
    """A cancelled order is owed back by a service that the hub cannot ask."""
    company.shipped()
    company.story.cancel()
    work_off(company.hub, {})


def _carried(company: Company, received: int, *shorts: int) -> None:
    road = Road(company.alone())
    move = road.move(("A", 4))
    move.leave()
    move.receive(received, shorts=list(shorts), final=True)
    road.line.all()


def transfer_short(company: Company) -> None:
    """Three of four units arrive."""
    _carried(company, 3, 1)


def transfer_over(company: Company) -> None:
    """Five of four units arrive."""
    _carried(company, 5)


def transfer_late(company: Company) -> None:
    """Goods are on their way for longer than they may be."""
    road = Road(company.alone())
    road.move(("A", 4)).leave()
    road.line.all()
    road.hub.clock.at_us += 4 * 24 * HOUR_US  # type: ignore[attr-defined]  # the clock of a test
    look_at_transfers(road.hub)


def stock_oversold(company: Company) -> None:
    """A store sold more than its books have, and calls somebody itself."""
    company.story.place()
    company.story.tell(
        ExceptionRaised(
            exception_id="x-1",
            kind="stock_oversold",
            subject="sku:A",
            title="A was sold beyond the stock",
            facts={"sku": "A"},
            owner_role="manager",
            dedupe_key="stock_oversold:A",
        )
    )


def event_parked(company: Company) -> None:
    """A store says something that cannot be read."""
    shop = Shop("store-1")
    shop.say_bytes(b"{}")
    send(company.story.hub, shop)


def assignment_over(company: Company) -> None:
    """It was given up, and the store ships it all the same."""
    where = company.sent()
    company.gives_back(where, later.AssignmentRejected, reason=RejectReason.NO_CAPACITY)
    part = {**company.story.assignment, "assignment_id": rows(company.hub, decisions)[0]["assignment_id"]}
    lines = (UnitsLine(line_no=1, sku="A", lent=2),)
    company.story.tell(later.AssignmentPicked(**part, list_id="l-1", lines=lines), where)


_AT_RISK = ("order.promise", "order.cancel")
CHOICES: dict[Callable[[Company], None], tuple[str, ...]] = {
    unroutable: ("order.route", "order.promise", "order.cancel", "card.close"),
    short_pick: (
        "order.route",
        "order.bring",
        "order.instead:collect:store-2:",
        "order.promise",
        "order.cancel",
        "count.ask",
    ),
    promise_late: _AT_RISK,
    promise_at_risk: ("order.promise",),
    order_at_risk: ("order.promise",),
    store_silent: ("orders.reroute", "order.write_off:HB1-00002", "card.close"),
    stock_deficit: ("order.reroute:HB1-00001", "count.ask"),
    no_show: ("order.route", "order.promise", "order.cancel"),
    cancel_too_late: ("order.promise", "order.reroute:store-1"),
    rejected_twice: ("order.cancel",),
    order_on_hold: ("hold.release", "hold.reject"),
    refund_failed: ("refund.confirm", "refund.again"),
    refund_to_make: ("refund.confirm",),
    transfer_short: ("transfer.decide:write_off", "transfer.decide:never_left"),
    transfer_over: ("transfer.decide:accept",),
    transfer_late: ("transfer.extend",),
    stock_oversold: ("count.ask", "card.close"),
    event_parked: ("event.discard",),
    assignment_over: ("order.cancel",),
}
"""How the system gets into each kind, by its name, and the choices that are made there."""


def gives_up(company: Company) -> None:
    """Let the store that was asked give up its part."""
    company.gives_back(str(rows(company.hub, decisions)[0]["location"]), later.AssignmentCancelled)


def is_too_late(company: Company) -> None:
    """Let the store that was asked say that it is too late."""
    refusal = later.CancelRefused(**company.story.assignment, code="too_late")
    company.story.tell(refusal, str(rows(company.hub, decisions)[0]["location"]))
