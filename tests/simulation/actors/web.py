"""Customers of the web shop, as the hub hears of them: they order, to collect or to have sent, and cancel."""

import random
from typing import Any

from hub.capture import changes, reads, steps
from hub.capture.wanted import CustomerWanted, LineWanted, OrderWanted, PaymentWanted
from hub.context import Hub
from hub.fulfil.steps import look_at_clocks
from hub.promises import PromiseWanted
from protocol.customers import Address
from protocol.fulfilment import FulfilKind
from tests.simulation.goods import SKUS
from tests.simulation.hub import HubNode
from tests.simulation.node import Command

STORES = ("store-1", "store-2", "store-3")
PRICE_MINOR = 1_000
SOMEBODY = CustomerWanted(
    first_name="A.",
    last_name="Customer",
    address=Address(line1="1 Street", city="Town", postcode="T1 1AA", country="GB"),
)


def order(node: HubNode, rng: random.Random) -> Command:
    """Order one or two things for later, and pay."""
    lines = tuple(
        LineWanted(sku=sku, quantity=rng.choice((1, 1, 1, 2)), unit_price_minor=PRICE_MINOR)
        for sku in rng.sample(SKUS, rng.choice((1, 1, 2)))
    )
    collects = rng.random() < 0.6
    key = node.ids.new_id()
    wanted = OrderWanted(
        channel="web",
        external_id=key,
        currency="GBP",
        lines=lines,
        promise=PromiseWanted(
            kind=FulfilKind.COLLECT if collects else FulfilKind.SHIP,
            location=rng.choice(STORES) if collects else "",
        ),
        payment=PaymentWanted(
            gateway="sim", reference=key, amount_minor=sum(line.quantity for line in lines) * PRICE_MINOR
        ),
        customer=SOMEBODY,
        sold_already=rng.random() < 0.1,
    )
    by = steps.By("web", key)
    return Command(
        "web order",
        key,
        lambda _unit, hub: hub.database.write(lambda unit: steps.capture(hub, unit, wanted, by))[0],
        said=lambda answer: f"{answer.number} {answer.total_minor}",
        learned=lambda answer: node.learn_order(answer.order_id, answer.number),
    )


def cancel(node: HubNode, rng: random.Random) -> Command | None:
    """Cancel a whole order, wherever it is by now."""
    if not node.orders:
        return None
    number = rng.choice(node.orders[-20:])

    def step(_unit: Any, hub: Hub) -> Any:
        def write(unit: Any) -> Any:
            work = changes.begin(hub, unit)
            order_id = reads.order_id_of(unit.connection, number)
            done = changes.cancel(work, order_id, changes.Cancellation("changed my mind", "web"))
            changes.finish(hub, work)
            return done

        return hub.database.write(write)

    return Command("web cancel", node.ids.new_id(), step, repeatable=False)


def clocks(node: HubNode, rng: random.Random) -> Command:
    """Look at every promise whose time has come, as the hub does now and then."""
    del rng
    return Command(
        "look at clocks", node.ids.new_id(), lambda _unit, hub: look_at_clocks(hub), repeatable=False
    )
