"""Customers of the web shop, as the hub hears of them: they order, to collect or to have sent, and cancel."""

import random
from collections.abc import Mapping
from typing import Any

from hub.capture import changes, reads, steps
from hub.capture.wanted import CustomerWanted, LineWanted, OrderWanted, PaymentWanted
from hub.context import Hub
from hub.fulfil.steps import look_at_clocks
from hub.holds.restored import look_at_restored
from hub.promises import PromiseWanted
from protocol.customers import Address
from protocol.fulfilment import FulfilKind
from tests.simulation.actors import later
from tests.simulation.edge import EdgeNode
from tests.simulation.goods import SKUS
from tests.simulation.hub import HubNode
from tests.simulation.node import Command
from tests.simulation.schedule import SECOND

SENT_AGAIN = 20
ONE_UNIT = 0.4
"""Of what is cancelled, so much is a unit of an order that is wanted all the same."""
STORES = ("store-1", "store-2", "store-3")
PRICE_MINOR = 1_000
SOMEBODY = CustomerWanted(
    first_name="A.",
    last_name="Customer",
    address=Address(line1="1 Street", city="Town", postcode="T1 1AA", country="GB"),
)


def order(node: HubNode, rng: random.Random) -> Command | None:
    """Order one or two things for later, and pay; mostly what the shop shows as available."""
    collects = rng.random() < 0.6
    store = rng.choice(STORES)
    shown = _shown(node, store if collects else "")
    if rng.random() < 0.1:
        shown = SKUS  # somebody has an old page open
    if not shown:
        return None
    wished = {
        sku: rng.choice((1, 1, 1, 2)) for sku in rng.sample(shown, min(len(shown), rng.choice((1, 1, 2))))
    }
    promise = PromiseWanted(
        kind=FulfilKind.COLLECT if collects else FulfilKind.SHIP, location=store if collects else ""
    )
    return placed(node, wished, promise, sold_already=rng.random() < 0.1)


def placed(
    node: HubNode, wished: Mapping[str, int], promise: PromiseWanted, *, sold_already: bool
) -> Command:
    """Return the command that places an order, paid; the shop remembers it."""
    lines = tuple(
        LineWanted(sku=sku, quantity=units, unit_price_minor=PRICE_MINOR) for sku, units in wished.items()
    )
    key = node.ids.new_id()
    wanted = OrderWanted(
        channel="web",
        external_id=key,
        currency="GBP",
        lines=lines,
        promise=promise,
        payment=PaymentWanted(
            gateway="sim", reference=key, amount_minor=sum(line.quantity for line in lines) * PRICE_MINOR
        ),
        customer=SOMEBODY,
        sold_already=sold_already,
    )
    by = steps.By("web", key)
    node.shop[key] = tuple(line.quantity for line in lines)
    command = Command(
        "web order",
        key,
        lambda _unit, hub: hub.database.write(lambda unit: steps.capture(hub, unit, wanted, by))[0],
        said=lambda answer: f"{answer.number} {answer.total_minor}",
        learned=lambda answer: node.learn_order(answer.order_id, answer.number),
    )
    node.sent.append(command)
    return command


def send_again(node: HubNode, rng: random.Random) -> None:
    """Send the newest orders again, each several times, as a shop does that is told of a hub's restore."""
    for command in node.sent[-SENT_AGAIN:]:
        for seconds in (4, 12, 30):
            node.world.ask_later(node, command, rng.expovariate(1 / seconds) * SECOND)


def cancel(node: HubNode, rng: random.Random) -> Command | None:
    """Cancel an order wherever it is by now, the whole of it or one unit."""
    if not node.orders:
        return None
    lines = ((rng.choice((1, 1, 2)), 1),) if rng.random() < ONE_UNIT else ()
    return _cancellation(node, rng.choice(node.orders[-20:]), lines)


def _cancellation(node: HubNode, number: str, lines: tuple[tuple[int, int], ...] = ()) -> Command:
    def step(_unit: Any, hub: Hub) -> Any:
        def write(unit: Any) -> Any:
            work = changes.begin(hub, unit)
            order_id = reads.order_id_of(unit.connection, number)
            done = changes.cancel(work, order_id, changes.Cancellation("changed my mind", "web", lines=lines))
            hub.finish(work)
            return done

        return hub.database.write(write)

    return Command("web cancel", node.ids.new_id(), step, repeatable=False)


def cancel_at_the_desk(node: HubNode, rng: random.Random) -> Command | None:
    """Cancel an order whose goods lie ready, while somebody perhaps hands them over."""
    found = [
        (store, *row)
        for store in node.world.edges
        if isinstance(store, EdgeNode) and store.program is not None and store.edge in STORES
        for row in store.audit.execute(
            "SELECT assignment_id, number, pickup_code FROM assignments WHERE kind = 'collect'"
            " AND state IN ('packed', 'ready') ORDER BY assignment_id"
        ).fetchall()
    ]
    if not found:
        return None
    store, assignment, number, code = rng.choice(found)
    if rng.random() < 0.7:
        handover = later.hand_over(assignment, store.ids.new_id(), code)
        node.world.ask_later(store, handover, rng.expovariate(1 / 2) * SECOND)
    return _cancellation(node, number)


def _shown(node: HubNode, store: str) -> tuple[str, ...]:
    """Return what may be promised somewhere, or at one store."""
    rows = node.audit.execute(
        "SELECT DISTINCT sku FROM hub_rights WHERE granted_seen - returned - allocated + ended > 0"
        " AND deficit = 0 AND (? = '' OR location = ?) ORDER BY sku",
        (store, store),
    ).fetchall()
    return tuple(row[0] for row in rows)


def clocks(node: HubNode, rng: random.Random) -> Command:
    """Look at every promise whose time has come, as the hub does now and then."""
    del rng
    return Command(
        "look at clocks",
        node.ids.new_id(),
        lambda _unit, hub: (look_at_clocks(hub), look_at_restored(hub)),
        repeatable=False,
    )
