"""How a company gets into the cards about transfers, mails, channels, and orders that both ends changed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa

from hub.channels.rules import TRIES, WAIT_LIMIT_SECONDS
from hub.channels.sender import tell_channels
from hub.database import HubUnit
from hub.fleet.rows import link_sessions, streams
from hub.link.desk import UNREADABLE_BEFORE_ALARM
from hub.link.sessions import Live
from hub.notify.sender import send_due
from hub.payments.asks import ask_services
from hub.payments.gateways import Declined, Done, Simulator, Wanted
from hub.payments.rules import TRIES as GATEWAY_TRIES
from hub.transfers import steps
from hub.transfers.clocks import look_at_transfers
from hub.transfers.wanted import LineWanted, TransferWanted
from protocol import later
from protocol.errors import Unavailable
from protocol.fulfilment import UnitsLine, Verified
from protocol.mail_in import ParcelArrived
from protocol.transfers import AskedBy
from tests.support.desk_kinds import HOUR_US, Company
from tests.support.hub import Shop, send
from tests.support.mail import mail_server
from tests.support.promising import hear
from tests.support.road import Road
from tests.support.transfers import Move

ADA = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.org"}
NOBODY_LISTENS = "http://127.0.0.1:9/"


def both_changed(company: Company) -> None:
    """A store cancels all it knew of its order, after the hub has added to it."""
    story = company.story
    line = {"line_no": 1, "sku": "A", "name": "A", "quantity": 1, "list_price_minor": 10_00}
    line |= {"unit_price_minor": 10_00, "gross_minor": 10_00, "tax_minor": 1_67, "rate_ppm": 200_000}
    said = {"order_id": "o-1", "number": "S1-00001", "channel": "counter", "currency": "GBP"}
    part = {"line_no": 1, "sku": "A", "name": "A", "quantity": 1}
    story.order = {"order_id": "o-1", "number": "S1-00001"}
    story.tell(
        later.OrderPlaced.model_validate(
            said
            | {
                "own": {"assignment_id": "a-1", "lines": [part]},
                "lines": [line],
                "total_minor": 10_00,
                "tax_minor": 1_67,
                "promise": {
                    "kind": "collect",
                    "location": "store-1",
                    "due_us": story.channel.clock.at_us + 24 * HOUR_US,
                },
            }
        )
    )
    story.change(lines=[{"sku": "B", "quantity": 1}])
    gone = later.CancelledLine(line_no=1, sku="A", quantity=1)
    story.tell(later.OrderCancelled(cancel_id="x-1", order_id="o-1", number="S1-00001", lines=(gone,)))


def transfer_waits(company: Company) -> None:
    """Goods were wanted by now, and their source has set them aside and not sent them."""
    road = Road(company.alone())
    move = road.move(("A", 4))
    move.request(AskedBy.SOURCE, due_us=road.hub.clock.now_us() + HOUR_US)
    move.accept()
    road.line.all()
    road.hub.clock.at_us += 2 * HOUR_US  # type: ignore[attr-defined]  # the clock of a test
    look_at_transfers(road.hub)


def transfer_refused(company: Company) -> None:
    """The source gives one unit less than the hub asked for."""
    road = Road(company.alone())
    lines = (LineWanted(sku="A", quantity=4),)
    wanted = TransferWanted(source="store-1", destination="store-2", lines=lines)
    asked = steps.request(road.hub, wanted, steps.By(name="C. Ford"))
    road.move(("A", 4), transfer_id=asked.transfer_id, number=asked.number).accept([3])
    road.line.all()


def transfer_unknown_place(company: Company) -> None:
    """A store sets goods aside for a place that nobody has added."""
    road = Road(company.alone())
    move = Move(road.one, Shop("warehuose"), [("A", 4)])
    move.request()
    move.accept()
    road.line.all()


def sent_to_unknown_place(company: Company) -> None:
    """They have left already."""
    road = Road(company.alone())
    move = Move(road.one, Shop("warehuose"), [("A", 4)])
    move.request()
    move.leave()
    road.line.all()


sent_to_unknown_place.__name__ = transfer_unknown_place.__name__  # another way into the same kind


def transfer_unmatched(company: Company, *, known: bool = True) -> None:
    """Goods arrived that their source, which has told everything, never sent."""
    road = Road(company.alone())
    road.move(("A", 4)).receive(4, known=known)
    road.line.tell(road.two)
    road.hub.clock.at_us = road.two.at_us + HOUR_US  # type: ignore[attr-defined]  # the clock of a test
    road.hub.database.write(partial(_has_told_everything, at="store-1", now_us=road.hub.clock.now_us()))
    look_at_transfers(road.hub)


def of_no_transfer(company: Company) -> None:
    """Goods arrived of a transfer that nobody knows."""
    transfer_unmatched(company, known=False)


of_no_transfer.__name__ = transfer_unmatched.__name__  # another way into the same kind


def _has_told_everything(unit: HubUnit, *, at: str, now_us: int) -> None:
    hear(unit, at, now_us)
    newest = sa.update(streams).where(streams.c.edge == at).values(newest=streams.c.upto)
    unit.connection.execute(newest)
    inc = unit.connection.execute(sa.select(streams.c.inc).where(streams.c.edge == at)).scalar_one()
    unit.connection.execute(sa.update(link_sessions).where(link_sessions.c.edge == at).values(inc=inc))


def notice_failed(company: Company) -> None:
    """The customer's mail server knows no such mailbox."""
    with mail_server() as box:
        box.rcpt = ["550 5.1.1 No such mailbox"]
        hub = company.hub
        mail = {"smtp_host": "127.0.0.1", "smtp_port": box.port, "mail_from": "shop@example.org"}
        hub.settings = hub.settings.model_copy(update=mail)
        company.story.place(customer=ADA)
        send_due(hub)


def channel_dead(company: Company) -> None:
    """Nobody answers where a channel is to be told what it may sell."""
    channel = company.story.channel
    channel.admin()
    made = {"channel": "web", "url": NOBODY_LISTENS, "buffer": 0}
    channel.ask("POST", "/api/channels/endpoints", made, status=201)
    for _try in range(TRIES):
        tell_channels(company.hub)
        company.pass_time(WAIT_LIMIT_SECONDS / 3600, "store-1", "store-2", "store-3")


class Away(Simulator):
    """A payment service that does not answer."""

    def authorise(self, wanted: Wanted) -> Done | Declined:
        """Answer nothing."""
        del wanted
        raise Unavailable("Nobody answers.", "Try again.", code="away")


def _on_card(reference: str) -> dict[str, Any]:
    return {"gateway": "simulator", "reference": reference, "amount_minor": 20_00, "taken": "token"}


def by_services(company: Company) -> None:
    """One card is declined, and then the service is away for so long that a person has to know."""
    company.story.place(payment=_on_card("declined-1"))
    ask_services(company.hub, {"simulator": Simulator()})
    company.story.place(payment=_on_card("tok-2"))
    for _try in range(GATEWAY_TRIES):
        ask_services(company.hub, {"simulator": Away()})
        company.pass_time(24, "store-1", "store-2", "store-3")


def by_odd_facts(company: Company) -> None:
    """A store says what cannot be: of an order, of a transfer, of a parcel, of a sale that is void."""
    story = company.story
    story.place()
    story.leave()
    part, verified = story.assignment, Verified.CODE
    there = UnitsLine(line_no=1, sku="A", lent=3)
    nothing = UnitsLine(line_no=9, sku="A", lent=1)
    gone = later.CancelledLine(line_no=1, sku="A", quantity=9)
    order = {"order_id": part["order_id"], "number": part["number"]}
    back = UnitsLine(line_no=1, sku="A", bound=9)
    handed = {**part, "handover_id": "h-1"}
    story.tell(later.AssignmentHandedOver(**handed, lines=(there, nothing), verified=verified))
    story.tell(later.HandoverUndone(**handed, lines=(back,)))
    story.tell(later.OrderCancelled(cancel_id="x-1", **order, lines=(gone,)))
    story.tell(ParcelArrived(number="LB1-P00001"))
    shop = story.shops["store-2"]
    shop.open()
    sale = shop.sell(("A", 1, 10_00))
    there_yet = dict(shop.backs)
    shop.void(sale)
    shop.backs = there_yet
    shop.give_back(sale, (1, 1))
    move = Move(shop, story.shops["store-3"], [("A", 2)])
    move.leave()
    move.cancel()
    send(company.hub, shop)


def by_the_line(company: Company) -> None:
    """A store sends what cannot be read, and a packet of it trips a bug."""
    link = company.story.channel.app.state.link
    live = Live("store-1", inc="i", sess="s", nonce="n", drain_only=False)

    def trips() -> None:
        raise LookupError("no such thing")

    link._guarded("store-1", trips)
    for _batch in range(UNREADABLE_BEFORE_ALARM):
        link._desk._unreadable_batch("store-1", live)
        company.pass_time(1)


NOTED: dict[Callable[[Company], None], tuple[str, ...]] = {
    by_services: ("payment_declined", "service_away"),
    by_the_line: ("link_failed", "edge_unreadable"),
    by_odd_facts: (
        "unknown_line",
        "more_undone_than_fulfilled",
        "more_cancelled_than_open",
        "mail_in_unknown",
        "after_void",
        "transfer_odd",
    ),
}
"""How the system gets into kinds that are settled with a note alone."""
MORE: dict[Callable[[Company], None], tuple[str, ...]] = {
    both_changed: ("order.reroute:store-1", "order.promise", "order.cancel"),
    transfer_waits: ("transfer.cancel",),
    transfer_refused: ("transfer.cancel",),
    transfer_unknown_place: ("transfer.cancel",),
    sent_to_unknown_place: ("transfer.decide:never_left", "transfer.decide:write_off"),
    transfer_unmatched: ("transfer.decide:accept",),
    of_no_transfer: ("receipt.accept",),
    notice_failed: ("notice.resend",),
    channel_dead: ("channel.start",),
}
"""The choices that are made there; a note closes each of them as it closes every other."""
