"""Customers at the counter: they buy, bring back, and change their mind on the same day."""

import random

from edge_agent.counter.steps import sale
from edge_agent.returns import steps as returns
from protocol.orders import TenderKind
from tests.simulation.edge import MANAGER, EdgeNode
from tests.simulation.goods import SKUS
from tests.simulation.node import Command

ENOUGH_MINOR = 100_000_00
REASONS = ("changed_mind", "faulty", "damaged", "wrong_size")


def sell(node: EdgeNode, rng: random.Random) -> Command:
    """Sell one to three things, in cash or by card."""
    lines = tuple(
        sale.SaleLine(sku=sku, quantity=rng.choice((1, 1, 1, 2, 5)))
        for sku in rng.sample(SKUS, rng.choice((1, 1, 2, 3)))
    )
    cash = rng.random() < 0.5
    prices = node.prices([line.sku for line in lines])
    total = sum(line.quantity * prices[line.sku] for line in lines)
    given = sale.TenderGiven(
        kind=TenderKind.CASH if cash else TenderKind.CARD, amount_minor=ENOUGH_MINOR if cash else total
    )
    wanted = sale.Sale(key=node.ids.new_id(), till=node.till(rng), lines=lines, tenders=(given,))
    return Command(
        "sale",
        wanted.key,
        lambda unit, edge: sale.sell(unit, edge, wanted, person=MANAGER),
        said=lambda sold: f"{sold.number} {sold.total_minor}",
        learned=lambda sold: node.learn_number(sold.number, order=True),
    )


def bring_back(node: EdgeNode, rng: random.Random) -> Command | None:
    """Bring something of an earlier sale back; sometimes more than was bought."""
    if not node.orders:
        return None
    number = rng.choice(node.orders[-30:])
    back = returns.BringBack(
        line_no=rng.choice((1, 1, 1, 2)), quantity=rng.choice((1, 1, 1, 1, 2, 9)), reason=rng.choice(REASONS)
    )
    wanted = returns.ReturnUnits(key=node.ids.new_id(), lines=(back,), till=node.till(rng))
    return Command(
        "return",
        wanted.key,
        lambda unit, edge: returns.return_units(unit, edge, number, wanted, person=MANAGER),
        said=lambda back: f"{back.number} {back.total_minor}",
        learned=lambda back: node.learn_number(back.number),
    )


def void(node: EdgeNode, rng: random.Random) -> Command | None:
    """Take a whole sale back on its own day."""
    if not node.orders:
        return None
    number = rng.choice(node.orders[-5:])
    wanted = returns.VoidOrder(key=node.ids.new_id(), reason="rung up twice")
    return Command(
        "void",
        wanted.key,
        lambda unit, edge: returns.void_order(unit, edge, number, wanted, person=MANAGER),
        said=lambda back: f"{back.number} {back.total_minor}",
        learned=lambda back: node.learn_number(back.number),
    )
